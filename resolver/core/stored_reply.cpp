// Copy and patch: the only work of a cache hit.
#include "resolver/core/stored_reply.hpp"

#include <algorithm>
#include <cstring>

#include "conf/base/result.hpp"

namespace lictor {
namespace {

std::uint16_t load_u16(Bytes bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]); }
void store_u16(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}
std::uint32_t load_u32(Bytes bytes, std::size_t at) { return std::uint32_t{load_u16(bytes, at)} << 16 | load_u16(bytes, at + 2); }
void store_u32(std::span<std::uint8_t> bytes, std::size_t at, std::uint32_t value) {
    store_u16(bytes, at, static_cast<std::uint16_t>(value >> 16));
    store_u16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

/// End of the record whose TTL stands at `ttl_at`.
std::size_t record_end(Bytes message, std::size_t ttl_at) { return ttl_at + 6 + load_u16(message, ttl_at + 4); }

/// How many whole records fit into `room` bytes, and where the last of them ends.
struct Cut {
    std::size_t records = 0, bytes = 0;
};
Cut whole_records(const StoredReply& reply, std::size_t question_end, std::size_t room) {
    Cut cut{0, question_end};
    for (const std::uint16_t ttl_at : reply.ttl_at) {
        const std::size_t end = record_end(reply.message, ttl_at);
        if (end > room) break;
        cut = {cut.records + 1, end};
    }
    return cut;
}

/// Copies the first `bytes` of the message, the records of the run starting with another one each time.
void copy_turned(const StoredReply& reply, std::size_t bytes, std::uint32_t turn, std::span<std::uint8_t> out) {
    const auto& run = reply.rotation;
    const std::size_t from = run.from, end = from + std::size_t{run.each} * run.count;
    if (run.count < 2 || turn % run.count == 0 || bytes <= from) {
        std::memcpy(out.data(), reply.message.data(), bytes);
        return;
    }
    const std::size_t shift = std::size_t{turn % run.count} * run.each;
    const std::size_t run_bytes = std::min(bytes, end) - from;
    const std::size_t first = std::min(run_bytes, end - from - shift);
    std::memcpy(out.data(), reply.message.data(), from);
    std::memcpy(out.data() + from, reply.message.data() + from + shift, first);
    std::memcpy(out.data() + from + first, reply.message.data() + from, run_bytes - first);
    if (bytes > end) std::memcpy(out.data() + end, reply.message.data() + end, bytes - end);
}

std::size_t put_opt(std::span<std::uint8_t> out, std::size_t at, std::uint32_t udp_size, bool dnssec_ok, std::optional<std::uint16_t> extended_error) {
    out[at] = 0;
    store_u16(out, at + 1, rrtype::opt);
    store_u16(out, at + 3, static_cast<std::uint16_t>(udp_size));
    store_u32(out, at + 5, dnssec_ok ? 0x8000u : 0u);
    store_u16(out, at + 9, extended_error ? 6 : 0);
    if (!extended_error) return at + Writer::opt_size;
    store_u16(out, at + 11, 15);  // RFC 8914
    store_u16(out, at + 13, 2);
    store_u16(out, at + 15, *extended_error);
    return at + Writer::opt_ede_size;
}

}  // namespace

std::size_t size_limit(const Edns& edns, bool over_tcp, std::uint32_t edns_packet_max) {
    if (over_tcp) return message_max;
    const std::size_t wanted = edns.present ? std::max<std::size_t>(edns.udp_size, 512) : 512;
    return std::min({wanted, std::max<std::size_t>(edns_packet_max, 512), udp_message_max});
}

Handed hand_out(const StoredReply& reply, const Asker& asker, const Handing& how, std::span<std::uint8_t> out) {
    const std::size_t limit = std::min(size_limit(asker.edns, asker.over_tcp, reply.opt ? udp_message_max : how.edns_packet_max), out.size());
    const std::size_t opt = reply.opt ? reply.opt->size() : !asker.edns.present ? 0 : reply.extended_error ? Writer::opt_ede_size : Writer::opt_size;
    const std::size_t question_end = header_size + asker.name.size() + 4;
    ensure(limit >= question_end + opt && reply.message.size() >= question_end, "a reply's buffer holds its question");

    Cut cut{reply.ttl_at.size(), reply.message.size()};
    if (cut.bytes + opt > limit) cut = whole_records(reply, question_end, limit - opt);
    copy_turned(reply, cut.bytes, how.turn, out);

    const std::uint16_t counts[3] = {load_u16(reply.message, 6), load_u16(reply.message, 8), load_u16(reply.message, 10)};
    std::size_t left = cut.records;
    for (std::size_t section = 0; section < 3; ++section) {
        const auto kept = static_cast<std::uint16_t>(std::min<std::size_t>(counts[section], left));
        left -= kept;
        store_u16(out, 6 + 2 * section, static_cast<std::uint16_t>(kept + (section == 2 && opt ? 1 : 0)));
    }
    // RFC 2181 §9: additional records may be left out without a word.
    const bool truncated = cut.records < std::size_t{counts[0]} + counts[1];

    store_u16(out, 0, asker.id);
    const auto bits = static_cast<std::uint16_t>(load_u16(reply.message, 2) | (reply.opt ? 0 : asker.bits & 0x0110) | (truncated ? 0x0200 : 0));
    store_u16(out, 2, bits);
    std::memcpy(out.data() + header_size, asker.name.data(), asker.name.size());
    for (std::size_t i = 0; i < cut.records; ++i) {
        const std::size_t at = reply.ttl_at[i];
        const std::uint32_t ttl = load_u32(out, at);
        std::uint32_t left_to_live = ttl > how.age ? ttl - how.age : 0;
        if (how.ttl_max) left_to_live = std::min(left_to_live, *how.ttl_max);
        store_u32(out, at, left_to_live);
    }
    if (reply.opt) {
        std::copy(reply.opt->begin(), reply.opt->end(), out.begin() + static_cast<std::ptrdiff_t>(cut.bytes));
        return {cut.bytes + opt, truncated};
    }
    const std::size_t size = opt ? put_opt(out, cut.bytes, how.edns_packet_max, asker.edns.dnssec_ok, reply.extended_error) : cut.bytes;
    return {size, truncated};
}

}  // namespace lictor
