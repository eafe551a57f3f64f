"""What does lictor request from Consul, and how does it handle a response that this agent cannot give? An HTTP relay before a real agent.

Every request is recorded with its time. A test may change a response (a header that newer agents send, another version), delay
it, answer in place of the agent, or determine each byte that is sent. Everything else is passed on unchanged.
"""

import collections
import http.client
import http.server
import os
import socket
import socketserver
import struct
import threading
import time

from . import net

Request = collections.namedtuple("Request", "at path connection")
Reply = collections.namedtuple("Reply", "status headers body")
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date"}

RESET = object()    # a step of Bytes: the connection is reset
HALF = object()     # a step of Bytes: no more bytes follow (FIN), and the connection stays open
HELD = object()     # a step of Bytes: nothing is sent until `Relay.release` is called


class Bytes:
    """What is sent in place of a response, and then the end of the connection. `steps`: bytes, seconds to wait, RESET, HALF or HELD. A wait
    ends with `Relay.release`, and the connection with it."""

    def __init__(self, *steps):
        self.steps = steps


def as_bytes(reply, body=None, length=None):
    """The response as bytes. `length`: the value of Content-Length, if it is not the right one; "" leaves it out."""
    body = reply.body if body is None else body
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{key}: {value}" for key, value in reply.headers)]
    if length != "":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Relay:
    """`judge(path, ask)` returns a Reply or Bytes; `ask()` fetches the agent's Reply. Without `judge`, the agent's response is passed on."""

    def __init__(self, ctx, target, judge=None):
        self.judge = judge
        self._released = threading.Event()
        self.target = tuple(target)
        self.requests, self._lock = [], threading.Lock()
        self.connections = self.open = self.most_open = 0
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                self.link = None
                with relay._lock:
                    relay.connections += 1
                    relay.open += 1
                    relay.most_open = max(relay.most_open, relay.open)
                    self.number = relay.connections

            def finish(self):
                with relay._lock:
                    relay.open -= 1
                if self.link:
                    self.link.close()
                try:
                    super().finish()
                except OSError:
                    pass

            def ask(self):
                for attempt in (1, 2):
                    if self.link and (self.link.host, self.link.port) != relay.target:
                        self.link.close()
                        self.link = None
                    try:
                        if self.link is None:
                            self.link = http.client.HTTPConnection(*relay.target, timeout=700)
                        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP | {"host"}}
                        self.link.request("GET", self.path, headers=headers)
                        reply = self.link.getresponse()
                        return Reply(reply.status, [(k, v) for k, v in reply.getheaders() if k.lower() not in HOP_BY_HOP], reply.read())
                    except (OSError, http.client.HTTPException):
                        if self.link:
                            self.link.close()
                        self.link = None
                        if attempt == 2:
                            raise

            def do_GET(self):
                with relay._lock:
                    relay.requests.append(Request(time.monotonic(), self.path, self.number))
                try:
                    reply = relay.judge(self.path, self.ask) if relay.judge else self.ask()
                    if isinstance(reply, Bytes):
                        self.close_connection = True
                        return self.play(reply.steps)
                    self.send_response_only(reply.status)
                    for key, value in reply.headers:
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True

            def play(self, steps):
                for step in steps:
                    if step is RESET:
                        # Python's own close would send a FIN first.
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        os.close(self.connection.detach())
                    elif step is HALF:
                        self.connection.shutdown(socket.SHUT_WR)
                        self.connection.recv(1)
                    elif step is HELD:
                        relay._released.wait()
                    elif isinstance(step, bytes):
                        self.wfile.write(step)
                    elif relay._released.wait(step):
                        return

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_):
                pass

        self.port = net.free_port(also_udp=False)
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        ctx.undo.callback(self.stop)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def release(self):
        """Ends each HELD and each wait, also those that begin later."""
        self._released.set()

    def hold(self):
        """From now on they wait again."""
        self._released.clear()

    def stop(self):
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def matching(self, words, since=0.0):
        """The requests whose path contains `words`."""
        with self._lock:
            return [request for request in self.requests if words in request.path and request.at >= since]


def with_header(reply, name, value):
    return reply._replace(headers=[(k, v) for k, v in reply.headers if k.lower() != name.lower()] + [(name, value)])
