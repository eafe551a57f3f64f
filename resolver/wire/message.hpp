// DNS messages (RFC 1035 §4, RFC 6891): a bounds-checked reader over the caller's bytes and a writer into the caller's buffer.
// Record::rdata is exactly the record's RDLENGTH bytes. The counts of a header are not trusted: every read is checked against the end of
// the message. Neither allocates, except that the writer does once a message holds more than 64 distinct name suffixes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "conf/base/address.hpp"
#include "conf/base/bytes.hpp"
#include "resolver/wire/constants.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::wire {

inline constexpr std::size_t header_size = 12;
inline constexpr std::size_t message_max = 65535;
/// Largest payload of a UDP datagram over IPv4; IPv6 would take 20 bytes more.
inline constexpr std::size_t udp_message_max = 65507;

/// A buffer for the longest message, on the heap and not initialised: pages that are never written are never resident.
class MessageBuffer {
public:
    MessageBuffer() : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(message_max)) {}
    /// The whole buffer: `message_max` bytes, owned by this object. A const buffer can be written too.
    std::uint8_t* data() const { return bytes_.get(); }
    std::size_t size() const { return message_max; }
    std::uint8_t* begin() const { return bytes_.get(); }
    std::uint8_t* end() const { return bytes_.get() + message_max; }

private:
    std::unique_ptr<std::uint8_t[]> bytes_;
};

/// The header (RFC 1035 §4.1.1), in host byte order.
struct Header {
    std::uint16_t id = 0;
    std::uint16_t bits = 0;  ///< the second 16 bits, see header_bit
    std::uint16_t qdcount = 0, ancount = 0, nscount = 0, arcount = 0;

    /// The fields of `bits`. `rcode` is the lower four bits of the response code (RFC 6891 §6.1.3 has the others).
    bool qr() const { return bits & header_bit::qr; }
    unsigned opcode() const { return (bits & header_bit::opcode) >> 11; }
    bool aa() const { return bits & header_bit::aa; }
    bool tc() const { return bits & header_bit::tc; }
    bool ra() const { return bits & header_bit::ra; }
    bool cd() const { return bits & header_bit::cd; }
    unsigned rcode() const { return bits & header_bit::rcode; }
};

/// Offsets of the header's fields (RFC 1035 §4.1.1).
namespace header_at {
inline constexpr std::size_t id = 0, bits = 2, qdcount = 4, ancount = 6, nscount = 8, arcount = 10;
}
/// The lower four bits of the response code. `message` holds a whole header.
inline unsigned rcode_of(Bytes message) { return load_u16(message.data() + header_at::bits) & header_bit::rcode; }
/// Clears, then sets bits of the header of `message`, which holds a whole header.
inline void change_bits(std::uint8_t* message, unsigned set, unsigned clear) {
    const unsigned bits = load_u16(message + header_at::bits);
    store_u16(message + header_at::bits, static_cast<std::uint16_t>((bits & ~clear) | set));
}

/// A cursor over one message. A read past the end fails the reader: `ok()` stays false, and all further reads return zeros and empty spans.
class Reader {
public:
    explicit Reader(Bytes message) : message_(message) {}
    /// False after any read past the end.
    bool ok() const { return ok_; }
    /// Offset of the next byte in the message. Meaningless after a failure.
    std::size_t position() const { return at_; }
    /// Bytes not read yet; 0 after a failure.
    std::size_t left() const { return ok_ ? message_.size() - at_ : 0; }
    /// Each reads a number in network byte order and returns it in host order; 0, and the reader fails, past the end.
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    /// The next `count` bytes, a view into the message; empty, and the reader fails, past the end.
    Bytes take(std::size_t count);
    /// Skips `count` bytes; fails past the end.
    void skip(std::size_t count) { take(count); }
    /// Reads a name and follows its compression pointers, each of which must point before all that was read of the name so far (RFC 1035
    /// §4.1.4; RFC 9267). Fails if the name is longer than 255 bytes.
    Name name();
    /// Reads a name and drops it, with the same checks.
    void skip_name() { name(); }
    Bytes message() const { return message_; }

private:
    /// Fails the reader and returns an empty value.
    template <class T>
    T fail() {
        ok_ = false;
        return T{};
    }

    Bytes message_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

/// The header; nothing if `message` is shorter than 12 bytes.
std::optional<Header> read_header(Bytes message);

/// One resource record (RFC 1035 §4.1.3), numbers in host byte order. TTL in seconds, as in the message.
struct Record {
    Name owner;
    std::uint16_t type = 0, klass = 0;
    std::uint32_t ttl = 0;
    Bytes rdata;             ///< as in the message (names in it may be compressed)
    std::size_t ttl_at = 0;  ///< offset of the TTL in the message
    std::size_t rdata_at = 0;
};
/// Reads one record. Nothing if it is malformed; the reader has then failed.
std::optional<Record> read_record(Reader& reader);

/// EDNS of a message (RFC 6891).
struct Edns {
    bool present = false;
    std::uint16_t udp_size = 512;
    std::uint8_t version = 0;
    std::uint8_t extended_rcode = 0;
    bool dnssec_ok = false;
    bool same_host = false;  ///< not in the message: the caller sets it. On the way to such a client no datagram is fragmented or lost
    /// Data of the client subnet option (RFC 7871): the address masked to its prefix length, SCOPE PREFIX-LENGTH 0. A malformed option is
    /// ignored.
    std::array<std::uint8_t, 20> subnet{};
    std::uint8_t subnet_size = 0;  ///< 0: no such option
    std::uint8_t cookie_size = 0;  ///< of `cookie`; 0: no such option
    bool cookie_good = false;      ///< not in the message: the caller sets it. The server cookie is ours, so the address is the client's
    /// Data of the COOKIE option (RFC 7873): the client's 8 bytes, then 16 if the server cookie is as long as ours. A server cookie of
    /// another length is left out. In a query that was looked at, the data of the reply's option.
    std::array<std::uint8_t, 24> cookie{};
    Bytes cookie_option() const { return Bytes(cookie).first(cookie_size); }
    /// The option data as a view into this object; empty without the option.
    Bytes subnet_option() const { return Bytes(subnet).first(subnet_size); }
};

/// A client's message, parsed.
struct Question {
    Header header;
    Name name;   ///< as the client wrote it
    Name lower;  ///< lower case
    std::uint16_t type = 0, klass = 0;
    std::size_t end = 0;  ///< offset just past the question section
    Edns edns;
    bool over_tcp = false;  ///< not in the message: the caller sets it
};

/// Why a message cannot be decided. Only the first fault found is reported.
enum class QuestionFault {
    none,
    too_short,    ///< below 12 bytes: gets no reply
    response,     ///< QR set: gets no reply
    formerr,      ///< not exactly one question, a compressed question name, a malformed record or option, an invalid or second OPT
    no_question,  ///< none, but a COOKIE option: the client asks for a server cookie alone (RFC 7873 §5.4)
    notimp,       ///< opcode other than QUERY
    badvers,      ///< EDNS version other than 0
};
/// Reads a client's message. With any fault other than too_short, `question.header` is set. `question.end` is 0 if the question section
/// could not be read; else name, type and class are set too. So an error reply can be written. `question.over_tcp` is not changed.
QuestionFault read_question(Bytes message, Question& question);

/// Writes one message into a buffer that the caller owns and keeps alive; its size bounds the message. Names are compressed against the
/// question and against names written before. A record that does not fit is removed as a whole.
class Writer {
public:
    explicit Writer(std::span<std::uint8_t> buffer);
    ~Writer();

    /// Starts over with header and question of a reply: id, opcode, RD and CD of the query, QR, and `bits` (see header_bit).
    /// `question.end` 0: an empty question section. `limit` and `reserve` stay in force: there must
    /// be room for both.
    void begin_reply(const Question& question, unsigned rcode, unsigned bits);
    /// Records leave `bytes` of the limit free, for OPT.
    void reserve(std::size_t bytes) { reserved_ = bytes; }

    enum class Section { answer, authority, additional };
    /// Starts a record. False if it does not fit: nothing is written, `full()` is true. Sections must be written in order.
    bool begin_record(Section section, const Name& owner, std::uint16_t type, std::uint16_t klass, std::uint32_t ttl);
    /// Each appends to the data of the record that is begun, numbers in network byte order. What does not fit is not written, and then
    /// nothing more of the record is: `end_record` returns false.
    void put_u8(std::uint8_t value);
    void put_u16(std::uint16_t value);
    void put_u32(std::uint32_t value);
    void put_bytes(Bytes bytes);
    /// How a name is written into record data: `compressed` is allowed only in types of RFC 1035 (RFC 3597 §4).
    enum class Form : std::uint8_t { compressed, whole };
    /// Keeps the letter case: only a suffix with the same bytes becomes a pointer.
    void put_name(const Name& name, Form form);
    /// Ends the record. False if it did not fit: the record is removed, `full()` is true.
    bool end_record();

    /// A or AAAA, by the address' family. False if it does not fit, as from `end_record`.
    bool address_record(Section section, const Name& owner, std::uint32_t ttl, const Address& address);
    /// A record whose data is one name, which is compressed. False if it does not fit.
    bool name_record(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl, const Name& target);

    /// A position between two records; valid until the next `begin_reply`.
    struct Mark {
        std::size_t at = 0;
        std::uint16_t counts[3] = {0, 0, 0};
        std::uint16_t names = 0;
    };
    Mark mark() const;
    /// Removes all records written since `mark` was taken. `full()` does not change.
    void rewind(const Mark& mark);

    /// Each changes the header in the buffer at once; to be called after `begin_reply`. `set_rcode` takes the lower four bits of `rcode`.
    void set_rcode(unsigned rcode) { change_bits(buffer_.data(), rcode & header_bit::rcode, header_bit::rcode); }
    void set_tc() { set_bits(header_bit::tc, 0); }
    void set_bits(unsigned set, unsigned clear) { change_bits(buffer_.data(), set, clear); }
    /// True if a record did not fit since `begin_reply`.
    bool full() const { return full_; }
    /// Number of complete records in a section.
    std::uint16_t count(Section section) const { return counts_[static_cast<std::size_t>(section)]; }
    /// Bytes written so far.
    std::size_t size() const { return at_; }
    /// Sets the largest size of the message in bytes, with OPT; the buffer bounds it too. What is written already stays.
    void limit(std::size_t bytes) { limit_ = bytes; }
    /// Writes the counts into the header and returns the message, which is in the buffer.
    Bytes finish();

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
    // Places of names written so far, for compression: the offset of each label. The first 64 are searched one by one; those beyond are in
    // a hash table with chains.
    struct Place {
        std::uint16_t offset;
        std::uint8_t size;  ///< bytes of the uncompressed name from here
    };
    struct Chained;
    /// Places by name: `tail` is an uncompressed name in wire form. `find_place` returns an offset, `add_place` notes `tail` at the end.
    bool stands_at(const Place& place, Bytes tail) const;
    std::optional<std::uint16_t> find_place(Bytes tail) const;
    void add_place(Bytes tail);
    std::array<Place, 64> places_;  // only the first place_count_ are ever read
    std::uint16_t place_count_ = 0;
    std::unique_ptr<Chained> chained_;  // made when a message first has more places
};

/// Writes an error reply into `buffer`: the header, and the question if it could be read. Returns the reply.
Bytes write_error(const Question& question, unsigned rcode, std::span<std::uint8_t> buffer);

/// In bytes: an OPT record without and with an extended error (without EXTRA-TEXT), and the code and length of an option.
inline constexpr std::size_t opt_size = 11, opt_ede_size = 11 + 6, option_head = 4;

/// An OPT record (RFC 6891 §6.1).
struct Opt {
    std::uint16_t udp_size = 1232;  ///< the largest UDP payload that the sender accepts (RFC 6891 §6.2.3)
    bool dnssec_ok = false;
    unsigned rcode = 0;                                ///< all 12 bits of the response code, the upper 8 of which go into OPT
    std::optional<std::uint16_t> extended_error = {};  ///< RFC 8914
    std::string_view text = {};                        ///< its EXTRA-TEXT, UTF-8; left out if it does not fit
    Bytes subnet = {};                                 ///< data of a client subnet option (RFC 7871)
    Bytes cookie = {};                                 ///< data of a COOKIE option (RFC 7873)
};
/// Appends OPT, the last record, to a message of `size` bytes, and sets the header's response code. The caller calls it only if the client
/// sent OPT. Returns the new size, at most `limit`. If OPT does not fit, nothing is changed and `size` is returned.
std::size_t write_opt(std::span<std::uint8_t> buffer, std::size_t size, std::size_t limit, const Opt& opt);

}  // namespace lictor::wire
