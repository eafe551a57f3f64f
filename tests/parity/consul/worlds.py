"""Which agents are queried? A world is a real Consul with client agents whose settings differ; each agent has two lictors
that use its HTTP API alone, one with consul-dns-compat=strict and one in the default mode.

Their consul-dns points at a port that counts queries and answers none.
"""

import uuid

from harness import consul, net
from harness.ask import Server
from harness.lictor import Lictor

import leaders
from stub import Stub

# The blocking queries of all lictors here come from one address; the agent's default limit of 200 connections is tested elsewhere.
MANY = {"limits": {"http_max_conns_per_client": 8000}}

KNOBS = {
    "domain": "Example.Corp", "alt_domain": "other.corp",
    "dns_config": {
        "service_ttl": {"consul": "10s", "a*": "20s", "ab*": "7s", "*": "1500ms"}, "node_ttl": "7s", "only_passing": True,
        "enable_truncate": True, "udp_answer_limit": 5, "enable_additional_node_meta_txt": False, "disable_compression": True,
        "soa": {"refresh": 1800, "retry": 300, "expire": 43200, "min_ttl": 9},
    },
}
LIMITS = {"dns_config": {"a_record_limit": 2, "udp_answer_limit": 20, "enable_truncate": True, "node_ttl": "90s",
                         "service_ttl": {"*": "3s", "c*": "0s"}}}
OVERLAP = {"alt_domain": "test.consul", "dns_config": {"soa": {"min_ttl": 30}, "only_passing": False, "use_cache": True, "cache_max_age": "10s"}}


def seconds(text):
    return int(text[:-2]) // 1000 if text.endswith("ms") else int(text[:-1])


class Pair:
    """An agent and its lictors."""

    def __init__(self, name, agent, domains, strict, fixed, datacenter="dc1", datacenters=("dc1",), recursors=False, token=None, translate=False, dns=None):
        self.name, self.agent, self.domains, self.strict, self.fixed = name, agent, domains, strict, fixed
        self.datacenter, self.datacenters, self.recursors, self.translate = datacenter, list(datacenters), recursors, translate
        dns = dns or {}     # the agent's dns_config
        self.a_record_limit, self.only_passing = dns.get("a_record_limit", 0), dns.get("only_passing", False)
        self.enable_truncate = dns.get("enable_truncate", False)
        self.meta_txt = dns.get("enable_additional_node_meta_txt", True)
        self.node_ttl, self._service_ttl = seconds(dns.get("node_ttl", "0s")), dns.get("service_ttl", {})
        self.own = consul.Api(agent.api.address, agent.api.port, token)      # HTTP with the rights of this agent's DNS

    def service_ttl(self, service):
        """The exact name, otherwise the longest prefix that ends with a star."""
        found = [key for key in self._service_ttl if key == service or key.endswith("*") and service.startswith(key[:-1])]
        return seconds(self._service_ttl[service if service in found else max(found, key=len)]) if found else 0

    @property
    def sides(self):
        return (("strict", self.strict), ("fixed", self.fixed))


class World:
    def __init__(self, name, apis, pairs, alt=None, registered=False, leaders=None):
        self.name, self.apis, self.pairs, self.alt, self.registered, self.leaders = name, apis, pairs, alt, registered, leaders


def node_id(name):
    """An id for the node, equal in each run: nodes are queried by the prefix of their id, and a node hidden from a token would make a prefix ambiguous."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def dev(ctx, name, address, ports, **settings):
    agent = consul.Agent(ctx, name, address, ports, dict({"node_id": node_id(name), "server": True, "bootstrap": True, "ports": dict(ports, grpc=-1, https=-1)}, **MANY, **settings), dev=True)
    agent.start()
    ctx.undo.callback(agent.kill)
    return agent


def client(ctx, name, address, ports, join, **settings):
    agent = consul.Agent(ctx, name, address, ports, dict({"node_id": node_id(name), "retry_join": [join], "retry_interval": "1s", "ports": dict(ports, serf_wan=-1, grpc=-1, https=-1)},
                                                      **MANY, **settings))
    if "client_addr" in settings:
        inner = settings["client_addr"]
        agent.api = consul.Api(inner, ports["http"])
        agent.dns = Server(inner, ports["dns"])
    agent.start()
    ctx.undo.callback(agent.kill)
    return agent


def ports_for(network, *more):
    for _ in range(50):
        ports = {kind: net.free_port(network + ".1") for kind in ("dns", "http", "server", "serf_lan", "serf_wan")}
        if len(set(ports.values())) == len(ports) and all(net.port_is_free("::1", port) for port in ports.values()):
            return ports
    raise RuntimeError("no free ports")


def pair(ctx, sink, name, agent, domains, strict=(), fixed=(), token=None, **more):
    url = f"http://[{agent.api.address}]:{agent.api.port}" if ":" in agent.api.address else agent.api.url
    def lictor(mode, extra):
        dns = f"{agent.dns.address}#{agent.dns.port}" if "agent" in extra else sink.option
        extra = [option for option in extra if option != "agent"]
        options = [f"--consul-dns={dns}", "--consul-watch-max=2000", f"--server=/in-addr.arpa/{dns}",
                   f"--server=/ip6.arpa/{dns}", *extra]
        if mode == "strict":
            options.append("--consul-dns-compat=strict")
        env = {"CONSUL_HTTP_TOKEN": token} if token else None
        return Lictor(ctx, *options, consul=url, name=f"{name}-{mode}", env=env, wait=False)
    return Pair(name, agent, domains, lictor("strict", strict), lictor("fixed", fixed), token=token, **more)


def ready(pairs):
    for each in pairs:
        each.agent.wait_ready()
        for _mode, lictor in each.sides:
            lictor.wait_serving()
            lictor.wait_ready()


def plain(ctx, sink):
    """One datacenter; a client agent for each set of settings."""
    network = net.loopback_net()
    ports = ports_for(network)
    server = dev(ctx, "dev1", network + ".1", ports)
    server.wait_ready()
    join = f"{network}.1:{ports['serf_lan']}"
    stub = Stub(ctx)
    upstream = f"--server={stub.server.address}#{stub.server.port}"
    made = []
    def add(name, settings, domains, strict=(), fixed=(), agent_name=None, **more):
        agent = client(ctx, name, f"{network}.{len(made) + 2}", ports, join, **settings)
        made.append((agent, name, domains, strict, fixed, dict(more, dns=settings.get("dns_config"))))
    add("default", {}, ["consul"])
    add("knobs", KNOBS, ["example.corp", "other.corp"])
    add("limits", LIMITS, ["consul"])
    add("overlap", OVERLAP, ["consul", "test.consul"])
    add("ipv6", {"client_addr": "::1", "dns_config": {"node_ttl": "30s", "udp_answer_limit": 8, "allow_stale": False,
                                                                 "max_stale": "5s", "recursor_timeout": "1s"}}, ["consul"])
    # The HTTP API has no answers of the agent's recursors: a strict lictor queries the agent's DNS for DS, and for names outside Consul.
    add("recursors", {"recursors": [f"{stub.server.address}:{stub.server.port}"], "dns_config": {"service_ttl": {"*": "12s"}}}, ["consul"],
        strict=(upstream, "agent"), fixed=(upstream,), recursors=True)
    for agent, *_rest in made:
        agent.wait_ready()
    pairs = [pair(ctx, sink, name, agent, domains, strict, fixed, **more) for agent, name, domains, strict, fixed, more in made]
    ready(pairs)
    return World("plain", [server.api], pairs, alt="test.consul")


def far(ctx, sink):
    """Two datacenters joined over WAN: queries for the other one, with and without translated addresses."""
    network = net.loopback_net()
    ports = ports_for(network)
    servers = []
    for number, datacenter in enumerate(("dc1", "dc2"), 1):
        more = {"retry_join_wan": [f"{network}.1:{ports['serf_wan']}"]} if number > 1 else {}
        servers.append(dev(ctx, f"{datacenter}server", f"{network}.{number}", ports, datacenter=datacenter,
                           **more))
    for server in servers:
        server.wait_ready()
    net.until(lambda: sorted(servers[0].api.get("/v1/catalog/datacenters")) == ["dc1", "dc2"], 30, "both datacenters are joined", every=0.2)
    join = f"{network}.1:{ports['serf_lan']}"
    agents = [("near", {}), ("translating", {"translate_wan_addrs": True, "dns_config": {"node_ttl": "4s", "service_ttl": {"*": "6s"}}})]
    made = [(client(ctx, name, f"{network}.{10 + n}", ports, join, **settings), name)
            for n, (name, settings) in enumerate(agents)]
    for agent, _name in made:
        agent.wait_ready()
    pairs = [pair(ctx, sink, name, agent, ["consul"], datacenters=("dc1", "dc2", "dc2", "DC2"), translate=name == "translating",
                  dns=settings.get("dns_config")) for (agent, name), (_name, settings) in zip(made, agents)]
    ready(pairs)
    return World("two datacenters", [server.api for server in servers], pairs, registered=True)


NARROW = """
node_prefix "" { policy = "read" }
service_prefix "a" { policy = "read" }
service_prefix "b" { policy = "read" }
service_prefix "large" { policy = "read" }
agent_prefix "" { policy = "read" }
"""
# The agent's version changes some answers: lictor must be able to read it.
NOTHING = """
agent_prefix "" { policy = "read" }
"""
HALF = """
node_prefix "a" { policy = "read" }
node_prefix "b" { policy = "read" }
node_prefix "k" { policy = "read" }
service_prefix "" { policy = "read" }
agent_prefix "" { policy = "read" }
"""


def guarded(ctx, sink):
    """Default-deny: agents whose token may read some services, some nodes, everything, and nothing. lictor has the agent's own token."""
    network = net.loopback_net()
    ports = ports_for(network)
    master = "11111111-2222-3333-4444-555555555555"
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": master, "agent_master": master, "agent": master}}
    server = dev(ctx, "guard1", network + ".1", ports, acl=acl)
    server.api.token = master
    server.wait_ready()
    net.until(lambda: server.api.put("/v1/acl/policy", {"Name": "probe", "Rules": ""}), 20, "ACLs work", every=0.3)
    tokens = {"everything": master}
    for name, rules in (("narrow", NARROW), ("half", HALF), ("nothing", NOTHING)):
        server.api.put("/v1/acl/policy", {"Name": name, "Rules": rules})
        tokens[name] = server.api.put("/v1/acl/token", {"Policies": [{"Name": name}]})["SecretID"]
    join = f"{network}.1:{ports['serf_lan']}"
    made = []
    for n, name in enumerate(("narrow", "half", "everything", "nothing")):
        given = dict(acl, tokens={"agent": master, **({"default": tokens[name]} if tokens[name] else {})})
        agent = client(ctx, "g" + name, f"{network}.{10 + n}", ports, join, acl=given)
        agent.api.token = master
        made.append((agent, name))
    for agent, _name in made:
        agent.wait_ready()
    pairs = [pair(ctx, sink, name, agent, ["consul"], token=tokens[name]) for agent, name in made]
    ready(pairs)
    return World("default-deny", [server.api], pairs)


def led(ctx, sink):
    """A Patroni scope in KV and a service registered for it, which every lictor follows."""
    network = net.loopback_net()
    ports = ports_for(network)
    server = dev(ctx, "led1", network + ".1", ports)
    server.wait_ready()
    join = f"{network}.1:{ports['serf_lan']}"
    agents = [("followed", {"dns_config": {"service_ttl": {"*": "5s"}, "node_ttl": "6s"}}, ["consul"]), ("ledknobs", KNOBS, ["example.corp", "other.corp"])]
    made = [client(ctx, name, f"{network}.{n + 2}", ports, join, **settings) for n, (name, settings, _domains) in enumerate(agents)]
    for agent in made:
        agent.wait_ready()
    truth = leaders.write(ctx, [server, *made, server])
    pairs = [pair(ctx, sink, name, agent, domains, (leaders.OPTION,), (leaders.OPTION,), dns=settings.get("dns_config"))
             for agent, (name, settings, domains) in zip(made, agents)]
    ready(pairs)
    return World("leaders", [server.api], pairs, leaders=truth)


WORLDS = {"plain": plain, "two datacenters": far, "default-deny": guarded, "leaders": led}
