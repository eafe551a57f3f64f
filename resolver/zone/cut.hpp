// How many answers does the agent send (AgentBehaviour::cuts_as_agent)? Over UDP without EDNS at most `udp_answer_limit`, then as many as
// its own computation of sizes allows; at least one; TC only with enable_truncate. The reply is written, measured and written again with
// fewer answers, as the agent does. Otherwise a reply is written once, until the message is full.
#pragma once

#include <algorithm>

#include "resolver/zone/reply.hpp"

namespace lictor::zone {

/// The agent's limits by transport and EDNS size.
struct AgentLimits {
    std::size_t bytes = 0;        ///< largest reply for this client
    std::size_t spare = 0;        ///< a cut leaves this number of bytes free
    std::size_t answers_max = 0;  ///< further answers are removed before sizes are compared

    /// The limits for the client of this reply: over UDP without EDNS 512 bytes and at most eight answers.
    static AgentLimits of(const ZoneReply& reply) {
        const wire::Question& question = reply.question;
        if (question.over_tcp) return {65'523, 0, question.type == rrtype::srv ? 1024u : 4096u};
        const std::size_t offered = question.edns.present && question.edns.udp_size > 512 ? question.edns.udp_size : 512;
        const std::size_t bytes = std::min(offered, reply.agent.udp_bytes_max);
        // A client that offers more than 512 bytes has no limit on the number of answers.
        const std::size_t answers = bytes == 512 ? std::min<std::size_t>(8, reply.settings.udp_answer_limit) : wire::message_max;
        return {bytes, reply.agent.udp_bytes_spare, answers};
    }
};

/// `write` writes the whole answer and returns its outcome; it is called several times.
template <class Write>
Outcome write_as_agent(ZoneReply& reply, const Write& write) {
    const AgentLimits limits = AgentLimits::of(reply);
    const bool tcp = reply.question.over_tcp, cuts_opt = reply.agent.cuts_opt;
    bool synced = false, uncompressed = reply.settings.disable_compression;
    Outcome outcome = Outcome::answered;
    const auto measure = [&](std::size_t answers) {
        reply.restart(answers, synced);
        outcome = write();
        const std::size_t opt = reply.question.edns.present && cuts_opt && !synced ? wire::opt_size : 0;
        if (reply.overflowed()) return 2 * wire::message_max;  // larger than every limit
        return (uncompressed ? reply.uncompressed_size() : reply.size()) + opt;
    };
    std::size_t size = measure(wire::message_max);
    const std::size_t all = reply.answers();
    if (outcome != Outcome::answered || all == 0) return outcome;
    std::size_t answers = std::min(all, limits.answers_max);
    if (answers < all) {
        synced = !tcp;
        uncompressed = uncompressed || synced;
        size = measure(answers);
    }
    const bool over = answers > 1 && size > limits.bytes - limits.spare;
    if (over) {
        // Far above the limit the agent searches for the best cut, which may keep all answers if ADDITIONAL alone was too large.
        const bool search = size > limits.bytes + 100;
        synced = true;
        std::size_t fits = 1, beyond = search ? answers + 1 : answers;
        while (beyond - fits > 1) {
            const std::size_t middle = fits + (beyond - fits) / 2;
            (measure(middle) <= limits.bytes - limits.spare ? fits : beyond) = middle;
        }
        answers = fits;
    }
    if (answers < all || synced) measure(answers);
    if (synced && cuts_opt) reply.lose_opt();
    if ((tcp ? over : answers < all) && reply.settings.enable_truncate) reply.mark_truncated();
    return outcome;
}

}  // namespace lictor::zone
