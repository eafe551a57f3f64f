// Two forms, told apart by their first word.
#include "conf/shadow_value.hpp"

#include "conf/option_values.hpp"

namespace lictor {

Result<ShadowRule> read_shadow(std::string_view text) {
    constexpr std::string_view log_word = "log:";
    constexpr std::uint16_t dns_port = 53;
    ShadowRule rule;
    if (!text.starts_with(log_word)) {
        const auto other = parse_endpoint(text, dns_port);
        if (!other) return Error{"shadow= takes log:FILE[,IP[#PORT]] or IP[#PORT]: " + other.error().text};
        rule.other = *other;
        return rule;
    }
    text.remove_prefix(log_word.size());
    const auto comma = text.rfind(',');
    rule.log_file = text.substr(0, comma);
    if (!rule.log_file.starts_with('/')) return Error{"shadow=log: needs the whole path of the query log, from / on"};
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

}  // namespace lictor
