"""What do leader names owe, whatever the tags in the catalog say? Patroni's keys are the truth here: the lock names the leader, the
members' records the others. The catalog of this world says the contrary: the tags are those of before the last switchover.

The deviation is exact: the whole reply is made here from the keys; every name of the service that is not listed is the agent's.
"""

import collections
import ipaddress

from harness.patroni import Patroni

from message import (A, AA, ADDITIONAL, ANSWER, ANY, AXFR, NOERROR, NS, SOA, SRV, TC, TXT, Record,
                     labels, name_of)

SCOPE = "pglab"
HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4"]
TAGS = ["master", "primary", "replica", "sync", "any", "standby-leader", "_postgresql._tcp", "old"]
OPTION = f"--leader={SCOPE},namespace=digitalis.io"


def play(ctx, agents):
    """The second member leads, the third and fourth follow, the first is down; the catalog still has the first as its master."""
    patroni = Patroni(SCOPE, agents, HOSTS, session_ttl=3600).start(leader=1)
    ctx.undo.callback(patroni.stop)
    first, second, *others = patroni.members
    patroni.touch(first, "replica", "stopped")
    patroni.register(first, "primary")
    patroni.register(second, "replica")
    patroni.sync(others[0])
    return Truth(second, others, others[:1], patroni.members)


class Truth:
    def __init__(self, leader, replicas, sync, members):
        self.leader, self.replicas, self.sync = leader, replicas, sync
        self.everybody = [leader, *replicas]

    def group(self, tag, strict):
        """(members with their priority, if the tag is the keys' business, else None)."""
        if tag in ("master", "primary"):
            return [(self.leader, 1)]
        if strict:
            return None
        seconds = [(member, 20) for member in self.replicas]
        return {"replica": seconds, "sync": [(member, 20) for member in self.sync], "standby-leader": [],
                "any": [(self.leader, 10), *seconds], "_postgresql._tcp": [(self.leader, 10), *seconds]}.get(tag)


def _service(parsed, facts):
    """(service, tag) of a name in this datacenter, else (None, None)."""
    if parsed.keyword != b"service" or not parsed.left or not parsed.plain:
        return None, None
    if parsed.right and (len(parsed.right) > 1 or parsed.datacenter(facts) != facts.pair.datacenter):
        return None, None
    return parsed.service_and_tag()


def owed(asked, parse, facts, reply, strict):
    """The reply that lictor owes, made from the agent's head, or None where the agent's stands."""
    if facts.leaders is None or facts.domain_of(asked.lower) is None or asked.type in (NS, AXFR):
        return None
    parsed = parse(asked)
    soa = facts.soa_for(facts.domains[0] if strict else parsed.domain)
    due = reply.copy()
    due.rcode, due.flags = NOERROR, reply.flags & ~TC | AA
    if asked.type == SOA:
        owner = None if strict else _zone(asked, parse, facts)
        if owner is None:
            return None
        due.records = collections.Counter([soa._replace(section=ANSWER, owner=owner)])
        return due
    service, tag = _service(parsed, facts)
    group = facts.leaders.group(tag, strict) if service == SCOPE else None
    if group is None:
        return None
    due.records = collections.Counter()
    if asked.type == SRV:
        base = [facts.pair.datacenter.encode()] + labels(facts.domains[0] if strict else parsed.domain)
        for member, priority in group:
            packed = ipaddress.ip_address(member.host).packed
            target = name_of([packed.hex().encode(), b"addr"] + base)
            due.records[Record(ANSWER, asked.name, SRV, 1, 0, priority.to_bytes(2, "big") + b"\0\1" + member.port.to_bytes(2, "big") + target)] += 1
            due.records[Record(ADDITIONAL, target, A, 1, 0, packed)] += 1
    elif asked.type in (A, ANY, TXT) and tag != "_postgresql._tcp":
        for member, _priority in group:
            due.records[Record(ANSWER, asked.name, A, 1, 0, ipaddress.ip_address(member.host).packed)] += 1
    if not due.records:
        due.records[soa] = 1
    return due


def _zone(asked, parse, facts):
    """The name of the leader's service that the question is at or below, in its letters."""
    parts = labels(asked.name)
    domain = len(labels(facts.domain_of(asked.lower)))
    for begin in range(len(parts) - domain, -1, -1):
        name = name_of(parts[begin:])
        parsed = parse(asked.over(asked.transport, type=A, name=name))
        service, tag = _service(parsed, facts)
        if service is not None and not tag:
            return name if service == SCOPE else None
    return None
