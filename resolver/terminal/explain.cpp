// Renders /explain: the result in one sentence, then what was looked at, in the order of the decision.
#include "resolver/terminal/format.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::terminal {
namespace {

std::string seconds(const Json& value) { return value.is_number() ? span(number(value)) : "-"; }

std::string indented(const char* head, const std::string& text) { return "  " + std::string(head) + text + '\n'; }

std::string result_line(const Json& answer, const Style& style) {
    const auto result = words(member(answer, "result")), code = words(member(answer, "rcode"));
    std::string text = style.strong(words(member(answer, "name")) + ' ' + words(member(answer, "type"))) + ": ";
    if (result == "answered") {
        text += code == "NOERROR" ? style.good(code) : code == "NXDOMAIN" ? style.doubtful(code) : style.bad(code);
        if (const auto source = words(member(answer, "source")); source != "error") text += " from " + source;
        if (member(answer, "truncated") == Json(true)) text += ", truncated";
    } else {
        text += style.doubtful(result);
    }
    return text + '\n';
}

std::string record_lines(const Json& answer) {
    std::vector<Row> rows;
    if (const auto& records = member(answer, "records"); records.is_array())
        for (const auto& record : records) {
            rows.push_back({words(member(record, "owner")), words(member(record, "ttl")), words(member(record, "type")),
                            words(member(record, "data"))});
            if (const auto section = words(member(record, "section")); section != "answer") rows.back().push_back('(' + section + ')');
        }
    std::string text = table(rows, "    ");
    if (const double total = number(member(answer, "records_total")); total > static_cast<double>(rows.size()))
        text += "    and " + std::to_string(static_cast<std::size_t>(total) - rows.size()) + " more\n";
    return text;
}

std::string step_lines(const Json& answer) {
    std::string text;
    if (const auto& steps = member(answer, "steps"); steps.is_array())
        for (const auto& step : steps) {
            const auto line = words(member(step, "line")), place = words(member(step, "place"));
            text += indented("rule      ", words(member(step, "text")));
            if (place != "-") text += indented("          ", place + (line == "-" ? "" : ": " + line));
        }
    return text;
}

std::string leader_lines(const Json& answer, const Style& style) {
    std::string text;
    if (const auto& leaders = member(answer, "leaders"); leaders.is_array())
        for (const auto& leader : leaders) {
            const auto state = words(member(leader, "state"));
            text += indented("leader    ", words(member(leader, "scope")) + ": " +
                                               (state == "led" ? style.good(state) : style.doubtful(state)) + " for " +
                                               seconds(member(leader, "age_seconds")) + ": " + words(member(leader, "why")));
            text += indented("          ",
                             "lock index " + words(member(leader, "lock_index")) + ", held by " + words(member(leader, "lock_holder")));
        }
    return text;
}

std::string service_lines(const Json& answer, const Style& style) {
    std::string text;
    const auto& services = member(answer, "services");
    if (!services.is_array()) return text;
    for (const auto& service : services) {
        text += indented("service   ", words(member(service, "text")) +
                                           (words(member(service, "tag")) == "-" ? "" : ", tag " + words(member(service, "tag"))));
        text += indented("          ", "Consul index " + words(member(service, "index")) + ", changed " +
                                           seconds(member(service, "changed_seconds")) + " ago, read " +
                                           seconds(member(service, "read_seconds")) + " ago" +
                                           (member(service, "stale") == Json(true) ? ", " + style.doubtful("stale") : ""));
        for (const char* key : {"why", "watch_why"})
            if (const auto why = words(member(service, key)); why != "-") text += indented("          ", style.doubtful(why));
        std::vector<Row> rows;
        if (const auto& instances = member(service, "instances"); instances.is_array())
            for (const auto& one : instances) {
                const auto why = words(member(one, "left_out"));
                rows.push_back({words(member(one, "id")), words(member(one, "node")),
                                words(member(one, "address")) + ':' + words(member(one, "port")),
                                why == "-" ? style.good("answered") : style.doubtful("left out: " + why)});
            }
        text += table(rows, "    ");
    }
    return text;
}

std::string other_lines(const Json& answer, const Style& style) {
    std::string text;
    if (const auto& nodes = member(answer, "nodes"); nodes.is_array())
        for (const auto& table : nodes)
            text +=
                indented("nodes     ", words(member(table, "nodes_total")) + " nodes" +
                                           (words(member(table, "datacenter")) == "-" ? "" : " of " + words(member(table, "datacenter"))) +
                                           ", " + words(member(table, "state")) + ", Consul index " + words(member(table, "index")) +
                                           ", read " + seconds(member(table, "read_seconds")) + " ago");
    if (const auto& hosts = member(answer, "hosts"); hosts.is_array())
        for (const auto& host : hosts)
            text += indented("host      ",
                             words(member(host, "name")) + ": " + words(member(host, "state")) + ", " + joined(member(host, "addresses")));
    if (const auto& caches = member(answer, "caches"); caches.is_array())
        for (const auto& cache : caches) {
            const auto& age = member(cache, "age_seconds");
            text += indented("cache     ", "of worker " + words(member(cache, "worker")) + ": " + words(member(cache, "state")) +
                                               (age.is_number() ? ", " + words(age) + "s old, expires in " +
                                                                      decimal(number(member(cache, "expires_seconds")), 1) + "s"
                                                                : ""));
        }
    if (const auto& forward = member(answer, "forward"); forward.is_object()) {
        const bool all = member(forward, "all_at_once") == Json(true);
        text += indented("upstreams ",
                         std::string(member(forward, "agent_dns") == Json(true) ? "the agent's DNS"
                                     : all                                      ? "all at once"
                                                                                : "in this order") +
                             (member(forward, "in_flight") == Json(true) ? "; the same query is in flight, this one joins it" : ""));
        std::vector<Row> rows;
        if (const auto& upstreams = member(forward, "upstreams"); upstreams.is_array())
            for (const auto& up : upstreams) {
                const auto& rtt = member(up, "rtt_ms");
                rows.push_back({words(member(up, "endpoint")), rtt.is_number() ? decimal(number(rtt), 1) + "ms" : "not answered yet",
                                member(up, "down") == Json(true) ? style.bad("paused after failures") : "in use"});
            }
        text += table(rows, "    ");
    }
    if (const auto& hold = member(answer, "hold"); hold.is_object())
        text += indented("hold      ", "up to " + words(member(hold, "at_most_ms")) + " ms for " + words(member(hold, "waits_for")) +
                                           ", then " + words(member(hold, "then")) +
                                           (words(member(hold, "text")) == "-" ? "" : ": " + words(member(hold, "text"))));
    if (const auto& cause = member(answer, "cause"); cause.is_object()) {
        text += indented("cause     ", style.bad(words(member(cause, "word"))) + ", extended error " +
                                           words(member(cause, "extended_error")) + ": " + words(member(cause, "text")));
        text += indented("          ", words(member(cause, "meaning")));
    }
    if (member(answer, "contact_lost") == Json(true))
        text += indented("consul    ", style.bad("not in contact: the last known data are answered"));
    return text;
}

}  // namespace

std::string explain_text(const std::string& json, const Style& style) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    return result_line(answer, style) + "  " + words(member(answer, "summary")) + '\n' + record_lines(answer) + step_lines(answer) +
           leader_lines(answer, style) + service_lines(answer, style) + other_lines(answer, style);
}

}  // namespace lictor::terminal
