// Copies the stored bytes, then changes the fields that differ for this client.
#include "resolver/wire/stored_reply.hpp"

#include <algorithm>
#include <cstring>

#include "conf/base/result.hpp"

namespace lictor::wire {
namespace {

/// End of the record whose TTL is at `ttl_at`.
std::size_t record_end(Bytes message, std::size_t ttl_at) { return ttl_at + 6 + load_u16(message.data() + ttl_at + 4); }

/// The number of whole records that fit into `room` bytes, and the end of the last of them.
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

/// Copies the first `bytes` of the message with the run of records rotated by `turn`.
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

}  // namespace

std::size_t size_limit(const Edns& edns, bool over_tcp, std::uint32_t edns_packet_max) {
    if (over_tcp) return message_max;
    const std::size_t offered = edns.present ? std::max<std::size_t>(edns.udp_size, 512) : 512;
    const bool unbounded = edns.same_host && edns_packet_max == edns_packet_default;
    return std::min({offered, unbounded ? udp_message_max : std::max<std::size_t>(edns_packet_max, 512), udp_message_max});
}

Served serve(const StoredReply& reply, const Asker& asker, const Serving& how, std::span<std::uint8_t> out) {
    const std::size_t limit =
        std::min(size_limit(asker.edns, asker.over_tcp, reply.opt ? udp_message_max : how.edns_packet_max), out.size());
    const std::size_t opt = reply.opt ? reply.opt->size() : how.opt_room;
    const std::size_t question_end = header_size + asker.name.size() + 4;
    ensure(limit >= question_end + opt && reply.message.size() >= question_end, "a reply's buffer holds its question");

    Cut cut{reply.ttl_at.size(), reply.message.size()};
    if (cut.bytes + opt > limit) cut = whole_records(reply, question_end, limit - opt);
    copy_turned(reply, cut.bytes, how.turn, out);

    const std::uint8_t* const stored = reply.message.data();
    const std::uint16_t counts[3] = {load_u16(stored + header_at::ancount), load_u16(stored + header_at::nscount),
                                     load_u16(stored + header_at::arcount)};
    std::size_t left = cut.records;
    for (std::size_t section = 0; section < 3; ++section) {
        const auto kept = static_cast<std::uint16_t>(std::min<std::size_t>(counts[section], left));
        left -= kept;
        store_u16(out.data() + header_at::ancount + 2 * section,
                  static_cast<std::uint16_t>(kept + (section == 2 && reply.opt && opt ? 1 : 0)));
    }
    // RFC 2181 §9: additional records may be left out without TC.
    const bool truncated = cut.records < std::size_t{counts[0]} + counts[1];

    store_u16(out.data() + header_at::id, asker.id);
    const unsigned copied = reply.opt ? 0u : asker.bits & (header_bit::rd | header_bit::cd);
    change_bits(out.data(), copied | (truncated ? header_bit::tc : 0u), 0);
    std::memcpy(out.data() + header_size, asker.name.data(), asker.name.size());
    for (std::size_t i = 0; i < cut.records; ++i) {
        const std::size_t at = reply.ttl_at[i];
        const std::uint32_t ttl = load_u32(out.data() + at);
        std::uint32_t left_to_live = ttl > how.age ? ttl - how.age : 0;
        if (how.ttl_max) left_to_live = std::min(left_to_live, *how.ttl_max);
        store_u32(out.data() + at, left_to_live);
    }
    if (!reply.opt) return {cut.bytes, truncated};
    std::copy(reply.opt->begin(), reply.opt->end(), out.begin() + static_cast<std::ptrdiff_t>(cut.bytes));
    return {cut.bytes + opt, truncated};
}

}  // namespace lictor::wire
