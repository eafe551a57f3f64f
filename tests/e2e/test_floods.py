"""Do floods and idle, slow or hostile clients take anything from the others? Whatever comes, local answers stay quick, every query gets a
reply within the bound, and one client leaves something for the next."""

import contextlib
import os
import resource
import shutil
import socket
import struct
import subprocess
import time

import dns.edns
import dns.message

from harness import ask, net, process
from harness.flood import Apart, answer_times, random_names, stream_times
from harness.lictor import Lictor
from harness.runner import BOTH, ONCE, Skip, test
from harness.upstream import Raw, Scripted, Sink, answer, echo

LOCAL = "rec.lan"
HERE, THERE, VICTIM = "10.99.0.1", "10.99.0.2", "10.99.0.77"


def start(ctx, *options, **how):
    return Lictor(ctx, f"--host-record={LOCAL},10.0.0.1", *options, **how)


def many_descriptors():
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


def framed(message):
    return struct.pack("!H", len(message)) + message


def streams(ctx, server, count):
    """So many TCP connections, closed at the end of the test."""
    made = []
    for _ in range(count):
        link = socket.socket()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.settimeout(net.allowed(5))
        link.connect(tuple(server))
        ctx.undo.callback(link.close)
        made.append(link)
    return made


def is_closed(link):
    link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                if not link.recv(65536):
                    return True
            except ConnectionResetError:
                return True
    return False


def put(link, data):
    """Sends what the socket takes."""
    link.setblocking(False)
    with contextlib.suppress(OSError):
        return link.send(data)
    return 0


def milliseconds(found):
    return (f"{1000 * found.median:.2f} ms, {1000 * found.p99:.2f} at p99, {1000 * found.worst:.2f} at most, "
            f"{found.lost} of {found.count} without a reply")


class Beside:
    """Asks lictor, and at the same rate a program that only returns each message: how long that needs is the floor of this machine now."""

    def __init__(self, ctx, lictor, seconds, what):
        self._ctx, self._what = ctx, what
        floor = Scripted(ctx, Raw(lambda wire: [wire[:2] + bytes([wire[2] | 0x80]) + wire[3:]]), label=f"floor{len(ctx.notes)}{what[:3]}")
        self._floor = Apart(answer_times, floor.server, LOCAL, seconds)
        self._found = Apart(answer_times, lictor.server, LOCAL, seconds)

    def check(self):
        """None of the answers is missing or wrong, and 99 of 100 are quick."""
        found, floor = self._found.result(), self._floor.result()
        self._ctx.note(f"{self._what}: {milliseconds(found)}; the floor is {1000 * floor.p99:.2f} ms at p99")
        assert not found.lost and not found.wrong, found
        assert found.p99 < net.allowed(0.020) + 3 * floor.p99, f"{self._what}: {milliseconds(found)}; the floor: {milliseconds(floor)}"


# -- TCP ----------------------------------------------------------------------------------------------------------------


@test("TCP clients that send only garbage or responses are idle, one that asks is not", BOTH)
def _(ctx):
    lictor = start(ctx, "--max-tcp-connections=8", threads=1)     # from six connections on they are idle after two seconds
    question = ask.packet(LOCAL)
    response = bytes([question[0], question[1], question[2] | 0x80]) + question[3:]
    garbage = [framed(b"x" * 40), framed(b"abc"), framed(response), framed(question[:-3])]
    hostile = [(link, garbage[number % 4]) for number, link in enumerate(streams(ctx, lictor.server, 5))]
    good = streams(ctx, lictor.server, 1)[0]

    def all_closed():
        good.settimeout(net.allowed(2))
        good.sendall(framed(question))
        assert ask.stream_read(good, net.allowed(2)), "the client that asks was closed"
        for link, message in hostile:
            put(link, message)
        return all(is_closed(link) for link, _message in hostile)
    begin = time.monotonic()
    net.until(all_closed, 12, "the connections that carry no query are closed", every=0.1)
    ctx.note(f"after {time.monotonic() - begin:.1f} s")
    assert lictor.metrics()['lictor_tcp_closed_total{reason="idle"}'] == 5, lictor.metrics()


@test("1,000 TCP clients that are idle, stop within a message, or ask much and read nothing: UDP is quick, and TCP answers at once", ONCE,
      within=120)
def _(ctx):
    many_descriptors()
    lictor = start(ctx)
    links = streams(ctx, lictor.server, 1000)
    pipeline = b"".join(framed(ask.packet(LOCAL, ident=n)) for n in range(500))
    before = lictor.process.resident()

    def clients():
        """A quarter each: idle, a half message, a byte now and then, many queries and no reading."""
        end = time.monotonic() + 4
        for link in links[250:500]:
            put(link, framed(ask.packet(LOCAL))[:9])
        at = 0
        while time.monotonic() < end:
            for link in links[500:750]:
                put(link, framed(b"\0" * 60)[at % 62:at % 62 + 1])
            at += 1
            for link in links[750:]:
                put(link, pipeline)
            time.sleep(0.05)
    running = Apart(clients)
    udp = Beside(ctx, lictor, 3, "UDP beside them")
    tcp = stream_times(lictor.server, LOCAL, 20)
    udp.check()
    assert None not in tcp, tcp
    ctx.note(f"TCP beside them: {1000 * max(tcp):.1f} ms at most; resident memory {before / 1e6:.1f} MB, then {lictor.process.resident() / 1e6:.1f} MB")
    running.result()
    assert max(tcp) < net.allowed(0.1), tcp


@test("pipelining: a thousand different queries on one connection get a thousand right answers, beside another client that is served", ONCE)
def _(ctx):
    lictor = start(ctx, *(f"--host-record=h{n}.lan,10.1.{n // 250}.{n % 250 + 1}" for n in range(1000)))
    link = streams(ctx, lictor.server, 1)[0]
    other = Beside(ctx, lictor, 1, "UDP beside it")
    link.settimeout(net.allowed(10))
    link.sendall(b"".join(framed(ask.packet(f"h{n}.lan", ident=n)) for n in range(1000)))
    found = {}
    for _ in range(1000):
        ident, _code, addresses = ask.quick_addresses(ask.stream_read(link, net.allowed(5)))
        found[ident] = addresses
    assert found == {n: [f"10.1.{n // 250}.{n % 250 + 1}"] for n in range(1000)}
    other.check()


# -- upstreams ----------------------------------------------------------------------------------------------------------


def lying(wire):
    """Another question, a cut message, and another id."""
    other = bytearray(wire)
    other[2] |= 0x80
    other[13] ^= 1
    wrong_id = bytes([wire[0] ^ 0x55]) + wire[1:2] + bytes([wire[2] | 0x80]) + wire[3:]
    return [bytes(other), wire[:20], wrong_id]


def upstream(ctx, mood):
    if mood == "dead":
        return Sink(ctx)
    if mood == "lying":
        return Scripted(ctx, Raw(lying), label="lying")
    return Scripted(ctx, lambda message, query: [(1.5, answer(message, "192.0.2.1"))], label="slow")


def flood_with(ctx, mood, rate):
    lictor = start(ctx, f"--server={upstream(ctx, mood).option}")
    Beside(ctx, lictor, 1, "before").check()
    running = Apart(random_names, lictor.server, "flood.test", 4, rate, 8)
    time.sleep(0.5)
    during = Beside(ctx, lictor, 3, "local answers meanwhile")
    flood = running.result()
    ctx.note(f"{flood.sent} names: {dict(flood.answered)} by response code, {flood.silent} silent, the slowest after {flood.slowest:.1f} s")
    during.check()
    assert flood.silent == 0, flood
    assert flood.slowest < 4.5 + net.allowed(1.0), flood
    Beside(ctx, lictor, 1, "and afterwards").check()


@test("random names, and the upstream is dead: every query fails within the bound, local answers stay quick", ONCE, namespace=True)
def _(ctx):
    flood_with(ctx, "dead", 1500)


@test("random names, and the upstream is slow: every query is answered within the bound, local answers stay quick", ONCE, namespace=True)
def _(ctx):
    flood_with(ctx, "slow", 300)


@test("random names, and the upstream lies: every query fails within the bound, local answers stay quick", ONCE, namespace=True)
def _(ctx):
    flood_with(ctx, "lying", 500)


@test("one application fills what may be in flight: the queries of another one are still forwarded and answered", ONCE, namespace=True)
def _(ctx):
    slow = Scripted(ctx, lambda message, query: [(1.0, answer(message, "192.0.2.1"))], label="slow")
    lictor = start(ctx, f"--server={slow.option}", "--dns-forward-max=100", threads=1)
    greedy = Apart(random_names, lictor.server, "greedy.test", 0, 300)
    net.until(lambda: lictor.metrics()["lictor_forward_pending"] >= 75, 3, "the first application has its share")
    modest = random_names(lictor.server, "modest.test", 0, 10)
    flood = greedy.result()
    ctx.note(f"the first: {dict(flood.answered)} by response code; the second: {dict(modest.answered)}")
    assert dict(modest.answered) == {0: 10}, modest
    assert flood.silent == 0 and flood.answered[0] >= 75 and flood.answered[2] > 0, flood
    assert lictor.metrics()['lictor_causes_total{cause="client_share"}'] > 0
    lictor.until_logged("has its share of the concurrent DNS queries")


# -- the stats endpoint -------------------------------------------------------------------------------------------------


@test("1,000 clients of the stats endpoint, half of them within a request: DNS is quick, and the endpoint answers afterwards", ONCE)
def _(ctx):
    many_descriptors()
    lictor = start(ctx)
    links = streams(ctx, ask.Server("127.0.0.1", lictor.stats_port), 1000)
    for link in links[::2]:
        put(link, b"GET /stats HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    Beside(ctx, lictor, 2, "DNS beside them").check()
    for link in links:
        link.close()
    begin = time.monotonic()
    net.until(lambda: lictor.http("/health")[0] == 200, 10, "/health answers")
    ctx.note(f"/health {time.monotonic() - begin:.2f} s after they had gone")


# -- networks -----------------------------------------------------------------------------------------------------------


class Network:
    """Another machine, beyond a cable: a network namespace with the addresses THERE and VICTIM. This one gets HERE."""

    def __init__(self, ctx):
        self._holder = process.Process("network", ["unshare", "-n", "sleep", "600"], ctx.path("network.log"))
        ctx.undo.callback(self._holder.kill)
        own = os.readlink("/proc/self/ns/net")
        self._holder.until(lambda: os.readlink(f"/proc/{self._holder.pid}/ns/net") != own, 5, "it has a network of its own")
        ip("link", "add", "cable", "type", "veth", "peer", "name", "theirs", "netns", str(self._holder.pid))
        ip("addr", "add", f"{HERE}/24", "dev", "cable")
        ip("link", "set", "cable", "up")
        for address in (THERE, VICTIM):
            self.within("ip", "addr", "add", f"{address}/24", "dev", "theirs")
        for device in ("theirs", "lo"):
            self.within("ip", "link", "set", device, "up")

    def within(self, *command):
        done = subprocess.run(("nsenter", "-t", str(self._holder.pid), "-n", *command), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def run(self, function, *arguments):
        return Apart(function, *arguments, net_of=self._holder.pid).result()


def ip(*words):
    done = subprocess.run(("ip", *words), capture_output=True, text=True)
    assert done.returncode == 0, f"ip {words}: {done.stderr}"


def big_data():
    """A name whose answer is many times as long as its query."""
    return [f"--txt-record=big.flood.lan,{n:03d}{'x' * 200}" for n in range(5)]


def repeated(server, count, source, options, kind):
    """(bytes sent, bytes received, full answers, answers with TC, silent) of so many equal queries at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind((source, 0))
        sock.connect(tuple(server))
        sock.settimeout(2)
        sent = received = full = cut = 0
        for number in range(count):
            message = ask.query("big.flood.lan", kind, edns=1232, options=options)
            message.id = number
            sent += sock.send(message.to_wire())
        for _ in range(count):
            try:
                wire = sock.recv(4096)
            except OSError:
                break
            received += len(wire)
            cut += wire[2] >> 1 & 1
            full += not wire[2] >> 1 & 1
        return sent, received, full, cut, count - full - cut


def cookie_in(server, option):
    """(response code, data of the reply's COOKIE option) of a query with this one."""
    reply = ask.udp(server, "big.flood.lan", "TXT", edns=1232, options=[dns.edns.GenericOption(10, option)])
    found = [each.to_wire() for each in reply.options if int(each.otype) == 10]
    return reply.rcode(), found[0] if found else b""


def cookie_above(server):
    """The same for a query behind so many that its client is above the rate."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind((THERE, 0))
        sock.connect(tuple(server))
        sock.settimeout(2)
        last = ask.query("big.flood.lan", "TXT", edns=1232, options=[dns.edns.GenericOption(10, os.urandom(8))])
        last.id = 4711
        wire = last.to_wire()
        for number in range(300):
            sock.send(ask.packet(LOCAL, ident=number))
        sock.send(wire)
        while True:
            wire = sock.recv(4096)
            if wire[:2] == struct.pack("!H", 4711):
                reply = dns.message.from_wire(wire)
                return reply.rcode(), [each.to_wire() for each in reply.options if int(each.otype) == 10][0]


@test("a network: above rrl-ratelimit a forged address gets as many bytes as were sent; TCP, cookies and this machine have no limit", ONCE,
      namespace=True)
def _(ctx):
    network = Network(ctx)
    lictor = start(ctx, *big_data(), "--rrl-ratelimit=50", conf=f"listen-address={HERE}\nlisten-address=127.0.0.1\n", threads=1)
    outside = ask.Server(HERE, lictor.server.port)
    begin = time.monotonic()
    sent, received, full, cut, silent = network.run(repeated, outside, 1000, VICTIM, None, "TXT")
    allowed = 50 * (2 + time.monotonic() - begin)
    ctx.note(f"{full} full answers, {cut} with TC, {silent} without a reply; {received} bytes for {sent}")
    assert 50 <= full <= allowed and cut > 0 and not silent, (full, cut, silent, allowed)
    assert received - full * 1232 <= sent, (received, full, sent)
    metrics = lictor.metrics()
    assert metrics['lictor_limited_total{reply="truncated"}'] == cut, metrics
    lictor.until_logged(f"{VICTIM} sends more than 50 queries each second over UDP")

    # Another client of the network, TCP from the limited one, and this machine.
    assert network.run(repeated, outside, 10, THERE, None, "TXT")[2] == 10
    times = network.run(stream_times, outside, "big.flood.lan", 100)
    assert None not in times, times
    assert repeated(ask.Server("127.0.0.1", lictor.server.port), 500, "127.0.0.1", None, "TXT")[2] == 500
    assert repeated(outside, 500, HERE, None, "TXT")[2] == 500

    # With a cookie of lictor's there is no limit; above it BADCOOKIE brings one.
    code, cookie = network.run(cookie_in, outside, os.urandom(8))
    assert code == 0 and len(cookie) == 24, (code, cookie)
    assert network.run(repeated, outside, 500, THERE, [dns.edns.GenericOption(10, cookie)], "TXT")[2] == 500
    code, cookie = network.run(cookie_above, outside)
    assert code == 23 and len(cookie) == 24, (code, cookie)
    assert network.run(cookie_in, outside, cookie) == (0, cookie)

    # ANY over UDP is not longer than its query, also below the limit.
    sent, received, full, cut, silent = network.run(repeated, outside, 5, THERE, [dns.edns.GenericOption(10, os.urandom(8))], "ANY")
    assert not silent and received <= sent + 16 * 5, (sent, received, full, cut, silent)

    # Nor is BADCOOKIE, but for lictor's cookie of 16 bytes.
    before = lictor.metrics()['lictor_limited_total{reply="badcookie"}']
    sent, received, full, cut, silent = network.run(repeated, outside, 1000, VICTIM, [dns.edns.GenericOption(10, os.urandom(8))], "TXT")
    refused = lictor.metrics()['lictor_limited_total{reply="badcookie"}'] - before
    ctx.note(f"{refused:.0f} BADCOOKIE; {received} bytes for {sent}")
    assert refused >= 500 and not silent, (refused, silent)
    assert received - (1000 - refused) * 1232 <= sent + 16 * refused, (received, refused, sent)


@test("two servers that answer each other's messages: nothing is sent in reply to a response", ONCE)
def _(ctx):
    lictor = start(ctx)
    link = ask.connected(lictor.server, net.allowed(0.3))
    question = bytearray(ask.packet(LOCAL))
    question[2] |= 0x80
    link.send(bytes(question))
    link.send(b"\0" * 11)
    try:
        raise AssertionError(f"a reply to a response: {link.recv(512)!r}")
    except TimeoutError:
        pass


@test("DNS cookies: dig gets one that it takes for good, and lictor knows it again; on this machine it gets none", ONCE, namespace=True)
def _(ctx):
    network = Network(ctx)
    lictor = start(ctx, conf=f"listen-address={HERE}\nlisten-address=127.0.0.1\n")
    def dig(cookie):
        shown = network.within("dig", f"@{HERE}", "-p", str(lictor.server.port), LOCAL, cookie)
        assert "status: NOERROR" in shown, shown
        line = [line for line in shown.splitlines() if "COOKIE:" in line]
        assert line and line[0].endswith("(good)"), shown
        return line[0].split()[2]
    cookie = dig("+cookie")
    assert len(cookie) == 48, cookie
    assert dig(f"+cookie={cookie}") == cookie
    assert not lictor.udp(LOCAL, edns=1232, options=[dns.edns.GenericOption(10, os.urandom(8))]).options
    metrics = lictor.metrics()
    assert metrics['lictor_cookies_total{cookie="good"}'] == 1 and metrics['lictor_cookies_total{cookie="other"}'] == 1, metrics


@test("DNS cookies: BIND as an upstream that requires them is asked with them, and unbound without is heard", ONCE, namespace=True)
def _(ctx):
    named = shutil.which("named", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not named:
        raise Skip("bind9 is not installed")
    Network(ctx)
    port = net.free_port(HERE)
    folder = ctx.path("named")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    ctx.file("named/zone", "$TTL 0\n@ IN SOA ns h 1 3600 600 86400 5\n@ IN NS ns\nns IN A 192.0.2.53\n"
                           + "".join(f"n{n} IN A 192.0.2.{n + 1}\n" for n in range(20)))
    config = ctx.file("named/named.conf", f"""\
options {{ directory "{folder}"; listen-on port {port} {{ {HERE}; }}; listen-on-v6 {{ none; }}; pid-file none; session-keyfile none;
  recursion yes; allow-query {{ any; }}; answer-cookie yes; require-server-cookie yes; dnssec-validation no; }};
controls {{ }};
zone "up.test" {{ type primary; file "{folder}/zone"; }};
""")
    server = process.Process("named", [named, "-g", "-4", "-n", "1", "-c", config], ctx.path("named.log"))
    ctx.processes.append(server)
    ctx.undo.callback(server.kill)
    server.until(lambda: ask.udp(ask.Server(HERE, port), "up.test", "SOA", within=0.5), 10, "named answers")
    lictor = start(ctx, f"--server={HERE}#{port}")
    for n in range(20):
        assert lictor.resolve(f"n{n}.up.test") == [f"192.0.2.{n + 1}"]
    forwarded, over_tcp = (lictor.metrics()[f"lictor_forward{name}_total"] for name in ("ed", "_tcp"))
    ctx.note(f"20 answers, {forwarded:.0f} queries to BIND, of these {over_tcp:.0f} over TCP")
    assert forwarded <= 22 and over_tcp == 0, (forwarded, over_tcp)      # one BADCOOKIE at the start
    plain = Scripted(ctx, echo, address=HERE, label="plain")
    lictor = start(ctx, f"--server={plain.option}", name="other")
    for n in range(5):
        assert lictor.resolve(f"n{n}.test") == ["192.0.2.99"]
    assert [plain.count(f"n{n}.test") for n in range(5)] == [1] * 5
