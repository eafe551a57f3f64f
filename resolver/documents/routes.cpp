// The table of paths, and the checks that precede it.
#include "resolver/documents/routes.hpp"

#include <algorithm>
#include <span>

#include "conf/base/ascii.hpp"
#include "conf/values/record_values.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/json_writer.hpp"
#include "resolver/documents/page.hpp"
#include "resolver/rules/text_lines.hpp"

namespace lictor::documents {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view events_type = "text/event-stream";
constexpr std::string_view page_type = "text/html; charset=utf-8";

StatsReply refusal(unsigned code, std::string_view why) {
    JsonWriter json;
    json.open_object().field("error", why).close_object();
    return {.code = code, .type = json_type, .body = json.take(), .allow = {}, .policy = {}, .endless = false, .later = {}};
}

StatsReply document(unsigned code, std::string_view type, std::string body) {
    return {.code = code, .type = type, .body = std::move(body), .allow = {}, .policy = {}, .endless = false, .later = {}};
}

using Handler = StatsReply (*)(const StatsRequest&, const StatsSources&);

StatsReply get_stats(const StatsRequest&, const StatsSources& from) { return document(200, json_type, stats_json(from.status())); }
StatsReply get_metrics(const StatsRequest&, const StatsSources& from) { return document(200, metrics_type, metrics_text(from.status())); }
StatsReply get_leaders(const StatsRequest&, const StatsSources& from) { return document(200, json_type, leaders_json(from.status())); }
StatsReply get_failovers(const StatsRequest&, const StatsSources& from) { return document(200, json_type, failovers_json(from.status())); }
StatsReply get_shadow(const StatsRequest&, const StatsSources& from) { return document(200, json_type, shadow_json(from.status())); }
StatsReply get_services(const StatsRequest&, const StatsSources& from) { return document(200, json_type, services_json(from.status())); }

/// `last`: how many points, at most; all without it.
StatsReply get_history(const StatsRequest& request, const StatsSources& from) {
    std::size_t last = History::points_max;
    if (request.arguments.size() > 1 || (!request.arguments.empty() && request.arguments.front().first != "last"))
        return refusal(400, "the only argument is last, at most once");
    if (!request.arguments.empty()) {
        const auto number = parse_number(request.arguments.front().second, History::points_max);
        if (!number || *number == 0) return refusal(400, "last is a number from 1 to " + std::to_string(History::points_max));
        last = *number;
    }
    return document(200, json_type, history_json(from.status(), last));
}

/// The body begins with the events after Last-Event-ID, or without one with the present leaders.
StatsReply get_events(const StatsRequest& request, const StatsSources& from) {
    auto reply = document(200, events_type, "");
    if (request.method == "HEAD") return reply;
    reply.body =
        request.last_event_id.empty() ? from.events.now("leaders", leaders_json(from.status())) : from.events.since(request.last_event_id);
    reply.endless = true;
    return reply;
}

StatsReply get_health(const StatsRequest&, const StatsSources& from) {
    const Status status = from.status();
    return document(status.healthy ? 200 : 503, json_type, health_json(status));
}

StatsReply get_ready(const StatsRequest&, const StatsSources& from) {
    const Status status = from.status();
    return document(status.ready ? 200 : 503, json_type, ready_json(status));
}

std::vector<std::string_view> paths_to_read();

StatsReply get_page(const StatsRequest& request, const StatsSources&) {
    auto reply = document(200, page_type, stats_page(request.nonce, paths_to_read()));
    const std::string nonce = "'nonce-" + std::string(request.nonce) + "'";
    reply.policy = "default-src 'none'; connect-src 'self'; img-src data:; script-src " + nonce + "; style-src " + nonce +
                   "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    return reply;
}

/// A foreign web page cannot set this header without a CORS preflight request, which is not granted here.
std::optional<StatsReply> refuse_change(const StatsRequest& request) {
    if (request.lictor_header == "1") return std::nullopt;
    return refusal(403, "a change needs the header X-Lictor: 1");
}

StatsReply get_explain(const StatsRequest& request, const StatsSources& from) {
    std::optional<wire::Name> name;
    std::optional<std::uint16_t> type;
    for (const auto& [key, value] : request.arguments) {
        if (key == "name" && !name) {
            name = wire::Name::parse(value);
            if (!name || value.empty()) return refusal(400, "name is not a domain name");
        } else if (key == "type" && !type) {
            type = conf::record_type(value);
            if (!type) return refusal(400, "type is not a record type: write A, AAAA, SRV, … or TYPE65280");
        } else {
            return refusal(400, "the arguments are name and type, each at most once");
        }
    }
    if (!name) return refusal(400, "the argument name is missing: /explain?name=NAME&type=TYPE");
    auto reply = document(200, json_type, "");
    reply.later = [&explain = from.explain, name = *name, type = type.value_or(rrtype::a)](std::function<void(StatsReply)> done) {
        explain(name, type, [done = std::move(done)](std::optional<std::string> text) {
            done(text ? document(200, json_type, *std::move(text)) : refusal(503, "the workers did not answer within a second"));
        });
    };
    return reply;
}

StatsReply post_flush(const StatsRequest& request, const StatsSources& to) {
    if (auto refused = refuse_change(request)) return *std::move(refused);
    std::optional<wire::Name> name;
    for (const auto& [key, value] : request.arguments) {
        if (key != "name" || name) return refusal(400, "the only argument is name, at most once");
        name = wire::Name::parse(value);
        if (!name || value.empty()) return refusal(400, "name is not a domain name");
        name = name->lower();
    }
    auto reply = document(200, json_type, "");
    reply.later = [&flush = to.flush, name](std::function<void(StatsReply)> done) {
        flush(name, [done = std::move(done), name](std::optional<std::size_t> removed) {
            JsonWriter json;
            json.open_object().field("flushed", name ? name->text() : "everything").key("removed");
            if (removed) json.number(*removed);
            else json.null();
            json.close_object();
            done(document(200, json_type, json.take()));
        });
    };
    return reply;
}

StatsReply post_reload(const StatsRequest& request, const StatsSources& to) {
    if (auto refused = refuse_change(request)) return *std::move(refused);
    if (!request.arguments.empty()) return refusal(400, "there are no arguments");
    const Reloaded result = to.reload();
    JsonWriter json;
    json.open_object().field("reloaded", result.errors.empty());
    for (const auto& [key, texts] : {std::pair{"errors", &result.errors}, {"warnings", &result.warnings}}) {
        json.key(key).open_list();
        for (const auto& text : *texts) json.text(text);
        json.close_list();
    }
    json.close_object();
    return document(result.errors.empty() ? 200 : 409, json_type, json.take());
}

struct Route {
    std::string_view path;
    bool changes;  ///< POST, else GET and HEAD
    Handler handler;
};

constexpr Route routes[] = {
    {"/", false, get_page},
    {"/stats", false, get_stats},
    {"/metrics", false, get_metrics},
    {"/health", false, get_health},
    {"/ready", false, get_ready},
    {"/leaders", false, get_leaders},
    {"/services", false, get_services},
    {"/explain", false, get_explain},
    {"/flush", true, post_flush},
    {"/reload", true, post_reload},
    {"/failovers", false, get_failovers},
    {"/events", false, get_events},
    {"/history", false, get_history},
    {"/shadow", false, get_shadow},
};

/// All paths of documents but the page and the explanation, which needs an argument.
std::vector<std::string_view> paths_to_read() {
    std::vector<std::string_view> paths;
    for (const auto& route : routes)
        if (!route.changes && route.path != "/" && route.path != "/explain") paths.push_back(route.path);
    return paths;
}

std::string list_of_paths() {
    std::string text;
    for (const auto& route : routes)
        text += (text.empty() ? "" : ", ") + std::string(route.changes ? "POST " : "") + std::string(route.path);
    return text;
}

std::optional<StatsReply> refuse_host(const StatsRequest& request, const StatsSources& sources) {
    if (request.over_unix) return std::nullopt;
    if (request.host_headers.size() > 1) return refusal(400, "more than one Host header");
    if (request.host_headers.empty()) return request.http_1_0 ? std::nullopt : std::optional(refusal(400, "no Host header"));
    if (host_is_accepted(request.host_headers.front(), sources.accepted_hosts)) return std::nullopt;
    return refusal(403, "the Host header is not accepted; stats-host= adds names");
}

}  // namespace

bool host_is_accepted(std::string_view header, const std::vector<std::string>& names) {
    constexpr std::size_t host_bytes_max = 300;
    if (header.empty() || header.size() > host_bytes_max) return false;
    std::string host(header);
    std::string port;
    if (host.front() == '[') {
        const auto close = host.find(']');
        if (close == std::string::npos) return false;
        port = host.substr(close + 1);
        host = host.substr(1, close - 1);
        const auto address = Address::parse(host);
        return address && address->v6 && (port.empty() || (port.front() == ':' && parse_number(port.substr(1), 65535)));
    }
    if (const auto colon = host.find(':'); colon != std::string::npos) {
        if (!parse_number(std::string_view(host).substr(colon + 1), 65535)) return false;
        host.resize(colon);
    }
    if (const auto address = Address::parse(host)) return true;
    if (host.ends_with('.')) host.pop_back();
    host = lower_case(host);
    return host == "localhost" || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
               return name.starts_with("*.") ? host.size() >= name.size() && host.ends_with(std::string_view(name).substr(1))
                                             : host == name;
           });
}

std::vector<std::string> own_host_names(std::string_view host_name, std::string_view hosts, std::string_view resolv_conf) {
    std::vector<std::string> names;
    const auto add = [&](std::string name) {
        if (name.ends_with('.')) name.pop_back();
        if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    };
    const std::string own = lower_case(host_name);
    if (own.empty()) return names;
    const auto label = own.substr(0, own.find('.'));
    add(own);
    add(label);
    for (std::string_view line; rules::take_line(hosts, line);) {
        line = line.substr(0, line.find('#'));
        rules::take_word(line);  // the address
        for (auto word = rules::take_word(line); !word.empty(); word = rules::take_word(line))
            if (auto name = lower_case(word); name.starts_with(label + '.')) add(std::move(name));
    }
    for (std::string_view line; rules::take_line(resolv_conf, line);) {
        const auto key = rules::take_word(line);
        if (key != "search" && key != "domain") continue;
        for (auto word = rules::take_word(line); !word.empty(); word = rules::take_word(line))
            if (word != ".") add(label + '.' + lower_case(word));
    }
    return names;
}

StatsReply stopping() { return refusal(503, "lictor is shutting down"); }

StatsReply too_many_streams() { return refusal(503, "too many clients of /events; try again later"); }

StatsReply no_memory() { return refusal(503, "no memory left for this reply (memory-max); try again later"); }

StatsReply answer_stats_request(const StatsRequest& request, const StatsSources& sources) {
    if (auto refused = refuse_host(request, sources)) return *std::move(refused);
    const auto route = std::find_if(std::begin(routes), std::end(routes), [&](const Route& row) { return row.path == request.path; });
    if (route == std::end(routes)) return refusal(404, "no such path; paths: " + list_of_paths());
    const bool fits = route->changes ? request.method == "POST" : request.method == "GET" || request.method == "HEAD";
    if (!fits) {
        auto reply = refusal(405, "this path takes another method");
        reply.allow = route->changes ? "POST" : "GET, HEAD";
        return reply;
    }
    if (request.has_body) return refusal(413, "requests must not have a body");
    return route->handler(request, sources);
}

}  // namespace lictor::documents
