"""Options that change the process rather than its answers, each with and without, in dnsmasq and in lictor. These checks are added to
those of configuration_process.py. Options without a case in options.py are listed in EVERY_OPTION with their check.
"""

import os
import re
import signal
import socket
import struct
import subprocess
import time

import dns.message
import dns.query

from configuration_process import Server, Skipped, check
from harness import net

# Options of dnsmasq for an application node that have no case in options.py: the check for each.
EVERY_OPTION = {
    "bind-dynamic": "bind-dynamic: an address added later to an interface is served, unlike with bind-interfaces",
    "add-mac": "add-mac and strip-mac: a local client has no MAC address, so nothing is sent, which is logged once",
    "strip-mac": "add-mac and strip-mac: a local client has no MAC address, so nothing is sent, which is logged once",
    "port": "port: the given port is served, otherwise 53",
    "user": "user and group: the ids of the process",
    "group": "user and group: the ids of the process",
    "pid-file": "pid-file and keep-in-foreground: with and without",
    "keep-in-foreground": "pid-file and keep-in-foreground: with and without",
    "no-daemon": "no-daemon: in the foreground, logging to stderr, as the starting user, ended by SIGINT",
    "log-queries": "log-queries and log-facility: lines are logged with them, none without",
    "log-facility": "log-queries and log-facility: lines are logged with them, none without",
    "log-async": "log-async is accepted, and lines are logged",
    "log-debug": "log-debug is accepted",
    "test": "-v and --help print to stdout and exit with 0, --test prints to stderr",
    "version": "-v and --help print to stdout and exit with 0, --test prints to stderr",
    "help": "-v and --help print to stdout and exit with 0, --test prints to stderr",
    "do-0x20-encode": "do-0x20-encode: letter case of upstream queries, with and without",
    "no-0x20-encode": "do-0x20-encode: letter case of upstream queries, with and without",
    "log-malloc": "ignored options have no effect and are logged once",
    "enable-dbus": "ignored options have no effect and are logged once",
    "enable-ubus": "ignored options have no effect and are logged once",
}

MUST_AND_SHOULD = """server local rev-server servers-file address host-record cname addn-hosts hostsdir no-hosts expand-hosts domain listen-address interface
    except-interface bind-interfaces bind-dynamic port local-service user group pid-file conf-file conf-dir keep-in-foreground no-daemon no-resolv
    resolv-file no-poll clear-on-reload strict-order all-servers cache-size no-negcache neg-ttl local-ttl max-ttl max-cache-ttl min-cache-ttl
    dns-forward-max log-queries log-facility log-async domain-needed bogus-priv bogus-nxdomain ignore-address stop-dns-rebind rebind-localhost-ok
    rebind-domain-ok filter-A filter-AAAA filter-rr edns-packet-max query-port min-port max-port port-limit use-stale-cache no-round-robin no-ident
    dns-loop-detect test version help
    txt-record ptr-record srv-host mx-host naptr-record caa-record dns-rr mx-target localmx selfmx interface-name dynamic-host synth-domain alias
    localise-queries filterwin2k cache-rr fast-dns-retry max-tcp-connections proxy-dnssec strip-subnet add-subnet strip-mac add-mac add-cpe-id
    do-0x20-encode no-0x20-encode log-debug log-malloc dumpfile dumpmask enable-dbus enable-ubus""".split()


@check("every option of the two lists has a case or a check")
def _(_fixture):
    import configuration_process
    import options
    shown = {line.split("=")[0].strip() for case in options._cases if case.option for line in case.lines}
    names = {name for name, _function in configuration_process._checks}
    assert set(EVERY_OPTION.values()) <= names, set(EVERY_OPTION.values()) - names
    missing = [option for option in MUST_AND_SHOULD if option not in shown and option not in EVERY_OPTION]
    assert not missing, missing


@check("each option that the reference calls dnsmasq's is one")
def _(fixture):
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "conf", "README.md")) as file:
        parts = re.findall(r"^#### `([a-z0-9A-Z-]+)[^`]*`\n\n.*?^\*(.*?)\*$", file.read(), re.M | re.S)
    named = [name for name, facts in parts if facts.endswith("as in dnsmasq")]
    assert len(named) > 80, named
    later = {"do-0x20-encode", "no-0x20-encode"}        # dnsmasq 2.91
    wrong = []
    for name in named:
        done = subprocess.run([fixture.dnsmasq, "--test", "-C-"], input=f"{name}=x\n", capture_output=True, text=True, timeout=net.allowed(10))
        plain = subprocess.run([fixture.dnsmasq, "--test", "-C-"], input=f"{name}\n", capture_output=True, text=True, timeout=net.allowed(10))
        if "bad option" in done.stderr and "bad option" in plain.stderr and name not in later | {"test", "version", "help"}:
            wrong.append(name)
    assert not wrong, f"dnsmasq does not have {wrong}"


def answers_at(address, port):
    query = dns.message.make_query("version.bind", "TXT", "CH")
    try:
        return dns.query.udp(query, address, 0.2, port) is not None
    except (OSError, dns.exception.DNSException):
        return False


@check("port: the given port is served, otherwise 53")
def _(fixture):
    address = f"127.{100 + os.getpid() % 100}.53.1"
    if not net.port_is_free(address, 53):
        raise Skipped("port 53 is not free")
    for program, more in ((fixture.dnsmasq, []), (fixture.lictor, ["--consul-http-addr=", "--stats-address="])):
        for words, ports in (([], (True, False)), (["--port=5399"], (False, True)), (["--port=0"], (False, False))):
            command = [program, f"--listen-address={address}", "--bind-interfaces", "-C/dev/null", "-k", "-h", "-R", "-x", "", "--user=root", "--log-facility=-", *more, *words]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                if any(ports):
                    net.until(lambda: answers_at(address, 53 if ports[0] else 5399), 5, f"{command} answers")
                else:
                    time.sleep(0.4)
                assert (answers_at(address, 53), answers_at(address, 5399)) == ports and process.poll() is None, command
            finally:
                process.terminate()
                process.wait(5)


def identity(pid):
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    return tuple(int(re.search(rf"^{word}:\s+\d+\s+(\d+)", text, re.M)[1]) for word in ("Uid", "Gid"))


@check("user and group: the ids of the process")
def _(fixture):
    if os.geteuid() != 0:
        raise Skipped("needs root to change the user")
    import grp
    import pwd
    nobody, daemon = pwd.getpwnam("nobody"), grp.getgrnam("daemon").gr_gid
    for words, expected in ((["--user=nobody", "--group=daemon"], (nobody.pw_uid, daemon)), (["--user=root", "--group=root"], (0, 0))):
        for kind in ("dnsmasq", "lictor"):
            server = Server(fixture, kind, words, user=False)
            assert identity(server.process.pid) == expected, (kind, words, identity(server.process.pid))


@check("pid-file and keep-in-foreground: with and without")
def _(fixture):
    for kind in ("dnsmasq", "lictor"):
        for foreground in (True, False):
            path = os.path.join(fixture.folder, f"{kind}-{foreground}.pid")
            server = Server(fixture, kind, [f"--pid-file={path}", *(["--keep-in-foreground"] if foreground else [])], wait=False)
            net.until(lambda: server.ask("version.bind", "TXT", "CH", within=0.2), 10, f"{kind} answers")
            net.until(lambda: os.path.exists(path) and open(path).read().strip(), 3, "the process id is written")
            with open(path) as file:
                pid = int(file.read())
            if not foreground:
                server.process.wait(5)      # the first process ends once the other one has written the file
            assert (pid == server.process.pid) == foreground == (server.process.poll() is None), (kind, foreground)
            server.pids = [pid]
        without = Server(fixture, kind, [])       # --pid-file= and --keep-in-foreground
        assert without.process.poll() is None and not os.path.exists(os.path.join(fixture.folder, f"{kind}.pid"))


@check("no-daemon: in the foreground, logging to stderr, as the starting user, ended by SIGINT")
def _(fixture):
    for kind in ("dnsmasq", "lictor"):
        server = Server(fixture, kind, ["--no-daemon", "--user=nobody", "-x", ""], log=False, wait=False, user=False)
        net.until(lambda: server.ask("version.bind", "TXT", "CH", within=0.2), 10, f"{kind} answers")
        assert identity(server.process.pid)[0] == os.geteuid(), kind
        server.process.send_signal(signal.SIGINT)
        output = server.process.communicate(timeout=5)[0]
        # dnsmasq's exit code for this is 5, a miscellaneous problem.
        assert server.process.returncode == (5 if kind == "dnsmasq" else 0) and "started, version" in output, (kind, server.process.returncode, output)


@check("log-queries and log-facility: lines are logged with them, none without")
def _(fixture):
    for kind in ("dnsmasq", "lictor"):
        for words in ([], ["--log-queries"]):
            server = Server(fixture, kind, words)
            server.ask("www.test")
            server.ask("last.test")
            if words:
                net.until(lambda: "query[A] www.test" in server.log(), 5, f"{kind} logs the query")
            else:
                server.process.terminate()
                server.process.wait(20)         # all lines are there
                assert "query[A] www.test" not in server.log(), (kind, server.log())
        to_stderr = Server(fixture, kind, ["--log-facility=-", "--log-queries"], log=False)
        to_stderr.ask("www.test")
        to_stderr.process.terminate()
        assert "query[A] www.test" in to_stderr.process.communicate(timeout=20)[0] and not os.path.exists(to_stderr.log_path), kind


@check("log-debug is accepted")
def _(fixture):
    for server in fixture.both("--log-debug"):
        assert server.ask("www.test").answer


@check("bind-dynamic: an address added later to an interface is served, unlike with bind-interfaces")
def _(fixture):
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
        raise Skipped("a network namespace needs root")
    # dnsmasq 2.90 sometimes serves the address with bind-interfaces as well; its manual excludes that.
    script = """ip link add late0 type veth peer name late0p; ip addr add 10.9.8.1/24 dev late0; ip link set late0 up; ip link set late0p up; ip link set lo up
"$0" -k -C /dev/null -p 5399 -R -h --$1 --interface=late0 -x '' --user= --consul-http-addr= --stats-address= --server=127.0.0.1#9 --log-facility=- >/dev/null 2>&1 & pid=$!
for i in $(seq 50); do dig +short +time=1 +tries=1 @10.9.8.1 -p 5399 ch txt version.bind | grep -q lictor && break; sleep 0.1; done
ip addr add 10.9.9.1/24 dev late0; for i in $(seq 20); do dig +short +time=1 +tries=1 @10.9.9.1 -p 5399 ch txt version.bind | grep lictor && break; sleep 0.1; done
kill $pid; wait $pid"""
    for option, served in (("bind-dynamic", True), ("bind-interfaces", False)):
        out = subprocess.run(["unshare", "--net", "bash", "-c", script, fixture.lictor, option], capture_output=True, text=True, timeout=30).stdout
        assert ("lictor" in out) == served, (option, out)


class CaseRecorder:
    """An upstream that records the letter case of the queried names."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.names = []

    def serve(self, seconds=0.4):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                wire, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            size = wire[12]
            self.names.append(wire[13:13 + size].decode())
            self.socket.sendto(dns.message.make_response(dns.message.from_wire(wire), recursion_available=True).to_wire(), peer)


@check("do-0x20-encode: letter case of upstream queries, with and without")
def _(fixture):
    # dnsmasq has these options since 2.91.
    assert subprocess.run([fixture.dnsmasq, "--test", "-C/dev/null", "--do-0x20-encode"], capture_output=True, timeout=10).returncode == 1
    plain = "abcdefghijklmnopqrstuvwxyz"
    for words, mixed in ((["--do-0x20-encode"], True), (["--no-0x20-encode"], False), ([], False)):
        upstream = CaseRecorder()
        server = Server(fixture, "lictor", words, upstream=f"127.0.0.1#{upstream.port}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(dns.message.make_query(f"{plain}.test", "A").to_wire(), ("127.0.0.1", server.port))
            upstream.serve()
        assert upstream.names and all(name.lower() in (plain, "") for name in upstream.names), upstream.names   # the root: lictor's probe
        upstream.names = [name for name in upstream.names if name]
        assert any(name != plain for name in upstream.names) == mixed, (words, upstream.names)
        upstream.socket.close()


@check("add-mac and strip-mac: a local client has no MAC address, so nothing is sent, which is logged once")
def _(fixture):
    for words, times in ((["--add-mac"], 1), (["--add-mac=text"], 1), (["--strip-mac"], 0), ([], 0)):
        server = Server(fixture, "lictor", words)
        assert server.ask("www.test").answer
        server.process.terminate()
        server.process.wait(20)         # all lines are there
        assert server.log().count("nothing is added: a client on this machine has no hardware address") == times, (words, server.log())


IGNORED = ["dhcp-range=192.0.2.10,192.0.2.20,12h", "dhcp-host=11:22:33:44:55:66,192.0.2.60", "enable-tftp", "tftp-root=/tmp", "enable-ra", "read-ethers", "log-dhcp", "no-ping",
               "log-malloc", "enable-dbus", "enable-ubus", "trust-anchor=.,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"]
SECURITY = ["dnssec", "dnssec-check-unsigned", "dnssec-no-timecheck", "dnssec-timestamp=/tmp/x", "dnssec-debug", "dnssec-limits=1", "connmark-allowlist-enable", "connmark-allowlist=1/3,a.b",
            "conntrack", "auth-server=a.b,eth0", "auth-zone=a.b,192.0.2.0/24", "auth-ttl=60", "auth-soa=1,a@b,2,3,4", "auth-sec-servers=a.b,c.d", "auth-peer=192.0.2.1", "ipset=/a/b",
            "nftset=/a/4#inet#t#s", "umbrella", "conf-script=/bin/true"]


@check("ignored options have no effect and are logged once")
def _(fixture):
    path = os.path.join(fixture.folder, "ignored.conf")
    with open(path, "w") as file:
        file.write("\n".join(IGNORED + IGNORED[:2] + SECURITY) + "\n")
    server = Server(fixture, "lictor", [f"--conf-file={path}"], wait=False)
    server.end()
    command = [word for word in server.command if word != "--conf-file=/dev/null"]
    server = Server(fixture, "lictor", [], start=False)
    server.start([word if not word.startswith("--port=") else f"--port={server.port}" for word in command])
    net.until(lambda: server.ask("version.bind", "TXT", "CH", within=0.2), 10, "lictor answers")
    assert server.ask("www.test").answer
    with open(next(word.partition("=")[2] for word in command if word.startswith("--log-facility="))) as file:
        log = file.read()
    for line in SECURITY:
        name = line.partition("=")[0]
        assert len(re.findall(rf"SECURITY: {name}: ", log)) == 1, (name, log)
    assert log.count("DHCP, TFTP") == 1, log
    for name in ("log-malloc", "enable-dbus", "enable-ubus"):
        assert log.count(f"{name}: option of dnsmasq") == 1, (name, log)
    assert "trust-anchor" not in log, log


@check("strict refuses each line that is relevant for security, with its name")
def _(fixture):
    for line in SECURITY:
        path = os.path.join(fixture.folder, "one.conf")
        with open(path, "w") as file:
            file.write(f"# first\n{line}\n")
        plain = subprocess.run([fixture.lictor, "--test", f"-C{path}"], capture_output=True, text=True, timeout=10)
        strict = subprocess.run([fixture.lictor, "--test", "--strict", f"-C{path}"], capture_output=True, text=True, timeout=10)
        name = line.partition("=")[0]
        assert plain.returncode == 0 and f"SECURITY: {name}" in plain.stderr, (line, plain)
        assert strict.returncode == 1 and f"{path}:2: {name}" in strict.stderr, (line, strict)


@check("conf-script is never run")
def _(fixture):
    trace = os.path.join(fixture.folder, "ran")
    script = os.path.join(fixture.folder, "script")
    with open(script, "w") as file:
        file.write(f"#!/bin/sh\ntouch {trace}\n")
    os.chmod(script, 0o755)
    path = os.path.join(fixture.folder, "script.conf")
    with open(path, "w") as file:
        file.write(f"conf-script={script}\n")
    for words in (["--test"], []):
        process = subprocess.Popen([fixture.lictor, *words, f"-C{path}", "-k", f"-p{net.free_port()}", "--consul-http-addr=", "--stats-address=", "-R", "--user=root"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        process.terminate()
        process.wait(5)
        assert not os.path.exists(trace)
