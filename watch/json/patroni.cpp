// Reads the keys `leader`, `members/<name>`, `config`, `failover`, `status`, `sync` as every Patroni since 1.x writes them. Member values
// are compact JSON of which only conn_url is certain, or, from the oldest versions, a bare `postgres://…?application_name=<api url>`. A
// member whose value cannot be read counts as absent. A value that is not a text in base64 did not come from Consul and makes the body an
// Error.
#include "watch/json/patroni.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "conf/base/ascii.hpp"
#include "watch/json/consul.hpp"
#include "watch/json/host_port.hpp"
#include "watch/json/tree.hpp"

namespace lictor::json {
namespace {

constexpr std::uint16_t postgres_port = 5432;

/// The first host of `postgres://[user[:password]@]host[:port][,host…]/…` (also `postgresql://`).
std::optional<HostPort> postgres_host(std::string_view url) {
    const auto scheme = url.find("://");
    if (scheme == std::string_view::npos) return std::nullopt;
    const std::string name = lower_case(url.substr(0, scheme));
    if (name != "postgres" && name != "postgresql") return std::nullopt;
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
    auto found = split_host_port(url.substr(0, url.find(',')));
    if (!found || !is_host(found->host) || found->port == 0) return std::nullopt;
    return found;
}

void read_conn_url(std::string_view url, catalog::MemberRow& row) {
    if (const auto found = postgres_host(url)) {
        row.host = catalog::HostText(found->host);
        row.port = found->port.value_or(postgres_port);
    }
}

/// The value of a query parameter, not decoded.
std::string_view parameter(std::string_view url, std::string_view name) {
    auto at = url.find('?');
    while (at != std::string_view::npos) {
        url.remove_prefix(at + 1);
        at = url.find('&');
        const auto pair = url.substr(0, at);
        if (pair.size() > name.size() && pair.substr(0, name.size()) == name && pair[name.size()] == '=')
            return pair.substr(name.size() + 1);
    }
    return {};
}

/// Tags come from a YAML file, where operators write booleans in several ways.
bool is_truthy(JsonValue value) {
    if (const auto truth = value.boolean()) return *truth;
    if (const auto number = value.number()) return *number != 0;
    const std::string word = lower_case(value.text_or_empty());
    return word == "true" || word == "yes" || word == "on" || word == "1";
}

std::string word_of(JsonValue value) {
    const std::string_view text = value.text_or_empty();
    return has_nul(text) ? std::string{} : std::string(text);
}

std::optional<catalog::MemberRow> member_of(std::string_view name, std::string_view value) {
    catalog::MemberRow row;
    row.name = name;
    if (value.substr(0, 8) == "postgres") {
        read_conn_url(value, row);
        row.api_url = parameter(value, "application_name");
        return row;
    }
    const auto tree = read_json(value, "member");
    if (!tree || !tree->root().is_object()) return std::nullopt;
    const JsonValue root = tree->root();
    read_conn_url(root.get("conn_url").text_or_empty(), row);
    row.role = word_of(root.get("role"));
    row.state = word_of(root.get("state"));
    row.replication_state = word_of(root.get("replication_state"));
    row.api_url = word_of(root.get("api_url"));
    row.version = word_of(root.get("version"));
    row.timeline = root.get("timeline").number();
    for (const char* key : {"xlog_location", "replay_lsn", "receive_lsn"})
        if (!row.lsn) row.lsn = root.get(key).number();
    row.replay_lsn = root.get("replay_lsn").number();
    row.noloadbalance = is_truthy(root.get("tags").get("noloadbalance"));
    return row;
}

std::optional<std::uint32_t> seconds_of(JsonValue value) {
    constexpr std::uint64_t max = 30 * 24 * 3600;
    const auto number = value.number(max);
    if (number) return static_cast<std::uint32_t>(*number);
    const auto digits = parse_number(value.text_or_empty(), max);
    return digits ? std::optional(static_cast<std::uint32_t>(*digits)) : std::nullopt;
}

void read_config(std::string_view value, catalog::ScopeFacts& facts) {
    const auto tree = read_json(value, "config");
    if (!tree) return;
    const JsonValue root = tree->root();
    facts.ttl = seconds_of(root.get("ttl"));
    facts.loop_wait = seconds_of(root.get("loop_wait"));
    facts.pause = is_truthy(root.get("pause"));
    // As Patroni tests it: an empty object is not a standby cluster.
    const JsonValue standby = root.get("standby_cluster");
    for (const char* key : {"host", "port", "restore_command"})
        if (const JsonValue part = standby.get(key); part && part.kind() != JsonKind::null) facts.standby_cluster = true;
}

/// `{"leader":…,"member":…}`; from the oldest versions `leader:member`.
bool asks_for_failover_now(std::string_view value) {
    const auto tree = read_json(value, "failover");
    if (!tree) return value.find(':') != std::string_view::npos && value.front() != '{';
    const JsonValue root = tree->root();
    const bool names_one = !root.get("leader").text_or_empty().empty() || !root.get("member").text_or_empty().empty();
    return names_one && root.get("scheduled_at").text_or_empty().empty();
}

/// `status` is `{"optime":<bytes>,…}`; the older `optime/leader` is the bare number.
std::optional<std::uint64_t> optime_of(std::string_view value) {
    if (const auto bare = parse_number(value, std::numeric_limits<std::int64_t>::max())) return bare;
    const auto tree = read_json(value, "status");
    return tree ? tree->root().get("optime").number() : std::nullopt;
}

/// `{"leader":…,"sync_standby":"a,b"}`; older versions write one name, or null.
std::vector<std::string> standbys_of(std::string_view value) {
    std::vector<std::string> names;
    const auto tree = read_json(value, "sync");
    if (!tree) return names;
    std::string_view left = tree->root().get("sync_standby").text_or_empty();
    while (!left.empty()) {
        const auto comma = std::min(left.find(','), left.size());
        const auto name = left.substr(0, comma);
        if (!name.empty() && !has_nul(name)) names.emplace_back(name);
        left.remove_prefix(std::min(comma + 1, left.size()));
    }
    return names;
}

/// Fills the facts key by key. `fault` is set by anything that Consul cannot have written.
class ScopeReader {
public:
    explicit ScopeReader(std::string_view prefix) : prefix_(prefix) {
        if (!prefix_.empty() && prefix_.back() != '/') prefix_ += '/';
    }

    void take(JsonValue entry) {
        const std::string_view key = entry.get("Key").text_or_empty();
        if (key.size() <= prefix_.size() || key.substr(0, prefix_.size()) != prefix_) return;
        facts.exists = true;
        const std::string_view name = key.substr(prefix_.size());
        if (name == "leader") take_leader(entry);
        else if (name == "config") read_config(value_of(entry), facts);
        else if (name == "failover") facts.failover_requested = asks_for_failover_now(value_of(entry));
        else if (name == "status") status_ = optime_of(value_of(entry));
        else if (name == "optime/leader") facts.optime = optime_of(value_of(entry));
        else if (name == "sync") facts.sync_standbys = standbys_of(value_of(entry));
        else if (name.substr(0, members.size()) == members) take_member(name.substr(members.size()), entry);
    }

    /// If both keys exist, `status` is the newer one.
    void finish() {
        if (status_) facts.optime = status_;
    }

    catalog::ScopeFacts facts;
    std::string fault;

private:
    static constexpr std::string_view members = "members/";

    std::string value_of(JsonValue entry) {
        if (entry.get("Value").is_other_than_text()) fault = "kv: a value that is not a text";
        auto value = decode_base64(entry.get("Value").text_or_empty());
        if (value) return std::move(*value);
        fault = "kv: " + value.error().text;
        return {};
    }

    /// A lock counts only while a session holds it: a released key keeps its value, and some tools release instead of deleting.
    void take_leader(JsonValue entry) {
        if (entry.get("Value").kind() == JsonKind::oversized) fault = "kv: the leader's name is too long";
        facts.leader_modify_index = entry.get("ModifyIndex").number().value_or(0);
        if (entry.get("Session").is_other_than_text()) fault = "kv: a session that is not a text";
        facts.leader_session = entry.get("Session").text_or_empty();
        std::string leader = value_of(entry);
        if (facts.leader_session.empty()) return;
        facts.leader = std::move(leader);
        facts.leader_lock_index = entry.get("LockIndex").number().value_or(0);
    }

    void take_member(std::string_view name, JsonValue entry) {
        if (name.empty() || has_nul(name) || name.find('/') != std::string_view::npos) return;
        auto row = member_of(name, value_of(entry));
        if (!row) return;
        row->session = entry.get("Session").text_or_empty();
        facts.members.emplace(std::string(name), std::move(*row));
    }

    std::string prefix_;
    std::optional<std::uint64_t> status_;
};

}  // namespace

Result<catalog::ScopeFacts> parse_patroni_scope(std::string_view body, std::string_view prefix) {
    ScopeReader reader(prefix);
    const auto read = read_json_list(body, "kv", [&](JsonValue entry) { reader.take(entry); });
    if (!read) return read.error();
    if (!reader.fault.empty()) return Error{reader.fault};
    reader.finish();
    return std::move(reader.facts);
}

}  // namespace lictor::json
