"""What happens if Consul's indexes go back: a restored snapshot, another cluster, or a Consul without a leader?

Real servers produce each case. A relay before them records the requests; some tests connect it to other servers.
"""

import time

from harness import consul, net
from harness.lictor import Lictor
from harness.relay import Relay
from harness.runner import ONCE, test

LOCK = "jobs.leader.consul"


def take(api, node, value):
    """Creates a session on this node and takes the lock with it; returns the session's id."""
    session = api.put("/v1/session/create", {"Name": "test", "LockDelay": "1ms", "Behavior": "release", "Node": node})["ID"]
    net.until(lambda: api.put_key("jobs/.lock", value, acquire=session), 5, "the lock is taken")
    return session


def web(api, *numbers):
    for n in numbers:
        api.register(f"web{n}", f"10.8.0.{n}", {"Service": "web", "Port": 80})
    return [f"10.8.0.{n}" for n in numbers]


def index_of(api, path="/v1/health/service/web"):
    return int(api.call("GET", path)[1]["X-Consul-Index"])


@test("a snapshot is restored: services and leader are the restored ones at once, and later changes are detected at once", ONCE, within=90)
def _(ctx):
    cluster = consul.Cluster(ctx, servers=1)
    api = cluster.api
    before = web(api, 1, 2)
    first = take(api, "server1", "10.5.0.1:9000")
    _status, _headers, snapshot = api.call("GET", "/v1/snapshot")
    for n in range(200):
        api.put_key(f"raise/{n}", "the index")
    api.put(f"/v1/session/destroy/{first}")
    take(api, "server1", "10.5.0.2:9000")
    after = before + web(api, 3)
    lictor = Lictor(ctx, "--leader=jobs,key=jobs/.lock,address=kv", consul=api.url)
    lictor.until_resolves("web.service.consul", after)
    lictor.until_resolves(LOCK, ["10.5.0.2"])
    held = index_of(api)
    status, _headers, text = api.call("PUT", "/v1/snapshot", snapshot, within=30)
    begin = time.monotonic()
    assert status == 200, text
    lictor.until_resolves("web.service.consul", before, within=5)
    services = time.monotonic() - begin
    lictor.until_resolves(LOCK, ["10.5.0.1"], within=5)
    leader = time.monotonic() - begin
    restored = index_of(api)
    assert restored < held, "this restore did not lower an index"
    web(api, 4)
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", before + ["10.8.0.4"], within=5)
    change = time.monotonic() - begin
    ctx.note(f"index {held} -> {restored}; restored services after {1000 * services:.0f} ms, the leader after {1000 * leader:.0f} ms, "
             f"a change afterwards after {1000 * change:.0f} ms")
    assert services < 2 and leader < 2 and change < 1


@test("a new cluster behind the same address with far lower indexes: lictor's index is too high, and answers are correct within two waits",
      ONCE, within=90)
def _(ctx):
    old, new = consul.dev_agent(ctx, "old"), consul.dev_agent(ctx, "new")
    for n in range(2000):
        old.api.put_key(f"raise/{n % 50}", str(n))
    web(old.api, 1)
    relay = Relay(ctx, (old.address, old.ports["http"]))
    lictor = Lictor(ctx, consul=relay.url)
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    ahead, low = index_of(old.api), index_of(new.api)
    assert ahead > low + 1000
    relay.target = (new.address, new.ports["http"])      # connections and blocking queries in flight stay where they are
    web(new.api, 7)
    begin = time.monotonic()
    while lictor.resolve("web.service.consul") != ["10.8.0.7"]:
        assert lictor.resolve("web.service.consul")[0] in ("10.8.0.1", "10.8.0.7"), "neither cluster's answer"
        assert time.monotonic() - begin < net.allowed(18), "not correct after two waits"
        time.sleep(0.02)
    seconds = time.monotonic() - begin
    waits = [r for r in relay.matching("health/service/web") if f"index={ahead}" in r.path]
    web(new.api, 8)
    begin = time.monotonic()
    lictor.until_resolves("web.service.consul", ["10.8.0.7", "10.8.0.8"], within=3)
    ctx.note(f"index {ahead} sent to a cluster at {low}: correct after {seconds:.1f} s, {len(waits)} blocking queries with that index; "
             f"the next change after {1000 * (time.monotonic() - begin):.0f} ms")
    assert waits, "no blocking query had a higher index than the cluster"


@test("Consul's servers lose their leader: default reads wait seven seconds and fail, answers stay, the leader's keys are read stale",
      ONCE, within=120)
def _(ctx):
    cluster = consul.Cluster(ctx)
    api = cluster.api
    addresses = web(api, 1, 2)
    session = take(api, "server1", "10.5.0.1:9000")
    seen = []

    def timed(path, ask):
        begin = time.monotonic()
        reply = ask()
        headers = {key.lower(): value for key, value in reply.headers}
        seen.append((path, reply.status, time.monotonic() - begin, headers.get("x-consul-knownleader"), reply.body[:60]))
        return reply

    relay = Relay(ctx, (cluster.servers[0].address, cluster.ports["http"]), timed)
    lictor = Lictor(ctx, "--leader=jobs,key=jobs/.lock,address=kv", "--consul-consistency=default", consul=relay.url)
    lictor.until_resolves("web.service.consul", addresses)
    lictor.until_resolves(LOCK, ["10.5.0.1"])
    # The remaining server applies the last write one heartbeat after the others.
    net.until(lambda: api.call("GET", "/v1/kv/jobs/.lock?stale")[0] == 200, 5, "the remaining server has the lock, too")
    for server in cluster.servers[1:]:
        server.kill()
    lost = time.monotonic()
    answered = 0
    while time.monotonic() - lost < 28:
        assert lictor.resolve("web.service.consul", within=1) == addresses
        assert lictor.resolve(LOCK, within=1) == ["10.5.0.1"]
        answered += 2
        time.sleep(0.02)
    refused = [s for s in seen if s[1] == 500]
    held = [s[2] for s in refused if s[2] > 5]
    stale = [s for s in seen if "jobs" in s[0] and "stale" in s[0]]
    rate = len(relay.matching("", lost)) / (time.monotonic() - lost)
    ctx.note(f"{answered} answers without a Consul leader; {len(refused)} replies 500, held for {', '.join(f'{h:.1f}' for h in held[:4])} s; "
             f"{len(stale)} stale reads of the lock; {rate:.1f} requests a second")
    # Requests in flight when the servers were killed end differently.
    assert any(b"No cluster leader" in s[4] for s in refused), seen[-5:]
    assert any(6.5 < h < 9 for h in held), "no request waited seven seconds"
    assert stale and any(s[1] == 200 and s[3] == "false" for s in stale), stale[:3]
    assert rate < 10
    for server in cluster.servers[1:]:
        server.start()
    for server in cluster.servers[1:]:
        server.wait_ready(60)
    net.until(lambda: api.put(f"/v1/session/destroy/{session}") and take(api, "server1", "10.5.0.9:9000"), 30, "the lock moves", every=0.2)
    begin = time.monotonic()
    lictor.until_resolves(LOCK, ["10.5.0.9"], within=8)
    ctx.note(f"a change of the lock after the servers' return is answered {1000 * (time.monotonic() - begin):.0f} ms later")
