// Implements the cycle of one blocking query: send, judge, parse, publish, pause.
#include "watch/queries/blocking_watch.hpp"

#include <new>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/consul.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::queries {
namespace {

constexpr std::size_t parse_inline_max = 64u << 10;
/// Memory of facts, as a multiple of the body that they are read from, and of the body with its parse tree and the new facts.
constexpr microseconds retry_without_memory = seconds(1);
constexpr std::size_t facts_factor = 2, parsing_factor = 4;

std::string why_of(const polling::HttpReply& reply) {
    if (reply.status == 0) return one_line(reply.error);
    if (reply.status == 200) return "the reply is not Consul's (no X-Consul-Index)";
    std::string why = "status " + std::to_string(reply.status);
    if (!reply.body.empty()) why += ": " + one_line(reply.body, 120);
    return why;
}

}  // namespace

BlockingQuery::BlockingQuery(WatchContext& context, polling::Poll::Kind kind)
    : context_(context),
      poll_(kind),
      keys_(kind.leader_keys ? polling::Keys::leader : polling::Keys::other),
      timer_(context.loop, [this] { attempt(); }),
      facts_memory_(context.counters.memory, budget::Kind::consul),
      parsing_memory_(context.counters.memory, budget::Kind::consul) {}

BlockingQuery::~BlockingQuery() {
    *alive_ = false;
    count_in(nullptr);
    halt();
}

void BlockingQuery::start() {
    attempt();
    // Without contact no reply comes: report it, so that queries do not wait.
    if (parked_ && !context_.contact.reachable()) trouble(polling::Refusal::none, "Consul cannot be reached");
}

void BlockingQuery::on_gate_opened() {
    if (!std::exchange(parked_, false) || halted_) return;
    poll_.reset();
    attempt();
}

void BlockingQuery::on_gate_shut(const std::string& why) {
    if (parked_ && !halted_) trouble(polling::Refusal::none, why);
}

void BlockingQuery::restart() {
    halt();
    halted_ = parked_ = false;
    poll_.reset();
    attempt();
}

void BlockingQuery::retry_now() {
    if (!can_retry()) return;
    timer_.stop();
    attempt();
}

void BlockingQuery::halt() {
    halted_ = true;
    timer_.stop();
    if (ticket_) context_.http.cancel(std::exchange(ticket_, 0));
    wait_over();
    if (parsing_) context_.background.cancel(std::exchange(parsing_, 0));
    parsing_memory_.set(0);
}

void BlockingQuery::wait_over() {
    if (std::exchange(waiting_, false)) context_.waits.ended();
}

void BlockingQuery::schedule() {
    const Now now = loop::Loop::now();
    const Now at = poll_.resume_at(now, context_.random);
    if (at <= now) attempt();
    else timer_.start(at - now);
}

void BlockingQuery::attempt() {
    if (halted_ || ticket_ || parsing_) return;
    if (!context_.contact.open()) {
        parked_ = true;
        return;
    }
    const Now now = loop::Loop::now();
    const Now at = context_.contact.earliest(now, keys_);
    if (at > now) {
        timer_.start(at - now);
        return;
    }
    try {
        send();
    } catch (const std::bad_alloc&) {
        loop::note_lack_of_memory();
        wait_over();
        timer_.start(retry_without_memory);
    }
}

void BlockingQuery::send() {
    poll_.use(context_.options.consul_consistency);
    const Now now = loop::Loop::now();
    sent_at_ = now;
    const bool counted = keys_ != polling::Keys::leader;
    const auto request =
        poll_.next(now, counted && !context_.waits.may_begin(now) ? polling::Blocking::not_allowed : polling::Blocking::allowed);
    if (request.index && counted) {
        waiting_ = true;
        context_.waits.begun();
    }
    ticket_ = context_.http.get(request_path(request), request.timeout,
                                [this](polling::HttpReply reply) { guarded_step([&] { on_reply(std::move(reply)); }); });
}

/// Without memory the facts are read again from the beginning, a second later.
template <class Step>
void BlockingQuery::guarded_step(Step step) {
    const auto still = alive_;
    try {
        step();
    } catch (const std::bad_alloc&) {
        loop::note_lack_of_memory();
        if (!*still || halted_) return;
        if (parsing_) context_.background.cancel(std::exchange(parsing_, 0));
        parsing_memory_.set(0);
        poll_.reset_facts();
        timer_.start(retry_without_memory);
    }
}

std::string BlockingQuery::request_path(const polling::PollRequest& request) const {
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
    if (request.consistency == conf::ConsulConsistency::stale) add("stale");
    if (request.consistency == conf::ConsulConsistency::consistent) add("consistent");
    return text;
}

void BlockingQuery::on_reply(polling::HttpReply reply) {
    ticket_ = 0;
    wait_over();
    ++replies_;
    costly_failure_ = reply.ended_here;
    const bool was_failing = poll_.failing();
    const auto verdict = poll_.on_reply(reply, held(), loop::Loop::now());
    if (verdict == polling::PollVerdict::again || (!was_failing && poll_.failing())) context_.counters.consul_index_resets.add();
    switch (verdict) {
        case polling::PollVerdict::parse:
            body_bytes_ = reply.body.size();
            if (!parsing_memory_.grow_to(parsing_factor * body_bytes_)) {
                judge_facts(Error{"the reply of " + std::to_string(body_bytes_) + " bytes does not fit into memory-max: raise it"}, reply);
                break;
            }
            if (reply.body.size() > parse_inline_max) {
                auto body = std::make_shared<std::string>(std::move(reply.body));
                auto parsed = std::make_shared<Result<Parsed>>(Error{});
                reply.body = {};
                parsing_ = context_.background.run([body, parsed, parse = guarded(parse_body())] { *parsed = parse(*body); },
                                                   [this, parsed, reply = std::move(reply)] {
                                                       parsing_ = 0;
                                                       guarded_step([&] {
                                                           judge_facts(*parsed, reply);
                                                           conclude();
                                                       });
                                                   });
                context_.exchanged(polling::ContactOutcome::good);
                return;
            }
            judge_facts(guarded(parse_body())(reply.body), reply);
            break;
        case polling::PollVerdict::same:
            good();
            context_.counters.consul_unchanged.add();
            if (!unconfirmed()) on_same();
            break;
        case polling::PollVerdict::absent:
            good();
            ++changes_;
            context_.counters.consul_changes.add();
            on_absent();
            break;
        case polling::PollVerdict::again: break;
        case polling::PollVerdict::failed: trouble(reply.refusal, why_of(reply)); break;
    }
    auto outcome = polling::outcome_of(reply);
    if (outcome == polling::ContactOutcome::good && verdict == polling::PollVerdict::failed) outcome = polling::ContactOutcome::refused;
    const auto still = alive_;
    context_.exchanged(outcome);
    if (*still) conclude();
}

/// The same, but without memory it gives an error.
BlockingQuery::ParseBody BlockingQuery::guarded(ParseBody parse) {
    return [parse = std::move(parse)](std::string_view body) -> Result<Parsed> {
        try {
            return parse(body);
        } catch (const std::bad_alloc&) {
            return Error{"no memory"};  // short enough to need none
        }
    };
}

void BlockingQuery::judge_facts(const Result<Parsed>& parsed, const polling::HttpReply& reply) {
    parsing_memory_.set(0);
    if (!parsed) {
        context_.counters.consul_body_rejected.add();
        costly_failure_ = body_bytes_ > parse_inline_max;
        poll_.parsed(std::nullopt, held(), loop::Loop::now());
        trouble(polling::Refusal::none, parsed.error().text);
        return;
    }
    switch (poll_.parsed(parsed->count, held(), loop::Loop::now())) {
        case polling::PollJudgement::adopt:
            good();
            ++changes_;
            context_.counters.consul_changes.add();
            facts_memory_.set(facts_factor * body_bytes_);
            parsed->deliver(reply);
            break;
        case polling::PollJudgement::again: break;
        case polling::PollJudgement::ignore:
            good();
            context_.counters.consul_unchanged.add();
            on_hidden();
            break;
        case polling::PollJudgement::failed:
            trouble(polling::Refusal::no_leader, "most of the entries are missing in the reply of a server without a Raft leader");
            break;
    }
}

void BlockingQuery::good() {
    failing_since_.reset();
    if (!poll_.second_chance()) unconfirmed_since_.reset();
    why_.clear();
    last_good_ = loop::Loop::now();
    recount();
}

void BlockingQuery::count_in(polling::WatchCounts* counts) {
    if (counted_) --(counts_->*std::exchange(counted_, nullptr));
    counts_ = counts;
    recount();
}

void BlockingQuery::recount() {
    if (!counts_) return;
    if (counted_) --(counts_->*counted_);
    counted_ = failing() ? &polling::WatchCounts::failing : last_good_ ? &polling::WatchCounts::fine : nullptr;
    if (counted_) ++(counts_->*counted_);
}

void BlockingQuery::trouble(polling::Refusal refusal, std::string why) {
    ++errors_;
    if (!failing_since_) failing_since_ = loop::Loop::now();
    if (!unconfirmed_since_) unconfirmed_since_ = loop::Loop::now();
    why_ = std::move(why);
    recount();
    on_trouble(refusal, why_);
}

void BlockingQuery::conclude() {
    const auto still = alive_;
    context_.publish_changes();
    if (!*still || halted_) return;
    if (goes_on()) schedule();
    else halt();
}

std::string datacenter_parameter(const conf::ConsulOptions& options, std::string_view datacenter) {
    if (datacenter.empty()) datacenter = options.consul_datacenter;
    return datacenter.empty() ? std::string() : "dc=" + polling::url_encode(datacenter);
}

}  // namespace lictor::queries
