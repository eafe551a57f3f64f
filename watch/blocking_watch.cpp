// The turn of one blocking query: send, judge, parse, publish, pause, send.
#include "watch/blocking_watch.hpp"

#include <utility>

#include "conf/log.hpp"
#include "watch/http_target.hpp"

namespace lictor {
namespace {

constexpr std::size_t parse_inline_max = 64u << 10;

ContactOutcome outcome_of(const HttpReply& reply, PollVerdict verdict) {
    if (reply.status == 0) return reply.unreachable ? ContactOutcome::unreachable : ContactOutcome::broken;
    if (reply.status == 429 || reply.status == 503) return ContactOutcome::limited;
    const bool useless = verdict == PollVerdict::failed || verdict == PollVerdict::denied || verdict == PollVerdict::no_such_datacenter;
    return useless ? ContactOutcome::refused : ContactOutcome::good;
}

std::string why_of(const HttpReply& reply) {
    if (reply.status == 0) return log::printable(reply.error);
    if (reply.status == 200) return "the reply is not Consul's (no X-Consul-Index)";
    std::string why = "status " + std::to_string(reply.status);
    if (!reply.body.empty()) why += ": " + log::printable(reply.body, 120);
    return why;
}

}  // namespace

BlockingWatch::BlockingWatch(WatchContext& context, Poll::Kind kind)
    : context_(context), poll_(kind), leader_keys_(kind.leader_keys), timer_(context.loop, [this] { attempt(); }) {}

BlockingWatch::~BlockingWatch() {
    *alive_ = false;
    halt();
}

void BlockingWatch::start() {
    attempt();
    // Nobody waits for what cannot come now.
    if (parked_ && !context_.contact.reachable()) trouble(Trouble::failed, "Consul cannot be reached");
}

void BlockingWatch::gate_opened() {
    if (!std::exchange(parked_, false) || halted_) return;
    poll_.reset();
    attempt();
}

void BlockingWatch::gate_shut(const std::string& why) {
    if (parked_ && !halted_) trouble(Trouble::failed, why);
}

void BlockingWatch::restart() {
    halt();
    halted_ = parked_ = false;
    poll_.reset();
    attempt();
}

void BlockingWatch::retry_now() {
    if (halted_ || !failing() || ticket_ || parsing_) return;
    timer_.stop();
    attempt();
}

void BlockingWatch::halt() {
    halted_ = true;
    timer_.stop();
    if (ticket_) context_.http.cancel(std::exchange(ticket_, 0));
    wait_over();
    if (parsing_) context_.background.cancel(std::exchange(parsing_, 0));
}

void BlockingWatch::wait_over() {
    if (std::exchange(waiting_, false)) context_.waits.ended();
}

void BlockingWatch::schedule() {
    const Now now = Loop::now();
    const Now at = poll_.resume_at(now, context_.random);
    if (at <= now) attempt();
    else timer_.start(at - now);
}

void BlockingWatch::attempt() {
    if (halted_ || ticket_ || parsing_) return;
    if (!context_.contact.open()) {
        parked_ = true;
        return;
    }
    const Now now = Loop::now();
    const Now at = context_.contact.earliest(now, leader_keys_);
    if (at > now) timer_.start(at - now);
    else send();
}

void BlockingWatch::send() {
    poll_.use(context_.options.consul_consistency);
    const Now now = Loop::now();
    const auto request = poll_.next(now, leader_keys_ || context_.waits.may_begin(now));
    if (request.index && !leader_keys_) {
        waiting_ = true;
        context_.waits.begun();
    }
    ticket_ = context_.http.get(request_path(request), request.timeout, [this](HttpReply reply) { on_reply(std::move(reply)); });
}

std::string BlockingWatch::request_path(const PollRequest& request) const {
    std::string text = path();
    char joint = text.find('?') == std::string::npos ? '?' : '&';
    const auto add = [&](const std::string& parameter) {
        text += joint;
        text += parameter;
        joint = '&';
    };
    if (request.index) {
        add("index=" + std::to_string(request.index));
        add("wait=" + std::to_string(request.wait.count()) + "s");
    }
    if (request.consistency == ConsulConsistency::stale) add("stale");
    if (request.consistency == ConsulConsistency::consistent) add("consistent");
    return text;
}

void BlockingWatch::on_reply(HttpReply reply) {
    ticket_ = 0;
    wait_over();
    ++replies_;
    const bool was_failing = poll_.failing();
    const auto verdict = poll_.on_reply({.status = reply.status,
                                         .has_index = reply.has_index,
                                         .index = reply.index,
                                         .known_leader = reply.known_leader || reply.streaming,
                                         .filtered_by_acl = reply.filtered_by_acl,
                                         .retry_after = reply.retry_after,
                                         .body = reply.body},
                                        held(), Loop::now());
    if (verdict == PollVerdict::again || (!was_failing && poll_.failing())) context_.counters.consul_index_resets.add();
    switch (verdict) {
        case PollVerdict::parse:
            if (reply.body.size() > parse_inline_max) {
                auto body = std::make_shared<std::string>(std::move(reply.body));
                auto parsed = std::make_shared<Parsed>();
                reply.body = {};
                parsing_ = context_.background.run([body, parsed, work = parse()] { *parsed = work(*body); },
                                                   [this, parsed, reply = std::move(reply)] {
                                                       parsing_ = 0;
                                                       judge_facts(std::move(*parsed), reply);
                                                       conclude();
                                                   });
                context_.exchanged(ContactOutcome::good);
                return;
            }
            judge_facts(parse()(reply.body), reply);
            break;
        case PollVerdict::same:
            good();
            context_.counters.consul_unchanged.add();
            if (!unconfirmed()) on_same();
            break;
        case PollVerdict::absent:
            good();
            ++changes_;
            context_.counters.consul_changes.add();
            on_absent(reply);
            break;
        case PollVerdict::again: break;
        case PollVerdict::denied: trouble(Trouble::denied, why_of(reply)); break;
        case PollVerdict::failed: trouble(Trouble::failed, why_of(reply)); break;
        case PollVerdict::no_such_datacenter: trouble(Trouble::no_datacenter, why_of(reply)); break;
    }
    const auto still = alive_;
    context_.exchanged(outcome_of(reply, verdict));
    if (*still) conclude();
}

void BlockingWatch::judge_facts(Parsed parsed, const HttpReply& reply) {
    if (!parsed.count) {
        context_.counters.consul_body_rejected.add();
        poll_.parsed(std::nullopt, held(), Loop::now());
        trouble(Trouble::failed, parsed.why);
        return;
    }
    switch (poll_.parsed(parsed.count, held(), Loop::now())) {
        case PollJudgement::adopt:
            good();
            ++changes_;
            context_.counters.consul_changes.add();
            on_facts(std::move(parsed), reply);
            break;
        case PollJudgement::again: break;
        case PollJudgement::ignore:
            good();
            context_.counters.consul_unchanged.add();
            on_hidden();
            break;
    }
}

void BlockingWatch::good() {
    failing_since_.reset();
    if (!poll_.second_chance()) unconfirmed_since_.reset();
    why_.clear();
    last_good_ = Loop::now();
}

void BlockingWatch::trouble(Trouble trouble, std::string why) {
    ++errors_;
    if (!failing_since_) failing_since_ = Loop::now();
    if (!unconfirmed_since_) unconfirmed_since_ = Loop::now();
    why_ = std::move(why);
    on_trouble(trouble, why_);
}

void BlockingWatch::conclude() {
    const auto still = alive_;
    context_.settled();
    if (!*still || halted_) return;
    if (goes_on()) schedule();
    else halt();
}

std::string datacenter_parameter(const Options& options, std::string_view datacenter) {
    if (datacenter.empty()) datacenter = options.consul_datacenter;
    return datacenter.empty() ? std::string() : "dc=" + url_encode(datacenter);
}

}  // namespace lictor
