// Runs a decision with a witness, and keeps what it found.
#include "resolver/core/explanation.hpp"

#include "resolver/core/resolver_state.hpp"

namespace lictor::core {

Explanation Resolver::explain(const wire::Name& name, std::uint16_t type, Moment at) {
    State& s = *state_;
    Explanation out;
    out.view = s.view;
    out.name = name.lower();
    out.type = type;
    out.at = at;

    wire::Question question;
    question.header.bits = header_bit::rd;
    question.header.qdcount = 1;
    question.name = name;
    question.lower = out.name;
    question.type = type;
    question.klass = rrclass::in;
    question.end = wire::header_size + name.size() + 4;
    question.edns.present = true;
    question.edns.udp_size = 1232;
    question.edns.same_host = true;
    answer::Client client;
    client.peer.address = client.local = Address::v4(127, 0, 0, 1);

    Random zone_random = s.random;  // a copy: the worker's own stream of random bits does not move
    struct Explaining {
        Explaining(State& of, answer::Witness& witness, Random& random) : state(of) {
            state.witness = &witness;
            state.zone_random = &random;
            state.forward.explain_to(&witness);
        }
        ~Explaining() {
            state.witness = nullptr;
            state.zone_random = &state.random;
            state.forward.explain_to(nullptr);
        }
        State& state;
    } explaining(s, out.seen, zone_random);

    answer::Actions none;
    wire::MessageBuffer memory;
    const auto buffer = std::span<std::uint8_t>(memory).first(wire::udp_message_max);
    const Answer answer = s.decide(question, client, at, buffer, none, 0);
    out.kind = answer.kind;
    if (answer.kind == Answer::Kind::waits) {
        const answer::Reason reason = s.reason_of(answer.need, answer.leader_gap, at.now);
        out.hold = HoldSeen{answer.need,          answer.leader_gap,
                            s.hold_bound(answer), s.agent_ends_hold(question, answer.need, answer.leader_gap),
                            reason.cause,         answer::text_of(reason)};
    }
    if (!answer.answered()) return out;
    out.source = answer.source;
    out.truncated = answer.truncated;
    out.message.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(answer.size));
    out.rcode = answer::rcode_of(answer.reason, out.message);
    out.cause = answer.reason.cause;
    out.extended_error = answer::extended_error_of(answer.reason, out.rcode);
    out.text = answer::text_of(answer.reason);
    return out;
}

}  // namespace lictor::core
