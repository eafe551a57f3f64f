// Is a message from an upstream a usable reply, and which of its records belong to the question? For a message that is not a complete,
// well-formed reply to our query, the judgement has the fault, and the attempt keeps waiting for the genuine reply. Of a good reply only
// the alias chain from the question to its records is kept, written into a new message, so that no other data of the upstream reaches a
// client or the cache (RFC 5452 §6, RFC 5625 §6.3, RFC 2308). Pure, without clients and time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "resolver/answer/answer.hpp"
#include "resolver/rules/filters.hpp"
#include "resolver/wire/message.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::forward {

/// The query, as its reply must match it, and how to treat the reply.
struct Asked {
    std::uint16_t id = 0;
    wire::Name lower;
    std::uint16_t type = 0, klass = 0;
    bool dnssec_ok = false;  ///< signatures and proofs are kept only then
    bool whole = false;      ///< the agent's DNS: all sections are kept
    /// Strict mode: the client's query; flags, records and OPT of the reply are kept, also if it is truncated. Else null.
    const wire::Question* as_asked = nullptr;
    const rules::Filters* filters = nullptr;  ///< null: none
    bool keep_ad = false;                     ///< proxy-dnssec: the upstream's AD bit is kept
    bool accepts_truncated = false;           ///< the records of a truncated reply are used; the reply keeps TC
    wire::Bytes letters = {};                 ///< 0x20: the name as sent, whose letter case the reply must repeat; empty: not checked
};

/// What a message is. "Keep waiting" holds for UDP; over TCP the attempt ends.
struct Judgement {
    enum class Kind : std::uint8_t {
        wrong_id,        ///< wrong id or letter case: a forgery attempt (RFC 5452), the attempt moves to TCP
        wrong_question,  ///< another question: keep waiting
        malformed,       ///< not a well-formed reply: keep waiting
        headless_error,  ///< FORMERR or NOTIMP without the question, as servers without EDNS send it, but it may be forged: keep waiting
        truncated,       ///< ask again over TCP
        edns_refused,    ///< ask again without EDNS (RFC 6891 §7)
        ignored,         ///< ignore-address: treated as not received
        rebind,          ///< stop-dns-rebind: a private address; `reply()` is NODATA
        bogus,           ///< bogus-nxdomain: `reply()` is NXDOMAIN
        failed,          ///< no answer: an error `rcode`, or a lame upstream (NOERROR without data)
        good,
    } kind = Kind::malformed;
    unsigned rcode = 0;
    std::optional<std::uint16_t> extended_error;  ///< the upstream's (RFC 8914)
    wire::Bytes cookie = {};                      ///< data of the COOKIE option, in the message; empty: none was read
};

/// A good reply with only the records that are kept: header, question (lower case), records; no OPT.
struct CleanReply {
    std::vector<std::uint8_t> message;
    std::vector<std::uint16_t> ttl_at;  ///< offset of each record's TTL
    wire::Rotation rotation;
    bool negative = false;  ///< NXDOMAIN or no data
    /// Lifetime in the cache, in seconds (negative replies: RFC 2308 §5); none: the reply has none (no record, or negative without SOA).
    std::optional<std::uint32_t> seconds;
    std::optional<std::uint16_t> soa_ttl_at;  ///< offset of the SOA's TTL in a negative reply; the cache lowers it to `seconds`
    answer::Cause cause{};                    ///< set if a filter changed it, or its rcode is an error
    std::vector<std::uint8_t> opt;            ///< the upstream's OPT record, which strict mode returns
};

class Scrubber {
public:
    Scrubber();
    /// Judges one message. For `good`, `rebind` and `bogus`, `reply()` is valid until the next call. `with_edns`: the query had OPT.
    Judgement read(wire::Bytes message, const Asked& asked, bool with_edns);
    /// The reply of the last `read`, owned by this object. The caller may change it.
    CleanReply& reply() { return reply_; }

private:
    struct Found {
        std::size_t owner_at = 0, data_at = 0;
        std::uint64_t owner_hash = 0;  ///< of the lower-case name
        std::uint32_t ttl = 0;
        std::uint16_t type = 0, klass = 0, size = 0;
        std::uint8_t section = 0;
        bool keep = false;
    };

    /// Reads all records from offset `at` into `found_`, OPT into `reply_` and `judgement`. False if a record is malformed, OPT is
    /// misplaced or repeated, or bytes follow the last record. TTLs above 2^31 - 1 count as 0 (RFC 2181 §8).
    bool parse(wire::Bytes message, const wire::Header& header, std::size_t at, Judgement& judgement);
    /// Marks the CNAME chain in ANSWER from the question name, at most 32 links, and the data at its end. `failed`: a
    /// longer chain. `malformed`: a CNAME whose data is not one name.
    Judgement::Kind follow(wire::Bytes message, const Asked& asked);
    /// Adds a lower-case name to `chain_` unless it is there.
    void add_owner(const wire::Name& name, std::uint64_t hash);
    /// Marks the RRSIGs in ANSWER that cover records of the chain.
    void keep_signatures(wire::Bytes message, const Asked& asked);
    /// Marks the SOA of a negative answer and, with DO, the proofs of denial (RFC 2308 §3, RFC 4035 §3.1.3.3).
    void keep_authority(wire::Bytes message, const Asked& asked, bool negative);
    /// Marks all records except TSIG and SIG(0), which cover the message itself.
    void keep_all(const wire::Header& header);
    /// True for NOERROR without AA, kept answer or kept SOA, if it is a referral or comes without RA.
    bool is_lame(const wire::Header& header) const;
    /// True if the record's owner is `name` (lower case) with this `hash`.
    static bool owned_by(wire::Bytes message, const Found& found, const wire::Name& name, std::uint64_t hash);
    /// Writes the marked records into `reply_`. `malformed`: data that does not have the form of its type. `failed`: more than 65,535
    /// bytes.
    Judgement::Kind write(wire::Bytes message, const Asked& asked, const wire::Header& header);
    /// Sets the TTL offsets, the lifetime and the rotation of `reply_` from its message.
    void note_times(bool negative);
    // ---- scrub_filter.cpp
    /// The address in an A or AAAA record of ANSWER, an IPv4-mapped one (RFC 4291 §2.5.5.2) as IPv4; nothing for other records.
    static std::optional<Address> address_in(wire::Bytes message, const Found& found);
    /// Unmarks records of filtered types. Returns `good`, or `ignored`, `bogus` or `rebind` by the first address in ANSWER that a filter
    /// refuses.
    Judgement::Kind filter(wire::Bytes message, const Asked& asked, const wire::Header& header);
    /// Applies `alias` to the A records of `reply_`.
    void translate(const rules::Filters& filters);
    /// Replaces `reply_` by one without records. `code`: its response code. `lifetime`: in the cache, in seconds; none: it has none.
    void write_empty(const Asked& asked, unsigned code, std::optional<std::uint32_t> lifetime);

    wire::NameHash hash_;
    std::vector<Found> found_;
    /// The question name, the targets of its CNAMEs and the owners of their DNAMEs, each once with its hash.
    std::vector<std::pair<wire::Name, std::uint64_t>> chain_;
    wire::MessageBuffer buffer_;
    CleanReply reply_;
    wire::Name last_;             ///< the end of the chain
    bool has_data_ = false;       ///< it has a record of the asked type
    bool ends_in_alias_ = false;  ///< that record is a CNAME, because CNAME or ANY was asked for
    std::uint32_t bogus_ttl_ = 0;
    std::optional<std::uint32_t> filtered_seconds_;  ///< lifetime of a reply from which a filter removed records
};

}  // namespace lictor::forward
