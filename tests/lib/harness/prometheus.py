"""How does a test run a real Prometheus that scrapes lictor, with the configuration and the rules of container/monitoring?

The rendered copies differ in the times only: a scrape twice a second, no `for`, and short ranges in place of minutes.
"""

import json
import os
import re
import shutil
import urllib.parse
import urllib.request

from . import net
from .process import Process
from .runner import Skip

monitoring = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))), "container/monitoring")


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f"{name} is not installed (Debian package prometheus)")
    return path


def read(name):
    with open(os.path.join(monitoring, name)) as file:
        return file.read()


class Prometheus:
    """`targets`: {instance label: port of a stats endpoint}. `window`: the range in place of each one in the rules, in seconds."""

    def __init__(self, ctx, targets, window=15):
        self.window = window
        rules = re.sub(r"(?m)^( *for:) \w+$", r"\1 0s", read("alerts.yml"))
        ctx.file("alerts.yml", re.sub(r"\[\d+m\]", f"[{window}s]", rules))
        config = read("prometheus.yml")
        lines = "".join(f'\n      - targets: ["127.0.0.1:{port}"]\n        labels: {{instance: {name}}}' for name, port in targets.items())
        config, changed = re.subn(r"\n      - targets: .*", lambda _: lines, config)
        assert changed == 1, "prometheus.yml has one line of targets"
        config = config.replace("scrape_interval: 15s", "scrape_interval: 500ms\n  scrape_timeout: 500ms").replace("evaluation_interval: 15s", "evaluation_interval: 1s")
        self.port = net.free_port()
        self.process = Process("prometheus", [
            tool("prometheus"), f"--config.file={ctx.file('prometheus.yml', config)}", f"--storage.tsdb.path={ctx.path('tsdb')}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], ctx.path("prometheus.log"), env={"GOMAXPROCS": "1"})
        ctx.processes.append(self.process)
        ctx.undo.callback(self.process.kill)
        self.process.until(lambda: self._get("/-/ready"), 30, "prometheus is ready")

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
            return reply.read().decode()

    def query(self, expression):
        """[(labels, value)] of an instant query; a syntax error raises OSError."""
        data = json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))["data"]
        assert data["resultType"] == "vector", f"{expression} is a {data['resultType']}"
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def rules(self):
        """The names of all alerts, and how Prometheus' evaluation of each went."""
        groups = json.loads(self._get("/api/v1/rules"))["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def firing(self):
        """{(alert, instance)}"""
        alerts = json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]
        return {(alert["labels"]["alertname"], alert["labels"].get("instance")) for alert in alerts if alert["state"] == "firing"}

    def until_fires(self, alert, instance, within=40):
        self.process.until(lambda: (alert, instance) in self.firing(), within, f"{alert} fires for {instance}", every=0.2)
