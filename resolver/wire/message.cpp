// Implements the reader. Each read is checked against the end of the message.
#include "resolver/wire/message.hpp"

#include <algorithm>

namespace lictor::wire {

std::uint8_t Reader::u8() {
    if (left() < 1) return fail<std::uint8_t>();
    return message_[at_++];
}

std::uint16_t Reader::u16() {
    if (left() < 2) return fail<std::uint16_t>();
    const auto value = load_u16(message_.data() + at_);
    at_ += 2;
    return value;
}

std::uint32_t Reader::u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
}

Bytes Reader::take(std::size_t count) {
    if (left() < count) return fail<Bytes>();
    const Bytes taken = message_.subspan(at_, count);
    at_ += count;
    return taken;
}

Name Reader::name() {
    std::array<std::uint8_t, 255> wire;  // NOLINT: only the first `size` bytes are read
    std::size_t size = 0, at = at_, resume = 0;
    std::size_t lowest = at_;  // a pointer must point before all that was read so far, so there is no loop
    for (;;) {
        if (!ok_ || at >= message_.size()) return fail<Name>();
        const std::uint8_t length = message_[at];
        if (length >= 0xc0) {
            if (at + 1 >= message_.size()) return fail<Name>();
            const std::size_t target = load_u16(message_.data() + at) & pointer_max;
            if (!resume) resume = at + 2;
            if (target >= lowest || target < header_size) return fail<Name>();
            lowest = at = target;
            continue;
        }
        if (length > 63 || size + length + 1u > wire.size() || at + length + 1u > message_.size()) return fail<Name>();
        std::memcpy(wire.data() + size, message_.data() + at, length + 1u);
        size += length + 1u;
        at += length + 1u;
        if (length == 0) break;
    }
    at_ = resume ? resume : at;
    return Name::from_wire({wire.data(), size});
}

std::optional<Header> read_header(Bytes message) {
    if (message.size() < header_size) return std::nullopt;
    Reader reader(message);
    Header header;
    header.id = reader.u16();
    header.bits = reader.u16();
    header.qdcount = reader.u16();
    header.ancount = reader.u16();
    header.nscount = reader.u16();
    header.arcount = reader.u16();
    return header;
}

std::optional<Record> read_record(Reader& reader) {
    Record record;
    record.owner = reader.name();
    record.type = reader.u16();
    record.klass = reader.u16();
    record.ttl_at = reader.position();
    record.ttl = reader.u32();
    const std::uint16_t length = reader.u16();
    record.rdata_at = reader.position();
    record.rdata = reader.take(length);
    if (!reader.ok()) return std::nullopt;
    return record;
}

namespace {

/// Keeps a client subnet option if it is well-formed: family, prefix length, scope, and exactly the address bytes that the prefix needs.
void keep_subnet(Bytes option, Edns& edns) {
    if (edns.subnet_size != 0 || option.size() < 4) return;
    const unsigned family = load_u16(option.data()), prefix = option[2];
    const unsigned most = family == 1 ? 32 : family == 2 ? 128 : 0;
    if ((family > 2) || prefix > most || option[3] > most || option.size() != 4 + (prefix + 7) / 8) return;
    std::copy(option.begin(), option.end(), edns.subnet.begin());
    edns.subnet_size = static_cast<std::uint8_t>(option.size());
    edns.subnet[3] = 0;
    if (prefix % 8 != 0) edns.subnet[edns.subnet_size - 1u] &= static_cast<std::uint8_t>(0xff << (8 - prefix % 8));
}

/// Keeps a COOKIE option (RFC 7873 §4). False if its length is none that the RFC allows.
bool keep_cookie(Bytes option, Edns& edns) {
    constexpr std::size_t client = 8, server_min = 8, server_max = 32, ours = 16;
    if (option.size() != client && (option.size() < client + server_min || option.size() > client + server_max)) return false;
    if (edns.cookie_size != 0) return true;
    edns.cookie_size = option.size() == client + ours ? client + ours : client;
    std::copy_n(option.begin(), edns.cookie_size, edns.cookie.begin());
    return true;
}

/// Reads what follows the question: takes OPT (RFC 6891 §6.1.1: at most one, owner root), skips all other records. As in BIND and unbound,
/// answers in a query and a KEY of another class are malformed.
QuestionFault read_rest(Reader& reader, const Header& header, std::uint16_t klass, Edns& edns) {
    if (header.ancount != 0) return QuestionFault::formerr;
    const unsigned records = unsigned{header.ancount} + header.nscount + header.arcount;
    for (unsigned i = 0; i < records; ++i) {
        // A message that ends before its counts are reached is malformed.
        const auto record = read_record(reader);
        if (!record) return QuestionFault::formerr;
        if (record->type == rrtype::key && record->klass != klass) return QuestionFault::formerr;
        if (record->type != rrtype::opt) continue;
        if (edns.present || !record->owner.is_root()) return QuestionFault::formerr;
        for (Reader options(record->rdata); options.left() > 0;) {
            const std::uint16_t code = options.u16();
            const Bytes option = options.take(options.u16());
            if (!options.ok()) return QuestionFault::formerr;
            if (code == edns_option::client_subnet) keep_subnet(option, edns);
            if (code == edns_option::cookie && !keep_cookie(option, edns)) return QuestionFault::formerr;
        }
        edns.present = true;
        edns.udp_size = record->klass;
        edns.extended_rcode = static_cast<std::uint8_t>(record->ttl >> 24);
        edns.version = static_cast<std::uint8_t>(record->ttl >> 16);
        edns.dnssec_ok = record->ttl & edns_dnssec_ok;
    }
    return QuestionFault::none;
}

}  // namespace

QuestionFault read_question(Bytes message, Question& question) {
    const auto header = read_header(message);
    if (!header) return QuestionFault::too_short;
    question.header = *header;
    question.end = 0;
    question.edns = {};
    if (header->qr()) return QuestionFault::response;
    if (header->opcode() != 0) return QuestionFault::notimp;
    Reader reader(message);
    reader.skip(header_size);
    if (header->qdcount == 0 && header->arcount != 0) {
        const bool cookie = read_rest(reader, *header, rrclass::in, question.edns) == QuestionFault::none && question.edns.cookie_size != 0;
        if (cookie && question.edns.version == 0) return QuestionFault::no_question;
        question.edns = {};
    }
    if (header->qdcount != 1) return QuestionFault::formerr;
    question.name = reader.name();
    question.type = reader.u16();
    question.klass = reader.u16();
    if (!reader.ok() || reader.position() != header_size + question.name.size() + 4) {
        question.name = {};
        return QuestionFault::formerr;
    }
    question.lower = question.name.lower();
    question.end = reader.position();
    if (const auto fault = read_rest(reader, *header, question.klass, question.edns); fault != QuestionFault::none) return fault;
    if (question.edns.present && question.edns.version != 0) return QuestionFault::badvers;
    return QuestionFault::none;
}

}  // namespace lictor::wire
