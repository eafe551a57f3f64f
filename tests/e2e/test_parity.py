"""Are lictor's answers for *.consul the agent's own, record for record, without queries to the agent's DNS port?

consul-dns points at a port that counts queries and answers none; its count must be 0 at the end. Each query is sent to the agent
and to lictor over UDP, UDP with EDNS, and TCP. The intended differences of the default mode are listed below, one predicate
each; with consul-dns-compat=strict there is none.
"""

import collections

from harness import ask, catalog, consul, net, witness
from harness.lictor import Lictor
from harness.runner import test
from harness.upstream import Sink

KNOBS = {
    "domain": "Example.Corp", "alt_domain": "other.corp",
    "dns_config": {
        "service_ttl": {"web": "10s", "two*": "20s", "*": "1500ms"}, "node_ttl": "7s", "only_passing": True,
        "enable_truncate": True, "udp_answer_limit": 5, "enable_additional_node_meta_txt": False,
        "soa": {"refresh": 1800, "retry": 300, "expire": 43200, "min_ttl": 9},
    },
}


def agents(shared):
    cluster = consul.Cluster(shared)
    plain = cluster.client("plain")
    knobs = cluster.client("knobs", **KNOBS)
    catalog.fill(plain.api)
    consul.settle(plain.api, 1.0)
    return {"plain": (plain, ["consul"]), "knobs": (knobs, ["example.corp", "other.corp"])}


# The intended differences. Each predicate decides whether it explains the difference between lictor's reply and the agent's; `whole` is
# the agent's complete answer (over TCP).

class Query:
    def __init__(self, label, kind, transport, whole):
        self.label, self.kind, self.transport, self.whole = label, kind, transport, whole

    def node(self):
        return any(word.lower() == "node" for word in self.label.split("."))


def soa_only(form, count=1):
    return not form.section("ANSWER") and len(form.of_type("AUTHORITY", "SOA")) == count


def empty_non_terminal_is_nodata(query, agent, lictor):
    """A name that has names below it exists (RFC 8020): NOERROR with the SOA, not NXDOMAIN."""
    return (query.label.lower() in catalog.EMPTY_NON_TERMINALS and agent.rcode == "NXDOMAIN" and lictor.rcode == "NOERROR"
            and soa_only(lictor))


def node_nodata_has_soa(query, agent, lictor):
    """NODATA for a node has an SOA, which determines how long it may be cached (RFC 2308)."""
    return (query.node() and agent.rcode == lictor.rcode == "NOERROR" and not agent.section("ANSWER")
            and not agent.section("AUTHORITY") and soa_only(lictor) and agent.section("ADDITIONAL") == lictor.section("ADDITIONAL"))


def unknown_node_is_nxdomain(query, agent, lictor):
    """A node that does not exist is NXDOMAIN for all types; the agent checks only for some."""
    return (query.node() and agent.rcode == "NOERROR" and not agent.section("ANSWER") and lictor.rcode == "NXDOMAIN"
            and soa_only(lictor) and query.kind not in ("A", "AAAA", "TXT", "ANY"))


def all_that_fit(query, agent, lictor):
    """UDP: all records that fit are sent, and TC is set if one does not fit. The agent sends a few without TC."""
    whole, given = query.whole.section("ANSWER"), lictor.section("ANSWER")
    return (query.transport != "tcp" and agent.rcode == lictor.rcode == "NOERROR" and sum(given.values()) > 0
            and not given - whole and sum(given.values()) >= sum(agent.section("ANSWER").values())
            and not lictor.section("ADDITIONAL") - query.whole.section("ADDITIONAL")
            and lictor.tc == (given != whole) and lictor.aa == agent.aa)


def alias_has_queried_type(query, agent, lictor):
    """The records after an alias have the type of the query, and the alias is followed to its end."""
    def aliases(form):
        return {r for r in form.of_type("ANSWER", "CNAME")}
    extra = agent.section("ANSWER") - lictor.section("ANSWER")
    return (agent.rcode == lictor.rcode == "NOERROR" and aliases(agent) and aliases(agent) <= aliases(lictor)
            and not lictor.section("ANSWER") - agent.section("ANSWER") and all(r.type not in (query.kind, "CNAME") for r in extra))


def addr_is_typed(query, agent, lictor):
    """`<hex>.addr` has the address of its own family only; agents before 1.11 answer it for every type."""
    given = {record.type for record in agent.section("ANSWER")}
    return ("addr" in query.label.lower().split(".") and agent.rcode == lictor.rcode == "NOERROR" and len(given) == 1
            and given <= {"A", "AAAA"} and query.kind not in given | {"ANY"} and soa_only(lictor))


IMPROVEMENTS = [addr_is_typed, empty_non_terminal_is_nodata, node_nodata_has_soa, unknown_node_is_nxdomain, all_that_fit,
                alias_has_queried_type]


def same_choice(query, agent, lictor):
    """Strict: the agent chooses records at random when it truncates; the count, TC and the set of possible records must agree."""
    a, b, whole = agent.section("ANSWER"), lictor.section("ANSWER"), query.whole.section("ANSWER")
    if query.transport == "tcp" or a == whole or b - whole or agent.tc != lictor.tc or agent.rcode != lictor.rcode:
        return False
    # With a size limit the length of the names decides how many records fit, so the count may differ by one.
    slack = 0 if query.transport == "udp" else 1
    return abs(sum(a.values()) - sum(b.values())) <= slack


def ask_one(transport, server, name, kind):
    if transport == "tcp":
        return ask.Form(ask.tcp(server, name, kind))
    return ask.Form(ask.udp(server, name, kind, edns=1232 if transport == "edns" else None))


def compare(ctx, agent, lictor, domains, names, types, explanations):
    """Sends all queries to both; fails with all differences that no predicate explains."""
    wrong, explained, queries = [], collections.Counter(), 0
    beside = witness.BesideAgent(ctx, agent)
    why = ""

    def unexplained(label, kind, transport, name, domain, theirs, mine):
        nonlocal why
        why = ""
        lines = theirs.difference(mine)
        if not lines:
            return []
        whole = ask.Form(ask.tcp(agent.dns, name, kind))
        query = Query(label, kind, transport, whole)
        why = next((e.__name__ for e in explanations if e(query, theirs, mine)), None)
        if not why and explanations is IMPROVEMENTS and domain != domains[0]:
            # Answers stay in the domain of the query, as with agents since 1.11; this agent answers with its primary domain.
            query = Query(label, kind, transport, whole.moved(domains[0], domain))
            theirs = theirs.moved(domains[0], domain)
            if not theirs.difference(mine):
                why = "domain_of_the_query"
            else:
                why = next((f"domain_of_the_query and {e.__name__}" for e in explanations if e(query, theirs, mine)), None)
        return [] if why else lines

    for domain in domains:
        for label in names:
            name = f"{label}.{domain}" if label else domain
            for kind in types:
                for transport in ("udp", "edns", "tcp"):
                    queries += 1
                    what = f"{transport} {name} {kind}"
                    lines = beside.compare(what, lambda: ask_one(transport, agent.dns, name, kind), lambda: ask_one(transport, lictor.server, name, kind),
                                           lambda theirs, mine: unexplained(label, kind, transport, name, domain, theirs, mine))
                    lictor.process.must_run()
                    if lines:
                        shown = lines[:6] + ([f"… {len(lines) - 6} more"] if len(lines) > 6 else [])
                        wrong.append(f"{what}: " + "; ".join(shown))
                    elif why:
                        explained[why] += 1
    ctx.note(f"{queries} queries; " + (", ".join(f"{n} {why}" for why, n in explained.items()) or "no difference"))
    beside.conclude(queries)
    assert not wrong, f"{len(wrong)} of {queries} answers differ:\n" + "\n".join(wrong[:40])


def parity(ctx, which, compat, explanations, names=catalog.NAMES, types=catalog.TYPES):
    agent, domains = ctx.shared("agents", agents)[which]
    sink = Sink(ctx)
    options = [f"--consul-dns={sink.option}"] + ([f"--consul-dns-compat={compat}"] if compat else [])
    lictor = Lictor(ctx, *options, consul=agent.api.url)
    lictor.wait_ready()       # Consul's domain is known once the agent's settings were read
    compare(ctx, agent, lictor, domains, names, types, explanations)
    assert sink.count() == 0, f"{sink.count()} queries reached the agent's DNS port, the first: {sink.first!r}"


@test("default mode: every reply equals the agent's, except for the listed improvements", within=240)
def _(ctx):
    parity(ctx, "plain", None, IMPROVEMENTS)


@test("strict mode: no difference at all", within=240)
def _(ctx):
    parity(ctx, "plain", "strict", [same_choice])


@test("an agent with other domains, TTLs, limits and SOA: its settings are used (strict)", within=240)
def _(ctx):
    parity(ctx, "knobs", "strict", [same_choice])


@test("an agent with other domains, TTLs, limits and SOA: its settings are used (default mode)", within=240)
def _(ctx):
    parity(ctx, "knobs", None, IMPROVEMENTS)


@test("PTR of nodes and of watched services equals the agent's where a server= line for an arpa zone points at Consul")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["plain"]
    sink = Sink(ctx)
    lictor = Lictor(ctx, f"--consul-dns={sink.option}", f"--server=/10.in-addr.arpa/{sink.option}",
                    f"--server=/8.b.d.0.1.0.0.2.ip6.arpa/{sink.option}", consul=agent.api.url)
    for service in ("svcaddr", "v6svc", "dualsvc"):
        lictor.resolve(f"{service}.service.consul")
    beside = witness.BesideAgent(ctx, agent)
    wrong = []
    for name in ("1.0.1.10.in-addr.arpa", "2.0.1.10.in-addr.arpa", "4.0.1.10.in-addr.arpa", "60.0.1.10.in-addr.arpa",
                 "5.0.5.10.in-addr.arpa", "6.0.5.10.in-addr.arpa", "9.0.5.10.in-addr.arpa",
                 "6" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa", "7.7" + ".0" * 22 + ".8.b.d.0.1.0.0.2.ip6.arpa"):
        for kind in ("PTR", "ANY"):
            lines = beside.compare(f"{name} {kind}", lambda: ask.Form(ask.udp(agent.dns, name, kind)), lambda: ask.Form(lictor.udp(name, kind)),
                                   lambda theirs, mine: theirs.difference(mine))
            if lines:
                wrong.append(f"{name} {kind}: " + "; ".join(lines))
    beside.conclude(18)
    assert not wrong, f"{len(wrong)} answers differ:\n" + "\n".join(wrong)
    assert sink.count() == 0, f"{sink.count()} queries reached the agent's DNS port"


@test("order: three instances are answered in every order, about equally often")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["plain"]
    lictor = Lictor(ctx, consul=agent.api.url)
    first = collections.Counter()
    for _ in range(300):
        reply = lictor.udp("web.service.consul")
        first[tuple(rdata.address for rrset in reply.answer for rdata in rrset)] += 1
    assert len(first) == 6, f"orders seen: {dict(first)}"
    assert min(first.values()) > 15, f"orders seen: {dict(first)}"     # 50 each are expected


@test("a name too long for a message is SERVFAIL")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["plain"]
    node = "n" * 70
    agent.api.register(node, "10.1.9.9", {"Service": "longnode", "Port": 5})
    ctx.undo.callback(agent.api.deregister, node)
    lictor = Lictor(ctx, consul=agent.api.url)
    lictor.until_resolves("longnode.service.consul", ["10.1.9.9"], within=2)     # the servers replicate it first
    reply = lictor.udp("longnode.service.consul", "SRV")
    assert ask.rcode(reply) == "SERVFAIL", ask.rcode(reply)


@test("the prefix of a node's UUID is not a node name")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["plain"]
    own = agent.api.get(f"/v1/catalog/node/{agent.name}")["Node"]
    lictor = Lictor(ctx, consul=agent.api.url)
    assert lictor.resolve(f"{agent.name}.node.consul") == [own["Address"]]
    assert lictor.resolve(f"{own['ID'].split('-')[0]}.node.consul") == ["NXDOMAIN"]


@test("header bits: RD and CD are copied, AD is never set, RA is set, DS is answered locally")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["plain"]
    lictor = Lictor(ctx, consul=agent.api.url)
    for given in ("", "RD", "RD CD", "CD", "RD AD"):
        reply = lictor.udp("web.service.consul", flags=given)
        text = ask.dns.flags.to_text(reply.flags).split()
        assert set(text) == {"QR", "AA", "RA"} | ({"RD", "CD"} & set(given.split())), f"flags {given!r}: {text}"
    reply = lictor.udp("web.service.consul", "DS")
    assert ask.rcode(reply) == "NOERROR" and not reply.answer and reply.authority, reply.to_text()
    reply = lictor.udp("web.service.consul", edns=1232, want_dnssec=True)
    assert reply.edns == 0 and len(reply.answer) == 3, reply.to_text()


def settings_of(lictor):
    """The settings in /stats, once the agent's own were read."""
    def settings():
        return lictor.json("/stats")["consul"]["settings"]
    net.until(lambda: settings()["agent_version"], 10, "the agent's settings were read")
    return settings()


@test("/stats shows the settings read from the agent, and those that options override")
def _(ctx):
    agent, _domains = ctx.shared("agents", agents)["knobs"]
    used = settings_of(Lictor(ctx, "--consul-watch=web", consul=agent.api.url))
    assert used["domains"] == ["example.corp", "other.corp"] and used["datacenter"] == "dc1" and used["node_name"] == agent.name, used
    assert used["agent_version"].startswith("1.8") and not used["strict"] and used["only_passing"] and used["enable_truncate"], used
    assert used["node_ttl_seconds"] == 7 and used["service_ttl_seconds"] == {"web": 10, "two*": 20, "*": 1}, used
    assert used["udp_answer_limit"] == 5 and used["a_record_limit"] == 0 and not used["enable_additional_node_meta_txt"], used
    assert used["soa"] == {"refresh": 1800, "retry": 300, "expire": 43200, "min_ttl": 9}, used
    assert not used["recursors"] and not used["translate_wan_addrs"] and not used["disable_compression"], used
    lictor = Lictor(ctx, "--consul-watch=web", "--consul-domain=mine.test", "--consul-only-passing=off", "--consul-node-ttl=77", "--consul-service-ttl=88",
                    "--consul-dns-compat=strict", consul=agent.api.url, name="options")
    used = settings_of(lictor)
    assert used["domains"] == ["mine.test"] and used["strict"] and not used["only_passing"], used
    assert used["node_ttl_seconds"] == 77 and set(used["service_ttl_seconds"].values()) == {88}, used
    # Settings without an option stay the agent's, and the answers use the options.
    assert used["udp_answer_limit"] == 5 and used["soa"]["min_ttl"] == 9, used
    reply = ask.Form(ask.udp(lictor.server, "web.service.mine.test", "A"))
    assert reply.rcode == "NOERROR" and {record.ttl for record in reply.section("ANSWER")} == {88}, reply


@test("an agent that restarts with other settings: the new settings are used", within=60)
def _(ctx):
    agent = consul.dev_agent(ctx, dns_config={"node_ttl": "5s"})
    agent.api.register("n1", "10.9.1.1")
    lictor = Lictor(ctx, consul=agent.api.url)
    reply = ask.Form(ask.udp(lictor.server, "n1.node.consul", "A"))
    assert [record.ttl for record in reply.section("ANSWER")] == [5], reply
    agent.kill()
    agent.change(dns_config={"node_ttl": "9s", "soa": {"min_ttl": 3}})
    agent.start()
    agent.wait_ready()
    agent.api.register("n1", "10.9.1.1")
    def ttl():
        reply = ask.Form(ask.udp(lictor.server, "n1.node.consul", "A"))
        return [record.ttl for record in reply.section("ANSWER")]
    net.until(lambda: ttl() == [9], 30, "the new TTL is answered", every=0.1)
    assert lictor.json("/stats")["consul"]["settings"]["soa"]["min_ttl"] == 3
