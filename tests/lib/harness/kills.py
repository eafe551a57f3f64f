"""Is the snapshot file whole after any kill? lictor is killed again and again, most often while it writes the file at its end."""

import collections
import os
import signal
import time

from . import ask, consul
from .lictor import Lictor

SERVICES, INSTANCES = 60, 10    # a file of some hundred kB: writing it takes some milliseconds
BEFORE_READY = 5                # one kill of so many comes between the start and the first answers


def checksum(body):
    """FNV-1a, as watch/catalog/snapshot.cpp computes it."""
    found = 0xcbf29ce484222325
    for byte in body:
        found = (found ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{found:016x}"


def is_whole(path):
    """True if the file's first line fits its content."""
    with open(path, "rb") as file:
        head, _, body = file.read().partition(b"\n")
    words = head.decode().split()
    return words[0] == "lictor-snapshot" and int(words[2]) == len(body) and words[3] == checksum(body)


def through_kills(ctx, number):
    """Returns a sentence; fails if the file was not whole after a kill, or was not used at the next start."""
    agent = consul.dev_agent(ctx, name="kills", limits={"http_max_conns_per_client": 4000})
    for service in range(SERVICES):
        for n in range(INSTANCES):
            agent.api.register(f"k{n}", f"10.8.0.{n + 1}", {"Service": f"s{service}", "ID": f"s{service}", "Port": 80,
                                                            "Address": f"10.9.{service}.{n + 1}"})
    folder = ctx.path("kills")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "snapshot")
    conf = "".join(f"consul-watch=s{service}\n" for service in range(SERVICES)) + f"snapshot-file={path}\nconsul-dns=\n"
    lictor = Lictor(ctx, conf=conf, consul=agent.api.url, name="killed", start=False)
    takes, seen = None, collections.Counter()
    for turn in range(number):
        if os.path.exists(lictor.log_path):
            os.unlink(lictor.log_path)
        lictor.start(wait=False)
        early = bool(takes) and turn % BEFORE_READY == 0
        if early:
            time.sleep(ctx.random.uniform(0, 0.05))     # the moment of the kill is what varies
            seen["before it was ready"] += 1
        else:
            lictor.wait_ready()
            log = lictor.process.log()
            assert "it is ignored" not in log, f"kill {turn}: {log}"
            assert takes is None or "snapshot of " in log, f"kill {turn}: the snapshot was not used\n{log}"
            if os.path.exists(path + ".new"):
                os.unlink(path + ".new")    # of an earlier kill; this start was not hindered by it
            begin = time.monotonic()
            lictor.process.signal(signal.SIGTERM)
            if takes is None:
                assert lictor.process.wait(10) == 0, lictor.process.tail()
                takes = time.monotonic() - begin        # a whole end, with the file written
            else:
                time.sleep(ctx.random.uniform(0, takes))
        before = os.stat(path).st_ino if os.path.exists(path) else None
        lictor.kill()
        ctx.processes.remove(lictor.process)
        fresh = os.path.exists(path + ".new")
        seen["while the new file was written" if fresh and not early else "before or after"] += 1
        seen["replaced"] += before != os.stat(path).st_ino
        if turn % 10 == 0 or fresh:
            assert is_whole(path), f"kill {turn}: the file is damaged"
    agent.kill()
    lictor.start()
    for service in range(0, SERVICES, 7):
        # Over UDP the agent's limit of three addresses applies.
        found = ask.addresses(lictor.tcp(f"s{service}.service.consul", within=8))
        assert found == sorted(f"10.9.{service}.{n + 1}" for n in range(INSTANCES)), f"s{service}: {found}"
    lictor.stop()
    written = seen["while the new file was written"]
    assert written or number < 30, f"no kill of {number} came while the file was written"
    return (f"{number} kills, {written} of them while the new file was written and {seen['before it was ready']} before the first answers: the file of "
            f"{os.stat(path).st_size // 1000} kB was whole each time, and was used at each next start")
