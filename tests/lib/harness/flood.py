"""How is a server flooded, and how quickly does it answer others meanwhile?

Each part runs in a process of its own, so that one does not slow the other down more than the machine does.
"""

import collections
import os
import pickle
import random
import select
import signal
import socket
import struct
import sys
import time
import traceback

from . import ask
from .process import die_with_parent

CLONE_NEWNET = 0x40000000


class Apart:
    """`function(*arguments)` in a child process, at once. `net_of`: in the network namespace of this process id."""

    def __init__(self, function, *arguments, net_of=None):
        self._what = function.__name__
        self._from, to = os.pipe()
        self._child = os.fork()
        if self._child:
            os.close(to)
            return
        os.close(self._from)
        result = (None, "it ended without a result")
        try:
            die_with_parent()
            signal.alarm(0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if net_of:
                _enter(net_of)
            result = (function(*arguments), None)
        except BaseException:
            result = (None, traceback.format_exc())
        finally:
            with os.fdopen(to, "wb") as out:
                pickle.dump(result, out)
            sys.stdout.flush()
            os._exit(0)

    def result(self, within=120):
        """What the function returned; an AssertionError if it raised, or did not end in time."""
        waiting = select.poll()           # the descriptor may be above select's 1023
        waiting.register(self._from, select.POLLIN)
        if not waiting.poll(1000 * within):
            os.kill(self._child, signal.SIGKILL)
        with os.fdopen(self._from, "rb") as data:
            try:
                value, error = pickle.load(data)
            except EOFError:
                value, error = None, f"no result within {within} s"
        os.waitpid(self._child, 0)
        if error:
            raise AssertionError(f"{self._what}: {error}")
        return value


def _enter(pid):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


Times = collections.namedtuple("Times", "count median p99 worst lost wrong")


def answer_times(server, name, seconds, rate=200, within=3.0, rcode=0):
    """Asks for the name for so many seconds, each time from a new socket, as applications do. Times in seconds."""
    times, lost, wrong = [], 0, 0
    begin = time.monotonic()
    for number in range(int(seconds * rate)):
        pause = begin + number / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(tuple(server))
            sock.settimeout(within)
            sent = time.monotonic()
            sock.send(ask.packet(name, ident=number & 0xffff))
            try:
                wire = sock.recv(4096)
            except OSError:
                lost += 1
                continue
            times.append(time.monotonic() - sent)
            wrong += wire[3] & 15 != rcode
    times.sort()
    pick = lambda part: times[min(len(times) - 1, int(len(times) * part))] if times else float("inf")
    return Times(len(times) + lost, pick(0.5), pick(0.99), pick(1.0), lost, wrong)


def stream_times(server, name, times, within=10.0):
    """Seconds of each of so many queries over new TCP connections; None for those without a reply in time."""
    found = []
    for number in range(times):
        begin = time.monotonic()
        try:
            with socket.create_connection(tuple(server), within) as link:
                message = ask.packet(name, ident=number)
                link.sendall(struct.pack("!H", len(message)) + message)
                found.append(time.monotonic() - begin if ask.stream_read(link, within) else None)
        except OSError:
            found.append(None)
    return found


Flood = collections.namedtuple("Flood", "sent answered silent slowest truncated bytes_in bytes_out")


def random_names(server, suffix, seconds, rate, sockets=1, bound=6.0, seed=1, source=None):
    """Asks for so many different names each second below `suffix`, at once if `seconds` is 0 (then `rate` in all). Returns a Flood:
    `answered` counts the response codes, `silent` the queries without a reply within `bound` seconds of the last query."""
    chance = random.Random(seed)
    links = []
    for _ in range(sockets):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        if source:
            sock.bind((source, 0))
        sock.connect(tuple(server))
        sock.setblocking(False)
        links.append(sock)
    open_queries, answered, slowest, truncated = {}, collections.Counter(), 0.0, 0
    total, sent, bytes_in, bytes_out = int(max(seconds, 1) * rate), 0, 0, 0
    begin = time.monotonic()
    end = None
    while end is None or (open_queries and time.monotonic() < end):
        now = time.monotonic()
        due = total if seconds == 0 else min(total, int((now - begin) * rate) + 1)
        while sent < due and sent < total:
            sock = links[sent % sockets]
            ident = sent // sockets & 0xffff
            message = ask.packet(f"{chance.randrange(16 ** 12):012x}.{suffix}", ident=ident)
            try:
                sock.send(message)
            except (BlockingIOError, ConnectionRefusedError):
                break
            bytes_out += len(message)
            open_queries[sent % sockets, ident] = now
            sent += 1
        if end is None and sent >= total:
            end = time.monotonic() + bound
        ready, _, _ = select.select(links, [], [], 0.002)
        for sock in ready:
            number = links.index(sock)
            for _ in range(64):
                try:
                    wire = sock.recv(4096)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                bytes_in += len(wire)
                asked = open_queries.pop((number, struct.unpack("!H", wire[:2])[0]), None)
                if asked is None:
                    continue
                answered[wire[3] & 15] += 1
                truncated += wire[2] >> 1 & 1
                slowest = max(slowest, time.monotonic() - asked)
    for sock in links:
        sock.close()
    return Flood(sent, answered, len(open_queries), slowest, truncated, bytes_in, bytes_out)
