// How many answers does the agent send (consul-dns-compat=strict)? Over UDP without EDNS at most `udp_answer_limit`, then as many as its
// own reckoning of sizes allows; one answer is always sent; TC only with enable_truncate. The reply is written, measured and written
// again with fewer answers, as the agent does; the default mode has no need of this (the message is simply written until it is full).
#pragma once

#include <algorithm>

#include "resolver/core/zone_reply.hpp"

namespace lictor {

struct AgentLimits {
    std::size_t bytes = 0;        ///< with this the search for the best cut is done
    std::size_t margin = 0;       ///< and so much below it the reply has to be
    std::size_t answers_max = 0;  ///< more are cut before sizes are looked at
    bool tcp = false;
    bool cuts_opt = false;  ///< OPT counts as an additional record, and is lost with them

    static AgentLimits of(const ZoneReply& reply);
};

/// `write` puts the whole answer and says what it came to; it is called several times.
template <class Write>
Outcome write_as_agent(ZoneReply& reply, const Write& write) {
    const AgentLimits limits = AgentLimits::of(reply);
    bool synced = false, uncompressed = reply.settings.disable_compression;
    Outcome outcome = Outcome::answered;
    const auto measure = [&](std::size_t answers) {
        reply.restart(answers, synced);
        outcome = write();
        const std::size_t opt = reply.question.edns.present && limits.cuts_opt && !synced ? Writer::opt_size : 0;
        if (reply.overflowed()) return 2 * message_max;  // however much longer
        return (uncompressed ? reply.uncompressed_size() : reply.size()) + opt;
    };
    std::size_t size = measure(message_max);
    const std::size_t all = reply.answers();
    if (outcome != Outcome::answered || all == 0) return outcome;
    std::size_t answers = std::min(all, limits.answers_max);
    if (answers < all) {
        synced = !limits.tcp;
        uncompressed = uncompressed || synced;
        size = measure(answers);
    }
    const bool over = answers > 1 && size > limits.bytes - limits.margin;
    if (over) {
        // Far above the limit the agent looks for the best cut and may find that ADDITIONAL alone was too much.
        const bool search = size > limits.bytes + 100;
        synced = true;
        std::size_t fits = 1, beyond = search ? answers + 1 : answers;
        while (beyond - fits > 1) {
            const std::size_t middle = fits + (beyond - fits) / 2;
            (measure(middle) <= limits.bytes - limits.margin ? fits : beyond) = middle;
        }
        answers = fits;
    }
    if (answers < all || synced) measure(answers);
    if (synced && limits.cuts_opt) reply.lose_opt();
    if ((limits.tcp ? over : answers < all) && reply.settings.enable_truncate) reply.mark_truncated();
    return outcome;
}

}  // namespace lictor
