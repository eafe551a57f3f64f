"""HTTPS towards a real agent: authority, client certificate and name as every Consul tool takes them, and what is said when one is wrong."""

import os
import subprocess

from harness import consul, net
from harness.lictor import Lictor
from harness.runner import ONCE, test


def agent_of(shared):
    """An agent that lets nobody in over HTTPS without a certificate of its authority; its own is for server.dc1.consul and 127.0.0.1."""
    folder = shared.path("tls")
    os.makedirs(folder)
    for words in (["ca", "create"], ["cert", "create", "-server"], ["cert", "create", "-client"]):
        subprocess.run([consul.binary(), "tls", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    other = os.path.join(folder, "other")
    os.makedirs(other)
    subprocess.run([consul.binary(), "tls", "ca", "create"], cwd=other, check=True, stdout=subprocess.DEVNULL)
    for where, _folders, names in os.walk(folder):
        os.chmod(where, 0o755)
        for name in names:
            os.chmod(os.path.join(where, name), 0o644)      # lictor reads them as nobody
    at = lambda name: os.path.join(folder, name)            # noqa: E731
    address = net.loopback_net() + ".1"
    port = net.free_port(address)
    agent = consul.dev_agent(shared, address=address, ports={"https": port}, verify_incoming_https=True, ca_file=at("consul-agent-ca.pem"),
                             cert_file=at("dc1-server-consul-0.pem"), key_file=at("dc1-server-consul-0-key.pem"))
    agent.api.register("web1", "10.8.0.1", {"Service": "web", "Port": 80})
    agent.https = f"https://{address}:{port}"
    agent.where = f"{address}:{port}"
    agent.files = {"ca": at("consul-agent-ca.pem"), "other": at("other/consul-agent-ca.pem"), "cert": at("dc1-client-consul-0.pem"),
                   "key": at("dc1-client-consul-0-key.pem")}
    return agent


def options(agent, **other):
    given = {"consul-ca-file": agent.files["ca"], "consul-cert-file": agent.files["cert"], "consul-key-file": agent.files["key"],
             "consul-tls-server-name": "server.dc1.consul", **{name.replace("_", "-"): value for name, value in other.items()}}
    return [f"--{name}={value}" for name, value in given.items() if value]


@test("authority, client certificate and the name to expect by options: answered and followed over HTTPS")
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, *options(agent), "--consul-watch=web", consul=agent.https)
    lictor.wait_ready()
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    agent.api.register("web2", "10.8.0.2", {"Service": "web", "Port": 80})
    ctx.undo.callback(agent.api.deregister, "web2")
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"])


@test("the same by the environment of every Consul tool: CONSUL_HTTP_SSL, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME", ONCE)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, "--consul-watch=web", start=False, env={
        "CONSUL_HTTP_ADDR": agent.where, "CONSUL_HTTP_SSL": "true", "CONSUL_CACERT": agent.files["ca"], "CONSUL_CLIENT_CERT": agent.files["cert"],
        "CONSUL_CLIENT_KEY": agent.files["key"], "CONSUL_TLS_SERVER_NAME": "server.dc1.consul"})
    lictor.options.remove("--consul-http-addr=")
    lictor.start()
    lictor.wait_ready()
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    assert lictor.json("/stats")["consul"]["address"].startswith("https://"), lictor.json("/stats")["consul"]


@test("a wrong name, a foreign authority, no client certificate: refused, said why in one line, and nothing is answered from it", ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    for number, (what, changes, words) in enumerate((
            ("another name", {"consul_tls_server_name": "other.dc1.consul"}, r"other\.dc1\.consul"),
            ("no name to expect", {"consul_tls_server_name": ""}, r"subject name|does not match|alternative"),
            ("a foreign authority", {"consul_ca_file": agent.files["other"]}, r"certificate"),
            ("no client certificate", {"consul_cert_file": "", "consul_key_file": ""}, r"certificate|alert|SSL"))):
        lictor = Lictor(ctx, *options(agent, **changes), f"--consul-dns=127.0.0.1#{net.free_port()}", "--consul-watch=web", consul=agent.https,
                        name=f"lictor{number}")
        lictor.until_logged(rf"consul request failed address=https://{agent.where.replace('.', '[.]')} .*why=.*({words})", within=5)
        assert lictor.resolve("web.service.consul", within=8) == ["SERVFAIL"], what
        assert lictor.http("/ready")[0] == 503, what
        line = next(line for line in lictor.process.log().splitlines() if "consul request failed" in line)
        ctx.note(f"{what}: {line.split('why=', 1)[1]}")
        lictor.stop()
