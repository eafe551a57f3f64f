"""Can the readers of dnsmasq's log and counters read lictor's? The table of SIGUSR1, names of hosts files, failures with their
extended error, syslog, the program's name, exporters and `dig`. These checks are added to those of configuration_process.py.
"""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import dns.flags
import dns.message
import dns.rcode

from configuration_process import Server, Skipped, check
from harness import net


def rows_of(server):
    """The table of SIGUSR1 as (host, address, flags, source), and the expiry times separately."""
    lines = server.messages()
    begin = max(i for i, line in enumerate(lines) if line.startswith("Host     "))
    head, rows, ends = lines[begin:begin + 2], [], {}
    for line in lines[begin + 2:]:
        if len(line) < 107:
            continue
        row = (line[:30].rstrip(), line[31:71].rstrip(), line[72:82], line[108:])
        if row[2][0] == "!" or row[1] == "<SOA>":      # aliases, and entries that lictor stores within the reply
            continue
        rows.append(row)
        if line[83:107].strip():
            ends[row] = time.mktime(time.strptime(line[83:107].strip()))
    return head, sorted(set(rows)), ends


@check("SIGUSR1 with log-queries: the table of the cache and the local names has the same rows as dnsmasq's")
def _(fixture):
    hosts = os.path.join(fixture.folder, "more.hosts")
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one.test short\n2001:db8::1 six.test\n")
    found = []
    for server in fixture.both("--log-queries", "--cache-rr=MX", "--cache-size=100", "--host-record=rec.lan,192.0.2.10", "--cname=alias.lan,rec.lan", f"--addn-hosts={hosts}", "--neg-ttl=60"):
        for name, rdtype in (("www.test", "A"), ("alias.test", "A"), ("gone.test", "A"), ("none.test", "AAAA"), ("www.test", "MX"), ("other.test", "MX")):
            server.ask(name, rdtype)
        server.process.send_signal(signal.SIGUSR1)
        server.until_message(r"www\.test .* 4F .*")
        time.sleep(0.2)
        found.append(rows_of(server))
    (head, rows, ends), (our_head, our_rows, our_ends) = found
    assert head == our_head, (head, our_head)
    assert rows == our_rows, "\n".join(str(row) for row in sorted(set(rows) ^ set(our_rows)))
    assert len(rows) >= 10 and ends.keys() == our_ends.keys(), (rows, ends)
    for row, end in ends.items():
        assert abs(end - our_ends[row]) <= 3, (row, end, our_ends[row])


@check("SIGUSR1 without log-queries logs no table")
def _(fixture):
    for server in fixture.both():
        server.ask("www.test")
        time.sleep(0.7)         # lictor's workers publish their upstreams' counters twice a second
        server.process.send_signal(signal.SIGUSR1)
        server.until_message(r"server 127\.0\.0\.1#\d+: queries sent .*")
        time.sleep(0.3)
        assert not any(line.startswith("Host  ") for line in server.messages()), server.messages()


@check("a table longer than the log's queue is logged completely")
def _(fixture):
    hosts = os.path.join(fixture.folder, "many.hosts")
    with open(hosts, "w") as file:
        file.writelines(f"10.1.{i // 250}.{i % 250} host-{i}.test\n" for i in range(900))
    server = Server(fixture, "lictor", ["--log-queries", f"--addn-hosts={hosts}"])
    server.process.send_signal(signal.SIGUSR1)
    net.until(lambda: sum(" 4FRI   H " in line for line in server.messages()) == 900, 10, "900 rows are logged")
    assert not any("log entries lost" in line for line in server.messages())


@check("log-queries: names of a hosts file are logged with the file's path, an alias and its target with their own source")
def _(fixture):
    hosts = os.path.join(fixture.folder, "more.hosts")
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one.test\n")
    seen = []
    for server in fixture.both("--log-queries", f"--addn-hosts={hosts}", "--host-record=rec.lan,192.0.2.10", "--cname=alias.lan,one.test"):
        for name, rdtype in (("one.test", "A"), ("1.9.0.192.in-addr.arpa", "PTR"), ("alias.lan", "A"), ("rec.lan", "A"), ("10.2.0.192.in-addr.arpa", "PTR")):
            server.ask(name, rdtype)
        server.until_message(r"config 192\.0\.2\.10 is rec\.lan")
        seen.append([line for line in server.messages() if re.match(r"(query\[|config |/)", line) and ".bind" not in line and line.count(" ") == 3])
    assert seen[0] == seen[1] and f"{hosts} one.test is 192.0.9.1" in seen[1], seen


@check("log-queries: a query without an upstream is logged with dnsmasq's extended error")
def _(fixture):
    lines = []
    for server in fixture.both("--log-queries", upstream=f"/only.test/127.0.0.1#{fixture.upstream.port}"):
        reply = server.ask("www.elsewhere")
        assert reply.rcode() == (dns.rcode.REFUSED if server.kind == "dnsmasq" else dns.rcode.SERVFAIL)
        server.until_message(r"config error is .*")     # the log is written after the reply
        lines += [line for line in server.messages() if " error is " in line]
    # dnsmasq's REFUSED is SERVFAIL in lictor: a named improvement.
    # dnsmasq's line stays whole; lictor's text follows it.
    assert lines[1].endswith("): no upstream configured"), lines
    assert [line.replace("REFUSED", "SERVFAIL").partition("): ")[0].rstrip(")") for line in lines] == ["config error is SERVFAIL (EDE: not ready"] * 2, lines


@check("the log lines for files that are read, added, changed and removed match dnsmasq's")
def _(fixture):
    hosts, folder = os.path.join(fixture.folder, "more.hosts"), os.path.join(fixture.folder, "live")
    os.makedirs(folder)
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one two\n# none\n192.0.9.2 three.test\n")
    servers = fixture.both(f"--addn-hosts={hosts}", f"--hostsdir={folder}", "--expand-hosts", "--domain=corp.test")

    def both_log(pattern):
        """Waits for the line in both logs before the next change of a file."""
        for server in servers:
            server.until_message(pattern)
    both_log(rf"read {hosts} - 5 names")
    path = os.path.join(folder, "four")
    with open(path, "w") as file:
        file.write("192.0.9.4 four.test\n")
    both_log(rf"read {path} - 1 names")
    with open(path, "a") as file:
        file.write("192.0.9.5 five.test six.test\n")
    both_log(rf"read {path} - 3 names")
    os.unlink(path)
    both_log(rf"inotify: flushed 3 names read from {path}")
    seen = []
    for server in servers:
        lines = [line for line in server.messages() if line.startswith(("read ", "inotify: "))]
        seen.append([line for before, line in zip([""] + lines, lines) if line != before])
    assert seen[0] == seen[1], seen


@check("a start that fails logs dnsmasq's message")
def _(fixture):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        for program, more in ((fixture.dnsmasq, []), (fixture.lictor, ["--consul-http-addr=", "--stats-address="])):
            done = subprocess.run([program, "-k", "-C/dev/null", f"-p{taken.getsockname()[1]}", "-a127.0.0.1", "--bind-interfaces", "-x", "", "--user=root", "--log-facility=-", *more],
                                  capture_output=True, text=True, timeout=10)
            # dnsmasq logs this message only if its log is already open.
            assert done.returncode == 2 and ("FAILED to start up" in done.stderr or program == fixture.dnsmasq), (program, done)


# -------------------------------------------------------------------------------------------------------------- exporters

EXPORTED = ("cachesize", "insertions", "evictions", "misses", "hits", "auth", "servers")


def scrape(server):
    """Queries like dnsmasq_exporter: one question in each message, RD, no EDNS, and its checks of the answer."""
    found = {}
    for number, name in enumerate(EXPORTED):
        query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + bytes([len(name)]) + name.encode() + b"\x04bind\0" + struct.pack("!HH", 16, 3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect(("127.0.0.1", server.port))
            sock.send(query)
            reply = dns.message.from_wire(sock.recv(4096))
        for rrset in reply.answer:
            assert rrset.name.to_text() == f"{name}.bind.", rrset
            for rdata in rrset:
                texts = [piece.decode() for piece in rdata.strings]
                if name == "servers":
                    assert all(len(text.split()) == 3 and all(float(word) >= 0 for word in text.split()[1:]) for text in texts), texts
                    found[name] = texts
                else:
                    assert len(texts) == 1, texts
                    found[name] = float(texts[0])
    assert set(found) == set(EXPORTED), found
    return found


@check("an exporter reads the same values after the same queries from dnsmasq and from lictor")
def _(fixture):
    differences = []
    for server in fixture.both("--cache-size=200", "--host-record=rec.lan,192.0.2.10"):
        before = scrape(server)
        for name in ("a.test", "b.test", "a.test", "a.test", "rec.lan", "c.test", "gone.test", "gone.test"):
            server.ask(name)
        time.sleep(0.6)     # lictor's workers publish their upstreams' counters twice a second
        after = scrape(server)
        row = {name: after[name] - before[name] for name in EXPORTED if name not in ("servers", "insertions")}
        # An answer with one address is one entry in both; neither caches a negative answer without SOA.
        row["insertions"] = after["insertions"] - before["insertions"]
        row["cachesize"] = after["cachesize"]
        row["servers"] = after["servers"]
        differences.append(row)
    # dnsmasq counts the CHAOS queries themselves as answered locally; so does lictor.
    assert differences[0] == differences[1], differences


@check("an exporter from before 2.90 with seven questions in one message is answered; dnsmasq 2.90 answers SERVFAIL")
def _(fixture):
    query = struct.pack("!HHHHHH", 9, 0x0100, len(EXPORTED), 0, 0, 0) + b"".join(bytes([len(name)]) + name.encode() + b"\x04bind\0" + struct.pack("!HH", 16, 3) for name in EXPORTED)
    codes = []
    for server in fixture.both():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect(("127.0.0.1", server.port))
            sock.send(query)
            reply = dns.message.from_wire(sock.recv(4096))
        codes.append(dns.rcode.to_text(reply.rcode()))
    assert codes == ["SERVFAIL", "NOERROR"], codes
    assert [rrset.name.to_text() for rrset in reply.answer] == [f"{name}.bind." for name in EXPORTED], reply
    assert reply.flags & dns.flags.AA and reply.answer[0][0].strings[0].isdigit()


@check("dig chaos txt prints the same, with EDNS and over TCP")
def _(fixture):
    dig = shutil.which("dig")
    assert dig, "dig is missing: install bind9-dnsutils"
    theirs, ours = fixture.both("--cache-size=321")
    for words in (["+short"], ["+short", "+tcp"], ["+noall", "+answer", "+comments", "+noedns"], ["+noall", "+answer", "+authority", "+additional"]):
        for name in ("cachesize.bind", "auth.bind", "evictions.bind", "nosuch.bind"):
            outputs = []
            for server in (theirs, ours):
                out = subprocess.run([dig, "@127.0.0.1", "-p", str(server.port), "chaos", "txt", name, *words], capture_output=True, text=True, timeout=10).stdout
                outputs.append(re.sub(r"id: \d+|;; (WHEN|Query time|SERVER|Got answer).*", "", out))
            assert outputs[0] == outputs[1], outputs


# ----------------------------------------------------------------------------------------------------------------- syslog


class Syslog:
    """Both programs with a /dev of their own, in which `log` is a socket of the test."""

    def __init__(self, fixture):
        self.folder = os.path.join(fixture.folder, "syslog")
        os.makedirs(self.folder)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(self.folder, "log"))
        os.chmod(os.path.join(self.folder, "log"), 0o777)
        self.socket.settimeout(0.3)

    def around(self, command):
        devices = " && ".join(f"touch {self.folder}/{name} && mount --bind /dev/{name} {self.folder}/{name}" for name in ("null", "zero", "random", "urandom"))
        return ["unshare", "--mount", "sh", "-c", f"{devices} && mount --rbind {self.folder} /dev && exec \"$@\"", "sh", *command]

    def lines(self, until, within=8):
        found, deadline = [], time.monotonic() + within
        while time.monotonic() < deadline and not any(until in line for line in found):
            try:
                found.append(self.socket.recv(65535).decode(errors="replace").rstrip("\0\n"))
            except TimeoutError:
                pass
        return found


@check("syslog: facility, priority, name and process id of each line match dnsmasq's")
def _(fixture):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("a mount namespace needs root")
    link = os.path.join(fixture.folder, "dnsmasq")
    os.symlink(fixture.lictor, link)
    log = Syslog(fixture)
    for words, facility in (([], 3), (["--log-facility=local3"], 19), (["--log-facility=authpriv"], 10)):
        seen = {}
        for program in (fixture.dnsmasq, link, fixture.lictor):
            server = Server(fixture, "dnsmasq" if program == fixture.dnsmasq else "lictor", [f"--pid-file={fixture.folder}/p", *words], wait=False, program=program, log=False, start=False)
            server.start(log.around(server.command))
            assert server.process.wait(15) == 0, server.process.stdout.read()
            with open(f"{fixture.folder}/p") as file:
                server.pids = [int(file.read())]
            lines = log.lines("started, version")
            line = next((line for line in lines if "started, version" in line), None)
            assert line, (program, lines)
            shape = re.fullmatch(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\w+)\[(\d+)\]: started, version .*", line)
            assert shape and int(shape[1]) >> 3 == facility and int(shape[3]) == server.pids[0], (program, line)
            seen[program] = (int(shape[1]) & 7, shape[2])
            os.kill(server.pids[0], signal.SIGTERM)
            net.until(lambda: not os.path.exists(f"/proc/{server.pids[0]}"), 5, "the process ends")
            log.lines("exiting on receipt")
        assert seen[fixture.dnsmasq] == seen[link] == (6, "dnsmasq") and seen[fixture.lictor] == (6, "lictor"), seen


@check("with the program name dnsmasq, lictor writes dnsmasq's format to its log file")
def _(fixture):
    link = os.path.join(fixture.folder, "dnsmasq")
    os.symlink(fixture.lictor, link)
    form = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d dnsmasq\[(\d+)\]: (query\[A\] www\.test from 127\.0\.0\.1)"
    for program in (fixture.dnsmasq, link):
        server = Server(fixture, "dnsmasq" if program == fixture.dnsmasq else "lictor", ["--log-queries"], program=program)
        server.ask("www.test")
        net.until(lambda: any((found := re.fullmatch(form, line)) and int(found[1]) == server.pids[0] for line in server.log().splitlines()), 5,
                  f"{program} logs the query in dnsmasq's form")


# ----------------------------------------------------------------------------------------------------------------- shadow


@check("shadow=log: with a real dnsmasq that logs with extra, differences are reported by kind")
def _(fixture):
    dnsmasq = Server(fixture, "dnsmasq", ["--log-queries=extra", "--address=/values.test/192.0.2.99", "--address=/code.test/", "--host-record=same.lan,192.0.2.7"])
    stats = net.free_port()
    lictor = Server(fixture, "lictor", ["--host-record=same.lan,192.0.2.7", f"--shadow=log:{dnsmasq.log_path},127.0.0.1#{dnsmasq.port}"], stats=stats)
    time.sleep(0.5)     # the log is read from its end
    queries = (("www.test", "A"), ("same.lan", "A"), ("gone.test", "A"), ("alias.test", "A"), ("www.test", "MX"), ("www.test", "AAAA"), ("a.values.test", "A"), ("code.test", "A"))
    for name, rdtype in queries:
        dnsmasq.ask(name, rdtype)

    def report_of():
        return subprocess.run([fixture.lictor, "shadow", f"--stats-address=127.0.0.1:{stats}"], capture_output=True, text=True, timeout=10).stdout
    deadline = time.monotonic() + 10
    while ": 8 of 8 queries" not in report_of() and time.monotonic() < deadline:
        time.sleep(0.1)
    report = report_of()
    assert ": 8 of 8 queries" in report, report
    assert re.search(r"same: 6\b", report) and re.search(r"values: 1\b", report) and re.search(r"code: 1\b", report), report
    # lictor's queries to dnsmasq are in dnsmasq's log as well: they must not be counted or queried again.
    time.sleep(1)
    assert ": 8 of 8 queries" in report_of() and dnsmasq.log().count("query[A] a.values.test from") == 2, report_of()
    assert "a.values.test A" in report and "code.test A" in report and "192.0.2.99" in report, report
