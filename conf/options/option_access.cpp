// Parses boolean words and lists of record types.
#include "conf/options/option_access.hpp"

#include <algorithm>

#include "conf/base/ascii.hpp"

namespace lictor::conf::access {

Fault set_bool(const Setting& setting, bool& out) {
    const auto text = without_markers(setting.value);
    const auto word = lower_case(text);
    const auto is_word = [&](std::string_view one) { return word == one; };
    static constexpr std::string_view yes[] = {"", "1", "t", "true", "on", "yes"}, no[] = {"0", "f", "false", "off", "no"};
    out = std::any_of(std::begin(yes), std::end(yes), is_word);
    if (out || std::any_of(std::begin(no), std::end(no), is_word)) return std::nullopt;
    return shown(text) + " is neither true nor false";
}

Fault add_types(const Setting& setting, std::vector<std::uint16_t>& types) {
    for (const auto& item : split_list(setting.value)) {
        if (item.empty()) continue;
        const auto type = record_type(item);
        if (!type) return "bad RR type " + shown(item) + ": write a mnemonic (HTTPS, TXT) or a number";
        if (std::find(types.begin(), types.end(), *type) == types.end()) types.push_back(*type);
    }
    return std::nullopt;
}

Texts types_text(const std::vector<std::uint16_t>& types) {
    std::string out;
    for (const auto type : types) out += (out.empty() ? "" : ",") + record_type_text(type);
    return types.empty() ? Texts{} : Texts{out};
}

}  // namespace lictor::conf::access
