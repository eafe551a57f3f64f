"""Which faults does the soak make, and how long is lictor cut off from Consul by each? One table."""

import collections
import http.client
import os
import random
import signal
import socket
import time

from harness import ask, disks, faults, mutate

from upstream import LYING, PLAIN, SILENT, SLOW

Stroke = collections.namedtuple("Stroke", "name blind run")
Stroke.__doc__ = """`run(stage)` makes the fault and ends it. `blind`: lictor may not hear of changes in Consul from the begin to the end."""

LASTS = 2.5             # seconds of a fault that does not end by itself


def _wait(stage, seconds=LASTS):
    """The load and the changes in Consul go on."""
    stage.go_on(seconds)


def _agent_away(leave, come):
    """Nothing is changed in Consul until the agent answers again; the load goes on."""
    def run(stage):
        stage.quiet = True
        leave(stage.agent)
        try:
            _wait(stage)
        finally:
            come(stage.agent)
        _back(stage)
        stage.quiet = False
    return run


def _back(stage):
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        stage.go_on(0.1)
        try:
            if stage.agent.api.get("/v1/status/leader") and stage.agent.api.get("/v1/catalog/node/moving"):
                return
        except (OSError, ValueError):
            pass
    raise AssertionError("the agent does not come back")


def _consul_fault(group):
    rows = [row for row in faults.FAULTS if row.group == group]

    def run(stage):
        row = stage.random.choice(rows)
        stage.detail = row.name
        stage.relay.hold()
        stage.faulty.begin(row)
        _wait(stage)
        stage.faulty.end()
        stage.relay.release()
    return run


def _upstreams(mode, which=(0, 1)):
    def run(stage):
        for number in which:
            stage.upstreams[number].mode(mode)
        _wait(stage)
        for number in which:
            stage.upstreams[number].mode(PLAIN)
    return run


def _upstreams_killed(stage):
    for upstream in stage.upstreams:
        upstream.kill()
    _wait(stage)
    for upstream in stage.upstreams:
        upstream.start()


def _upstream_paused(stage):
    stage.upstreams[0].pause()
    _wait(stage)
    stage.upstreams[0].resume()


def _hup_storm(stage):
    for _ in range(50):
        stage.lictor.hup()
        _wait(stage, LASTS / 50)


def _leader_moves(stage):
    for _ in range(4):
        stage.world.depose()
        _wait(stage, 0.2)
        stage.world.promote()
        _wait(stage, 0.4)


def _service_changes(stage):
    for _ in range(30):
        stage.world.change()
        stage.load.ask_for(stage.world.reverse_names())
        _wait(stage, LASTS / 30)


def _network_garbage(stage):
    rng = random.Random(stage.random.random())
    end = time.monotonic() + LASTS
    with ask.connected(stage.lictor.server, 0) as sock:
        while time.monotonic() < end:
            for _ in range(100):
                try:
                    sock.send(mutate.noise(rng))
                except OSError:
                    pass
            for _ in range(5):
                with socket.socket() as link:
                    try:
                        link.settimeout(0.2)
                        link.connect(tuple(stage.lictor.server))
                        link.sendall(mutate.noise(rng) + mutate.noise(rng))
                    except OSError:
                        pass
            _wait(stage, 0.05)


def _idle_flood(port_of, first_bytes):
    def run(stage):
        links = []
        for number in range(500):
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(("127.0.0.1", port_of(stage)))
            links.append(link)
            if number % 50 == 0:
                _wait(stage, 0.02)
        for link in links:
            try:
                link.send(first_bytes)
            except OSError:
                pass
        _wait(stage)
        for link in links:
            link.close()
    return run


def _disk_full(stage):
    """Neither the log nor the snapshot can be written."""
    filled = disks.fill(stage.disk)
    stage.lictor.process.signal(signal.SIGUSR1)     # many lines for the log
    _wait(stage)
    os.unlink(filled)


def _flushes(stage):
    for _ in range(20):
        link = http.client.HTTPConnection("127.0.0.1", stage.lictor.stats_port, timeout=3)
        try:
            link.request("POST", "/flush", headers={"X-Lictor": "1"})
            link.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            link.close()
        _wait(stage, LASTS / 20)


def _log_rotation(stage):
    log = os.path.join(stage.disk, "lictor.log")
    for _ in range(5):
        if os.path.exists(log):
            os.replace(log, log + ".1")
        stage.lictor.process.signal(signal.SIGUSR2)
        _wait(stage, LASTS / 5)


def table(with_disk):
    rows = [
        Stroke("agent stopped", True, _agent_away(lambda agent: agent.stop(), lambda agent: agent.start())),
        Stroke("agent killed", True, _agent_away(lambda agent: agent.kill(), lambda agent: agent.start())),
        Stroke("agent paused", True, _agent_away(lambda agent: agent.pause(), lambda agent: agent.resume())),
        *(Stroke(f"Consul's replies: {group}", True, _consul_fault(group)) for group in faults.groups()),
        Stroke("upstreams killed", False, _upstreams_killed),
        Stroke("first upstream paused", False, _upstream_paused),
        Stroke("upstreams silent", False, _upstreams(SILENT)),
        Stroke("upstreams slow", False, _upstreams(SLOW)),
        Stroke("upstreams lie", False, _upstreams(LYING)),
        Stroke("first upstream silent, second lies", False, lambda stage: (stage.upstreams[0].mode(SILENT), _upstreams(LYING, (1,))(stage),
                                                                          stage.upstreams[0].mode(PLAIN))),
        Stroke("HUP storm", False, _hup_storm),
        Stroke("leader moved four times", False, _leader_moves),
        Stroke("service changed 30 times", False, _service_changes),
        Stroke("network garbage", False, _network_garbage),
        Stroke("500 idle TCP clients", False, _idle_flood(lambda stage: stage.lictor.server.port, b"\0")),
        Stroke("500 idle HTTP clients", False, _idle_flood(lambda stage: stage.lictor.stats_port, b"G")),
        Stroke("flushes", False, _flushes),
    ]
    if with_disk:
        rows += [Stroke("disk full", False, _disk_full), Stroke("log rotated", False, _log_rotation)]
    return rows
