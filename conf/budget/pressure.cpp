// The texts and the limits of time and size.
#include "conf/budget/pressure.hpp"

#include <algorithm>

namespace lictor::budget {
namespace {

constexpr microseconds quiet_for = seconds(10);
constexpr std::uint64_t worth_giving_back = 1u << 20;

/// `812 queries in flight …: queries answered SERVFAIL`, for each kind of which something was shed since `before`.
std::string shed_text(const Report& report, const Report& before) {
    std::string text;
    for (std::size_t i = 0; i < kinds; ++i) {
        const std::uint64_t number = report.shed[i] - before.shed[i];
        if (number == 0 || static_cast<Kind>(i) == Kind::cache) continue;
        text += (text.empty() ? "" : "; ") + std::to_string(number) + ' ' + std::string(kind_rows[i].shed);
    }
    return text;
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
    if (bytes >= 10u << 20) return std::to_string(bytes >> 20) + " MB";
    return std::to_string(bytes >> 10) + " kB";
}

std::optional<Pressure::Line> Pressure::line(const Report& report, Now now) {
    const std::uint64_t shed = report.shed_for_clients();
    const bool more = shed != shed_before_;
    if (more) last_shed_ = now;
    if (more && !since_) {
        since_ = now;
        Line begin{true, "memory-max=" + std::to_string(report.max) + " is used up (" + bytes_text(report.used_in_all()) + " of " +
                             bytes_text(report.max) + "): " + shed_text(report, at_begin_) +
                             "; raise memory-max, or find the client that floods: lictor stats shows what uses the memory"};
        shed_before_ = shed;
        return begin;
    }
    shed_before_ = shed;
    if (since_ && !more && now - last_shed_ >= quiet_for) {
        const auto took = std::chrono::duration_cast<seconds>(last_shed_ - *since_).count();
        Line end{false, "memory-max: nothing is shed any more (" + bytes_text(report.used_in_all()) + " of " + bytes_text(report.max) +
                            " in use); in " + std::to_string(took) + " s: " + shed_text(report, at_begin_)};
        since_.reset();
        at_begin_ = report;
        return end;
    }
    if (!since_) at_begin_ = report;
    return std::nullopt;
}

bool Pressure::gives_back(std::uint64_t used) {
    peak_ = std::max(peak_, used);
    const bool falls = used < used_before_;
    used_before_ = used;
    if (falls || peak_ - used < worth_giving_back) return false;
    peak_ = used;
    return true;
}

}  // namespace lictor::budget
