"""What does an application container observe during a leader change? Runs in the container, with its resolver and database password.

usage: python3 watch.py NAME SECONDS MEMBER=ADDRESS...

Queries 127.0.0.1:53 for NAME every 10 ms, polls each MEMBER's PostgreSQL every 5 ms over a persistent connection (pg_is_in_recovery),
watches Patroni's lock and the member keys by its own blocking queries, and reconnects and writes through NAME in a loop. Each activity
is a process of its own, so that none delays another. At the end it prints one JSON document of events, each with the time of its
observation (wall clock in seconds, which all containers of one machine share). Without a MEMBER it only queries NAME.
"""

import base64
import http.client
import json
import multiprocessing
import select
import socket
import struct
import sys
import time

KEYS = "/v1/kv/digitalis.io/pglab/"
name, end = sys.argv[1], time.time() + float(sys.argv[2])
members = sys.argv[3:]


def packet(number):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def addresses(reply):
    """The A records of a reply to our query; owner names may be compressed."""
    count = struct.unpack(">H", reply[6:8])[0]
    at, found = len(packet(0)), []
    for _ in range(count):
        while reply[at] and reply[at] < 0xC0:
            at += 1 + reply[at]
        at += 2 if reply[at] else 1
        kind, size = struct.unpack(">HxxxxxxH", reply[at:at + 10])
        at += 10
        if kind == 1:
            found.append(socket.inet_ntoa(reply[at:at + 4]))
        at += size
    return sorted(found)


def ask():
    # Held queries are answered in one burst, which is more than the buffer of one socket.
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    for one in sockets:
        one.connect(("127.0.0.1", 53))
        one.setblocking(False)
    answers, sent, number, following = [], {}, 0, time.time()
    while time.time() < end:
        if time.time() >= following:
            following += 0.01
            number = (number + 1) & 0xFFFF
            sent[number] = time.time()
            try:
                sockets[number % len(sockets)].send(packet(number))
            except OSError:
                pass
        for one in select.select(sockets, [], [], max(0, following - time.time()))[0]:
            try:
                reply = one.recv(4096)
            except OSError:
                continue
            begun = sent.pop(struct.unpack(">H", reply[:2])[0], None)
            if begun:
                answers.append((begun, time.time(), reply[3] & 15, addresses(reply)))
    now = time.time()
    return {"answers": answers, "silent": sum(1 for begun in sent.values() if now - begun > 6)}


def poll(member, address):
    import psycopg2
    seen, connection, last = [], None, None
    while time.time() < end:
        try:
            if connection is None:
                connection = psycopg2.connect(host=address, connect_timeout=2)
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select pg_is_in_recovery()")
                primary = not cursor.fetchone()[0]
            if primary != last:
                last = primary
                seen.append((time.time(), member, primary))
            time.sleep(0.005)
        except psycopg2.Error:
            if last:
                seen.append((time.time(), member, False))
            connection, last = None, None
            time.sleep(0.05)
    return {"writable": seen}


def changes(keys, read):
    """[(time, value)]: `read` of each reply to a blocking query, where it differs from the value before."""
    index, last, seen = 0, None, []
    consul = None
    while time.time() < end:
        try:
            consul = consul or http.client.HTTPConnection("127.0.0.1", 8500, timeout=15)
            consul.request("GET", f"{KEYS}{keys}&consistent&wait={max(1, min(10, int(end - time.time())))}s&index={index}")
            reply = consul.getresponse()
            body, at = reply.read(), time.time()
            index = int(reply.getheader("X-Consul-Index") or 0)
            if reply.status not in (200, 404):
                time.sleep(0.2)
                continue
            now = read(body if reply.status == 200 else b"")
            if now != last:
                last = now
                seen.append((at, now))
        except (OSError, http.client.HTTPException, ValueError):
            index, consul = 0, None
            time.sleep(0.2)
    return seen


def follow_lock():
    return {"lock": changes("leader?raw", bytes.decode)}


def records(body):
    """The lock's holder and {member: [role, state]} in one reply."""
    holder, found = "", {}
    for entry in json.loads(body or b"[]"):
        key, value = entry["Key"].split("pglab/", 1)[1], base64.b64decode(entry["Value"] or "")
        if key == "leader":
            holder = value.decode()
        elif key.startswith("members/"):
            record = json.loads(value)
            found[key[len("members/"):]] = [record.get("role"), record.get("state")]
    return [holder, found]


def follow_members():
    return {"members": changes("?recurse", records)}


def write():
    import psycopg2
    writes, failures = [], []
    while time.time() < end:
        begun = time.time()
        try:
            connection = psycopg2.connect(host=name, connect_timeout=10)
            with connection.cursor() as cursor:
                cursor.execute("select pg_current_xact_id(), inet_server_addr()")  # an error in recovery
                writes.append((begun, time.time(), str(cursor.fetchone()[1])))
            connection.close()
        except psycopg2.Error as error:
            failures.append((begun, time.time(), " ".join(str(error).split())[:120]))
        time.sleep(0.02)
    return {"writes": writes, "failures": failures}


def note(out, work, *words):
    out.send(work(*words))
    out.close()


def main():
    work = [(ask,)]
    if members:
        work += [(poll, *member.split("=")) for member in members] + [(follow_lock,), (follow_members,), (write,)]
    ends = []
    for each in work:
        here, there = multiprocessing.Pipe(duplex=False)
        multiprocessing.Process(target=note, args=(there, *each), daemon=True).start()
        there.close()
        ends.append(here)
    events = {}
    for here in ends:
        for kind, seen in here.recv().items():
            events[kind] = events.get(kind, []) + seen if isinstance(seen, list) else seen
    json.dump(events, sys.stdout)


main()
