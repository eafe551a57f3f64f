"""Does lictor start, and serve what it can, where a part of the machine is missing or its rights are few?

The tests have network and mount namespaces of their own.
"""

import os
import pty
import pwd
import re
import subprocess

from harness import ask, net
from harness.lictor import Lictor, binary, run
from harness.process import Process
from harness.runner import ONCE, TIMED, test
from harness.upstream import Scripted, echo

LATER = "192.0.2.53"


def ip(*words):
    subprocess.run(("ip",) + words, check=True, capture_output=True)


def ipv6(enabled, interface="all"):
    with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w") as file:
        file.write("0" if enabled else "1")


def until_served(lictor, address, within=10):
    def resolved():
        try:
            return ask.addresses(ask.udp(ask.Server(address, lictor.server.port), "one.lan", within=0.3)) == ["10.0.0.1"] and \
                   ask.addresses(ask.tcp(ask.Server(address, lictor.server.port), "one.lan", within=0.3)) == ["10.0.0.1"]
        except (ask.SILENCE, OSError):
            return False
    lictor.process.until(resolved, within, f"it answers on {address}", every=0.02)


# A machine with some of its addresses missing

@test("listen-address without bind-interfaces: an absent address is a warning, and is served on port 53 when it comes, as nobody",
      TIMED, namespace=True)
def _(ctx):
    ipv6(False)
    lictor = Lictor(ctx, "--listen-address=127.0.0.1,::1", f"--listen-address={LATER}", "--host-record=one.lan,10.0.0.1", port=53)
    assert lictor.resolve("one.lan") == ["10.0.0.1"]
    for address in ("::1", LATER):
        lictor.until_logged(f"listen-address={address}: this machine has no such address; lictor listens there when it comes")
    assert lictor.json("/stats")["listening"] == ["127.0.0.1#53"]
    assert set(lictor.process.status("Uid")) == {str(pwd.getpwnam("nobody").pw_uid)}
    ipv6(True)
    ipv6(True, "lo")
    until_served(lictor, "::1")
    ip("link", "add", "docker0", "type", "veth", "peer", "name", "peer0")
    ip("link", "set", "docker0", "up")
    ip("addr", "add", f"{LATER}/24", "dev", "docker0")
    until_served(lictor, LATER)
    lictor.until_logged(f"listening on {LATER}#53")
    # An address that goes and comes back is served without being bound again.
    ip("addr", "del", f"{LATER}/24", "dev", "docker0")
    ip("addr", "add", f"{LATER}/24", "dev", "docker0")
    until_served(lictor, LATER)
    assert lictor.resolve("one.lan") == ["10.0.0.1"]


@test("if every listen-address is absent, lictor starts, says so, and serves when one comes", ONCE, namespace=True)
def _(ctx):
    lictor = Lictor(ctx, f"--listen-address={LATER}", "--host-record=one.lan,10.0.0.1", port=53)
    lictor.until_logged("listening on no address yet")
    ip("addr", "add", f"{LATER}/32", "dev", "lo")
    until_served(lictor, LATER)


@test("with all addresses present nothing of root's rights is kept; a reload accepts an absent address and names the remedy when it comes",
      ONCE, namespace=True)
def _(ctx):
    lictor = Lictor(ctx, "--consul-http-addr=", port=53, conf="listen-address=127.0.0.1\nhost-record=one.lan,10.0.0.1\n")
    assert int(lictor.process.status("CapPrm")[0], 16) == 0
    with open(lictor.conf, "a") as file:
        file.write(f"listen-address={LATER}\nhost-record=two.lan,10.0.0.2\n")
    lictor.hup()
    lictor.until_resolves("two.lan", ["10.0.0.2"])
    lictor.until_logged(f"listen-address={LATER}: this machine has no such address")
    ip("addr", "add", f"{LATER}/32", "dev", "lo")
    lictor.until_logged(f"cannot listen on {LATER}#53 .*permission denied.*restart")
    ip("addr", "add", "192.0.2.99/32", "dev", "lo")
    with open(lictor.conf, "a") as file:
        file.write("host-record=three.lan,10.0.0.3\n")
    lictor.hup()
    lictor.until_resolves("three.lan", ["10.0.0.3"])
    # Said when the address came and at the reload, not at the change of another address.
    lictor.until_logged("configuration read again")
    lictor.process.until(lambda: lictor.process.log().count("permission denied") >= 2, 5, "said again at the reload")
    lictor.stop()
    assert lictor.process.log().count("permission denied") == 2, lictor.process.log()


@test("interface= with an IPv6 address that the kernel still checks for duplicates: lictor starts, and serves it afterwards",
      ONCE, namespace=True)
def _(ctx):
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    with open("/proc/sys/net/ipv6/conf/v0/dad_transmits", "w") as file:
        file.write("3")
    ip("link", "set", "v1", "up")
    ip("link", "set", "v0", "up")
    ip("addr", "add", "2001:db8::53/64", "dev", "v0")
    lictor = Lictor(ctx, "--interface=v0", "--host-record=one.lan,10.0.0.1", conf="listen-address=127.0.0.1\n", port=53)
    assert "tentative" in subprocess.run(("ip", "-6", "addr", "show", "dev", "v0"), capture_output=True, text=True).stdout, "the check is over too early"
    assert lictor.resolve("one.lan") == ["10.0.0.1"]
    until_served(lictor, "2001:db8::53", within=15)


@test("with bind-interfaces an absent address or interface ends the start with the remedy, as in dnsmasq", ONCE, namespace=True)
def _(ctx):
    ipv6(False)
    empty = ctx.file("empty.conf", "")
    for absent, named in ((f"--listen-address=127.0.0.1,{LATER}", LATER), ("--listen-address=127.0.0.1,::1", "::1#53"),
                          ("--interface=docker0", "interface=docker0"), ("--interface=docker*", "interface=docker*")):
        code, out, err = run(ctx, "--bind-interfaces", absent, "--port=53", "--keep-in-foreground", "--stats-address=",
                             f"--conf-file={empty}", "--consul-http-addr=")
        assert code == 2 and named in out + err and "remove bind-interfaces" in out + err, f"{absent}: exit {code}\n{out}{err}"
        dnsmasq = subprocess.run(("dnsmasq", "--keep-in-foreground", "--bind-interfaces", absent, "--conf-file=/dev/null", "--no-resolv",
                                  "--no-hosts", "--pid-file=", "--port=53"), capture_output=True, text=True, timeout=10)
        assert dnsmasq.returncode == 2, f"{absent}: dnsmasq exits with {dnsmasq.returncode}: {dnsmasq.stderr}"


@test("a stats-address that is absent at the start is served when it comes", ONCE, namespace=True)
def _(ctx):
    lictor = Lictor(ctx, f"--stats-address={LATER}:9153", "--host-record=one.lan,10.0.0.1", stats=False)
    lictor.until_logged(f"stats-address={LATER}:9153: this machine has no such address; lictor listens there when it comes")
    ip("addr", "add", f"{LATER}/32", "dev", "lo")
    code, out, err = run(ctx, "health", f"--stats-address={LATER}:9153")
    assert code == 0, out + err


# What a person at a terminal reads

def on_terminal(command, within=3):
    """(exit code or None if it still ran, output) of a command with a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        try:
            code = child.wait(within)
        except subprocess.TimeoutExpired:
            code = None
            child.terminate()
            child.wait()
    text = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
    os.close(ours)
    return code, text.decode(errors="replace")


@test("lictor -h alone on a terminal and lictor help print the help, lictor version the version; -h is no-hosts elsewhere", ONCE, namespace=True)
def _(ctx):
    program = binary(ctx.variant.build)
    code, text = on_terminal([program, "-h"])
    assert code == 0 and "--no-hosts" in text and "usage: lictor" in text, f"exit {code}\n{text}"
    dnsmasq = ctx.path("dnsmasq")
    os.symlink(program, dnsmasq)
    code, text = on_terminal([dnsmasq, "-h"], within=1)
    assert code is None and "usage: lictor" not in text, f"exit {code}\n{text}"
    broken = ctx.file("broken.conf", "no-such-option\n")
    for words, begin in ((["help"], "usage: lictor"), (["help", "leaders"], "lictor leaders [SCOPE]"),
                         ([f"--conf-file={broken}", "help"], "usage: lictor"), ([f"--conf-file={broken}", "help", "wait"], "lictor wait")):
        code, out, err = run(ctx, *words)
        assert code == 0 and begin in out and not err, f"{words}: exit {code}\n{out}{err}"
    code, out, err = run(ctx, "version")
    assert code == 0 and out == run(ctx, "--version")[1], f"exit {code}\n{out}{err}"
    lictor = Lictor(ctx, "-h", "--address=/one.lan/10.0.0.1")
    assert lictor.resolve("one.lan") == ["10.0.0.1"]


@test("without contact since the start, the log and lictor stats give the address, the cause and the remedy, and do not say lost", ONCE, namespace=True)
def _(ctx):
    lictor = Lictor(ctx, consul="http://127.0.0.1:1")
    lictor.until_logged(r"no contact with consul since the start.*address=http://127\.0\.0\.1:1 why=.*Couldn't connect.*remedy: start the Consul agent there, or")
    assert "contact with consul lost" not in lictor.process.log()
    said = [line for line in lictor.process.log().splitlines() if "127.0.0.1:1 " in line]
    assert len(said) == 1, said         # one event, one line
    code, out, err = run(ctx, "stats", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and "http://127.0.0.1:1, no contact since the start" in out and "contact lost" not in out, out + err
    code, out, err = run(ctx, "services", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert "\\039" not in out + err, out + err


@test("a unix socket that is missing: no port is named, for the stats endpoint and for Consul", ONCE, namespace=True)
def _(ctx):
    missing = ctx.path("missing.sock")
    code, out, err = run(ctx, "stats", f"--stats-address=unix://{missing}")
    assert code == 2 and f"{missing}: No such file or directory; start lictor" in err and "port" not in err, err
    lictor = Lictor(ctx, consul=f"unix://{missing}")
    lictor.until_logged(f"cannot connect to {missing}: No such file or directory")
    assert "port 80" not in lictor.process.log() + lictor.http("/services")[2]


# Files that are missing, or that only root may read

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@test("the shipped systemd unit and supervisor file start lictor without /etc/lictor.conf", ONCE, namespace=True)
def _(ctx):
    assert not os.path.exists("/etc/lictor.conf"), "this machine has an /etc/lictor.conf"
    for path, pattern in (("container/systemd/lictor.service", r"^ExecStart=(.*)$"), ("container/supervisor/lictor.conf", r"^command=(.*)$")):
        with open(os.path.join(ROOT, path)) as file:
            words = re.search(pattern, file.read(), re.M).group(1).split()
        assert words[0] == "/usr/local/sbin/lictor", words
        process = Process("lictor", [binary(ctx.variant.build), *words[1:]], ctx.path("shipped.log"))
        ctx.processes.append(process)
        ctx.undo.callback(process.stop)
        process.until(lambda: ask.udp(ask.Server("127.0.0.1", 53), "version.bind", "TXT", rdclass="CH", within=0.3), 10, f"{path}: it answers")
        assert process.stop() is not None


@test("--test judges files as the user that lictor becomes", ONCE, namespace=True)
def _(ctx):
    os.chmod(ctx.folder, 0o755)
    def private(name):
        path = ctx.file(name, "x\n")
        os.chmod(path, 0o600)
        return path
    names = ("consul-token-file", "consul-ca-file", "consul-key-file", "consul-cert-file", "resolv-file", "addn-hosts", "servers-file")
    conf = ctx.file("private.conf", "".join(f"{name}={private(name)}\n" for name in names) + f"snapshot-file={ctx.folder}/snapshot\n")
    os.chmod(conf, 0o600)
    code, _out, err = run(ctx, "--test", f"--conf-file={conf}", "--consul-http-addr=https://127.0.0.1:1")
    assert code == 0, err
    for name in (*names, "conf-file", "snapshot-file"):
        found = [line for line in err.splitlines() if f"{name}: " in line]
        assert len(found) == 1 and "Permission denied" in found[0] and found[0].endswith("(as user nobody)"), f"{name}: {found}\n{err}"
    code, _out, err = run(ctx, "--test", "--user=", f"--conf-file={conf}", "--consul-http-addr=https://127.0.0.1:1")
    assert code == 0 and "Permission denied" not in err, err


@test("at each limit of open files lictor serves, or ends with a clear line", TIMED, namespace=True)
def _(ctx):
    upstream = Scripted(ctx, echo)
    served = []
    for limit in range(6, 64, 1 if ctx.long else 3):
        lictor = Lictor(ctx, f"--server={upstream.option}", "--listen-address=127.0.0.1,127.0.0.2", name=f"limit{limit}", port=53, start=False)
        process = Process(f"limit{limit}", ["prlimit", f"--nofile={limit}:{limit}", *lictor.command], lictor.log_path)
        ctx.undo.callback(process.stop)
        ctx.processes.append(process)
        def answers():
            try:
                return ask.udp(lictor.server, "x.example", within=0.3).rcode() == 0
            except (ask.SILENCE, OSError):
                return False
        net.until(lambda: not process.running() or answers(), 10, f"limit {limit}: it answers a forwarded query or ends")
        if process.running():
            served.append(limit)
        else:
            assert process.exit_code == 5 and f"ulimit -n is {limit})" in process.log() and "LimitNOFILE=" in process.log(), \
                f"limit {limit}: exit {process.exit_code}\n{process.log()}"
            assert not served, f"limit {limit} does not serve, but {served} do"
        process.stop()
    assert served, "no limit serves"
    ctx.note(f"serves from {served[0]} on")
    # A soft limit is raised to the hard one.
    lictor = Lictor(ctx, "--listen-address=127.0.0.1", name="soft", port=53, start=False)
    process = Process("soft", ["prlimit", "--nofile=12:1024", *lictor.command], lictor.log_path)
    ctx.undo.callback(process.stop)
    process.until(lambda: ask.udp(lictor.server, "version.bind", "TXT", rdclass="CH", within=0.3), 10, "it answers")
