"""Which queries does a catalog permit? All forms of Consul's names, all types and classes, all EDNS sizes, both transports, any letter
case. A seeded generator chooses them, most of them for existing names.
"""

import ipaddress
import struct

from message import A, AAAA, ANY, AXFR, CNAME, DS, IXFR, MX, NS, PTR, RD, SOA, SRV, TXT, AD, CD, Edns, lower, name_of, query_message, text

NAPTR, HTTPS, CAA, DNSKEY, STRANGE = 35, 65, 257, 48, 65280


class Query:
    """One query. `kind` is the form of the name that the generator intended, for the counts."""

    __slots__ = ("name", "lower", "type", "rdclass", "flags", "edns", "transport", "kind", "domain", "wire")

    def __init__(self, name, type, kind, domain, rdclass=1, flags=RD, edns=None, transport="udp"):
        self.name, self.lower, self.type, self.kind, self.domain = name, lower(name), type, kind, domain
        self.rdclass, self.flags, self.edns, self.transport = rdclass, flags, edns, transport
        self.wire = query_message(name, type, rdclass, flags, edns)

    def over(self, transport, type=None, name=None):
        """The same query over another transport (and with another type or name); EDNS is unchanged."""
        return Query(name or self.name, type or self.type, self.kind, self.domain, self.rdclass, self.flags, self.edns, transport)

    def __str__(self):
        from message import TYPES
        edns = f" edns={tuple(self.edns)[:3]}{' +options' if self.edns.options else ''}" if self.edns else ""
        more = "" if self.rdclass == 1 else f" class{self.rdclass}"
        return f"{self.transport} {text(self.name)} {TYPES.get(self.type, self.type)}{more}{edns} flags={self.flags:04x} [{self.kind}]"


def _parts(value):
    return [part.encode("utf-8") for part in value.split(".")]


def _reverse(address):
    try:
        address = ipaddress.ip_address(address)
        address = getattr(address, "ipv4_mapped", None) or address
        return [part.encode() for part in address.reverse_pointer.split(".")]
    except ValueError:
        return None


class Queries:
    def __init__(self, random, catalog, domains, datacenters, reversible, datacenter="dc1"):
        self.random, self.catalog, self.domains, self.datacenters, self.datacenter = random, catalog, domains, datacenters, datacenter
        self.services = [name for name in catalog.services if name != catalog.large] + ["consul"]
        self.large = 0
        self.nodes = list(catalog.nodes)
        self.missing = [catalog._word(3, 8) for _ in range(4)]
        self.reversible = [address for address in reversible if _reverse(address)]     # an unknown address is forwarded to the agent's DNS

    # parts of names

    def _service(self):
        r = self.random
        # 1,500 instances are slow for an agent: a few queries are enough.
        if self.catalog.large and self.large < 5 and r.random() < 0.05:
            self.large += 1
            return self.catalog.large
        return r.choice(self.missing) if r.random() < 0.06 else r.choice(self.services)

    def _tag(self, service):
        r = self.random
        known = sorted(tag for tag in self.catalog.services.get(service, {}).get("tags", ()) if tag)
        if known and r.random() < 0.8:
            return r.choice(known)
        return r.choice(["v1", "v2", "nope", "tcp", "udp", "v1.2", "2", "a.b", "enable=true", "B"])

    def _where(self):
        """The labels to the right of the keyword."""
        r = self.random
        draw = r.random()
        if draw < 0.72:
            return []
        if draw < 0.90:
            return [r.choice(self.datacenters).encode()]
        if draw < 0.93:
            return [self.datacenter.upper().encode()]
        if draw < 0.96:
            return [b"dc9"]
        return r.choice([[b"dc1", b"dc1"], [b"a", b"b"], [b"dc9", b"dc1"], [b"x", b"y", b"z"], [b"_tcp"]])

    def _hex(self):
        r = self.random
        draw = r.random()
        if draw < 0.35:
            return "".join(r.choice("0123456789abcdef") for _ in range(8))
        if draw < 0.6:
            return "".join(r.choice("0123456789abcdef") for _ in range(32))
        if draw < 0.7:
            return "00000000000000000000ffff0a090807"
        return r.choice(["0a01000", "0a0100", "0a010001ff", "0a0100012", "nothexxx", "0A010001", "7f000001", "0a01-001", "z", "f" * 33, "f" * 31])

    def _form(self):
        """(labels below the domain, kind)."""
        r = self.random
        draw = r.random()
        if draw < 0.24:
            return _parts(self._service()) + [b"service"] + self._where(), "service"
        if draw < 0.38:
            service = self._service()
            return _parts(self._tag(service)) + _parts(service) + [b"service"] + self._where(), "tag"
        if draw < 0.50:
            service = self._service()
            tag = r.choice(["tcp", "tcp", "TCP", "udp", self._tag(service)])
            keyword = [b"service"] if r.random() < 0.6 else []
            return [b"_" + service.encode(), b"_" + tag.encode()] + keyword + self._where(), "rfc2782"
        if draw < 0.53:
            service = self._service().encode()
            return r.choice([[b"_" + service, b"service"], [b"_tcp", service, b"service"], [b"_" + service, b"_v1", b"2", b"service"],
                             [b"x", b"_" + service, b"_tcp", b"service"], [b"_" + service, b"tcp", b"service"], [b"_" + service],
                             [b"_", b"_tcp"], [b"__x", b"_tcp", b"service"]]), "rfc2782 bent"
        if draw < 0.68:
            node = r.choice(self.nodes) if r.random() < 0.9 else r.choice(self.missing)
            return _parts(node) + [b"node"] + self._where(), "node"
        if draw < 0.71:
            ids = [body["ID"] for body in self.catalog.nodes.values() if "ID" in body]
            if ids:
                beginning = r.choice(ids)[:r.choice([2, 3, 4, 7, 8, 9, 13, 36])]
                return [beginning.encode(), b"node"] + self._where(), "node by id"
        if draw < 0.78:
            left = [b"x"] if r.random() < 0.05 else []
            return left + [self._hex().encode(), b"addr"] + self._where(), "addr"
        if draw < 0.84:
            dc = r.choice(self.datacenters + ["dc9"]).encode()
            inner = r.choice([[], [], [b"service"], [b"node"], [b"addr"], [dc], [b"service", dc], [b"node", dc], [b"ns"], [b"hostmaster"],
                              [b"foo"], [b"foo", b"bar"], [b"dc1", b"dc"]])
            return inner, "inner"
        if draw < 0.90:
            # Names below and above existing names.
            if r.random() < 0.5:
                node = _parts(r.choice(self.nodes))
                return r.choice([node[1:] + [b"node"], [b"a"] + node + [b"node"], node + [b"node", b"dc1", b"node"]]), "near"
            service = self._service()
            return r.choice([[b"a", b"b"] + _parts(service) + [b"service"], _parts(service), [service.encode(), b"service"],
                             _parts(self._tag(service))[1:] + _parts(service) + [b"service"], [b"v1", service.encode(), b"node"]]), "near"
        if draw < 0.94:
            odd = bytes(r.choice([0, 9, 32, 34, 39, 40, 46, 59, 64, 92, 127, 128, 200, 255]) for _ in range(r.randint(1, 4)))
            return r.choice([[odd, b"service"], [b"web" + odd, b"service"], [odd, b"node"], [b"a", odd, b"service"], [odd], [b"_" + odd, b"_tcp"],
                             [b"x", b"service", odd], [b"a.b", b"service"], [b"0a010001" + odd, b"addr"]]), "odd bytes"
        return _parts(self._service()) + [b"service"], "service"

    def _case(self, name):
        r = self.random
        draw = r.random()
        if draw < 0.7:
            return name
        if draw < 0.85:
            return bytes(c - 32 if 97 <= c <= 122 else c for c in name)
        return bytes(c ^ 32 if (65 <= c <= 90 or 97 <= c <= 122) and r.random() < 0.5 else c for c in name)

    def _edns(self, transport):
        r = self.random
        if r.random() < 0.45:
            return None
        size = r.choice([512, 1232, 1232, 4096, 100, 0, 513, 600, 700, 1400, 8192, 65535])
        version = 1 if r.random() < 0.01 else 0
        flags = 0x8000 if r.random() < 0.1 else 0
        options = b""
        draw = r.random()
        if draw < 0.04:
            options = struct.pack("!HH", 10, 8) + bytes(r.randrange(256) for _ in range(8))     # cookie
        elif draw < 0.08:
            options = struct.pack("!HHHBB", 8, 7, 1, 24, 0) + bytes((192, 0, 2))                # client subnet
        elif draw < 0.10:
            options = struct.pack("!HHHBB", 8, 11, 2, 56, 0) + bytes.fromhex("20010db8000000")
        elif draw < 0.12:
            options = struct.pack("!HH", 3, 0)                                                  # NSID
        elif draw < 0.13:
            options = struct.pack("!HH", 12, 20) + bytes(20)                                    # padding
        return Edns(size, version, flags, options)

    def _type(self, kind):
        r = self.random
        types, weights = [A, AAAA, SRV, ANY, TXT, CNAME, MX, SOA, NS, DS, PTR, NAPTR, HTTPS, CAA, IXFR, STRANGE, DNSKEY, AXFR], \
            [34, 16, 18, 8, 5, 3, 2, 3, 3, 2, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
        if kind.startswith("rfc2782"):
            weights = [10, 5, 60] + weights[3:]
        return r.choices(types, weights)[0]

    def one(self):
        r = self.random
        while True:
            domain = self.domains[0] if len(self.domains) == 1 or r.random() < 0.6 else r.choice(self.domains)
            if self.reversible and r.random() < 0.04:
                name, kind, domain = name_of(_reverse(r.choice(self.reversible))), "reverse", None
            else:
                parts, kind = self._form()
                name = name_of(parts + [part.encode() for part in domain.split(".")])
            if name is None:
                continue
            type = r.choice([PTR, PTR, PTR, ANY, A, SOA]) if kind == "reverse" else self._type(kind)
            transport = "tcp" if r.random() < 0.2 or type == AXFR else "udp"
            rdclass = 1 if r.random() < 0.96 else r.choice([3, 4, 255, 254])
            flags = RD if r.random() < 0.8 else r.choice([0, RD | CD, RD | AD, CD, RD | CD | AD])
            return Query(self._case(name), type, kind, domain, rdclass, flags, self._edns(transport), transport)

    def many(self, count):
        return [self.one() for _ in range(count)]
