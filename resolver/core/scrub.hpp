// Judges what an upstream sent and cuts it down to what was asked for. A packet that is not a whole, well-formed reply to our question is
// named as such and the attempt goes on waiting for the genuine one; of a good reply only the chain from the question to its records is
// kept, rewritten byte by byte, so that nothing an upstream adds reaches a client or the cache (RFC 5452 §6, RFC 5625 §6.3, RFC 2308).
// Knows no sockets, no clients, no time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "resolver/core/stored_reply.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

struct Filters;

/// What was asked, as the reply must repeat it.
struct Asked {
    std::uint16_t id = 0;
    Name lower;
    std::uint16_t type = 0, klass = 0;
    bool dnssec_ok = false;   ///< signatures and proofs are kept only then
    bool whole = false;       ///< the agent's DNS: all sections are kept
    const Question* as_asked = nullptr;  ///< whatever the agent's DNS says to just this question is kept as it is, cut or not, its OPT too
    const Filters* filters = nullptr;   ///< the operator's, if there are any
    bool keep_ad = false;     ///< proxy-dnssec: the upstream's word on validation is passed on
    Bytes letters = {};       ///< 0x20: the name as it was sent; the reply has to repeat its letters
};

struct Judgement {
    enum class Kind : std::uint8_t {
        wrong_id,        ///< somebody guesses (RFC 5452): the question moves to TCP
        wrong_question,  ///< not ours: waited on
        malformed,       ///< not a usable reply: waited on
        headless_error,  ///< FORMERR or NOTIMP without the question, as servers without EDNS send it; could be anybody's: waited on
        truncated,       ///< ask again over TCP
        edns_refused,    ///< ask again without EDNS (RFC 6891 §7)
        ignored,         ///< as if never sent (ignore-address)
        rebind,          ///< a private address from outside: `reply()` is an empty answer
        bogus,           ///< bogus-nxdomain: `reply()` is NXDOMAIN
        failed,          ///< the upstream cannot or will not tell: `rcode`, or it is lame (NOERROR without anything)
        good,
    } kind = Kind::malformed;
    unsigned rcode = 0;
    std::optional<std::uint16_t> extended_error;  ///< the upstream's own (RFC 8914)
};

/// A good reply, cut: header and question (lower case) and records, OPT apart.
struct CleanReply {
    std::vector<std::uint8_t> message;
    std::vector<std::uint16_t> ttl_at;     ///< offset of each record's TTL
    Rotation rotation;
    bool negative = false;                 ///< NXDOMAIN or no data
    /// How long it may be kept (RFC 2308 §5 for negatives); none: nothing in it says (a negative without SOA).
    std::optional<std::uint32_t> seconds;
    std::optional<std::uint16_t> soa_ttl_at;  ///< of a negative: its TTL is bounded by the SOA's minimum once kept
    std::optional<std::uint16_t> extended_error;   ///< a filter of ours took something away (RFC 8914)
    std::vector<std::uint8_t> opt;         ///< the OPT record of a reply that is kept as it is
};

class Scrubber {
public:
    Scrubber();
    /// Judges; if good, `reply()` is the cut reply until the next call. `with_edns`: our question carried OPT.
    Judgement read(Bytes message, const Asked& asked, bool with_edns);
    CleanReply& reply() { return reply_; }
    /// Names whose signatures may stand in the reply.
    std::size_t owners() const { return chain_.size(); }

private:
    struct Found {
        std::size_t owner_at = 0, data_at = 0;
        std::uint64_t owner_hash = 0;   ///< of the lower-case name
        std::uint32_t ttl = 0;
        std::uint16_t type = 0, klass = 0, size = 0;
        std::uint8_t section = 0;
        bool keep = false;
    };

    bool parse(Bytes message, const Header& header, std::size_t at, Judgement& judgement);
    Judgement::Kind follow(Bytes message, const Asked& asked);
    void add_owner(const Name& name, std::uint64_t hash);
    void keep_signatures(Bytes message, const Asked& asked);
    void keep_authority(Bytes message, const Asked& asked, bool negative);
    void keep_all(const Header& header);
    bool is_lame(const Header& header) const;
    static bool owned_by(Bytes message, const Found& found, const Name& name, std::uint64_t hash);
    Judgement::Kind write(Bytes message, const Asked& asked, const Header& header);
    void note_times(bool negative);
    // ---- scrub_filter.cpp
    static std::optional<Address> address_in(Bytes message, const Found& found);
    Judgement::Kind filter(Bytes message, const Asked& asked, const Header& header);
    void translate(const Filters& filters);
    void write_empty(const Asked& asked, unsigned code, std::optional<std::uint32_t> lifetime);

    NameHash hash_;
    std::vector<Found> found_;
    /// The question's name, what its CNAMEs lead to and the owners of their DNAMEs, each once with its hash.
    std::vector<std::pair<Name, std::uint64_t>> chain_;
    MessageBuffer buffer_;
    CleanReply reply_;
    Name last_;                          ///< the end of the chain
    bool has_data_ = false;              ///< a record of the asked type stands there
    std::uint32_t bogus_ttl_ = 0;
    std::optional<std::uint32_t> filtered_seconds_;   ///< how long a reply lives that lost records to a filter
};

}  // namespace lictor
