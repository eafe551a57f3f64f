"""What stands behind an alias, when it is followed to its end? The agent asks itself for the target as if over UDP without EDNS, and as
type ANY, so its own answer shows three records of twenty, of both families. In the default mode lictor follows the alias with the type
that was asked and gives all: what that is tells the agent, asked for each target itself.

Where the agent draws (one alias of several, a_record_limit addresses of many) there are several possible answers, or one with a choice.
"""

import collections

from addresses import address_of, chosen, fits, split
from deviations import Parsed
from message import A, AAAA, ANSWER, ANY, CNAME, NOERROR, RD, Record, labels, lower
from questions import Asked

ESCAPED = frozenset(range(0x21)) | frozenset(range(0x7f, 0x100)) | frozenset(b".'@;()\"\\")
FEW, MANY = 6, 32
NESTING = 3

# `must` are there, each as often as it says, and `count` of `pool` besides.
Option = collections.namedtuple("Option", "must count pool", defaults=(0, frozenset()))
NOTHING = Option(collections.Counter())


def joined(one, other):
    return Option(one.must + other.must, one.count + other.count, one.pool | other.pool)


class Behind:
    def __init__(self, pair, facts, hosts, samples):
        self.pair, self.facts, self.hosts, self.samples = pair, facts, hosts, samples
        self._known = {}
        # Name on the wire -> as it is registered, where a backslash in it takes itself away: the agent looks for the label with it.
        self.written = {fits(text): text for text in _texts(facts) if "\\" in text and fits(text)}

    def forget(self):
        self._known.clear()

    def is_outside(self, name):
        return self.facts.domain_of(lower(name)) is None

    def is_dead(self, target):
        """Nothing will ever stand behind it: nobody here resolves that name outside Consul."""
        return self.is_outside(target) and not (self.pair.recursors and self.hosts.get(lower(target)))

    def is_made(self, target):
        """A name that an answer made: `<node>.node.<dc>.<domain>` or `<hex>.addr.<dc>.<domain>`. Nobody registers an address of that form."""
        domain = self.facts.domain_of(lower(target))
        if domain is None:
            return False
        parts = labels(lower(target))[:-len(labels(domain))]
        return len(parts) >= 3 and parts[-2] in (b"node", b"addr") and parts[-1].decode("latin-1") in self.facts.datacenters

    def speaks(self, target):
        """The agent has a reply to questions about it."""
        return bool(self.samples(Asked(target, ANY, "alias", None, 1, RD, None, "tcp"), "tcp", FEW))

    def alive(self, heads):
        """Of several aliases those behind which something stands, if there are such."""
        return [head for head in heads if not self.is_dead(head.rdata)] or list(heads)

    def options(self, target, kind, ttl, section, override, depth=NESTING):
        """All that may stand behind an alias of this TTL; `override` if its TTL goes for everything behind it."""
        key = (target, kind, ttl, section, override, depth)
        if key not in self._known:
            self._known[key] = self._find(target, kind, ttl, section, override, depth)
        return self._known[key]

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
        if target in self.written or any(c in ESCAPED for part in labels(target) for c in part) or self.pair.a_record_limit and not is_hex:
            # Such letters are Consul's only as they are registered; no question can have them. And of a choice no draw shows all.
            return self._computed(target, kind, ttl, section, override, depth)
        direct = Asked(target, kind, "alias", None, 1, RD, None, "tcp")
        replies = self.samples(direct, "tcp", FEW)
        if any(record.type == CNAME for reply in replies for record in reply.records):
            replies = self.samples(direct, "tcp", MANY)
        addresses, heads, counts = {}, {}, set()
        for reply in replies:
            if reply.rcode != NOERROR:
                continue
            here = 0
            for record in reply.records:
                own = lower(record.owner) == lower(target) or is_hex
                if record.section != ANSWER or not own:
                    continue
                if record.type in (A, AAAA) and kind in (ANY, record.type):
                    addresses[Record(section, target, record.type, 1, ttl if override else record.ttl, record.rdata)] = None
                    here += 1
                elif record.type == CNAME:
                    heads[record] = None
            counts.add(here)
        if addresses:
            if counts == {len(addresses)}:
                return [Option(collections.Counter(addresses.keys()))]
            return [Option(collections.Counter(), max(counts), frozenset(addresses))]
        return self._aliases(target, heads, kind, ttl, section, override, depth)

    def _computed(self, target, kind, ttl, section, override, depth):
        """As the catalog has it."""
        parsed = Parsed(Asked(lower(target), kind, "alias", None), self.facts)
        if target in self.written:
            parsed.left = [part.lower().encode() for part in split(self.written[target])[:len(parsed.left)]]
        places, natural = self.places(parsed, target, kind), self.pair.node_ttl
        if parsed.keyword == b"service":
            natural = self.pair.service_ttl(parsed.service_and_tag()[0].encode("latin-1").decode("utf-8", "replace"))
        addresses, heads = {}, {}
        for place in places:
            packed = address_of(place)
            if packed is None:
                if (head := fits(place)) is not None:
                    heads[Record(section, target, CNAME, 1, natural, head)] = None
            elif kind in (ANY, A if len(packed) == 4 else AAAA):
                addresses[Record(section, target, A if len(packed) == 4 else AAAA, 1, ttl if override else natural, packed)] = None
        if addresses:
            limit = self.pair.a_record_limit
            return [Option(collections.Counter(addresses.keys())) if not limit or len(addresses) <= limit
                    else Option(collections.Counter(), limit, frozenset(addresses))]
        return self._aliases(target, heads, kind, ttl, section, override, depth)

    def places(self, parsed, name, kind):
        """What is registered as the addresses of all that a name stands for, in the catalog's words."""
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
                if not place or address_of(place) is None and fits(place) == name:      # its own name
                    place = chosen(node["Address"], node.get("TaggedAddresses"), kind, wan)
                found.append(place)
        elif parsed.keyword == b"node":
            wanted = b".".join(parsed.left).decode("utf-8", "replace")
            found = [chosen(node["Address"], node.get("TaggedAddresses"), kind, wan) for node in self.facts.records.get(where, ())
                     if node["Node"].lower() == wanted]
        return found

    def _aliases(self, target, heads, kind, ttl, section, override, depth):
        found = []
        for head in self.alive(heads):
            # Below a service everything has its TTL, below a node each its own.
            onwards = override or not _is_node(target, self.facts)
            given = Record(section, target, CNAME, 1, ttl if override else head.ttl, head.rdata)
            for more in self.options(head.rdata, kind, given.ttl, section, onwards, depth - 1):
                found.append(joined(Option(collections.Counter([given])), more))
        return found or [NOTHING]


def _texts(facts):
    """All that is registered as an address."""
    for row in [*facts.records.values(), *facts.instances.values()]:
        for each in row:
            for thing in (each, *(each.get(part) or {} for part in ("Node", "Service") if isinstance(each.get(part), dict))):
                yield thing.get("Address") or ""


def _is_node(name, facts):
    domain = facts.domain_of(lower(name))
    parts = labels(lower(name))[:-len(labels(domain))] if domain else []
    for part in reversed(parts):
        if part in (b"node", b"service"):
            return part == b"node"
    return False


def is_about_node(asked, facts):
    return _is_node(asked.lower, facts)


def matches(records, option):
    """The records are exactly those of this option."""
    if not option.count:
        return records == option.must
    rest = records.copy()
    rest.subtract(option.must)
    if any(count < 0 for count in rest.values()):
        return False
    rest = +rest
    return sum(rest.values()) == option.count and all(count == 1 and record in option.pool for record, count in rest.items())


def inside(records, option):
    """The records are some of this option's."""
    return not {record: n for record, n in (records - option.must).items() if record not in option.pool}


def size(option):
    return sum(option.must.values()) + option.count
