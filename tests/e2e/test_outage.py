"""What do clients see while Consul, its servers or an upstream are down, and how soon are answers current after their return?

The last known answers stay, with TTL 0 and the extended error for stale data. No query is without a reply, none gets an empty answer.
"""

import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.proxy import TimingProxy
from harness.runner import TIMED, test
from harness.upstream import Nsd, Scripted, Unbound, answer, echo

STALE_CODES = {3, 19}           # RFC 8914: Stale Answer, Stale NXDOMAIN Answer


def cluster_of(shared):
    cluster = consul.Cluster(shared)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    return cluster, agent


def web(api, count=3):
    for n in range(count):
        api.register(f"web{n}", f"10.9.0.{n + 1}", {"Service": "web", "Port": 80, "Tags": [f"t{n}"]})
    return [f"10.9.0.{n + 1}" for n in range(count)]


def clear(api):
    for n in range(6):
        api.deregister(f"web{n}")


@test("the agent is killed with its DNS port: answers stay, TTL 0, marked stale; missed changes are answered within 1 s of its return",
      TIMED, within=150)
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    addresses = web(cluster.api)
    ctx.undo.callback(clear, cluster.api)
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", "--consul-service-ttl=20", consul=agent.api.url)
    lictor.until_resolves("web.service.consul", addresses)
    assert lictor.resolve("web0.node.consul") == addresses[:1]
    assert lictor.resolve("gone.service.consul") == ["NXDOMAIN"]
    assert set(ask.ttls(lictor.udp("web.service.consul"))) == {20}

    agent.kill()
    lictor.process.until(lambda: set(ask.ttls(lictor.udp("web.service.consul"))) == {0}, 5, "TTL 0 once contact is lost")
    api = cluster.api
    api.register("web3", "10.9.0.4", {"Service": "web", "Port": 80})
    api.deregister("web0")
    seconds = 68 if ctx.long else 15
    ends, queries = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        for name, rdtype, expected in (("web.service.consul", "A", addresses), ("t1.web.service.consul", "A", addresses[1:2]),
                                       ("web0.node.consul", "A", addresses[:1])):
            reply = lictor.udp(name, rdtype, edns=1232, within=1)
            assert ask.addresses(reply) == expected, f"{name}: {reply.to_text()}"
            assert set(ask.ttls(reply)) == {0}, ask.ttls(reply)
            assert STALE_CODES & set(ask.extended_errors(reply)), f"no extended error: {reply.to_text()}"
            plain = lictor.udp(name, rdtype, within=1)
            assert plain.edns == -1 and ask.addresses(plain) == expected
            queries += 2
        known_absent = lictor.udp("gone.service.consul", edns=1232, within=1)
        assert ask.rcode(known_absent) == "NXDOMAIN" and STALE_CODES & set(ask.extended_errors(known_absent)), known_absent.to_text()
        never_queried = lictor.udp(f"other{queries}.service.consul", within=6)
        assert ask.rcode(never_queried) == "SERVFAIL", "there is no data: not silence, not an empty answer"
        time.sleep(0.2)

    agent.start()
    agent.wait_ready()
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.9.0.2", "10.9.0.3", "10.9.0.4"], within=3)
    seconds_back = time.monotonic() - begin
    ctx.note(f"{queries} queries answered in {seconds} s without an agent; current again {seconds_back * 1000:.0f} ms after its return")
    assert seconds_back <= net.allowed(1.0), f"{seconds_back:.2f} s after the agent was ready"
    lictor.process.until(lambda: set(ask.ttls(lictor.udp("web.service.consul", edns=1232))) == {20}, 2, "the configured TTL again")
    assert not ask.extended_errors(lictor.udp("web.service.consul", edns=1232))


@test("the HTTP API is down and the DNS port is up: the DNS port is used")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    addresses = web(cluster.api)
    ctx.undo.callback(clear, cluster.api)
    dead = net.free_port()
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=f"http://127.0.0.1:{dead}")
    consul.settle(agent.api, 0.5)
    reply = lictor.udp("web.service.consul", within=3)
    assert ask.addresses(reply) == addresses, reply.to_text()


@test("two Consul addresses: the second is used when the first one is down, and no change is missed", within=60)
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    addresses = web(cluster.api)
    ctx.undo.callback(clear, cluster.api)
    first = TimingProxy(ctx, (agent.address, agent.ports["http"]))
    lictor = Lictor(ctx, f"--consul-http-addr={first.url}", f"--consul-http-addr={cluster.servers[1].api.url}")
    lictor.until_resolves("web.service.consul", addresses)
    first.stop()
    cluster.api.register("web3", "10.9.0.4", {"Service": "web", "Port": 80})
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", addresses + ["10.9.0.4"], within=5)
    ctx.note(f"the change is answered {time.monotonic() - begin:.2f} s after the first address went down")


@test("Consul's servers lose their leader: answers stay, and stale reads provide what is available", within=90)
def _(ctx):
    cluster = consul.Cluster(ctx)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    addresses = web(cluster.api)
    lictor = Lictor(ctx, consul=agent.api.url)
    lictor.until_resolves("web.service.consul", addresses)
    for server in cluster.servers[1:]:
        server.kill()
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        reply = lictor.udp("web.service.consul", within=1)
        assert ask.addresses(reply) == addresses, reply.to_text()
        time.sleep(0.05)
    for server in cluster.servers[1:]:
        server.start()
    for server in cluster.servers[1:]:
        server.wait_ready()
    net.until(lambda: cluster.api.get("/v1/status/leader"), 20, "the servers have a leader again")
    def registered():
        cluster.api.register("web3", "10.9.0.4", {"Service": "web", "Port": 80})
        return True
    net.until(registered, 20, "the servers accept a registration")
    lictor.until_resolves("web.service.consul", addresses + ["10.9.0.4"], within=5)


@test("all servers and the agent restart with an empty state: answers stay until Consul returns other data", within=90)
def _(ctx):
    agent = consul.dev_agent(ctx)
    addresses = web(agent.api)
    lictor = Lictor(ctx, consul=agent.api.url)
    lictor.until_resolves("web.service.consul", addresses)
    agent.kill()
    assert lictor.resolve("web.service.consul") == addresses
    agent.start()               # development mode keeps no state: its indexes start again, below lictor's
    agent.wait_ready()
    lictor.until_resolves("web.service.consul", ["NXDOMAIN"], within=5)
    agent.api.register("web9", "10.9.0.9", {"Service": "web", "Port": 80})
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.9.0.9"], within=5)
    assert time.monotonic() - begin <= net.allowed(1.0), "the watch waited with an index from before the restart"


@test("Consul hangs without closing a connection: answers stay as fast as before")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    addresses = web(cluster.api)
    ctx.undo.callback(clear, cluster.api)
    proxy = TimingProxy(ctx, (agent.address, agent.ports["http"]))
    lictor = Lictor(ctx, consul=proxy.url)
    lictor.until_resolves("web.service.consul", addresses)
    proxy.pause()
    slowest = 0.0
    for _ in range(100):
        begin = time.monotonic()
        assert lictor.resolve("web.service.consul") == addresses
        slowest = max(slowest, time.monotonic() - begin)
    reply = lictor.udp("notyet.service.consul", within=8)       # an answer within the time limit
    assert ask.rcode(reply) == "SERVFAIL", reply.to_text()
    proxy.resume()
    cluster.api.deregister("web0")
    lictor.until_resolves("web.service.consul", addresses[1:], within=3)
    assert slowest < 0.1, f"slowest answer {slowest * 1000:.0f} ms"


@test("an upstream that refuses the query for the root's NS and serves its own zone: lictor is ready without a query of a client")
def _(ctx):
    upstream = Nsd(ctx)
    assert ask.rcode(ask.udp(upstream.server, ".", "NS")) == "REFUSED"
    lictor = Lictor(ctx, f"--server={upstream.option}", "--consul-http-addr=")
    lictor.wait_ready(within=10)
    assert ask.addresses(lictor.udp("www.up.test"))


@test("the agent's DNS refuses a query and no upstream answers: lictor is not ready")
def _(ctx):
    agent, refuses = consul.dev_agent(ctx, "dev-late"), Nsd(ctx)
    agent.stop()
    lictor = Lictor(ctx, f"--server=127.0.0.1#{net.free_port()}", f"--consul-dns={refuses.option}", consul=agent.api.url)
    lictor.until_logged("no contact with consul since the start", within=10)
    lictor.process.until(lambda: any(row["endpoint"] == refuses.option for row in lictor.json("/stats")["upstreams"]), 5, "the agent's DNS is known")
    net.steadily(lambda: lictor.http("/ready")[0] == 503, 3, "not ready while the agent is away")      # its DNS is asked every 2 s
    agent.start().wait_ready()
    lictor.process.until(lambda: "no upstream has answered yet" in lictor.http("/ready")[2], 20, "Consul was read")
    net.steadily(lambda: lictor.http("/ready")[0] == 503, 3, "not ready without an upstream")


@test("the first upstream is killed: the next one answers, and from then on without delay")
def _(ctx):
    first, second = Unbound(ctx), Nsd(ctx)
    lictor = Lictor(ctx, f"--server={first.option}", f"--server={second.option}")
    assert lictor.resolve("www.up.test") == ["192.0.2.1", "192.0.2.2"]
    first.kill()
    slow = []
    for n in range(30):
        begin = time.monotonic()
        assert lictor.resolve(f"h{n}.up.test", within=4) == [f"203.0.113.{n % 250 + 1}"]
        slow.append(time.monotonic() - begin)
    ctx.note(f"first answer after the kill {slow[0] * 1000:.0f} ms, the slowest {max(slow) * 1000:.0f} ms")
    assert max(slow) < 3.0 and sorted(slow)[len(slow) // 2] < 0.2
    first.start()
    second.kill()
    for n in range(30, 60):
        assert lictor.resolve(f"h{n}.up.test", within=4) == [f"203.0.113.{n % 250 + 1}"]


@test("an upstream that does not answer: the next one answers within 1.5 s")
def _(ctx):
    silent = Scripted(ctx, lambda message, query: [], label="silent")
    answering = Scripted(ctx, echo, label="answering")
    lictor = Lictor(ctx, f"--server={silent.option}", f"--server={answering.option}", "--strict-order")
    begin = time.monotonic()
    assert lictor.resolve("one.example", within=4) == ["192.0.2.99"]
    first = time.monotonic() - begin
    for n in range(20):
        assert lictor.resolve(f"n{n}.example", within=4) == ["192.0.2.99"]
    ctx.note(f"first answer after {first * 1000:.0f} ms")
    assert first < 1.5, f"{first:.2f} s"


@test("no upstream answers: SERVFAIL within the time limit")
def _(ctx):
    silent = Scripted(ctx, lambda message, query: [], label="silent")
    lictor = Lictor(ctx, f"--server={silent.option}")
    begin = time.monotonic()
    reply = lictor.udp("nobody.example", within=9, edns=1232)
    assert ask.rcode(reply) == "SERVFAIL", reply.to_text()
    seconds = time.monotonic() - begin
    ctx.note(f"SERVFAIL after {seconds:.2f} s, extended errors {ask.extended_errors(reply)}")
    assert seconds <= net.allowed(5.0)


@test("an upstream that answers SERVFAIL or REFUSED: the next one is queried")
def _(ctx):
    for code in (2, 5):
        bad = Scripted(ctx, lambda message, query, code=code: [answer(message, code=code)], label=f"bad{code}")
        good = Scripted(ctx, echo, label=f"good{code}")
        lictor = Lictor(ctx, f"--server={bad.option}", f"--server={good.option}", "--strict-order", name=f"lictor{code}")
        assert lictor.resolve("name.example") == ["192.0.2.99"]
