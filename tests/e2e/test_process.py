"""Does the program behave as an operator expects: its configuration, its signals, its user, its supervisor?"""

import glob
import os
import pwd
import re
import signal
import socket
import subprocess
import threading
import time

from harness import ask, consul, net
from harness.lictor import Lictor, binary, run
from harness.process import Process
from harness.runner import ONCE, Skip, test
from harness.upstream import Scripted, answer, echo

_place = r"(?:{file}:{line}\b|line {line} of {file})"


def has_place(text, file, line):
    return re.search(_place.format(file=re.escape(file), line=line), text)


@test("--test reports all errors at once, each with file and line, and exits with 1")
def _(ctx):
    more = ctx.file("more.conf", "cache-size=many\nno-resolv=yes\n")
    conf = ctx.file("bad.conf", f"# a comment\nport=99999\nserver=/consul/127.0.0.1:8600\nlisten-adress=127.0.0.1\n\nconf-file={more}\n"
                                "leader=\nlocal-ttl=5m\n")
    code, out, err = run(ctx, "--test", f"--conf-file={conf}")
    text = out + err
    assert code == 1, f"exit {code}\n{text}"
    for file, line in ((conf, 2), (conf, 3), (conf, 4), (conf, 7), (conf, 8), (more, 1), (more, 2)):
        assert has_place(text, file, line), f"no error for {os.path.basename(file)} line {line}:\n{text}"
    assert "listen-address" in text, f"no suggestion for listen-adress:\n{text}"
    conf = ctx.file("both.conf", "dhcp-range=10.0.0.1,10.0.0.9\nport=x\n")
    code, out, err = run(ctx, "--test", f"--conf-file={conf}")
    assert code == 1 and has_place(err, conf, 2) and "warning" in err and has_place(err, conf, 1), \
        f"ignored options must be reported together with errors:\n{err}"


@test("--test accepts a valid configuration with exit code 0, and serves nothing")
def _(ctx):
    conf = ctx.file("good.conf", "port=5399\nlisten-address=127.0.0.1\nserver=/consul/127.0.0.1#8600 # a note\n"
                                 "no-resolv\nserver=192.0.2.1\nleader=pglab,namespace=/digitalis.io/\ncache-size=500\n")
    code, out, err = run(ctx, "--test", f"--conf-file={conf}")
    assert code == 0 and "ok" in (out + err).lower(), f"exit {code}\n{out}{err}"


@test("--test also checks users and files, and warns", ONCE)
def _(ctx):
    os.chmod(ctx.folder, 0o777)       # files are judged as user nobody
    nothing = ctx.path("nothing")
    wrong = [f"consul-ca-file={nothing}", f"consul-token-file={nothing}", f"resolv-file={nothing}", f"addn-hosts={nothing}", f"hostsdir={nothing}",
             f"pid-file={nothing}/lictor.pid", f"log-facility={nothing}/lictor.log", f"snapshot-file={nothing}/snapshot", f"leader-exec={nothing}",
             f"shadow=log:{nothing}"] + (["user=no-such-user-here"] if os.geteuid() == 0 else [])
    code, out, err = run(ctx, "--test", f"--conf-file={ctx.file('wrong.conf', chr(10).join(wrong) + chr(10))}")
    lines = err.splitlines()
    assert code == 0 and lines[-1].endswith("syntax check OK."), err
    for option in wrong:
        name, value = option.split("=", 1)
        assert sum(line.startswith("lictor: warning: ") and name in line for line in lines) == 1, f"not one warning about {option}:\n{err}"
    there = ctx.file("there", "")
    os.chmod(there, 0o755)
    code, out, err = run(ctx, "--test", f"--conf-file={ctx.file('mixed.conf', f'consul-token-file={nothing}{chr(10)}pid-file={there}/x.pid{chr(10)}')}")
    assert f"pid-file: '{there}': Not a directory" in err, err
    right = [f"consul-ca-file={there}", f"consul-token-file={there}", f"resolv-file={there}", f"addn-hosts={there}", f"hostsdir={ctx.path('')}",
             f"pid-file={ctx.path('lictor.pid')}", f"log-facility={ctx.path('lictor.log')}", f"snapshot-file={ctx.path('snapshot')}",
             f"leader-exec={there}", f"shadow=log:{there}", "user=nobody"]
    code, out, err = run(ctx, "--test", f"--conf-file={ctx.file('right.conf', chr(10).join(right) + chr(10))}")
    assert code == 0 and "warning" not in err, err


@test("bind-dynamic: an address that does not exist yet prevents neither the start nor a reload", ONCE)
def _(ctx):
    lictor = Lictor(ctx, "--bind-dynamic", "--listen-address=127.0.0.1,203.0.113.77", conf="host-record=one.lan,10.0.0.1\n")
    assert lictor.resolve("one.lan") == ["10.0.0.1"]
    with open(lictor.conf, "w") as file:
        file.write("host-record=one.lan,10.0.0.2\n")
    for _ in range(2):
        since = len(lictor.process.log())
        lictor.hup()
        lictor.until_logged("configuration read again|reload refused", since=since)
        assert "reload refused" not in lictor.process.log(), lictor.process.tail()
    lictor.until_resolves("one.lan", ["10.0.0.2"])
    assert not [at for at in lictor.json("/stats")["listening"] if "203.0.113.77" in at], lictor.json("/stats")["listening"]


@test("in the background: the starting process ends, also with hooks; the pid file replaces a link, and only lictor's own is removed",
      ONCE)
def _(ctx):
    other, second = ctx.file("other", "not yours\n"), ctx.path("second.pid")
    path = ctx.path("lictor.pid")
    os.symlink(other, path)
    hook = ctx.file("hook", "#!/bin/sh\n", mode=0o755)
    log, always = ctx.path("back.log"), f"no-resolv\nno-hosts\nleader-exec={hook}\nuser=\nlog-facility={ctx.path('back.log')}\n"
    conf = ctx.file("back.conf", f"{always}pid-file={path}\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CONSUL_", "NOTIFY_"))}
    done = subprocess.run([binary(ctx.variant.build), f"--port={net.free_port()}", "--listen-address=127.0.0.1", "--consul-http-addr=http://127.0.0.1:9",
                           f"--stats-address=127.0.0.1:{net.free_port()}", f"--conf-file={conf}"], capture_output=True, text=True, timeout=10, env=env)
    with open(path) as file:
        pid = int(file.read())
    ctx.undo.callback(lambda: alive(pid) and os.kill(pid, signal.SIGKILL))
    assert done.returncode == 0, done
    with open(other) as file:
        assert file.read() == "not yours\n" or os.geteuid() != 0, "the link was followed"
    with open(second, "w") as file:
        file.write("another instance's\n")
    with open(conf, "w") as file:
        file.write(f"{always}pid-file={second}\n")
    os.kill(pid, signal.SIGHUP)
    net.until(lambda: "configuration read again" in open(log).read(), 5, "the configuration was read again")
    os.kill(pid, signal.SIGTERM)
    net.until(lambda: not alive(pid), 5, "it ended")
    assert os.path.exists(second) and not os.path.exists(path), os.listdir(ctx.folder)


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


@test("an unknown option on the command line is an error with the nearest known name")
def _(ctx):
    for wrong, right in (("--lissen-address=127.0.0.1", "listen-address"), ("--leader-hodl=5", "leader-hold"),
                         ("--consul-http-add=x", "consul-http-addr"), ("--no-resolf", "no-resolv")):
        code, out, err = run(ctx, wrong)
        assert code == 1 and right in out + err, f"{wrong}: exit {code}\n{out}{err}"


@test("--help and --version print and exit")
def _(ctx):
    code, out, _err = run(ctx, "--version")
    assert code == 0 and re.search(r"\d+\.\d+", out), out
    ctx.note(out.splitlines()[0])
    code, out, _err = run(ctx, "--help")
    assert code == 0
    for option in ("port", "listen-address", "server", "consul-http-addr", "leader", "leader-hold", "stats-address", "threads"):
        assert f"--{option}" in out, f"--help does not name {option}"


@test("a configuration file in dnsmasq's syntax, a directory of them, and the environment")
def _(ctx):
    upstream = Scripted(ctx, echo)
    directory = ctx.path("conf.d")
    os.mkdir(directory)
    for name, text in (("10-server", f"server={upstream.option}\n"), ("20-local.conf", "host-record=dir.lan,10.0.0.1\n"),
                       ("30-old.dpkg-old", "host-record=old.lan,10.0.0.2\n"), ("backup~", "nonsense\n"), (".hidden", "nonsense\n")):
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)
    lictor = Lictor(ctx, conf=f"# all of it\nno-resolv\n  host-record = file.lan , 10.0.0.3\nconf-dir={directory},.dpkg-old\n")
    assert lictor.resolve("file.lan") == ["10.0.0.3"]
    assert lictor.resolve("dir.lan") == ["10.0.0.1"]
    assert lictor.resolve("old.lan") == ["192.0.2.99"], "the file with that suffix was read"
    missing = ctx.path("missing.conf")
    code, out, err = run(ctx, "--test", f"--conf-file={missing}")
    assert code == 3 and missing in out + err, f"exit {code}\n{out}{err}"


@test("CONSUL_HTTP_ADDR is used")
def _(ctx):
    agent = consul.dev_agent(ctx)
    agent.api.register("n1", "10.0.0.1", {"Service": "web"})
    lictor = Lictor(ctx, "--consul-domain=consul", consul=None, env={"CONSUL_HTTP_ADDR": f"{agent.address}:{agent.ports['http']}"},
                    start=False)
    lictor.options = [option for option in lictor.options if not option.startswith("--consul-http-addr")]
    lictor.start()
    lictor.until_resolves("web.service.consul", ["10.0.0.1"])


@test("SIGHUP reloads hosts, records and servers; unchanged sockets stay, and no query is lost")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [answer(m, "192.0.2.1", ttl=0)], label="first")
    other = Scripted(ctx, lambda m, q: [answer(m, "192.0.2.2", ttl=0)], label="second")
    hosts = ctx.file("hosts", "10.0.0.1 host.lan\n")
    lictor = Lictor(ctx, conf=f"no-resolv\nserver={upstream.option}\naddn-hosts={hosts}\nhost-record=rec.lan,10.0.1.1\n")
    assert lictor.resolve("host.lan") == ["10.0.0.1"] and lictor.resolve("rec.lan") == ["10.0.1.1"]
    assert lictor.resolve("x.example") == ["192.0.2.1"]
    ctx.file("hosts", "10.0.0.2 host.lan\n")
    with open(lictor.conf, "w") as file:
        file.write(f"no-resolv\nserver={other.option}\naddn-hosts={hosts}\nhost-record=rec.lan,10.0.1.2\n")
    lost = []
    stop = threading.Event()
    def asking():
        while not stop.is_set():
            try:
                ask.udp(lictor.server, "steady.example", within=2)
            except ask.SILENCE:
                lost.append(time.monotonic())
    client = threading.Thread(target=asking)
    client.start()
    try:
        lictor.hup()
        lictor.until_resolves("host.lan", ["10.0.0.2"])
        lictor.until_resolves("rec.lan", ["10.0.1.2"])
        lictor.until_resolves("x.example", ["192.0.2.2"])
    finally:
        stop.set()
        client.join()
    assert not lost, f"{len(lost)} queries without a reply during the reload"


@test("SIGHUP with an invalid file keeps the old configuration and logs the reason; a valid one afterwards is used")
def _(ctx):
    lictor = Lictor(ctx, conf="no-resolv\nhost-record=rec.lan,10.0.1.1\n")
    assert lictor.resolve("rec.lan") == ["10.0.1.1"]
    with open(lictor.conf, "w") as file:
        file.write("no-resolv\nhost-record=rec.lan,10.0.1.2\nno-such-option=1\n")
    before = len(lictor.process.log())
    lictor.hup()
    lictor.process.until(lambda: has_place(lictor.process.log()[before:], lictor.conf, 3), 5, "the error names file and line")
    assert "no-such-option" in lictor.process.log()[before:]
    assert lictor.resolve("rec.lan") == ["10.0.1.1"]
    with open(lictor.conf, "w") as file:
        file.write("no-resolv\nhost-record=rec.lan,10.0.1.3\n")
    lictor.hup()
    lictor.until_resolves("rec.lan", ["10.0.1.3"])


def load(ctx, server, seconds_left):
    """A client that sends queries as fast as it can until stopped."""
    sock = ask.connected(server)
    wires = [ask.packet(f"n{n}.example", ident=n) for n in range(200)]
    while seconds_left():
        for wire in wires:
            try:
                sock.send(wire)
            except OSError:
                pass
    sock.close()


@test("SIGTERM ends lictor cleanly within a second, under load")
def _(ctx):
    upstream = Scripted(ctx, lambda m, q: [(0.05, answer(m, "192.0.2.1"))])
    lictor = Lictor(ctx, f"--server={upstream.option}")
    going = [True]
    clients = [threading.Thread(target=load, args=(ctx, lictor.server, lambda: going[0])) for _ in range(2)]
    crowd = [socket.create_connection(tuple(lictor.server)) for _ in range(20)]
    for client in clients:
        client.start()
    try:
        time.sleep(1.0)
        seconds = lictor.stop()
    finally:
        going[0] = False
        for client in clients:
            client.join()
        for sock in crowd:
            sock.close()
    ctx.note(f"ended {seconds * 1000:.0f} ms after SIGTERM")


@test("SIGINT ends lictor cleanly, too", ONCE)
def _(ctx):
    lictor = Lictor(ctx)
    lictor.process.signal(signal.SIGINT)
    assert lictor.process.wait(3) == 0, lictor.process.tail()
    lictor._checked = True


@test("SIGUSR1 logs the statistics")
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}")
    for n in range(7):
        lictor.udp(f"n{n}.example")
    before = len(lictor.process.log())
    lictor.process.signal(signal.SIGUSR1)
    lictor.until_logged(r"\b[7-9]\b.*quer(y|ies)|quer(y|ies).*\b[7-9]\b", since=before)


@test("lictor changes its user after the port is bound; a reload still works; no root rights remain", ONCE)
def _(ctx):
    if not net.as_root():
        raise Skip("needs root, to bind and then change the user")
    user = pwd.getpwnam("nobody")
    address = net.loopback_net() + ".1"
    lictor = Lictor(ctx, "--user=nobody", address=address, port=53, conf="no-resolv\nhost-record=rec.lan,10.0.0.1\n")
    assert lictor.resolve("rec.lan") == ["10.0.0.1"]
    assert set(lictor.process.status("Uid")) == {str(user.pw_uid)}, lictor.process.status("Uid")
    assert "0" not in lictor.process.status("Gid"), lictor.process.status("Gid")
    assert int(lictor.process.status("CapPrm")[0], 16) == 0 and int(lictor.process.status("CapEff")[0], 16) == 0
    for task in glob.glob(f"/proc/{lictor.process.pid}/task/*/status"):
        with open(task) as file:
            assert f"Uid:\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}" in file.read(), f"{task} still has another user"
    with open(lictor.conf, "w") as file:
        file.write("no-resolv\nhost-record=rec.lan,10.0.0.2\n")
    lictor.hup()
    lictor.until_resolves("rec.lan", ["10.0.0.2"])


@test("an unknown user is an error at start", ONCE)
def _(ctx):
    code, out, err = run(ctx, f"--port={net.free_port()}", "--listen-address=127.0.0.1", "--user=no-such-user-here",
                         "--stats-address=", "--keep-in-foreground", f"--conf-file={ctx.file('e.conf', '')}", "--consul-http-addr=")
    assert code != 0 and "no-such-user-here" in out + err, f"exit {code}\n{out}{err}"


@test("a second instance on the same port ends with an error and does not disturb the first one")
def _(ctx):
    first = Lictor(ctx, "--host-record=rec.lan,10.0.0.1")
    code, out, err = run(ctx, f"--port={first.server.port}", "--listen-address=127.0.0.1", f"--threads={ctx.threads}",
                         "--stats-address=", "--keep-in-foreground", "--no-resolv", f"--conf-file={ctx.file('e.conf', '')}",
                         "--consul-http-addr=")
    assert code == 2, f"exit {code}\n{out}{err}"
    assert str(first.server.port) in out + err, out + err
    for _ in range(20):
        assert first.resolve("rec.lan") == ["10.0.0.1"]


@test("a statistics port in use is logged, and DNS is still served")
def _(ctx):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lictor = Lictor(ctx, f"--stats-address=127.0.0.1:{port}", "--host-record=rec.lan,10.0.0.1", stats=False)
        assert lictor.resolve("rec.lan") == ["10.0.0.1"]
        lictor.until_logged(str(port))


@test("lictor listens on all given addresses, IPv6 too, UDP and TCP, and on no other")
def _(ctx):
    if not _has_ipv6():
        raise Skip("no ::1 on this machine")
    second = net.loopback_net() + ".1"
    port = net.free_port("127.0.0.1")
    lictor = Lictor(ctx, "--listen-address=127.0.0.1", f"--listen-address={second},::1", "--host-record=rec.lan,10.0.0.1", port=port)
    for address in ("127.0.0.1", second, "::1"):
        server = ask.Server(address, port)
        assert ask.addresses(ask.udp(server, "rec.lan")) == ["10.0.0.1"], address
        assert ask.addresses(ask.tcp(server, "rec.lan")) == ["10.0.0.1"], address
    other = net.loopback_net() + ".77"
    try:
        ask.udp(ask.Server(other, port), "rec.lan", within=0.3)
        raise AssertionError(f"lictor answers on {other}, too")
    except (ask.SILENCE, OSError):
        pass
    assert lictor.process.running()


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


@test("queries are logged with log-queries, each with name, type and client; a name with control bytes is logged safely")
def _(ctx):
    lictor = Lictor(ctx, "--log-queries", "--host-record=rec.lan,10.0.0.1")
    lictor.udp("rec.lan")
    lictor.until_logged(r"query\[A\] rec\.lan from 127\.0\.0\.1")
    lictor.until_logged(r"config rec\.lan is 10\.0\.0\.1")
    wire = bytearray(ask.packet("xxxx.example"))
    wire[13:17] = b"\xff\n\x00%"
    with ask.connected(lictor.server, 2) as sock:
        sock.send(bytes(wire))
        sock.recv(2000)
    lictor.udp("mark.lan")
    lictor.until_logged(r"query\[A\] mark\.lan")          # all lines before it are there
    assert "\x00" not in lictor.process.log()


@test("log lines that cannot be written are dropped and counted, and answers do not wait for them", ONCE)
def _(ctx):
    lictor = Lictor(ctx, "--log-queries", "--host-record=rec.lan,10.0.0.1", start=False)
    with subprocess.Popen(lictor.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as unread:
        try:
            net.until(lambda: lictor.http("/health")[0] == 200, 10, "/health returns 200")
            packet = ask.packet("rec.lan")
            with ask.connected(lictor.server, 2) as sock:
                for _n in range(6000):
                    sock.send(packet)
                    sock.recv(2000)
            # Each query logs two lines. The pipe holds 64 KiB and the queue 512 lines; the count is read twice a second.
            time.sleep(1)
            dropped = lictor.metrics()["lictor_log_dropped_total"]
            assert 8000 < dropped < 12000, f"{dropped} lines are counted as dropped"
        finally:
            unread.terminate()
            lines = unread.communicate(timeout=10)[0].splitlines()
    reported = sum(int(n) for n in re.findall(r"overflow: (\d+) log entries lost", "\n".join(lines)))
    # The lines of the end, which come after /metrics was read, push others out of a full queue.
    assert dropped <= reported <= dropped + 3, f"the log reports {reported} lost lines, /metrics {dropped:g}"
    written = sum("rec.lan" in line for line in lines)
    assert 12000 <= written + reported <= 12010, f"{written} lines written, {reported} dropped"


@test("log-facility writes the log to a file")
def _(ctx):
    target = ctx.path("own.log")
    lictor = Lictor(ctx, f"--log-facility={target}")
    lictor.process.until(lambda: os.path.exists(target) and os.path.getsize(target), 3, "the log file is written")


@test("under supervisor: started, logs on stdout, restarted after a crash, stopped with TERM", ONCE, within=60)
def _(ctx):
    supervisord = next((p for p in ("/usr/bin/supervisord",) if os.path.exists(p)), None)
    if not supervisord:
        raise Skip("supervisor is not installed")
    lictor = Lictor(ctx, "--host-record=rec.lan,10.0.0.1", start=False)
    command = " ".join([binary(lictor.build)] + lictor.options).replace("%", "%%")
    conf = ctx.file("supervisord.conf", f"""\
[supervisord]
nodaemon=true
logfile={ctx.path('supervisord.log')}
pidfile={ctx.path('supervisord.pid')}
childlogdir={ctx.folder}
{'user=root' if net.as_root() else ''}
[program:lictor]
command={command}
autorestart=true
startsecs=1
stopwaitsecs=5
stdout_logfile={ctx.path('stdout.log')}
stderr_logfile={ctx.path('stderr.log')}
""")
    supervisor = Process("supervisord", [supervisord, "-c", conf], ctx.path("supervisord.out"))
    ctx.undo.callback(supervisor.stop, 10)
    ctx.processes.append(supervisor)

    def resolves():
        return ask.resolve(lictor.server, "rec.lan", within=0.3) == ["10.0.0.1"]

    def child():
        with open(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children") as file:
            return int((file.read().split() or ["0"])[0])
    supervisor.until(resolves, 10, "lictor answers")
    first = child()
    with open(ctx.path("stdout.log")) as file:
        assert file.read().strip(), "nothing on standard output"
    supervisor.until(lambda: re.search("RUNNING state", _read(ctx.path("supervisord.log"))), 5, "supervisor reports it as running")
    os.kill(first, signal.SIGKILL)
    supervisor.until(lambda: child() not in (0, first) and resolves(), 10, "restarted after a crash")
    begin = time.monotonic()
    supervisor.signal(signal.SIGTERM)
    assert supervisor.wait(10) is not None
    ctx.note(f"supervisor and lictor stopped in {time.monotonic() - begin:.1f} s")
    text = _read(ctx.path("supervisord.log"))
    assert "killing" not in text.lower(), text
    assert re.search(r"stopped: lictor \(exit status 0\)", text), text


def _read(path):
    with open(path) as file:
        return file.read()


@test("a hundred reloads leak no descriptor, thread or memory", ONCE, within=90)
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, conf=f"no-resolv\nserver={upstream.option}\nhost-record=rec.lan,10.0.0.1\n")
    def reload_to(n):
        with open(lictor.conf, "w") as file:
            file.write(f"no-resolv\nserver={upstream.option}\nhost-record=rec.lan,10.0.0.{n}\n")
        lictor.hup()
        lictor.until_resolves("rec.lan", [f"10.0.0.{n}"])
    def counts():
        return len(os.listdir(f"/proc/{lictor.process.pid}/fd")), len(os.listdir(f"/proc/{lictor.process.pid}/task"))
    for n in range(1, 11):
        reload_to(n)
    descriptors, tasks = counts()
    memory = int(lictor.process.status("VmRSS")[0])
    for n in range(11, 111):
        reload_to(n)
    after, tasks_after = counts()
    grown = int(lictor.process.status("VmRSS")[0]) - memory
    ctx.note(f"descriptors {descriptors} → {after}, threads {tasks} → {tasks_after}, memory {grown:+d} kB in 100 reloads")
    assert after <= descriptors + 2 and tasks_after <= tasks and grown < 2048


@test("lictor ends with an error message if the port cannot be bound", ONCE)
def _(ctx):
    done = subprocess.run([binary(ctx.variant.build), "--port=53", "--bind-interfaces", "--listen-address=192.0.2.1", "--stats-address=",
                           "--keep-in-foreground", "--consul-http-addr=", f"--conf-file={ctx.file('e.conf', '')}"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "192.0.2.1" in done.stdout + done.stderr, f"exit {done.returncode}\n{done.stdout}{done.stderr}"


@test("started as an ordinary user with capabilities, lictor keeps NET_BIND_SERVICE alone", ONCE)
def _(ctx):
    os.chmod(ctx.folder, 0o755)
    lictor = Lictor(ctx, start=False)
    given = "+net_admin,+net_bind_service"
    process = Process("user", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={given}", f"--ambient-caps={given}",
                               *lictor.command], ctx.path("user.log"), env=lictor.env)
    ctx.processes.append(process)
    ctx.undo.callback(process.stop)
    process.until(lambda: "listening on" in process.log(), 10, "it serves")
    for name in ("CapPrm", "CapEff", "CapAmb"):
        assert int(process.status(name)[0], 16) in (0, 1 << 10), f"{name}: {process.status(name)}"
    assert int(process.status("CapEff")[0], 16) == 1 << 10


@test("NOTIFY_SOCKET: READY=1 when lictor serves and STOPPING=1 at its end, over a path and an abstract name; a wrong one is reported", ONCE)
def _(ctx):
    os.chmod(ctx.folder, 0o755)
    path, abstract = ctx.path("notify"), f"@lictor-test-{os.getpid()}-{ctx.random.randrange(10**9)}"
    for number, name in enumerate((path, abstract)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(name.replace("@", "\0"))
            if name == path:
                os.chmod(path, 0o777)
            systemd.settimeout(10)
            lictor = Lictor(ctx, env={"NOTIFY_SOCKET": name}, name=f"lictor{number}")
            assert systemd.recv(100) == b"READY=1", name
            lictor.stop()
            assert systemd.recv(100) == b"STOPPING=1", name
    for number, (name, why) in enumerate((("notify", "not the path of a unix socket"), (ctx.path("absent"), "No such file or directory"),
                                          ("/" + 200 * "x", "too long"))):
        lictor = Lictor(ctx, env={"NOTIFY_SOCKET": name}, name=f"wrong{number}")
        lictor.until_logged(f"NOTIFY_SOCKET=.*systemd gets no message: .*{why}.*Type=simple")
        lictor.stop()


@test("--version names version, commit, kind of build, compiler and libraries")
def _(ctx):
    code, out, _err = run(ctx, "--version")
    assert code == 0, out
    first, second, libraries = out.splitlines()
    assert re.fullmatch(r"lictor version \d+\.\d+\.\d+", first), out
    assert re.fullmatch(r"commit (unknown|[0-9a-f]{12}(-changed)?), (static|dynamic)(, debug)? build for (amd64|arm64|other architecture), \S.*", second), out
    for library in (r"libcurl [\d.]+ with OpenSSL/3", r"ldns 1", r"libidn2 2", r"libuv 1", r"libmicrohttpd [01]", r"nlohmann_json 3", r"spdlog 1", r"glibc 2"):
        assert re.search(library, libraries), f"{library}\n{out}"
