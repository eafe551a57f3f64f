"""Do applications find names that exist if an upstream says NXDOMAIN to one of their queries?

Each test has its own network and mount namespace, with lictor as the only server of resolv.conf. musl takes NXDOMAIN for one address
family as the answer for both.
"""

import dns.message
import dns.rrset

from harness import ask, namespace
from harness.resolvers import all_clients
from harness.lictor import Lictor
from harness.runner import Variant, test
from harness.upstream import Scripted, answer

COUNT = 20


def denial(message):
    reply = answer(message, code=3)
    reply.authority.append(dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. root.test. 1 3600 600 86400 60"))
    return reply


def check(clients, names, expected):
    """Each client must return exactly `expected` for each name."""
    wrong = []
    for client, resolve in clients.items():
        found = resolve(names)
        missed = [f"{name}: {found[name]}" for name in names if found[name] != expected]
        if missed:
            wrong.append(f"{client}: {len(missed)} of {len(names)} names, the first: {missed[0]}")
    assert not wrong, "\n".join(wrong)


def start(ctx, upstream, *options):
    namespace.resolv_conf(ctx, "nameserver 127.0.0.1\n")
    return Lictor(ctx, f"--server={upstream.option}", "--consul-http-addr=", *options, port=53)


@test("address= for a domain, and an upstream that says NXDOMAIN to everything: glibc, musl, Node, Go and Java find each name",
      (Variant(1), Variant(2, "asan")), within=120, namespace=True)
def _(ctx):
    lictor = start(ctx, Scripted(ctx, lambda message, query: [denial(message)]), "--address=/dev.test/127.0.0.1",
                   "--address=/*ends.test/127.0.0.1", "--host-record=db.internal.test,127.0.0.1")
    names = [f"app{i}.dev.test" for i in range(COUNT // 2)] + [f"x{i}ends.test" for i in range(COUNT // 2 - 1)] + ["db.internal.test"]
    check(all_clients(ctx), names, "127.0.0.1")
    for name in ("app1.dev.test", "internal.test", "dev.test"):
        for kind in ("AAAA", "TXT", "MX", "HTTPS"):
            assert ask.rcode(lictor.udp(name, kind)) == "NOERROR", (name, kind)
    assert ask.rcode(lictor.udp("other.test", "A")) == "NXDOMAIN"


@test("an upstream that says NXDOMAIN for AAAA beside an A record: glibc, musl, Node, Go and Java find each name, in either order of the replies",
      (Variant(1), Variant(2, "asan")), within=120, namespace=True)
def _(ctx):
    def behave(message, query):
        later = 0.03 if ("late4" in query.name) == (query.kind == "A") else 0.0
        if query.kind == "A":
            return [(later, answer(message, "192.0.2.7"))]
        return [(later, denial(message))]

    lictor = start(ctx, Scripted(ctx, behave))
    clients = all_clients(ctx)
    for number, (client, resolve) in enumerate(clients.items()):
        names = [f"c{number}-{'late4' if i % 2 else 'late6'}-{i}.test" for i in range(COUNT)]
        check({client: resolve}, names, "192.0.2.7")
    check(clients, ["c0-late4-1.test", "c0-late6-2.test"], "192.0.2.7")       # from the cache
    # Asked for before the A record was seen: NXDOMAIN, which does not hide the A record.
    assert ask.rcode(lictor.udp("first.test", "AAAA")) == "NXDOMAIN"
    assert ask.addresses(lictor.udp("first.test", "A")) == ["192.0.2.7"]
    if ctx.variant.threads == 1:        # each worker has a cache of its own
        assert ask.rcode(lictor.udp("first.test", "AAAA")) == "NOERROR"
