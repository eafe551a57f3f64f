"""Does `NAME.leader.<domain>` follow a plain Consul lock? Held by `consul lock`, held by sessions over HTTP, or free."""

import json
import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.process import Process
from harness.runner import background, test

NAME = "jobs.leader.consul"


def cluster_of(shared):
    cluster = consul.Cluster(shared)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    return cluster, agent


def consul_lock(ctx, agent, prefix):
    """`consul lock PREFIX sleep 600` on this agent: the session's node is the agent's."""
    process = Process(f"consul lock at {agent.name}", [consul.binary(), "lock", f"-http-addr={agent.address}:{agent.ports['http']}", prefix,
                                                       "sleep 600"], ctx.path(f"lock-{agent.name}-{time.monotonic_ns()}.log"))
    ctx.processes.append(process)
    ctx.undo.callback(process.stop)
    return process


def take(agent, key, value="", behavior="release"):
    """Creates a session on this agent's node and takes the lock with it; returns the session's id."""
    session = agent.api.put("/v1/session/create", {"Name": "test", "LockDelay": "1ms", "Behavior": behavior})["ID"]
    net.until(lambda: agent.api.put_key(key, value, acquire=session), 3, "the lock is taken")
    return session


def end(agent, session):
    agent.api.put(f"/v1/session/destroy/{session}")


@test("consul lock: the holder's node is answered; after its release queries wait for the next holder, and are never NXDOMAIN", within=60)
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    first, second = cluster.servers[:2]
    lictor = Lictor(ctx, "--leader=jobs,key=e2e/jobs/.lock,port=9000", "--leader-hold=1000", consul=agent.api.url)
    reply = lictor.udp(NAME, edns=1232, within=4)
    assert ask.rcode(reply) == "SERVFAIL" and 14 in ask.extended_errors(reply), reply.to_text()
    holder = consul_lock(ctx, first, "e2e/jobs")
    lictor.until_resolves(NAME, [first.address], within=10)
    begin = time.monotonic()
    waiting = consul_lock(ctx, second, "e2e/jobs")
    srv = ask.texts(lictor.udp(NAME, "SRV"))
    assert len(srv) == 1 and srv[0].split()[2] == "9000", srv
    assert ask.ttls(lictor.udp(NAME)) == [0]
    net.steadily(lambda: lictor.resolve(NAME) == [first.address], 0.5, "one holder, one address")
    entry = next(each for each in lictor.json("/leaders")["leaders"] if each["scope"] == "jobs")
    assert (entry["kind"], entry["member"], entry["name"]) == ("lock", first.name, NAME), entry
    time.sleep(max(0, 1.0 - (time.monotonic() - begin)))        # until the second one waits for the lock
    holder.stop()
    lictor.until_resolves(NAME, [second.address], within=8)
    waiting.stop()
    lictor.process.until(lambda: lictor.resolve(NAME, within=4) == ["SERVFAIL"], 8, "no session holds the lock")
    assert ask.rcode(lictor.udp("other.leader.consul")) == "NXDOMAIN"
    lictor.process.must_run()


@test("a lock changes its holder: the old one is withdrawn at once, held queries get the new one; the end of the session withdraws, too")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    first, second = cluster.servers[:2]
    lictor = Lictor(ctx, "--leader=jobs,key=e2e/moves", consul=agent.api.url)
    one = take(first, "e2e/moves")
    ctx.undo.callback(agent.api.delete_key, "e2e/moves")
    lictor.until_resolves(NAME, [first.address], within=5)
    end(first, one)                 # the key stays without a session, so the lock is free
    time.sleep(0.05)
    query = background(lambda: lictor.resolve(NAME, within=6))
    time.sleep(0.3)
    assert query.is_alive(), "answered while the lock was free"
    two = take(second, "e2e/moves")
    assert query.result() == [second.address]
    # Another session on another node: the answer changes from one address to the other.
    for _round in range(10):
        end(second, two)
        one = take(first, "e2e/moves")
        lictor.until_resolves(NAME, [first.address], within=3)
        end(first, one)
        two = take(second, "e2e/moves")
        lictor.until_resolves(NAME, [second.address], within=3)
    end(second, two)


@test("address=kv: the key's value has the address, and lictor keeps answering it without contact to Consul")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    own = cluster.client(f"leaving{ctx.threads}")
    lictor = Lictor(ctx, "--leader=app,key=e2e/app,address=kv", "--leader=plain,key=e2e/app", consul=own.api.url)
    session = take(cluster.servers[0], "e2e/app", json.dumps({"Address": "10.79.0.1", "Port": 8080}))
    ctx.undo.callback(agent.api.delete_key, "e2e/app")
    lictor.until_resolves("app.leader.consul", ["10.79.0.1"], within=5)
    lictor.until_resolves("plain.leader.consul", [cluster.servers[0].address], within=5)
    assert ask.texts(lictor.udp("app.leader.consul", "SRV"))[0].split()[2] == "8080"
    agent.api.put_key("e2e/app", "10.79.0.2:81", acquire=session)
    lictor.until_resolves("app.leader.consul", ["10.79.0.2"], within=3)
    own.kill()
    time.sleep(1.5)
    net.steadily(lambda: lictor.resolve("app.leader.consul") == ["10.79.0.2"], 1.0, "kept without contact to Consul")
    end(cluster.servers[0], session)
