"""What can lictor say where the agent says nothing, because a label has more than 63 letters or a text more than 255 bytes? For these
questions alone the answer is computed here from the HTTP API, instance by instance: what fits a packet, and SERVFAIL if nothing does.
"""

import collections
import ipaddress

from addresses import address_of, chosen, fits
from message import (A, AAAA, ADDITIONAL, ANSWER, ANY, CNAME, SRV, TC, TXT, Record, labels, name_from, name_of)
from questions import Asked


def weightless(records):
    """SRV records without their weights."""
    found = collections.Counter()
    for record, count in records.items():
        found[record._replace(rdata=record.rdata[:2] + record.rdata[4:])] += count
    return found


class Due:
    """`answer`: what may be in it, each so often; `one`: only one of it (an alias). The rest may stand in ADDITIONAL."""

    def __init__(self):
        self.answer, self.beside, self.broken, self.one = collections.Counter(), collections.Counter(), False, False
        self.either = set()    # of these those stand in `answer` once, whichever was drawn: SRV records that differ in weight
        self.targets = []      # names whose addresses stand beside, or behind


class Unpackable:
    def __init__(self, pair, facts, behind):
        self.pair, self.facts, self.behind = pair, facts, behind
        self._texts = {}

    def due(self, asked, parsed, strict):
        """What can be said, or None if nothing in it is unpackable: then the agent's silence is no excuse."""
        due = Due()
        due.strict = strict
        # The domain of the names that are made for the answer.
        due.domain = self.facts.domains[0] if strict else parsed.domain
        if asked.kind == "reverse":
            due.broken = any(fits(node["Node"]) is None and (packed := address_of(node["Address"])) and _reverse(packed) == asked.lower
                             for node in self.facts.records.get(self.pair.datacenter, ()))
        elif parsed.keyword == b"service":
            self._service(asked, parsed, self.pair.service_ttl(parsed.service_and_tag()[0]), due)
        elif parsed.keyword == b"node":
            self._node(asked, parsed, self.pair.node_ttl, due)
        return due if due.broken else None

    def matches(self, asked, due, mine):
        """Everything in the reply is due, and what is due is there, or some of it with TC (or, as strict has it, as the agent cuts)."""
        given, beside = mine.section(ANSWER), mine.section(ADDITIONAL)
        if asked.type == SRV:
            if any(record not in due.either for record in given) or weightless(given) - weightless(due.answer):
                return False
        elif given - due.answer and not self._chain(asked, given, due):
            return False
        if not due.one and sum(given.values()) != sum(due.answer.values()) and not self._is_cut(asked, mine, due):
            return False
        allowed = due.beside.copy()
        for target in due.targets:
            for option in self.behind.options(target, ANY, max(record.ttl for record in given), ADDITIONAL, True):
                allowed += option.must + collections.Counter(option.pool)
        return not set(beside) - set(allowed)

    def _chain(self, asked, given, due):
        heads = [record for record in given if record in due.answer]
        if not due.one or len(heads) != 1:
            return False
        kind = asked.type if asked.type in (A, AAAA) else ANY
        left = set(given) - set(heads)
        return any(not left - set(option.must) - option.pool for each in (kind, ANY)
                   for option in self.behind.options(heads[0].rdata, each, heads[0].ttl, ANSWER, True))

    def _is_cut(self, asked, mine, due):
        return bool(mine.flags & TC) or (asked.transport == "udp" and (due.strict or not (asked.edns and asked.edns.size > 512)))

    def _wan(self, where):
        return where != self.pair.datacenter and self.pair.translate

    def _service(self, asked, parsed, ttl, due):
        where = parsed.datacenter(self.facts)
        service, tag = parsed.service_and_tag()
        wan = self._wan(where)
        seen = set()
        for instance in self.facts.instances.get((where, service), ()):
            if tag and tag not in [each.lower() for each in instance["Service"]["Tags"] or ()]:
                continue
            node, own = instance["Node"], instance["Service"]
            kind = asked.type if asked.type in (A, AAAA) else ANY
            mine = chosen(own["Address"], own.get("TaggedAddresses"), kind, wan)
            at = chosen(node["Address"], node.get("TaggedAddresses"), kind, wan)
            text = mine or at
            packed = address_of(text)
            if packed is None and mine and address_of(at) and name_from(mine) == asked.name and fits(mine):
                text, packed, mine = at, address_of(at), ""
            if asked.type == SRV:
                port = wan and ((own.get("TaggedAddresses") or {}).get("wan") or {}).get("Port") or own["Port"]
                key = (node["Node"], chosen(own["Address"], own.get("TaggedAddresses"), ANY, wan), port)
                self._srv(asked, ttl, instance, text, packed, mine, at, where, port, due, key in seen)
                seen.add(key)
            elif packed is None:
                due.one = True
                target = fits(text)
                if target is None:
                    due.broken = True
                else:
                    due.answer[Record(ANSWER, asked.name, CNAME, 1, ttl, target)] = 1
                    due.broken = due.broken or self._leads_nowhere(target)
            else:
                # Addresses fit always, and go before aliases.
                if asked.type in (ANY, TXT) or asked.type == (A if len(packed) == 4 else AAAA):
                    due.broken = False
                    return

    def _leads_nowhere(self, target):
        """The target is of Consul's, and the agent has nothing to say about it, either."""
        return not self.behind.is_outside(target) and not self.behind.speaks(target)

    def _srv(self, asked, ttl, instance, text, packed, own, at, where, port, due, again):
        node = instance["Node"]
        made = "node" if not own and at == node["Address"] else "addr"
        base = labels(due.domain)
        node_name = [part.encode() for part in node["Node"].split(".")] + [b"node", where.encode()] + base
        if packed is None:
            target = fits(text)
        elif made == "node":
            target = name_of(node_name)
        else:
            target = name_of([packed.hex().encode(), b"addr", where.encode()] + base)
        if target is None:
            due.broken = True
        else:
            data = b"\0\1" + self._weight(instance).to_bytes(2, "big") + (port & 0xffff).to_bytes(2, "big") + target
            record = Record(ANSWER, asked.name, SRV, 1, ttl, data)
            due.either.add(record)
            if again:
                return
            due.answer[record] += 1
            if packed is None:
                due.targets.append(target)
                due.broken = due.broken or self._leads_nowhere(target)
            else:
                due.beside[Record(ADDITIONAL, target, A if len(packed) == 4 else AAAA, 1, ttl, packed)] += 1
        owner = name_of(node_name)
        if self.pair.meta_txt and node.get("Meta"):
            if owner is None:
                due.broken = True
                return
            for data in self.texts(node, due):
                due.beside[Record(ADDITIONAL, owner, TXT, 1, ttl, data)] += 1

    def _weight(self, instance):
        name = instance["Service"]["Service"]
        states = {check["Status"] for check in instance["Checks"] if check["ServiceName"] in ("", name)}
        weights = instance["Service"].get("Weights")
        if not weights:
            return 1
        return weights["Warning"] if "warning" in states else weights["Passing"]

    def texts(self, node, due):
        """TXT rdata of a node's metadata: what the agent itself says, or for a text that is too long its strings of 255 bytes."""
        if all(len(key) + len(value.encode()) < 255 for key, value in node["Meta"].items()):
            name = node["Node"]
            if name not in self._texts:
                asked = Asked(name_from(f"{name}.node.{self.pair.domains[0]}"), TXT, "text", None, transport="tcp")
                replies = self.behind.samples(asked, "tcp", 1)
                self._texts[name] = [record.rdata for reply in replies for record in reply.records if record.type == TXT]
            return self._texts[name]
        due.broken = True
        found = []
        for key, value in node["Meta"].items():
            text = f"{key}={value}".encode()
            found.append(b"".join(bytes((len(text[at:at + 255]),)) + text[at:at + 255] for at in range(0, len(text), 255)))
        return found

    def _node(self, asked, parsed, ttl, due):
        where = parsed.datacenter(self.facts)
        wanted = b".".join(parsed.left).decode("latin-1")
        node = next((node for node in self.facts.records.get(where, ()) if node["Node"].lower() == wanted), None)
        if node is None:
            return
        kind = asked.type if asked.type in (A, AAAA) else ANY
        text = chosen(node["Address"], node.get("TaggedAddresses"), kind, self._wan(where))
        packed = address_of(text)
        if asked.type in (A, AAAA, ANY):
            if packed is None:
                due.one = True
                target = fits(text)
                if target is None:
                    due.broken = True
                    return
                due.answer[Record(ANSWER, asked.name, CNAME, 1, ttl, target)] = 1
                due.broken = self._leads_nowhere(target)
            elif asked.type in (ANY, A if len(packed) == 4 else AAAA):
                due.answer[Record(ANSWER, asked.name, A if len(packed) == 4 else AAAA, 1, ttl, packed)] += 1
        if node.get("Meta") and asked.type in (A, AAAA, ANY, TXT):
            section = ANSWER if asked.type in (ANY, TXT) else ADDITIONAL
            if section == ADDITIONAL and not self.pair.meta_txt:
                return
            into = due.answer if section == ANSWER else due.beside
            for data in self.texts(node, due):
                into[Record(section, asked.name, TXT, 1, ttl, data)] += 1


def _reverse(packed):
    return name_from(ipaddress.ip_address(packed).reverse_pointer)
