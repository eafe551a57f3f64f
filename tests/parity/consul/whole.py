"""What does the default mode's answer have to be where the agent's own was drawn by lot, or cut? All that there is; or, over UDP, as much
as fits, with TC, and no room for more.

A part of the judge: `facts`, `pair` and `behind` are the judge's.
"""

import collections

from addresses import address_of, fits
from behind import MANY, inside, is_about_node, matches
from deviations import OWN_EDNS_SIZE, Parsed
from message import A, AAAA, ADDITIONAL, ANSWER, ANY, AUTHORITY, CNAME, NOERROR, NS, SRV, TC, TXT, Record, labels, lower
from questions import Asked
from unpackable import weightless


def union_of(replies):
    """Every record, as often as one reply had it at most."""
    found = collections.Counter()
    for reply in replies:
        found |= reply.records
    return found


class Whole:
    def _limit(self, asked):
        return 65535 if asked.transport == "tcp" else max(512, min(asked.edns.size if asked.edns else 512, OWN_EDNS_SIZE))

    def _no_room(self, asked, mine, missing):
        """Something of what is missing does not fit: what was left out first was too long. Six bytes are kept for an extended error."""
        room = self._limit(asked) - mine.size - 6
        return any((2 if record.section == ANSWER and record.type != CNAME else len(record.owner)) + 10 + len(record.rdata) > room for record in missing)

    def _cut_or_whole(self, asked, mine, given, due):
        """`given` is all of `due`, or some of it with TC."""
        missing = due - given
        if given - due or bool(missing) != bool(mine.flags & TC):
            return False
        return not missing or self._no_room(asked, mine, missing)

    def _beside(self, asked, mine, due):
        """ADDITIONAL is all of `due` or as much of it as found room."""
        given = mine.section(ADDITIONAL)
        missing = due - given
        return not given - due and (not missing or bool(mine.flags & TC) or self._no_room(asked, mine, missing))

    def _addresses(self, asked, mine, wholes):
        """Addresses, texts, name servers: whole at the agent over TCP, but for a_record_limit and the three name servers of many."""
        given = mine.section(ANSWER)
        for whole in wholes:
            if self._cut_or_whole(asked, mine, given, whole.section(ANSWER)) and self._beside(asked, mine, whole.section(ADDITIONAL)):
                return ["all_that_fit"]
        parsed = Parsed(asked, self.facts)
        if parsed.keyword != b"service" or not self.pair.a_record_limit and not self._large(asked):
            return None
        # So many of those that are there.
        kind = asked.type if asked.type in (A, AAAA) else ANY
        there = {address_of(place) for place in self.behind.places(parsed, asked.name, kind)} - {None}
        there = {packed for packed in there if asked.type in (ANY, TXT) or asked.type == (A if len(packed) == 4 else AAAA)}
        example = next(iter(wholes[0].section(ANSWER)))
        pool = {example._replace(type=A if len(packed) == 4 else AAAA, rdata=packed) for packed in there}
        whole = mine.count(ANSWER) == min(len(pool), self.pair.a_record_limit or len(pool))
        right = all(record in pool and count == 1 for record, count in given.items()) and not mine.section(ADDITIONAL)
        return ["all_that_fit"] if right and whole != bool(mine.flags & TC) and (whole or self._no_room(asked, mine, pool - given.keys())) else None

    def _servers(self, mine, drawn):
        """Three name servers of more, with their addresses."""
        union = union_of(drawn)
        names = {record.rdata for record in mine.records if record.type == NS}
        glue = {record for record in union if record.section == ADDITIONAL and record.owner in names}
        return (mine.rcode == NOERROR and not mine.flags & TC and not mine.records - union and glue <= mine.records.keys()
                and any(all(mine.count(section) == each.count(section) for section in (ANSWER, AUTHORITY, ADDITIONAL)) for each in drawn))

    def _aliased(self, asked, mine, wholes):
        """One alias of those that are there, and what stands behind it."""
        kind = asked.type if asked.type in (A, AAAA) else ANY
        heads = {record for whole in wholes for record in whole.records if record.section == ANSWER and record.type == CNAME
                 and lower(record.owner) == asked.lower}
        parsed = Parsed(asked, self.facts)
        if parsed.keyword == b"service":
            # Of many aliases no number of draws is sure to show all.
            names = [fits(place) for place in self.behind.places(parsed, asked.name, kind) if address_of(place) is None]
            heads |= {record._replace(rdata=name) for record in heads for name in names if name}
        chain = collections.Counter({record: n for record, n in mine.records.items() if record.section == ANSWER and record.type in (A, AAAA, CNAME)})
        mine_rest = mine.records - chain
        rests = []
        for whole in wholes:
            rest = collections.Counter({record: n for record, n in whole.records.items() if record.section != ANSWER or record.type not in (A, AAAA, CNAME)})
            if rest not in rests:
                rests.append(rest)
        if not any(mine_rest == rest or mine.flags & TC and not mine_rest - rest or self._no_room(asked, mine, rest - mine_rest) for rest in rests):
            return None
        for head in self.behind.alive(heads):
            if not chain[head]:
                continue     # a second time it comes only where it leads to itself, which the options know
            for option in self.behind.options(head.rdata, kind, head.ttl, ANSWER, not is_about_node(asked, self.facts)):
                left = chain - collections.Counter([head])
                if matches(left, option):
                    if not mine.flags & TC:
                        return ["alias_is_followed"]
                elif mine.flags & TC and inside(left, option) and self._no_room(asked, mine, [*(option.must - left), *(option.pool - left.keys())]):
                    return ["alias_is_followed", "all_that_fit"]
        return None

    def _srv(self, asked, mine, wholes):
        """SRV records, then an address for each of their targets, or all that stands behind it, then texts."""
        given = mine.section(ANSWER)
        whole = wholes[0]
        due = whole.section(ANSWER)
        large = self._large(asked)
        if large:
            if not self._all_of_large(asked, mine, given, whole):
                return None
        else:
            # Of several instances on one node and port one is given, with its weight.
            union = union_of(wholes)
            if any(record not in union for record in given):
                union = union_of([self._owed(asked, each)[0] for each in self.samples(asked, "tcp", 6 * MANY)])
            if any(record not in union for record in given) or not self._cut_or_whole(asked, mine, weightless(given), weightless(due)):
                return None
        why = ["all_that_fit"]
        beside = mine.section(ADDITIONAL)
        addresses = {lower(record.owner): record for each in wholes for record in each.records if record.section == ADDITIONAL and record.type in (A, AAAA)}
        missing = []
        for record, count in given.items():
            target = record.rdata[6:]
            if self.behind.is_made(target):
                if lower(target) not in addresses and not large:
                    return None
                wanted = addresses[lower(target)] if lower(target) in addresses else self._address_of_large(record)
                taken = min(count, beside[wanted])
                beside[wanted] -= taken
                missing += [wanted] * (count - taken)
                continue
            why = ["all_that_fit", "alias_is_followed"]
            for _ in range(count):
                found = self._take(beside, self.behind.options(target, ANY, record.ttl, ADDITIONAL, True))
                if found is None:
                    return None
                missing += found
        beside = +beside
        texts = {record for each in wholes for record in each.records if record.section == ADDITIONAL and record.type == TXT}
        if any(record not in texts for record in beside):
            return None
        if not mine.flags & TC and not large:
            missing += (wholes[0].section(ADDITIONAL) - mine.section(ADDITIONAL)).keys() & texts
        return why if not missing or self._no_room(asked, mine, missing) else None

    def _take(self, beside, options):
        """Takes one option's records out of `beside`: the whole of the first that is there, else what is there of one. What is missing, or None."""
        best = None
        for option in options:
            have = collections.Counter({record: min(beside[record], n) for record, n in option.must.items() if beside[record]})
            chosen = sorted(record for record in option.pool if beside[record] and not have[record])[:option.count]
            lacking = [*(option.must - have)] + sorted(option.pool - set(chosen))[:option.count - len(chosen)]
            if best is None or len(lacking) < len(best[1]):
                best = (have + collections.Counter(chosen), lacking)
        beside.subtract(best[0])
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
        """An address of what an alias leads to, of so many that no number of draws shows them all; each that leads there draws its own."""
        if record.type not in (A, AAAA) or record.ttl != example.ttl or self.behind.is_outside(record.owner) or self.behind.is_made(record.owner):
            return False
        parsed = Parsed(Asked(lower(record.owner), ANY, "alias", None), self.facts)
        return record.rdata in {address_of(place) for place in self.behind.places(parsed, record.owner, ANY)}

    def _large(self, asked):
        return self.facts.large is not None and self.facts.large in asked.lower

    def _of_large(self, record, whole=None, example=None):
        """One of so many instances that no number of draws shows them all: it is known who they are."""
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

    def _all_of_large(self, asked, mine, given, whole):
        """All 1,500, or some and TC; no reply of the agent's holds them all."""
        example = next(each for each in whole.records if each.section == ANSWER)
        if any(count != 1 or not self._of_large(record, example=example) for record, count in given.items()):
            return False
        cut = len(given) < len(self.facts.large_ports)
        return cut == bool(mine.flags & TC) and (not cut or self._no_room(asked, mine, [example]))
