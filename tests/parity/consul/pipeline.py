"""How are many queries sent to several servers at once? Pipelined: over UDP a window of queries is in flight, over TCP a window on one
connection, which is replaced before the agent closes it (after 128 queries).

A query without a reply is repeated; if that brings no reply either, it counts as not answered.
"""

import selectors
import socket
import time

WINDOW = 24
TRIES = (1.0, 2.0, 4.0, 8.0)     # seconds until a query is repeated
PER_CONNECTION = 100


def _open(server, kind):
    sock = socket.socket(socket.AF_INET6 if ":" in server.address else socket.AF_INET, kind)
    sock.connect((server.address, server.port))
    sock.setblocking(False)
    return sock


class _Udp:
    def __init__(self, server, wires, replies, tries_max):
        self._tries_max = tries_max
        self._sock = _open(server, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._wires, self._replies = wires, replies
        self._next = 0
        self._flight = {}      # id -> [index, tries, deadline]
        self.sock = self._sock

    def done(self):
        return self._next == len(self._wires) and not self._flight

    def send(self):
        while len(self._flight) < WINDOW and self._next < len(self._wires):
            self._put(self._next, self._next & 0xffff, 0)
            self._next += 1

    def _put(self, index, ident, tries):
        self._flight[ident] = [index, tries, time.monotonic() + TRIES[tries]]
        try:
            self._sock.send(ident.to_bytes(2, "big") + self._wires[index][2:])
        except (ConnectionRefusedError, BlockingIOError):
            pass

    def read(self):
        while True:
            try:
                wire = self._sock.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            found = self._flight.pop(int.from_bytes(wire[:2], "big"), None)
            if found:
                self._replies[found[0]] = wire

    def tick(self, now):
        for ident, (index, tries, deadline) in list(self._flight.items()):
            if now > deadline:
                del self._flight[ident]
                if tries + 1 < self._tries_max:
                    self._put(index, ident, tries + 1)

    def writable(self):
        return False


class _Tcp:
    def __init__(self, server, wires, replies, tries_max):
        self._tries_max = tries_max
        self._server, self._wires, self._replies = server, wires, replies
        self._todo = list(range(len(wires)))[::-1]
        self._tries = [0] * len(wires)
        self._flight = {}
        self._out = self._in = b""
        self.sock = None
        self._begin()

    def _begin(self):
        if self.sock:
            self.sock.close()
        self.sock = _open(self._server, socket.SOCK_STREAM)
        self._given = 0
        self._out = self._in = b""
        self._deadline = time.monotonic() + TRIES[0]

    def done(self):
        return not self._todo and not self._flight

    def send(self):
        if self._given >= PER_CONNECTION and not self._flight and self._todo:
            self._begin()
        while self._todo and len(self._flight) < WINDOW and self._given < PER_CONNECTION:
            index = self._todo.pop()
            self._flight[index & 0xffff] = index
            wire = (index & 0xffff).to_bytes(2, "big") + self._wires[index][2:]
            self._out += len(wire).to_bytes(2, "big") + wire
            self._given += 1
            self._deadline = time.monotonic() + TRIES[self._tries[index]]
        self._flush()

    def _flush(self):
        try:
            while self._out:
                self._out = self._out[self.sock.send(self._out):]
        except BlockingIOError:
            pass
        except (ConnectionResetError, BrokenPipeError):
            self._again()

    def writable(self):
        return bool(self._out)

    def read(self):
        while True:
            try:
                piece = self.sock.recv(1 << 18)
            except BlockingIOError:
                break
            except ConnectionResetError:
                piece = b""
            if not piece:
                self._again()
                return
            self._in += piece
            self._deadline = time.monotonic() + TRIES[0]
        while len(self._in) >= 2:
            size = int.from_bytes(self._in[:2], "big")
            if len(self._in) < size + 2:
                break
            wire, self._in = self._in[2:size + 2], self._in[size + 2:]
            index = self._flight.pop(int.from_bytes(wire[:2], "big"), None)
            if index is not None:
                self._replies[index] = wire

    def _again(self):
        """The connection ended or timed out: repeats the queries in flight."""
        for index in sorted(self._flight.values(), reverse=True):
            self._tries[index] += 1
            if self._tries[index] < self._tries_max:
                self._todo.append(index)
        self._flight = {}
        if self._todo:
            self._begin()

    def tick(self, now):
        if self._flight and now > self._deadline:
            self._again()


def query_all(jobs, tries=2):
    """jobs: [(server, "udp" or "tcp", [wire, ...])] -> [[reply bytes or None, ...], ...], all in parallel."""
    results, lines = [], []
    for server, transport, wires in jobs:
        replies = [None] * len(wires)
        results.append(replies)
        for begin in range(0, len(wires), 60000):      # ids are sixteen bits
            assert begin == 0, "more queries than ids"
        if wires:
            lines.append((_Udp if transport == "udp" else _Tcp)(server, wires, replies, tries))
    watched = selectors.DefaultSelector()
    registered = {}
    checked = time.monotonic()
    try:
        while lines:
            for line in lines:
                line.send()
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.writable() else 0)
                held = registered.get(id(line))
                if held is None or held[0] is not line.sock or held[1] != events:
                    if held:
                        try:
                            watched.unregister(held[0])
                        except (KeyError, ValueError):
                            pass
                    watched.register(line.sock, events, line)
                    registered[id(line)] = (line.sock, events)
            for key, _events in watched.select(0.05):
                key.data.read()
            now = time.monotonic()
            if now - checked > 0.05:
                checked = now
                for line in lines:
                    line.tick(now)
            for line in [line for line in lines if line.done()]:
                held = registered.pop(id(line), None)
                if held:
                    try:
                        watched.unregister(held[0])
                    except (KeyError, ValueError):
                        pass
                line.sock.close()
                lines.remove(line)
    finally:
        watched.close()
        for line in lines:
            line.sock.close()
    return results
