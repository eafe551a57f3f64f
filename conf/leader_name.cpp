// Patroni's spelling of a scope as a service name (its ConsulClient makes it with a regular expression over code points).
#include "conf/leader_name.hpp"

#include <cstdint>

#include "conf/line_syntax.hpp"

namespace lictor {

std::string patroni_service_name(const std::string& scope) {
    // A scope is UTF-8 and Patroni numbers the code points, so bytes are gathered to those first.
    constexpr std::size_t name_bytes_max = 230;
    const auto byte_at = [&](std::size_t at) { return static_cast<unsigned char>(scope[at]); };
    std::string name;
    for (std::size_t at = 0; at < scope.size() && name.size() < name_bytes_max;) {
        const unsigned lead = byte_at(at++);
        unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
        std::uint32_t point = more == 3 ? lead & 0x07 : more == 2 ? lead & 0x0f : more == 1 ? lead & 0x1f : lead;
        for (; more > 0 && at < scope.size() && (byte_at(at) & 0xc0) == 0x80; --more) point = (point << 6) | (byte_at(at++) & 0x3fu);
        if (point >= 'A' && point <= 'Z') point += 'a' - 'A';
        if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9') || point == '-') {
            name += static_cast<char>(point);
        } else if (point == '.' || point == '_' || point == ' ') {
            name += '-';
        } else {
            std::string number = std::to_string(point);
            if (number.size() < 4) number.insert(0, 4 - number.size(), '0');
            name += 'u' + number;
        }
    }
    return name.substr(0, name_bytes_max);
}

std::string service_of(const LeaderRule& rule) { return rule.service.empty() ? patroni_service_name(rule.scope) : lower_case(rule.service); }

}  // namespace lictor
