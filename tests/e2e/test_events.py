"""What else does lictor do at a leader change, and what is kept across a restart?

SOA serial, leader-exec, /events, /failovers, snapshot-file.

Leaders change here in the order of Patroni's writes (tests/lib/harness/patroni.py), in a real Consul.
"""

import http.client
import json
import os
import socket
import threading
import time

from harness import ask, consul, net
from harness.lictor import Lictor, run
from harness.patroni import Patroni
from harness.runner import BOTH, ONCE, background, test

HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
NAME, ZONE = "master.pglab.service.consul", "pglab.service.consul"
LEADER = "--leader=pglab,namespace=/digitalis.io/"


def start(ctx, *options, **how):
    agent = ctx.shared("agent", consul.dev_agent)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor = Lictor(ctx, LEADER, *options, consul=agent.api.url, **how)
    lictor.until_resolves(NAME, [patroni.host()], within=5)
    return patroni, lictor


def gap():
    time.sleep(0.02)


def serial(lictor, name=ZONE):
    """(owner, serial) of the SOA in the answer section."""
    reply = lictor.udp(name, "SOA")
    assert ask.rcode(reply) == "NOERROR" and len(reply.answer) == 1, reply.to_text()
    return reply.answer[0].name.to_text(), reply.answer[0][0].serial


# SOA


@test("the SOA serial of a leader's service rises when the new leader is answered, not at the withdrawal; a restart does not lower it")
def _(ctx):
    patroni, lictor = start(ctx)
    owner, first = serial(lictor)
    assert owner == ZONE + "." and 1.7e9 < first < 2**31 and abs(first - time.time()) < 30, (owner, first)
    assert serial(lictor, NAME) == (owner, first)
    time.sleep(1.1)
    patroni.demote(patroni.leader)
    lictor.process.until(lambda: lictor.json("/leaders")["leaders"][0]["state"] == "vacant", 2, "the old leader is withdrawn")
    assert serial(lictor)[1] == first, "the serial rose at the withdrawal: PgBouncer would query during the gap"
    patroni.promote(patroni.members[1], gap)
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    second = serial(lictor)[1]
    assert second > first and abs(second - time.time()) < 5, (first, second)
    patroni.announce(patroni.members[0], "replica")
    net.steadily(lambda: serial(lictor)[1] == second, 0.3, "a change of a replica does not change the serial")
    for to in (2, 0, 1):        # faster than one change a second
        before = serial(lictor)[1]
        patroni.switchover(to, gap)
        lictor.until_resolves(NAME, [HOSTS[to]], within=1)
        assert serial(lictor)[1] > before
    last = serial(lictor)[1]
    time.sleep(max(0.0, last - time.time()) + 1)
    lictor.stop()
    lictor.start()
    lictor.until_resolves(NAME, [HOSTS[1]], within=5)
    assert serial(lictor)[1] >= last


# leader-exec


def program(ctx, text, name="hook"):
    """A program that lictor's user may run, and the path of its output file."""
    os.chmod(ctx.folder, 0o755)
    output = ctx.file(f"{name}.out", "", mode=0o666)
    return ctx.file(name, "#!/bin/sh\n" + text.replace("@", output), mode=0o755), output


def lines(path):
    with open(path) as file:
        return file.read().splitlines()


def change(lines_):
    return [tuple(line.split()) for line in lines_]


@test("leader-exec: run for the first leader and for each change, with the data in its environment; its output is logged")
def _(ctx):
    hook, output = program(ctx, 'echo "$LICTOR_OLD_ADDRESS>$LICTOR_NEW_ADDRESS $LICTOR_OLD_NAME>$LICTOR_NEW_NAME $LICTOR_NEW_PORT '
                               '$LICTOR_SCOPE $LICTOR_TIMELINE $LICTOR_SERIAL" >>@\n'
                               'echo "hello from the hook: $LICTOR_REASON"; echo "on stderr" >&2\n'
                               'echo "token ${CONSUL_HTTP_TOKEN:-none}"')
    patroni, lictor = start(ctx, f"--leader-exec={hook}", env={"CONSUL_HTTP_TOKEN": "5ec2e7", "MINE": "x"})
    lictor.process.until(lambda: len(lines(output)) == 1, 5, "it runs for the first leader")
    patroni.switchover(1, gap)
    lictor.process.until(lambda: len(lines(output)) == 2, 5, "it runs for the change")
    ran = change(lines(output))
    assert ran[0][:4] == (f">{HOSTS[0]}", ">patroni01", "5432", "pglab"), ran
    assert ran[1][:5] == (f"{HOSTS[0]}>{HOSTS[1]}", "patroni01>patroni02", "5432", "pglab", "2"), ran
    assert int(ran[1][5]) == serial(lictor)[1]
    lictor.until_logged(r"leader-exec output: hello from the hook: first known")
    lictor.until_logged(r"leader-exec output: on stderr")
    lictor.until_logged(r"leader-exec output: token none")
    lictor.until_logged(r"leader-exec=\S+ succeeded after \d+ ms")
    metrics = lictor.metrics()
    assert metrics["lictor_hook_runs_total"] == 2 and metrics["lictor_hook_failures_total"] == 0, metrics


@test("leader-exec: it runs as lictor's user, without capabilities, and inherits no socket", ONCE)
def _(ctx):
    if not net.as_root():
        return
    hook, output = program(ctx, 'id -un >>@; grep -E "CapEff|CapAmb" /proc/self/status >>@; ls -l /proc/self/fd >>@; echo end >>@')
    _patroni, lictor = start(ctx, f"--leader-exec={hook}")
    lictor.process.until(lambda: "end" in lines(output), 5, "it ran")
    text = lines(output)
    assert text[0] == "nobody", text
    assert [line.split()[1] for line in text if line.startswith("Cap")] == ["0" * 16] * 2, text
    assert not any("socket" in line for line in text), text
    admin, admin_output = program(ctx, 'grep -E "CapEff|CapAmb" /proc/self/status >>@; echo end >>@', name="admin")
    other = Lictor(ctx, LEADER, f"--leader-exec={admin}", "--leader-exec-net-admin", consul=ctx.shared("agent", None).api.url, name="other")
    other.process.until(lambda: "end" in lines(admin_output), 5, "it ran")
    caps = [line.split()[1] for line in lines(admin_output) if line.startswith("Cap")]
    if caps == ["0" * 16] * 2:
        other.until_logged("CAP_NET_ADMIN cannot be kept")      # a container without it
    else:
        assert caps == [f"{1 << 12:016x}"] * 2, caps
    assert other.process.status("CapEff") == ["0" * 16], "lictor must drop the capability"


@test("leader-exec: one run at a time; changes during a run are merged into one more run; answers never wait for a run", within=60)
def _(ctx):
    hook, output = program(ctx, 'echo "begin $LICTOR_OLD_ADDRESS>$LICTOR_NEW_ADDRESS skipped=$LICTOR_SKIPPED_ADDRESSES" >>@\n'
                               'sleep 1.2; echo end >>@')
    patroni, lictor = start(ctx, f"--leader-exec={hook}")
    lictor.process.until(lambda: len(lines(output)) == 1, 5, "it has started")
    for to in (1, 2, 1, 0, 2):
        patroni.switchover(to, gap)
        lictor.until_resolves(NAME, [HOSTS[to]], within=1)
        begin = time.monotonic()
        assert lictor.resolve(NAME) == [HOSTS[to]]
        assert time.monotonic() - begin < min(net.allowed(0.2), 1.0)      # a run takes 1.2 s
    lictor.process.until(lambda: lines(output).count("end") == 2, 8, "the second run has ended")
    time.sleep(0.3)
    assert lines(output) == [f"begin >{HOSTS[0]} skipped=", "end", f"begin {HOSTS[0]}>{HOSTS[2]} skipped={HOSTS[1]}", "end"], lines(output)
    assert lictor.metrics()["lictor_hook_merged_total"] == 4


@test("leader-exec: a program that hangs is killed with its children; failures and too much output are logged; the next program still runs",
      within=60)
def _(ctx):
    hanging, output = program(ctx, 'echo $$ >>@; sleep 1000 & echo $! >>@; trap "" TERM; sleep 1000; sleep 1000', name="hanging")
    flooding, _ = program(ctx, "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; head -c 100000 /dev/zero | tr '\\0' x; exit 3", name="flooding")
    last, last_output = program(ctx, "echo ran >>@", name="last")
    _patroni, lictor = start(ctx, f"--leader-exec={hanging}", f"--leader-exec={flooding}", "--leader-exec=/nowhere/at-all", f"--leader-exec={last}",
                             "--leader-exec-timeout=1")
    lictor.until_logged("at-all cannot be run as this user")
    lictor.process.until(lambda: lines(last_output) == ["ran"], 10, "the last one ran")
    lictor.until_logged("hanging exceeded leader-exec-timeout")
    lictor.until_logged(r"flooding ended with exit code 3")
    lictor.until_logged(r"lines lost")
    lictor.until_logged(r"at-all ended with exit code 127")
    for pid in lines(output):
        assert not os.path.exists(f"/proc/{pid}"), f"process {pid} of the hanging program still runs"
    assert lictor.process.log().count("leader-exec output: line") <= 200
    assert lictor.metrics()["lictor_hook_failures_total"] == 3


@test("leader-exec: SIGTERM ends lictor within a second although a program runs, and ends the program, too")
def _(ctx):
    hook, output = program(ctx, "echo $$ >>@; sleep 1000")
    _patroni, lictor = start(ctx, f"--leader-exec={hook}")
    lictor.process.until(lambda: lines(output), 5, "it runs")
    lictor.stop()
    net.until(lambda: not os.path.exists(f"/proc/{lines(output)[0]}"), 5, "the program is ended")


# /failovers


@test("/failovers: a switchover is a record with the time of every phase, and counts that match the clients' answers")
def _(ctx):
    patroni, lictor = start(ctx)
    assert lictor.json("/failovers") == {"failovers": [], "total": 0, "answers_late_total": 0}
    stop, answers = threading.Event(), []

    def querying():
        while not stop.is_set():
            answers.append(tuple(lictor.resolve(NAME, within=6)))

    clients = [background(querying) for _ in range(2)]
    lictor.process.until(lambda: answers, 2, "the clients query")
    old, new = patroni.leader, patroni.members[1]
    old.agent.api.put_key(patroni.prefix + "failover", json.dumps({"leader": old.name, "member": new.name}))
    time.sleep(0.1)
    patroni.demote(old)
    time.sleep(0.25)
    patroni.promote(new, lambda: time.sleep(0.1))
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    time.sleep(0.2)
    patroni.announce(old, "replica")
    stop.set()
    for client in clients:
        client.result()
    lictor.process.until(lambda: lictor.json("/failovers")["failovers"][0]["done"], 2, "the record is done")
    one = lictor.json("/failovers")["failovers"][0]
    at = one["phases_ms"]
    ctx.note(", ".join(f"{name} {value:.1f}" for name, value in sorted(at.items(), key=lambda p: (p[1] is None, p[1])) if value is not None))
    assert (one["old"]["member"], one["new"]["member"]) == ("patroni01", "patroni02") and one["new"]["address"] == HOSTS[1]
    assert one["scope"] == "pglab" and one["timeline"] == 2 and one["serial"] == serial(lictor)[1]
    for phase in ("lock_gone", "withdrawn", "withdrawn_everywhere", "lock_taken", "promoted_by_kv", "published", "published_everywhere", "first_answer"):
        assert at[phase] is not None, f"{phase} is missing: {at}"
    assert at["withdrawn"] <= at["withdrawn_everywhere"] <= at["published"] <= at["published_everywhere"], at
    assert 250 <= at["published"] - at["withdrawn"] <= net.allowed(1000), at
    assert at["withdrawn_everywhere"] - at["lock_gone"] < net.allowed(50) and at["first_answer"] - at["published"] < net.allowed(50), at
    assert 2 <= one["questions_held"] <= 6 and one["questions_expired"] == 0, one
    assert 200 <= one["longest_hold_ms"] <= net.allowed(1000), one
    assert one["answers_late"] == 0 and set(answers) == {(HOSTS[0],), (HOSTS[1],)}, (one, set(answers))
    metrics = lictor.metrics()
    assert metrics["lictor_failovers_total"] == 1 and metrics["lictor_leader_answers_late_total"] == 0
    assert 0.2 < metrics['lictor_failover_last_seconds{service="pglab",phase="gap"}'] < net.allowed(1.0)
    assert metrics['lictor_failover_max_seconds{phase="withdrawal"}'] < net.allowed(0.05)


@test("lictor failovers: one line for each phase; the status page has the table; the number of records is bounded")
def _(ctx):
    patroni, lictor = start(ctx)
    code, out, err = run(ctx, "failovers", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and "no leader has changed" in out, out + err
    for n in range(70):
        to = [1, 2, 0][n % 3]
        patroni.switchover(to, lambda: None)
        lictor.until_resolves(NAME, [HOSTS[to]], within=2)
        patroni.renew()
    document = lictor.json("/failovers")
    assert len(document["failovers"]) == 64 and document["total"] == 70 and document["answers_late_total"] == 0, document["total"]
    code, out, _err = run(ctx, "failovers", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and out.startswith("#70 pglab: ") and "withdrawn by every worker" in out and "answers with the old address" in out, out[:600]
    ctx.note("\n".join(out.split("\n\n")[0].splitlines()))
    assert 'id="failovers"' in lictor.http("/")[2]


# /events


class Listener:
    """Reads server-sent events like a browser."""

    def __init__(self, lictor, last=None):
        self.link = http.client.HTTPConnection("127.0.0.1", lictor.stats_port, timeout=20)
        self.link.request("GET", "/events", headers={"Last-Event-ID": last} if last else {})
        self.reply = self.link.getresponse()

    def next(self):
        """(id, type, data) of the next event; heartbeats are skipped."""
        fields = {}
        while True:
            line = self.reply.readline().decode().rstrip("\n")
            if line:
                if not line.startswith(":"):
                    name, value = line.split(": ", 1)
                    fields[name] = value
            elif fields:
                return fields["id"], fields["event"], json.loads(fields["data"])

    def close(self):
        self.reply.close()
        self.link.close()


@test("/events: the current state, then each withdrawal, leader and failover; a client that reconnects misses no event")
def _(ctx):
    patroni, lictor = start(ctx)
    one = Listener(lictor)
    assert one.reply.status == 200 and one.reply.headers["Content-Type"] == "text/event-stream"
    ident, kind, data = one.next()
    assert kind == "leaders" and data["leaders"][0]["member"] == "patroni01", data
    patroni.switchover(1, gap)
    seen = [one.next() for _ in range(3)]
    assert [kind for _, kind, _ in seen] == ["withdrawn", "leader", "failover"], seen
    assert seen[0][2]["old"]["address"] == HOSTS[0] and "new" not in seen[0][2]
    assert seen[1][2]["new"]["address"] == HOSTS[1] and seen[1][2]["serial"] == serial(lictor)[1]
    assert seen[2][2]["number"] == 1 and seen[2][2]["phases_ms"]["published_everywhere"] is not None
    one.close()
    patroni.switchover(2, gap)
    lictor.until_resolves(NAME, [HOSTS[2]], within=2)
    again = Listener(lictor, last=seen[1][0])
    missed = [again.next() for _ in range(4)]
    assert [kind for _, kind, _ in missed] == ["failover", "withdrawn", "leader", "failover"], missed
    assert missed[0] == seen[2] and missed[2][2]["new"]["address"] == HOSTS[2]
    unknown = Listener(lictor, last="123-4")
    assert unknown.next()[1] == "restarted" and unknown.next()[1] == "leader"
    lictor.process.until(lambda: lictor.metrics()["lictor_event_streams"] == 2, 3, "the closed stream is removed")
    lictor.stop()               # it ends at once, with open streams, too


@test("/events: a bounded number of streams; an unknown Host is refused; the other paths keep working", ONCE)
def _(ctx):
    patroni, lictor = start(ctx)
    listeners = [Listener(lictor) for _ in range(8)]
    for listener in listeners:
        listener.next()
    status, _headers, text = lictor.http("/events")
    assert status == 503 and "too many" in text, (status, text)
    assert lictor.http("/events", headers={"Host": "evil.example"})[0] == 403
    assert lictor.http("/events", method="HEAD")[0] == 200
    patroni.switchover(1, gap)
    for listener in listeners:
        assert listener.next()[1] == "withdrawn"
    for _ in range(60):         # more requests than the endpoint allows connections
        assert lictor.http("/health")[0] == 200
    assert listeners[0].next()[1] == "leader"
    time.sleep(6)               # longer than the time limit of other requests
    patroni.switchover(2, gap)
    kinds = [listeners[3].next()[1] for _ in range(3)]
    assert kinds == ["leader", "failover", "withdrawn"], kinds
    metrics = lictor.metrics()
    assert metrics["lictor_event_streams_refused_total"] == 1 and metrics["lictor_event_streams_dropped_total"] == 0, metrics


@test("/events: a client that does not read is disconnected and counted; other clients and DNS are not affected", ONCE, within=120)
def _(ctx):
    patroni, lictor = start(ctx)
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    stalled.connect(("127.0.0.1", lictor.stats_port))
    stalled.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    good = Listener(lictor)
    good.next()
    lictor.process.until(lambda: lictor.metrics()["lictor_event_streams"] == 2, 2, "both streams are open")
    events = 0
    for n in range(400):
        to = [1, 2, 0][n % 3]
        patroni.switchover(to, lambda: None)
        lictor.until_resolves(NAME, [HOSTS[to]], within=2)
        if n % 20 == 0:
            patroni.renew()
            if lictor.metrics()["lictor_event_streams_dropped_total"] == 1:
                break
    else:
        raise AssertionError("never dropped")
    ctx.note(f"dropped after {n} changes of leader")
    while good.next()[1] != "failover" or events < n:
        events += 1
    lictor.process.until(lambda: lictor.metrics()["lictor_event_streams"] == 1, 2, "the stalled stream is closed")
    stalled.close()


# snapshot-file


def kept(ctx, *options, ttl=30, **how):
    """An agent of its own that can be killed, and a lictor whose snapshot-file is in a folder that it may write."""
    agent = consul.dev_agent(ctx, name="mortal")
    agent.api.register("n1", "10.9.0.1", {"Service": "web", "Port": 80, "Tags": ["v1"]})
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    patroni.start()
    agent.api.put_key(patroni.prefix + "config", json.dumps({"ttl": ttl, "loop_wait": 10, "retry_timeout": 10}))
    folder = ctx.path("state")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "snapshot")
    lictor = Lictor(ctx, LEADER, f"--snapshot-file={path}", "--consul-watch=web", "--consul-dns=", *options, consul=agent.api.url, **how)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    lictor.until_resolves("web.service.consul", ["10.9.0.1"], within=5)
    lictor.wait_ready()         # no snapshot is written before the first reads from Consul are done
    return agent, patroni, lictor, path


def die(agent):
    agent.kill()


@test("snapshot-file: after a restart without Consul, it answers services and the leader with TTL 0 and extended error 3; the serial stays",
      within=90)
def _(ctx):
    agent, patroni, lictor, path = kept(ctx)
    patroni.switchover(1, gap)
    lictor.until_resolves(NAME, [HOSTS[1]], within=2)
    before = serial(lictor)[1]
    lictor.stop()
    assert os.stat(path).st_mode & 0o777 == 0o600
    die(agent)
    begin = time.monotonic()
    lictor.start()
    lictor.until_logged(r"snapshot of \d+ s ago: \d+ services, 1 leaders")
    lictor.until_resolves(NAME, [HOSTS[1]], within=4)
    lictor.until_resolves("web.service.consul", ["10.9.0.1"], within=4)
    lictor.until_resolves("v1.web.service.consul", ["10.9.0.1"], within=4)
    ctx.note(f"answered {time.monotonic() - begin:.2f} s after the start")
    def stale():
        reply = lictor.udp("web.service.consul", edns=1232)
        return 3 in ask.extended_errors(reply) and ask.ttls(reply) == [0]
    lictor.process.until(stale, 3, "extended error 3 and TTL 0")
    lictor.process.until(lambda: 3 in ask.extended_errors(lictor.udp(NAME, edns=1232)), 3, "extended error 3 for the leader")
    assert lictor.json("/leaders")["leaders"][0]["reason"] == "kept without contact"
    assert serial(lictor)[1] == before
    assert lictor.http("/ready")[0] == 503
    lictor.stop()               # no new data: the file stays unchanged
    lictor.start()
    lictor.until_resolves(NAME, [HOSTS[1]], within=4)


@test("snapshot-file: a leader from it is answered until Patroni's ttl ends, services longer; Consul's data replace both after its return",
      within=120)
def _(ctx):
    agent, patroni, lictor, _path = kept(ctx, "--leader-hold=200", ttl=6)
    lictor.process.until(lambda: lictor.metrics()["lictor_consul_changes_total"] > 2, 3, "the config was read")
    time.sleep(0.3)
    lictor.stop()
    stopped = time.monotonic()
    die(agent)
    lictor.start()
    lictor.until_resolves(NAME, [HOSTS[0]], within=3)
    lictor.process.until(lambda: lictor.resolve(NAME) == ["SERVFAIL"], 10, "the leader is no longer answered")
    ctx.note(f"the leader was answered until {time.monotonic() - stopped:.1f} s after the last contact with Consul, ttl is 6 s")
    assert time.monotonic() - stopped < net.allowed(8)
    assert lictor.resolve("web.service.consul") == ["10.9.0.1"]
    lictor.stop()
    lictor.start()
    lictor.process.until(lambda: lictor.resolve(NAME) == ["SERVFAIL"], 3, "too old to be answered")
    lictor.until_resolves("web.service.consul", ["10.9.0.1"], within=4)
    agent.start()
    agent.wait_ready()
    lictor.process.until(lambda: lictor.resolve("web.service.consul") == ["NXDOMAIN"], 10, "the data of the new, empty Consul are answered")


@test("snapshot-file: written every ten seconds for a crash; a damaged one is rejected with the reason, and replaced", within=90)
def _(ctx):
    agent, patroni, lictor, path = kept(ctx)
    lictor.process.until(lambda: lictor.metrics()["lictor_snapshot_writes_total"] >= 1, 15, "the snapshot is written while lictor runs")
    lictor.kill()
    with open(path, "r+b") as file:
        file.seek(-20, 2)
        byte = file.read(1)
        file.seek(-20, 2)
        file.write(bytes([byte[0] ^ 1]))
    lictor.start()
    lictor.until_logged("its checksum is wrong; it is ignored")
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    lictor.stop()
    mark = len(lictor.process.log())
    lictor.start()
    lictor.until_logged(r"snapshot of \d+ s ago", since=mark)
    lictor.stop()
    os.chmod(path, 0o666)
    mark = len(lictor.process.log())
    lictor.start()
    lictor.until_logged("users other than lictor's can write it", since=mark)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)


@test("snapshot-file in a folder that cannot be written: logged once, without other effects", ONCE)
def _(ctx):
    _patroni, lictor = start(ctx, "--snapshot-file=/proc/nowhere")
    lictor.wait_ready()         # no snapshot is written before the first reads from Consul are done
    lictor.stop()
    lictor.until_logged("snapshot-file=/proc/nowhere: it cannot be written")
