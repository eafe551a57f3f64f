"""The interfaces that tools use besides the configuration: exit codes, the start, signals, the process id file, log lines, CHAOS names.

dnsmasq and lictor run on free ports of the loopback interface with one small upstream; lictor's output must match dnsmasq's.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from harness import net

class Skipped(Exception):
    """The check cannot run here; the text is the reason."""


_checks = []


def check(name):
    def register(function):
        _checks.append((name, function))
        return function
    return register


def every_check(lictor, only):
    for name, function in _checks:
        if only not in name:
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lictor-conf-") as folder:
            os.chmod(folder, 0o755)
            fixture = Fixture(lictor, folder)
            try:
                function(fixture)
                outcome, reason = "ok", ""
            except Skipped as why:
                outcome, reason = "skipped", str(why)
            except Exception as problem:       # an error fails the check
                outcome, reason = "FAILED", f"{type(problem).__name__}: {problem}"
            finally:
                fixture.end()
        yield name, outcome, reason, time.monotonic() - begun


class Upstream:
    """Answers www.test with an address, gone.test with NXDOMAIN, broken.test with SERVFAIL, other types with NODATA."""

    def __init__(self):
        self.port = net.free_port()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                wire, peer = self.socket.recvfrom(4096)
                query = dns.message.from_wire(wire)
                reply = dns.message.make_response(query, recursion_available=True)
                name = query.question[0].name
                first = str(name).lower()
                if first.startswith("gone."):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                elif first.startswith("broken."):
                    reply.set_rcode(dns.rcode.SERVFAIL)
                elif query.question[0].rdtype == dns.rdatatype.A and first.startswith("alias."):
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", "www.test."))
                    reply.answer.append(dns.rrset.from_text("www.test.", 60, "IN", "A", "192.0.2.1"))
                elif query.question[0].rdtype == dns.rdatatype.A:
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.1"))
                elif query.question[0].rdtype == dns.rdatatype.MX:
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", "10 mail.test."))
                self.socket.sendto(reply.to_wire(), peer)
            except OSError:
                return
            except dns.exception.DNSException:
                continue


class Server:
    def __init__(self, fixture, kind, arguments, wait=True, upstream=None, program=None, log=True, start=True, user=True, stats=None):
        self.kind, self.port = kind, net.free_port()
        self.log_path = os.path.join(fixture.folder, f"{kind}-{self.port}.log")
        program = program or (fixture.lictor if kind == "lictor" else fixture.dnsmasq)
        base = [program, f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
                f"--server={upstream or f'127.0.0.1#{fixture.upstream.port}'}", *([f"--log-facility={self.log_path}"] if log else []), *(["--user=root"] if user else [])]
        if not any(word.startswith(("--pid-file", "-x", "--no-daemon")) for word in arguments):
            base += ["--pid-file=", "--keep-in-foreground"]
        if kind == "lictor":
            base += ["--consul-http-addr=", f"--stats-address=127.0.0.1:{stats}" if stats else "--stats-address="]
        self.command = base + list(arguments)
        fixture.servers.append(self)
        self.pids, self.process = [], None
        if start:
            self.start(self.command)
        if start and wait:
            net.until(lambda: self.ask("version.bind", "TXT", "CH", within=0.3), 10, f"{kind} answers")

    def start(self, command):
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CONSUL_", "NOTIFY_"))}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, text=True)
        self.pids = [self.process.pid]

    def ask(self, name, rdtype="A", rdclass="IN", within=2.0):
        query = dns.message.make_query(name, rdtype, rdclass)
        try:
            return dns.query.udp(query, "127.0.0.1", within, self.port)
        except dns.exception.Timeout:
            return None

    def text(self, name):
        reply = self.ask(name, "TXT", "CH")
        return [[piece.decode() for piece in rdata.strings] for rrset in reply.answer for rdata in rrset] if reply else None

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def messages(self):
        """The log without the prefix of each line."""
        front = r"^\S+ +\S+ \S+ dnsmasq\[\d+\]: " if self.kind == "dnsmasq" else r"^\S+ (?:info |warn |error|debug) "
        return [re.sub(front, "", line) for line in self.log().splitlines()]

    def until_message(self, pattern, within=5):
        return net.until(lambda: any(re.fullmatch(pattern, line) for line in self.messages()), within, f"{self.kind} logs /{pattern}/; its last lines are {self.messages()[-6:]}")

    def end(self):
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        if self.process is None:
            return
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Fixture:
    def __init__(self, lictor, folder):
        self.lictor, self.folder = lictor, folder
        self.dnsmasq = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
        self.upstream = Upstream()
        self.servers = []

    def both(self, *arguments, upstream=None):
        return [Server(self, kind, arguments, upstream=upstream) for kind in ("dnsmasq", "lictor")]

    def exit_codes(self, *arguments, within=10):
        """[(exit code, output)] of both."""
        found = []
        for kind in ("dnsmasq", "lictor"):
            server = Server(self, kind, arguments, wait=False)
            try:
                output = server.process.communicate(timeout=within)[0]
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{kind} {arguments} does not end") from None
            found.append((server.process.returncode, output))
        return found

    def end(self):
        for server in self.servers:
            server.end()
        self.upstream.socket.close()


# ------------------------------------------------------------------------------------------------------------- CHAOS


@check("CHAOS names: flags, class, TTL and form of each answer match dnsmasq's")
def _(fixture):
    theirs, ours = fixture.both()
    for name in ("version", "authors", "copyright", "cachesize", "insertions", "evictions", "misses", "hits", "auth", "servers", "nosuch"):
        for rdtype in ("TXT", "ANY", "A"):
            for query_name in (f"{name}.bind", f"{name}.BIND"):
                a, b = (server.ask(query_name, rdtype, "CH") if rdtype != "ANY" else
                        dns.query.tcp(dns.message.make_query(query_name, rdtype, "CH"), "127.0.0.1", 2, server.port) for server in (theirs, ours))
                shape = [(dns.flags.to_text(r.flags), r.rcode(), r.question, [(s.name.to_text(), s.rdclass, s.rdtype, s.ttl, len(s)) for s in r.answer]) for r in (a, b)]
                assert shape[0] == shape[1], f"{query_name} {rdtype}: {shape}"
    assert ours.text("version.bind")[0][0].startswith("lictor-")


@check("CHAOS counters: dnsmasq and lictor have the same values after the same queries")
def _(fixture):
    servers = fixture.both("--cache-size=500")
    for server in servers:
        for name, rdtype in (("www.test", "A"), ("www.test", "A"), ("www.test", "A"), ("a.test", "A"), ("gone.test", "A"), ("alias.test", "A")):
            assert server.ask(name, rdtype) is not None
    upstream = f"127.0.0.1#{fixture.upstream.port}"
    # Monitoring scripts and exporters use the difference between two times.
    found = []
    for server in servers:
        assert server.text("cachesize.bind") == [["500"]]
        before = {name: int(server.text(f"{name}.bind")[0][0]) for name in ("hits", "misses", "evictions", "auth")}
        for name in ("www.test", "www.test", "b.test", "c.test"):
            server.ask(name)
        after = {name: int(server.text(f"{name}.bind")[0][0]) for name in ("hits", "misses", "evictions", "auth")}
        row = server.text("servers.bind")[0][0].split()
        assert row[0] == upstream and all(word.isdigit() for word in row[1:]) and len(row) == 3, row
        found.append(({name: after[name] - before[name] for name in after}, row))
        assert int(server.text("insertions.bind")[0][0]) > 0
    assert found[0] == found[1], found


@check("no-ident switches the CHAOS names off")
def _(fixture):
    replies = [Server(fixture, kind, ["--no-ident"]).ask("hits.bind", "TXT", "CH") for kind in ("dnsmasq", "lictor")]
    assert replies[0].rcode() == replies[1].rcode() != dns.rcode.NOERROR and not replies[1].answer, replies


# --------------------------------------------------------------------------------------------------------------- log

QUERIES = [("www.test", "A"), ("www.test", "A"), ("www.test", "AAAA"), ("gone.test", "A"), ("alias.test", "A"), ("www.test", "MX"), ("www.test", "TYPE65280"), ("broken.test", "A"),
             ("rec.lan", "A"), ("rec.lan", "AAAA"), ("no.lan", "A"), ("10.2.0.192.in-addr.arpa", "PTR"), ("x.ads", "A"), ("host.hosts", "A"), ("www.test", "HTTPS")]
LOCAL = ["--host-record=rec.lan,192.0.2.10", "--local=/lan/", "--address=/ads/192.0.2.99"]


def query_lines(server):
    """Without repeated lines of dnsmasq: after SERVFAIL it queries its only server again."""
    lines = [line for line in server.messages() if re.match(r"(\d+ \S+ )?(query\[|forwarded |reply |cached |config )", line) and ".bind" not in line]
    return [line for before, line in zip([""] + lines, lines) if line != before or not line.startswith("forwarded ")]


@check("log-queries: the lines of a query are the same as dnsmasq's")
def _(fixture):
    servers = fixture.both("--log-queries", *LOCAL)
    for server in servers:
        for name, rdtype in QUERIES:
            server.ask(name, rdtype)
        server.ask("last.test")
        server.until_message(r"reply last\.test is 192\.0\.2\.1")
    theirs, ours = ([line for line in query_lines(server)] for server in servers)
    # lictor adds the cause to an error: `reply error is SERVFAIL (EDE: other): no useful reply from the upstreams`.
    causes = [line for line in ours if " error is " in line]
    assert causes and all(" (EDE: " in line for line in causes), ours
    ours = [line.partition(" (EDE: ")[0] for line in ours]
    assert theirs == ours, "\n".join(f"{a!r:70} {b!r}" for a, b in zip(theirs + [""] * 9, ours + [""] * 9) if a != b)


@check("log-queries=extra: serial number and client at the start of each line")
def _(fixture):
    servers = fixture.both("--log-queries=extra", *LOCAL)
    for server in servers:
        for name in ("www.test", "www.test", "rec.lan", "gone.test"):
            server.ask(name)
        server.until_message(r"\d+ 127\.0\.0\.1/\d+ reply gone\.test is NXDOMAIN")
    shapes = []
    for server in servers:
        lines = [re.match(r"(\d+) (127\.0\.0\.1/\d+) (.*)", line) for line in query_lines(server)]
        assert all(lines), query_lines(server)
        first = int(lines[0][1])
        shapes.append([(int(line[1]) - first, line[3]) for line in lines])
    assert shapes[0] == shapes[1], shapes


@check("the log lines of the start and the end match dnsmasq's")
def _(fixture):
    for server in fixture.both("--cache-size=7"):
        server.until_message(r"started, version \S+ cachesize 7")
        server.until_message(rf"using nameserver 127\.0\.0\.1#{fixture.upstream.port}")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
        server.until_message(r"exiting on receipt of SIGTERM")
    for server in fixture.both("--cache-size=0"):
        server.until_message(r"started, version \S+ cache disabled")


@check("SIGUSR1 logs dnsmasq's lines with the same values, SIGUSR2 reopens the log file, SIGHUP clears the cache")
def _(fixture):
    found = []
    for server in fixture.both("--cache-size=9"):
        for name in ("www.test", "www.test", "gone.test"):
            server.ask(name)
        time.sleep(0.7)         # lictor's workers publish their upstreams' counters twice a second
        server.process.send_signal(signal.SIGUSR1)
        server.until_message(r"server 127\.0\.0\.1#\d+: queries sent .*")
        forms = (r"time \d+", r"cache size 9, 0/\d+ cache insertions re-used unexpired cache entries\.", r"queries forwarded \d+, queries answered locally \d+",
                 r"queries for authoritative zones 0", r"pool memory in use \d+, max \d+, allocated \d+",
                 r"child processes for TCP requests: in use \d+, highest since last SIGUSR1 \d+, max allowed \d+\.",
                 r"server 127\.0\.0\.1#\d+: queries sent 2, retried 0, failed 0, nxdomain replies 1, avg\. latency \d+ms")
        for form in forms:
            server.until_message(form, within=2)
        found.append([line for line in server.messages() if line.startswith("queries forwarded")])
        moved = server.log_path + ".1"
        os.rename(server.log_path, moved)
        server.process.send_signal(signal.SIGUSR2)
        def reopened():
            server.process.send_signal(signal.SIGUSR1)
            return os.path.exists(server.log_path) and "time" in server.log()
        net.until(reopened, 5, f"{server.kind} writes to a new log file", every=0.1)
        server.process.send_signal(signal.SIGHUP)
        server.until_message(r"cleared cache")
    assert found[0] == found[1], found


@check("log-async is accepted, and lines are logged")
def _(fixture):
    for server in fixture.both("--log-async=20", "--log-queries"):
        server.ask("www.test")
        server.until_message(r"reply www\.test is 192\.0\.2\.1")


# ------------------------------------------------------------------------------------------------- start and exit codes


@check("exit codes: address in use 2, missing file 3, invalid configuration 1, unknown user 1")
def _(fixture):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = []
        for kind in ("dnsmasq", "lictor"):
            server = Server(fixture, kind, [], wait=False)
            server.end()
            command = [word if not word.startswith("--port=") else f"--port={port}" for word in server.command]
            found.append(subprocess.run(command, capture_output=True, text=True, timeout=10).returncode)
        assert found == [2, 2], found
    for arguments, code in ((["--conf-file=/nonexistent/x"], 3), (["--conf-dir=/nonexistent"], 3), (["--no-such-option"], 1), (["--port=x"], 1),
                            (["--user=nosuchuser"], 1), (["--pid-file=/nonexistent/pid", "--keep-in-foreground"], 3)):
        found = fixture.exit_codes(*arguments)
        codes = [ended for ended, _output in found]
        assert codes == [code, code], f"{arguments}: {found}"


@check("with a pid-file alone both go to the background, and write their process id")
def _(fixture):
    for kind in ("dnsmasq", "lictor"):
        path = os.path.join(fixture.folder, kind + ".pid")
        server = Server(fixture, kind, [f"--pid-file={path}"], wait=False)
        assert server.process.wait(10) == 0, server.process.stdout.read()
        # A caller that waited for the start may query at once.
        reply = server.ask("version.bind", "TXT", "CH")
        with open(path) as file:
            pid = int(file.read())
        server.pids = [pid]
        assert pid != server.process.pid and reply is not None, (kind, reply)
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        os.kill(pid, signal.SIGTERM)
        net.until(lambda: not os.path.exists(f"/proc/{pid}") and not os.path.exists(path), 5, f"{kind} ends and removes its pid-file")
        server.pids = []


@check("a start in the background that fails has the exit code of the failure")
def _(fixture):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for kind in ("dnsmasq", "lictor"):
            server = Server(fixture, kind, ["--pid-file=" + os.path.join(fixture.folder, "p")], wait=False)
            server.process.wait(10)
            with open(os.path.join(fixture.folder, "p")) as file:
                server.pids = [int(file.read())]
            server.end()
            command = [word if not word.startswith("--port=") else f"--port={port}" for word in server.command]
            assert subprocess.run(command, capture_output=True, timeout=10).returncode == 2, kind


@check("-v and --help print to stdout and exit with 0, --test prints to stderr")
def _(fixture):
    for word, pattern in (("-v", r"(?i)^(dnsmasq|lictor) version \d"), ("--version", r"(?i)^(dnsmasq|lictor) version \d"), ("--help", r"--cache-size"), ("-w", r"--cache-size")):
        for program in (fixture.dnsmasq, fixture.lictor):
            done = subprocess.run([program, word], capture_output=True, text=True, timeout=10)
            assert done.returncode == 0 and re.search(pattern, done.stdout) and not done.stderr, (program, word, done)
    for program in (fixture.dnsmasq, fixture.lictor):
        done = subprocess.run([program, "--test", "-C", "/dev/null"], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and not done.stdout and done.stderr.endswith(": syntax check OK.\n"), done


@check("import prints the effect of each line")
def _(fixture):
    path = os.path.join(fixture.folder, "dnsmasq.conf")
    with open(path, "w") as file:
        file.write("# node\nserver=/consul/127.0.0.1#8600\ndhcp-range=192.0.2.1,12h\nno-such\n")
    done = subprocess.run([fixture.lictor, "import", path], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and f"{path}:2: taken: " in done.stdout and f"{path}:3: ignored: " in done.stdout and f"{path}:4: refused: " in done.stdout, done
    assert subprocess.run([fixture.lictor, "import", path + ".missing"], capture_output=True, timeout=10).returncode == 3


@check("Debian's command line for dnsmasq starts lictor")
def _(fixture):
    for kind in ("dnsmasq", "lictor"):
        folder = os.path.join(fixture.folder, kind)
        os.makedirs(os.path.join(folder, "d"))
        port = net.free_port()
        with open(os.path.join(folder, "d", "node"), "w") as file:
            file.write(f"port={port}\nserver=127.0.0.1#{fixture.upstream.port}\nno-hosts\n")
        with open(os.path.join(folder, "d", "node.dpkg-old"), "w") as file:
            file.write("nonsense\n")
        with open(os.path.join(folder, "resolv.conf"), "w") as file:
            file.write("nameserver 127.0.0.1\n")
        pid_path = os.path.join(folder, "pid")
        program = fixture.lictor if kind == "lictor" else fixture.dnsmasq
        command = [program, "-C", "/dev/null", "-x", pid_path, "-u", "root", "-r", os.path.join(folder, "resolv.conf"), "-7", os.path.join(folder, "d") + ",.dpkg-dist,.dpkg-old,.dpkg-new",
                   "--local-service", "--trust-anchor=.,20326,8,2,e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"]
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CONSUL_", "NOTIFY_"))}
        env["CONSUL_HTTP_ADDR"] = "http://127.0.0.1:9"
        # dnsmasq binds the wildcard address; a free port is enough.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, env=env)
        assert done.returncode == 0, (kind, done)
        with open(pid_path) as file:
            pid = int(file.read())
        try:
            reply = dns.query.udp(dns.message.make_query("www.test", "A"), "127.0.0.1", 3, port)
            assert [str(rdata) for rrset in reply.answer for rdata in rrset] == ["192.0.2.1"], (kind, reply)
        finally:
            os.kill(pid, signal.SIGTERM)
        net.until(lambda: not os.path.exists(f"/proc/{pid}"), 5, f"{kind} ends")
