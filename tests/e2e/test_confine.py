"""What may lictor's processes do after the start, and where do its secrets stay?

Every other test of this folder starts lictor with LICTOR_SECCOMP=kill: a system call that is not in its list ends the process and fails the
test.
"""

import glob
import os
import signal

from harness import ask, consul, net
from harness.lictor import Lictor, run
from harness.patroni import Patroni
from harness.process import Process, status_of
from harness.runner import ONCE, Skip, test
from harness.upstream import Scripted, echo

TOKEN, PASSWORD = "5ec2e7-70ca1-70ken", "pa55-w0rd-0f-c0n5u1"
DOCUMENTS = ("/", "/stats", "/metrics", "/health", "/ready", "/leaders", "/services", "/failovers", "/history", "/shadow",
             "/explain?name=web.service.consul&type=A", "/explain?name=a.example&type=A", "/nothing")


def threads(pid):
    return glob.glob(f"/proc/{pid}/task/*")


def children(pid):
    """{name: process id} of the processes beside lictor."""
    found = {}
    for task in threads(pid):
        with open(f"{task}/children") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/comm") as name:
                    found[name.read().strip()] = int(child)
    return found


def is_private(pid):
    """True if the kernel writes no core file of the process and its memory is root's."""
    return os.stat(f"/proc/{pid}/mem").st_uid == 0


@test("every thread has a list of system calls and no new privileges; the process that ends connections has one, that of programs none",
      ONCE, namespace=True)
def _(ctx):
    if not net.as_root():
        raise Skip("needs root, to change the user")
    hook = ctx.file("hook", "#!/bin/sh\n", mode=0o755)
    lictor = Lictor(ctx, f"--leader-exec={hook}", "--leader-cut", "--threads=2", "--dnstap=unix:/tmp/no-reader.sock")
    pid = lictor.process.pid
    names = sorted(open(f"{task}/comm").read().strip() for task in threads(pid))
    assert {"dnstap", "worker0", "worker1"} <= set(names), names
    for task in threads(pid):
        assert status_of(task, "Seccomp") == ["2"] and status_of(task, "NoNewPrivs") == ["1"], task
    beside = children(pid)
    assert set(beside) == {"lictor-hooks", "lictor-cut"}, beside
    cut, hooks = f"/proc/{beside['lictor-cut']}", f"/proc/{beside['lictor-hooks']}"
    assert status_of(cut, "Seccomp") == ["2"] and status_of(cut, "NoNewPrivs") == ["1"]
    assert status_of(hooks, "Seccomp") == ["0"] and status_of(hooks, "NoNewPrivs") == ["0"], "sudo would not work in leader-exec"
    assert status_of(cut, "CapEff") == [f"{1 << 12:016x}"] and status_of(hooks, "CapEff") == ["0" * 16]
    for process in (pid, *beside.values()):
        assert is_private(process), f"a core file of {process} can be written"


@test("seccomp=off, landlock=off and core-dumps give up each protection, also for an ordinary user", ONCE)
def _(ctx):
    lictor = Lictor(ctx, "--seccomp=off", "--landlock=off", "--core-dumps")
    assert status_of(f"/proc/{lictor.process.pid}", "Seccomp") == ["0"]
    assert not net.as_root() or not is_private(lictor.process.pid)
    lictor.stop()
    if not net.as_root():
        return
    os.chmod(ctx.folder, 0o755)
    for options, private, seccomp in ((), True, "2"), (("--core-dumps", "--seccomp=off"), False, "0"):
        user = Lictor(ctx, *options, start=False, name=f"user-{seccomp}")
        process = Process(user.name, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *user.command], ctx.path(user.name + ".log"))
        ctx.undo.callback(process.stop)
        process.until(lambda: "listening on" in process.log(), 10, "it serves")
        assert is_private(process.pid) == private and status_of(f"/proc/{process.pid}", "Seccomp") == [seccomp], options
        assert status_of(f"/proc/{process.pid}", "NoNewPrivs") == ["1"]
        process.stop()
    code, _out, err = run(ctx, "--test", f"--conf-file={ctx.file('wrong.conf', 'seccomp=maybe' + chr(10))}")
    assert code == 1 and "wrong.conf" in err and "'maybe' is none of on, off and kill" in err, err


@test("within its limits: rotation, snapshot, pid file, unix socket, reload with files in new folders and new addresses, statistics", ONCE)
def _(ctx):
    agent = ctx.shared("agent", consul.dev_agent)
    state = ctx.path("state")
    os.mkdir(state)
    os.chmod(state, 0o777)
    log, snapshot, pid_file = f"{state}/log", f"{state}/snapshot", f"{state}/pid"
    lictor = Lictor(ctx, f"--log-facility={log}", f"--snapshot-file={snapshot}", f"--pid-file={pid_file}", consul=agent.api.url, threads=2)
    lictor.process.until(lambda: os.path.exists(log) and "listening on" in open(log).read(), 5, "it logs")
    os.rename(log, log + ".1")
    lictor.process.signal(signal.SIGUSR2)
    # The next line opens the file. USR1 alone may be handled before USR2.
    lictor.process.until(lambda: lictor.process.signal(signal.SIGUSR1) or (os.path.exists(log) and os.path.getsize(log)), 5,
                         "the log is made again", every=0.2)
    folder = ctx.path("new")
    os.mkdir(folder)
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w") as file:
        file.write("10.1.2.3 fresh.lan\n")
    with open(lictor.conf, "w") as file:
        file.write(f"addn-hosts={hosts}\nhostsdir={folder}\nlisten-address=127.0.0.2\n")
    lictor.hup()
    lictor.until_resolves("fresh.lan", ["10.1.2.3"])
    with open(hosts, "w") as file:
        file.write("10.1.2.4 fresh.lan\n")
    lictor.until_resolves("fresh.lan", ["10.1.2.4"])
    assert ask.udp(ask.Server("127.0.0.2", lictor.server.port), "fresh.lan", "A").answer and lictor.tcp("fresh.lan").answer
    lictor.process.until(lambda: os.path.exists(snapshot), 15, "the snapshot is written")
    lictor.stop()
    assert not os.path.exists(pid_file), "the pid file remains"


@test("the token and the password are in no document, log, hook and environment, at the highest level of the log", ONCE, within=90)
def _(ctx):
    agent = ctx.shared("agent", consul.dev_agent)
    agent.api.put("/v1/agent/service/register", {"Name": "web", "Address": "10.9.0.1", "Port": 80})
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    upstream = Scripted(ctx, echo)
    seen = ctx.file("seen", "", mode=0o666)
    # The program looks where the same user may look: its own environment, and those of lictor and of the process that runs it.
    hook = ctx.file("hook", f'#!/bin/sh\n{{ env; for p in /proc/[0-9]*; do case "$(cat $p/comm)" in lictor*) cat $p/environ $p/cmdline; esac; done; }} '
                            f">>{seen} 2>/dev/null\necho done >>{seen}\n", mode=0o755)
    lictor = Lictor(ctx, "--leader=pglab,namespace=/digitalis.io/", f"--leader-exec={hook}", "--leader-cut", "--log-debug", "--log-queries=extra",
                    f"--server={upstream.option}", consul=agent.api.url, env={"CONSUL_HTTP_TOKEN": TOKEN, "CONSUL_HTTP_AUTH": f"user:{PASSWORD}"})
    lictor.until_resolves("web.service.consul", ["10.9.0.1"])
    assert lictor.resolve("a.example") == ["192.0.2.99"]
    lictor.process.until(lambda: "done" in open(seen).read(), 10, "the program ran")
    texts = {path: lictor.http(path)[2] for path in DOCUMENTS}
    assert lictor.http("/reload", method="POST", headers={"X-Lictor": "1"})[0] == 200
    lictor.process.signal(signal.SIGUSR1)
    lictor.until_logged("queries forwarded")
    # Texts about a token that is none do not have it, either.
    texts["test"] = "".join(run(ctx, "--test", f"--conf-file={lictor.conf}", env={"CONSUL_HTTP_TOKEN": TOKEN + " x"})[1:])
    texts["stats command"] = "".join(run(ctx, "stats", f"--stats-address=127.0.0.1:{lictor.stats_port}", env={"CONSUL_HTTP_TOKEN": TOKEN})[1:])
    texts["log"] = lictor.process.log()
    with open(seen, errors="replace") as file:
        texts["program"] = file.read()
    for pid in (lictor.process.pid, *children(lictor.process.pid).values()):
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", errors="replace") as file:
                texts[f"{name} of {pid}"] = file.read()
    assert "LICTOR_SCOPE=pglab" in texts["program"], "the program saw no environment: the test shows nothing"
    assert "query[A] a.example" in texts["log"], "the log has no queries: the test shows nothing"
    for where, text in texts.items():
        for secret in (TOKEN, PASSWORD):
            assert secret not in text, f"{where} has {secret}"
