"""Does each way to see queries and messages work: JSON lines, the choice of queries that are logged, and dnstap with real readers?"""

import json
import os
import re
import shutil
import socket
import struct
import subprocess

import dns.flags
import dns.message

from harness import ask, net
from harness.lictor import Lictor, run
from harness.process import Process
from harness.runner import ONCE, Skip, test
from harness.upstream import Scripted, answer, echo


@test("log-format=json: each line is one object, whatever a client sends")
def _(ctx):
    lictor = Lictor(ctx, "--log-format=json", "--log-queries", "--host-record=rec.lan,10.0.0.1")
    wire = bytearray(ask.packet("xxxxxx.example"))
    wire[13:19] = b"\xff\n\x00\"\\%"
    with ask.connected(lictor.server, 2) as sock:
        sock.send(bytes(wire))
        sock.recv(2000)
    lictor.udp("rec.lan")
    lictor.until_logged(r"rec\.lan is 10\.0\.0\.1")
    lines = [json.loads(line) for line in lictor.process.log().splitlines()]
    assert all(set(line) == {"time", "level", "program", "pid", "text"} for line in lines), lines
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines), lines
    assert {line["pid"] for line in lines} == {lictor.process.pid} and {line["program"] for line in lines} == {"lictor"}
    assert {line["level"] for line in lines} <= {"info", "warning"}, lines
    assert any(line["text"].startswith("started, version") for line in lines), lines


@test("log-queries-only logs errors and slow queries, one line each, and nothing about others")
def _(ctx):
    slow = Scripted(ctx, lambda message, query: [(0.4, answer(message, "192.0.2.1"))], label="slow")
    quick = Scripted(ctx, echo, label="quick")
    lictor = Lictor(ctx, f"--server=/slow.example/{slow.option}", f"--server={quick.option}", "--server=/nobody.example/127.0.0.1#1",
                    "--log-queries-only=errors,slow/300", "--log-queries", "--forward-timeout=1000", "--host-record=rec.lan,10.0.0.1")
    lictor.udp("www.example", within=5)
    lictor.udp("rec.lan")
    lictor.udp("a.slow.example", within=5)
    lictor.udp("x.nobody.example", "AAAA", within=5)
    lictor.until_logged(r"query\[AAAA\] x\.nobody\.example from 127\.0\.0\.1 is SERVFAIL by lictor in [\d.]+ ms \(EDE: .*\): ", within=5)
    lines = [line for line in lictor.process.log().splitlines() if ".example" in line or "rec.lan" in line]
    slow_lines = [line for line in lines if "a.slow.example" in line]
    assert len(slow_lines) == 1, lines
    took = re.search(r"query\[A\] a\.slow\.example from 127\.0\.0\.1 is NOERROR by upstream in ([\d.]+) ms: 192\.0\.2\.1$", slow_lines[0])
    assert took and float(took[1]) >= 390, slow_lines
    assert sum("x.nobody.example" in line for line in lines) == 1, lines
    assert not any("rec.lan" in line for line in lines), lines


@test("log-queries-only=1/20 logs about one query of twenty, A and AAAA alike", variants=ONCE)
def _(ctx):
    lictor = Lictor(ctx, "--log-queries-only=1/20", "--host-record=rec.lan,10.0.0.1")
    with ask.connected(lictor.server, 5) as sock:
        for n in range(4000):
            sock.send(dns.message.make_query("rec.lan", ("A", "AAAA")[n % 2]).to_wire())
            sock.recv(2000)
    def counts():
        log = lictor.process.log()
        return [len(re.findall(rf"query\[{kind}\] rec\.lan from 127\.0\.0\.1 is NOERROR by local data at once", log)) for kind in ("A", "AAAA")]
    # 100 each, with a standard deviation of 10.
    lictor.process.until(lambda: all(50 < count < 150 for count in counts()), 5, "each type has about 100 lines")


@test("options for logs: errors name the option, the value and what is possible", variants=ONCE)
def _(ctx):
    for option, expected in (("--log-format=xml", "neither `text` nor `json`"), ("--log-queries-only=all", "1/N"), ("--log-queries-only=1/0", "1/N"),
                             ("--log-queries-only=slow/", "slow/MILLISECONDS"), ("--dnstap=tcp:1.2.3.4", "unix:PATH"), ("--dnstap=unix:x", "absolute"),
                             ("--dnstap=unix:/" + "x" * 107, "107 bytes")):
        code, out, err = run(ctx, "--test", option)
        assert code != 0 and expected in out + err and option[2:].split("=")[0] in out + err, f"{option}: {code} {out}{err}"


def tool(name, package):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed (Debian package {package})")
    return path


def dnstap_metrics(lictor):
    metrics = lictor.metrics()
    return tuple(int(metrics[f"lictor_dnstap_{name}"]) for name in ("messages_total", "dropped_total", "connected"))


@test("dnstap: a real fstrm_capture and dnstap-read get each message with its addresses, times and bytes")
def _(ctx):
    capture, reader = tool("fstrm_capture", "fstrm-bin"), tool("dnstap-read", "bind9-dnsutils")
    where, file = ctx.path("tap.sock"), ctx.path("tap.fstrm")
    upstream = Scripted(ctx, echo)
    os.chmod(ctx.folder, 0o777)
    lictor = Lictor(ctx, f"--server={upstream.option}", f"--dnstap=unix:{where}", "--host-record=rec.lan,10.0.0.1")
    lictor.until_logged(r"warn.*dnstap: no connection to .*tap\.sock: No such file or directory; start its reader")
    lictor.udp("early.example")
    lictor.process.until(lambda: dnstap_metrics(lictor)[:2] == (0, 4), 5, "the four messages without a reader are counted as dropped")
    tap = Process("fstrm_capture", [capture, "-t", "protobuf:dnstap.Dnstap", "-u", where, "-w", file], ctx.path("tap.log"))
    ctx.processes.append(tap)
    ctx.undo.callback(tap.kill)
    tap.until(lambda: os.path.exists(where), 10, "the socket is there")
    os.chmod(where, 0o666)
    lictor.until_logged(r"dnstap: connected", within=10)
    lictor.udp("www.example")
    lictor.tcp("rec.lan")
    lictor.process.until(lambda: dnstap_metrics(lictor) == (6, 4, 1), 5, "six messages are sent")
    lictor.stop()
    tap.stop()
    done = subprocess.run([reader, "-p", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if re.match(r"\d\d-\w{3}-\d{4} ", line)]
    found = [(line.split()[2], line.split()[6], line.rsplit(" ", 1)[-1]) for line in lines]
    kinds = [kind for kind, _, _ in found]
    assert kinds == ["CQ", "FQ", "FR", "CR", "CQ", "CR"], done.stdout
    assert [transport for _, transport, _ in found] == ["UDP"] * 4 + ["TCP"] * 2, done.stdout
    assert [name for _, _, name in found] == ["www.example/IN/A"] * 4 + ["rec.lan/IN/A"] * 2, done.stdout
    assert f"127.0.0.1:{lictor.server.port}" in lines[0] and f"127.0.0.1:{upstream.server.port}" in lines[1], done.stdout
    assert "192.0.2.99" in done.stdout, "the upstream's reply is whole"


def frame(kind, content=b"protobuf:dnstap.Dnstap"):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


def listen(ctx, name):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(ctx.path(name))
    os.chmod(ctx.path(name), 0o666)
    sock.listen(1)
    sock.settimeout(10)
    ctx.undo.callback(sock.close)
    return sock


@test("dnstap: a reader that does not read delays no answer and not the end; what it misses is counted")
def _(ctx):
    door = listen(ctx, "tap.sock")
    lictor = Lictor(ctx, f"--dnstap=unix:{ctx.path('tap.sock')}", "--txt-record=big.lan," + ",".join("x" * 250 for _ in range(4)))
    link, _ = door.accept()
    link.settimeout(10)
    assert link.recv(1000) == frame(4), "READY with the content type"
    link.sendall(frame(1))
    assert link.recv(1000, socket.MSG_PEEK)[:12] == frame(2)[:12], "START"
    lictor.process.until(lambda: dnstap_metrics(lictor)[2] == 1, 5, "connected")
    with ask.connected(lictor.server, 2) as sock:
        query = ask.packet("big.lan", 16)
        def full():
            for _n in range(500):
                sock.send(query)
                sock.recv(4000)
            return dnstap_metrics(lictor)[1] > 0
        lictor.process.until(full, 60, "the queue of 8 MiB is full, or the reader is given up", every=0)
    lictor.stop()  # within a second


@test("dnstap: a reader of another content type is refused, and lictor tries again", variants=ONCE)
def _(ctx):
    door = listen(ctx, "tap.sock")
    lictor = Lictor(ctx, f"--dnstap=unix:{ctx.path('tap.sock')}")
    link, _ = door.accept()
    link.recv(1000)
    link.sendall(frame(1, b"protobuf:other"))
    lictor.until_logged(r"it does not accept a stream of protobuf:dnstap\.Dnstap")
    again, _ = door.accept()
    again.settimeout(10)
    assert again.recv(1000) == frame(4)
    again.sendall(frame(1, b""))  # no list: any content
    assert again.recv(1000) == frame(2)
    lictor.process.until(lambda: dnstap_metrics(lictor)[2] == 1, 5, "connected")
    again.close()
    lictor.udp("x.example")
    lictor.until_logged(r"dnstap: no connection to .*: Broken pipe")
