"""Which records follow an alias (a CNAME record)? The agent queries itself for the target, with type ANY, as if over UDP without EDNS.
So it returns at most three records, A and AAAA mixed. In the default mode lictor queries for the target with the type of the client's
query and returns all records. This module finds these records: it sends the agent a query for each target.

The agent chooses some records at random (one alias of several, a_record_limit addresses of many). Then several answers are possible.
"""

import collections

from addresses import address_of, chosen, fits, split
from deviations import Parsed
from message import A, AAAA, ANSWER, ANY, CNAME, NOERROR, RD, Record, labels, lower
from queries import Query

# Bytes that presentation form escapes.
ESCAPED = frozenset(range(0x21)) | frozenset(range(0x7f, 0x100)) | frozenset(b".'@;()\"\\")
FEW, MANY = 6, 32        # how often a query is repeated; MANY finds each of several aliases
NESTING = 3              # the length of the longest chain of aliases that is followed

# One possible set of records: all of `must`, with their counts, and `count` records of `pool`.
Option = collections.namedtuple("Option", "must count pool", defaults=(0, frozenset()))
NOTHING = Option(collections.Counter())


def joined(one, other):
    return Option(one.must + other.must, one.count + other.count, one.pool | other.pool)


class Aliases:
    def __init__(self, pair, facts, hosts, samples):
        self.pair, self.facts, self.hosts, self.samples = pair, facts, hosts, samples
        self._found = {}
        # Registered names with escapes, by wire form: the agent compares a label including its backslash.
        self.escaped = {fits(text): text for text in _registered(facts) if "\\" in text and fits(text)}

    def clear(self):
        self._found.clear()

    def is_outside(self, name):
        return self.facts.domain_of(lower(name)) is None

    def never_resolves(self, target):
        """True for a name outside Consul that no recursor of this test resolves."""
        return self.is_outside(target) and not (self.pair.recursors and self.hosts.get(lower(target)))

    def is_synthesized(self, target):
        """True for a synthesized name, `<node>.node.<dc>.<domain>` or `<hex>.addr.<dc>.<domain>`. No registered address has this form."""
        domain = self.facts.domain_of(lower(target))
        if domain is None:
            return False
        parts = labels(lower(target))[:-len(labels(domain))]
        return len(parts) >= 3 and parts[-2] in (b"node", b"addr") and parts[-1].decode("latin-1") in self.facts.datacenters

    def has_reply(self, target):
        """True if the agent replies to queries for the target."""
        return bool(self.samples(Query(target, ANY, "alias", None, 1, RD, None, "tcp"), "tcp", FEW))

    def resolvable(self, aliases):
        """The aliases whose target can be resolved; all of them if no target can."""
        return [alias for alias in aliases if not self.never_resolves(alias.rdata)] or list(aliases)

    def options(self, target, kind, ttl, section, override, depth=NESTING):
        """All possible sets of records after an alias with this target and TTL. `override`: the records after it have its TTL."""
        key = (target, kind, ttl, section, override, depth)
        if key not in self._found:
            self._found[key] = self._find(target, kind, ttl, section, override, depth)
        return self._found[key]

    def _find(self, target, kind, ttl, section, override, depth):
        if self.is_outside(target):
            found = collections.Counter()
            for each, data in self.hosts.get(lower(target), ()) if self.pair.recursors else ():
                if kind in (ANY, each):
                    found[Record(section, target, each, 1, ttl, data)] += 1
            return [Option(found)]
        if depth < 1:
            return [NOTHING]
        is_hex = labels(lower(target))[1:2] == [b"addr"]
        if target in self.escaped or any(c in ESCAPED for part in labels(target) for c in part) or self.pair.a_record_limit and not is_hex:
            # A query cannot contain such bytes in the registered form. With a_record_limit, no number of queries returns all records.
            return self._computed(target, kind, ttl, section, override, depth)
        direct = Query(target, kind, "alias", None, 1, RD, None, "tcp")
        replies = self.samples(direct, "tcp", FEW)
        if any(record.type == CNAME for reply in replies for record in reply.records):
            replies = self.samples(direct, "tcp", MANY)
        addresses, aliases, counts = {}, {}, set()
        for reply in replies:
            if reply.rcode != NOERROR:
                continue
            found_now = 0
            for record in reply.records:
                own = lower(record.owner) == lower(target) or is_hex
                if record.section != ANSWER or not own:
                    continue
                if record.type in (A, AAAA) and kind in (ANY, record.type):
                    addresses[Record(section, target, record.type, 1, ttl if override else record.ttl, record.rdata)] = None
                    found_now += 1
                elif record.type == CNAME:
                    aliases[record] = None
            counts.add(found_now)
        if addresses:
            if counts == {len(addresses)}:
                return [Option(collections.Counter(addresses.keys()))]
            return [Option(collections.Counter(), max(counts), frozenset(addresses))]
        return self._aliases(target, aliases, kind, ttl, section, override, depth)

    def _computed(self, target, kind, ttl, section, override, depth):
        """The sets that `options` returns, computed from the catalog without queries."""
        parsed = Parsed(Query(lower(target), kind, "alias", None), self.facts)
        if target in self.escaped:
            parsed.left = [part.lower().encode() for part in split(self.escaped[target])[:len(parsed.left)]]
        places, own_ttl = self.places(parsed, target, kind), self.pair.node_ttl
        if parsed.keyword == b"service":
            own_ttl = self.pair.service_ttl(parsed.service_and_tag()[0].encode("latin-1").decode("utf-8", "replace"))
        addresses, aliases = {}, {}
        for place in places:
            packed = address_of(place)
            if packed is None:
                if (wire := fits(place)) is not None:
                    aliases[Record(section, target, CNAME, 1, own_ttl, wire)] = None
            elif kind in (ANY, A if len(packed) == 4 else AAAA):
                addresses[Record(section, target, A if len(packed) == 4 else AAAA, 1, ttl if override else own_ttl, packed)] = None
        if addresses:
            limit = self.pair.a_record_limit
            return [Option(collections.Counter(addresses.keys())) if not limit or len(addresses) <= limit
                    else Option(collections.Counter(), limit, frozenset(addresses))]
        return self._aliases(target, aliases, kind, ttl, section, override, depth)

    def places(self, parsed, name, kind):
        """The addresses in the catalog of the service's instances, or of the nodes, with this name."""
        where = parsed.datacenter(self.facts)
        wan = where != self.pair.datacenter and self.pair.translate
        found = []
        if parsed.keyword == b"service":
            service, tag = (part.encode("latin-1").decode("utf-8", "replace") for part in parsed.service_and_tag())
            for instance in self.facts.instances.get((where, service), ()):
                if tag and tag not in [each.lower() for each in instance["Service"]["Tags"] or ()]:
                    continue
                own, node = instance["Service"], instance["Node"]
                place = chosen(own["Address"], own.get("TaggedAddresses"), kind, wan)
                if not place or address_of(place) is None and fits(place) == name:      # the service's address is its own name
                    place = chosen(node["Address"], node.get("TaggedAddresses"), kind, wan)
                found.append(place)
        elif parsed.keyword == b"node":
            name_lower = b".".join(parsed.left).decode("utf-8", "replace")
            found = [chosen(node["Address"], node.get("TaggedAddresses"), kind, wan) for node in self.facts.records.get(where, ())
                     if node["Node"].lower() == name_lower]
        return found

    def _aliases(self, target, aliases, kind, ttl, section, override, depth):
        found = []
        for alias in self.resolvable(aliases):
            # All records after an alias of a service have the service's TTL. After an alias of a node each record has its own TTL.
            overrides = override or not _is_node(target, self.facts)
            given = Record(section, target, CNAME, 1, ttl if override else alias.ttl, alias.rdata)
            for after in self.options(alias.rdata, kind, given.ttl, section, overrides, depth - 1):
                found.append(joined(Option(collections.Counter([given])), after))
        return found or [NOTHING]


def _registered(facts):
    """All registered addresses, of nodes and of services."""
    for row in [*facts.records.values(), *facts.instances.values()]:
        for each in row:
            for holder in (each, *(each.get(part) or {} for part in ("Node", "Service") if isinstance(each.get(part), dict))):
                yield holder.get("Address") or ""


def _is_node(name, facts):
    domain = facts.domain_of(lower(name))
    parts = labels(lower(name))[:-len(labels(domain))] if domain else []
    for part in reversed(parts):
        if part in (b"node", b"service"):
            return part == b"node"
    return False


def is_about_node(query, facts):
    return _is_node(query.lower, facts)


def matches(records, option):
    """True if the records are exactly those of `must` and `count` different ones of `pool`."""
    if not option.count:
        return records == option.must
    rest = records.copy()
    rest.subtract(option.must)
    if any(count < 0 for count in rest.values()):
        return False
    rest = +rest
    return sum(rest.values()) == option.count and all(count == 1 and record in option.pool for record, count in rest.items())


def inside(records, option):
    """True if each record is in `must` or in `pool`."""
    return not {record: n for record, n in (records - option.must).items() if record not in option.pool}


def size(option):
    return sum(option.must.values()) + option.count
