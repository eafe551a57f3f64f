// Implements the writer, which builds a message record by record in the caller's buffer.
#include <algorithm>
#include <cstring>
#include <vector>

#include "conf/base/result.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::wire {
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
    store_u16(buffer_.data() + at_, value);
    at_ += 2;
}

void Writer::put_u32(std::uint32_t value) {
    if (!room(4)) return;
    store_u32(buffer_.data() + at_, value);
    at_ += 4;
}

void Writer::put_bytes(Bytes bytes) {
    if (!room(bytes.size())) return;
    std::memcpy(buffer_.data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
}

/// The places beyond the first 64: chains of indexes, newest first, so that the newest can be removed again.
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

/// True if the name at `place` equals `tail`. The name may itself end in a pointer, so it is compared label by label.
bool Writer::stands_at(const Place& place, Bytes tail) const {
    if (place.size != tail.size() || place.offset >= at_) return false;
    std::size_t read = place.offset, match = 0;
    for (;;) {
        const std::uint8_t length = buffer_[read];
        if (length >= 0xc0) {
            read = load_u16(buffer_.data() + read) & pointer_max;
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

void Writer::put_name(const Name& name, Form form) {
    // The longest suffix that is already in the message becomes a pointer (RFC 1035 §4.1.4). Names are compared byte for byte, so that each
    // keeps its letter case.
    const Bytes wire = name.wire();
    std::size_t at = 0;
    bool known = false;  // this suffix is in the message already: no further place is added
    while (wire[at] != 0) {
        const Bytes tail = wire.subspan(at);
        if (!known) {
            const auto place = find_place(tail);
            if (place && form == Form::compressed) {
                put_u16(static_cast<std::uint16_t>(pointer_bits | *place));
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

void Writer::begin_reply(const Question& question, unsigned rcode, unsigned bits) {
    at_ = 0;
    broken_ = full_ = false;
    place_count_ = 0;
    if (chained_) chained_->keep(0);
    counts_[0] = counts_[1] = counts_[2] = 0;
    constexpr unsigned copied = header_bit::opcode | header_bit::rd | header_bit::cd;
    put_u16(question.header.id);
    put_u16(static_cast<std::uint16_t>(header_bit::qr | (question.header.bits & copied) | bits | (rcode & header_bit::rcode)));
    put_u32(0);
    put_u32(0);
    qdcount_ = 0;
    if (question.end != 0) {
        put_name(question.name, Form::whole);
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
    put_name(owner, Form::compressed);
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
    store_u16(buffer_.data() + length_at_, static_cast<std::uint16_t>(at_ - length_at_ - 2));
    ++counts_[static_cast<std::size_t>(section_)];
    return true;
}

bool Writer::address_record(Section section, const Name& owner, std::uint32_t ttl, const Address& address) {
    // The owner is the first name in the message, the question's, in nearly all answers: there is no place to look for.
    const Bytes name = owner.wire();
    if (place_count_ > 0 && places_[0].offset == header_size && places_[0].size == name.size() &&
        std::memcmp(buffer_.data() + header_size, name.data(), name.size()) == 0) {
        const Bytes raw = address.raw();
        std::uint16_t& count = counts_[static_cast<std::size_t>(section)];
        broken_ = false;
        if (at_ + 12 + raw.size() + reserved_ > std::min(buffer_.size(), limit_) || count == 0xffff) {
            full_ = true;
            return false;
        }
        std::uint8_t* const to = buffer_.data() + at_;
        store_u16(to, static_cast<std::uint16_t>(pointer_bits | header_size));
        store_u16(to + 2, address.v6 ? rrtype::aaaa : rrtype::a);
        store_u16(to + 4, rrclass::in);
        store_u32(to + 6, ttl);
        store_u16(to + 10, static_cast<std::uint16_t>(raw.size()));
        std::memcpy(to + 12, raw.data(), raw.size());
        at_ += 12 + raw.size();
        ++count;
        return true;
    }
    if (!begin_record(section, owner, address.v6 ? rrtype::aaaa : rrtype::a, rrclass::in, ttl)) return false;
    put_bytes(address.raw());
    return end_record();
}

bool Writer::name_record(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target) {
    if (!begin_record(section, owner, type, rrclass::in, ttl)) return false;
    put_name(target, Form::compressed);
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

Bytes Writer::finish() {
    store_u16(buffer_.data() + header_at::qdcount, qdcount_);
    store_u16(buffer_.data() + header_at::ancount, counts_[0]);
    store_u16(buffer_.data() + header_at::nscount, counts_[1]);
    store_u16(buffer_.data() + header_at::arcount, counts_[2]);
    return buffer_.first(at_);
}

Bytes write_error(const Question& question, unsigned rcode, std::span<std::uint8_t> buffer) {
    Writer writer(buffer);
    const bool is_query = question.header.opcode() == 0;
    writer.begin_reply(question, rcode, is_query ? header_bit::ra : 0u);
    // For another opcode only the opcode is copied: its meaning of the other bits is unknown (RFC 8906 §3.1.4).
    if (!is_query) writer.set_bits(0, header_bit::rd | header_bit::cd);
    return writer.finish();
}

std::size_t write_opt(std::span<std::uint8_t> buffer, std::size_t size, std::size_t limit, const Opt& opt) {
    const std::size_t subnet = opt.subnet.empty() ? 0 : option_head + opt.subnet.size();
    const std::size_t cookie = opt.cookie.empty() ? 0 : option_head + opt.cookie.size();
    const std::size_t least = size + (opt.extended_error ? opt_ede_size : opt_size) + subnet + cookie;
    limit = std::min(limit, buffer.size());
    if (least > limit) return size;
    const std::size_t text = opt.extended_error && least + opt.text.size() <= limit ? opt.text.size() : 0;
    std::size_t at = size;
    const auto put = [&](unsigned value) {
        store_u16(buffer.data() + at, static_cast<std::uint16_t>(value));
        at += 2;
    };
    const auto put_bytes = [&](const auto& bytes, std::size_t count) {
        std::copy_n(bytes.begin(), count, buffer.begin() + static_cast<std::ptrdiff_t>(at));
        at += count;
    };
    buffer[at++] = 0;  // the root
    put(rrtype::opt);
    put(opt.udp_size);
    put((opt.rcode >> 4 & 0xff) << 8);
    put(opt.dnssec_ok ? edns_dnssec_ok : 0u);
    put(static_cast<unsigned>(least + text - size - opt_size));
    if (opt.extended_error) {
        put(edns_option::extended_error);
        put(static_cast<unsigned>(2 + text));
        put(*opt.extended_error);
        put_bytes(opt.text, text);
    }
    if (subnet != 0) {
        put(edns_option::client_subnet);
        put(static_cast<unsigned>(opt.subnet.size()));
        put_bytes(opt.subnet, opt.subnet.size());
    }
    if (cookie != 0) {
        put(edns_option::cookie);
        put(static_cast<unsigned>(opt.cookie.size()));
        put_bytes(opt.cookie, opt.cookie.size());
    }
    std::uint8_t* const additional = buffer.data() + header_at::arcount;
    store_u16(additional, static_cast<std::uint16_t>(load_u16(additional) + 1));
    change_bits(buffer.data(), opt.rcode & header_bit::rcode, header_bit::rcode);
    return at;
}

}  // namespace lictor::wire
