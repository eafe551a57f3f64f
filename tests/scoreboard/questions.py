"""Is every question answered that a server must answer (RFC 8906), and is each malformed one refused in words? 110 questions: 32 about EDNS,
flags and operations, 13 as resolvers and dig send them, 65 record types. And 19 malformed messages, which must get FORMERR or NOTIMP."""

import socket
import struct

from harness import ask

NAME = "known.test"
RD, CD, AD, Z, RA, TC, AA = 0x0100, 0x0010, 0x0020, 0x0040, 0x0080, 0x0200, 0x0400
DO = 0x8000


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def opt(size=1232, version=0, flags=0, options=()):
    data = b"".join(struct.pack("!HH", code, len(value)) + value for code, value in options)
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(data)) + data


def message(bits=RD, name=NAME, kind=1, klass=1, edns=b"", opcode=0, counts=None, tail=b""):
    question = encoded(name) + struct.pack("!HH", kind, klass)
    counts = counts or (1, 0, 0, 1 if edns else 0)
    return struct.pack("!HHHHHH", 4711, bits | opcode << 11, *counts) + question + edns + tail


class Reply:
    def __init__(self, wire):
        self.wire = wire
        self.id, self.bits, self.questions, self.answers, _authority, additional = struct.unpack("!HHHHHH", wire[:12])
        self.rcode, self.version, self.do, self.flags, self.options = self.bits & 15, None, False, 0, []
        try:
            self._read(wire, _authority + additional)
        except (struct.error, IndexError):
            self.version = None             # the header counts more than there is

    def _read(self, wire, others):
        at = 12
        for _ in range(self.questions):
            at = self._skip(at) + 4
        for _ in range(self.answers + others):
            at = self._skip(at)
            kind, _size, high, version, flags, length = struct.unpack("!HHBBHH", wire[at:at + 10])
            data, at = wire[at + 10:at + 10 + length], at + 10 + length
            if kind != 41:
                continue
            self.rcode |= high << 4
            self.version, self.do, self.flags = version, bool(flags & DO), flags
            while len(data) >= 4:
                code, size = struct.unpack("!HH", data[:4])
                self.options.append(code)
                data = data[4 + size:]

    def _skip(self, at):
        while self.wire[at] and self.wire[at] < 0xc0:
            at += 1 + self.wire[at]
        return at + (2 if self.wire[at] else 1)


def good(reply):
    """A reply to this query: QR, its id, NOERROR."""
    return reply.id == 4711 and reply.bits & 0x8000 and reply.rcode == 0


def with_edns(reply):
    return good(reply) and reply.version == 0


def badvers(reply):
    return reply.id == 4711 and reply.rcode == 16 and reply.version == 0 and reply.answers == 0


def not_implemented(reply):
    return reply.id == 4711 and bool(reply.bits & 0x8000) and reply.rcode == 4


def refused_in_words(reply):
    return reply.id == 4711 and bool(reply.bits & 0x8000) and reply.rcode in (1, 4)


COOKIE = (10, b"\1\2\3\4\5\6\7\x08")
SUBNET = (8, struct.pack("!HBB", 1, 24, 0) + b"\xc0\0\2")

EDNS_AND_FLAGS = [      # (words, message, check, over TCP)
    ("plain", message(), good, 0),
    ("an unknown type", message(kind=1000), good, 0),
    ("CD", message(RD | CD), good, 0),
    ("AD", message(RD | AD), good, 0),
    ("the reserved bit: clear in the reply", message(RD | Z), lambda r: good(r) and not r.bits & Z, 0),
    ("AA in the query", message(RD | AA), good, 0),
    ("RA in the query", message(RD | RA), good, 0),
    ("TC in the query", message(RD | TC), lambda r: good(r) and not r.bits & TC, 0),
    ("RD clear", message(0), lambda r: r.id == 4711 and r.rcode in (0, 5), 0),
    ("all flags", message(RD | CD | AD | Z | RA | AA), lambda r: good(r) and not r.bits & Z, 0),
    ("an unknown operation", message(opcode=15), not_implemented, 0),
    ("an unknown operation, a header alone", struct.pack("!HHHHHH", 4711, 15 << 11, 0, 0, 0, 0), not_implemented, 0),
    ("an unknown operation with flags", message(RD | CD | AD | Z, opcode=15), lambda r: not_implemented(r) and not r.bits & Z, 0),
    ("an update", message(0, kind=6, opcode=5), lambda r: r.rcode in (4, 5, 9, 1), 0),
    ("plain, TCP", message(), good, 1),
    ("an unknown type, TCP", message(kind=1000), good, 1),
    ("EDNS", message(edns=opt()), with_edns, 0),
    ("EDNS, TCP", message(edns=opt()), with_edns, 1),
    ("EDNS version 1", message(edns=opt(version=1)), badvers, 0),
    ("EDNS version 255", message(edns=opt(version=255)), badvers, 0),
    ("an unknown option: not returned", message(edns=opt(options=[(100, b"x")])), lambda r: with_edns(r) and 100 not in r.options, 0),
    ("version 1 and an unknown option", message(edns=opt(version=1, options=[(100, b"x")])), lambda r: badvers(r) and 100 not in r.options, 0),
    ("an unknown flag: clear in the reply", message(edns=opt(flags=0x0080)), lambda r: with_edns(r) and not r.flags & 0x0080, 0),
    ("version 1 and an unknown flag", message(edns=opt(version=1, flags=0x0080)), lambda r: badvers(r) and not r.flags & 0x0080, 0),
    ("DO", message(edns=opt(flags=DO)), lambda r: with_edns(r) and r.do, 0),
    ("version 1 and DO", message(edns=opt(version=1, flags=DO)), badvers, 0),
    ("512 bytes", message(edns=opt(512)), lambda r: with_edns(r) and len(r.wire) <= 512, 0),
    ("no bytes", message(edns=opt(0)), lambda r: with_edns(r) and len(r.wire) <= 512, 0),
    ("NSID", message(edns=opt(options=[(3, b"")])), with_edns, 0),
    ("a cookie", message(edns=opt(options=[COOKIE])), with_edns, 0),
    ("a client subnet", message(edns=opt(options=[SUBNET])), with_edns, 0),
    ("several options", message(edns=opt(flags=DO, options=[(3, b""), COOKIE, SUBNET, (9, b""), (12, b"\0" * 20)])), with_edns, 0),
]
AS_RESOLVERS = [
    ("recursion", message(), good, 0),
    ("dig", message(RD | AD, edns=opt(1232, options=[COOKIE])), with_edns, 0),
    ("dig, 4096 bytes", message(RD | AD, edns=opt(4096, options=[COOKIE])), with_edns, 0),
    ("DNSSEC", message(RD | AD, edns=opt(4096, flags=DO)), with_edns, 0),
    ("DNSSEC, CD", message(RD | CD, edns=opt(4096, flags=DO)), with_edns, 0),
    ("DNSSEC, TCP", message(RD | AD, edns=opt(4096, flags=DO)), with_edns, 1),
    ("512 bytes and DO", message(RD, edns=opt(512, flags=DO)), with_edns, 0),
    ("1400 bytes", message(RD, edns=opt(1400)), with_edns, 0),
    ("subnet", message(RD, edns=opt(4096, options=[SUBNET])), with_edns, 0),
    ("NSID and cookie", message(RD, edns=opt(4096, options=[(3, b""), COOKIE])), with_edns, 0),
    ("expire", message(RD, edns=opt(4096, options=[(9, b"")])), with_edns, 0),
    ("keep-alive, TCP", message(RD, edns=opt(4096, options=[(11, b"")])), with_edns, 1),
    ("AAAA, capitals", message(RD, name="KnOwN.tEsT", kind=28), lambda r: good(r) and b"KnOwN" in r.wire, 0),
]
TYPE_NUMBERS = [*range(1, 11), *range(11, 30), 33, 34, 35, 36, 37, 38, 39, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 56, 57, 58, 59, 60,
                61, 62, 63, 64, 65, 99, 104, 105, 106, 107, 108]
TYPES = [(f"type {number}", message(kind=number), good, 0) for number in TYPE_NUMBERS][:65]


def cut(by):
    return message()[:-by]


MALFORMED = [
    ("a header that counts a question", struct.pack("!HHHHHH", 4711, RD, 1, 0, 0, 0)),
    ("no question", struct.pack("!HHHHHH", 4711, RD, 0, 0, 0, 0)),
    ("a question cut by one byte", cut(1)), ("by two bytes", cut(2)), ("by the class and type", cut(4)), ("within the name", cut(7)),
    ("two questions", message(counts=(2, 0, 0, 0), tail=encoded("other.test") + b"\0\1\0\1")),
    ("two questions counted, one sent", message(counts=(2, 0, 0, 0))),
    ("a label of 64 bytes", struct.pack("!HHHHHH", 4711, RD, 1, 0, 0, 0) + b"\x40" + b"x" * 64 + b"\0\0\1\0\1"),
    ("a name of 300 bytes", struct.pack("!HHHHHH", 4711, RD, 1, 0, 0, 0) + (b"\x31" + b"x" * 49) * 6 + b"\0\0\1\0\1"),
    ("a compressed question", struct.pack("!HHHHHH", 4711, RD, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"),
    ("an answer in the query", message(counts=(1, 1, 0, 0), tail=b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4")),
    ("an answer counted, none sent", message(counts=(1, 1, 0, 0))),
    ("a record counted, none sent", message(counts=(1, 0, 0, 1))),
    ("OPT cut short", message(edns=opt()[:-2])),
    ("two OPT records", message(counts=(1, 0, 0, 2), edns=opt() + opt())),
    ("OPT with a name", message(counts=(1, 0, 0, 1), tail=b"\1a" + opt())),
    ("an option longer than OPT", message(edns=opt()[:-2] + b"\0\4\0\x0a\0\x20")),
    ("a record whose data are longer than the message", message(counts=(1, 0, 0, 1), tail=b"\0\0\x10\0\1\0\0\0\0\0\x40abc")),
]


def exchange(server, wire, over_tcp):
    """A Reply, or a word."""
    try:
        if over_tcp:
            with socket.create_connection(tuple(server), 3) as link:
                link.sendall(struct.pack("!H", len(wire)) + wire)
                found = ask.stream_read(link, 3)
                return Reply(found) if found else "closed"
        with ask.connected(server, 2.0) as link:
            link.send(wire)
            return Reply(link.recv(65535))
    except OSError:
        return "no reply"
    except (struct.error, IndexError):
        return "a reply that cannot be read"


def asked(server, questions):
    done = []
    for words, wire, check, over_tcp in questions:
        reply = exchange(server, wire, over_tcp)
        passed = isinstance(reply, Reply) and bool(check(reply))
        done.append((words, passed, reply if isinstance(reply, str) else f"rcode {reply.rcode}, flags {reply.bits:04x}, EDNS {reply.version}"))
    return done


def must_be_answered(server):
    return asked(server, EDNS_AND_FLAGS + AS_RESOLVERS + TYPES)


def must_be_refused(server):
    return asked(server, [(words, wire, refused_in_words, 0) for words, wire in MALFORMED])


assert (len(EDNS_AND_FLAGS), len(AS_RESOLVERS), len(TYPES), len(MALFORMED)) == (32, 13, 65, 19), \
    (len(EDNS_AND_FLAGS), len(AS_RESOLVERS), len(TYPES), len(MALFORMED))
