"""Is lictor's answer right, given the agent's? Equal, or owed by a named deviation, or another draw of the same lot.

The agent shuffles, picks one alias of many, gives three name servers of five, and cuts what is too long: then it is asked again until
the draws show what can come, and lictor's answer has to be one of them or, where a cut leaves too many, made of the same records, as
many of them, with the same flags.
"""

import collections
import time

import asking
from deviations import FIXED, OWN_EDNS_SIZE, Parsed, owed
from message import (A, AA, AAAA, ADDITIONAL, ANSWER, ANY, AUTHORITY, CNAME, NOERROR, NS, NXDOMAIN, RA, RD, SERVFAIL, SOA, SRV, TC, TXT, Malformed,
                     Record, labels, lower, name_from, read)
from questions import Asked

FEW, MANY = 6, 48
LOT = "drawn by lot"


class Judge:
    def __init__(self, pair, facts, hosts, ttl_of_hosts):
        self.pair, self.facts, self.hosts = pair, facts, hosts
        self._samples = {}
        self.asked_again = 0

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

    def samples(self, asked, transport, count):
        """So many replies of the agent to this question."""
        # The letters count: an address that is its own name in another case is an alias.
        key = (asked.name, asked.type, transport, asked.edns)
        held = self._samples.setdefault(key, [])
        if len(held) < count:
            held += self.ask(Asked(asked.name, asked.type, asked.kind, asked.domain, 1, RD, asked.edns, transport), count - len(held), 1)
        return [reply for reply in held[:count] if reply is not None]

    # verdicts: the names of what explains the answer, or None

    def strict(self, asked, theirs, mine):
        if theirs is None:
            return self._silent(asked, mine)
        if theirs == mine:
            return []
        if not _same_head(theirs, mine):
            return None
        for count in (FEW, MANY):
            drawn = self.samples(asked, asked.transport, count)
            if any(_same_body(each, mine) for each in drawn):
                return [LOT]
        drawn = drawn + [theirs]
        if mine.rcode != NOERROR or any(each.rcode != NOERROR for each in drawn) or not any((each.flags ^ mine.flags) & TC == 0 for each in drawn):
            return None
        union = _union(self.samples(asked, "tcp", FEW) + drawn)
        if self._within(mine, union):
            counts = [each.count(ANSWER) for each in drawn]
            # By size, the names that were drawn decide how many fit.
            slack = 1 if len(set(counts)) > 1 else 0
            if min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack and _targets_have_addresses(mine, union):
                return [LOT]
        if len(drawn) < 200:
            more = self.samples(asked, "tcp", 4 * MANY) + self.samples(asked, asked.transport, 2 * MANY)
            union = _union(more + drawn)
            counts = [each.count(ANSWER) for each in self.samples(asked, asked.transport, 2 * MANY)] + [theirs.count(ANSWER)]
            slack = 1 if len(set(counts)) > 1 else 0
            if (self._within(mine, union) and min(counts) - slack <= mine.count(ANSWER) <= max(counts) + slack
                    and _targets_have_addresses(mine, union)):
                return [LOT]
        return None

    def fixed(self, asked, theirs, mine):
        if theirs is None:
            return self._silent(asked, mine)
        due, why = self._owed(asked, theirs)
        if due == mine:
            return why
        if not _same_head(due, mine):
            return None
        drawn = []
        for count in (1, FEW, MANY):
            drawn = [(theirs, *self._owed(asked, theirs))] if asked.transport == "tcp" else []
            for each in self.samples(asked, "tcp", count):
                each = each.copy()
                each.flags &= ~TC
                drawn.append((each, *self._owed(asked, each)))
            found = next((reasons for _reply, whole, reasons in drawn if _same_body(whole, mine)), None)
            if found is not None:
                return found + ([LOT] if asked.transport == "tcp" else ["all_that_fit"])
            # Over UDP what was cut at the agent is asked again over TCP; what was not is a draw.
            if any(_same_body(self._owed(asked, each)[0], mine) for each in self.samples(asked, asked.transport, count)):
                return why + [LOT]
        alias = self._alias(asked, mine, drawn)
        if alias is not None:
            return why + alias
        if not drawn and self._heavy(asked):
            # Whole, it fits no packet of the agent's: what it gives in parts is all there is to compare with.
            union = _union(self._owed(asked, each)[0] for each in self.samples(asked, asked.transport, 4 * MANY))
            if all(record in union or record.section == ADDITIONAL for record in mine.records):
                return why + ["reply_where_the_agent_is_silent"]
        if self._all_that_fit(asked, mine, [whole for _reply, whole, _reasons in drawn]):
            return why + ["all_that_fit"]
        union = [self._owed(asked, each)[0] for each in self.samples(asked, "tcp", 4 * MANY)]
        if self._all_that_fit(asked, mine, union):
            return why + ["all_that_fit"]
        return None

    def _owed(self, asked, reply):
        due, why = owed(asked, self.facts, reply, self.one)
        if self.pair.recursors and self._host_names(asked, due):
            why = why + ["host_names_are_resolved_here"]
        return due, why

    def _silent(self, asked, mine):
        """The agent cannot put its answer into a packet and says nothing: lictor says SERVFAIL, or gives what can be put."""
        if mine.rcode == SERVFAIL and not mine.records:
            return ["reply_where_the_agent_is_silent"]
        if mine.rcode == NOERROR and (any(record.type == TXT and len(record.rdata) > 256 for record in mine.records) or self._heavy(asked)):
            return ["reply_where_the_agent_is_silent"]
        return None

    def _heavy(self, asked):
        """Something of what the name stands for fits no label or no text."""
        return asked.kind == "reverse" and bool(self.facts.heavy) or any(word in asked.lower for word in self.facts.heavy)

    # sets

    def _within(self, mine, union):
        return all(record in union for record in mine.records)

    def _all_that_fit(self, asked, mine, wholes):
        """Made of what is owed; whole, or with TC and no room for another record."""
        wholes = [each for each in wholes if each.rcode == mine.rcode]
        if not wholes or mine.rcode != NOERROR:
            return False
        union = _union(wholes)
        if not self._within(mine, union) or not mine.count(ANSWER):
            return False
        answers = max(each.count(ANSWER) for each in wholes)
        cut = mine.count(ANSWER) < answers
        if cut != bool(mine.flags & TC):
            return False
        offered = asked.edns.size if asked.edns else 512
        limit = 65535 if asked.transport == "tcp" else max(512, min(offered, OWN_EDNS_SIZE))
        if mine.size > limit:
            return False
        missing = [record for record in union if record.section == (ANSWER if cut else ADDITIONAL) and record not in mine.records]
        # What was left out first was too long for the room that was left; six bytes of it are kept for an extended error.
        room = limit - mine.size - 6
        return any((2 if cut else len(record.owner)) + 10 + len(record.rdata) > room for record in missing) or not cut and not missing

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
                if asked.type in (ANY, SRV) or kind == asked.type:
                    kept[Record(section, target, kind, 1, record.ttl, data)] += count
        changed = kept != reply.records
        reply.records = kept
        return changed

    def _alias(self, asked, mine, drawn):
        """The records behind an alias are of the type that was asked, and are what the alias' target has; the agent asks for ANY there."""
        if asked.type not in (A, AAAA) or mine.rcode != NOERROR or mine.section(AUTHORITY) or mine.flags & TC:
            return None
        first = {record for _reply, whole, _why in drawn for record in whole.records if record.section == ANSWER and record.type == CNAME
                 and lower(record.owner) == asked.lower}
        answer = mine.section(ANSWER)
        heads = [record for record in answer if record.type == CNAME and lower(record.owner) == asked.lower]
        if len(heads) != 1 or heads[0] not in first:
            return None
        left = answer - collections.Counter([heads[0]])
        if not self._behind(heads[0], asked, left, 3) or left:
            return None
        return ["alias_has_asked_type"]

    def _behind(self, alias, asked, left, depth):
        """Takes off `left` what stands behind the alias."""
        target = alias.rdata
        if depth == 0:
            return True
        if self.facts.domain_of(lower(target)) is None:
            for kind, data in self.hosts.get(lower(target), ()) if self.pair.recursors else ():
                if kind == asked.type and not _take(left, Record(ANSWER, target, kind, 1, alias.ttl, data)):
                    return False
            return True
        direct = Asked(lower(target), asked.type, "alias", asked.domain, 1, RD, asked.edns, "tcp")
        wanted = {}
        for reply in self.samples(direct, "tcp", FEW):
            for record in reply.records:
                if record.section == ANSWER:
                    wanted[record.type, record.rdata] = record
        given = [record for record in left if lower(record.owner) == lower(target)]
        addresses = [record for record in given if record.type == asked.type]
        aliases = [record for record in given if record.type == CNAME]
        if any((record.type, record.rdata) not in wanted for record in given) or len(aliases) > 1 or aliases and addresses:
            return False
        owed_addresses = [key for key in wanted if key[0] == asked.type and lower(wanted[key].owner) == lower(target)]
        if not aliases and len(addresses) != len(owed_addresses) and not self.pair.a_record_limit:
            return False
        if not given:
            return not owed_addresses
        for record in given:
            left[record] -= 1
            if left[record] <= 0:
                del left[record]
        return self._behind(aliases[0], asked, left, depth - 1) if aliases else True


def _take(left, record):
    for held in list(left):
        if held.owner.lower() == record.owner.lower() and (held.type, held.rdata) == (record.type, record.rdata):
            left[held] -= 1
            if left[held] <= 0:
                del left[held]
            return True
    return False


def _same_head(one, other):
    return one.question == other.question and one.edns == other.edns and (one.flags ^ other.flags) & ~TC == 0


def _same_body(one, other):
    return one.rcode == other.rcode and one.records == other.records and (one.flags ^ other.flags) & TC == 0


def _union(replies):
    found = set()
    for reply in replies:
        found.update(reply.records)
    return found


def _targets_have_addresses(mine, union):
    have = {lower(record.owner) for record in union if record.section == ADDITIONAL and record.type in (A, AAAA, CNAME)}
    given = {lower(record.owner) for record in mine.records if record.section == ADDITIONAL}
    wanted = {lower(record.rdata[6:]) for record in mine.records if record.section == ANSWER and record.type == SRV}
    return wanted & have <= given
