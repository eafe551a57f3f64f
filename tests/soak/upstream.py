"""Which upstreams does the soak have? Processes that answer names of soak.test over UDP and TCP, and can be slow, silent or lie.

The answer is a function of the name. A lying upstream sends what must be ignored before the answer: another id, another question, a cut
reply, a pointer to itself, another opcode; and the answer with records of other names.
"""

import multiprocessing
import os
import select
import signal
import socket
import struct
import time

from harness import ask, net
from harness.process import die_with_parent

from load import address_of, fork

PLAIN, SLOW, LYING, SILENT = range(4)
SLOW_BY = 0.9       # seconds
TTL = 20
LIE = socket.inet_aton("203.0.113.66")


def _answer(wire):
    """(the right reply, its question section)"""
    end = ask._skip_name(wire, 12) + 4
    question = wire[12:end]
    label = wire[13:13 + wire[12]].lower()
    header = wire[:2] + struct.pack("!H", 0x8180 | struct.unpack("!H", wire[2:4])[0] & 0x0100)
    if question[-4:] == b"\0\x01\0\x01" and label[:1] == b"n" and label[1:].isdigit():
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, TTL, 4) + socket.inet_aton(address_of(int(label[1:])))
        return header + struct.pack("!HHHH", 1, 1, 0, 0) + question + record, question
    return header + struct.pack("!HHHH", 1, 0, 0, 0) + question, question


def _replies(wire, mode):
    reply, question = _answer(wire)
    if mode != LYING:
        return [reply]
    lie = reply[:-4] + LIE
    other = b"\x05other" + question
    foreign = b"\x03www\x04bank\x07example\0" + struct.pack("!HHIH", 1, 1, 3600, 4) + LIE
    return [bytes((lie[0] ^ 1,)) + lie[1:], lie[:12] + other + lie[12 + len(question):], lie[:-6], lie[:12] + b"\xc0\x0c" + question[-4:] + lie[12 + len(question):],
            lie[:2] + bytes((lie[2] | 0x10,)) + lie[3:], reply[:6] + struct.pack("!H", reply[7] + 1) + reply[8:] + foreign]


class Upstream:
    def __init__(self, ctx, label):
        self.server, self._label = ask.Server("127.0.0.1", net.free_port()), label
        self._mode = multiprocessing.Value("i", PLAIN)
        self._child = None
        self.start()
        ctx.undo.callback(self.kill)

    @property
    def option(self):
        return f"{self.server.address}#{self.server.port}"

    def mode(self, mode):
        self._mode.value = mode

    def start(self):
        self._child = fork.Process(target=self._serve, daemon=True)
        self._child.start()
        net.until(lambda: socket.create_connection(tuple(self.server), 0.5).close() or True, 10, f"{self._label} listens")

    def kill(self):
        if self._child.is_alive():
            self._child.kill()
        self._child.join(5)

    def pause(self):
        os.kill(self._child.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._child.pid, signal.SIGCONT)

    def _serve(self):
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind(tuple(self.server))
        tcp.bind(tuple(self.server))
        tcp.listen(256)
        later, links = [], {}
        while True:
            wait = max(0.0, later[0][0] - time.monotonic()) if later else 1.0
            ready, _, _ = select.select([udp, tcp, *links], [], [], wait)
            for sock in ready:
                if sock is tcp:
                    links[tcp.accept()[0]] = b""
                elif sock is udp:
                    wire, peer = udp.recvfrom(65535)
                    self._one(wire, lambda data, to=peer: udp.sendto(data, to), later)
                else:
                    self._stream(sock, links, later)
            while later and later[0][0] <= time.monotonic():
                _when, send, data = later.pop(0)
                try:
                    send(data)
                except OSError:
                    pass

    def _stream(self, link, links, later):
        try:
            data = link.recv(65535)
        except OSError:
            data = b""
        if not data:
            del links[link]
            link.close()
            return
        links[link] += data
        while len(links[link]) >= 2 and len(links[link]) >= 2 + int.from_bytes(links[link][:2], "big"):
            size = int.from_bytes(links[link][:2], "big")
            wire, links[link] = links[link][2:2 + size], links[link][2 + size:]
            self._one(wire, lambda reply, to=link: to.sendall(struct.pack("!H", len(reply)) + reply), later)

    def _one(self, wire, send, later):
        mode = self._mode.value
        if mode == SILENT or len(wire) < 17:
            return
        for reply in _replies(wire, mode):
            if mode == SLOW:
                later.append((time.monotonic() + SLOW_BY, send, reply))
                continue
            try:
                send(reply)
            except OSError:
                pass
