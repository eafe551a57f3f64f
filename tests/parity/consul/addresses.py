"""Which address does a registered node or service have, and does its name fit a DNS name? By the agent's rules, from HTTP API data."""

import ipaddress
import re

from message import A, AAAA, name_of

LABEL = re.compile(r"(?:[^.\\]|\\.)+")                 # a dot after a backslash does not separate labels
ESCAPE = re.compile(rb"\\(\d\d\d|.)", re.DOTALL)


def split(name):
    """The labels of a registered name, which may contain unescaped backslashes."""
    return LABEL.findall(name)


def fits(name):
    """Wire form of a registered name, or None. Backslash escapes are resolved."""
    name = name.rstrip(".")
    parts = [ESCAPE.sub(lambda found: bytes((int(found[1]) & 255,)) if found[1].isdigit() and len(found[1]) == 3 else found[1], part.encode())
             for part in split(name)]
    return name_of(parts) if name and ".." not in name and all(0 < len(part) < 64 for part in parts) else None


def address_of(text):
    """Packed, as Go parses it: an IPv4-mapped IPv6 address counts as IPv4, an address with a zone is None."""
    try:
        if "%" in text:
            return None
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (getattr(address, "ipv4_mapped", None) or address).packed


def chosen(plain, tagged, kind, wan):
    def tag(key):
        value = (tagged or {}).get(key) or ""
        return value["Address"] if isinstance(value, dict) else value
    v4 = wan and tag("wan_ipv4") or tag("lan_ipv4")
    v6 = wan and tag("wan_ipv6") or tag("lan_ipv6")
    if kind != A and v6:
        return v6
    if kind != AAAA and v4:
        return v4
    return wan and tag("wan") or plain
