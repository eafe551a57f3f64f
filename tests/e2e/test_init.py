"""Does `lictor init` do the work of a container's first process: resolv.conf, lictor, the command, signals, orphans, its end?"""

import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import termios

from harness import namespace, net
from harness.lictor import SANITIZER_ENVIRONMENT, binary
from harness.process import Process
from harness.runner import ONCE, Skip, test

ENGINE = "search example.org\nnameserver 192.0.2.1\noptions ndots:0\n"
RESOLV = "/etc/resolv.conf"
OPTIONS = ["--domain-needed", "--conf-file=", "--consul-http-addr=", "--host-record=inside.test,10.1.2.3", "--address=/example.org/10.9.9.9", "--local=/test/", "--local=/example.org/"]


def read(path):
    with open(path) as file:
        return file.read()


def first(*words):
    """The words as process 1 of a new process namespace, with its own /proc."""
    return ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *words]


class Init:
    """`lictor init` with a bind mount as resolv.conf, as in a container. `one`: it is process 1."""

    def __init__(self, ctx, *command, options=OPTIONS, name="init", one=True, env=None):
        self.kept = ctx.path(name + ".kept")
        words = [binary(ctx.variant.build), "init", *options, "--", *command]
        environment = {"LICTOR_KEPT": self.kept, "LICTOR_OPTIONS": None, **(SANITIZER_ENVIRONMENT if ctx.variant.build != "release" else {}), **(env or {})}
        self.process = Process(name, first(*words) if one else words, ctx.path(name + ".log"), env=environment)
        ctx.processes.append(self.process)
        ctx.undo.callback(self.process.stop)

    def pid(self):
        """The process id of init, seen from outside."""
        if self.process.command[0] != "unshare":
            return self.process.pid
        return int(self.until(lambda: children(self.process.pid), "process 1 is started")[0])

    def daemon(self):
        """The process id of lictor itself, None while there is none."""
        for pid in children(self.pid()):
            # Between fork and exec a child still has init's words.
            if "--keep-in-foreground" in cmdline(pid):
                return int(pid)
        return None

    def until(self, condition, what, within=20):
        return self.process.until(condition, within, what)

    def ends(self, within=30):
        code = self.process.wait(within)
        assert code is not None, f"it does not end:\n{self.process.tail()}"
        return code


def children(pid):
    try:
        return read(f"/proc/{pid}/task/{pid}/children").split()
    except FileNotFoundError:
        return []


def cmdline(pid):
    try:
        return read(f"/proc/{pid}/cmdline").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def in_container(name, **how):
    return test(name, namespace=True, **how)


@in_container("the command runs with lictor as the only nameserver; its exit code is returned, and resolv.conf is restored")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    inside = ctx.path("inside")
    init = Init(ctx, "sh", "-c", f"cat {RESOLV} >{inside}; getent hosts inside.test >>{inside}; getent hosts short >>{inside}; echo $$ >>{inside}; exit 7")
    assert init.ends() == 7, init.process.tail()
    text = read(inside)
    assert [line for line in text.splitlines() if line.startswith("nameserver")] == ["nameserver 127.0.0.1"], text
    assert "\nsearch example.org\noptions ndots:0\n" in text and "10.1.2.3" in text and "10.9.9.9" in text, text
    assert read(RESOLV) == ENGINE and read(init.kept) == ENGINE
    assert "exiting on receipt of SIGTERM" in init.process.log(), "lictor was not stopped"


@in_container("lictor's options come from the command line, LICTOR_OPTIONS and the file; without a stats endpoint it works as well")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    conf = ctx.file("lictor.conf", "host-record=file.test,10.1.1.1\n")
    init = Init(ctx, "sh", "-c", "getent hosts file.test && getent hosts words.test && getent hosts variable.test",
                options=["--conf-file", conf, "--consul-http-addr=", "--local=/test/", "--local=/example.org/", "--host-record=words.test,10.1.1.2"],
                env={"LICTOR_OPTIONS": f"--host-record=variable.test,10.1.1.3 --stats-address= --pid-file={ctx.path('pid')}"})
    assert init.ends() == 0, init.process.tail()


@in_container("signals reach the command, and only it; a command that a signal ends gives 128 and its number")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    got = ctx.path("got")
    numbers = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH, signal.SIGCONT, signal.SIGRTMIN + 3]
    # Python runs a handler between two instructions of its main thread, as soon as the signal has come.
    command = (f"import signal, time\nfile = open({got!r}, 'w')\n"
               f"def note(number, frame):\n    file.write(f'{{number}}\\n'); file.flush()\n"
               f"for number in {[int(n) for n in numbers]}: signal.signal(number, note)\nnote('ready', None)\nwhile True: time.sleep(60)\n")
    init = Init(ctx, "/usr/bin/python3", "-c", command)
    init.until(lambda: os.path.exists(got) and "ready" in read(got), "the command runs")
    daemon = init.daemon()
    for number in numbers:
        os.kill(init.pid(), number)
        init.until(lambda: f"\n{int(number)}\n" in read(got), f"signal {int(number)} arrives")
    assert daemon == init.daemon() and "signal" not in init.process.log(), init.process.tail()
    os.kill(init.pid(), signal.SIGTERM)
    # unshare has no exit code above 128 of its own: it passes on that of process 1.
    assert init.ends() == 143, init.process.tail()
    assert read(RESOLV) == ENGINE


@in_container("processes that others leave are reaped, as process 1 and as any other process")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    for one in (True, False):
        out = ctx.path(f"orphan{one}")
        init = Init(ctx, "sh", "-c", f"(sh -c 'sleep 0.2; echo done >{out}' &) ; exec sleep 60", name=f"init{one}", one=one)
        init.until(lambda: os.path.exists(out), "the orphan has run")
        init.until(lambda: len(children(init.pid())) == 2, "only lictor and the command are left")
        os.kill(init.pid(), signal.SIGTERM)
        assert init.ends() == 143
        assert read(RESOLV) == ENGINE


@in_container("lictor is started again when it ends; until it serves, the engine's nameservers are in resolv.conf")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    init = Init(ctx, "sleep", "600")
    init.until(lambda: "nameserver 127.0.0.1" in read(RESOLV), "lictor is the nameserver")
    taken, old = read(RESOLV), init.daemon()
    os.kill(old, signal.SIGKILL)
    init.until(lambda: read(RESOLV) == ENGINE, "the engine's nameservers are back")
    init.until(lambda: read(RESOLV) == taken, "lictor is the nameserver again")
    assert init.daemon() not in (old, None)
    assert re.search(r"lictor was ended by signal 9 .*; it is started again in 1 s", init.process.log()), init.process.tail()
    # Port 53 is taken while it is away: it is tried again, with longer pauses, and the command goes on.
    os.kill(init.daemon(), signal.SIGKILL)
    init.until(lambda: read(RESOLV) == ENGINE, "the engine's nameservers are back again")
    taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taker.bind(("127.0.0.1", 53))
    init.until(lambda: re.search(r"ended with exit code 2; it is started again in 4 s", init.process.log()), "it does not start", within=30)
    assert read(RESOLV) == ENGINE
    taker.close()
    init.until(lambda: read(RESOLV) == taken, "lictor is the nameserver for the third time", within=30)
    os.kill(init.pid(), signal.SIGTERM)
    assert init.ends() == 143 and read(RESOLV) == ENGINE


@in_container("a container that was killed and started again finds the engine's nameservers", variants=ONCE)
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    for round in (1, 2):
        init = Init(ctx, "sleep", "600", name=f"init{round}")
        init.until(lambda: "nameserver 127.0.0.1" in read(RESOLV), "lictor is the nameserver")
        taken = read(RESOLV)
        os.kill(init.pid(), signal.SIGKILL)
        init.ends()
        assert read(RESOLV) == taken
    init = Init(ctx, "true", name="init3")      # without the copy
    assert init.ends() == 0 and read(RESOLV) == ENGINE and read(init.kept) == ENGINE
    with open(RESOLV, "w"):
        pass
    init = Init(ctx, "true", name="init3")      # truncated: from the copy
    assert init.ends() == 0 and read(RESOLV) == ENGINE


@in_container("if lictor does not start, the command is not started, and resolv.conf stays as it is")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    ran = ctx.path("ran")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 53))
        init = Init(ctx, "touch", ran)
        assert init.ends() == 2, init.process.tail()
    assert re.search("address already in use", init.process.log()) and "the command is not started" in init.process.log(), init.process.tail()
    assert not os.path.exists(ran) and read(RESOLV) == ENGINE


@in_container("the command waits until lictor serves; a message of another process does not count, and a signal ends the wait")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    ran = ctx.path("ran")
    # lictor waits for a moment for the address of an upstream that is given by name. It is stopped in that time.
    init = Init(ctx, "touch", ran, options=[*OPTIONS, "--server=upstream.invalid", "--server=/upstream.invalid/192.0.2.9"])
    init.until(init.daemon, "lictor is started")
    daemon = init.daemon()
    os.kill(daemon, signal.SIGSTOP)
    environment = dict(pair.split("=", 1) for pair in read(f"/proc/{daemon}/environ").split("\0") if "=" in pair)
    if os.path.exists(ran):
        raise Skip("lictor served before it could be stopped")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        for _round in (1, 2):       # when the second one is read, everything that the first one caused is done
            other.sendto(b"READY=1", "\0" + environment["NOTIFY_SOCKET"][1:])
            init.until(lambda: fcntl.ioctl(other, termios.TIOCOUTQ, b"\0" * 4) == b"\0" * 4, "the message is read")
    assert not os.path.exists(ran), "the command was started by a message of another process"
    os.kill(init.pid(), signal.SIGTERM)
    os.kill(daemon, signal.SIGCONT)
    assert init.ends() == 143, init.process.tail()
    assert "before the command was started" in init.process.log(), init.process.tail()
    assert not os.path.exists(ran) and read(RESOLV) == ENGINE


def refused(ctx, words, code, pattern, env=None):
    environment = {**os.environ, "LICTOR_KEPT": ctx.path("kept"), **(env or {})}
    done = subprocess.run([binary(ctx.variant.build), "init", *words], capture_output=True, text=True, env=environment, timeout=30)
    assert done.returncode == code and re.search(pattern, done.stderr), f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"


@in_container("bad input gives an error with its remedy, before anything is changed")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    refused(ctx, [], 1, "no command was given: write lictor init")
    refused(ctx, ["--leader=pg", "--"], 1, "no command was given")
    refused(ctx, ["--leader=pg", "true"], 1, "the options must end with --")
    refused(ctx, ["--no-such-option", "--", "true"], 1, "unknown option 'no-such-option'")
    refused(ctx, ["--", "true"], 1, "unknown option 'frob'", env={"LICTOR_OPTIONS": "--frob"})
    refused(ctx, ["--conf-file=", "health", "--", "true"], 1, "only options of lictor may stand before --")
    refused(ctx, [f"--conf-file={ctx.path('missing')}", "--", "true"], 3, "missing")
    refused(ctx, ["--conf-file=", "--port=5353", "--", "true"], 1, "resolv.conf can name only port 53")
    refused(ctx, ["no-such-program"], 127, "'no-such-program': there is no such program in PATH; correct the image's CMD")
    refused(ctx, [ctx.path("missing")], 127, "there is no such program;")
    refused(ctx, [ctx.file("plain", "text")], 126, "make it executable")
    refused(ctx, ["/etc"], 126, "it is a folder")
    refused(ctx, ["true"], 1, "cannot write .*kept.*name another file in LICTOR_KEPT", env={"LICTOR_KEPT": "/proc/no/kept"})
    refused(ctx, ["true"], 1, "it is longer than 64 KiB", env={"LICTOR_RESOLV_CONF": ctx.file("large", "#" * 70000)})
    refused(ctx, ["true"], 1, "must be a readable file", env={"LICTOR_RESOLV_CONF": "/etc"})
    refused(ctx, ["true"], 1, "cannot write /proc/version: .*--dns 127.0.0.1", env={"LICTOR_RESOLV_CONF": "/proc/version"})
    assert read(RESOLV) == ENGINE
    script = ctx.file("script", "#!/no/such/shell\n", 0o755)
    refused(ctx, [*OPTIONS, "--", script], 127, "the program that its first line names, or its loader, is missing")
    refused(ctx, [*OPTIONS, "--", ctx.file("empty", "", 0o755)], 0, "")       # as a shell does
    assert read(RESOLV) == ENGINE


@in_container("a resolv.conf that names only lictor needs no change and no copy, so neither root nor a writable file is needed")
def _(ctx):
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    subprocess.run(["mount", "-o", "remount,bind,ro", os.path.realpath(RESOLV)], check=True)
    init = Init(ctx, "getent", "hosts", "inside.test", options=[*OPTIONS, "--server=192.0.2.1"], env={"LICTOR_KEPT": "/proc/no/kept"})
    assert init.ends() == 0 and "10.1.2.3" in init.process.log(), init.process.tail()


@in_container("an empty resolv.conf, and one that is missing", variants=ONCE)
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    for name in ("empty", "missing"):
        path = ctx.path(name)
        if name == "empty":
            ctx.file(name, "")
        init = Init(ctx, "cat", path, name=f"init-{name}", env={"LICTOR_RESOLV_CONF": path})
        assert init.ends() == 0 and "nameserver 127.0.0.1" in init.process.log() and "has no nameserver" in init.process.log(), init.process.tail()
        assert read(path) == ""


def output_of(terminal):
    """What was written to a terminal whose programs have ended."""
    text = b""
    try:
        while more := os.read(terminal, 4096):
            text += more
    except OSError:     # EIO: nobody has it open any more
        pass
    return text.decode(errors="replace")


@in_container("on a terminal the command is in the foreground: Ctrl-C is the command's, and lictor goes on")
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    out = ctx.path("out")
    command = f"trap 'echo interrupted >>{out}' INT; echo ready >{out}; while :; do sleep 0.05; done"
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)    # a shell lets its background jobs ignore it, and sh cannot trap it then
        os.environ.update({"LICTOR_KEPT": ctx.path("kept"), **(SANITIZER_ENVIRONMENT if ctx.variant.build != "release" else {})})
        os.execv(binary(ctx.variant.build), ["lictor", "init", *OPTIONS, "--", "sh", "-c", command])
    try:
        net.until(lambda: os.path.exists(out) and read(out), 20, "the command runs")
        commands = [child for child in children(pid) if cmdline(child)[0] == "sh"]
        assert [str(os.tcgetpgrp(terminal))] == commands, "the command is not in the foreground"
        os.write(terminal, b"\x03")
        net.until(lambda: "interrupted" in read(out), 10, "Ctrl-C arrives")
        os.kill(pid, signal.SIGTERM)
        assert net.until(lambda: os.waitpid(pid, os.WNOHANG)[0], 10, "it ends")
        pid = 0
        assert read(RESOLV) == ENGINE
        text = output_of(terminal)
        assert "exiting on receipt of SIGTERM" in text and "SIGINT" not in text, f"lictor was interrupted, too:\n{text}"
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)


@in_container("--supervised: the command starts lictor itself", variants=ONCE)
def _(ctx):
    namespace.resolv_conf(ctx, ENGINE)
    init = Init(ctx, "sh", "-c", f"cat {RESOLV}; exit 3", options=["--supervised"])
    assert init.ends() == 3 and "\nnameserver 127.0.0.1\n" in init.process.log() and "started" not in init.process.log(), init.process.tail()
    assert read(RESOLV) == ENGINE and read(init.kept) == ENGINE
