// Asks us and another server the same (`shadow`): questions from a followed query log or from samples of our own, at most so many a second
// and at once, and keeps the tally. On the control thread; the data plane only hands over samples.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/shadow_value.hpp"
#include "resolver/core/shadow.hpp"
#include "resolver/links.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class ShadowAsker {
public:
    ShadowAsker(Loop& loop, Random& random, ShadowRule rule, Endpoint own);
    ~ShadowAsker();

    void offer(const ShadowQuestion& question);
    std::shared_ptr<const ShadowReport> report() const { return std::make_shared<ShadowReport>(report_); }

private:
    struct Pair {
        ShadowQuestion question;
        AttemptId ours = 0, theirs = 0;
        std::optional<std::vector<std::uint8_t>> our_reply, their_reply;
        bool ours_open = true, theirs_open = true;
        Now begun{};
    };
    void ask(const ShadowQuestion& question);
    AttemptId send(const ShadowQuestion& question, const Endpoint& to);
    void take(AttemptId attempt, std::optional<Bytes> reply);
    void finish(Pair& pair);
    void turn();
    void read_log();

    Random& random_;
    ShadowRule rule_;
    Endpoint own_;
    ShadowReport report_;
    std::vector<Pair> pairs_;
    std::vector<std::pair<ShadowQuestion, Now>> recent_;   ///< asked a moment ago: not again, and never our own question for the sample of a sample
    std::vector<std::pair<ShadowQuestion, Now>> echoes_;   ///< asked of the other server, whose log will say so
    AttemptId next_ = 1;
    double tokens_ = 0;
    Now filled_{};
    int log_fd_ = -1;
    std::string half_line_;
    bool skip_line_ = false;
    std::unique_ptr<Links> links_;
    Timer timer_;
};

}  // namespace lictor
