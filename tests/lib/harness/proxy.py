"""When did each response of Consul arrive at lictor?

This TCP proxy stands between lictor and the Consul agent and records the time (CLOCK_MONOTONIC) of each response.

It is a separate process, so that a busy test does not delay it. It appends one JSON line for each response to a file: request,
index, status, body, and the time at which the last byte of the response was passed on to lictor. The clock is read before the
bytes are passed on: if the proxy is preempted in between, lictor appears slower, never faster. CLOCK_MONOTONIC is the
same clock in all processes of a machine.
"""

import json
import multiprocessing
import os
import signal
import socket
import threading
import time

from . import net
from .process import die_with_parent

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
        """Stops the proxy process, so that the agent appears to hang: connections stay open, and no byte is passed on in either direction."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def responses(self):
        """Returns all responses so far, oldest first: dicts with at, method, path, status, index and body (text)."""
        with open(self._file) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    # The methods below run in the proxy process.

    def _serve(self):
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        self._out = os.open(self._file, os.O_WRONLY | os.O_APPEND)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen(256)
        while True:
            lictor_side, _peer = listener.accept()
            threading.Thread(target=self._connection, args=(lictor_side,), daemon=True).start()

    def _connection(self, lictor_side):
        try:
            agent_side = socket.create_connection(self.target, 5)
        except OSError:
            lictor_side.close()
            return
        agent_side.settimeout(None)
        for sock in (lictor_side, agent_side):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        requests = []
        threading.Thread(target=self._pass_requests, args=(lictor_side, agent_side, requests), daemon=True).start()
        self._pass_responses(lictor_side, agent_side, requests)

    def _pass_requests(self, lictor_side, agent_side, requests):
        unparsed = b""
        try:
            while data := lictor_side.recv(65536):
                unparsed += data
                while b"\r\n\r\n" in unparsed:      # lictor sends only GET requests to Consul, which have no body
                    head, unparsed = unparsed.split(b"\r\n\r\n", 1)
                    requests.append(head.split(b"\r\n", 1)[0].decode(errors="replace"))
                agent_side.sendall(data)
        except OSError:
            pass
        _shut(agent_side, socket.SHUT_WR)

    def _pass_responses(self, lictor_side, agent_side, requests):
        reader = _Response()
        try:
            while data := agent_side.recv(65536):
                ended = reader.feed(data)
                passed_on_at = time.monotonic()
                lictor_side.sendall(data)
                if ended:
                    self._record(passed_on_at, ended, requests)
        except OSError:
            pass
        _shut(lictor_side, socket.SHUT_WR)
        _shut(agent_side, socket.SHUT_RDWR)

    def _record(self, passed_on_at, responses, requests):
        for status, headers, body in responses:
            words = (requests.pop(0) if requests else "? ?").split()
            line = {"at": passed_on_at, "method": words[0], "path": words[1], "status": status,
                    "index": headers.get("x-consul-index"), "body": body.decode(errors="replace") if self._keep_bodies else ""}
            os.write(self._out, json.dumps(line).encode() + b"\n")


def _shut(sock, how):
    try:
        sock.shutdown(how)
    except OSError:
        pass


class _Response:
    """Splits a stream of bytes into HTTP/1.1 responses."""

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
            body, offset = b"", 0
            while True:
                end = rest.find(b"\r\n", offset)
                if end < 0:
                    return None
                size = int(rest[offset:end].split(b";")[0], 16)
                if len(rest) < end + 2 + size + 2:
                    return None
                body += rest[end + 2:end + 2 + size]
                offset = end + 2 + size + 2
                if size == 0:
                    break
        else:
            offset = int(headers.get("content-length", 0))
            if len(rest) < offset:
                return None
            body = rest[:offset]
        self._data = rest[offset:]
        return status, headers, body
