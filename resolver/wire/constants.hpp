// The numbers of the DNS protocol that this program uses, by the names of IANA's registry.
#pragma once

#include <cstdint>

#include "conf/values/dns_codes.hpp"

// In `lictor` itself: all folders above this one use them.
namespace lictor {

/// Types of records (RFC 1035 §3.2.2 and later).
namespace rrtype {
inline constexpr std::uint16_t a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, mx = 15, txt = 16, key = 25, aaaa = 28, srv = 33, naptr = 35,
                               dname = 39, opt = 41, ds = 43, rrsig = 46, nsec = 47, dnskey = 48, nsec3 = 50, svcb = 64, https = 65,
                               ixfr = 251, axfr = 252, any = 255;
}
/// Classes.
namespace rrclass {
inline constexpr std::uint16_t in = 1, chaos = 3, any = 255;
}
/// The header's second 16 bits (RFC 1035 §4.1.1; AD and CD: RFC 4035 §3). `opcode` and `rcode` are fields of four bits.
namespace header_bit {
inline constexpr std::uint16_t qr = 0x8000, opcode = 0x7800, aa = 0x0400, tc = 0x0200, rd = 0x0100, ra = 0x0080, ad = 0x0020, cd = 0x0010,
                               rcode = 0x000f;
}
/// Codes of EDNS options (RFC 7871, RFC 8914).
namespace edns_option {
inline constexpr std::uint16_t client_subnet = 8, cookie = 10, extended_error = 15;
}
/// DO in the lower 16 bits of an OPT record's TTL field (RFC 6891 §6.1.4).
inline constexpr std::uint16_t edns_dnssec_ok = 0x8000;

}  // namespace lictor
