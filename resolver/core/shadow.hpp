// Comparing our answers with another server's, question by question: what of a log line is a question, how two replies to it differ, and a
// bounded tally of it. Pure; who asks and when is resolver/shadow_asker.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/wire/message.hpp"

namespace lictor {

struct ShadowQuestion {
    Name name;             ///< lower case
    std::uint16_t type = 0;
    bool operator==(const ShadowQuestion&) const = default;
};

/// The `query[TYPE] NAME from ADDRESS` in a line of a dnsmasq log, with whatever stands before it (log-queries=extra too).
std::optional<ShadowQuestion> shadow_question(std::string_view line);

enum class ShadowKind : std::uint8_t {
    same,
    other_silent,   ///< it said nothing, we did
    we_silent,
    both_silent,
    code,           ///< another response code
    type_missing,   ///< one has data of the asked type, the other has none
    addresses,      ///< the same kind of answer with other values
    cut,            ///< one of them was cut for size (TC): not comparable further
    count_,
};
inline constexpr std::size_t shadow_kinds = static_cast<std::size_t>(ShadowKind::count_);
const char* word(ShadowKind kind);

/// `why` says what differs, in one line.
ShadowKind compare_replies(std::uint16_t type, std::optional<Bytes> ours, std::optional<Bytes> theirs, std::string& why);

struct ShadowReport {
    static constexpr std::size_t examples_max = 50;
    struct Example {
        std::int64_t unix_seconds = 0;
        ShadowQuestion question;
        ShadowKind kind = ShadowKind::same;
        std::string why;
    };
    std::string with;                                ///< whom we compare with, for people
    std::array<std::uint64_t, shadow_kinds> kinds{};
    std::uint64_t seen = 0, passed_over = 0;         ///< questions seen, and those not asked because of the bounds or asked just now
    std::deque<Example> examples;                    ///< the latest differences

    void add(const ShadowQuestion& question, ShadowKind kind, std::string why, std::int64_t unix_seconds);
    std::uint64_t compared() const;
};

}  // namespace lictor
