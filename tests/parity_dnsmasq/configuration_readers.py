"""What reads dnsmasq's log and counters has to go on reading lictor's: the table of USR1, names of hosts files, failures with their
extended error, syslog, the program's name, exporters and `dig`. Checks beside those of configuration_process.py.
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
    """The table of USR1 as (host, address, flags, source), with the ends of life apart."""
    lines = server.messages()
    begin = max(i for i, line in enumerate(lines) if line.startswith("Host     "))
    head, rows, ends = lines[begin:begin + 2], [], {}
    for line in lines[begin + 2:]:
        if len(line) < 107:
            continue
        row = (line[:30].rstrip(), line[31:71].rstrip(), line[72:82], line[108:])
        if row[2][0] == "!" or row[1] == "<SOA>":      # names that lead to others; what lictor keeps within the reply
            continue
        rows.append(row)
        if line[83:107].strip():
            ends[row] = time.mktime(time.strptime(line[83:107].strip()))
    return head, sorted(set(rows)), ends


@check("USR1 with log-queries: the table of what is known is dnsmasq's, row for row")
def _(ground):
    hosts = os.path.join(ground.folder, "more.hosts")
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one.test short\n2001:db8::1 six.test\n")
    found = []
    for server in ground.both("--log-queries", "--cache-rr=MX", "--cache-size=100", "--host-record=rec.lan,192.0.2.10", "--cname=alias.lan,rec.lan", f"--addn-hosts={hosts}", "--neg-ttl=60"):
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


@check("USR1 without log-queries writes no table")
def _(ground):
    for server in ground.both():
        server.ask("www.test")
        time.sleep(0.7)         # lictor's workers tell their upstreams' figures twice a second
        server.process.send_signal(signal.SIGUSR1)
        server.until_message(r"server 127\.0\.0\.1#\d+: queries sent .*")
        time.sleep(0.3)
        assert not any(line.startswith("Host  ") for line in server.messages()), server.messages()


@check("a table that is longer than the log's queue arrives whole")
def _(ground):
    hosts = os.path.join(ground.folder, "many.hosts")
    with open(hosts, "w") as file:
        file.writelines(f"10.1.{i // 250}.{i % 250} host-{i}.test\n" for i in range(900))
    server = Server(ground, "lictor", ["--log-queries", f"--addn-hosts={hosts}"])
    server.process.send_signal(signal.SIGUSR1)
    net.until(lambda: sum(" 4FRI   H " in line for line in server.messages()) == 900, 10, "900 rows arrive")
    assert not any("log entries lost" in line for line in server.messages())


@check("log-queries: a name of a hosts file is said with the file's path, an alias and its target with their own")
def _(ground):
    hosts = os.path.join(ground.folder, "more.hosts")
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one.test\n")
    seen = []
    for server in ground.both("--log-queries", f"--addn-hosts={hosts}", "--host-record=rec.lan,192.0.2.10", "--cname=alias.lan,one.test"):
        for name, rdtype in (("one.test", "A"), ("1.9.0.192.in-addr.arpa", "PTR"), ("alias.lan", "A"), ("rec.lan", "A"), ("10.2.0.192.in-addr.arpa", "PTR")):
            server.ask(name, rdtype)
        server.until_message(r"config 192\.0\.2\.10 is rec\.lan")
        seen.append([line for line in server.messages() if re.match(r"(query\[|config |/)", line) and ".bind" not in line and line.count(" ") == 3])
    assert seen[0] == seen[1] and f"{hosts} one.test is 192.0.9.1" in seen[1], seen


@check("log-queries: a question that nobody can be asked is said with dnsmasq's extended error")
def _(ground):
    said = []
    for server in ground.both("--log-queries", upstream=f"/only.test/127.0.0.1#{ground.upstream.port}"):
        reply = server.ask("www.elsewhere")
        assert reply.rcode() == (dns.rcode.REFUSED if server.kind == "dnsmasq" else dns.rcode.SERVFAIL)
        said += [line for line in server.messages() if " error is " in line]
    # What is REFUSED there is SERVFAIL here: a named improvement.
    assert [line.replace("REFUSED", "SERVFAIL") for line in said] == ["config error is SERVFAIL (EDE: not ready)"] * 2, said


@check("files that are read, come, change and go are said in dnsmasq's words")
def _(ground):
    hosts, folder = os.path.join(ground.folder, "more.hosts"), os.path.join(ground.folder, "live")
    os.makedirs(folder)
    with open(hosts, "w") as file:
        file.write("192.0.9.1 one two\n# none\n192.0.9.2 three.test\n")
    servers = ground.both(f"--addn-hosts={hosts}", f"--hostsdir={folder}", "--expand-hosts", "--domain=corp.test")

    def said(pattern):
        """By both, before anything else happens to what they follow."""
        for server in servers:
            server.until_message(pattern)
    said(rf"read {hosts} - 5 names")
    path = os.path.join(folder, "four")
    with open(path, "w") as file:
        file.write("192.0.9.4 four.test\n")
    said(rf"read {path} - 1 names")
    with open(path, "a") as file:
        file.write("192.0.9.5 five.test six.test\n")
    said(rf"read {path} - 3 names")
    os.unlink(path)
    said(rf"inotify: flushed 3 names read from {path}")
    seen = []
    for server in servers:
        lines = [line for line in server.messages() if line.startswith(("read ", "inotify: "))]
        seen.append([line for before, line in zip([""] + lines, lines) if line != before])
    assert seen[0] == seen[1], seen


@check("a start that fails says so in dnsmasq's words")
def _(ground):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        for program, more in ((ground.dnsmasq, []), (ground.lictor, ["--consul-http-addr=", "--stats-address="])):
            done = subprocess.run([program, "-k", "-C/dev/null", f"-p{taken.getsockname()[1]}", "-a127.0.0.1", "--bind-interfaces", "-x", "", "--user=root", "--log-facility=-", *more],
                                  capture_output=True, text=True, timeout=10)
            # dnsmasq says the last words only where its log is open already.
            assert done.returncode == 2 and ("FAILED to start up" in done.stderr or program == ground.dnsmasq), (program, done)


# -------------------------------------------------------------------------------------------------------------- exporters

EXPORTED = ("cachesize", "insertions", "evictions", "misses", "hits", "auth", "servers")


def scrape(server):
    """As dnsmasq_exporter asks: one question in each message, RD, no EDNS, and its rules for what an answer may be."""
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


@check("an exporter reads the same figures after the same questions, from dnsmasq and from lictor")
def _(ground):
    differences = []
    for server in ground.both("--cache-size=200", "--host-record=rec.lan,192.0.2.10"):
        before = scrape(server)
        for name in ("a.test", "b.test", "a.test", "a.test", "rec.lan", "c.test", "gone.test", "gone.test"):
            server.ask(name)
        time.sleep(0.6)     # lictor's workers tell their upstreams' figures twice a second
        after = scrape(server)
        row = {name: after[name] - before[name] for name in EXPORTED if name not in ("servers", "insertions")}
        # Answers of one address are one entry each in both; an absence without SOA is kept by neither.
        row["insertions"] = after["insertions"] - before["insertions"]
        row["cachesize"] = after["cachesize"]
        row["servers"] = after["servers"]
        differences.append(row)
    # dnsmasq counts the CHAOS questions themselves as answered locally; so does lictor.
    assert differences[0] == differences[1], differences


@check("an exporter of before 2.90, seven questions in one message, is answered: dnsmasq 2.90 fails it")
def _(ground):
    query = struct.pack("!HHHHHH", 9, 0x0100, len(EXPORTED), 0, 0, 0) + b"".join(bytes([len(name)]) + name.encode() + b"\x04bind\0" + struct.pack("!HH", 16, 3) for name in EXPORTED)
    codes = []
    for server in ground.both():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect(("127.0.0.1", server.port))
            sock.send(query)
            reply = dns.message.from_wire(sock.recv(4096))
        codes.append(dns.rcode.to_text(reply.rcode()))
    assert codes == ["SERVFAIL", "NOERROR"], codes
    assert [rrset.name.to_text() for rrset in reply.answer] == [f"{name}.bind." for name in EXPORTED], reply
    assert reply.flags & dns.flags.AA and reply.answer[0][0].strings[0].isdigit()


@check("dig chaos txt shows the same, with EDNS and over TCP")
def _(ground):
    dig = shutil.which("dig")
    assert dig, "dig is not there: install bind9-dnsutils"
    theirs, ours = ground.both("--cache-size=321")
    for words in (["+short"], ["+short", "+tcp"], ["+noall", "+answer", "+comments", "+noedns"], ["+noall", "+answer", "+authority", "+additional"]):
        for name in ("cachesize.bind", "auth.bind", "evictions.bind", "nosuch.bind"):
            told = []
            for server in (theirs, ours):
                out = subprocess.run([dig, "@127.0.0.1", "-p", str(server.port), "chaos", "txt", name, *words], capture_output=True, text=True, timeout=10).stdout
                told.append(re.sub(r"id: \d+|;; (WHEN|Query time|SERVER|Got answer).*", "", out))
            assert told[0] == told[1], told


# ----------------------------------------------------------------------------------------------------------------- syslog


class Syslog:
    """Both programs with a /dev of their own, in which `log` is a socket of ours."""

    def __init__(self, ground):
        self.folder = os.path.join(ground.folder, "syslog")
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


@check("syslog: facility, priority, name and process id of each line are dnsmasq's")
def _(ground):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("a mount namespace of its own takes root")
    link = os.path.join(ground.folder, "dnsmasq")
    os.symlink(ground.lictor, link)
    log = Syslog(ground)
    for words, facility in (([], 3), (["--log-facility=local3"], 19), (["--log-facility=authpriv"], 10)):
        seen = {}
        for program in (ground.dnsmasq, link, ground.lictor):
            server = Server(ground, "dnsmasq" if program == ground.dnsmasq else "lictor", [f"--pid-file={ground.folder}/p", *words], wait=False, program=program, log=False, start=False)
            server.start(log.around(server.command))
            assert server.process.wait(15) == 0, server.process.stdout.read()
            with open(f"{ground.folder}/p") as file:
                server.pids = [int(file.read())]
            lines = log.lines("started, version")
            line = next((line for line in lines if "started, version" in line), None)
            assert line, (program, lines)
            shape = re.fullmatch(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\w+)\[(\d+)\]: started, version .*", line)
            assert shape and int(shape[1]) >> 3 == facility and int(shape[3]) == server.pids[0], (program, line)
            seen[program] = (int(shape[1]) & 7, shape[2])
            os.kill(server.pids[0], signal.SIGTERM)
            net.until(lambda: not os.path.exists(f"/proc/{server.pids[0]}"), 5, "it ends")
            log.lines("exiting on receipt")
        assert seen[ground.dnsmasq] == seen[link] == (6, "dnsmasq") and seen[ground.lictor] == (6, "lictor"), seen


@check("called dnsmasq, lictor writes dnsmasq's lines into its log file")
def _(ground):
    link = os.path.join(ground.folder, "dnsmasq")
    os.symlink(ground.lictor, link)
    form = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d dnsmasq\[(\d+)\]: (query\[A\] www\.test from 127\.0\.0\.1)"
    for program in (ground.dnsmasq, link):
        server = Server(ground, "dnsmasq" if program == ground.dnsmasq else "lictor", ["--log-queries"], program=program)
        server.ask("www.test")
        net.until(lambda: "reply www.test" in server.log(), 5, "it logs")
        assert any((found := re.fullmatch(form, line)) and int(found[1]) == server.pids[0] for line in server.log().splitlines()), (program, server.log())


# ----------------------------------------------------------------------------------------------------------------- shadow


@check("shadow=log: beside a real dnsmasq that logs with extra, differences are told by their kind")
def _(ground):
    dnsmasq = Server(ground, "dnsmasq", ["--log-queries=extra", "--address=/values.test/192.0.2.99", "--address=/code.test/", "--host-record=same.lan,192.0.2.7"])
    stats = net.free_port()
    lictor = Server(ground, "lictor", ["--host-record=same.lan,192.0.2.7", f"--shadow=log:{dnsmasq.log_path},127.0.0.1#{dnsmasq.port}"], stats=stats)
    time.sleep(0.5)     # the log is followed from its end
    asked = (("www.test", "A"), ("same.lan", "A"), ("gone.test", "A"), ("alias.test", "A"), ("www.test", "MX"), ("www.test", "AAAA"), ("a.values.test", "A"), ("code.test", "A"))
    for name, rdtype in asked:
        dnsmasq.ask(name, rdtype)

    def told():
        return subprocess.run([ground.lictor, "shadow", f"--stats-address=127.0.0.1:{stats}"], capture_output=True, text=True, timeout=10).stdout
    deadline = time.monotonic() + 10
    while ": 8 of 8 questions" not in told() and time.monotonic() < deadline:
        time.sleep(0.1)
    report = told()
    assert ": 8 of 8 questions" in report, report
    assert re.search(r"same: 6\b", report) and re.search(r"values: 1\b", report) and re.search(r"code: 1\b", report), report
    # What lictor asks dnsmasq stands in dnsmasq's log as well: it is neither counted nor asked again.
    time.sleep(1)
    assert ": 8 of 8 questions" in told() and dnsmasq.log().count("query[A] a.values.test from") == 2, told()
    assert "a.values.test A" in report and "code.test A" in report and "192.0.2.99" in report, report
