"""What stands behind an alias, when it is followed to its end? The agent asks itself for the target as if over UDP without EDNS, and as
type ANY, so its own answer shows three records of twenty, of both families. In the default mode lictor follows the alias with the type
that was asked and gives all: what that is tells the agent, asked for each target itself.

Where the agent draws (one alias of several, a_record_limit addresses of many) there are several possible answers, or one with a choice.
"""

import collections

from message import A, AAAA, ADDITIONAL, ANSWER, ANY, CNAME, NOERROR, RD, Record, labels, lower
from questions import Asked

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
        return len(parts) >= 3 and parts[-2] in (b"node", b"addr")

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
        direct = Asked(target, kind, "alias", None, 1, RD, None, "tcp")
        replies = self.samples(direct, "tcp", FEW)
        if any(record.type == CNAME for reply in replies for record in reply.records) or self.pair.a_record_limit:
            replies = self.samples(direct, "tcp", MANY)
        is_hex = labels(lower(target))[1:2] == [b"addr"]
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
        found = []
        for head in self.alive(heads):
            # Below a service everything has its TTL, below a node each its own.
            onwards = override or not _is_node(target, self.facts)
            given = Record(section, target, CNAME, 1, ttl if override else head.ttl, head.rdata)
            for more in self.options(head.rdata, kind, given.ttl, section, onwards, depth - 1):
                found.append(joined(Option(collections.Counter([given])), more))
        return found or [NOTHING]


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
