// The sentences are for people; programs read the words beside them.
#include "resolver/documents/explain.hpp"

#include <algorithm>

#include "conf/metrics/cause_rows.hpp"
#include "conf/values/record_values.hpp"
#include "resolver/documents/record_text.hpp"
#include "resolver/documents/status_parts.hpp"
#include "resolver/rules/rules.hpp"
#include "watch/catalog/instances.hpp"
#include "watch/leader/words.hpp"

namespace lictor::documents {
namespace {

using answer::Answer;
using answer::CacheSeen;
using answer::Rule;
using answer::Step;
using core::Explanation;

constexpr std::size_t records_max = 64;

struct RuleRow {
    Rule rule;
    const char* word;
    const char* sentence;  ///< `{}` is replaced by the key
};
constexpr RuleRow rule_rows[] = {
    {Rule::consul_domain, "consul domain", "{} is a domain of Consul, answered from Consul's data"},
    {Rule::consul_reverse, "consul reverse", "reverse names below {} are Consul's"},
    {Rule::consul_assumed, "consul assumed", "{} would be Consul's domain, but no agent has answered yet: such names are forwarded"},
    {Rule::cname, "cname", "{} is an alias"},
    {Rule::names, "local name", "{} has addresses in local data"},
    {Rule::pointers, "local address", "{} has a name in local data"},
    {Rule::records, "local record", "{} has records in local data"},
    {Rule::synthesized, "synth-domain", "{} is a synthesized name"},
    {Rule::self_mx, "local MX", "{} is a local name, so it has an MX record"},
    {Rule::filterwin2k, "filterwin2k", "filterwin2k: such queries for {} are not forwarded"},
    {Rule::address, "address", "an address= line gives the domain {} its addresses"},
    {Rule::local_only, "local only", "the domain {} is answered from local data only"},
    {Rule::localhost, "localhost", "localhost is answered here (RFC 6761)"},
    {Rule::invalid, "invalid", "names below invalid do not exist (RFC 6761)"},
    {Rule::loopback_name, "loopback", "the name of the loopback address is localhost"},
    {Rule::bogus_priv, "bogus-priv", "bogus-priv: reverse names of private addresses are not forwarded"},
    {Rule::domain_needed, "domain-needed", "domain-needed: names without a dot are not forwarded"},
    {Rule::route, "route", "the upstreams for {}"},
    {Rule::agent_dns, "agent's DNS", "only the agent's DNS can answer {}"},
    {Rule::leader_soa, "leader-soa", "the SOA of {} rises with each new leader behind its aliases"},
    {Rule::chaos, "chaos", "{} is a name of class CHAOS"},
    {Rule::zone_transfer, "zone transfer", "zone transfers are not supported"},
};
static_assert(std::size(rule_rows) == static_cast<std::size_t>(Rule::count));
static_assert([] {
    for (std::size_t i = 0; i < std::size(rule_rows); ++i)
        if (rule_rows[i].rule != static_cast<Rule>(i)) return false;
    return true;
}());

std::string key_text(const Step& step) {
    if (step.dotless) return "names without a dot";
    if (step.key.is_root()) return "all names";
    // The key of `*.domain` begins with a label of one zero byte.
    const wire::Bytes wire = step.key.wire();
    if (wire[0] == 1 && wire[1] == 0) return "*." + step.key.parent().text();
    return step.key.text();
}

std::string sentence_of(const Step& step) {
    std::string text = rule_rows[static_cast<std::size_t>(step.rule)].sentence;
    if (const auto at = text.find("{}"); at != std::string::npos) text.replace(at, 2, key_text(step));
    return text;
}

const char* word(Answer::Kind kind) {
    switch (kind) {
        case Answer::Kind::answered: return "answered";
        case Answer::Kind::later: return "forwarded";
        case Answer::Kind::waits: return "held";
        case Answer::Kind::drop: return "no reply";
    }
    return "";
}

const char* word(answer::Source source) {
    switch (source) {
        case answer::Source::consul: return "consul";
        case answer::Source::leader: return "leader";
        case answer::Source::local: return "local";
        case answer::Source::cache: return "cache";
        case answer::Source::upstream: return "upstream";
        case answer::Source::agent_dns: return "agent_dns";
        case answer::Source::error: return "error";
    }
    return "";
}

const char* word(CacheSeen::State state) {
    switch (state) {
        case CacheSeen::State::hit: return "hit";
        case CacheSeen::State::stale: return "stale";
        case CacheSeen::State::failure: return "failure";
        case CacheSeen::State::miss: return "miss";
        case CacheSeen::State::off: return "off";
        case CacheSeen::State::not_used: return "not used";
    }
    return "";
}

bool has_entry(CacheSeen::State state) {
    return state == CacheSeen::State::hit || state == CacheSeen::State::stale || state == CacheSeen::State::failure;
}

std::string seconds_text(double seconds) { return std::to_string(static_cast<std::int64_t>(seconds)) + " s"; }

double seconds_of(microseconds span) { return std::chrono::duration<double>(span).count(); }

/// The watch report of a kind, name and datacenter; null if there is none.
const polling::WatchReport* watch_of(const Status& status, std::string_view kind, std::string_view name, std::string_view datacenter) {
    const auto found = std::ranges::find_if(status.watches, [&](const polling::WatchReport& row) {
        return row.kind == kind && row.name == name && row.datacenter == datacenter;
    });
    return found == status.watches.end() ? nullptr : &*found;
}

std::string upstream_names(const answer::ForwardSeen& seen) {
    std::string text;
    for (const auto& row : seen.upstreams) text += (text.empty() ? "" : ", ") + row.endpoint.text();
    return text.empty() ? "no upstream" : text;
}

std::string need_text(const catalog::Need& need) {
    const std::string there = need.datacenter.empty() ? "" : " of datacenter " + need.datacenter;
    switch (need.kind) {
        case catalog::Need::Kind::service: return "the first read of service " + need.name + there;
        case catalog::Need::Kind::nodes: return "the first read of the nodes" + there;
        case catalog::Need::Kind::leader: return "the next leader of " + need.name;
        case catalog::Need::Kind::host: return "the addresses of host " + need.name;
    }
    return "";
}

/// How many instances of a service are answered.
std::string service_sentence(const answer::ServiceSeen& seen, const catalog::ConsulSettings& settings) {
    if (!seen.entry) return "service " + seen.name + " is not known yet";
    const std::string name = "service " + seen.name + (seen.datacenter.empty() ? "" : " in " + seen.datacenter);
    if (seen.entry->state != catalog::FactState::known)
        return name + " is " + catalog::word(seen.entry->state) + (seen.entry->why.empty() ? "" : ": " + seen.entry->why);
    const auto& all = seen.entry->instances;
    if (all.empty()) return name + " has no instance that the token may see";
    const auto usable = std::ranges::count_if(
        all, [&](const auto& one) { return catalog::left_out(one, seen.tag.value_or(""), settings) == catalog::LeftOut::none; });
    return name + ": " + std::to_string(usable) + " of " + std::to_string(all.size()) + " instances are answered";
}

/// The whole result in one sentence.
std::string summary(const Explanation& of, unsigned worker) {
    const auto& seen = of.seen;
    std::string last = seen.steps.empty() ? std::string() : sentence_of(seen.steps.back());
    if (of.kind == Answer::Kind::waits && of.hold)
        return "waits for " + need_text(of.hold->need) + ", up to " + std::to_string(of.hold->bound.count() / 1000) + " ms" +
               (of.hold->leader_gap && !seen.leaders.empty() ? ": " + leader::leader_why(*seen.leaders.back()) : std::string());
    if (of.kind == Answer::Kind::later && seen.forward)
        return (seen.forward->in_flight ? "joins the same query in flight to " : "asks ") +
               std::string(seen.forward->agent ? "the agent's DNS, " : "") + upstream_names(*seen.forward) +
               (seen.cache && seen.cache->state == CacheSeen::State::miss ? "; worker " + std::to_string(worker) + " has no reply cached"
                                                                          : "");
    if (of.kind != Answer::Kind::answered) return "gets no reply";
    if (of.source == answer::Source::error) return of.text.empty() ? "fails" : of.text;
    if (of.source == answer::Source::cache && seen.cache)
        return "from the cache of worker " + std::to_string(worker) + ", " + seconds_text(seen.cache->age) + " old" +
               (seen.cache->left.count() > 0 ? ", for " + seconds_text(seconds_of(seen.cache->left)) + " more" : ", expired");
    if (!seen.leaders.empty()) return leader::leader_why(*seen.leaders.back());
    if (!seen.services.empty()) return service_sentence(seen.services.back(), *of.view->catalog->settings);
    return last;
}

void write_steps(JsonWriter& json, const Explanation& of, const Sources& sources) {
    json.key("steps").open_list();
    for (std::size_t i = 0; i < of.seen.steps.size() && i < texts_shown_max; ++i) {
        const Step& step = of.seen.steps[i];
        const Origin origin = origin_of(step, *of.view->rules, sources);
        json.open_object();
        json.field("rule", rule_rows[static_cast<std::size_t>(step.rule)].word);
        json.field("key", shown(key_text(step)));
        json.field("text", shown(sentence_of(step)));
        json.field("line", shown(origin.text));
        json.field("place", shown(origin.place));
        json.close_object();
    }
    json.close_list();
}

void write_records(JsonWriter& json, const Explanation& of) {
    std::size_t total = 0;
    json.key("records").open_list();
    for (const RecordText& record : record_texts(of.message, records_max, total)) {
        json.open_object();
        json.field("section", record.section);
        json.field("owner", record.owner);
        json.field("ttl", record.ttl);
        json.field("type", record.type);
        json.field("data", record.data);
        json.close_object();
    }
    json.close_list();
    json.field("records_total", total);
}

void write_cause(JsonWriter& json, const Explanation& of) {
    json.key("cause");
    const metrics::CauseRow* row = metrics::row_of(of.cause);
    if (!row) {
        json.null();
        return;
    }
    json.open_object();
    json.field("word", row->word);
    json.key("extended_error");
    if (of.extended_error) json.number(*of.extended_error);
    else json.null();
    json.field("text", shown(of.text));
    json.field("meaning", row->meaning);
    json.close_object();
}

void write_leaders_seen(JsonWriter& json, const Explanation& of, Now now) {
    const auto& catalog = *of.view->catalog;
    json.key("leaders").open_list();
    for (const catalog::LeaderEntry* entry : of.seen.leaders) {
        json.open_object();
        json.field("scope", shown(entry->scope));
        json.field("service", shown(entry->service));
        json.field("state", leader::word(entry->state));
        json.field("reason", leader::word(entry->reason));
        json.field("why", leader::leader_why(*entry));
        json.field("answer", of.seen.deposed ? "withdrawn" : answer_word(*entry));
        json.field("member", shown(entry->member));
        json.field("lock_holder", shown(entry->holder));
        json.key("addresses").open_list();
        for (const auto& address : leader_addresses(catalog, *entry)) json.text(address.text());
        json.close_list();
        json.field("port", entry->port);
        json.field("lock_index", entry->lock_index);
        json.field("age_seconds", entry->since > Now{0} ? seconds_of(std::max(now - entry->since, microseconds{0})) : 0.0);
        json.close_object();
    }
    json.close_list();
}

void write_watch_ages(JsonWriter& json, const polling::WatchReport* watch) {
    json.key("read_seconds");
    if (watch && watch->age_seconds >= 0) json.decimal(watch->age_seconds);
    else json.null();
    json.field("watch_why", watch ? shown(watch->why) : std::string_view{});
}

void write_service(JsonWriter& json, const answer::ServiceSeen& seen, const Explanation& of, const Status& status) {
    const auto& settings = *of.view->catalog->settings;
    json.open_object();
    json.field("name", shown(seen.name));
    json.field("datacenter", shown(seen.datacenter));
    json.field("state", seen.entry ? catalog::word(seen.entry->state) : "unknown");
    json.field("why", seen.entry ? shown(seen.entry->why) : std::string_view{});
    json.field("text", shown(service_sentence(seen, settings)));
    json.field("stale", seen.entry && seen.entry->stale);
    json.field("index", seen.entry ? seen.entry->index : 0);
    json.key("changed_seconds");
    if (seen.entry && seen.entry->since > Now{0}) json.decimal(seconds_of(std::max(status.now - seen.entry->since, microseconds{0})));
    else json.null();
    write_watch_ages(json, watch_of(status, "service", seen.name, seen.datacenter));
    json.field("tag", seen.tag ? shown(*seen.tag) : std::string_view{});
    json.key("instances").open_list();
    const std::size_t total = seen.entry ? seen.entry->instances.size() : 0;
    for (std::size_t i = 0; i < total && i < instances_shown_max; ++i) {
        const catalog::Instance& one = seen.entry->instances[i];
        json.open_object();
        json.field("id", shown(one.id));
        json.field("node", shown(one.node->name));
        json.field("address", shown(one.address.empty() ? one.node->address.text : one.address.text));
        json.field("port", one.port);
        json.field("left_out", catalog::words(catalog::left_out(one, seen.tag.value_or(""), settings)));
        json.close_object();
    }
    json.close_list();
    json.field("instances_total", total);
    json.close_object();
}

void write_hosts(JsonWriter& json, const Explanation& of) {
    json.key("hosts").open_list();
    for (std::size_t i = 0; i < of.seen.hosts.size() && i < texts_shown_max; ++i) {
        const auto& [name, entry] = of.seen.hosts[i];
        json.open_object();
        json.field("name", shown(name));
        json.field("state", entry ? catalog::word(entry->state) : "unknown");
        json.key("addresses").open_list();
        if (entry)
            for (const auto* family : {&entry->v4, &entry->v6})
                for (const Address& address : *family) json.text(address.text());
        json.close_list();
        json.close_object();
    }
    json.close_list();
}

void write_nodes(JsonWriter& json, const Explanation& of, const Status& status) {
    json.key("nodes").open_list();
    for (const std::string& datacenter : of.seen.node_tables) {
        const auto found = of.view->catalog->nodes->find(datacenter);
        const catalog::NodeTable* table = found == of.view->catalog->nodes->end() ? nullptr : found->second.get();
        const auto* watch = watch_of(status, "nodes", "", datacenter);
        json.open_object();
        json.field("datacenter", shown(datacenter));
        json.field("state", table ? catalog::word(table->state) : "unknown");
        json.field("nodes_total", table ? table->in_order.size() : 0);
        json.field("index", watch ? watch->index : 0);
        write_watch_ages(json, watch);
        json.close_object();
    }
    json.close_list();
}

void write_caches(JsonWriter& json, const std::vector<WorkerExplanation>& all) {
    json.key("caches").open_list();
    for (const auto& one : all) {
        const auto& cache = one.explanation.seen.cache;
        if (!cache) continue;
        json.open_object();
        json.field("worker", one.worker);
        json.field("state", word(cache->state));
        json.key("age_seconds");
        if (has_entry(cache->state)) json.number(cache->age);
        else json.null();
        json.key("expires_seconds");
        if (has_entry(cache->state)) json.decimal(seconds_of(cache->left));
        else json.null();
        json.close_object();
    }
    json.close_list();
}

void write_forward(JsonWriter& json, const Explanation& of) {
    json.key("forward");
    if (!of.seen.forward) {
        json.null();
        return;
    }
    const answer::ForwardSeen& seen = *of.seen.forward;
    json.open_object();
    json.field("agent_dns", seen.agent);
    json.field("all_at_once", seen.all);
    json.field("in_flight", seen.in_flight);
    json.key("upstreams").open_list();
    for (std::size_t i = 0; i < seen.upstreams.size() && i < texts_shown_max; ++i) {
        const answer::UpstreamSeen& up = seen.upstreams[i];
        json.open_object();
        json.field("endpoint", up.endpoint.text());
        json.field("interface", shown(up.interface));
        json.key("rtt_ms");
        if (up.rtt.count() > 0) json.decimal(seconds_of(up.rtt) * 1000);
        else json.null();
        json.field("down", up.down);
        json.close_object();
    }
    json.close_list();
    json.close_object();
}

void write_hold(JsonWriter& json, const Explanation& of) {
    json.key("hold");
    if (!of.hold) {
        json.null();
        return;
    }
    json.open_object();
    json.field("waits_for", shown(need_text(of.hold->need)));
    json.field("at_most_ms", of.hold->bound.count() / 1000);
    json.field("then", of.hold->then_agent ? "the agent's DNS is asked" : "SERVFAIL");
    json.field("text", of.hold->then_agent ? std::string_view{} : shown(of.hold->text));
    json.close_object();
}

}  // namespace

std::string explain_json(const std::vector<WorkerExplanation>& all, std::size_t workers, const Status& status, const Sources& sources) {
    const Explanation& of = all.front().explanation;
    JsonWriter json;
    json.open_object();
    json.field("name", of.name.text());
    json.field("type", conf::record_type_text(of.type));
    json.field("worker", all.front().worker);
    json.field("workers", workers);
    json.field("result", word(of.kind));
    json.field("source", of.kind == Answer::Kind::answered ? word(of.source) : "");
    json.field("rcode", of.kind == Answer::Kind::answered ? rcode_text(of.rcode) : "");
    json.field("truncated", of.truncated);
    json.field("summary", shown(summary(of, all.front().worker)));
    write_records(json, of);
    write_cause(json, of);
    write_steps(json, of, sources);
    write_leaders_seen(json, of, status.now);
    json.key("services").open_list();
    for (std::size_t i = 0; i < of.seen.services.size() && i < members_shown_max; ++i) write_service(json, of.seen.services[i], of, status);
    json.close_list();
    write_nodes(json, of, status);
    write_hosts(json, of);
    write_caches(json, all);
    write_forward(json, of);
    write_hold(json, of);
    json.field("contact_lost", of.view->catalog->contact_lost);
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
