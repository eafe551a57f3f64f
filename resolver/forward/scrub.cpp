// Reads all records once, marks those that belong to the question, and writes the marked ones into a new message.
#include "resolver/forward/scrub.hpp"

#include <algorithm>

#include "conf/metrics/causes.hpp"
#include "resolver/rules/filters.hpp"
#include "resolver/wire/record_data.hpp"

namespace lictor::forward {
namespace {

/// Longer CNAME chains are a mistake or an attack; recursive servers follow 8 to 24 links.
constexpr std::size_t chain_max = 32;
constexpr std::size_t opt_bytes_max = 200;  ///< largest OPT that strict mode returns: it fits into 512 bytes with the longest question
constexpr std::uint16_t type_tsig = 250, type_sig = 24;
constexpr unsigned rcode_yxdomain = 6;  // RFC 6672 §2.2: a DNAME made the name too long

/// The type that an RRSIG covers; 0 if its data is too short.
std::uint16_t covered_type(wire::Bytes message, std::size_t at, std::size_t size) {
    return size < 2 ? std::uint16_t{0} : static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]);
}

/// Takes the first extended error and the first cookie.
void read_options(wire::Bytes options, Judgement& judgement) {
    wire::Reader reader(options);
    while (reader.left() > 0) {
        const std::uint16_t code = reader.u16();
        const wire::Bytes value = reader.take(reader.u16());
        if (!reader.ok()) break;
        if (code == edns_option::extended_error && value.size() >= 2 && !judgement.extended_error)
            judgement.extended_error = load_u16(value.data());
        if (code == edns_option::cookie && judgement.cookie.empty()) judgement.cookie = value;
    }
}

}  // namespace

Scrubber::Scrubber() = default;

Judgement Scrubber::read(wire::Bytes message, const Asked& asked, bool with_edns) {
    using Kind = Judgement::Kind;
    Judgement judgement;
    const auto header = wire::read_header(message);
    if (!header) return judgement;
    if (header->id != asked.id) return judgement.kind = Kind::wrong_id, judgement;
    if (!header->qr() || header->opcode() != 0) return judgement;
    judgement.rcode = header->rcode();
    if (header->qdcount == 0 && (judgement.rcode == rcode::formerr || judgement.rcode == rcode::notimp))
        return judgement.kind = Kind::headless_error, judgement;
    if (header->qdcount != 1) return judgement;

    wire::Reader question(message);
    question.skip(wire::header_size);
    const wire::Name name = question.name();
    const std::uint16_t type = question.u16(), klass = question.u16();
    if (!question.ok()) return judgement;
    if (!asked.letters.empty() && !std::equal(asked.letters.begin(), asked.letters.end(), name.wire().begin(), name.wire().end()))
        return judgement.kind = Kind::wrong_id, judgement;
    if (name.lower() != asked.lower || type != asked.type || klass != asked.klass) return judgement.kind = Kind::wrong_question, judgement;

    if (header->tc() && !asked.as_asked && !asked.accepts_truncated) return judgement.kind = Kind::truncated, judgement;
    if (!parse(message, *header, question.position(), judgement)) return judgement;
    if (with_edns && !asked.as_asked &&
        (judgement.rcode == rcode::formerr || judgement.rcode == rcode::notimp || judgement.rcode == rcode::badvers))
        return judgement.kind = Kind::edns_refused, judgement;
    if (judgement.rcode != rcode::noerror && judgement.rcode != rcode::nxdomain && judgement.rcode != rcode_yxdomain && !asked.as_asked)
        return judgement.kind = Kind::failed, judgement;

    if (asked.whole) {
        keep_all(*header);
    } else {
        judgement.kind = follow(message, asked);
        if (judgement.kind != Kind::good) return judgement;
        // For ANY the data may be an alias; NXDOMAIN is then about its target (RFC 6604 §3).
        const bool contradicts = has_data_ && judgement.rcode != rcode::noerror && !ends_in_alias_;
        keep_authority(message, asked, !has_data_);
        if (contradicts || is_lame(*header)) return judgement.kind = Kind::failed, judgement.rcode = rcode::servfail, judgement;
    }
    filtered_seconds_.reset();
    reply_.cause = answer::Cause::none;
    if (asked.filters && !asked.whole) {
        judgement.kind = filter(message, asked, *header);
        if (judgement.kind == Kind::bogus) write_empty(asked, rcode::nxdomain, bogus_ttl_);
        if (judgement.kind == Kind::rebind) write_empty(asked, rcode::noerror, {});
        if (judgement.kind == Kind::bogus) reply_.cause = answer::Cause::bogus;
        if (judgement.kind == Kind::rebind) reply_.cause = answer::Cause::rebind;
        if (judgement.kind != Kind::good) return judgement;
    }
    judgement.kind = write(message, asked, *header);
    if (asked.filters && !asked.whole && !asked.filters->translations.empty()) translate(*asked.filters);
    if (filtered_seconds_) {
        reply_.cause = answer::Cause::filtered;
        reply_.negative = false;
        reply_.seconds = filtered_seconds_;
        reply_.soa_ttl_at.reset();
    }
    return judgement;
}

/// Reads all records of all sections. False if one is malformed or bytes follow the last.
bool Scrubber::parse(wire::Bytes message, const wire::Header& header, std::size_t at, Judgement& judgement) {
    found_.clear();
    reply_.opt.clear();
    wire::Reader reader(message);
    reader.skip(at);
    bool opt_seen = false;
    const std::uint16_t counts[3] = {header.ancount, header.nscount, header.arcount};
    for (std::uint8_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < counts[section]; ++i) {
            Found found;
            found.owner_at = reader.position();
            const auto record = wire::read_record(reader);
            if (!record) return false;
            if (record->type == rrtype::opt) {
                if (section != 2 || opt_seen || !record->owner.is_root()) return false;
                opt_seen = true;
                judgement.rcode |= (record->ttl >> 24) << 4;
                read_options(record->rdata, judgement);
                const wire::Bytes opt = message.subspan(found.owner_at, reader.position() - found.owner_at);
                if (opt.size() <= opt_bytes_max) reply_.opt.assign(opt.begin(), opt.end());
                continue;
            }
            found.owner_hash = hash_(record->owner.lower());
            found.type = record->type;
            found.klass = record->klass;
            found.ttl = record->ttl > 0x7fffffff ? 0 : record->ttl;  // RFC 2181 §8
            found.data_at = record->rdata_at;
            found.size = static_cast<std::uint16_t>(record->rdata.size());
            found.section = section;
            found_.push_back(found);
        }
    }
    return reader.left() == 0;
}

/// True if the record's owner is `name` (lower case). `hash`: the hash of `name`.
bool Scrubber::owned_by(wire::Bytes message, const Found& found, const wire::Name& name, std::uint64_t hash) {
    if (found.owner_hash != hash) return false;
    wire::Reader reader(message);
    reader.skip(found.owner_at);
    return reader.name().lower() == name;
}

void Scrubber::add_owner(const wire::Name& name, std::uint64_t hash) {
    const auto same = [&](const auto& owner) { return owner.second == hash && owner.first == name; };
    if (std::none_of(chain_.begin(), chain_.end(), same)) chain_.emplace_back(name, hash);
}

/// Marks the chain of CNAMEs (and the DNAMEs that made them, RFC 6672) and the records at its end. Records may be in any order.
Judgement::Kind Scrubber::follow(wire::Bytes message, const Asked& asked) {
    using Kind = Judgement::Kind;
    chain_.clear();
    last_ = asked.lower;
    std::uint64_t last_hash = hash_(last_);
    add_owner(last_, last_hash);
    has_data_ = ends_in_alias_ = false;
    const auto foreign = [&](const Found& found) { return found.klass != asked.klass && asked.klass != rrclass::any; };
    const auto in_answer = [](const Found& found) { return found.section == 0; };
    const bool had_answer = std::any_of(found_.begin(), found_.end(), in_answer);
    std::erase_if(found_, foreign);
    if (had_answer && std::none_of(found_.begin(), found_.end(), in_answer)) return Kind::malformed;
    const bool has_dname = std::any_of(found_.begin(), found_.end(), [](const Found& found) { return found.type == rrtype::dname; });
    // Marks the DNAMEs that make a CNAME of `last_`. Their signatures belong to the answer.
    const auto keep_dnames = [&] {
        for (Found& found : found_) {
            if (found.section != 0 || found.type != rrtype::dname || found.keep) continue;
            wire::Reader reader(message);
            reader.skip(found.owner_at);
            const wire::Name owner = reader.name().lower();
            if (owner == last_ || !last_.is_below_or_equal(owner)) continue;
            found.keep = true;
            add_owner(owner, found.owner_hash);
        }
    };

    const bool chases = asked.type != rrtype::cname && asked.type != rrtype::any;
    for (std::size_t links = 0; chases; ++links) {
        const auto link = std::find_if(found_.begin(), found_.end(), [&](const Found& found) {
            return found.section == 0 && found.type == rrtype::cname && owned_by(message, found, last_, last_hash);
        });
        if (link == found_.end()) break;
        if (links == chain_max) return Kind::failed;
        link->keep = true;
        if (has_dname) keep_dnames();
        wire::Reader reader(message.first(link->data_at + link->size));
        reader.skip(link->data_at);
        last_ = reader.name().lower();
        if (!reader.ok() || reader.left() != 0) return Kind::malformed;
        last_hash = hash_(last_);
        add_owner(last_, last_hash);
    }
    for (Found& found : found_) {
        if (found.section != 0 || (found.type != asked.type && asked.type != rrtype::any)) continue;
        if (!owned_by(message, found, last_, last_hash)) continue;
        found.keep = has_data_ = true;
        if (found.type == rrtype::cname) ends_in_alias_ = true;
    }
    if (ends_in_alias_ && has_dname) keep_dnames();
    if (asked.dnssec_ok) keep_signatures(message, asked);
    return Kind::good;
}

void Scrubber::keep_signatures(wire::Bytes message, const Asked& asked) {
    for (Found& found : found_) {
        if (found.section != 0 || found.type != rrtype::rrsig || found.keep) continue;
        const std::uint16_t covers = covered_type(message, found.data_at, found.size);
        if (covers != asked.type && covers != rrtype::cname && covers != rrtype::dname) continue;
        found.keep = std::any_of(chain_.begin(), chain_.end(),
                                 [&](const auto& owner) { return owned_by(message, found, owner.first, owner.second); });
    }
}

/// Marks the SOA of a negative answer (RFC 2308 §3). If the client sent DO, also marks NSEC and NSEC3 proofs, which a positive answer from
/// a wildcard has too (RFC 4035 §3.1.3.3).
void Scrubber::keep_authority(wire::Bytes message, const Asked& asked, bool negative) {
    bool soa_seen = false;
    for (Found& found : found_) {
        if (found.section != 1) continue;
        if (found.type == rrtype::soa) {
            wire::Reader reader(message);
            reader.skip(found.owner_at);
            // Keep one SOA, and only if its owner is the name or an ancestor of it.
            found.keep = negative && !soa_seen && last_.is_below_or_equal(reader.name().lower());
            soa_seen = soa_seen || found.keep;
        } else if (asked.dnssec_ok) {
            const std::uint16_t type = found.type == rrtype::rrsig ? covered_type(message, found.data_at, found.size) : found.type;
            found.keep = type == rrtype::nsec || type == rrtype::nsec3 || (type == rrtype::soa && negative);
        }
    }
}

/// Marks all records except signatures over the message itself (TSIG, SIG(0)).
void Scrubber::keep_all(const wire::Header& header) {
    for (Found& found : found_) found.keep = found.type != type_tsig && !(found.type == type_sig && found.section == 2);
    has_data_ = header.ancount > 0;
}

/// True for NOERROR without an answer: a referral, or an empty reply of a server that neither recurses nor is authoritative.
bool Scrubber::is_lame(const wire::Header& header) const {
    if (header.rcode() != rcode::noerror || has_data_ || header.aa()) return false;
    bool referral = false;
    for (const Found& found : found_) {
        if (found.keep && (found.section == 0 || found.type == rrtype::soa)) return false;
        referral = referral || (found.section == 1 && found.type == rrtype::ns);
    }
    return referral || !header.ra();
}

Judgement::Kind Scrubber::write(wire::Bytes message, const Asked& asked, const wire::Header& header) {
    using Kind = Judgement::Kind;
    wire::Question question;
    question.lower = asked.lower;
    question.name = asked.as_asked ? asked.as_asked->name : asked.lower;
    question.type = asked.type;
    question.klass = asked.klass;
    question.end = wire::header_size + asked.lower.size() + 4;
    wire::Writer writer(buffer_);
    unsigned copied = header_bit::tc;
    if (asked.whole) copied |= header_bit::aa;
    if (asked.keep_ad) copied |= header_bit::ad;
    if (asked.as_asked) copied |= header_bit::rd | header_bit::ra | header_bit::ad | header_bit::cd;
    writer.begin_reply(question, header.rcode(), (header.bits & copied) | (asked.as_asked ? 0u : header_bit::ra));
    for (const Found& found : found_) {
        if (!found.keep) continue;
        wire::Reader reader(message);
        reader.skip(found.owner_at);
        wire::Name owner = reader.name();
        if (!asked.letters.empty() && owner.lower() == asked.lower) owner = asked.lower;
        if (!writer.begin_record(static_cast<wire::Writer::Section>(found.section), owner, found.type, found.klass, found.ttl))
            return Kind::failed;
        if (!wire::copy_record_data(message, found.data_at, found.size, found.type, writer)) return Kind::malformed;
        if (!writer.end_record()) return Kind::failed;
    }
    const wire::Bytes whole = writer.finish();
    reply_.message.assign(whole.begin(), whole.end());
    note_times(!has_data_ || header.rcode() != rcode::noerror);
    return Kind::good;
}

/// Notes the offsets of the TTLs, the lifetime, and the run of records that may rotate.
void Scrubber::note_times(bool negative) {
    reply_.negative = negative;
    reply_.ttl_at.clear();
    reply_.rotation = {};
    reply_.seconds.reset();
    reply_.soa_ttl_at.reset();
    const wire::Bytes message = reply_.message;
    wire::Reader reader(message);
    const wire::Header header = *wire::read_header(message);
    reader.skip(wire::header_size);
    reader.skip_name();
    reader.skip(4);
    std::uint32_t shortest = 0xffffffff;
    bool soa_seen = false, run_open = true;
    std::uint16_t run_owner = 0;
    const unsigned records = unsigned{header.ancount} + header.nscount + header.arcount;
    for (unsigned i = 0; i < records; ++i) {
        const std::size_t start = reader.position();
        reader.skip_name();
        const std::size_t owner_bytes = reader.position() - start;
        const std::uint16_t type = reader.u16();
        reader.skip(2);
        const std::size_t ttl_at = reader.position();
        const std::uint32_t ttl = reader.u32();
        const wire::Bytes data = reader.take(reader.u16());
        reply_.ttl_at.push_back(static_cast<std::uint16_t>(ttl_at));
        shortest = std::min(shortest, ttl);
        if (type == rrtype::soa && negative && data.size() >= 4) {
            soa_seen = true;
            wire::Reader minimum(data.last(4));
            shortest = std::min(shortest, minimum.u32());
            reply_.soa_ttl_at = static_cast<std::uint16_t>(ttl_at);
        }
        // Address records whose owner is the same pointer are equally long and contain no other names, so they may be in any order.
        const std::uint16_t owner = static_cast<std::uint16_t>(message[start] << 8 | message[start + 1]);
        const bool turns = i < header.ancount && (type == rrtype::a || type == rrtype::aaaa) && owner_bytes == 2 && message[start] >= 0xc0;
        auto& run = reply_.rotation;
        const auto size = static_cast<std::uint16_t>(reader.position() - start);
        if (turns && run_open && (run.count == 0 || (owner == run_owner && size == run.each))) {
            if (run.count == 0) run.from = static_cast<std::uint16_t>(start), run.each = size, run_owner = owner;
            ++run.count;
        } else if (run.count > 0) {
            run_open = false;
        }
    }
    if (records > 0 && (!negative || soa_seen)) reply_.seconds = shortest;
}

}  // namespace lictor::forward
