"""Do the alert rules and the dashboard of container/monitoring work with a real Prometheus that scrapes a real lictor?"""

import json
import re
import socket
import subprocess
import threading
import time

import dns.message

from harness import consul, net, prometheus
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.prometheus import Prometheus
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo

LATE = """\
rule_files: [{rules}]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {{series: 'lictor_leader_answers_late_total{{job="lictor", instance="a"}}', values: '0x20 2x60'}}
      - {{series: 'lictor_leader_state{{job="lictor", instance="a", service="pg", state="vacant"}}', values: '0x9 1x1 0x10 1x10 0x60'}}
    alert_rule_test:
      - {{eval_time: 4m, alertname: LictorOldLeaderAnswered}}
      - eval_time: 6m
        alertname: LictorOldLeaderAnswered
        exp_alerts: [{{exp_labels: {{job: lictor, instance: a, severity: page}}, exp_annotations: {{
          summary: "lictor on a answered the address of a deposed leader",
          remedy: "This is a defect of lictor. Save /failovers and the log, and report it."}}}}]
      - {{eval_time: 18m, alertname: LictorOldLeaderAnswered}}
      - {{eval_time: 2m45s, alertname: LictorNobodyLeads}}
      - eval_time: 6m30s
        alertname: LictorNobodyLeads
        exp_alerts: [{{exp_labels: {{job: lictor, instance: a, service: pg, severity: page}}, exp_annotations: {{
          summary: "pg has had no leader for 30 s, as a sees it",
          remedy: "`lictor leaders` on the node gives the reason; `patronictl list` shows the members."}}}}]
"""


@test("promtool accepts the rules, and times that no test can wait for are right", variants=ONCE)
def _(ctx):
    rules = prometheus.monitoring + "/alerts.yml"
    for words in (["check", "rules", rules], ["check", "config", "--syntax-only", prometheus.monitoring + "/prometheus.yml"],
                  ["test", "rules", ctx.file("late.yml", LATE.format(rules=rules))]):
        done = subprocess.run([prometheus.tool("promtool"), *words], capture_output=True, text=True)
        assert done.returncode == 0, f"promtool {words}: {done.stdout}{done.stderr}"


class Traffic:
    """Sends queries to several lictors all the time, and reads no reply that comes late."""

    def __init__(self, ctx):
        self._targets, self._stop = [], threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()
        ctx.undo.callback(self._end)

    def add(self, lictor, *names):
        self._targets.append((tuple(lictor.server), names))

    def _end(self):
        self._stop.set()
        self._thread.join()

    def _send(self):
        turn = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while not self._stop.wait(0.05):
                turn += 1
                for server, names in list(self._targets):
                    name = names[turn % len(names)].replace("*", f"n{turn}")
                    sock.sendto(dns.message.make_query(name, ("A", "AAAA", "TXT")[turn % 3]).to_wire(), server)
                try:
                    while True:
                        sock.recv(4096)
                except OSError:
                    pass


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield "annotation " + annotation["name"], annotation["expr"]


@test("each alert fires for the lictor that has the trouble, none for a healthy one, and each panel of the dashboard has data",
      variants=ONCE, within=300)
def _(ctx):
    agent = ctx.shared("agent", consul.dev_agent)
    agent.api.register("web1", "10.9.0.1", {"Service": "web", "Port": 80})
    doomed = consul.dev_agent(ctx, name="doomed")
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    leader_line = "--leader=pglab,namespace=/digitalis.io/"
    good = Scripted(ctx, echo)
    mute = Scripted(ctx, lambda message, query: [], label="mute")
    slow = Scripted(ctx, lambda message, query: [(0.9, reply) for reply in echo(message, query)], label="slow")
    hosts = ctx.file("many-hosts", "".join(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255} name-{n}.many.example\n" for n in range(150_000)))

    quiet = Lictor(ctx, f"--server={good.option}", consul=agent.api.url, name="quiet")
    pg = Lictor(ctx, f"--server={good.option}", leader_line, "--leader-hold=200", consul=agent.api.url, name="pg")
    lost = Lictor(ctx, f"--server={good.option}", consul=doomed.api.url, name="lost")
    deaf = Lictor(ctx, f"--server={mute.option}", f"--server=/good.example/{good.option}", "--forward-timeout=500", name="deaf")
    silent = Lictor(ctx, f"--server={mute.option}", "--forward-timeout=500", name="silent")
    late = Lictor(ctx, f"--server={slow.option}", name="late")
    reload = Lictor(ctx, f"--server={good.option}", conf="cache-size=100\n", name="reload")
    big = Lictor(ctx, f"--server={good.option}", f"--addn-hosts={hosts}", name="big")
    tight = Lictor(ctx, f"--server={mute.option}", "--memory-max=4M", "--dns-forward-max=5000", name="tight")
    all_of_them = [quiet, pg, lost, deaf, silent, late, reload, big, tight]
    monitor = Prometheus(ctx, {**{each.name: each.stats_port for each in all_of_them}, "down": net.free_port()})

    traffic = Traffic(ctx)
    traffic.add(quiet, "web.service.consul", "same.example")
    traffic.add(pg, "master.pglab.service.consul", "web.service.consul", "*.example")
    traffic.add(lost, "consul.service.consul")
    traffic.add(deaf, "*.example", "*.good.example")
    traffic.add(silent, "*.example")
    traffic.add(late, "*.example")
    lost.process.until(lambda: lost.udp("consul.service.consul").answer, 15, "Consul was read")
    pg.until_resolves("master.pglab.service.consul", ["10.77.0.1"], within=10)

    patroni.demote(patroni.members[0])
    doomed.kill()
    with open(reload.conf, "w") as file:
        file.write("cache-size=many\n")
    reload.hup()

    monitor.process.until(lambda: monitor.query('lictor_memory_shed_total{instance="tight",kind="forward"}'), 20,
                          "lictor_memory_shed_total was read before it rises", every=0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:      # more queries in flight than 4 MB can hold
        sock.connect(tuple(tight.server))
        sock.setblocking(False)
        def shed():
            for number in range(300):
                try:
                    sock.send(dns.message.make_query(f"r{number}-{time.monotonic_ns()}.example", "A").to_wire())
                except OSError:
                    pass
            return tight.json("/stats")["memory"]["shed"]["forward"]
        tight.process.until(shed, 20, "queries are shed", every=0.01)

    for alert, instance in (("LictorDown", "down"), ("LictorNobodyLeads", "pg"), ("LictorHoldExpired", "pg"), ("LictorConsulLost", "lost"),
                            ("LictorUpstreamDead", "deaf"), ("LictorUpstreamsDead", "silent"), ("LictorServfail", "silent"),
                            ("LictorReloadFailed", "reload"), ("LictorAnswersLate", "late"), ("LictorMemory", "big"),
                            ("LictorMemoryShed", "tight")):
        monitor.until_fires(alert, instance)
    assert ("LictorUpstreamsDead", "deaf") not in monitor.firing(), "one of its upstreams answers"
    rules = monitor.rules()
    assert set(rules.values()) == {"ok"}, rules
    provoked = {alert for alert, _ in monitor.firing()} | {"LictorOldLeaderAnswered"}  # the last one by promtool, above
    assert provoked >= set(rules), f"no alert of these fired: {set(rules) - provoked}"

    patroni.promote(patroni.members[1], lambda: None)
    monitor.process.until(lambda: ("LictorNobodyLeads", "pg") not in monitor.firing(), 40, "the alert ends with the new leader", every=0.2)

    dashboard = json.loads(prometheus.read("dashboard.json"))
    shown = set()
    def has_data(title, expression):
        for name, value in (("$job", "lictor"), ("$instance", ".*"), ("$__rate_interval", "60s"), ("[1m]", "[5m]")):
            expression = expression.replace(name, value)
        assert "$" not in expression, expression
        monitor.process.until(lambda: monitor.query(expression), 20, f"{title} has data: {expression}", every=0.3)
    for title, expression in expressions(dashboard):
        shown |= set(re.findall(r"\b(?:lictor|process)_[a-z_]+", expression))
        has_data(title, expression)
    types = set(re.findall(r"# TYPE (\S+)", quiet.http("/metrics")[2]))
    unknown = {name for name in shown if re.sub(r"_(bucket|sum|count)$", "", name) not in types and name not in types}
    assert not unknown, f"the dashboard uses metrics that lictor does not have: {unknown}"
    for name in re.findall(r"\b(?:lictor|process)_[a-z_]+", re.sub(r"(?s)annotations:.*?\n\n", "", prometheus.read("alerts.yml"))):
        assert re.sub(r"_(bucket|sum|count)$", "", name) in types or name in types, f"a rule uses {name}, which lictor does not have"
    fired = monitor.query('count_over_time(ALERTS{instance="quiet"}[10m])')
    assert not fired, f"alerts for the healthy lictor: {fired}"


@test("the dashboard's structure: panels with unique ids that do not overlap, and every query with the variables", variants=ONCE)
def _(ctx):
    dashboard = json.loads(prometheus.read("dashboard.json"))
    assert dashboard["uid"] and dashboard["schemaVersion"] >= 36 and "id" not in dashboard
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}, variables
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = {}
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["h"] > 0, f"{panel['title']}: {at}"
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in taken, f"{panel['title']} overlaps {taken[cell]}"
            taken[cell] = panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["title"] and panel["description"] and panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["type"] in ("stat", "timeseries", "state-timeline", "heatmap"), panel["type"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for target in panel["targets"]:
            for name in re.findall(r"\b(?:lictor|process)_[a-z_]+(.?.?.?.?.?)", target["expr"]):
                assert name == "{job=", f"{panel['title']}: {target['expr']}"
