"""Which replies do the upstreams send, and which queries do they receive?

Five upstreams in one process, at 127.N.0.1 to 127.N.0.5, each on port 53 (if permitted) and on another port. The first label of a
name determines the reply, so that each test may use any domain; an ordinary name has the address 198.51.100.I of upstream I, which
shows the queried upstream. The fifth replies NXDOMAIN to everything. Each query is recorded with its transport, source and EDNS.
"""

import ctypes
import multiprocessing
import os
import select
import signal
import socket
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

PR_SET_PDEATHSIG = 1    # linux/prctl.h

_fork = multiprocessing.get_context("fork")

COUNT = 5
DENIES = 5     # replies NXDOMAIN to every query
SLOW = 0.12

# Data of every type, for the name `types.…` and for any name by its type.
BY_TYPE = {
    "MX": ["10 mail.up.test.", "20 mail2.up.test."], "TXT": ['"one" "two"', '"v=spf1 -all"'], "SRV": ["0 5 5432 db.up.test.", "1 5 5433 db2.up.test."],
    "NS": ["ns1.up.test.", "ns2.up.test."], "SOA": ["ns.up.test. root.up.test. 7 3600 600 86400 60"], "CAA": ['0 issue "ca.test"'],
    "NAPTR": ['10 20 "S" "SIP+D2U" "" sip.up.test.'], "HTTPS": ['1 . alpn="h2"'], "SVCB": ["1 svc.up.test."], "SSHFP": ["1 1 aabbccddeeff00112233445566778899aabbccdd"],
    "TLSA": ["3 1 1 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899"], "DNAME": ["other.test."], "HINFO": ['"a" "b"'], "RP": ["a.up.test. b.up.test."],
    "LOC": ["51 30 12.748 N 0 7 39.611 W 0.00m 0.00m 0.00m 0.00m"], "DS": ["1 8 2 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899"],
    "URI": ['10 1 "https://up.test/"'],
}


def _soa(name, minimum=60):
    origin = name if len(name) <= 2 else dns.name.Name(name.labels[-3:])
    return dns.rrset.from_text(origin, 600, "IN", "SOA", f"ns.up.test. root.up.test. 7 3600 600 86400 {minimum}")


def reply_for(query, me, transport):
    """[(delay, wire)] for one query at upstream `me`; an empty list means no reply."""
    question = query.question[0]
    name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
    words = [label.decode("latin1").lower() for label in name.labels if label]
    word = words[0] if words else ""
    plain = word.split("-")[0]
    reply = dns.message.make_response(query, recursion_available=True)
    if reply.edns >= 0:
        reply.use_edns(0, query.ednsflags & dns.flags.DO, 1232)
    if query.flags & dns.flags.CD:
        reply.flags |= dns.flags.CD
    if me == DENIES:
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(_soa(dns.name.root))     # not of the name itself, which would say that the name exists
        return [(0.0, reply.to_wire())]
    delay = 0.0
    ttl = 300

    def put(rdtype, *data, owner=name, section=None, ttl=None):
        (reply.answer if section is None else section).append(
            dns.rrset.from_text(owner, given if ttl is None else ttl, "IN", rdtype, *data))

    given = ttl
    if plain.startswith("ttl") and plain[3:].isdigit():
        given = int(plain[3:])
    if plain == "silent" or plain == f"silent{me}":
        return []
    if plain == "slow" or plain == f"slow{me}":
        delay = SLOW
    if plain == "trunc" and transport == "udp":
        reply.flags |= dns.flags.TC
        return [(delay, reply.to_wire())]
    code = {"nx": "NXDOMAIN", "nxnosoa": "NXDOMAIN", "servfail": "SERVFAIL", f"servfail{me}": "SERVFAIL", "refused": "REFUSED", f"refused{me}": "REFUSED",
            "notimp": "NOTIMP", "formerr": "FORMERR"}.get(plain)
    if code:
        reply.set_rcode(dns.rcode.from_text(code))
        if plain == "nx":
            reply.authority.append(_soa(name))
        return [(delay, reply.to_wire())]
    if plain == "nodata" or (plain == "v4only" and kind == "AAAA") or (plain == "v6only" and kind == "A"):
        reply.authority.append(_soa(name))
    elif plain == "nodatanosoa":
        pass
    elif plain in ("chain", "chainnx", "chainpriv", "chainout") and kind not in ("CNAME",):
        rest = ".".join(words[1:]) or "up.test"
        middle = dns.name.from_text(f"middle-{word}." + rest)
        last = dns.name.from_text({"chain": "last.", "chainnx": "nx.", "chainpriv": "priv.", "chainout": "far."}[plain] + ("elsewhere.test" if plain == "chainout" else rest))
        put("CNAME", middle.to_text())
        put("CNAME", last.to_text(), owner=middle, ttl=200)
        if plain == "chainnx":
            reply.set_rcode(dns.rcode.NXDOMAIN)
            reply.authority.append(_soa(name))
        elif kind == "A":
            put("A", "10.9.9.9" if plain == "chainpriv" else f"198.51.100.{100 + me}", owner=last, ttl=100)
        elif kind == "AAAA":
            put("AAAA", f"2001:db8::1:{me}", owner=last, ttl=100)
        else:
            reply.authority.append(_soa(name))
    elif kind == "CNAME" and plain.startswith("chain"):
        put("CNAME", f"middle-{word}." + ".".join(words[1:]) + ".")
    elif kind == "A":
        fixed = {"priv": ["10.1.2.3"], "priv16": ["192.168.7.7"], "link": ["169.254.1.1"], "loop": ["127.0.0.1"], "zero": ["0.0.0.0"], "bogus": ["192.0.2.66"], f"bogus{me}": ["192.0.2.66"],
                 "privmix": ["198.51.100.9", "10.1.2.3"], "net": ["203.0.113.17", "203.0.113.99"], "many": [f"198.51.100.{200 + i}" for i in range(6)], "big": [f"198.18.{i}.{i}" for i in range(60)],
                 "mixed": ["198.51.100.50"]}.get(plain)
        put("A", *(fixed or [f"198.51.100.{me}"]))
    elif kind == "AAAA":
        fixed = {"priv": ["fd00::3"], "priv6": ["fd00::3"], "loop": ["::1"], "map": ["::ffff:10.0.0.1"], "linkl": ["fe80::1"], "bogus": ["2001:db8:66::66"]}.get(plain)
        put("AAAA", *(fixed or [f"2001:db8::{me}"]))
    elif kind == "PTR":
        put("PTR", f"host-{'-'.join(reversed(words[:4]))}.up{me}.test.")
    elif kind == "ANY":
        put("A", f"198.51.100.{me}")
        put("TXT", '"any"')
        put("MX", "10 mail.up.test.")
    elif kind in BY_TYPE:
        put(kind, *BY_TYPE[kind])
        if kind in ("MX", "SRV"):
            put("A", "198.51.100.25", owner=dns.name.from_text("mail.up.test" if kind == "MX" else "db.up.test"), section=reply.additional)
    else:
        reply.authority.append(_soa(name))
    if plain == "auth":
        reply.authority.append(dns.rrset.from_text("up.test.", 300, "IN", "NS", "ns1.up.test."))
        reply.flags |= dns.flags.AA
    if plain == "ad":
        reply.flags |= dns.flags.AD
    if plain == "nora":
        reply.flags &= ~dns.flags.RA
    wire = reply.to_wire()
    limit = 512 if query.edns < 0 else max(512, query.payload)
    if transport == "udp" and len(wire) > limit:
        cut = dns.message.make_response(query, recursion_available=True)
        cut.flags |= dns.flags.TC
        wire = cut.to_wire()
    return [(delay, wire)]


class Upstreams:
    def __init__(self, net):
        """`net`: the second octet of 127.N.0.0/16."""
        self.net = net
        self.addresses = [f"127.{net}.0.{i}" for i in range(1, COUNT + 1)]
        self.port = 5300
        self._queries = _fork.SimpleQueue()
        self._log = []
        self._socks = {}
        self.have53 = True
        for index, address in enumerate(self.addresses, 1):
            for port in (53, self.port):
                try:
                    self._open(index, address, port)
                except PermissionError:
                    self.have53 = False
        self._process = _fork.Process(target=self._serve, daemon=True)
        self._process.start()
        for sock in self._socks:
            sock.close()

    def _open(self, index, address, port):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        udp.bind((address, port))
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((address, port))
        tcp.listen(64)
        self._socks[udp] = ("udp", index)
        self._socks[tcp] = ("listen", index)

    def words(self):
        """The values of `{…}` in a configuration file."""
        found = {"net": f"127.{self.net}"}
        for i, address in enumerate(self.addresses, 1):
            found[f"a{i}"] = address
            found[f"u{i}"] = f"{address}#{self.port}"
        return found

    def take(self):
        """All queries since the last call."""
        time.sleep(0.01)
        found = []
        while not self._queries.empty():
            entry = self._queries.get()
            if entry["name"] not in (".", "version.bind"):     # probes, not queries of a test
                found.append(entry)
        return found

    def stop(self):
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(3)

    # The methods below run in the process of the upstreams.

    def _serve(self):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        streams, later = {}, []
        while True:
            wait = max(0.0, min((entry[0] for entry in later), default=time.monotonic() + 3600) - time.monotonic())
            ready, _, _ = select.select([*self._socks, *streams], [], [], wait)
            for sock in ready:
                kind, index = self._socks.get(sock, ("stream", 0))
                if kind == "udp":
                    wire, peer = sock.recvfrom(65535)
                    self._one(wire, index, "udp", peer, later, lambda data, sock=sock, peer=peer: sock.sendto(data, peer))
                elif kind == "listen":
                    link, peer = sock.accept()
                    streams[link] = [index, peer, b""]
                else:
                    self._stream(sock, streams, later)
            now = time.monotonic()
            due, later[:] = [e for e in later if e[0] <= now], [e for e in later if e[0] > now]
            for _when, send, data in due:
                try:
                    send(data)
                except OSError:
                    pass

    def _stream(self, sock, streams, later):
        try:
            data = sock.recv(65535)
        except OSError:
            data = b""
        if not data:
            streams.pop(sock, None)
            sock.close()
            return
        state = streams[sock]
        state[2] += data
        while len(state[2]) >= 2 and len(state[2]) >= 2 + struct.unpack("!H", state[2][:2])[0]:
            size = struct.unpack("!H", state[2][:2])[0]
            wire, state[2] = state[2][2:2 + size], state[2][2 + size:]
            self._one(wire, state[0], "tcp", state[1], later, lambda data: sock.sendall(struct.pack("!H", len(data)) + data))

    def _one(self, wire, index, transport, peer, later, send):
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except Exception:
            return
        options = sorted((int(o.otype), o.to_wire().hex() if hasattr(o, "to_wire") else "") for o in query.options)
        self._queries.put({"at": time.monotonic(), "upstream": index, "transport": transport, "name": question.name.to_text().rstrip(".") or ".",
                         "type": dns.rdatatype.to_text(question.rdtype), "source": peer[0], "port": peer[1], "edns": query.payload if query.edns >= 0 else None,
                         "options": options, "flags": dns.flags.to_text(query.flags), "do": bool(query.ednsflags & dns.flags.DO)})
        if question.name.to_text().lower().startswith("lossy"):     # the first of two queries in quick succession is lost
            before, self._lossy = getattr(self, "_lossy", 0.0), time.monotonic()
            if self._lossy - before > 0.7:
                return
        for delay, data in reply_for(query, index, transport):
            if delay:
                later.append((time.monotonic() + delay, send, data))
            else:
                try:
                    send(data)
                except OSError:
                    pass
