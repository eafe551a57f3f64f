"""Does the statistics port report correct values, in formats that tools accept, and only to permitted clients?"""

import http.client
import json
import re
import shutil
import socket
import subprocess
import time

from harness import ask, consul, namespace
from harness.lictor import Lictor, run
from harness.patroni import Patroni
from harness.runner import ONCE, Skip, test
from harness.upstream import Scripted, echo


def agent_of(shared):
    agent = consul.dev_agent(shared)
    for n in range(3):
        agent.api.register(f"web{n}", f"10.9.0.{n + 1}", {"Service": "web", "Port": 80})
    return agent


def start(ctx, *options):
    agent = ctx.shared("agent", agent_of)
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--host-record=rec.lan,10.0.0.1", *options, consul=agent.api.url)
    return lictor, upstream


def numbers(thing, path=""):
    """All numbers of a JSON value with their paths."""
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(thing, list):
        for n, value in enumerate(thing):
            yield from numbers(value, f"{path}[{n}]")
    elif isinstance(thing, (int, float)) and not isinstance(thing, bool):
        yield path, thing


@test("/stats is JSON, and its counters match the queries")
def _(ctx):
    lictor, _upstream = start(ctx)
    before = dict(numbers(lictor.json("/stats")))
    for n in range(50):
        lictor.udp("rec.lan")
        lictor.udp("web.service.consul")
        lictor.udp("same.example")
    for n in range(5):
        lictor.tcp("rec.lan")
    status, headers, text = lictor.http("/stats")
    assert status == 200 and "json" in headers["Content-Type"], headers
    after = dict(numbers(json.loads(text)))
    grown = {path: after[path] - before.get(path, 0) for path in after}
    assert any(150 <= value <= 165 for value in grown.values()), f"no number grew by the 155 queries: {grown}"
    assert not any(value < 0 for path, value in after.items()), {p: v for p, v in after.items() if v < 0}


@test("/metrics: promtool accepts it, and its counters match the queries")
def _(ctx):
    lictor, _upstream = start(ctx)
    for n in range(20):
        lictor.udp(f"n{n}.example")
        lictor.udp("web.service.consul")
    metrics = lictor.metrics()
    assert metrics['lictor_queries_total{transport="udp"}'] >= 40, metrics
    assert metrics["lictor_forwarded_total"] >= 20
    status, headers, text = lictor.http("/metrics")
    assert headers["Content-Type"].startswith("text/plain"), headers["Content-Type"]
    promtool = shutil.which("promtool")
    if not promtool:
        raise Skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr.strip(), done.stderr


@test("/health, /ready, /leaders, /services, and 404 for unknown paths")
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor, _upstream = start(ctx, "--leader=pglab,namespace=/digitalis.io/")
    lictor.resolve("web.service.consul")
    lictor.resolve("warm.example")
    lictor.wait_ready()
    assert lictor.http("/health")[0] == 200
    lictor.process.until(lambda: "10.77.0.1" in json.dumps(lictor.json("/leaders")), 3, "/leaders shows the leader")
    leaders = json.dumps(lictor.json("/leaders"))
    assert "pglab" in leaders and "patroni01" in leaders, leaders
    services = json.dumps(lictor.json("/services"))
    assert '"web"' in services, services
    assert lictor.http("/nothing-here")[0] == 404
    assert lictor.http("/stats", method="DELETE")[0] in (404, 405)


@test("/ready is not 200 before Consul has answered; DNS is still served")
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", "--leader=pglab", consul="http://127.0.0.1:1")
    assert lictor.resolve("a.example") == ["192.0.2.99"]
    assert lictor.http("/health")[0] == 200
    assert lictor.http("/ready")[0] == 503, lictor.http("/ready")


@test("POST /flush empties the cache, only with its header")
def _(ctx):
    lictor, upstream = start(ctx)
    for _ in range(40):  # each worker has its own cache; a query from a new port may reach any of them
        lictor.udp("cached.example")
    before = upstream.count("cached.example")
    for method, headers in (("POST", {}), ("GET", {"X-Lictor": "1"}), ("POST", {"X-Lictor": "0"})):
        status = lictor.http("/flush", method=method, headers=headers)[0]
        assert 400 <= status < 500, f"{method} {headers}: {status}"
    for _ in range(10):
        lictor.udp("cached.example")
    assert upstream.count("cached.example") == before, "flushed without the header"
    status = lictor.http("/flush", method="POST", headers={"X-Lictor": "1"})[0]
    assert status in (200, 204), status
    lictor.process.until(lambda: lictor.udp("cached.example") and upstream.count("cached.example") > before, 2, "queried again")
    assert sorted(lictor.resolve("web.service.consul")) == ["10.9.0.1", "10.9.0.2", "10.9.0.3"], "Consul's data must not be flushed"


@test("an unknown Host header is refused, stats-host permits one")
def _(ctx):
    lictor, _upstream = start(ctx, "--stats-host=monitor.example")
    for host, fine in ((f"127.0.0.1:{lictor.stats_port}", True), (f"localhost:{lictor.stats_port}", True), ("127.0.0.1", True),
                       ("[::1]", True), ("evil.example", False), (f"evil.example:{lictor.stats_port}", False),
                       ("127.0.0.1.evil.example", False), ("monitor.example", True), (f"monitor.example:{lictor.stats_port}", True)):
        status = lictor.http("/stats", headers={"Host": host})[0]
        assert (status == 200) == fine, f"Host {host}: {status}"
        if not fine:
            assert 400 <= status < 500, status
    status = lictor.http("/flush", method="POST", headers={"X-Lictor": "1", "Host": "evil.example"})[0]
    assert 400 <= status < 500


@test("the sub-commands stats, leaders, health and flush query a running lictor; without one they report that and fail")
def _(ctx):
    lictor, upstream = start(ctx)
    where = f"--stats-address=127.0.0.1:{lictor.stats_port}"
    lictor.udp("cached.example")
    for command, holds in (("stats", r"\d"), ("leaders", r""), ("health", r"")):
        code, out, err = run(ctx, command, where)
        assert code == 0 and re.search(holds, out), f"lictor {command}: exit {code}\n{out}{err}"
    before = upstream.count("cached.example")
    code, out, err = run(ctx, "flush", where)
    assert code == 0, f"exit {code}\n{out}{err}"
    lictor.process.until(lambda: lictor.udp("cached.example") and upstream.count("cached.example") > before, 2, "queried again")
    for command in ("stats", "health", "leaders", "flush"):
        code, out, err = run(ctx, command, "--stats-address=127.0.0.1:1")
        assert code != 0 and "127.0.0.1:1" in out + err, f"lictor {command}: exit {code}\n{out}{err}"


@test("over a unix socket")
def _(ctx):
    path = ctx.path("stats.sock")
    lictor = Lictor(ctx, f"--stats-address=unix://{path}", "--host-record=rec.lan,10.0.0.1", stats=False)
    assert lictor.resolve("rec.lan") == ["10.0.0.1"]
    code, out, err = run(ctx, "stats", f"--stats-address=unix://{path}")
    assert code == 0 and re.search(r"\d", out), f"exit {code}\n{out}{err}"


@test("slow clients of the statistics port do not delay answers", ONCE)
def _(ctx):
    lictor, _upstream = start(ctx)
    slow = []
    for n in range(40):
        sock = socket.create_connection(("127.0.0.1", lictor.stats_port))
        sock.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"\r\n" if n % 2 else b"X-Slow: "))
        slow.append(sock)
    slowest = 0.0
    for _ in range(200):
        begin = time.monotonic()
        assert lictor.resolve("rec.lan") == ["10.0.0.1"]
        slowest = max(slowest, time.monotonic() - begin)
    for sock in slow:
        sock.close()
    assert slowest < 0.1, f"slowest answer {slowest * 1000:.0f} ms"
    assert ask.resolve(lictor.server, "rec.lan") == ["10.0.0.1"]


@test("on a network address the machine's own names are accepted, and a refused Host is logged once", ONCE, namespace=True)
def _(ctx):
    name = socket.gethostname().split(".")[0].lower()
    namespace.bind(ctx.file("hosts", f"127.0.0.1 localhost\n192.0.2.10 {name}.corp.example {name}\n"), "/etc/hosts")
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\nsearch lab.example\n")
    subprocess.run(("ip", "addr", "add", "192.0.2.10/32", "dev", "lo"), check=True)
    names = (name, f"{name}.corp.example:9153", f"{name.upper()}.lab.example.", "a.mon.example")
    def status(lictor, address, host):
        link = http.client.HTTPConnection(address, lictor.stats_port, timeout=3)
        link.request("GET", "/metrics", headers={"Host": host})
        return link.getresponse().status
    lictor = Lictor(ctx, "--stats-host=*.mon.example", stats=False)
    lictor.stop()
    lictor.stats_port = 9153
    lictor.options = [option for option in lictor.options if not option.startswith("--stats-address")] + ["--stats-address=192.0.2.10:9153"]
    lictor.start(wait=False)
    lictor.until_logged("stats on 192.0.2.10:9153")
    for host in names:
        assert lictor.process.until(lambda: status(lictor, "192.0.2.10", host), 3, "a reply") == 200, host
    for host in ("mon.example", "evil.example", "evil.example:9153", f"{name}.evil.example"):
        assert status(lictor, "192.0.2.10", host) == 403, host
    lictor.until_logged("add stats-host=evil.example")
    lictor.stop()          # all lines are there
    log = lictor.process.log()
    assert log.count("a request with the Host 'evil.example' was refused (HTTP 403)") == 1 and "add stats-host=evil.example" in log, log
    # On a loopback address only what is configured: pages in a local browser are the danger there.
    local = Lictor(ctx, name="local")
    assert status(local, "127.0.0.1", name) == 403
