"""How is lictor started, queried and stopped in a test?

A Lictor is one process with its own port, statistics port and configuration file. Its end is always checked: SIGTERM must
end it within a second with exit code 0, and its log must hold no report of a sanitizer.
"""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess

import dns.exception

from . import ask, net
from .process import Process

_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# In tests a system call that is not in lictor's list ends the process. Builds with sanitizers have no list.
os.environ.setdefault("LICTOR_SECCOMP", "kill")

_sanitizer = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|runtime error: |==\d+==ERROR")

SANITIZER_ENVIRONMENT = {
    "TSAN_OPTIONS": "second_deadlock_stack=1:exitcode=98",
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=0",
}


def binary(build="release"):
    """The path of the built program; fails with a hint how to build it."""
    variable = {"release": "LICTOR_BINARY", "asan": "LICTOR_ASAN_BINARY", "tsan": "LICTOR_TSAN_BINARY"}[build]
    path = os.environ.get(variable) or os.path.join(_root, "build" if build == "release" else f"build-{build}", "lictor")
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing; ./tests/run builds it ({variable} sets another path)")
    return path


class Lictor:
    def __init__(self, ctx, *options, consul=None, address="127.0.0.1", port=None, stats=True, conf="", name="lictor",
                 start=True, wait=True, env=None, keep_user=None, threads=None, build=None):
        """`consul`: URL of the agent, or None for no Consul at all. `conf`: content of the configuration file.

        Options given here follow the defaults below. A default is left out if its name is given here or in `conf`.
        """
        self._ctx = ctx
        self.name = name
        self.build = build or ctx.variant.build
        self.server = ask.Server(address, port or net.free_port(address))
        self.stats_port = net.free_port() if stats else None
        self.conf = ctx.file(f"{name}.conf", conf)
        self.log_path = ctx.path(f"{name}.log")
        defaults = [
            f"--port={self.server.port}", f"--listen-address={address}", "--keep-in-foreground", "--pid-file=",
            "--no-resolv", "--no-hosts", f"--conf-file={self.conf}", f"--threads={threads or ctx.threads}",
            f"--consul-http-addr={consul or ''}",
            f"--stats-address={f'127.0.0.1:{self.stats_port}' if stats else ''}",
        ]
        given = {option.split("=", 1)[0] for option in options} | set(_names(conf))
        without = {"--no-resolv": "--resolv-file", "--no-hosts": "--hosts"}
        self.options = [o for o in defaults if o.split("=", 1)[0] not in given and without.get(o) not in given]
        self.options += [option for option in options if option not in ("--hosts",)]
        self.env = dict({} if self.build == "release" else SANITIZER_ENVIRONMENT, **(env or {}))
        self.process = None
        self._checked = False
        ctx.undo.callback(self._end)
        if start:
            self.start(wait)

    @property
    def command(self):
        return [binary(self.build)] + self.options

    def start(self, wait=True):
        # The machine's own environment must not configure Consul or name CA certificates.
        env = {key: None for key in os.environ if key.startswith(("CONSUL_", "SSL_CERT_"))}
        self.process = Process(self.name, self.command, self.log_path, env=dict(env, **self.env))
        self._ctx.processes.append(self.process)
        self._checked = False
        if wait:
            self.wait_serving()
        return self

    def wait_serving(self, within=10):
        """Waits until lictor answers: by /health, or by a query if there is no statistics port."""
        if self.stats_port:
            self.process.until(lambda: self.http("/health")[0] == 200, within, "/health returns 200", every=0.01)
        else:
            self.process.until(self._replies, within, "it answers a query", every=0.01)

    def _replies(self):
        try:
            return ask.udp(self.server, "version.bind", "TXT", rdclass="CH", within=0.2)
        except ask.SILENCE:
            return None

    def wait_ready(self, within=15):
        """Waits until the first synchronization is done and an upstream answered."""
        self.process.until(lambda: self.http("/ready")[0] == 200, within, "/ready returns 200", every=0.02)
        return self

    # queries

    def udp(self, name, rdtype="A", **how):
        return self._query(ask.udp, name, rdtype, how)

    def tcp(self, name, rdtype="A", **how):
        return self._query(ask.tcp, name, rdtype, how)

    def _query(self, send, name, rdtype, how):
        try:
            return send(self.server, name, rdtype, **how)
        except ask.SILENCE:
            self.process.must_run()
            raise AssertionError(f"no reply to {name} {rdtype} within {how.get('within') or 'its limit of 2.0'} s") from None
        except dns.exception.DNSException as error:
            raise AssertionError(f"{name} {rdtype}: {error!r}") from None

    def resolve(self, name, rdtype="A", **how):
        """Addresses, or [rcode]."""
        reply = self.udp(name, rdtype, **how)
        return ask.addresses(reply) if reply.rcode() == 0 else [ask.rcode(reply)]

    def until_resolves(self, name, expected, within=3.0, rdtype="A"):
        expected = sorted(expected)
        last = None
        def right():
            nonlocal last
            last = self.resolve(name, rdtype)
            return last == expected
        try:
            self.process.until(right, within, f"{name} {rdtype} is {expected}", every=0.005)
        except net.Timeout as late:
            raise net.Timeout(f"{late}\n    last answer: {last}") from None

    # the statistics port

    def http(self, path, method="GET", headers=None, within=3.0):
        """(status, headers, text)."""
        link = http.client.HTTPConnection("127.0.0.1", self.stats_port, timeout=within)
        try:
            link.request(method, path, headers=headers or {})
            reply = link.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            link.close()

    def json(self, path):
        status, _headers, text = self.http(path)
        assert status == 200, f"{path}: HTTP {status}: {text[:300]}"
        return json.loads(text)

    def metrics(self):
        """{'name{labels}': value} of /metrics."""
        status, _headers, text = self.http("/metrics")
        assert status == 200, f"/metrics: HTTP {status}"
        found = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                found[key] = float(value)
        return found

    # the process

    def hup(self):
        self.process.signal(signal.SIGHUP)

    def until_logged(self, pattern, within=3.0, since=0):
        """The first match of the pattern in the log from character `since` on."""
        return self.process.until(lambda: re.search(pattern, self.process.log()[since:], re.I), within,
                                  f"the log holds /{pattern}/", every=0.01)

    def stop(self):
        """Sends SIGTERM; checks the exit code, the time and the sanitizers. Returns the seconds."""
        self._checked = True
        self.process.must_run()
        seconds = self.process.stop(within=15)
        allowed = 1.0 if self.build == "release" else 6.0       # includes the leak check
        assert seconds is not None, f"{self.name} did not end within 15 s of TERM\n{self.process.tail()}"
        self.check_log()
        assert self.process.exit_code == 0, f"{self.name} ended with {self.process.exit_code} after TERM\n{self.process.tail()}"
        assert seconds <= net.allowed(allowed), f"{self.name} took {seconds:.2f} s to end after TERM, allowed {net.allowed(allowed):g}"
        return seconds

    def check_log(self):
        log = self.process.log()
        found = _sanitizer.search(log)
        if found:
            start = log.rfind("\n", 0, found.start()) + 1
            raise AssertionError(f"sanitizer report:\n{log[start:start + 4000]}")

    def kill(self):
        """SIGKILL, like a crash."""
        self._checked = True
        self.process.kill()

    def _end(self):
        if self.process is None or self._checked:
            return
        if not self.process.running():
            self._checked = True
            self.check_log()
            raise AssertionError(f"{self.name} ended by itself with {self.process.exit_code}\n{self.process.tail()}")
        self.stop()


def _names(conf):
    """Long option names that a configuration file sets, as they are on the command line."""
    for line in conf.splitlines():
        word = line.strip().split("=", 1)[0].strip()
        if word and not word.startswith("#"):
            yield "--" + word


def run(ctx, *arguments, within=10, build=None, env=None, input=None):
    """Runs lictor as a command that ends: (exit code, stdout, stderr)."""
    build = build or ctx.variant.build
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CONSUL_")}
    clean.update({} if build == "release" else SANITIZER_ENVIRONMENT)
    clean.update(env or {})
    try:
        done = subprocess.run([binary(build), *arguments], capture_output=True, text=True, timeout=within, env=clean,
                              input=input, errors="replace")
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"lictor {shlex.join(arguments)} did not end within {within} s") from late
    found = _sanitizer.search(done.stderr)
    if found:
        raise AssertionError(f"lictor {shlex.join(arguments)}: sanitizer report:\n{done.stderr[:4000]}")
    return done.returncode, done.stdout, done.stderr
