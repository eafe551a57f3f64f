// DNS messages (RFC 1035 §4, RFC 6891) read through one bounds-checked cursor and written into a caller's buffer. Every read checks; a
// record's data is handed out cut to its length; counts are upper bounds only. No allocation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/address.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

namespace rrtype {
inline constexpr std::uint16_t a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, mx = 15, txt = 16, aaaa = 28, srv = 33, naptr = 35, dname = 39,
                               opt = 41, ds = 43, rrsig = 46, nsec = 47, dnskey = 48, nsec3 = 50, svcb = 64, https = 65, ixfr = 251, axfr = 252,
                               any = 255;
}
namespace rrclass {
inline constexpr std::uint16_t in = 1, chaos = 3, any = 255;
}
namespace rcode {
inline constexpr unsigned noerror = 0, formerr = 1, servfail = 2, nxdomain = 3, notimp = 4, refused = 5, badvers = 16;
}
/// Extended errors (RFC 8914).
namespace ede {
inline constexpr std::uint16_t stale_answer = 3, not_ready = 14, blocked = 15, filtered = 17, stale_nxdomain = 19, no_reachable_authority = 22, network_error = 23,
                               other = 0;
}

inline constexpr std::size_t header_size = 12;
inline constexpr std::size_t message_max = 65535;
/// Over UDP on IPv4; IPv6 would take 20 bytes more.
inline constexpr std::size_t udp_message_max = 65507;

/// Room for the longest message, on the heap and not touched before it is used.
class MessageBuffer {
public:
    MessageBuffer() : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(message_max)) {}
    std::uint8_t* data() const { return bytes_.get(); }
    std::size_t size() const { return message_max; }
    std::uint8_t* begin() const { return bytes_.get(); }
    std::uint8_t* end() const { return bytes_.get() + message_max; }

private:
    std::unique_ptr<std::uint8_t[]> bytes_;
};

struct Header {
    std::uint16_t id = 0;
    std::uint16_t bits = 0;  ///< the second 16 bits as on the wire
    std::uint16_t qdcount = 0, ancount = 0, nscount = 0, arcount = 0;

    bool qr() const { return bits & 0x8000; }
    unsigned opcode() const { return (bits >> 11) & 15; }
    bool aa() const { return bits & 0x0400; }
    bool tc() const { return bits & 0x0200; }
    bool rd() const { return bits & 0x0100; }
    bool ra() const { return bits & 0x0080; }
    bool ad() const { return bits & 0x0020; }
    bool cd() const { return bits & 0x0010; }
    unsigned rcode() const { return bits & 15; }
};

/// A cursor over one message. Reading past the end makes it fail for good; `ok()` tells.
class Reader {
public:
    explicit Reader(Bytes message) : message_(message) {}
    bool ok() const { return ok_; }
    std::size_t position() const { return at_; }
    std::size_t left() const { return ok_ ? message_.size() - at_ : 0; }
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    Bytes take(std::size_t count);
    void skip(std::size_t count) { take(count); }
    /// A name, following compression pointers, which must point strictly backwards (RFC 1035 §4.1.4; RFC 9267). Fails on more than 255 bytes.
    Name name();
    /// The same without making it.
    void skip_name();
    Bytes message() const { return message_; }

private:
    Bytes message_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

/// Nothing if shorter than 12 bytes.
std::optional<Header> read_header(Bytes message);

struct Record {
    Name owner;
    std::uint16_t type = 0, klass = 0;
    std::uint32_t ttl = 0;
    Bytes rdata;                 ///< as in the message (names in it may be compressed)
    std::size_t ttl_at = 0;      ///< offset of the TTL in the message
    std::size_t rdata_at = 0;
};
/// Reads one record; nothing (and the reader failed) if it is malformed.
std::optional<Record> read_record(Reader& reader);

/// EDNS of a message (RFC 6891).
struct Edns {
    bool present = false;
    std::uint16_t udp_size = 512;
    std::uint8_t version = 0;
    std::uint8_t extended_rcode = 0;
    bool dnssec_ok = false;
    std::array<std::uint8_t, 20> subnet{};  ///< the client subnet option (RFC 7871), the address cut to its prefix, scope 0; what is malformed is not kept
    std::uint8_t subnet_size = 0;
    Bytes subnet_option() const { return Bytes(subnet).first(subnet_size); }
};

/// A question from a client, parsed.
struct Question {
    Header header;
    Name name;                   ///< as the client wrote it
    Name lower;                  ///< lower case
    std::uint16_t type = 0, klass = 0;
    std::size_t end = 0;         ///< offset just past the question section
    Edns edns;
    bool over_tcp = false;
};

enum class QuestionFault {
    none,
    too_short,   ///< below 12 bytes: no reply
    response,    ///< QR set: no reply
    formerr,
    notimp,      ///< opcode other than QUERY
    badvers,     ///< EDNS version other than 0
};
/// Reads a client's message. With a fault other than too_short/response, `question.header` is filled (and name/type if they could be
/// read, `question.end` 0 if not), so that an error reply can be written.
QuestionFault read_question(Bytes message, Question& question);

/// Writes one message into a buffer that the caller owns (its size is the size limit). Owner names are compressed against the question
/// and against names written before.
class Writer {
public:
    explicit Writer(std::span<std::uint8_t> buffer);
    ~Writer();

    /// Header and question of a reply: id, opcode and RD as in the question, QR set. `question.end` 0: an empty question section.
    void begin_reply(const Question& question, unsigned rcode, bool aa, bool ra);
    /// Reserves room at the end of the limit (for OPT), so that records never take it.
    void reserve(std::size_t bytes) { reserved_ = bytes; }

    enum class Section { answer, authority, additional };
    /// Starts a record; false (nothing written, `full()`) if it does not fit. Sections must come in order.
    bool begin_record(Section section, const Name& owner, std::uint16_t type, std::uint16_t klass, std::uint32_t ttl);
    void put_u8(std::uint8_t value);
    void put_u16(std::uint16_t value);
    void put_u32(std::uint32_t value);
    void put_bytes(Bytes bytes);
    /// `compress` only for the types of RFC 1035 (RFC 3597 §4).
    void put_name(const Name& name, bool compress);
    /// Ends the record; false if it did not fit: the record is taken back and `full()` is true.
    bool end_record();

    bool address_record(Section section, const Name& owner, std::uint32_t ttl, const Address& address);
    bool name_record(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target);

    /// A place to go back to.
    struct Mark {
        std::size_t at = 0;
        std::uint16_t counts[3] = {0, 0, 0};
        std::uint16_t names = 0;
    };
    Mark mark() const;
    void rewind(const Mark& mark);

    /// OPT for the reply (only if the client sent one): our UDP size, DO copied if `copy_do`, an extended error if given,
    /// and a client subnet option.
    void write_opt(std::uint16_t udp_size, bool dnssec_ok, unsigned extended_rcode, std::optional<std::uint16_t> extended_error = {},
                   Bytes subnet = {});
    static constexpr std::size_t opt_size = 11, opt_ede_size = 11 + 6, option_head = 4;

    void set_rcode(unsigned rcode);
    void set_tc();
    void set_bits(std::uint16_t set, std::uint16_t clear);
    bool full() const { return full_; }
    std::uint16_t count(Section section) const { return counts_[static_cast<std::size_t>(section)]; }
    std::size_t size() const { return at_; }
    /// Changes the size limit (never below what is written).
    void limit(std::size_t bytes) { limit_ = bytes; }
    /// Patches the counts into the header and gives the message. Valid as long as the buffer.
    Bytes finish();
    std::span<std::uint8_t> buffer() const { return buffer_; }

private:
    bool room(std::size_t bytes);

    std::span<std::uint8_t> buffer_;
    std::size_t at_ = 0, limit_ = message_max, reserved_ = 0;
    std::uint16_t qdcount_ = 0;
    std::uint16_t counts_[3] = {0, 0, 0};
    bool full_ = false, broken_ = false;
    Section section_ = Section::answer;
    Mark start_;
    std::size_t length_at_ = 0;
    // Places of names written so far, for compression: offset of every label start. Long messages have more of them than are looked
    // through one by one: those stand in chains by the hash of their first label.
    struct Place {
        std::uint16_t offset;
        std::uint8_t size;  ///< bytes of the uncompressed name from here
    };
    struct Chained;
    bool stands_at(const Place& place, Bytes tail) const;
    std::optional<std::uint16_t> find_place(Bytes tail) const;
    void add_place(Bytes tail);
    std::array<Place, 64> places_;  // only the first place_count_ are ever read
    std::uint16_t place_count_ = 0;
    std::unique_ptr<Chained> chained_;  // made for the first long message
};

/// Writes an error reply (header, the question if it could be read, OPT if asked for) into `buffer`; gives its bytes.
Bytes write_error(const Question& question, unsigned rcode, std::span<std::uint8_t> buffer, std::optional<std::uint16_t> extended_error = {});

}  // namespace lictor
