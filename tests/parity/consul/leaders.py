"""Which answers do leader names have, independent of the tags in the catalog? They come from Patroni's keys: the lock determines the
leader, the member keys the others. The tags in this catalog contradict the keys: they are those from before the last switchover.

The deviation is exact: the whole reply is computed here from the keys. Names of the service that are not listed are answered by the agent.
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


def write(ctx, agents):
    """The second member leads, the third and fourth are replicas, the first is stopped; the catalog still has the first as master."""
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
        self.members = members

    def group(self, tag, strict):
        """[(member, priority)] if the keys determine the answers for this tag, else None."""
        if tag in ("master", "primary"):
            return [(self.leader, 1)]
        if strict:
            return None
        seconds = [(member, 20) for member in self.replicas]
        return {"replica": seconds, "sync": [(member, 20) for member in self.sync], "standby-leader": [],
                "any": [(self.leader, 10), *seconds], "_postgresql._tcp": [(self.leader, 10), *seconds]}.get(tag)


def _service(parsed, facts):
    """(service, tag) of a name in this datacenter, otherwise (None, None)."""
    if parsed.keyword != b"service" or not parsed.left or not parsed.plain:
        return None, None
    if parsed.right and (len(parsed.right) > 1 or parsed.datacenter(facts) != facts.pair.datacenter):
        return None, None
    return parsed.service_and_tag()


def expected(query, parse, facts, reply, strict):
    """lictor's reply, with the header of the agent's, or None if the agent's reply applies."""
    if facts.leaders is None or facts.domain_of(query.lower) is None or query.type in (NS, AXFR):
        return None
    parsed = parse(query)
    soa = facts.soa_for(facts.domains[0] if strict else parsed.domain)
    due = reply.copy()
    due.rcode, due.flags = NOERROR, reply.flags & ~TC | AA
    if query.type == SOA:
        owner = None if strict else _zone(query, parse, facts)
        if owner is None:
            return None
        due.records = collections.Counter([soa._replace(section=ANSWER, owner=owner, ttl=0)])
        return due
    service, tag = _service(parsed, facts)
    group = facts.leaders.group(tag, strict) if service == SCOPE else None
    if group is None:
        return None
    due.records = collections.Counter()
    if query.type == SRV:
        base = [facts.pair.datacenter.encode()] + labels(facts.domains[0] if strict else parsed.domain)
        for member, priority in group:
            packed = ipaddress.ip_address(member.host).packed
            target = name_of([packed.hex().encode(), b"addr"] + base)
            due.records[Record(ANSWER, query.name, SRV, 1, 0, priority.to_bytes(2, "big") + b"\0\1" + member.port.to_bytes(2, "big") + target)] += 1
            due.records[Record(ADDITIONAL, target, A, 1, 0, packed)] += 1
    elif query.type in (A, ANY, TXT) and tag != "_postgresql._tcp":
        for member, _priority in group:
            due.records[Record(ANSWER, query.name, A, 1, 0, ipaddress.ip_address(member.host).packed)] += 1
    if not due.records:
        due.records[soa] = 1
    return due


def _zone(query, parse, facts):
    """The name of the leader's service that is the query's name or its ancestor, in the query's letter case."""
    parts = labels(query.name)
    domain = len(labels(facts.domain_of(query.lower)))
    for begin in range(len(parts) - domain, -1, -1):
        name = name_of(parts[begin:])
        parsed = parse(query.over(query.transport, type=A, name=name))
        service, tag = _service(parsed, facts)
        if service is not None and not tag:
            return name if service == SCOPE else None
    return None
