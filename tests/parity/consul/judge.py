"""Is lictor's reply correct, given the agent's? Equal, or changed by a named deviation, or another random choice of the same set.

The agent shuffles, chooses one alias of many, three name servers of five, and truncates. Then it is queried repeatedly until its replies
show what is possible. lictor's reply must be one of them or, where truncation leaves too many possibilities, must consist of the same
records, in the same number, with the same flags.
"""

import collections
import time

import pipeline
import leaders
from aliases import FEW, MANY, Aliases
from deviations import OWN_EDNS_SIZE, Parsed, expected
from message import (A, AA, AAAA, ADDITIONAL, ANSWER, ANY, AUTHORITY, CD, CNAME, NOERROR, NS, QR, RA, RD, SERVFAIL, SOA, SRV, TC, Record, lower,
                     read)
from queries import Query
from unencodable import Unencodable
from complete import CompleteAnswers, union_of

RANDOM = "random choice"
RARE = 2000           # replies


class Judge(CompleteAnswers):
    def __init__(self, pair, facts, hosts, ttl_of_hosts):
        self.pair, self.facts, self.hosts = pair, facts, hosts
        self._samples = {}
        self.repeats = 0
        self.missed = 0     # repeats without a reply
        self.aliases = Aliases(pair, facts, hosts, self.samples)
        self.unencodable = Unencodable(pair, facts, self.aliases)

    # repeated queries to the agent

    def repeat(self, query, count=1, tries=2):
        """The replies, with None for each that did not arrive."""
        self.repeats += count
        out = pipeline.query_all([(self.pair.agent.dns, query.transport, [query.wire] * count)], tries)[0]
        self.missed += out.count(None)
        return [wire and read(wire) for wire in out]

    def one(self, query, within=60):
        """A reply of the agent; asked again while it is too busy to send one."""
        deadline = time.monotonic() + within
        while True:
            found = self.repeat(query)
            if found[0] is not None:
                return found[0]
            if time.monotonic() > deadline:
                raise LookupError(f"the agent has no reply to {query} within {within} s")

    def clear(self):
        """Discards all replies: some may be from before a change, or may not have arrived."""
        self._samples.clear()
        self.aliases.clear()

    def samples(self, query, transport, count):
        """Up to `count` replies of the agent to this query."""
        # Letter case counts: an address that is the service's own name in another case is an alias.
        key = (query.name, query.type, transport, query.edns)
        held = self._samples.setdefault(key, [])
        if self._large(query) and query.type not in (NS, SOA):
            count = min(count, 4)      # 64 kB each, and slow for the agent to truncate; see _of_large
        if len(held) < count:
            # An agent that cannot encode its answer sends none; one that is busy with 1,500 instances takes seconds.
            tries = 4 if self._large(query) else 2 if self.facts.large else 1
            plain = Query(query.name, query.type, query.kind, query.domain, 1, RD, query.edns, transport)
            held += self.repeat(plain, count - len(held), tries)
        return [reply for reply in held[:count] if reply is not None]

    # verdicts: the names of the reasons that explain the reply, or None

    def strict(self, query, theirs, mine):
        found = self._strict(query, theirs, mine)
        # Some records cannot be encoded; the agent detects that only after it has truncated the answer.
        return self._unencodable(query, mine, True) if found is None and theirs is not None and _same_head(theirs, mine) else found

    def _strict(self, query, theirs, mine):
        if theirs is None:
            return self._without_reply(query, mine, self.strict)
        synthesized = leaders.expected(query, lambda each: Parsed(each, self.facts), self.facts, theirs, True)
        if synthesized is not None:
            return ["leader_names"] if synthesized == mine else None
        if theirs == mine:
            return []
        if mine.rcode == SERVFAIL and theirs.rcode == NOERROR:
            # One of several aliases cannot be encoded: the agent would not have replied if it had chosen that one.
            return self._unencodable(query, mine, True)
        return self._randomly_chosen(query, theirs, mine)

    def _randomly_chosen(self, query, theirs, mine):
        if not _same_head(theirs, mine):
            return None
        for count in (FEW, MANY):
            replies = self.samples(query, query.transport, count)
            if any(_same_body(each, mine) for each in replies):
                return [RANDOM]
        replies = replies + [theirs]
        if query.type in (SOA, NS):
            return [RANDOM] if self._servers(mine, self.samples(query, "tcp", 3 * MANY) + replies) else None
        if not mine.count(ANSWER) or all(each.section(AUTHORITY) != mine.section(AUTHORITY) for each in replies):
            return None
        if mine.rcode != NOERROR or any(each.rcode != NOERROR for each in replies) or not any((each.flags ^ mine.flags) & TC == 0 for each in replies):
            return None
        # All replies with these answers are the same: then the rest of the reply is not chosen at random.
        alike = [each for each in replies if each.section(ANSWER) == mine.section(ANSWER)]
        if len(alike) > 1 and all(_same_body(each, alike[0]) for each in alike):
            return None
        union = union_of(self.samples(query, "tcp", FEW) + replies)
        if self._within(mine, union):
            counts = [each.count(ANSWER) for each in replies]
            # With a size limit, the length of the chosen names decides how many records fit.
            slack = _slack(query, mine, counts)
            if min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack and _targets_have_addresses(mine, union):
                return [RANDOM]
        # A choice that occurs once in a hundred occurs in some of 50,000 queries.
        same = self.samples(query, query.transport, RARE if theirs.size < 1500 else 6 * MANY)
        union = union_of(self.samples(query, "tcp", 6 * MANY) + same + replies)
        counts = [each.count(ANSWER) for each in same] + [theirs.count(ANSWER)]
        slack = _slack(query, mine, counts)
        if (self._within(mine, union) and min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack
                and _targets_have_addresses(mine, union)):
            return [RANDOM]
        return None

    def fixed(self, query, theirs, mine):
        if theirs is None:
            return self._without_reply(query, mine, self.fixed)
        due, why = self._expected(query, theirs)
        if due == mine:
            return why
        if not _same_head(due, mine):
            return None
        wholes = []
        for count in (1, FEW, MANY):
            # Over UDP: a truncated reply of the agent is repeated over TCP; a complete one is a random choice.
            wholes = [due] if query.transport == "tcp" else []
            reasons = [why] if wholes else []
            for each in self.samples(query, "tcp", count):
                each = each.copy()
                each.flags &= ~TC
                whole, applied = self._expected(query, each)
                wholes.append(whole)
                reasons.append(applied)
            found = next((reasons[i] for i, whole in enumerate(wholes) if _same_body(whole, mine)), None)
            if found is not None:
                return found + ([RANDOM] if query.transport == "tcp" else ["all_that_fit"])
            if any(_same_body(self._expected(query, each)[0], mine) for each in self.samples(query, query.transport, count)):
                return why + [RANDOM]
        if query.type in (SOA, NS):
            replies = [self._expected(query, each)[0] for each in self.samples(query, "tcp", 3 * MANY)]
            return why + [RANDOM] if self._servers(mine, [*replies, due]) else None
        if query.transport == "udp" and not wholes:
            # The agent can encode the truncated answer, but not the complete one.
            whole = self._unencodable(query, mine, False)
            return None if whole is None else why + whole
        wholes = [each for each in wholes if each.rcode == NOERROR]
        if mine.rcode != NOERROR or not wholes or mine.section(AUTHORITY) != wholes[0].section(AUTHORITY) or not mine.count(ANSWER):
            return None
        if mine.size > self._limit(query):
            return None
        if query.type == SRV:
            found = self._srv(query, mine, wholes)
        elif any(record.type == CNAME and lower(record.owner) == query.lower for each in wholes for record in each.records):
            found = self._aliased(query, mine, wholes)
        else:
            found = self._addresses(query, mine, wholes)
        return None if found is None else why + found

    def _expected(self, query, reply):
        due, why = expected(query, self.facts, reply, self.one)
        if self.pair.recursors and self._host_names(query, due):
            why = why + ["host_names_are_resolved_here"]
        return due, why

    def _without_reply(self, query, mine, judge):
        """The agent cannot encode its answer, and sends none: lictor answers SERVFAIL, or the records that can be encoded."""
        why = ["answers_where_agent_does_not"]
        if query.edns and query.edns.version and judge == self.fixed:
            head = RA | query.flags & (RD | CD)
            right = not mine.records and mine.rcode == NOERROR and mine.flags & ~QR == head and mine.edns and mine.edns[:2] == (OWN_EDNS_SIZE, 0) and mine.edns.rcode == 1
            return why + ["edns_version_is_checked"] if right else None
        if query.transport == "udp" and query.edns and query.edns.size > 65000:
            # Longer than a UDP datagram may be (65507 bytes), although the client's size permits it.
            whole = self.samples(query, "tcp", 1)
            if whole and whole[0].size > 65000:
                found = judge(query, whole[0], mine)
                return None if found is None else why + found
        # Some random choices may be encodable: then the agent replies to some queries.
        for each in self.samples(query, query.transport, MANY):
            found = judge(query, each, mine)
            if found is not None:
                return why + found
        return self._unencodable(query, mine, judge == self.strict)

    def _unencodable(self, query, mine, strict):
        due = self.unencodable.due(query, Parsed(query, self.facts), strict)
        if due is None:
            return None
        right = mine.rcode == NOERROR and bool(mine.flags & AA)
        if mine.rcode == SERVFAIL:
            # An agent with recursors is queried for names outside Consul, and does not reply.
            forwarded = strict and self.pair.recursors and self._leads_out(due.answer)
            right = not mine.records and (not due.answer or due.one or forwarded)
        elif not mine.count(ANSWER) and (not due.answer or mine.flags & TC and self._no_room(query, mine, due.answer)):
            # No record of that type, and the additional records cannot be encoded. Or a text that needs TCP.
            right = right and mine.count(AUTHORITY) <= 1 and self.unencodable.matches(query, due, mine)
        else:
            right = right and mine.count(ANSWER) > 0 and self.unencodable.matches(query, due, mine)
        return ["answers_where_agent_does_not"] if right else None

    def _leads_out(self, records):
        targets = [record.rdata if record.type == CNAME else record.rdata[6:] for record in records if record.type in (CNAME, SRV)]
        return any(self.aliases.is_outside(target) for target in targets)

    # names outside Consul

    def _host_names(self, query, reply):
        """Names outside Consul are resolved with lictor's own upstreams: addresses of the queried type, with that name as owner."""
        def outside(name):
            return self.facts.domain_of(lower(name)) is None
        kept = collections.Counter()
        for record, count in reply.records.items():
            if record.section in (ANSWER, ADDITIONAL) and record.type in (A, AAAA, CNAME) and outside(record.owner) and self.facts.domain_of(query.lower):
                continue
            kept[record] += count
        for record, count in list(kept.items()):
            target = record.rdata if record.type == CNAME else record.rdata[6:] if record.type == SRV else None
            if target is None or not outside(target):
                continue
            section = ANSWER if record.type == CNAME and record.section == ANSWER else ADDITIONAL
            for kind, data in self.hosts.get(lower(target), ()):
                if query.type in (ANY, SRV, NS, SOA) or kind == query.type:
                    kept[Record(section, target, kind, 1, record.ttl, data)] += count
        changed = kept != reply.records
        reply.records = kept
        return changed


def _same_head(one, other):
    return one.question == other.question and one.edns == other.edns and (one.flags ^ other.flags) & ~TC == 0


def _same_body(one, other):
    return one.rcode == other.rcode and one.records == other.records and (one.flags ^ other.flags) & TC == 0


def _slack(query, mine, counts):
    """With a size limit, the length of the chosen names decides how many records fit: one more or less than in the replies seen, two if
    targets have no address."""
    additional = {lower(record.owner) for record in mine.records if record.section == ADDITIONAL}
    bare = any(lower(record.rdata[6:]) not in additional for record in mine.records if record.type == SRV)
    return (2 if bare else 1) if len(set(counts)) > 1 else 0


def _targets_have_addresses(mine, union):
    have = {lower(record.owner) for record in union if record.section == ADDITIONAL and record.type in (A, AAAA, CNAME)}
    given = {lower(record.owner) for record in mine.records if record.section == ADDITIONAL}
    targets = {lower(record.rdata[6:]) for record in mine.records if record.section == ANSWER and record.type == SRV}
    return targets & have <= given
