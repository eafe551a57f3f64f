"""Do the programs that lictor notifies follow the leader? PgBouncer (Debian's, with c-ares) by the SOA serial alone and by
RECONNECT, with PostgreSQL behind it; and connections to a deposed leader, closed in the kernel.

Each test has its own network and mount namespace, lictor on 127.0.0.1:53 and a resolv.conf with that server alone.
"""

import glob
import os
import shutil
import socket
import subprocess
import time

from harness import ask, consul, namespace, net
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import ONCE, Skip, test
from harness.upstream import Unbound

HERE = os.path.dirname(os.path.abspath(__file__))
HOOKS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "container", "hooks")
HOSTS = ["127.0.1.1", "127.0.1.2", "127.0.1.3"]
NAME = "master.pglab.service.consul"
LEADER = "--leader=pglab,namespace=/digitalis.io/"


def start(ctx, *options, **how):
    if not net.as_root():
        raise Skip("needs root: PostgreSQL and PgBouncer run as users of their own")
    agent = consul.dev_agent(ctx)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    patroni.start()
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    lictor = Lictor(ctx, LEADER, *options, consul=agent.api.url, port=53, **how)
    lictor.until_resolves(NAME, [HOSTS[0]], within=5)
    return patroni, lictor


def hook(ctx, name):
    """A copy that lictor's user can read, wherever the sources are."""
    path = ctx.path(name)
    shutil.copy(os.path.join(HOOKS, name), path)
    os.chmod(path, 0o755)
    return path


def as_postgres(*command):
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]


def postgres(ctx, host):
    """A small PostgreSQL that listens on `host`."""
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not binaries:
        raise Skip("PostgreSQL is not installed; tests/run installs it")
    data = ctx.path(f"data-{host}")
    os.mkdir(data)
    shutil.chown(data, "postgres", "postgres")
    done = subprocess.run(as_postgres(f"{binaries[-1]}/initdb", "-D", data, "-A", "trust", "-N", "--no-instructions", "-E", "UTF8", "--locale=C"),
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with open(f"{data}/pg_hba.conf", "w") as file:
        file.write("host all all 127.0.0.0/8 trust\n")
    process = Process(f"postgres-{host}", as_postgres(f"{binaries[-1]}/postgres", "-D", data, "-h", host, "-p", "5432", "-k", "", "-c", "fsync=off",
                                                      "-c", "shared_buffers=4MB", "-c", "max_connections=20"), ctx.path(f"postgres-{host}.log"))
    ctx.undo.callback(process.stop)
    process.until(lambda: not net.port_is_free(host, 5432, also_udp=False), 20, "PostgreSQL listens")
    return process


def pgbouncer(ctx, hosts=None, **settings):
    """`hosts`: database name -> host; `app` at the leader's name if it is not given."""
    if not shutil.which("pgbouncer") or not shutil.which("psql"):
        raise Skip("PgBouncer or psql is not installed; tests/run installs them")
    version = subprocess.run(["pgbouncer", "--version"], capture_output=True, text=True).stdout
    if "c-ares" not in version:
        raise Skip("this PgBouncer is built without c-ares")
    ctx.note(" ".join(version.split()[:2]) + ", " + next(line for line in version.splitlines() if "c-ares" in line).strip())
    lines = {"listen_addr": "127.0.0.1", "listen_port": 6432, "unix_socket_dir": "", "auth_type": "any", "admin_users": "pgbouncer",
             "pool_mode": "transaction", "server_login_retry": 1, "ignore_startup_parameters": "extra_float_digits", **settings}
    users = ctx.file("users.txt", '"postgres" ""\n"pgbouncer" ""\n')
    databases = "".join(f"{name} = host={host} port=5432 dbname=postgres user=postgres\n" for name, host in (hosts or {"app": NAME}).items())
    conf = ctx.file("pgbouncer.ini", f"[databases]\n{databases}[pgbouncer]\nauth_file = {users}\n"
                    + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    process = Process("pgbouncer", as_postgres("pgbouncer", conf), ctx.path("pgbouncer.log"))
    ctx.undo.callback(process.stop)
    ctx.processes.append(process)
    process.until(lambda: not net.port_is_free("127.0.0.1", 6432, also_udp=False), 10, "PgBouncer listens")
    return process


def where(database="app", within=20):
    """The address of the PostgreSQL that an application reaches through PgBouncer."""
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", "6432", "-U", "postgres", "-d", database, "-c", "select inet_server_addr()"],
                          capture_output=True, text=True, timeout=within)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


def admin(command):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", "6432", "-U", "pgbouncer", "-d", "pgbouncer", "-c", command],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until_there(bouncer, host, within, database="app"):
    begin = time.monotonic()
    bouncer.until(lambda: where(database) == host, within, f"PgBouncer uses {host} for {database} (now: {where(database)})", every=0.05)
    return time.monotonic() - begin


def zone_serial(zone):
    """The serial that PgBouncer has of a zone; 0 if it has none."""
    for line in admin("SHOW DNS_ZONES").splitlines():
        name, serial, _count = line.split("|")
        if name == zone:
            return int(serial)
    return 0


@test("PgBouncer follows the SOA serial: with dns_zone_check_period=1 it uses the new primary, without it the old one stays",
      ONCE, within=180, namespace=True)
def _(ctx):
    patroni, _lictor = start(ctx)
    for host in HOSTS[:2]:
        postgres(ctx, host)
    bouncer = pgbouncer(ctx, dns_max_ttl=3600, dns_zone_check_period=1)
    assert until_there(bouncer, HOSTS[0], 10) < 10
    before = bouncer.until(lambda: zone_serial("pglab.service.consul"), 20, "the zone is checked")
    net.steadily(lambda: where() == HOSTS[0], 1.2, "it stays with its primary while nothing changes", every=0.1)
    patroni.switchover(1, lambda: time.sleep(0.1))
    took = until_there(bouncer, HOSTS[1], 20)
    after = zone_serial("pglab.service.consul")
    ctx.note(f"serial {before} -> {after}; the application reaches the new primary {took:.2f} s after the switchover")
    assert after > before
    patroni.switchover(0, lambda: time.sleep(0.1))
    ctx.note(f"and back after {until_there(bouncer, HOSTS[0], 20):.2f} s")
    bouncer.stop()
    other = pgbouncer(ctx, dns_max_ttl=3600, dns_zone_check_period=0)
    until_there(other, HOSTS[0], 10)
    patroni.switchover(1, lambda: time.sleep(0.1))
    net.steadily(lambda: where() == HOSTS[0], 4, "without the serial it stays with the old one", every=0.2)


CORP = """\
$ORIGIN corp.test.
$TTL 300
@       IN SOA ns hostmaster 2026112901 3600 600 86400 300
@       IN NS  ns
@       IN MX  10 ns
ns      IN A   127.0.0.1
"""
ALIASES = ["--cname=db.corp.test,hub.test", f"--cname=hub.test,{NAME}", "--cname=*.apps.corp.test,primary.crm.service.consul",
           "--leader=crm,namespace=/digitalis.io/"]


def crm_cluster(patroni):
    """A second cluster beside the first one."""
    other = Patroni("crm", [member.agent for member in patroni.members], ["127.0.2.1", "127.0.2.2", "127.0.2.3"])
    other.start()
    return other


@test("PgBouncer behind aliases: with leader-soa it uses the new primary of each, also after a restart of lictor; without it, it does not",
      ONCE, within=300, namespace=True)
def _(ctx):
    upstream = Unbound(ctx, zone=CORP, name="corp.test")
    patroni, plain = start(ctx, *ALIASES, f"--server={upstream.option}")
    crm = crm_cluster(patroni)
    for host in [*HOSTS[:2], crm.members[0].host, crm.members[1].host]:
        postgres(ctx, host)
    hosts = {"app": "db.corp.test", "crm": "x.apps.corp.test", "none": "missing.corp.test"}
    settings = {"dns_max_ttl": 3600, "dns_zone_check_period": 1, "dns_nxdomain_ttl": 1}
    first = pgbouncer(ctx, hosts, **settings)
    until_there(first, HOSTS[0], 20)
    first.until(lambda: zone_serial("corp.test") == 2026112901, 20, "the zone's SOA is the upstream's")
    patroni.switchover(1, lambda: time.sleep(0.1))
    plain.until_resolves("db.corp.test", [HOSTS[1]], within=20)
    checks = plain.metrics()["lictor_queries_total{transport=\"udp\"}"]
    first.until(lambda: plain.metrics()["lictor_queries_total{transport=\"udp\"}"] >= checks + 4, 20, "the zone is checked again")
    assert where() == HOSTS[0], "without leader-soa PgBouncer has left the old primary: the test shows nothing"
    first.stop()
    plain.stop()

    snapshot = ctx.path("snapshot")
    lictor = Lictor(ctx, LEADER, *ALIASES, f"--server={upstream.option}", "--leader-soa=corp.test", f"--snapshot-file={snapshot}", "--user=root",
                    consul=patroni.members[0].agent.api.url, port=53, name="with-soa")
    lictor.until_resolves("db.corp.test", [HOSTS[1]], within=20)
    lictor.until_resolves("x.apps.corp.test", [crm.host()], within=20)
    second = pgbouncer(ctx, hosts, **settings)
    until_there(second, HOSTS[1], 20)
    until_there(second, crm.host(), 20, "crm")
    # NXDOMAIN below the zone has the upstream's SOA, with a higher serial, in AUTHORITY: PgBouncer does not read it.
    negative = lictor.udp("missing.corp.test")
    assert ask.rcode(negative) == "NXDOMAIN" and negative.authority[0][0].serial == 2026112901, negative
    try:
        raise AssertionError(f"PgBouncer has a server for a host that does not exist: {where('none', within=4)}")
    except subprocess.TimeoutExpired:
        pass
    before = second.until(lambda: zone_serial("corp.test"), 20, "the zone is checked")
    assert before < 2026112901, before
    assert zone_serial("apps.corp.test") > 0
    assert [record.to_text() for record in lictor.udp("corp.test", "MX").answer[0]] == ["10 ns.corp.test."]
    took = []
    for cluster, database, to in ((patroni, "app", 0), (crm, "crm", 1), (patroni, "app", 1)):
        cluster.switchover(to, lambda: time.sleep(0.1))
        took.append(until_there(second, cluster.members[to].host, 20, database))
    after = zone_serial("corp.test")
    assert after > before, (before, after)
    lictor.stop()
    lictor.start()
    second.until(lambda: zone_serial("corp.test") > after, 30, "the serial has risen with the restart")
    patroni.switchover(0, lambda: time.sleep(0.1))
    took.append(until_there(second, HOSTS[0], 20))
    ctx.note(f"serial {before} -> {after} -> {zone_serial('corp.test')}; the applications reach the new primary "
             + ", ".join(f"{seconds:.2f}" for seconds in took) + " s after the switchover, the last one after a restart")


@test("pgbouncer-reconnect: PgBouncer leaves the old primary although its DNS cache still holds it when RECONNECT arrives",
      ONCE, within=120, namespace=True)
def _(ctx):
    patroni, lictor = start(ctx, f"--leader-exec={hook(ctx, 'pgbouncer-reconnect')}", "--leader-exec-timeout=20",
                            env={"PGBOUNCER_HOST": "127.0.0.1"})
    lictor.until_logged("pgbouncer-reconnect succeeded")         # the first leader: no change to pass on
    for host in HOSTS[:2]:
        postgres(ctx, host)
    bouncer = pgbouncer(ctx, dns_max_ttl=2)
    until_there(bouncer, HOSTS[0], 10)
    patroni.switchover(1, lambda: time.sleep(0.1))
    took = until_there(bouncer, HOSTS[1], 8)
    ctx.note(f"the application reaches the new primary {took:.2f} s after the switchover")
    lictor.until_logged(f"PgBouncer has left {HOSTS[0]} for {HOSTS[1]}", within=10)
    assert HOSTS[0] not in admin("SHOW SERVERS")
    bouncer.stop()
    patroni.switchover(0, lambda: time.sleep(0.1))
    lictor.until_logged("pgbouncer-reconnect ended with exit code 1", within=10)


@test("close-connections: connections to the deposed leader end at once, those to other hosts and ports stay",
      ONCE, within=60, namespace=True)
def _(ctx):
    patroni, lictor = start(ctx, f"--leader-exec={hook(ctx, 'close-connections')}", "--leader-exec-net-admin")
    servers = {(host, port): socket.create_server((host, port)) for host, port in ((HOSTS[0], 5432), (HOSTS[1], 5432), (HOSTS[0], 5433))}
    clients = {place: socket.create_connection(place) for place in servers}
    second = socket.create_connection((HOSTS[0], 5432))
    time.sleep(0.2)
    patroni.switchover(1, lambda: time.sleep(0.05))
    begin = time.monotonic()
    clients[HOSTS[0], 5432].settimeout(5)
    try:
        clients[HOSTS[0], 5432].recv(1)
        raise AssertionError("the connection to the deposed leader ended normally")
    except socket.timeout:
        tail = lictor.process.tail()
        if "none could be closed" in tail:
            raise Skip("this kernel or container closes no connections (CONFIG_INET_DIAG_DESTROY, CAP_NET_ADMIN))") from None
        raise AssertionError(f"the connection to the deposed leader is still open\n{tail}") from None
    except OSError as end:
        ctx.note(f"{type(end).__name__} {(time.monotonic() - begin) * 1000:.0f} ms after the switchover")
    second.settimeout(1)
    try:
        second.recv(1)
        raise AssertionError("the second connection is still open")
    except OSError as end:
        assert not isinstance(end, socket.timeout), "the second connection is still open"
    lictor.until_logged(f"closed 2 of 2 connections to {HOSTS[0]}")
    for place in ((HOSTS[1], 5432), (HOSTS[0], 5433)):
        clients[place].settimeout(0.3)
        try:
            raise AssertionError(f"{place}: {clients[place].recv(1)!r}")
        except socket.timeout:
            pass


@test("close-connections without leader-exec-net-admin reports the missing right and closes nothing", ONCE, within=60, namespace=True)
def _(ctx):
    patroni, lictor = start(ctx, f"--leader-exec={hook(ctx, 'close-connections')}")
    server = socket.create_server((HOSTS[0], 5432))
    client = socket.create_connection((HOSTS[0], 5432))
    patroni.switchover(1, lambda: time.sleep(0.05))
    lictor.until_logged("closed 0 of 1 connections", within=5)
    lictor.until_logged("none could be closed", within=5)
    lictor.until_logged("close-connections ended with exit code 1", within=5)
    client.settimeout(0.2)
    try:
        raise AssertionError(f"closed: {client.recv(1)!r}")
    except socket.timeout:
        server.close()
