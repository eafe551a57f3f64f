"""Which reply does lictor have to give, given the agent's? In strict mode the same. In the default mode the agent's, changed by the
named deviations: each is a function from the agent's reply to lictor's. Nothing is masked: the result of the deviations is compared
as a whole.

Where the agent's reply is a random choice (of instances, of aliases) or truncated, `judge.py` compares sets.
"""

import leaders

from message import (A, AA, AAAA, ANSWER, ANY, AUTHORITY, AXFR, CNAME, DS, NOERROR, NOTIMP, NS, NXDOMAIN, RA, SERVFAIL, SOA, SRV, TC, Edns, Record, labels,
                     lower, name_from)

OWN_EDNS_SIZE = 1232          # edns-packet-max
UNKNOWN_TYPE = 65281
KEYWORDS = (b"service", b"node", b"addr", b"query", b"connect", b"ingress", b"virtual")
SPECIAL = b".'@;()\"\\"


class Facts:
    """The data that a deviation uses besides the reply: the catalog and the agent's settings."""

    def __init__(self, pair, catalogs, soa):
        self.pair = pair
        self.domains = [name_from(domain) for domain in pair.domains]
        self.soa = soa            # the agent's SOA record (owner: its primary domain), as an AUTHORITY record
        self.nodes = {}           # datacenter -> {lower-case node names}
        self.tags = {}            # (datacenter, service) -> [tags of usable instances]
        self.instances = {}       # (datacenter, service) -> usable instances as health/service has them
        self.records = {}         # datacenter -> nodes as catalog/nodes has them
        self.large = None         # the service of 1,500 instances, if there is one
        self.large_addresses, self.large_ports = set(), set()     # of its instances: packed; (packed, port)
        self.leaders = None       # the data of Patroni's keys, if a scope is configured
        self.datacenters = {each.lower() for each in pair.datacenters}

    def soa_for(self, domain):
        primary = self.domains[0]
        data = self.soa.rdata.replace(primary, domain) if domain != primary else self.soa.rdata
        return Record(AUTHORITY, domain, SOA, 1, self.soa.ttl, data)

    def domain_of(self, name):
        """The longest domain that the lower-case name is at or below."""
        found = [domain for domain in self.domains if name.endswith(domain)]
        return max(found, key=len) if found else None


class Parsed:
    """The labels below the domain, split at the rightmost keyword, like the agent does."""

    def __init__(self, query, facts):
        self.domain = facts.domain_of(query.lower)
        self.keyword = None
        self.left, self.right = [], []
        self.below, self.plain = [], True
        if self.domain is None:
            return
        below = labels(query.lower)[:len(labels(query.lower)) - len(labels(self.domain))]
        self.below = below
        self.plain = all(0x20 < c < 0x7f and c not in SPECIAL for part in below for c in part)
        for at in range(len(below) - 1, -1, -1):
            if below[at] in KEYWORDS:
                self.keyword, self.left, self.right = below[at], below[:at], below[at + 1:]
                return
            if query.type == SRV and below[at].startswith(b"_"):
                self.keyword, self.left, self.right = b"service", below[:at + 1], below[at + 1:]
                return
        self.right = below

    def service_and_tag(self):
        """(service, tag) of a service's name, as text."""
        parts = [part.decode("latin-1") for part in self.left]
        if len(parts) == 2 and all(part.startswith("_") for part in parts):
            return parts[0][1:], "" if parts[1] == "_tcp" else parts[1][1:]
        return (parts[-1], ".".join(parts[:-1])) if parts else ("", "")

    def datacenter(self, facts):
        return (self.right[0].decode("latin-1") if self.right else facts.pair.datacenter)


# Each takes (query, parsed, facts, reply, agent) and changes `reply` in place; returns whether it did. `agent(query)` queries the agent.

def ds_answered_here(query, parsed, facts, reply, agent):
    """DS inside the zone is answered locally, like a type that Consul has no records of; an agent with recursors forwards it."""
    if query.type != DS or not facts.pair.recursors:
        return False
    other = agent(query.over(query.transport, type=UNKNOWN_TYPE))
    for field in ("flags", "rcode", "edns", "records"):
        setattr(reply, field, getattr(other, field))
    return True


def ra_is_set(query, parsed, facts, reply, agent):
    """lictor offers recursion; some caches accept only replies with RA."""
    if reply.flags & RA:
        return False
    reply.flags |= RA
    return True


def edns_size_is_own(query, parsed, facts, reply, agent):
    """OPT has lictor's own UDP size, not the client's."""
    if reply.edns is None or reply.edns.size == OWN_EDNS_SIZE:
        return False
    reply.edns = reply.edns._replace(size=OWN_EDNS_SIZE)
    return True


def _with_domain(name, primary, domain, datacenters):
    """A name that the agent synthesized for this answer, moved below the domain of the query."""
    if not name.lower().endswith(primary):
        return name
    parts = labels(name)[:len(labels(name)) - len(labels(primary))]
    synthesized = len(parts) >= 3 and parts[-2] in (b"node", b"addr") and parts[-1].decode("latin-1") in datacenters or not parts
    return name[:len(name) - len(primary)] + domain if synthesized else name


def domain_of_the_query(query, parsed, facts, reply, agent):
    """Synthesized names end in the domain of the query, as with agents since 1.11; this agent uses its primary domain."""
    primary = facts.domains[0]
    if parsed.domain is None or len(facts.domains) == 1:
        return False
    moved = type(reply.records)()
    for record, count in reply.records.items():
        owner, data = record.owner, record.rdata
        if record.type == SOA:
            owner, data = parsed.domain, data.replace(primary, parsed.domain)
        else:
            if lower(owner) != query.lower:
                owner = _with_domain(owner, primary, parsed.domain, facts.datacenters)
            if record.type == SRV:
                data = data[:6] + _with_domain(data[6:], primary, parsed.domain, facts.datacenters)
            elif record.type == NS:
                data = _with_domain(data, primary, parsed.domain, facts.datacenters)
        if parsed.keyword == b"addr" and record.section == ANSWER and record.type in (A, AAAA):
            owner = query.lower
        moved[record._replace(owner=owner, rdata=data)] += count
    # A registered `.addr` name below the other domain owns its address, too.
    targets = {lower(record.rdata[6:] if record.type == SRV else record.rdata): record.rdata[6:] if record.type == SRV else record.rdata
               for record in moved if record.type in (SRV, CNAME)}
    for record, count in list(moved.items()):
        if record.type in (A, AAAA) and b"\x04addr" in record.owner:
            for domain in facts.domains:
                typed = record.owner[:len(record.owner) - len(primary)] + domain
                if record.owner.endswith(primary) and lower(record.owner) not in targets and lower(typed) in targets:
                    del moved[record]
                    moved[record._replace(owner=targets[lower(typed)])] += count
                    break
    changed = moved != reply.records
    reply.records = moved
    return changed


def addr_is_typed(query, parsed, facts, reply, agent):
    """`<hex>.addr` has the address of its own family only; agents before 1.11 return it for every type."""
    if parsed.keyword != b"addr" or reply.rcode != NOERROR or query.type in (SOA, NS):
        return False
    given = {record.type for record in reply.records if record.section == ANSWER}
    if len(given) != 1 or query.type in given | {ANY}:
        return False
    reply.records.clear()
    reply.records[facts.soa_for(parsed.domain)] = 1
    return True


def _inner(parsed, facts):
    """The name has no records but has names below it (RFC 8020)."""
    if not parsed.plain or parsed.left or parsed.keyword in (b"query", b"connect", b"ingress", b"virtual") and parsed.left:
        return False
    right = parsed.right
    if not right:
        return True
    if len(right) == 1 and (right[0] == b"dc" or (parsed.keyword is None and right[0] in (b"ns",))):
        return True
    known = right[0].decode("latin-1") in facts.datacenters
    return known and (len(right) == 1 or (len(right) == 2 and right[1] == b"dc"))


def _dotted_below(parsed, facts):
    """A tag or node name continues to the left of this name: `2.web.service` if `v1.2` is a tag of web."""
    if not parsed.plain or len(parsed.right) > 1:
        return False
    where = parsed.datacenter(facts)
    text = b".".join(parsed.left).decode("latin-1")
    if parsed.keyword == b"node":
        return any(node.endswith("." + text) for node in facts.nodes.get(where, ()))
    if parsed.keyword == b"service" and len(parsed.left) > 1:
        service, tag = parsed.service_and_tag()
        return tag != "" and any(known.endswith("." + tag) for known in facts.tags.get((where, service), ()))
    return False


def empty_non_terminal_is_nodata(query, parsed, facts, reply, agent):
    """A name that has names below it exists: NOERROR with the SOA, not NXDOMAIN."""
    if parsed.domain is None or reply.rcode != NXDOMAIN:
        return False
    if not (_inner(parsed, facts) if parsed.keyword is None or not parsed.left else _dotted_below(parsed, facts)):
        return False
    reply.rcode = NOERROR
    return True


def _node_known(parsed, facts):
    return parsed.plain and b".".join(parsed.left).decode("latin-1") in facts.nodes.get(parsed.datacenter(facts), ())


def _about_node(query, parsed):
    return parsed.keyword == b"node" and parsed.left and len(parsed.right) <= 1 and query.type not in (SOA, NS, AXFR)


def unknown_node_is_nxdomain(query, parsed, facts, reply, agent):
    """A node that does not exist is NXDOMAIN for all types; the agent checks only some types, and accepts the prefix of a node's UUID
    as its name."""
    if not _about_node(query, parsed) or reply.rcode != NOERROR or _node_known(parsed, facts):
        return False
    below = _dotted_below(parsed, facts)
    reply.records.clear()
    reply.rcode = NOERROR if below else NXDOMAIN
    reply.records[facts.soa_for(parsed.domain)] = 1
    return True


def node_nodata_has_soa(query, parsed, facts, reply, agent):
    """NODATA for a node has an SOA, which determines how long it may be cached (RFC 2308)."""
    if not _about_node(query, parsed) or reply.rcode != NOERROR or not _node_known(parsed, facts):
        return False
    if any(record.section in (ANSWER, AUTHORITY) for record in reply.records):
        return False
    reply.records[facts.soa_for(parsed.domain)] = 1
    return True


def edns_version_is_checked(query, parsed, facts, reply, agent):
    """An unknown EDNS version is BADVERS (RFC 6891 section 6.1.3)."""
    if query.edns is None or query.edns.version == 0:
        return False
    reply.records.clear()
    reply.rcode = NOERROR
    reply.flags = reply.flags & ~(AA | TC) | RA
    reply.edns = Edns(OWN_EDNS_SIZE, 0, query.edns.flags, _extended_error("EDNS version not supported"), 1)
    return True


def _extended_error(text):
    """The EDE option (RFC 8914) with the code Other and a text."""
    data = b"\0\0" + text.encode()
    return b"\0\x0f" + len(data).to_bytes(2, "big") + data


def error_has_a_cause(query, parsed, facts, reply, agent):
    """NOTIMP and SERVFAIL carry an extended error with their cause."""
    text = {NOTIMP: "zone transfer not supported", SERVFAIL: "Consul refuses the look-up of an empty service name"}.get(reply.rcode)
    if text is None or reply.edns is None:
        return False
    reply.edns = reply.edns._replace(options=_extended_error(text) + reply.edns.options)
    return True


# In the order in which they apply.
FIXED = [ds_answered_here, domain_of_the_query, addr_is_typed, empty_non_terminal_is_nodata, unknown_node_is_nxdomain, node_nodata_has_soa,
         ra_is_set, edns_size_is_own, error_has_a_cause]


def expected(query, facts, reply, agent):
    """(the reply of lictor's default mode, [names of the deviations that applied])."""
    parsed = Parsed(query, facts)
    reply = reply.copy()
    if edns_version_is_checked(query, parsed, facts, reply, agent):
        return reply, ["edns_version_is_checked"]
    synthesized = leaders.expected(query, lambda each: Parsed(each, facts), facts, reply, False)
    if synthesized is not None:
        return synthesized, ["leader_names"] + [each.__name__ for each in (ra_is_set, edns_size_is_own)
                                                if each(query, parsed, facts, synthesized, agent)]
    applied = [each.__name__ for each in FIXED if each(query, parsed, facts, reply, agent)]
    return reply, applied
