"""Which catalogs are difficult for a DNS server? A seeded generator of such catalogs, written through /v1/catalog/register.

Names in mixed case, with dots, underscores, blanks and bytes beyond ASCII, of 63 letters and more; services with 0 to 1,500
instances; addresses that are shared, of both families, mapped, with zones, tagged for every network, host names, aliases to other
services, to themselves and to nothing; minimum, maximum and invalid ports; weights; checks in every state; maintenance; metadata that
needs quoting; node ids whose prefixes look like names.
"""

import concurrent.futures
import string
import uuid

PASSING, WARNING, CRITICAL = "passing", "warning", "critical"

# Only the agent synthesizes names of the form `<node>.node.<dc>.<domain>` or `<hex>.addr.<dc>.<domain>`: registered host names
# never have it, which the deviations rely on.
HOSTS = ["db.example.test", "ghost.example.test", "chain.example.test", "DB.Example.Test.", "six.example.test", "both.example.test"]
ODD_LETTERS = ["ü", " ", "'", "@", "(", "$", "~", "+", "/", ":", "=", "!", "#", "*", "%"]


class Catalog:
    """`entries`: bodies for /v1/catalog/register. The other fields are the input for the queries."""

    def __init__(self, random, size, domain="consul", alt=None, registered=False):
        self.random, self.domain, self.alt = random, domain, alt
        self.entries = []
        self.nodes = {}          # name -> body
        self.services = {}       # name -> {"tags": set, "count": n}
        self.addresses = set()   # of nodes and services, texts
        self.instances = 0
        self.large = None
        self._registered = registered      # tagged addresses as agents register them: the plain address is among them
        self._make(size)

    # names

    def _word(self, low=1, high=9):
        return "".join(self.random.choice(string.ascii_lowercase + string.digits) for _ in range(self.random.randint(low, high)))

    def _mix(self, word):
        return "".join(c.upper() if self.random.random() < 0.5 else c for c in word)

    def _node_name(self):
        r = self.random
        shape = r.random()
        word = self._word(3, 10)
        if shape < 0.35:
            return word
        if shape < 0.47:
            return self._mix(word)
        if shape < 0.60:
            return f"{self._mix(word)}.{r.choice(['Bar', 'rack1', 'node', 'a', word])}"
        if shape < 0.68:
            return f"{word}_{self._word(1, 4)}"
        if shape < 0.74:
            return "".join(r.choice("0123456789abcdef") for _ in range(r.choice([2, 3, 4, 8])))
        if shape < 0.79:
            return word + "-" * r.randint(1, 2) + self._word(1, 4)
        if shape < 0.83:
            return (word * 40)[:63]
        if shape < 0.89:
            return r.choice(["dc1", "node", "service", "consul", "addr", "query", "tcp"]) + r.choice(["", self._word(1, 2)])
        if shape < 0.93:
            return word + r.choice(ODD_LETTERS) + self._word(1, 3)
        if shape < 0.96:
            return f"{word}.{self._word(1, 3)}.{self._word(1, 3)}.{self._word(1, 3)}"
        return word.upper()

    def _service_name(self):
        r = self.random
        shape = r.random()
        word = self._word(2, 9)
        if shape < 0.45:
            return word
        if shape < 0.57:
            return self._mix(word)
        if shape < 0.67:
            return f"{word}-{self._word(1, 5)}"
        if shape < 0.72:
            return f"{word}.{self._word(1, 4)}"
        if shape < 0.78:
            return r.choice(["_", ""]) + word + "_" + self._word(0, 3)
        if shape < 0.83:
            return (word * 40)[:63]
        if shape < 0.85:
            return (word * 40)[:r.choice([64, 80])]
        if shape < 0.91:
            return r.choice(["service", "node", "addr", "query", "connect", "dc1", "tcp", "consul2", "_tcp", "dc", "master"]) + r.choice(["", "", self._word(1, 2)])
        if shape < 0.95:
            return word + r.choice(ODD_LETTERS) + self._word(1, 3)
        return word.upper()

    def _tags(self):
        r = self.random
        pool = ["v1", "V1", "v2", "v1.2", "v1.2.3", "Prod", "master", "replica", "tcp", "udp", "_odd", "a-b", "two words", "x_y", "ü",
                "service", "12", "A.B", "a'b", "x@y", "semi;colon", "(b)", "back\\slash", "\"q\"", "$", "t" * 63, "t" * 64, "traefik.enable=true", ""]
        # Any printable character, inside a word or alone.
        pool.append(r.choice(["", self._word(1, 2)]) + chr(r.randint(0x21, 0x7e)) + r.choice(["", self._word(1, 2)]))
        return [r.choice(pool + pool[-1:] * 4) for _ in range(r.choice([0, 0, 1, 1, 2, 3, 5]))]

    # addresses

    def _v4(self):
        r = self.random
        return r.choice([f"10.{r.randint(1, 4)}.{r.randint(0, 3)}.{r.randint(1, 250)}", f"10.1.0.{r.randint(1, 9)}", f"192.0.2.{r.randint(1, 250)}"])

    def _v6(self):
        r = self.random
        return r.choice([f"2001:db8::{r.randint(1, 0xffff):x}", f"2001:DB8:{r.randint(0, 9)}::{r.randint(1, 9)}", "2001:db8:0:0:1:0:0:1",
                         f"fd00::{r.randint(1, 0xffff):x}:{r.randint(0, 9)}"])

    def _tagged(self, service):
        r = self.random
        tagged = {}
        def put(key, address):
            tagged[key] = {"Address": address, "Port": r.choice([0, 1, 8080, 70000])} if service else address
        if r.random() < 0.6:
            put("lan_ipv4", self._v4())
        if r.random() < 0.6:
            put("lan_ipv6", self._v6())
        if r.random() < 0.5:
            put("wan", r.choice([self._v4(), self._v6(), "wan.example.test"]))
        if r.random() < 0.4:
            put("wan_ipv4", self._v4())
        if r.random() < 0.4:
            put("wan_ipv6", self._v6())
        if r.random() < 0.3:
            put("lan", self._v4())
        return tagged

    def _host(self, owner):
        """A host name where an address is expected."""
        r = self.random
        shape = r.random()
        domain = self.alt if self.alt and r.random() < 0.3 else self.domain
        if shape < 0.35 or not self.services:
            return r.choice(HOSTS)
        other = r.choice(list(self.services))
        if shape < 0.65:
            tag = r.choice(sorted(self.services[other]["tags"]) or [""])
            return f"{tag + '.' if tag and r.random() < 0.4 else ''}{other}.service.{domain}"
        if shape < 0.80:
            return f"{r.choice(list(self.nodes))}.node.{domain}"
        if shape < 0.86:
            return f"{owner}.service.{domain}"       # its own name
        if shape < 0.92:
            return f"{r.choice(['0a010001', '20010db8000000000000000000000077'])}.addr.{domain}"
        return f"{self._word(3, 5)}.service.{domain}"     # does not exist

    # entries

    def _meta(self):
        r = self.random
        meta = {}
        for _ in range(r.choice([0, 0, 1, 2, 4])):
            key = r.choice([self._word(1, 6), "rfc1035-" + self._word(1, 4), "RFC1035-x", "a=b", " edge ", "tick`", "k" * 64, "sp ace", "  "])
            meta[key] = r.choice([self._word(0, 12), "c`d", "x=y", " pad ", "ü", "v" * 120, "quo\"te", "back\\slash", ""])
        return meta

    def _node(self, name, server=False):
        r = self.random
        body = {"Node": name}
        shape = r.random()
        if shape < 0.70 or server:
            body["Address"] = self._v4()
        elif shape < 0.85:
            body["Address"] = self._v6()
        elif shape < 0.90:
            body["Address"] = r.choice(HOSTS)
        elif shape < 0.94:
            body["Address"] = r.choice(["::ffff:10.9.8.7", "fe80::1%eth0"])
        elif shape < 0.97 and self.services:
            body["Address"] = self._host("none")
        else:
            body["Address"] = "10.1.0.1"
        if r.random() < 0.3:
            body["TaggedAddresses"] = self._tagged(False)
            if self._registered:
                # As agents register themselves: the LAN address is the node's own. (For other nodes a translating agent's HTTP API does
                # not return the registered address.)
                tags = body["TaggedAddresses"] = {key: value for key, value in body["TaggedAddresses"].items() if key.startswith("wan") and value[0] in "12f"}
                tags["lan"] = tags["lan_ipv6" if ":" in body["Address"] else "lan_ipv4"] = body["Address"]
        if r.random() < 0.45:
            body["NodeMeta"] = self._meta()
        if r.random() < 0.4:
            body["ID"] = str(uuid.UUID(int=r.getrandbits(128)))
        self.addresses.add(body["Address"])
        return body

    def _instance(self, name, number, plain):
        r = self.random
        service = {"Service": name, "ID": f"{name}-{number}"}
        service["Port"] = r.choice([0, 1, 80, 5432, 5432, 65535]) if r.random() < 0.92 else r.choice([65536, 70000, 131072])
        tags = self._tags()
        if tags:
            service["Tags"] = tags
            self.services[name]["tags"].update(tags)
        shape = r.random()
        if plain:
            pass
        elif shape < 0.25:
            service["Address"] = self._v4()
        elif shape < 0.37:
            service["Address"] = self._v6()
        elif shape < 0.45:
            service["Address"] = self._host(name)
        elif shape < 0.49:
            service["Address"] = r.choice(["::ffff:10.9.8.7", "fe80::1%eth0", "10.1.0.1"])
        if r.random() < 0.2 and not plain:
            service["TaggedAddresses"] = self._tagged(True)
            if self._registered:
                own = service.get("Address", "")
                if own[:1] in "12f" and own[:1]:
                    family = "6" if ":" in own else "4"
                    service["TaggedAddresses"] = {key: value for key, value in service["TaggedAddresses"].items() if key == "wan" and value["Address"][0] in "12f"}
                    for key in ("lan_ipv", "wan_ipv"):
                        service["TaggedAddresses"][key + family] = {"Address": own, "Port": service["Port"]}
                else:
                    del service["TaggedAddresses"]
        if r.random() < 0.4:
            service["Weights"] = {"Passing": r.choice([1, 10, 100, 65535]), "Warning": r.choice([1, 3, 50])}
            if r.random() < 0.1:
                service["Weights"] = {"Passing": 0, "Warning": 0}
        if "Address" in service:
            self.addresses.add(service["Address"])
        return service

    def _check(self, node, service=None, status=None):
        r = self.random
        status = status or r.choice([PASSING] * 6 + [WARNING] * 2 + [CRITICAL] * 2)
        check = {"Node": node, "CheckID": f"c{r.randint(0, 3)}", "Name": "check", "Status": status}
        if service:
            check["ServiceID"] = service
            check["CheckID"] = f"service:{service}:{r.randint(0, 1)}"
            if r.random() < 0.04:
                check.update(CheckID=f"_service_maintenance:{service}", Status=CRITICAL)
        elif r.random() < 0.1:
            check.update(CheckID="_node_maintenance", Status=CRITICAL)
        return check

    def _put(self, body):
        self.entries.append(body)

    def _make(self, size):
        r = self.random
        count = max(3, int(size * r.uniform(0.3, 0.6)))
        while len(self.nodes) < count:
            name = self._node_name()
            if name.lower() in (known.lower() for known in self.nodes) or name in ("dev1", "plain"):
                continue
            body = self._node(name)
            self.nodes[name] = body
            self._put(dict(body, Checks=[self._check(name)] if r.random() < 0.25 else []))
        names = list(self.nodes)
        sick = {c["Node"] for body in self.entries for c in body.get("Checks", ()) if c["Status"] == CRITICAL}
        for _ in range(size):
            name = self._service_name()
            if name.lower() in (known.lower() for known in self.services) or name == "consul":
                continue
            self.services[name] = {"tags": set(), "count": 0}
            many = r.choices([1, 2, 3, 5, 9, 17, 45, 120], [28, 22, 16, 12, 9, 7, 4, 2])[0]
            self._fill(name, many, names, plain=r.random() < 0.35)
        # A service whose only instance is deregistered.
        name = "gone" + self._word(2, 4)
        self.services[name] = {"tags": set(), "count": 0}
        self.gone = {"Node": r.choice(names), "ServiceID": f"{name}-0"}
        self._put(dict(self.nodes[self.gone["Node"]], Service={"Service": name, "ID": f"{name}-0", "Port": 9}))
        # A name that fits no DNS label, or a text that fits no TXT string: the agent sends no reply that would contain it.
        if r.random() < 0.5:
            node = r.choice([(self._word(3, 5) * 40)[:r.choice([64, 70, 120])], self._word(4, 8) + "wide"])
            self.nodes[node] = {"Node": node, "Address": "10.6.0.1"}
            if node.endswith("wide"):
                self.nodes[node]["NodeMeta"] = {"text": "v" * r.choice([300, 512])}
            name = "heavy" + self._word(2, 4)
            self.services[name] = {"tags": set(), "count": 2}
            for number, place in enumerate((node, r.choice(names))):
                self._put(dict(self.nodes[place], Service={"Service": name, "ID": f"{name}-{number}", "Port": 7}))
        # More servers, so that the name servers in an answer are a choice; some have names that are not host names.
        for number in range(r.choice([0, 0, 2, 4])):
            self._put(dict(self.nodes[r.choice(names)], Service={"Service": "consul", "ID": f"consul-{number}", "Port": 8300}))
        self.sick = sick

    def _fill(self, name, many, names, plain, health=None):
        r = self.random
        state = health or r.choices(["good", "mixed", "bad", "unchecked"], [5, 4, 1, 1])[0]
        for number in range(many):
            node = r.choice(names)
            service = self._instance(name, number, plain)
            checks = []
            if state != "unchecked":
                status = {"good": PASSING, "bad": CRITICAL}.get(state)
                checks = [self._check(node, service["ID"], status) for _ in range(r.choice([1, 1, 2]))]
                # Checks with the same id count once.
                checks = list({check["CheckID"]: check for check in checks}.values())
            self._put(dict(self.nodes[node], Service=service, Checks=checks))
            self.instances += 1
        self.services[name]["count"] = many

    def add_large(self, count):
        """One service with many instances, each with its own address."""
        name = self.large = "large" + self._word(2, 3)
        self.services[name] = {"tags": {"big"}, "count": count}
        names = [node for node, body in self.nodes.items() if len(node) < 40]
        for number in range(count):
            node = names[number % len(names)]
            self._put(dict(self.nodes[node], Service={
                "Service": name, "ID": f"{name}-{number}", "Port": 1000 + number % 7, "Tags": ["big"],
                "Address": f"10.{100 + number // 60000}.{number // 250 % 240}.{number % 250 + 1}"}))
            self.instances += 1
        return name

    # writing

    def write(self, api, token=None):
        """Writes the nodes, then the other entries in parallel. Returns the bodies that Consul refused."""
        refused = []
        def put(body):
            try:
                api.put("/v1/catalog/register", body)
            except OSError as error:
                refused.append((body, str(error)))
        first = [body for body in self.entries if "Service" not in body]
        rest = [body for body in self.entries if "Service" in body]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(put, first))
            list(pool.map(put, rest))
        try:
            api.put("/v1/catalog/deregister", self.gone)
        except OSError as error:
            refused.append((self.gone, str(error)))
        self.refused = refused
        gone = {body["Node"] for body, _why in refused if "Service" not in body}
        for node in gone:
            self.nodes.pop(node, None)
        return refused

    def erase(self, api):
        def drop(node):
            try:
                api.put("/v1/catalog/deregister", {"Node": node})
            except OSError:
                pass
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(drop, {body["Node"] for body in self.entries}))
