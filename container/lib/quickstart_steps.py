#!/usr/bin/python3
"""The steps of the quickstart that need more than a shell: writing to Consul, querying, a timed leader change.

    quickstart_steps.py ports PORT...                         these ports, or free ones in place of those in use
    quickstart_steps.py register HTTP_PORT                    waits for Consul, registers the sample cluster
    quickstart_steps.py ask DNS_PORT HTTP_PORT                sends an application's queries, and checks each answer
    quickstart_steps.py move HTTP_PORT DNS_PORT AGENT_PORT [MEMBER]
                                                              changes the leader; queries both resolvers every 2 ms meanwhile
    quickstart_steps.py stats STATS_PORT HTTP_PORT            checks the statistics endpoint, and the leader in it

Each command ends with 0 only if everything was correct, and otherwise prints what was wrong.
"""

import http.client
import pathlib
import select
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sample_cluster import ADDRESS, MEMBERS, SCOPE, Consul, ConsulError, SampleCluster  # noqa: E402  (after the path)

HOST = "127.0.0.1"
LEADER_NAME = f"primary.{SCOPE}.service.consul"
TYPES = {"A": 1, "SRV": 33, "PTR": 12, "TXT": 16}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
ASK_EVERY = 0.002
SETTLE = 0.5            # seconds of queries before and after the change
WITHDRAW_WITHIN = 0.05  # generous, for a busy machine; the measured value is printed


def fail(text):
    print(f"    {text}", file=sys.stderr)
    sys.exit(1)


# -- DNS, the part that is needed here --------------------------------------------------------------------------------


def query(identity, name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", TYPES[kind], 1)


def read_name(packet, at):
    """(name, position after it); compression pointers may only point backwards."""
    labels, after = [], None
    while True:
        length = packet[at]
        if length >= 0xC0:
            target = struct.unpack(">H", packet[at:at + 2])[0] & 0x3FFF
            after = after if after is not None else at + 2
            if target >= at:
                raise ValueError("a compression pointer that points forward")
            at = target
        elif length == 0:
            return ".".join(labels), after if after is not None else at + 1
        else:
            labels.append(packet[at + 1:at + 1 + length].decode())
            at += 1 + length


def read_reply(packet):
    """(id, rcode, sorted answers of the answer section as text)."""
    identity, flags, questions, answers = struct.unpack(">HHHH", packet[:8])
    at, found = 12, []
    for _ in range(questions):
        at = read_name(packet, at)[1] + 4
    for _ in range(answers):
        at = read_name(packet, at)[1]
        kind, _, _, length = struct.unpack(">HHIH", packet[at:at + 10])
        at += 10
        if kind == TYPES["A"]:
            found.append(socket.inet_ntoa(packet[at:at + 4]))
        elif kind == TYPES["SRV"]:
            port, target = struct.unpack(">H", packet[at + 4:at + 6])[0], read_name(packet, at + 6)[0]
            found.append(f"{target}:{port}")
        elif kind in (TYPES["PTR"], 5):
            found.append(read_name(packet, at)[0])
        at += length
    return identity, flags & 15, sorted(found)


def ask(port, name, kind, timeout=5.0):
    """(rcode, answers, milliseconds), or None without a reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        start = time.monotonic()
        try:
            client.connect((HOST, port))
            client.send(query(4711, name, kind))
            rcode, answers = read_reply(client.recv(4096))[1:]
        except OSError:
            return None
        return rcode, answers, (time.monotonic() - start) * 1000


# -- ports, register, ask ----------------------------------------------------------------------------------------------


def ports(preferred):
    held = []  # all sockets stay open to the end, so that no port is chosen twice

    def take(port):
        pair = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        held.extend(pair)
        pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores connections in TIME_WAIT
        pair[0].bind((HOST, port))
        pair[1].bind((HOST, pair[0].getsockname()[1]))
        return pair[0].getsockname()[1]

    chosen = []
    for port in preferred:
        for attempt in [port] + [0] * 20:
            try:
                chosen.append(take(attempt))
                break
            except OSError:
                continue
        else:
            fail("no free port on 127.0.0.1")
    print(*chosen)


def register(http_port):
    consul = Consul(HOST, http_port)
    consul.wait_until_up()
    SampleCluster(consul).register()
    for name in MEMBERS:
        print(f"    {name}  {ADDRESS[name]}:5432  {'leader, holds the lock' if name == MEMBERS[0] else 'streaming replica'}")


def address_of_leader(http_port):
    cluster = SampleCluster(Consul(HOST, http_port))
    leader = cluster.adopt()
    return leader, ADDRESS[leader]


def ask_all(dns_port, http_port):
    leader, address = address_of_leader(http_port)
    replicas = sorted(ADDRESS[name] for name in MEMBERS if name != leader)
    expected = ((LEADER_NAME, "A", [address]), (f"master.{SCOPE}.service.consul", "A", [address]),
                (f"replica.{SCOPE}.service.consul", "A", replicas), (f"{SCOPE}.service.consul", "A", sorted(ADDRESS.values())),
                ("pg2.node.consul", "A", [ADDRESS["pg2"]]))
    wrong = 0
    for name, kind, right in expected:
        reply = ask(dns_port, name, kind)
        if reply is None:
            print(f"    {name:32} {kind}  no answer")
            wrong += 1
            continue
        rcode, answers, took = reply
        good = rcode == 0 and answers == right
        wrong += not good
        print(f"    {name:32} {kind}  {' '.join(answers) or RCODES.get(rcode, rcode):32} {took:6.2f} ms"
              + ("" if good else f"  WRONG, expected {' '.join(right)}"))
    if wrong:
        fail(f"{wrong} of {len(expected)} answers were wrong")


def stats(stats_port, http_port):
    leader, address = address_of_leader(http_port)
    for path in ("/health", "/leaders"):
        connection = http.client.HTTPConnection(HOST, stats_port, timeout=5)
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read().decode()
        connection.close()
        if reply.status != 200:
            fail(f"http://{HOST}:{stats_port}{path} returned {reply.status}: {body.strip()[:200]}")
    if address not in body:
        fail(f"http://{HOST}:{stats_port}/leaders does not contain {address} ({leader}): {body.strip()[:300]}")
    print(f"    http://{HOST}:{stats_port}/leaders shows {leader}, {address}")


# -- the leader change -------------------------------------------------------------------------------------------------


class Client(threading.Thread):
    """Queries one resolver for the leader every 2 ms without waiting for replies, and records the times of each query and reply."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.sent, self.answers, self.ended = port, {}, {}, threading.Event()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            client.setblocking(False)
            client.connect((HOST, self.port))
            identity, due, last_wait = 0, time.monotonic(), None
            while True:
                now = time.monotonic()
                if self.ended.is_set():
                    last_wait = last_wait or now + 5
                    if now > last_wait or len(self.answers) == len(self.sent):
                        return
                elif now >= due:
                    identity, due = identity + 1, max(due + ASK_EVERY, now)
                    self.sent[identity] = now
                    try:
                        client.send(query(identity, LEADER_NAME, "A"))
                    except OSError:
                        pass  # a closed port shows as a missing answer
                if select.select([client], [], [], max(0.0, min(due - time.monotonic(), ASK_EVERY)))[0]:
                    self.read(client)

    def read(self, client):
        while True:
            try:
                packet = client.recv(4096)
            except OSError:
                return
            identity, rcode, answers = read_reply(packet)
            self.answers.setdefault(identity, (time.monotonic(), rcode, answers))

    def end(self):
        self.ended.set()
        self.join()


class Summary:
    """The results of one Client during a leader change; times are of one clock, in seconds."""

    def __init__(self, client, old, new):
        self.count, self.silent = len(client.sent), len(client.sent) - len(client.answers)
        self.last_old = self.first_new = None
        self.longest, self.held, self.errors, self.mixed = 0.0, 0, {}, 0
        for identity, (received, rcode, answers) in sorted(client.answers.items()):
            sent = client.sent[identity]
            if rcode != 0 or not answers:
                word = RCODES.get(rcode, str(rcode)) if rcode else "no data"
                self.errors[word] = self.errors.get(word, 0) + 1
                continue
            if answers == [old]:
                self.last_old = max(sent, self.last_old or sent)
            elif answers == [new]:
                self.first_new = min(received, self.first_new or received)
            else:
                self.mixed += 1
            self.longest = max(self.longest, received - sent)
            self.held += received - sent > 0.02

    def failures(self):
        words = [f"{count} {word}" for word, count in sorted(self.errors.items())]
        words += [f"{self.silent} never answered"] if self.silent else []
        words += [f"{self.mixed} with another address or several"] if self.mixed else []
        return words


def move(http_port, dns_port, agent_port, successor=None):
    sys.setswitchinterval(0.0005)
    cluster = SampleCluster(Consul(HOST, http_port))
    old = cluster.adopt()
    new = successor or MEMBERS[(MEMBERS.index(old) + 2) % len(MEMBERS)]
    if new not in MEMBERS or new == old:
        fail(f"{new} cannot take over: the members are {', '.join(MEMBERS)}, and {old} leads")
    clients = [Client(dns_port), Client(agent_port)]
    for client in clients:
        client.start()
    time.sleep(SETTLE)
    at, start = {}, time.monotonic()
    cluster.switch_over(new, lambda event: at.setdefault(event, time.monotonic()), away=SETTLE)
    for client in clients:
        client.end()
    seen, agent = (Summary(client, ADDRESS[old], ADDRESS[new]) for client in clients)

    rows = [(at["released"], f"{old} releases the leader key"),
            (at["demoted"], f"{old} writes demoted, stopped"),
            (at["acquired"], f"{new} acquires the leader key; it is not primary yet"),
            (at["promoted"], f"{new} writes primary, running")]
    if seen.last_old:
        rows.append((seen.last_old, f"lictor: the last query answered with {ADDRESS[old]}"))
    if seen.first_new:
        rows.append((seen.first_new, f"lictor: the first answer {ADDRESS[new]}"))
    for moment, text in sorted(rows):
        print(f"    {(moment - start) * 1000:7.1f} ms  {text}")

    wrong = [f"lictor: {text}" for text in seen.failures()]
    if seen.last_old is None or seen.first_new is None:
        wrong.append("lictor did not answer with both leaders, one after the other")
    else:
        if seen.last_old > at["demoted"] + WITHDRAW_WITHIN:
            wrong.append(f"lictor answered {old} for {(seen.last_old - at['demoted']) * 1000:.1f} ms after its demotion")
        if seen.first_new < at["promoting"]:
            wrong.append(f"lictor answered {new} {(at['promoting'] - seen.first_new) * 1000:.1f} ms before it was primary")
        print(f"\n    the answer changed {(seen.first_new - at['promoting']) * 1000:.1f} ms after the new primary's member key"
              " was sent to Consul")
    print(f"    {seen.count} queries, one every {ASK_EVERY * 1000:.0f} ms: {seen.held} were held in the gap (the longest"
          f" {seen.longest * 1000:.0f} ms), {sum(seen.errors.values()) + seen.silent} failed")
    print(f"    the agent's own DNS in the same time: {', '.join(agent.failures()) or 'no error'} of {agent.count}")
    if wrong:
        fail("; ".join(wrong))


def main():
    command, *rest = sys.argv[1:] or [""]
    if command == "ports" and rest:
        ports([int(port) for port in rest])
    elif command == "register" and len(rest) == 1:
        register(int(rest[0]))
    elif command == "ask" and len(rest) == 2:
        ask_all(*map(int, rest))
    elif command == "stats" and len(rest) == 2:
        stats(*map(int, rest))
    elif command == "move" and len(rest) in (3, 4):
        move(*map(int, rest[:3]), *rest[3:])
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except (ConsulError, OSError, http.client.HTTPException) as error:
        fail(str(error))
