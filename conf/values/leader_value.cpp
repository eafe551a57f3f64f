// Parses the values of lictor's own options: `leader=`, the address of the stats endpoint, the destination of the log.
#include <algorithm>
#include <array>

#include "conf/base/printable.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"

namespace lictor::conf {
namespace {

constexpr std::array<std::string_view, 21> facilities = {"auth",   "security", "authpriv", "cron",   "daemon", "ftp",    "kern",
                                                         "lpr",    "mail",     "news",     "syslog", "user",   "uucp",   "local0",
                                                         "local1", "local2",   "local3",   "local4", "local5", "local6", "local7"};

std::string_view without_slashes(std::string_view text) {
    while (text.starts_with('/')) text.remove_prefix(1);
    while (text.ends_with('/')) text.remove_suffix(1);
    return text;
}

std::optional<Error> set_source(LeaderRule& rule, std::string_view word) {
    if (word == "kv") rule.source = LeaderRule::Source::kv;
    else if (word == "service") rule.source = LeaderRule::Source::service;
    else if (word == "node") rule.source = LeaderRule::Source::node;
    else return Error{"address=" + printable(word, 100) + " is not one of kv, service, node"};
    return std::nullopt;
}

struct LeaderWords {
    bool name_space = false, service = false, port = false, address = false, key = false;
};

std::optional<Error> set_word(LeaderRule& rule, LeaderWords& seen, std::string_view item) {
    const auto equals = item.find('=');
    const auto word = item.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    bool* used = word == "namespace" ? &seen.name_space
                 : word == "service" ? &seen.service
                 : word == "port"    ? &seen.port
                 : word == "address" ? &seen.address
                 : word == "key"     ? &seen.key
                                     : nullptr;
    if (!used || equals == std::string_view::npos) return Error{shown(item) + " is not one of namespace=, service=, port=, address=, key="};
    if (value.empty()) return Error{shown(item) + " has no value"};
    if (*used) return Error{std::string(word) + "= is given twice"};
    *used = true;
    if (word == "namespace") {
        rule.name_space = without_slashes(value);
    } else if (word == "service") {
        auto service = parse_domain(value);
        if (!service) return service.error();
        rule.service = *std::move(service);
    } else if (word == "port") {
        const auto port = parse_number(value, 65535);
        if (!port || *port == 0) return Error{shown(item) + " is not a port from 1 to 65535"};
        rule.port = static_cast<std::uint16_t>(*port);
    } else if (word == "address") {
        return set_source(rule, value);
    } else {
        if (value.ends_with('/')) return Error{"key=" + printable(value, 100) + " is a directory: write the key of the lock"};
        rule.key = without_slashes(value);
    }
    return std::nullopt;
}

/// An IP address (IPv6 in brackets only) or localhost: other names would have to be resolved before lictor serves.
bool is_stats_host(std::string_view host) {
    if (host == "localhost") return true;
    if (!host.starts_with('[')) return host.find(':') == std::string_view::npos && Address::parse(host);
    if (!host.ends_with(']')) return false;
    const auto inner = host.substr(1, host.size() - 2);
    return inner.find(':') != std::string_view::npos && Address::parse(inner);
}

}  // namespace

Result<LeaderRule> parse_leader(std::string_view value) {
    const auto items = split_list(value);
    LeaderRule rule;
    rule.scope = items.front();
    if (rule.scope.empty())
        return Error{"no scope: write SCOPE[,namespace=N][,service=S][,port=P][,address=kv|service|node] or NAME,key=PATH"};
    if (rule.scope.find('/') != std::string::npos)
        return Error{"scope " + shown(rule.scope) + " contains a '/': write the part before it as namespace=, or a key as NAME,key=PATH"};
    for (const std::string_view word : {"namespace=", "service=", "port=", "address=", "key="}) {
        if (rule.scope.starts_with(word)) return Error{"the scope or the name must be first, before " + shown(rule.scope)};
        if (rule.scope.find(' ' + std::string(word)) != std::string::npos)
            return Error{"a comma is missing before " + std::string(word) + " in " + shown(rule.scope)};
    }
    LeaderWords seen;
    for (std::size_t i = 1; i < items.size(); ++i)
        if (auto error = set_word(rule, seen, items[i])) return *std::move(error);
    if (seen.key && seen.name_space) return Error{"key= selects a key, namespace= a Patroni scope: write only one of them"};
    if (!seen.key) return rule;
    if (seen.service)
        return Error{"key= selects a lock, service= belongs to a Patroni scope: remove service=, the lock's name is " +
                     shown(rule.scope + ".leader")};
    if (!seen.address) rule.source = LeaderRule::Source::node;
    if (rule.source == LeaderRule::Source::service)
        return Error{"address=service is for Patroni scopes: write address=node, or address=kv for the address in the key's value"};
    const auto name = parse_domain(rule.scope);
    if (!name || name->find('.') != std::string::npos)
        return Error{"the lock's name " + shown(rule.scope) + " is not one label: write letters, digits and '-' only"};
    return rule;
}

std::string text_of(const LeaderRule& rule) {
    std::string out = quoted(rule.scope);
    if (rule.key.empty() && rule.name_space != "service")
        out += ',' + quoted("namespace=" + (rule.name_space.empty() ? "/" : rule.name_space));
    if (!rule.key.empty()) out += ',' + quoted("key=" + rule.key);
    if (!rule.service.empty()) out += ",service=" + rule.service;
    if (rule.port) out += ",port=" + std::to_string(rule.port);
    if (rule.source == LeaderRule::Source::service) out += ",address=service";
    if (rule.source == LeaderRule::Source::node && rule.key.empty()) out += ",address=node";
    if (rule.source == LeaderRule::Source::kv && !rule.key.empty()) out += ",address=kv";
    return out;
}

Result<std::string> parse_stats_address(std::string_view text) {
    constexpr std::string_view remedy = ": write 127.0.0.1:9153, [::1]:9153 or unix:///path; empty switches it off";
    if (text.empty()) return std::string();
    if (text.starts_with("unix:")) {
        if (!text.starts_with("unix:///") || text.size() == 8) return Error{shown(text) + " is not a socket" + std::string(remedy)};
        return std::string(text);
    }
    const auto colon = text.rfind(':');
    const auto host = text.substr(0, colon);
    const auto port = colon == std::string_view::npos ? std::nullopt : parse_number(text.substr(colon + 1), 65535);
    if (!port || *port == 0 || !is_stats_host(host)) return Error{shown(text) + " is not HOST:PORT" + std::string(remedy)};
    return std::string(text);
}

Result<std::string> parse_log_facility(std::string_view text) {
    if (text.empty() || text == "-" || text.find('/') != std::string_view::npos) return std::string(text);
    auto name = lower_case(text);
    if (std::find(facilities.begin(), facilities.end(), name) != facilities.end()) return name;
    return Error{shown(text) + " is not a syslog facility: write one (daemon, local0, …), the path of a file, or - for stderr"};
}

}  // namespace lictor::conf
