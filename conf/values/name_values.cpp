// Both kinds of names use one loop over the labels; they differ in the bytes that are allowed.
#include "conf/values/name_values.hpp"

#include <algorithm>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/values/ascii_name.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t label_bytes_max = 63;
constexpr std::size_t name_bytes_max = 253;  // 255 on the wire, less the first length byte and the root

bool is_host_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

/// `fault_of(byte)` gives the error for a byte that is not allowed in a label, or an empty text.
template <class FaultOf>
Result<std::string> parse_name(std::string_view text, const char* what, FaultOf fault_of) {
    const auto ascii = ascii_name(text);
    if (!ascii) return ascii.error();
    auto name = lower_case(*ascii);
    if (name.ends_with('.')) name.pop_back();
    if (name.empty()) return Error{std::string("empty ") + what};
    if (name.size() > name_bytes_max) return Error{what + (' ' + shown(text)) + " is longer than 255 bytes"};
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) return Error{std::string("empty label in ") + what + ' ' + shown(text)};
            label = 0;
            continue;
        }
        if (auto fault = fault_of(c); !fault.empty()) return Error{std::move(fault)};
        if (++label > label_bytes_max) return Error{std::string("a label of ") + what + ' ' + shown(text) + " is longer than 63 bytes"};
    }
    if (label == 0) return Error{std::string("empty label in ") + what + ' ' + shown(text)};
    return name;
}

}  // namespace

Result<std::string> parse_domain(std::string_view text) {
    return parse_name(text, "domain name", [&](char c) {
        return is_host_byte(c)
                   ? std::string()
                   : "domain name " + shown(text) + " contains " + shown({&c, 1}) + ": only letters, digits, '-' and '_' are allowed";
    });
}

Result<std::string> parse_record_name(std::string_view text) {
    auto name = parse_name(text, "name", [&](char c) {
        if (c == '\\') return "backslash in name " + shown(text);
        return c == 0x7f ? "control byte in name " + shown(text) : std::string();
    });
    if (name && name->find_first_not_of(' ') == std::string::npos) return Error{"empty name"};
    return name;
}

}  // namespace lictor::conf
