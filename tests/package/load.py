"""Sends queries at a fixed rate and counts what is lost. Runs inside a container, with the standard library alone.

usage: load.py RATE STOP-FILE NAME...

It sends to 127.0.0.1:53 until STOP-FILE exists, then waits five seconds for the last replies, and prints one line, a dict: sent, answered, lost,
failed (a response code that is not 0, or no answer record), and the longest time to a reply in milliseconds.
"""

import collections
import os
import select
import socket
import struct
import sys
import time

SOCKETS = 8
PATIENCE = 5.0


def query(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def main():
    rate, stop, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    sockets = []
    for _ in range(SOCKETS):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.setblocking(False)
        one.connect(("127.0.0.1", 53))
        sockets.append(one)
    open_queries, failed, refused = {}, collections.Counter(), 0
    sent = answered = 0
    longest = 0.0
    begun = time.monotonic()
    ended = None

    def receive():
        nonlocal answered, longest
        for index, one in enumerate(sockets):
            while True:
                try:
                    reply = one.recv(4096)
                except OSError:
                    break
                number, flags, _, answers = struct.unpack("!HHHH", reply[:8])
                at, name = open_queries.pop((index, number), (None, None))
                if at is None:
                    continue
                answered += 1
                longest = max(longest, time.monotonic() - at)
                if flags & 15 or not answers:
                    failed[f"{name} rcode {flags & 15}"] += 1

    while ended is None or (open_queries and time.monotonic() < ended + PATIENCE):
        now = time.monotonic()
        if ended is None and os.path.exists(stop):
            ended = now
        while ended is None and sent < (now - begun) * rate:
            index, number = sent % SOCKETS, sent // SOCKETS % 65536
            name = names[sent % len(names)]
            try:
                sockets[index].send(query(name, number))
                open_queries[index, number] = (now, name)
            except ConnectionRefusedError:      # an ICMP error of an earlier query: nobody is bound to the port
                refused += 1
                sockets[index].send(query(name, number))
                open_queries[index, number] = (now, name)
            sent += 1
        select.select(sockets, [], [], 0.001)
        receive()
    receive()
    print(repr({"sent": sent, "answered": answered, "lost": len(open_queries), "refused": refused, "failed": dict(failed),
                      "longest_ms": round(longest * 1000), "seconds": round((ended or time.monotonic()) - begun, 1)}), flush=True)


main()
