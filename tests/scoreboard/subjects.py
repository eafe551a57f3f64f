"""Which servers are compared, and how is each started? All forward everything to one upstream and have one local record; none has an
option about limits, so that each shows what it does as it comes."""

import os
import re
import shutil
import signal
import subprocess

from harness import ask, net
from harness.lictor import Lictor
from harness.process import Process

LOCAL = "rec.lan"


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise RuntimeError(f"{name} is not installed; tests/run scoreboard installs it")
    return path


def first_line(*command, pattern):
    done = subprocess.run(command, capture_output=True, text=True)
    return re.search(pattern, done.stdout + done.stderr).group(1)


class Subject:
    """`start` begins to serve at `server`; all processes count for the memory."""

    def __init__(self, ctx, upstream):
        self.ctx, self.upstream = ctx, upstream
        self.server = ask.Server("127.0.0.1", net.free_port())
        self.process = None
        self.start()

    def start(self):
        self.process = Process(self.name, self.command(), self.ctx.path(f"{self.name}.log"))
        self.ctx.processes.append(self.process)
        self.ctx.undo.callback(self.process.kill)
        self.process.until(lambda: ask.udp(self.server, LOCAL, within=0.3), 15, "it answers", every=0.01)

    def stop(self):
        self.process.stop(within=10)

    def restart(self):
        """As a supervisor does it: the end, then the start."""
        self.stop()
        self.process = Process(self.name, self.command(), self.ctx.path(f"{self.name}.log"))
        self.ctx.undo.callback(self.process.kill)

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def resident(self):
        """Megabytes, with its children."""
        total, todo = 0, [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                with open(f"/proc/{pid}/status") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    todo += [int(word) for word in file.read().split()]
            except OSError:
                continue
        return total / 1000


class Ours(Subject):
    name = "lictor"

    def version(self):
        return "lictor"

    def command(self):
        made = Lictor(self.ctx, f"--server={self.upstream}", f"--host-record={LOCAL},10.0.0.1", name="scored", port=self.server.port,
                      stats=False, start=False)
        return made.command


class Dnsmasq(Subject):
    name = "dnsmasq"

    def version(self):
        return "dnsmasq " + first_line(program("dnsmasq"), "--version", pattern=r"version (\S+)")

    def command(self):
        return [program("dnsmasq"), "-k", "-C", "/dev/null", f"--port={self.server.port}", "--listen-address=127.0.0.1", "--bind-interfaces",
                "--no-resolv", "--no-hosts", f"--server={self.upstream}", f"--host-record={LOCAL},10.0.0.1", "--pid-file=", "--user=root",
                "--log-facility=-"]


class Unbound(Subject):
    name = "unbound"

    def version(self):
        return "unbound " + first_line(program("unbound"), "-V", pattern=r"Version (\S+)")

    def command(self):
        path = self.ctx.file("scored-unbound.conf", f"""\
server:
    directory: ""
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: {self.server.address}@{self.server.port}
    access-control: 127.0.0.0/8 allow
    do-daemonize: no
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
    local-data: "{LOCAL}. A 10.0.0.1"
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {self.upstream.replace("#", "@")}
""")
        return [program("unbound"), "-d", "-p", "-c", path]


ALL = (Ours, Dnsmasq, Unbound)
