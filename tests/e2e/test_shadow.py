"""Does the comparison with another server send both the same queries, within its limits, and count the differences by kind?"""

import time

import dns.message
import dns.rcode

from harness import net
from harness.lictor import Lictor, run
from harness.runner import BOTH, ONCE, test
from harness.upstream import Scripted, answer


def behaviour(ctx, address, also=lambda name: None):
    """A server that answers one address for all names, and other answers for some."""
    def behave(message, query):
        own = also(query.name.lower())
        if own == "silent":
            return []
        if own == "nx":
            reply = dns.message.make_response(message)
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return [reply]
        return [answer(message, own or address, ttl=60)]
    return behave


def deviations(name):
    return {"other.example": "192.0.2.99", "gone.example": "nx", "mute.example": "silent"}.get(name.rstrip("."))


@test("shadow=log: the queries of a query log that is being written, differences by kind, a rotated log", variants=BOTH)
def _(ctx):
    upstream = Scripted(ctx, behaviour(ctx, "192.0.2.1"), label="upstream")
    running = Scripted(ctx, behaviour(ctx, "192.0.2.1", deviations), label="dnsmasq")
    log = ctx.file("queries.log", "dnsmasq[1]: query[A] before.example from 127.0.0.1\n")
    lictor = Lictor(ctx, f"--server={upstream.option}", f"--shadow=log:{log},{running.option}")
    with open(log, "a") as out:
        for name in ("same.example", "other.example", "gone.example", "mute.example"):
            out.write(f"Nov 22 04:00:00 dnsmasq[17]: query[A] {name} from 127.0.0.1\n")
            out.write(f"Nov 22 04:00:00 dnsmasq[17]: forwarded {name} to 192.0.2.53\n")

    def kinds():
        return lictor.json("/shadow")["kinds"]
    net.until(lambda: kinds()["same"] == 1 and kinds()["values"] == 1 and kinds()["code"] == 1 and kinds()["other_silent"] == 1, 9, "each kind was counted once")
    report = lictor.json("/shadow")
    assert report["seen"] == 4 and report["compared"] == 4, report
    assert {d["name"]: d["kind"] for d in report["latest_differences"]} == {"other.example": "values", "gone.example": "code", "mute.example": "other_silent"}, report
    assert running.count("before.example") == 0, "the log must be read from its end"
    code, out, _err = run(ctx, "shadow", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and "values: 1" in out and "other.example A" in out and "192.0.2.99" in out, out

    import os
    os.rename(log, log + ".1")
    ctx.file("queries.log", "dnsmasq[17]: query[A] turned.example from ::1\n")
    net.until(lambda: running.count("turned.example", "A") == 1, 5, "the new log is read from its start")


@test("shadow=IP#PORT: a bounded sample of lictor's queries, never the comparison's own queries", variants=BOTH)
def _(ctx):
    upstream = Scripted(ctx, behaviour(ctx, "192.0.2.1"), label="upstream")
    other = Scripted(ctx, behaviour(ctx, "192.0.2.1", deviations), label="other")
    lictor = Lictor(ctx, f"--server={upstream.option}", f"--shadow={other.option}")
    for i in range(200):
        lictor.udp(f"n{i}.example")
    time.sleep(1.0)
    compared = other.count()
    assert 1 <= compared <= 60, f"{compared} of 200 fast queries were compared"
    before = lictor.json("/shadow")
    assert before["kinds"]["same"] == before["compared"] >= 1, before
    time.sleep(3.0)
    assert lictor.json("/shadow")["compared"] <= before["compared"] + 1, "the comparison must stop with the queries"


@test("shadow: an invalid value is an error with a hint; the command reports that it is off", variants=ONCE)
def _(ctx):
    code, _out, err = run(ctx, "--test", "--conf-file=", "--shadow=log:relative")
    assert code == 1 and "absolute path" in err, err
    lictor = Lictor(ctx, "--no-resolv")
    assert lictor.json("/shadow") == {"on": False}
    code, out, _err = run(ctx, "shadow", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and "shadow=log:" in out, out
