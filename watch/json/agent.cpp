// The names below `DebugConfig` are not a stable interface of Consul, so a field that is missing or of another type keeps the setting.
// Durations are Go's texts ("1m30s", "1.5s"), cut to whole seconds as the agent cuts a TTL.
#include "watch/json/agent.hpp"

#include <limits>
#include <optional>
#include <utility>

#include "conf/base/ascii.hpp"
#include "watch/json/tree.hpp"

namespace lictor::json {
namespace {

struct Unit {
    std::string_view name;
    double seconds;
};
// Longer names first where one begins another ("ms" before "m").
constexpr Unit units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, {"\xce\xbcs", 1e-6},
                          {"ms", 1e-3}, {"s", 1},     {"m", 60},           {"h", 3600}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Removes `12` or `1.5` from the front.
std::optional<double> take_number(std::string_view& text) {
    double value = 0;
    double scale = 1;
    bool any = false;
    bool behind_dot = false;
    while (!text.empty() && (is_digit(text.front()) || (text.front() == '.' && !behind_dot))) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '.') {
            behind_dot = true;
            continue;
        }
        any = true;
        if (behind_dot) value += (scale /= 10) * (c - '0');
        else value = value * 10 + (c - '0');
    }
    return any ? std::optional(value) : std::nullopt;
}

std::optional<double> take_unit(std::string_view& text) {
    for (const auto& unit : units)
        if (text.substr(0, unit.name.size()) == unit.name) {
            text.remove_prefix(unit.name.size());
            return unit.seconds;
        }
    return std::nullopt;
}

std::optional<std::uint32_t> seconds_of(JsonValue duration) {
    std::string_view text = duration.text_or_empty();
    if (text.empty() || text.size() > 64) return std::nullopt;
    if (text == "0") return 0;
    double total = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        const auto unit = number ? take_unit(text) : std::nullopt;
        if (!unit) return std::nullopt;
        total += *number * *unit;
    }
    if (total >= static_cast<double>(std::numeric_limits<std::uint32_t>::max())) return std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(total);
}

void adopt(JsonValue value, std::uint32_t& into) {
    if (const auto number = value.number(std::numeric_limits<std::uint32_t>::max())) into = static_cast<std::uint32_t>(*number);
}

void adopt(JsonValue value, bool& into) {
    if (const auto truth = value.boolean()) into = *truth;
}

std::string domain_of(JsonValue value) {
    std::string domain = lower_case(value.text_or_empty());
    while (!domain.empty() && domain.back() == '.') domain.pop_back();
    while (!domain.empty() && domain.front() == '.') domain.erase(0, 1);
    return has_nul(domain) || domain.size() > 253 ? std::string{} : domain;
}

void read_debug(JsonValue debug, catalog::ConsulSettings& out) {
    const std::string domain = domain_of(debug.get("DNSDomain"));
    const std::string alternative = domain_of(debug.get("DNSAltDomain"));
    if (!domain.empty()) {
        out.domains = {domain};
        if (!alternative.empty() && alternative != domain) out.domains.push_back(alternative);
    }
    adopt(debug.get("DNSOnlyPassing"), out.only_passing);
    adopt(debug.get("DNSNodeMetaTXT"), out.node_meta_txt);
    adopt(debug.get("DNSEnableTruncate"), out.enable_truncate);
    adopt(debug.get("DNSDisableCompression"), out.disable_compression);
    adopt(debug.get("TranslateWANAddrs"), out.translate_wan);
    adopt(debug.get("DNSUDPAnswerLimit"), out.udp_answer_limit);
    adopt(debug.get("DNSARecordLimit"), out.a_record_limit);
    if (const auto ttl = seconds_of(debug.get("DNSNodeTTL"))) out.node_ttl = *ttl;
    if (const JsonValue recursors = debug.get("DNSRecursors"); recursors.is_list() || recursors.kind() == JsonKind::null)
        out.recursors = static_cast<bool>(recursors.first());
    if (const JsonValue ttls = debug.get("DNSServiceTTL"); ttls.is_object() || ttls.kind() == JsonKind::null) {
        out.service_ttl.clear();
        for (JsonValue ttl = ttls.first(); ttl; ttl = ttl.next())
            if (const auto value = seconds_of(ttl)) out.service_ttl.emplace_back(ttl.key(), *value);
    }
    const JsonValue soa = debug.get("DNSSOA");
    adopt(soa.get("Refresh"), out.soa_refresh);
    adopt(soa.get("Retry"), out.soa_retry);
    adopt(soa.get("Expire"), out.soa_expire);
    adopt(soa.get("Minttl"), out.soa_min_ttl);
}

void read_config(JsonValue config, catalog::ConsulSettings& out) {
    const auto adopt_text = [&](std::string_view name, std::string& into) {
        const auto text = config.get(name).text();
        if (text && !text->empty() && !has_nul(*text)) into = *text;
    };
    adopt_text("Datacenter", out.datacenter);
    out.datacenter = lower_case(out.datacenter);
    adopt_text("NodeName", out.node_name);
    std::string version = out.agent.version;
    adopt_text("Version", version);
    out.agent = {out.agent.strict, version};
}

}  // namespace

Result<catalog::ConsulSettings> parse_agent_self(std::string_view body, const catalog::ConsulSettings& base) {
    const auto tree = read_json(body, "agent/self");
    if (!tree) return tree.error();
    const JsonValue root = tree->root();
    if (!root.get("Config").is_object() && !root.get("DebugConfig").is_object())
        return Error{"agent/self: neither Config nor DebugConfig in the reply; is consul-http-addr the address of a Consul agent?"};
    catalog::ConsulSettings out = base;
    read_config(root.get("Config"), out);
    read_debug(root.get("DebugConfig"), out);
    return out;
}

}  // namespace lictor::json
