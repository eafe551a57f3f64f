"""Does the leader's name follow the leader: at once, never back to the old one, never two addresses, never an error in between?

Leaders change here in the order of Patroni's writes (tests/lib/harness/patroni.py). Times are taken outside of lictor: a proxy
records when the last byte of each of Consul's replies was passed on, clients record when they sent a query and got the reply, and
an observer records the replies to its own blocking query.
"""

import http.server
import json
import socket
import threading
import time

from harness import ask, consul, net
from harness.clients import Client, Observer, Seen, histogram, quantiles
from harness.leader_order import Move, judge, times_of, without_gaps
from harness.lictor import Lictor
from harness.patroni import Patroni, truth
from harness.proxy import TimingProxy
from harness.runner import ONCE, TIMED, background, test
from harness.upstream import Unbound

MEDIAN_MS, MOVES = 10.0, 100
HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
NAME = "master.pglab.service.consul"
LEADER = "--leader=pglab,namespace=/digitalis.io/"


def cluster_of(shared):
    cluster = consul.Cluster(shared)
    agent = cluster.client()
    consul.settle(agent.api, 0.5)
    return cluster, agent


def start(ctx, *options, patroni=None, proxied=False, **how):
    """(agent, Patroni cluster, a lictor that answers the leader, proxy or None)"""
    cluster, agent = ctx.shared("cluster", cluster_of)
    patroni = Patroni("pglab", cluster.servers, HOSTS, **(patroni or {}))
    ctx.undo.callback(patroni.stop)
    patroni.start(loop_wait=how.pop("loop_wait", 10))
    proxy = TimingProxy(ctx, (agent.address, agent.ports["http"])) if proxied else None
    lictor = Lictor(ctx, LEADER, *options, consul=proxy.url if proxy else agent.api.url, **how)
    lictor.until_resolves(NAME, [patroni.host()], within=5)
    return agent, patroni, lictor, proxy


def held(lictor, name=NAME, rdtype="A", within=8.0):
    """A query sent now, in the background: result() is (reply, seconds it took)."""
    def go():
        begin = time.monotonic()
        return lictor.udp(name, rdtype, within=within), time.monotonic() - begin
    return background(go)


def stay_held(*queries, during=0.3):
    time.sleep(during)          # no answer may arrive during this time
    assert all(q.is_alive() for q in queries), "a query was answered in the gap: " + \
        "; ".join(str(q.result()[0]) for q in queries if not q.is_alive())


def no_gap():
    pass


def play(ctx, patroni, moves, low=0.005, high=0.060):
    """Changes the leader many times, with pauses of 5 to 60 ms between the steps that Patroni does not perform at the same time."""
    done = []
    gap = lambda: time.sleep(ctx.random.uniform(low, high))
    for _ in range(moves):
        at = patroni.members.index(patroni.leader)
        to, old = ctx.random.choice([n for n in range(3) if n != at]), patroni.host()
        patroni.switchover(to, gap)
        done.append(Move(old, patroni.host(), patroni.leader.name, patroni.lock()))
        gap()
        if len(done) % 20 == 0:
            patroni.renew()
    return done


def replies_of(proxy, prefix):
    """[(at, lock, members)] from the replies to the watch on the scope's keys."""
    return [(r["at"], *truth(json.loads(r["body"]), prefix)) for r in proxy.responses()
            if r["path"].startswith("/v1/kv/" + prefix) and r["status"] == 200 and r["body"].startswith("[")]


@test("the judge of the next test accepts a correct history and finds each kind of wrong answer", variants=ONCE)
def _(_ctx):
    seen = lambda *answers: [Seen(0, sent, received, (address,)) for sent, received, address in answers]
    moves = [Move("A", "B", "b", 1), Move("B", "C", "c", 2)]
    times = [10, 20], [10.2, 20.2], [11, 21]
    faults = lambda *answers: judge(seen(*answers), moves, *times)[0]
    right = [(9, 9.5, "A"), (10.1, 10.15, "A"), (10.5, 11.2, "B"), (15, 15.1, "B"), (19.9, 21.5, "C"), (22, 22.3, "C")]
    assert judge(seen(*right), moves, *times) == ([], [11.2, 21.5])
    late = judge(seen((10.9, 10.95, "A"), (11.1, 11.2, "A")), moves, [10, 20], [15, 25], [16, 26])[0]
    assert len(late) == 1 and "got ('A',)" in late[0], "old while lictor reads the change more than a second after the observer"
    for what, answers in {"old after both read the new one": [(10.3, 10.4, "A")], "new before lictor read it": [(10.5, 10.6, "B")],
                          "old after a client got the new one": [(9.7, 11.2, "B"), (11.3, 11.4, "A")], "neither old nor new": [(12, 12.1, "Z")],
                          "the leader after the next": [(12, 12.1, "C")]}.items():
        assert len(faults(*answers)) == 1, what

    running = lambda move, members: move.member in members
    states = [(8, 0, "a"), (9, 0, ""), (10, 1, ""), (11, 1, "b"), (20, 2, "c"), (21, 2, "c")]
    assert times_of(states, moves) == [10, 20] and times_of(states, moves, running) == [11, 20]
    assert times_of(states[4:], moves) == [None, 20], "Consul's reply skipped a leader"
    assert without_gaps([None, 20, None, 40]) == [20, 20, 40, 40]


@test("100 leader changes: the new address within 10 ms of Consul's last byte (median); never old after new, never two, never an error",
      TIMED, within=240)
def _(ctx):
    agent, patroni, lictor, proxy = start(ctx, proxied=True)
    observer = Observer(ctx, agent, patroni.prefix)
    clients = [Client(ctx, lictor.server, name, n, fresh_ports=n % 2 == 1)
               for n, name in enumerate([NAME, NAME, NAME.replace("master", "primary"), NAME])]
    net.until(lambda: proxy.responses(), 5, "lictor uses the proxy")
    moves = play(ctx, patroni, MOVES * (3 if ctx.long else 1))
    time.sleep(0.1)             # replies in flight
    answers = sorted((seen for client in clients for seen in client.result()), key=lambda seen: seen.received)
    lictor.process.must_run()

    failures = [seen for seen in answers if isinstance(seen.outcome, str)]
    assert not failures, f"{len(failures)} of {len(answers)} queries failed: {[f.outcome for f in failures[:10]]}"
    several = [seen for seen in answers if len(seen.outcome) != 1]
    assert not several, f"{len(several)} answers without exactly one address: {several[:5]}"

    running = lambda move, members: members.get(move.member) == (patroni.primary_role, "running")
    watched = observer.result()
    replied = times_of(replies_of(proxy, patroni.prefix), moves, running)
    observed, observed_running = times_of(watched, moves), times_of(watched, moves, running)
    missed = [number for number, at in enumerate(replied) if at is None and observed_running[number] is not None]
    assert not missed and replied[-1] is not None, f"leaders that the observer read and lictor did not: {missed}"
    missed = [number for number, at in enumerate(observed) if at is None and replied[number] is not None]
    assert not missed and observed[-1] is not None, f"leaders that lictor read and the observer did not: {missed}"
    skipped = [number for number, at in enumerate(replied) if at is None]
    if skipped:
        ctx.note(f"leaders that Consul's replies skipped, for lictor and the observer: {skipped}")
    read = times_of(replies_of(proxy, patroni.prefix), moves)
    wrong, first = judge(answers, moves, without_gaps(observed), without_gaps(read), without_gaps(replied))
    wrong += [f"move {number}: {move.new} was never answered" for number, move in enumerate(moves) if first[number] is None and replied[number]]
    latencies = [(at - read) * 1000 for at, read in zip(first, replied) if at is not None and read is not None]
    held_ms = [(seen.received - seen.sent) * 1000 for seen in answers if seen.received - seen.sent > 0.004]
    ctx.note(f"{len(answers)} answers to 4 clients, {len(held_ms)} of them held; {len(moves)} leader changes")
    ctx.note(f"Consul's last byte to the new address: {quantiles(latencies)}")
    ctx.note(f"    {histogram(latencies, (0.25, 0.5, 1, 2, 3, 5, 10, 20, 50))}")
    assert not wrong, f"{len(wrong)} faults:\n" + "\n".join(wrong[:20])
    assert sorted(latencies)[len(latencies) // 2] <= MEDIAN_MS


@test("the gap: A, AAAA and SRV are all held, and answered as soon as the new leader is known")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    patroni.demote(patroni.leader)
    net.until(lambda: "pglab" in lictor.http("/leaders")[2], 2, "/leaders shows the scope")
    time.sleep(0.05)            # until the withdrawal is published
    queries = {kind: held(lictor, rdtype=kind) for kind in ("A", "AAAA", "SRV")}
    over_tcp = background(lambda: lictor.tcp(NAME, within=8))
    stay_held(*queries.values(), over_tcp)
    patroni.promote(patroni.members[1], no_gap)
    begin = time.monotonic()
    replies = {kind: query.result()[0] for kind, query in queries.items()}
    ctx.note(f"released {(time.monotonic() - begin) * 1000:.1f} ms after the promotion was written")
    assert ask.addresses(replies["A"]) == [HOSTS[1]], replies["A"].to_text()
    assert ask.rcode(replies["AAAA"]) == "NOERROR" and not replies["AAAA"].answer, replies["AAAA"].to_text()
    srv = ask.texts(replies["SRV"])
    assert len(srv) == 1 and srv[0].split()[2] == "5432", srv
    assert HOSTS[1] in [rdata.address for rrset in replies["SRV"].additional for rdata in rrset if rdata.rdtype == 1], srv
    assert ask.addresses(over_tcp.result()) == [HOSTS[1]]
    assert ask.ttls(replies["A"]) == [0]


@test("a new lock owner withdraws the old leader at once; until the owner is a primary, queries are held")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    old, new = patroni.leader, patroni.members[2]
    patroni.release_lock(old)
    patroni.take_lock(new)      # the old member's record is still primary and running, its tag still master
    time.sleep(0.05)
    query = held(lictor)
    stay_held(query)
    patroni.touch(new, "promoted")
    stay_held(query)
    patroni.leader = new
    patroni.announce(new, "primary")
    assert ask.addresses(query.result()[0]) == [HOSTS[2]]


class Rest(threading.Thread):
    """Patroni's REST API of one member: only `GET /patroni`."""

    def __init__(self, ctx, scope, name):
        super().__init__(daemon=True)
        self.role, self.requests, self.scope, self.member_name = "replica", 0, scope, name
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests += 1
                body = json.dumps({"state": "running", "role": outer.role, "timeline": 2,
                                   "patroni": {"version": "4.1.0", "scope": outer.scope, "name": outer.member_name}}).encode()
                self.send_response(200 if self.path == "/patroni" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/patroni"
        ctx.undo.callback(self.server.shutdown)
        self.start()

    def run(self):
        self.server.serve_forever()


@test("a delayed member key: the REST API of the lock's owner ends the hold before the key does, and is used only during a hold")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    new = patroni.members[1]
    new.rest = Rest(ctx, "pglab", new.name)
    patroni.touch(new, "replica")
    patroni.demote(patroni.leader)
    patroni.take_lock(new)
    patroni.touch(new, "replica")
    time.sleep(0.3)
    assert new.rest.requests == 0, "requested although no query is held"
    query = held(lictor)
    stay_held(query, during=0.5)
    assert 3 <= new.rest.requests <= 20, f"requested {new.rest.requests} times in half a second"
    new.rest.role = "primary"
    begin = time.monotonic()
    assert ask.addresses(query.result()[0]) == [HOSTS[1]]
    ctx.note(f"answered {(time.monotonic() - begin) * 1000:.0f} ms after the REST API returned primary")
    assert lictor.json("/leaders")["leaders"][0]["reason"] == "confirmed by probe"
    record = lictor.json("/failovers")["failovers"][-1]
    assert "promoted_by_probe" in json.dumps(record), record
    patroni.leader = new
    patroni.announce(new, "primary")
    lictor.process.until(lambda: lictor.json("/leaders")["leaders"][0]["reason"] == "confirmed", 2, "the member key confirms it")
    why = lictor.json("/leaders")["leaders"][0]["why"]
    assert why.startswith(f"{HOSTS[1]}:5432 is answered: {new.name} holds the lock"), why


@test("the lock has priority over the tag: a replica that is tagged master is not answered")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    tagged = patroni.members[1]
    patroni.register(tagged, "primary")
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 0.5, "the lock's owner is answered")
    assert lictor.resolve("pglab.service.consul") == sorted(HOSTS)
    patroni.register(tagged, "replica")


@test("a missing tag has no effect: the lock's owner is answered without its master tag")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    patroni.register(patroni.leader, "replica")
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 0.5, "the lock's owner is answered")
    patroni.deregister(patroni.leader)
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 0.5, "the lock's owner is answered")


@test("a member with role demoted or state stopping is withdrawn although it owns the lock")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx, "--leader-hold=300")
    for role, state in (("demoted", "running"), ("primary", "stopping"), ("primary", "stopped"), ("primary", "stop failed")):
        patroni.touch(patroni.leader, role, state)
        lictor.process.until(lambda: lictor.resolve(NAME) == ["SERVFAIL"], 2, f"withdrawn at {role}/{state}")
        patroni.touch(patroni.leader, "primary")
        lictor.until_resolves(NAME, [HOSTS[0]])


@test("a confirmed leader that owns the lock is kept while it restarts or after it crashed")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    for state in ("restarting", "starting", "crashed"):
        patroni.touch(patroni.leader, "primary", state)
        net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 0.4, f"kept while {state}")
    patroni.touch(patroni.leader, "primary")


@test("lock and member key are deleted together while the node passes: kept for the grace period, then held; a new owner is used at once",
      within=60)
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx, "--leader-hold=500", loop_wait=1)
    begin = time.monotonic()
    old = patroni.crash()       # grace period: loop_wait + 2 s
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 2.0, "kept within the grace period")
    lictor.process.until(lambda: lictor.resolve(NAME) == ["SERVFAIL"], 4, "withdrawn after the grace period")
    ctx.note(f"kept for {time.monotonic() - begin:.1f} s with loop_wait 1")
    patroni.new_session(old)
    patroni.leader = old
    patroni.take_lock(old)
    patroni.announce(old, "primary")
    lictor.until_resolves(NAME, [HOSTS[0]])
    patroni.crash()
    assert lictor.resolve(NAME) == [HOSTS[0]]
    patroni.promote(patroni.members[1], no_gap)
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)


@test("the hold ends: SERVFAIL with extended error 14 after leader-hold, A and AAAA together; later queries wait a second at most",
      within=60)
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx, "--leader-hold=2500")
    patroni.demote(patroni.leader)
    time.sleep(0.05)
    def timed(kind):
        begin = time.monotonic()
        return lictor.udp(NAME, kind, within=8, edns=1232), time.monotonic() - begin
    pair = [background(timed, kind) for kind in ("A", "AAAA")]
    for query in pair:
        reply, seconds = query.result()
        assert ask.rcode(reply) == "SERVFAIL" and 14 in ask.extended_errors(reply), reply.to_text()
        assert 2.3 <= seconds <= 2.5 + net.allowed(0.4), f"held for {seconds:.2f} s, leader-hold is 2.5 s"
    reply, seconds = timed("A")
    assert ask.rcode(reply) == "SERVFAIL" and seconds <= 1 + net.allowed(0.2), f"a later query in the same gap waited {seconds:.2f} s"
    patroni.promote(patroni.members[1], no_gap)
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)


@test("retransmissions are joined: each source port gets one reply, with its own id")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    patroni.demote(patroni.leader)
    time.sleep(0.05)
    socks = [ask.connected(lictor.server, 5) for _ in range(3)]
    for sock in socks:
        for _again in range(3):
            sock.send(ask.packet(NAME, ident=4711))
    time.sleep(0.2)
    patroni.promote(patroni.members[1], no_gap)
    for sock in socks:
        ident, code, addresses = ask.quick_addresses(sock.recv(2000))
        assert (ident, code, addresses) == (4711, 0, [HOSTS[1]])
        sock.settimeout(0.2)
        try:
            raise AssertionError(f"answered twice: {sock.recv(2000)!r}")
        except socket.timeout:
            pass
        sock.close()


@test("SIGTERM answers all held queries before the end")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    patroni.demote(patroni.leader)
    time.sleep(0.05)
    queries = [held(lictor) for _ in range(20)]
    stay_held(*queries, during=0.2)
    seconds = lictor.stop()
    for query in queries:
        assert ask.rcode(query.result()[0]) == "SERVFAIL"
    ctx.note(f"ended {seconds * 1000:.0f} ms after SIGTERM with 20 queries held")


@test("more queries than leader-hold-max: the others get SERVFAIL at once, and are counted")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx, "--leader-hold-max=10", threads=1)
    patroni.demote(patroni.leader)
    time.sleep(0.05)
    socks = [ask.connected(lictor.server, 1) for _ in range(30)]
    for sock in socks:
        sock.send(ask.packet(NAME))
    time.sleep(0.3)
    refused = 0
    for sock in socks:
        sock.setblocking(False)
        try:
            refused += ask.quick_addresses(sock.recv(2000))[1] == 2
        except BlockingIOError:
            pass
    assert refused == 20, f"{refused} of 30 were SERVFAIL at once, 10 may be held"
    assert any("overflow" in key and value >= 20 for key, value in lictor.metrics().items())
    patroni.promote(patroni.members[1], no_gap)
    for sock in socks:
        sock.close()


@test("the leader's node fails: withdrawn when Consul detects it, answered again when another member leads", TIMED[:1], within=90)
def _(ctx):
    cluster, _agent = ctx.shared("cluster", cluster_of)
    _agent, patroni, lictor, _proxy = start(ctx, "--leader-hold=300")
    victim = patroni.leader.agent
    assert victim in cluster.servers
    begin = time.monotonic()
    victim.kill()
    try:
        lictor.process.until(lambda: lictor.resolve(NAME, within=3) == ["SERVFAIL"], 30, "withdrawn at serfHealth critical")
        ctx.note(f"withdrawn {time.monotonic() - begin:.1f} s after the node's agent was killed")
        other = cluster.servers[1].api
        other.put(f"/v1/session/destroy/{patroni.leader.session}")
        patroni.promote(patroni.members[1], no_gap)
        lictor.until_resolves(NAME, [HOSTS[1]], within=2)
    finally:
        victim.start()
        victim.wait_ready()
        consul.settle(victim.api, 1.0)


@test("without a registration in the catalog the keys alone determine the leader")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    patroni = Patroni("cluster_1", cluster.servers, HOSTS, namespace="service", version="4.1.0", service=False)
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor = Lictor(ctx, "--leader=cluster_1", consul=agent.api.url)
    for name in ("master.cluster-1.service.consul", "primary.cluster-1.service.consul", "Master.Cluster-1.Service.Consul"):
        lictor.until_resolves(name, [HOSTS[0]])
    patroni.switchover(1, lambda: time.sleep(0.02))
    lictor.until_resolves("primary.cluster-1.service.consul", [HOSTS[1]], within=1)


@test("a standby cluster's master is NODATA at once")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    api = patroni.leader.agent.api
    api.put_key(patroni.prefix + "config", json.dumps({"ttl": 30, "loop_wait": 10, "standby_cluster": {"host": "10.9.9.9"}}))
    patroni.touch(patroni.leader, "standby_leader")
    def nodata():
        begin = time.monotonic()
        reply = lictor.udp(NAME)
        return ask.rcode(reply) == "NOERROR" and not reply.answer and time.monotonic() - begin < 0.2
    lictor.process.until(nodata, 2, "NODATA for a standby cluster's master")
    api.put_key(patroni.prefix + "config", json.dumps({"ttl": 30, "loop_wait": 10}))
    patroni.touch(patroni.leader, "primary")
    lictor.until_resolves(NAME, [HOSTS[0]])


@test("an alias to the leader's name is answered and held like it")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx, f"--cname=db.local,{NAME}")
    reply = lictor.udp("db.local")
    assert ask.addresses(reply) == [HOSTS[0]], reply.to_text()
    patroni.demote(patroni.leader)
    time.sleep(0.05)
    query = held(lictor, "db.local")
    stay_held(query)
    patroni.promote(patroni.members[1], no_gap)
    assert ask.addresses(query.result()[0]) == [HOSTS[1]]


@test("members with host names: the leader's name is resolved to an address through the upstreams")
def _(ctx):
    cluster, agent = ctx.shared("cluster", cluster_of)
    zone = "$ORIGIN db.test.\n$TTL 600\n@ IN SOA ns h 1 3600 600 86400 5\n@ IN NS ns\nns IN A 192.0.2.53\n" + \
        "".join(f"pg{n + 1} IN A {host}\n" for n, host in enumerate(HOSTS))
    upstream = Unbound(ctx, zone, "db.test")
    patroni = Patroni("pglab", cluster.servers, ["pg1.db.test", "pg2.db.test", "unknown.db.test"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor = Lictor(ctx, LEADER, f"--server={upstream.option}", consul=agent.api.url)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    patroni.switchover(1, lambda: time.sleep(0.02))
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    assert ask.ttls(lictor.udp(NAME))[-1] == 0, "the upstream's TTL of 600 was passed on"
    # A name without an address: the node's address instead.
    patroni.switchover(2, lambda: time.sleep(0.02))
    lictor.until_resolves(NAME, [patroni.leader.agent.address], within=4)


@test("the agent is killed and the leader is kept; a leader change meanwhile is answered within 1 s of the agent's return",
      TIMED, within=90)
def _(ctx):
    agent, patroni, lictor, _proxy = start(ctx)
    agent.kill()
    patroni.switchover(1, no_gap)
    net.steadily(lambda: lictor.resolve(NAME) == [HOSTS[0]], 5 if not ctx.long else 65, "the last leader is kept", every=0.1)
    agent.start()
    agent.wait_ready()
    begin = time.monotonic()
    lictor.until_resolves(NAME, [HOSTS[1]], within=3)
    seconds = time.monotonic() - begin
    ctx.note(f"the new leader {seconds * 1000:.0f} ms after the agent was ready")
    assert seconds <= net.allowed(1.0), f"{seconds:.2f} s after the agent was ready"


@test("/leaders shows the leader, or why there is none")
def _(ctx):
    _agent, patroni, lictor, _proxy = start(ctx)
    text = json.dumps(lictor.json("/leaders"))
    assert "pglab" in text and "patroni01" in text and HOSTS[0] in text, text
    patroni.demote(patroni.leader)
    lictor.process.until(lambda: HOSTS[0] not in json.dumps(lictor.json("/leaders").get("leaders", lictor.json("/leaders")))
                         or "withdrawn" in lictor.http("/leaders")[2], 2, "/leaders shows no leader")
    patroni.promote(patroni.members[1], no_gap)
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    assert HOSTS[1] in lictor.http("/leaders")[2]
