"""Is a wrong answer detected? Occasionally a correct reply of lictor's is changed in one small way and compared again: the judge has to
reject it. So every run shows that the test can fail, in each way and in each mode.
"""

import collections

from message import AA, NOERROR, NXDOMAIN, TC

# Reasons that leave no choice: where the agent chooses at random or truncates, a small change may be another correct answer.
FIXED_ANSWERS = {"ds_answered_here", "ra_is_set", "edns_size_is_own", "edns_version_is_checked", "error_has_a_cause", "domain_of_the_query", "addr_is_typed",
                 "empty_non_terminal_is_nodata", "unknown_node_is_nxdomain", "node_nodata_has_soa", "leader_names"}
EVERY = 400      # queries


def _changed(reply, record, *instead):
    other = reply.copy()
    other.records = collections.Counter(reply.records)
    other.records[record] -= 1
    other.records.update(instead)
    other.records = +other.records
    return other


def _one_of(random, reply, sections=(1, 2, 3)):
    records = sorted(record for record in reply.records if record.section in sections)
    return random.choice(records) if records else None


def rcode(random, reply):
    other = reply.copy()
    other.rcode = NXDOMAIN if reply.rcode == NOERROR else NOERROR
    return other


def _flag(bit):
    def flip(random, reply):
        other = reply.copy()
        other.flags ^= bit
        return other
    return flip


def ttl(random, reply):
    record = _one_of(random, reply)
    return record and _changed(reply, record, record._replace(ttl=record.ttl + 1))


def missing_answer(random, reply):
    record = _one_of(random, reply, (1,))
    return record and _changed(reply, record)


def missing_additional(random, reply):
    record = _one_of(random, reply, (2, 3))
    return record and _changed(reply, record)


def record_twice(random, reply):
    record = _one_of(random, reply)
    return record and _changed(reply, record, record, record)


def wrong_data(random, reply):
    record = _one_of(random, reply, (1, 3))
    at = record and random.randrange(len(record.rdata))
    return record and _changed(reply, record, record._replace(rdata=record.rdata[:at] + bytes((record.rdata[at] ^ 1,)) + record.rdata[at + 1:]))


def owner_case(random, reply):
    record = _one_of(random, reply)
    if record is None or record.owner.swapcase() == record.owner:
        return None
    return _changed(reply, record, record._replace(owner=record.owner.swapcase()))


def edns(random, reply):
    if reply.edns is None:
        return None
    other = reply.copy()
    other.edns = random.choice([None, reply.edns._replace(size=reply.edns.size ^ 1)])
    return other


KINDS = {"rcode": rcode, "flag AA": _flag(AA), "flag TC": _flag(TC), "TTL": ttl, "an answer missing": missing_answer,
         "an additional record missing": missing_additional, "a record twice": record_twice, "other data": wrong_data,
         "owner's letter case": owner_case, "OPT": edns}


def mutants(random, reply, why):
    """[(kind, a wrong reply)], at most one."""
    if set(why) - FIXED_ANSWERS or not reply.records:
        return []
    kind = random.choice(sorted(KINDS))
    other = KINDS[kind](random, reply)
    return [(kind, other)] if other is not None else []
