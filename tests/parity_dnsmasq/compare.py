"""When are two replies the same, and which differences are intended improvements of lictor?

Each difference must be explained completely by named improvements. An improvement is a predicate over the query and the two
replies, which covers certain parts of the difference. Any other difference is a failure. The uses are counted and printed at the end.
"""

import collections
import ipaddress

import dns.flags
import dns.rcode
import dns.rdatatype


class Form:
    """A reply as plain values."""

    def __init__(self, reply):
        self.at = reply.asked_at                # seconds since the server was started
        self.rcode = dns.rcode.to_text(reply.rcode())
        self.flags = {word: bool(reply.flags & getattr(dns.flags, word)) for word in ("AA", "TC", "RD", "RA", "AD", "CD")}
        self.edns = reply.edns >= 0
        self.do = bool(reply.ednsflags & dns.flags.DO) if self.edns else False
        self.ede = sorted(int(o.code) for o in reply.options if int(o.otype) == 15 and hasattr(o, "code")) if self.edns else []
        self.question = tuple((q.name.to_text(), q.rdtype, q.rdclass) for q in reply.question)
        self.answer, self.authority, self.additional = (self._records(rrsets) for rrsets in (reply.answer, reply.authority, reply.additional))

    @staticmethod
    def _records(rrsets):
        return sorted((rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower() if rrset.rdtype in (2, 5, 6, 12, 15, 33) else rdata.to_text(), rrset.ttl)
                      for rrset in rrsets for rdata in rrset)

    def data(self):
        """The answer without its TTLs."""
        return [record[:3] for record in self.answer]

    def brief(self):
        flags = " ".join(word for word, value in self.flags.items() if value)
        part = lambda name, records: f"{name}[{'; '.join(f'{o} {t} {k} {d}' for o, k, d, t in records)}]" if records else ""
        return " ".join(x for x in (self.rcode, f"({flags})", "edns" if self.edns else "", part("", self.answer), part("auth", self.authority), part("add", self.additional)) if x)


def ttls_agree(a, b, apart=1):
    """Equal, or different by no more than the difference in time between the two runs."""
    return len(a) == len(b) and all(x[:3] == y[:3] and (x[3] == y[3] or (x[3] and y[3] and abs(x[3] - y[3]) <= apart)) for x, y in zip(a, b))


def differences(dnsmasq, lictor, earlier=0.0):
    """The names of the parts that differ. `earlier`: the difference in time between the runs when they filled their caches."""
    if dnsmasq is None or lictor is None:
        return set() if dnsmasq is lictor else {"no reply"}
    found = set()
    apart = 1 + abs(dnsmasq.at - lictor.at) + earlier
    for field in ("rcode", "edns", "question"):
        if getattr(dnsmasq, field) != getattr(lictor, field):
            found.add(field)
    if dnsmasq.edns and lictor.edns and dnsmasq.do != lictor.do:
        found.add("do")
    if dnsmasq.ede != lictor.ede:
        found.add("ede")
    found |= {flag for flag in dnsmasq.flags if dnsmasq.flags[flag] != lictor.flags[flag]}
    if dnsmasq.data() != lictor.data():
        found.add("answer")
    elif not ttls_agree(dnsmasq.answer, lictor.answer, apart):
        found.add("ttl")
    for section in ("authority", "additional"):
        if not ttls_agree(getattr(dnsmasq, section), getattr(lictor, section), apart):
            found.add(section)
    return found


Improvement = collections.namedtuple("Improvement", "name covers why")


def _subset(small, large):
    return not collections.Counter(r[:3] for r in small) - collections.Counter(r[:3] for r in large)


# Each `covers(query, dnsmasq, lictor, parts)` returns the parts of the difference that it explains. `query` is a
# servers.Query, dnsmasq and lictor are Forms (or None without a reply).
IMPROVEMENTS = []


def improvement(name, why):
    def register(function):
        IMPROVEMENTS.append(Improvement(name, function, why))
        return function
    return register


@improvement("always a reply", "dnsmasq sends no reply if no upstream answers or all replies were dropped; lictor sends SERVFAIL")
def _(q, d, l, parts):
    return {"no reply"} if d is None and l is not None and l.rcode == "SERVFAIL" and not l.answer else set()


@improvement("extended errors",
             "lictor's own failures have an extended error (RFC 8914), and an upstream's is passed on; dnsmasq sends one in few cases, "
             "and does not cache that a filter removed records")
def _(q, d, l, parts):
    return {"ede"} if d and l and not d.ede and l.ede and (l.rcode not in ("NOERROR", "NXDOMAIN") or l.ede in ([3], [15], [17], [19])) else set()


@improvement("only the answer",
             "lictor does not pass on an upstream's additional records, nor authority records that the query did not ask for (RFC 5452 "
             "§6)")
def _(q, d, l, parts):
    if not d or not l or (d.flags["AA"] and not q.name.startswith("auth")) or l.flags["AA"] and q.type != "ANY":
        return set()
    covered = set()
    if not l.additional:
        covered.add("additional")
    if l.authority == [record for record in d.authority if record[1] == "SOA" and not d.answer]:
        covered.add("authority")
    return covered


@improvement("negative answers keep their SOA",
             "from its cache dnsmasq sends negative answers without the SOA that limits their caching; lictor sends it with the TTL of "
             "RFC 2308 §5")
def _(q, d, l, parts):
    if not d or not l or d.answer and d.answer[-1][1] != "CNAME" or not l.authority:
        return set()
    theirs = [record for record in d.authority if record[1] == "SOA"]
    soas = len(l.authority) == 1 and l.authority[0][1] == "SOA"
    return {"authority"} if soas and (not theirs or theirs[0][:3] == l.authority[0][:3]) else set()


@improvement("local names have only their own addresses",
             "dnsmasq forwards the AAAA query for a name with only an A in hosts files, and the reverse; lictor answers NODATA at once")
def _(q, d, l, parts):
    local = d and l and q.type in ("A", "AAAA") and not d.flags["AA"] and l.flags["AA"] and l.rcode == "NOERROR" and all(record[1] == "CNAME" for record in l.answer) and _subset(l.answer, d.answer)
    return {"AA", "answer", "rcode", "authority", "additional"} if local else set()


@improvement("aliases are followed",
             "dnsmasq sends only the CNAME if the target of cname= is not in its own files; lictor resolves the target")
def _(q, d, l, parts):
    if not d or not l or not d.answer or d.answer[-1][1] != "CNAME" and d.answer[0][1] != "CNAME":
        return set()
    more = d.flags["AA"] and not l.flags["AA"] and _subset(d.answer, l.answer)
    return {"AA", "answer", "authority", "additional", "rcode"} if more else set()


@improvement("ANY has both families", "dnsmasq answers ANY for an address= with both families with one of them")
def _(q, d, l, parts):
    return {"answer"} if d and l and q.type == "ANY" and d.flags["AA"] and l.flags["AA"] and d.answer and _subset(d.answer, l.answer) else set()


@improvement("truncated answers have records",
             "dnsmasq sends an empty answer with TC; lictor sends as many records as fit, in rotating order (old musl has no TCP)")
def _(q, d, l, parts):
    both = d and l and d.flags["TC"] and l.flags["TC"] and d.rcode == l.rcode
    return {"answer", "ttl"} if both and (not d.answer or l.answer) else set()


@improvement("NXDOMAIN stays NXDOMAIN",
             "from its cache, with filters or neg-ttl, dnsmasq turns NXDOMAIN into NODATA; lictor keeps NXDOMAIN")
def _(q, d, l, parts):
    return {"rcode", "AA"} if d and l and not d.answer and not l.answer and d.rcode == "NOERROR" and l.rcode == "NXDOMAIN" and q.name.startswith("nx") else set()


@improvement("errors of upstreams are SERVFAIL",
             "dnsmasq passes on REFUSED, NOTIMP and FORMERR of the last upstream, and answers REFUSED without an upstream; lictor "
             "answers SERVFAIL, after which all clients try again or elsewhere")
def _(q, d, l, parts):
    return {"rcode"} if d and l and l.rcode == "SERVFAIL" and d.rcode in ("REFUSED", "NOTIMP", "FORMERR") and not d.answer and not l.answer else set()


@improvement("truncated upstream answers are completed",
             "dnsmasq passes TC on; lictor queries the upstream again over TCP and sends what fits the client")
def _(q, d, l, parts):
    return {"TC", "answer", "ttl", "authority"} if d and l and d.flags["TC"] and not l.flags["TC"] and d.rcode == l.rcode and _subset(d.answer, l.answer) else set()


@improvement("AA only for own data",
             "dnsmasq passes the upstream's AA on at first and clears it once cached; lictor never sets it for others' data (RFC 1035 "
             "§4.1.1)")
def _(q, d, l, parts):
    return {"AA"} if d and l and d.flags["AA"] and not l.flags["AA"] and d.data() == l.data() and q.name.lower().startswith("auth") else set()


@improvement("no PTR for 0.0.0.0", "a list of blocked names gives that address many names; dnsmasq answers its PTR with one of them")
def _(q, d, l, parts):
    return {"AA", "answer", "rcode", "authority"} if d and l and q.type == "PTR" and q.name in ("0.0.0.0.in-addr.arpa",) and not l.flags["AA"] else set()


@improvement("CNAME chains stay complete", "from its cache dnsmasq may omit links of a CNAME chain; lictor sends the whole chain")
def _(q, d, l, parts):
    ends = lambda form: [record[:3] for record in form.answer if record[1] != "CNAME"]
    chained = d and l and d.rcode == l.rcode and d.answer and l.answer and d.answer[0][1] == "CNAME" and len(l.answer) > len(d.answer) and ends(d) == ends(l)
    return {"answer"} if chained else set()


@improvement("one cache entry for each query",
             "dnsmasq combines an answer from the records of other queries, and does not cache truncated ones; lictor caches whole "
             "replies by their query")
def _(q, d, l, parts):
    return {"ttl", "authority"} if d and l and d.rcode == l.rcode and d.data() == l.data() and q.name.startswith(("chain", "big", "trunc")) else set()


@improvement("all types are cached",
             "dnsmasq caches A, AAAA, CNAME, SRV and PTR, others only with cache-rr, and nothing queried with DO or CD; lictor caches "
             "all, so that max-cache-ttl and the reduced TTL apply")
def _(q, d, l, parts):
    kept = q.type in ("A", "AAAA", "CNAME", "SRV") or (q.type == "PTR" and "arpa" in q.name)
    other = d and l and (not kept or "do" in q.words or "cd" in q.words) and d.data() == l.data()
    return {"ttl"} if other and all(x[3] <= y[3] for x, y in zip(l.answer, d.answer)) else set()


def explain(query, dnsmasq, lictor, earlier=0.0):
    """(names of improvements used, parts left over)."""
    parts = differences(dnsmasq, lictor, earlier)
    used = []
    left = set(parts)
    for entry in IMPROVEMENTS:
        if not left:
            break
        covered = entry.covers(query, dnsmasq, lictor, parts) & left
        if covered:
            used.append(entry.name)
            left -= covered
    return used, left
