"""Clients that send one query after the other. Each is a process that records the times and the outcome of each query.

Times are CLOCK_MONOTONIC, the same in all processes, so that "sent after" can be decided across clients, the proxy and the
observer of Consul.
"""

import collections
import multiprocessing
import os
import pickle
import signal
import time

from . import ask, consul, patroni
from .process import die_with_parent

_fork = multiprocessing.get_context("fork")

# outcome: a tuple of addresses, or a text: the name of an rcode, "silence", "port closed"
Seen = collections.namedtuple("Seen", "client sent received outcome")

_RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class _Loop:
    """A forked process that repeats `step()` until stopped, and returns the list of its results."""

    def __init__(self, ctx, step, label):
        self._path = ctx.path(f"{label}-{id(self)}.pickle")
        self._stop = _fork.Event()
        self._process = _fork.Process(target=self._run, args=(step,), daemon=True)
        self._process.start()
        self._result = None
        ctx.undo.callback(self._end)

    def _run(self, step):
        die_with_parent()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        found = []
        try:
            while not self._stop.is_set():
                one = step()
                if one is not None:
                    found.append(one)
        except Exception as error:      # raised again in result()
            found = error
        with open(self._path, "wb") as out:
            pickle.dump(found, out)

    def result(self):
        if self._result is None:
            self._stop.set()
            self._process.join(15)
            if self._process.is_alive():
                self._process.kill()
                raise AssertionError("a client process did not end")
            with open(self._path, "rb") as file:
                self._result = pickle.load(file)
        if isinstance(self._result, Exception):
            raise AssertionError(f"a client process failed: {self._result!r}")
        return self._result

    def _end(self):
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(5)


class Client(_Loop):
    """Sends one A query after the other. `fresh_ports`: a new source port for each query, which spreads them over the workers."""

    def __init__(self, ctx, server, name, number, fresh_ports=False, pace=0.002, time_limit=6.0):
        self._server, self._pace, self._time_limit = server, pace, time_limit
        self._number, self._fresh = number, fresh_ports
        self._wire = ask.packet(name)[2:]
        self._socket = None
        self._ident = 0
        super().__init__(ctx, self._once, f"client{number}")

    def _once(self):
        if self._socket is None or self._fresh:
            if self._socket:
                self._socket.close()
            self._socket = ask.connected(self._server)
        self._ident = (self._ident + 1) & 0xffff
        sent = time.monotonic()
        self._socket.send(self._ident.to_bytes(2, "big") + self._wire)
        outcome = self._reply(sent + self._time_limit)
        seen = Seen(self._number, sent, time.monotonic(), outcome)
        time.sleep(self._pace)
        return seen

    def _reply(self, deadline):
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                wire = self._socket.recv(4096)
            except TimeoutError:
                break
            except ConnectionRefusedError:
                return "port closed"
            ident, code, addresses = ask.quick_addresses(wire)
            if ident == self._ident:
                return tuple(addresses) if code == 0 else _RCODES.get(code, str(code))
        return "silence"


class Observer(_Loop):
    """An independent blocking query on a scope's keys: [(time it returned, lock, {member: (role, state)})], as patroni.truth has them."""

    def __init__(self, ctx, agent, prefix):
        self._api = consul.Api(agent.address, agent.ports["http"])
        self._prefix = prefix
        self._index = 0
        super().__init__(ctx, self._once, "observer")

    def _once(self):
        try:
            index, entries = consul.watch(self._api, "/v1/kv/" + self._prefix, self._index, wait="1s", recurse="")
        except OSError:
            self._index = 0
            time.sleep(0.05)
            return None
        at = time.monotonic()
        if index == self._index:
            return None
        self._index = index
        return (at, *patroni.truth(entries, self._prefix))


def quantiles(values):
    """Quantiles of milliseconds: 'min 0.4  median 0.9  p90 1.8  p99 3.0  max 3.1'."""
    ordered = sorted(values)
    def at(share):
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    return (f"min {ordered[0]:.2f}  median {at(0.5):.2f}  p90 {at(0.9):.2f}  p99 {at(0.99):.2f}  max {ordered[-1]:.2f} ms "
            f"(n={len(ordered)})")


def histogram(values, edges):
    """One line: the number of values up to each edge."""
    counts = collections.Counter()
    for value in values:
        counts[next((edge for edge in edges if value <= edge), None)] += 1
    words = [f"≤{edge:g}: {counts[edge]}" for edge in edges if counts[edge]]
    if counts[None]:
        words.append(f">{edges[-1]:g}: {counts[None]}")
    return "  ".join(words)
