// Makes one client's reply from a stored reply: sets the id, flags and question name of the client's query, lowers the TTLs by the age,
// rotates records, truncates with TC at the client's size, and leaves room for OPT. No allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "resolver/wire/message.hpp"

namespace lictor::wire {

/// A run of answer records of one type and one length. Each reply starts the run one record later, as in dnsmasq.
struct Rotation {
    std::uint16_t from = 0;   ///< offset of the first
    std::uint16_t each = 0;   ///< bytes of one
    std::uint16_t count = 0;  ///< below 2: no rotation
};

/// A reply as the cache or forwarding holds it. All members refer to memory of the caller.
struct StoredReply {
    Bytes message;                          ///< header, the question, records; no OPT
    std::span<const std::uint16_t> ttl_at;  ///< offset of each record's TTL, in order
    Rotation rotation;
    /// Strict mode: the upstream's OPT, sent unchanged (empty: it sent none). None: `conclude` writes OPT.
    std::optional<Bytes> opt = std::nullopt;
};

/// The parts of the client's query that its reply repeats or depends on.
struct Asker {
    std::uint16_t id = 0;
    std::uint16_t bits = 0;  ///< RD and CD of the query
    Bytes name;              ///< wire form, as the client wrote it
    Edns edns;
    bool over_tcp = false;
};

/// How a stored reply is written.
struct Serving {
    std::uint32_t age = 0;                 ///< seconds since the reply was received
    std::optional<std::uint32_t> ttl_max;  ///< max-ttl
    std::uint32_t edns_packet_max = 1232;
    std::uint32_t turn = 0;    ///< how often it was served before: the rotation's position
    std::size_t opt_room = 0;  ///< bytes kept free for an OPT record, which is not written here
};

/// The result of `serve`.
struct Served {
    std::size_t size = 0;  ///< bytes written
    bool truncated = false;
};

/// Writes the reply for `asker` into `out`, which holds at least 512 bytes for UDP; over TCP its size is the limit. With `reply.opt` only
/// the size that the client offers is the limit, not `edns_packet_max`.
Served serve(const StoredReply& reply, const Asker& asker, const Serving& how, std::span<std::uint8_t> out);

/// The default of edns-packet-max: such datagrams are not fragmented anywhere.
inline constexpr std::uint32_t edns_packet_default = 1232;

/// Largest reply for this client, in bytes: its EDNS size (512 without EDNS), at least 512 and at most `edns_packet_max` and 65,507; over
/// TCP 65,535. The default of edns-packet-max does not apply to clients on this host, to whom no datagram is fragmented. An
/// `edns_packet_max` below 512 counts as 512 (RFC 6891 §6.2.3).
std::size_t size_limit(const Edns& edns, bool over_tcp, std::uint32_t edns_packet_max);

}  // namespace lictor::wire
