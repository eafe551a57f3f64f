"""Does a server see through forged and malformed replies of its upstream? 19 probes. After each forged reply the genuine one comes, and the
client must get that one, with nothing else in it (RFC 5452, RFC 5625)."""

import collections
import socket
import struct
import time

import dns.flags
import dns.message
import dns.rrset

from harness import ask
from harness.upstream import Scripted, answer, negative

GENUINE, FORGED = "192.0.2.1", "203.0.113.66"


def changed(message, **fields):
    """A reply with the forged address, and these fields of the header replaced: id, flags (a function of the 16 bits)."""
    wire = bytearray(answer(message, FORGED).to_wire())
    if "id" in fields:
        wire[:2] = struct.pack("!H", (message.id + fields["id"]) & 0xffff)
    if "flags" in fields:
        wire[2:4] = struct.pack("!H", fields["flags"](struct.unpack("!H", wire[2:4])[0]))
    return bytes(wire)


def other_question(message, name=None, kind=None):
    question = message.question[0]
    other = dns.message.make_query(name or question.name, kind or question.rdtype)
    other.id = message.id
    return answer(other, FORGED if (kind or "A") == "A" else "2001:db8::66")


def from_elsewhere(message, query, address, port=0):
    """Sends the forged reply itself, from another address or port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        sock.sendto(answer(message, FORGED).to_wire(), tuple(query.peer))
    return []


def extra(message, section):
    reply = answer(message, GENUINE)
    name = "victim-" + message.question[0].name.to_text()
    getattr(reply, section).append(dns.rrset.from_text(name, 300, "IN", "A", FORGED))
    return reply


def without_question(message):
    wire = answer(message, FORGED).to_wire()
    end = 12 + len(message.question[0].name.to_wire()) + 4
    return wire[:4] + b"\0\0" + wire[6:12] + wire[end:].replace(b"\xc0\x0c", message.question[0].name.to_wire(), 1)


def pointer_loop(message):
    wire = bytearray(answer(message, FORGED).to_wire())
    at = wire.rindex(b"\xc0\x0c")
    wire[at:at + 2] = struct.pack("!H", 0xc000 | at)
    return bytes(wire)


def big(message):
    return answer(message, *(f'"{n:03d}{"x" * 200}"' for n in range(18)), kind="TXT")


def wrong_ids(message):
    wire = changed(message)
    return [struct.pack("!H", (message.id + n) & 0xffff) + wire[2:] for n in range(1, 2001)]


FORGERIES = {
    "id": lambda m, q: [changed(m, id=1)],
    "address": lambda m, q: from_elsewhere(m, q, "127.0.0.2"),
    "port": lambda m, q: from_elsewhere(m, q, "127.0.0.1"),
    "name": lambda m, q: [other_question(m, name="other.test.")],
    "type": lambda m, q: [other_question(m, kind="AAAA")],
    "noquestion": lambda m, q: [without_question(m)],
    "query": lambda m, q: [changed(m, flags=lambda bits: bits & 0x7fff)],
    "opcode": lambda m, q: [changed(m, flags=lambda bits: bits | 0x1000)],
    "cut": lambda m, q: [answer(m, FORGED).to_wire()[:-6]],
    "short": lambda m, q: [answer(m, FORGED).to_wire()[:4]],
    "loop": lambda m, q: [pointer_loop(m)],
    "ids": lambda m, q: wrong_ids(m),
    "headonly": lambda m, q: [struct.pack("!HHHHHH", m.id, 0x8181, 0, 0, 0, 0)],
}
WORDS = {
    "id": "wrong id", "address": "wrong address", "port": "wrong port", "name": "wrong name", "type": "wrong type",
    "noquestion": "no question", "query": "QR clear", "opcode": "wrong opcode", "cut": "cut short", "short": "four bytes",
    "loop": "compression loop", "ids": "2,000 wrong ids", "headonly": "FORMERR of a header alone",
}


def behave(message, query):
    kind = query.name.lower().split(".")[0].split("-")[0]
    if kind == "known":
        return [answer(message, GENUINE) if query.kind == "A" else negative(message, code=0)]
    if kind in ("answer", "additional"):
        return [extra(message, kind)]
    if kind == "big":
        return [big(message)]
    genuine = answer(message, GENUINE)
    if query.transport == "tcp" or kind not in FORGERIES:
        return [(0.5, genuine) if kind in ("same", "slow") else genuine]
    return [*FORGERIES[kind](message, query), (0.1, genuine)]


def upstream(ctx, label):
    return Scripted(ctx, behave, label=label)


def addresses(server, name):
    """Sorted addresses of a reply, or a word."""
    try:
        reply = ask.udp(server, name, within=8.0)
    except ask.SILENCE:
        return "no reply"
    found = [rdata.to_text() for section in (reply.answer, reply.authority, reply.additional) for rrset in section for rdata in rrset]
    return sorted(found) if found else ask.rcode(reply)


def entropy(subject, upstream_server):
    for n in range(300):
        ask.udp(subject.server, f"random-{n}.test", within=5.0)
    seen = [q for q in upstream_server.queries() if q[2].startswith("random-")]
    ids, ports = {q[5] for q in seen}, {q[4] for q in seen}
    return len(ids) >= 0.97 * len(seen) and len(ports) >= 0.97 * len(seen), f"{len(ids)} ids and {len(ports)} ports in {len(seen)} queries"


def identical(subject, upstream_server):
    links = [ask.connected(subject.server, 3.0) for _ in range(100)]
    for number, link in enumerate(links):
        link.send(ask.packet("same-1.test", ident=number))
    replies = 0
    for link in links:
        try:
            replies += ask.quick_addresses(link.recv(512))[2] == [GENUINE]
        except OSError:
            pass
        link.close()
    asked = upstream_server.count("same-1.test", "A")
    return replies == 100 and asked <= 2, f"{replies} answers, {asked} queries upstream"


def relayed(subject, section):
    found = addresses(subject.server, f"{section}-1.test")
    return found == [GENUINE], str(found)


def cached(subject, section):
    name = f"victim-{section}-2.test"
    addresses(subject.server, f"{section}-2.test")
    found = addresses(subject.server, name)
    return found == [GENUINE], str(found)


def oversize(subject):
    with ask.connected(subject.server, 5.0) as link:
        link.send(ask.packet("big-1.test", 16, ident=7))
        wire = link.recv(65535)
    return len(wire) <= 512 and bool(wire[2] & 2), f"{len(wire)} bytes, TC {wire[2] >> 1 & 1}"


def probes(subject, upstream_server):
    """[(words, passed, what was seen)]."""
    steps = [("ids and ports are random", lambda: entropy(subject, upstream_server)),
             ("100 identical queries", lambda: identical(subject, upstream_server))]
    for kind, words in WORDS.items():
        def one(kind=kind):
            found = addresses(subject.server, f"{kind}-1.test")
            return found == [GENUINE], str(found)
        steps.append((words, one))
    steps += [("a foreign record in the answer is not relayed", lambda: relayed(subject, "answer")),
              ("nor cached", lambda: cached(subject, "answer")),
              ("one in the additional section is not cached", lambda: cached(subject, "additional")),
              ("a reply larger than the client takes is cut with TC", lambda: oversize(subject))]
    done = []
    for words, step in steps:
        try:
            passed, seen = step()
        except Exception as error:
            passed, seen = False, repr(error)
        done.append((words, passed, seen))
    return done
