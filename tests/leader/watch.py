"""What one application container sees while the leader moves. Runs inside the container, with its resolver and its database password.

usage: python3 watch.py NAME SECONDS MEMBER...

Asks 127.0.0.1:53 for NAME every 10 ms, polls each MEMBER's PostgreSQL every 5 ms over a connection that stays (pg_is_in_recovery),
follows Patroni's lock by blocking queries of its own, and reconnects and writes through NAME in a loop. At the end prints one JSON document of
events, each with the time it was seen (seconds of the wall clock, which all containers of one machine share). Without a MEMBER only
the questions are put.
"""

import http.client
import json
import select
import socket
import struct
import sys
import threading
import time

events = {"answers": [], "writable": [], "lock": [], "writes": [], "failures": []}
name, end = sys.argv[1], time.time() + float(sys.argv[2])
members = sys.argv[3:]


def packet(number):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def addresses(reply):
    """The A records of a reply to our own question; names in it are compressed or not."""
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
    # Questions that were held are answered in one burst, more than one socket's buffer takes.
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    for one in sockets:
        one.connect(("127.0.0.1", 53))
        one.setblocking(False)
    sent, number, following = {}, 0, time.time()
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
                events["answers"].append((begun, time.time(), reply[3] & 15, addresses(reply)))
    now = time.time()
    events["silent"] = sum(1 for begun in sent.values() if now - begun > 6)


def poll(member):
    import psycopg2
    connection, said = None, None
    while time.time() < end:
        try:
            if connection is None:
                connection = psycopg2.connect(host=member, connect_timeout=2)
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select pg_is_in_recovery()")
                primary = not cursor.fetchone()[0]
            if primary != said:
                said = primary
                events["writable"].append((time.time(), member, primary))
            time.sleep(0.005)
        except psycopg2.Error:
            if said:
                events["writable"].append((time.time(), member, False))
            connection, said = None, None
            time.sleep(0.05)


def follow_lock():
    index, said = 0, None
    while time.time() < end:
        try:
            consul = http.client.HTTPConnection("127.0.0.1", 8500, timeout=15)
            consul.request("GET", f"/v1/kv/digitalis.io/pglab/leader?raw&consistent&wait=10s&index={index}")
            reply = consul.getresponse()
            body = reply.read().decode() if reply.status == 200 else ""
            index = int(reply.getheader("X-Consul-Index") or 0)
            if reply.status in (200, 404) and body != said:
                said = body
                events["lock"].append((time.time(), body))
            if reply.status not in (200, 404):
                time.sleep(0.2)
        except (OSError, http.client.HTTPException, ValueError):
            index = 0
            time.sleep(0.2)


def write():
    import psycopg2
    while time.time() < end:
        begun = time.time()
        try:
            connection = psycopg2.connect(host=name, connect_timeout=10)
            with connection.cursor() as cursor:
                cursor.execute("select pg_current_xact_id(), inet_server_addr()")  # an error in recovery
                events["writes"].append((begun, time.time(), str(cursor.fetchone()[1])))
            connection.close()
        except psycopg2.Error as error:
            events["failures"].append((begun, time.time(), " ".join(str(error).split())[:120]))
        time.sleep(0.02)


work = [threading.Thread(target=ask)]
if members:
    work += [threading.Thread(target=poll, args=(member,)) for member in members]
    work += [threading.Thread(target=follow_lock), threading.Thread(target=write)]
for thread in work:
    thread.start()
for thread in work:
    thread.join()
json.dump(events, sys.stdout)
