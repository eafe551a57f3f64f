"""Who asks during the soak, and what came? Processes that each send queries at a steady rate and judge what they can judge alone.

An answer of an upstream is a function of its name (`address_of`), so the sender judges it at once. An answer from Consul depends on the
time: it is reported, and the soak judges it with the history of the world. Once a second each process reports through a pipe.
"""

import collections
import multiprocessing
import os
import random
import select
import signal
import socket
import struct
import time

import dns.name

from harness import ask, mutate, net
from harness.process import die_with_parent
from harness.world import Seen, World

SILENT_AFTER = 6.0      # seconds on an idle machine; the C library asks again after five
CACHED = 200            # names that are asked for again and again
ZONE = "soak.test"
A, PTR = 1, 12

fork = multiprocessing.get_context("fork")

Report = collections.namedtuple("Report", "counts seen wrong slow settled")
Report.__doc__ = """`counts`: {(kind, outcome, second of the query): number}; outcomes are ok, error (SERVFAIL) and silent. `seen`: {fact: [Seen]},
answers that only the world can judge. `wrong`: sentences. `slow`: {second: the longest time to an answer from memory}. `settled`: all queries
that were sent before this time are in this report or an earlier one."""


def address_of(number):
    return f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}"


def packet(name, rdtype, ident, edns=None, flags=0x0100, do=False, options=b""):
    wire = struct.pack("!HHHHHH", ident, flags, 1, 0, 0, 1 if edns else 0) + dns.name.from_text(name).to_wire() + struct.pack("!HH", rdtype, 1)
    if edns:
        wire += b"\0" + struct.pack("!HHIH", 41, edns, 0x8000 if do else 0, len(options)) + options
    return wire


def read(wire):
    """(rcode, value): sorted addresses or names of pointers in the answer section; their type is the question's."""
    _ident, flags, questions, answers = struct.unpack("!HHHH", wire[:8])
    at, found = 12, []
    for _ in range(questions):
        at = ask._skip_name(wire, at) + 4
    for _ in range(answers):
        at = ask._skip_name(wire, at)
        kind, _class, _ttl, size = struct.unpack("!HHIH", wire[at:at + 10])
        at += 10
        if kind == A:
            found.append(socket.inet_ntoa(wire[at:at + 4]))
        elif kind == PTR:
            found.append(dns.name.from_wire(wire, at)[0].to_text())
        at += size
    return flags & 15, tuple(sorted(found))


RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Tally:
    """What one process has to report. `judge(kind, name, value, sent)` is called for each reply."""

    def __init__(self, pipe):
        self._pipe, self._next = pipe, time.monotonic() + 1.0
        self._clear()

    def _clear(self):
        self.counts, self.seen, self.wrong, self.slow = collections.Counter(), collections.defaultdict(list), [], {}

    def replied(self, kind, name, expected, sent, wire):
        now = time.monotonic()
        second = int(sent)
        try:
            rcode, value = read(wire)
        except (IndexError, struct.error, dns.exception.DNSException) as error:
            self.wrong.append(f"{kind} {name}: the reply cannot be read: {error!r}")
            return
        # What was read from Consul once is answered for ever: SERVFAIL is wrong for a service and a node, and judged for a leader. An address
        # without a pointer is asked for at the agent, whose reply may be SERVFAIL.
        if expected is None:
            self.seen[name].append(Seen(sent, now, World.value_of(name, RCODES.get(rcode, str(rcode)), value)))
            self.counts[kind, "error" if rcode == 2 and "pointer" not in kind else "ok", second] += 1
            if "leader" not in kind and "pointer" not in kind and now - sent > self.slow.get(second, 0.0):
                self.slow[second] = now - sent
        elif rcode == 2:
            self.counts[kind, "error", second] += 1
        elif rcode or value != expected:
            self.wrong.append(f"{kind} {name}: {RCODES.get(rcode, rcode)} {value}, not {expected}")
        else:
            self.counts[kind, "ok", second] += 1

    def silent(self, kind, sent):
        self.counts[kind, "silent", int(sent)] += 1

    def report(self, oldest):
        """`oldest()`: when the first query was sent that still waits; none waits: None."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1.0
        self._pipe.send(Report(dict(self.counts), dict(self.seen), self.wrong[:20], self.slow, oldest() or now))
        self._clear()


class Names:
    """The questions, by weight. `pointers()`: the reverse names of the moment."""

    def __init__(self, rng, pointers):
        self._rng, self._pointers = rng, pointers
        self._fresh = rng.randrange(1 << 17)
        self._kinds = [self.service] * 30 + [self.leader] * 15 + [self.node] * 5 + [self.pointer] * 5 + [self.cached] * 25 + [self.forwarded] * 20

    def next(self):
        """(kind, name, type, expected value or None if Consul determines it)."""
        return self._rng.choice(self._kinds)()

    def service(self):
        return "service", World.SERVICE, A, None

    def leader(self):
        return "leader", World.LEADER, A, None

    def node(self):
        return "node", World.NODE, A, None

    def pointer(self):
        return "pointer", self._rng.choice(self._pointers()), PTR, None

    def cached(self):
        number = self._rng.randrange(CACHED)
        return "cached", f"n{number}.{ZONE}", A, (address_of(number),)

    def forwarded(self):
        self._fresh = (self._fresh + 1) % (1 << 17)
        return "forwarded", f"n{self._fresh}.{self._rng.randrange(1 << 30):x}.{ZONE}", A, (address_of(self._fresh),)


def datagrams(server, rate, seed, pointers, pipe):
    """Sends `rate` queries a second over UDP, a fifth of them with EDNS, and judges the replies."""
    rng, tally = random.Random(seed), Tally(pipe)
    names = Names(rng, pointers)
    socks = [ask.connected(server, 0) for _ in range(4)]
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    pending = [collections.OrderedDict() for _ in socks]
    numbers = {sock: n for n, sock in enumerate(socks)}
    ident, due = 0, time.monotonic()
    while True:
        now = time.monotonic()
        if now - due > 1.0:
            due = now                # the machine stood still: no burst afterwards
        while due <= now:
            due += 1.0 / rate
            kind, name, rdtype, expected = names.next()
            ident = (ident + 1) & 0xffff
            at = ident % len(socks)
            with_edns = rng.random() < 0.2
            wire = packet(name, rdtype, ident, rng.choice((512, 1232, 4096)) if with_edns else None, do=with_edns and rng.random() < 0.3,
                          options=rng.choice((b"", struct.pack("!HH", 10, 8) + b"12345678", struct.pack("!HH", 65001, 3) + b"abc")) if with_edns else b"")
            pending[at].pop(ident, None)
            pending[at][ident] = (kind, name, expected, time.monotonic(), wire[12:12 + len(wire)])
            try:
                socks[at].send(wire)
            except OSError:
                pass                 # an ICMP error of an earlier query
        ready, _, _ = select.select(socks, [], [], max(0.0, due - time.monotonic()))
        for sock in ready:
            held = pending[numbers[sock]]
            for _ in range(200):
                try:
                    data = sock.recv(65535)
                except OSError:
                    break
                entry = held.pop(int.from_bytes(data[:2], "big"), None) if len(data) >= 12 else None
                if entry is None:
                    continue         # it came after SILENT_AFTER
                kind, name, expected, sent, question = entry
                size = len(dns.name.from_text(name).to_wire()) + 4
                if data[12:12 + size] != question[:size]:
                    tally.wrong.append(f"{kind} {name}: the reply has another question")
                    continue
                tally.replied(kind, name, expected, sent, data)
        oldest = time.monotonic() - net.allowed(SILENT_AFTER)
        for held in pending:
            while held and next(iter(held.values()))[3] < oldest:
                _ident, (kind, _name, _expected, sent, _question) = held.popitem(last=False)
                tally.silent(kind, sent)
        tally.report(lambda: min((next(iter(held.values()))[3] for held in pending if held), default=None))


def streams(server, rate, seed, pointers, pipe):
    """Sends `rate` queries a second over TCP, up to three pipelined on a connection; several connections at a time."""
    rng, tally = random.Random(seed), Tally(pipe)
    names = Names(rng, pointers)
    links = {}              # socket -> [unread bytes, {id: query}, when it was opened]
    due = time.monotonic()

    def give_up(link):
        _data, queries, _opened = links.pop(link)
        link.close()
        for kind, _name, _expected, sent in queries.values():
            tally.silent("tcp " + kind, sent)

    while True:
        now = time.monotonic()
        due = max(due, now - 1.0)
        while due <= now:
            queries, data, number = {}, b"", rng.randint(1, 3)
            due += number / rate
            for ident in range(number):
                kind, name, rdtype, expected = names.next()
                wire = packet(name, rdtype, ident)
                data += struct.pack("!H", len(wire)) + wire
                queries[ident] = (kind, name, expected, time.monotonic())
            link = socket.socket()
            links[link] = [b"", queries, min(sent for _kind, _name, _expected, sent in queries.values())]
            try:
                link.settimeout(1.0)
                link.connect(tuple(server))
                link.sendall(data)
                link.setblocking(False)
            except OSError:
                give_up(link)
        ready, _, _ = select.select(list(links), [], [], max(0.0, due - time.monotonic()))
        for link in ready:
            entry = links[link]
            try:
                data = link.recv(65535)
            except OSError:
                data = b""
            if not data:
                give_up(link)
                continue
            entry[0] += data
            while len(entry[0]) >= 2 and len(entry[0]) >= 2 + int.from_bytes(entry[0][:2], "big"):
                size = int.from_bytes(entry[0][:2], "big")
                wire, entry[0] = entry[0][2:2 + size], entry[0][2 + size:]
                query = entry[1].pop(int.from_bytes(wire[:2], "big"), None)
                if query:
                    kind, name, expected, sent = query
                    tally.replied("tcp " + kind, name, expected, sent, wire)
            if not entry[1]:
                links.pop(link)
                link.close()
        for link in [link for link, entry in links.items() if time.monotonic() - entry[2] > net.allowed(SILENT_AFTER)]:
            give_up(link)
        tally.report(lambda: min((entry[2] for entry in links.values()), default=None))


def garbage(server, rate, seed, _pointers, _pipe):
    """Sends mutated queries and noise over UDP; whatever comes back is dropped."""
    rng = random.Random(seed)
    sock = ask.connected(server, 0)
    wires = mutate.queries([World.SERVICE, World.LEADER, f"n1.{ZONE}", "x.example"], rng)
    while True:
        for _ in range(rate // 10):
            try:
                sock.send(mutate.mutant(rng.choice(wires), rng) if rng.random() < 0.7 else mutate.noise(rng))
            except OSError:
                pass
            try:
                sock.recv(65535)
            except OSError:
                pass
        time.sleep(0.1)


class Load:
    """All processes that ask. `rate`: queries a second in all. `pointers`: the reverse names to ask for at first."""

    def __init__(self, ctx, server, rate, seed, pointers):
        self._pointers = multiprocessing.Array("c", 256)
        self.ask_for(pointers)
        self._pipes, self._children, self._settled = [], [], {}
        parts = [(datagrams, (rate * 9 // 10) // 3)] * 3 + [(streams, rate // 20), (garbage, rate // 20)]
        for number, (function, share) in enumerate(parts):
            reading, writing = multiprocessing.Pipe(False)
            child = fork.Process(target=self._run, args=(function, server, share, seed + number, writing), daemon=True)
            child.start()
            writing.close()
            self._children.append(child)
            if function is not garbage:
                self._pipes.append(reading)
                self._settled[reading] = 0.0
        ctx.undo.callback(self.stop)

    def _run(self, function, *arguments):
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        server, share, seed, pipe = arguments
        function(server, share, seed, lambda: self._pointers.value.decode().split(), pipe)

    def ask_for(self, pointers):
        """The reverse names to ask for from now on; at most 256 bytes."""
        self._pointers.value = " ".join(pointers).encode()

    def reports(self):
        """What came since the last call."""
        found = []
        for pipe in self._pipes:
            try:
                while pipe.poll():
                    found.append(pipe.recv())
                    self._settled[pipe] = found[-1].settled
            except (EOFError, OSError):
                pass
        return found

    def settled(self):
        """All queries that were sent before this time were reported."""
        return min(self._settled.values())

    def must_run(self):
        for child in self._children:
            assert child.is_alive(), f"a process of the load ended with {child.exitcode}"

    def cpu_seconds(self):
        total = 0.0
        for child in self._children:
            with open(f"/proc/{child.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total

    def stop(self):
        for child in self._children:
            if child.is_alive():
                child.kill()
            child.join(5)
