// Codes and layouts: RFC 7871 §6; 65074 is what dnsmasq and the resolvers that read it agreed on.
#include "resolver/core/client_options.hpp"

#include <algorithm>

namespace lictor {
namespace {

constexpr unsigned option_subnet = 8, option_cpe_id = 65074;

void put_u16(std::vector<std::uint8_t>& bytes, unsigned value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

std::vector<std::uint8_t> client_options(const Rules& rules, const Address& client) {
    std::vector<std::uint8_t> bytes;
    if (rules.add_subnet) {
        const ClientSubnet& subnet = *rules.add_subnet;
        const auto& fixed = client.v6 ? subnet.v6 : subnet.v4;
        const Address& address = fixed ? *fixed : client;
        const unsigned bits = std::min(client.v6 ? subnet.bits6 : subnet.bits4, address.v6 ? 128u : 32u);
        const std::size_t size = (bits + 7) / 8;
        put_u16(bytes, option_subnet);
        put_u16(bytes, static_cast<unsigned>(4 + size));
        put_u16(bytes, address.v6 ? 2 : 1);
        bytes.push_back(static_cast<std::uint8_t>(bits));
        bytes.push_back(0);
        bytes.insert(bytes.end(), address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(size));
        if (bits % 8) bytes.back() = static_cast<std::uint8_t>(bytes.back() & 0xff << (8 - bits % 8));
    }
    if (!rules.cpe_id.empty()) {
        put_u16(bytes, option_cpe_id);
        put_u16(bytes, static_cast<unsigned>(rules.cpe_id.size()));
        bytes.insert(bytes.end(), rules.cpe_id.begin(), rules.cpe_id.end());
    }
    return bytes;
}

std::vector<std::uint8_t> same_options(const Edns& edns) {
    std::vector<std::uint8_t> bytes;
    const Bytes subnet = edns.subnet_option();
    if (subnet.empty()) return bytes;
    put_u16(bytes, option_subnet);
    put_u16(bytes, static_cast<unsigned>(subnet.size()));
    bytes.insert(bytes.end(), subnet.begin(), subnet.end());
    return bytes;
}

bool depends_on_client(const ClientSubnet& subnet, const Address& client) {
    return client.v6 ? !subnet.v6 && subnet.bits6 > 0 : !subnet.v4 && subnet.bits4 > 0;
}

}  // namespace lictor
