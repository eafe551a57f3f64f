// Writes a query without EDNS, for the control thread's own queries (loop probes, shadow).
#pragma once

#include <cstdint>
#include <vector>

#include "conf/base/bytes.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::control {

/// RD set, class IN, one question (RFC 1035 §4.1), without the length of TCP. `id` and `type` in host order.
inline std::vector<std::uint8_t> plain_query(std::uint16_t id, const wire::Name& name, std::uint16_t type) {
    std::vector<std::uint8_t> bytes;
    for (const unsigned field : {unsigned{id}, unsigned{header_bit::rd}, 1u, 0u, 0u, 0u}) append_u16(bytes, field);
    bytes.insert(bytes.end(), name.wire().begin(), name.wire().end());
    append_u16(bytes, type);
    append_u16(bytes, rrclass::in);
    return bytes;
}

}  // namespace lictor::control
