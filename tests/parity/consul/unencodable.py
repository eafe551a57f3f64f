"""Which reply is possible where the agent sends none, because a label has more than 63 letters or a text more than 255 bytes? Only for
these queries the answer is computed here from the HTTP API, instance by instance: the records that can be encoded, or SERVFAIL if
there are none.
"""

import collections
import ipaddress

from addresses import address_of, chosen, fits
from message import (A, AAAA, ADDITIONAL, ANSWER, ANY, CNAME, SRV, TC, TXT, Record, labels, name_from, name_of)
from queries import Query


def without_weights(records):
    """SRV records without their weights."""
    found = collections.Counter()
    for record, count in records.items():
        found[record._replace(rdata=record.rdata[:2] + record.rdata[4:])] += count
    return found


class Due:
    """`answer`: the possible records of the answer, with their counts; `one`: only one of them (an alias). Others may be in ADDITIONAL."""

    def __init__(self):
        self.answer, self.additional, self.broken, self.one = collections.Counter(), collections.Counter(), False, False
        self.either = set()    # SRV records that differ only in weight: one of them is in `answer`
        self.targets = []      # names whose addresses are in ADDITIONAL, or that are aliases


class Unencodable:
    def __init__(self, pair, facts, aliases):
        self.pair, self.facts, self.aliases = pair, facts, aliases
        self._texts = {}

    def due(self, query, parsed, strict):
        """The possible answer, or None if everything can be encoded: then the agent must have replied."""
        due = Due()
        due.strict = strict
        # The domain of synthesized names.
        due.domain = self.facts.domains[0] if strict else parsed.domain
        if query.kind == "reverse":
            due.broken = any(fits(node["Node"]) is None and (packed := address_of(node["Address"])) and _reverse(packed) == query.lower
                             for node in self.facts.records.get(self.pair.datacenter, ()))
        elif parsed.keyword == b"service":
            self._service(query, parsed, self.pair.service_ttl(parsed.service_and_tag()[0]), due)
        elif parsed.keyword == b"node":
            self._node(query, parsed, self.pair.node_ttl, due)
        return due if due.broken else None

    def matches(self, query, due, mine):
        """Each record is in `due`, and `due` is complete, or a part of it with TC (in strict mode: truncated like the agent)."""
        given, additional = mine.section(ANSWER), mine.section(ADDITIONAL)
        if query.type == SRV:
            if any(record not in due.either for record in given) or without_weights(given) - without_weights(due.answer):
                return False
        elif given - due.answer and not self._chain(query, given, due):
            return False
        if not due.one and sum(given.values()) != sum(due.answer.values()) and not self._is_cut(query, mine, due):
            return False
        allowed = due.additional.copy()
        for target in due.targets:
            for option in self.aliases.options(target, ANY, max(record.ttl for record in given), ADDITIONAL, True):
                allowed += option.must + collections.Counter(option.pool)
        return not set(additional) - set(allowed)

    def _chain(self, query, given, due):
        heads = [record for record in given if record in due.answer]
        if not due.one or len(heads) != 1:
            return False
        kind = query.type if query.type in (A, AAAA) else ANY
        left = set(given) - set(heads)
        return any(not left - set(option.must) - option.pool for each in (kind, ANY)
                   for option in self.aliases.options(heads[0].rdata, each, heads[0].ttl, ANSWER, True))

    def _is_cut(self, query, mine, due):
        return bool(mine.flags & TC) or (query.transport == "udp" and (due.strict or not (query.edns and query.edns.size > 512)))

    def _wan(self, where):
        return where != self.pair.datacenter and self.pair.translate

    def _service(self, query, parsed, ttl, due):
        where = parsed.datacenter(self.facts)
        service, tag = parsed.service_and_tag()
        wan = self._wan(where)
        seen = set()
        for instance in self.facts.instances.get((where, service), ()):
            if tag and tag not in [each.lower() for each in instance["Service"]["Tags"] or ()]:
                continue
            node, own = instance["Node"], instance["Service"]
            kind = query.type if query.type in (A, AAAA) else ANY
            mine = chosen(own["Address"], own.get("TaggedAddresses"), kind, wan)
            at = chosen(node["Address"], node.get("TaggedAddresses"), kind, wan)
            text = mine or at
            packed = address_of(text)
            if packed is None and mine and address_of(at) and name_from(mine) == query.name and fits(mine):
                text, packed, mine = at, address_of(at), ""
            if query.type == SRV:
                port = wan and ((own.get("TaggedAddresses") or {}).get("wan") or {}).get("Port") or own["Port"]
                key = (node["Node"], chosen(own["Address"], own.get("TaggedAddresses"), ANY, wan), port)
                self._srv(query, ttl, instance, text, packed, mine, at, where, port, due, key in seen)
                seen.add(key)
            elif packed is None:
                due.one = True
                target = fits(text)
                if target is None:
                    due.broken = True
                else:
                    due.answer[Record(ANSWER, query.name, CNAME, 1, ttl, target)] = 1
                    due.broken = due.broken or self._has_no_reply(target)
            else:
                # Addresses can always be encoded, and have priority over aliases.
                if query.type in (ANY, TXT) or query.type == (A if len(packed) == 4 else AAAA):
                    due.broken = False
                    return

    def _has_no_reply(self, target):
        """The target is a name of Consul's, and the agent does not reply to queries for it either."""
        return not self.aliases.is_outside(target) and not self.aliases.has_reply(target)

    def _srv(self, query, ttl, instance, text, packed, own, at, where, port, due, again):
        node = instance["Node"]
        synthesized = "node" if not own and at == node["Address"] else "addr"
        base = labels(due.domain)
        node_name = [part.encode() for part in node["Node"].split(".")] + [b"node", where.encode()] + base
        if packed is None:
            target = fits(text)
        elif synthesized == "node":
            target = name_of(node_name)
        else:
            target = name_of([packed.hex().encode(), b"addr", where.encode()] + base)
        if target is None:
            due.broken = True
        else:
            data = b"\0\1" + self._weight(instance).to_bytes(2, "big") + (port & 0xffff).to_bytes(2, "big") + target
            record = Record(ANSWER, query.name, SRV, 1, ttl, data)
            due.either.add(record)
            if again:
                return
            due.answer[record] += 1
            if packed is None:
                due.targets.append(target)
                due.broken = due.broken or self._has_no_reply(target)
            else:
                due.additional[Record(ADDITIONAL, target, A if len(packed) == 4 else AAAA, 1, ttl, packed)] += 1
        owner = name_of(node_name)
        if self.pair.meta_txt and node.get("Meta"):
            if owner is None:
                due.broken = True
                return
            for data in self.texts(node, due):
                due.additional[Record(ADDITIONAL, owner, TXT, 1, ttl, data)] += 1

    def _weight(self, instance):
        name = instance["Service"]["Service"]
        states = {check["Status"] for check in instance["Checks"] if check["ServiceName"] in ("", name)}
        weights = instance["Service"].get("Weights")
        if not weights:
            return 1
        return weights["Warning"] if "warning" in states else weights["Passing"]

    def texts(self, node, due):
        """TXT rdata of a node's metadata: the agent's own, or for a text that is too long its strings of 255 bytes."""
        if all(len(key) + len(value.encode()) < 255 for key, value in node["Meta"].items()):
            name = node["Node"]
            if name not in self._texts:
                query = Query(name_from(f"{name}.node.{self.pair.domains[0]}"), TXT, "text", None, transport="tcp")
                replies = self.aliases.samples(query, "tcp", 1)
                self._texts[name] = [record.rdata for reply in replies for record in reply.records if record.type == TXT]
            return self._texts[name]
        due.broken = True
        found = []
        for key, value in node["Meta"].items():
            text = f"{key}={value}".encode()
            found.append(b"".join(bytes((len(text[at:at + 255]),)) + text[at:at + 255] for at in range(0, len(text), 255)))
        return found

    def _node(self, query, parsed, ttl, due):
        where = parsed.datacenter(self.facts)
        name_lower = b".".join(parsed.left).decode("latin-1")
        node = next((node for node in self.facts.records.get(where, ()) if node["Node"].lower() == name_lower), None)
        if node is None:
            return
        kind = query.type if query.type in (A, AAAA) else ANY
        text = chosen(node["Address"], node.get("TaggedAddresses"), kind, self._wan(where))
        packed = address_of(text)
        if query.type in (A, AAAA, ANY):
            if packed is None:
                due.one = True
                target = fits(text)
                if target is None:
                    due.broken = True
                    return
                due.answer[Record(ANSWER, query.name, CNAME, 1, ttl, target)] = 1
                due.broken = self._has_no_reply(target)
            elif query.type in (ANY, A if len(packed) == 4 else AAAA):
                due.answer[Record(ANSWER, query.name, A if len(packed) == 4 else AAAA, 1, ttl, packed)] += 1
        if node.get("Meta") and query.type in (A, AAAA, ANY, TXT):
            section = ANSWER if query.type in (ANY, TXT) else ADDITIONAL
            if section == ADDITIONAL and not self.pair.meta_txt:
                return
            into = due.answer if section == ANSWER else due.additional
            for data in self.texts(node, due):
                into[Record(section, query.name, TXT, 1, ttl, data)] += 1


def _reverse(packed):
    return name_from(ipaddress.ip_address(packed).reverse_pointer)
