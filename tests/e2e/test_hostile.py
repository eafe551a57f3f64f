"""Does lictor keep answering correctly, whatever bytes arrive? With sanitizers.

100,000 mutated valid messages and 100,000 random ones: queries over UDP, queries over TCP, and replies from an upstream. A correct
answer is checked after every hundred. The logs are checked for sanitizer reports at the end of each test.
"""

import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

import dns.message

from harness import ask, consul, mutate
from harness.lictor import Lictor
from harness.runner import ONCE_SANITIZED, Skip, Variant, test
from harness.upstream import Raw, Scripted, answer, echo

UDP, TCP, REPLIES = 40_000, 20_000, 40_000      # the number of mutated messages, and of random ones
NAMES = ["rec.lan", "www.example", "Deep.Name.With.Many.Labels.example", "1.0.0.10.in-addr.arpa", "web.service.consul",
         "_web._tcp.service.consul", "master.pglab.service.consul", "n.node.consul", "0a000001.addr.consul"]


def agent_of(shared):
    agent = consul.dev_agent(shared)
    agent.api.register("n", "10.9.0.1", {"Service": "web", "Port": 80})
    return agent


def start(ctx, *options):
    agent = ctx.shared("agent", agent_of)
    return Lictor(ctx, "--host-record=rec.lan,10.0.0.1", "--leader-hold=50", f"--consul-dns={agent.dns.address}#{agent.dns.port}",
                  *options, consul=agent.api.url)


def times(ctx, count):
    return count * (10 if ctx.long else 1)


def hostile_messages(ctx, count, kinds=("mutated", "random")):
    """`count` mutated and `count` random messages, alternating."""
    valid = mutate.queries(NAMES, ctx.random)
    for _ in range(count):
        if "mutated" in kinds:
            yield mutate.mutant(ctx.random.choice(valid), ctx.random)
        if "random" in kinds:
            yield mutate.noise(ctx.random)


def hundreds(messages):
    batch = []
    for message in messages:
        batch.append(message)
        if len(batch) == 100:
            yield batch
            batch = []
    if batch:
        yield batch


def check_udp(lictor, sock, number):
    """Checks a correct answer after the bytes that were sent on this socket before."""
    name, right = [("rec.lan", "10.0.0.1"), ("web.service.consul", "10.9.0.1"), (f"n{number}.fresh.example", "192.0.2.99")][number % 3]
    ident = 40000 + number % 20000
    wire = ask.packet(name, ident=ident)
    for attempt in (1, 2):      # the burst may have filled the socket's buffer; a client would repeat the query, too
        sock.send(wire)
        deadline = time.monotonic() + 4
        while (left := deadline - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            try:
                reply = sock.recv(65535)
            except ConnectionRefusedError:
                break
            if reply[:2] == wire[:2] and reply[12:].lower().startswith(wire[12:].lower()):
                found = ask.quick_addresses(reply)
                assert found == (ident, 0, [right]), f"{name} after {number} hundreds: {found}"
                return
    lictor.process.must_run()
    raise AssertionError(f"no answer to {name} after {number} hundreds of messages")


@test("queries over UDP, mutated and random: a correct answer after every hundred", ONCE_SANITIZED, within=300)
def _(ctx):
    upstream = Scripted(ctx, _quick_echo(), label="upstream")
    lictor = start(ctx, f"--server={upstream.option}")
    sock = ask.connected(lictor.server)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    sent = 0
    for number, batch in enumerate(hundreds(hostile_messages(ctx, times(ctx, UDP)))):
        for message in batch:
            try:
                sock.send(message)
            except ConnectionRefusedError:
                lictor.process.must_run()
        sent += len(batch)
        check_udp(lictor, sock, number)
        if number % 50 == 49:   # another source port, which may select another worker
            sock.close()
            sock = ask.connected(lictor.server)
    ctx.note(f"{sent} messages, {number + 1} correct answers between them")
    sock.close()


@test("queries over TCP, mutated and random, some with wrong lengths: a correct answer after every hundred", ONCE_SANITIZED, within=300)
def _(ctx):
    upstream = Scripted(ctx, _quick_echo(), label="upstream")
    lictor = start(ctx, f"--server={upstream.option}")
    sent, connections = 0, 0
    probe = ask.connected(lictor.server)
    for number, batch in enumerate(hundreds(hostile_messages(ctx, times(ctx, TCP)))):
        while batch:
            connections += 1
            with socket.create_connection(tuple(lictor.server), 5) as link:
                link.setblocking(False)
                batch = batch[_pour(ctx, link, batch):]
        sent += 100
        if number % 2:
            assert ask.addresses(ask.tcp(lictor.server, "rec.lan", within=5)) == ["10.0.0.1"]
        check_udp(lictor, probe, number)
    ctx.note(f"{sent} messages over {connections} connections")
    probe.close()


def _pour(ctx, link, batch):
    """Writes messages until the server closes or all are sent; reads the replies. Returns the number of messages written."""
    out, done = b"", 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not out:
            if done == len(batch):
                return done
            message = batch[done]
            size = len(message) if ctx.random.random() > 0.02 else ctx.random.randrange(65536)
            out = struct.pack("!H", size & 0xffff) + message
            done += 1
        readable, writable, _ = select.select([link], [link], [], 5)
        try:
            if readable and not link.recv(65536):
                return done
            if writable:
                out = out[link.send(out):]
        except (ConnectionError, BrokenPipeError):
            return done
    raise AssertionError("a TCP connection was neither read nor closed for 10 s")


def _quick_echo():
    """An upstream without a parser: the reply is the query's own question with an A record."""
    def behave(wire):
        return [_genuine(wire, b"\xc0\x00\x02\x63")] if len(wire) > 16 else []
    return Raw(behave)


def _genuine(wire, address):
    end = 12
    while end < len(wire) and wire[end]:
        end += 1 + wire[end]
    question = wire[12:end + 5]
    return (wire[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question
            + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 30, 4) + address)


@test("replies from an upstream, mutated and random, before the correct one: every client is answered, unaffected names correctly",
      ONCE_SANITIZED, within=300)
def _(ctx):
    seed = ctx.seed
    per_query = 4

    def behave(wire, state={}):
        rng = state.setdefault("rng", random.Random(seed))
        genuine = _genuine(wire, b"\xc0\x00\x02\x01")
        if b"\x05clean" in wire:
            return [genuine]
        # All names here have the same length, so that the replies made for the first one fit all names of its type.
        size = len(b"\6r00000\7hostile\7example\0") + 4
        kind = wire[12 + size - 4:12 + size]
        if kind not in state:
            state[kind] = mutate.replies(dns.message.from_wire(wire))
        valid = [wire[:2] + reply[2:12] + wire[12:12 + size] + reply[12 + size:] for reply in state[kind]]
        out = []
        for n in range(per_query):
            if n % 2 == 0:
                # Mutate after the question, so that the record parser is reached; sometimes after the id.
                keep = rng.choice((2, 4, 12, len(genuine) - 16, len(genuine) - 16))
                out.append(mutate.mutant(rng.choice(valid), rng, keep))
            else:
                data = mutate.noise(rng)
                out.append(wire[:2] + data[2:] if rng.random() < 0.7 else data)
        return out + [genuine]

    upstream = Scripted(ctx, Raw(behave), label="upstream")
    lictor = start(ctx, f"--server={upstream.option}", "--log-queries")
    queries = 2 * times(ctx, REPLIES) // per_query
    sock = ask.connected(lictor.server)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    codes = {}
    for begin in range(0, queries, 100 // per_query):
        numbers = range(begin, begin + 100 // per_query)
        for n in numbers:
            sock.send(ask.packet(f"r{n:05d}.hostile.example", (1, 28, 16, 33, 15)[n % 5], ident=n & 0x7fff, edns=1232 if n % 3 else None))
        missing = {n & 0x7fff for n in numbers}
        deadline = time.monotonic() + 12
        while missing and (left := deadline - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            reply = sock.recv(65535)
            missing.discard(struct.unpack("!H", reply[:2])[0])
            codes[reply[3] & 15] = codes.get(reply[3] & 15, 0) + 1
        lictor.process.must_run()
        assert not missing, f"{len(missing)} of the queries from {begin} on had no reply"
        ident = 0x8000 | begin & 0x7fff
        sock.send(ask.packet(f"q{begin}.clean.example", ident=ident))
        while True:
            assert select.select([sock], [], [], 5)[0], f"no answer to a clean name after {begin} queries"
            reply = sock.recv(65535)
            if struct.unpack("!H", reply[:2])[0] == ident:
                break
        assert ask.quick_addresses(reply) == (ident, 0, ["192.0.2.1"]), ask.quick_addresses(reply)
    ctx.note(f"{queries} queries, {queries * per_query} bad replies before the correct ones; rcodes returned {codes}")
    assert codes.get(0, 0) > queries * 0.5, f"too few correct replies were used: {codes}"
    sock.close()


@test("EDNS option 13, which crashed a printer of packets: in a query over UDP and TCP, and in a reply, at every log level",
      (Variant(1), Variant(2, "asan")))
def _(ctx):
    option = ask.dns.edns.GenericOption(13, b"\x03com\x00")

    def behave(message, query):
        reply = answer(message, "192.0.2.99")
        reply.use_edns(0, 0, 1232, options=[option])
        return [reply]
    upstream = Scripted(ctx, behave)
    lictor = start(ctx, f"--server={upstream.option}", "--log-queries")
    dig = shutil.which("dig")
    if not dig:
        raise Skip("dig is not installed")
    for transport in ("+notcp", "+tcp"):
        for name, expected in (("rec.lan", "10.0.0.1"), ("web.service.consul", "10.9.0.1"), (f"x{transport[1:]}.example", "192.0.2.99")):
            done = subprocess.run([dig, f"@{lictor.server.address}", "-p", str(lictor.server.port), "+ednsopt=13:03636f6d00", transport,
                                   "+short", "+tries=1", "+time=3", name, "A"], capture_output=True, text=True)
            assert done.stdout.split() == [expected], f"{transport} {name}: {done.stdout}{done.stderr}"
            assert lictor.resolve(name) == [expected]
    lictor.process.signal(signal.SIGUSR1)
    assert lictor.resolve("rec.lan") == ["10.0.0.1"]


@test("unusual queries: no question, two questions, other opcodes, truncated; replies and short messages are dropped",
      (Variant(1), Variant(2, "asan")))
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = start(ctx, f"--server={upstream.option}")
    plain = ask.packet("rec.lan", ident=7)

    def code_of(wire):
        with ask.connected(lictor.server, 2) as sock:
            sock.send(wire)
            try:
                reply = sock.recv(4096)
            except socket.timeout:
                return None
            assert reply[:2] == wire[:2] and reply[2] & 0x80, reply
            return reply[3] & 15
    header = struct.Struct("!HHHHHH")
    assert code_of(plain) == 0
    assert code_of(header.pack(7, 0x0100, 0, 0, 0, 0)) == 1, "no question: FORMERR"
    assert code_of(header.pack(7, 0x0100, 2, 0, 0, 0) + plain[12:] * 2) == 1, "two questions: FORMERR"
    for opcode in (2, 4, 5):
        assert code_of(header.pack(7, 0x0100 | opcode << 11, 1, 0, 0, 0) + plain[12:]) == 4, f"opcode {opcode}: NOTIMP"
    assert code_of(plain[:-2]) == 1, "a truncated question: FORMERR"
    for silent in (plain[:11], b"", header.pack(7, 0x8100, 1, 0, 0, 0) + plain[12:]):
        with ask.connected(lictor.server, 0.3) as sock:
            sock.send(silent)
            try:
                raise AssertionError(f"an answer to {silent!r}: {sock.recv(4096)!r}")
            except socket.timeout:
                pass
    assert lictor.resolve("rec.lan") == ["10.0.0.1"]
    assert os.path.exists(f"/proc/{lictor.process.pid}")
