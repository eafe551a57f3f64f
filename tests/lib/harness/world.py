"""Which answers of lictor are right at a moment? A small world in a real Consul that changes, and the history of its changes.

Each change of a fact gives it a value that it never had before, so that an answer shows which state it is from. An answer is right if its
state was registered when the answer came, was the latest one when the query was sent or had been replaced for less than a second, and if
no earlier answer was of a later state ("no leader" and "no pointer" show none: see `known`). While lictor is cut off from Consul it may not know changes; it may not forget what it answered.
"""

import collections
import heapq
import threading

from . import net
from .patroni import Patroni

FRESH = 1.0         # seconds after which a change must be in the answers, on an idle machine

NONE = ("SERVFAIL",)        # the leader's name while there is no leader
ABSENT = ("no pointer",)    # the agent's own reply depends on its version and its recursors
SESSION_TTL = 24 * 3600     # seconds; nobody renews the members' sessions

State = collections.namedtuple("State", "began done value")     # `done` is infinite while it is not known whether the state was written
Seen = collections.namedtuple("Seen", "sent received value")


class History:
    """The states of one fact, oldest first."""

    def __init__(self, *states):
        self._states, self._first, self._lock = list(states), 0, threading.Lock()
        self._least, self._waiting = 0, []      # state that a client got at least; (received, state) of answers that come later than the last query

    def change(self, value, write, now):
        """Notes the state before it is written, so that no answer comes too early, and again when it is written. `now()`: the time."""
        with self._lock:
            self._states.append(State(now(), float("inf"), value))
            number = self._first + len(self._states) - 1
        write()
        with self._lock:
            self._states[number - self._first] = self._states[number - self._first]._replace(done=now())

    @property
    def value(self):
        return self._states[-1].value

    def known(self):
        """The present state is known to the clients: an older one is wrong from now on."""
        self._least = self._first + len(self._states) - 1

    def forget(self, before):
        """Drops states that were replaced before this time. True if the present state is older than that."""
        with self._lock:
            while len(self._states) > 1 and self._states[1].done < before:
                self._states.pop(0)
                self._first += 1
            return self._states[-1].done < before

    def judge(self, seen, blind=(), fresh=None):
        """[(time, sentence)] about the answers that are wrong. `seen`: Seens to queries sent after those of earlier calls. `blind`: (from, to) in
        which lictor was cut off from Consul."""
        fresh, blind = fresh or net.allowed(FRESH), sorted(blind)
        with self._lock:
            states, first = list(self._states), self._first
        until, by_value = self._until(states, blind, fresh), collections.defaultdict(list)
        for number, state in enumerate(states):
            by_value[state.value].append(number)
        wrong = []
        for each in sorted(seen, key=lambda one: one.sent):
            while self._waiting and self._waiting[0][0] < each.sent:
                self._least = max(self._least, heapq.heappop(self._waiting)[1])
            least = self._least - first
            known = [number for number in by_value.get(each.value, ()) if states[number].began <= each.received]
            timely = [number for number in known if each.sent <= until[number]]
            if not known:
                wrong.append((each.sent, f"{each.value} was never registered"))
            elif not timely:
                wrong.append((each.sent, f"{each.value} {each.sent - until[known[-1]]:.2f} s later than a change may need"))
            elif timely[-1] < least:
                wrong.append((each.sent, f"{each.value} after a client got {states[least].value}"))
            # Neither shows the latest state: lictor may see a part of what Patroni writes at a change (no leader, then the old one for the grace
            # period), and addresses that it does not know are asked for at the agent's DNS, which may know a change earlier than lictor.
            elif each.value not in (NONE, ABSENT):
                heapq.heappush(self._waiting, (each.received, first + next(number for number in timely if number >= least)))
        return wrong

    @staticmethod
    def _until(states, blind, fresh):
        """For each state, when the latest query may be sent whose answer it is."""
        times, replaced = [], float("inf")
        for state in reversed(states):
            until = replaced + fresh
            for begin, end in blind:
                if begin <= until:
                    until = max(until, end + fresh)
            times.append(until)
            replaced = min(replaced, state.done)
        return times[::-1]


class World:
    """A service of six instances, a node with its PTR records, and the leader of a Patroni cluster."""

    SERVICE, NODE, LEADER = "web.service.consul", "moving.node.consul", "master.pglab.service.consul"
    INSTANCES = 6

    def __init__(self, agent, now):
        dns = f"{agent.dns.address}#{agent.dns.port}"
        self.options = ("--consul-watch=web", "--leader=pglab,namespace=digitalis.io", f"--consul-dns={dns}", f"--server=/10.in-addr.arpa/{dns}")
        self.api, self._now, self._turn = agent.api, now, 0
        self.service, self.node, self.leader = History(), History(), History()
        self.pointers = {}          # reverse name -> History
        self._web = [f"10.20.0.{n + 1}" for n in range(self.INSTANCES)]
        for n in range(self.INSTANCES):
            self._register(n)
        self.service.change(tuple(sorted(self._web)), lambda: None, now)
        self._move_node()
        self.patroni = Patroni("pglab", [agent, agent], [self._host(0), self._host(1)], session_ttl=SESSION_TTL).start()
        self.leader.change((self.patroni.host(),), lambda: None, now)

    def stop(self):
        self.patroni.stop()

    def facts(self):
        """{name: History}"""
        return {self.SERVICE: self.service, self.NODE: self.node, self.LEADER: self.leader, **self.pointers}

    @staticmethod
    def rdtype(name):
        return "PTR" if name.endswith(".arpa") else "A"

    @staticmethod
    def value_of(name, rcode, records):
        """The value that a reply shows."""
        if name.endswith(".arpa") and not records:
            return ABSENT
        return (rcode,) if rcode != "NOERROR" else tuple(sorted(records))

    def reverse_names(self):
        """The reverse names of the node's present address and of the one before."""
        return list(self.pointers)[-2:]

    def names(self):
        """All names to ask for."""
        return [self.SERVICE, self.NODE, self.LEADER, *self.reverse_names()]

    @staticmethod
    def _host(number):
        return f"10.7.{number // 250}.{number % 250 + 1}"

    def _register(self, number):
        # The address of a node differs from that of the service on it: one in place of the other is wrong.
        self.api.register(f"w{number}", f"10.21.0.{number + 1}", {"Service": "web", "Port": 80, "Address": self._web[number]})

    def _move_node(self):
        address = f"10.22.{self._turn // 250}.{self._turn % 250 + 1}"
        reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        before = list(self.pointers.values())[-1:]
        self.pointers[reverse] = pointer = History(State(0.0, 0.0, ABSENT))
        facts = [(self.node, (address,)), (pointer, ("moving.node.dc1.consul.",)), *((old, ABSENT) for old in before)]

        def write(left):
            if left:
                history, value = left[0]
                history.change(value, lambda: write(left[1:]), self._now)
            else:
                self.api.register("moving", address)
        write(facts)

    def change(self):
        """Another address of one instance, and of the node."""
        self._turn += 1
        number = self._turn % self.INSTANCES
        self._web[number] = f"10.20.{self._turn // 250 + 1}.{self._turn % 250 + 1}"
        self.service.change(tuple(sorted(self._web)), lambda: self._register(number), self._now)
        self._move_node()

    def depose(self):
        """The leader gives up its lock; nobody takes it."""
        self.leader.change(NONE, lambda: self.patroni.demote(self.patroni.leader), self._now)

    def promote(self):
        """The other member leads, at an address that no leader had."""
        self._turn += 1
        old = self.patroni.leader
        to = next(member for member in self.patroni.members if member is not old)
        to.host = self._host(self._turn + 1)
        self.leader.change((to.host,), lambda: self.patroni.promote(to, lambda: None), self._now)
        self.patroni.announce(old, "replica")

    def forget(self, before):
        """Drops what was replaced before this time."""
        kept = self.reverse_names()
        for name, history in self.facts().items():
            if history.forget(before) and name in self.pointers and name not in kept:
                del self.pointers[name]
