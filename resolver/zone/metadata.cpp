// Quotes and escapes keys and values.
#include "resolver/zone/metadata.hpp"

#include <algorithm>

#include "conf/base/ascii.hpp"
#include "resolver/zone/near_list.hpp"

namespace lictor::zone {
namespace {

using Text = NearList<char, 1536>;  // Consul allows 128 bytes for a key and 512 for a value

/// Appends text as the agent's DNS library does: a backslash is removed and escapes what follows it (`\DDD` is one byte). Returns the size
/// of the text with the backslashes.
std::size_t put_unescaped(Text& out, std::string_view text) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out.push_back(text[i]);
        } else if (digit(i + 1) && digit(i + 2) && digit(i + 3)) {
            out.push_back(static_cast<char>((text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 + (text[i + 3] - '0')));
            i += 3;
        } else if (++i < text.size()) {
            out.push_back(text[i]);
        }
    }
    return text.size();
}

/// Appends `key=value`, the key quoted by RFC 1464; only the value for keys that begin with `rfc1035-`.
std::size_t write_attribute(Text& out, std::string_view key, std::string_view value) {
    static constexpr std::string_view plain = "rfc1035-";
    if (equal_ignoring_case(key.substr(0, plain.size()), plain)) return put_unescaped(out, value);
    Text quoted;
    const auto first = std::min(key.find_first_not_of(' '), key.size());
    const auto last = key.find_last_not_of(' ');
    for (std::size_t i = 0; i < key.size(); ++i) {
        const bool edge = key[i] == ' ' && (i < first || last == std::string_view::npos || i > last);
        if (edge || key[i] == '`' || key[i] == '=') quoted.push_back('`');
        if (first == key.size() && i + 1 == key.size()) quoted.push_back('`');  // in a key of blanks only, the last one is quoted twice
        quoted.push_back(key[i]);
    }
    quoted.push_back('=');
    for (const char c : value) {
        if (c == '`') quoted.push_back('`');
        quoted.push_back(c);
    }
    return put_unescaped(out, {quoted.begin(), quoted.size()});
}

}  // namespace

void put_metadata(ZoneReply& reply, ZoneReply::Section section, const wire::Name& owner, std::uint32_t ttl,
                  const catalog::NodeRecord& node) {
    for (const auto& [key, value] : node.meta) {
        Text text;
        const std::size_t before = write_attribute(text, key, value);
        if (!reply.put_txt(section, owner, ttl, {text.begin(), text.size()})) return;
        reply.count_unsent(before - text.size());
    }
}

}  // namespace lictor::zone
