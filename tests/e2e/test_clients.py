"""While the leader changes, do the resolvers of real applications return the leaders' addresses in order, and no error?

Each test has its own network and mount namespace: Consul, lictor on 127.0.0.1:53, and a resolv.conf with that server alone.
The clients are dig, drill, getaddrinfo of glibc (AF_UNSPEC, AF_INET) and of musl, Node (dns.lookup, c-ares), Go.
"""

import os
import re
import subprocess
import time

from harness import consul, namespace
from harness.resolvers import compiled, go_program, tool
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import Variant, test

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
NAME = "master.pglab.service.consul"

# Seconds without a leader in each switchover. All are shorter than leader-hold (4 s). The longer ones last beyond the first
# retransmission of c-ares (after 1 s, then 2 s) and of musl (2.5 s).
GAPS = [0.05, 0.2, 0.6, 1.2, 2.2, 2.9, 0.3, 0.1]


def start(ctx, *options):
    agent = consul.dev_agent(ctx)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    patroni.start()
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    if os.path.isdir("/run/nscd"):          # the machine's nscd must not answer in place of lictor
        empty = ctx.path("nscd")
        os.mkdir(empty)
        namespace.bind(empty, "/run/nscd")
    lictor = Lictor(ctx, "--leader=pglab,namespace=/digitalis.io/", *options, consul=agent.api.url, port=53)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    return patroni, lictor


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def musl_version():
    done = subprocess.run(["/lib/ld-musl-x86_64.so.1"], capture_output=True, text=True) \
        if os.path.exists("/lib/ld-musl-x86_64.so.1") else None
    found = re.search(r"Version (\S+)", done.stderr) if done else None
    return f"musl {found.group(1)}" if found else first_line("dpkg-query", "-W", "musl")


def looped(ctx, name, command, seconds):
    """A script that runs `command`, which makes one query, again and again for `seconds`.

    It prints a line for each run, in the format of getaddrinfo.c (always 0 for the milliseconds).
    """
    script = ctx.file(f"{name}.sh", f"""\
end=$((SECONDS + {int(seconds)}))
while [ $SECONDS -lt $end ]; do
    begin=$EPOCHREALTIME
    out=$({command} 2>&1); code=$?
    [ $code = 0 ] && [ -n "$out" ] && echo "$begin 0 ok" $out || echo "$begin 0 error $code" $out
    sleep 0.02
done
""")
    return ["bash", script]


def check(label, output, history):
    """Each line must be ok with one address, and the addresses must be in the order of the switchovers. Returns (lines, slowest ms)."""
    lines = [line.split() for line in output.splitlines() if line.strip()]
    assert len(lines) > 20, f"{label}: only {len(lines)} answers:\n{output[-2000:]}"
    errors = [" ".join(line) for line in lines if line[2] != "ok"]
    assert not errors, f"{label}: {len(errors)} of {len(lines)} failed: {errors[:5]}"
    at = 0
    for line in lines:
        found = line[3:]
        assert len(found) == 1, f"{label}: expected one address, got {found}"
        while at < len(history) and history[at] != found[0]:
            at += 1
        assert at < len(history), f"{label}: {found[0]} is not a leader's address, or came after the address of a later leader; leaders in order: {history}"
    assert found[0] == history[-1], f"{label}: the last address is {found[0]}, but the leader is {history[-1]}"
    return len(lines), max(float(line[1]) for line in lines)


def move(patroni, to, gap):
    """A switchover with `gap` seconds without a leader.

    A third of it passes until the new leader takes the lock, then two thirds until the promotion is done.
    """
    parts = iter([0.01, gap / 3, gap * 2 / 3, 0.01])
    patroni.switchover(to, lambda: time.sleep(next(parts)))


@test("dig, drill, glibc (AF_UNSPEC, AF_INET), musl, Node (lookup, c-ares), Go in a loop during switchovers: no error, no old address",
      (Variant(1), Variant(2)), within=120, namespace=True)
def _(ctx):
    glibc, musl = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static")
    node, dig, drill, go = tool("node"), tool("dig"), tool("drill"), go_program(ctx)
    patroni, lictor = start(ctx)
    seconds = sum(GAPS) + 0.4 * len(GAPS) + 2
    script = os.path.join(HERE, "resolve.js")
    programs = {"dig": f"{dig} +short {NAME}", "drill": f"{drill} {NAME} A | awk '$4 == \"A\" && !/^;/ {{print $5}}'"}
    commands = {
        "glibc AF_UNSPEC": [glibc, NAME, "unspec", seconds], "glibc AF_INET": [glibc, NAME, "inet", seconds],
        "musl AF_UNSPEC": [musl, NAME, "unspec", seconds], "musl AF_INET": [musl, NAME, "inet", seconds],
        "node dns.lookup": [node, script, "lookup", NAME, seconds], "node dns.resolve4": [node, script, "resolve4", NAME, seconds],
        "Go": [go, NAME, seconds],
        **{label: looped(ctx, label, program, seconds) for label, program in programs.items()},
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
        # On a busy machine the switchovers take longer than the loops: one more call of each client after the last one.
        last = subprocess.run([*commands[label][:-1], "0"] if label not in ("dig", "drill")
                              else looped(ctx, f"{label}-last", programs[label], 1), capture_output=True, text=True, timeout=30)
        count, worst = check(label, client.log() + last.stdout, history)
        slowest[label] = f"{count} answers" + (f", slowest {worst:.0f} ms" if worst else "")
    lictor.process.must_run()
    ctx.note("; ".join(f"{label}: {text}" for label, text in slowest.items()))
    ctx.note("versions: " + "; ".join([first_line("ldd", "--version"), musl_version(), "node " + first_line(node, "--version"),
                                       "c-ares " + first_line(node, "-p", "process.versions.ares"), first_line(dig, "-v"), "Go of " + first_line("gccgo-12", "--version"),
                                       first_line(drill, "-v")]))


@test("the lock is free for longer than leader-hold: glibc returns EAI_AGAIN for AF_UNSPEC and AF_INET, and after the promotion the new leader's address",
      (Variant(1), Variant(2)), within=90, namespace=True)
def _(ctx):
    glibc, musl = compiled(ctx, "gcc"), compiled(ctx, "musl-gcc", "-static")
    patroni, lictor = start(ctx)
    patroni.demote(patroni.leader)
    time.sleep(0.1)
    clients = {label: Process(label, [program, NAME, family, 0], ctx.path(label.replace(" ", "-") + ".out"))
             for label, program, family in (("glibc unspec", glibc, "unspec"), ("glibc inet", glibc, "inet"),
                                            ("musl unspec", musl, "unspec"))}
    for label, client in clients.items():
        ctx.undo.callback(client.stop)
        assert client.wait(30) is not None, f"{label} does not end"
        ctx.note(f"{label}: {client.log().split(' ', 1)[1].strip()}")
    for label in ("glibc unspec", "glibc inet"):
        assert "error EAI_AGAIN" in clients[label].log(), f"{label}: {clients[label].log()}"
    patroni.promote(patroni.members[1], lambda: time.sleep(0.05))
    lictor.until_resolves(NAME, [HOSTS[1]], within=1)
    for family in ("unspec", "inet"):
        done = subprocess.run([glibc, NAME, family, "0"], capture_output=True, text=True, timeout=20)
        assert done.stdout.split()[2:] == ["ok", HOSTS[1]], done.stdout


@test("libc resolves names other than the leader's: IPv4 and IPv6 addresses, a CNAME, a service with several instances, a name that does not exist",
      (Variant(1), Variant(2, "asan")), within=60, namespace=True)
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
