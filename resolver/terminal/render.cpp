// Text from outside loses its control characters (format.hpp): a terminal would execute them.
#include "resolver/terminal/render.hpp"

#include <algorithm>
#include <utility>

#include "resolver/terminal/format.hpp"

namespace lictor::terminal {

namespace {

/// The meaning of a kind of difference.
std::string meaning_of(std::string_view kind) {
    static constexpr std::pair<std::string_view, std::string_view> meanings[] = {
        {"other_silent", "only lictor replied"},
        {"we_silent", "only the other server replied"},
        {"both_silent", "neither replied"},
        {"code", "different response codes"},
        {"type_missing", "only one has data of the asked type"},
        {"values", "both have data of the asked type, with different values"},
        {"cut", "a reply was truncated: not compared further"}};
    for (const auto& [name, meaning] : meanings)
        if (name == kind) return " (" + std::string(meaning) + ')';
    return {};
}

std::string leader_line(const Json& leader, const Style& style) {
    const auto state = words(member(leader, "state"));
    std::string text = style.strong(words(member(leader, "scope"))) + ": ";
    if (state == "led") {
        const auto& addresses = member(leader, "addresses");
        const auto where = addresses.is_array() && !addresses.empty() ? words(addresses.front()) : words(member(leader, "host"));
        text += style.good(words(member(leader, "member")) + " leads") + " at " + where + " port " + words(member(leader, "port"));
    } else {
        text += style.bad(state) + ", answer: " + words(member(leader, "answer"));
    }
    return text + " (" + words(member(leader, "reason")) + ", for " + span(number(member(leader, "age_seconds"))) + ")\n";
}

/// The lines of `warnings`.
std::string warning_lines(const Json& object, const Style& style) {
    std::string text;
    if (const auto& warnings = member(object, "warnings"); warnings.is_array())
        for (const auto& warning : warnings) text += style.doubtful("warning:") + ' ' + words(warning) + '\n';
    return text;
}

/// The worst fault in words, and how many more there are.
std::string state_text(const Json& state, const Style& style) {
    const auto text = words(member(state, "text"));
    const auto level = words(member(state, "level"));
    const auto& others = member(state, "others");
    const std::string more = others.is_array() && !others.empty() ? " (and " + std::to_string(others.size()) + " more)" : "";
    return (level == "good" ? style.good(text) : level == "notice" ? style.doubtful(text) : style.bad(text)) + more;
}

std::string counts(const Json& object) {
    std::string text;
    if (object.is_object())
        for (const auto& [key, value] : object.items())
            if (number(value) > 0) text += (text.empty() ? "" : ", ") + key + ' ' + words(value);
    return text.empty() ? "none" : text;
}

}  // namespace

std::string leaders_text(const std::string& json, const Style& style) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    const auto& leaders = member(answer, "leaders");
    if (!leaders.is_array() || leaders.empty()) return "no leader scope is configured or known\n";
    std::string text;
    for (const auto& leader : leaders) {
        text += leader_line(leader, style);
        if (const auto why = words(member(leader, "why")); why != "-") text += "  why: " + why + '\n';
        std::vector<Row> rows;
        const auto& members = member(leader, "members");
        if (members.is_array())
            for (const auto& row : members)
                rows.push_back({words(member(row, "name")), words(member(row, "role")), words(member(row, "state")),
                                words(member(row, "host")) + ':' + words(member(row, "port")),
                                "timeline " + words(member(row, "timeline"))});
        text += table(rows, "  ");
    }
    return text;
}

std::string stats_text(const std::string& json, const Style& style) {
    const Json stats = parse(json);
    if (!stats.is_object()) return "";
    const auto& totals = member(stats, "totals");
    const auto& consul = member(stats, "consul");
    const auto& cache = member(stats, "cache");
    const bool lost = member(consul, "contact_lost") == Json(true), on = member(consul, "on") == Json(true);
    const bool asked = member(consul, "address") != Json("");
    const bool had = number(member(consul, "last_contact_unix")) > 0;
    std::string contact = on && !asked ? "no request sent yet"
                          : on         ? words(member(consul, "address")) + (lost && had ? ", contact lost"
                                                                             : lost      ? ", no contact since the start"
                                                                             : member(consul, "reachable") == Json(true) ? ", in contact"
                                                                                                                         : ", not reached")
                                       : "off";
    if (const double last = number(member(consul, "last_contact_unix")); on && last > 0)
        contact += ", last contact " +
                   span(std::max(0.0, number(member(stats, "started_unix")) + number(member(stats, "uptime_seconds")) - last)) + " ago";
    const auto& ratio = member(cache, "hit_ratio");
    std::string text = table({
        {"lictor", words(member(stats, "version")) + ", up " + span(number(member(stats, "uptime_seconds"))) + ", threads " +
                       words(member(stats, "threads"))},
        {"state", state_text(member(stats, "state"), style)},
        {"health", (member(stats, "healthy") == Json(true) ? style.good("healthy") : style.bad("NOT HEALTHY")) + ", " +
                       (member(stats, "ready") == Json(true) ? style.good("ready")
                                                             : style.bad("not ready") + ": " + words(member(stats, "not_ready_because")))},
        {"listening", joined(member(stats, "listening"))},
        {"memory", bytes(number(member(stats, "process", "resident_bytes"))) + " resident; " +
                       bytes(number(member(stats, "memory", "bytes"))) + " of memory-max " +
                       bytes(number(member(stats, "memory", "bytes_max")))},
        {"consul", contact},
        {"watches", words(member(stats, "watches", "total")) + " (" + counts(member(stats, "watches", "by_state")) + ")"},
        {"queries", counts(member(totals, "queries"))},
        {"answers", counts(member(totals, "answers"))},
        {"rcodes", counts(member(totals, "rcodes"))},
        {"cache", words(member(cache, "entries")) + " of " + words(member(cache, "entries_max")) + " entries, " +
                      bytes(number(member(cache, "bytes"))) + (ratio.is_number() ? ", hits " + decimal(number(ratio) * 100, 1) + "%" : "")},
        {"waiting", words(member(totals, "waiting")) + ", held since the start " + words(member(totals, "leader_held"))},
    });
    text += warning_lines(stats, style);
    const auto& leaders = member(stats, "leaders");
    if (leaders.is_array())
        for (const auto& leader : leaders) text += "leader     " + leader_line(leader, style);
    std::vector<Row> rows{{"upstream", "state", "rtt", "sent", "answered", "failed", "refused", "timeouts"}};
    const auto& upstreams = member(stats, "upstreams");
    if (upstreams.is_array())
        for (const auto& up : upstreams) {
            const auto& rtt = member(up, "rtt_ms");
            rows.push_back({words(member(up, "endpoint")),
                            member(up, "failing") == Json(true) ? style.bad("no answer")
                            : member(up, "down") == Json(true)  ? style.bad("not in use")
                                                                : style.good("in use"),
                            rtt.is_number() ? decimal(number(rtt), 1) + "ms" : "-", words(member(up, "sent")),
                            words(member(up, "answered")), words(member(up, "failed")), words(member(up, "refused")),
                            words(member(up, "timeouts"))});
        }
    if (rows.size() > 1) text += '\n' + table(rows);
    const auto& errors = member(stats, "config", "reload_errors");
    if (errors.is_array() && !errors.empty()) text += "\nthe last reload was refused: " + words(errors.front()) + '\n';
    return text;
}

std::string services_text(const std::string& json, const Style&) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    std::vector<Row> rows{{"kind", "name", "state", "instances", "index", "changes", "errors", "last reply"}};
    const auto& watches = member(answer, "watches");
    if (watches.is_array())
        for (const auto& watch : watches) {
            const auto datacenter = words(member(watch, "datacenter")), why = words(member(watch, "why"));
            rows.push_back({words(member(watch, "kind")), words(member(watch, "name")) + (datacenter == "-" ? "" : '@' + datacenter),
                            words(member(watch, "state")) + (why == "-" ? "" : ": " + why), words(member(watch, "instances")),
                            words(member(watch, "index")), words(member(watch, "changes")), words(member(watch, "errors")),
                            span(number(member(watch, "age_seconds"))) + " ago"});
        }
    std::string text = rows.size() > 1 ? table(rows) : "nothing is watched\n";
    rows.clear();
    const auto& services = member(answer, "services");
    if (services.is_array())
        for (const auto& service : services) {
            const auto& instances = member(service, "instances");
            if (!instances.is_array()) continue;
            for (const auto& row : instances) {
                const auto own = words(member(row, "address"));
                rows.push_back({words(member(service, "name")), words(member(row, "id")),
                                (own == "-" ? words(member(row, "node_address")) : own) + ':' + words(member(row, "port")),
                                words(member(row, "health")), joined(member(row, "tags"))});
            }
        }
    if (!rows.empty()) text += '\n' + table(rows);
    return text;
}

std::string shadow_text(const std::string& json, const Style&) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    if (member(answer, "on") != Json(true)) return "no comparison runs; start one with shadow=log:FILE or shadow=IP#PORT\n";
    std::string text = "compared with " + words(member(answer, "with")) + ": " + words(member(answer, "compared")) + " of " +
                       words(member(answer, "seen")) + " queries\n";
    const auto& kinds = member(answer, "kinds");
    if (kinds.is_object())
        for (const auto& [kind, count] : kinds.items())
            if (count != Json(0)) text += "  " + words(Json(kind)) + ": " + words(count) + meaning_of(kind) + '\n';
    const auto& latest = member(answer, "latest_differences");
    if (latest.is_array() && !latest.empty()) {
        text += "latest differences:\n";
        for (const auto& each : latest)
            text += "  " + words(member(each, "name")) + ' ' + words(member(each, "type")) + ": " + words(member(each, "kind")) + ": " +
                    words(member(each, "why")) + '\n';
    }
    return text;
}

std::string health_text(const std::string& json, const Style& style) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    std::string text = member(answer, "healthy") == Json(true) ? style.good("healthy") : style.bad("not healthy");
    const auto& ages = member(answer, "heartbeat_age_seconds");
    if (ages.is_array() && !ages.empty()) {
        text += ", last heartbeat of each worker:";
        for (const auto& age : ages) text += ' ' + span(number(age)) + " ago";
    }
    return text + '\n';
}

std::string ready_text(const std::string& json, const Style& style) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    return (member(answer, "ready") == Json(true) ? style.good("ready") + '\n'
                                                  : style.bad("not ready") + ": " + words(member(answer, "because")) + '\n') +
           warning_lines(answer, style);
}

std::string flush_text(const std::string& json, const Style&) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    const auto& removed = member(answer, "removed");
    const std::string count = !removed.is_number() ? "a worker did not say how many entries within a second"
                              : removed == Json(1) ? "1 entry"
                                                   : words(removed) + " entries";
    return "removed from the cache: " + words(member(answer, "flushed")) + ", " + count + '\n';
}

std::string reload_text(const std::string& json, const Style& style) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    if (member(answer, "reloaded") == Json(true)) return "the configuration was read again\n" + warning_lines(answer, style);
    std::string text;
    if (const auto& errors = member(answer, "errors"); errors.is_array())
        for (const auto& error : errors) text += style.bad("error:") + ' ' + words(error) + '\n';
    return text + "the configuration in force stays: correct the errors and reload again\n";
}

std::string refusal_text(const std::string& body) {
    const Json answer = parse(body);
    return words(answer.is_object() ? member(answer, "error") : Json(body.substr(0, 300)));
}

}  // namespace lictor::terminal
