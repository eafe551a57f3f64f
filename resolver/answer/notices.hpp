// Log messages for operators about queries and replies. One table has the severity of each kind, its rate limit, and the remedy.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"

namespace lictor::answer {

/// What a notice is about. `count` is the number of kinds.
enum class NoticeKind : std::uint8_t { overload, waiting_full, upstream_refused, rebind, non_local, rate_limited, count };
enum class Severity : std::uint8_t { information, warning };

/// How a kind is logged.
struct NoticeRow {
    NoticeKind kind;
    Severity severity = Severity::warning;
    unsigned every_seconds = 5;  ///< at most one message of the kind in this time, over all workers
    bool once = false;           ///< one message until the process ends
    std::string_view remedy;     ///< appended to the text
};
inline constexpr std::array notice_rows{
    NoticeRow{NoticeKind::overload, Severity::warning, 5, false, "raise dns-forward-max, or check why upstreams are slow"},
    NoticeRow{NoticeKind::waiting_full, Severity::warning, 5, false,
              "see `lictor leaders` and the log about Consul, or raise leader-hold-max"},
    NoticeRow{NoticeKind::upstream_refused, Severity::warning, 60, false, "let it recurse for this host, or remove it"},
    NoticeRow{NoticeKind::rebind, Severity::warning, 5, false, "rebind-domain-ok allows a domain"},
    NoticeRow{NoticeKind::non_local, Severity::warning, 0, true, "listen on single addresses (listen-address) to answer other networks"},
    NoticeRow{NoticeKind::rate_limited, Severity::warning, 60, false, "raise rrl-ratelimit, or exempt the client (rrl-exempt)"},
};
static_assert(
    notice_rows.size() == static_cast<std::size_t>(NoticeKind::count) &&
        [] {
            for (std::size_t i = 0; i < notice_rows.size(); ++i)
                if (notice_rows[i].kind != static_cast<NoticeKind>(i)) return false;
            return true;
        }(),
    "each kind has a row, in the order of the enum");
/// The row of a kind other than `count`.
constexpr const NoticeRow& row_of(NoticeKind kind) { return notice_rows[static_cast<std::size_t>(kind)]; }

/// One message for the log, without its remedy.
struct Notice {
    NoticeKind kind = NoticeKind::overload;
    std::string text;
};

/// Limits the rate of each kind. Used by one thread, or under a lock.
class NoticeLimits {
public:
    /// True if a notice of the kind may be logged now; the next one may be after the kind's period.
    bool due(NoticeKind kind, Now now) {
        auto& next = next_[static_cast<std::size_t>(kind)];
        if (now < next) return false;
        next = row_of(kind).once ? Now::max() : now + seconds(row_of(kind).every_seconds);
        return true;
    }

private:
    std::array<Now, notice_rows.size()> next_{};
};

}  // namespace lictor::answer
