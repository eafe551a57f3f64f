"""What does lictor request from Consul, and how does it handle a response that this agent cannot give? An HTTP relay before a real agent.

Every request is recorded with its time. A test may change a response (a header that newer agents send, another version), delay
it, or answer in place of the agent. Everything else is passed on unchanged.
"""

import collections
import http.client
import http.server
import socketserver
import threading
import time

from . import net

Request = collections.namedtuple("Request", "at path connection")
Reply = collections.namedtuple("Reply", "status headers body")
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date"}


class Relay:
    """`judge(path, ask)` returns a Reply; `ask()` fetches the agent's. Without `judge`, the agent's response is passed on."""

    def __init__(self, ctx, target, judge=None):
        self.judge = judge
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
                    self.send_response_only(reply.status)
                    for key, value in reply.headers:
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True

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

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def matching(self, words, since=0.0):
        """The requests whose path contains `words`."""
        with self._lock:
            return [request for request in self.requests if words in request.path and request.at >= since]


def with_header(reply, name, value):
    return reply._replace(headers=[(k, v) for k, v in reply.headers if k.lower() != name.lower()] + [(name, value)])
