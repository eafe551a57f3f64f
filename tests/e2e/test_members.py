"""Are the names of a cluster's other members right, on a real Consul: `replica.`, `sync.`, `any.`, the plain name of a cluster that is
registered nowhere, and SRV that tells the primary from the replicas?

The members write what Patroni writes (tests/lib/harness/patroni.py).
"""

import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.runner import test

HOSTS = ["10.78.0.1", "10.78.0.2", "10.78.0.3"]
LEADER = "--leader=cluster_1"


def cluster_of(shared):
    cluster = consul.Cluster(shared)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    return cluster, agent


def start(ctx, *options, **patroni):
    cluster, agent = ctx.shared("cluster", cluster_of)
    given = dict(namespace="/service/", version="4.1.0", service=False)
    patroni = Patroni("cluster_1", cluster.servers, HOSTS, **{**given, **patroni})
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor = Lictor(ctx, LEADER, *options, consul=agent.api.url)
    lictor.until_resolves("master.cluster-1.service.consul", [HOSTS[0]], within=5)
    return agent, patroni, lictor


def name(tag=""):
    return (tag + "." if tag else "") + "cluster-1.service.consul"


def srv(lictor, question):
    """{(priority, port, address)} with the addresses of the additional section."""
    reply = lictor.udp(question, "SRV", edns=1232)
    assert ask.rcode(reply) == "NOERROR", reply.to_text()
    beside = {rrset.name: rdata.address for rrset in reply.additional for rdata in rrset if rdata.rdtype == 1}
    return {(rdata.priority, rdata.port, beside[rdata.target]) for rrset in reply.answer for rdata in rrset}


@test("a cluster that no catalog knows is answered from its keys alone: leader, replicas, everybody, SRV with real ports")
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    assert lictor.resolve(name("replica")) == sorted(HOSTS[1:])
    assert lictor.resolve(name("any")) == sorted(HOSTS)
    assert lictor.resolve(name()) == sorted(HOSTS)
    assert lictor.resolve(name("primary")) == [HOSTS[0]]
    reply = lictor.udp(name("replica"))
    assert ask.ttls(reply) and set(ask.ttls(reply)) == {0}, reply.to_text()
    assert ask.rcode(lictor.udp(name("sync"))) == "NOERROR" and not lictor.udp(name("sync")).answer
    assert srv(lictor, "_postgresql._tcp." + name()) == {(10, 5432, HOSTS[0]), (20, 5432, HOSTS[1]), (20, 5432, HOSTS[2])}
    assert srv(lictor, "_cluster-1._replica.service.consul") == {(20, 5432, HOSTS[1]), (20, 5432, HOSTS[2])}
    assert srv(lictor, "_cluster-1._master.service.consul") == {(1, 5432, HOSTS[0])}
    patroni.switchover(2, lambda: None)
    lictor.until_resolves(name("replica"), sorted(HOSTS[:2]), within=2)
    assert srv(lictor, "_postgresql._tcp." + name()) == {(10, 5432, HOSTS[2]), (20, 5432, HOSTS[0]), (20, 5432, HOSTS[1])}
    lictor.process.must_run()


@test("a replica that is starting, tagged noloadbalance, not streaming or too far behind is left out while another one lives")
def _(ctx):
    _agent, patroni, lictor = start(ctx, "--leader-max-lag=1000000")
    _first, second, third = patroni.members
    both, only = sorted(HOSTS[1:]), [HOSTS[1]]
    for what, spoiled in (("starting", dict(state="starting")), ("noloadbalance", dict(tags={"noloadbalance": True})),
                          ("not streaming", dict(replication_state=None)), ("behind", dict(xlog_location=patroni.lsn - 2000000))):
        patroni.touch(third, "replica", **spoiled)
        lictor.until_resolves(name("replica"), only, within=2)
        patroni.touch(third, "replica")
        lictor.until_resolves(name("replica"), both, within=2)
        ctx.note(f"left out while {what}")
    # Never empty: if all of them lag, all are answered.
    for member in (second, third):
        patroni.touch(member, "replica", xlog_location=patroni.lsn - 3000000)
    time.sleep(0.1)
    lictor.until_resolves(name("replica"), both, within=2)
    # At the limit nothing flaps: out above it, in again below three quarters.
    patroni.touch(second, "replica")
    lictor.until_resolves(name("replica"), only, within=2)
    for behind in (990000, 1000001, 800000):
        patroni.touch(third, "replica", xlog_location=patroni.lsn - behind)
        net.steadily(lambda: lictor.resolve(name("replica")) == only, 0.2, f"left out at {behind}")
    patroni.touch(third, "replica", xlog_location=patroni.lsn - 700000)
    lictor.until_resolves(name("replica"), both, within=2)


@test("sync standbys are those that Patroni names")
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    patroni.sync(patroni.members[1])
    lictor.until_resolves(name("sync"), [HOSTS[1]], within=2)
    patroni.sync(patroni.members[1], patroni.members[2])
    lictor.until_resolves(name("sync"), sorted(HOSTS[1:]), within=2)
    patroni.touch(patroni.members[1], "replica", "stopped")
    lictor.until_resolves(name("sync"), [HOSTS[2]], within=2)
    patroni.sync()
    lictor.process.until(lambda: lictor.resolve(name("sync")) == [], 2, "no sync standby, and no NXDOMAIN")


@test("no replica lives: no address, never NXDOMAIN; with leader-last-resort the leader")
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    for member in patroni.members[1:]:
        patroni.touch(member, "replica", "stopped")
    lictor.process.until(lambda: lictor.resolve(name("replica")) == [], 2, "no data")
    assert ask.rcode(lictor.udp(name("replica"))) == "NOERROR"
    assert lictor.resolve(name("any")) == [HOSTS[0]]
    willing = Lictor(ctx, LEADER, "--leader-last-resort", consul=_agent.api.url)
    willing.until_resolves(name("replica"), [HOSTS[0]], within=5)
    patroni.touch(patroni.members[1], "replica")
    willing.until_resolves(name("replica"), [HOSTS[1]], within=2)


@test("where the service is registered the keys beat the tags for replicas, the plain name is the catalog's, strict is the agent's")
def _(ctx):
    agent, patroni, lictor = start(ctx, service=True)
    strict = Lictor(ctx, LEADER, "--consul-dns-compat=strict", consul=agent.api.url)
    strict.until_resolves(name("replica"), sorted(HOSTS[1:]), within=5)
    lictor.until_resolves(name("replica"), sorted(HOSTS[1:]), within=2)
    patroni.register(patroni.members[2], "primary")     # a tag that lies
    strict.until_resolves(name("replica"), [HOSTS[1]], within=2)
    net.steadily(lambda: lictor.resolve(name("replica")) == sorted(HOSTS[1:]), 0.3, "the keys are answered")
    patroni.deregister(patroni.members[1])              # a registration that was lost
    lictor.until_resolves(name(), sorted([HOSTS[0], HOSTS[2]]), within=2)
    assert lictor.resolve(name("replica")) == sorted(HOSTS[1:])
    assert srv(lictor, "_postgresql._tcp." + name()) == {(10, 5432, HOSTS[0]), (20, 5432, HOSTS[1]), (20, 5432, HOSTS[2])}
    assert strict.resolve(name("any")) == ["NXDOMAIN"]
