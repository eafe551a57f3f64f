"""Is Consul found in every form in which a configuration names an agent, and what happens where there is none, or only a part of one?

An agent on the usual ports of 127.0.0.1 needs a network of its own. Lines with an agent's own ports work in any network.
"""

import re
import subprocess
import time

from harness import ask, consul, net
from harness.lictor import Lictor, binary
from harness.patroni import Patroni
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo

HOSTS = ["10.75.0.1", "10.75.0.2", "10.75.0.3"]


def cluster(ctx, agent, scope="pglab"):
    patroni = Patroni(scope, [agent] * 3, HOSTS, namespace="/service/")
    ctx.undo.callback(patroni.stop)
    return patroni.start()


def cluster_of_usual(agent):
    """The same in an agent that the test itself kills, with the whole Consul."""
    return Patroni("pglab", [agent] * 3, HOSTS, namespace="/service/").start()


def without_address(ctx, *options, **how):
    """A lictor on whose command line no address of Consul is given."""
    lictor = Lictor(ctx, *options, start=False, **how)
    lictor.options = [option for option in lictor.options if option != "--consul-http-addr="]
    return lictor.start()


def warnings(lictor):
    return lictor.json("/stats")["warnings"]


@test("no agent, and nobody configured Consul: the upstreams answer below consul, uncached, until an agent starts", namespace=True, within=90)
def _(ctx):
    upstream = Scripted(ctx, echo)
    lictor = without_address(ctx, f"--server={upstream.option}")
    lictor.resolve("warm.example")
    lictor.wait_ready()
    for count in (1, 2, 3):
        assert lictor.resolve("web.service.consul", within=4) == ["192.0.2.99"]
        assert upstream.count("web.service.consul") == count, "the answer was cached"
    lictor.until_logged(r"no consul agent answers at http://127\.0\.0\.1:8500 .* names below consul are forwarded", within=2)
    assert lictor.http("/ready")[0] == 200, lictor.http("/ready")
    assert any("no agent answers on this machine" in line for line in warnings(lictor)), warnings(lictor)

    agent = consul.usual_agent(ctx).start().wait_ready()
    agent.api.register("web1", "10.9.0.1", {"Service": "web", "Port": 80})
    lictor.until_resolves("web.service.consul", ["10.9.0.1"], within=5)
    lictor.until_logged(r"consul agent found at http://127\.0\.0\.1:8500", within=2)
    # A query that is held too long is answered by the agent's DNS: the answer is not yet lictor's own.
    lictor.process.until(lambda: any(service["name"] == "web" for service in lictor.json("/services")["services"]), 10, "web is known")
    asked = upstream.count("web.service.consul")
    agent.kill()
    lictor.process.until(lambda: lictor.json("/stats")["consul"]["contact_lost"], 10, "contact is lost")
    assert lictor.resolve("web.service.consul") == ["10.9.0.1"], "once reached, Consul does not give way"
    assert ask.rcode(lictor.udp("other.service.consul", within=6)) == "SERVFAIL"
    assert upstream.count("web.service.consul") == asked and upstream.count("other.service.consul") == 0


@test("--test says that an agent is only assumed, and warns of a line that keeps Consul's names from memory", variants=ONCE)
def _(ctx):
    def tested(conf):
        done = subprocess.run([binary(), "--test", f"--conf-file={ctx.file('tested.conf', conf)}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr
    assert "Consul is not configured: an agent at 127.0.0.1:8500 is assumed" in tested("server=192.0.2.1\n")
    assert "is assumed" not in tested("server=192.0.2.1\nserver=/consul/127.0.0.1#8600\n")
    warned = tested("server=192.0.2.1\nserver=/pglab.service.consul/10.0.0.1\n")
    assert "tested.conf:2: server: names below pglab.service.consul are asked of 10.0.0.1#53" in warned, warned


@test("no agent, but Consul is configured in some way: it never gives way", namespace=True)
def _(ctx):
    for option in ("--consul-http-addr=http://127.0.0.1:8500", "--leader=pglab", "--consul-service-ttl=5", "--server=/consul/127.0.0.1#8600"):
        upstream = Scripted(ctx, echo)
        lictor = without_address(ctx, f"--server={upstream.option}", option, name="lictor-" + re.sub(r"\W+", "-", option))
        assert ask.rcode(lictor.udp("web.service.consul", within=6)) == "SERVFAIL", option
        assert upstream.count("web.service.consul") == 0, option
        assert lictor.http("/ready")[0] == 503, option
        lictor.stop()


@test("no agent and no upstream: not ready, with the reason", namespace=True)
def _(ctx):
    lictor = without_address(ctx)
    assert ask.rcode(lictor.udp("web.service.consul", within=6)) == "SERVFAIL"
    code, _headers, text = lictor.http("/ready")
    assert code == 503 and "no Consul agent answers, and there is no upstream" in text, text


@test("only the agent's DNS answers: ready with a warning; with leader lines not ready, with the reason", within=60)
def _(ctx):
    agent = ctx.shared("dev", lambda shared: consul.dev_agent(shared))
    agent.api.register("web1", "10.9.0.1", {"Service": "web", "Port": 80})
    dead = f"http://127.0.0.1:{net.free_port()}"
    dns = f"--consul-dns={agent.dns.address}#{agent.dns.port}"
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, dns, f"--server={upstream.option}", consul=dead)
    lictor.resolve("warm.example")
    lictor.wait_ready(within=10)
    assert lictor.resolve("web.service.consul", within=4) == ["10.9.0.1"]
    assert any("HTTP API cannot be read" in line for line in warnings(lictor)), warnings(lictor)
    lictor.stop()
    lictor = Lictor(ctx, dns, f"--server={upstream.option}", "--leader=pglab", consul=dead, name="with-leader")
    lictor.process.until(lambda: "the agent's DNS answers, but the leaders need" in lictor.http("/ready")[2], 10, "the reason is shown")
    assert lictor.http("/ready")[0] == 503
    assert lictor.resolve("web.service.consul", within=4) == ["10.9.0.1"]
    assert ask.rcode(lictor.udp("master.pglab.service.consul", within=6)) == "SERVFAIL"


@test("a misspelt leader line: a warning with the remedy at the first read, queries wait a second, never NXDOMAIN; a later cluster is followed",
      within=60)
def _(ctx):
    agent = ctx.shared("dev", lambda shared: consul.dev_agent(shared))
    cluster(ctx, agent)
    lictor = Lictor(ctx, "--leader=orders", "--leader=pglab,namespace=srevice", "--leader=jobs,key=jobs/.lokc", "--leader-hold=3000",
                    consul=agent.api.url)
    lictor.until_logged(r"leader scope=orders has no key below service/orders/; scopes seen there: pglab", within=5)
    lictor.until_logged(r"leader scope=pglab has no key below srevice/pglab/; this scope has keys below service/pglab/: write "
                        r"leader=pglab,namespace=service", within=5)
    lictor.until_logged(r"leader lock=jobs has no key jobs/\.lokc; there is no key below jobs/", within=5)
    lictor.wait_ready()
    for path in ("/ready", "/leaders", "/stats"):
        assert "there is no key below service/orders/; scopes seen there: pglab" in lictor.http(path)[2], path
    for _ in range(3):
        begin = time.monotonic()
        reply = lictor.udp("master.orders.service.consul", edns=1232, within=4)
        took = time.monotonic() - begin
        assert ask.rcode(reply) == "SERVFAIL" and 14 in ask.extended_errors(reply), reply.to_text()
        assert 0.8 < took < 1 + net.allowed(1), took
    cluster(ctx, agent, "orders")
    lictor.until_resolves("master.orders.service.consul", HOSTS[:1], within=5)
    lictor.process.until(lambda: not any("orders" in line for line in warnings(lictor)), 3, "the warning is gone")


@test("a leader that has had no address for longer than the hold is a warning in the log", within=60)
def _(ctx):
    agent = ctx.shared("dev", lambda shared: consul.dev_agent(shared))
    patroni = cluster(ctx, agent)
    lictor = Lictor(ctx, "--leader=pglab", "--leader-hold=1000", consul=agent.api.url)
    lictor.until_resolves("master.pglab.service.consul", HOSTS[:1], within=5)
    patroni.demote(patroni.leader)
    lictor.until_logged(r"warn.*leader scope=pglab has had no address for 1 s: queries are held", within=5)
    patroni.promote(patroni.members[1], lambda: None)
    lictor.until_resolves("master.pglab.service.consul", HOSTS[1:2], within=5)


def forms(agent, domain):
    """Each form in which files send the names of an agent with this domain to its DNS, port 8600; and the names to ask."""
    place = f"127.0.0.1#{agent.dns.port}"
    return [[f"/{domain}/"], [f"/dc1.{domain}/"], [f"/service.{domain}/"], [f"/service.dc1.{domain}/"], [f"/pglab.service.{domain}/"],
            [f"/{domain}/", f"/dc1.{domain}/"], [f"/{domain}/", f"/pglab.service.{domain}/"], [f"/*.{domain}/"], [f"/*service.{domain}/"],
            [""]], place


@test("every form that sends Consul's names to an agent: answers from memory, the leader by its lock, for domain and alt_domain",
      namespace=True, within=180, variants=ONCE)
def _(ctx):
    for settings, domains in (({}, ["consul"]), ({"domain": "lon"}, ["lon"]), ({"domain": "consul", "alt_domain": "lon"}, ["consul", "lon"]),
                              ({"domain": "consul.example"}, ["consul.example"])):
        agent = consul.usual_agent(ctx, **settings).start().wait_ready()
        patroni = cluster_of_usual(agent)
        patroni.register(patroni.members[1], "primary")         # the catalog has two leaders: the agent's DNS gives both
        for domain in domains:
            lines, place = forms(agent, domain)
            for form in lines:
                conf = "".join(f"server={part}{place}\n" for part in form)
                for leader in ("", "leader=pglab\n"):
                    lictor = without_address(ctx, conf=conf + leader, name=f"lictor-{time.monotonic_ns()}")
                    if form != [""]:        # the agent has no recursors: as the upstream for all names it refuses other names
                        lictor.wait_ready()
                    lictor.process.until(lambda: lictor.json("/stats")["consul"]["last_contact_unix"], 5, "the agent's domains are read")
                    names = [f"master.pglab.service.{domain}", f"master.pglab.service.dc1.{domain}"]
                    for name in names if leader else names[:1]:
                        if not any(name.endswith(part.strip("/*").lstrip(".")) for part in form):
                            continue
                        assert lictor.resolve(name, within=5) == HOSTS[:1], f"{settings} {conf} {name}: {lictor.resolve(name)}"
                    answers = lictor.json("/stats")["totals"]["answers"]
                    assert answers["agent_dns"] == 0 and answers["upstream"] == 0, f"{settings} {conf}: {answers}"
                    lictor.stop()
        agent.kill()


@test("an agent of another datacenter keeps its route", variants=ONCE)
def _(ctx):
    agent = ctx.shared("dev", lambda shared: consul.dev_agent(shared))
    other = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server=/dc2.consul/{other.option}", consul=agent.api.url)
    lictor.wait_ready()
    assert lictor.resolve("web.service.dc2.consul") == ["192.0.2.99"]


@test("import names every agent of several lines", variants=ONCE)
def _(ctx):
    path = ctx.file("two.conf", "server=/consul/10.0.0.1#8600\nserver=/consul/10.0.0.2#8600\n")
    text = subprocess.run([binary(), "import", path], capture_output=True, text=True).stdout
    assert "two.conf:1" in text and "HTTP API at http://10.0.0.1:8500, DNS at 10.0.0.1#8600" in text, text
    assert "HTTP API at http://10.0.0.2:8500, DNS at 10.0.0.2#8600" in text, text
    assert "uses Consul at http://10.0.0.1:8500, http://10.0.0.2:8500" in text, text
