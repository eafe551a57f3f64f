// What is the result of a query? One type for the whole data plane: the zone, local data, the cache and forwarding return it, `conclude`
// finishes it, the worker and the listener act on it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::answer {

using metrics::Cause;

/// Where an answer is from; `error`: a failure that lictor found itself.
enum class Source : std::uint8_t { consul, leader, local, cache, upstream, agent_dns, error };
inline constexpr std::size_t sources = 7;

/// `span` in whole seconds, rounded down.
constexpr std::uint32_t whole_seconds(microseconds span) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<seconds>(span).count());
}

/// The cause of an answer, and the values for the cause's text. The views must be valid until the answer is concluded.
struct Reason {
    Cause cause{};
    std::uint32_t seconds = 0;
    std::string_view name = {}, state = {};
    std::optional<std::uint16_t> extended_error = {};  ///< replaces the cause's: an upstream's, or that of a cached failure
};

/// Which OPT record `conclude` appends if the query had one (RFC 6891).
enum class Opt : std::uint8_t {
    own,     ///< our UDP size, DO as in the query
    zone,    ///< our UDP size, DO clear, the client subnet returned with scope 0 (RFC 7871 §7.2.1)
    agents,  ///< as the agent's (strict): like `zone`, but with the client's UDP size and no extended error
    none,    ///< no OPT is appended
};

/// The result of one query. The message itself is in the buffer that the caller passed along.
struct Answer {
    enum class Kind : std::uint8_t {
        answered,  ///< the buffer holds a reply of `size` bytes
        later,     ///< a Reply action follows within a time limit
        waits,     ///< `need` is not known yet: the query is held, and decided again when that fact changes
        drop,      ///< no reply is sent
    } kind = Kind::drop;
    Source source = Source::error;
    Opt opt = Opt::own;
    bool truncated = false;
    bool counted = false;  ///< made of concluded parts: `conclude` does not count its source and cause or log it again
    std::size_t size = 0;  ///< in bytes; includes OPT only after `conclude`
    Reason reason = {};
    catalog::Need need = {};
    /// Of `waits`: there is no leader to answer, so the bounds of `leader-hold` apply; else those of a first read.
    bool leader_gap = false;

    bool answered() const { return kind == Kind::answered; }
    /// True if the message could be read as a query and its client is answered: only then is it a sign that the client is in use.
    bool is_of_query() const;

    /// An answer whose message of `size` bytes is in the buffer, without OPT.
    static Answer from(Source source, std::size_t size, Reason reason = {}) {
        return {.kind = Kind::answered, .source = source, .size = size, .reason = reason};
    }
    /// Kind `later`: a Reply action follows.
    static Answer comes_later() { return {.kind = Kind::later}; }
    /// A failure with the cause's response code (SERVFAIL if its row has none). The cause must not be `none`. Writes header and question
    /// into `buffer`, at least 512 bytes.
    static Answer failed(const wire::Question& question, Reason reason, std::span<std::uint8_t> buffer);
};

}  // namespace lictor::answer
