// Values from /stats are inserted through textContent, so markup in a name has no effect. The page loads nothing from other servers.
#include "resolver/documents/page.hpp"

namespace lictor::documents {
namespace {

constexpr std::string_view nonce_mark = "@NONCE@";

constexpr std::string_view page = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>lictor</title>
<link rel="icon" href="data:,">
<style nonce="@NONCE@">
:root {
  color-scheme: light dark;
  --ground: #f6f5f2; --card: #ffffff; --ink: #1d1f22; --soft: #6a6f76; --line: #e2e0da;
  --good: #1a7f4b; --wait: #a86400; --bad: #b3261e; --mark: #2f5fb3; --mark-soft: #2f5fb322;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171a; --card: #1e2125; --ink: #e8e6e1; --soft: #979da6; --line: #31353b;
    --good: #5fcf94; --wait: #e5ac4d; --bad: #ff8a80; --mark: #8fb4ff; --mark-soft: #8fb4ff22;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1.2rem 1rem 3rem; background: var(--ground); color: var(--ink);
       font: 15px/1.45 system-ui, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem 1rem; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0; letter-spacing: .01em; }
h2 { font-size: .82rem; margin: 0 0 .6rem; color: var(--soft); font-weight: 600; }
.soft { color: var(--soft); }
.grid { display: grid; gap: .9rem; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; grid-column: span 12; min-width: 0; }
@media (min-width: 52rem) { .half { grid-column: span 6; } .third { grid-column: span 4; } .two { grid-column: span 8; } }
.pill { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .82rem; font-weight: 600; white-space: nowrap; }
.good { color: var(--good); } .wait { color: var(--wait); } .bad { color: var(--bad); }
.big { font-size: 1.7rem; font-weight: 650; line-height: 1.2; overflow-wrap: anywhere; }
.leader + .leader { border-top: 1px solid var(--line); margin-top: .9rem; padding-top: .9rem; }
.row { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: .22rem .9rem .22rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .9rem; margin: 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: 8.5rem; margin-top: .6rem; }
polyline { fill: none; stroke: var(--mark); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
polygon { fill: var(--mark-soft); stroke: none; }
progress { width: 100%; height: .5rem; accent-color: var(--mark); }
.warning { border-left: .25rem solid var(--wait); padding: .1rem .7rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
#lost { display: none; background: var(--bad); color: var(--ground); border-radius: .6rem; padding: .5rem 1rem; margin-bottom: .9rem; font-weight: 600; }
</style>
</head>
<body>
<div id="lost" role="alert"></div>
<header>
  <h1>lictor</h1><span id="version" class="soft"></span><span id="health"></span><span id="ready"></span>
  <span id="uptime" class="soft"></span><span id="listening" class="soft"></span>
</header>
<div id="warnings" role="status"></div>
<main class="grid">
  <section class="card two"><h2>Leaders</h2><div id="leaders" aria-live="polite"></div></section>
  <section class="card third"><h2>Consul</h2><div id="contact"></div><dl id="consul"></dl></section>
  <section class="card third"><h2>Queries per second</h2><div id="rate" class="big">–</div>
    <svg id="spark" viewBox="0 0 119 40" preserveAspectRatio="none" role="img" aria-label="queries per second, last two minutes"></svg></section>
  <section class="card third"><h2>Answers by source</h2><div class="scroll"><table id="answers"></table></div></section>
  <section class="card third"><h2>Cache</h2><div id="hits" class="big">–</div><progress id="full" max="1" value="0"></progress><dl id="cache"></dl></section>
  <section class="card two"><h2>Upstreams</h2><div class="scroll"><table id="upstreams"></table></div></section>
  <section class="card third"><h2>Process</h2><dl id="process"></dl></section>
  <section class="card"><h2>Fail-overs</h2><div class="scroll"><table id="failovers"></table></div></section>
  <section class="card"><h2>Explain a name</h2>
    <form id="ask" class="row"><input id="ask_name" name="name" required maxlength="255" placeholder="master.pg.service.consul" aria-label="name" autocomplete="off" spellcheck="false">
      <input id="ask_type" name="type" value="A" size="6" maxlength="12" aria-label="record type" autocomplete="off"><button>explain</button></form>
    <div id="explained" aria-live="polite"></div></section>
  <section class="card"><h2>Watches on Consul</h2><div class="scroll"><table id="watches"></table></div></section>
</main>
<script nonce="@NONCE@">
"use strict";
const at = id => document.getElementById(id);
const make = (tag, text, look) => {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = String(text);
  if (look) node.className = look;
  return node;
};
const put = (id, ...nodes) => at(id).replaceChildren(...nodes);
const pill = (text, look) => make("span", text, "pill " + look);
const whole = n => Math.round(n).toLocaleString("en");
const per_second = n => n >= 100 ? whole(n) : n.toFixed(1);
const bytes = n => n >= 1 << 20 ? (n / (1 << 20)).toFixed(1) + " MB" : n >= 1024 ? (n / 1024).toFixed(0) + " kB" : n + " B";
const span = s => {
  if (s < 60) return s.toFixed(s < 10 ? 1 : 0) + " s";
  const parts = [["d", 86400], ["h", 3600], ["min", 60]].map(([unit, size]) => { const n = Math.floor(s / size); s -= n * size; return [n, unit]; });
  return parts.filter(([n]) => n > 0).slice(0, 2).map(([n, unit]) => n + " " + unit).join(" ");
};
const table = (id, heads, rows, nothing) => {
  if (!rows.length) { const row = make("tr"); row.append(make("td", nothing, "soft")); return put(id, row); }
  const line = (cells, tag) => {
    const row = make("tr");
    cells.forEach((cell, i) => {
      const box = cell instanceof Node ? make(tag) : make(tag, cell);
      if (cell instanceof Node) box.append(cell);
      if (heads[i].startsWith("#")) box.className = "n";
      row.append(box);
    });
    return row;
  };
  put(id, line(heads.map(head => head.replace("#", "")), "th"), ...rows.map(row => line(row, "td")));
};
const pairs = (id, list) => put(id, ...list.flatMap(([name, value]) => [make("dt", name), make("dd", value === "" ? "–" : value)]));

const look_of_state = {led: "good", loading: "wait", vacant: "bad", standby: "wait", unreadable: "wait", gone: "bad"};
const members_table = leader => {
  const box = make("table");
  const add = (cells, tag) => { const row = make("tr"); cells.forEach(cell => row.append(make(tag, cell))); box.append(row); return row; };
  add(["member", "role", "state", "address", "timeline"], "th");
  for (const member of leader.members) {
    const row = add([member.name, member.role, member.replication_state || member.state, member.host + ":" + member.port, member.timeline ?? "–"], "td");
    if (member.leads) row.className = "good";
  }
  return box;
};
const other_answers = {"by tags": "the member with the leader tag in the catalog", "as a service": "all instances of the service", "no data": "no address: a standby cluster", "held": "queries are held until the first reads from Consul"};
const show_leaders = leaders => {
  if (!leaders.length) return put("leaders", make("p", "No leader scope is configured or known.", "soft"));
  put("leaders", ...leaders.map(leader => {
    const box = make("div", null, "leader"), top = make("div", null, "row"), line = make("div", null, "row soft");
    const led = leader.state === "led";
    top.append(make("strong", leader.scope), pill(led ? "led" : leader.state, look_of_state[leader.state] || "wait"), make("span", leader.reason, "soft"));
    const who = make("div", led ? leader.member + "  " + (leader.addresses[0] || leader.host) + ":" + leader.port : other_answers[leader.answer] || "no address is answered", "big" + (led ? "" : " wait"));
    line.append(make("span", leader.name), make("span", "for " + span(leader.age_seconds)), make("span", "since " + new Date(leader.since_unix * 1000).toLocaleString()));
    if (leader.timeline !== null) line.append(make("span", "timeline " + leader.timeline));
    const scroll = make("div", null, "scroll");
    if (leader.members.length) scroll.append(members_table(leader));
    box.append(top, who, make("div", leader.why, "soft"), line, scroll);
    return box;
  }));
};
const show_consul = (consul, now) => {
  put("contact", !consul.on ? pill("off", "wait") : consul.contact_lost ? pill(consul.last_contact_unix ? "contact lost" : "no contact since the start", "bad") : consul.reachable ? pill("in contact", "good") : pill("not reached", "wait"));
  pairs("consul", [["address", consul.address], ["last contact", consul.last_contact_unix ? span(Math.max(0, now - consul.last_contact_unix)) + " ago" : "never"],
    ["datacenter", consul.settings.datacenter], ["domains", consul.settings.domains.join(", ")], ["agent", consul.settings.agent_version], ["node", consul.settings.node_name]]);
};

const rates = [];
const show_spark = () => {
  const top = Math.max(1, ...rates), points = rates.map((rate, i) => (120 - rates.length + i) + "," + (39 - rate / top * 37).toFixed(2));
  const shape = (tag, list) => { const node = document.createElementNS("http://www.w3.org/2000/svg", tag); node.setAttribute("points", list.join(" ")); return node; };
  if (points.length > 1) put("spark", shape("polygon", [(120 - rates.length) + ",40", ...points, "119,40"]), shape("polyline", points));
};
const sum = counts => Object.values(counts).reduce((a, b) => a + b, 0);
let before = null;
const show_rates = stats => {
  const now = {when: stats.uptime_seconds, queries: sum(stats.totals.queries), answers: stats.totals.answers};
  const known = before && now.when > before.when && now.queries >= before.queries;
  const seconds = known ? now.when - before.when : 1;
  if (known) {
    const rate = (now.queries - before.queries) / seconds;
    rates.push(rate);
    if (rates.length > 120) rates.shift();
    at("rate").textContent = per_second(rate);
    show_spark();
  }
  table("answers", ["from", "#per second", "#all"], Object.entries(now.answers).map(([from, count]) =>
    [from.replace("_", " "), known ? per_second(Math.max(0, count - before.answers[from]) / seconds) : "–", whole(count)]), "none");
  before = now;
};
const show_rest = stats => {
  const cache = stats.cache;
  at("hits").textContent = cache.hit_ratio === null ? "–" : (cache.hit_ratio * 100).toFixed(1) + " % hits";
  at("full").value = cache.bytes_max ? Math.max(cache.entries_max ? cache.entries / cache.entries_max : 0, cache.bytes / cache.bytes_max) : 0;
  pairs("cache", [["entries", whole(cache.entries) + " of " + whole(cache.entries_max)], ["bytes", bytes(cache.bytes) + " of " + bytes(cache.bytes_max)],
    ["evicted", whole(cache.evictions)], ["flushed", whole(cache.flushed)]]);
  table("upstreams", ["upstream", "", "#round trip", "#sent", "#answered", "#failed", "#refused", "#no answer"], stats.upstreams.map(up =>
    [up.endpoint + (up.agent_dns ? " (agent)" : ""), up.down ? pill("not in use", "bad") : pill("in use", "good"), up.rtt_ms === null ? "–" : up.rtt_ms.toFixed(1) + " ms",
     whole(up.sent), whole(up.answered), whole(up.failed), whole(up.refused), whole(up.timeouts)]), "No upstream is known.");
  pairs("process", [["resident memory", bytes(stats.process.resident_bytes)], ["open descriptors", stats.process.open_descriptors],
    ["workers", stats.workers.map(worker => "heartbeat " + span(worker.heartbeat_age_seconds ?? 0) + " ago").join(", ")],
    ["waiting queries", whole(stats.totals.waiting)], ["in flight upstream", whole(stats.totals.forward_pending)], ["TCP connections", whole(stats.totals.tcp_connections)],
    ["view", stats.view.generation], ["configuration", stats.config.files.join(", ")], ["last reload", stats.config.reload_errors.length ? "refused: " + stats.config.reload_errors[0] : "fine"]]);
};
const show = stats => {
  document.title = "lictor" + stats.leaders.map(leader => " · " + leader.scope + " " + (leader.state === "led" ? leader.member : leader.state)).join("");
  at("version").textContent = stats.version;
  put("health", stats.healthy ? pill("healthy", "good") : pill("not healthy", "bad"));
  put("ready", stats.ready ? pill("ready", "good") : pill("not ready: " + stats.not_ready_because, "wait"));
  at("uptime").textContent = "up " + span(stats.uptime_seconds);
  at("listening").textContent = "on " + stats.listening.join(", ");
  put("warnings", ...stats.warnings.map(warning => make("p", warning, "warning")));
  show_leaders(stats.leaders);
  show_consul(stats.consul, stats.started_unix + stats.uptime_seconds);
  show_rates(stats);
  show_rest(stats);
};
const show_watches = services => table("watches", ["kind", "name", "state", "#instances", "#index", "#replies", "#changes", "#errors", "#last reply", "#last asked"],
  services.watches.map(watch => [watch.kind, watch.name + (watch.datacenter ? " (" + watch.datacenter + ")" : ""), watch.state + (watch.stale ? ", stale" : "") + (watch.why ? ": " + watch.why : ""),
    watch.instances, watch.index, watch.replies, watch.changes, watch.errors, span(watch.age_seconds), watch.kind === "agent" ? "–" : watch.asked_seconds === null ? "never" : span(watch.asked_seconds)]),
  "Nothing is watched.");

const place = leader => leader.member ? leader.member + " " + leader.address : "–";
const ms = n => n === null || n === undefined ? "–" : n < 10 ? n.toFixed(1) : whole(n);
const show_failovers = list => table("failovers", ["when", "scope", "from", "to", "why", "#withdrawn", "#lock taken", "#new address", "#first answer", "#held", "#longest hold", "#late answers", "#cut"],
  list.failovers.slice(0, 16).map(one => { const at = one.phases_ms; return [new Date(one.began_unix * 1000).toLocaleString(), one.scope, place(one.old), one.same_leader ? "the same member" : place(one.new), one.reason,
    ms(at.withdrawn_everywhere), ms(at.lock_taken), ms(at.published_everywhere), ms(at.first_answer), whole(one.questions_held), ms(one.longest_hold_ms),
    one.answers_late ? pill(whole(one.answers_late), "bad") : "0", whole(one.connections_cut)]; }), "None since the start. Times are milliseconds from the first phase.");

// What `lictor explain` prints: the same document.
const show_explained = found => {
  const lines = [["result", [found.result, found.rcode, found.source && "from " + found.source].filter(Boolean).join(", ")], ["why", found.summary]];
  found.records.forEach(one => lines.push([one.section, [one.owner, one.ttl, one.type, one.data].join("  ")]));
  found.steps.forEach(one => lines.push(["rule", one.text + (one.place ? " (" + one.place + (one.line ? ": " + one.line : "") + ")" : "")]));
  found.leaders.forEach(one => lines.push(["leader", one.scope + ": " + one.why]));
  found.services.forEach(one => {
    lines.push(["service", one.text + ", Consul index " + one.index]);
    one.instances.filter(each => each.left_out).forEach(each => lines.push(["left out", each.id + " on " + each.node + ": " + each.left_out]));
  });
  found.caches.forEach(one => lines.push(["cache", "worker " + one.worker + ": " + one.state + (one.age_seconds === null ? "" : ", " + one.age_seconds + " s old")]));
  if (found.forward) lines.push(["upstreams", found.forward.upstreams.map(one => one.endpoint + (one.down ? " (paused)" : "")).join(", ")]);
  if (found.hold) lines.push(["hold", "up to " + found.hold.at_most_ms + " ms for " + found.hold.waits_for + ", then " + found.hold.then]);
  if (found.cause) lines.push(["cause", found.cause.word + ": " + found.cause.meaning]);
  const list = make("dl");
  lines.forEach(([name, value]) => list.append(make("dt", name), make("dd", value)));
  put("explained", list);
};
at("ask").addEventListener("submit", async event => {
  event.preventDefault();
  const query = new URLSearchParams({name: at("ask_name").value.trim(), type: at("ask_type").value.trim() || "A"});
  try {
    const reply = await fetch("explain?" + query, {cache: "no-store", signal: AbortSignal.timeout(4000)}), found = await reply.json();
    if (reply.ok) show_explained(found);
    else put("explained", make("p", found.error, "bad"));
  } catch (problem) { put("explained", make("p", "No answer from lictor.", "bad")); }
});

let last_good = Date.now(), turn = 0;
const ask = async path => {
  const reply = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(4000)});
  if (!reply.ok) throw new Error("HTTP " + reply.status);
  return reply.json();
};
const poll = async () => {
  try {
    show(await ask("stats"));
    if (turn++ % 5 === 0) {
      show_watches(await ask("services"));
      show_failovers(await ask("failovers"));
    }
    last_good = Date.now();
    at("lost").style.display = "none";
  } catch (problem) {
    at("lost").textContent = "No answer from lictor for " + span((Date.now() - last_good) / 1000) + ".";
    at("lost").style.display = "block";
  }
  setTimeout(poll, 1000);
};
poll();
</script>
</body>
</html>
)page";

}  // namespace

std::string stats_page(std::string_view nonce) {
    std::string text;
    text.reserve(page.size() + 64);
    for (std::size_t at = 0;;) {
        const auto mark = page.find(nonce_mark, at);
        text += page.substr(at, mark - at);
        if (mark == std::string_view::npos) return text;
        text += nonce;
        at = mark + nonce_mark.size();
    }
}

}  // namespace lictor::documents
