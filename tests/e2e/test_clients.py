"""Do the resolvers that applications really use see one leader after the other and no error, while it moves?

Each test has a network and a mount namespace of its own: Consul, lictor on 127.0.0.1:53, and a resolv.conf that names it as
the only server. Clients: dig, drill, glibc's getaddrinfo (AF_UNSPEC and AF_INET), musl's, and Node's dns.lookup and c-ares.
"""

import os
import re
import shutil
import subprocess
import time

from harness import consul, namespace
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import Skip, Variant, test

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
NAME = "master.pglab.service.consul"

# Seconds without a leader in each move. All are shorter than leader-hold (4 s); the longer ones are past the first
# retransmission of every client: c-ares asks again after 1 and 2 s, musl after 2.5 s.
GAPS = [0.05, 0.2, 0.6, 1.2, 2.2, 2.9, 0.3, 0.1]


def start(ctx, *options):
    agent = consul.dev_agent(ctx)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    patroni.start()
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    if os.path.isdir("/run/nscd"):          # a name service cache of the machine must not answer for lictor
        empty = ctx.path("nscd")
        os.mkdir(empty)
        namespace.bind(empty, "/run/nscd")
    lictor = Lictor(ctx, "--leader=pglab,namespace=/digitalis.io/", *options, consul=agent.api.url, port=53)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    return patroni, lictor


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed; tests/run installs it")
    return path


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def compiled(ctx, compiler, *flags):
    """getaddrinfo.c for one libc."""
    program = ctx.path(f"getaddrinfo-{os.path.basename(compiler)}")
    subprocess.run([tool(compiler), "-O1", "-Wall", *flags, os.path.join(HERE, "getaddrinfo.c"), "-o", program], check=True)
    return program


def go_program(ctx):
    """resolve.go, with the resolver of Go's net package."""
    program = ctx.path("resolve-go")
    subprocess.run([tool("gccgo-12"), "-O1", os.path.join(HERE, "resolve.go"), "-o", program], check=True)
    return program


def musl_version():
    done = subprocess.run(["/lib/ld-musl-x86_64.so.1"], capture_output=True, text=True) \
        if os.path.exists("/lib/ld-musl-x86_64.so.1") else None
    found = re.search(r"Version (\S+)", done.stderr) if done else None
    return f"musl {found.group(1)}" if found else first_line("dpkg-query", "-W", "musl")


def looped(ctx, name, command, lines):
    """A shell loop around a command that ends: prints what the looping programs print."""
    script = ctx.file(f"{name}.sh", f"""\
end=$((SECONDS + {int(lines)}))
while [ $SECONDS -lt $end ]; do
    begin=$EPOCHREALTIME
    out=$({command} 2>&1); code=$?
    [ $code = 0 ] && [ -n "$out" ] && echo "$begin 0 ok" $out || echo "$begin 0 error $code" $out
    sleep 0.02
done
""")
    return ["bash", script]


def check(label, output, history):
    """Every line ok with one address; the addresses in the order of the moves, never back. Returns (lines, slowest ms)."""
    lines = [line.split() for line in output.splitlines() if line.strip()]
    assert len(lines) > 20, f"{label}: only {len(lines)} answers:\n{output[-2000:]}"
    errors = [" ".join(line) for line in lines if line[2] != "ok"]
    assert not errors, f"{label}: {len(errors)} of {len(lines)} failed: {errors[:5]}"
    at = 0
    for line in lines:
        found = line[3:]
        assert len(found) == 1, f"{label}: {found}"
        while at < len(history) and history[at] != found[0]:
            at += 1
        assert at < len(history), f"{label}: {found[0]} came after the leader had moved on ({history})"
    assert found[0] == history[-1], f"{label}: ended with {found[0]}, the leader is {history[-1]}"
    return len(lines), max(float(line[1]) for line in lines)


def move(patroni, to, gap):
    """A switchover whose leaderless time is `gap`: a third before the lock is taken, the rest before the promotion is done."""
    parts = iter([0.01, gap / 3, gap * 2 / 3, 0.01])
    patroni.switchover(to, lambda: time.sleep(next(parts)))


@test("dig, drill, glibc (AF_UNSPEC, AF_INET), musl, Node (lookup, c-ares), Go in a loop while the leader moves: no error, no old address",
      (Variant(1), Variant(2)), within=120, namespace=True)
def _(ctx):
    glibc, musl = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static")
    node, dig, drill, go = tool("node"), tool("dig"), tool("drill"), go_program(ctx)
    patroni, lictor = start(ctx)
    seconds = sum(GAPS) + 0.4 * len(GAPS) + 2
    script = os.path.join(HERE, "resolve.js")
    commands = {
        "glibc AF_UNSPEC": [glibc, NAME, "unspec", seconds], "glibc AF_INET": [glibc, NAME, "inet", seconds],
        "musl AF_UNSPEC": [musl, NAME, "unspec", seconds], "musl AF_INET": [musl, NAME, "inet", seconds],
        "node dns.lookup": [node, script, "lookup", NAME, seconds], "node dns.resolve4": [node, script, "resolve4", NAME, seconds],
        "Go": [go, NAME, seconds],
        "dig": looped(ctx, "dig", f"{dig} +short {NAME}", seconds),
        "drill": looped(ctx, "drill", f"{drill} {NAME} A | awk '$4 == \"A\" && !/^;/ {{print $5}}'", seconds),
    }
    clients = {label: Process(label, command, ctx.path(label.replace(" ", "-") + ".out")) for label, command in commands.items()}
    for client in clients.values():
        ctx.undo.callback(client.stop)
    history = [patroni.host()]
    for number, gap in enumerate(GAPS):
        time.sleep(0.4)
        move(patroni, (number + 1) % 3, gap)
        history.append(patroni.host())
    for label, client in clients.items():
        assert client.wait(20) is not None, f"{label} does not end"
    slowest = {}
    for label, client in clients.items():
        count, worst = check(label, client.log(), history)
        slowest[label] = f"{count} answers" + (f", slowest {worst:.0f} ms" if worst else "")
    lictor.process.must_run()
    ctx.note("; ".join(f"{label}: {text}" for label, text in slowest.items()))
    ctx.note("versions: " + "; ".join([first_line("ldd", "--version"), musl_version(), "node " + first_line(node, "--version"),
                                       "c-ares " + first_line(node, "-p", "process.versions.ares"), first_line(dig, "-v"), "Go of " + first_line("gccgo-12", "--version"),
                                       first_line(drill, "-v")]))


@test("the lock stays free for longer than leader-hold: glibc sees EAI_AGAIN, for AF_UNSPEC and AF_INET; and recovers",
      (Variant(1), Variant(2)), within=90, namespace=True)
def _(ctx):
    glibc, musl = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static")
    patroni, lictor = start(ctx)
    patroni.demote(patroni.leader)
    time.sleep(0.1)
    asked = {label: Process(label, [program, NAME, family, 0], ctx.path(label.replace(" ", "-") + ".out"))
             for label, program, family in (("glibc unspec", glibc, "unspec"), ("glibc inet", glibc, "inet"),
                                            ("musl unspec", musl, "unspec"))}
    for label, client in asked.items():
        ctx.undo.callback(client.stop)
        assert client.wait(30) is not None, f"{label} does not end"
        ctx.note(f"{label}: {client.log().split(' ', 1)[1].strip()}")
    for label in ("glibc unspec", "glibc inet"):
        assert "error EAI_AGAIN" in asked[label].log(), f"{label}: {asked[label].log()}"
    patroni.promote(patroni.members[1], lambda: time.sleep(0.05))
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    for family in ("unspec", "inet"):
        done = subprocess.run([glibc, NAME, family, "0"], capture_output=True, text=True, timeout=20)
        assert done.stdout.split()[2:] == ["ok", HOSTS[1]], done.stdout


@test("other names through libc: IPv4 and IPv6, an alias, a missing one; search and several instances", (Variant(1), Variant(2, "asan")),
      within=60, namespace=True)
def _(ctx):
    glibc, musl = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static")
    _patroni, lictor = start(ctx, "--host-record=both.lan,10.0.0.1,2001:db8::1", "--cname=alias.lan,both.lan", "--local=/lan/")
    for program in (glibc, musl):
        for name, family, expected in (("both.lan", "unspec", {"10.0.0.1", "2001:db8::1"}), ("both.lan", "inet", {"10.0.0.1"}),
                                       ("alias.lan", "unspec", {"10.0.0.1", "2001:db8::1"}),
                                       ("pglab.service.consul", "inet", set(HOSTS)), ("nothere.lan", "inet", None)):
            done = subprocess.run([program, name, family, "0"], capture_output=True, text=True, timeout=20).stdout.split()
            if expected is None:
                assert done[2:] in (["error", "EAI_NONAME"], ["error", "EAI_NODATA"]), f"{program} {name}: {done}"
            else:
                assert done[2] == "ok" and set(done[3:]) == expected, f"{program} {name} {family}: {done}"
