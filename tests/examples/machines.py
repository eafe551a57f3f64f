"""What are the machines of the tests? Containers under podman: hosts with systemd, the network's DHCP and DNS server, Consul agents."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import zlib

from pages import LICTOR, ROOT, Failed, blocks, command, expect, until

NETWORK, SUBNET, CORP = "lictor-examples", "10.213.7", "10.213.7.2"
UPSTREAM_NAME, UPSTREAM_ADDRESS = "www.corp.example", "192.0.2.80"   # known to the network's DNS server only
LEADER, LEADER_ADDRESS = "master.pglab.service.consul", "10.213.7.77"
LIBRARIES = "libldns3 libidn2-0 libuv1 libcurl4 libmicrohttpd12 libspdlog1.10 libfmt9"
IMAGES = {      # name: (image below, packages)
    "node": ("", f"systemd systemd-sysv dbus iproute2 procps bind9-dnsutils curl dnsmasq-base {LIBRARIES}"),
    "resolved": ("node", "systemd-resolved libnss-resolve"),
    "networkmanager": ("node", "network-manager"),
    "resolvconf": ("node", "resolvconf ifupdown isc-dhcp-client"),
    "openresolv": ("node", "openresolv ifupdown isc-dhcp-client"),
    "ifupdown": ("node", "ifupdown isc-dhcp-client"),
    "ansible": ("node", "ansible-core"),
    "ansible-resolved": ("resolved", "ansible-core"),
    "dnsmasq": ("node", "dnsmasq"),
    "cloud-init": ("node", "cloud-init"),
}


def settings():
    """podman's settings for this machine, as container/lib/engine makes them."""
    text = command("bash", "-c", f"container={ROOT}/container; . {ROOT}/container/lib/engine; mkdir -p $state; state=$(readlink -f $state); "
                                 "ENGINE=podman find_engine && env")
    for line in text.splitlines():
        if line.startswith(("CONTAINERS_CONF=", "DISABLE_HC_SYSTEMD=")):
            name, value = line.split("=", 1)
            os.environ[name] = value


def podman(*words, within=300, check=True, **more):
    return command("podman", *words, within=within, check=check, **more)


def have(image):
    return subprocess.run(["podman", "image", "exists", image]).returncode == 0


def image(name):
    """Builds the image if it is not there; its full name. The tag stands for the packages."""
    below, packages = IMAGES[name]
    full = f"localhost/lictor-examples/{name}:{zlib.crc32(repr((below and IMAGES[below], packages)).encode()):08x}"
    if have(full):
        return full
    base = image(below) if below else "localhost/lictor-demo/base:bookworm"
    if not below and not have(base):
        command(ROOT / "container/lib/make-base", "podman", base, "localhost/lictor-demo/consul:packaged", within=900)
    # policy-rc.d: no service starts during the build. resolvconf's script may not replace /etc/resolv.conf, which is a mount then.
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "Dockerfile").write_text(
            f"FROM {base}\n"
            "RUN printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \\\n"
            " && echo resolvconf resolvconf/linkify-resolvconf boolean false | debconf-set-selections \\\n"
            f" && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {packages} \\\n"
            " && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/sbin/policy-rc.d\n"
            "CMD [\"/sbin/init\"]\n")
        podman("build", "--format", "docker", "-t", full, folder, within=900)
    return full


class Container:
    """A container of a test; removed at the end of the test."""
    all = []

    def __init__(self, name, *words):
        self.name = f"lictor-examples-{name}"
        podman("rm", "-f", "-t", 0, "--ignore", self.name)
        Container.all.append(self)
        podman("run", "-d", "--name", self.name, *words)

    def remove(self):
        podman("rm", "-f", "-t", 0, "--ignore", self.name, check=False)

    def run(self, text, within=120, check=True, folder=None):
        """Runs a shell text in it, and ends at the first command that fails."""
        words = ["exec", *(["-w", folder] if folder else []), self.name, "bash", "-e", "-c", text]
        try:
            return podman(*words, within=within, check=check)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.log()}") from None

    def log(self):
        return ""


class Corp(Container):
    """The network's DHCP and DNS server."""

    def __init__(self):
        super().__init__("corp", "--network", NETWORK, "--ip", CORP, "--cap-add", "NET_ADMIN,NET_RAW", "--systemd=false", image("node"), "dnsmasq",
                         "-k", "--user=root", "--no-resolv", "--no-hosts", "--local=/#/", f"--address=/{UPSTREAM_NAME}/{UPSTREAM_ADDRESS}", "--log-queries",
                         "--log-facility=-", f"--dhcp-range={SUBNET}.200,{SUBNET}.240,255.255.255.0,1h", f"--dhcp-option=option:dns-server,{CORP}",
                         f"--dhcp-option=option:router,{SUBNET}.1", "--dhcp-option=option:domain-search,corp.example")


# At a boot a real interface has no address; podman gives this one its address before systemd starts.
BARE_UNIT = """[Unit]
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'ip address flush dev eth0; ip link set eth0 down'
[Install]
WantedBy=sysinit.target
"""
AGENT_UNIT = """[Service]
ExecStart=/usr/local/bin/consul agent -dev -bind 127.0.0.1 -log-level warn
[Install]
WantedBy=multi-user.target
"""
# The keys as Patroni writes them, with a real session and lock. In place of Patroni's REST API the agent's HTTP API answers, which is all that
# lictor doctor looks at.
LEADER_KEYS = """api=http://127.0.0.1:8500/v1
session=$(curl -sf -X PUT $api/session/create -d '{"Name":"pglab-patroni01","TTL":"3600s"}' | sed -n 's/.*"ID": *"\\([^"]*\\)".*/\\1/p')
curl -sf -X PUT $api/kv/service/pglab/config -d '{"ttl":30,"loop_wait":10}' >/dev/null
curl -sf -X PUT $api/kv/service/pglab/members/patroni01 -d '{"conn_url":"postgres://LEADER:5432/postgres","api_url":"http://AGENT:8500/patroni","state":"running","role":"master"}' >/dev/null
test "$(curl -sf -X PUT "$api/kv/service/pglab/leader?acquire=$session" -d patroni01)" = true
"""


def leader_keys(agent):
    return LEADER_KEYS.replace("LEADER", LEADER_ADDRESS).replace("AGENT", agent)


class Host(Container):
    """A machine with systemd as process 1, the project's container folder, lictor and a Consul agent."""

    def __init__(self, kind, *words, consul=True, lictor=True):
        super().__init__(kind, "--network", NETWORK, "--hostname", kind, "--dns=none", "--systemd=always", "--cap-add",
                         "NET_ADMIN,NET_RAW,SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "-v",
                         f"{ROOT}/container:/src/container:ro", *(["-v", f"{LICTOR}:/usr/local/sbin/lictor:ro"] if lictor else []), "-v",
                         f"{consul_binary()}:/usr/local/bin/consul:ro", *words, image(kind))
        until(lambda: self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), 60, "systemd")
        if consul:
            self.write("/etc/systemd/system/consul.service", AGENT_UNIT)
            self.run("systemctl daemon-reload; systemctl enable --now consul 2>&1")
            until(lambda: ":" in self.run("curl -s http://127.0.0.1:8500/v1/status/leader", check=False), 60, "Consul")
            self.run(leader_keys("127.0.0.1"))

    def write(self, path, text):
        podman("exec", "-i", self.name, "sh", "-c", f"cat >{shlex.quote(path)}", input=text)

    def page(self, folder, heading, within=180):
        """Runs the page's blocks below the heading, in the example's folder; what they print."""
        return "".join(self.run(text, within=within, folder=f"/src/container/examples/{folder}") for text in blocks(folder, heading))

    def log(self):
        return self.run_quietly("journalctl -u lictor --no-pager -o cat | tail -n 12; cat /etc/resolv.conf")

    def run_quietly(self, text):
        return podman("exec", self.name, "bash", "-c", text, check=False)

    def knows(self, name):
        return self.run_quietly(f"getent ahostsv4 {name}").split(" ")[0].strip()

    def findings(self, options=""):
        """lictor doctor's findings worse than a hint."""
        found = json.loads(self.run_quietly(f"lictor {options} --json doctor"))
        return [row for row in found["findings"] if row["severity"] in ("warning", "error")]

    def nameservers(self):
        return re.findall(r"^nameserver (\S+)", self.run_quietly("cat /etc/resolv.conf"), re.M)


def consul_binary():
    return command(ROOT / "container/lib/fetch-consul").strip().splitlines()[-1]


def answers_everything(host):
    """Consul's names, the leader and the network's own names are answered, and nothing is wrong."""
    expect(host.knows("consul.service.consul") == "127.0.0.1", f"consul.service.consul: {host.knows('consul.service.consul')!r} {host.log()}")
    expect(host.knows(LEADER) == LEADER_ADDRESS, f"{LEADER}: {host.knows(LEADER)!r} {host.log()}")
    expect(host.knows(UPSTREAM_NAME) == UPSTREAM_ADDRESS, f"{UPSTREAM_NAME}: {host.knows(UPSTREAM_NAME)!r} {host.log()}")
    bad = host.findings()
    expect(not bad, f"doctor: {bad}")


def nothing_leaks():
    """The leader's name was never asked of the network's server."""
    leaked = re.findall(rf"query\[\w+\] {re.escape(LEADER)} from \S+", podman("logs", "lictor-examples-corp"))
    expect(not leaked, f"the network's server was asked: {leaked}")


def is_as_before(host, servers):
    until(lambda: host.nameservers() == servers, 15, lambda: f"resolv.conf as before ({servers}), now {host.nameservers()}")
    until(lambda: host.knows(UPSTREAM_NAME) == UPSTREAM_ADDRESS, 15, f"{UPSTREAM_NAME} after going back")
    expect(host.run_quietly("systemctl is-active lictor").strip() == "inactive", "lictor still runs")
    expect(host.knows("consul.service.consul") == "", "Consul's names are still answered")


def survives_a_boot(host):
    """Restarts the whole host; its interface has no address then."""
    host.write("/etc/systemd/system/bare.service", BARE_UNIT)
    host.run("systemctl daemon-reload; systemctl enable bare 2>&1")
    podman("restart", "-t", 5, host.name)
    until(lambda: host.run_quietly("systemctl is-system-running").strip() in ("running", "degraded"), 60, "systemd after the restart")
    until(lambda: host.knows("consul.service.consul") == "127.0.0.1", 60, lambda: f"Consul's names after a restart of the host {host.log()}")
    until(lambda: host.knows(UPSTREAM_NAME) == UPSTREAM_ADDRESS, 60, lambda: f"{UPSTREAM_NAME} after a restart of the host {host.log()}")
    expect(host.nameservers() == ["127.0.0.1"], f"resolv.conf after a restart of the host: {host.nameservers()}")


def lictor_image():
    """An image like container/images/lictor.Dockerfile, with the program that is tested; it is built again when the program changed."""
    full = "localhost/lictor-examples/lictor"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(LICTOR, f"{folder}/lictor")
        shutil.copy(ROOT / "container/entrypoint", f"{folder}/entrypoint")
        pathlib.Path(folder, "Dockerfile").write_text(f"FROM {image('node')}\nCOPY lictor /opt/lictor/bin/lictor\nCOPY entrypoint /opt/lictor/entrypoint\n"
                                                      "RUN ln -s /opt/lictor/bin/lictor /usr/local/bin/lictor\nCMD [\"/opt/lictor/bin/lictor\"]\n")
        podman("build", "--format", "docker", "-t", full, folder, within=600)
    return full


class Agent(Container):
    """A Consul agent in a container of its own, with the leader's keys."""

    def __init__(self, address=f"{SUBNET}.3"):
        super().__init__("consul", "--network", NETWORK, "--ip", address, "--systemd=false", "-v", f"{consul_binary()}:/usr/local/bin/consul:ro", image("node"),
                         "consul", "agent", "-dev", "-client", "0.0.0.0", "-bind", address, "-log-level", "warn")
        self.url, self.address = f"http://{address}:8500", address
        until(lambda: ":" in self.run("curl -s http://127.0.0.1:8500/v1/status/leader", check=False), 60, "Consul")
        self.run(leader_keys(address))


class Foreign(Container):
    """A container that another program starts; removed like all others."""

    def __init__(self, name):
        self.name = name
        Container.all.append(self)
        self.remove()


def with_compose(text, **environment):
    """Runs a shell text with podman's socket as Docker's; `compose` is docker-compose."""
    return command("bash", "-e", "-c", f"container={ROOT}/container; . {ROOT}/container/lib/engine; ENGINE=podman find_engine; podman_socket\n{text}",
                   within=300, env={**os.environ, **environment})


def known_in(container, name):
    return podman("exec", container, "sh", "-c", f"getent ahostsv4 {name}", check=False).split(" ")[0].strip()


def container_answers(container, agent):
    for name, address in ("consul.service.consul", agent.address), (LEADER, LEADER_ADDRESS), (UPSTREAM_NAME, UPSTREAM_ADDRESS):
        until(lambda name=name, address=address: known_in(container, name) == address, 30,
              lambda name=name: f"{name} in {container}: {known_in(container, name)!r} {podman('logs', '--tail', 8, container, check=False)}")


NETWORKD = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n[DHCPv4]\nUseDomains=yes\n"


def resolved_host(kind="resolved"):
    """As Ubuntu: networkd gets the servers by DHCP, and resolv.conf is a link to the stub's file."""
    host = Host(kind)
    host.write("/etc/systemd/network/10-eth0.network", NETWORKD)
    host.run("ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; systemctl enable --now systemd-networkd systemd-resolved 2>&1")
    until(lambda: host.knows(UPSTREAM_NAME) == UPSTREAM_ADDRESS, 30, lambda: "the network's names before the page: " + host.run_quietly("resolvectl"))
    expect(host.nameservers() == ["127.0.0.53"], f"{host.nameservers()}")
    return host


# -- all machines ------------------------------------------------------------------------------------------------------


def remove_all(but=()):
    """Removes the containers of the last test; `but`: a class of containers that stay."""
    for container in Container.all:
        if not isinstance(container, but):
            container.remove()
    Container.all[:] = [container for container in Container.all if isinstance(container, but)]


def open_network():
    """The network of the tests, with its DHCP and DNS server."""
    settings()
    if NETWORK not in podman("network", "ls", "--format", "{{.Name}}").split():
        podman("network", "create", "--subnet", f"{SUBNET}.0/24", "--ip-range", f"{SUBNET}.128/26", "--disable-dns", NETWORK)
    Corp()


def close_network():
    remove_all()
    podman("network", "rm", "-f", NETWORK, check=False)
