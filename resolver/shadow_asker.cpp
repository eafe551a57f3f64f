// A look at the log and at the clock five times a second; replies come as they come.
#include "resolver/shadow_asker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr double asked_each_second = 20;
constexpr std::size_t at_once_max = 64, recent_max = 512, echoes_max = 512;
// Longer than two servers in a row may take to fail: a question of ours that comes back by the log is not asked again, and again.
constexpr microseconds patience = seconds(5), not_again_within = seconds(15);
constexpr milliseconds turn_every = milliseconds(200);
constexpr std::size_t log_bytes_each_turn = 256 * 1024, line_max = 1024;

std::vector<std::uint8_t> question_bytes(const ShadowQuestion& question, std::uint16_t id) {
    std::vector<std::uint8_t> bytes = {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    const Bytes name = question.name.wire();
    bytes.insert(bytes.end(), name.begin(), name.end());
    for (const unsigned value : {unsigned{question.type}, unsigned{rrclass::in}}) {
        bytes.push_back(static_cast<std::uint8_t>(value >> 8));
        bytes.push_back(static_cast<std::uint8_t>(value));
    }
    return bytes;
}

}  // namespace

ShadowAsker::ShadowAsker(Loop& loop, Random& random, ShadowRule rule, Endpoint own)
    : random_(random), rule_(std::move(rule)), own_(own), timer_(loop, [this] { turn(); }) {
    // A server that listens on every address is asked at the nearest one.
    if (own_.address.is_unspecified()) own_.address = own_.address.v6 ? *Address::parse("::1") : Address::v4(127, 0, 0, 1);
    report_.with = rule_.other.text() + (rule_.log_file.empty() ? ", samples of our own questions" : ", questions from " + rule_.log_file);
    links_ = std::make_unique<Links>(
        loop, random_, 2 * at_once_max, [this](AttemptId attempt, Bytes message) { take(attempt, message); }, [this](AttemptId attempt) { take(attempt, {}); });
    filled_ = Loop::now();
    tokens_ = asked_each_second;
    timer_.repeat(turn_every);
    if (!rule_.log_file.empty()) {
        log_fd_ = ::open(rule_.log_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (log_fd_ < 0) log::warning("shadow: " + log::printable(rule_.log_file) + ": " + std::strerror(errno) + "; waiting for it to appear (is it readable for this user?)");
        else ::lseek(log_fd_, 0, SEEK_END);
    }
    log::info("comparing answers with " + log::printable(report_.with));
}

ShadowAsker::~ShadowAsker() {
    if (log_fd_ >= 0) ::close(log_fd_);
}

void ShadowAsker::offer(const ShadowQuestion& question) {
    const Now now = Loop::now();
    // The other server logs what we ask it as well.
    std::erase_if(echoes_, [&](const auto& row) { return row.second + not_again_within < now; });
    const auto echo = std::find_if(echoes_.begin(), echoes_.end(), [&](const auto& row) { return row.first == question; });
    if (echo != echoes_.end()) {
        echoes_.erase(echo);
        return;
    }
    ++report_.seen;
    tokens_ = std::min(asked_each_second, tokens_ + asked_each_second * static_cast<double>((now - filled_).count()) / 1e6);
    filled_ = now;
    std::erase_if(recent_, [&](const auto& row) { return row.second + not_again_within < now; });
    const bool known = std::any_of(recent_.begin(), recent_.end(), [&](const auto& row) { return row.first == question; });
    if (known || tokens_ < 1 || pairs_.size() >= at_once_max || recent_.size() >= recent_max) {
        ++report_.passed_over;
        return;
    }
    tokens_ -= 1;
    recent_.emplace_back(question, now);
    if (!rule_.log_file.empty() && echoes_.size() < echoes_max) echoes_.emplace_back(question, now);
    ask(question);
}

void ShadowAsker::ask(const ShadowQuestion& question) {
    Pair pair;
    pair.question = question;
    pair.begun = Loop::now();
    pair.ours = send(question, own_);
    pair.theirs = send(question, rule_.other);
    pairs_.push_back(std::move(pair));
}

AttemptId ShadowAsker::send(const ShadowQuestion& question, const Endpoint& to) {
    Ask ask;
    ask.attempt = next_++;
    ask.upstream = to;
    ask.bytes = question_bytes(question, random_.next_u16());
    const AttemptId attempt = ask.attempt;
    links_->ask(std::move(ask));
    return attempt;
}

void ShadowAsker::take(AttemptId attempt, std::optional<Bytes> reply) {
    const auto found = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& pair) { return pair.ours == attempt || pair.theirs == attempt; });
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
    const auto view = [](const std::optional<std::vector<std::uint8_t>>& bytes) { return bytes ? std::optional<Bytes>(*bytes) : std::nullopt; };
    std::string why;
    const ShadowKind kind = compare_replies(pair.question.type, view(pair.our_reply), view(pair.their_reply), why);
    report_.add(pair.question, kind, std::move(why), Loop::moment().unix_seconds);
}

void ShadowAsker::turn() {
    const Now now = Loop::now();
    for (std::size_t i = 0; i < pairs_.size();) {
        if (pairs_[i].begun + patience > now) {
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

/// What was written since the last look; a log that was turned over (another file of that name, or a shorter one) is read from its start.
void ShadowAsker::read_log() {
    struct stat named{}, held{};
    const bool there = ::stat(rule_.log_file.c_str(), &named) == 0;
    const bool other = there && (log_fd_ < 0 || ::fstat(log_fd_, &held) != 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev);
    std::array<char, 16384> buffer;  // NOLINT: filled by read
    for (std::size_t taken = 0; log_fd_ >= 0 && taken < log_bytes_each_turn;) {
        // Looked at anew each time: what grows while it is read was not cut.
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
            if (const auto question = skip_line_ ? std::nullopt : shadow_question(half_line_)) offer(*question);
            half_line_.clear();
            skip_line_ = false;
        }
    }
    if (!other) return;
    if (log_fd_ >= 0) ::close(log_fd_);
    log_fd_ = ::open(rule_.log_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    half_line_.clear();
}

}  // namespace lictor
