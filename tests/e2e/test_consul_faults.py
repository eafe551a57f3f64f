"""What does lictor answer while each reply of Consul is faulty, and how soon is it right afterwards?

A relay before a real agent plays each row of the table of faults (harness/faults.py). While it does, a service, a node, its PTR records and
a leader change in Consul, and all are asked for. No answer may be invented, empty or older than one before, and none may be missing. Within a
second after the fault, each answer is the present one.
"""

import collections
import threading
import time

from harness import ask, consul, faults, net
from harness.lictor import Lictor
from harness.relay import Relay
from harness.runner import ONCE_SANITIZED, test
from harness.world import FRESH, NONE, History, Seen, State, World

LASTS = 1.3             # seconds of each fault
HOLD = 300              # leader-hold in milliseconds
REQUESTS_MAX = 100      # a second: no loop without pauses


class Clients:
    """Asks for a name again and again until `stop`, and keeps what came. No answer within five seconds is an error."""

    def __init__(self, server):
        self._server, self._ended = server, threading.Event()
        self.seen = collections.defaultdict(list)
        self.silent = []
        self.broken = []        # replies that cannot be read
        self._threads = []

    def ask(self, names):
        """`names()`: the names to ask for now."""
        thread = threading.Thread(target=self._loop, args=(names,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self, names):
        while not self._ended.is_set():
            for name in names():
                self.one(name)
            time.sleep(0.015)

    def one(self, name):
        sent = time.monotonic()
        try:
            reply = ask.udp(self._server, name, World.rdtype(name), within=net.allowed(5.0))
        except ask.SILENCE:
            self.silent.append(name)
            return None
        except Exception as error:      # of any library that reads it
            self.broken.append(f"{name}: {error!r}")
            return None
        value = World.value_of(name, ask.rcode(reply), ask.texts(reply))
        self.seen[name].append(Seen(sent, time.monotonic(), value))
        return value

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(15)


class Stage:
    """Agent, relay, world and lictor."""

    def __init__(self, ctx):
        self.agent = consul.dev_agent(ctx, limits={"http_max_conns_per_client": 4000})
        self.world = World(self.agent, time.monotonic)
        ctx.undo.callback(self.world.stop)
        self.faulty = faults.Faulty()
        self.relay = Relay(ctx, (self.agent.address, self.agent.ports["http"]), self.faulty)
        self.lictor = Lictor(ctx, *self.world.options, f"--leader-hold={HOLD}", consul=self.relay.url)
        self.lictor.wait_ready()
        self.until_fresh(10.0)

    def late(self):
        """The names whose answer is not the present one."""
        clients, facts = Clients(self.lictor.server), self.world.facts()
        return [name for name in self.world.names() if clients.one(name) != facts[name].value]

    def until_fresh(self, within):
        """Seconds until every answer is the present one."""
        begin, late = time.monotonic(), ["?"]
        while late:
            took = time.monotonic() - begin
            assert took < net.allowed(within), f"not the present answer {took:.1f} s later: {', '.join(late)}"
            late = self.late()
        return time.monotonic() - begin

    def play(self, row, deposed_before):
        """One row of the table: (answers, seconds until all were right again)."""
        world = self.world
        if deposed_before:
            world.depose()
            net.until(lambda: self.lictor.json("/leaders")["leaders"][0]["reason"] == "demoted", 5, "the leader is withdrawn", every=0.005)
            world.leader.known()
        clients = Clients(self.lictor.server)
        self.relay.hold()
        begin = time.monotonic()
        self.faulty.begin(row)
        for name in (World.SERVICE, World.NODE, World.LEADER):
            clients.ask(lambda name=name: [name])
        clients.ask(world.reverse_names)
        time.sleep(0.05)
        world.change()
        if not deposed_before:
            world.depose()
        world.promote()
        time.sleep(max(0.0, begin + LASTS - time.monotonic()))
        hits, requests = self.faulty.hits, len(self.relay.matching("", begin))
        self.faulty.end()
        self.relay.release()
        end = time.monotonic()
        try:
            took = self.until_fresh(FRESH)
            net.steadily(lambda: not self.late(), 0.2, "the answers stay right")
        finally:
            clients.stop()
        assert not clients.broken, f"replies cannot be read: {clients.broken[:3]}"
        assert not clients.silent, f"no answer for {clients.silent[:3]}"
        for name in (World.SERVICE, World.NODE, World.LEADER):
            assert clients.seen[name], f"{name} was not asked for"
        assert hits, "no reply had the fault"
        assert requests <= REQUESTS_MAX * (end - begin), f"{requests} requests in {end - begin:.1f} s"
        total = 0
        for name, history in world.facts().items():
            seen = clients.seen.get(name, [])
            total += len(seen)
            wrong = history.judge(seen, [(begin, end)])
            assert not wrong, f"{name}: {len(wrong)} of {len(seen)} answers are wrong: {wrong[0][1]}"
        world.forget(begin)
        return total, took


def play_group(ctx, group):
    stage = Stage(ctx)
    failed, answers, slowest, last = [], 0, (0.0, ""), None
    rows = [row for row in faults.FAULTS if row.group == group]
    for number, row in enumerate(rows):
        for deposed_before in (False, True) if ctx.long else (number % 2 == 1,):
            try:
                total, took = stage.play(row, deposed_before)
                answers, slowest = answers + total, max(slowest, (took, row.name))
            except AssertionError as wrong:
                failed.append(f"{row.name}{', leader deposed before' if deposed_before else ''}: {wrong}")
                stage.faulty.end()
                stage.relay.release()
                stage.until_fresh(30.0)
            stage.lictor.process.must_run()
            last = row
    lies = stage.relay.matching(faults.LIE_PATH)
    assert not lies, f"lictor followed a redirection: {lies[0].path}"
    ctx.note(f"{len(rows)} faults, {answers} answers, none wrong or missing; the slowest recovery: {slowest[0] * 1000:.0f} ms ({slowest[1]})"
             if not failed else f"{len(failed)} of {len(rows)} faults")
    assert not failed, "\n".join(failed)
    assert last, f"no fault is in the group {group}"


@test("the judge of the next tests accepts right answers, and finds invented ones, old ones, late ones and a return to an older state", ONCE_SANITIZED)
def _(_ctx):
    def judge(*answers, blind=()):
        states = State(0, 0, ("A",)), State(10, 10.1, ("B",)), State(20, 20.1, NONE), State(21, 21.1, ("C",))
        return [sentence for _at, sentence in History(*states).judge([Seen(*each) for each in answers], blind, fresh=1)]
    assert judge((5, 5.1, ("A",)), (10.05, 10.2, ("B",)), (10.9, 11, ("B",)), (20.5, 20.6, NONE), (21.2, 21.3, ("C",))) == []
    assert judge((10.3, 10.4, ("A",)), (10.5, 10.6, ("B",))) == []
    for what, words, answers in (("invented", "never", [(5, 5.1, ("X",))]), ("empty", "never", [(5, 5.1, ())]), ("early", "never", [(9, 9.5, ("B",))]),
                                 ("late", "later than", [(11.5, 11.6, ("A",))]),
                                 ("back", "after a client got", [(10.2, 10.3, ("B",)), (10.4, 10.5, ("A",))])):
        found = judge(*answers)
        assert len(found) == 1 and words in found[0], f"{what}: {found}"
    cut_off = [(9, 14.5)]
    assert judge((15, 15.1, ("A",)), blind=cut_off) == []
    assert len(judge((15.6, 15.7, ("A",)), blind=cut_off)) == 1
    assert len(judge((12, 12.1, ("B",)), (13, 13.1, ("A",)), blind=cut_off)) == 1
    # A withdrawn leader.
    gone = History(State(0, 0, ("A",)), State(10, 10.1, NONE))
    assert gone.judge([Seen(10.2, 10.3, NONE), Seen(10.4, 10.5, ("A",))], fresh=1) == []
    gone.known()
    assert gone.judge([Seen(10.6, 10.7, NONE)], fresh=1) == [] and gone.judge([Seen(10.8, 10.9, ("A",))], fresh=1)
    # A write that failed: both values are possible until the next one.
    unknown = History(State(0, 0, ("A",)), State(10, float("inf"), ("B",)), State(20, 20.1, ("C",)))
    assert unknown.judge([Seen(15, 15.1, ("A",)), Seen(16, 16.1, ("B",)), Seen(20.5, 20.6, ("B",))], fresh=1) == []
    assert unknown.judge([Seen(21.5, 21.6, ("B",))], fresh=1)
    assert not unknown.forget(5) and unknown.forget(30) and unknown.judge([Seen(31, 31.1, ("C",))], fresh=1) == []


for _group, _what in (("connection", "the connection is slow, cut, reset or out of order"), ("status", "other statuses"),
                      ("index", "X-Consul-Index is missing, wrong, huge or goes back"), ("lists", "lists that are empty or filtered"),
                      ("headers", "headers that are too long, too many or wrong"), ("bodies", "bodies that are damaged, huge, deep or hostile")):
    def _play(ctx, group=_group):
        play_group(ctx, group)
    test(f"faults of Consul's replies: {_what}; no answer is wrong, invented, empty or missing, and a second later all are right",
         ONCE_SANITIZED, within=300)(_play)


@test("every group of the table of faults is played", ONCE_SANITIZED)
def _(_ctx):
    assert faults.groups() == ["connection", "status", "index", "lists", "headers", "bodies"], faults.groups()
