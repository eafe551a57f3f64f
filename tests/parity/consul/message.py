"""What is in a DNS message? The parser is as fast as Python allows, because hundreds of thousands of messages are compared.

A record is (section, owner, type, class, TTL, rdata) with uncompressed names in wire form and their letter case; the serial of an SOA
depends on the time and is stored separately. Two replies are equal if their headers, OPT records and multisets of records are equal
(RFC 1035 section 4, RFC 6891).
"""

import collections
import struct

ANSWER, AUTHORITY, ADDITIONAL = 1, 2, 3
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, DS, IXFR, AXFR, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 43, 251, 252, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
TYPES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA", SRV: "SRV", DS: "DS",
         IXFR: "IXFR", AXFR: "AXFR", ANY: "ANY"}
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010

Record = collections.namedtuple("Record", "section owner type rdclass ttl rdata")
Edns = collections.namedtuple("Edns", "size version flags options rcode", defaults=(0,))

_head = struct.Struct("!HHHHHH")
_fixed = struct.Struct("!HHIH")


class Malformed(ValueError):
    pass


class Reply:
    """`flags` are the header's second sixteen bits without the rcode; `records` a Counter."""

    __slots__ = ("flags", "rcode", "question", "edns", "records", "size", "serial")

    def key(self):
        return self.flags, self.rcode, self.question, self.edns, frozenset(self.records.items())

    def copy(self):
        other = Reply()
        for field in Reply.__slots__:
            setattr(other, field, getattr(self, field))
        other.records = collections.Counter(self.records)
        return other

    def section(self, which):
        return collections.Counter({r: n for r, n in self.records.items() if r.section == which})

    def count(self, which):
        return sum(n for r, n in self.records.items() if r.section == which)

    def drop(self, which):
        self.records = collections.Counter({r: n for r, n in self.records.items() if r.section != which})

    def __eq__(self, other):
        return (self.rcode == other.rcode and self.flags == other.flags and self.question == other.question and self.edns == other.edns
                and self.records == other.records)


def _name(wire, at, known):
    start = at
    found = known.get(at)
    if found is not None:
        return found
    parts = []
    end = None
    for _ in range(130):
        size = wire[at]
        if size == 0:
            at += 1
            parts.append(b"\0")
            break
        if size >= 0xc0:
            target = (size & 0x3f) << 8 | wire[at + 1]
            if target >= at:
                raise Malformed("a compression pointer that does not point back")
            end = end or at + 2
            rest = known.get(target)
            if rest is not None:
                parts.append(rest[0])
                at = end
                break
            at = target
            continue
        if size > 63:
            raise Malformed("a label of unknown kind")
        parts.append(wire[at:at + 1 + size])
        at += 1 + size
    else:
        raise Malformed("a name without an end")
    result = (b"".join(parts), end or at)
    if len(result[0]) > 255:
        raise Malformed("a name of more than 255 bytes")
    known[start] = result
    return result


def read(wire):
    """The Reply in a message; raises Malformed if it cannot be parsed."""
    try:
        return _read(wire)
    except (IndexError, struct.error) as short:
        raise Malformed(f"truncated: {short}") from None


def _read(wire):
    reply = Reply()
    _ident, bits, questions, *counts = _head.unpack_from(wire)
    reply.flags, reply.rcode = bits & 0xfff0, bits & 15
    reply.size = len(wire)
    reply.edns = reply.serial = None
    known = {}
    at = 12
    questions_found = []
    for _ in range(questions):
        name, at = _name(wire, at, known)
        questions_found.append((name, wire[at:at + 4]))
        at += 4
    reply.question = tuple(questions_found)
    records = []
    for section, count in enumerate(counts, 1):
        for _ in range(count):
            owner, at = _name(wire, at, known)
            kind, rdclass, ttl, length = _fixed.unpack_from(wire, at)
            at += 10
            end = at + length
            if end > len(wire):
                raise Malformed("a record longer than its message")
            if kind == OPT and section == ADDITIONAL:
                if reply.edns is not None:
                    raise Malformed("two OPT records")
                reply.edns = Edns(rdclass, ttl >> 16 & 0xff, ttl & 0xffff, wire[at:end], ttl >> 24)
                at = end
                continue
            if kind in (CNAME, NS, PTR):
                data = _name(wire, at, known)[0]
            elif kind == SRV:
                data = wire[at:at + 6] + _name(wire, at + 6, known)[0]
            elif kind == SOA:
                primary, next_at = _name(wire, at, known)
                mailbox, next_at = _name(wire, next_at, known)
                reply.serial = int.from_bytes(wire[next_at:next_at + 4], "big")
                data = primary + mailbox + wire[next_at + 4:end]
            else:
                data = wire[at:end]
            records.append(Record(section, owner, kind, rdclass, ttl, data))
            at = end
    if at != len(wire):
        raise Malformed(f"{len(wire) - at} bytes after the last record")
    reply.records = collections.Counter(records)
    return reply


# Names and queries

def labels(wire):
    found, at = [], 0
    while wire[at]:
        found.append(wire[at + 1:at + 1 + wire[at]])
        at += 1 + wire[at]
    return found


def name_of(parts):
    """Wire form of labels (bytes); None if it is not a valid name."""
    if any(not 0 < len(part) < 64 for part in parts):
        return None
    wire = b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
    return wire if len(wire) <= 255 else None


def name_from(text):
    return name_of([part.encode("utf-8", "surrogateescape") for part in text.rstrip(".").split(".")]) if text.strip(".") else b"\0"


def lower(wire):
    # The lengths of labels are below 64 and all letters above, so the whole wire form can be lowered.
    return wire.lower()


def text(wire):
    return ".".join("".join(chr(c) if 0x21 <= c < 0x7f and c not in b'.\\"' else f"\\{c:03d}" for c in part) for part in labels(wire)) + "."


def query_message(name, kind, rdclass=1, flags=RD, edns=None):
    """Wire form with id 0; `edns`: an Edns or None."""
    wire = _head.pack(0, flags, 1, 0, 0, 1 if edns else 0) + name + struct.pack("!HH", kind, rdclass)
    if edns:
        wire += b"\0" + _fixed.pack(OPT, edns.size, edns.version << 16 | edns.flags, len(edns.options)) + edns.options
    return wire


# For messages

def show(record):
    section = ("", "ANSWER", "AUTHORITY", "ADDITIONAL")[record.section]
    data = record.rdata
    if record.type == A and len(data) == 4:
        shown = ".".join(map(str, data))
    elif record.type in (CNAME, NS, PTR):
        shown = text(data)
    elif record.type == SRV:
        shown = " ".join(map(str, struct.unpack("!HHH", data[:6]))) + " " + text(data[6:])
    else:
        shown = data.hex() if record.type == AAAA else repr(data)[1:]
    return f"{section} {text(record.owner)} {record.ttl} class{record.rdclass} {TYPES.get(record.type, record.type)} {shown}"


def difference(one, other, mine="agent", theirs="lictor"):
    lines = []
    for field in ("rcode", "flags", "question", "edns"):
        a, b = getattr(one, field), getattr(other, field)
        if a != b:
            word = (lambda v: RCODES.get(v, v)) if field == "rcode" else (lambda v: f"{v:04x}") if field == "flags" else (lambda v: v)
            lines.append(f"{field}: {mine} {word(a)}, {theirs} {word(b)}")
    sizes = [[each.count(section) for section in (ANSWER, AUTHORITY, ADDITIONAL)] for each in (one, other)]
    if sizes[0] != sizes[1]:
        lines.append(f"records: {mine} {sizes[0]} in {one.size} bytes, {theirs} {sizes[1]} in {other.size} bytes")
    for record, count in sorted((one.records - other.records).items()):
        lines.append(f"only {mine}: {show(record)}{f' x{count}' if count > 1 else ''}")
    for record, count in sorted((other.records - one.records).items()):
        lines.append(f"only {theirs}: {show(record)}{f' x{count}' if count > 1 else ''}")
    return lines
