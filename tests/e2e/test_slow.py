"""Are upstreams heard that are slow, or away for a moment? Each query must be answered if its upstream answers within forward-timeout."""

import collections
import concurrent.futures
import resource
import socket
import time

from harness import ask, namespace, net
from harness.resolvers import compiled
from harness.lictor import Lictor
from harness.process import Process
from harness.runner import Variant, test
from harness.upstream import Scripted, Unbound, answer


def slow(ctx, seconds, label="slow"):
    """An upstream that answers each query after this time."""
    return Scripted(ctx, lambda message, query: [(seconds, answer(message, "192.0.2.1"))], label=label)


def resolve(lictor, name, within=6.0):
    """(the addresses or the response code, seconds)"""
    begun = time.monotonic()
    reply = lictor.udp(name, "A", within=within)
    found = ask.addresses(reply) if reply is not None else "no reply"
    return found or ask.rcode(reply), time.monotonic() - begun


@test("an upstream with a delay of 1 s: each query takes that second, and one datagram once the delay is known", (Variant(1), Variant(2, "asan")),
      within=60)
def _(ctx):
    upstream = slow(ctx, 1.0)
    lictor = Lictor(ctx, f"--server={upstream.option}")
    times = []
    for i in range(6):
        found, took = resolve(lictor, f"n{i}.test")
        assert found == ["192.0.2.1"], f"n{i}.test: {found} after {took:.2f} s"
        times.append(took)
    sent = [upstream.count(f"n{i}.test", "A") for i in range(6)]
    ctx.note(f"seconds {' '.join(f'{each:.2f}' for each in times)}, datagrams {sent}")
    assert max(times) < 1.9, times
    assert max(sent) <= 2 and sent.count(2) <= ctx.variant.threads, sent      # each worker measures the delay


@test("two upstreams with a delay of 1.5 s: 60 of 60 queries are answered", (Variant(1), Variant(2, "asan")), within=60)
def _(ctx):
    upstreams = [slow(ctx, 1.5, f"slow{i}") for i in range(2)]
    lictor = Lictor(ctx, *(f"--server={each.option}" for each in upstreams))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda i: resolve(lictor, f"n{i}.test"), range(60)))
    wrong = [each for each in results if each[0] != ["192.0.2.1"]]
    assert not wrong, f"{len(wrong)} of 60: {wrong[:5]}"
    ctx.note(f"slowest {max(took for _found, took in results):.2f} s")


@test("a recursor that needs 3.2 s is heard; one that needs 6 s answers the client's second query; SERVFAIL comes after forward-timeout",
      (Variant(1), Variant(1, "asan")), within=90)
def _(ctx):
    upstream = slow(ctx, 3.2)
    lictor = Lictor(ctx, f"--server={upstream.option}")
    for i in range(4):
        found, took = resolve(lictor, f"n{i}.test")
        assert found == ["192.0.2.1"] and took < 3.2 + net.allowed(1.2), (found, took)
    sent = [upstream.count(f"n{i}.test", "A") for i in range(4)]
    ctx.note(f"3.2 s: datagrams {sent}")
    assert max(sent) <= 3 and sent.count(3) <= ctx.variant.threads, sent

    upstream = slow(ctx, 6.0, "slower")
    lictor = Lictor(ctx, f"--server={upstream.option}", "--forward-timeout=4000")
    found, took = resolve(lictor, "late.test")
    assert found == "SERVFAIL" and 3.9 < took < 4 + net.allowed(0.6), (found, took)
    time.sleep(max(0.0, 5.0 - took))      # glibc's second query
    found, took = resolve(lictor, "late.test")
    assert found == ["192.0.2.1"] and took < 1.5 + net.allowed(1.0), (found, took)
    ctx.note(f"6 s: the second query was answered after {took:.2f} s")


@test("the only upstream restarts, away for 0.5, 1.5 and 3 s: ten look-ups a second by glibc without a failure", (Variant(1), Variant(2)),
      within=60, namespace=True)
def _(ctx):
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    glibc = compiled(ctx, "gcc")
    upstream = Unbound(ctx)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--cache-size=0", port=53)
    for away in (0.5, 1.5, 3.0):
        script = ctx.file(f"loop-{away}.sh", f"""\
for i in $(seq {int(10 * (away + 2))}); do {glibc} h$i.up.test inet 0 & sleep 0.1; done; wait
""")
        loop = Process(f"loop-{away}", ["bash", script], ctx.path(f"loop-{away}.out"))
        ctx.undo.callback(loop.stop)
        time.sleep(0.5)
        upstream.kill()
        time.sleep(away)
        upstream.start()
        assert loop.wait(20) is not None
        lines = [line.split() for line in loop.log().splitlines()]
        failed = [line for line in lines if line[2] != "ok"]
        slowest = max(float(line[1]) for line in lines)
        ctx.note(f"away {away} s: {len(lines)} look-ups, {len(failed)} failed, slowest {slowest:.0f} ms")
        assert len(lines) == int(10 * (away + 2)) and not failed, failed[:3]
    lictor.process.must_run()


@test("few file descriptors: 400 queries at once are answered at limits of 64, 128 and 256", (Variant(1), Variant(1, "asan")), within=60)
def _(ctx):
    upstream = slow(ctx, 0.05)
    for limit in (64, 128, 256):
        lictor = Lictor(ctx, f"--server={upstream.option}", "--user=", name=f"limit-{limit}")
        resource.prlimit(lictor.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        waiting, failed, begun = set(range(400)), [], time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
            sock.connect(tuple(lictor.server))
            for i in range(400):
                sock.send(ask.packet(f"d{limit}-{i}.test", ident=i))
            sock.settimeout(6)
            while waiting:
                reply = sock.recv(4096)
                waiting.discard(int.from_bytes(reply[:2], "big"))
                if reply[3] & 15:
                    failed.append(reply[3] & 15)
        ctx.note(f"limit {limit}: {len(failed)} of 400 failed, the last answer after {time.monotonic() - begun:.2f} s")
        assert not failed, f"limit {limit}: {collections.Counter(failed)}"
        lictor.process.must_run()
