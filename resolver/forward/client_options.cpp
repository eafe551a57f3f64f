// Client subnet: RFC 7871 §6. The code 65074 is not registered; it is the one that dnsmasq sends for add-cpe-id.
#include "resolver/forward/client_options.hpp"

#include <algorithm>

#include "conf/base/bytes.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::forward {
namespace {

constexpr std::uint16_t option_subnet = 8, option_cpe_id = 65074;

}  // namespace

std::vector<std::uint8_t> client_options(const rules::Rules& rules, const Address& client) {
    std::vector<std::uint8_t> bytes;
    if (rules.add_subnet) {
        const conf::ClientSubnet& subnet = *rules.add_subnet;
        const auto& fixed = client.v6 ? subnet.v6 : subnet.v4;
        const Address& address = fixed ? *fixed : client;
        const unsigned bits = std::min(client.v6 ? subnet.bits6 : subnet.bits4, address.v6 ? 128u : 32u);
        const std::size_t size = (bits + 7) / 8;
        append_u16(bytes, option_subnet);
        append_u16(bytes, 4 + size);
        append_u16(bytes, address.v6 ? 2 : 1);
        bytes.push_back(static_cast<std::uint8_t>(bits));
        bytes.push_back(0);
        bytes.insert(bytes.end(), address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(size));
        if (bits % 8) bytes.back() = static_cast<std::uint8_t>(bytes.back() & 0xff << (8 - bits % 8));
    }
    if (!rules.add_cpe_id.empty()) {
        append_u16(bytes, option_cpe_id);
        append_u16(bytes, rules.add_cpe_id.size());
        bytes.insert(bytes.end(), rules.add_cpe_id.begin(), rules.add_cpe_id.end());
    }
    return bytes;
}

std::vector<std::uint8_t> same_options(const wire::Edns& edns) {
    const wire::Bytes subnet = edns.subnet_option();
    if (subnet.empty()) return {};
    std::vector<std::uint8_t> bytes(4 + subnet.size());
    store_u16(bytes.data(), option_subnet);
    store_u16(bytes.data() + 2, static_cast<std::uint16_t>(subnet.size()));
    std::copy(subnet.begin(), subnet.end(), bytes.begin() + 4);
    return bytes;
}

bool depends_on_client(const conf::ClientSubnet& subnet, const Address& client) {
    return client.v6 ? !subnet.v6 && subnet.bits6 > 0 : !subnet.v4 && subnet.bits4 > 0;
}

}  // namespace lictor::forward
