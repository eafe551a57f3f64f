"""Hosts on which another program writes resolv.conf: systemd-resolved, NetworkManager, resolvconf, openresolv, dhclient."""

import json
import re
import time

from machines import (CORP, LEADER, LEADER_ADDRESS, UPSTREAM_ADDRESS, UPSTREAM_NAME, Host, answers_everything, is_as_before, nothing_leaks,
                      resolved_host, survives_a_boot)
from pages import expect, note, test, until


@test("systemd-resolved: put in, works for programs that ask lictor, the stub or systemd-resolved, survives a boot, and goes back")
def _():
    host = resolved_host()
    host.page("systemd-resolved", "Put it in")
    expect("resolve" not in re.search(r"^hosts:.*", host.run("cat /etc/nsswitch.conf"), re.M)[0], "nsswitch.conf")
    shown = host.page("systemd-resolved", "See that it works")
    expect(shown.count("127.0.0.1") >= 2, shown)
    answers_everything(host)
    for question in f"resolvectl query {LEADER}", f"dig +short @127.0.0.53 {LEADER}":
        expect(LEADER_ADDRESS in host.run(question), question)
    nothing_leaks()
    survives_a_boot(host)
    host.page("systemd-resolved", "Go back")
    is_as_before(host, ["127.0.0.53"])


@test("systemd-resolved: without resolv-file its servers are found in place of the stub, also when resolv.conf names lictor")
def _():
    host = resolved_host()
    host.run("cp /src/container/systemd/lictor.service /src/container/systemd/lictor.socket /etc/systemd/system/; "
             "systemd-sysusers - </src/container/systemd/lictor.sysusers; systemctl daemon-reload; systemctl start lictor; "
             "lictor wait --ready --timeout 30")
    log = host.run("journalctl -u lictor --no-pager -o cat")
    expect("reading /run/systemd/resolve/resolv.conf" in log and f"using nameserver {CORP}#53" in log and "127.0.0.53" not in log, log)
    host.run("rm /etc/resolv.conf; echo nameserver 127.0.0.1 >/etc/resolv.conf; systemctl restart lictor; lictor wait --ready --timeout 30")
    expect(UPSTREAM_ADDRESS in host.run(f"dig +short @127.0.0.1 {UPSTREAM_NAME}"), host.log())


@test("systemd-resolved: a loop through the stub is named in the log, at /ready and by doctor, and ends with its cause")
def _():
    host = resolved_host()
    host.page("systemd-resolved", "Put it in")
    host.run("echo server=127.0.0.53 >>/etc/lictor.conf; sed -i /^resolv-file/d /etc/lictor.conf; echo no-resolv >>/etc/lictor.conf; "
             "systemctl restart lictor")
    words = "127.0.0.53#53, the stub of systemd-resolved, sends queries back to lictor and is not used"
    until(lambda: words in host.run_quietly("journalctl -u lictor --no-pager -o cat"), 20, host.log)
    until(lambda: words in host.run_quietly("curl -s http://127.0.0.1:9153/ready"), 10, host.log)
    ready = json.loads(host.run("curl -s http://127.0.0.1:9153/ready"))
    expect(not ready["ready"] and ready["because"] == "the only upstream sends queries back to lictor", f"{ready}")
    bad = [row for row in host.findings() if row["check"] == "loop"]
    expect(len(bad) == 1 and bad[0]["severity"] == "error" and "127.0.0.53" in bad[0]["text"] and "resolv.conf" in bad[0]["remedy"], f"{bad}")
    begun = time.monotonic()
    host.run_quietly(f"dig @127.0.0.1 +tries=1 {UPSTREAM_NAME}")
    note(f"a query fails after {time.monotonic() - begun:.2f} s")
    # A domain of one link, asked of the stub, is no loop.
    host.run("rm /etc/systemd/resolved.conf.d/lictor.conf; systemctl restart systemd-resolved; sed -i '/^no-resolv/d; /^server=/d' /etc/lictor.conf; "
             "echo resolv-file=/run/systemd/resolve/resolv.conf >>/etc/lictor.conf; echo server=/corp.example/127.0.0.53 >>/etc/lictor.conf; "
             "lictor reload; lictor wait --ready --timeout 30")
    until(lambda: UPSTREAM_ADDRESS in host.run_quietly(f"dig +short @127.0.0.1 {UPSTREAM_NAME}"), 15, host.log)
    expect(words not in host.run("curl -s http://127.0.0.1:9153/ready"), "the loop is still named")


@test("NetworkManager: put in, works, survives a boot and a renewed lease, and goes back")
def _():
    host = Host("networkmanager")
    host.write("/etc/NetworkManager/system-connections/corp.nmconnection",
               "[connection]\nid=corp\nuuid=11111111-2222-3333-4444-555555555555\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n"
               "[ipv6]\nmethod=disabled\n")
    host.run("chmod 600 /etc/NetworkManager/system-connections/*; nmcli connection reload; nmcli -w 30 connection up corp")
    until(lambda: host.nameservers() == [CORP], 20, lambda: f"NetworkManager's servers, now {host.nameservers()}")
    host.page("network-manager", "Put it in")
    expect(CORP in host.page("network-manager", "See that it works"), "the upstream")
    answers_everything(host)
    host.run("nmcli -w 30 connection up corp; systemctl restart NetworkManager")
    time.sleep(1)
    until(lambda: host.nameservers() == ["127.0.0.1"], 1, lambda: f"resolv.conf after a new lease: {host.nameservers()}")
    answers_everything(host)
    survives_a_boot(host)
    host.page("network-manager", "Go back")
    is_as_before(host, [CORP])


def dhcp_by_ifupdown(host):
    host.write("/etc/network/interfaces.d/eth0", "auto eth0\niface eth0 inet dhcp\n")
    host.run("timeout 40 ifup --force eth0 2>&1")
    until(lambda: host.nameservers() == [CORP], 20, lambda: f"dhclient's servers, now {host.nameservers()}")


@test("resolvconf: put in, works, survives a renewed lease, and goes back")
def _():
    host = Host("resolvconf")
    host.run("rm -f /etc/resolv.conf; ln -s /run/resolvconf/resolv.conf /etc/resolv.conf; resolvconf --enable-updates")
    dhcp_by_ifupdown(host)
    host.page("resolvconf", "Put it in: resolvconf")
    expect(CORP in host.page("resolvconf", "See that it works"), "the upstream")
    answers_everything(host)
    host.run("ifdown eth0 2>&1; timeout 40 ifup eth0 2>&1")
    expect(host.nameservers() == ["127.0.0.1"], f"resolv.conf after a new lease: {host.nameservers()}")
    answers_everything(host)
    host.page("resolvconf", "Go back: resolvconf")
    is_as_before(host, [CORP])


@test("openresolv: put in, works, survives a renewed lease, and goes back")
def _():
    host = Host("openresolv")
    dhcp_by_ifupdown(host)
    host.page("resolvconf", "Put it in: openresolv")
    expect(CORP in host.page("resolvconf", "See that it works"), "the upstream")
    answers_everything(host)
    host.run("ifdown eth0 2>&1; timeout 40 ifup eth0 2>&1")
    expect(host.nameservers() == ["127.0.0.1"], f"resolv.conf after a new lease: {host.nameservers()}")
    answers_everything(host)
    host.page("resolvconf", "Go back: openresolv")
    is_as_before(host, [CORP])


@test("ifupdown and dhclient: put in, works, survives a renewed lease, and goes back")
def _():
    host = Host("ifupdown")
    dhcp_by_ifupdown(host)
    host.page("ifupdown", "Put it in")
    expect(CORP in host.page("ifupdown", "See that it works"), "the upstream")
    answers_everything(host)
    host.run("rm /run/lictor-resolv.conf; ifdown eth0 2>&1; timeout 40 ifup eth0 2>&1")
    expect(host.nameservers() == ["127.0.0.1"] and CORP in host.run("cat /run/lictor-resolv.conf"), f"after a new lease: {host.log()}")
    answers_everything(host)
    host.page("ifupdown", "Go back")
    is_as_before(host, [CORP])
