// Sends the same queries to lictor and to another server (`shadow`) and counts the differences. Queries come from a followed query log
// or from samples of the workers; at most 20 a second and 64 at once. Used on the control thread only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/values/shadow_value.hpp"
#include "resolver/net/links.hpp"
#include "resolver/shadow/compare.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// Queries are UDP without EDNS. A reply that is missing after 5 s counts as none.
class ShadowAsker {
public:
    /// `own`: an endpoint that lictor listens on; a wildcard address means loopback. The log is read from its end on; one that cannot be
    /// opened is a warning and is tried again five times a second. `loop` and `random` must outlive this object.
    ShadowAsker(loop::Loop& loop, Random& random, conf::ShadowRule rule, Endpoint own);
    ~ShadowAsker();  ///< drops the queries under way

    /// A query to compare; skipped, and counted so, beyond the bounds, or if it was asked in the last 15 s.
    void offer(const shadow::ShadowQuery& query);
    /// A copy of the counts and the latest differences.
    std::shared_ptr<const shadow::ShadowReport> report() const { return std::make_shared<shadow::ShadowReport>(report_); }

private:
    struct Pair {
        shadow::ShadowQuery query;
        answer::AttemptId ours = 0, theirs = 0;
        std::optional<std::vector<std::uint8_t>> our_reply, their_reply;
        bool ours_open = true, theirs_open = true;
        Now begun{};
    };
    void ask(const shadow::ShadowQuery& query);
    answer::AttemptId send(const shadow::ShadowQuery& query, const Endpoint& to);
    void take(answer::AttemptId attempt, std::optional<wire::Bytes> reply);
    void finish(Pair& pair);
    void on_timer();
    void read_log();

    Random& random_;
    conf::ShadowRule rule_;
    Endpoint own_;
    shadow::ShadowReport report_;
    std::vector<Pair> pairs_;
    /// Asked in the last 15 s; also keeps lictor's own query from being sampled.
    std::vector<std::pair<shadow::ShadowQuery, Now>> recent_;
    std::vector<std::pair<shadow::ShadowQuery, Now>> echoes_;  ///< sent to the other server, which will log them
    answer::AttemptId next_ = 1;
    double tokens_ = 0;
    Now filled_{};
    int log_fd_ = -1;
    std::string half_line_;
    bool skip_line_ = false;
    std::unique_ptr<net::Links> links_;
    loop::Timer timer_;
};

}  // namespace lictor::control
