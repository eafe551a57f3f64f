"""How is a query sent, and when are two replies the same?

Replies are compared as multisets of (section, owner with its letter case, type, class, TTL, rdata), plus rcode and flags.
The order of records, message ids, SOA serials and compression are not compared.
"""

import collections
import copy
import socket
import struct

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from .busy import busy

Server = collections.namedtuple("Server", "address port")

SILENCE = dns.exception.Timeout


def query(name, rdtype="A", edns=None, flags="RD", options=None, want_dnssec=False, rdclass="IN"):
    name = dns.name.from_text(name) if isinstance(name, str) else name
    message = dns.message.make_query(name, rdtype, rdclass)
    message.flags = dns.flags.from_text(flags)
    if edns:
        message.use_edns(0, dns.flags.DO if want_dnssec else 0, edns, options=options)
    return message


def udp(server, name, rdtype="A", within=None, **how):
    """The reply. Without `within` the limit is 2 s, and longer on a busy machine."""
    message = name if isinstance(name, dns.message.Message) else query(name, rdtype, **how)
    return dns.query.udp(message, server.address, within or 2.0 * busy(), server.port, one_rr_per_rrset=True)


def tcp(server, name, rdtype="A", within=None, **how):
    message = name if isinstance(name, dns.message.Message) else query(name, rdtype, **how)
    return dns.query.tcp(message, server.address, within or 2.0 * busy(), server.port, one_rr_per_rrset=True)


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


def addresses(reply):
    """The A and AAAA records of the answer section, sorted."""
    return sorted(rdata.address for rrset in reply.answer for rdata in rrset
                  if rdata.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA))


def texts(reply):
    """The answer section as sorted rdata texts."""
    return sorted(rdata.to_text() for rrset in reply.answer for rdata in rrset)


def resolve(server, name, rdtype="A", **how):
    """Addresses if the reply is NOERROR, else the rcode's name in a list, which is easy to compare and to print."""
    reply = udp(server, name, rdtype, **how)
    return addresses(reply) if reply.rcode() == 0 else [rcode(reply)]


def extended_errors(reply):
    """The INFO-CODEs of RFC 8914 in the reply."""
    return [int(option.code) if hasattr(option, "code") else struct.unpack("!H", option.data[:2])[0]
            for option in reply.options if int(option.otype) == 15]


def ttls(reply):
    return [rrset.ttl for rrset in reply.answer]


Record = collections.namedtuple("Record", "section owner type rdclass ttl rdata")


def records(reply):
    found = collections.Counter()
    for section, rrsets in (("ANSWER", reply.answer), ("AUTHORITY", reply.authority), ("ADDITIONAL", reply.additional)):
        for rrset in rrsets:
            for rdata in rrset:
                text = rdata.to_text()
                if rdata.rdtype == dns.rdatatype.SOA:
                    words = text.split()
                    words[2] = "<serial>"
                    text = " ".join(words)
                kind = dns.rdatatype.to_text(rdata.rdtype)
                found[Record(section, rrset.name.to_text(), kind, rrset.rdclass, rrset.ttl, text)] += 1
    return found


class Form:
    """The parts of a reply that are compared."""

    def __init__(self, reply):
        self.rcode = rcode(reply)
        self.aa = bool(reply.flags & dns.flags.AA)
        self.tc = bool(reply.flags & dns.flags.TC)
        self.rd = bool(reply.flags & dns.flags.RD)
        self.cd = bool(reply.flags & dns.flags.CD)
        self.edns = reply.edns >= 0
        self.question = tuple((q.name.to_text(), q.rdtype, q.rdclass) for q in reply.question)
        self.records = records(reply)

    def moved(self, domain, to):
        """A copy in which every name below `domain` is below `to`."""
        form = copy.copy(self)
        form.records = collections.Counter()
        for record, count in self.records.items():
            rdata = " ".join(word[:-len(domain) - 1] + to + "." if word.endswith(domain + ".") else word for word in record.rdata.split(" "))
            owner = record.owner[:-len(domain) - 1] + to + "." if record.owner.endswith(domain + ".") else record.owner
            form.records[record._replace(owner=owner, rdata=rdata)] += count
        return form

    def section(self, name):
        return collections.Counter({r: n for r, n in self.records.items() if r.section == name})

    def of_type(self, section, kind):
        return [r for r in self.records if r.section == section and r.type == kind]

    def difference(self, other, mine="agent", theirs="lictor"):
        """Lines that describe how `other` differs from this one; empty if it does not."""
        lines = []
        for field in ("rcode", "aa", "tc", "rd", "cd", "edns", "question"):
            a, b = getattr(self, field), getattr(other, field)
            if a != b:
                lines.append(f"{field}: {mine} {a}, {theirs} {b}")
        for record, count in sorted((self.records - other.records).items()):
            lines.append(f"only {mine}: {_show(record)}{f' x{count}' if count > 1 else ''}")
        for record, count in sorted((other.records - self.records).items()):
            lines.append(f"only {theirs}: {_show(record)}{f' x{count}' if count > 1 else ''}")
        return lines


def _show(record):
    return f"{record.section} {record.owner} {record.ttl} {record.type} {record.rdata}"


# For fast loops with exact times: a packet made by hand, a connected socket, and no more parsing than necessary.

def packet(name, rdtype=1, ident=0, edns=None):
    wire = struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 1 if edns else 0)
    wire += dns.name.from_text(name).to_wire() + struct.pack("!HH", rdtype, 1)
    if edns:
        wire += b"\0" + struct.pack("!HHIH", 41, edns, 0, 0)
    return wire


def connected(server, within=None):
    sock = socket.socket(socket.AF_INET6 if ":" in server.address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(tuple(server))
    sock.settimeout(within)
    return sock


def quick_addresses(wire):
    """(id, rcode, [IPv4 addresses of the answer section]) of a reply with plain A records."""
    ident, flags, questions, answers = struct.unpack("!HHHH", wire[:8])
    at = 12
    for _ in range(questions):
        at = _skip_name(wire, at) + 4
    found = []
    for _ in range(answers):
        at = _skip_name(wire, at)
        kind, _class, _ttl, size = struct.unpack("!HHIH", wire[at:at + 10])
        at += 10
        if kind == 1 and size == 4:
            found.append(socket.inet_ntoa(wire[at:at + 4]))
        at += size
    return ident, flags & 15, found


def _skip_name(wire, at):
    while True:
        size = wire[at]
        if size >= 0xc0:
            return at + 2
        at += 1 + size
        if size == 0:
            return at


def stream_read(sock, within=2.0):
    """One length-prefixed message, or None when the server closed the connection."""
    sock.settimeout(within)
    head = _exactly(sock, 2)
    if head is None:
        return None
    return _exactly(sock, struct.unpack("!H", head)[0])


def _exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data
