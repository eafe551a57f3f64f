// The page changes only what differs from the last document: a node stays the same node while its row exists, and a text node gets new data
// only if its text differs. So text stays selected, and the focus stays where it is. Values are inserted as text, so markup in a name has
// no effect. The numbers are read each second; /events says at once when leaders changed. A hidden page reads nothing.
#include "resolver/documents/page_parts.hpp"

namespace lictor::documents {
namespace {

constexpr std::string_view script = R"script(
"use strict";
const phase_sentences = @PHASES@;
const at = id => document.getElementById(id);
const look = (node, name) => { if (node.className !== name) node.className = name; return node; };
const say = (node, text) => {
  text = text === undefined || text === null ? "" : String(text);
  const first = node.firstChild;
  if (first && first.nodeType === Node.TEXT_NODE && !first.nextSibling) { if (first.data !== text) first.data = text; }
  else node.replaceChildren(text);
  return node;
};
const set = (node, name, value) => { if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); };
const hide = (node, hidden) => { if (node.hidden !== hidden) node.hidden = hidden; };
const make = (tag, text, name) => { const node = document.createElement(tag); if (text !== undefined) say(node, text); if (name) node.className = name; return node; };
const draw = (tag, values) => { const node = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [name, value] of Object.entries(values || {})) node.setAttribute(name, value); return node; };

// The children of `parent` become one node for each item. A node belongs to its key as long as an item has that key.
const each = (parent, items, key_of, make_one, fill) => {
  const before = parent.kept || new Map(), now = new Map();
  const keyed = items.map(item => { let key = String(key_of(item)); while (now.has(key)) key += " again"; now.set(key, before.get(key) || make_one(item)); return [now.get(key), item]; });
  for (const [key, node] of before) if (!now.has(key)) node.remove();
  let next = parent.firstChild;
  for (const [node, item] of keyed) {
    fill(node, item);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  parent.kept = now;
};

// `columns`: {head, n: a number, tight: no line breaks, sort: function of an item}. A cell is a text, [text, class], or a function that fills the cell.
const table = (place, caption, columns) => {
  const box = make("table"), head = make("thead"), body = make("tbody"), line = make("tr");
  const words = make("caption", caption);
  box.setAttribute("role", "table"); head.setAttribute("role", "rowgroup"); body.setAttribute("role", "rowgroup"); line.setAttribute("role", "row");
  columns.forEach(column => {
    const cell = make("th", undefined, column.n ? "n" : "");
    cell.scope = "col";
    cell.setAttribute("role", "columnheader");
    if (column.sort) { const button = make("button", column.head); button.type = "button"; button.addEventListener("click", () => column.sort(cell)); cell.append(button); }
    else say(cell, column.head);
    line.append(cell);
  });
  head.append(line); box.append(words, head, body); place.append(box);
  return {box, words, head: line, fill: (rows, nothing) => {
    each(body, rows, row => row.key, () => {
      const one = make("tr");
      one.setAttribute("role", "row");
      columns.forEach(column => { const cell = make("td", undefined, column.n ? "n" : column.tight ? "tight" : ""); cell.setAttribute("role", "cell"); cell.dataset.head = column.head; cell.base = cell.className; one.append(cell); });
      return one;
    }, (one, row) => row.cells.forEach((value, i) => {
      const cell = one.children[i];
      if (typeof value === "function") value(cell);
      else { const [text, name] = Array.isArray(value) ? value : [value, ""]; say(cell, text); look(cell, (cell.base + " " + name).trim()); }
    }));
    hide(box, !rows.length && nothing === undefined);
    if (nothing !== undefined) say(words, rows.length ? caption : nothing);
  }};
};
const pairs = (id, list) => each(at(id), list.flatMap(([name, value]) => [["dt", name, name], ["dd", name + " value", value === "" || value === undefined || value === null ? "–" : value]]),
  one => one[1], one => make(one[0]), (node, one) => say(node, one[2]));

const whole = n => Math.round(n).toLocaleString("en");
const count = (n, one, many) => whole(n) + " " + (n === 1 ? one : many || one + "s");
const few = n => n >= 100 ? whole(n) : n >= 10 || n === 0 ? n.toFixed(0) : n.toFixed(1);
const bytes = n => n >= 1 << 20 ? (n / (1 << 20)).toFixed(1) + " MB" : n >= 1024 ? (n / 1024).toFixed(0) + " kB" : n + " B";
const span = s => {
  if (s < 60) return Math.floor(s) + " s";
  const parts = [["d", 86400], ["h", 3600], ["min", 60]].map(([unit, size]) => { const n = Math.floor(s / size); s -= n * size; return [n, unit]; });
  return parts.filter(([n]) => n > 0).slice(0, 2).map(([n, unit]) => n + " " + unit).join(" ");
};
const date = unix => new Date(unix * 1000).toLocaleString(undefined, {year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short"});

// The state: the server says what is wrong. The region for screen readers changes only when another fault is the worst, not with its seconds.
let spoken = "";
const show_state = (level, text, others) => {
  look(at("banner"), "banner " + level);
  say(at("worst"), text);
  each(at("others"), others, one => one.text.replace(/\d+/g, "#"), () => make("li"), (node, one) => say(node, one.text));
  const without_numbers = text.replace(/\d+/g, "#");
  if (without_numbers !== spoken) { spoken = without_numbers; say(at("said"), text); }
};

// Charts of the last ten minutes.
const chart = (id, name, unit, fault) => {
  const place = at(id), now = make("div", "–", "big"), more = make("div", "", "soft"), svg = draw("svg", {viewBox: "0 0 599 40", preserveAspectRatio: "none", role: "img", class: "chart"});
  const area = draw("path", {class: "area"}), line = draw("path"), red = draw("path", {class: "fault"}), axis = make("div", undefined, "axis"), from = make("span"), top = make("span");
  svg.append(area, line, red); axis.append(from, top, make("span", "now")); place.append(now, more, svg, axis);
  const route = (values, most) => {
    let out = "", pen = false;
    values.forEach((value, i) => {
      if (value === null) { pen = false; return; }
      out += (pen ? "L" : "M") + (600 - values.length + i) + " " + (39 - Math.min(1, value / most) * 37).toFixed(1);
      pen = true;
    });
    return out;
  };
  return (values, big, small, faults, most) => {
    const known = values.filter(value => value !== null), highest = most || Math.max(1, ...known);
    say(now, big); say(more, small);
    const way = route(values, highest);
    set(line, "d", way || "M0 40");
    set(area, "d", known.length === values.length && values.length > 1 ? way + "L599 40L" + (600 - values.length) + " 40Z" : "M0 40");
    set(red, "d", faults && faults.some(value => value > 0) ? route(faults, highest) : "M0 40");
    say(from, "10 min ago");
    say(top, known.length ? "top " + few(highest) + unit : "no values");
    set(svg, "aria-label", name + ", last " + span(values.length) + (known.length ? ": highest " + few(Math.max(...known)) + unit + ", now " + big : ": no values"));
  };
};
const draw_queries = chart("queries", "Queries per second; red: answered SERVFAIL", "/s"), draw_rtt = chart("rtt", "Round trip of the quickest upstream", " ms"),
  draw_hits = chart("hits", "Cache hits", " %"), draw_waiting = chart("waiting", "Waiting queries", "");
const series = {queries: [], failures: [], cache_hits: [], cache_misses: [], held: [], waiting: [], rtt_ms: []};
let points_known = 0;
const read_history = async restarted => {
  if (restarted) points_known = 0;
  let found = await ask(points_known ? "history?last=10" : "history");
  let fresh = found.points_total - points_known;
  if (fresh < 0 || (fresh > found.points && found.points < found.points_max && points_known)) { points_known = 0; found = await ask("history"); fresh = found.points; }
  for (const name of Object.keys(series)) {
    const list = points_known ? series[name].concat(found[name].slice(Math.max(0, found.points - fresh))) : found[name];
    series[name] = list.slice(-found.points_max);
  }
  points_known = found.points_total;
  const last = name => series[name].length ? series[name][series[name].length - 1] ?? 0 : 0;
  const total = name => series[name].reduce((a, b) => a + b, 0);
  draw_queries(series.queries, few(last("queries")) + " per second", count(total("failures"), "SERVFAIL") + " in this time", series.failures);
  const rtt = series.rtt_ms.length ? series.rtt_ms[series.rtt_ms.length - 1] : null;
  draw_rtt(series.rtt_ms, rtt === null ? "no value" : rtt.toFixed(1) + " ms", "smoothed round trip");
  const ratio = series.cache_hits.map((hits, i) => hits + series.cache_misses[i] > 0 ? 100 * hits / (hits + series.cache_misses[i]) : null);
  const hits = total("cache_hits"), all = hits + total("cache_misses");
  draw_hits(ratio, all ? (100 * hits / all).toFixed(1) + " %" : "–", count(all, "forwarded query", "forwarded queries") + " in this time", null, 100);
  draw_waiting(series.waiting, whole(last("waiting")) + " now", whole(total("held")) + " held for a leader in this time", null);
};

// Leaders and members.
const look_of_state = {led: "good", loading: "wait", vacant: "bad", standby: "wait", unreadable: "wait", gone: "bad"};
const other_answers = {"by tags": "the member with the leader tag in the catalog", "as a service": "all instances of the service", "no data": "no address: a standby cluster", "held": "queries are held until the first reads from Consul"};
let watches = [];
const make_leader = () => {
  const box = make("article", undefined, "item"), part = {top: make("div", undefined, "row"), scope: make("h3"), pill: make("span", undefined, "pill"), reason: make("span", undefined, "soft"),
    who: make("p", undefined, "big"), why: make("p", undefined, "soft"), facts: make("p", undefined, "soft")};
  part.top.append(part.scope, part.pill, part.reason);
  box.append(part.top, part.who, part.why, part.facts);
  part.members = table(box, "Members", [{head: "Member"}, {head: "Role"}, {head: "State"}, {head: "Address"}, {head: "Timeline", n: true}, {head: "Lag", n: true}, {head: "Answered for"}, {head: "Tags"}]);
  box.fields = part;
  return box;
};
const answered_for = (leader, member) => {
  const names = [member.leads && "the leader", member.replica && "replica", member.sync && "sync"].filter(Boolean).join(", ");
  return names || (member.objection && member.objection !== "none" ? "nothing: " + member.objection : "nothing");
};
const show_leader = (box, leader, lost) => {
  const part = box.fields, led = leader.state === "led", doubtful = lost || leader.reason.startsWith("kept");
  say(part.scope, leader.scope);
  say(part.pill, led ? lost ? "led, last known" : "led" : leader.state);
  look(part.pill, "pill " + (led && doubtful ? "wait" : look_of_state[leader.state] || "wait"));
  say(part.reason, leader.reason);
  say(part.who, led ? leader.member + "  " + (leader.addresses[0] || leader.host) + ":" + leader.port : other_answers[leader.answer] || "no address is answered");
  look(part.who, "big" + (led ? "" : leader.state === "vacant" ? " bad" : " wait"));
  say(part.why, leader.why);
  say(part.facts, [leader.name, "for " + span(leader.age_seconds), leader.since_unix ? "since " + date(leader.since_unix) : "", leader.timeline === null ? "" : "timeline " + leader.timeline].filter(Boolean).join(" · "));
  const watch = watches.find(one => one.name === leader.scope && one.kind !== "service") || watches.find(one => one.name === leader.service && one.kind !== "service");
  part.members.fill(leader.members.map(member => ({key: member.name, cells: [
    [member.name, member.leads ? "strong" : ""], member.role, [(lost ? "last known: " : "") + (member.replication_state || member.state), lost ? "wait" : ""], member.host + ":" + member.port,
    member.timeline ?? "–", member.leads ? "–" : member.lag === null ? "not known" : bytes(member.lag), answered_for(leader, member), member.noloadbalance ? "noloadbalance" : "–"]})));
  say(part.members.words, "Members, as in Consul's keys" + (watch ? "; last reply from Consul " + span(watch.age_seconds) + " ago" : ""));
};
const show_leaders = stats => {
  const list = at("leaders"), nothing = {scope: "No leader scope is configured or known.", service: "", nothing: true};
  each(list, stats.leaders.length ? stats.leaders : [nothing], leader => leader.service, leader => leader.nothing ? make("p", leader.scope, "soft") : make_leader(),
    (box, leader) => { if (!leader.nothing) show_leader(box, leader, stats.consul.contact_lost); });
};

const show_consul = (consul, now) => {
  const silent = consul.last_contact_unix ? span(Math.max(0, now - consul.last_contact_unix)) + " ago" : "never";
  const [text, name] = !consul.on ? ["off", "wait"] : consul.contact_lost ? [consul.last_contact_unix ? "contact lost" : "no contact since the start", "bad"] : consul.reachable ? ["in contact", "good"] : ["not reached", "wait"];
  look(say(at("contact"), text), "pill " + name);
  pairs("consul", [["address", consul.address], ["last contact", silent], ["datacenter", consul.settings.datacenter], ["domains", consul.settings.domains.join(", ")],
    ["agent", consul.settings.agent_version], ["node", consul.settings.node_name]]);
};

const upstreams = table(at("upstreams"), "Counts since the start", [{head: "Upstream"}, {head: "State"}, {head: "Round trip", n: true}, {head: "Sent", n: true}, {head: "Answered", n: true}, {head: "Failed", n: true}, {head: "Refused", n: true}, {head: "No answer", n: true}]);
const answers = table(at("answers"), "Replies sent since the start", [{head: "Source"}, {head: "Per second", n: true}, {head: "All", n: true}]);
let before = null;
const show_answers = stats => {
  const now = {when: stats.uptime_seconds, start: stats.started_unix, answers: stats.totals.answers};
  const seconds = before && before.start === now.start ? now.when - before.when : 0;
  answers.fill(Object.entries(now.answers).map(([from, number]) => ({key: from, cells: [from.replace("_", " "), seconds > 0 ? few(Math.max(0, number - before.answers[from]) / seconds) : "–", whole(number)]})));
  before = now;
};
const show_rest = stats => {
  const cache = stats.cache;
  const full = cache.bytes_max ? Math.max(cache.entries_max ? cache.entries / cache.entries_max : 0, cache.bytes / cache.bytes_max) : 0;
  if (at("full").value !== full) at("full").value = full;
  pairs("cache", [["entries", whole(cache.entries) + " of " + whole(cache.entries_max)], ["memory", bytes(cache.bytes) + " of " + bytes(cache.bytes_max)],
    ["evicted", whole(cache.evictions)], ["flushed", whole(cache.flushed)]]);
  const ordered = [...stats.upstreams].sort((a, b) => a.agent_dns - b.agent_dns || a.endpoint.localeCompare(b.endpoint));
  upstreams.fill(ordered.map(up => ({key: up.endpoint, cells: [
    up.endpoint + (up.agent_dns ? " (agent)" : ""), up.failing ? ["does not answer", "bad"] : up.down ? ["paused", "wait"] : up.answered ? ["answers", "good"] : ["not asked yet", ""],
    up.rtt_ms === null ? "–" : up.rtt_ms.toFixed(1) + " ms", whole(up.sent), whole(up.answered), whole(up.failed), whole(up.refused), whole(up.timeouts)]})), "No upstream is known.");
  pairs("process", [["version", stats.version], ["listens at", stats.listening.join(", ")], ["resident memory", bytes(stats.process.resident_bytes)],
    ["of memory-max", bytes(stats.memory.bytes) + " of " + bytes(stats.memory.bytes_max) + ", shed " + whole(Object.values(stats.memory.shed).reduce((sum, one) => sum + one, 0))], ["open descriptors", stats.process.open_descriptors],
    ["workers", stats.workers.length + ", slowest heartbeat " + span(Math.max(0, ...stats.workers.map(worker => worker.heartbeat_age_seconds ?? 0))) + " ago"],
    ["in flight upstream", whole(stats.totals.forward_pending)], ["TCP connections", whole(stats.totals.tcp_connections)],
    ["view", stats.view.generation], ["configuration", stats.config.files.join(", ")], ["last reload", stats.config.reload_errors.length ? "refused: " + stats.config.reload_errors[0] : "no error"]]);
  each(at("log"), stats.last_warnings, line => line.unix + line.text, () => { const item = make("li"), when = make("span", undefined, "soft"), text = make("span"); item.append(when, " ", text); return item; },
    (item, line) => { say(item.children[0], date(line.unix)); look(say(item.children[1], line.level + ": " + line.text), line.level === "error" ? "bad" : ""); });
  hide(at("no_log"), stats.last_warnings.length > 0);
};
let host = "", started = 0;
const show = stats => {
  host = stats.host;
  say(at("host"), "on " + host);
  say(at("facts"), stats.version + " · up " + span(stats.uptime_seconds) + " · " + (stats.healthy ? "healthy" : "not healthy") + " · " + (stats.ready ? "ready" : "not ready"));
  const title = host + ": " + (stats.state.level === "good" ? stats.leaders.map(leader => leader.scope + " " + (leader.state === "led" ? leader.member : leader.state)).join(", ") || stats.state.text : stats.state.text) + " – lictor";
  if (document.title !== title) document.title = title;
  show_state(stats.state.level, stats.state.text, stats.state.others);
  show_leaders(stats);
  show_consul(stats.consul, stats.started_unix + stats.uptime_seconds);
  show_answers(stats);
  show_rest(stats);
};

// Services: those with a fault first, until the reader chooses a column.
const service_columns = ["Service", "State", "Passing", "Warning", "Critical", "Answer now", "Instances"];
const rank = service => service.answer === "instances" ? service.warning + service.critical > 0 || service.stale ? 1 : 0 : 2;
const sort_values = [service => service.name, service => service.state, service => service.passing, service => service.warning, service => service.critical, rank, service => service.instances_total];
const services_shown = 20;
let services = [], sort_column = 5, sort_down = true, all_services = false;
const sort_by = column => cell => {
  sort_down = sort_column === column ? !sort_down : column > 1;
  sort_column = column;
  show_services();
};
const services_table = table(at("services"), "Watched services", service_columns.map((head, i) => ({head, n: i >= 2 && i <= 4, sort: sort_by(i)})));
const address_of = one => (one.address || one.node_address) + ":" + one.port;
const fill_instances = (fold, service) => {
  say(fold.children[0], service.instances_total ? "show " + service.instances_total : "none");
  if (!fold.open) return;
  each(fold.children[1], service.instances, one => one.node + " " + one.id, () => make("li"), (item, one) =>
    look(say(item, one.id + " on " + one.node + ", " + address_of(one) + ", " + one.health + (one.tags.length ? ", tags " + one.tags.join(", ") : "")), one.health === "passing" ? "" : one.health === "warning" ? "wait" : "bad"));
};
const instances_cell = service => cell => {
  if (!cell.firstChild) {
    const fold = make("details"), list = make("ul", undefined, "log");
    fold.append(make("summary"), list);
    fold.addEventListener("toggle", () => fill_instances(fold, fold.service));
    cell.append(fold);
  }
  cell.firstChild.service = service;
  fill_instances(cell.firstChild, service);
};
const answer_text = service => service.answer === "instances" ? [count(service.answered, "instance"), service.stale ? "wait" : rank(service) ? "" : "good"] : [service.answer, service.answer === "NXDOMAIN" || service.answer === "SERVFAIL" ? "bad" : "wait"];
const health_number = (n, name) => [n ? whole(n) : "–", n ? name : "soft"];
const show_services = () => {
  const wanted = at("filter").value.trim().toLowerCase();
  const fits = service => !wanted || [service.name, service.datacenter, service.state, service.answer, ...service.instances.flatMap(one => [one.id, one.node, address_of(one), one.health, ...one.tags])].some(text => text.toLowerCase().includes(wanted));
  const value = sort_values[sort_column], way = sort_down ? -1 : 1;
  const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  const found = services.filter(fits).sort((a, b) => way * compare(value(a), value(b)) || compare(a.name, b.name) || compare(a.datacenter, b.datacenter));
  const seen = all_services ? found : found.slice(0, services_shown);
  services_table.fill(seen.map(service => ({key: service.name + "@" + service.datacenter, cells: [
    service.name + (service.datacenter ? " (" + service.datacenter + ")" : ""), [service.state + (service.stale ? ", last known" : "") + (service.why ? ": " + service.why : ""), service.stale || service.state === "failed" ? "wait" : ""],
    health_number(service.passing, ""), health_number(service.warning, "wait"), health_number(service.critical, "bad"), answer_text(service), instances_cell(service)]})),
    services.length ? "No service fits." : "No service is watched. The first query for one starts its watch.");
  if (seen.length) say(services_table.words, found.length + " of " + services.length + " watched services" + (found.length > seen.length ? "; the first " + seen.length + " are shown" : ""));
  [...services_table.head.children].forEach((cell, i) => { if (i === sort_column) set(cell, "aria-sort", sort_down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort"); });
  hide(at("more_services"), found.length <= services_shown);
  say(at("more_services"), all_services ? "Show the first " + services_shown + " only" : "Show all " + found.length);
};
at("filter").addEventListener("input", show_services);
at("narrow").addEventListener("submit", event => event.preventDefault());
at("more_services").addEventListener("click", () => { all_services = !all_services; show_services(); });
const watches_table = table(at("watches"), "Blocking queries to Consul", [{head: "Kind"}, {head: "Name"}, {head: "State"}, {head: "Instances", n: true}, {head: "Index", n: true}, {head: "Replies", n: true}, {head: "Changes", n: true}, {head: "Errors", n: true}, {head: "Last reply", n: true}, {head: "Last query", n: true}]);
const show_watches = () => {
  say(at("watches_sum"), count(watches.length, "watch", "watches") + ", " + watches.filter(watch => watch.stale).length + " with failing reads");
  if (at("watches_fold").open) watches_table.fill(watches.map(watch => ({key: watch.kind + " " + watch.name + "@" + watch.datacenter, cells: [
    watch.kind, watch.name + (watch.datacenter ? " (" + watch.datacenter + ")" : ""), [watch.state + (watch.stale ? ", last known" : "") + (watch.why ? ": " + watch.why : ""), watch.stale ? "wait" : ""], watch.instances, watch.index,
    watch.replies, watch.changes, watch.errors, span(watch.age_seconds), watch.kind === "agent" ? "–" : watch.asked_seconds === null ? "never" : span(watch.asked_seconds)]})), "Nothing is watched.");
};
at("watches_fold").addEventListener("toggle", show_watches);

// Changes of leader: the time line of each, as `lictor failovers` draws it.
const place = leader => leader.member || leader.address ? leader.member + " (" + leader.address + ":" + leader.port + ")" : "none";
const milliseconds = n => n.toLocaleString("en", {minimumFractionDigits: 1, maximumFractionDigits: 1}) + " ms";
const make_failover = first => {
  const fold = make("details", undefined, "item"), head = make("summary"), about = make("p", undefined, "soft"), line = make("ol", undefined, "line"), counts = make("p");
  fold.open = first;
  fold.append(head, about, line, counts);
  return fold;
};
const show_failovers = list => {
  hide(at("no_failovers"), list.failovers.length > 0);
  const newest = list.failovers.length ? list.failovers[0].number : 0;
  each(at("failovers"), list.failovers.slice(0, 16), one => one.number, one => make_failover(one.number === newest), (fold, one) => {
    const [head, about, line, counts] = fold.children;
    say(head, "#" + one.number + " " + one.scope + ": " + place(one.old) + " → " + (one.same_leader ? "the same member" : one.done ? place(one.new) : one.new.member ? place(one.new) + ", not complete" : "nobody yet"));
    say(about, date(one.began_unix) + ", " + span(one.age_seconds) + " ago · " + one.reason + (one.timeline === null ? "" : " · timeline " + one.timeline));
    const steps = phase_sentences.filter(([word]) => one.phases_ms[word] !== null && one.phases_ms[word] !== undefined).map(([word, sentence]) => ({word, sentence, at: Math.max(0, one.phases_ms[word])})).sort((a, b) => a.at - b.at);
    const end = steps.length ? steps[steps.length - 1].at : 0;
    each(line, steps, step => step.word, () => {
      const item = make("li"), svg = draw("svg", {"aria-hidden": "true"});
      svg.append(draw("line", {x1: "0", x2: "100%", y1: "50%", y2: "50%"}), draw("circle", {cy: "50%", r: "5"}));
      item.append(make("span", undefined, "n"), svg, make("span"));
      return item;
    }, (item, step) => {
      say(item.children[0], milliseconds(step.at));
      set(item.children[1].children[1], "cx", (end > 0 ? 100 * step.at / end : 0).toFixed(1) + "%");
      say(item.children[2], step.sentence);
    });
    say(counts, count(one.questions_held, "query", "queries") + " held, the longest for " + milliseconds(one.longest_hold_ms) + ", " + whole(one.questions_expired) + " not answered in time; " +
      count(one.answers_late, "answer") + " with the old address after the change; " + count(one.connections_cut, "connection") + " to the old leader ended");
    look(counts, one.answers_late || one.questions_expired ? "bad" : "");
  });
};

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
  at("explained").replaceChildren(list);
};
at("ask").addEventListener("submit", async event => {
  event.preventDefault();
  const query = new URLSearchParams({name: at("ask_name").value.trim(), type: at("ask_type").value.trim() || "A"});
  try {
    const reply = await fetch("explain?" + query, {cache: "no-store", signal: AbortSignal.timeout(4000)}), found = await reply.json();
    if (reply.ok) show_explained(found);
    else at("explained").replaceChildren(make("p", found.error, "bad"));
  } catch (problem) { at("explained").replaceChildren(make("p", "No answer from lictor.", "bad")); }
});
at("flush").addEventListener("submit", async event => {
  event.preventDefault();
  const name = at("flush_name").value.trim();
  try {
    const reply = await fetch("flush" + (name ? "?" + new URLSearchParams({name}) : ""), {method: "POST", headers: {"X-Lictor": "1"}, cache: "no-store", signal: AbortSignal.timeout(4000)}), done = await reply.json();
    at("flushed").replaceChildren(reply.ok ? make("p", "Removed from the cache: " + done.flushed + ", " + (done.removed === null ? "a worker did not say how many entries" : count(done.removed, "entry", "entries"))) : make("p", done.error, "bad"));
  } catch (problem) { at("flushed").replaceChildren(make("p", "No answer from lictor.", "bad")); }
});

let last_good = Date.now(), turn = 0, timer = null, reading = false, again = false;
class Silence extends Error {}
const ask = async path => {
  try {
    const reply = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(4000)});
    if (reply.ok) return await reply.json();
  } catch (problem) { /* as below */ }
  throw new Silence();
};
const read = async everything => {
  const stats = await ask("stats"), restarted = stats.started_unix !== started;
  if (everything || restarted || turn % 5 === 0 || stats.state.level === "bad") {
    const lists = await ask("services"), changes = await ask("failovers");
    watches = lists.watches;
    services = lists.services;
    show_services();
    show_watches();
    show_failovers(changes);
  }
  show(stats);
  await read_history(restarted);
  started = stats.started_unix;
  turn++;
};
const refresh = async everything => {
  if (reading) { again = again || everything; return; }
  reading = true;
  clearTimeout(timer);
  try {
    await read(everything);
    last_good = Date.now();
  } catch (problem) {
    show_state("bad", problem instanceof Silence ? "No answer from lictor for " + span((Date.now() - last_good) / 1000) + ": what is shown is from before" : "The page cannot show a document: " + problem.message, []);
    if (!(problem instanceof Silence)) console.error(problem);
    document.title = (host ? host + ": " : "") + "no answer – lictor";
  }
  reading = false;
  if (again) { again = false; return refresh(true); }
  if (!document.hidden) timer = setTimeout(() => refresh(false), 1000);
};
// One of the few clients of /events only while the page is seen. Where the stream is refused, the numbers are still read each second.
let stream = null;
const listen = () => {
  if (stream || document.hidden) return;
  stream = new EventSource("events");
  for (const name of ["leaders", "leader", "withdrawn", "failover", "cut", "restarted", "lost"]) stream.addEventListener(name, () => refresh(true));
};
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { if (stream) stream.close(); stream = null; clearTimeout(timer); return; }
  listen();
  refresh(true);
});
refresh(true).then(listen);
)script";

}  // namespace

std::string_view page_script() { return script; }

}  // namespace lictor::documents
