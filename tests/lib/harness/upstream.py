"""Which servers answer the queries that lictor forwards? Real ones (unbound, NSD) with a small zone, and scripted ones for faults."""

import multiprocessing
import os
import select
import shutil
import signal
import socket
import struct
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from . import ask, net
from .process import Process, die_with_parent

_fork = multiprocessing.get_context("fork")

ZONE = """\
$ORIGIN up.test.
$TTL 300
@       IN SOA ns hostmaster 7 3600 600 86400 5
@       IN NS  ns
ns      IN A   192.0.2.53
www     IN A   192.0.2.1
www     IN A   192.0.2.2
www     IN AAAA 2001:db8::1
v4only  IN A   192.0.2.4
short   3 IN A 192.0.2.3
zero    0 IN A 192.0.2.9
long    604800 IN A 192.0.2.7
alias   IN CNAME www
alias2  IN CNAME alias
outside IN CNAME elsewhere.example.
@       IN MX  10 mail
mail    IN A   192.0.2.25
_pg._tcp IN SRV 0 5 5432 www
text    IN TXT "one" "two"
*.wild  IN A   192.0.2.77
moved   60 IN A 192.0.2.60
""" + "".join(f"big IN TXT \"{n:03d} {'x' * 200}\"\n" for n in range(20)) \
    + "".join(f"many IN A 198.51.100.{n}\n" for n in range(1, 101)) \
    + "".join(f"h{n} IN A 203.0.113.{n % 250 + 1}\n" for n in range(300))


class Unbound:
    """Authoritative data, served like a resolver: RA set, truncated over UDP with TC, whole over TCP."""

    def __init__(self, ctx, zone=ZONE, name="up.test", address="127.0.0.1", label="unbound", options=()):
        self.server = ask.Server(address, net.free_port(address))
        folder = ctx.path(label)
        os.makedirs(folder)
        with open(os.path.join(folder, "zone"), "w") as file:
            file.write(zone)
        extra = "\n".join("    " + option for option in options)
        config = f"""\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    verbosity: 1
    interface: {address}@{self.server.port}
    port: {self.server.port}
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    do-daemonize: no
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
    local-zone: "invalid." always_nxdomain
    edns-buffer-size: 1232
    max-udp-size: 1232
{extra}
remote-control:
    control-enable: no
auth-zone:
    name: "{name}."
    zonefile: "{folder}/zone"
    for-downstream: yes
    for-upstream: yes
"""
        with open(os.path.join(folder, "unbound.conf"), "w") as file:
            file.write(config)
        self._ctx, self._folder, self._label, self._zone_name = ctx, folder, label, name
        self.process = None
        self.start()
        ctx.undo.callback(self.kill)

    def start(self):
        self.process = Process(self._label, [_find("unbound"), "-d", "-p", "-c", os.path.join(self._folder, "unbound.conf")],
                               self._ctx.path(self._label + ".log"))
        self._ctx.processes.append(self.process)
        self.process.until(lambda: ask.udp(self.server, self._zone_name, "SOA", within=0.5), 10, "unbound answers", every=0.05)

    def kill(self):
        self.process.kill()

    @property
    def option(self):
        return f"{self.server.address}#{self.server.port}"


class Nsd:
    """A second real server: authoritative only, RA never set."""

    def __init__(self, ctx, zone=ZONE, name="up.test", address="127.0.0.1", label="nsd"):
        self.server = ask.Server(address, net.free_port(address))
        folder = ctx.path(label)
        os.makedirs(folder)
        with open(os.path.join(folder, "zone"), "w") as file:
            file.write(zone)
        config = f"""\
server:
    server-count: 1
    ip-address: {address}@{self.server.port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: ""
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    xfrdir: "{folder}"
    hide-version: no
remote-control:
    control-enable: no
zone:
    name: "{name}"
    zonefile: "zone"
"""
        with open(os.path.join(folder, "nsd.conf"), "w") as file:
            file.write(config)
        self.process = Process(label, [_find("nsd"), "-d", "-c", os.path.join(folder, "nsd.conf")], ctx.path(label + ".log"))
        ctx.processes.append(self.process)
        self.process.until(lambda: ask.udp(self.server, name, "SOA", within=0.5), 10, "nsd answers", every=0.05)
        ctx.undo.callback(self.stop)

    def stop(self):
        self.process.stop(within=3)     # SIGTERM: the parent stops its children

    kill = stop

    @property
    def option(self):
        return f"{self.server.address}#{self.server.port}"


def _find(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise RuntimeError(f"{program} is not installed; tests/run installs it")
    return path


class Scripted:
    """An upstream in a separate process; a function determines its replies.

    `behave(message, query)` gets the parsed message and a `Query` with the transport and the number of queries for this name
    and type so far. It returns a list of replies: dns.message.Message, raw bytes, (delay in seconds, either of them), or "close" on TCP.
    An empty list or None sends no reply. Each query is recorded: queries().
    """

    def __init__(self, ctx, behave, address="127.0.0.1", label="scripted", port=None):
        self.server = ask.Server(address, port or net.free_port(address))
        self.label = label
        self._behave = behave
        self._path = ctx.path(label + ".queries")
        open(self._path, "w").close()
        self._udp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._udp.bind(tuple(self.server))
        self._tcp = socket.socket(self._udp.family)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(tuple(self.server))
        self._tcp.listen(64)
        self._process = _fork.Process(target=self._serve, daemon=True)
        self._process.start()
        self._udp.close()
        self._tcp.close()
        ctx.undo.callback(self.stop)

    @property
    def option(self):
        return f"{self.server.address}#{self.server.port}"

    def stop(self):
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)

    def pause(self):
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def queries(self):
        """[(monotonic time, "udp" or "tcp", name, type, source port, id, flags)] in order."""
        found = []
        with open(self._path) as file:
            for line in file:
                at, transport, name, kind, port, ident, flags = line.split()
                found.append((float(at), transport, name, kind, int(port), int(ident), int(flags)))
        return found

    def count(self, name=None, kind=None):
        return sum(1 for q in self.queries() if (not name or q[2].lower().rstrip(".") == name.lower().rstrip("."))
                   and (not kind or q[3] == kind))

    # The methods below run in the process of the upstream.

    def _serve(self):
        die_with_parent()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._out = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._seen = {}
        self._later = []
        streams = {}
        while True:
            wait = max(0.0, min((when for when, _ in self._later), default=time.monotonic() + 3600) - time.monotonic())
            ready, _, _ = select.select([self._udp, self._tcp, *streams], [], [], wait)
            for sock in ready:
                if sock is self._udp:
                    wire, peer = sock.recvfrom(65535)
                    self._one(wire, "udp", peer, lambda data, to=peer: self._udp.sendto(data, to))
                elif sock is self._tcp:
                    link, _peer = sock.accept()
                    streams[link] = b""
                else:
                    self._stream(sock, streams)
            now = time.monotonic()
            due = [entry for entry in self._later if entry[0] <= now]
            self._later = [entry for entry in self._later if entry[0] > now]
            for _when, send in due:
                try:
                    send()
                except OSError:
                    pass

    def _stream(self, sock, streams):
        try:
            data = sock.recv(65535)
        except OSError:
            data = b""
        if not data:
            streams.pop(sock, None)
            sock.close()
            return
        streams[sock] += data
        while len(streams.get(sock, b"")) >= 2:
            size = struct.unpack("!H", streams[sock][:2])[0]
            if len(streams[sock]) < 2 + size:
                break
            wire, streams[sock] = streams[sock][2:2 + size], streams[sock][2 + size:]
            peer = sock.getpeername()
            def send(data, link=sock):
                link.sendall(struct.pack("!H", len(data)) + data)
            if self._one(wire, "tcp", peer, send) == "close":
                streams.pop(sock, None)
                sock.close()
                return

    def _one(self, wire, transport, peer, send):
        if isinstance(self._behave, Raw):
            for data in self._behave(wire):
                try:
                    send(data)
                except OSError:
                    pass
            return None
        try:
            message = dns.message.from_wire(wire)
            name, kind = message.question[0].name.to_text(), ask.dns.rdatatype.to_text(message.question[0].rdtype)
        except Exception:
            os.write(self._out, f"{time.monotonic()} {transport} ? ? {peer[1]} 0 0\n".encode())
            return None
        if (name, kind) == (".", "NS"):      # lictor's own probe: the behaviours are about names
            send(dns.message.make_response(message, recursion_available=True).to_wire())
            return None
        key = (name.lower(), kind)
        self._seen[key] = self._seen.get(key, 0) + 1
        os.write(self._out, f"{time.monotonic()} {transport} {name} {kind} {peer[1]} {message.id} {int(message.flags)}\n".encode())
        for reply in self._behave(message, Query(name, kind, transport, self._seen[key], peer)) or []:
            if reply == "close":
                return "close"
            delay = 0.0
            if isinstance(reply, tuple):
                delay, reply = reply
            data = reply if isinstance(reply, bytes) else reply.to_wire(max_size=65535)
            if delay:
                self._later.append((time.monotonic() + delay, lambda data=data: send(data)))
            else:
                try:
                    send(data)
                except OSError:
                    pass
        return None


class Raw:
    """A behaviour of Scripted that takes and returns bytes. Its queries are not recorded."""

    def __init__(self, behave):
        self._behave = behave

    def __call__(self, wire):
        return self._behave(wire)


class Query:
    def __init__(self, name, kind, transport, times, peer):
        self.name, self.kind, self.transport, self.times, self.peer = name, kind, transport, times, peer


def answer(message, *rdatas, ttl=60, kind=None, code=0, flags="QR RA RD"):
    """A reply to `message` with the given rdata texts at the queried name."""
    reply = dns.message.make_response(message)
    reply.flags = dns.flags.from_text(flags)
    reply.set_rcode(code)
    if rdatas:
        question = message.question[0]
        reply.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind or ask.dns.rdatatype.to_text(question.rdtype),
                                                *rdatas))
    return reply


def negative(message, code=3, soa_ttl=30, minimum=30, zone="test."):
    reply = answer(message, code=code)
    reply.authority.append(dns.rrset.from_text(zone, soa_ttl, "IN", "SOA", f"ns.{zone} hostmaster.{zone} 1 3600 600 86400 {minimum}"))
    return reply


def echo(message, query):
    """The simplest behaviour: 192.0.2.99 for A, NODATA for the rest."""
    if query.kind == "A":
        return [answer(message, "192.0.2.99")]
    return [negative(message, code=0)]


class Sink:
    """A port that must not be queried: counts datagrams and connections, answers none."""

    def __init__(self, ctx, address="127.0.0.1"):
        port = net.free_port(address)
        self.server = ask.Server(address, port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, port))
        self._udp.setblocking(False)
        self._tcp = socket.socket()
        self._tcp.bind((address, port))
        self._tcp.listen(64)
        self._tcp.setblocking(False)
        self._count = 0
        self.first = None
        ctx.undo.callback(self._udp.close)
        ctx.undo.callback(self._tcp.close)

    @property
    def option(self):
        return f"{self.server.address}#{self.server.port}"

    def count(self):
        while True:
            try:
                data, _peer = self._udp.recvfrom(65535)
                self._count += 1
                self.first = self.first or data
            except BlockingIOError:
                break
        while True:
            try:
                self._tcp.accept()[0].close()
                self._count += 1
            except BlockingIOError:
                break
        return self._count
