"""dnsmasq and lictor with the same configuration file, one after the other, and their answers to the same queries."""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import dns.edns  # noqa: E402
import dns.flags  # noqa: E402
import dns.message  # noqa: E402
import dns.name  # noqa: E402
import dns.rdataclass  # noqa: E402

from harness import lictor as harness_lictor  # noqa: E402
from harness.process import die_with_parent  # noqa: E402

_begun = time.monotonic()       # start of the running server
TIME_LIMIT = {"dnsmasq": 0.8, "lictor": 4.5}
PATIENT = 3.0                   # for dnsmasq, when it did not answer within its limit and lictor did: the machine may have been busy


CONTROL = "localhost A"         # both answer it themselves, whatever the configuration


class Query:
    """`NAME TYPE [tcp] [do] [cd] [nord] [ad] [edns[=SIZE]] [ch] [from=ADDRESS]` as text."""

    def __init__(self, text):
        self.text = text
        self.name, self.type, *words = text.split()
        self.tcp = "tcp" in words
        self.source = next((w[5:] for w in words if w.startswith("from=")), None)
        self.words = words

    def wire(self):
        rdclass = "CH" if "ch" in self.words else "IN"
        query = dns.message.make_query(dns.name.from_text(self.name), self.type, rdclass)
        query.flags = 0 if "nord" in self.words else dns.flags.RD
        if "cd" in self.words:
            query.flags |= dns.flags.CD
        if "ad" in self.words:
            query.flags |= dns.flags.AD
        size = next((int(w.partition("=")[2] or 1232) for w in self.words if w.split("=")[0] == "edns"), None)
        if size or "do" in self.words:
            query.use_edns(0, dns.flags.DO if "do" in self.words else 0, size or 1232)
        if "ecs" in self.words:
            query.use_edns(0, 0, 1232, options=[dns.edns.ECSOption("192.0.2.0", 24)])
        return query.to_wire()


def ask(address, port, texts, time_limit):
    """{text: reply or None}. Queries are sent one after the other; those for slow or silent upstreams in parallel."""
    if "sleep" in texts:                                    # time for background work
        time.sleep(0.8)
    queries = [Query(text) for text in texts if text != "sleep"]
    late = [q for q in queries if any(word in q.name for word in ("silent", "slow")) and not q.tcp]
    found = {}
    for query in queries:
        if query not in late:
            found[query.text] = _one(address, port, query, time_limit)
    waiting = {}
    for query in late:
        sock = _udp(address, port, query)
        waiting[sock] = query
    deadline = time.monotonic() + time_limit
    while waiting and time.monotonic() < deadline:
        for sock in select.select(list(waiting), [], [], deadline - time.monotonic())[0]:
            query = waiting.pop(sock)
            found[query.text] = _stamped(_read(sock))
            sock.close()
    for sock, query in waiting.items():
        found[query.text] = None
        sock.close()
    return found


def _udp(address, port, query):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    if query.source:
        sock.bind((query.source, 0))
    sock.connect((address, port))
    sock.send(query.wire())
    return sock


def _read(sock):
    try:
        return dns.message.from_wire(sock.recv(65535), one_rr_per_rrset=True, ignore_trailing=False)
    except OSError:
        return None


def _stamped(reply):
    if reply is not None:
        reply.asked_at = time.monotonic() - _begun
    return reply


def _one(address, port, query, time_limit):
    if query.tcp:
        return _stamped(_tcp(address, port, query, time_limit))
    try:
        with _udp(address, port, query) as sock:
            sock.settimeout(time_limit)
            return _stamped(_read(sock))
    except OSError:         # no route to the address
        return None


def _tcp(address, port, query, time_limit):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.settimeout(time_limit + 1)
    try:
        if query.source:
            sock.bind((query.source, 0))
        sock.connect((address, port))
        wire = query.wire()
        sock.sendall(struct.pack("!H", len(wire)) + wire)
        data = b""
        while len(data) < 2 or len(data) < 2 + struct.unpack("!H", data[:2])[0]:
            piece = sock.recv(65535)
            if not piece:
                return None
            data += piece
        return dns.message.from_wire(data[2:], one_rr_per_rrset=True)
    except OSError:
        return None
    finally:
        sock.close()


class Server:
    """One of the two programs; its configuration file sets port and address."""

    def __init__(self, kind, folder, conf, address, port, extra=(), env=None):
        self.kind, self.address, self.port, self.time_limit = kind, address, port, TIME_LIMIT[kind]
        self.log_path = os.path.join(folder, kind + ".log")
        if kind == "dnsmasq":
            command = ["/usr/sbin/dnsmasq", "-k", "-C", conf, "--pid-file=" + os.path.join(folder, "dnsmasq.pid"), "--user=", "--log-facility=-", *extra]
        else:
            command = [harness_lictor.binary(os.environ.get("PARITY_BUILD", "release")), "-k", "-C", conf, "--consul-http-addr=", "--stats-address=", "--user=", "--log-facility=-", *extra]
        self._log = open(self.log_path, "ab")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CONSUL_")}
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, env=dict(clean, **harness_lictor.SANITIZER_ENVIRONMENT, **(env or {})),
                                      preexec_fn=die_with_parent)
        global _begun
        self._wait()
        _begun = time.monotonic()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def _wait(self):
        deadline = time.monotonic() + 30
        probe = Query("version.bind TXT ch")
        while True:
            if self.child.poll() is not None:
                raise AssertionError(f"{self.kind} ended with {self.child.returncode}: {self.log()[-600:]}")
            try:
                with _udp(self.address, self.port, probe) as sock:
                    sock.settimeout(0.2)
                    sock.recv(65535)
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.kind} does not answer: {self.log()[-600:]}")
            time.sleep(0.005)

    def ask(self, texts):
        return ask(self.address, self.port, texts, self.time_limit)

    def answers_in_time(self):
        """True if it answers a question for which it needs no upstream, within the time that other questions get."""
        return self.ask([CONTROL])[CONTROL] is not None

    def signal(self, number):
        os.kill(self.child.pid, number)

    def stop(self):
        if self.child.poll() is None:
            os.kill(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self._log.close()
        if self.kind == "lictor":
            found = harness_lictor._sanitizer.search(self.log())
            assert not found, self.log()[found.start():found.start() + 3000]
