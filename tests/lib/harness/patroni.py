"""What does Patroni write into Consul when a leader changes, and in which order?

There is no PostgreSQL: only the sessions, keys and registrations, in the order of Patroni's own code. The caller sets the
pauses between the steps.
"""

import json
import time


class Member:
    def __init__(self, name, agent, host, port=5432):
        self.name = name
        self.agent = agent          # the Consul agent on the member's node; the member calls its API
        self.host = host
        self.port = port
        self.session = None
        self.rest = None            # an object with the `url` of this member's REST API


class Patroni:
    """A cluster of members, each with a Consul agent. `namespace` as in patroni.yml, with its slashes."""

    def __init__(self, scope, agents, hosts, namespace="/digitalis.io/", version="3.3.2", service=True, session_ttl=60):
        self.scope = scope
        self.prefix = namespace.strip("/") + "/" + scope + "/"
        self.service = scope.lower().replace("_", "-").replace(".", "-").replace(" ", "-") if service else None
        self.version = version
        self.primary_role = "primary" if version.startswith("4") else "master"
        self.members = [Member(f"patroni{n + 1:02d}", agent, host) for n, (agent, host) in enumerate(zip(agents, hosts))]
        self.session_ttl = session_ttl
        self.timeline = 1
        self.lsn = 67109104
        self.leader = None

    def start(self, leader=0, loop_wait=10):
        api = self.members[0].agent.api
        api.put_key(self.prefix + "config", json.dumps({"ttl": 30, "loop_wait": loop_wait, "retry_timeout": 10}))
        api.put_key(self.prefix + "initialize", "7307474285171384353")
        for member in self.members:
            self.new_session(member)
        self.take_lock(self.members[leader])
        self.leader = self.members[leader]
        for member in self.members:
            self.announce(member, "primary" if member is self.leader else "replica")
        return self

    def stop(self):
        for member in self.members:
            try:
                member.agent.api.put(f"/v1/session/destroy/{member.session}")
                if self.service:
                    member.agent.api.deregister_here(f"{self.scope}/{member.name}")
            except OSError:
                pass                # the test killed this agent
        self.members[0].agent.api.delete_key(self.prefix, recurse="")

    # the single steps

    def new_session(self, member):
        member.session = member.agent.api.put("/v1/session/create", {
            "Name": f"{self.scope}-{member.name}", "TTL": f"{self.session_ttl}s", "Behavior": "delete",
            "LockDelay": "1ms", "Checks": []})["ID"]

    def renew(self):
        for member in self.members:
            member.agent.api.put(f"/v1/session/renew/{member.session}")

    def record(self, member, role, state="running", **more):
        """The value of members/<name>. `more` overrides fields; None removes one."""
        entry = {"conn_url": f"postgres://{member.host}:{member.port}/postgres",
                 "api_url": member.rest.url if member.rest else f"http://{member.host}:8008/patroni", "state": state, "role": role, "version": self.version}
        if state == "running":
            entry["xlog_location"] = self.lsn
            if role == "replica":
                entry["replication_state"] = "streaming"
            entry["timeline"] = self.timeline
        entry.update(more)
        entry = {key: value for key, value in entry.items() if value is not None}
        return json.dumps(entry, separators=(",", ":"))

    def touch(self, member, role, state="running", **more):
        """Writes members/<name>, bound to the member's session. The role "primary" is spelled as in this version."""
        if role == "primary":
            role = self.primary_role
        ok = member.agent.api.put_key(self.prefix + "members/" + member.name, self.record(member, role, state, **more),
                                      acquire=member.session)
        assert ok, f"members/{member.name} not written"

    def sync(self, *standbys):
        """Writes the `sync` key, as the leader does."""
        names = ",".join(member.name for member in standbys) or None
        self.leader.agent.api.put_key(self.prefix + "sync", json.dumps({"leader": self.leader.name, "sync_standby": names, "quorum": 0}))

    def register(self, member, role):
        if not self.service:
            return
        tags = {"primary": ["master", "primary"], "replica": ["replica"]}[role]
        if self.version.startswith("2") and role == "primary":
            tags = ["master"]
        member.agent.api.register_here(
            ID=f"{self.scope}/{member.name}", Name=self.service, Address=member.host, Port=member.port, Tags=tags,
            EnableTagOverride=True, Check={"TTL": "600s", "Status": "passing", "Name": f"Service '{self.service}' check"})

    def deregister(self, member):
        if self.service:
            member.agent.api.deregister_here(f"{self.scope}/{member.name}")

    def announce(self, member, role):
        """The end of an HA cycle: registers the service, then writes the member's key."""
        self.register(member, role)
        self.touch(member, role)

    def take_lock(self, member):
        deadline = time.monotonic() + 2
        while not member.agent.api.put_key(self.prefix + "leader", member.name, acquire=member.session):
            assert time.monotonic() < deadline, f"{member.name} did not get the lock"
            time.sleep(0.002)       # a lock delay of 1 ms follows the end of a session

    def release_lock(self, member):
        entry = member.agent.api.key(self.prefix + "leader")
        assert entry and entry["Text"] == member.name, f"{member.name} does not hold the lock"
        assert member.agent.api.delete_key(self.prefix + "leader", cas=entry["ModifyIndex"])

    # whole changes

    def demote(self, member, state="stopped"):
        """The old leader's steps of a switchover, after its PostgreSQL stopped."""
        api = member.agent.api
        api.put_key(self.prefix + "status", json.dumps({"optime": self.lsn}))
        self.release_lock(member)
        self.touch(member, "demoted", state)
        if state == "stopped":
            self.deregister(member)

    def promote(self, member, gap):
        """The new leader's steps: the lock, one more cycle as replica, promotion, then the announcement."""
        api = member.agent.api
        self.take_lock(member)
        api.put_key(self.prefix + "failover", "{}")
        self.touch(member, "replica")
        gap()
        self.timeline += 1
        self.lsn += 16
        self.leader = member
        api.put_key(self.prefix + "status", json.dumps({"optime": self.lsn}))
        api.put_key(self.prefix + "history", json.dumps([[self.timeline - 1, self.lsn, "no recovery target specified",
                                                          "2026-01-01T00:00:00+00:00", member.name]]))
        self.announce(member, "primary")

    def switchover(self, to, gap):
        """Calls `gap()` between the steps that Patroni does not perform at the same time. Returns the deposed member."""
        old, new = self.leader, self.members[to]
        assert old is not new
        old.agent.api.put_key(self.prefix + "failover", json.dumps({"leader": old.name, "member": new.name}))
        gap()
        self.demote(old)
        gap()
        self.promote(new, gap)
        gap()
        self.announce(old, "replica")
        return old

    def crash(self):
        """The leader's session ends: its lock and its member key are deleted in one step; its service stays registered."""
        old = self.leader
        old.agent.api.put(f"/v1/session/destroy/{old.session}")
        return old

    def lock(self):
        """The number of the present lock, as in `truth`."""
        return self.leader.agent.api.key(self.prefix + "leader")["CreateIndex"]

    def host(self):
        return self.leader.host


def truth(entries, prefix):
    """(number of the lock or None, {member: (role, state)}) from one recursive read of the prefix, as Consul returned it. The number is the
    key's CreateIndex: each new leader creates the key."""
    import base64
    lock, members = None, {}
    for entry in entries or []:
        name = entry["Key"][len(prefix):]
        text = base64.b64decode(entry["Value"] or "").decode()
        if name == "leader":
            lock = entry["CreateIndex"]
        elif name.startswith("members/"):
            record = json.loads(text)
            members[name[len("members/"):]] = (record["role"], record["state"])
    return lock, members
