"""What was observed from outside during a leader change, and which answers were wrong?

watch.py runs in the containers of lictor and of dnsmasq. Its records of the lock, of the member keys and of PostgreSQL itself are the
reference for the answers of both.
"""

import collections
import json
import os
import pathlib
import subprocess
import time

from harness.reference import CONTAINER

HERE = pathlib.Path(__file__).resolve().parent
NAME = "master.pglab.service.consul"
WAYS = {"lictor": "application01", "dnsmasq": "application-dnsmasq"}
RCODES = {2: "SERVFAIL", 3: "NXDOMAIN"}
EVERY = 0.01       # seconds between two queries of watch.py
SEEN_WITHIN = 0.06  # seconds within which watch.py detects that a PostgreSQL became primary or stopped being one

Answer = collections.namedtuple("Answer", "sent done code given")


class Watching:
    """watch.py in one container."""

    def __init__(self, cluster, service, seconds, members=()):
        container = cluster.container(service)
        cluster.engine("cp", HERE / "watch.py", f"{container}:/tmp/watch.py")
        words = [str(CONTAINER / "lib/cluster"), "engine", "exec", "-e", "PGUSER=app_user", "-e", "PGDATABASE=postgres", "-e", "PGSSLMODE=require",
                 "-e", "PGPASSFILE=/var/lib/application/pgpass", container, "python3", "/tmp/watch.py", NAME, str(seconds), *members]
        self.process = subprocess.Popen(words, env=cluster.environment, stdout=subprocess.PIPE, text=True)

    def events(self):
        out, _ = self.process.communicate(timeout=180)
        return json.loads(out)


class Observation:
    """The observations of both nodes over a period of time."""

    def __init__(self, cluster, seconds):
        self.address = {node: cluster.address(node) for node in cluster.nodes}
        self._watching = {way: Watching(cluster, service, seconds, [f"{node}={where}" for node, where in self.address.items()] if way == "lictor" else ()) for way, service in WAYS.items()}

    def end(self):
        """Waits for the end of the period."""
        events = {way: one.events() for way, one in self._watching.items()}
        if folder := os.environ.get("LICTOR_LEADER_EVENTS"):        # to examine the events later
            pathlib.Path(folder, f"{time.time():.0f}.json").write_text(json.dumps({**events, "address": self.address}))
        self.truth = events["lictor"]
        self.answers = {way: sorted(Answer(*one) for one in found["answers"]) for way, found in events.items()}
        self.silent = {way: found["silent"] for way, found in events.items()}
        self.lock = self.truth["lock"]
        self.writable = sorted(self.truth["writable"])
        return self

    def holder(self, at):
        """The lock's holder by the last reply up to that time; "" = no member, None = not known yet."""
        return next((holder for when, holder in reversed(self.lock) if when <= at), None)

    def was_primary(self, node, begin, end):
        """Its PostgreSQL was out of recovery at some moment of this period."""
        changes = [(at, primary) for at, member, primary in self.writable if member == node]
        before = [primary for at, primary in changes if at <= begin] or [True]      # unknown before the first poll: assume primary
        return before[-1] or any(primary for at, primary in changes if begin < at <= end)

    def first_primary(self, other_than):
        return next(((at, node) for at, node, primary in self.writable if primary and node != other_than), None)

    def states(self, node, after=0.0):
        """[(time, role/state)] of a member's key."""
        found = []
        for at, (_, records) in self.truth["members"]:
            word = "/".join(map(str, records[node])) if node in records else "no key"
            if at >= after and (not found or found[-1][1] != word):
                found.append((at, word))
        return found

    def primary_in_keys(self, node):
        """The time of the first reply in which this member holds the lock and is a running primary."""
        return next((at for at, (holder, records) in self.truth["members"]
                     if holder == node and records.get(node, [None])[0] in ("master", "primary") and records[node][1] == "running"), None)

    def wrong(self, way):
        """{what is wrong: [time of the query]}"""
        member = {address: node for node, address in self.address.items()}
        found = collections.defaultdict(list)
        for answer in self.answers[way]:
            if answer.code:
                found[RCODES.get(answer.code, f"rcode {answer.code}")].append(answer.sent)
            elif not answer.given:
                found["no address"].append(answer.sent)
            elif len(answer.given) > 1:
                found["two addresses"].append(answer.sent)
            else:
                node = member.get(answer.given[0])
                # A held query may be older than the lock of the member in its answer.
                holders = {self.holder(answer.sent), *(holder for at, holder in self.lock if answer.sent < at <= answer.done)}
                if node not in holders and all(holders):
                    found["the old address"].append(answer.sent)
                elif not self.was_primary(node, answer.sent - SEEN_WITHIN, answer.done + SEEN_WITHIN):
                    found["a server that is no primary"].append(answer.sent)
        if self.silent[way]:
            found["no reply"] = [0.0] * self.silent[way]
        return dict(found)


def describe(wrong):
    """Each kind of wrong answer with its total duration."""
    if not wrong:
        return "nothing wrong"
    return ", ".join(f"{kind} for {len(when) * EVERY:.2f} s ({len(when)} answers, within {max(when) - min(when):.2f} s)" for kind, when in sorted(wrong.items()))
