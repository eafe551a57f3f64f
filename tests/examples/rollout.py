"""Many hosts: the Ansible role, cloud-init, and the switch from dnsmasq with shadow."""

import json
import re

from machines import CORP, UPSTREAM_ADDRESS, UPSTREAM_NAME, Host, answers_everything, is_as_before, resolved_host
from pages import EXAMPLES, blocks, expect, test, until


def ansible(host, *words):
    """Runs site.yml on the host itself; (changed, output)."""
    host.run("sed 's/hosts: application/hosts: localhost/' /src/container/examples/ansible/site.yml >/tmp/site.yml; "
             "ln -sfn /src/container/examples/ansible/roles /tmp/roles")
    out = host.run(f"cd /tmp; export ANSIBLE_NOCOLOR=1; ansible-playbook -i 'localhost,' -c local /tmp/site.yml {' '.join(words)} 2>&1", within=400)
    return int(re.search(r"changed=(\d+)", out)[1]), out


@test("Ansible: the role on a host with a plain resolv.conf: put in, again without a change, a bad option is refused, and back")
def _():
    host = Host("ansible")
    before = f"search corp.example\nnameserver {CORP}\n"
    host.write("/etc/resolv.conf", before)
    host.run("mkdir -p /tmp; ln -sfn /src/container/systemd /systemd")
    changed, out = ansible(host)
    expect(changed > 3, out)
    answers_everything(host)
    changed, out = ansible(host)
    expect(changed == 0, f"a second run changes something: {out}")
    failed = host.run_quietly("cd /tmp; ansible-playbook -i localhost, -c local site.yml -e '{\"lictor_options\": [\"leader-hould=3\"]}' 2>&1")
    expect("failed=1" in failed and "leader-hold" in failed, failed)
    answers_everything(host)
    ansible(host, "-e", "lictor_state=absent")
    expect(host.run("cat /etc/resolv.conf") == before, "resolv.conf as before")
    is_as_before(host, [CORP])


@test("Ansible: the role on a host with systemd-resolved: put in, and back to the link")
def _():
    host = resolved_host("ansible-resolved")
    host.run("ln -sfn /src/container/systemd /systemd; sed -i '/^hosts:/s/ resolve\\( \\[[^]]*\\]\\)*//' /etc/nsswitch.conf")
    ansible(host)
    expect("resolv-file=/run/systemd/resolve/resolv.conf" in host.run("cat /etc/lictor.conf"), "lictor.conf")
    answers_everything(host)
    ansible(host, "-e", "lictor_state=absent")
    is_as_before(host, ["127.0.0.53"])
    expect("stub-resolv.conf" in host.run("readlink /etc/resolv.conf"), "the link")


@test("cloud-init: the user data are valid, and a first boot with them ends with lictor as the only nameserver")
def _():
    host = Host("cloud-init")
    host.write("/etc/resolv.conf", f"nameserver {CORP}\n")
    shown = host.page("cloud-init", "Put it in")
    expect("Valid" in shown, shown)
    total = host.run("sha256sum </usr/local/sbin/lictor").split()[0]
    text = (EXAMPLES / "cloud-init/user-data.yml").read_text()
    text = text.replace("https://repository.example", "file:///opt/repository").replace("0" * 64, total)
    host.run("mkdir /opt/repository; cp /usr/local/sbin/lictor /opt/repository/lictor-0.1.0-linux-amd64; cp /src/container/systemd/lictor.* /opt/repository; umount /usr/local/sbin/lictor; mkdir -p /var/lib/cloud/seed/nocloud; "
             "echo 'instance-id: examples' >/var/lib/cloud/seed/nocloud/meta-data; "
             # The modules that the user data name; others want a real machine (ssh, locales, disks).
             "printf 'datasource_list: [NoCloud]\\ncloud_init_modules: [write-files]\\ncloud_config_modules: [runcmd]\\ncloud_final_modules: [scripts-user]\\n' "
             ">/etc/cloud/cloud.cfg.d/90-test.cfg")
    host.write("/var/lib/cloud/seed/nocloud/user-data", text)
    host.run("rm -f /usr/local/sbin/lictor; cloud-init clean --logs; cloud-init init --local; cloud-init init; cloud-init modules --mode=config; cloud-init modules --mode=final",
             within=300)
    log = host.run_quietly("tail -n 40 /var/log/cloud-init-output.log /var/log/cloud-init.log | tail -n 40")
    expect(host.nameservers() == ["127.0.0.1"], log)
    host.page("cloud-init", "See that it works")
    answers_everything(host)


@test("rolling out: shadow beside a real dnsmasq, the switch, and back to dnsmasq")
def _():
    host = Host("dnsmasq")
    host.write("/etc/dnsmasq.d/consul.conf", "server=/consul/127.0.0.1#8600\nresolv-file=/etc/resolv.conf.upstream\n")
    host.write("/etc/resolv.conf.upstream", f"nameserver {CORP}\n")
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    host.run("systemctl restart dnsmasq")
    until(lambda: host.knows("consul.service.consul") == "127.0.0.1", 15, "dnsmasq")
    shadow, look = blocks("rollout", "Before: shadow")
    host.run(shadow, folder="/src/container/examples/rollout")
    until(lambda: host.run_quietly("lictor --stats-address=127.0.0.1:9154 ready >/dev/null 2>&1; echo $?").strip() == "0", 30, "the shadow is ready")
    for name in [UPSTREAM_NAME, "consul.service.consul", "nothere.service.consul"] * 3:
        host.knows(name)
    report = until(lambda: (found := json.loads(host.run(look + " --json")))["compared"] >= 3 and found, 20, lambda: host.run(look))
    expect(report["kinds"]["same"] >= 3 and not any(count for kind, count in report["kinds"].items() if kind != "same"), f"{report}")
    host.page("rollout", "The switch of one node")
    answers_everything(host)
    back = host.page("rollout", "Go back: one node")
    expect("127.0.0.1" in back and host.run_quietly("systemctl is-active lictor").strip() == "inactive", back)
    expect(host.knows(UPSTREAM_NAME) == UPSTREAM_ADDRESS, "the network's names")
