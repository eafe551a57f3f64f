"""When did Consul's reply arrive? A TCP proxy between lictor and the agent that notes CLOCK_MONOTONIC for each response.

It runs in a process of its own, so that a busy test does not delay it, and appends one JSON line per response to a file:
the request, the index, the status, the body, and the time at which the piece with the response's last byte was handed to
lictor's socket. It is read before the handing over: a proxy that loses the processor right then makes lictor look slower,
never quicker. CLOCK_MONOTONIC is the same clock in all processes of a machine.
"""

import json
import multiprocessing
import os
import signal
import socket
import threading
import time

from . import net
from .process import _libc

_fork = multiprocessing.get_context("fork")


class TimingProxy:
    def __init__(self, ctx, target, address="127.0.0.1", name="proxy", keep_bodies=True):
        """`target` is (address, port) of the agent's HTTP API."""
        self.port = net.free_port(address, also_udp=False)
        self.address = address
        self.target = tuple(target)
        self._file = ctx.path(f"{name}.jsonl")
        open(self._file, "w").close()
        self._keep_bodies = keep_bodies
        self._process = _fork.Process(target=self._serve, daemon=True)
        self._process.start()
        net.until(lambda: socket.create_connection((address, self.port), 1).close() or True, 5, "the proxy listens")
        ctx.undo.callback(self.stop)

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def stop(self):
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
        self._process.join(5)

    def pause(self):
        """The far end hangs: connections stay, no byte moves."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def responses(self):
        """All so far, oldest first: dicts with at, method, path, status, index, body (text)."""
        with open(self._file) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    # in the child

    def _serve(self):
        _libc.prctl(1, signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        self._out = os.open(self._file, os.O_WRONLY | os.O_APPEND)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen(256)
        while True:
            near, _peer = listener.accept()
            threading.Thread(target=self._connection, args=(near,), daemon=True).start()

    def _connection(self, near):
        try:
            far = socket.create_connection(self.target, 5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = []
        threading.Thread(target=self._upward, args=(near, far, asked), daemon=True).start()
        self._downward(near, far, asked)

    def _upward(self, near, far, asked):
        kept = b""
        try:
            while data := near.recv(65536):
                kept += data
                while b"\r\n\r\n" in kept:      # requests of a watcher have no body
                    head, kept = kept.split(b"\r\n\r\n", 1)
                    asked.append(head.split(b"\r\n", 1)[0].decode(errors="replace"))
                far.sendall(data)
        except OSError:
            pass
        _shut(far, socket.SHUT_WR)

    def _downward(self, near, far, asked):
        reader = _Response()
        try:
            while data := far.recv(65536):
                ended = reader.feed(data)
                at = time.monotonic()
                near.sendall(data)
                if ended:
                    self._record(at, ended, asked)
        except OSError:
            pass
        _shut(near, socket.SHUT_WR)
        _shut(far, socket.SHUT_RDWR)

    def _record(self, at, responses, asked):
        for status, headers, body in responses:
            words = (asked.pop(0) if asked else "? ?").split()
            line = {"at": at, "method": words[0], "path": words[1], "status": status,
                    "index": headers.get("x-consul-index"), "body": body.decode(errors="replace") if self._keep_bodies else ""}
            os.write(self._out, json.dumps(line).encode() + b"\n")


def _shut(sock, how):
    try:
        sock.shutdown(how)
    except OSError:
        pass


class _Response:
    """Cuts a stream of bytes into HTTP/1.1 responses."""

    def __init__(self):
        self._data = b""

    def feed(self, data):
        self._data += data
        ended = []
        while one := self._take():
            ended.append(one)
        return ended

    def _take(self):
        if b"\r\n\r\n" not in self._data:
            return None
        head, rest = self._data.split(b"\r\n\r\n", 1)
        lines = head.decode(errors="replace").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, at = b"", 0
            while True:
                end = rest.find(b"\r\n", at)
                if end < 0:
                    return None
                size = int(rest[at:end].split(b";")[0], 16)
                if len(rest) < end + 2 + size + 2:
                    return None
                body += rest[end + 2:end + 2 + size]
                at = end + 2 + size + 2
                if size == 0:
                    break
        else:
            at = int(headers.get("content-length", 0))
            if len(rest) < at:
                return None
            body = rest[:at]
        self._data = rest[at:]
        return status, headers, body
