"""Is everything outside Consul forwarded as a resolver should: over UDP and TCP, cached by the rules, routed, merged, bounded?

The upstreams are real servers (unbound, NSD) where possible, and a scripted one where a test needs special behaviour.
"""

import os
import select
import socket
import struct
import time

import dns.flags
import dns.message

from harness import ask, namespace, net
from harness.lictor import Lictor
from harness.runner import ONCE, test
from harness.upstream import Scripted, Unbound, answer, echo, negative


def unbound_of(shared):
    return Unbound(shared)


def both(ctx, *options, **how):
    """A lictor that forwards to the file's unbound."""
    upstream = ctx.shared("unbound", unbound_of)
    return Lictor(ctx, f"--server={upstream.option}", *options, **how), upstream


@test("all types over both transports: the same answer as the upstream's")
def _(ctx):
    lictor, upstream = both(ctx)
    wrong = []
    for name, rdtype in (("www.up.test", "A"), ("www.up.test", "AAAA"), ("alias2.up.test", "A"), ("up.test", "MX"),
                         ("up.test", "SOA"), ("up.test", "NS"), ("_pg._tcp.up.test", "SRV"), ("text.up.test", "TXT"),
                         ("x.wild.up.test", "A"), ("outside.up.test", "A"), ("nope.up.test", "A"), ("v4only.up.test", "AAAA"),
                         ("big.up.test", "TXT"), ("many.up.test", "A")):
        for way in ("udp", "tcp"):
            expected = ask.tcp(upstream.server, name, rdtype)
            got = getattr(lictor, way)(name, rdtype, edns=None)
            if way == "udp" and got.flags & dns.flags.TC:
                continue
            for field in ("answer", "authority"):
                a = sorted((r.name.to_text(), str(rd)) for r in getattr(expected, field) for rd in r)
                b = sorted((r.name.to_text(), str(rd)) for r in getattr(got, field) for rd in r)
                if a != b and (field == "answer" or not got.answer):
                    wrong.append(f"{way} {name} {rdtype} {field}: upstream {a}, lictor {b}")
            if expected.rcode() != got.rcode() or not got.flags & dns.flags.RA:
                wrong.append(f"{way} {name} {rdtype}: {ask.rcode(got)} {dns.flags.to_text(got.flags)}")
    assert not wrong, "\n".join(wrong)


@test("a large answer: TC over UDP at the client's size, complete over TCP, read over TCP from the upstream")
def _(ctx):
    lictor, _upstream = both(ctx)
    small = lictor.udp("big.up.test", "TXT")
    assert small.flags & dns.flags.TC and len(small.to_wire()) <= 512, small.to_text()
    middle = lictor.udp("big.up.test", "TXT", edns=1232)
    assert middle.flags & dns.flags.TC and len(middle.to_wire()) <= 1232
    whole = lictor.tcp("big.up.test", "TXT")
    assert len(ask.texts(whole)) == 20 and not whole.flags & dns.flags.TC
    many = lictor.udp("many.up.test", "A", edns=4096)
    assert len(ask.addresses(many)) == 100 or many.flags & dns.flags.TC
    assert len(ask.addresses(lictor.tcp("many.up.test", "A"))) == 100


@test("the reply has the client's letter case in the question and the owner names")
def _(ctx):
    lictor, _upstream = both(ctx)
    lictor.udp("www.up.test")
    reply = lictor.udp("wWw.Up.TeSt")
    assert reply.question[0].name.to_text() == "wWw.Up.TeSt." and ask.addresses(reply) == ["192.0.2.1", "192.0.2.2"]


@test("the TTL of cached answers counts down; expired answers are queried again")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [answer(m, "192.0.2.1", ttl=2 if q.name.startswith("short") else 100)])
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    assert ask.ttls(lictor.udp("long.example")) == [100]
    assert ask.ttls(lictor.udp("short.example")) == [2]
    for _ in range(20):
        lictor.udp("short.example")
        lictor.udp("long.example")
    assert upstream.count("short.example") == 1 and upstream.count("long.example") == 1, "not answered from the cache"
    lictor.process.until(lambda: ask.ttls(lictor.udp("long.example"))[0] <= 98, 4, "the TTL counts down")
    lictor.process.until(lambda: lictor.udp("short.example") and upstream.count("short.example") == 2, 4, "queried again after it expired")
    assert upstream.count("long.example") == 1


@test("TTL 0 is not cached; the TTL options bound the time in the cache and the TTL in replies")
def _(ctx):
    def behave(message, query):
        return [answer(message, "192.0.2.1", ttl=int(query.name.split(".")[0][1:]))]
    upstream = Scripted(ctx, behave)
    plain = Lictor(ctx, f"--server={upstream.option}", name="lictor-plain", threads=1)
    plain.udp("t0.a.example"), plain.udp("t0.a.example")
    assert upstream.count("t0.a.example") == 2
    shown = Lictor(ctx, f"--server={upstream.option}", "--max-ttl=30", name="lictor-max", threads=1)
    assert ask.ttls(shown.udp("t500.b.example")) == [30]
    kept = Lictor(ctx, f"--server={upstream.option}", "--min-cache-ttl=60", name="lictor-min", threads=1)
    kept.udp("t1.c.example")
    time.sleep(1.2)             # past the upstream's TTL
    kept.udp("t1.c.example")
    assert upstream.count("t1.c.example") == 1, "min-cache-ttl does not keep it"
    short = Lictor(ctx, f"--server={upstream.option}", "--max-cache-ttl=1", name="lictor-maxcache", threads=1)
    short.udp("t500.d.example")
    short.process.until(lambda: short.udp("t500.d.example") and upstream.count("t500.d.example") >= 2, 4, "max-cache-ttl drops it")
    off = Lictor(ctx, f"--server={upstream.option}", "--cache-size=0", name="lictor-off", threads=1)
    off.udp("t500.e.example"), off.udp("t500.e.example")
    assert upstream.count("t500.e.example") == 2, "cached with cache-size=0"


@test("NXDOMAIN and NODATA are cached by the SOA (RFC 2308), and not with no-negcache; neg-ttl applies to those without SOA")
def _(ctx):
    def behave(message, query):
        if query.name.startswith("bare"):
            return [answer(message, code=3)]
        return [negative(message, code=3 if query.name.startswith("nx") else 0, soa_ttl=50, minimum=40)]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}", name="lictor-neg", threads=1)
    for name, code in (("nx.example.test", "NXDOMAIN"), ("nodata.example.test", "NOERROR")):
        for _ in range(3):
            reply = lictor.udp(name)
            assert ask.rcode(reply) == code and reply.authority and reply.authority[0].ttl <= 50, reply.to_text()
        assert upstream.count(name) == 1, f"{name} queried {upstream.count(name)} times"
    # NXDOMAIN holds for every type of the name; NODATA for its own type only.
    lictor.udp("nodata.example.test", "TXT")
    assert upstream.count("nodata.example.test") == 2
    lictor.udp("bare.example.test"), lictor.udp("bare.example.test")
    assert upstream.count("bare.example.test") == 2, "a negative answer without SOA was cached"
    bounded = Lictor(ctx, f"--server={upstream.option}", "--neg-ttl=30", name="lictor-negttl", threads=1)
    bounded.udp("bare2.example.test"), bounded.udp("bare2.example.test")
    assert upstream.count("bare2.example.test") == 1, "neg-ttl does not keep it"
    never = Lictor(ctx, f"--server={upstream.option}", "--no-negcache", name="lictor-noneg", threads=1)
    never.udp("nx2.example.test"), never.udp("nx2.example.test")
    assert upstream.count("nx2.example.test") == 2


@test("servers for a domain by longest match; local= and server=/domain/ are answered locally; server=/domain/# uses the default servers")
def _(ctx):
    def fixed(address):
        return lambda message, query: [answer(message, address)] if query.kind == "A" else [negative(message, code=0)]
    standard, corp, deep = (Scripted(ctx, fixed(f"192.0.2.{n}"), label=f"up{n}") for n in (1, 2, 3))
    lictor = Lictor(ctx, f"--server={standard.option}", f"--server=/corp.example/{corp.option}",
                    f"--server=/deep.corp.example/other.example/{deep.option}", "--server=/std.corp.example/#",
                    "--local=/here.example/", "--server=/alsohere.example/")
    for name, expected in (("www.example.net", "192.0.2.1"), ("corp.example", "192.0.2.2"), ("a.corp.example", "192.0.2.2"),
                           ("A.CORP.Example", "192.0.2.2"), ("notcorp.example", "192.0.2.1"), ("x.deep.corp.example", "192.0.2.3"),
                           ("deep.corp.example", "192.0.2.3"), ("other.example", "192.0.2.3"), ("x.std.corp.example", "192.0.2.1")):
        assert lictor.resolve(name) == [expected], f"{name}: {lictor.resolve(name)}, expected {expected}"
    for name in ("x.here.example", "here.example", "x.alsohere.example"):
        assert lictor.resolve(name) == ["NXDOMAIN"], name
    for upstream in (standard, corp, deep):
        assert upstream.count("x.here.example") == 0


@test("identical queries in flight are sent upstream once; each client gets a reply with its own id")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [(0.2, answer(m, "192.0.2.1"))])     # earlier than lictor repeats a query
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    socks = [ask.connected(lictor.server, 3) for _ in range(50)]
    for number, sock in enumerate(socks):
        sock.send(ask.packet("same.example", ident=1000 + number))
    for number, sock in enumerate(socks):
        assert ask.quick_addresses(sock.recv(2000)) == (1000 + number, 0, ["192.0.2.1"])
        sock.close()
    assert upstream.count("same.example") == 1, f"queried {upstream.count('same.example')} times"


@test("upstream queries have random ids and source ports")
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    for n in range(120):
        lictor.udp(f"n{n}.example")
    queries = upstream.queries()
    ids, ports = {q[5] for q in queries}, {q[4] for q in queries}
    ctx.note(f"{len(queries)} queries, {len(ids)} ids, {len(ports)} source ports")
    assert len(ids) > 110 and len(ports) > 60
    steps = {b[5] - a[5] for a, b in zip(queries, queries[1:])}
    assert len(steps) > 100, "the ids are a sequence"


@test("a reply is accepted only from the queried address and with the right id and question; a correct reply after forged ones is used")
def _(ctx):
    other_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other_socket.bind(("127.0.0.1", 0))
    def behave(message, query):
        if query.transport == "tcp":       # lictor changes to TCP when ids are guessed
            return [answer(message, "192.0.2.1")]
        forged = answer(message, "203.0.113.66")
        other_id = dns.message.from_wire(forged.to_wire())
        other_id.id = (message.id + 1) & 0xffff
        other_name = answer(dns.message.make_query("elsewhere.example", query.kind), "203.0.113.66")
        other_name.id = message.id
        no_question = dns.message.Message(message.id)
        no_question.flags = forged.flags
        not_a_reply = dns.message.from_wire(forged.to_wire())
        not_a_reply.flags &= ~dns.flags.QR
        other_opcode = bytearray(forged.to_wire())
        other_opcode[2] |= 2 << 3
        other_socket.sendto(forged.to_wire(), query.peer)
        cut = forged.to_wire()[:-6]
        loop = forged.to_wire()[:12] + b"\xc0\x0c" + forged.to_wire()[14:]
        return [other_id, other_name, no_question, not_a_reply, bytes(other_opcode), cut, loop, (0.05, answer(message, "192.0.2.1"))]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}")
    for n in range(10):
        assert lictor.resolve(f"n{n}.example", within=4) == ["192.0.2.1"]
    other_socket.close()


@test("records outside the question reach neither the client nor the cache")
def _(ctx):
    def behave(message, query):
        if query.name.startswith("victim"):
            return [answer(message, "192.0.2.1")]
        reply = answer(message, "192.0.2.2")
        reply.answer.append(ask.dns.rrset.from_text("victim.example.", 600, "IN", "A", "203.0.113.66"))
        reply.additional.append(ask.dns.rrset.from_text("victim.example.", 600, "IN", "A", "203.0.113.66"))
        return [reply]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    assert lictor.resolve("bait.example") == ["192.0.2.2"]
    assert lictor.resolve("victim.example") == ["192.0.2.1"]


@test("an answer truncated by the upstream is queried again over TCP, also for a UDP client")
def _(ctx):
    def behave(message, query):
        if query.transport == "udp":
            cut = answer(message)
            cut.flags |= dns.flags.TC
            return [cut]
        return [answer(message, "192.0.2.1", "192.0.2.2")]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    assert lictor.resolve("cut.example") == ["192.0.2.1", "192.0.2.2"]
    assert [q[1] for q in upstream.queries()] == ["udp", "tcp"]


@test("DO, AD and CD are passed on and separate cache entries; the client's EDNS options are not passed on")
def _(ctx):
    def behave(message, query):
        reply = answer(message, "192.0.2.1", flags="QR RD RA AD")
        if message.ednsflags & dns.flags.DO:
            reply.answer.append(ask.dns.rrset.from_text(
                query.name, 60, "IN", "RRSIG", "A 8 2 60 20300101000000 20200101000000 12345 example. aGVsbG8="))
        return [reply]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}", threads=1)
    signed = lictor.udp("s.example", edns=1232, want_dnssec=True)
    assert any(r.rdtype == 46 for r in signed.answer) and signed.edns == 0, signed.to_text()
    plain = lictor.udp("s.example")
    assert not any(r.rdtype == 46 for r in plain.answer) and plain.edns == -1, plain.to_text()
    assert not plain.flags & dns.flags.AD, "AD without AD or DO in the query"
    lictor.udp("c.example", flags="RD CD")
    assert any(q[6] & 0x10 for q in upstream.queries() if q[2] == "c.example."), "CD did not reach the upstream"


@test("EDNS version 1 is BADVERS; unknown options are ignored; sizes below 512 count as 512")
def _(ctx):
    lictor, _upstream = both(ctx)
    query = ask.query("www.up.test")
    query.use_edns(1, 0, 1232)
    reply = ask.udp(lictor.server, query)
    assert reply.rcode() == 16 and reply.edns == 0, reply.to_text()
    option = ask.dns.edns.GenericOption(65001, b"whatever")
    reply = lictor.udp("www.up.test", edns=1232, options=[option])
    assert ask.addresses(reply) == ["192.0.2.1", "192.0.2.2"]
    reply = lictor.udp("big.up.test", "TXT", edns=100)
    assert reply.flags & dns.flags.TC and len(reply.to_wire()) <= 512


@test("overload: SERVFAIL, a counter and one log line; never REFUSED, never without a reply; normal answers afterwards")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [] if q.name.startswith("slow") else echo(m, q))
    lictor = Lictor(ctx, f"--server={upstream.option}", "--dns-forward-max=50", threads=1)
    count = 300
    socks = [ask.connected(lictor.server, 8) for _ in range(count)]        # each is an application of its own
    for n, sock in enumerate(socks):
        sock.send(ask.packet(f"slow{n}.example", ident=n))
    codes, first = [], time.monotonic()
    early, waiting = 0, list(socks)
    while waiting:
        ready, _, _ = select.select(waiting, [], [], 8)
        if not ready:
            break
        for sock in ready:
            codes.append(ask.quick_addresses(sock.recv(2000))[1])
            waiting.remove(sock)
            early += time.monotonic() - first < 0.3
    assert len(codes) == count, f"{count - len(codes)} of {count} queries had no reply"
    assert set(codes) == {2}, f"rcodes {set(codes)}"
    assert early >= 200, f"only {early} SERVFAIL at once; 50 may be in flight"
    assert lictor.metrics().get("lictor_forward_overload_total", 0) >= 200
    lictor.until_logged("number of concurrent DNS queries reached")
    lines = [line for line in lictor.process.log().splitlines() if "number of concurrent DNS queries reached" in line]
    assert 1 <= len(lines) <= 3, f"{len(lines)} log lines about it: {lines[:4]}"
    assert lictor.resolve("quick.example", within=3) == ["192.0.2.99"]
    for sock in socks:
        sock.close()


@test("changes of resolv.conf are applied: in place, by rename and through a bind mount; lictor's own address is skipped",
      ONCE, namespace=True)
def _(ctx):
    one = _on_53(ctx, "127.0.2.1", "192.0.2.1")
    two = _on_53(ctx, "127.0.2.2", "192.0.2.2")
    path = ctx.file("etc-resolv.conf", "nameserver 127.0.2.1\n")
    lictor = Lictor(ctx, f"--resolv-file={path}", port=53, address="127.0.2.9")
    assert lictor.resolve("a.example") == ["192.0.2.1"]
    with open(path, "w") as file:           # in place: same inode
        file.write("search example\nnameserver 127.0.2.2\noptions ndots:0\n")
    lictor.until_resolves("b.example", ["192.0.2.2"], within=3)
    with open(path + ".new", "w") as file:  # replaced: another inode
        file.write("nameserver 127.0.2.1\n")
    os.rename(path + ".new", path)
    lictor.until_resolves("c.example", ["192.0.2.1"], within=3)
    with open(path, "w") as file:           # lictor's own address first: it must be skipped
        file.write("nameserver 127.0.2.9\nnameserver 127.0.2.2\n")
    lictor.until_resolves("d.example", ["192.0.2.2"], within=3)
    with open(path, "w") as file:           # lictor's own address alone: the last usable server stays
        file.write("nameserver 127.0.2.9\n")
    net.until(lambda: "names no nameserver that can be used; the last ones are kept" in lictor.process.log(), 3, "the warning with the remedy")
    assert lictor.resolve("own.example") == ["192.0.2.2"]
    with open(path, "w") as file:           # empty: the old servers stay
        file.write("# nothing\n")
    net.steadily(lambda: lictor.resolve("e.example") == ["192.0.2.2"], 1.5, "an empty file leaves the old servers", every=0.1)
    with open(path, "w") as file:
        file.write("# the actual nameservers come with the link\nsearch example.org\n")
    count = iter(range(100))
    net.steadily(lambda: lictor.resolve(f"e{next(count)}.example") == ["192.0.2.2"], 1.5, "a file without servers leaves the old ones", every=0.1)

    # Container engines do this: the file is a bind mount of another file, and that one is rewritten.
    behind = ctx.file("behind.conf", "nameserver 127.0.2.1\n")
    seen = ctx.file("seen.conf", "")
    namespace.bind(behind, seen)
    mounted = Lictor(ctx, f"--resolv-file={seen}", port=53, address="127.0.2.10", name="lictor-mounted")
    assert mounted.resolve("a.example") == ["192.0.2.1"]
    with open(behind, "w") as file:
        file.write("nameserver 127.0.2.2\n")
    mounted.until_resolves("b.example", ["192.0.2.2"], within=3)
    assert one.count() and two.count()


def _on_53(ctx, address, address_in_reply):
    return Scripted(ctx, lambda m, q: [answer(m, address_in_reply, ttl=0)], address=address, label=f"up-{address_in_reply}", port=53)


@test("local data: hosts files, address, host-record, cname; their TTL and PTR, and NODATA for the other address family")
def _(ctx):
    upstream = Scripted(ctx, echo)
    hosts = ctx.file("hosts", "10.0.0.1 one.lan one\n10.0.0.2\ttwo.lan # a note\n2001:db8::1 one.lan\n# 10.0.0.3 three.lan\n")
    lictor = Lictor(ctx, f"--server={upstream.option}", f"--addn-hosts={hosts}", "--address=/all.lan/10.0.1.1",
                    "--address=/all.lan/2001:db8::11", "--address=/blocked.lan/", "--address=/null.lan/#",
                    "--host-record=rec.lan,rec2.lan,10.0.2.1,2001:db8::21", "--cname=alias.lan,rec.lan", "--local-ttl=33")
    for name, rdtype, expected in (
            ("one.lan", "A", ["10.0.0.1"]), ("ONE.lan", "A", ["10.0.0.1"]), ("one", "A", ["10.0.0.1"]),
            ("one.lan", "AAAA", ["2001:db8::1"]), ("two.lan", "A", ["10.0.0.2"]), ("two.lan", "AAAA", []),
            ("all.lan", "A", ["10.0.1.1"]), ("deep.x.all.lan", "A", ["10.0.1.1"]), ("all.lan", "AAAA", ["2001:db8::11"]),
            ("x.blocked.lan", "A", ["NXDOMAIN"]), ("null.lan", "A", ["0.0.0.0"]), ("null.lan", "AAAA", ["::"]),
            ("rec.lan", "A", ["10.0.2.1"]), ("rec2.lan", "AAAA", ["2001:db8::21"]), ("alias.lan", "A", ["10.0.2.1"]),
            ("three.lan", "A", ["192.0.2.99"])):
        assert lictor.resolve(name, rdtype) == expected, f"{name} {rdtype}: {lictor.resolve(name, rdtype)}, expected {expected}"
    assert ask.ttls(lictor.udp("one.lan")) == [33]
    assert ask.texts(lictor.udp("1.0.0.10.in-addr.arpa", "PTR")) == ["one.lan."]
    assert ask.texts(lictor.udp("1.2.0.10.in-addr.arpa", "PTR")) == ["rec.lan."]
    reply = lictor.udp("alias.lan")
    assert [r.rdtype for r in reply.answer] == [5, 1], reply.to_text()
    assert upstream.count("one.lan") == 0 and upstream.count("rec.lan") == 0


@test("domain-needed and bogus-priv keep private names and addresses from the upstream")
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--domain-needed", "--bogus-priv")
    assert lictor.resolve("plainword") == ["NXDOMAIN"]
    assert lictor.resolve("two.words") == ["192.0.2.99"]
    assert lictor.resolve("1.0.168.192.in-addr.arpa", "PTR") == ["NXDOMAIN"]
    assert upstream.count("plainword") == 0 and upstream.count("1.0.168.192.in-addr.arpa") == 0


@test("all-servers queries all servers and uses the first reply; strict-order keeps the order")
def _(ctx):
    late = 1.5          # lictor does not wait for the slow one
    slow = Scripted(ctx, lambda m, q: [(late, answer(m, "192.0.2.1"))], label="slow")
    quick = Scripted(ctx, lambda m, q: [answer(m, "192.0.2.2")], label="quick")
    every = Lictor(ctx, f"--server={slow.option}", f"--server={quick.option}", "--all-servers", name="lictor-all")
    begin = time.monotonic()
    assert every.resolve("a.example") == ["192.0.2.2"] and time.monotonic() - begin < late
    net.until(lambda: slow.count("a.example") == 1, 1, "both were queried")
    strict = Lictor(ctx, f"--server={quick.option}", f"--server={slow.option}", "--strict-order", name="lictor-strict")
    for n in range(10):
        assert strict.resolve(f"s{n}.example") == ["192.0.2.2"]
    assert slow.count("s5.example") == 0


@test("TCP: pipelined queries, replies out of order, slow and idle clients do not delay others")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [(0.5, answer(m, "192.0.2.1"))] if q.name.startswith("slow") else echo(m, q))
    lictor = Lictor(ctx, f"--server={upstream.option}")
    with socket.create_connection(tuple(lictor.server)) as link:
        wires = [ask.packet(name, ident=n) for n, name in enumerate(("slow.example", "a.example", "b.example"))]
        link.sendall(b"".join(struct.pack("!H", len(w)) + w for w in wires))
        order = [ask.quick_addresses(ask.stream_read(link))[0] for _ in range(3)]
        assert sorted(order) == [0, 1, 2] and order[-1] == 0, f"answered in order {order}"
    crowd = [socket.create_connection(tuple(lictor.server)) for _ in range(150)]
    wire = ask.packet("a.example")
    for sock in crowd[:75]:
        sock.send(struct.pack("!H", len(wire)) + wire[:3])      # sends the start of a message only
    begin = time.monotonic()
    assert ask.addresses(lictor.tcp("c.example")) == ["192.0.2.99"]
    assert time.monotonic() - begin < net.allowed(0.5)
    assert lictor.resolve("d.example") == ["192.0.2.99"]
    with socket.create_connection(tuple(lictor.server)) as half:
        half.sendall(struct.pack("!H", len(wire)) + wire)
        half.shutdown(socket.SHUT_WR)                           # a query, then the sending side is closed: still answered
        assert ask.quick_addresses(ask.stream_read(half))[2] == ["192.0.2.99"]
    for sock in crowd:
        sock.close()


@test("names in Consul's domain are never sent to an upstream, except where a longer rule for a domain applies")
def _(ctx):
    upstream = Scripted(ctx, echo)
    dead = net.free_port()
    lictor = Lictor(ctx, f"--server={upstream.option}", f"--server=/special.service.consul/{upstream.option}",
                    "--address=/fixed.service.consul/10.0.0.9", f"--consul-dns=127.0.0.1#{net.free_port()}",
                    consul=f"http://127.0.0.1:{dead}")
    assert ask.rcode(lictor.udp("web.service.consul", within=6)) == "SERVFAIL"
    assert lictor.resolve("special.service.consul") == ["192.0.2.99"]
    assert lictor.resolve("fixed.service.consul") == ["10.0.0.9"]
    assert upstream.count("web.service.consul") == 0


@test("a truncated reply whose TCP is refused: the client gets the records that came, with TC")
def _(ctx):
    def behave(message, query):
        if query.transport == "tcp":
            return ["close"]
        return [answer(message, "192.0.2.1", "192.0.2.2", flags="QR TC RA RD")]
    upstream = Scripted(ctx, behave)
    lictor = Lictor(ctx, f"--server={upstream.option}")
    for name in ("big.test", "big.test", "other.test"):
        begun = time.monotonic()
        reply = lictor.udp(name, "A")
        assert ask.rcode(reply) == "NOERROR" and reply.flags & dns.flags.TC, reply.to_text()
        assert sorted(ask.addresses(reply)) == ["192.0.2.1", "192.0.2.2"] and time.monotonic() - begun < net.allowed(1.0)


@test("a client on the same host gets UDP replies of the size that it offers; edns-packet-max bounds them if it is set")
def _(ctx):
    upstream = ctx.shared("unbound", unbound_of)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--local-ttl=9", *[f"--txt-record=local.test,{'x' * 200}{i}" for i in range(20)])
    for name, kind, count in (("many.up.test", "A", 100), ("big.up.test", "TXT", 20), ("local.test", "TXT", 20)):
        for size, whole in ((8192, True), (65535, True), (1232, False), (None, False)):
            reply = lictor.udp(name, kind, edns=size)
            records = sum(len(rrset) for rrset in reply.answer)
            assert (records == count) == whole and bool(reply.flags & dns.flags.TC) != whole, f"{name} {size}: {records} records"
    bounded = Lictor(ctx, f"--server={upstream.option}", "--edns-packet-max=1400", name="bounded")
    reply = bounded.udp("big.up.test", "TXT", edns=8192)
    assert reply.flags & dns.flags.TC and len(reply.to_wire()) <= 1400
