"""Are the names of a cluster's other members correct, on a real Consul: `replica.`, `sync.`, `any.`, the plain name of a cluster without
registrations, and SRV records whose priorities separate primary and replicas?

The members' keys are those that Patroni writes (tests/lib/harness/patroni.py).
"""

import os
import shutil
import socket
import time

from harness import ask, consul, net
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import Skip, test

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


def srv(lictor, query):
    """{(priority, port, address)}, the addresses from the additional section."""
    reply = lictor.udp(query, "SRV", edns=1232)
    assert ask.rcode(reply) == "NOERROR", reply.to_text()
    beside = {rrset.name: rdata.address for rrset in reply.additional for rdata in rrset if rdata.rdtype == 1}
    return {(rdata.priority, rdata.port, beside[rdata.target]) for rrset in reply.answer for rdata in rrset}


@test("a cluster without registrations is answered from its keys alone: leader, replicas, all members, SRV with the members' ports")
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


@test("a replica that is starting, tagged noloadbalance, not streaming or too far behind is left out while another one is usable")
def _(ctx):
    _agent, patroni, lictor = start(ctx, "--leader-max-lag=1000000")
    _first, second, third = patroni.members
    both, only = sorted(HOSTS[1:]), [HOSTS[1]]
    for what, changes in (("starting", dict(state="starting")), ("noloadbalance", dict(tags={"noloadbalance": True})),
                          ("not streaming", dict(replication_state=None)), ("behind", dict(xlog_location=patroni.lsn - 2000000))):
        patroni.touch(third, "replica", **changes)
        lictor.until_resolves(name("replica"), only, within=2)
        patroni.touch(third, "replica")
        lictor.until_resolves(name("replica"), both, within=2)
        ctx.note(f"left out while {what}")
    # Never empty: if all replicas lag, all are answered.
    for member in (second, third):
        patroni.touch(member, "replica", xlog_location=patroni.lsn - 3000000)
    time.sleep(0.1)
    lictor.until_resolves(name("replica"), both, within=2)
    # Hysteresis: a replica is left out above the limit, and answered again below three quarters of it.
    patroni.touch(second, "replica")
    lictor.until_resolves(name("replica"), only, within=2)
    for behind in (990000, 1000001, 800000):
        patroni.touch(third, "replica", xlog_location=patroni.lsn - behind)
        net.steadily(lambda: lictor.resolve(name("replica")) == only, 0.2, f"left out at {behind}")
    patroni.touch(third, "replica", xlog_location=patroni.lsn - 700000)
    lictor.until_resolves(name("replica"), both, within=2)


@test("sync standbys are those in Patroni's sync key")
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


@test("no usable replica: no address, never NXDOMAIN; the leader with leader-last-resort")
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    for member in patroni.members[1:]:
        patroni.touch(member, "replica", "stopped")
    lictor.process.until(lambda: lictor.resolve(name("replica")) == [], 2, "no data")
    assert ask.rcode(lictor.udp(name("replica"))) == "NOERROR"
    assert lictor.resolve(name("any")) == [HOSTS[0]]
    last_resort = Lictor(ctx, LEADER, "--leader-last-resort", consul=_agent.api.url)
    last_resort.until_resolves(name("replica"), [HOSTS[0]], within=5)
    patroni.touch(patroni.members[1], "replica")
    last_resort.until_resolves(name("replica"), [HOSTS[1]], within=2)


@test("with a registered service: replicas come from the keys, not the tags; the plain name from the catalog; strict answers as the agent")
def _(ctx):
    agent, patroni, lictor = start(ctx, service=True)
    strict = Lictor(ctx, LEADER, "--consul-dns-compat=strict", consul=agent.api.url)
    strict.until_resolves(name("replica"), sorted(HOSTS[1:]), within=5)
    lictor.until_resolves(name("replica"), sorted(HOSTS[1:]), within=2)
    patroni.register(patroni.members[2], "primary")     # a wrong tag
    strict.until_resolves(name("replica"), [HOSTS[1]], within=2)
    net.steadily(lambda: lictor.resolve(name("replica")) == sorted(HOSTS[1:]), 0.3, "the keys are answered")
    patroni.deregister(patroni.members[1])              # a missing registration
    lictor.until_resolves(name(), sorted([HOSTS[0], HOSTS[2]]), within=2)
    assert lictor.resolve(name("replica")) == sorted(HOSTS[1:])
    assert srv(lictor, "_postgresql._tcp." + name()) == {(10, 5432, HOSTS[0]), (20, 5432, HOSTS[1]), (20, 5432, HOSTS[2])}
    assert strict.resolve(name("any")) == ["NXDOMAIN"]


HAPROXY = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
resolvers lictor
    nameserver lictor {server}
    accepted_payload_size 8192
    timeout resolve 100ms
    timeout retry 200ms
    hold valid 100ms
    hold obsolete 0
frontend write
    bind 127.0.0.1:{port}
    default_backend primary
backend primary
    server-template p 1 _cluster-1._master.service.consul resolvers lictor init-addr none
backend read
    server-template r 4 _cluster-1._replica.service.consul resolvers lictor init-addr none
backend ranked
    server-template a 4 _postgresql._tcp.cluster-1.service.consul resolvers lictor init-addr none
"""


def servers_of(path):
    """{backend: {"address:port"}} from HAProxy's state; slots without an address are left out."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(2)
        link.connect(path)
        link.sendall(b"show servers state\n")
        text = b""
        while part := link.recv(65536):
            text += part
    lines = text.decode().splitlines()
    columns = next(line for line in lines if line.startswith("# ")).split()[1:]
    found = {}
    for line in lines:
        if line[:1].isdigit() and " " in line:
            row = dict(zip(columns, line.split()))
            if row["srv_addr"] != "-":
                found.setdefault(row["be_name"], set()).add(f"{row['srv_addr']}:{row['srv_port']}")
    return found


@test("a real HAProxy fills its server-templates from these SRV names, with their ports, and follows a switchover")
def _(ctx):
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not os.access(program, os.X_OK):
        raise Skip("haproxy is not installed; tests/run installs it")
    cluster, agent = ctx.shared("cluster", cluster_of)
    patroni = Patroni("cluster_1", cluster.servers, HOSTS, namespace="/service/", version="4.1.0", service=False)
    for port, member in enumerate(patroni.members, 5431):
        member.port = port
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor = Lictor(ctx, LEADER, consul=agent.api.url)
    lictor.until_resolves(name("master"), [HOSTS[0]], within=5)
    path = ctx.path("haproxy.sock")
    config = ctx.file("haproxy.cfg", HAPROXY.format(socket=path, server=f"{lictor.server.address}:{lictor.server.port}", port=net.free_port()))
    haproxy = Process("haproxy", [program, "-db", "-f", config], ctx.path("haproxy.log"))
    ctx.processes.append(haproxy)
    ctx.undo.callback(haproxy.stop)
    one, two, three = (f"{host}:{5431 + n}" for n, host in enumerate(HOSTS))
    def expect(primary, *replicas):
        expected = {"primary": {primary}, "read": set(replicas), "ranked": {primary, *replicas}}
        def right():
            try:
                return servers_of(path) == expected
            except OSError:
                return False
        try:
            haproxy.until(right, 10, f"HAProxy has {expected}", every=0.05)
        except net.Timeout as late:
            raise net.Timeout(f"{late}\n    it has: {servers_of(path)}") from None
    expect(one, two, three)
    patroni.switchover(1, lambda: time.sleep(0.02))
    begin = time.monotonic()
    expect(two, one, three)
    ctx.note(f"HAProxy used the new primary {(time.monotonic() - begin) * 1000:.0f} ms after the last write")
