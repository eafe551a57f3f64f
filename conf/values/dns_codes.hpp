// Response codes and extended errors of DNS, by the names of IANA's registries.
#pragma once

#include <cstdint>

// In `lictor` itself: every part of the program names them.
namespace lictor {

/// Response codes (RFC 1035 §4.1.1, RFC 6895).
namespace rcode {
inline constexpr unsigned noerror = 0, formerr = 1, servfail = 2, nxdomain = 3, notimp = 4, refused = 5, badvers = 16, badcookie = 23;
}
/// Extended errors (RFC 8914 §5.2).
namespace ede {
inline constexpr std::uint16_t other = 0, stale_answer = 3, not_ready = 14, blocked = 15, filtered = 17, stale_nxdomain = 19,
                               no_reachable_authority = 22, network_error = 23;
}

}  // namespace lictor
