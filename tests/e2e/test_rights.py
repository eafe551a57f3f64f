"""Which capabilities of a container does lictor need, and what does it do without them?

container/README.md shows the result in two tables. The tests measure both and compare them with its text; with LICTOR_WRITE_GENERATED=1
they write them there. Each test has its own network and mount namespace.
"""

import itertools
import os
import pwd
import re
import subprocess

from harness import ask, net
from harness.lictor import binary
from harness.process import Process
from harness.runner import ONCE, test

README = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "container", "README.md")

# The capabilities that Docker and podman give a container. Those that change nothing for lictor are left out one at a time.
RELEVANT = ("NET_BIND_SERVICE", "SETUID", "SETGID", "CHOWN", "KILL", "DAC_OVERRIDE")
OTHERS = ("FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT", "AUDIT_WRITE")
EFFECTS = {"serves": "lictor answers on port 53", "user": "it changes to the user `nobody`", "group": "it changes to that user's group",
           "owns": "it owns its log file and a `unix://` stats socket, so that USR2 and clients of this user work",
           "stops": "another process of the container's root, such as supervisor, can stop it and send it HUP",
           "reads": "it reads configuration files of other users with mode 0600"}
USER = pwd.getpwnam("nobody")


def unprivileged_ports(first):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write(str(first))


def bounded(capabilities):
    return ["setpriv", "--bounding-set", ",".join(["-all"] + ["+" + name.lower() for name in sorted(capabilities)])]


class Started:
    """lictor with two threads on port 53, started through `before`; `answers` or `exit_code` is set."""

    def __init__(self, ctx, before, *options):
        self.number = next(ctx.numbers)
        self.log, self.socket = ctx.file(f"{self.number}.log", ""), ctx.path(f"{self.number}.sock")
        defaults = ("--port=53", "--listen-address=127.0.0.1", "--threads=2", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                    "--consul-http-addr=", f"--conf-file={ctx.empty}", f"--stats-address=unix://{self.socket}", f"--log-facility={self.log}")
        given = {option.split("=")[0] for option in options}
        command = [binary(ctx.variant.build), *(option for option in defaults if option.split("=")[0] not in given), *options]
        self.process = Process(f"lictor-{self.number}", before + command, ctx.path(f"{self.number}.out"))
        ctx.processes.append(self.process)
        ctx.undo.callback(self.process.stop)
        net.until(lambda: not self.process.running() or self.replies(), 15, "lictor answers or ends")
        self.answers, self.exit_code = self.process.running(), self.process.exit_code

    def replies(self):
        try:
            return ask.udp(ask.Server("127.0.0.1", 53), "version.bind", "TXT", rdclass="CH", within=0.2)
        except (ask.SILENCE, OSError):
            return None

    def text(self):
        with open(self.log) as file:
            return self.process.log() + file.read()

    def ids(self):
        return int(self.process.status("Uid")[0]), int(self.process.status("Gid")[0])


def prepare(ctx):
    ctx.numbers = itertools.count()
    ctx.empty = ctx.file("empty.conf", "")
    ctx.private = ctx.file("private.conf", "")
    os.chmod(ctx.private, 0o600)
    os.chown(ctx.private, 1234, 1234)
    os.chmod(ctx.folder, 0o755)
    unprivileged_ports(1024)


def measure(ctx, capabilities):
    """{effect: bool} with these capabilities."""
    before = bounded(capabilities)
    lictor = Started(ctx, before)
    found = dict.fromkeys(EFFECTS, False)
    found["serves"] = lictor.answers
    read = subprocess.run(before + [binary(ctx.variant.build), "--test", f"--conf-file={ctx.private}"], capture_output=True, timeout=10)
    found["reads"] = read.returncode == 0
    if not lictor.answers:
        assert lictor.exit_code == 2 and "--cap-add NET_BIND_SERVICE" in lictor.text(), f"{capabilities}: {lictor.exit_code}\n{lictor.text()}"
        return found
    uid, gid = lictor.ids()
    assert uid in (0, USER.pw_uid) and gid in (0, USER.pw_gid), (capabilities, uid, gid)
    assert all(int(lictor.process.status(field)[0], 16) == 0 for field in ("CapPrm", "CapEff")), f"{capabilities}: capabilities remain"
    found["user"], found["group"] = uid != 0, gid != 0
    if uid == 0:
        assert "lictor stays root, without capabilities" in lictor.text() and "--cap-add SETUID" in lictor.text(), lictor.text()
    elif gid == 0:
        assert "lictor keeps the group 0" in lictor.text() and "--cap-add SETGID" in lictor.text(), lictor.text()
    found["owns"] = os.stat(lictor.log).st_uid == os.stat(lictor.socket).st_uid == uid
    assert found["owns"] or "--cap-add CHOWN" in lictor.text(), lictor.text()
    subprocess.run(before + ["kill", "-TERM", str(lictor.process.pid)], capture_output=True, timeout=10)
    found["stops"] = lictor.process.wait(0.5) == 0
    if not found["stops"]:
        assert lictor.process.stop() is not None
    return found


def ends_connections(ctx, capabilities):
    """lictor tries at its start whether it can end a connection."""
    lictor = Started(ctx, bounded(capabilities), "--leader-cut")
    refused = "leader-cut: no connection can be ended: Operation not permitted; grant CAP_NET_ADMIN" in lictor.text()
    assert lictor.answers and lictor.process.status("CapPrm") == ["0" * 16], lictor.text()
    lictor.process.stop()
    return not refused


def condition(cases):
    """The shortest sums of products of `cases`, {set of capabilities: bool}, as text."""
    wanted = {case for case, value in cases.items() if value}
    implicants = []
    for signs in sorted(itertools.product((None, True, False), repeat=len(RELEVANT)), key=lambda s: (sum(x is not None for x in s), s.count(False))):
        cube = {case for case in cases if all(sign is None or (name in case) == sign for name, sign in zip(RELEVANT, signs))}
        if cube <= wanted and cube and not any(cube <= other for _signs, other in implicants):
            implicants.append((signs, cube))
    chosen, left = [], set(wanted)
    while left:
        signs, cube = max(implicants, key=lambda item: len(item[1] & left))
        chosen.append(signs)
        left -= cube
    def words(signs):
        return " and ".join(name if sign else f"not {name}" for name, sign in zip(RELEVANT, signs) if sign is not None) or "none"
    return "; or ".join(words(signs) for signs in chosen)


def compare(header, rows):
    """container/README.md holds this table; with LICTOR_WRITE_GENERATED=1 it is written there."""
    table = "\n".join([header, "|---" * (header.count("|") - 1) + "|"] + rows) + "\n"
    with open(README) as file:
        text = file.read()
    found = re.search(re.escape(header) + r"\n(\|.*\n)+", text)
    assert found, f"container/README.md has no table {header}"
    if os.environ.get("LICTOR_WRITE_GENERATED"):
        with open(README, "w") as file:
            file.write(text[:found.start()] + table + text[found.end():])
    else:
        assert found.group(0) == table, f"container/README.md says\n{found.group(0)}\nmeasured was\n{table}"


@test("all subsets of the default container capabilities: what each thing needs is what container/README.md says", ONCE, within=240, namespace=True)
def _(ctx):
    prepare(ctx)
    full = measure(ctx, RELEVANT + OTHERS)
    for left_out in OTHERS:
        assert measure(ctx, [name for name in RELEVANT + OTHERS if name != left_out]) == full, left_out
    subsets = [frozenset(names) for count in range(len(RELEVANT) + 1) for names in itertools.combinations(RELEVANT, count)]
    found = {subset: measure(ctx, subset) for subset in subsets}
    assert found[frozenset(RELEVANT)] == full
    serving = {subset for subset in subsets if found[subset]["serves"]}
    rows = []
    for effect, text in EFFECTS.items():
        cases = {subset: found[subset][effect] for subset in (subsets if effect in ("serves", "reads") else serving)}
        rows.append(f"| {text} | {condition(cases)} |")
    # For this one NET_ADMIN is added, which no engine gives by default.
    enough = [subset for subset in serving if subset <= {"NET_BIND_SERVICE", "SETUID", "SETGID"}]
    assert all(ends_connections(ctx, subset | {"NET_ADMIN"}) for subset in enough) and not ends_connections(ctx, RELEVANT + OTHERS)
    rows.append("| it ends connections to a deposed leader (`leader-cut`) | NET_ADMIN |")
    compare("| if lictor is started as root | capabilities |", rows)


@test("users, read-only roots and user namespaces of containers: the results are those of container/README.md", ONCE, namespace=True)
def _(ctx):
    prepare(ctx)
    os.chmod(ctx.folder, 0o777)
    nothing = ctx.file("nothing", "")
    def inside(script):
        return ["unshare", "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh"]
    no_users = inside(f"mount --bind {nothing} /etc/passwd; mount --bind {nothing} /etc/group")
    some = ["NET_BIND_SERVICE", "SETUID", "SETGID"]
    situations = (
        ("NET_BIND_SERVICE, SETUID and SETGID only", 1024, bounded(some), ()),
        ("no capability", 1024, bounded([]), ()),
        ("no capability, and the sysctl `net.ipv4.ip_unprivileged_port_start=0` (Docker's default)", 0, bounded([]), ()),
        ("a user id without an entry in /etc/passwd, with that sysctl", 0, ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"], ()),
        ("root, and no user in /etc/passwd", 1024, no_users, ()),
        ("root, and `user=12345` without an entry in /etc/passwd", 1024, [], ("--user=12345",)),
        ("a read-only root file system", 1024, inside("mount -o remount,bind,ro /"), ("--stats-address=127.0.0.1:9153", "--log-facility=")),
        ("`no-new-privileges`", 1024, ["setpriv", "--no-new-privs"], ()),
        ("a user namespace that maps root alone, with that sysctl", 0, ["unshare", "--user", "--map-root-user"], ()),
    )
    rows = []
    for text, first_port, before, options in situations:
        unprivileged_ports(first_port)
        lictor = Started(ctx, before, *options)
        if lictor.answers:
            uid, gid = lictor.ids()
            assert all(int(lictor.process.status(field)[0], 16) == 0 for field in ("CapPrm", "CapEff")), f"{text}: capabilities remain"
            rows.append(f"| {text} | serves; user id {uid}, group {gid} |")
        else:
            rows.append(f"| {text} | does not start (exit code {lictor.exit_code}); the message names the remedy |")
            assert "--cap-add" in lictor.text(), f"{text}: {lictor.text()}"
        lictor.process.stop()
    compare("| container | result |", rows)


@test("strict: a user that cannot be set ends the start; leader-exec never runs as root by mistake", ONCE, namespace=True)
def _(ctx):
    prepare(ctx)
    lictor = Started(ctx, bounded(["NET_BIND_SERVICE"]), "--strict")
    assert lictor.exit_code == 5 and "user=nobody cannot be set" in lictor.text(), f"{lictor.exit_code}\n{lictor.text()}"
    hook = ctx.file("hook", "#!/bin/sh\n", mode=0o755)
    lictor = Started(ctx, bounded(["NET_BIND_SERVICE"]), f"--leader-exec={hook}")
    assert lictor.exit_code == 1 and "programs would run as root" in lictor.text(), f"{lictor.exit_code}\n{lictor.text()}"
