"""Does `lictor explain` show the decision that a query gets, with its source, and without any effect?"""

import json
import re

from harness import consul
from harness.lictor import Lictor, run
from harness.patroni import Patroni
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo

CONF = """\
address=/ads.example/192.0.2.66
local=/lan/
cname=pg.example,master.pglab.service.consul
"""


def agent_of(shared):
    agent = consul.dev_agent(shared)
    for n, status in enumerate(("passing", "passing", "critical", "critical")):
        agent.api.register(f"web{n}", f"10.9.0.{n + 1}", {"Service": "web", "ID": f"web-{n}", "Port": 80, "Tags": ["blue"] if n == 0 else []},
                           [{"Node": f"web{n}", "CheckID": "_service_maintenance:web" if n == 3 else "c", "Name": "c", "Status": status,
                             "ServiceID": f"web-{n}"}])
    return agent


def start(ctx, *options, conf=CONF):
    agent = ctx.shared("agent", agent_of)
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, f"--server={upstream.option}", *options, conf=conf, consul=agent.api.url)
    return lictor, upstream, agent


def explain(ctx, lictor, *words):
    code, out, err = run(ctx, "explain", *words, "--json", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0, f"exit {code}\n{out}{err}"
    return json.loads(out)


@test("Consul's data: the records of a query, the index, and each instance that is left out with its reason")
def _(ctx):
    lictor, _upstream, agent = start(ctx)
    lictor.process.until(lambda: sorted(lictor.resolve("web.service.consul")) == ["10.9.0.1", "10.9.0.2"], 5, "two addresses")
    found = explain(ctx, lictor, "web.service.consul")
    assert found["result"] == "answered" and found["source"] == "consul" and found["rcode"] == "NOERROR", found
    assert sorted(record["data"] for record in found["records"]) == ["10.9.0.1", "10.9.0.2"], found["records"]
    service = found["services"][0]
    index = int(agent.api.call("GET", "/v1/health/service/web")[1]["X-Consul-Index"])
    assert service["index"] == index, f"{service['index']}, Consul has {index}"
    assert {one["id"]: one["left_out"] for one in service["instances"]} == {
        "web-0": "", "web-1": "", "web-2": "a check is critical", "web-3": "in maintenance"}, service
    blue = explain(ctx, lictor, "blue.web.service.consul", "A")["services"][0]["instances"]
    assert [one["left_out"] for one in sorted(blue, key=lambda one: one["id"])][1] == "it does not have the tag", blue
    code, out, _err = run(ctx, "explain", "web.service.consul", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 0 and "2 of 4 instances are answered" in out and "left out: in maintenance" in out, out
    assert "\x1b" not in out, "colours without a terminal"


@test("the leader's verdict, also through an alias, whose line is named")
def _(ctx):
    agent = ctx.shared("agent", agent_of)
    patroni = Patroni("pglab", [agent] * 3, ["10.77.0.1", "10.77.0.2", "10.77.0.3"])
    ctx.undo.callback(patroni.stop)
    patroni.start()
    lictor, _upstream, _agent = start(ctx, "--leader=pglab,namespace=/digitalis.io/")
    lictor.process.until(lambda: lictor.resolve("master.pglab.service.consul") == ["10.77.0.1"], 5, "the leader")
    found = explain(ctx, lictor, "pg.example")
    assert found["leaders"][0]["state"] == "led" and found["leaders"][0]["addresses"] == ["10.77.0.1"], found
    assert found["leaders"][0]["why"] and found["summary"] == found["leaders"][0]["why"], found
    assert found["steps"][0]["place"] == f"{lictor.conf}:3", found["steps"]
    assert found["records"][-1]["data"] == "10.77.0.1", found["records"]


@test("local data, upstreams and the cache of each worker; and no query is sent, cached or counted")
def _(ctx):
    lictor, upstream, _agent = start(ctx)
    assert explain(ctx, lictor, "x.ads.example")["steps"][-1] == {
        "rule": "address", "key": "ads.example", "text": "an address= line gives the domain ads.example its addresses",
        "line": "address=/ads.example/192.0.2.66", "place": f"{lictor.conf}:1"}
    assert explain(ctx, lictor, "no.lan")["rcode"] == "NXDOMAIN"
    lictor.resolve("cached.example")
    def counters():
        totals = lictor.json("/stats")["totals"]
        return {key: totals[key] for key in ("queries", "answers", "causes", "rcodes", "cache", "forwarded") if key in totals}
    before, sent, watches = counters(), upstream.count("new.example"), len(lictor.json("/services")["watches"])
    for _ in range(5):
        new = explain(ctx, lictor, "new.example", "TXT")
        explain(ctx, lictor, "never-asked.service.consul")
        explain(ctx, lictor, "cached.example")
    assert counters() == before, f"{before}\n{counters()}"
    assert upstream.count("new.example") == sent
    assert len(lictor.json("/services")["watches"]) == watches, "a watch was started"
    assert new["result"] == "forwarded" and new["type"] == "TXT", new
    assert new["forward"]["upstreams"][0]["endpoint"] == upstream.option.split("=")[-1], new
    assert len(new["caches"]) == lictor.json("/stats")["threads"], new["caches"]
    states = [row["state"] for row in explain(ctx, lictor, "cached.example")["caches"]]
    assert states.count("hit") == 1, states
    held = explain(ctx, lictor, "never-asked.service.consul")
    assert held["result"] == "held" and held["hold"]["waits_for"] == "the first read of service never-asked", held


@test("wrong words are refused with the remedy", ONCE)
def _(ctx):
    lictor, _upstream, _agent = start(ctx)
    for query, says in (("", "name is missing"), ("?name=a..b", "not a domain name"), ("?name=a&type=x", "not a record type")):
        status, _headers, text = lictor.http(f"/explain{query}")
        assert status == 400 and says in text, f"{query}: {status} {text}"
    code, _out, err = run(ctx, "explain", f"--stats-address=127.0.0.1:{lictor.stats_port}")
    assert code == 1 and re.search("needs NAME", err), err
