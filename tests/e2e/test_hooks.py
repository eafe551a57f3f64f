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

from harness import consul, namespace, net
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.process import Process
from harness.runner import ONCE, Skip, test

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


def pgbouncer(ctx, **settings):
    if not shutil.which("pgbouncer") or not shutil.which("psql"):
        raise Skip("PgBouncer or psql is not installed; tests/run installs them")
    version = subprocess.run(["pgbouncer", "--version"], capture_output=True, text=True).stdout
    if "c-ares" not in version:
        raise Skip("this PgBouncer is built without c-ares")
    ctx.note(" ".join(version.split()[:2]) + ", " + next(line for line in version.splitlines() if "c-ares" in line).strip())
    lines = {"listen_addr": "127.0.0.1", "listen_port": 6432, "unix_socket_dir": "", "auth_type": "any", "admin_users": "pgbouncer",
             "pool_mode": "transaction", "server_login_retry": 1, "ignore_startup_parameters": "extra_float_digits", **settings}
    users = ctx.file("users.txt", '"postgres" ""\n"pgbouncer" ""\n')
    conf = ctx.file("pgbouncer.ini", f"[databases]\napp = host={NAME} port=5432 dbname=postgres user=postgres\n[pgbouncer]\nauth_file = {users}\n"
                    + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    process = Process("pgbouncer", as_postgres("pgbouncer", conf), ctx.path("pgbouncer.log"))
    ctx.undo.callback(process.stop)
    ctx.processes.append(process)
    process.until(lambda: not net.port_is_free("127.0.0.1", 6432, also_udp=False), 10, "PgBouncer listens")
    return process


def where():
    """The address of the PostgreSQL that an application reaches through PgBouncer."""
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", "6432", "-U", "postgres", "-d", "app", "-c", "select inet_server_addr()"],
                          capture_output=True, text=True, timeout=20)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


def admin(command):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", "6432", "-U", "pgbouncer", "-d", "pgbouncer", "-c", command],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until_there(bouncer, host, within):
    begin = time.monotonic()
    bouncer.until(lambda: where() == host, within, f"PgBouncer uses {host} (now: {where()})", every=0.05)
    return time.monotonic() - begin


@test("PgBouncer follows the SOA serial: with dns_zone_check_period=1 it uses the new primary within 3 s, without it the old one stays",
      ONCE, within=120, namespace=True)
def _(ctx):
    patroni, _lictor = start(ctx)
    for host in HOSTS[:2]:
        postgres(ctx, host)
    bouncer = pgbouncer(ctx, dns_max_ttl=3600, dns_zone_check_period=1)
    assert until_there(bouncer, HOSTS[0], 10) < 10
    bouncer.until(lambda: "pglab.service.consul" in admin("SHOW DNS_ZONES"), 5, "the zone is checked")
    time.sleep(1.5)
    before = [line.split("|")[1] for line in admin("SHOW DNS_ZONES").splitlines() if line.startswith("pglab")][0]
    net.steadily(lambda: where() == HOSTS[0], 1.2, "it stays with its primary while nothing changes", every=0.1)
    patroni.switchover(1, lambda: time.sleep(0.1))
    took = until_there(bouncer, HOSTS[1], 4)
    after = [line.split("|")[1] for line in admin("SHOW DNS_ZONES").splitlines() if line.startswith("pglab")][0]
    ctx.note(f"serial {before} -> {after}; the application reaches the new primary {took:.2f} s after the switchover")
    assert int(after) > int(before)
    assert took <= 3
    patroni.switchover(0, lambda: time.sleep(0.1))
    ctx.note(f"and back after {until_there(bouncer, HOSTS[0], 4):.2f} s")
    bouncer.stop()
    other = pgbouncer(ctx, dns_max_ttl=3600, dns_zone_check_period=0)
    until_there(other, HOSTS[0], 10)
    patroni.switchover(1, lambda: time.sleep(0.1))
    net.steadily(lambda: where() == HOSTS[0], 4, "without the serial it stays with the old one", every=0.2)


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
