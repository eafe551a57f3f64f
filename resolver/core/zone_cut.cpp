// The agent's limits by transport, EDNS size and version.
#include "resolver/core/zone_cut.hpp"

namespace lictor {

AgentLimits AgentLimits::of(const ZoneReply& reply) {
    const Question& question = reply.question;
    const AgentVersion agent = reply.agent();
    AgentLimits limits;
    limits.tcp = question.over_tcp;
    limits.cuts_opt = agent.cuts_everything();
    if (limits.tcp) {
        limits.bytes = 65523;
        limits.answers_max = question.type == rrtype::srv ? 1024 : 4096;
        return limits;
    }
    limits.bytes = 512;
    if (question.edns.present && question.edns.udp_size > 512) limits.bytes = question.edns.udp_size;
    limits.margin = 7;
    if (agent.at_least(14)) {
        limits.bytes = std::min<std::size_t>(limits.bytes, 65467);
        limits.margin = 8;
    }
    // Whoever offers more than 512 bytes is not limited in number.
    limits.answers_max = limits.bytes == 512 ? std::min<std::size_t>(8, reply.settings.udp_answer_limit) : message_max;
    return limits;
}

}  // namespace lictor
