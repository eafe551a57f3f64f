"""Does lictor serve sockets that a service manager has bound (LISTEN_FDS), lose nothing over a restart, and report to systemd?"""

import os
import signal
import socket
import struct
import sys
import threading
import time

import dns.message

from harness import ask, net
from harness.lictor import SANITIZER_ENVIRONMENT, Lictor, binary
from harness.process import Process
from harness.runner import ONCE, TIMED, test

SO_RCVBUFFORCE = 33     # socket(7); the module socket does not have it

# Moves the descriptors to 3 and on, as systemd does, and becomes the program.
LAUNCH = """
import fcntl, os, sys
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for at, fd in enumerate(given):
    os.dup2(fd, 3 + at)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid() + int(sys.argv[2])), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES="lictor.socket")
os.execv(sys.argv[3], sys.argv[3:])
"""


def bound(kind, address="127.0.0.1", port=0, family=socket.AF_INET):
    one = socket.socket(family, kind)
    if kind == socket.SOCK_STREAM:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    if kind == socket.SOCK_STREAM:
        one.listen(100)
    one.set_inheritable(True)
    return one


def pair(ctx):
    """A UDP and a TCP socket of one free port."""
    port = net.free_port()
    sockets = bound(socket.SOCK_DGRAM, port=port), bound(socket.SOCK_STREAM, port=port)
    for one in sockets:
        ctx.undo.callback(one.close)
    return port, sockets


def handed(ctx, sockets, *options, name="handed", other_process=0, env=None):
    """lictor, started with these sockets."""
    descriptors = ",".join(str(one.fileno()) for one in sockets)
    conf = ctx.file(f"{name}.conf", "no-resolv\nno-hosts\nconsul-http-addr=\nstats-address=\nkeep-in-foreground\naddress=/one.lan/10.0.0.1\n")
    command = [sys.executable, "-c", LAUNCH, descriptors, str(other_process), binary(ctx.variant.build), f"--conf-file={conf}", *options]
    process = Process(name, command, ctx.path(f"{name}.log"), env=dict(SANITIZER_ENVIRONMENT, **(env or {})), pass_fds=[one.fileno() for one in sockets])
    ctx.processes.append(process)
    ctx.undo.callback(process.stop)
    return process


def drops(*ports):
    """Datagrams that the kernel dropped at the UDP sockets of these ports (udp(7), /proc/net/udp)."""
    with open("/proc/net/udp") as table:
        rows = [line.split() for line in table][1:]
    return {port: [int(row[12]) for row in rows if row[1].endswith(f":{port:04X}")] for port in ports}


def answers(server, within=0.5, over=ask.udp):
    try:
        return ask.addresses(over(server, "one.lan", within=within)) == ["10.0.0.1"]
    except (ask.SILENCE, OSError):
        return False


@test("sockets that are handed over are served, also by four workers, also if no option names them", ONCE)
def _(ctx):
    for threads in (1, 4):
        port, sockets = pair(ctx)
        sockets[0].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        server, own = ask.Server("127.0.0.1", port), ask.Server("127.0.0.1", net.free_port())
        lictor = handed(ctx, sockets, f"--threads={threads}", f"--port={own.port}", "--listen-address=127.0.0.1", name=f"threads{threads}")
        lictor.until(lambda: answers(server) and answers(own), 10, "it answers on the socket and on its own address")
        assert all(answers(server, 5) and answers(server, 5, ask.tcp) for _ in range(50))
        assert sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 32 << 20, "a buffer larger than lictor's own was made smaller"
        # A reload with another address keeps the handed sockets.
        with open(ctx.path(f"threads{threads}.conf"), "a") as file:
            file.write("address=/two.lan/10.0.0.2\n")
        lictor.signal(signal.SIGHUP)
        lictor.until(lambda: ask.addresses(ask.udp(server, "two.lan")) == ["10.0.0.2"], 10, "the reload is done")
        assert answers(server, 5, ask.tcp) and answers(own, 5)
        assert lictor.stop() is not None and lictor.exit_code == 0, lictor.tail()


@test("queries that arrive while lictor restarts are answered by the next one", TIMED)
def _(ctx):
    port, sockets = pair(ctx)
    sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server = ask.Server("127.0.0.1", port)
    asked, stop = {}, threading.Event()
    answered, wrong, client = set(), [], socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    client.connect(("127.0.0.1", port))
    client_port = client.getsockname()[1]
    stops, starts = [], []      # numbers of queries
    wire = dns.message.make_query("one.lan", "A").to_wire()

    def send():
        begun = time.monotonic()
        while not stop.is_set():
            # The queue of a socket whose owner has no CAP_NET_ADMIN holds 270 small queries (net.core.rmem_max); a slow restart must not fill it.
            while len(asked) < min(65535, (time.monotonic() - begun) * 2000) and len(asked) - len(answered) < 200:
                client.send(struct.pack("!H", len(asked)) + wire[2:])
                asked[len(asked)] = True
            time.sleep(0.002)

    def receive():
        client.settimeout(0.2)
        while not (all_sent.is_set() and len(answered) == len(asked)) and not late.is_set():
            try:
                reply = client.recv(4096)
            except OSError:
                continue
            if reply[3] & 15 == 0 and reply[6:8] == b"\0\1":
                answered.add(struct.unpack("!H", reply[:2])[0])
            else:
                wrong.append(reply.hex())
    all_sent, late = threading.Event(), threading.Event()
    lictor = handed(ctx, sockets, f"--port={port}", name="first")
    lictor.until(lambda: answers(server), 10, "it answers")
    threads = [threading.Thread(target=work) for work in (send, receive)]
    for one in threads:
        one.start()
    try:
        for turn in range(5):
            before = len(asked)
            net.until(lambda: len(asked) > before + 500, 30, "queries are sent")
            stops.append(len(asked))
            assert lictor.stop() is not None, lictor.tail()
            net.until(lambda: len(asked) - len(answered) >= 150, 30, "queries wait in the socket")
            starts.append(len(asked))
            lictor = handed(ctx, sockets, f"--port={port}", name=f"turn{turn}")
        lictor.until(lambda: answers(server, 5), 10, "it answers")
    finally:
        stop.set()
        threads[0].join()
        all_sent.set()
        threads[1].join(5)
        late.set()
        threads[1].join()
        ctx.undo.callback(client.close)
    lost = [number for number in asked if number not in answered]
    assert not lost, (f"{len(lost)} of {len(asked)} queries are lost: {lost}; stopped after {stops}, started again after {starts}; "
                      f"other replies: {wrong[:3]}; drops of the sockets: {drops(port, client_port)}")
    ctx.note(f"5 restarts, {len(asked)} queries, none lost")


@test("sockets that lictor cannot serve end the start with a remedy; those of another process are ignored", ONCE)
def _(ctx):
    port, (udp, tcp) = pair(ctx)
    path = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ctx.undo.callback(path.close)
    path.bind(ctx.path("socket"))
    both = bound(socket.SOCK_DGRAM, "::", net.free_port("::"), socket.AF_INET6)
    ctx.undo.callback(both.close)
    for number, (sockets, text) in enumerate((([udp], f"write one ListenStream=127.0.0.1:{port}"), ([tcp], f"write one ListenDatagram=127.0.0.1:{port}"),
                                              ([udp, udp, tcp], "2 sockets for"), ([path], "is no UDP or TCP socket"),
                                              ([both], "BindIPv6Only=ipv6-only"))):
        lictor = handed(ctx, sockets, name=f"wrong{number}")
        assert lictor.wait(10) == 2, f"{text}: exit {lictor.exit_code}\n{lictor.tail()}"
        assert text in lictor.log(), f"{text}\n{lictor.log()}"
    lictor = handed(ctx, (udp, tcp), f"--port={net.free_port()}", name="other", other_process=1)
    lictor.until(lambda: "listening on" in lictor.log(), 10, "it starts")
    assert f"127.0.0.1#{port}" not in lictor.log() and not answers(ask.Server("127.0.0.1", port), 0.3), lictor.log()


@test("an address that systemd's sockets prevent is reported with the remedy", ONCE)
def _(ctx):
    port, sockets = pair(ctx)
    lictor = handed(ctx, sockets, f"--port={port}", "--listen-address=0.0.0.0", name="wildcard")
    assert lictor.wait(10) == 2, f"exit {lictor.exit_code}\n{lictor.tail()}"
    assert "systemctl disable --now lictor.socket" in lictor.log(), lictor.log()


@test("systemd learns of reloads, and gets keep-alive messages while the workers run", ONCE)
def _(ctx):
    os.chmod(ctx.folder, 0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(ctx.path("notify"))
        os.chmod(ctx.path("notify"), 0o777)
        systemd.settimeout(10)

        def next_but_alive():
            while True:
                message = systemd.recv(1000)
                if message != b"WATCHDOG=1":
                    return message
        lictor = Lictor(ctx, env={"NOTIFY_SOCKET": ctx.path("notify"), "WATCHDOG_USEC": "2000000"})
        assert next_but_alive() == b"READY=1"
        for _ in range(4):
            assert systemd.recv(1000) == b"WATCHDOG=1"
        before = time.monotonic_ns() // 1000
        lictor.process.signal(signal.SIGHUP)
        first, stamp = next_but_alive().split(b"\n")
        assert first == b"RELOADING=1" and before <= int(stamp.removeprefix(b"MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        assert next_but_alive() == b"READY=1\nSTATUS="
        with open(lictor.conf, "w") as file:
            file.write("prt=5\n")
        lictor.process.signal(signal.SIGHUP)
        assert next_but_alive().startswith(b"RELOADING=1")
        assert next_but_alive() == b"READY=1\nSTATUS=the last reload was refused: see the log"
        lictor.stop()
    # Without an interval, or with another process's, nothing is sent.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(ctx.path("silent"))
        os.chmod(ctx.path("silent"), 0o777)
        systemd.settimeout(10)
        lictor = Lictor(ctx, env={"NOTIFY_SOCKET": ctx.path("silent"), "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}, name="silent")
        assert systemd.recv(100) == b"READY=1"
        lictor.stop()
        assert systemd.recv(100) == b"STOPPING=1"
