"""Was everything queried that has to be? The features of the catalogs and of the queries, counted. A full run without one of the features
fails, so that a generator that stops producing something is noticed.
"""

import collections

from addresses import address_of
from message import A, AAAA, ANY, CNAME, DS, MX, NS, PTR, SOA, SRV, TXT
from queries import CAA, DNSKEY, HTTPS, NAPTR, STRANGE, AXFR, IXFR

FULL = 50_000      # queries of a run that must have every feature


def of_catalog(catalog):
    """The features of one catalog, each with the number of entries that have it."""
    found = collections.Counter()
    shared = collections.Counter()
    for entry in catalog.entries:
        node, service = entry["Node"], entry.get("Service")
        if service is None:
            found["node"] += 1
            found["node name in mixed case"] += node != node.lower() and node != node.upper()
            found["node name with dots"] += "." in node
            found["node name with an underscore"] += "_" in node
            found["node name of 63 letters"] += len(node) == 63
            found["node name of strange letters"] += any(not c.isalnum() and c not in "._-" or ord(c) > 127 for c in node)
            found["node with metadata"] += bool(entry.get("NodeMeta"))
            found["node on IPv6"] += ":" in entry["Address"]
            found["node on a host name"] += address_of(entry["Address"]) is None
            found["node of both families"] += {"lan_ipv4", "lan_ipv6"} <= set(entry.get("TaggedAddresses", ()))
        for check in entry.get("Checks", ()):
            found[f"check {check['Status']}"] += 1
            found["node in maintenance"] += check["CheckID"] == "_node_maintenance"
            found["service in maintenance"] += check["CheckID"].startswith("_service_maintenance")
        if service is None:
            continue
        name, address = service["Service"], service.get("Address", "")
        shared[address] += bool(address)
        found["instance"] += 1
        found["service name in mixed case"] += name != name.lower() and name != name.upper()
        found["service name with dots"] += "." in name
        found["service name with an underscore"] += "_" in name
        found["service name of 63 letters and more"] += len(name) >= 63
        found["service name of strange letters"] += any(not c.isalnum() and c not in "._-" or ord(c) > 127 for c in name)
        found["instance on IPv6"] += ":" in address
        found["instance of both families"] += {"lan_ipv4", "lan_ipv6"} <= set(service.get("TaggedAddresses", ()))
        found["instance on a host name"] += address.endswith(".test") or address.endswith(".Test.")
        found["instance on another name of Consul's"] += any(f".{word}." in address for word in ("service", "node", "addr"))
        found["instance tagged for the WAN"] += "wan" in service.get("TaggedAddresses", ())
        found["instance with weights"] += "Weights" in service
        found["port 0"] += service["Port"] == 0
        found["port beyond 65535"] += service["Port"] > 65535
        for tag in service.get("Tags", ()):
            found["tag"] += 1
            found["tag with dots"] += "." in tag
            found["tag of 64 letters"] += len(tag) > 63
            for c in tag:
                if 0x21 <= ord(c) < 0x7f:
                    found[f"tag letter {c}"] += 1
    found["address of several instances"] += sum(count > 1 for count in shared.values())
    for facts in catalog.services.values():
        found["service without instances" if not facts["count"] else "service of one" if facts["count"] == 1 else
              "service of 1500" if facts["count"] >= 1500 else "service of more than 100" if facts["count"] > 100 else "service of some"] += 1
    return found


TYPES = {A: "A", AAAA: "AAAA", SRV: "SRV", ANY: "ANY", TXT: "TXT", CNAME: "CNAME", MX: "MX", SOA: "SOA", NS: "NS", DS: "DS", PTR: "PTR", NAPTR: "NAPTR",
         HTTPS: "HTTPS", CAA: "CAA", IXFR: "IXFR", STRANGE: "TYPE65280", DNSKEY: "DNSKEY", AXFR: "AXFR"}
CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
SIZES = [512, 1232, 4096, 100, 0, 513, 600, 700, 1400, 8192, 65535]
KINDS = ["service", "tag", "rfc2782", "rfc2782 bent", "node", "node by id", "addr", "inner", "near", "odd bytes", "reverse"]


def of_queries(queries):
    found = collections.Counter()
    for each in queries:
        found["over " + each.transport] += 1
        found["type " + TYPES[each.type]] += 1
        found["class " + CLASSES[each.rdclass]] += 1
        found["form " + each.kind] += 1
        found["letters lower" if each.name == each.lower else "letters mixed"] += 1
        found["EDNS none" if each.edns is None else f"EDNS {each.edns.size}"] += 1
        if each.edns and each.edns.options:
            found[f"EDNS option {int.from_bytes(each.edns.options[:2], 'big')}"] += 1
        found["EDNS version 1"] += bool(each.edns and each.edns.version)
    return found


REQUIRED = (["node", "node name in mixed case", "node name with dots", "node name with an underscore", "node name of 63 letters", "node name of strange letters",
           "node with metadata", "node on IPv6", "node on a host name", "node of both families", "check passing", "check warning", "check critical",
           "node in maintenance", "service in maintenance", "instance", "service name in mixed case", "service name with dots",
           "service name with an underscore", "service name of 63 letters and more", "service name of strange letters", "instance on IPv6",
           "instance of both families", "instance on a host name", "instance on another name of Consul's", "instance tagged for the WAN",
           "instance with weights", "port 0", "port beyond 65535", "tag", "tag with dots", "tag of 64 letters", "address of several instances",
           "service without instances", "service of one", "service of some", "service of more than 100", "service of 1500"]
          + [f"tag letter {chr(c)}" for c in range(0x21, 0x7f)]
          + ["over udp", "over tcp", "letters lower", "letters mixed", "EDNS none", "EDNS version 1"]
          + [f"EDNS {size}" for size in SIZES] + [f"EDNS option {option}" for option in (3, 8, 10, 12)]
          + [f"type {name}" for name in TYPES.values()] + [f"class {name}" for name in CLASSES.values()] + [f"form {kind}" for kind in KINDS])


def missing(found):
    return [name for name in REQUIRED if not found[name]]


def summary(found):
    """Two lines: the features of the catalogs, those of the queries."""
    query_features = ("over ", "type ", "class ", "form ", "letters ", "EDNS ")
    return ["catalogs had " + ", ".join(f"{found[name]} {name}" for name in REQUIRED if not name.startswith((*query_features, "tag letter")))
            + f"; {sum(found[name] > 0 for name in REQUIRED if name.startswith('tag letter'))} different letters in tags",
            "queries " + ", ".join(f"{found[name]} {name}" for name in REQUIRED if name.startswith(query_features) and not name.startswith("form "))]
