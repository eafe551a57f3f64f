"""The sample catalog of the parity tests, with a case for each rule of the agent's DNS, and the names to query.

It is written with /v1/catalog/register, as nodes without an agent, so that the state is the same in each run.
"""

PASSING, WARNING, CRITICAL = "passing", "warning", "critical"


def node_check(node, status, check_id="node-check"):
    return {"Node": node, "CheckID": check_id, "Name": check_id, "Status": status}


def service_check(node, service_id, status, check_id=None):
    return {"Node": node, "CheckID": check_id or f"service:{service_id}", "Name": "check", "ServiceID": service_id,
            "Status": status}


def fill(api):
    def put(node, address, name=None, status=PASSING, checks=None, node_more=None, **service):
        entry = None
        if name:
            entry = {"Service": name, "ID": service.pop("ID", name), **service}
            checks = checks if checks is not None else [service_check(node, entry["ID"], status)]
        api.register(node, address, entry, checks or (), **(node_more or {}))

    # Nodes of all kinds.
    put("alpha", "10.1.0.1", node_more={"NodeMeta": {"rack": "r1", "rfc1035-note": "plain text", "a=b": "c`d", " edge ": "x"}})
    put("beta", "10.1.0.2", node_more={"NodeMeta": {"rack": "r2"}})
    put("gamma", "10.1.0.3")
    put("Foo.Bar", "10.1.0.4", node_more={"NodeMeta": {"Kind": "dotted"}})
    put("under_score", "10.1.0.5")
    put("six", "2001:db8::6")
    put("dual", "10.1.0.7", node_more={"TaggedAddresses": {"lan": "10.1.0.7", "lan_ipv4": "10.1.0.17", "lan_ipv6": "2001:db8::17",
                                                           "wan": "192.0.2.7"}})
    put("hostnode", "host.example.test")
    put("same1", "10.1.0.50")
    put("same2", "10.1.0.50")
    put("sick", "10.1.0.60", checks=[node_check("sick", CRITICAL)])
    put("resting", "10.1.0.61", checks=[node_check("resting", CRITICAL, "_node_maintenance")])
    put("uneasy", "10.1.0.62", checks=[node_check("uneasy", WARNING)])

    # Three instances with tags, weights and states. The default configuration filters none of them.
    put("alpha", "10.1.0.1", "web", ID="web1", Port=80, Tags=["v1", "Prod"], Weights={"Passing": 10, "Warning": 3},
        node_more={"NodeMeta": {"rack": "r1", "rfc1035-note": "plain text", "a=b": "c`d", " edge ": "x"}})
    put("beta", "10.1.0.2", "web", WARNING, ID="web2", Port=8080, Tags=["v2", "v1.2"], Weights={"Passing": 10, "Warning": 3},
        node_more={"NodeMeta": {"rack": "r2"}})
    put("gamma", "10.1.0.3", "web", ID="web3", Port=80, Tags=["v1", "udp"])

    put("alpha", "10.1.0.1", "twoports", ID="two1", Port=1000)
    put("alpha", "10.1.0.1", "twoports", ID="two2", Port=1001)
    put("same1", "10.1.0.50", "sameip", ID="same", Port=7)
    put("same2", "10.1.0.50", "sameip", ID="same", Port=7)
    put("six", "2001:db8::6", "sixth", Port=6)
    put("alpha", "10.1.0.1", "v6svc", Address="2001:db8::77", Port=77)
    put("beta", "10.1.0.2", "dualsvc", Address="10.5.0.9", Port=9,
        TaggedAddresses={"lan_ipv4": {"Address": "10.5.0.10", "Port": 10}, "lan_ipv6": {"Address": "2001:db8::99", "Port": 11}})
    put("dual", "10.1.0.7", "ondual", Port=12)
    put("gamma", "10.1.0.3", "MixedCase", ID="mixed", Port=13, Tags=["UPPER"])
    put("Foo.Bar", "10.1.0.4", "onfoo", Port=14)
    put("gamma", "10.1.0.3", "dot.ted", ID="dotted", Port=15)
    put("under_score", "10.1.0.5", "_odd", ID="odd", Port=16)
    put("alpha", "10.1.0.1", "svcaddr", Address="10.5.0.5", Port=17, Tags=["one"])
    put("beta", "10.1.0.2", "svcaddr", Address="10.5.0.6", Port=18, Tags=["two"])
    put("alpha", "10.1.0.1", "mapped", Address="::ffff:10.9.8.7", Port=19)
    put("alpha", "10.1.0.1", "noport")
    put("alpha", "10.1.0.1", "bigport", Port=70000)
    put("alpha", "10.1.0.1", "noweight", Port=20, Weights={"Passing": 0, "Warning": 0})
    put("alpha", "10.1.0.1", "unchecked", Port=21, checks=[])

    # Health.
    put("alpha", "10.1.0.1", "allcritical", CRITICAL, ID="ac1", Port=30)
    put("beta", "10.1.0.2", "allcritical", CRITICAL, ID="ac2", Port=30)
    put("alpha", "10.1.0.1", "partly", CRITICAL, ID="p1", Port=31, Tags=["broken"])
    put("beta", "10.1.0.2", "partly", ID="p2", Port=31)
    put("gamma", "10.1.0.3", "partly", WARNING, ID="p3", Port=31)
    put("sick", "10.1.0.60", "onsick", Port=32)
    put("resting", "10.1.0.61", "onresting", Port=33)
    put("uneasy", "10.1.0.62", "onuneasy", Port=34, Weights={"Passing": 5, "Warning": 2})
    put("gamma", "10.1.0.3", "maintained", Port=35,
        checks=[service_check("gamma", "maintained", CRITICAL, "_service_maintenance:maintained")])
    put("gamma", "10.1.0.3", "warned", WARNING, Port=36)

    # Names instead of addresses. No recursor resolves them: the answer is the CNAME alone.
    put("alpha", "10.1.0.1", "byname", Address="db.example.test", Port=40)
    put("alpha", "10.1.0.1", "mixedname", ID="mn1", Address="db.example.test", Port=41)
    put("beta", "10.1.0.2", "mixedname", ID="mn2", Port=41)
    put("hostnode", "host.example.test", "onhostnode", Port=42)
    put("alpha", "10.1.0.1", "alias", Address="web.service.consul", Port=43)
    put("alpha", "10.1.0.1", "toself", Address="toself.service.consul", Port=44)

    for n in range(40):
        put(f"many{n:02d}", f"10.2.0.{n + 1}", "forty", ID="forty", Port=4000 + n)


SERVICES = ["web", "twoports", "sameip", "sixth", "v6svc", "dualsvc", "ondual", "mixedcase", "MixedCase", "onfoo", "svcaddr",
            "mapped", "noport", "bigport", "noweight", "unchecked", "allcritical", "partly", "onsick", "onresting", "onuneasy",
            "maintained", "warned", "byname", "mixedname", "onhostnode", "alias", "toself", "forty", "consul", "nothere", "_odd",
            "dot.ted"]

NAMES = [f"{name}.service" for name in SERVICES] + [
    "v1.web.service", "V1.Web.Service", "prod.web.service", "v2.web.service", "v1.2.web.service", "v3.web.service",
    "v1.v2.web.service", "upper.mixedcase.service", "udp.web.service", "broken.partly.service", "one.svcaddr.service",
    "web.service.dc1", "web.service.DC1", "v1.web.service.dc1", "web.service.dc9", "web.service.dc1.dc1", "web.service.a.b",
    "_web._tcp.service", "_Web._TCP.service", "_web._v1.service", "_web._udp.service", "_web._v3.service", "_web._tcp",
    "_web._v1", "_web._tcp.dc1", "_web._tcp.service.dc1", "_web.service", "_tcp.web.service", "_web._v1.2.service",
    "_nothere._tcp.service", "_forty._tcp.service", "_twoports._tcp.service",
    "alpha.node", "ALPHA.Node", "alpha.node.dc1", "alpha.node.dc9", "beta.node", "foo.bar.node", "Foo.Bar.node.dc1",
    "under_score.node", "six.node", "dual.node", "hostnode.node", "sick.node", "resting.node", "nothere.node", "same1.node",
    "a.alpha.node", "alpha.node.dc1.dc1",
    "0a010001.addr", "0A010001.addr.dc1", "0a010001.addr.dc9", "20010db8000000000000000000000077.addr.dc1",
    "0a01000.addr", "0a0100012.addr", "nothexxx.addr", "x.0a010001.addr", "7f000001.addr",
    "", "service", "node", "addr", "dc1", "service.dc1", "node.dc1", "ns", "hostmaster", "foo", "web", "foo.bar",
]

TYPES = ["A", "AAAA", "SRV", "TXT", "ANY", "CNAME", "MX", "SOA", "NS"]

# Names without records that have names below them. The agent answers NXDOMAIN.
EMPTY_NON_TERMINALS = {"", "service", "node", "addr", "dc1", "service.dc1", "node.dc1", "ns", "hostmaster"}
