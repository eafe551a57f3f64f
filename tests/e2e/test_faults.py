"""How does lictor handle a faulty Consul, or one whose data it may not read? Each fault is made with a real agent.

Indexes that start again, unknown or deleted tokens, hidden catalogs and keys, connections above the agent's limit, a server lost
behind a client agent, floods of names that do not exist.
"""

import multiprocessing
import os
import re
import socket
import threading
import time

from harness import ask, consul, net, slots
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.relay import Relay
from harness.runner import ONCE, TIMED, test
from harness.upstream import Scripted, Sink, answer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MASTER = "11111111-2222-3333-4444-555555555555"


def guarded(ctx, **limits):
    """A default-deny agent in development mode."""
    agent = consul.dev_agent_unready(ctx, acl={"enabled": True, "default_policy": "deny", "tokens": {"master": MASTER, "agent": MASTER}},
                                     **({"limits": limits} if limits else {}))
    agent.api.token = MASTER
    agent.wait_ready()
    net.until(lambda: agent.api.put("/v1/acl/policy", {"Name": "seen", "Rules": 'node_prefix "" { policy = "read" } service_prefix "web" { policy = "read" }'
                                                       ' agent_prefix "" { policy = "read" }'}), 20, "ACLs work", every=0.3)
    return agent


def web(api, *addresses, name="web"):
    for n, address in enumerate(addresses):
        api.register(f"node{n}", address, {"Service": name, "Port": 80})


@test("an unknown token counts as no contact: /ready has the reason, and a valid token repairs it", ONCE)
def _(ctx):
    agent = guarded(ctx)
    web(agent.api, "10.8.0.1")
    token = ctx.file("token", "22222222-2222-2222-2222-222222222222")
    lictor = Lictor(ctx, f"--consul-token-file={token}", consul=agent.api.url)
    net.steadily(lambda: lictor.http("/ready")[0] == 503, 2.0, "/ready is 503 while the token is unknown")
    lictor.until_logged("ACL not found")
    assert "ACL not found" in lictor.http("/ready")[2], lictor.http("/ready")
    begin = time.monotonic()
    ctx.file("token", agent.api.put("/v1/acl/token", {"Policies": [{"Name": "seen"}]})["SecretID"])
    lictor.wait_ready()
    ctx.note(f"ready {1000 * (time.monotonic() - begin):.0f} ms after the token file held a valid one")
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])


@test("a token deleted during a blocking query: the data are kept and marked stale; a new token brings the changes", ONCE, within=60)
def _(ctx):
    agent = guarded(ctx)
    web(agent.api, "10.8.0.1")
    given = agent.api.put("/v1/acl/token", {"Policies": [{"Name": "seen"}]})
    token = ctx.file("token", given["SecretID"])
    lictor = Lictor(ctx, f"--consul-token-file={token}", consul=agent.api.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    agent.api.delete(f"/v1/acl/token/{given['AccessorID']}")
    web(agent.api, "10.8.0.1", "10.8.0.2")       # ends the wait
    begin = time.monotonic()
    lictor.process.until(lambda: ask.extended_errors(lictor.udp("web.service.consul", edns=1232)) == [3], 15, "answers are marked as stale")
    assert "10.8.0.1" in lictor.resolve("web.service.consul")
    marked, begin = time.monotonic() - begin, time.monotonic()
    ctx.file("token", agent.api.put("/v1/acl/token", {"Policies": [{"Name": "seen"}]})["SecretID"])
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"], within=15)
    ctx.note(f"marked as stale after {1000 * marked:.0f} ms, current {1000 * (time.monotonic() - begin):.0f} ms after the new token")


@test("a service hidden from the token is NXDOMAIN, as the agent answers with that token; a visible one is answered", ONCE)
def _(ctx):
    agent = guarded(ctx)
    web(agent.api, "10.8.0.1")
    web(agent.api, "10.8.0.1", name="secret")
    sink = Sink(ctx)
    lictor = Lictor(ctx, f"--consul-dns={sink.option}", consul=agent.api.url,
                    env={"CONSUL_HTTP_TOKEN": agent.api.put("/v1/acl/token", {"Policies": [{"Name": "seen"}]})["SecretID"]})
    lictor.wait_ready()
    assert lictor.resolve("web.service.consul") == ["10.8.0.1"]
    assert lictor.resolve("secret.service.consul") == ["NXDOMAIN"]
    theirs = ask.rcode(ask.udp(agent.dns, "secret.service.consul"))
    ctx.note(f"hidden: NXDOMAIN (the agent's own DNS, without a token: {theirs}); {sink.count()} queries to the agent's DNS")
    assert sink.count() == 0


@test("a token with the README's policy can read everything that lictor needs", ONCE)
def _(ctx):
    with open(os.path.join(ROOT, "README.md")) as file:
        rules = re.search(r"```hcl\n(.*?)```", file.read(), re.S).group(1)
    agent = guarded(ctx)
    agent.api.put("/v1/acl/policy", {"Name": "readme", "Rules": rules})
    token = ctx.file("token", agent.api.put("/v1/acl/token", {"Policies": [{"Name": "readme"}]})["SecretID"])
    web(agent.api, "10.8.0.1")
    Patroni("pglab", [agent, agent], ["10.7.0.1", "10.7.0.2"], namespace="service").start(leader=1)
    session = agent.api.put("/v1/session/create", {"Name": "jobs"})["ID"]
    agent.api.put_key("service/jobs/.lock", "held", acquire=session)
    lictor = Lictor(ctx, f"--consul-token-file={token}", "--leader=pglab", "--leader=jobs,key=service/jobs/.lock", consul=agent.api.url)
    lictor.until_resolves("master.pglab.service.consul", ["10.7.0.2"], within=5)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    lictor.until_resolves("node0.node.consul", ["10.8.0.1"])
    lictor.until_resolves("jobs.leader.consul", [agent.api.address])
    assert lictor.json("/stats")["consul"]["settings"]["agent_version"], "agent/self was not read"
    lictor.stop()          # all lines are there
    log = lictor.process.log()
    assert not re.search("denied|needs|hides|403", log), log


@test("keys that the token may not read: the tags select one address, never the old one after the new one; then the lock, once readable",
      TIMED, within=90)
def _(ctx):
    agent = guarded(ctx)
    rules = 'node_prefix "" { policy = "read" } service_prefix "" { policy = "read" } agent_prefix "" { policy = "read" }'
    policy = agent.api.put("/v1/acl/policy", {"Name": "tags", "Rules": rules})
    token = agent.api.put("/v1/acl/token", {"Policies": [{"Name": "tags"}]})["SecretID"]
    patroni = Patroni("pglab", [agent, agent], ["10.7.0.1", "10.7.0.2"]).start(leader=1)
    first, second = patroni.members
    lictor = Lictor(ctx, "--leader=pglab,namespace=digitalis.io", "--leader-hold=1000", consul=agent.api.url, env={"CONSUL_HTTP_TOKEN": token})
    name = "master.pglab.service.consul"
    lictor.until_resolves(name, [second.host], within=5)
    lictor.until_logged("its keys are denied to the token")
    links = [ask.connected(lictor.server, 3) for _ in range(8)]        # the queries reach both workers
    expected, seen, moves = second.host, [], 0
    for _ in range(12):
        # Both are tagged for a moment: the answer changes from one to the other without a gap in the catalog.
        to, other = (first, second) if expected == second.host else (second, first)
        patroni.register(to, "primary")
        patroni.register(other, "replica")
        came, begin = False, time.monotonic()
        while time.monotonic() - begin < 0.25 or not came:
            for number, link in enumerate(links):
                link.send(ask.packet(name, ident=number))
                _ident, code, addresses = ask.quick_addresses(link.recv(512))
                assert code == 0 and len(addresses) == 1, (code, addresses)
                assert not came or addresses == [to.host], f"{addresses} after {to.host}"
                if addresses == [to.host] and not came:
                    came, moved = True, time.monotonic() - begin
                    seen.append(moved)
            assert time.monotonic() - begin < 3, "the tags moved, the answer did not"
        expected, moves = to.host, moves + 1
    ctx.note(f"{moves} moves of the tags, answered {1000 * sorted(seen)[len(seen) // 2]:.1f} ms later (median), {1000 * max(seen):.1f} at most")
    patroni.register(second, "replica")
    patroni.register(first, "primary")             # the lock is still the second one's
    lictor.until_resolves(name, [first.host])
    agent.api.put(f"/v1/acl/policy/{policy['ID']}", {"Name": "tags", "Rules": rules + ' key_prefix "" { policy = "read" }'})
    begin = time.monotonic()
    lictor.until_resolves(name, [second.host], within=20)
    ctx.note(f"the lock decides {time.monotonic() - begin:.1f} s after the keys became readable")


@test("the agent accepts eight connections: forty services are still answered, and the connections of other clients are not used up",
      ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx, limits={"http_max_conns_per_client": 8})
    for n in range(40):
        agent.api.register("many", "10.8.1.1", {"Service": f"s{n}", "ID": f"s{n}", "Port": 80})
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    most = 0
    for round_ in range(3):
        for n in range(40):
            most = max(most, slots.held(agent.address, agent.ports["http"]))
            found = lictor.resolve(f"s{n}.service.consul", within=6)
            assert found == ["10.8.1.1"], f"round {round_}, s{n}: {found}"
    assert lictor.resolve("nothere.service.consul", within=6) == ["NXDOMAIN"]
    ctx.note(f"120 correct answers; at most {most} connections, {lictor.metrics()['lictor_consul_errors_total']:.0f} requests refused")


@test("a Consul with the same address, an empty state and lower indexes: the last known answers stay until it has data of its own",
      ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx)
    for n in range(30):
        agent.api.put_key(f"raise/{n}", "the index")
    web(agent.api, "10.8.0.1", "10.8.0.2")
    lictor = Lictor(ctx, consul=agent.api.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"])
    agent.kill()
    agent.start()
    agent.wait_ready()
    web(agent.api, "10.8.0.7")
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.8.0.7"], within=10)
    ctx.note(f"correct {1000 * (time.monotonic() - begin):.0f} ms after the new cluster had the data")


@test("the only server behind a client agent is killed: the last known answers stay, and its return is detected", ONCE, within=90)
def _(ctx):
    cluster = consul.Cluster(ctx, servers=1)
    client = cluster.client()
    web(cluster.api, "10.8.0.1")
    lictor = Lictor(ctx, f"--consul-dns={Sink(ctx).option}", consul=client.api.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"], within=10)
    cluster.servers[0].kill()
    lictor.process.until(lambda: ask.extended_errors(lictor.udp("web.service.consul", edns=1232)) == [3], 10, "answers are marked")
    net.steadily(lambda: lictor.resolve("web.service.consul") == ["10.8.0.1"], 2.0, "the last known answer")
    cluster.servers[0].start()
    cluster.servers[0].wait_ready(60)
    web(cluster.api, "10.8.0.1", "10.8.0.2")
    net.until(lambda: len(client.api.get("/v1/health/service/web", stale="")) == 2, 60, "the client agent has its server again", every=0.1)
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"], within=6)
    ctx.note(f"correct {1000 * (time.monotonic() - begin):.0f} ms after the client agent was connected to its server")


@test("SIGTERM of the agent ends each blocking query with the old data: answers stay, and no loop runs without a pause", ONCE, within=90)
def _(ctx):
    # A busy agent sometimes exits without a reply to its blocking queries: then another one is asked.
    assert any(ends_with_old_data(ctx, attempt) for attempt in (1, 2, 3)), "no agent ended a blocking query with the old data"


def ends_with_old_data(ctx, attempt):
    """Ends an agent with SIGTERM and checks what lictor does. False if the blocking query did not end with the old data."""
    agent = consul.dev_agent(ctx, name=f"ending{attempt}")
    web(agent.api, "10.8.0.1")
    ended = []

    def noting(path, fetch):
        reply = fetch()
        if "index=" in path and "/service/web" in path:
            ended.append((reply.status, b"10.8.0.1" in reply.body))
        return reply

    relay = Relay(ctx, (agent.address, agent.ports["http"]), noting)
    lictor = Lictor(ctx, consul=relay.url, name=f"lictor{attempt}")
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    net.until(lambda: relay.matching("index="), 5, "the service's blocking query runs")
    agent.stop()
    before, begin = lictor.process.cpu_seconds(), time.monotonic()
    net.steadily(lambda: lictor.resolve("web.service.consul") == ["10.8.0.1"], 3.0, "the last known answer", every=0.1)
    used = lictor.process.cpu_seconds() - before
    requests = len(relay.matching("", begin))
    ctx.note(f"the wait ended with {ended[:1]}; {requests} requests and {used:.2f} s of CPU in three seconds without an agent")
    assert requests < 60, f"{requests} requests"
    assert used < 0.6, f"{used:.2f} s of CPU in three seconds without an agent"
    return bool(ended) and ended[0] == (200, True)


@test("ten thousand names that do not exist: watches and memory are bounded, and known names are still answered at once", ONCE, within=100)
def _(ctx):
    agent = consul.dev_agent(ctx)
    web(agent.api, "10.8.0.1")
    lictor = Lictor(ctx, f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    slow, ended = [], threading.Event()

    def known():
        while not ended.is_set():
            begin = time.monotonic()
            if lictor.resolve("web.service.consul") != ["10.8.0.1"]:
                slow.append("wrong")
            slow.append(time.monotonic() - begin)
            time.sleep(0.005)

    watcher = threading.Thread(target=known, daemon=True)
    watcher.start()
    memory = int(lictor.process.status("VmRSS")[0])
    sock = ask.connected(lictor.server, 0.0)
    outcomes, sent = {}, 0
    ends = time.monotonic() + 60
    flight = 0
    while (sent < 10_000 or flight) and time.monotonic() < ends:
        while sent < 10_000 and flight < 64:
            sock.send(ask.packet(f"unknown-{sent}.service.consul", ident=sent & 0xffff))
            sent += 1
            flight += 1
        try:
            _ident, code, _addresses = ask.quick_addresses(sock.recv(4096))
            outcomes[code] = outcomes.get(code, 0) + 1
            flight -= 1
        except BlockingIOError:
            time.sleep(0.001)
    ended.set()
    watcher.join()
    grown = int(lictor.process.status("VmRSS")[0]) - memory
    watches = lictor.json("/stats")["watches"]["total"]
    ctx.note(f"{outcomes.get(3, 0)} NXDOMAIN, {outcomes.get(2, 0)} SERVFAIL; {watches} watches, {grown} kB more; "
             f"the known name: {len(slow)} answers, slowest {1000 * max(t for t in slow if t != 'wrong'):.0f} ms")
    assert "wrong" not in slow and sorted(slow)[len(slow) * 99 // 100] < 0.5, f"slowest {max(slow):.2f} s"
    assert sum(outcomes.values()) == 10_000, f"{10_000 - sum(outcomes.values())} queries without a reply"
    assert outcomes.get(3, 0) >= 9_900, outcomes
    assert watches <= 140, f"{watches} watches"
    assert grown < 20_000, f"{grown} kB"


@test("an upstream that fails for A only: the last known IPv4 address of a host name in Consul's data stays", ONCE)
def _(ctx):
    agent = consul.dev_agent(ctx)
    agent.api.register("node0", "10.8.0.1", {"Service": "db", "Address": "db.example", "Port": 5432})
    failing = multiprocessing.Event()

    def behave(message, query):
        if query.kind == "A":
            return [answer(message, code=2)] if failing.is_set() else [answer(message, "192.0.2.5", ttl=1)]
        return [answer(message, "2001:db8::5", ttl=1)]

    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}", consul=agent.api.url)
    lictor.until_resolves("db.service.consul", ["192.0.2.5"], within=5)
    failing.set()
    before = upstream.count("db.example", "A")
    net.steadily(lambda: lictor.resolve("db.service.consul") == ["192.0.2.5"], 5.0, "the IPv4 address", every=0.05)
    assert lictor.resolve("db.service.consul", "AAAA") == ["2001:db8::5"]
    failures = upstream.count("db.example", "A") - before
    ctx.note(f"{failures} queries for A failed in that time")
    assert failures >= 2


@test("an agent that listens only on a unix socket is watched like any other", ONCE, within=60)
def _(ctx):
    path = ctx.path("http.sock")
    first = consul.dev_agent_unready(ctx, "here", addresses={"http": f"unix://{path}"}, unix_sockets={"mode": "0666"})
    first.process.until(lambda: socket_answers(path), 20, "the socket answers")
    address = first.address
    lictor = Lictor(ctx, "--consul-watch=consul", consul=f"unix://{path}")
    lictor.process.until(lambda: lictor.resolve("consul.service.consul") == [address], 15, "the agent's own service is answered")
    begin, before = time.monotonic(), lictor.metrics()["lictor_consul_changes_total"]
    first.stop()
    os.path.exists(path) and os.unlink(path)
    first.start()
    first.process.until(lambda: socket_answers(path), 20, "the socket answers again")
    lictor.process.until(lambda: lictor.http("/ready")[0] == 200 and not lictor.json("/stats")["consul"]["contact_lost"], 10, "contact is back")
    ctx.note(f"{before:.0f} changes over the socket; contact {time.monotonic() - begin:.1f} s after the agent was stopped and started again")


def socket_answers(path):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(b"GET /v1/catalog/service/consul HTTP/1.0\r\n\r\n")
        reply = b""
        while piece := link.recv(4096):
            reply += piece
        return b"ServiceAddress" in reply
