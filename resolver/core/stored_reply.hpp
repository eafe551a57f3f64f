// A reply kept as bytes, and how it is handed to one client: id, flags, the question in the client's letters, TTLs aged, records turned
// round by round, cut to the client's size with TC, OPT only for who sent one. No allocation. Knows neither cache nor upstream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "resolver/wire/message.hpp"

namespace lictor {

/// A run of answer records of one type and one length: their order moves on by one with each reply, as dnsmasq's does.
struct Rotation {
    std::uint16_t from = 0;      ///< offset of the first
    std::uint16_t each = 0;      ///< bytes of one
    std::uint16_t count = 0;     ///< below 2: nothing turns
};

/// Looks at bytes that somebody else owns.
struct StoredReply {
    Bytes message;                             ///< header, the question, records; no OPT
    std::span<const std::uint16_t> ttl_at;     ///< offset of each record's TTL, in order
    Rotation rotation;
    std::optional<std::uint16_t> extended_error;
    std::optional<Bytes> opt = std::nullopt;   ///< as it came, if it is given back so; empty: there was none
};

/// What a reply takes from the question that it answers.
struct Asker {
    std::uint16_t id = 0;
    std::uint16_t bits = 0;      ///< RD and CD as asked
    Bytes name;                  ///< wire form, as the client wrote it
    Edns edns;
    bool over_tcp = false;
};

struct Handing {
    std::uint32_t age = 0;                       ///< seconds since the reply came
    std::optional<std::uint32_t> ttl_max;        ///< max-ttl
    std::uint32_t edns_packet_max = 1232;
    std::uint32_t turn = 0;                      ///< how often it was handed out before
};

struct Handed {
    std::size_t size = 0;
    bool truncated = false;
};

/// `out` must hold at least 512 bytes for UDP; over TCP its size is the limit. With `reply.opt` the size that the client offers counts alone.
Handed hand_out(const StoredReply& reply, const Asker& asker, const Handing& how, std::span<std::uint8_t> out);

/// Bytes that a reply may have for this client.
std::size_t size_limit(const Edns& edns, bool over_tcp, std::uint32_t edns_packet_max);

}  // namespace lictor
