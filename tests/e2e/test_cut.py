"""leader-cut: which TCP connections end when a leader is deposed, and which stay?

The connections are real ones on loopback addresses; a leader changes in the order of Patroni's writes. Each test has its own network and
mount namespace, so that only its own connections can end.
"""

import http.client
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import consul, net
from harness.lictor import Lictor, binary
from harness.patroni import Patroni
from harness.runner import ONCE, Skip, background, test

HOSTS = ["127.0.1.1", "127.0.1.2", "127.0.1.3"]
NAME = "master.pglab.service.consul"
LEADER = "--leader=pglab,namespace=/digitalis.io/"
TOTAL, FAILURES = "lictor_leader_connections_cut_total", "lictor_leader_cut_failures_total"


def start(ctx, *options, hosts=HOSTS, service=True, **how):
    """(agent, Patroni, lictor with leader-cut)"""
    if not net.as_root():
        raise Skip("needs root: only then can CAP_NET_ADMIN be had in this namespace")
    agent = consul.dev_agent(ctx)
    patroni = Patroni("pglab", [agent] * 3, hosts, service=service)
    patroni.start()
    lictor = Lictor(ctx, LEADER, "--leader-cut", *options, consul=agent.api.url, **how)
    lictor.until_resolves(NAME, [hosts[0].strip("[]")], within=5, rdtype="AAAA" if "[" in hosts[0] else "A")
    return agent, patroni, lictor


def serve(ctx, host, port=5432, backlog=16):
    server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=backlog)
    ctx.undo.callback(server.close)
    return server


def connected(ctx, host, port=5432, family=None):
    client = socket.socket(family or (socket.AF_INET6 if ":" in host else socket.AF_INET))
    ctx.undo.callback(client.close)
    client.connect((host, port))
    return client


def ended(client):
    """True if the connection was ended from outside, False if it is as before. The servers of these tests close nothing."""
    failure = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failure:
        return True
    poll = select.poll()
    poll.register(client, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))


def until_ended(lictor, client, within=3):
    begin = time.monotonic()
    lictor.process.until(lambda: ended(client), within, "the connection has ended", every=0.005)
    return (time.monotonic() - begin) * 1000


def state(lictor):
    return lictor.json("/leaders")["leaders"][0]["state"]


def cut_total(lictor):
    return lictor.metrics()[TOTAL]


def events(lictor, kind):
    """The data of all events of this kind since the start."""
    link = http.client.HTTPConnection("127.0.0.1", lictor.stats_port, timeout=3)
    link.request("GET", "/events", headers={"Last-Event-ID": "0-0"})
    reply, text = link.getresponse(), b""
    while not text.endswith(b"\n\n"):
        text += reply.read1(65536)
    link.close()
    return [json.loads(data) for found, data in re.findall(r"event: (\w+)\ndata: (.*)", text.decode()) if found == kind]


def again(patroni):
    """The deposed leader takes its lock again."""
    patroni.take_lock(patroni.leader)
    patroni.announce(patroni.leader, "primary")


@test("connections of all processes to the deposed leader's address and port end at its demotion, over IPv4, IPv4-mapped IPv6 and while "
      "connecting; others stay; later ones end until it is a replica; all are counted", ONCE, within=120, namespace=True)
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    server = serve(ctx, HOSTS[0], backlog=0)
    for place in ((HOSTS[1], 5432), (HOSTS[0], 5433)):
        serve(ctx, *place)
    clients = {"IPv4": connected(ctx, HOSTS[0])}
    kept = [server.accept()[0]]
    clients["IPv4-mapped"] = connected(ctx, f"::ffff:{HOSTS[0]}", family=socket.AF_INET6)
    kept.append(server.accept()[0])
    other = subprocess.Popen([sys.executable, "-c", f"import socket, sys\nlink = socket.create_connection(('{HOSTS[0]}', 5432))\nprint('up', flush=True)\n"
                              "try:\n    link.recv(1)\n    print('end')\nexcept OSError as end:\n    print(end.strerror)"],
                             stdout=subprocess.PIPE, text=True)
    ctx.undo.callback(other.kill)
    kept.append(server.accept()[0])
    assert other.stdout.readline() == "up\n"
    clients["not accepted yet"] = connected(ctx, HOSTS[0])       # fills the backlog: the next one gets no reply to its SYN
    connecting = socket.socket()
    connecting.setblocking(False)
    assert connecting.connect_ex((HOSTS[0], 5432)) == 115        # EINPROGRESS
    with open("/proc/net/tcp") as file:
        assert [line.split()[3] for line in file if f":{5432:04X} 02 " in line] == ["02"], "the last client must be in SYN_SENT"
    others = [connected(ctx, HOSTS[1]), connected(ctx, HOSTS[0], 5433)]

    patroni.demote(patroni.leader)
    for what, client in clients.items():
        ctx.note(f"{what}: ended {until_ended(lictor, client):.0f} ms after Patroni's last write")
    until_ended(lictor, connecting)
    assert other.communicate(timeout=3)[0] == "Software caused connection abort\n"
    lictor.process.until(lambda: cut_total(lictor) == 5, 1, "five are counted")
    assert state(lictor) == "vacant"

    while True:                                                  # clears the backlog
        server.settimeout(0)
        try:
            kept.append(server.accept()[0])
        except BlockingIOError:
            break
    server.listen(16)
    late = connected(ctx, HOSTS[0])
    ctx.note(f"a later one, without a leader: after {until_ended(lictor, late):.0f} ms")
    patroni.promote(patroni.members[1], lambda: None)
    lictor.until_resolves(NAME, [HOSTS[1]])
    late = connected(ctx, HOSTS[0])
    ctx.note(f"a later one, with a new leader: after {until_ended(lictor, late):.0f} ms")
    assert not any(map(ended, others)), "a connection to another address or port has ended"

    patroni.announce(patroni.members[0], "replica")
    lictor.until_resolves("replica.pglab.service.consul", sorted([HOSTS[0], HOSTS[2]]))
    lictor.until_logged(r"leader-cut: 7 connections to 127\.0\.1\.1 port 5432, the deposed leader of pglab \(patroni01\), ended")
    reader = connected(ctx, HOSTS[0])
    net.steadily(lambda: not ended(reader), 1.5, "a reader of the new replica stays", every=0.05)
    assert not any(map(ended, others))

    record = lictor.json("/failovers")["failovers"][0]
    assert record["connections_cut"] == 7 and record["old"]["address"] == HOSTS[0] and record["new"]["address"] == HOSTS[1], record
    metrics = lictor.metrics()
    assert (metrics[TOTAL], metrics[FAILURES]) == (7, 0)
    text = subprocess.run([binary(ctx.variant.build), f"--stats-address=127.0.0.1:{lictor.stats_port}", "failovers"], capture_output=True, text=True).stdout
    assert "7 connections to the old leader ended" in text, text
    assert len(lictor.process.log().split("deposed leader of")) == 2, "one line for one fail-over"
    assert events(lictor, "cut") == [{"scope": "pglab", "service": "pglab", "member": "patroni01", "places": [{"address": HOSTS[0], "port": 5432}],
                                      "connections_cut": 7}]


@test("IPv6: connections to the deposed leader end, those to another leader stay", ONCE, within=60, namespace=True)
def _(ctx):
    for host in ("fd00:1::1", "fd00:1::2"):
        subprocess.run(["ip", "addr", "add", f"{host}/128", "dev", "lo", "nodad"], check=True)
    _agent, patroni, lictor = start(ctx, hosts=["[fd00:1::1]", "[fd00:1::2]", "[fd00:1::3]"], service=False)
    serve(ctx, "fd00:1::1"), serve(ctx, "fd00:1::2")
    old, new = connected(ctx, "fd00:1::1"), connected(ctx, "fd00:1::2")
    patroni.switchover(1, lambda: time.sleep(0.05))
    until_ended(lictor, old)
    net.steadily(lambda: not ended(new), 0.3, "the connection to the new leader stays")
    assert cut_total(lictor) == 1


@test("no connection ends when lictor loses contact with Consul, at leader-max-stale, at HUP, at a request for a switchover, or at its end",
      ONCE, within=90, namespace=True)
def _(ctx):
    agent, patroni, lictor = start(ctx, "--leader-max-stale=1")
    serve(ctx, HOSTS[0])
    client = connected(ctx, HOSTS[0])
    api = agent.api
    api.put_key(patroni.prefix + "failover", '{"leader": "patroni01", "member": "patroni02"}')
    lictor.process.until(lambda: state(lictor) == "vacant", 2, "the request withdraws the address")
    net.steadily(lambda: not ended(client), 0.5, "a switchover that is only requested ends no connection")
    api.put_key(patroni.prefix + "failover", "{}")
    lictor.until_resolves(NAME, [HOSTS[0]])
    lictor.hup()
    lictor.until_logged("configuration read again")
    lictor.stop()
    net.steadily(lambda: not ended(client), 0.3, "the connection stays after lictor's end")
    lictor.start()
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    agent.kill()
    lictor.process.until(lambda: state(lictor) == "vacant", 20, "leader-max-stale withdraws the address")
    net.steadily(lambda: not ended(client), 1.5, "the connection stays without contact")
    assert cut_total(lictor) == 0


@test("three thousand connections end at once, and all are counted", ONCE, within=60, namespace=True)
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with open("/proc/sys/net/core/somaxconn", "w") as file:
        file.write("4096")
    server = serve(ctx, HOSTS[0], backlog=4096)
    clients = [connected(ctx, HOSTS[0]) for _ in range(3000)]
    patroni.release_lock(patroni.leader)
    begin = time.monotonic()
    patroni.touch(patroni.leader, "demoted", "stopped")
    lictor.process.until(lambda: all(map(ended, clients)), 5, "all have ended", every=0.005)
    ctx.note(f"3000 connections ended within {(time.monotonic() - begin) * 1000:.0f} ms")
    lictor.process.until(lambda: cut_total(lictor) == 3000, 2, "all are counted")
    server.close()


@test("the same leader again: no connection that is made on lictor's answer is ended, however close the demotion was", ONCE, within=120,
      namespace=True)
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    server = serve(ctx, HOSTS[0], backlog=1000)
    rounds = 60 if ctx.long else 25
    for number in range(rounds):
        before = connected(ctx, HOSTS[0])
        patroni.release_lock(patroni.leader)
        patroni.touch(patroni.leader, "demoted", "stopped")
        until_ended(lictor, before)
        held = background(lambda: lictor.resolve(NAME, within=4))
        # The turns come after 50, 125, 237 and 405 ms; some rounds meet one.
        time.sleep(ctx.random.choice([0.04, 0.05, 0.12, 0.23, 0.4]) + ctx.random.uniform(-0.01, 0.01))
        again(patroni)
        assert held.result(5) == [HOSTS[0]]
        after = connected(ctx, HOSTS[0])
        net.steadily(lambda: not ended(after), 0.15, f"round {number}: a connection made on the answer stays", every=0.01)
        after.close()
    assert cut_total(lictor) == rounds
    server.close()


@test("a demoted scope does not end connections to an address and port where another scope leads", ONCE, within=60, namespace=True)
def _(ctx):
    agent, patroni, lictor = start(ctx, "--leader=second,namespace=/digitalis.io/")
    second = Patroni("second", [agent] * 3, HOSTS)
    second.start()
    lictor.until_resolves("master.second.service.consul", [HOSTS[0]], within=5)
    serve(ctx, HOSTS[0])
    client = connected(ctx, HOSTS[0])
    patroni.switchover(1, lambda: time.sleep(0.05))
    lictor.until_logged("connections to 127.0.1.1 port 5432 stay: another leader has the address and port")
    net.steadily(lambda: not ended(client), 0.5, "the connection stays", every=0.05)
    second.switchover(2, lambda: time.sleep(0.05))
    until_ended(lictor, client)
    assert cut_total(lictor) == 1


@test("the process that ends connections keeps CAP_NET_ADMIN alone, as nobody; a hook that runs delays nothing", ONCE, within=60, namespace=True)
def _(ctx):
    marks = ctx.path("marks")
    with open(ctx.path("hook"), "w") as file:
        file.write(f"#!/bin/sh\necho begin >>{marks}\nsleep 20\n")
    os.chmod(ctx.path("hook"), 0o755)
    open(marks, "w").close()
    os.chmod(marks, 0o666)
    os.chmod(ctx.folder, 0o755)
    _agent, patroni, lictor = start(ctx, f"--leader-exec={ctx.path('hook')}", "--leader-exec-timeout=30")
    children = {}
    with open(f"/proc/{lictor.process.pid}/task/{lictor.process.pid}/children") as file:
        for pid in file.read().split():
            with open(f"/proc/{pid}/status") as status:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2]
            children[fields["Name"]] = fields, links
    fields, links = children["lictor-cut"]
    assert fields["CapEff"] == fields["CapPrm"] == f"{1 << 12:016x}" and fields["CapInh"] == fields["CapAmb"] == "0" * 16, fields
    assert fields["Uid"].split()[0] != "0" and fields["NoNewPrivs"] == "1", fields
    assert len(links) == 1 and links[0].startswith("socket:"), f"it must hold its own socket alone: {links}"
    assert int(children["lictor-hooks"][0]["CapEff"], 16) == 0 and lictor.process.status("CapEff") == ["0" * 16]
    serve(ctx, HOSTS[0])
    client = connected(ctx, HOSTS[0])
    lictor.process.until(lambda: open(marks).read() == "begin\n", 5, "the hook runs")
    patroni.demote(patroni.leader)
    until_ended(lictor, client, within=1)


@test("without CAP_NET_ADMIN: --test and the start say so with the remedy, connections stay, failures are counted and logged once",
      ONCE, within=60, namespace=True)
def _(ctx):
    if not net.as_root():
        raise Skip("needs root")
    without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    remedy = "grant CAP_NET_ADMIN (cap_add: [NET_ADMIN]"
    user = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    ambient = [*user, "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin"]      # AmbientCapabilities= of a unit
    program = ctx.path("program")
    shutil.copy(binary(ctx.variant.build), program)
    os.chmod(program, 0o755)
    os.chmod(ctx.folder, 0o755)
    for before, warned in ((without, True), ([], False), (user, True), (ambient, False)):
        tested = subprocess.run(before + [program, "--test", "--leader-cut", f"--conf-file={ctx.file('c', '')}"], capture_output=True, text=True)
        assert tested.returncode == 0 and (remedy in tested.stderr) == warned, (before, tested.stderr)
    silent = subprocess.run(without + [binary(ctx.variant.build), "--test", f"--conf-file={ctx.path('c')}"], capture_output=True, text=True)
    assert "NET_ADMIN" not in silent.stderr, silent.stderr

    agent = consul.dev_agent(ctx)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    patroni.start()

    class Limited(Lictor):
        @property
        def command(self):
            return without + super().command

    lictor = Limited(ctx, LEADER, "--leader-cut", consul=agent.api.url)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    assert remedy in lictor.process.log()
    serve(ctx, HOSTS[0])
    client = connected(ctx, HOSTS[0])
    patroni.switchover(1, lambda: time.sleep(0.05))
    lictor.process.until(lambda: lictor.metrics()[FAILURES] >= 2, 3, "failures are counted")
    assert not ended(client) and cut_total(lictor) == 0
    assert lictor.process.log().count(remedy) == 1, "one warning"


@test("the end of the process that ends connections is logged and counted; lictor goes on", ONCE, within=60, namespace=True)
def _(ctx):
    _agent, patroni, lictor = start(ctx)
    with open(f"/proc/{lictor.process.pid}/task/{lictor.process.pid}/children") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)
    lictor.until_logged("leader-cut: the process that ends connections has ended; none is ended until lictor is restarted")
    assert lictor.metrics()[FAILURES] == 1
    patroni.switchover(1, lambda: time.sleep(0.02))
    lictor.until_resolves(NAME, [HOSTS[1]])
