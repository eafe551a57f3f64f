"""Does `NAME.leader.<domain>` follow a plain lock of Consul's? Held by the real `consul lock`, by sessions made over HTTP, and by nobody."""

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
    """`consul lock PREFIX sleep 600` beside this agent: the session's node is the agent's."""
    process = Process(f"consul lock at {agent.name}", [consul.binary(), "lock", f"-http-addr={agent.address}:{agent.ports['http']}", prefix,
                                                       "sleep 600"], ctx.path(f"lock-{agent.name}-{time.monotonic_ns()}.log"))
    ctx.processes.append(process)
    ctx.undo.callback(process.stop)
    return process


def take(agent, key, value="", behavior="release"):
    """A session on this agent's node, and the lock with it; the session's id."""
    session = agent.api.put("/v1/session/create", {"Name": "test", "LockDelay": "1ms", "Behavior": behavior})["ID"]
    net.until(lambda: agent.api.put_key(key, value, acquire=session), 3, "the lock is taken")
    return session


def end(agent, session):
    agent.api.put(f"/v1/session/destroy/{session}")


@test("consul lock: the holder's node is answered; it lets go, questions wait for the next one, and nobody says NXDOMAIN", within=60)
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
    time.sleep(max(0, 1.0 - (time.monotonic() - begin)))        # the second one stands in the queue
    holder.stop()
    lictor.until_resolves(NAME, [second.address], within=8)
    waiting.stop()
    lictor.process.until(lambda: lictor.resolve(NAME, within=4) == ["SERVFAIL"], 8, "nobody holds the lock")
    assert ask.rcode(lictor.udp("other.leader.consul")) == "NXDOMAIN"
    lictor.process.must_run()


@test("a lock that moves: the old holder is withdrawn at once, the question that waits has the new one; a dead session ends a reign")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    first, second = cluster.servers[:2]
    lictor = Lictor(ctx, "--leader=jobs,key=e2e/moves", consul=agent.api.url)
    one = take(first, "e2e/moves")
    ctx.undo.callback(agent.api.delete_key, "e2e/moves")
    lictor.until_resolves(NAME, [first.address], within=5)
    end(first, one)                 # the key stays, without a session: nobody holds it
    time.sleep(0.05)
    question = background(lambda: lictor.resolve(NAME, within=6))
    time.sleep(0.3)
    assert question.is_alive(), "answered while nobody holds the lock"
    two = take(second, "e2e/moves")
    assert question.result() == [second.address]
    # Another session of another node in one step: seen as a move, never as both.
    for _round in range(10):
        end(second, two)
        one = take(first, "e2e/moves")
        lictor.until_resolves(NAME, [first.address], within=3)
        end(first, one)
        two = take(second, "e2e/moves")
        lictor.until_resolves(NAME, [second.address], within=3)
    end(second, two)


@test("address=kv: the holder says itself where it is, and lictor keeps saying it while Consul is away")
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
    net.steadily(lambda: lictor.resolve("app.leader.consul") == ["10.79.0.2"], 1.0, "kept without contact")
    end(cluster.servers[0], session)
