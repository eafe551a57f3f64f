"""Which server resolves the host names of services? A small one on a thread, for the agent's recursors and lictor's upstreams."""

import ipaddress
import socket
import struct
import threading

from harness import net
from harness.ask import Server

from message import A, AAAA, CNAME, name_from

HOSTS = {
    "db.example.test": ["192.0.2.101", "192.0.2.102"],
    "six.example.test": ["2001:db8::66"],
    "both.example.test": ["192.0.2.103", "2001:db8::67"],
    "wan.example.test": ["192.0.2.104"],
}
ALIASES = {"chain.example.test": "db.example.test"}
TTL = 77


class Stub:
    """NOERROR for the names above, NXDOMAIN for all others."""

    def __init__(self, ctx):
        self.server = Server("127.0.0.1", net.free_port())
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(tuple(self.server))
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(tuple(self.server))
        self._tcp.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()
        ctx.undo.callback(self._sock.close)
        ctx.undo.callback(self._tcp.close)

    def _serve(self):
        while True:
            try:
                wire, peer = self._sock.recvfrom(4096)
                self._sock.sendto(self._reply(wire), peer)
            except OSError:
                return
            except (IndexError, struct.error):
                pass

    def _accept(self):
        while True:
            try:
                link, _peer = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._stream, args=(link,), daemon=True).start()

    def _stream(self, link):
        with link:
            try:
                while True:
                    head = link.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    wire = link.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                    reply = self._reply(wire)
                    link.sendall(len(reply).to_bytes(2, "big") + reply)
            except (OSError, IndexError, struct.error):
                return

    def _reply(self, wire):
        at, parts = 12, []
        while wire[at]:
            parts.append(wire[at + 1:at + 1 + wire[at]].decode("latin-1").lower())
            at += 1 + wire[at]
        kind, = struct.unpack_from("!H", wire, at + 1)
        question = wire[12:at + 5]
        name, answers = ".".join(parts), []
        if name in ALIASES:
            answers.append((b"\xc0\x0c", CNAME, name_from(ALIASES[name])))
            name = ALIASES[name]
        owner = name_from(name)
        for text in HOSTS.get(name, ()):
            address = ipaddress.ip_address(text)
            if kind in ((A,) if address.version == 4 else (AAAA,)):
                answers.append((owner, A if address.version == 4 else AAAA, address.packed))
        rcode = 0 if name in HOSTS else 3
        reply = wire[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(answers), 0, 0) + question
        for owner, kind, data in answers:
            reply += owner + struct.pack("!HHIH", kind, 1, TTL, len(data)) + data
        return reply
