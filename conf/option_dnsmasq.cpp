// Each function here answers for one option of dnsmasq what its value means; the rows in rows_*.hpp name them.
#include "conf/option_dnsmasq.hpp"

#include <algorithm>

#include "conf/shown.hpp"

namespace lictor::access {
namespace {

constexpr std::uint64_t queue_lines_max = 100, queue_lines_bare = 5;  // dnsmasq's bound, and what the bare name means
constexpr std::uint64_t stale_seconds_bare = 86400;

Fault not_a_number(std::string_view text) { return shown(text) + " is not a plain decimal number"; }

}  // namespace

Fault set_local_service(const Setting& setting) {
    const auto word = plain(setting.value);
    if (word.empty() || word == "net") setting.options.local_service = LocalService::net;
    else if (word == "host") setting.options.local_service = LocalService::host;
    else return shown(word) + " is neither net nor host";
    return std::nullopt;
}

Texts get_local_service(const Options& options) {
    if (options.local_service == LocalService::off) return {};
    return {options.local_service == LocalService::net ? "net" : "host"};
}

Fault add_reverse_server(const Setting& setting) {
    auto rule = parse_reverse_server(setting.value);
    if (!rule) return rule.error().text;
    setting.options.server.push_back(*std::move(rule));
    return std::nullopt;
}

Fault add_server(const Setting& setting) {
    auto rule = parse_server_rule(plain(setting.value));
    if (!rule) return rule.error().text;
    if (rule->standard && rule->domains.empty()) setting.notes.push_back("every name goes to the standard upstreams anyway: passed over");
    else setting.options.server.push_back(*std::move(rule));
    return std::nullopt;
}

Fault add_host_record(const Setting& setting) {
    auto record = parse_host_record(setting.value);
    if (!record) return record.error().text;
    if (record->addresses.empty()) setting.notes.push_back("no address in it: passed over");
    else setting.options.host_record.push_back(*std::move(record));
    return std::nullopt;
}

Fault set_forward_max(const Setting& setting) {
    if (auto fault = set_number<&Options::dns_forward_max, 0, 0x7fffffff>(setting)) return fault;
    auto& count = setting.options.dns_forward_max;
    if (count == 0) setting.notes.push_back("0 would refuse every question: 1 is used");
    count = std::clamp(count, 1u, 1000000u);
    return std::nullopt;
}

Fault set_edns_packet_max(const Setting& setting) {
    if (auto fault = set_number<&Options::edns_packet_max, 0, 0x7fffffff>(setting)) return fault;
    setting.options.edns_packet_max = std::clamp(setting.options.edns_packet_max, 512u, 65535u);
    return std::nullopt;
}

Fault set_query_port(const Setting& setting) { return set_number<&Options::query_port, 0, 65535>(setting); }

Fault add_domain(const Setting& setting) {
    auto value = parse_domain_rule(setting.value);
    if (!value) return value.error().text;
    setting.options.domain.push_back(std::move(value->rule));
    if (value->local) setting.options.server.push_back(*std::move(value->local));
    return std::nullopt;
}

Fault add_rebind_domains(const Setting& setting) {
    auto domains = parse_rebind_domains(setting.value);
    if (!domains) return domains.error().text;
    for (auto& domain : *domains) setting.options.rebind_domain_ok.push_back(std::move(domain));
    return std::nullopt;
}

Fault set_add_mac(const Setting& setting) {
    const auto word = plain(setting.value);
    if (word.empty()) setting.options.add_mac = AddMac::raw;
    else if (word == "base64") setting.options.add_mac = AddMac::base64;
    else if (word == "text") setting.options.add_mac = AddMac::text;
    else return shown(word) + " is neither base64 nor text";
    setting.notes.push_back("nothing is added: a client of this machine has no hardware address to tell");
    return std::nullopt;
}

Texts get_add_mac(const Options& options) {
    switch (options.add_mac) {
        case AddMac::off: return {};
        case AddMac::raw: return {""};
        case AddMac::base64: return {"base64"};
        case AddMac::text: break;
    }
    return {"text"};
}

Fault set_log_queries(const Setting& setting) {
    const auto word = plain(setting.value);
    auto& logging = setting.options.log_queries;
    if (word == "extra") logging = QueryLogging::extra;
    else if (logging == QueryLogging::off) logging = QueryLogging::plain;
    // dnsmasq takes any word here and heeds only those that it knows.
    if (!word.empty() && word != "extra") setting.notes.push_back(shown(word) + " adds nothing here: `extra` is the word that does");
    return std::nullopt;
}

Texts get_log_queries(const Options& options) {
    if (options.log_queries == QueryLogging::off) return {};
    return {options.log_queries == QueryLogging::extra ? "extra" : ""};
}

Fault set_log_async(const Setting& setting) {
    if (setting.value.empty()) {
        setting.options.log_async = static_cast<std::uint32_t>(queue_lines_bare);
        return std::nullopt;
    }
    const auto text = plain(setting.value);
    const auto lines = parse_number(text, 0x7fffffff);
    if (!lines) return not_a_number(text);
    setting.options.log_async = static_cast<std::uint32_t>(std::min(*lines, queue_lines_max));
    return std::nullopt;
}

Fault set_dumpmask(const Setting& setting) {
    // As C writes numbers: 0x in front of hexadecimal, 0 in front of octal.
    std::string_view digits = setting.value;
    unsigned base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) base = 16, digits.remove_prefix(2);
    else if (digits.size() > 1 && digits.starts_with('0')) base = 8, digits.remove_prefix(1);
    std::uint64_t mask = 0;
    for (const char c : digits) {
        const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                               : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                      : 99;
        mask = mask * base + digit;
        if (digit >= base || mask > 0xffffffff) return shown(setting.value) + " is not a mask: write 0x1000 for instance";
    }
    if (digits.empty()) return shown(setting.value) + " is not a mask: write 0x1000 for instance";
    setting.options.dumpmask = static_cast<std::uint32_t>(mask);
    return std::nullopt;
}

Fault set_fast_retry(const Setting& setting) {
    const auto retry = parse_fast_retry(setting.value);
    if (!retry) return retry.error().text;
    setting.options.fast_dns_retry = *retry;
    return std::nullopt;
}

Texts get_fast_retry(const Options& options) { return options.fast_dns_retry ? Texts{text_of(*options.fast_dns_retry)} : Texts{}; }

Fault set_add_subnet(const Setting& setting) {
    const auto subnet = parse_client_subnet(setting.value);
    if (!subnet) return subnet.error().text;
    setting.options.add_subnet = *subnet;
    return std::nullopt;
}

Texts get_add_subnet(const Options& options) { return options.add_subnet ? Texts{text_of(*options.add_subnet)} : Texts{}; }

Fault set_stale_cache(const Setting& setting) {
    if (!setting.value.empty()) return set_number<&Options::use_stale_cache, 0, ttl_max>(setting);
    setting.options.use_stale_cache = static_cast<std::uint32_t>(stale_seconds_bare);
    return std::nullopt;
}

Fault clear_0x20(const Setting& setting) {
    setting.options.do_0x20_encode = false;
    return std::nullopt;
}

Fault add_types(const Setting& setting, std::vector<std::uint16_t>& types) {
    for (const auto& item : split_list(setting.value)) {
        if (item.empty()) continue;
        const auto type = record_type(item);
        if (!type) return "bad RR type " + shown(item) + ": a mnemonic (HTTPS, TXT) or a number";
        if (std::find(types.begin(), types.end(), *type) == types.end()) types.push_back(*type);
    }
    return std::nullopt;
}

Texts types_text(const std::vector<std::uint16_t>& types) {
    std::string out;
    for (const auto type : types) out += (out.empty() ? "" : ",") + record_type_text(type);
    return types.empty() ? Texts{} : Texts{out};
}

}  // namespace lictor::access
