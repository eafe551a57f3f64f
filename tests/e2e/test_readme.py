"""Do the steps of README's "Replace dnsmasq" lead from a running dnsmasq to a running lictor, and back?

The commands are taken from README.md and run in their order, in a network and mount namespace of their own: a real agent on its usual ports, a
real dnsmasq on port 53, the resolv.conf of a node.
"""

import os
import re
import shlex
import subprocess

from harness import consul, namespace, net
from harness.lictor import binary
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo

README = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "README.md")
HOSTS = ["10.75.0.1", "10.75.0.2", "10.75.0.3"]
CONF = "no-resolv\nno-hosts\nserver=/consul/127.0.0.1#8600\nserver={}\ncache-size=1000\ndhcp-range=192.0.2.100,192.0.2.200\n"
NAME = "master.pglab.service.consul"


def steps():
    """Commands of the section, in order: lists of words."""
    with open(README) as file:
        section = file.read().split("\n## Replace dnsmasq\n")[1].split("\n## ")[0].split("\n### ")[0]
    return [shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", section, re.S) for line in filter(None, map(str.strip, block.splitlines()))]


def dig(name, address="127.0.0.1"):
    return subprocess.run(["dig", "+short", "+tries=1", "+time=5", f"@{address}", name], capture_output=True, text=True).stdout.split()


@test("README: the steps from dnsmasq to lictor, each command as it is written, and the way back", ONCE, within=120, namespace=True)
def _(ctx):
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    os.chmod(ctx.folder, 0o755)
    agent = consul.usual_agent(ctx)
    agent.start()
    agent.wait_ready()
    patroni = Patroni("pglab", [agent] * 3, HOSTS, namespace="/service/").start()
    upstream = Scripted(ctx, echo)
    conf = ctx.file("dnsmasq.conf", CONF.format(upstream.option))
    running = []

    def start(name, *command):
        process = Process(name, command, ctx.path(f"{name}-{len(running)}.log"))
        ctx.undo.callback(process.kill)
        running.append(process)
        return process

    # dnsmasq runs as it does today.
    old_command = ["dnsmasq", "--keep-in-foreground", f"--conf-file={conf}", "--bind-interfaces", "--listen-address=127.0.0.1", "--pid-file="]
    old = start("dnsmasq", *old_command)
    old.until(lambda: dig(NAME) == [HOSTS[0]] and dig("www.example.test") == ["192.0.2.99"], 20, "dnsmasq answers")

    started, seen = [], []
    for words in steps():
        # The file stands in a folder of this test; the program is the one under test.
        words = [word.replace("/etc/dnsmasq.conf", conf) for word in words]
        seen.append(words[1] if words[0] == "lictor" else words[0])
        if words[0] == "dig":
            assert running[-1].until(lambda: subprocess.run(words, capture_output=True, text=True).stdout.split() == [HOSTS[0]], 10, " ".join(words))
            continue
        assert words[0] == "lictor", words
        words[0] = binary(ctx.variant.build)
        if "--keep-in-foreground" not in words:
            done = subprocess.run(words, capture_output=True, text=True, timeout=net.allowed(70))
            output = done.stdout + done.stderr
            assert done.returncode in ((0, 1) if "doctor" in words else (0,)), f"{' '.join(words)}: {done.returncode}\n{output}"
            if "import" in words:
                assert "dhcp-range" in output and "HTTP API at http://127.0.0.1:8500" in output, output
            if "doctor" in words:
                assert "pglab" in output and upstream.option in output, output
            continue
        if started:     # step 4: both are stopped
            started[-1].stop()
            old.stop()
        started.append(start("lictor", *words))
    assert seen.count("dig") == 2 and len(started) == 2 and {"import", "--test", "wait", "doctor"} <= set(seen), seen

    lictor = started[-1]
    assert dig(NAME) == [HOSTS[0]] and dig("www.example.test") == ["192.0.2.99"]
    patroni.switchover(1, lambda: None)
    lictor.until(lambda: dig(NAME) == [HOSTS[1]], 10, "the new leader is answered")
    assert set(lictor.status("Uid")) != {"0"}, "it still runs as root"

    # The way back.
    lictor.stop()
    back = start("dnsmasq-again", *old_command)
    back.until(lambda: dig(NAME) and dig("www.example.test") == ["192.0.2.99"], 20, "dnsmasq answers again")
