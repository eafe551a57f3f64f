"""Is lictor's answer right, given the agent's? Equal, or owed by a named deviation, or another draw of the same lot.

The agent shuffles, picks one alias of many, gives three name servers of five, and cuts what is too long: then it is asked again until
the draws show what can come, and lictor's answer has to be one of them or, where a cut leaves too many, made of the same records, as
many of them, with the same flags.
"""

import collections

import asking
import leaders
from behind import FEW, MANY, Behind
from deviations import OWN_EDNS_SIZE, Parsed, owed
from message import (A, AA, AAAA, ADDITIONAL, ANSWER, ANY, AUTHORITY, CD, CNAME, NOERROR, NS, QR, RA, RD, SERVFAIL, SOA, SRV, TC, Record, lower,
                     read)
from questions import Asked
from unpackable import Unpackable
from whole import Whole, union_of

LOT = "drawn by lot"
RARE = 2000           # draws


class Judge(Whole):
    def __init__(self, pair, facts, hosts, ttl_of_hosts):
        self.pair, self.facts, self.hosts = pair, facts, hosts
        self._samples = {}
        self.asked_again = 0
        self.behind = Behind(pair, facts, hosts, self.samples)
        self.unpackable = Unpackable(pair, facts, self.behind)

    # asking the agent again

    def ask(self, asked, count=1, tries=2):
        """Replies, or None for each that did not come."""
        self.asked_again += count
        out = asking.ask_all([(self.pair.agent.dns, asked.transport, [asked.wire] * count)], tries)[0]
        return [wire and read(wire) for wire in out]

    def one(self, asked):
        found = self.ask(asked)
        if found[0] is None:
            raise LookupError(f"the agent has no reply to {asked}")
        return found[0]

    def forget(self):
        """All draws are drawn anew: some may be from before a change, or may not have come."""
        self._samples.clear()
        self.behind.forget()

    def samples(self, asked, transport, count):
        """So many replies of the agent to this question."""
        # The letters count: an address that is its own name in another case is an alias.
        key = (asked.name, asked.type, transport, asked.edns)
        held = self._samples.setdefault(key, [])
        if self._large(asked) and asked.type not in (NS, SOA):
            count = min(count, 4)      # 64 kB each, and the agent's own cutting takes it long; see _of_large
        if len(held) < count:
            # Silence is the answer of an agent that cannot write it; one that is busy with 1,500 instances takes seconds.
            tries = 4 if self._large(asked) else 2 if self.facts.large else 1
            held += self.ask(Asked(asked.name, asked.type, asked.kind, asked.domain, 1, RD, asked.edns, transport), count - len(held), tries)
        return [reply for reply in held[:count] if reply is not None]

    # verdicts: the names of what explains the answer, or None

    def strict(self, asked, theirs, mine):
        found = self._strict(asked, theirs, mine)
        # Part of it may fit no packet, which the agent sees only after it has cut the answer by its size.
        return self._unpackable(asked, mine, True) if found is None and theirs is not None and _same_head(theirs, mine) else found

    def _strict(self, asked, theirs, mine):
        if theirs is None:
            return self._silent(asked, mine, self.strict)
        made = leaders.owed(asked, lambda each: Parsed(each, self.facts), self.facts, theirs, True)
        if made is not None:
            return ["leader_names"] if made == mine else None
        if theirs == mine:
            return []
        if mine.rcode == SERVFAIL and theirs.rcode == NOERROR:
            # One of several aliases fits no packet: the agent would have been silent at this draw.
            return self._unpackable(asked, mine, True)
        return self._drawn(asked, theirs, mine)

    def _drawn(self, asked, theirs, mine):
        if not _same_head(theirs, mine):
            return None
        for count in (FEW, MANY):
            drawn = self.samples(asked, asked.transport, count)
            if any(_same_body(each, mine) for each in drawn):
                return [LOT]
        drawn = drawn + [theirs]
        if asked.type in (SOA, NS):
            return [LOT] if self._servers(mine, self.samples(asked, "tcp", 3 * MANY) + drawn) else None
        if not mine.count(ANSWER) or all(each.section(AUTHORITY) != mine.section(AUTHORITY) for each in drawn):
            return None
        if mine.rcode != NOERROR or any(each.rcode != NOERROR for each in drawn) or not any((each.flags ^ mine.flags) & TC == 0 for each in drawn):
            return None
        union = union_of(self.samples(asked, "tcp", FEW) + drawn)
        if self._within(mine, union):
            counts = [each.count(ANSWER) for each in drawn]
            # By size, the names that were drawn decide how many fit.
            slack = _slack(asked, mine, counts)
            if min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack and _targets_have_addresses(mine, union):
                return [LOT]
        # What comes once in a hundred times comes in some of 50,000 questions.
        same = self.samples(asked, asked.transport, RARE if theirs.size < 1500 else 6 * MANY)
        union = union_of(self.samples(asked, "tcp", 6 * MANY) + same + drawn)
        counts = [each.count(ANSWER) for each in same] + [theirs.count(ANSWER)]
        slack = _slack(asked, mine, counts)
        if (self._within(mine, union) and min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack
                and _targets_have_addresses(mine, union)):
            return [LOT]
        return None

    def fixed(self, asked, theirs, mine):
        if theirs is None:
            return self._silent(asked, mine, self.fixed)
        due, why = self._owed(asked, theirs)
        if due == mine:
            return why
        if not _same_head(due, mine):
            return None
        wholes = []
        for count in (1, FEW, MANY):
            # Over UDP what was cut at the agent is asked again over TCP; what was not is a draw.
            wholes = [due] if asked.transport == "tcp" else []
            reasons = [why] if wholes else []
            for each in self.samples(asked, "tcp", count):
                each = each.copy()
                each.flags &= ~TC
                whole, applied = self._owed(asked, each)
                wholes.append(whole)
                reasons.append(applied)
            found = next((reasons[i] for i, whole in enumerate(wholes) if _same_body(whole, mine)), None)
            if found is not None:
                return found + ([LOT] if asked.transport == "tcp" else ["all_that_fit"])
            if any(_same_body(self._owed(asked, each)[0], mine) for each in self.samples(asked, asked.transport, count)):
                return why + [LOT]
        if asked.type in (SOA, NS):
            drawn = [self._owed(asked, each)[0] for each in self.samples(asked, "tcp", 3 * MANY)]
            return why + [LOT] if self._servers(mine, [*drawn, due]) else None
        if asked.transport == "udp" and not wholes:
            # Cut, it fits a packet of the agent's; whole, it does not.
            whole = self._unpackable(asked, mine, False)
            return None if whole is None else why + whole
        wholes = [each for each in wholes if each.rcode == NOERROR]
        if mine.rcode != NOERROR or not wholes or mine.section(AUTHORITY) != wholes[0].section(AUTHORITY) or not mine.count(ANSWER):
            return None
        if mine.size > self._limit(asked):
            return None
        if asked.type == SRV:
            found = self._srv(asked, mine, wholes)
        elif any(record.type == CNAME and lower(record.owner) == asked.lower for each in wholes for record in each.records):
            found = self._aliased(asked, mine, wholes)
        else:
            found = self._addresses(asked, mine, wholes)
        return None if found is None else why + found

    def _owed(self, asked, reply):
        due, why = owed(asked, self.facts, reply, self.one)
        if self.pair.recursors and self._host_names(asked, due):
            why = why + ["host_names_are_resolved_here"]
        return due, why

    def _silent(self, asked, mine, judge):
        """The agent cannot put its answer into a packet, and says nothing: lictor says SERVFAIL, or gives what can be put."""
        why = ["reply_where_the_agent_is_silent"]
        if asked.edns and asked.edns.version and judge == self.fixed:
            head = RA | asked.flags & (RD | CD)
            right = not mine.records and mine.rcode == NOERROR and mine.flags & ~QR == head and mine.edns and mine.edns[:2] == (OWN_EDNS_SIZE, 0) and mine.edns.rcode == 1
            return why + ["edns_version_is_checked"] if right else None
        if asked.transport == "udp" and asked.edns and asked.edns.size > 65000:
            # Longer than a packet of UDP may be (65507 bytes), though not than the client said.
            whole = self.samples(asked, "tcp", 1)
            if whole and whole[0].size > 65000:
                found = judge(asked, whole[0], mine)
                return None if found is None else why + found
        # Of several draws some may fit: the agent speaks sometimes.
        for each in self.samples(asked, asked.transport, MANY):
            found = judge(asked, each, mine)
            if found is not None:
                return why + found
        return self._unpackable(asked, mine, judge == self.strict)

    def _unpackable(self, asked, mine, strict):
        due = self.unpackable.due(asked, Parsed(asked, self.facts), strict)
        if due is None:
            return None
        right = mine.rcode == NOERROR and bool(mine.flags & AA)
        if mine.rcode == SERVFAIL:
            # What leads outside is asked from an agent with recursors, and it is silent.
            asked_there = strict and self.pair.recursors and self._leads_out(due.answer)
            right = not mine.records and (not due.answer or due.one or asked_there)
        elif not mine.count(ANSWER) and (not due.answer or mine.flags & TC and self._no_room(asked, mine, due.answer)):
            # No record of that type; what stands beside it fits no packet of the agent's. Or a text that takes TCP.
            right = right and mine.count(AUTHORITY) <= 1 and self.unpackable.matches(asked, due, mine)
        else:
            right = right and mine.count(ANSWER) > 0 and self.unpackable.matches(asked, due, mine)
        return ["reply_where_the_agent_is_silent"] if right else None

    def _leads_out(self, records):
        targets = [record.rdata if record.type == CNAME else record.rdata[6:] for record in records if record.type in (CNAME, SRV)]
        return any(self.behind.is_outside(target) for target in targets)

    # names behind aliases

    def _host_names(self, asked, reply):
        """Names outside Consul are looked up with lictor's own upstreams: addresses of the asked type, under the name itself."""
        def outside(name):
            return self.facts.domain_of(lower(name)) is None
        kept = collections.Counter()
        for record, count in reply.records.items():
            if record.section in (ANSWER, ADDITIONAL) and record.type in (A, AAAA, CNAME) and outside(record.owner) and self.facts.domain_of(asked.lower):
                continue
            kept[record] += count
        for record, count in list(kept.items()):
            target = record.rdata if record.type == CNAME else record.rdata[6:] if record.type == SRV else None
            if target is None or not outside(target):
                continue
            section = ANSWER if record.type == CNAME and record.section == ANSWER else ADDITIONAL
            for kind, data in self.hosts.get(lower(target), ()):
                if asked.type in (ANY, SRV, NS, SOA) or kind == asked.type:
                    kept[Record(section, target, kind, 1, record.ttl, data)] += count
        changed = kept != reply.records
        reply.records = kept
        return changed


def _same_head(one, other):
    return one.question == other.question and one.edns == other.edns and (one.flags ^ other.flags) & ~TC == 0


def _same_body(one, other):
    return one.rcode == other.rcode and one.records == other.records and (one.flags ^ other.flags) & TC == 0


def _slack(asked, mine, counts):
    """By size, the names that were drawn decide how many fit: by one more or less than the draws showed, by two where targets have no address."""
    beside = {lower(record.owner) for record in mine.records if record.section == ADDITIONAL}
    bare = any(lower(record.rdata[6:]) not in beside for record in mine.records if record.type == SRV)
    return (2 if bare else 1) if len(set(counts)) > 1 else 0


def _targets_have_addresses(mine, union):
    have = {lower(record.owner) for record in union if record.section == ADDITIONAL and record.type in (A, AAAA, CNAME)}
    given = {lower(record.owner) for record in mine.records if record.section == ADDITIONAL}
    wanted = {lower(record.rdata[6:]) for record in mine.records if record.section == ANSWER and record.type == SRV}
    return wanted & have <= given
