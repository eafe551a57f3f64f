"""What HTTP cannot tell goes to the agent's DNS port: does it come through unharmed?

Prepared queries, mesh and gateway names, names that only newer agents know; over UDP and TCP, with and without EDNS, compared with the
agent's own answer. Kept no longer than its TTL; a port that is silent costs its own time-out and nothing else.
"""

import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.runner import ONCE, test
from harness.upstream import Sink


def agent_of(shared):
    agent = consul.dev_agent(shared, connect={"enabled": True}, dns_config={"service_ttl": {"*": "2s"}, "node_ttl": "2s"})
    api = agent.api
    for n in range(3):
        api.register(f"m{n}", f"10.7.0.{n + 1}", {"Service": "shop", "ID": f"shop{n}", "Port": 8000 + n, "Tags": ["a"] if n else ["b"]})
    api.register("m0", "10.7.0.1", {"Service": "shop-proxy", "ID": "shop-proxy", "Port": 21000, "Kind": "connect-proxy",
                                    "Proxy": {"DestinationServiceName": "shop"}})
    api.register("m1", "10.7.0.2", {"Service": "gate", "ID": "gate", "Port": 8443, "Kind": "ingress-gateway"})
    api.put("/v1/config", {"Kind": "ingress-gateway", "Name": "gate",
                           "Listeners": [{"Port": 8443, "Protocol": "tcp", "Services": [{"Name": "shop"}]}]})
    for query in ({"Name": "all", "Service": {"Service": "shop"}}, {"Name": "only.b", "Service": {"Service": "shop", "Tags": ["b"]}},
                  {"Name": "LONG", "Service": {"Service": "shop"}, "DNS": {"TTL": "9s"}}, {"Name": "none", "Service": {"Service": "nothere"}},
                  {"Name": "near", "Service": {"Service": "shop", "Near": "_ip"}}, {"Name": "not-b", "Service": {"Service": "shop", "Tags": ["!b"]}}):
        api.post("/v1/query", query)
    consul.settle(api, 0.5)
    return agent


NAMES = ["all.query", "ALL.Query", "only.b.query", "long.query", "none.query", "missing.query", "near.query", "not-b.query", "all.query.dc1",
         "all.query.dc9", "_all._tcp.query", "shop.connect", "shop.connect.dc1", "nothere.connect", "x.shop.connect", "shop.ingress",
         "shop.ingress.dc1", "nothere.ingress", "shop.virtual", "nothere.virtual"]


@test("prepared queries, mesh and gateway names are the agent's own answers, over UDP, EDNS and TCP", within=120)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    wrong, asked = [], 0
    for name in NAMES:
        for kind in ("A", "AAAA", "SRV", "TXT", "ANY", "MX"):
            for way, edns in ((ask.udp, None), (ask.udp, 1232), (ask.tcp, None), (ask.tcp, 1232)):
                theirs = ask.Form(way(agent.dns, f"{name}.consul", kind, edns=edns))
                mine = ask.Form(way(lictor.server, f"{name}.consul", kind, edns=edns, within=5))
                for form in (theirs, mine):       # kept answers count their TTL down
                    counted = {}
                    for record, number in form.records.items():
                        kept = record._replace(ttl="<ttl>") if record.type != "SOA" else record
                        counted[kept] = counted.get(kept, 0) + number
                    form.records = type(form.records)(counted)
                asked += 1
                lines = theirs.difference(mine)
                if lines:
                    wrong.append(f"{way.__name__} edns={edns} {name} {kind}: " + "; ".join(lines[:4]))
    ctx.note(f"{asked} answers compared")
    assert not wrong, f"{len(wrong)} of {asked} answers differ:\n" + "\n".join(wrong[:20])


@test("an answer of the agent's DNS is kept for its TTL and no longer", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    before = lictor.resolve("all.query.consul")
    assert len(before) == 3
    agent.api.register("m9", "10.7.0.9", {"Service": "shop", "ID": "shop9", "Port": 8009})
    ctx.undo.callback(agent.api.deregister, "m9")
    begin = time.monotonic()
    lictor.until_resolves("all.query.consul", [*before, "10.7.0.9"], within=4)
    assert time.monotonic() - begin <= 3.2, "kept longer than its two seconds"


@test("a silent DNS port of the agent: SERVFAIL within its own time, and what HTTP tells is answered meanwhile", ONCE)
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
        assert time.monotonic() - one < 0.3
    ident, code, _addresses = ask.quick_addresses(link.recv(512))
    took = time.monotonic() - begin
    ctx.note(f"SERVFAIL after {took:.2f} s")
    assert (ident, code) == (7, 2) and took < 6


@test("a PTR that no node has is asked from the agent's DNS; with that port dead it is SERVFAIL, never a wrong no", ONCE)
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
