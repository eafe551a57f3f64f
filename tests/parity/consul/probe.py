import sys, os, random, collections, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../../lib")]
from harness import runner, consul, net
from harness.upstream import Sink
import worlds, catalogs, questions, asking, message
settings = {"long": False, "keep": False, "verbose": False, "build": None, "threads": None, "seed": None}
folder = runner._make_folder()
shared = runner.Shared(settings, folder)
ctx = runner.Context(runner.Variant(1), settings, shared, folder, 1)
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
try:
    sink = Sink(ctx)
    t = time.time()
    world = worlds.WORLDS[sys.argv[1]](ctx, sink)
    print("world", time.time() - t)
    r = random.Random(seed)
    for c in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        t = time.time()
        cat = catalogs.Catalog(r, 30)
        ref = []
        for api in world.apis:
            ref += cat.write(api)
        print("catalog", len(cat.entries), "refused", [(b.get("Node"), w) for b, w in ref][:5], time.time() - t)
        consul.settle(world.apis[0], 0.5)
        for p in world.pairs:
            q = questions.Questions(r, cat, p.domains, p.datacenters)
            asked = q.many(800)
            t = time.time()
            # prime
            seen = set()
            for a in asked:
                pass
            jobs = []
            servers = [("agent", p.agent.dns), ("strict", p.strict.server), ("fixed", p.fixed.server)]
            res = {}
            for tr in ("udp", "tcp"):
                sel = [a for a in asked if a.transport == tr]
                out = asking.ask_all([(s, tr, [a.wire for a in sel]) for _n, s in servers])
                out = asking.ask_all([(s, tr, [a.wire for a in sel]) for _n, s in servers])
                for (n, _s), o in zip(servers, out):
                    for a, w in zip(sel, o):
                        res[n, a] = w
            print(p.name, "asked", time.time() - t)
            for mode in ("strict",) + (("fixed",) if "-f" in sys.argv else ()):
                bad = collections.Counter(); shown = 0
                for a in asked:
                    x, y = res["agent", a], res[mode, a]
                    if x is None or y is None:
                        bad["silent " + ("agent " if x is None else "") + (mode if y is None else "")] += 1
                        if y is None or "-v" in sys.argv: print("   SILENT", a, "agent" if x is None else "", mode if y is None else "")
                        continue
                    try: x = message.read(x)
                    except message.Malformed as e: print("   agent malformed", e, a); continue
                    y = message.read(y)
                    if x == y: bad["same"] += 1; continue
                    d = message.difference(x, y)
                    if all("only" in l and l.split()[2] == "ANSWER" or "ADDITIONAL" in l for l in d) and x.count(1) == y.count(1) : bad["choice"] += 1; continue
                    bad["differs"] += 1
                    shown += 1
                    if shown < 40: print("  ", mode, a, "\n       ", "\n        ".join(d[:8]))
                print("  ", p.name, mode, dict(bad))
            print("sink", sink.count())
        for api in world.apis: cat.erase(api)
finally:
    ctx.undo.close(); shared.undo.close()
    import shutil; shutil.rmtree(folder, ignore_errors=True)
