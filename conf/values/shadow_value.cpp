// A value that begins with `log:` contains the path of a query log. Any other value is the address of a server.
#include "conf/values/shadow_value.hpp"

#include "conf/values/option_values.hpp"

namespace lictor::conf {

Result<ShadowRule> read_shadow(std::string_view text) {
    constexpr std::string_view log_prefix = "log:";
    constexpr std::uint16_t dns_port = 53;
    ShadowRule rule;
    if (!text.starts_with(log_prefix)) {
        const auto other = parse_endpoint(text, dns_port);
        if (!other) return Error{"shadow= needs log:FILE[,IP[#PORT]] or IP[#PORT]: " + other.error().text};
        rule.other = *other;
        return rule;
    }
    text.remove_prefix(log_prefix.size());
    const auto comma = text.rfind(',');
    rule.log_file = text.substr(0, comma);
    if (!rule.log_file.starts_with('/')) return Error{"shadow=log: needs the absolute path of the query log"};
    rule.other = {Address::v4(127, 0, 0, 1), dns_port};
    if (comma == std::string_view::npos) return rule;
    const auto other = parse_endpoint(text.substr(comma + 1), dns_port);
    if (!other) return Error{"shadow=log:FILE,…: " + other.error().text};
    rule.other = *other;
    return rule;
}

Result<std::string> parse_shadow(std::string_view text) {
    if (text.empty()) return std::string();
    const auto rule = read_shadow(text);
    if (!rule) return rule.error();
    return std::string(text);
}

}  // namespace lictor::conf
