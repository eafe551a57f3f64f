// What may a client in a network cause over UDP, where its address can be forged? Its DNS cookie is checked, its rate is limited, and ANY
// is answered over TCP only. Clients on this machine are not concerned, and neither is TCP: both have shown their address.
#include <algorithm>

#include "conf/values/range_values.hpp"
#include "resolver/core/resolver_state.hpp"

namespace lictor::core {

bool Resolver::State::replace_cookie(wire::Question& question, const answer::Client& client, Moment at) {
    wire::Edns& edns = question.edns;
    if (view->rules->no_answer_cookie || edns.same_host) {
        edns.cookie_size = 0;
        return false;
    }
    const auto checked = cookies.check(edns.cookie_option(), client.peer.address, at.unix_seconds);
    edns.cookie = checked.reply;
    edns.cookie_size = static_cast<std::uint8_t>(checked.reply.size());
    edns.cookie_good = checked.good;
    return true;
}

void Resolver::State::check_cookie(wire::Question& question, const answer::Client& client, Moment at) {
    if (replace_cookie(question, client, at)) (question.edns.cookie_good ? counters.cookies_good : counters.cookies_other).add();
}

bool Resolver::State::is_above_rate(const answer::Client& client, Now now, answer::Actions& actions) {
    const rules::Rules& rules = *view->rules;
    if (rules.rrl_ratelimit == 0 || rate.take(clients::client_of(client.peer), now, rules.rrl_ratelimit)) return false;
    const auto& address = client.peer.address;
    if (std::any_of(rules.rrl_exempt.begin(), rules.rrl_exempt.end(), [&](const auto& range) { return conf::contains(range, address); }))
        return false;
    if (notices.due(answer::NoticeKind::rate_limited, now))
        actions.emplace_back(
            answer::Notice{answer::NoticeKind::rate_limited, address.text() + " sends more than " + std::to_string(rules.rrl_ratelimit) +
                                                                 " queries each second over UDP, perhaps under a forged address; it is to "
                                                                 "ask over TCP"});
    return true;
}

std::optional<Answer> Resolver::State::answer_forgeable(wire::QuestionFault fault, const wire::Question& question,
                                                        const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                                                        answer::Actions& actions) {
    const bool any = fault == wire::QuestionFault::none && question.type == rrtype::any && !answers_as_agent(question);
    const bool above = is_above_rate(client, at.now, actions);
    if (!any && !above) return std::nullopt;
    if (above) {
        const std::uint32_t slip = view->rules->rrl_slip;
        if (slip == 0 || ++limited % slip != 0) {
            counters.limited_dropped.add();
            return Answer{};
        }
        if (question.edns.cookie_size != 0) {
            counters.limited_cookie.add();
            return Answer::failed(question, {Cause::bad_cookie}, buffer);
        }
    }
    (above ? counters.limited_truncated : counters.any_truncated).add();
    Answer answer = Answer::from(answer::Source::error, wire::write_error(question, rcode::noerror, buffer).size());
    wire::change_bits(buffer.data(), header_bit::tc, 0);
    answer.truncated = true;
    return answer;
}

}  // namespace lictor::core
