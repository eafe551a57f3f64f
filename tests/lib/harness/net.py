"""Which ports and addresses may a test use, and how does it wait for a condition without a fixed sleep?"""

import collections
import os
import random
import socket
import time

import dns.exception

from .busy import busy


class Timeout(AssertionError):
    """A condition did not come true within its deadline."""


_taken = collections.deque()


def free_port(address="127.0.0.1", also_udp=True):
    """A port that is free for TCP and UDP on `address` now, below the ephemeral range, so that no client socket gets it first.

    Tests run in parallel: an abstract socket (unix(7)) marks each port that was given out, so that no other test gets the port
    before the caller has bound it.
    """
    for _ in range(2000):
        port = random.randrange(12000, 32000)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0lictor-test-port-{port}")
        except OSError:
            mark.close()
            continue
        if port_is_free(address, port, also_udp):
            _taken.append(mark)
            if len(_taken) > 100:
                _taken.popleft().close()
            return port
        mark.close()
    raise RuntimeError(f"no free port on {address}")


def port_is_free(address, port, also_udp=True):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kinds = [socket.SOCK_STREAM] + ([socket.SOCK_DGRAM] if also_udp else [])
    for kind in kinds:
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def loopback_net():
    """Three octets `127.x.y` of a random loopback network."""
    return f"127.{random.randrange(16, 250)}.{random.randrange(0, 250)}"


def allowed(seconds):
    """A limit for what takes less than `seconds` on an idle machine."""
    return seconds * busy()


def until(condition, within, what, every=0.02, alive=None):
    """Polls `condition` until its value is true, and returns that; for `within` seconds, and on a busy machine so much longer as it is busy.
    `alive` is called each round and may raise."""
    begin = time.monotonic()
    last_error = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last_error = None
        except (OSError, ValueError, EOFError, dns.exception.DNSException) as error:
            last_error = error
        if alive:
            alive()
        if time.monotonic() - begin > within and time.monotonic() - begin > allowed(within):
            because = f" (last error: {last_error})" if last_error else ""
            raise Timeout(f"not within {time.monotonic() - begin:.1f} s ({within:g} on an idle machine): {what}{because}")
        time.sleep(every)


def steadily(condition, during, what, every=0.02):
    """Fails unless `condition` is true for the whole time."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not hold for {during:g} s: {what}")
        time.sleep(every)


def as_root():
    return os.geteuid() == 0
