// Applies the configured filters to a good reply, after it is read and before the kept records are written.
#include <algorithm>

#include "resolver/forward/scrub.hpp"
#include "resolver/rules/filters.hpp"

namespace lictor::forward {

/// The address in a record of ANSWER; nothing for other records.
std::optional<Address> Scrubber::address_in(wire::Bytes message, const Found& found) {
    const bool v4 = found.type == rrtype::a && found.size == 4, v6 = found.type == rrtype::aaaa && found.size == 16;
    if (found.section != 0 || (!v4 && !v6)) return std::nullopt;
    // An IPv4-mapped IPv6 address is filtered as its IPv4 address.
    const wire::Bytes data = message.subspan(found.data_at, found.size);
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return Address::from_bytes(v6 && std::equal(mapped.begin(), mapped.end(), data.begin()) ? data.subspan(12) : data);
}

/// Removes filtered records. Returns `good`, or the kind that replaces it.
Judgement::Kind Scrubber::filter(wire::Bytes message, const Asked& asked, const wire::Header& header) {
    using Kind = Judgement::Kind;
    const rules::Filters& filters = *asked.filters;
    const bool rebind = filters.checks_rebind(asked.lower);
    for (const Found& found : found_) {
        const auto address = address_in(message, found);
        if (!address) continue;
        if (header.rcode() == rcode::noerror && rules::within_any(filters.ignored, *address)) return Kind::ignored;
        if (rules::within_any(filters.bogus, *address)) {
            bogus_ttl_ = found.ttl;
            return Kind::bogus;
        }
        if (rebind && found.keep && rules::is_private(*address, filters.rebind_localhost_ok)) return Kind::rebind;
    }
    filtered_seconds_.reset();
    if (filters.types.empty()) return Kind::good;
    bool dropped = false;
    std::uint32_t shortest = 0xffffffff;
    for (Found& found : found_) {
        if (!found.keep || found.section != 0) continue;
        shortest = std::min(shortest, found.ttl);
        if (!filters.filters_type(found.type, asked.type)) continue;
        found.keep = false;
        dropped = true;
    }
    if (dropped) filtered_seconds_ = shortest;
    return Kind::good;
}

/// Applies `alias` to the IPv4 addresses of the written reply.
void Scrubber::translate(const rules::Filters& filters) {
    auto& message = reply_.message;
    for (const std::uint16_t at : reply_.ttl_at) {
        const unsigned type = static_cast<unsigned>(message[at - 4u]) << 8 | message[at - 3u];
        const unsigned size = static_cast<unsigned>(message[at + 4u]) << 8 | message[at + 5u];
        if (type != rrtype::a || size != 4) continue;
        const Address now = filters.translated(Address::from_bytes({message.data() + at + 6, 4}));
        std::copy_n(now.bytes.begin(), 4, message.begin() + at + 6);
    }
}

/// Replaces the reply with one without records: NXDOMAIN for bogus-nxdomain, NODATA for a rebind.
void Scrubber::write_empty(const Asked& asked, unsigned code, std::optional<std::uint32_t> lifetime) {
    wire::Question question;
    question.name = question.lower = asked.lower;
    question.type = asked.type;
    question.klass = asked.klass;
    question.end = wire::header_size + asked.lower.size() + 4;
    wire::Writer writer(buffer_);
    writer.begin_reply(question, code, header_bit::ra);
    const wire::Bytes whole = writer.finish();
    reply_ = {};
    reply_.message.assign(whole.begin(), whole.end());
    reply_.negative = true;
    reply_.seconds = lifetime;
}

}  // namespace lictor::forward
