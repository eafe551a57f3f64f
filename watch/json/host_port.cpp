// Splits at the colon and checks the host.
#include "watch/json/host_port.hpp"

#include <algorithm>
#include <limits>

#include "conf/base/address.hpp"

namespace lictor::json {

std::optional<HostPort> split_host_port(std::string_view text) {
    HostPort out;
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        out.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        if (!port.empty() && port.front() != ':') return std::nullopt;
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        out.host = text.substr(0, colon);
        port = text.substr(colon);
    }
    if (port.size() <= 1) return out;
    const auto number = parse_number(port.substr(1), std::numeric_limits<std::uint16_t>::max());
    if (!number) return std::nullopt;
    out.port = static_cast<std::uint16_t>(*number);
    return out;
}

bool is_host(std::string_view host) {
    constexpr std::size_t bytes_max = 255;
    return !host.empty() && host.size() <= bytes_max && std::none_of(host.begin(), host.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '/' || c == '\\' || c == '"';
    });
}

}  // namespace lictor::json
