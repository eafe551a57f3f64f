"""Does a server keep to RFC 7766 and RFC 9210 over TCP, and do clients that do not take anything from the others?"""

import select
import socket
import struct
import time

from harness import ask
from subjects import LOCAL


def framed(message):
    return struct.pack("!H", len(message)) + message


def query(ident=1, name=LOCAL):
    return framed(ask.packet(name, ident=ident))


def connect(server, within=5.0):
    link = socket.create_connection(tuple(server), within)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def reply(link, within=5.0):
    """The id of the next reply; None if the connection ends or nothing comes."""
    try:
        wire = ask.stream_read(link, within)
    except OSError:
        return None
    return struct.unpack("!H", wire[:2])[0] if wire else None


def ids(link, count, within=5.0):
    found = set()
    while len(found) < count:
        one = reply(link, within)
        if one is None:
            break
        found.add(one)
    return found


def closed_within(link, seconds):
    """Seconds until the server closes the connection; None if it does not."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        ready, _, _ = select.select([link], [], [], 0.2)
        try:
            if ready and not link.recv(65536):
                return time.monotonic() - begin
        except OSError:
            return time.monotonic() - begin
    return None


def pieces(server, sizes, pause):
    with connect(server) as link:
        data, at = query(), 0
        for size in sizes:
            link.sendall(data[at:at + size])
            at += size
            time.sleep(pause)
        link.sendall(data[at:])
        return reply(link) == 1


def several(server, count, once):
    with connect(server) as link:
        if once:
            link.sendall(b"".join(query(n) for n in range(count)))
            return ids(link, count) == set(range(count))
        for n in range(count):
            link.sendall(query(n))
            if reply(link) != n:
                return False
        return True


def out_of_order(server):
    with connect(server) as link:
        link.sendall(query(1, "slow-1.test") + query(2))
        return (reply(link), reply(link)) == (2, 1)


def half_closed(server, name):
    with connect(server) as link:
        link.sendall(query(1, name))
        link.shutdown(socket.SHUT_WR)
        return reply(link) == 1


def after(server, garbage):
    """A query behind a message that is none is answered on the same connection."""
    with connect(server) as link:
        link.sendall(garbage + query(4711))
        for _ in range(3):
            found = reply(link, 2.0)
            if found in (4711, None):
                return found == 4711
        return False


def next_client(server, act):
    """After this connection another one is served."""
    with connect(server) as link:
        act(link)
        with connect(server) as other:
            other.sendall(query(9))
            return reply(other) == 9


def reset(link):
    link.sendall(query()[:7])
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def trickle(server):
    """A message of one byte a second is not waited for longer than 16 seconds."""
    with connect(server) as link:
        data = framed(b"\0" * 60)
        for at in range(16):
            try:
                link.send(data[at:at + 1])
            except OSError:
                return True
            if closed_within(link, 1.0) is not None:
                return True
        return False


def unread(server):
    """A client that sends queries and reads no reply is closed, or not read any more, within 20 seconds; others are served meanwhile."""
    with connect(server) as link:
        link.setblocking(False)
        data, sent, begin = query() * 200, 0, time.monotonic()
        stuck = None
        while time.monotonic() - begin < 20 and sent < 1 << 26:
            try:
                sent += link.send(data)
                stuck = None
            except BlockingIOError:
                stuck = stuck or time.monotonic()
                if time.monotonic() - stuck > 2:
                    break
                time.sleep(0.05)
            except OSError:
                break
        with connect(server) as other:
            other.sendall(query(9))
            return reply(other) == 9 and sent < 1 << 26


def only_garbage(server):
    """A client that sends only messages that are no queries is closed within 25 seconds."""
    with connect(server) as link:
        link.setblocking(False)
        begin = time.monotonic()
        while time.monotonic() - begin < 25:
            try:
                link.send(framed(b"x" * 40))
            except OSError:
                return True
            if closed_within(link, 0.5) is not None:
                return True
        return False


RESPONSE = framed(b"\x12\x34\x81\x80" + ask.packet(LOCAL)[4:])
PROBES = [
    ("one query", lambda s: pieces(s, [], 0)),
    ("byte by byte", lambda s: pieces(s, [1] * 24, 0.01)),
    ("the length in two pieces", lambda s: pieces(s, [1], 0.2)),
    ("the length, then the message", lambda s: pieces(s, [2], 0.2)),
    ("a cut within the header", lambda s: pieces(s, [9], 0.2)),
    ("ten queries in turn", lambda s: several(s, 10, False)),
    ("two queries at once", lambda s: several(s, 2, True)),
    ("100 queries at once", lambda s: several(s, 100, True)),
    ("1,000 queries at once", lambda s: several(s, 1000, True)),
    ("a quick answer does not wait for a slow one", out_of_order),
    ("the client shuts down its side, local answer", lambda s: half_closed(s, LOCAL)),
    ("the client shuts down its side, forwarded answer", lambda s: half_closed(s, "slow-2.test")),
    ("a query after a message of three bytes", lambda s: after(s, framed(b"abc"))),
    ("a query after 40 bytes of garbage", lambda s: after(s, framed(b"x" * 40))),
    ("a query after a response", lambda s: after(s, RESPONSE)),
    ("a query after 65,535 bytes of garbage", lambda s: after(s, framed(b"\x01" * 65535))),
    ("the next client after a length of zero", lambda s: next_client(s, lambda link: link.sendall(b"\0\0"))),
    ("the next client after a length without a message", lambda s: next_client(s, lambda link: link.sendall(b"\xff\xff"))),
    ("the next client after a reset", lambda s: next_client(s, reset)),
    ("a byte a second is not waited for", trickle),
    ("a client that does not read takes a bounded amount", unread),
    ("a client without queries is closed", only_garbage),
]


def probes(server):
    done = []
    for words, probe in PROBES:
        try:
            passed, seen = bool(probe(server)), ""
        except OSError as error:
            passed, seen = False, repr(error)
        done.append((words, passed, seen))
    return done


def beside_idle(server, count, within=30.0):
    """Seconds until a new TCP client has its answer, beside so many that are idle; None if it has none within the time."""
    idle = []
    try:
        for _ in range(count):
            try:
                link = socket.socket()
                link.settimeout(2.0)
                link.connect(tuple(server))
                idle.append(link)
            except OSError:
                link.close()
        begin = time.monotonic()
        while time.monotonic() - begin < within:
            try:
                with connect(server, within) as link:
                    link.sendall(query(5))
                    if reply(link, within) == 5:
                        return time.monotonic() - begin
            except OSError:
                time.sleep(0.05)
        return None
    finally:
        for link in idle:
            link.close()
