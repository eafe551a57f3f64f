"""What does a person see at `/`, in a real Chromium? Content, faults in words, selection, width, keyboard, accessibility, requests.

Consul, upstreams and browser are real. The keys of the leader are written in Patroni's order (tests/lib/harness/patroni.py). With
LICTOR_PAGE_PICTURES=FOLDER the tests also leave pictures of the page, for people to look at.
"""

import json
import os
import threading
import time

from harness import ask, consul
from harness.browser import Browser
from harness.catalog import service_check
from harness.lictor import Lictor
from harness.patroni import Patroni
from harness.runner import ONCE, test
from harness.upstream import Scripted, echo

HOSTS = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
NAME = "master.pglab.service.consul"
WIDTHS = (390, 1024, 1400, 1920)


def browser_of(shared):
    return Browser(shared)


def register(agent, count):
    """Services web00…: passing; one with a warning, one with critical instances only."""
    for n in range(count):
        name = f"web{n:02d}"
        for i in range(3):
            status = {3: "warning", 5: "critical"}.get(n, "passing")
            node = f"{name}-{i}"
            agent.api.register(node, f"10.9.{n}.{i + 1}", {"Service": name, "Port": 8080, "Tags": ["blue", "v2"]},
                               checks=[service_check(node, name, status)])


def start(ctx, services=0, own_agent=False, *options):
    """A cluster pglab, its leader in Consul, lictor, and the page; waits until the page shows the leader."""
    agent = consul.dev_agent(ctx, "dev-page") if own_agent else ctx.shared("agent", consul.dev_agent)
    register(agent, services)
    patroni = Patroni("pglab", [agent] * 3, HOSTS)
    ctx.undo.callback(lambda: patroni.stop() if agent.process.running() else None)
    patroni.start()
    patroni.sync(patroni.members[1])
    upstream = Scripted(ctx, echo)
    lictor = Lictor(ctx, "--leader=pglab,namespace=/digitalis.io/", f"--server={upstream.option}", *options, consul=agent.api.url)
    lictor.until_resolves(NAME, [HOSTS[0]], within=10)
    for n in range(services):
        lictor.resolve(f"web{n:02d}.service.consul")
    lictor.resolve("warm.example")
    page = ctx.shared("browser", browser_of)
    page.open(f"http://127.0.0.1:{lictor.stats_port}/")
    page.until("document.getElementById('leaders').innerText.includes('10.77.0.1:5432')")
    return agent, patroni, lictor, upstream, page


def banner(page, text, level, within=20):
    page.until(f"document.getElementById('worst').innerText.match({json.dumps(text)}) && document.getElementById('banner').className === 'banner {level}'",
               within)


def pictures(page, name):
    folder = os.environ.get("LICTOR_PAGE_PICTURES")
    if not folder:
        return
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            page.size(width, 900, scheme)
            page.picture(os.path.join(folder, f"{name}-{width}-{scheme}.png"), full=True)
    page.size(1400)


def no_complaint(page, lictor, but=()):
    """No error in the console, no request to another server, nothing serious in the accessibility."""
    seen = page.ask("seen")
    messages = [text for text in seen["messages"] if not any(word in text for word in but)]
    assert not messages, messages
    foreign = [url for url in seen["requests"] if not url.startswith((f"http://127.0.0.1:{lictor.stats_port}/", "data:,"))]
    assert not foreign, foreign
    for width, scheme in ((1400, "light"), (1400, "dark"), (390, "light")):
        page.size(width, 900, scheme)
        found = [one for one in page.ask("axe") if one["impact"] in ("serious", "critical")]
        assert not found, f"{width} {scheme}: {json.dumps(found, indent=1)}"
    page.size(1400)


@test("the page shows host, leader, members, services and documents; its title names host and leader", ONCE)
def _(ctx):
    _agent, _patroni, lictor, _upstream, page = start(ctx, 8)
    banner(page, "no fault is known", "good")
    host = lictor.json("/stats")["host"]
    assert host and page.text("h1") == f"lictor on {host}", page.text("h1")
    title = page.value("document.title")
    assert title.startswith(f"{host}: pglab patroni01"), title
    page.until("document.querySelectorAll('#services tbody tr').length === 9")
    rows = page.value("[...document.querySelectorAll('#services tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))")
    assert rows[0][0] == "web05" and rows[0][4] == "3" and rows[0][5] == "NXDOMAIN", f"the service with a fault must be first: {rows[:3]}"
    assert rows[1][0] == "web03" and rows[1][3] == "3" and rows[1][5] == "3 instances", rows[:3]
    members = page.text("#leaders")
    for word in ("patroni01", "patroni02", "patroni03", "the leader", "replica, sync", "Lag", "Tags", "last reply from Consul"):
        assert word in members, f"{word} is missing: {members}"
    links = page.value("[...document.querySelectorAll('nav a')].map(link => link.getAttribute('href'))")
    assert {"stats", "metrics", "ready", "leaders", "services", "failovers", "events", "history", "shadow"} <= set(links), links
    for link in links:
        if link != "events":
            assert lictor.http("/" + link)[0] == 200, link
    bare = page.value("[...document.querySelectorAll('th')].filter(head => head.scope !== 'col' || !head.textContent).length"
                      " + [...document.querySelectorAll('table')].filter(table => !table.caption || !table.caption.textContent).length")
    assert bare == 0, f"{bare} heads without scope or text, or tables without a caption"
    pictures(page, "services")
    no_complaint(page, lictor)


@test("the history of before the page was opened is there at the first look", ONCE)
def _(ctx):
    _agent, _patroni, lictor, _upstream, page = start(ctx)
    for _ in range(30):
        lictor.udp("warm.example")
    lictor.process.until(lambda: sum(lictor.json("/history")["queries"]) >= 30, 5, "the queries are in the history")
    lictor.process.until(lambda: sum(lictor.json("/history?last=10")["queries"]) == 0, 20, "the queries are more than ten seconds ago")
    page.open(f"http://127.0.0.1:{lictor.stats_port}/")
    page.until("(document.querySelector('#queries path:nth-of-type(2)').getAttribute('d') || '').length > 20")
    label = page.value("document.querySelector('#queries svg').getAttribute('aria-label')")
    highest = float(label.split("highest ")[1].split("/s")[0])
    assert highest >= 5, label
    short = lictor.json("/history?last=2")
    assert short["points"] == 2 and all(len(short[name]) == 2 for name in ("queries", "rtt_ms", "waiting")), short
    for bad in ("0", "601", "x", ""):
        assert lictor.http(f"/history?last={bad}")[0] == 400, bad


@test("ten updates change only what differs: selected text and the focus stay, and nodes are not replaced", ONCE)
def _(ctx):
    _agent, _patroni, lictor, _upstream, page = start(ctx, 8)
    page.until("document.querySelectorAll('#services tbody tr').length === 9 && document.querySelectorAll('#upstreams tbody tr').length === 2")
    page.value("""(() => {
        const who = document.querySelector('#leaders .big').firstChild, range = document.createRange();
        document.querySelector('#services th button').focus();
        range.selectNodeContents(who);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        window.kept = {who, row: document.querySelector('#services tbody tr').firstChild.firstChild, member: document.querySelector('#leaders tbody td').firstChild};
        window.changes = [];
        window.reads = 0;
        new MutationObserver(list => { window.changes.push(...list.map(one => one.target.tagName + ' ' + one.target.id + one.target.className + ': ' + one.target.textContent.slice(0, 60))); }).observe(document.querySelector('main'), {subtree: true, childList: true});
        window.said = 0;
        new MutationObserver(() => window.said++).observe(document.getElementById('said'), {subtree: true, childList: true, characterData: true});
        const fetch_before = window.fetch;
        window.fetch = (...how) => { if (how[0] === 'stats') window.reads++; return fetch_before(...how); };
    })()""")
    for _ in range(3):
        lictor.udp("warm.example")
    page.until("window.reads >= 11", 40)
    found = page.value("""({selected: getSelection().toString(), focus: document.activeElement.innerText, changes: window.changes, said: window.said,
        same: window.kept.who === document.querySelector('#leaders .big').firstChild && window.kept.row === document.querySelector('#services tbody tr').firstChild.firstChild
            && window.kept.member === document.querySelector('#leaders tbody td').firstChild})""")
    assert found["same"], "nodes were replaced"
    assert "10.77.0.1:5432" in found["selected"], found
    assert found["focus"] == "Service" and found["said"] == 0, found
    assert not found["changes"], f"nodes were added or removed although nothing happened: {found['changes']}"


@test("no column is hidden and nothing overflows at 390, 1024, 1400 and 1920 pixels, also with a time line", ONCE)
def _(ctx):
    _agent, patroni, lictor, _upstream, page = start(ctx, 30)
    patroni.switchover(1, lambda: time.sleep(0.02))
    page.until("document.querySelectorAll('#failovers li').length >= 5", 20)
    page.until("!document.getElementById('more_services').hidden")
    page.ask("click", selector="#more_services")
    page.ask("click", selector="#watches_sum")
    page.until("document.querySelectorAll('#services tbody tr').length === 31 && document.querySelectorAll('#watches tbody tr').length > 30")
    for width in WIDTHS:
        page.size(width)
        found = page.value("""(() => {
            const wide = document.documentElement.clientWidth, out = [];
            for (const node of document.querySelectorAll('body *')) {
                const box = node.getBoundingClientRect();
                if (box.width && box.right > wide + 1 && !node.closest('.unseen, thead')) out.push(node.tagName + '#' + node.id + '.' + node.className + ' ' + Math.round(box.right));
            }
            for (const node of document.querySelectorAll('.card, td, th, #worst')) if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 2) out.push('overflow ' + node.tagName + ' ' + node.innerText.slice(0, 40));
            return {scroll: document.documentElement.scrollWidth, wide, out: out.slice(0, 8)};
        })()""")
        assert found["scroll"] <= found["wide"] and not found["out"], f"{width}: {found}"
    pictures(page, "everything")
    no_complaint(page, lictor)


@test("a change of leader is seen at once, with the time line that `lictor failovers` draws", ONCE)
def _(ctx):
    _agent, patroni, lictor, _upstream, page = start(ctx)
    old = patroni.leader
    stop = threading.Event()

    def clients():
        while not stop.is_set():
            try:
                ask.udp(lictor.server, NAME, within=5)
            except ask.SILENCE:
                pass
            stop.wait(0.05)
    threads = [threading.Thread(target=clients) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        patroni.demote(old)
        banner(page, r"pglab: nobody leads for \d+ s, \d+ quer(y|ies) held", "bad")
        assert "good" not in page.value("document.querySelector('#leaders .pill').className")
        assert page.value("document.title").split(": ", 1)[1].startswith("pglab: nobody leads"), page.value("document.title")
        pictures(page, "gap")
        patroni.promote(patroni.members[1], lambda: None)
        banner(page, "no fault is known", "good")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    page.until("document.getElementById('failovers').innerText.includes('first answer with the new address')")
    text = page.text("#failovers")
    record = lictor.json("/failovers")["failovers"][0]
    assert "patroni01 (10.77.0.1:5432) → patroni02 (10.77.0.2:5432)" in text, text
    for sentence in ("lock gone", "withdrawn by every worker", "lock taken", "new address in every worker"):
        assert sentence in text, text
    shown = page.value("[...document.querySelectorAll('#failovers .line li .n')].map(node => node.innerText)")
    phases = sorted(at for at in record["phases_ms"].values() if at is not None)
    assert shown == [f"{at:,.1f} ms" for at in phases], (shown, phases)
    assert f"{record['questions_held']} quer" in text and "ms" in text
    no_complaint(page, lictor)


@test("Consul stopped: the banner says for how long, and nothing beside it is green; it ends when Consul is back", ONCE, within=180)
def _(ctx):
    agent, patroni, lictor, _upstream, page = start(ctx, 8, True)
    agent.kill()
    banner(page, r"Consul out of contact for \d+ s: answers from memory", "bad", 40)
    page.until("document.getElementById('contact').innerText === 'contact lost'")
    page.until("!document.querySelector('#leaders .pill.good, #services td.good, #contact.good')", 30)
    assert "last known" in page.text("#leaders")
    pictures(page, "consul")
    no_complaint(page, lictor)
    agent.start().wait_ready()
    patroni.start()
    banner(page, "no fault is known", "good", 60)
    page.until("document.getElementById('contact').innerText === 'in contact'")


@test("a dead upstream: the banner says so, and the upstream is not shown as answering", ONCE)
def _(ctx):
    _agent, _patroni, lictor, upstream, page = start(ctx)
    upstream.stop()

    def fails():
        ask.udp(lictor.server, f"n{time.monotonic_ns()}.example", within=6)
        return page.value("document.getElementById('worst').innerText") == "no upstream answers"
    lictor.process.until(fails, 60, "the banner names the upstream")
    banner(page, "no upstream answers", "bad")
    assert page.value("document.querySelector('#upstreams td.bad').innerText") == "does not answer"
    assert not page.value("document.querySelector('#upstreams td.good')")
    no_complaint(page, lictor)
    Scripted(ctx, echo, port=upstream.server.port, label="again")
    banner(page, "no fault is known", "good", 30)       # without a query of a client


@test("lictor stopped: the page says that it shows the past", ONCE)
def _(ctx):
    _agent, _patroni, lictor, _upstream, page = start(ctx)
    lictor.stop()
    banner(page, r"No answer from lictor for \d+ s", "bad")
    assert "no answer" in page.value("document.title")
    lictor.start()
    lictor.resolve("warm.example")
    banner(page, "no fault is known", "good", 30)


@test("explain, flush, filter, sort and fold work, with the keyboard too", ONCE)
def _(ctx):
    _agent, _patroni, lictor, upstream, page = start(ctx, 8)
    page.until("document.querySelectorAll('#services tbody tr').length === 9")
    page.ask("fill", selector="#ask_name", text=NAME)
    page.ask("press", key="Enter")
    page.until("document.getElementById('explained').innerText.includes('10.77.0.1')")
    page.ask("fill", selector="#ask_name", text="a..b")
    page.ask("press", key="Enter")
    page.until("document.getElementById('explained').innerText.includes('not a domain name')")
    queries = upstream.count("warm.example")
    page.ask("fill", selector="#flush_name", text="warm.example")
    page.ask("press", key="Enter")
    page.until("document.getElementById('flushed').innerText.includes('warm.example, 1 entry')")
    lictor.udp("warm.example")
    assert upstream.count("warm.example") == queries + 1, "the entry was not removed from the cache"
    page.ask("fill", selector="#filter", text="10.9.3.")
    page.until("document.querySelectorAll('#services tbody tr').length === 1")
    assert page.text("#services tbody td") == "web03"
    page.ask("fill", selector="#filter", text="")
    page.value("document.querySelector('#services th button').focus()")
    page.ask("press", key="Enter")
    page.until("document.querySelector('#services tbody td').innerText === 'pglab'")
    assert page.value("document.querySelector('#services th').getAttribute('aria-sort')") == "ascending"
    page.ask("press", key="Enter")
    page.until("document.querySelector('#services tbody td').innerText === 'web07'")
    assert page.value("document.querySelector('#services th').getAttribute('aria-sort')") == "descending"
    page.value("document.querySelector('#services summary').focus()")
    page.ask("press", key="Enter")
    page.until("document.querySelectorAll('#services tbody tr:first-child li').length === 3")
    no_complaint(page, lictor, but=("400 (Bad Request)",))


@test("names with markup are shown as text, and the policy forbids foreign scripts", ONCE)
def _(ctx):
    agent, _patroni, lictor, _upstream, page = start(ctx)
    agent.api.register("evil-node", "10.9.99.1", {"Service": "evil", "ID": "<img src=x onerror=alert(1)>", "Tags": ["</script><script>alert(2)</script>"], "Port": 1})
    lictor.resolve("evil.service.consul")
    page.until("[...document.querySelectorAll('#services tbody tr')].some(row => row.innerText.includes('evil'))")
    page.value("[...document.querySelectorAll('#services tbody tr')].find(row => row.innerText.includes('evil')).querySelector('details').open = true")
    page.until("document.getElementById('services').innerText.includes('<img src=x')")
    assert page.value("document.images.length") == 0
    _status, headers, _text = lictor.http("/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy, policy
    no_complaint(page, lictor)
