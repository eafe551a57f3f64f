// Escapes bytes as `\DDD`.
#include "conf/base/printable.hpp"

#include <algorithm>

namespace lictor {
namespace {

template <class Harmless>
std::string escaped(std::string_view text, std::size_t max, Harmless harmless) {
    std::string out;
    out.reserve(std::min(text.size(), max));
    for (const char c : text.substr(0, max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (harmless(byte)) {
            out += c;
            continue;
        }
        out += '\\';
        out += static_cast<char>('0' + byte / 100);
        out += static_cast<char>('0' + byte / 10 % 10);
        out += static_cast<char>('0' + byte % 10);
    }
    if (text.size() > max) out += "…";
    return out;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max) {
    return escaped(text, max,
                   [](unsigned char byte) { return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\'' && byte != '\\'; });
}

std::string quotable(std::string_view text, std::size_t max) {
    return escaped(text, max, [](unsigned char byte) { return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\'; });
}

std::string one_line(std::string_view message, std::size_t max) {
    return escaped(message, max, [](unsigned char byte) { return byte >= 0x20 && byte != 0x7f; });
}

}  // namespace lictor
