"""What do lictor's watches cost Consul, and how long does the first query for an unwatched name take?

Blocking queries that return without a change, services and keys that do not exist, connections to the agent during reloads and
restarts, first queries. A relay before a real agent counts requests; the kernel counts the agent's connections.
"""

import threading
import time

from harness import ask, consul, net, slots
from harness.lictor import Lictor
from harness.relay import Relay
from harness.runner import ONCE, test
from harness.upstream import Scripted, Sink, echo


def web(api, *numbers):
    for n in numbers:
        api.register(f"web{n}", f"10.8.0.{n}", {"Service": "web", "Port": 80})
    return [f"10.8.0.{n}" for n in numbers]


def take(api, value="10.5.0.1:9000"):
    session = api.put("/v1/session/create", {"Name": "test", "LockDelay": "1ms", "Behavior": "release"})["ID"]
    net.until(lambda: api.put_key("jobs/.lock", value, acquire=session), 5, "the lock is taken")
    return session


def rate(requests, seconds):
    """The maximum in any one second, and the average."""
    most = max((sum(1 for other in requests if each.at <= other.at < each.at + 1) for each in requests), default=0)
    return most, len(requests) / seconds


@test("blocking queries that return unchanged data: no View is published, the cache stays, and requests stay few",
      ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx)
    api = agent.api
    web(api, 1, 2)
    session = take(api)
    relay = Relay(ctx, (agent.address, agent.ports["http"]))
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--leader=jobs,key=jobs/.lock,address=kv", "--leader=nowhere", consul=relay.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"])
    lictor.until_resolves("jobs.leader.consul", ["10.5.0.1"])
    missing = [f"missing{n}" for n in range(10)]
    for name in missing:
        assert lictor.resolve(f"{name}.service.consul") == ["NXDOMAIN"]
    assert lictor.resolve("kept.example") == ["192.0.2.99"]
    time.sleep(1)
    generation, cpu, metrics = lictor.json("/stats")["view"]["generation"], lictor.process.cpu_seconds(), lictor.metrics()
    begin, writes = time.monotonic(), 0
    while time.monotonic() - begin < 8:
        api.put_key(f"other/{writes % 50}", str(writes))                           # in a small store this ends the waits for absent keys
        api.register("noise", "10.8.9.9", {"Service": f"missinx{writes % 7}", "ID": "x", "Port": writes % 999})
        web(api, 1)                                                                            # the same registration again
        api.put(f"/v1/session/renew/{session}")
        api.put_key("jobs/.lock", "10.5.0.1:9000", acquire=session)                            # the same holder again
        writes += 5
    seconds = time.monotonic() - begin
    spent = lictor.process.cpu_seconds() - cpu
    figures = []
    for what, words in (("a missing service", f"/{missing[0]}?"), ("the service", "/web?"), ("the lock", "jobs"), ("missing keys", "nowhere")):
        most, average = rate(relay.matching(words, begin), seconds)
        figures.append((what, most, average))
    after = lictor.json("/stats")["view"]["generation"]
    ctx.note(f"{writes} writes in {seconds:.0f} s; requests a second, maximum and average: " +
             ", ".join(f"{what} {most}, {average:.1f}" for what, most, average in figures) + f"; {spent:.2f} s of CPU; Views {after - generation}")
    assert after == generation, "a View was published although no data changed"
    assert lictor.metrics()["lictor_cache_flushed_total"] == metrics["lictor_cache_flushed_total"], "the cache was flushed"
    assert lictor.resolve("kept.example") == ["192.0.2.99"] and upstream.count("kept.example") == 1, "a cached answer was queried again"
    for what, most, average in figures:
        # Only unchanged replies are paced, and a leader's keys by little: 50 ms, and one more read for a single key.
        limit, mean = (35, 22) if what in ("the lock", "missing keys") else (8, 2)
        assert most <= limit and average <= mean, f"{what}: {most} requests in one second, {average:.1f} on average"
    assert spent < 2, f"{spent:.2f} s of CPU"


@test("connections at the agent: a few more than consul-watch-max at most, whatever is queried", ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx)
    for n in range(300):
        agent.api.register("many", "10.8.1.1", {"Service": f"s{n}", "ID": f"s{n}", "Port": 80})
    agent.api.call("GET", "/v1/status/leader")
    before = slots.held(agent.address, agent.ports["http"])
    lictor = Lictor(ctx, "--consul-watch-max=16", f"--consul-dns={agent.dns.address}#{agent.dns.port}", consul=agent.api.url)
    most, right = 0, 0
    for n in range(300):
        right += lictor.resolve(f"s{n}.service.consul", within=5) == ["10.8.1.1"]
        if n % 5 == 0:
            most = max(most, slots.held(agent.address, agent.ports["http"]) - before)
    for _ in range(20):
        time.sleep(0.05)
        most = max(most, slots.held(agent.address, agent.ports["http"]) - before)
    ctx.note(f"300 services queried with consul-watch-max=16: at most {most} connections at the agent, {right} correct answers")
    assert right == 300
    assert 14 <= most <= 16 + 6, f"{most} connections"


@test("three hundred reloads: the agent's connections are not used up, and names are answered at once after each", ONCE, within=150)
def _(ctx):
    agent = consul.dev_agent(ctx)
    port = agent.ports["http"]
    for n in range(60):
        agent.api.register("many", "10.8.1.1", {"Service": f"s{n}", "ID": f"s{n}", "Port": 80})
    take(agent.api)
    before = slots.held(agent.address, port)

    def conf(turn):
        watched = [f"s{(turn + n) % 60}" for n in range(20)]
        return "".join(f"consul-watch={name}\n" for name in watched) + f"leader=jobs,key=jobs/.lock,address=kv\nleader=scope{turn % 5}\n" + \
            f"consul-consistency={('stale', 'default')[turn % 2]}\n"

    lictor = Lictor(ctx, conf=conf(0), consul=agent.api.url)
    lictor.until_resolves("jobs.leader.consul", ["10.5.0.1"])
    most = turn = 0
    wrong = []
    for turn in range(1, 301):
        ctx.file("lictor.conf", conf(turn))
        lictor.hup()
        net.until(lambda: lictor.metrics()["lictor_reloads_total"] >= turn, 5, f"reload {turn} is done", every=0.005)
        most = max(most, slots.held(agent.address, port) - before)
        time.sleep(0.04)
        if turn % 10 == 0:
            begin = time.monotonic()
            found = lictor.resolve("jobs.leader.consul", within=5), lictor.resolve(f"s{turn % 60}.service.consul", within=5)
            if found != (["10.5.0.1"], ["10.8.1.1"]) or time.monotonic() - begin > 1:
                wrong.append((turn, found, time.monotonic() - begin))
    after = slots.held(agent.address, port) - before
    errors = lictor.metrics()["lictor_consul_errors_total"]
    agent.api.put_key("jobs/probe", "x")
    ctx.note(f"{turn} reloads: at most {most} connections at the agent, {after} after the last; {errors:.0f} requests failed; "
             f"{len(wrong)} of 30 samples wrong or late")
    assert not wrong, wrong[:3]
    assert most <= 150, f"{most} of the agent's 200 connections"
    assert errors == 0, f"{errors:.0f} requests were refused"


@test("restarts: each leaves 130 blocking queries at the agent, and the leader and the services are answered each time",
      ONCE, within=150)
def _(ctx):
    agent = consul.dev_agent(ctx)
    port = agent.ports["http"]
    names = [f"s{n}" for n in range(128)]
    for name in names:
        agent.api.register("many", "10.8.1.1", {"Service": name, "ID": name, "Port": 80})
    take(agent.api)
    before = slots.held(agent.address, port)
    conf = "".join(f"consul-watch={name}\n" for name in names) + "leader=jobs,key=jobs/.lock,address=kv\n"
    figures = []
    lictor = Lictor(ctx, conf=conf, consul=agent.api.url)
    for turn in range(5):
        if turn:
            lictor.stop()
            lictor.start()
        begin = time.monotonic()
        lictor.until_resolves("jobs.leader.consul", ["10.5.0.1"], within=10)
        leader = time.monotonic() - begin
        for name in names[:: 16]:
            lictor.until_resolves(f"{name}.service.consul", ["10.8.1.1"], within=10)
        lictor.wait_ready()
        figures.append((leader, time.monotonic() - begin, slots.held(agent.address, port) - before))
        # After the first minute all watches wait for a minute each: the largest number that a stopped lictor can leave at the agent.
        time.sleep(75 if ctx.long and not turn else 2.5)
    most = 0
    for _ in range(10):
        time.sleep(0.2)
        most = max(most, slots.held(agent.address, port) - before)
    ctx.note("after each start, ms to the leader, ms to all, connections at the agent: " +
             "; ".join(f"{1000 * a:.0f}, {1000 * b:.0f}, {c}" for a, b, c in figures) + f"; at the end {most}")
    assert all(a < 1 for a, _b, _c in figures), "the leader was late after a restart"
    assert all(b < 6 for _a, b, _c in figures), "services were late after a restart"


@test("the first query for an unwatched service: a correct answer after one round trip to Consul and one request", ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx)
    for n in range(20):
        agent.api.register(f"many{n}", f"10.8.1.{n + 1}", {"Service": f"cold{n}", "Port": 80})
    distance = 0.12

    def far(path, ask_agent):
        time.sleep(distance)
        return ask_agent()

    relay = Relay(ctx, (agent.address, agent.ports["http"]), far)
    sink = Sink(ctx)
    lictor = Lictor(ctx, f"--consul-dns={sink.option}", consul=relay.url)
    lictor.until_resolves("consul.service.consul", [agent.address])
    took = []
    for n in range(20):
        begin = time.monotonic()
        assert lictor.resolve(f"cold{n}.service.consul", within=5) == [f"10.8.1.{n + 1}"]
        took.append(time.monotonic() - begin)
        assert len([r for r in relay.matching(f"/cold{n}") if "index=" not in r.path]) == 1
    begin = time.monotonic()
    assert lictor.resolve("nothere.service.consul", within=5) == ["NXDOMAIN"]
    absent = time.monotonic() - begin
    took.sort()
    ctx.note(f"Consul {1000 * distance:.0f} ms away: first answers after {1000 * took[0]:.0f} to {1000 * took[-1]:.0f} ms (median {1000 * took[10]:.0f}), "
             f"a name that does not exist after {1000 * absent:.0f} ms; {sink.count()} queries to the agent's DNS")
    assert took[10] < 1.8 * distance, "more than one round trip"
    assert len(relay.matching("/nothere")) <= 2 and sink.count() == 0


@test("a chunked body with fifteen hundred instances: all of them are answered over TCP, and other names are not delayed", ONCE, within=60)
def _(ctx):
    agent = consul.dev_agent(ctx)
    web(agent.api, 1)
    chunked = []

    def writes(first):
        for n in range(first, 1500, 4):
            consul.Api(agent.address, agent.ports["http"]).register(f"n{n}", f"10.9.{n // 250}.{n % 250 + 1}", {"Service": "big", "Port": 80})

    writers = [threading.Thread(target=writes, args=(n,)) for n in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    _status, headers, body = agent.api.call("GET", "/v1/health/service/big")
    chunked.append(headers.get("Transfer-Encoding"))
    lictor = Lictor(ctx, consul=agent.api.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    begin, slowest = time.monotonic(), 0.0
    found = ask.addresses(lictor.tcp("big.service.consul", within=5))
    first = time.monotonic() - begin
    ended = time.monotonic() + 3
    n = 0
    while time.monotonic() < ended:         # each change transfers the whole body again
        if n % 10 == 0:
            agent.api.register("n0", "10.9.0.1", {"Service": "big", "Port": 80 + n})
        begin = time.monotonic()
        assert lictor.resolve("web.service.consul") == ["10.8.0.1"]
        slowest = max(slowest, time.monotonic() - begin)
        n += 1
    ctx.note(f"{len(body)} bytes, {chunked[0]}: {len(found)} addresses {1000 * first:.0f} ms after the query; "
             f"{n} other queries during its changes, slowest {1000 * slowest:.0f} ms")
    assert chunked == ["chunked"] and len(found) == 1500
    assert slowest < 0.25


@test("a gzip body that lictor did not request, as some proxies send it, is rejected: the last data stay (a simulated reply)", ONCE)
def _(ctx):
    import gzip
    agent = consul.dev_agent(ctx)
    web(agent.api, 1)
    compressed, requests = threading.Event(), []

    def judge(path, ask_agent):
        reply = ask_agent()
        if "/health/service/web" in path and compressed.is_set():
            requests.append(path)
            return reply._replace(body=gzip.compress(reply.body), headers=reply.headers + [("Content-Encoding", "gzip")])
        return reply

    relay = Relay(ctx, (agent.address, agent.ports["http"]), judge)
    lictor = Lictor(ctx, f"--consul-dns={Sink(ctx).option}", consul=relay.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    compressed.set()
    web(agent.api, 2)
    net.until(lambda: len(requests) >= 3, 10, "compressed replies arrived")
    assert lictor.resolve("web.service.consul") == ["10.8.0.1"]
    assert lictor.metrics()["lictor_consul_bodies_rejected_total"] >= 2
    compressed.clear()
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"], within=8)
