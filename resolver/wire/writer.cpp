// The writer: a reply built record by record into the caller's buffer; a record that does not fit leaves no trace.
#include <algorithm>
#include <cstring>
#include <vector>

#include "conf/base/result.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {
namespace {

constexpr std::size_t pointer_max = 0x3fff;  ///< RFC 1035 §4.1.4: fourteen bits

void store_u16(std::span<std::uint8_t> buffer, std::size_t at, std::uint16_t value) {
    buffer[at] = static_cast<std::uint8_t>(value >> 8);
    buffer[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace

bool Writer::room(std::size_t bytes) {
    const std::size_t end = std::min(buffer_.size(), limit_);
    if (broken_ || at_ + bytes + reserved_ > end) {
        broken_ = true;
        return false;
    }
    return true;
}

void Writer::put_u8(std::uint8_t value) {
    if (room(1)) buffer_[at_++] = value;
}

void Writer::put_u16(std::uint16_t value) {
    if (!room(2)) return;
    store_u16(buffer_, at_, value);
    at_ += 2;
}

void Writer::put_u32(std::uint32_t value) {
    put_u16(static_cast<std::uint16_t>(value >> 16));
    put_u16(static_cast<std::uint16_t>(value));
}

void Writer::put_bytes(Bytes bytes) {
    if (!room(bytes.size())) return;
    std::memcpy(buffer_.data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
}

/// Of the places beyond the first ones: chains of indexes, the newest first, so that the newest can be taken back.
struct Writer::Chained {
    static constexpr std::uint16_t none = 0xffff;
    struct Link {
        Place place;
        std::uint16_t next;
        std::uint8_t head;
    };
    std::vector<Link> links;
    std::array<std::uint16_t, 256> heads;

    Chained() { heads.fill(none); }
    static std::uint8_t head_of(Bytes tail) {
        std::uint32_t hash = static_cast<std::uint32_t>(tail.size());
        for (const std::uint8_t byte : tail.first(tail[0] + 1u)) hash = hash * 31 + byte;
        return static_cast<std::uint8_t>(hash ^ hash >> 8);
    }
    void add(Place place, Bytes tail) {
        const auto head = head_of(tail);
        links.push_back({place, heads[head], head});
        heads[head] = static_cast<std::uint16_t>(links.size() - 1);
    }
    void keep(std::size_t count) {
        for (; links.size() > count; links.pop_back()) heads[links.back().head] = links.back().next;
    }
};

Writer::Writer(std::span<std::uint8_t> buffer) : buffer_(buffer) {}
Writer::~Writer() = default;

/// The place may itself be compressed further on; it was written whole or as label + known place, so it is walked.
bool Writer::stands_at(const Place& place, Bytes tail) const {
    if (place.size != tail.size() || place.offset >= at_) return false;
    std::size_t read = place.offset, match = 0;
    for (;;) {
        const std::uint8_t length = buffer_[read];
        if (length >= 0xc0) {
            read = static_cast<std::size_t>(length & 0x3f) << 8 | buffer_[read + 1];
            continue;
        }
        if (std::memcmp(buffer_.data() + read, tail.data() + match, length + 1u) != 0) return false;
        if (length == 0) return true;
        read += length + 1u;
        match += length + 1u;
    }
}

std::optional<std::uint16_t> Writer::find_place(Bytes tail) const {
    const std::size_t first = std::min<std::size_t>(place_count_, places_.size());
    for (std::size_t i = 0; i < first; ++i)
        if (stands_at(places_[i], tail)) return places_[i].offset;
    if (place_count_ <= places_.size()) return std::nullopt;
    for (auto at = chained_->heads[Chained::head_of(tail)]; at != Chained::none; at = chained_->links[at].next)
        if (stands_at(chained_->links[at].place, tail)) return chained_->links[at].place.offset;
    return std::nullopt;
}

void Writer::add_place(Bytes tail) {
    const Place place{static_cast<std::uint16_t>(at_), static_cast<std::uint8_t>(tail.size())};
    if (place_count_ < places_.size()) {
        places_[place_count_++] = place;
        return;
    }
    if (!chained_) chained_ = std::make_unique<Chained>();
    chained_->add(place, tail);
    ++place_count_;
}

void Writer::put_name(const Name& name, bool compress) {
    // Longest tail that stands in the message already: RFC 1035 §4.1.4. Names are compared as they are, so a client's letter case lives on.
    const Bytes wire = name.wire();
    std::size_t at = 0;
    bool known = false;  // this tail stands already, so its labels need no further places
    while (wire[at] != 0) {
        const Bytes tail = wire.subspan(at);
        if (!known) {
            const auto place = find_place(tail);
            if (place && compress) {
                put_u16(static_cast<std::uint16_t>(0xc000 | *place));
                return;
            }
            known = place.has_value();
        }
        if (!known && at_ <= pointer_max) add_place(tail);
        put_bytes(tail.first(tail[0] + 1u));
        if (broken_) return;
        at += wire[at] + 1u;
    }
    put_u8(0);
}

void Writer::begin_reply(const Question& question, unsigned rcode, bool aa, bool ra) {
    at_ = 0;
    broken_ = full_ = false;
    place_count_ = 0;
    if (chained_) chained_->keep(0);
    counts_[0] = counts_[1] = counts_[2] = 0;
    const std::uint16_t bits = static_cast<std::uint16_t>(0x8000 | (question.header.bits & 0x7910) | (aa ? 0x0400 : 0) | (ra ? 0x0080 : 0) | (rcode & 15));
    put_u16(question.header.id);
    put_u16(bits);
    put_u32(0);
    put_u32(0);
    qdcount_ = 0;
    if (question.end != 0) {
        put_name(question.name, false);
        put_u16(question.type);
        put_u16(question.klass);
        qdcount_ = 1;
    }
    ensure(!broken_, "a reply's buffer holds its question");
}

bool Writer::begin_record(Section section, const Name& owner, std::uint16_t type, std::uint16_t klass, std::uint32_t ttl) {
    start_ = mark();
    section_ = section;
    broken_ = false;
    put_name(owner, true);
    put_u16(type);
    put_u16(klass);
    put_u32(ttl);
    length_at_ = at_;
    put_u16(0);
    if (broken_) {
        rewind(start_);
        full_ = true;
        return false;
    }
    return true;
}

bool Writer::end_record() {
    if (broken_ || at_ - length_at_ - 2 > 0xffff || counts_[static_cast<std::size_t>(section_)] == 0xffff) {
        rewind(start_);
        full_ = true;
        return false;
    }
    store_u16(buffer_, length_at_, static_cast<std::uint16_t>(at_ - length_at_ - 2));
    ++counts_[static_cast<std::size_t>(section_)];
    return true;
}

bool Writer::address_record(Section section, const Name& owner, std::uint32_t ttl, const Address& address) {
    if (!begin_record(section, owner, address.v6 ? rrtype::aaaa : rrtype::a, rrclass::in, ttl)) return false;
    put_bytes(address.raw());
    return end_record();
}

bool Writer::name_record(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target) {
    if (!begin_record(section, owner, type, rrclass::in, ttl)) return false;
    put_name(target, true);
    return end_record();
}

Writer::Mark Writer::mark() const { return {at_, {counts_[0], counts_[1], counts_[2]}, place_count_}; }

void Writer::rewind(const Mark& mark) {
    at_ = mark.at;
    std::copy(std::begin(mark.counts), std::end(mark.counts), std::begin(counts_));
    place_count_ = mark.names;
    if (chained_) chained_->keep(place_count_ > places_.size() ? place_count_ - places_.size() : 0);
    broken_ = false;
}

void Writer::write_opt(std::uint16_t udp_size, bool dnssec_ok, unsigned extended_rcode, std::optional<std::uint16_t> extended_error,
                       Bytes subnet) {
    reserved_ = 0;
    const Mark before = mark();
    broken_ = false;
    put_u8(0);
    put_u16(rrtype::opt);
    put_u16(udp_size);
    put_u32((extended_rcode >> 4 & 0xff) << 24 | (dnssec_ok ? 0x8000u : 0u));
    put_u16(static_cast<std::uint16_t>((extended_error ? 6 : 0) + (subnet.empty() ? 0 : option_head + subnet.size())));
    if (extended_error) {
        put_u16(15);  // RFC 8914
        put_u16(2);
        put_u16(*extended_error);
    }
    if (!subnet.empty()) {
        put_u16(8);  // RFC 7871
        put_u16(static_cast<std::uint16_t>(subnet.size()));
        put_bytes(subnet);
    }
    if (broken_) {
        rewind(before);
        full_ = true;
        return;
    }
    ++counts_[2];
    set_rcode(extended_rcode & 15);
}

void Writer::set_rcode(unsigned rcode) { buffer_[3] = static_cast<std::uint8_t>((buffer_[3] & 0xf0) | (rcode & 15)); }
void Writer::set_tc() { buffer_[2] |= 0x02; }

void Writer::set_bits(std::uint16_t set, std::uint16_t clear) {
    const auto bits = static_cast<std::uint16_t>(((buffer_[2] << 8 | buffer_[3]) | set) & ~clear);
    store_u16(buffer_, 2, bits);
}

Bytes Writer::finish() {
    store_u16(buffer_, 4, qdcount_);
    store_u16(buffer_, 6, counts_[0]);
    store_u16(buffer_, 8, counts_[1]);
    store_u16(buffer_, 10, counts_[2]);
    return buffer_.first(at_);
}

Bytes write_error(const Question& question, unsigned rcode, std::span<std::uint8_t> buffer, std::optional<std::uint16_t> extended_error) {
    Writer writer(buffer);
    writer.begin_reply(question, rcode & 15, false, true);
    if (question.edns.present) writer.write_opt(1232, question.edns.dnssec_ok, rcode, extended_error);
    return writer.finish();
}

}  // namespace lictor
