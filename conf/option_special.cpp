// Each function here answers for one option what its value means; the rows in option_rows.cpp name them.
#include "conf/option_special.hpp"

#include "conf/shown.hpp"

namespace lictor::access {
namespace {

// dnsmasq's own ceiling for its floor (TTL_FLOOR_LIMIT): a higher floor would keep what has moved for too long.
constexpr std::uint32_t min_cache_ttl_max = 3600;
// Blocking queries that a Consul agent takes from one client address unless told otherwise (limits.http_max_conns_per_client is 200).
constexpr std::uint32_t watches_by_default = 180;

/// The words that Consul's tools take for a boolean, and what files usually say.
std::optional<bool> parse_bool(std::string_view text) {
    for (const std::string_view word : {"1", "t", "true", "on", "yes"})
        if (lower_case(text) == word) return true;
    for (const std::string_view word : {"0", "f", "false", "off", "no"})
        if (lower_case(text) == word) return false;
    return std::nullopt;
}

Fault parse_bool_into(const Setting& setting, bool& out) {
    const auto text = plain(setting.value);
    const auto value = parse_bool(text);
    if (!value) return shown(text) + " is neither true nor false";
    out = *value;
    return std::nullopt;
}

}  // namespace

Fault nothing(const Setting&) { return std::nullopt; }
Texts nothing_of(const Options&) { return {}; }

Fault set_port(const Setting& setting) {
    if (auto fault = set_number<&Options::port, 0, 65535>(setting)) return fault;
    if (setting.options.port == 0) setting.notes.push_back("0 switches DNS off: no question is answered");
    return std::nullopt;
}

Texts get_listen_address(const Options& options) {
    Texts out;
    for (const auto& address : options.listen_address) out.push_back(address.text());
    return out;
}

Fault set_resolv_file(const Setting& setting) {
    // As in dnsmasq, an empty name switches the reading of any such file off.
    if (setting.value.empty()) {
        setting.options.no_resolv = true;
        return std::nullopt;
    }
    return add_text<&Options::resolv_file>(setting);
}

Fault set_min_cache_ttl(const Setting& setting) {
    if (auto fault = set_number<&Options::min_cache_ttl, 0, ttl_max>(setting)) return fault;
    auto& ttl = *setting.options.min_cache_ttl;
    if (ttl > min_cache_ttl_max) {
        setting.notes.push_back("above 3600 it keeps what has moved for too long: 3600 is used");
        ttl = min_cache_ttl_max;
    }
    return std::nullopt;
}

Fault add_consul_http_addr(const Setting& setting) {
    setting.consul.address = true;
    if (setting.value.empty()) {
        setting.consul.off = true;
        return std::nullopt;
    }
    const auto text = plain(setting.value);
    auto address = parse_consul_address(text, setting.consul.tls);
    if (!address) return address.error().text;
    const auto scheme = text.find("://");
    const auto behind = scheme == std::string::npos ? std::string() : text.substr(scheme + 3);
    const auto host = behind.substr(0, behind.find('/'));
    if (address->unix_path.empty() && !host.empty() && host.find(':', host.starts_with('[') ? host.find(']') : 0) == std::string::npos)
        setting.notes.push_back("no port in " + shown(text) + ": " + address->url + " is used");
    setting.options.consul_http_addr.push_back(*std::move(address));
    return std::nullopt;
}

Texts get_consul_http_addr(const Options& options) {
    if (options.consul_http_addr.empty()) return {""};
    Texts out;
    for (const auto& address : options.consul_http_addr) out.push_back(quoted(text_of(address)));
    return out;
}

Fault set_consul_dns(const Setting& setting) {
    setting.consul.dns = true;
    setting.options.consul_dns.reset();
    if (setting.value.empty()) return std::nullopt;
    auto place = parse_server_place(plain(setting.value), 8600);
    if (!place) return place.error().text;
    setting.options.consul_dns = *std::move(place);
    return std::nullopt;
}

Texts get_consul_dns(const Options& options) { return {options.consul_dns ? options.consul_dns->text() : std::string()}; }

Fault set_consul_tls(const Setting& setting) { return parse_bool_into(setting, setting.consul.tls); }

Fault set_consul_tls_verify(const Setting& setting) {
    if (auto fault = parse_bool_into(setting, setting.options.consul_tls_verify)) return fault;
    if (!setting.options.consul_tls_verify) setting.notes.push_back("SECURITY: Consul's certificate is not checked");
    return std::nullopt;
}

Texts get_consul_tls_verify(const Options& options) { return options.consul_tls_verify ? Texts{} : Texts{"false"}; }

Fault add_consul_domain(const Setting& setting) {
    auto text = plain(setting.value);
    if (text.starts_with('.')) text.erase(0, 1);
    auto name = parse_domain(text);
    if (!name) return name.error().text;
    setting.options.consul_domain.push_back(*std::move(name));
    return std::nullopt;
}

Fault set_consul_consistency(const Setting& setting) {
    const auto word = plain(setting.value);
    if (word == "stale") setting.options.consul_consistency = ConsulConsistency::stale;
    else if (word == "default") setting.options.consul_consistency = ConsulConsistency::fresh;
    else if (word == "consistent") setting.options.consul_consistency = ConsulConsistency::consistent;
    else return shown(word) + " is none of stale, default, consistent";
    return std::nullopt;
}

Texts get_consul_consistency(const Options& options) {
    switch (options.consul_consistency) {
        case ConsulConsistency::stale: return {"stale"};
        case ConsulConsistency::fresh: return {"default"};
        case ConsulConsistency::consistent: break;
    }
    return {"consistent"};
}

Fault set_consul_only_passing(const Setting& setting) {
    bool value = true;
    if (!setting.value.empty())
        if (auto fault = parse_bool_into(setting, value)) return fault;
    setting.options.consul_only_passing = value;
    return std::nullopt;
}

Texts get_consul_only_passing(const Options& options) {
    if (!options.consul_only_passing) return {};
    return {*options.consul_only_passing ? "on" : "off"};
}

Fault set_leader_probe(const Setting& setting) {
    bool value = true;
    if (!setting.value.empty())
        if (auto fault = parse_bool_into(setting, value)) return fault;
    setting.options.leader_probe = value;
    return std::nullopt;
}

Texts get_leader_probe(const Options& options) { return {options.leader_probe ? "on" : "off"}; }

Fault set_consul_dns_compat(const Setting& setting) {
    const auto word = plain(setting.value);
    if (word == "fixed") setting.options.consul_dns_compat = ConsulCompat::fixed;
    else if (word == "strict") setting.options.consul_dns_compat = ConsulCompat::strict;
    else return shown(word) + " is none of fixed, strict";
    return std::nullopt;
}

Texts get_consul_dns_compat(const Options& options) { return {options.consul_dns_compat == ConsulCompat::fixed ? "fixed" : "strict"}; }

Fault set_consul_watch_max(const Setting& setting) {
    if (auto fault = set_number<&Options::consul_watch_max, 1, 10000>(setting)) return fault;
    if (setting.options.consul_watch_max > watches_by_default)
        setting.notes.push_back("a Consul agent takes 200 connections from one address unless its limits.http_max_conns_per_client is raised");
    return std::nullopt;
}

Fault add_stats_host(const Setting& setting) {
    const auto text = plain(setting.value);
    if (const auto address = Address::parse(text)) {
        setting.options.stats_host.push_back(address->text());
        return std::nullopt;
    }
    auto name = parse_domain(text);
    if (!name) return name.error().text + " (the name alone, without scheme and port)";
    setting.options.stats_host.push_back(*std::move(name));
    return std::nullopt;
}

Fault set_stats_address(const Setting& setting) {
    if (auto fault = set_checked<&Options::stats_address, parse_stats_address>(setting)) return fault;
    const auto& text = setting.options.stats_address;
    if (text.empty() || text.starts_with("unix:") || text.starts_with("localhost:")) return std::nullopt;
    const auto host = text.substr(0, text.rfind(':'));
    const auto address = Address::parse(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
    if (!address || !address->is_loopback()) setting.notes.push_back("SECURITY: the stats endpoint asks nobody for a password and is reachable from other machines at " + text);
    return std::nullopt;
}

}  // namespace lictor::access
