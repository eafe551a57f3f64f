"""Random configuration lines: a value that is right or wrong in the tables of cases, changed at some places.

What dnsmasq refuses lictor must refuse, too: a mistake that it accepts would be noticed at run time only. What dnsmasq accepts lictor may
refuse, with the line: dnsmasq accepts many values that mean nothing.
"""

import random
import re

import configuration_cases as cases

# Their values are files, users or networks of the machine, or not compared at all.
LEFT_OUT = re.compile(r"conf-.*|servers-file|hosts.*|hostsdir|addn-hosts|dhcp-.*|tag-if|bridge-interface|shared-network|pxe-.*|tftp-.*|trust-anchor|auth-peer|"
                      r"ipset|nftset|connmark-allowlist|umbrella|dnssec-check-unsigned|log-facility|dumpfile|user|group|pid-file|resolv-file|enable-ubus|"
                      r"ra-param|enable-ra|read-ethers|dynamic-host|dnssec-timestamp")
PIECES = [",", ",,", "/", "//", "#", "##", "@", "%", "!", ".", "..", ":", "::", "-", "--", "=", " ", "  ", "\t", "0", "1", "65535", "65536", "-1", "00", "x", "A",
          "_", "*", "\"", "\"\"", "\\", "\\n", "192.0.2.1", "2001:db8::1", "127.0.0.1#5353", "a.b", "example.com", "eth0", "/32", "/33", "/0", "/a.b/", "1h", "60", "é",
          "a" * 64, "lo", "local", "+", "~", "&", "'", ";", "\x7f"]


# What lictor accepts on purpose, or as an option without effect.
INTENDED = [
    (re.compile(r"option of dnsmasq, not supported: ignored"), "the value of an ignored option"),
    (re.compile(r"random: (server|local|rev-server)=.*"), "the name of an upstream, and its interface, are resolved at run time"),
    (re.compile(r"random: .*(-\.|\.-|--).*"), "hyphens where IDNA has none; lictor answers such names"),
    (re.compile(r"random: domain=.*"), "dnsmasq ignores some words after an interface, and lictor all"),
    (re.compile(r"random: domain-suffix=#"), "the same as domain=#"),
    (re.compile(r"random: [a-z-]+=.*([^\x20-\x7e]|\\[a-z\"\\]|\").*"), "a byte in a name that is no letter, digit or hyphen; lictor answers such names"),
]


def problem_of(case, theirs, ours, output):
    """None if lictor's result is right beside dnsmasq's, else the difference. `theirs`, `ours`: exit codes of --test."""
    if ours not in (0, 1):
        return f"lictor ended with {ours}: {output[:400]!r}"
    if ours == 1 and "c:1: " not in output:
        return f"the message has no line: {output[:400]!r}"
    if theirs == 0 or ours == 1:
        return None
    if any(pattern.search(output) or pattern.fullmatch(case.name) for pattern, _reason in INTENDED):
        return None
    return f"dnsmasq refuses it, lictor accepts it: {output[:400]!r}"


def values_of(name):
    good, bad = cases.VALUES[name]
    return good + bad


def changed(value, others, rng):
    """One change of the text."""
    at = rng.randrange(len(value) + 1)
    way = rng.randrange(7)
    if way == 0:
        return value[:at] + rng.choice(PIECES) + value[at:]
    if way == 1:
        return value[:at] + value[at + rng.randrange(1, 4):]
    if way == 2:
        parts = re.split(r"([,/#@%])", value)
        parts[rng.randrange(len(parts))] = rng.choice(PIECES)
        return "".join(parts)
    if way == 3:
        other = rng.choice(others)
        return value[:at] + other[rng.randrange(len(other) + 1):]
    if way == 4:
        parts = value.split(",")
        rng.shuffle(parts)
        return ",".join(parts)
    if way == 5:
        parts = value.split(",")
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(rng.choice(others).split(",")))
        return ",".join(parts)
    return value.swapcase() if rng.random() < 0.3 else value + rng.choice(PIECES)


def random_cases(number, seed):
    """Cases whose name is the line."""
    rng = random.Random(seed)
    names = [name for name in cases.VALUES if not LEFT_OUT.fullmatch(name)]
    seen = set()
    while len(seen) < number:
        name = rng.choice(names)
        value, others = rng.choice(values_of(name)), values_of(name)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            value = changed(value, others, rng)
        value = value.replace("\n", "").replace("\r", "")
        line = f"{name}={value}"
        if line in seen:
            continue
        seen.add(line)
        yield cases.Case("random: " + line, line + "\n")
