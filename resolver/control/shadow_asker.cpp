// The log and the time limits are checked five times a second.
#include "resolver/control/shadow_asker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "resolver/control/plain_query.hpp"

namespace lictor::control {
namespace {

constexpr double asked_each_second = 20;
constexpr std::size_t at_once_max = 64, recent_max = 512, echoes_max = 512;
// not_again_within: longer than two servers in a row take to time out. Otherwise lictor's own query, read from the followed log, would
// be sent again without end.
constexpr microseconds reply_wait_max = seconds(5), not_again_within = seconds(15);
constexpr milliseconds check_every = milliseconds(200);
constexpr std::size_t log_bytes_per_check = 256 * 1024, line_max = 1024;

}  // namespace

ShadowAsker::ShadowAsker(loop::Loop& loop, Random& random, conf::ShadowRule rule, Endpoint own)
    : random_(random), rule_(std::move(rule)), own_(own), timer_(loop, [this] { on_timer(); }) {
    // A wildcard address is queried at the loopback address.
    if (own_.address.is_unspecified()) own_.address = own_.address.v6 ? *Address::parse("::1") : Address::v4(127, 0, 0, 1);
    report_.with = rule_.other.text() + (rule_.log_file.empty() ? ", samples of our own queries" : ", queries from " + rule_.log_file);
    links_ = std::make_unique<net::Links>(
        loop, random_, 2 * at_once_max, [this](answer::AttemptId attempt, wire::Bytes message) { take(attempt, message); },
        [this](answer::AttemptId attempt) { take(attempt, {}); });
    filled_ = loop::Loop::now();
    tokens_ = asked_each_second;
    timer_.repeat(check_every);
    if (!rule_.log_file.empty()) {
        log_fd_ = ::open(rule_.log_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (log_fd_ < 0)
            log::warning("shadow: " + printable(rule_.log_file) + ": " + std::strerror(errno) +
                         "; waiting for it to appear (is it readable for this user?)");
        else ::lseek(log_fd_, 0, SEEK_END);
    }
    log::info("comparing answers with " + printable(report_.with));
}

ShadowAsker::~ShadowAsker() {
    if (log_fd_ >= 0) ::close(log_fd_);
}

void ShadowAsker::offer(const shadow::ShadowQuery& query) {
    const Now now = loop::Loop::now();
    // The other server logs our own queries as well: skip those.
    std::erase_if(echoes_, [&](const auto& row) { return row.second + not_again_within < now; });
    const auto echo = std::find_if(echoes_.begin(), echoes_.end(), [&](const auto& row) { return row.first == query; });
    if (echo != echoes_.end()) {
        echoes_.erase(echo);
        return;
    }
    ++report_.seen;
    tokens_ = std::min(asked_each_second, tokens_ + asked_each_second * static_cast<double>((now - filled_).count()) / 1e6);
    filled_ = now;
    std::erase_if(recent_, [&](const auto& row) { return row.second + not_again_within < now; });
    const bool known = std::any_of(recent_.begin(), recent_.end(), [&](const auto& row) { return row.first == query; });
    if (known || tokens_ < 1 || pairs_.size() >= at_once_max || recent_.size() >= recent_max) {
        ++report_.skipped;
        return;
    }
    tokens_ -= 1;
    recent_.emplace_back(query, now);
    if (!rule_.log_file.empty() && echoes_.size() < echoes_max) echoes_.emplace_back(query, now);
    ask(query);
}

void ShadowAsker::ask(const shadow::ShadowQuery& query) {
    Pair pair;
    pair.query = query;
    pair.begun = loop::Loop::now();
    pair.ours = send(query, own_);
    pair.theirs = send(query, rule_.other);
    pairs_.push_back(std::move(pair));
}

answer::AttemptId ShadowAsker::send(const shadow::ShadowQuery& query, const Endpoint& to) {
    answer::Ask ask;
    ask.attempt = next_++;
    ask.upstream = to;
    ask.bytes = plain_query(random_.next_u16(), query.name, query.type);
    const answer::AttemptId attempt = ask.attempt;
    links_->ask(std::move(ask));
    return attempt;
}

void ShadowAsker::take(answer::AttemptId attempt, std::optional<wire::Bytes> reply) {
    const auto found =
        std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& pair) { return pair.ours == attempt || pair.theirs == attempt; });
    if (found == pairs_.end()) return;
    const bool our_own = found->ours == attempt;
    if (reply) (our_own ? found->our_reply : found->their_reply) = std::vector<std::uint8_t>(reply->begin(), reply->end());
    (our_own ? found->ours_open : found->theirs_open) = false;
    links_->close(attempt);
    if (!found->ours_open && !found->theirs_open) {
        finish(*found);
        pairs_.erase(found);
    }
}

void ShadowAsker::finish(Pair& pair) {
    const auto view = [](const std::optional<std::vector<std::uint8_t>>& bytes) {
        return bytes ? std::optional<wire::Bytes>(*bytes) : std::nullopt;
    };
    std::string why;
    const shadow::ShadowKind kind = shadow::compare_replies(pair.query.type, view(pair.our_reply), view(pair.their_reply), why);
    report_.add(pair.query, kind, std::move(why), loop::Loop::moment().unix_seconds);
}

void ShadowAsker::on_timer() {
    const Now now = loop::Loop::now();
    for (std::size_t i = 0; i < pairs_.size();) {
        if (pairs_[i].begun + reply_wait_max > now) {
            ++i;
            continue;
        }
        links_->close(pairs_[i].ours);
        links_->close(pairs_[i].theirs);
        finish(pairs_[i]);
        pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (!rule_.log_file.empty()) read_log();
}

/// Reads what was written since the last call. A rotated log (another file of that name, or a shorter one) is read from its start.
void ShadowAsker::read_log() {
    struct stat named {
    }, held{};
    const bool there = ::stat(rule_.log_file.c_str(), &named) == 0;
    const bool other = there && (log_fd_ < 0 || ::fstat(log_fd_, &held) != 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev);
    std::array<char, 16384> buffer;  // NOLINT: filled by read
    for (std::size_t taken = 0; log_fd_ >= 0 && taken < log_bytes_per_check;) {
        // Read the size each time: a log that grows while it is read was not truncated.
        if (!other && ::fstat(log_fd_, &held) == 0 && ::lseek(log_fd_, 0, SEEK_CUR) > held.st_size) ::lseek(log_fd_, 0, SEEK_SET);
        const ssize_t got = ::read(log_fd_, buffer.data(), buffer.size());
        if (got <= 0) break;
        taken += static_cast<std::size_t>(got);
        for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(got))) {
            if (c != '\n') {
                if (half_line_.size() < line_max) half_line_ += c;
                else skip_line_ = true;
                continue;
            }
            if (const auto query = skip_line_ ? std::nullopt : shadow::shadow_query(half_line_)) offer(*query);
            half_line_.clear();
            skip_line_ = false;
        }
    }
    if (!other) return;
    if (log_fd_ >= 0) ::close(log_fd_);
    log_fd_ = ::open(rule_.log_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    half_line_.clear();
}

}  // namespace lictor::control
