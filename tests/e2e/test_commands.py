"""Do the sub-commands do what `lictor help` says, in scripts and on a terminal?"""

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import fcntl
import termios
import time

from harness import consul, net
from harness.lictor import Lictor, binary, run
from harness.patroni import Patroni
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo


def agent_of(shared):
    agent = consul.dev_agent(shared)
    agent.api.register("web1", "10.9.0.1", {"Service": "web", "Port": 80})
    return agent


def start(ctx, *options, **more):
    agent = ctx.shared("agent", agent_of)
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", *options, consul=agent.api.url, **more)
    return lictor, upstream, agent


def where(lictor):
    return f"--stats-address=127.0.0.1:{lictor.stats_port}"


class Terminal:
    """A command on a terminal of 80 columns and 24 rows."""

    def __init__(self, ctx, *words, env=None):
        self.own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(other)
        self.other = other
        clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        self.process = subprocess.Popen([binary(ctx.variant.build), *words], stdin=other, stdout=other, stderr=other,
                                        env=dict(clean, TERM="xterm", **(env or {})))
        self.text = ""
        ctx.undo.callback(self.close)

    def until(self, pattern, within=10):
        end = time.monotonic() + within
        while not re.search(pattern, self.text, re.S):
            assert time.monotonic() < end, f"no /{pattern}/ within {within} s:\n{self.text[-2000:]!r}"
            if select.select([self.own], [], [], 0.1)[0]:
                self.text += os.read(self.own, 65536).decode(errors="replace")

    def type(self, keys):
        os.write(self.own, keys)

    def end(self, within=5):
        code = self.process.wait(within)
        while select.select([self.own], [], [], 0.1)[0]:
            self.text += os.read(self.own, 65536).decode(errors="replace")
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        os.close(self.own)
        os.close(self.other)


@test("--json before or behind the words; leaders SCOPE and services NAME show one row, and fail for others", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor, _upstream, _agent = start(ctx, "--leader=pglab,namespace=digitalis.io", "--leader=other")
    lictor.resolve("web.service.consul")
    for words in (("--json", where(lictor), "leaders", "pglab"), (where(lictor), "leaders", "pglab", "--json"),
                  ("leaders", "--json", where(lictor), "pglab")):
        code, out, err = run(ctx, *words)
        assert code == 0 and [row["scope"] for row in json.loads(out)["leaders"]] == ["pglab"], f"{words}: {code} {out}{err}"
    code, _out, err = run(ctx, "leaders", "nobody", where(lictor))
    assert code == 1 and "no scope 'nobody' is known; known: " in err and "pglab" in err, err
    code, out, err = run(ctx, "services", "web", where(lictor))
    assert code == 0 and "10.9.0.1" in out, out + err
    assert run(ctx, "services", "nothing", where(lictor))[0] == 1
    code, _out, err = run(ctx, "--json")
    assert code == 1 and "json" in err, err


@test("flush says how many entries it removed from all workers")
def _(ctx):
    lictor, _upstream, _agent = start(ctx)
    for n in range(20):
        lictor.resolve(f"n{n}.a.example")
    lictor.resolve("b.example")
    code, out, _err = run(ctx, "flush", "a.example", where(lictor))
    assert code == 0 and re.fullmatch(r"removed from the cache: a\.example, \d+ entries\n", out), out
    assert 20 <= int(re.findall(r"\d+", out)[-1]) <= 40, out
    assert run(ctx, "flush", where(lictor))[1] == "removed from the cache: everything, 1 entry\n"
    assert json.loads(run(ctx, "flush", "--json", where(lictor))[1]) == {"flushed": "everything", "removed": 0}


@test("reload takes a new configuration, and refuses a wrong one with file and line", ONCE)
def _(ctx):
    lictor, _upstream, _agent = start(ctx, conf="host-record=a.lan,192.0.2.1\n")
    assert lictor.resolve("a.lan") == ["192.0.2.1"]
    with open(lictor.conf, "w") as file:
        file.write("host-record=a.lan,192.0.2.2\n")
    code, out, err = run(ctx, "reload", where(lictor))
    assert code == 0 and "was read again" in out, out + err
    assert lictor.resolve("a.lan") == ["192.0.2.2"]
    with open(lictor.conf, "w") as file:
        file.write("\nhost-rekord=a.lan,192.0.2.3\n")
    code, out, err = run(ctx, "reload", where(lictor))
    assert code == 1 and f"{lictor.conf}:2: unknown option" in out, f"{code}: {out}{err}"
    assert lictor.resolve("a.lan") == ["192.0.2.2"]
    assert lictor.http("/reload", method="POST")[0] == 403, "a change without the header"
    with open(lictor.conf, "w") as file:
        file.write("")


@test("wait: for a lictor that is started meanwhile, for a leader that comes, and not longer than the time-out", ONCE)
def _(ctx):
    lictor, _upstream, agent = start(ctx, "--leader=pglab,namespace=digitalis.io", start=False)
    code, _out, err = run(ctx, "wait", "--timeout=0", where(lictor))
    assert code == 2 and "no reply from" in err, f"{code}: {err}"
    path = ctx.path("waiting.txt")
    with open(path, "w") as file:
        waiting = subprocess.Popen([binary(ctx.variant.build), "wait", "--leader", "pglab", "--ready", "--timeout=60", where(lictor)], stderr=file)
    ctx.undo.callback(waiting.kill)
    net.until(lambda: "no reply from" in open(path).read(), 10, "it waits for lictor")
    lictor.start()
    lictor.resolve("a.example")
    code, _out, err = run(ctx, "wait", "--leader=pglab", "--timeout=1", where(lictor))
    assert code == 1 and "gave up after 1." in err and "no leader of pglab" in err, f"{code}: {err}"
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    code, err = waiting.wait(60), open(path).read()
    assert code == 0, f"{code}: {err}"
    assert "no leader of pglab" in err and "done after" in err, err
    assert run(ctx, "wait", where(lictor))[0] == 0


@test("import --json has a row for each line", ONCE)
def _(ctx):
    path = ctx.file("dnsmasq.conf", "server=192.0.2.53\ndhcp-range=192.0.2.10,192.0.2.20\nnonsense=1\n")
    code, out, _err = run(ctx, "import", "--json", path)
    rows = json.loads(out)
    assert code == 1 and (rows["taken"], rows["ignored"], rows["refused"]) == (1, 1, 1), rows
    assert [(row["place"], row["result"]) for row in rows["lines"]] == [
        (f"{path}:1", "taken"), (f"{path}:2", "ignored"), (f"{path}:3", "refused")], rows


@test("help COMMAND for each command of the list; an unknown one is refused", ONCE)
def _(ctx):
    _code, _out, err = run(ctx, "nothing-of-this-name")
    words = re.findall(r"^  (\w+)", err, re.M)
    assert len(words) > 12 and "wait" in words, words
    for word in words:
        code, out, err = run(ctx, "help", word)
        assert code == 0 and out.startswith(f"lictor {word}"), f"{word}: {code} {out}{err}"
    assert run(ctx, "help", "nothing")[0] == 1
    assert "--port" in run(ctx, "help")[1]


@test("stats --watch: redrawn in place on a terminal, which is as before after q, Ctrl-C or TERM", ONCE)
def _(ctx):
    lictor, _upstream, _agent = start(ctx)
    for how in ("q", "Ctrl-C", "TERM"):
        view = Terminal(ctx, "stats", "--watch", where(lictor))
        view.until(r"\x1b\[\?1049h.*queries per second: -.*\x1b\[H.*queries per second: \d")
        assert "\x1b[32m" in view.text, "no colour on a terminal"
        lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in view.text.split("\r\n")]
        assert max(map(len, lines)) <= 80, max(lines, key=len)
        if how == "TERM":
            view.process.send_signal(signal.SIGTERM)
        else:
            view.type(b"q" if how == "q" else b"\x03")
        code = view.end()
        assert code == 0, f"{how}: exit {code}"
        assert view.text.endswith("\x1b[?25h\x1b[?1049l"), f"{how}: {view.text[-60:]!r}"
        assert termios.tcgetattr(view.other) == view.before, f"{how}: the terminal's settings changed"
    plain = Terminal(ctx, "leaders", where(lictor), env={"NO_COLOR": "1"})
    assert plain.end() == 0 and "\x1b" not in plain.text, plain.text


@test("stats --watch without a terminal prints a block for each interval, and ends when the reader is gone", ONCE)
def _(ctx):
    lictor, _upstream, _agent = start(ctx)
    process = subprocess.Popen([binary(ctx.variant.build), "stats", "--watch", where(lictor)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    ctx.undo.callback(lambda: process.poll() is None and process.kill())
    blocks = 0
    while blocks < 3:
        line = process.stdout.readline()
        assert line and "\x1b" not in line, line
        blocks += line.startswith("queries per second")
    process.stdout.close()
    assert process.wait(10) == 0
    code, _out, err = run(ctx, "stats", "--watch", f"--stats-address=127.0.0.1:{net.free_port()}")
    assert code == 2 and "no reply" in err, err
