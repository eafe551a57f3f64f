"""The sample cluster: three PostgreSQL members under Patroni, as they appear in Consul.

Writes into a Consul agent exactly the keys and registrations that Patroni makes for a cluster, and changes the leader in the
steps and with the pauses of a real switchover. There is no PostgreSQL behind it.

    KV     service/pglab/{config,initialize,history,status}, leader (bound to a session), members/<name> (Patroni 4's JSON)
    catalog nodes pg1..pg3, service pglab with tags primary/master or replica and the check that Patroni registers

Addresses are 127.0.1.1-3, so that no connection to them leaves the machine. The nodes have no serfHealth check: Consul removes
nodes with that check that are not gossip members. Only the standard library is used.
"""

import base64
import http.client
import json
import time

SCOPE = "pglab"
MEMBERS = ("pg1", "pg2", "pg3")
ADDRESS = {"pg1": "127.0.1.1", "pg2": "127.0.1.2", "pg3": "127.0.1.3"}
VERSION = "4.1.0"


class ConsulError(RuntimeError):
    """Consul returned an error, or nothing."""


class Consul:
    """The agent's HTTP API over one persistent connection."""

    def __init__(self, host, port, timeout=10):
        self.host, self.port = host, port
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def ask(self, method, path, body=None):
        """One request; the reply's body as text. Raises ConsulError for everything but 200."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        for attempt in (1, 2):  # the agent may have closed the persistent connection
            try:
                self._connection.request(method, path, body)
                reply = self._connection.getresponse()
                text = reply.read().decode()
                break
            except (http.client.HTTPException, ConnectionError) as error:
                self._connection.close()
                if attempt == 2:
                    raise ConsulError(f"{method} {path}: {error}") from error
            except OSError as error:
                self._connection.close()
                raise ConsulError(f"{method} {path}: {error}") from error
        if reply.status != 200:
            raise ConsulError(f"{method} {path}: {reply.status} {text.strip()}")
        return text

    def put(self, path, body=None):
        return self.ask("PUT", path, body)

    def put_key(self, key, value, **flags):
        """Writes a key; with acquire= or release= the lock operation must succeed."""
        query = "&".join(f"{name}={text}" for name, text in flags.items())
        if self.put(f"/v1/kv/{key}" + (f"?{query}" if query else ""), value).strip() != "true":
            raise ConsulError(f"Consul refused to write {key} ({query})")

    def delete_key(self, key):
        self.ask("DELETE", f"/v1/kv/{key}")

    def key(self, key):
        """A key's value as text, None if the key does not exist."""
        try:
            return base64.b64decode(json.loads(self.ask("GET", f"/v1/kv/{key}"))[0]["Value"] or "").decode()
        except ConsulError as error:
            if ": 404 " in str(error) or str(error).endswith(": 404"):
                return None
            raise

    def wait_until_up(self, seconds=20):
        """Waits until the API answers and the agent has a leader, so that writes succeed."""
        end = time.monotonic() + seconds
        while True:
            try:
                if json.loads(self.ask("GET", "/v1/status/leader")) and json.loads(self.ask("GET", "/v1/catalog/nodes")):
                    return
            except (ConsulError, ValueError):
                pass
            if time.monotonic() > end:
                raise ConsulError(f"no Consul with a leader at {self.host}:{self.port} within {seconds} s")
            time.sleep(0.05)


class SampleCluster:
    """The cluster's keys and registrations in one Consul."""

    def __init__(self, consul, scope=SCOPE, namespace="service"):
        self.consul, self.scope, self.prefix = consul, scope, f"{namespace}/{scope}"
        self.sessions, self.leader, self.timeline, self.lsn = {}, None, 1, 67109104

    # -- the whole cluster --------------------------------------------------------------------------------------------

    def register(self, leader="pg1"):
        """Writes all keys and registrations: one leader, two streaming replicas."""
        self.leader = leader
        for name in MEMBERS:
            self.register_service(name, "primary" if name == leader else "replica")
            self.open_session(name)
        put = self.consul.put_key
        put(f"{self.prefix}/initialize", "7441293812345678901")
        put(f"{self.prefix}/config", '{"ttl":30,"loop_wait":10,"retry_timeout":10,"maximum_lag_on_failover":1048576}')
        put(f"{self.prefix}/leader", leader, acquire=self.sessions[leader])
        put(f"{self.prefix}/status", json.dumps({"optime": self.lsn}, separators=(",", ":")))
        for name in MEMBERS:
            self.write_member(name, "primary" if name == leader else "replica")

    def adopt(self):
        """Reads the state that an earlier run registered."""
        self.leader = self.consul.key(f"{self.prefix}/leader")
        if self.leader not in MEMBERS:
            raise ConsulError(f"{self.scope} has no leader (leader key: {self.leader!r})")
        for name in MEMBERS:
            entry = json.loads(self.consul.ask("GET", f"/v1/kv/{self.prefix}/members/{name}"))[0]
            self.sessions[name] = entry["Session"]
            self.timeline = max(self.timeline, json.loads(base64.b64decode(entry["Value"])).get("timeline", 1))
        return self.leader

    # -- one member ---------------------------------------------------------------------------------------------------

    def open_session(self, name):
        """Creates the session without a TTL and without checks: no Patroni renews it."""
        reply = self.consul.put("/v1/session/create", {"Name": f"{self.scope}-{name}", "Node": name, "NodeChecks": [],
                                                       "Behavior": "delete", "LockDelay": "1ms"})
        self.sessions[name] = json.loads(reply)["ID"]

    def register_service(self, name, role):
        tags = ["primary", "master"] if role == "primary" else [role]
        identity = f"{self.scope}/{name}"
        self.consul.put("/v1/catalog/register", {
            "Node": name, "Address": ADDRESS[name],
            "Service": {"ID": identity, "Service": self.scope, "Tags": tags, "Address": ADDRESS[name], "Port": 5432,
                        "EnableTagOverride": True},
            "Check": {"Node": name, "CheckID": f"service:{identity}", "Name": f"Service '{self.scope}' check",
                      "Status": "passing", "ServiceID": identity,
                      "Output": f"HTTP GET http://{ADDRESS[name]}:8008/{role}: 200 OK"}})

    def deregister_service(self, name):
        self.consul.put("/v1/catalog/deregister", {"Node": name, "ServiceID": f"{self.scope}/{name}"})

    def write_member(self, name, role, state="running"):
        """Writes members/<name> in the form and order of Patroni 4; a stopped member writes no position."""
        value = {"conn_url": f"postgres://{ADDRESS[name]}:5432/postgres", "api_url": f"http://{ADDRESS[name]}:8008/patroni",
                 "state": state, "role": role, "version": VERSION}
        if state == "running":
            value["xlog_location"] = self.lsn
            if role == "replica":
                value.update(replay_lsn=self.lsn, receive_lsn=self.lsn, replication_state="streaming")
            value["timeline"] = self.timeline
        self.consul.put_key(f"{self.prefix}/members/{name}", json.dumps(value, separators=(",", ":")),
                            acquire=self.sessions[name])

    # -- the leader change --------------------------------------------------------------------------------------------

    def switch_over(self, new, on_step=lambda event: None, promotion=1.05, away=2.0):
        """A switchover to `new`, in Patroni's steps. on_step(event) is called after each write is acknowledged, and
        on_step("promoting") before the write that makes the new member the primary.

        The pauses are those of a real cluster: 24 ms from the release to the next owner, a second until the new owner's member key is
        primary (Patroni polls once a second), two until the old leader is back as a replica.
        """
        put, old = self.consul.put_key, self.leader
        if new == old:
            raise ValueError(f"{new} leads already")
        put(f"{self.prefix}/failover", json.dumps({"leader": old, "member": new}, separators=(",", ":")))
        on_step("requested")
        self.consul.delete_key(f"{self.prefix}/leader")
        on_step("released")
        self.write_member(old, "demoted", "stopped")
        self.deregister_service(old)
        on_step("demoted")
        time.sleep(0.02)
        put(f"{self.prefix}/leader", new, acquire=self.sessions[new])
        put(f"{self.prefix}/failover", "{}")
        on_step("acquired")
        time.sleep(promotion)
        self.timeline += 1
        self.lsn += 0x1000
        put(f"{self.prefix}/history", json.dumps([[self.timeline - 1, self.lsn, "no recovery target specified"]]))
        self.register_service(new, "primary")
        on_step("tagged")
        on_step("promoting")
        self.write_member(new, "primary")
        self.leader = new
        on_step("promoted")
        time.sleep(away)
        self.register_service(old, "replica")
        self.write_member(old, "replica")
        on_step("rejoined")
