"""The files and command lines that are given to dnsmasq and to lictor."""

import re
import shutil


class Case:
    """`words`: the command line; a word that begins with `@` (or -C@, -7@, …) is a path below the case's folder."""

    def __init__(self, name, text=None, words=None, files=None, links=None, stdin=""):
        self.name = name
        self.files = dict(files or {})
        self.links = dict(links or {})
        self.stdin = stdin
        if text is not None:
            self.files["c"] = text
        self.words = list(words) if words is not None else ["-C@c"]

    @staticmethod
    def dnsmasq():
        return shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")


# name of a case, or a pattern between slashes: the reason of the difference
DIFFERENCES = {
    r"/--(cache-size|user|group|pid-file|resolv-file|conf-file) .*with a value after it|--cache-size 0|words: --user and a word|words: abbreviated with a value after it/":
        "a word after these long options is their value; dnsmasq accepts the option without a value and rejects the word",
    "log-facility= (empty)": "an empty log-facility is stdout, which supervisors read",
    "server=192.0.2.1#0": "no server listens on port 0",
    "server=fe80::1%nosuch": "an interface of a link-local upstream may appear after the start",
    r"/(server=(/a/b|name\.invalid)|local=/a/x\.invalid)/": "the name of an upstream is resolved repeatedly at run time: the start order does not matter, and address changes of containers are followed",
    "line: byte order mark": "a byte order mark before the first line is not part of it",
    "line: dhcp-fqdn without a domain": "lictor has no DHCP: its options are ignored, also inconsistent ones",
    "files: a folder as conf-file": "dnsmasq reads nothing from it, without an error",
}

# The two may differ here: lictor does not check the values of ignored options.
IGNORED = (r"(dhcp-.*|tag-if|bridge-interface|shared-network|pxe-.*|tftp-.*|trust-anchor|auth-peer|ipset|nftset|connmark-allowlist|umbrella|dnssec-check-unsigned)"
               r"(= \(empty\)| twice)")


def may_differ(name):
    return re.fullmatch(IGNORED, name) is not None


def difference(name):
    for key, reason in DIFFERENCES.items():
        if key == name or (len(key) > 2 and key.startswith("/") and key.endswith("/") and re.fullmatch(key[1:-1], name)):
            return reason
    return None


FLAGS = """no-hosts no-poll no-daemon bogus-priv selfmx filterwin2k filter-A filter-AAAA strict-order no-resolv expand-hosts localmx
    no-negcache no-round-robin domain-needed bind-interfaces keep-in-foreground localise-queries clear-on-reload stop-dns-rebind all-servers
    rebind-localhost-ok strip-mac strip-subnet proxy-dnssec conntrack bind-dynamic dnssec dnssec-debug dnssec-no-timecheck dns-loop-detect
    log-debug no-ident dhcp-authoritative read-ethers no-ping leasefile-ro tftp-secure tftp-no-fail tftp-lowercase tftp-single-port
    tftp-no-blocksize log-dhcp dhcp-no-override dhcp-sequential-ip dhcp-client-update enable-ra quiet-dhcp quiet-dhcp6 quiet-ra quiet-tftp
    script-arp dhcp-rapid-commit dhcp-ignore-clid script-on-renewal""".split()

OPTIONAL = {"log-queries": "extra", "user": "nobody", "group": "nogroup", "resolv-file": "/etc/resolv.conf", "pid-file": "/run/x.pid",
            "local-service": "net", "conf-file": "@d", "enable-dbus": "uk.org.x", "log-async": "20", "add-mac": "text", "add-subnet": "24,56",
            "umbrella": "orgid:1", "fast-dns-retry": "1000,5000", "use-stale-cache": "60", "dnssec-check-unsigned": "no",
            "bootp-dynamic": "tag:x", "dhcp-ignore-names": "tag:x", "enable-tftp": "eth0", "tftp-unique-root": "ip", "dhcp-broadcast": "tag:x",
            "dhcp-alternate-port": "67,68", "dhcp-generate-names": "tag:x", "dhcp-proxy": "192.0.2.1", "dhcp-leasefile": "/tmp/leases"}

# option: good values, bad values
VALUES = {
    "servers-file": (["/etc/x", "x y"], []),
    "mx-host": (["a.b", "a.b,c", "a.b,c.d,7", "a.b,c,65535", "A.B.,C."], ["a.b,c,x", "a.b,c,65536", "a.b,c,-1"]),
    "mx-target": (["a.b", "a"], []),
    "cache-size": (["0", "1", "150", "10000", "5000001"], ["x", "-1", "5m", "1 2", "1,2", "0x10"]),
    "port": (["0", "1", "53", "65535", "053"], ["65536", "x", "-1", "53,54"]),
    "domain": (["a.b", "a.b,192.0.2.0/24", "a.b,192.0.2.0/24,local", "a.b,192.0.2.1,192.0.2.9", "a.b,192.0.2.1", "a.b,eth0", "A.B.", "a",
                "a.b,2001:db8::/64", "a.b,2001:db8::/48,local", "a.b,2001:db8::1,2001:db8::9", "a.b, 192.0.2.0/24", "a.b,10.0.0.0/8,local", "a.b,192.0.2.77/24"],
               ["a.b,192.0.2.0/33", "a.b,192.0.2.0/24,remote", "a.b,192.0.2.1,x", "a.b,x/24", "a.b,192.0.2.0/x", "a.b,2001:db8::/129"]),
    "domain-suffix": (["a.b"], []),
    "interface": (["eth0", "eth0,eth1", "eth*", "lo", "br-1234567890", "*", "eth0:1", "a.100"], []),
    "except-interface": (["eth0", "eth0,eth1", "docker*"], []),
    "listen-address": (["127.0.0.1", "127.0.0.1,::1", "127.0.0.1, 127.0.0.2", "0.0.0.0", "::", "2001:DB8::1"],
                       ["eth0", "127.0.0.1,", "127.0.0.1#53", "localhost", "127.0.0.256", "127.0.0.1/8", "127.1"]),
    "bogus-nxdomain": (["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32", "192.0.2.1/0", "2001:db8::/0"],
                       ["x", "192.0.2.0/33", "2001:db8::/129", "192.0.2.1/x", "192.0.2"]),
    "ignore-address": (["192.0.2.1", "192.0.2.0/24", "2001:db8::1"], ["x", "192.0.2.0/33"]),
    "filter-rr": (["A", "a,AAAA", "HTTPS", "65", "ANY", "SVCB,HTTPS", "TXT"], ["x", "TYPE65", "A,", "A,x"]),
    "cache-rr": (["ANY", "TXT,MX", "255", "65"], ["x", "A,,B"]),
    "server": (["192.0.2.1", "192.0.2.1#5353", "/a/192.0.2.1", "/a/b.c/192.0.2.1#53", "/a./192.0.2.1", "/.a/192.0.2.1", "//192.0.2.1",
                "//a/192.0.2.1", "/a/", "/a/#", "/#/192.0.2.1", "/#/", "192.0.2.1@lo", "192.0.2.1@127.0.0.1", "192.0.2.1@127.0.0.1#99",
                "192.0.2.1@lo@127.0.0.1", "192.0.2.1@lo@127.0.0.1#99", "192.0.2.1#53@lo", "2001:db8::1", "2001:db8::1#53", "::1@::1",
                "/consul/127.0.0.1#8600", "/consul./127.0.0.1#8600", "/service.consul/127.0.0.1#8600", "/33.168.192.in-addr.arpa/127.0.0.1#8600",
                "/a/192.0.2.1#53@lo", "fe80::1%lo", "fe80::1%lo#53", "/A.B/192.0.2.1", "192.0.2.1#0", "/a_b/192.0.2.1", "/*.a.b/192.0.2.1", "/*a.b/192.0.2.1",
                "/a/b/c/d/e/f/192.0.2.1", "127.0.0.1", "0.0.0.0", "/a b/192.0.2.1", "#", "localhost", "/a/localhost#5353", "/*/192.0.2.1", "/*a/b/*c.d/192.0.2.1", "/./192.0.2.1", "localhost@127.0.0.1"],
               ["192.0.2.1#x", "192.0.2.1#65536", "192.0.2.1 192.0.2.2", "192.0.2.1,192.0.2.2", "127.0.0.1:8600", "/a/127.0.0.1:8600", "192.0.2.300",
                "192.0.2.1@::1", "::1@127.0.0.1", "192.0.2.1@lo@eth0", "/a", "fe80::1%nosuch", "192.0.2.1@127.0.0.1#x", "/a/b", "name.invalid"]),
    "local": (["/a/", "/a/b/", "/a/192.0.2.1", "//", "/#/", "/a.in-addr.arpa/", "/*.a/"], ["/a/x.invalid"]),
    "rev-server": (["192.0.2.0/24,192.0.2.1", "10.0.0.0/8,127.0.0.1#8600", "192.0.2.7,192.0.2.1", "2001:db8::/32,192.0.2.1", "172.16.0.0/12,192.0.2.1",
                    "192.0.2.0/25,192.0.2.1", "10.0.0.0/8", "2001:db8::/33,::1", "192.0.2.0/24,192.0.2.1@lo", "192.0.2.0/24,#"],
                   ["192.0.2.0/33,192.0.2.1", "192.0.2.0/0,192.0.2.1", "x/24,192.0.2.1", "x", "192.0.2.0/24,192.0.2.1#x", "2001:db8::/129,::1"]),
    "address": (["/a/192.0.2.1", "/a/", "/a/#", "/a/b/192.0.2.1", "/#/192.0.2.1", "/a/::1", "/a/2001:db8::1", "/.a/192.0.2.1", "/a./192.0.2.1",
                 "//192.0.2.1", "192.0.2.1", "::1", "#", "/*.a.b/192.0.2.1", "/#/", "/A/192.0.2.1", "/*a.b/192.0.2.1", "//", "//#", "/*/192.0.2.1", "//a/192.0.2.1"],
                ["/a/x", "/a/192.0.2.300", "/a/192.0.2.1#53", "/a", "x", "/a/127.0.0.1,127.0.0.2", "a.b/192.0.2.1", "a.b/"]),
    "local-ttl": (["0", "60", "2147483647"], ["x", "-1", "1h", "5m"]),
    "neg-ttl": (["0", "60"], ["x", "1h"]), "max-ttl": (["0", "60"], ["x"]), "max-cache-ttl": (["0", "60"], ["x"]),
    "min-cache-ttl": (["0", "60", "3600", "86400"], ["x", "-5"]),
    "addn-hosts": (["/x", "x y", "/x,/y"], []), "hostsdir": (["/x"], []),
    "query-port": (["0", "53", "65535"], ["x", "65536"]), "min-port": (["0", "1024"], ["x", "65536"]), "max-port": (["0", "4096"], ["x", "99999"]),
    "port-limit": (["1", "4", "64"], ["0", "x"]),
    "alias": (["192.0.2.1,198.51.100.1", "192.0.2.0,198.51.100.0,255.255.255.0", "192.0.2.10-192.0.2.20,198.51.100.0,255.255.255.0"],
              ["192.0.2.1", "x,y", "192.0.2.9-192.0.2.1,198.51.100.0,255.255.255.0", "192.0.2.1-198.51.100.1,192.0.2.1", "::1,::2", "192.0.2.1,198.51.100.1,x",
               "192.0.2.1-192.0.2.9,198.51.100.0"]),
    "edns-packet-max": (["512", "1232", "4096", "65535", "100"], ["x", "-1"]),
    "srv-host": (["_a._b", "_a._b.c", "_a._b.c,d.e", "_a._b.c,d.e,389", "_a._b.c,d.e,389,1", "_a._b.c,d.e,389,1,2", "_a._b.c, d.e, 389"],
                 ["_a._b.c,d,x", "_a._b.c,d,65536", "_a._b.c,d,1,x", "_a._b.c,d,1,2,x"]),
    "txt-record": (["a.b", "a.b,text", "a.b,\"v=spf1 a -all\"", "a.b,x,y,z", "a.b,\"a,b\",c", "a.b,\"q \\\" q\"", "a.b," + "x" * 300, "_http._tcp.a,name=value,paper=A4",
                    "a.b,", "a.b,x\\y", "a.b,\"tab\\there\"", "*.a.b,x"], []),
    "ptr-record": (["a.b", "a.b,c.d", "_http._tcp.dns-sd-services,\"New Employee Page._http._tcp.dns-sd-services\"", "1.2.0.192.in-addr.arpa,x.y"], []),
    "caa-record": (["a.b,0,issue,ca.example", "a.b,128,iodef,\"mailto:x@y\"", "a.b,0,issue,\"ca; x=1\""], ["a.b", "a.b,0", "a.b,0,issue", "a.b,x,issue,y"]),
    "dns-rr": (["a.b,51", "a.b,51,01:23:45", "a.b,51,012345", "a.b,65280,ff"], ["a.b", "a.b,x", "a.b,51,zz"]),
    "dns-forward-max": (["150", "1", "10000", "0"], ["x", "-1"]),
    "naptr-record": (["a.b,100,10,S,SIP+D2U,,_sip._udp.a.b", "a.b,100,10,U,E2U+sip,!^.*$!sip:a@b!", "a.b,1,2,,,"],
                     ["a.b", "a.b,1,2", "a.b,x,2,,,", "a.b,1,65536,,,"]),
    "interface-name": (["a.b,lo", "a.b,lo/4", "a.b,lo/6", "a.b,nosuch0"], ["a.b", "a.b,lo/5", "a.b,192.0.2.1,lo"]),
    "dynamic-host": (["a.b,0.0.0.8,lo", "a.b,0.0.0.8,::8,lo", "a.b,::8,lo"], ["a.b,lo", "a.b", "a.b,0.0.0.8,lo/4"]),
    "synth-domain": (["a.b,192.0.2.0/24", "a.b,192.0.2.0/24,p-", "a.b,192.0.2.0/24,p*", "a.b,192.0.2.1,192.0.2.9", "a.b,192.0.2.1,192.0.2.9,p-",
                      "a.b,192.0.2.1", "a.b,2001:db8::/64,p*", "a.b,2001:db8::/64", "a.b,2001:db8::1,2001:db8::9"],
                     ["a.b", "a.b,x", "a.b,192.0.2.0/33", "a.b,2001:db8::/48,p*", "a.b,192.0.2.1,x", "a.b,192.0.2.1,192.0.2.9,192.0.2.0/24", "a.b,192.0.2.0/24," + "p" * 60]),
    "host-record": (["a.b,192.0.2.1", "a.b,192.0.2.1,2001:db8::1", "a,a.b,192.0.2.1", "a.b,192.0.2.1,60", "a.b,::1", "a.b, 192.0.2.1", "A.B,192.0.2.1",
                     "a.b,60,192.0.2.1", "a.b,192.0.2.1,192.0.2.2", "192.0.2.1,a.b", "a,192.0.2.1,b", "a.b,c.d", "_a.b,192.0.2.1"], ["a.b"]),
    "cname": (["a,b", "a,b,c", "a,b,60", "a,b,c,60", "*.a,b", "a, b", "a.b,c.consul", "A,b"], ["a", ""]),
    "rebind-domain-ok": (["/a/", "a", "/a/b/", "/a/b", "a/b"], []),
    "log-facility": (["daemon", "local0", "LOCAL3", "-", "/tmp/x.log", "tmp/x.log", "user", "authpriv", "mail", "security"], ["nosuch", "x"]),
    "max-tcp-connections": (["1", "20", "1000"], ["0", "x"]),
    "add-cpe-id": (["x", "a b"], []),
    "dumpfile": (["/tmp/x"], []), "dumpmask": (["0x11", "17", "017", "0xffff"], []),
    # accepted with a warning, without effect
    "trust-anchor": ([".,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"], []),
    "dnssec-timestamp": (["/tmp/x"], []), "auth-server": (["a.b,eth0", "a.b"], []), "auth-zone": (["a.b,192.0.2.0/24"], []),
    "auth-ttl": (["60"], []), "auth-soa": (["1,a@b,2,3,4"], []), "auth-sec-servers": (["a.b,c.d"], []), "auth-peer": (["192.0.2.1"], []),
    "ipset": (["/a/b/set1,set2"], []), "nftset": (["/a/4#inet#t#s"], []), "connmark-allowlist": (["1/3,a.b"], []),
    "dhcp-range": (["192.0.2.10,192.0.2.20,12h", "192.0.2.10,static"], []), "dhcp-host": (["11:22:33:44:55:66,192.0.2.60", "11:22:33:44:55:66,fred,192.0.2.60,45m"], []),
    "dhcp-option": (["3,192.0.2.1", "option:router,192.0.2.1"], []), "dhcp-boot": (["pxelinux.0"], []), "dhcp-lease-max": (["150"], []),
    "dhcp-script": (["/bin/true"], []), "dhcp-vendorclass": (["set:red,Linux"], []), "dhcp-userclass": (["set:red,acc"], []),
    "dhcp-mac": (["set:red,00:60:8C:*:*:*"], []), "dhcp-ignore": (["tag:!known"], []), "dhcp-match": (["set:efi,option:client-arch,9"], []),
    "dhcp-name-match": (["set:x,y"], []), "dhcp-hostsfile": (["/x"], []), "dhcp-optsfile": (["/x"], []), "dhcp-hostsdir": (["/x"], []),
    "dhcp-optsdir": (["/x"], []), "dhcp-option-force": (["208,f1:00:74:7e"], []), "dhcp-circuitid": (["set:x,y"], []), "dhcp-remoteid": (["set:x,y"], []),
    "dhcp-subscrid": (["set:x,y"], []), "dhcp-pxe-vendor": (["PXEClient"], []), "dhcp-scriptuser": (["root"], []), "dhcp-relay": (["192.0.2.1,192.0.2.2"], []),
    "dhcp-duid": (["1,01:02:03"], []), "dhcp-ttl": (["60"], []), "dhcp-reply-delay": (["2"], []), "tag-if": (["set:x,tag:y"], []),
    "no-dhcp-interface": (["eth0"], []), "no-dhcpv4-interface": (["eth0"], []), "no-dhcpv6-interface": (["eth0"], []), "bridge-interface": (["eth0,eth1"], []),
    "shared-network": (["eth0,192.0.2.1"], []), "pxe-prompt": (["\"Press F8.\",60"], []), "pxe-service": (["x86PC,\"Install Linux\",pxelinux"], []),
    "tftp-root": (["/tmp"], []), "tftp-max": (["50"], []), "tftp-mtu": (["1400"], []), "tftp-port-range": (["10000,10010"], []), "ra-param": (["eth0,10,1200"], []),
}

ONCE = """cache-size user group pid-file port edns-packet-max query-port port-limit servers-file mx-target local-ttl neg-ttl max-ttl max-cache-ttl
    min-cache-ttl fast-dns-retry use-stale-cache enable-dbus log-facility log-async dns-forward-max min-port max-port add-subnet add-cpe-id
    auth-server auth-ttl auth-soa dnssec-timestamp local-service dumpfile dumpmask umbrella max-tcp-connections
    dhcp-leasefile dhcp-lease-max dhcp-script dhcp-scriptuser tftp-max tftp-mtu tftp-port-range dhcp-alternate-port dhcp-duid dhcp-ttl dhcp-reply-delay""".split()


def of_values():
    for name, (good, bad) in VALUES.items():
        for value in good + bad:
            yield Case(f"{name}={value}", f"{name}={value}\n")
        yield Case(f"{name} without a value", f"# first\n\n{name}\n")
        yield Case(f"{name}= (empty)", f"# first\n{name}=\n")
        value = good[0]
        if name not in ("conf-file",):
            yield Case(f"{name} twice", f"{name}={value}\n{name}={value}\n")
            yield Case(f"--{name}={value}", words=["-C/dev/null", f"--{name}={value}"])
            yield Case(f"--{name} {value}", words=["-C/dev/null", f"--{name}", value])
        yield Case(f"--{name} at the end", words=["-C/dev/null", f"--{name}"])
    for name in FLAGS:
        yield Case(name, f"{name}\n{name}\n")
        yield Case(f"{name}=yes", f"\n\n{name}=yes\n")
        yield Case(f"{name}= (empty)", f"{name}=\n")
        yield Case(f"--{name}", words=["-C/dev/null", f"--{name}", f"--{name}"])
        yield Case(f"--{name}=yes", words=["-C/dev/null", f"--{name}=yes"])
    for name, value in OPTIONAL.items():
        files = {"d": "no-hosts\n"}
        text = value.replace("@", "")
        yield Case(f"{name}={value}", f"{name}={text}\n", files=files)
        yield Case(f"{name} bare", f"{name}\n")
        yield Case(f"{name}= (empty)", f"{name}=\n")
        yield Case(f"{name} twice", f"{name}={text}\n{name}={text}\n", files=files)
        yield Case(f"--{name}={value}", words=["-C/dev/null", f"--{name}={value}"], files=files)
        if name != "conf-file":         # dnsmasq crashes
            yield Case(f"--{name} bare", words=["-C/dev/null", f"--{name}"])
        yield Case(f"--{name} with a value after it", words=["-C/dev/null", f"--{name}", text], files=files)


def of_repetition():
    value = {**{name: good[0] for name, (good, _bad) in VALUES.items()}, **OPTIONAL}
    for name in ONCE:
        text = value[name]
        files = {"c": f"{name}={text}\nconf-file=d\n", "d": f"# other\n{name}={text}\n"}
        yield Case(f"{name} in two files", files=files)
        yield Case(f"{name} on the command line and in a file", words=[f"--{name}={text}", "-C@c"], files={"c": f"{name}={text}\n"})
        yield Case(f"--{name} twice", words=["-C/dev/null", f"--{name}={text}", f"--{name}={text}"])


LINES = {
    "blanks around": "  cache-size  =  5  \n\tport\t=\t53\t\n",
    "no blanks": "cache-size=5\nport=53",
    "CRLF": "cache-size=5\r\nno-hosts\r\n",
    "comment after a blank": "cache-size=5 # five\nno-hosts # here\n",
    "comment without a blank": "cache-size=5# five\n",
    "hash in an address": "server=127.0.0.1#8600\nserver=/consul/127.0.0.1#8600 # agent\n",
    "hash after a blank in an address": "server=127.0.0.1 #8600\n",
    "quotes around a value": "domain=\"example.com\"\n",
    "quotes around a name": "\"no-hosts\"\n",
    "quotes around name and value": "\"cache-size=5\"\n",
    "quote not closed": "# one\ndomain=\"example.com\n",
    "quoted hash": "txt-record=a,\"b # c\"\n",
    "quoted equals": "txt-record=a,\"b=c\"\n",
    "escapes": "txt-record=a,\"\\\\ \\\" \\t \\n \\r \\b \\e\"\n",
    "escape outside quotes": "txt-record=a,\\\"\n",
    "two quoted parts": "txt-record=a,\"b\"c\"d\"\n",
    "empty file": "",
    "only blanks": "   \n\t\n\n",
    "dashes": "--no-hosts\n",
    "one dash": "-h\n",
    "letter": "h\n",
    "upper case": "No-Hosts\n",
    "unknown": "no-hosts\nno-such-option\n",
    "unknown with value": "\n\n\nno-such-option=5\n",
    "two on a line": "no-hosts no-poll\n",
    "value with blanks": "cache-size=5 6\n",
    "underscore": "no_hosts\n",
    "abbreviated": "cache-s=5\n",
    "equals only": "=\n",
    "equals first": "=5\n",
    "two equals": "cache-size==5\n",
    "colon": "cache-size: 5\n",
    "semicolon": "no-hosts;\n",
    "byte order mark": b"\xef\xbb\xbfno-hosts\n",
    "form feed": "no-hosts\f\n",
    "error in the third line": "no-hosts\nno-poll\nport=x\n",
    "test in a file": "test\n",
    "version in a file": "version\n",
    "help in a file": "help\n",
    "cname loop": "cname=a,b\ncname=b,a\n",
    "cname loop of three": "cname=a,b\ncname=b,c\ncname=c,a\n",
    "cname of itself": "cname=a,a\n",
    "cname twice": "cname=a,b\ncname=a,c\n",
    "cname twice with case": "cname=a,b\ncname=A,c\n",
    "cname chain": "cname=a,b\ncname=b,c\n",
    "no-poll and two resolv-files": "no-poll\nresolv-file=/a\nresolv-file=/b\n",
    "no-poll and two resolv-files and no-resolv": "no-poll\nno-resolv\nresolv-file=/a\nresolv-file=/b\n",
    "label of 63": "address=/" + "a" * 63 + ".b/192.0.2.1\n",
    "label of 64": "address=/" + "a" * 64 + ".b/192.0.2.1\n",
    "label of 64 in a record": "txt-record=" + "a" * 64 + ".b,x\n",
    "umlaut": "address=/müller.example/192.0.2.1\n",
    "umlaut in records": "host-record=bücher.example,192.0.2.1\ncname=ä.example,bücher.example\nsrv-host=_x._tcp.ö.example,ü.example,1\nmx-host=é.example,è.example\ntxt-record=ñ.example,x\n",
    "umlaut, server and local": "server=/straße.example/192.0.2.1\nlocal=/МОСКВА.example/\ndomain=中文.example\nrebind-domain-ok=/ł.example/\n",
    "umlaut after a star": "address=/*müller.example/192.0.2.1\n",
    "bytes that are no UTF-8": b"address=/m\xfcller.example/192.0.2.1\n",
    "name of emoji": "host-record=\U0001f600.example,192.0.2.1\n",
    "umlaut in a label that is too long": "host-record=" + "ü" * 70 + ".example,192.0.2.1\n",
    "dhcp-fqdn without a domain": "dhcp-fqdn\n",
    "dhcp-fqdn with a domain": "dhcp-fqdn\ndomain=a.b\n",
    "conf-file that is missing": "no-hosts\nconf-file=missing\n",
    "conf-dir that is missing": "conf-dir=missing\n",
    "conf-script": "conf-script=/bin/true\n",
    "many lines": "".join(f"address=/h{i}.example/192.0.2.{i % 250}\n" for i in range(300)),
}


def of_lines():
    for name, text in LINES.items():
        yield Case("line: " + name, text)


def of_files():
    bad = "bad-option\n"
    yield Case("files: nested", files={"c": "conf-file=d\nno-hosts\n", "d": "conf-file=e\n", "e": "port=5\n"})
    yield Case("files: error in the nested", files={"c": "no-hosts\nconf-file=d\n", "d": "\n" + bad})
    yield Case("files: itself", files={"c": "port=5\nconf-file=c\n"})
    yield Case("files: the same twice", files={"c": "conf-file=d\nconf-file=d\n", "d": "port=5\n"})
    yield Case("files: the same by two names", files={"c": "conf-file=d\nconf-file=e\n", "d": "port=5\n"}, links={"e": "d"})
    yield Case("files: a ring", files={"c": "conf-file=d\n", "d": "port=5\nconf-file=c\n"})
    yield Case("files: a folder as conf-file", files={"c": "conf-file=d\n", "d/x": ""})
    yield Case("files: missing on the command line", words=["-C@missing"])
    yield Case("files: two on the command line", words=["-C@c", "-C@d"], files={"c": "no-hosts\n", "d": "port=7\n"})
    yield Case("files: two on the command line, once-only in both", words=["-C@c", "-C@d"], files={"c": "port=6\n", "d": "port=7\n"})
    yield Case("files: standard input", words=["-C", "-"], stdin="port=5\n")
    yield Case("files: standard input is bad", words=["-C", "-"], stdin="\nport=x\n")
    yield Case("files: --conf-file=-", words=["--conf-file=-"], stdin="port=5\n")
    yield Case("files: /dev/stdin", words=["--conf-file=/dev/stdin"], stdin="port=5\n")
    yield Case("files: standard input in a file", files={"c": "conf-file=-\n"}, stdin="port=5\n")
    yield Case("files: standard input twice", files={"c": "conf-file=-\nconf-file=-\n"}, stdin="port=5\n")
    every = {"c": "conf-dir=d\n", "d/a": "no-hosts\n"}
    for bad_name in ("b~", ".b", "#b#"):
        yield Case(f"conf-dir: ignores {bad_name}", files=dict(every, **{"d/" + bad_name: bad}))
    for read_name in ("b", "b.conf", "#b", "b#", "b.dpkg-dist", "-"):
        yield Case(f"conf-dir: reads {read_name}", files=dict(every, **{"d/" + read_name: bad}))
    debian = {"c": "conf-dir=d,.dpkg-dist,.dpkg-old,.dpkg-new\n"}
    for name in ("b.dpkg-dist", "b.dpkg-old", "b.dpkg-new", ".dpkg-dist"):
        yield Case(f"conf-dir: suffix excludes {name}", files=dict(debian, **{"d/" + name: bad}))
    for name in ("b.conf", "b.dpkg-distx", "dpkg-dist"):
        yield Case(f"conf-dir: suffix does not exclude {name}", files=dict(debian, **{"d/" + name: bad}))
    star = {"c": "conf-dir=d,*.conf\n"}
    for name in ("b", "b.conf", "b.conf.bak", ".conf", "conf"):
        yield Case(f"conf-dir: *.conf and {name}", files=dict(star, **{"d/" + name: bad}))
    both = {"c": "conf-dir=d,*.conf,.old.conf,*\n"}
    for name in ("b.conf", "b.old.conf", "b"):
        yield Case(f"conf-dir: *.conf,.old.conf,* and {name}", files=dict(both, **{"d/" + name: bad}))
    yield Case("conf-dir: slash at the end", files={"c": "conf-dir=d/\n", "d/a": "\nport=x\n"})
    yield Case("conf-dir: empty folder", files={"c": "conf-dir=d,*.conf\n", "d/.keep": ""})
    yield Case("conf-dir: folder in a folder", files={"c": "conf-dir=d\n", "d/e/x": bad})
    yield Case("conf-dir: dangling link", files={"c": "conf-dir=d\n", "d/a": ""}, links={"d/b": "nowhere"})
    yield Case("conf-dir: once-only in two files", files={"c": "conf-dir=d\n", "d/a": "port=5\n", "d/b": "\nport=6\n"})
    yield Case("conf-dir: is a file", files={"c": "conf-dir=d\n", "d": ""})
    yield Case("conf-dir: on the command line", words=["-C@c", "-7@d,.bak"], files={"c": "", "d/a": "no-hosts\n", "d/b.bak": bad})
    yield Case("conf-dir: on the command line is bad", words=["-C@c", "-7@d"], files={"c": "", "d/a": "\n" + bad})


DEBIAN = ["-x", "/run/dnsmasq/dnsmasq.pid", "-u", "dnsmasq", "-r", "/run/dnsmasq/resolv.conf", "-7", "@d,.dpkg-dist,.dpkg-old,.dpkg-new", "--local-service",
          "--trust-anchor=.,20326,8,2,e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"]


def of_words():
    null = "-C/dev/null"
    table = {
        "letters in a cluster": [null, "-khR"], "cluster with a value": [null, "-khRp5353"], "cluster with a value after it": [null, "-khRp", "5353"],
        "every flag letter": [null, "-9", "-5", "-y", "-Z", "-D", "-N", "-L", "-E", "-R", "-K", "-z", "-o", "-e", "-f", "-n", "-b", "-h", "-k", "-q", "-1"],
        "flags in one word": [null, "-DNLERzoefnbhkq"],
        "letters with values": [null, "-S192.0.2.1", "-A/a/192.0.2.1", "-T60", "-H/x", "-Q5353", "-Ieth0", "-B192.0.2.1", "-V192.0.2.1,192.0.2.2", "-P1232",
                                "-Wa._b.c,d", "-Ya,b", "-0150", "-8-", "-c100", "-sa.b", "-ilo", "-a127.0.0.1", "-ta.b", "-ma.b,c"],
        "-u with a word": [null, "-u", "nobody"], "-u at the end": [null, "-u"], "-x and nothing": [null, "-x", ""], "-r and nothing": [null, "-r", ""],
        "--user bare": [null, "--user"], "--user and a word": [null, "--user", "nobody"], "--pid-file bare": [null, "--pid-file"],
        "--conf-file bare": ["--conf-file"], "--conf-file=": ["--conf-file="], "-C twice": [null, null],
        "abbreviated": [null, "--cache-s=5"], "abbreviated flag": [null, "--no-ho"], "abbreviated to several": [null, "--no"],
        "abbreviated to one of several": [null, "--dhcp=x"], "exact name is a beginning of others": [null, "--domain=a.b", "--local=/a/", "--dnssec"],
        "abbreviated with a value after it": [null, "--cache-s", "5"], "one dash, long name": [null, "-no-hosts"],
        "unknown long": [null, "--no-such"], "unknown letter": [null, "-%"], "unknown letter in a cluster": [null, "-k%"],
        "flag with a value": [null, "--no-hosts=1"], "value missing": [null, "--port"], "letter's value missing": [null, "-p"],
        "flag letter with a value": [null, "-h5"], "extraneous word": [null, "word"], "extraneous blank": [null, " "], "words after --": [null, "--", "word"],
        "-- alone": [null, "--no-hosts", "--"], "empty word": [null, ""], "dash alone": [null, "-"],
        "-q and a word": [null, "-q", "extra"], "--log-queries=extra": [null, "--log-queries=extra"], "--log-queries extra": [null, "--log-queries", "extra"],
        "word before options": ["word", null], "bad value": [null, "--port=x"], "bad value of a letter": [null, "-px"],
        "once-only twice as letter and name": [null, "-p5", "--port=6"], "quotes are no quotes": [null, "--domain=\"a.b\""],
        "comma in a value": [null, "--listen-address=127.0.0.1,127.0.0.2"], "blank before a value": [null, "--port= 5"],
        "value with #": [null, "--server=127.0.0.1#8600"], "--local-service": [null, "--local-service"], "--local-service=host": [null, "--local-service=host"],
        "--local-service=x": [null, "--local-service=x"],
    }
    for name, words in table.items():
        yield Case("words: " + name, words=words)
    yield Case("words: Debian's", words=[null, *DEBIAN], files={"d/README": "", "d/x.dpkg-dist": "bad\n"})
    yield Case("words: Debian's with a bad file", words=[null, *DEBIAN], files={"d/a": "\n\nbad\n"})


def every_case():
    seen = set()
    for make in (of_values, of_repetition, of_lines, of_files, of_words):
        for case in make():
            if case.name in seen:
                case.name += " (2)"
            seen.add(case.name)
            yield case
