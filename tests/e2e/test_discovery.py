"""Are Patroni's scopes found without configuration, and is no other service taken for one?

Registrations and keys are Patroni's (tests/lib/harness/patroni.py). No lictor here has a `leader=` line except where a test sets one.
"""

import http.server
import threading
import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.runner import background, test

HOSTS = ["10.76.0.1", "10.76.0.2", "10.76.0.3"]
NAME = "master.cluster-1.service.consul"


def cluster_of(shared):
    cluster = consul.Cluster(shared)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    return cluster, agent


def begin(ctx, namespace="/digitalis.io/", **more):
    cluster, agent = ctx.shared("cluster", cluster_of)
    patroni = Patroni("cluster_1", cluster.servers, HOSTS, namespace=namespace, **more)
    ctx.undo.callback(patroni.stop)
    return agent, patroni


def leader(lictor):
    return next((each for each in lictor.json("/leaders")["leaders"] if each["service"] == "cluster-1"), None)


@test("the first answer is the lock's owner, although two members are tagged, and the answers follow the lock from then on")
def _(ctx):
    for namespace, shown in (("/digitalis.io/", "digitalis.io"), ("/service/", "service"), ("/teams/db/", "teams/db")):
        agent, patroni = begin(ctx, namespace)
        patroni.start()
        patroni.register(patroni.members[1], "primary")         # a wrong tag
        lictor = Lictor(ctx, consul=agent.api.url, name="lictor-" + shown.replace("/", "-"))
        assert lictor.resolve(NAME, within=4) == [HOSTS[0]]
        entry = leader(lictor)
        assert entry["discovered"] and entry["scope"] == "cluster_1" and entry["namespace"] == shown, entry
        lictor.until_logged(r"scope=cluster_1 found by its registration.*namespace=" + shown, within=1)
        patroni.switchover(2, lambda: None)
        lictor.until_resolves(NAME, [HOSTS[2]], within=2)
        lictor.until_resolves("replica.cluster-1.service.consul", sorted(HOSTS[:2]), within=2)
        lictor.stop()
        patroni.stop()


@test("a cluster that is registered after its name was queried is found")
def _(ctx):
    agent, patroni = begin(ctx)
    lictor = Lictor(ctx, consul=agent.api.url)
    assert lictor.resolve(NAME) == ["NXDOMAIN"]
    patroni.start()
    patroni.register(patroni.members[1], "primary")
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 0.5, "one address")
    assert leader(lictor)["discovered"]


@test("the configuration has priority over discovery, and replaces a discovered scope on SIGHUP")
def _(ctx):
    agent, patroni = begin(ctx)
    patroni.start()
    lictor = Lictor(ctx, consul=agent.api.url)
    assert lictor.resolve(NAME, within=4) == [HOSTS[0]]
    with open(lictor.conf, "w") as file:
        file.write("leader=cluster_1,namespace=digitalis.io,port=6432\n")
    lictor.hup()
    lictor.process.until(lambda: not leader(lictor)["discovered"], 3, "the configured scope is followed")
    lictor.until_resolves(NAME, [HOSTS[0]], within=3)
    assert leader(lictor)["port"] == 6432
    assert len([each for each in lictor.json("/leaders")["leaders"] if each["service"] == "cluster-1"]) == 1


@test("services that only resemble Patroni's are answered by their tags, and strict discovers nothing")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    for n, server in enumerate(cluster.servers[:2]):
        for service, ident in (("redis", f"redis-{n}"), ("lookalike", f"lookalike/{n}")):
            server.api.register_here(ID=ident, Name=service, Address=HOSTS[n], Port=6379, Tags=["master"])
            ctx.undo.callback(server.api.deregister_here, ident)
    lictor = Lictor(ctx, consul=agent.api.url)
    for service in ("redis", "lookalike"):
        net.until(lambda: len(agent.api.get(f"/v1/health/service/{service}")) == 2, 5, f"both of {service} are registered")
        started = time.monotonic()
        first = lictor.resolve(f"master.{service}.service.consul", within=4)
        assert time.monotonic() - started < net.allowed(2) and set(first) <= set(HOSTS[:2]), first
        lictor.until_resolves(f"master.{service}.service.consul", HOSTS[:2], within=2)    # a stale read may have missed one
        assert lictor.resolve(f"replica.{service}.service.consul") == ["NXDOMAIN"]
    assert lictor.json("/leaders")["leaders"] == []
    _agent, patroni = begin(ctx)
    patroni.start()
    patroni.register(patroni.members[1], "primary")
    strict = Lictor(ctx, "--consul-dns-compat=strict", consul=agent.api.url, name="strict")
    strict.until_resolves(NAME, HOSTS[:2], within=4)
    assert strict.json("/leaders")["leaders"] == []


@test("the same scope in two namespaces: the one whose members are registered is used; if ambiguous, the tags, with a log line")
def _(ctx):
    agent, patroni = begin(ctx)
    patroni.start()
    other = Patroni("cluster_1", [member.agent for member in patroni.members], HOSTS, namespace="/staging/", service=False)
    for member in other.members:
        member.name = "other-" + member.name
    ctx.undo.callback(other.stop)
    other.start(leader=1)
    lictor = Lictor(ctx, consul=agent.api.url)
    assert lictor.resolve(NAME, within=4) == [HOSTS[0]]
    assert leader(lictor)["namespace"] == "digitalis.io"
    for member, name in zip(other.members, ("patroni01", "patroni02", "patroni03")):
        member.name = name
        other.touch(member, "replica")
    second = Lictor(ctx, consul=agent.api.url, name="second")
    assert second.resolve(NAME, within=4) == [HOSTS[0]]         # by its tag
    second.until_logged("in several namespaces.*leader=cluster_1,namespace=", within=1)
    assert leader(second) is None
    assert ask.rcode(second.udp(NAME)) == "NOERROR"


class Gate:
    """Passes requests on to the agent; while `shut`, lists of keys fail with 500, as they do when Consul has no leader."""

    def __init__(self, ctx, agent):
        gate = self
        self.shut, self.refused = True, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                listing = "?keys" in self.path
                if listing and gate.shut:
                    gate.refused += 1
                    status, headers, body = 500, {}, b"No cluster leader"
                else:
                    status, headers, body = agent.api.call("GET", self.path, within=90)
                self.send_response(status)
                for key, value in headers.items():
                    if key.lower().startswith("x-consul"):
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_request):
                pass                # the client closed the connection

        server = Server(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ctx.undo.callback(server.server_close)
        ctx.undo.callback(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"


@test("Consul cannot list keys at that time: the query is held until the lock is read, and is not answered by the tags")
def _(ctx):
    agent, patroni = begin(ctx)
    patroni.start()
    patroni.register(patroni.members[0], "replica")             # the tags are wrong
    patroni.register(patroni.members[1], "primary")
    gate = Gate(ctx, agent)
    lictor = Lictor(ctx, consul=gate.url)
    query = background(lambda: lictor.resolve(NAME, within=6))
    time.sleep(1.5)
    assert query.is_alive() and gate.refused > 0, "answered before the lock was read"
    gate.shut = False
    assert query.result() == [HOSTS[0]]
