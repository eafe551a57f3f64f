"""Which answer must the default mode give where the agent's is a random choice, or truncated? All records; or, over UDP, as many as fit,
with TC, and with no room for another one.

A base class of the judge: `facts`, `pair` and `aliases` are the judge's.
"""

import collections

from addresses import address_of, fits
from aliases import MANY, inside, is_about_node, matches
from deviations import Parsed
from message import A, AAAA, ADDITIONAL, ANSWER, ANY, AUTHORITY, CNAME, NOERROR, NS, SRV, TC, TXT, Record, labels, lower
from queries import Query
from unencodable import without_weights


def union_of(replies):
    """Each record with the maximum of its counts in one reply."""
    found = collections.Counter()
    for reply in replies:
        found |= reply.records
    return found


class CompleteAnswers:
    def _limit(self, query):
        # The clients are on lictor's host, so their EDNS size is the only limit.
        return 65535 if query.transport == "tcp" else min(max(512, query.edns.size if query.edns else 512), 65507)

    def _no_room(self, query, mine, missing):
        """A missing record does not fit: the first one left out was too long. Six bytes are reserved for an extended error."""
        room = self._limit(query) - mine.size - 6
        return any((2 if record.section == ANSWER and record.type != CNAME else len(record.owner)) + 10 + len(record.rdata) > room for record in missing)

    def _truncated_or_complete(self, query, mine, given, due):
        """`given` is all of `due`, or a part of it with TC."""
        missing = due - given
        if given - due or bool(missing) != bool(mine.flags & TC):
            return False
        return not missing or self._no_room(query, mine, missing)

    def _additional(self, query, mine, due):
        """ADDITIONAL is all of `due`, or as much of it as fits."""
        given = mine.section(ADDITIONAL)
        missing = due - given
        return not given - due and (not missing or bool(mine.flags & TC) or self._no_room(query, mine, missing))

    def _addresses(self, query, mine, wholes):
        """Addresses, texts, name servers: complete in the agent's TCP reply, except for a_record_limit and the choice of name servers."""
        given = mine.section(ANSWER)
        for whole in wholes:
            if (self._truncated_or_complete(query, mine, given, whole.section(ANSWER))
                    and self._additional(query, mine, whole.section(ADDITIONAL))):
                return ["all_that_fit"]
        parsed = Parsed(query, self.facts)
        if parsed.keyword != b"service" or not self.pair.a_record_limit and not self._large(query):
            return None
        # As many as the limit permits of the registered ones.
        kind = query.type if query.type in (A, AAAA) else ANY
        registered = {address_of(place) for place in self.aliases.places(parsed, query.name, kind)} - {None}
        registered = {packed for packed in registered if query.type in (ANY, TXT) or query.type == (A if len(packed) == 4 else AAAA)}
        example = next(iter(wholes[0].section(ANSWER)))
        pool = {example._replace(type=A if len(packed) == 4 else AAAA, rdata=packed) for packed in registered}
        whole = mine.count(ANSWER) == min(len(pool), self.pair.a_record_limit or len(pool))
        right = all(record in pool and count == 1 for record, count in given.items()) and not mine.section(ADDITIONAL)
        return ["all_that_fit"] if right and whole != bool(mine.flags & TC) and (whole or self._no_room(query, mine, pool - given.keys())) else None

    def _servers(self, mine, replies):
        """Three name servers of several, with their addresses."""
        union = union_of(replies)
        names = {record.rdata for record in mine.records if record.type == NS}
        glue = {record for record in union if record.section == ADDITIONAL and record.owner in names}
        return (mine.rcode == NOERROR and not mine.flags & TC and not mine.records - union and glue <= mine.records.keys()
                and any(all(mine.count(section) == each.count(section) for section in (ANSWER, AUTHORITY, ADDITIONAL)) for each in replies))

    def _aliased(self, query, mine, wholes):
        """One of the aliases, and the records that follow it."""
        kind = query.type if query.type in (A, AAAA) else ANY
        heads = {record for whole in wholes for record in whole.records if record.section == ANSWER and record.type == CNAME
                 and lower(record.owner) == query.lower}
        parsed = Parsed(query, self.facts)
        if parsed.keyword == b"service":
            # With many aliases no number of repeats is certain to show all.
            names = [fits(place) for place in self.aliases.places(parsed, query.name, kind) if address_of(place) is None]
            heads |= {record._replace(rdata=name) for record in heads for name in names if name}
        chain = collections.Counter({record: n for record, n in mine.records.items() if record.section == ANSWER and record.type in (A, AAAA, CNAME)})
        mine_rest = mine.records - chain
        rests = []
        for whole in wholes:
            rest = collections.Counter({record: n for record, n in whole.records.items() if record.section != ANSWER or record.type not in (A, AAAA, CNAME)})
            if rest not in rests:
                rests.append(rest)
        if not any(mine_rest == rest or mine.flags & TC and not mine_rest - rest or self._no_room(query, mine, rest - mine_rest) for rest in rests):
            return None
        for head in self.aliases.resolvable(heads):
            if not chain[head]:
                continue     # a second time only if it is an alias to itself, which the options include
            for option in self.aliases.options(head.rdata, kind, head.ttl, ANSWER, not is_about_node(query, self.facts)):
                left = chain - collections.Counter([head])
                if matches(left, option):
                    if not mine.flags & TC:
                        return ["alias_is_followed"]
                elif mine.flags & TC and inside(left, option) and self._no_room(query, mine, [*(option.must - left), *(option.pool - left.keys())]):
                    return ["alias_is_followed", "all_that_fit"]
        return None

    def _srv(self, query, mine, wholes):
        """SRV records, then the addresses of each target, or the records that follow it, then texts."""
        given = mine.section(ANSWER)
        whole = wholes[0]
        due = whole.section(ANSWER)
        large = self._large(query)
        if large:
            if not self._all_of_large(query, mine, given, whole):
                return None
        else:
            # Of several instances with one node and port one is given, with its weight.
            union = union_of(wholes)
            if any(record not in union for record in given):
                union = union_of([self._expected(query, each)[0] for each in self.samples(query, "tcp", 6 * MANY)])
            if (any(record not in union for record in given)
                    or not self._truncated_or_complete(query, mine, without_weights(given), without_weights(due))):
                return None
        why = ["all_that_fit"]
        additional = mine.section(ADDITIONAL)
        addresses = {lower(record.owner): record for each in wholes for record in each.records if record.section == ADDITIONAL and record.type in (A, AAAA)}
        missing = []
        for record, count in given.items():
            target = record.rdata[6:]
            if self.aliases.is_synthesized(target):
                if lower(target) not in addresses and not large:
                    return None
                address = addresses[lower(target)] if lower(target) in addresses else self._address_of_large(record)
                taken = min(count, additional[address])
                additional[address] -= taken
                missing += [address] * (count - taken)
                continue
            why = ["all_that_fit", "alias_is_followed"]
            for _ in range(count):
                found = self._take(additional, self.aliases.options(target, ANY, record.ttl, ADDITIONAL, True))
                if found is None:
                    return None
                missing += found
        additional = +additional
        texts = {record for each in wholes for record in each.records if record.section == ADDITIONAL and record.type == TXT}
        if any(record not in texts for record in additional):
            return None
        if not mine.flags & TC and not large:
            missing += (wholes[0].section(ADDITIONAL) - mine.section(ADDITIONAL)).keys() & texts
        return why if not missing or self._no_room(query, mine, missing) else None

    def _take(self, additional, options):
        """Removes the records of the most complete option from `additional`. Returns the missing ones."""
        best = None
        for option in options:
            have = collections.Counter({record: min(additional[record], n) for record, n in option.must.items() if additional[record]})
            chosen = sorted(record for record in option.pool if additional[record] and not have[record])[:option.count]
            lacking = [*(option.must - have)] + sorted(option.pool - set(chosen))[:option.count - len(chosen)]
            if best is None or len(lacking) < len(best[1]):
                best = (have + collections.Counter(chosen), lacking)
        additional.subtract(best[0])
        return best[1]

    # sets

    def _within(self, mine, union):
        example = next((record for record in union if record.section == ANSWER), None)
        targets = collections.Counter(record.rdata if record.type == CNAME else record.rdata[6:] for record in mine.records.elements()
                                      if record.type in (CNAME, SRV))
        return all(count <= union[record] or example and (count == 1 and self._of_large(record, example=example)
                                                          or count <= targets[record.owner] and self._of_alias(record, example))
                   for record, count in mine.records.items())

    def _of_alias(self, record, example):
        """An address of an alias's target with too many addresses for any number of repeats; each alias to it is its own choice."""
        if record.type not in (A, AAAA) or record.ttl != example.ttl or self.aliases.is_outside(record.owner) or self.aliases.is_synthesized(record.owner):
            return False
        parsed = Parsed(Query(lower(record.owner), ANY, "alias", None), self.facts)
        return record.rdata in {address_of(place) for place in self.aliases.places(parsed, record.owner, ANY)}

    def _large(self, query):
        return self.facts.large is not None and self.facts.large in query.lower

    def _of_large(self, record, whole=None, example=None):
        """One of so many instances that no number of repeats shows them all: compared with the known instances."""
        example = example or next(each for each in whole.records if each.section == ANSWER)
        if not self.facts.large:
            return False
        if record.type == A and record.section == ANSWER:
            return record._replace(rdata=example.rdata) == example and record.rdata in self.facts.large_addresses
        if record.type == SRV:
            weight, port = record.rdata[:4], int.from_bytes(record.rdata[4:6], "big")
            target = labels(record.rdata[6:])
            if len(target[0]) != 8 or target[0].strip(b"0123456789abcdef"):
                return False
            return (weight == example.rdata[:4] and record._replace(rdata=b"") == example._replace(rdata=b"")
                    and target[1:] == labels(example.rdata[6:])[1:] and (bytes.fromhex(target[0].decode()), port) in self.facts.large_ports)
        if record.type == A and record.section == ADDITIONAL:
            return record.rdata in self.facts.large_addresses and labels(record.owner)[0] == record.rdata.hex().encode()
        return False

    def _address_of_large(self, record):
        target = record.rdata[6:]
        return Record(ADDITIONAL, target, A, 1, record.ttl, bytes.fromhex(labels(target)[0].decode()))

    def _all_of_large(self, query, mine, given, whole):
        """All 1,500, or some with TC; no reply of the agent has them all."""
        example = next(each for each in whole.records if each.section == ANSWER)
        if any(count != 1 or not self._of_large(record, example=example) for record, count in given.items()):
            return False
        cut = len(given) < len(self.facts.large_ports)
        return cut == bool(mine.flags & TC) and (not cut or self._no_room(query, mine, [example]))
