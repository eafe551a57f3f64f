"""Does lictor's behaviour that depends on Consul's version follow the version in agent/self?

REPLAYED: only one version of Consul runs here. A relay before it changes the version in agent/self and sends the headers, codes and
bodies that Consul's documentation, sources and changelog describe for that version. This shows that lictor agrees with those
documents in both directions, not that such an agent behaves in this way.
"""

import json
import threading
import time

import dns.flags

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.relay import Relay, Reply, with_header
from harness.runner import ONCE, test
from harness.upstream import Scripted, Sink, answer, negative

VERSIONS = ("1.8.7", "1.8.15", "1.10.1", "1.10.12", "1.11.0", "1.14.1", "1.14.11", "1.17.3", "1.18.2", "1.20.6+ent", "1.22.6")


def number(version):
    return tuple(int(part) for part in version.split("+")[0].split("."))


def agent_of(shared):
    agent = consul.dev_agent(shared, dns_config={"enable_truncate": False}, alt_domain="other.corp")
    web(agent.api, 1)
    for n in range(40):
        agent.api.register(f"m{n}", f"10.6.0.{n + 1}", {"Service": "many", "Port": 80})
    consul.settle(agent.api, 0.5)
    return agent


def web(api, *numbers):
    for n in numbers:
        api.register(f"web{n}", f"10.8.0.{n}", {"Service": "web", "Port": 80})


def with_version(version, judge=None):
    """A relay's judge that presents an agent of this version."""
    def answered(path, fetch):
        reply = (judge or (lambda _path, get: get()))(path, fetch)
        if path.startswith("/v1/agent/self") and reply.status == 200:
            settings = json.loads(reply.body)
            settings["Config"]["Version"] = version
            reply = reply._replace(body=json.dumps(settings).encode())
        return reply
    return answered


def beside(ctx, version, *options, judge=None, name=None, **more):
    agent = ctx.shared("agent", agent_of)
    relay = Relay(ctx, (agent.address, agent.ports["http"]), with_version(version, judge))
    name = name or "lictor-" + version.replace("+", "-")
    given = options if any("consul-dns=" in option for option in options) else (f"--consul-dns={Sink(ctx).option}", *options)
    lictor = Lictor(ctx, "--consul-watch=web", *given, consul=relay.url, name=name, **more)
    lictor.wait_ready()
    return lictor, relay


@test("replayed: .addr by type, the alternative domain, datacenter labels and a truncated reply without OPT follow the version",
      ONCE, within=90)
def _(ctx):
    lines = []
    for version in VERSIONS:
        lictor, _relay = beside(ctx, version, "--consul-dns-compat=strict")
        release = number(version)

        other = lictor.udp("0a080001.addr.consul", "AAAA")
        assert [len(other.answer), len(other.additional)] == ([1, 0] if release < (1, 11) else [0, 1]), f"{version}: {other.to_text()}"
        assert ask.addresses(lictor.udp("0a080001.addr.consul", "A")) == ["10.8.0.1"], version
        short = ask.rcode(lictor.udp("0a08.addr.consul", "A"))
        assert short == ("NOERROR" if release < (1, 18) else "NXDOMAIN"), f"{version}: {short}"

        target = ask.texts(lictor.udp("web.service.other.corp", "SRV"))[0].split()[3]
        assert target == f"web1.node.dc1.{'consul' if release < (1, 11) else 'other.corp'}.", f"{version}: {target}"

        if not version.endswith("+ent"):        # in the Enterprise edition two labels are a namespace and a datacenter
            pair = lictor.resolve("web.service.dc1.dc.consul")
            assert pair == (["NXDOMAIN"] if release < (1, 14, 2) else ["10.8.0.1"]), f"{version}: {pair}"

        cut = lictor.udp("many.service.consul", "SRV", edns=600)
        whole = lictor.udp("many.service.consul", "A", edns=1232)
        loses = release >= (1, 10, 2) or (1, 9) > release >= (1, 8, 15)
        assert len(cut.answer) < 40 and (cut.edns < 0) == loses, f"{version}: OPT {cut.edns}, {len(cut.answer)} answers"
        assert len(whole.answer) == 40 and whole.edns == 0
        oddities = f"short .addr {short}, {target}, OPT {'lost' if loses else 'kept'}"
        lines.append(f"{version}: .addr {'any type' if release < (1, 11) else 'by type'}, {oddities}")
        lictor.stop()
    for line in lines:
        ctx.note(line)


@test("replayed: an agent with unknown version (agent/self denied) is treated as the newest", ONCE)
def _(ctx):
    def judge(path, fetch):
        return Reply(403, [("X-Consul-Index", "1")], b"Permission denied") if path.startswith("/v1/agent/self") else fetch()
    lictor, _relay = beside(ctx, "1.8.7", "--consul-dns-compat=strict", judge=judge)
    other = lictor.udp("0a080001.addr.consul", "AAAA")
    assert [len(other.answer), len(other.additional)] == [0, 1], other.to_text()


@test("replayed: PTR of an unknown address is SERVFAIL up to 1.17.3, NXDOMAIN with SOA later; mesh names are forwarded",
      ONCE)
def _(ctx):
    def old(message, query):
        return [answer(message, code=2)]

    def new(message, query):
        return [negative(message, zone="consul.", soa_ttl=0, minimum=0)]

    for version, behave, code in (("1.17.3", old, "SERVFAIL"), ("1.17.4", new, "NXDOMAIN"), ("1.20.6", new, "NXDOMAIN")):
        port = Scripted(ctx, behave, label="dns-" + version)
        lictor, _relay = beside(ctx, version, f"--consul-dns={port.option}", f"--server=/10.in-addr.arpa/{port.option}")
        reply = lictor.udp("99.99.99.10.in-addr.arpa", "PTR", within=5)
        assert ask.rcode(reply) == code and len(reply.authority) == (1 if code == "NXDOMAIN" else 0), f"{version}: {reply.to_text()}"
        known = lictor.udp("1.0.8.10.in-addr.arpa", "PTR")
        assert ask.texts(known) == ["web1.node.dc1.consul."], known.to_text()
        before = port.count()
        for name in ("web.virtual.consul", "web.service.blue.ns.consul", "web.service.part.ap.consul", "web.service.far.peer.consul", "_q._tcp.query.consul"):
            if version == "1.17.3" and "query" not in name and "virtual" not in name:
                continue
            lictor.udp(name, within=5)
        assert port.count() > before, "not forwarded to the agent's DNS"
        lictor.stop()


@test("replayed: streaming agents (1.10) send neither KnownLeader nor LastContact, and end one wait early: data are not stale",
      ONCE, within=60)
def _(ctx):
    returned = set()

    def judge(path, fetch):
        if "/health/service/" not in path:
            return fetch()
        service = path.split("?")[0]
        if "index=" in path and service not in returned:        # the first wait returns at once, unchanged
            returned.add(service)
            return fetch_without_wait(path)
        return streaming(fetch())

    def streaming(reply):
        headers = [(key, value) for key, value in reply.headers if key.lower() not in ("x-consul-knownleader", "x-consul-lastcontact")]
        return with_header(reply._replace(headers=headers), "X-Consul-Query-Backend", "streaming")

    def fetch_without_wait(path):
        agent = ctx.shared("agent", agent_of)
        status, headers, body = agent.api.call("GET", path.split("?")[0] + "?stale")
        kept = [(key, value) for key, value in headers.items() if key.lower() not in ("transfer-encoding", "content-length", "connection")]
        return streaming(Reply(status, kept, body))

    lictor, relay = beside(ctx, "1.10.12", judge=judge)
    agent = ctx.shared("agent", agent_of)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    time.sleep(3)
    reply = lictor.udp("web.service.consul", edns=1232)
    requests = len(relay.matching("/service/web"))
    assert not ask.extended_errors(reply), "marked as stale"
    assert requests <= 6, f"{requests} requests in three seconds"
    web(agent.api, 2)
    ctx.undo.callback(agent.api.deregister, "web2")
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"], within=3)
    ctx.note(f"{requests} requests in three seconds; a change after {1000 * (time.monotonic() - begin):.0f} ms")


@test("replayed: instances hidden from the token (1.11: X-Consul-Results-Filtered-By-ACLs) stay; a list that is really empty is NXDOMAIN",
      ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    mode = {"now": "whole"}
    index = {"at": 10_000_000}

    def judge(path, fetch):
        if "/health/service/web" not in path or mode["now"] == "whole" and "index=1000" not in path:
            return fetch()
        if f"index={index['at']}" in path:
            until = time.monotonic() + 5
            held = index["at"]
            while time.monotonic() < until and index["at"] == held:
                time.sleep(0.01)
        if mode["now"] == "whole":
            return Reply(200, [("X-Consul-Index", str(index["at"])), ("Content-Type", "application/json")],
                         json.dumps(agent.api.get("/v1/health/service/web")).encode())
        headers = [("X-Consul-Index", str(index["at"])), ("Content-Type", "application/json")]
        if mode["now"] == "hidden":
            headers.append(("X-Consul-Results-Filtered-By-ACLs", "true"))
        return Reply(200, headers, b"[]")

    def why(lictor):
        return next(service["why"] for service in lictor.json("/services")["services"] if service["name"] == "web")

    lictor, _relay = beside(ctx, "1.14.11", judge=judge)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    assert why(lictor) == ""
    mode["now"] = "hidden"
    agent.api.register("web1", "10.8.0.1", {"Service": "web", "Port": 82})         # ends the wait
    net.until(lambda: "ACL" in why(lictor), 8, "/services reports that the token hides instances")
    assert lictor.resolve("web.service.consul") == ["10.8.0.1"], "hidden instances must stay"
    lictor.until_logged("hides instances from the token service=web kept=1")
    mode["now"], index["at"] = "empty", index["at"] + 1
    lictor.until_resolves("web.service.consul", ["NXDOMAIN"], within=8)
    assert why(lictor) == ""


@test("replayed: too many connections (429, since 1.9), request limits (503, since 1.15), the i/o deadline (500, 1.11 to 1.13): answers stay, "
      "and requests stay few", ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    for version, status, text in (("1.10.12", 429, b"Your IP is issuing too many concurrent connections, please rate limit your calls\n"),
                                  ("1.15.0", 503, b"rate limit exceeded, try again later or against a different server"),
                                  ("1.15.0", 429, b"rate limit exceeded, try again later"),
                                  ("1.12.3", 500, b"rpc error making call: i/o deadline reached")):
        refusing = threading.Event()

        def judge(path, fetch, refusing=refusing, status=status, text=text):
            if refusing.is_set():
                return Reply(status, [("X-Consul-Index", "1")], text)
            reply = fetch()
            # A request in flight when the limit was reached is refused, too.
            return Reply(status, [("X-Consul-Index", "1")], text) if refusing.is_set() else reply

        lictor, relay = beside(ctx, version, judge=judge, name=f"lictor-{version}-{status}")
        lictor.until_resolves("web.service.consul", ["10.8.0.1"])
        for n in range(10):
            lictor.resolve(f"nothing{n}.service.consul")
        refusing.set()
        web(agent.api, 1)
        agent.api.register("web1", "10.8.0.1", {"Service": "web", "Port": 81})      # ends the wait
        begin = time.monotonic()
        net.steadily(lambda: lictor.resolve("web.service.consul") == ["10.8.0.1"], 4.0, "the last known answer", every=0.02)
        requests = len(relay.matching("", begin))
        refusing.clear()
        agent.api.register("web4", "10.8.0.4", {"Service": "web", "Port": 80})
        back = time.monotonic()
        lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.4"], within=5)
        ctx.note(f"{version} {status}: {requests} requests in four seconds, current {time.monotonic() - back:.2f} s after the last refusal")
        assert requests <= (24 if status != 500 else 100), f"{version} {status}: {requests} requests"
        agent.api.deregister("web4")
        web(agent.api, 1)
        lictor.stop()
