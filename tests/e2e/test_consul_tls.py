"""Does lictor read Consul over HTTPS, with CA, client certificate and server name set as for the consul command?

A connection that fails is logged with its reason.
"""

import os
import shutil
import subprocess

from harness import consul, net
from harness.lictor import Lictor
from harness.runner import ONCE, Skip, test


def options(agent, **other):
    given = {"consul-ca-file": agent.files["ca"], "consul-cert-file": agent.files["cert"], "consul-key-file": agent.files["key"],
             "consul-tls-server-name": "server.dc1.consul", **{name.replace("_", "-"): value for name, value in other.items()}}
    return [f"--{name}={value}" for name, value in given.items() if value]


@test("CA, client certificate and server name as options: a service is read and watched over HTTPS")
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
    lictor = Lictor(ctx, *options(agent), "--consul-watch=web", consul=agent.https)
    lictor.wait_ready()
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    agent.api.register("web2", "10.8.0.2", {"Service": "web", "Port": 80})
    ctx.undo.callback(agent.api.deregister, "web2")
    lictor.until_resolves("web.service.consul", ["10.8.0.1", "10.8.0.2"])


@test("the same from the environment: CONSUL_HTTP_SSL, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME",
      ONCE)
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
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
    agent = ctx.shared("agent", consul.tls_agent)
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
    agent = ctx.shared("agent", consul.tls_agent)
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


class Elsewhere(Lictor):
    """lictor in a system whose /etc has these files only: path -> source."""

    def __init__(self, ctx, files, *options, **more):
        if not net.as_root():
            raise Skip("needs root, to mount another /etc")
        copies = "".join(f"mkdir -p {os.path.dirname(path)}; cp {source} {path}\n" for path, source in files.items())
        self._before = ["unshare", "--mount", "sh", "-ec", f'mount -t tmpfs tmpfs /etc\n{copies}exec "$@"', "sh"]
        super().__init__(ctx, *options, **more)

    @property
    def command(self):
        return self._before + super().command


STORES = {"Debian, Ubuntu, Alpine": "/etc/ssl/certs/ca-certificates.crt", "RHEL": "/etc/pki/tls/certs/ca-bundle.crt",
          "SUSE": "/etc/ssl/ca-bundle.pem", "OpenSSL's name": "/etc/ssl/cert.pem"}


@test("without a CA option the certificates of the system are used, wherever the distribution keeps them", ONCE)
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
    for number, (who, path) in enumerate(STORES.items()):
        lictor = Elsewhere(ctx, {path: agent.files["ca"]}, *options(agent, consul_ca_file=""), "--consul-watch=web", consul=agent.https,
                           name=f"lictor{number}")
        lictor.until_resolves("web.service.consul", ["10.8.0.1"])
        assert "CA certificates" not in lictor.process.log(), f"{who}\n{lictor.process.log()}"
        lictor.stop()


@test("SSL_CERT_FILE and SSL_CERT_DIR take the place of the system's certificates, and an option that of both", ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
    folder = ctx.path("hashed")
    os.makedirs(folder)
    os.chmod(ctx.folder, 0o755)
    shutil.copyfile(agent.files["ca"], os.path.join(folder, "ca.pem"))
    subprocess.run(["openssl", "rehash", folder], check=True)
    right, other = agent.files["ca"], agent.files["other"]
    system = STORES["Debian, Ubuntu, Alpine"]
    for number, (what, files, variables, ca_file, works) in enumerate((
            ("a file", {system: other}, {"SSL_CERT_FILE": right}, "", True),
            ("a folder", {system: other}, {"SSL_CERT_DIR": folder}, "", True),
            ("two folders", {}, {"SSL_CERT_DIR": f"/nowhere:{folder}"}, "", True),
            ("another file", {system: right}, {"SSL_CERT_FILE": other}, "", False),
            ("the option", {system: other}, {"SSL_CERT_FILE": other}, right, True),
            ("another CA as the option", {system: right}, {"SSL_CERT_FILE": right, "SSL_CERT_DIR": folder}, other, False))):
        lictor = Elsewhere(ctx, files, *options(agent, consul_ca_file=ca_file), "--consul-watch=web", consul=agent.https, env=variables,
                           name=f"lictor{number}")
        if works:
            lictor.until_resolves("web.service.consul", ["10.8.0.1"])
        else:
            lictor.until_logged("consul request failed .*why=.*certificate", within=5)
            assert lictor.http("/ready")[0] == 503, what
        lictor.stop()


@test("consul-ca-file is trusted alone: a certificate that only the system's CA signed is refused", ONCE)
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
    folder = ctx.path("hashed")
    os.makedirs(folder)
    shutil.copyfile(agent.files["ca"], os.path.join(folder, "ca.pem"))
    subprocess.run(["openssl", "rehash", folder], check=True)
    files = {f"/etc/ssl/certs/{name}": os.path.join(folder, name) for name in os.listdir(folder)}
    lictor = Elsewhere(ctx, {**files, STORES["Debian, Ubuntu, Alpine"]: agent.files["ca"]}, *options(agent, consul_ca_file=agent.files["other"]),
                       "--consul-watch=web", consul=agent.https)
    lictor.until_logged("consul request failed .*why=.*certificate", within=5)
    assert lictor.http("/ready")[0] == 503


@test("no CA certificates, or broken ones: the log has the paths and the remedy; they are used once they are there", ONCE, within=60)
def _(ctx):
    agent = ctx.shared("agent", consul.tls_agent)
    lictor = Elsewhere(ctx, {}, *options(agent, consul_ca_file=""), "--consul-watch=web", consul=agent.https, name="none")
    sentence = "there are no CA certificates to verify HTTPS with: none of /etc/ssl/certs/ca-certificates.crt, .*install the package ca-certificates, or name"
    lictor.until_logged(f"consul-http-addr: {sentence}")
    lictor.until_logged(f"consul request failed .*why={sentence}", within=5)
    assert lictor.http("/ready")[0] == 503
    root = f"/proc/{lictor.process.pid}/root"
    os.makedirs(f"{root}/etc/ssl")
    shutil.copyfile(agent.files["ca"], f"{root}/etc/ssl/cert.pem")
    lictor.until_resolves("web.service.consul", ["10.8.0.1"])
    lictor.stop()
    garbage = ctx.file("garbage", "this is not a certificate\n")
    broken = Elsewhere(ctx, {"/etc/ssl/cert.pem": garbage}, *options(agent, consul_ca_file=""), "--consul-watch=web", consul=agent.https, name="broken")
    broken.until_logged("consul request failed .*why=.*/etc/ssl/cert.pem.*; it has no CA certificate that can be read", within=5)
    assert broken.http("/ready")[0] == 503
