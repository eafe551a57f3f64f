"""What do a silent upstream, a restart, a reload, a flood and a thousand idle TCP clients do to a server's answers and to its memory?"""

import socket
import threading
import time

from harness import ask
from harness.flood import Apart, answer_times, random_names
from subjects import LOCAL

RATE = 500          # queries a second beside a restart or a reload


def silent_upstream(subject, within=12.0):
    """(words, seconds): the first reply to a query that the upstream does not answer; None without one."""
    begin = time.monotonic()
    try:
        reply = ask.udp(subject.server, "silent.test", within=within)
    except ask.SILENCE:
        return "none", None
    return ask.rcode(reply), time.monotonic() - begin


def lost(subject, act, seconds=4.0, within=1.0):
    """How many of the queries at RATE get no right answer within a second, while `act` is done after one second."""
    steady = Apart(answer_times, subject.server, LOCAL, seconds, RATE, within)
    time.sleep(1.0)
    act()
    found = steady.result()
    return found.lost + found.wrong, found.count


class Memory:
    """The most resident memory of a server while something is done, looked at ten times a second."""

    def __init__(self, subject):
        self._subject, self._on, self.most = subject, True, 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while self._on:
            self.most = max(self.most, self._subject.resident())
            time.sleep(0.1)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._on = False
        self._thread.join()


def flood(subject, seconds, rate):
    """Random names whose upstream is silent: (the Flood, times of local answers meanwhile, megabytes before, at most, ten seconds after)."""
    before = subject.resident()
    with Memory(subject) as memory:
        running = Apart(random_names, subject.server, "flood.test", seconds, rate, 8)
        time.sleep(0.5)
        during = Apart(answer_times, subject.server, LOCAL, seconds - 0.5, 200).result()
        found = running.result()
    time.sleep(10)
    return found, during, before, memory.most, subject.resident()


def thousand_idle(subject):
    """Megabytes with a thousand TCP connections that do nothing."""
    links = []
    try:
        with Memory(subject) as memory:
            for _ in range(1000):
                link = socket.socket()
                link.settimeout(1.0)
                try:
                    link.connect(tuple(subject.server))
                except OSError:
                    link.close()
                    break
                links.append(link)
            time.sleep(1)
        return memory.most
    finally:
        for link in links:
            link.close()
