"""What if the real program that lictor is compared with answers too late, or fails, because the machine is busy?

A Consul agent or dnsmasq beside lictor is a witness. If the two differ and the witness gave no reply or a failure, both are asked again,
for a limited time. If the witness then still fails, the question is not judged, unless the witness answers other questions in time: then
its failure is its answer, and the difference is real. A few questions that are not judged do not fail a run; more do. That lictor does
not reply is never excused here.
"""

import collections
import enum
import time

from . import ask

FEW = 3             # so many questions that are not judged never fail a run
SHARE = 0.001       # beyond them, so many of all questions

HEALTHY_MIN = 3     # failures in a row beside a control question that was answered: the failure is the witness' answer
CATCH_UP = 15.0     # seconds in which lictor has the witness' data again after it failed


class Found(enum.Enum):
    """The result of asking both once."""
    AGREE = "they agree"
    DIFFER = "they differ, and the witness replied"
    FAILED = "they differ, and the witness gave no reply or a failure"
    SILENT = "lictor gave no reply"


Verdict = collections.namedtuple("Verdict", "found judged")


class Witness:
    """`control()`: true if the witness answers another question in time. `patience`: seconds in all for questions that it fails."""

    def __init__(self, control, patience=60.0, pause=0.3):
        self._control, self._left, self._pause = control, patience, pause
        self.asked_again = 0
        self.not_judged = []

    def decide(self, question, ask_both):
        """Calls `ask_both()`, which returns a Found, until the question is decided; at least once. Notes it if it is not judged."""
        healthy, failed_at = 0, None
        while True:
            begin = time.monotonic()
            found = ask_both()
            self.asked_again += 1
            if found in (Found.AGREE, Found.SILENT):
                return Verdict(found, True)
            if found is Found.DIFFER:
                # lictor reads from the witness, too: it needs a moment after the witness is back.
                if failed_at is None or time.monotonic() - failed_at > CATCH_UP:
                    return Verdict(found, True)
            else:
                failed_at = time.monotonic()
                healthy = healthy + 1 if self._control() else 0
                if healthy >= HEALTHY_MIN:
                    return Verdict(found, True)
                if self._left <= 0:
                    self.not_judged.append(question)
                    return Verdict(found, False)
            time.sleep(self._pause)
            self._left -= time.monotonic() - begin


NO_REPLY = (ask.SILENCE, OSError, EOFError)     # EOFError: the agent closed the TCP connection without a reply


def _code(reply):
    """Of a Form or of a message."""
    return ask.rcode(reply) if callable(reply.rcode) else reply.rcode


class BesideAgent(Witness):
    """A Consul agent that is asked the same questions as lictor, in an e2e test. `forwards`: lictor asks the agent's DNS itself, so a failure
    of the agent may be the reason of lictor's SERVFAIL."""

    def __init__(self, ctx, agent, forwards=False):
        self._ctx, self._agent, self._forwards = ctx, agent, forwards
        super().__init__(self._in_time)

    def _in_time(self):
        try:
            return ask.rcode(ask.udp(self._agent.dns, f"{self._agent.name}.node.consul", "A", within=1.0)) in ("NOERROR", "NXDOMAIN", "REFUSED")
        except ask.SILENCE:
            return False

    def compare(self, question, theirs, mine, differ):
        """`theirs()` and `mine()` ask the agent and lictor, and return a Form or a message, or raise ask.SILENCE if there is no reply.
        `differ(theirs, mine)` returns the differences, something empty if there is none. Returns the differences that remain; [] if the
        question is not judged."""
        lines = []

        def ask_both():
            nonlocal lines
            try:
                his = theirs()
            except NO_REPLY:
                his = None
            try:
                own = mine()
            except ask.SILENCE:
                lines = ["no reply from lictor"]
                return Found.SILENT
            try:
                lines = ["no reply from the agent"] if his is None else differ(his, own)
            except NO_REPLY:                              # it asks the agent for more
                lines = ["no reply from the agent"]
                return Found.FAILED
            if not lines:
                return Found.AGREE
            failed = his is None or _code(his) == "SERVFAIL" or self._forwards and _code(own) == "SERVFAIL"
            return Found.FAILED if failed else Found.DIFFER

        verdict = self.decide(question, ask_both)
        return lines if verdict.judged else []

    def conclude(self, total):
        """The questions that were not judged become notes of the test; too many fail it."""
        lines, failed = report(self.not_judged, total)
        for line in lines:
            self._ctx.note(line)
        assert not failed, "\n".join(lines)


def allowed(total):
    return max(FEW, int(total * SHARE))


def report(not_judged, total, shown=10):
    """(lines for the summary, whether so many fail the run)."""
    if not not_judged:
        return [], False
    lines = [f"{len(not_judged)} of {total} not judged, because the real program beside lictor failed or did not answer in time "
             f"(allowed: {allowed(total)}):"]
    lines += [f"  {question}" for question in not_judged[:shown]]
    if len(not_judged) > shown:
        lines.append(f"  … and {len(not_judged) - shown} more")
    return lines, len(not_judged) > allowed(total)

