// Implements Patroni's conversion of a scope to a service name (a regular expression over code points in its ConsulClient).
#include "conf/values/leader_name.hpp"

#include <cstdint>

#include "conf/base/ascii.hpp"

namespace lictor::conf {

std::string patroni_service_name(const std::string& scope) {
    // The scope is UTF-8 and Patroni converts code points, so the bytes are decoded first.
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

std::string service_of(const LeaderRule& rule) {
    return rule.service.empty() ? patroni_service_name(rule.scope) : lower_case(rule.service);
}

std::string keys_of(const LeaderRule& rule) {
    if (!rule.key.empty()) return rule.key;
    return (rule.name_space.empty() ? "" : rule.name_space + '/') + rule.scope + '/';
}

}  // namespace lictor::conf
