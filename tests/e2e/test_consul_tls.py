"""Does lictor read Consul over HTTPS, with CA, client certificate and server name set as for the consul command?

A connection that fails is logged with its reason.
"""

import os
import shutil
import subprocess

from harness import consul, net
from harness.lictor import Lictor
from harness.runner import ONCE, Skip, test


def agent_of(shared):
    """An agent whose HTTPS port requires a client certificate of its CA. The agent's certificate is for server.dc1.consul and 127.0.0.1."""
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
            os.chmod(os.path.join(where, name), 0o644)      # lictor reads them as user nobody
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


@test("CA, client certificate and server name as options: a service is read and watched over HTTPS")
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    lictor = Lictor(ctx, *options(agent), "--consul-watch=web", consul=agent.https)
    lictor.wait_ready()
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    agent.api.register("web2", "10.8.0.2", {"Service": "web", "Port": 80})
    ctx.undo.callback(agent.api.deregister, "web2")
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"])


@test("the same from the environment: CONSUL_HTTP_SSL, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME",
      ONCE)
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


@test("a wrong server name, another CA, no client certificate: the connection fails, the log has the reason, and the answer is SERVFAIL",
      ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    for number, (what, changes, words) in enumerate((
            ("another name", {"consul_tls_server_name": "other.dc1.consul"}, r"other\.dc1\.consul"),
            ("no server name", {"consul_tls_server_name": ""}, r"subject name|does not match|alternative"),
            ("another CA", {"consul_ca_file": agent.files["other"]}, r"certificate"),
            ("no client certificate", {"consul_cert_file": "", "consul_key_file": ""}, r"certificate|alert|SSL"))):
        lictor = Lictor(ctx, *options(agent, **changes), f"--consul-dns=127.0.0.1#{net.free_port()}", "--consul-watch=web", consul=agent.https,
                        name=f"lictor{number}")
        lictor.until_logged(rf"consul request failed address=https://{agent.where.replace('.', '[.]')} .*why=.*({words})", within=5)
        assert lictor.resolve("web.service.consul", within=8) == ["SERVFAIL"], what
        assert lictor.http("/ready")[0] == 503, what
        line = next(line for line in lictor.process.log().splitlines() if "consul request failed" in line)     # until_logged saw it
        ctx.note(f"{what}: {line.split('why=', 1)[1]}")
        lictor.stop()


@test("CA, certificate and key that only root may read: they are read before lictor becomes nobody; a change is reported with user and remedy",
      ONCE, within=60)
def _(ctx):
    if not net.as_root():
        raise Skip("needs root, to change the user")
    agent = ctx.shared("agent", agent_of)
    os.chmod(ctx.folder, 0o755)
    private = {}
    for name in ("ca", "cert", "key"):
        private[name] = ctx.path(f"private-{name}.pem")
        shutil.copyfile(agent.files[name], private[name])
        os.chmod(private[name], 0o600)
    lictor = Lictor(ctx, *options(agent, consul_ca_file=private["ca"], consul_cert_file=private["cert"], consul_key_file=private["key"]),
                    "--consul-watch=web", consul=agent.https)
    lictor.wait_ready()
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    lictor.process.until(lambda: lictor.process.log().count("can be read by root only: it was read at the start") == 3, 5, "each file is named")
    lictor.hup()
    lictor.until_logged("configuration read again")
    assert "cannot be read by user nobody" not in lictor.process.log()
    shutil.copyfile(agent.files["key"], private["key"])
    lictor.hup()
    lictor.until_logged(r"consul-key-file=.*private-key.pem cannot be read by user nobody: Permission denied; the content that was read at the start "
                        "stays in use: restart lictor, or")
    agent.api.register("web3", "10.8.0.3", {"Service": "web", "Port": 80})
    ctx.undo.callback(agent.api.deregister, "web3")
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.3"])
    lictor.stop()
    # Not readable for the user from the start: the option, the user, the cause.
    started = Lictor(ctx, *options(agent, consul_key_file=ctx.path("missing.pem")), "--consul-watch=web", consul=agent.https, name="missing")
    started.until_logged("consul-key-file=.*missing.pem cannot be read by user nobody: No such file or directory; correct the path")
