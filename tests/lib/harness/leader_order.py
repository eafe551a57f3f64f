"""Is each answer to several clients the address of a leader that could be right at that time?

Leaders follow each other in a known order. An answer is placed in this order by what is known when its query is sent and when it is
received, and not by windows of time: a query that is sent before a change and held is answered with the next leader.
"""

import bisect


class Move:
    """A change of leader. `lock`: the number of the new leader's lock (patroni.truth)."""

    def __init__(self, old, new, member, lock):
        self.old, self.new, self.member, self.lock = old, new, member, lock


def times_of(states, moves, is_ready=lambda move, members: True):
    """For each move the time of the first state [(at, lock, members)] under its lock that is ready; None if Consul's replies skipped it."""
    return [next((at for at, lock, members in states if lock == move.lock and is_ready(move, members)), None) for move in moves]


def without_gaps(times):
    """A leader that was skipped counts as read when a later one was."""
    filled = list(times)
    for number in range(len(filled) - 2, -1, -1):
        filled[number] = filled[number + 1] if filled[number] is None else filled[number]
    return filled


BEHIND = 1.0     # seconds by which lictor may read a change later than the observer: a busy agent does not answer both at once


def judge(answers, moves, observed, read, replied):
    """(faults, the time of the first answer with each move's new address). Leader 0 is the first one, leader n that of move n - 1. An answer
    must be the address of a leader not older than the one that any client had when the query was sent, or that both the observer (`observed`)
    and lictor (`read`, its lock) had read then, or the observer a second before; and not newer than the one that the proxy had passed to lictor
    as running (`replied`) when the answer was received."""
    leaders = [moves[0].old] + [move.new for move in moves]
    faults, first = [], [None] * len(moves)
    received, newest = [], []            # times of answers, and the newest leader in any of them until then
    for seen in answers:                 # in the order of `received`
        before = bisect.bisect_left(received, seen.sent)
        known = newest[before - 1] if before else 0
        both = min(bisect.bisect_left(observed, seen.sent), bisect.bisect_left(read, seen.sent))
        oldest = max(known, both, bisect.bisect_left(observed, seen.sent - BEHIND))
        latest = bisect.bisect_right(replied, seen.received)
        number = next((n for n in range(oldest, len(leaders)) if seen.outcome == (leaders[n],)), None)
        if number is None or number > latest:
            source = "a client had received" if known == oldest else "the observer had read"
            when = received[newest.index(known)] if known == oldest and newest else observed[oldest - 1] if oldest else seen.sent
            faults.append(f"client {seen.client} queried {(seen.sent - when) * 1000:.2f} ms after {source} leader {oldest} "
                          f"({leaders[oldest]}) and got {seen.outcome}; lictor had read {latest} changes")
            number = known
        elif number and first[number - 1] is None:
            first[number - 1] = seen.received
        received.append(seen.received)
        newest.append(max(number, newest[-1] if newest else 0))
    return faults, first
