"""The servers that the bench compares: how each is started on a free loopback port, pinned to a core, checked and stopped.

A Server is a port to query and the processes whose CPU time counts. All files are in one temporary directory, all servers listen on
127.0.0.1, and the Bench that started them always stops them.
"""

import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIB = ROOT / "container" / "lib"
sys.path.insert(0, str(LIB))
sys.dont_write_bytecode = True
import sample_cluster  # noqa: E402  (the path has to be known first)

ZONE = "bench.example"
NAMES_CACHED = 100
SERVICES = 100  # in addition to the sample cluster; less than lictor watches by default
A, AAAA = 1, 28


class Failed(RuntimeError):
    """A requirement of the bench is missing; the text has a remedy."""


def command_of(program, package):
    """Full path of a program, also from sbin, which an ordinary user's PATH does not include."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Failed(f"{program} is not installed; remedy: apt-get install {package}")
    return found


# -- one query, to check that a server is ready and correct ------------------------------------------------------------


def ask(port, name, kind=A, timeout=1.0):
    """(rcode, number of answers) over UDP, or None without a reply in time."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack(">HH", kind, 1)
    identity = os.getrandom(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect(("127.0.0.1", port))
            client.send(identity + b"\x01\x00\x00\x01\0\0\0\0\0\0" + question)
            while True:
                reply = client.recv(4096)
                if len(reply) >= 12 and reply[:2] == identity:
                    return reply[3] & 15, struct.unpack(">H", reply[6:8])[0]
        except OSError:
            return None


class Server:
    """A port to query, and the processes that serve it: label -> Popen."""

    def __init__(self, port, processes):
        self.port, self.processes = port, processes

    def pids(self):
        return [process.pid for process in self.processes.values()]

    def resident(self):
        """Resident memory in bytes, per label."""
        out = {}
        for label, process in self.processes.items():
            for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    out[label] = int(line.split()[1]) * 1024
        return out


class Bench:
    """Starts the servers and stops them."""

    def __init__(self, build, cores):
        self.build = pathlib.Path(build)
        self.server_core, self.client_core = cores
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="lictor-bench."))
        self.work.chmod(0o755)  # servers that drop root must still read their files
        self._running, self._ports = [], set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    # -- helpers ------------------------------------------------------------------------------------------------------

    def free_port(self):
        """A port that is free for UDP and TCP and was not returned before."""
        for _ in range(200):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                stream.bind(("127.0.0.1", 0))
                port = stream.getsockname()[1]
                try:
                    datagram.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in self._ports:
                self._ports.add(port)
                return port
        raise Failed("no free port on 127.0.0.1")

    def pin(self, core):
        return lambda: core is None or os.sched_setaffinity(0, {core})

    def start(self, label, *command, core="server", environment=None):
        """Starts a process on the servers' core; its output goes to its own log."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("CONSUL_")}
        log = self.work / f"{label.replace(' ', '-')}-{len(self._running)}.log"
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log.open("wb"),
                                   stderr=subprocess.STDOUT, cwd=self.work, env={**clean, **(environment or {})},
                                   preexec_fn=self.pin(self.server_core if core == "server" else self.client_core))
        process.log = log
        self._running.append(process)
        return process

    def end(self, server):
        for process in server.processes.values():
            process.send_signal(signal.SIGTERM)
            process.wait(10)

    def wait_for(self, label, process, ready, seconds=20):
        end = time.monotonic() + seconds
        while not ready():
            words = process.log.read_text(errors="replace")[-600:].strip()
            if process.poll() is not None:
                raise Failed(f"{label} ended with {process.returncode}: {words}")
            if time.monotonic() > end:
                raise Failed(f"{label} is not ready after {seconds} s: {words}")
            time.sleep(0.05)

    def file(self, name, text):
        path = self.work / name
        path.write_text(text)
        return path

    def built(self, name, source, *flags):
        """A helper from the build directory, or compiled here if the build has none."""
        for place in (self.build / name, self.build / "tests" / "bench" / name, self.build / "tests" / "bench" / f"lib{name}.so"):
            if place.exists():
                return place
        made = self.work / name
        compiler = os.environ.get("CXX", "c++")
        done = subprocess.run([compiler, "-std=c++20", "-O2", *flags, "-o", made, ROOT / "tests" / "bench" / source],
                              capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{source} does not compile: {done.stderr[-600:]}")
        return made

    # -- the servers --------------------------------------------------------------------------------------------------

    def echo(self):
        port = self.free_port()
        process = self.start("echo", self.built("lictor-bench-echo", "echo.cpp"), port)
        self.wait_for("echo", process, lambda: ask(port, "ready.example", timeout=0.1) is not None)
        return Server(port, {"echo": process})

    def consul(self):
        """A real agent in server mode, with the sample cluster and a hundred services of three instances."""
        found = subprocess.run([LIB / "fetch-consul", "--quiet"], capture_output=True, text=True)
        if found.returncode:
            raise Failed(f"no Consul to measure with: {found.stderr.strip()}")
        ports = [self.free_port() for _ in range(5)]
        self.consul_http, port = ports[0], ports[1]
        process = self.start("Consul", LIB / "dev-agent", found.stdout.strip(), "bench-agent", *ports,
                             # the agent counts the blocking queries of stopped lictors for a minute
                             "-hcl", "limits { http_max_conns_per_client = 2000 }")
        api = sample_cluster.Consul("127.0.0.1", self.consul_http)
        api.wait_until_up()
        sample_cluster.SampleCluster(api).register()
        for number in range(SERVICES):
            for name, address in sample_cluster.ADDRESS.items():
                api.put("/v1/catalog/register", {"Node": name, "Address": address, "SkipNodeUpdate": True, "Service": {
                    "ID": f"app{number}-{name}", "Service": f"app{number}", "Address": address, "Port": 8000 + number}})
        self.wait_for("Consul", process, lambda: ask(port, "master.pglab.service.consul") == (0, 1))
        return Server(port, {"Consul": process})

    def upstream(self):
        """The upstream of forwarded queries: unbound with one local zone. It shares the client's core; the cached runs do not query it."""
        port = self.free_port()
        rows = "".join(f'  local-data: "host{i}.{ZONE}. 86400 IN A 192.0.2.{i % 250 + 1}"\n' for i in range(NAMES_CACHED))
        config = self.file("upstream.conf", self._unbound(port) + f'  local-zone: "{ZONE}." static\n' + rows)
        process = self.start("upstream", command_of("unbound", "unbound"), "-d", "-c", config, core="client")
        self.wait_for("upstream", process, lambda: ask(port, f"host0.{ZONE}") == (0, 1))
        return Server(port, {"upstream": process})

    def unbound(self, upstream):
        port = self.free_port()
        config = self.file("unbound.conf", self._unbound(port) + '  do-not-query-localhost: no\n'
                           f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{upstream.port}\n')
        process = self.start("unbound", command_of("unbound", "unbound"), "-d", "-c", config)
        self.wait_for("unbound", process, lambda: ask(port, f"host0.{ZONE}") == (0, 1))
        return Server(port, {"unbound": process})

    def _unbound(self, port):
        return (f'server:\n  interface: 127.0.0.1\n  port: {port}\n  directory: "{self.work}"\n  chroot: ""\n  username: ""\n'
                '  pidfile: ""\n  use-syslog: no\n  logfile: ""\n  do-daemonize: no\n  num-threads: 1\n  module-config: "iterator"\n'
                '  do-ip6: no\n')

    def _dnsmasq(self, upstream_lines):
        port = self.free_port()
        config = self.file(f"dnsmasq-{port}.conf", f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\n"
                           f"cache-size=1000\n{upstream_lines}\n")
        process = self.start("dnsmasq", command_of("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", f"--conf-file={config}",
                             "--pid-file=", f"--user={'root' if os.getuid() == 0 else ''}", "--log-facility=-")
        return port, process

    def dnsmasq(self, upstream):
        port, process = self._dnsmasq(f"server=127.0.0.1#{upstream.port}")
        self.wait_for("dnsmasq", process, lambda: ask(port, f"host0.{ZONE}") == (0, 1))
        return Server(port, {"dnsmasq": process})

    def dnsmasq_to_consul(self, consul):
        """What lictor replaces: server=/consul/… in dnsmasq, with the agent's DNS port behind it. Both processes count."""
        port, process = self._dnsmasq(f"server=/consul/127.0.0.1#{consul.port}")
        self.wait_for("dnsmasq", process, lambda: ask(port, "master.pglab.service.consul") == (0, 1))
        return Server(port, {"dnsmasq": process, **consul.processes})

    def lictor(self, consul, upstream, environment=None):
        """lictor as on an application node, with a leader to follow, on its own port."""
        program = self.build / "lictor"
        if not program.exists():
            raise Failed(f"{program} is not built; remedy: cmake -S . -B build && cmake --build build")
        port, stats = self.free_port(), self.free_port()
        config = self.file(f"lictor-{port}.conf", f"port={port}\nlisten-address=127.0.0.1\nno-resolv\nno-hosts\n"
                           f"server=127.0.0.1#{upstream.port}\nconsul-http-addr=http://127.0.0.1:{self.consul_http}\n"
                           f"consul-dns=127.0.0.1#{consul.port}\nleader={sample_cluster.SCOPE}\nstats-address=127.0.0.1:{stats}\n")
        process = self.start("lictor", program, f"--conf-file={config}", environment=environment)
        self.wait_for("lictor", process, lambda: ask(port, "master.pglab.service.consul") == (0, 1)
                      and ask(port, f"host0.{ZONE}") == (0, 1))
        return Server(port, {"lictor": process})
