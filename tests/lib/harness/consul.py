"""A real Consul: three servers on one machine, client agents with their own settings, and the HTTP API to write data.

Each agent has its own address in a free loopback network, like the agents of a data centre. All agents use the same
ports.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

from . import net
from .ask import Server
from .process import Process

_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def binary():
    found = subprocess.run([os.path.join(_root, "container/lib/fetch-consul")], stdout=subprocess.PIPE, text=True)
    if found.returncode:
        raise RuntimeError("no consul binary; container/lib/fetch-consul prints the reason")
    return found.stdout.strip()


class ApiError(OSError):
    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text.strip()}")
        self.status = status


class Api:
    """The HTTP API of one agent, with a connection for each thread."""

    def __init__(self, address, port, token=None):
        self.address, self.port = address, port
        self.token = token
        self._local = threading.local()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def call(self, method, path, body=None, within=10.0, **query):
        """(status, headers, bytes)."""
        if query:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(query)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        headers = {"X-Consul-Token": self.token} if self.token else {}
        for attempt in (1, 2):
            link = getattr(self._local, "link", None)
            if link is None:
                link = self._local.link = http.client.HTTPConnection(self.address, self.port, timeout=within)
            try:
                if link.sock:
                    link.sock.settimeout(within)
                link.request(method, path, body, headers)
                reply = link.getresponse()
                return reply.status, reply.headers, reply.read()
            except (http.client.HTTPException, ConnectionError) as error:
                link.close()
                self._local.link = None
                if attempt == 2:
                    raise OSError(f"{method} {path}: {error!r}") from error
            except OSError:
                link.close()
                self._local.link = None
                raise

    def _json(self, method, path, body=None, **query):
        status, _headers, data = self.call(method, path, body, **query)
        if status >= 300:
            raise ApiError(status, data.decode(errors="replace"))
        return json.loads(data) if data.strip() else None

    def get(self, path, **query):
        return self._json("GET", path, **query)

    def put(self, path, body=None, **query):
        return self._json("PUT", path, body, **query)

    def post(self, path, body=None, **query):
        return self._json("POST", path, body, **query)

    def delete(self, path, **query):
        return self._json("DELETE", path, **query)

    # catalog

    def register(self, node, address, service=None, checks=(), **more):
        """Registers a node without an agent in the catalog, with at most one service."""
        entry = dict(Node=node, Address=address, **more)
        if service:
            entry["Service"] = service
        if checks:
            entry["Checks"] = list(checks)
        return self.put("/v1/catalog/register", entry)

    def deregister(self, node, service_id=None):
        entry = {"Node": node}
        if service_id:
            entry["ServiceID"] = service_id
        return self.put("/v1/catalog/deregister", entry)

    def register_here(self, **service):
        """Registers a service of this agent."""
        return self.put("/v1/agent/service/register", service)

    def deregister_here(self, service_id):
        return self.put(f"/v1/agent/service/deregister/{urllib.parse.quote(service_id, safe='')}")

    # keys

    def key(self, name):
        status, _headers, data = self.call("GET", "/v1/kv/" + name)
        if status == 404:
            return None
        if status >= 300:
            raise ApiError(status, data.decode(errors="replace"))
        entry = json.loads(data)[0]
        entry["Text"] = base64.b64decode(entry["Value"] or "").decode()
        return entry

    def put_key(self, name, text, **query):
        return self.put("/v1/kv/" + name, text, **query)

    def delete_key(self, name, **query):
        return self.delete("/v1/kv/" + name, **query)


class Agent:
    """One Consul process."""

    def __init__(self, owner, name, address, ports, settings, dev=False):
        self.name = name
        self.address = address
        self.ports = ports
        self.api = Api(address, ports["http"])
        self.dns = Server(address, ports["dns"])
        self._owner = owner
        self._folder = owner.path("consul-" + name)
        os.makedirs(self._folder, exist_ok=True)
        config = {
            "node_name": name, "bind_addr": address, "advertise_addr": address, "client_addr": address,
            "ports": dict(ports, serf_wan=-1, grpc=-1, https=-1),
            "datacenter": "dc1", "log_level": "WARN", "disable_update_check": True, "enable_script_checks": False,
            "performance": {"raft_multiplier": 1},
            # Fast gossip, so that a failed agent is detected within a few seconds.
            "gossip_lan": {"probe_interval": "500ms", "probe_timeout": "250ms", "suspicion_mult": 2},
        }
        if not dev:
            config["data_dir"] = os.path.join(self._folder, "data")
        config.update(settings, ports=dict(config["ports"], **settings.get("ports", {})))
        self._config = os.path.join(self._folder, "agent.json")
        with open(self._config, "w") as file:
            json.dump(config, file, indent=1)
        self._command = [binary(), "agent", f"-config-file={self._config}"] + (["-dev"] if dev else [])
        self.process = None

    def change(self, **settings):
        """Changes settings; they apply from the next start."""
        with open(self._config) as file:
            config = json.load(file)
        config.update(settings)
        with open(self._config, "w") as file:
            json.dump(config, file, indent=1)

    def start(self):
        self.process = Process(f"consul {self.name}", self._command, self._owner.path(f"consul-{self.name}.log"))
        self._owner.processes.append(self.process)
        return self

    def wait_ready(self, within=30):
        """Waits until the agent answers, there is a leader, and the agent's node is in the catalog."""
        def ready():
            return self.api.get("/v1/status/leader") and self.api.get(f"/v1/catalog/node/{self.name}")
        self.process.until(ready, within, f"consul {self.name} is ready", every=0.05)
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process:
            self.process.stop(within=10)

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)


class Cluster:
    """Three servers, and client agents on request. `owner` is a test's context or the shared context of a file."""

    def __init__(self, owner, servers=3, settings=None):
        self._owner = owner
        self.network = net.loopback_net()
        self._next = 0
        self.ports = {kind: net.free_port(f"{self.network}.1") for kind in ("dns", "http", "server", "serf_lan")}
        self.servers = []
        self._addresses = [f"{self.network}.{n + 1}" for n in range(servers)]
        for n, _address in enumerate(self._addresses):
            self.servers.append(self._agent(f"server{n + 1}", dict(
                {"server": True, "bootstrap_expect": servers, "retry_join": self._peers(), "retry_interval": "1s"},
                **(settings or {}))))
        for agent in self.servers:
            agent.start()
        owner.undo.callback(self.stop)
        for agent in self.servers:
            agent.wait_ready()

    def _peers(self):
        return [f"{address}:{self.ports['serf_lan']}" for address in self._addresses]

    def _agent(self, name, settings):
        self._next += 1
        return Agent(self._owner, name, f"{self.network}.{self._next}", self.ports, settings)

    def client(self, name="client1", **settings):
        """A client agent, like the one on an application node."""
        agent = self._agent(name, dict({"retry_join": self._peers(), "retry_interval": "1s"}, **settings)).start()
        self._owner.undo.callback(agent.stop)
        return agent.wait_ready()

    @property
    def api(self):
        return self.servers[0].api

    def leader(self):
        address = self.api.get("/v1/status/leader").split(":")[0]
        return next(agent for agent in self.servers if agent.address == address)

    def stop(self):
        for agent in self.servers:
            if agent.process and agent.process.running():
                agent.process.signal(signal.SIGKILL)
        for agent in self.servers:
            if agent.process:
                agent.process.wait(5)
            shutil.rmtree(os.path.join(self._owner.folder, "consul-" + agent.name), ignore_errors=True)


def dev_agent(owner, name="dev1", address=None, **settings):
    """One agent in development mode: a whole Consul in one process, ready within a second."""
    return dev_agent_unready(owner, name, address, **settings).wait_ready()


def usual_agent(owner, **settings):
    """An agent in development mode on the usual ports of 127.0.0.1, not started. It needs a network of its own."""
    agent = Agent(owner, "dev1", "127.0.0.1", {"dns": 8600, "http": 8500, "server": 8300, "serf_lan": 8301},
                  dict({"server": True, "bootstrap": True}, **settings), dev=True)
    owner.undo.callback(lambda: agent.process and agent.kill())
    return agent


def dev_agent_unready(owner, name="dev1", address=None, **settings):
    """One agent in development mode, started but possibly not ready yet."""
    address = address or net.loopback_net() + ".1"
    ports = {kind: net.free_port(address) for kind in ("dns", "http", "server", "serf_lan")}
    agent = Agent(owner, name, address, ports, dict({"server": True, "bootstrap": True}, **settings), dev=True)
    agent.start()
    owner.undo.callback(agent.kill)
    return agent


def tls_agent(shared):
    """An agent whose HTTPS port requires a client certificate of its CA. The agent's certificate is for server.dc1.consul and 127.0.0.1."""
    folder = shared.path("tls")
    os.makedirs(folder)
    for words in (["ca", "create"], ["cert", "create", "-server"], ["cert", "create", "-client"]):
        subprocess.run([binary(), "tls", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    other = os.path.join(folder, "other")
    os.makedirs(other)
    subprocess.run([binary(), "tls", "ca", "create"], cwd=other, check=True, stdout=subprocess.DEVNULL)
    for where, _folders, names in os.walk(folder):
        os.chmod(where, 0o755)
        for name in names:
            os.chmod(os.path.join(where, name), 0o644)      # lictor reads them as user nobody
    at = lambda name: os.path.join(folder, name)            # noqa: E731
    address = net.loopback_net() + ".1"
    port = net.free_port(address)
    agent = dev_agent(shared, address=address, ports={"https": port}, verify_incoming_https=True, ca_file=at("consul-agent-ca.pem"),
                             cert_file=at("dc1-server-consul-0.pem"), key_file=at("dc1-server-consul-0-key.pem"))
    agent.api.register("web1", "10.8.0.1", {"Service": "web", "Port": 80})
    agent.https = f"https://{address}:{port}"
    agent.where = f"{address}:{port}"
    agent.files = {"ca": at("consul-agent-ca.pem"), "other": at("other/consul-agent-ca.pem"), "cert": at("dc1-client-consul-0.pem"),
                   "key": at("dc1-client-consul-0-key.pem")}
    return agent


def watch(api, path, index, wait="30s", **query):
    """One round of a blocking query: (index, parsed body or None for 404)."""
    status, headers, data = api.call("GET", path, within=60, index=index, wait=wait, **query)
    if status == 404:
        return int(headers["X-Consul-Index"]), None
    if status != 200:
        raise ApiError(status, data.decode(errors="replace"))
    return int(headers["X-Consul-Index"]), json.loads(data)


def settle(api, seconds=0.0):
    """Waits until the catalog's index does not change for a while: agents register themselves for some time after the start."""
    before, since = None, time.monotonic()
    def still():
        nonlocal before, since
        _status, headers, _data = api.call("GET", "/v1/catalog/services")
        now = headers["X-Consul-Index"]
        if now != before:
            before, since = now, time.monotonic()
        return time.monotonic() - since >= seconds
    net.until(still, 20 + seconds, "the catalog does not change", every=0.1)
