// How do our answers differ from another server's? Reads queries from log lines, compares two replies, and counts the differences. Pure;
// control/shadow_asker sends the queries.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/wire/message.hpp"

namespace lictor::shadow {

/// A query that both servers are asked, in class IN.
struct ShadowQuery {
    wire::Name name;  ///< lower case
    std::uint16_t type = 0;
    bool operator==(const ShadowQuery&) const = default;
};

/// The query in `query[TYPE] NAME from ADDRESS`, dnsmasq's log line, after any prefix (time, log-queries=extra). Zone transfers are
/// ignored.
std::optional<ShadowQuery> shadow_query(std::string_view line);

/// The result of one comparison.
enum class ShadowKind : std::uint8_t {
    same,
    only_we_replied,
    only_other_replied,
    none_replied,
    code,          ///< another response code
    type_missing,  ///< one has data of the asked type, the other has none
    addresses,     ///< the same kind of answer with other values
    cut,           ///< a reply is truncated (TC) and the data differ: not compared further
    count_,
};
inline constexpr std::size_t shadow_kinds = static_cast<std::size_t>(ShadowKind::count_);
/// Key in JSON.
const char* word(ShadowKind kind);

/// Compares rcode and data of the asked type; order and TTLs do not count. `ours`, `theirs`: nothing = no reply. `why` is set to the
/// difference in one line; it is not changed for `same`, `none_replied` and `cut`. A reply that cannot be parsed counts as none.
ShadowKind compare_replies(std::uint16_t type, std::optional<wire::Bytes> ours, std::optional<wire::Bytes> theirs, std::string& why);

/// The result of the comparison so far.
struct ShadowReport {
    static constexpr std::size_t examples_max = 50;
    /// One difference.
    struct Example {
        std::int64_t unix_seconds = 0;
        ShadowQuery query;
        ShadowKind kind = ShadowKind::same;
        std::string why;
    };
    std::string with;  ///< the other server and the source of queries, as text
    std::array<std::uint64_t, shadow_kinds> kinds{};
    std::uint64_t seen = 0, skipped = 0;  ///< queries seen; of them not compared because of the bounds or a recent comparison
    std::deque<Example> examples;         ///< the latest differences

    /// Counts a comparison. A difference also becomes an example, except `none_replied`; the oldest above examples_max is removed.
    void add(const ShadowQuery& query, ShadowKind kind, std::string why, std::int64_t unix_seconds);
    /// Comparisons of all kinds.
    std::uint64_t compared() const;
};

}  // namespace lictor::shadow
