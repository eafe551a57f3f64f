"""Which bytes might break a DNS parser? Valid messages with a few targeted mutations, and random bytes.

All choices come from the given random generator, so that a seed repeats a run.
"""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rrset


def queries(names, rng):
    """Valid queries of many kinds as wires: types, classes, EDNS options, flags, and records in sections where none belong."""
    wires = []
    options = [[], [dns.edns.GenericOption(13, b"\x03com\x00")], [dns.edns.GenericOption(10, bytes(range(8)))],
               [dns.edns.ECSOption("192.0.2.0", 24)], [dns.edns.GenericOption(3, b""), dns.edns.GenericOption(65001, b"x" * 40)]]
    for name in names:
        for rdtype in ("A", "AAAA", "SRV", "TXT", "ANY", "PTR", "SOA", "TYPE65534"):
            message = dns.message.make_query(name, rdtype)
            wires.append(message.to_wire())
            message.use_edns(0, rng.choice((0, dns.flags.DO)), rng.choice((512, 1232, 4096)), options=rng.choice(options))
            wires.append(message.to_wire())
    extra = dns.message.make_query(names[0], "A")
    extra.additional.append(dns.rrset.from_text("x.example.", 1, "IN", "TXT", '"abc"'))
    wires.append(extra.to_wire())
    return wires


def replies(query):
    """Valid replies to `query` (a dns.message.Message) in many forms, as wires."""
    name = query.question[0].name
    shapes = [
        [("ANSWER", name, 60, "A", ["192.0.2.1", "192.0.2.2"])],
        [("ANSWER", name, 60, "CNAME", ["a.b.c.example."]), ("ANSWER", "a.b.c.example.", 60, "A", ["192.0.2.1"])],
        [("ANSWER", name, 60, "MX", ["10 mail.example."]), ("ADDITIONAL", "mail.example.", 60, "AAAA", ["2001:db8::1"])],
        [("ANSWER", name, 60, "TXT", ['"' + "x" * 200 + '" "y"'])],
        [("ANSWER", name, 60, "SRV", ["0 5 5432 t.example."])],
        [("ANSWER", name, 60, "NAPTR", ['10 10 "s" "SIP+D2U" "" _sip._udp.example.'])],
        [("AUTHORITY", "example.", 60, "SOA", ["ns.example. h.example. 1 2 3 4 5"])],
        [("ANSWER", name, 60, "RRSIG", ["A 8 2 60 20300101000000 20200101000000 12345 example. aGVsbG8="])],
        [("ANSWER", name, 60, "TYPE65280", ["\\# 4 01020304"])],
    ]
    wires = []
    for shape in shapes:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        for section, owner, ttl, rdtype, texts in shape:
            target = {"ANSWER": reply.answer, "AUTHORITY": reply.authority, "ADDITIONAL": reply.additional}[section]
            target.append(dns.rrset.from_text(owner, ttl, "IN", rdtype, *texts))
        wires.append(reply.to_wire())
        reply.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(13, b"\x03com\x00"), dns.edns.GenericOption(15, b"\0\x16no")])
        wires.append(reply.to_wire())
    return wires


def mutant(wire, rng, keep=0):
    """`wire` with one to four mutations after the first `keep` bytes."""
    data = bytearray(wire)
    for _ in range(rng.randint(1, 4)):
        if len(data) <= keep + 1:
            break
        at = rng.randrange(keep, len(data))
        kind = rng.randrange(11)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice((0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randint(1, 24))
        elif kind == 4:
            del data[at:at + rng.randint(1, 12)]
        elif kind == 5:                                         # a compression pointer, often to itself or ahead
            data[at:at + 2] = struct.pack("!H", 0xc000 | rng.choice((at, at + 2, 0, 12, rng.randrange(0x4000))))
        elif kind == 6 and len(data) > 12:                      # wrong counts
            where = rng.choice((4, 6, 8, 10))
            if where >= keep:
                data[where:where + 2] = struct.pack("!H", rng.choice((0, 1, 2, 255, 65535)))
        elif kind == 7:                                         # wrong lengths
            data[at:at + 2] = struct.pack("!H", rng.choice((0, 1, len(data), 65535, 0x7fff)))
        elif kind == 8:
            end = min(len(data), at + rng.randint(1, 40))
            data[at:at] = data[at:end] * rng.randint(1, 3)
        elif kind == 9:
            data += rng.randbytes(rng.randint(1, 60))
        elif len(data) > 3 and keep <= 2:                       # flags: opcode, QR, TC, rcode
            data[rng.choice((2, 3))] = rng.randrange(256)
    return bytes(data[:65000])


def noise(rng):
    size = rng.choice((0, 1, 2, 11, 12, 13, 17, rng.randrange(64), rng.randrange(600), rng.randrange(1500)))
    data = bytearray(rng.randbytes(size))
    if size >= 12 and rng.random() < 0.5:                       # a header that passes the first checks
        data[2:12] = struct.pack("!HHHHH", 0x0100, 1, 0, 0, rng.choice((0, 1)))
    return bytes(data)
