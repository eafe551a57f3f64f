"""One case for each option of dnsmasq for an application node, and the complete files in files/.

A case has lines that are always there, the option's own lines, and the queries that show its effect. `{u1}` … `{u4}` are upstreams
(address#port), `{a1}` … their addresses on port 53, `{dir}` is the folder of the case's files, `{net}` the first two octets of its
loopback network, `{listen}` and `{port}` the server's address and port.
"""

import glob
import os
import time

BASE = ["port={port}", "listen-address={listen}", "bind-interfaces", "no-resolv", "no-hosts", "server={u1}"]

# The special names of every upstream: errors, negative answers, truncated replies, chains, types.
WORDS = ("www", "nx", "nodata", "servfail", "refused", "trunc", "chain", "chainnx", "chainout", "v4only", "v6only", "ttl0", "ttl5", "many", "mixed", "auth", "nxnosoa")
TYPES = ("MX", "TXT", "SRV", "NS", "SOA", "CAA", "NAPTR", "HTTPS", "SVCB", "SSHFP", "TLSA", "HINFO", "LOC", "DS", "URI", "PTR")


def general(domain="up.test"):
    """The queries for every complete file, in addition to its own."""
    found = [f"{word}.{domain} {kind}" for word in WORDS for kind in ("A", "AAAA")]
    found += [f"types.{domain} {kind}" for kind in TYPES]
    found += [f"Www.Up.TEST A", f"edns.{domain} A edns", f"do.{domain} A do", f"cd.{domain} A cd", f"big.{domain} A", f"big.{domain} A edns=4096",
              "single A", "single AAAA", "single MX", "1.2.0.192.in-addr.arpa PTR", "4.3.2.10.in-addr.arpa PTR", "1.0.168.192.in-addr.arpa PTR", "8.8.8.8.in-addr.arpa PTR"]
    return found


def three_rounds(queries):
    """First over UDP, then again for the cached answers, then over TCP."""
    return [list(queries), list(queries), [q + " tcp" for q in queries]]


class Case:
    def __init__(self, name, lines=(), queries=(), base=None, files=None, data=None, ask_at=None, play=None, improves=None, needs53=False, private=False, setup=None, unchanged=None, data_explained=None, option=True, without=None, rounds=None):
        self.name, self.lines, self.base = name, list(lines), list(BASE if base is None else base)
        self.files, self.data, self.ask_at, self.play = files or {}, data, ask_at, play
        self.improves, self.needs53, self.option, self.without = improves or {}, needs53, option, without
        self.private, self.setup = private, setup       # needs its own network; prepares it
        self.unchanged = unchanged                      # why lictor's answers do not change with the option
        self.data_explained = data_explained or {}    # name of an improvement: predicate over both dictionaries
        self._queries, self._rounds = list(queries), rounds

    def with_lines(self):
        return self.base + self.lines

    def without_lines(self):
        return self.base if self.without is None else list(self.without)

    def queries(self):
        return self._rounds or three_rounds(self._queries)


def sent(queries, *fields):
    """The given fields of the upstream queries, as a sorted set."""
    return sorted({tuple(str(entry[field]) for field in fields) for entry in queries})


_cases = []


def case(name, lines, queries=(), **more):
    _cases.append(Case(name, [lines] if isinstance(lines, str) else lines, queries, **more))


def no_server():
    return [line for line in BASE if not line.startswith("server=")]


# ---- upstreams
case("server for a domain", ["server=/two.test/{u2}", "server=/deep.two.test/{u3}", "server=/Three.test./{u3}"],
     ["a.one.test A", "two.test A", "a.two.test A", "xtwo.test A", "b.deep.two.test A", "deep.two.test AAAA", "a.three.test A", "nx.two.test A", "mx.two.test MX"],
     data=lambda queries, _s: {"queried upstreams": sent(queries, "name", "type", "upstream")})
case("server for names without dots", "server=//{u2}", ["single A", "single MX", "a.b A", "dotted.test A"])
case("server #", ["server=/test/{u2}", "server=/plain.test/#"], ["a.plain.test A", "b.test A", "plain.test TXT"])
case("server without an address", "server=/local.test/", ["local.test A", "x.local.test AAAA", "x.local.test MX", "other.test A"])
case("server for names with a suffix", ["server=/*web.test/{u2}", "server=/*.down.test/{u3}", "local=/*nothing.test/"],
     ["web.test A", "xweb.test A", "a.web.test A", "a.xweb.test MX", "down.test A", "a.down.test A", "xdown.test A", "nothing.test A", "xnothing.test AAAA", "a.nothing.test TXT", "w.eb.test A"])
case("server by name", "server=/named.test/localhost#{p2}@127.0.0.1", ["a.named.test A", "b.test A", "a.named.test A tcp"], setup=lambda fixture: local_upstream(fixture))
case("server with a source address", "server=/src.test/{u2}@{net}.9.9", ["a.src.test A", "b.src.test A", "c.test A"],
     data=lambda queries, _s: {"source": sent(queries, "name", "source")})
case("server with a source port", "server=/src.test/{u2}@{net}.9.9#4567", ["a.src.test A", "c.test A"],
     data=lambda queries, _s: {"source": [(e["name"], e["source"], e["port"]) for e in queries if "src" in e["name"] and e["transport"] == "udp"][:1]})
case("server via an interface", "server=/via.test/{u2}@lo", ["a.via.test A", "b.test A"])
case("local", "local=/corp.test/", ["corp.test A", "www.corp.test A", "www.corp.test TXT", "www.corp.test SRV", "corp.test.example A", "notcorp.test A"])
case("local for one name below", ["server=/corp.test/{u2}", "local=/int.corp.test/"], ["x.int.corp.test A", "x.corp.test A", "int.corp.test AAAA"])
case("rev-server", "rev-server=10.0.0.0/8,{u2}", ["1.2.3.10.in-addr.arpa PTR", "1.2.3.11.in-addr.arpa PTR"])
case("rev-server with an odd prefix", "rev-server=192.168.8.0/22,{u2}", ["1.8.168.192.in-addr.arpa PTR", "1.11.168.192.in-addr.arpa PTR", "1.12.168.192.in-addr.arpa PTR"])
case("rev-server v6", "rev-server=2001:db8:7::/48,{u2}", ["1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR"])
case("servers-file", "servers-file={dir}/servers", ["a.two.test A", "a.one.test A", "1.0.9.10.in-addr.arpa PTR"],
     files={"servers": "server=/two.test/{u2}\n# a comment\nrev-server=10.9.0.0/16,{u3}\n"})
case("no-resolv", "no-resolv", ["a.test A"], base=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "server=/only.test/{u1}", "resolv-file={dir}/resolv"], files={"resolv": "nameserver {a2}\n"}, needs53=True)
case("resolv-file", "resolv-file={dir}/resolv", ["a.test A"], base=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "no-poll"],
     without=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "no-resolv", "server={u1}"], files={"resolv": "# x\nsearch test\nnameserver {a3}\noptions ndots:2\n"}, needs53=True)
case("resolv-file, the newest of two", ["resolv-file={dir}/old", "resolv-file={dir}/new"], ["a.test A"], base=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts"],
     without=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "resolv-file={dir}/old"], files={"old": "nameserver {a2}\n", "new": "nameserver {a4}\n"}, needs53=True,
     play=lambda fixture, server: newest(fixture, server))
case("strict-order", "strict-order", base=no_server() + ["server={u1}", "server={u2}", "server={u3}"], rounds=[["servfail1-a.test A"]] + [[f"n{i}.test A"] for i in range(4)])
case("all-servers", "all-servers", [f"n{i}.test A" for i in range(6)], base=no_server() + ["server={u1}", "server={u2}", "server={u3}"], rounds=[[f"n{i}.test AAAA" for i in range(6)]],
     improves={"any of the queried upstreams may be first": lambda q, d, l: d and l and d.rcode == l.rcode and len(d.answer) == len(l.answer)},
     data=lambda queries, _s: {"queried upstreams": sent([e for e in queries if e["name"] != "n0.test"], "name", "upstream")})

# ---- local data
_local_data = len(_cases)
case("address", ["address=/ad.test/192.0.2.9", "address=/six.test/2001:db8::9", "address=/both.test/192.0.2.8", "address=/both.test/2001:db8::8"],
     [f"{n} {t}" for n in ("ad.test", "x.ad.test", "six.test", "y.six.test", "both.test", "z.both.test", "xad.test") for t in ("A", "AAAA", "TXT", "MX", "ANY")])
case("address with several domains", "address=/one.test/two.test/192.0.2.9", ["one.test A", "a.two.test A", "three.test A"])
case("address #", "address=/null.test/#", [f"{n} {t}" for n in ("null.test", "a.null.test") for t in ("A", "AAAA", "TXT", "MX")])
case("address for names with a suffix", ["address=/*foo.test/192.0.2.1", "address=/*.bar.test/192.0.2.2", "address=/*six.test/2001:db8::6", "address=/six.test/192.0.2.6", "address=/*gone.test/"],
     [f"{n} {t}" for n in ("foo.test", "xfoo.test", "a.xfoo.test", "a.foo.test", "bar.test", "a.bar.test", "xbar.test", "six.test", "xsix.test", "a.six.test", "gone.test", "agone.test", "a.b.agone.test", "oo.test") for t in ("A", "AAAA", "MX")])
case("address for names without dots", "address=//192.0.2.3", ["bare A", "bare AAAA", "bare TXT", "a.b A", "other A"],
     improves={"address=//: other types of such a name are forwarded; dnsmasq answers REFUSED": lambda q, d, l: "." not in q.name and q.type != "A" and d and d.rcode == "REFUSED" and l and l.rcode == "NOERROR"})
case("address # for names without dots", "address=//#", ["bare A", "bare AAAA", "a.b A"])
case("no address for names without dots", "address=//", ["bare A", "bare AAAA", "bare TXT", "a.b A"])
case("internationalized names", ["host-record=müller.test,192.0.2.8", "address=/straße.test/192.0.2.7", "cname=ü.test,müller.test", "txt-record=ñ.test,x", "server=/МОСКВА.test/{u2}", "addn-hosts={dir}/hosts"],
     ["xn--mller-kva.test A", "xn--strae-oqa.test A", "a.xn--strae-oqa.test A", "xn--tda.test A", "xn--ida.test TXT", "a.xn--80adxhks.test A", "xn--bcher-kva.test A", "8.2.0.192.in-addr.arpa PTR", "9.2.0.192.in-addr.arpa PTR"],
     files={"hosts": "192.0.2.9 bücher.test\n"})
case("address without an address", "address=/gone.test/", [f"{n} {t}" for n in ("gone.test", "a.gone.test", "agone.test") for t in ("A", "AAAA", "TXT")])
case("address for every name", "address=/#/192.0.2.77", ["a.test A", "b A", "c.d.e AAAA", "f.test MX"])
case("address and server, the longest wins", ["address=/x.test/192.0.2.1", "server=/in.x.test/{u2}", "address=/very.in.x.test/192.0.2.2", "server=/very.in.x.test/{u3}", "local=/none.x.test/"],
     ["x.test A", "in.x.test A", "a.in.x.test A", "very.in.x.test A", "a.very.in.x.test A", "a.none.x.test A", "x.test AAAA", "a.in.x.test AAAA", "very.in.x.test AAAA"])
case("address of one name, server of the rest", ["address=/one.x.test/192.0.2.1", "server=/x.test/{u2}"], ["one.x.test A", "a.one.x.test A", "two.x.test A", "one.x.test AAAA", "one.x.test TXT"])
case("host-record", ["host-record=h1.test,h1,192.0.2.10,2001:db8::10", "host-record=h2.test,192.0.2.11,60", "host-record=h3.test,2001:db8::12", "host-record=h4.test,192.0.2.13", "host-record=h4.test,192.0.2.14"],
     [f"{n} {t}" for n in ("h1.test", "h1", "h2.test", "h3.test", "h4.test", "x.h1.test") for t in ("A", "AAAA", "ANY", "MX", "TXT")] + ["10.2.0.192.in-addr.arpa PTR", "11.2.0.192.in-addr.arpa PTR",
     "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR", "12.2.0.192.in-addr.arpa PTR"])
case("cname", ["cname=alias.test,real.test", "cname=a2.test,a3.test,real.test,99", "cname=lost.test,nowhere.test", "cname=chain1.test,alias.test", "cname=*.wild.test,real.test"],
     [f"{n} {t}" for n in ("alias.test", "a2.test", "a3.test", "chain1.test", "b.wild.test", "wild.test") for t in ("A", "AAAA", "CNAME", "MX", "TXT")] + ["real.test A", "real.test AAAA"],
     base=BASE + ["host-record=real.test,192.0.2.20"],
     improves={"an alias with a wildcard is answered; dnsmasq supports it only in its own zones": lambda q, d, l: ".wild." in q.name and not d.flags["AA"] and l.answer and l.answer[0][1] == "CNAME"})
case("cname with a target that is not local", "cname=lost.test,www.far.test", ["lost.test A", "lost.test AAAA", "lost.test CNAME", "lost.test MX"])
case("addn-hosts", "addn-hosts={dir}/hosts", ["one.test A", "two.test A", "two.test AAAA", "short A", "short.test A", "1.9.0.192.in-addr.arpa PTR", "2.9.0.192.in-addr.arpa PTR", "UPPER.test A", "upper.test AAAA", "dup.test A", "one.test MX"],
     files={"hosts": "192.0.9.1 one.test short # comment\n192.0.9.2\ttwo.test\n2001:db8::92 two.test\n\n# line\nbad line here\n192.0.9.3 Upper.Test\n192.0.9.4 dup.test\n192.0.9.5 dup.test\n"})
case("addn-hosts, a folder", "addn-hosts={dir}/hosts.d", ["one.test A", "two.test A", "not.test A", "tilde.test A", "hash.test A"],
     files={"hosts.d/a": "192.0.9.1 one.test\n", "hosts.d/b": "192.0.9.2 two.test\n", "hosts.d/.hidden": "192.0.9.3 not.test\n", "hosts.d/c~": "192.0.9.4 tilde.test\n", "hosts.d/#d#": "192.0.9.5 hash.test\n"})
case("hostsdir", "hostsdir={dir}/hosts.d", files={"hosts.d/a": "192.0.9.1 one.test\n"}, play=lambda fixture, server: followed_hosts(fixture, server))
case("no-hosts", "no-hosts", ["localhost A", "localhost AAAA", "{host} A"], base=[line for line in BASE if line != "no-hosts"], rounds=[["{host} A"]], play=lambda fixture, server: own_hosts(fixture, server))
case("expand-hosts", "expand-hosts", ["short A", "short.corp.test A", "one.test A", "one.test.corp.test A", "1.9.0.192.in-addr.arpa PTR", "2.9.0.192.in-addr.arpa PTR"],
     base=BASE + ["domain=corp.test", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.9.1 short\n192.0.9.2 one.test other\n"})
case("domain", "domain=corp.test", ["short A", "short.corp.test A", "1.9.0.192.in-addr.arpa PTR", "x.corp.test A"], base=BASE + ["expand-hosts", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.9.1 short\n"})
case("domain with a subnet", "domain=lab.test,192.0.9.0/24", ["short.lab.test A", "short.corp.test A", "far.lab.test A", "far.corp.test A", "1.9.0.192.in-addr.arpa PTR", "1.8.0.192.in-addr.arpa PTR"],
     base=BASE + ["expand-hosts", "domain=corp.test", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.9.1 short\n192.0.8.1 far\n"})
case("domain, local", "domain=lab.test,192.0.9.0/24,local", ["short.lab.test A", "x.lab.test A", "7.9.0.192.in-addr.arpa PTR", "1.9.0.192.in-addr.arpa PTR", "x.lab.test MX"],
     base=BASE + ["expand-hosts", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.9.1 short\n"})
case("domain-needed", "domain-needed", ["single A", "single AAAA", "single MX", "single TXT", "a.test A", "single ANY"])
case("bogus-priv", "bogus-priv", [f"{n} PTR" for n in ("1.2.3.10.in-addr.arpa", "1.0.168.192.in-addr.arpa", "1.1.16.172.in-addr.arpa", "1.1.32.172.in-addr.arpa", "1.1.254.169.in-addr.arpa", "8.8.8.8.in-addr.arpa",
     "9.0.0.127.in-addr.arpa", "1.2.0.192.in-addr.arpa", "1.0.0.0.in-addr.arpa", "1.113.0.203.in-addr.arpa", "1.100.51.198.in-addr.arpa", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
     "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa", "1.0.64.100.in-addr.arpa")] + ["1.2.3.10.in-addr.arpa A", "10.in-addr.arpa PTR"])
case("local-ttl", "local-ttl=77", ["h.test A", "ad.test A", "c.test A", "1.2.0.192.in-addr.arpa PTR", "t.test TXT", "hh.test A", "null.test A"],
     base=BASE + ["host-record=h.test,192.0.2.1", "address=/ad.test/192.0.2.2", "cname=c.test,h.test", "txt-record=t.test,x", "addn-hosts={dir}/hosts", "address=/null.test/#"], files={"hosts": "192.0.2.4 hh.test\n"})
case("txt-record", ["txt-record=t.test,one,two", 'txt-record=t.test,"with, comma"', "txt-record=empty.test"], ["t.test TXT", "t.test A", "empty.test TXT", "t.test ANY", "x.t.test TXT", "t.test MX"])
case("txt-record with escapes and blanks", ['txt-record=tab.test,"tab\\there"', 'txt-record=blank.test,"  two  ",  lead,trail  ', "txt-record=in.test,a b,c\td", 'txt-record=esc.test,"q \\" q","b \\\\ b","n\\nr\\re\\eb\\b"',
     'txt-record=mixed.test,x"  y  "z', 'txt-record=empty2.test,"",x', 'txt-record="blank name.test",x', 'txt-record=hash.test,"a # b" # comment', 'txt-record=long.test,' + "x" * 300],
     [f"{name}.test TXT" for name in ("tab", "blank", "in", "esc", "mixed", "empty2", "hash", "long")] + ["blank\\032name.test TXT"])
case("ptr-record", ["ptr-record=_http._tcp.dns-sd.test,web._http._tcp.test", "ptr-record=9.2.0.192.in-addr.arpa,nine.test", "ptr-record=two.test,a.test", "ptr-record=two.test,b.test"],
     ["_http._tcp.dns-sd.test PTR", "9.2.0.192.in-addr.arpa PTR", "two.test PTR", "two.test A", "9.2.0.192.in-addr.arpa ANY"])
case("srv-host", ["srv-host=_ldap._tcp.test,ldap.test,389", "srv-host=_pg._tcp.test,db1.test,5432,1,2", "srv-host=_pg._tcp.test,db2.test,5432,2", "srv-host=_none._tcp.test", "host-record=ldap.test,192.0.2.3"],
     ["_ldap._tcp.test SRV", "_pg._tcp.test SRV", "_none._tcp.test SRV", "_ldap._tcp.test A", "_pg._tcp.test ANY", "ldap.test A"])
case("srv-host with a domain", ["srv-host=_ldap._tcp,ldap.test,389", "domain=corp.test"], ["_ldap._tcp.corp.test SRV", "_ldap._tcp SRV"])
case("mx-host", ["mx-host=m.test,mail.test,50", "mx-host=n.test,mail.test", "mx-host=o.test", "host-record=mail.test,192.0.2.25"], ["m.test MX", "n.test MX", "o.test MX", "m.test A", "m.test ANY", "p.test MX"])
case("mx-target", ["mx-target=relay.test", "mx-host=o.test"], ["o.test MX", "h.test MX"], base=BASE + ["host-record=h.test,192.0.2.1", "localmx"], without=BASE + ["host-record=h.test,192.0.2.1", "localmx", "mx-host=o.test"],
     improves={})
case("localmx", "localmx", ["hh.test MX", "up.test MX", "h.test MX"], base=BASE + ["host-record=h.test,192.0.2.1", "mx-target=relay.test", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.2.4 hh.test\n"})
case("selfmx", "selfmx", ["hh.test MX", "up.test MX", "h.test MX"], base=BASE + ["host-record=h.test,192.0.2.1", "addn-hosts={dir}/hosts"], files={"hosts": "192.0.2.4 hh.test\n"})
case("naptr-record", 'naptr-record=n.test,10,20,u,SIP+E2U,"!^.*$!sip:x@test!",', ["n.test NAPTR", "n.test A", "m.test NAPTR"])
case("naptr-record with a replacement", "naptr-record=n.test,10,20,s,SIP+D2U,,_sip._udp.test", ["n.test NAPTR"])
case("caa-record", "caa-record=c.test,0,issue,letsencrypt.org", ["c.test CAA", "c.test A", "d.test CAA"])
case("dns-rr", ["dns-rr=d.test,65280,01:02:0a", "dns-rr=e.test,65400"], ["d.test TYPE65280", "d.test A", "e.test TYPE65400", "d.test ANY"])
case("synth-domain", ["synth-domain=syn.test,192.0.2.0/24,ip-", "synth-domain=six.test,2001:db8:5::/112,v6-"], ["ip-192-0-2-7.syn.test A", "ip-192-0-3-7.syn.test A", "7.2.0.192.in-addr.arpa PTR", "7.3.0.192.in-addr.arpa PTR", "ip-192-0-2-7.syn.test AAAA",
     "ip-192-0-2-7.syn.test TXT", "x.syn.test A", "v6-2001-db8-5--9.six.test AAAA", "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR"])
case("synth-domain with numbers", "synth-domain=syn.test,192.0.2.10,192.0.2.20,host*", ["host0.syn.test A", "host3.syn.test A", "host10.syn.test A", "host11.syn.test A", "13.2.0.192.in-addr.arpa PTR", "21.2.0.192.in-addr.arpa PTR"])
case("interface-name", ["interface-name=if.test,far0", "interface-name=if4.test,far0/4"], private=True, setup=lambda fixture: link("far0", "10.7.7.1/24", "2001:db8:7::1/64"), queries= ["if.test A", "if.test AAAA", "if4.test A", "if4.test AAAA", "if4.test TXT", "1.7.7.10.in-addr.arpa PTR"])
case("dynamic-host", "dynamic-host=dyn.test,0.0.0.77,::99,far0", private=True, setup=lambda fixture: link("far0", "10.7.7.1/24", "2001:db8:7::1/64"), queries= ["dyn.test A", "dyn.test AAAA", "dyn.test TXT"])
case("localise-queries", "localise-queries", base=["port={port}", "interface=far0", "no-resolv", "no-hosts", "server={u1}", "addn-hosts={dir}/hosts"], private=True, setup=lambda fixture: link("far0", "10.7.7.1/24"), ask_at="10.7.7.1",
     rounds=[["near.test A", "far.test A", "near.test A tcp"]] * 2, files={"hosts": "10.7.7.9 near.test\n192.0.2.9 near.test\n192.0.2.8 far.test\n"})


def with_denials(each):
    """The same configuration and queries, and queries for all names above, with an upstream that replies NXDOMAIN to everything."""
    above = {}
    for query in each._queries:
        name = query.split()[0]
        while "." in name:
            name = name.partition(".")[2]
            above[f"{name} A"] = above[f"{name} TXT"] = True
    queries = list(dict.fromkeys([*each._queries, *above]))
    return Case(each.name + ", an upstream that denies every name", each.lines, queries, base=[line.replace("{u1}", "{u5}") for line in each.base], files=each.files,
                ask_at=each.ask_at, private=each.private, setup=each.setup, improves={**each.improves, **DENIED}, option=False)


def empty(form, rcode):
    return form and form.rcode == rcode and not form.answer


DENIED = {
    "names above all local names are NODATA; dnsmasq knows only names above those of hosts files and of some records":
        lambda q, d, l: empty(d, "NXDOMAIN") and empty(l, "NOERROR") and (l.flags["AA"] or not l.authority),
    "answers from local data have no SOA; dnsmasq adds the one of its upstream":
        lambda q, d, l: d and l and d.rcode == l.rcode and d.flags == l.flags and d.data() == l.data() and not l.authority and {record[1] for record in d.authority} == {"SOA"},
    "address=//: other types of such a name are forwarded; dnsmasq answers REFUSED":
        lambda q, d, l: "." not in q.name and d and d.rcode == "REFUSED" and empty(l, "NOERROR") and l.flags["AA"],
}
_cases += [with_denials(each) for each in _cases[_local_data:] if not each.play and not each._rounds]

# ---- filters
case("bogus-nxdomain", ["bogus-nxdomain=192.0.2.66", "bogus-nxdomain=2001:db8:66::/48"], ["bogus-e.test A edns", "bogus.test A", "bogus.test AAAA", "www.test A", "chain.test A"])
case("bogus-nxdomain with a prefix", "bogus-nxdomain=192.0.2.64/26", ["bogus.test A", "www.test A", "many.test A"])
case("ignore-address", "ignore-address=192.0.2.66", ["bogus1.test A", "www.test A", "bogus1.test AAAA"], base=no_server() + ["server={u1}", "server={u2}", "all-servers"],
     improves={"any of the queried upstreams may be first": lambda q, d, l: "www" in q.name and d and l and d.rcode == l.rcode or q.type == "AAAA"})
case("stop-dns-rebind", "stop-dns-rebind", [f"{w}.test {t}" for w in ("priv", "priv16", "link", "loop", "zero", "privmix", "www", "chainpriv") for t in ("A",)] + ["priv.test AAAA", "loop.test AAAA", "map.test AAAA", "linkl.test AAAA", "www.test AAAA", "priv-e.test A edns"])
case("rebind-localhost-ok", "rebind-localhost-ok", ["loop.test A", "loop.test AAAA", "priv.test A"], base=BASE + ["stop-dns-rebind"])
case("rebind-domain-ok", "rebind-domain-ok=/ok.test/fine.test/", ["priv.ok.test A", "priv.deep.ok.test A", "priv.fine.test A", "priv.xok.test A"], base=BASE + ["stop-dns-rebind"])
case("filter-A", "filter-A", ["e.test A edns", "www.test A", "www.test AAAA", "chain.test A", "many.test A", "www.test MX", "nx.test A", "nodata.test A"])
case("filter-AAAA", "filter-AAAA", ["e.test AAAA edns", "www.test A", "www.test AAAA", "chain.test AAAA", "www.test MX", "nx.test AAAA"])
case("filter-rr", "filter-rr=TXT,HTTPS,64", ["e.test TXT edns", "www.test TXT", "www.test HTTPS", "www.test SVCB", "www.test MX", "www.test A"])
case("filter-rr ANY", "filter-rr=ANY", ["any.test ANY", "www.test A", "www.test TXT"])
case("filterwin2k", "filterwin2k", ["www.test SOA", "_ldap._tcp.test SRV", "www.test SRV", "_x.test ANY", "www.test A", "www.test MX"])
case("alias", ["alias=198.51.100.1,10.1.1.1", "alias=198.51.100.200-198.51.100.203,10.2.2.0,255.255.255.0", "alias=203.0.113.0,172.16.5.0,255.255.255.0"], ["www.test A", "many.test A", "net.test A", "www.test AAAA", "chain.test A"])
case("proxy-dnssec", "proxy-dnssec", ["ad-1.test A do", "ad-2.test A ad", "ad-3.test A", "www.test A do"],
     improves={"a cached answer keeps the upstream's AD for a client that asks with AD; dnsmasq loses it": lambda q, d, l: d and l and "ad" in q.words and d.data() == l.data() and l.flags["AD"] and not d.flags["AD"]})

# ---- cache
case("cache-size 0", "cache-size=0", ["www.test A"], data=lambda queries, _s: {"upstream queries": len([e for e in queries if e["name"] == "www.test"])})
case("no-negcache", "no-negcache", ["nx.test A", "nodata.test AAAA", "www.test A"], data=lambda queries, _s: {"upstream queries": counted(queries)}, rounds=[["nx.test A", "nodata.test AAAA", "www.test A"]] * 2)
case("neg-ttl", "neg-ttl=50", data=lambda queries, _s: {"upstream queries": counted([e for e in queries if "nosoa" in e["name"]])}, rounds=[["nxnosoa.test A", "nodatanosoa.test A", "nx.test A"]] * 2)
case("max-ttl", "max-ttl=30", ["www.test A", "ttl5.test A", "chain.test A", "www.test MX", "h.test A"], base=BASE + ["host-record=h.test,192.0.2.1,99"])
case("max-cache-ttl", "max-cache-ttl=30", ["www.test A", "ttl5.test A", "chain.test A"])
case("min-cache-ttl", "min-cache-ttl=20", ["ttl5.test A", "www.test A", "ttl0.test A"], rounds=[["ttl5.test A", "www.test A"]] * 2)
case("cache-rr", "cache-rr=MX,TXT", data=lambda queries, _s: {"upstream queries": counted(queries)}, rounds=[["www.test MX", "www.test TXT", "www.test CAA"]] * 2,
     unchanged="all types are cached, with or without cache-rr", data_explained={"all types are cached": lambda d, l: all(l[key] <= d[key] for key in d)})
case("use-stale-cache", "use-stale-cache", play=lambda fixture, server: stale(fixture, server), data=lambda queries, _s: {"upstream queries": counted(queries)})
case("no-round-robin", "no-round-robin", play=lambda fixture, server: orders(fixture, server))

# ---- packets and ports
case("edns-packet-max", "edns-packet-max=800", ["www.test A", "big.test A edns=4096", "big.test A edns=700"], data=lambda queries, _s: {"offered": max(e["edns"] for e in queries if e["transport"] == "udp" and e["edns"])})
case("query-port", "query-port=5555", ["a.test A", "b.test A"], rounds=[["a.test A", "b.test A"]], data=lambda queries, _s: {"ports": sorted({e["port"] for e in queries if e["transport"] == "udp"} | {0} if any(e["port"] != 5555 for e in queries) else {5555})})
case("min-port", "min-port=60000", [f"n{i}.test A" for i in range(20)], rounds=[[f"n{i}.test A" for i in range(20)]], data=lambda queries, _s: {"below 60000": any(e["port"] < 60000 for e in queries if e["transport"] == "udp")})
case("max-port", ["max-port=2000"], rounds=[[f"n{i}.test A" for i in range(20)]], data=lambda queries, _s: {"above 2000": any(e["port"] > 2000 for e in queries if e["transport"] == "udp")})
case("add-subnet", "add-subnet=24,56", ["www.test A"], data=lambda queries, _s: {"options": sent(queries, "name", "options")})
case("add-subnet of one address", "add-subnet=192.0.2.0/24", ["www.test A"], data=lambda queries, _s: {"options": sent(queries, "name", "options")})
case("strip-subnet", "strip-subnet", unchanged="EDNS options of clients are never forwarded", rounds=[["www.test A ecs"]], data=lambda queries, _s: {"options": sent(queries, "name", "options")})
case("add-mac", "add-mac", ["www.test A"], data=lambda queries, _s: {"options": sent(queries, "name", "options")}, option=False)
case("add-cpe-id", "add-cpe-id=box7", ["www.test A"], data=lambda queries, _s: {"options": sent(queries, "name", "options")})
case("no-ident", "no-ident", ["version.bind TXT ch", "servers.bind TXT ch", "hits.bind TXT ch"], rounds=[["authors.bind TXT ch"]])

# ---- listening
case("listen-address", "listen-address={net}.1.1,{net}.1.2", rounds=[["www.test A"]], base=["port={port}", "bind-interfaces", "no-resolv", "no-hosts", "server={u1}"], without=["port={port}", "listen-address={net}.1.1", "bind-interfaces", "no-resolv", "no-hosts", "server={u1}"],
     play=lambda fixture, server: second_address(fixture, server))


# ---- listening and limits
PLAIN = ["port={port}", "no-resolv", "no-hosts", "server={u1}"]
case("interface", "interface=far0", base=PLAIN, ask_at="127.0.0.1", private=True, setup=lambda fixture: two_links(), play=lambda fixture, server: at_both(fixture, server))
case("except-interface", "except-interface=near0", base=PLAIN + ["interface=far0", "interface=near0"], ask_at="127.0.0.1", private=True, setup=lambda fixture: two_links(), play=lambda fixture, server: at_both(fixture, server))
case("bind-interfaces", "bind-interfaces", base=PLAIN + ["listen-address={listen}"], rounds=[["www.test A"]], data=lambda queries, server: {"bound to every address": wildcard_bound(server.port)},
     unchanged="single addresses are always bound", private=True)
case("bind-dynamic", "bind-dynamic", base=PLAIN + ["interface=late0"], ask_at="127.0.0.1", private=True, setup=lambda fixture: no_link("late0"), play=lambda fixture, server: late_link(fixture, server), option=False)
case("local-service", "local-service", base=PLAIN, ask_at="127.0.0.1", private=True, setup=lambda fixture: foreign_source(), play=lambda fixture, server: from_far(fixture, server),
     unchanged="by default lictor listens only on loopback addresses")
case("dns-forward-max", "dns-forward-max=2", rounds=[["slow-a.test A", "slow-b.test A", "slow-c.test A", "slow-d.test A"]])
case("fast-dns-retry", "fast-dns-retry=200,3000", rounds=[["sleep", "lossy-a.test A"]], unchanged="a lost query is repeated without waiting for the client",
     improves={"answered without a second query of the client": lambda q, d, l: d is None and l is not None and l.rcode == "NOERROR"})
case("port-limit", "port-limit=3", rounds=[["www.test A"]], base=no_server() + ["server={u1}", "server={u2}", "server={u3}", "all-servers"], data=lambda queries, _s: {"source ports of one query": len({e["port"] for e in queries})},
     unchanged="each upstream query has its own source port", data_explained={"each upstream query has its own source port": lambda d, l: l == 3},
     improves={"any of the queried upstreams may be first": lambda q, d, l: d and l and d.rcode == l.rcode and len(d.answer) == len(l.answer)})
case("conf-file", "conf-file={dir}/more.conf", ["a.test A"], files={"more.conf": "address=/a.test/192.0.2.1\n"})
case("conf-dir", "conf-dir={dir}/conf.d,.bak", ["a.test A", "b.test A"], files={"conf.d/one": "address=/a.test/192.0.2.1\n", "conf.d/two.bak": "address=/b.test/192.0.2.1\n"})
case("max-tcp-connections", "max-tcp-connections=2", unchanged="a new TCP client replaces the one that is idle for longest", play=lambda fixture, server: many_streams(fixture, server),
     improves={"a new TCP client replaces the one that is idle for longest": lambda q, d, l: d is None and l is not None and l.rcode == "NOERROR"})
case("no-poll", "no-poll", base=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "resolv-file={dir}/resolv", "cache-size=0"], files={"resolv": "nameserver {a2}\n"}, needs53=True,
     play=lambda fixture, server: resolv_changes(fixture, server))
case("clear-on-reload", "clear-on-reload", base=["port={port}", "listen-address={listen}", "bind-interfaces", "no-hosts", "resolv-file={dir}/resolv"], files={"resolv": "nameserver {a2}\n"}, needs53=True,
     play=lambda fixture, server: resolv_changes(fixture, server))
case("dns-loop-detect", "dns-loop-detect", base=BASE + ["server={net}.0.9#5300"], setup=lambda fixture: mirror(fixture), rounds=[["sleep", "www.test A"]],
     data=lambda queries, server: {"loop logged": "query loop detected" in server.log()})
case("strip-mac", "strip-mac", rounds=[["www.test A"]], data=lambda queries, _s: {"options": sent(queries, "name", "options")}, option=False)

case("dumpfile", "dumpfile={dir}/dump.pcap", data_explained={"a dumpfile without dumpmask has all packets; dnsmasq's stays empty": lambda d, l: d == {"file": True} and len(l) > 1}, rounds=[["www.test A", "www.test A", "nx.test A"]], data=lambda queries, server: {"packets": dumped(server)})
case("dumpmask", "dumpmask=0x0005", rounds=[["www.test A", "www.test A", "nx.test A"]], base=BASE + ["dumpfile={dir}/dump.pcap"], data=lambda queries, server: {"packets": dumped(server)})

# ---- faults
case("upstreams that fail", ["server=/closed.test/{net}.0.1#9", "server=/half.test/{net}.0.1#9", "server=/half.test/{u2}"], option=False,
     rounds=[["a.closed.test A", "silent.test A", "servfail.test A", "refused.test A", "formerr.test A", "notimp.test A", "nx.test A", "nodata.test A", "trunc.test A", "slow.test A", "nora.test A",
              "a.half.test A", "silent.test A tcp", "a.closed.test A tcp", "chainnx.test A", "big.test A", "big.test A tcp"]])


def generated(seed=7, count=160):
    """Random names, types and flags, repeatable by the seed."""
    import random
    chance = random.Random(seed)
    words = WORDS + ("h1", "gone", "ad", "priv", "zero")
    domains = ("test", "two.test", "deep.two.test", "corp.test", "a.b.c.d.e", "UP.Test")
    found = []
    for _ in range(count):
        flags = chance.choice(("", "", "", " edns", " edns=512", " do", " cd", " tcp", " tcp do", " edns=4096"))
        found.append(f"{chance.choice(words)}.{chance.choice(domains)} {chance.choice(('A', 'AAAA', 'A', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'PTR', 'CAA', 'HTTPS', 'CNAME', 'DS', 'TYPE65280'))}{flags}")
    return found


for _seed in range(1, 6):
    case(f"generated queries, seed {_seed}", ["server=/two.test/{u2}", "local=/corp.test/", "address=/ad.test/192.0.2.9", "host-record=h1.test,192.0.2.1,2001:db8::1", "address=/gone.test/", "bogus-nxdomain=192.0.2.66"],
         rounds=[generated(_seed), generated(_seed)], option=False)


def dumped(server):
    """The number of queries and replies for names below .test in the dump, by kind."""
    import struct
    import dns.message
    time.sleep(0.3)
    path = os.path.join(os.path.dirname(server.log_path), "..", "files", "dump.pcap")
    found = {}
    if not os.path.exists(path):        # without the option
        return found
    found["file"] = True
    with open(path, "rb") as file:
        data = file.read()
    magic, = struct.unpack("<I", data[:4])
    assert magic == 0xa1b2c3d4 and struct.unpack("<I", data[20:24])[0] == 101, data[:24]
    at = 24
    while at < len(data):
        size, = struct.unpack("<I", data[at + 8:at + 12])
        packet, at = data[at + 16:at + 16 + size], at + 16 + size
        assert packet[0] == 0x45 and packet[9] == 17, packet[:20]
        message = dns.message.from_wire(packet[28:])
        name = message.question[0].name.to_text()
        if not name.endswith(".test."):
            continue
        ports = struct.unpack("!HH", packet[20:24])
        kind = ("reply" if message.flags & 0x8000 else "query") + (" upstream" if 5300 in ports else "")
        found[(name, kind)] = found.get((name, kind), 0) + 1
    os.unlink(path)
    return found


def counted(queries):
    found = {}
    for entry in queries:
        if entry["transport"] == "udp":
            key = (entry["name"].lower(), entry["type"])
            found[key] = found.get(key, 0) + 1
    return found


def newest(fixture, server):
    now = time.time()
    os.utime(os.path.join(fixture.folder, "old"), (now - 100, now - 100))
    return {(0, "a.test A"): server.ask(["a.test A"])["a.test A"]}


def followed_hosts(fixture, server):
    answers = {}

    def put(number, texts):
        for text, reply in server.ask(texts).items():
            answers[(number, text)] = reply
    put(0, ["one.test A"])
    path = os.path.join(fixture.folder, "hosts.d", "b")
    with open(path, "w") as file:
        file.write("192.0.9.2 two.test\n")
    until_changed(server, "two.test A", "192.0.9.2")
    put(1, ["one.test A", "two.test A"])
    os.unlink(path)
    until_changed(server, "two.test A", "198.51.100.1")
    put(2, ["one.test A", "two.test A"])
    with open(os.path.join(fixture.folder, "hosts.d", "a"), "w") as file:
        file.write("192.0.9.1 one.test\n")
    return answers


def until_changed(server, text, expected, within=4):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        reply = server.ask([text])[text]
        if reply is not None and any(expected in rdata.to_text() for rrset in reply.answer for rdata in rrset):
            return
        time.sleep(0.05)


def own_hosts(fixture, server):
    with open("/etc/hosts") as file:
        name = next((line.split("#")[0].split()[1] for line in file if len(line.split("#")[0].split()) > 1 and not line.split()[1].startswith(("localhost", "ip6"))), None)
    if name is None:
        return {(0, "localhost A"): server.ask(["localhost A"])["localhost A"]}
    return {(0, f"{name} A"): server.ask([f"{name} A"])[f"{name} A"]}


def stale(fixture, server):
    answers = {}
    for number in range(2):
        if number:
            time.sleep(2.3)
        for text in ("ttl1-x.test A", "ttl1-y.test A edns"):
            answers[(number, text)] = server.ask([text])[text]
    time.sleep(0.1)
    return answers


def orders(fixture, server):
    """An answer with a record only if the first record never changed: the order must rotate in both or in neither."""
    found = set()
    for _ in range(7):
        reply = server.ask(["many.test A"])["many.test A"]
        found.add(reply.answer[0][0].to_text())
    if len(found) > 1:
        reply.answer = []
    return {(0, "many.test A"): reply}


def second_address(fixture, server):
    from servers import ask
    return {(0, "www.test A"): ask(f"127.{fixture.net}.1.2", fixture.port, ["www.test A"], 0.5)["www.test A"]}


def ask_at(fixture, address, texts, time_limit=0.6):
    from servers import ask
    return ask(address, fixture.port, texts, time_limit)


def two_links():
    link("far0", "10.7.7.1/24")
    link("near0", "10.8.8.1/24")


def no_link(name):
    import subprocess
    subprocess.run(["ip", "link", "del", name], capture_output=True)


def at_both(fixture, server):
    return {(0, f"{name} A"): ask_at(fixture, address, [f"{name} A"])[f"{name} A"] for name, address in (("far.test", "10.7.7.1"), ("near.test", "10.8.8.1"), ("own.test", "127.0.0.1"))}


def late_link(fixture, server):
    answers = {(0, "before.test A"): ask_at(fixture, "10.9.9.1", ["before.test A"])["before.test A"]}
    link("late0", "10.9.9.1/24")
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline and ask_at(fixture, "10.9.9.1", ["warm.test A"], 0.2)["warm.test A"] is None:
        time.sleep(0.05)
    answers[(1, "after.test A")] = ask_at(fixture, "10.9.9.1", ["after.test A"])["after.test A"]
    no_link("late0")
    return answers


def foreign_source():
    import subprocess
    link("far0", "10.7.7.1/24")
    subprocess.run(["ip", "route", "replace", "local", "203.0.113.0/24", "dev", "lo"], check=True)


def from_far(fixture, server):
    return {(0, "foreign.test A"): ask_at(fixture, "10.7.7.1", ["foreign.test A from=203.0.113.5"])["foreign.test A from=203.0.113.5"],
            (0, "own.test A"): ask_at(fixture, "127.0.0.1", ["own.test A"])["own.test A"]}


def wildcard_bound(port):
    with open("/proc/self/net/udp") as file:
        return any(line.split()[1] == f"00000000:{port:04X}" for line in file.readlines()[1:])


def many_streams(fixture, server):
    """Two clients keep idle connections; the answer to a third one."""
    import socket
    from servers import ask
    held = [socket.create_connection((server.address, server.port)) for _ in range(2)]
    time.sleep(0.2)
    answer = ask(server.address, server.port, ["www.test A tcp"], 0.7)["www.test A tcp"]
    for each in held:
        each.close()
    return {(0, "www.test A tcp"): answer}


def resolv_changes(fixture, server):
    answers = {(0, "a.test A"): server.ask(["a.test A"])["a.test A"]}
    time.sleep(1.1)
    with open(os.path.join(fixture.folder, "resolv"), "w") as file:
        file.write(fixture.fill("nameserver {a3}\n"))
    time.sleep(2.2)
    answers[(1, "a.test A")] = server.ask(["a.test A"])["a.test A"]
    return answers


def mirror(fixture):
    """An upstream that loops: it forwards each query to the server under test."""
    import multiprocessing
    import socket

    def serve(sock, there):
        pending = {}
        back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        import select
        while True:
            for ready in select.select([sock, back], [], [])[0]:
                try:
                    wire, peer = ready.recvfrom(65535)
                    if ready is sock:
                        pending[wire[:2]] = peer
                        back.sendto(wire, there)
                    elif wire[:2] in pending:
                        sock.sendto(wire, pending.pop(wire[:2]))
                except OSError:
                    pass
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((f"127.{fixture.net}.0.9", 5300))
    process = multiprocessing.get_context("fork").Process(target=serve, args=(sock, (fixture.address, fixture.port)), daemon=True)
    process.start()
    sock.close()
    fixture.helpers.append(process)


def cases():
    found = list(_cases)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
    for path in sorted(glob.glob(os.path.join(folder, "*.conf"))):
        found.append(from_file(path))
    return found


def from_file(path):
    """A complete file; its lines `#? QUERY` are queried in addition to the general ones, `#: NAME` starts a file that it refers to."""
    lines, queries, files, target = [], [], {}, None
    with open(path) as file:
        for line in file.read().splitlines():
            if line.startswith("#: "):
                target = line[3:]
                files[target] = ""
            elif line.startswith("#? "):
                queries.append(line[3:])
            elif target:
                files[target] += line.lstrip("|") + "\n"
            else:
                lines.append(line)
    name = "file " + os.path.basename(path)[:-5]
    return Case(name, lines, base=["port={port}", "listen-address={listen}", "bind-interfaces"], rounds=three_rounds(queries + general()), files=files, option=False)


def local_upstream(fixture):
    """An upstream at the address of `localhost`, on a port of its own."""
    import multiprocessing
    import select
    import socket
    import struct
    import upstreams
    import dns.message
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    tcp = socket.socket()
    tcp.bind(sock.getsockname())
    tcp.listen(8)

    def serve():
        while True:
            for ready in select.select([sock, tcp], [], [])[0]:
                if ready is sock:
                    wire, peer = sock.recvfrom(65535)
                    for _delay, reply in upstreams.reply_for(dns.message.from_wire(wire), 2, "udp"):
                        sock.sendto(reply, peer)
                    continue
                with tcp.accept()[0] as link:
                    wire = link.recv(65535)
                    for _delay, reply in upstreams.reply_for(dns.message.from_wire(wire[2:]), 2, "tcp"):
                        link.sendall(struct.pack("!H", len(reply)) + reply)
    fixture.more["p2"] = sock.getsockname()[1]
    process = multiprocessing.get_context("fork").Process(target=serve, daemon=True)
    process.start()
    fixture.helpers.append(process)
    sock.close()
    tcp.close()


def link(name, *addresses):
    """Creates an interface with addresses, in the test's own network."""
    import subprocess
    subprocess.run(["ip", "link", "del", name], capture_output=True)
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", name + "p"], check=True)
    for address in addresses:
        subprocess.run(["ip", "addr", "add", address, "dev", name, *(["nodad"] if ":" in address else [])], check=True)
    for each in (name, name + "p"):
        subprocess.run(["ip", "link", "set", each, "up"], check=True)
