"""Are names that the HTTP API cannot resolve forwarded to the agent's DNS port, with unchanged answers?

Prepared queries, mesh and gateway names, names that only newer agents resolve; over UDP and TCP, with and without EDNS, compared with
the agent's own answer. Answers are cached no longer than their TTL. A DNS port that does not answer delays only its own queries.
"""

import socket
import threading
import time

import dns.flags
import dns.message

from harness import ask, consul, net, witness
from harness.lictor import Lictor
from harness.runner import ONCE, background, test
from harness.upstream import Sink, answer


def agent_of(shared):
    return filled(consul.dev_agent(shared, connect={"enabled": True}, dns_config={"service_ttl": {"*": "2s"}, "node_ttl": "2s"}))


def cutting_agent_of(shared):
    """An agent that sets TC in truncated answers (enable_truncate)."""
    return filled(consul.dev_agent(shared, "cutting", connect={"enabled": True}, dns_config={"enable_truncate": True}))


def filled(agent):
    api = agent.api
    for n in range(50):
        api.register(f"crowd{n}", f"10.6.0.{n + 1}", {"Service": "crowd", "Port": 9000})
    for n in range(3):
        api.register(f"m{n}", f"10.7.0.{n + 1}", {"Service": "shop", "ID": f"shop{n}", "Port": 8000 + n, "Tags": ["a"] if n else ["b"]})
    api.register("m0", "10.7.0.1", {"Service": "shop-proxy", "ID": "shop-proxy", "Port": 21000, "Kind": "connect-proxy",
                                    "Proxy": {"DestinationServiceName": "shop"}})
    api.register("m1", "10.7.0.2", {"Service": "gate", "ID": "gate", "Port": 8443, "Kind": "ingress-gateway"})
    api.put("/v1/config", {"Kind": "ingress-gateway", "Name": "gate",
                           "Listeners": [{"Port": 8443, "Protocol": "tcp", "Services": [{"Name": "shop"}]}]})
    for query in ({"Name": "all", "Service": {"Service": "shop"}}, {"Name": "only.b", "Service": {"Service": "shop", "Tags": ["b"]}},
                  {"Name": "LONG", "Service": {"Service": "shop"}, "DNS": {"TTL": "9s"}}, {"Name": "none", "Service": {"Service": "nothere"}},
                  {"Name": "near", "Service": {"Service": "shop", "Near": "_ip"}}, {"Name": "not-b", "Service": {"Service": "shop", "Tags": ["!b"]}},
                  {"Name": "crowd", "Service": {"Service": "crowd"}}):
        api.post("/v1/query", query)
    consul.settle(api, 0.5)
    return agent


def udp_only(ctx, address):
    """A port that answers every query over UDP with this address, and has no TCP listener. Returns the port."""
    port = net.free_port()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    ctx.undo.callback(sock.close)

    def serve():
        try:
            while True:
                wire, peer = sock.recvfrom(4096)
                sock.sendto(answer(dns.message.from_wire(wire), address, ttl=0).to_wire(), peer)
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    return port


NAMES = ["all.query", "ALL.Query", "only.b.query", "long.query", "none.query", "missing.query", "near.query", "not-b.query", "all.query.dc1",
         "all.query.dc9", "_all._tcp.query", "shop.connect", "shop.connect.dc1", "nothere.connect", "x.shop.connect", "shop.ingress",
         "shop.ingress.dc1", "nothere.ingress", "shop.virtual", "nothere.virtual"]


@test("prepared queries, mesh and gateway names are the agent's own answers, over UDP, EDNS and TCP", within=120)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    beside = witness.BesideAgent(ctx, agent, forwards=True)
    wrong, compared = [], 0

    def form(way, server, name, kind, edns, within):
        found = ask.Form(way(server, f"{name}.consul", kind, edns=edns, within=within))
        counted = {}
        for record, number in found.records.items():        # the TTL of cached answers counts down
            kept = record._replace(ttl="<ttl>") if record.type != "SOA" else record
            counted[kept] = counted.get(kept, 0) + number
        found.records = type(found.records)(counted)
        return found

    for name in NAMES:
        for kind in ("A", "AAAA", "SRV", "TXT", "ANY", "MX"):
            for way, edns in ((ask.udp, None), (ask.udp, 1232), (ask.tcp, None), (ask.tcp, 1232)):
                compared += 1
                what = f"{way.__name__} edns={edns} {name} {kind}"
                lines = beside.compare(what, lambda: form(way, agent.dns, name, kind, edns, 2), lambda: form(way, lictor.server, name, kind, edns, 5),
                                       lambda theirs, mine: theirs.difference(mine))
                if lines:
                    wrong.append(f"{what}: " + "; ".join(lines[:4]))
    ctx.note(f"{compared} answers compared")
    beside.conclude(compared)
    assert not wrong, f"{len(wrong)} of {compared} answers differ:\n" + "\n".join(wrong[:20])


@test("a prepared query with fifty instances: over TCP the agent's TCP answer, over UDP its UDP answer", within=60)
def _(ctx):
    """Over UDP the agent truncates to three answers without EDNS, to the size with EDNS, and sets TC only with enable_truncate. In strict
    mode lictor does the same; otherwise it sends all that fit and sets TC. Each answer is a new random choice: counts, TC and the set of
    possible records are compared."""
    for agent in (ctx.shared("agent", agent_of), ctx.shared("cutting", cutting_agent_of)):
        everybody = {f"10.6.0.{n + 1}" for n in range(50)}
        for compat in ("strict", "fixed"):
            lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", f"--consul-dns-compat={compat}", "--cache-size=0",
                            consul=agent.api.url, name=f"lictor-{agent.name}-{compat}")
            lines = []
            beside = witness.BesideAgent(ctx, agent, forwards=True)

            def unlike(what, way, kind, theirs, mine):
                form = [(len(reply.answer), bool(reply.flags & dns.flags.TC)) for reply in (theirs, mine)]
                text = f"{what}: agent {form[0]}, lictor {form[1]}"
                lines.append(text)
                if way is ask.tcp or compat == "strict":
                    # The length of two random names decides whether one more record fits.
                    right = abs(form[0][0] - form[1][0]) <= (1 if kind == "SRV" else 0) and form[0][1] == form[1][1]
                else:       # all that fit, and TC if that is not all
                    right = form[1][0] >= form[0][0] and form[1][1] == (form[1][0] < 50)
                right = right and set(ask.addresses(mine)) <= everybody and len(set(ask.texts(mine))) == len(mine.answer)
                return [] if right else [text]

            for kind in ("A", "SRV", "ANY"):
                for way, edns in ((ask.tcp, None), (ask.tcp, 1232), (ask.udp, 1232), (ask.udp, 600), (ask.udp, None)):
                    what = f"{agent.name} {compat} {way.__name__} edns={edns} {kind}"
                    wrong = beside.compare(what, lambda: way(agent.dns, "crowd.query.consul", kind, edns=edns),
                                           lambda: way(lictor.server, "crowd.query.consul", kind, edns=edns, within=5),
                                           lambda theirs, mine: unlike(what, way, kind, theirs, mine))
                    assert not wrong, wrong
            beside.conclude(15)
            ctx.note("; ".join(line for line in lines if " A:" in line))


@test("the same query over UDP and TCP at once: each gets its own answer and its own cache entry; in strict mode none is cached", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    for mode, over_udp in ("fixed", 29), ("strict", 3):
        lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", f"--consul-dns-compat={mode}", consul=agent.api.url)
        for turn in range(3):
            waiting = background(lictor.tcp, "crowd.query.consul")
            short = lictor.udp("crowd.query.consul")
            assert (len(short.answer), len(waiting.result().answer)) == (over_udp, 50), (mode, turn)
        hits = lictor.metrics()["lictor_cache_hits_total"]
        # In strict mode each reply has the agent's TTL to the second: nothing is cached.
        assert hits >= 4 if mode == "fixed" else hits == 0, f"{mode}: {hits} of the last four from the cache"


@test("an agent without DNS over TCP: a query over TCP is answered with the UDP answer (a simulated agent)", ONCE)
def _(ctx):
    real = ctx.shared("agent", agent_of)
    port = udp_only(ctx, "10.6.0.1")
    lictor = Lictor(ctx, f"--consul-dns=127.0.0.1#{port}", consul=real.api.url)
    begin = time.monotonic()
    assert ask.addresses(lictor.tcp("crowd.query.consul", within=5)) == ["10.6.0.1"]
    ctx.note(f"answered after {1000 * (time.monotonic() - begin):.0f} ms")


@test("an answer of the agent's DNS is cached for its TTL and no longer", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    before = lictor.resolve("all.query.consul")
    assert len(before) == 3
    agent.api.register("m9", "10.7.0.9", {"Service": "shop", "ID": "shop9", "Port": 8009})
    ctx.undo.callback(agent.api.deregister, "m9")
    begin = time.monotonic()
    lictor.until_resolves("all.query.consul", [*before, "10.7.0.9"], within=4)
    assert time.monotonic() - begin <= 2 + net.allowed(1.2), "cached longer than its two seconds"


@test("the agent's DNS port does not answer: SERVFAIL within the time limit, and names from the HTTP API are answered meanwhile", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, f"--consul-dns={Sink(ctx).option}", consul=agent.api.url)
    lictor.until_resolves("shop.service.consul", ["10.7.0.1", "10.7.0.2", "10.7.0.3"])
    link = ask.connected(lictor.server, 10)
    begin = time.monotonic()
    link.send(ask.packet("all.query.consul", ident=7))
    for _ in range(20):
        one = time.monotonic()
        assert len(lictor.resolve("shop.service.consul")) == 3
        assert time.monotonic() - one < net.allowed(0.3)
    ident, code, _addresses = ask.quick_addresses(link.recv(512))
    took = time.monotonic() - begin
    ctx.note(f"SERVFAIL after {took:.2f} s")
    assert (ident, code) == (7, 2) and took < 4.5 + net.allowed(1.5)


@test("a PTR of no node is forwarded to the agent's DNS; with that port closed it is SERVFAIL, never a wrong NXDOMAIN", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    agent.api.register("m8", "10.7.0.8", {"Service": "elsewhere", "ID": "e", "Port": 1, "Address": "10.7.9.9"})
    where = f"{agent.dns.address}#{agent.dns.port}"
    lictor = Lictor(ctx, f"--consul-dns={where}", f"--server=/10.in-addr.arpa/{where}", consul=agent.api.url)
    found = lictor.udp("9.9.7.10.in-addr.arpa", "PTR")
    assert ask.texts(found) == ["elsewhere.service.dc1.consul."], found.to_text()
    dead = f"127.0.0.1#{net.free_port()}"
    other = Lictor(ctx, f"--consul-dns={dead}", f"--server=/10.in-addr.arpa/{dead}", consul=agent.api.url, name="other")
    assert ask.texts(other.udp("8.0.7.10.in-addr.arpa", "PTR", within=6)) == ["m8.node.dc1.consul."]
    assert ask.rcode(other.udp("9.9.7.10.in-addr.arpa", "PTR", within=6)) == "SERVFAIL"
