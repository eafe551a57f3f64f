// Reading agent/self and merging.
#include "watch/agent_watch.hpp"

#include <utility>

#include "conf/log.hpp"
#include "watch/consul_json.hpp"

namespace lictor {
namespace {

constexpr seconds every{60};
constexpr milliseconds after_failure{1000}, probe_every{250}, soon_after{500};
constexpr milliseconds timeout_first{2000}, timeout_usual{10'000};

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

ConsulSettings settings_from(const ConsulSettings& agent, const Options& options) {
    ConsulSettings settings = agent;
    if (!options.consul_domain.empty()) settings.domains = options.consul_domain;
    if (!options.consul_datacenter.empty()) settings.datacenter = lower(options.consul_datacenter);
    settings.strict = options.consul_dns_compat == ConsulCompat::strict;
    if (options.consul_only_passing) settings.only_passing = *options.consul_only_passing;
    if (options.consul_node_ttl) settings.node_ttl = *options.consul_node_ttl;
    if (options.consul_service_ttl) settings.service_ttl = {{"*", *options.consul_service_ttl}};
    return settings;
}

AgentWatch::AgentWatch(WatchContext& context, std::function<void()> first_done)
    : context_(context), tell_first_done_(std::move(first_done)), timer_(context.loop, [this] { ask(); }) {}

AgentWatch::~AgentWatch() {
    if (ticket_) context_.http.cancel(ticket_);
}

void AgentWatch::soon() {
    const auto delay = context_.contact.open() ? soon_after : probe_every;
    if (!ticket_ && due_ > Loop::now() + delay) ask_in(delay);
}

void AgentWatch::ask_in(milliseconds delay) {
    due_ = Loop::now() + delay;
    timer_.start(delay);
}

void AgentWatch::merge() { context_.builder.put_settings(settings_from(agent_.value_or(ConsulSettings{}), context_.options)); }

void AgentWatch::ask() {
    if (ticket_) return;
    // While nothing answers, and at first when watches wait for this, a long wait helps nobody.
    const auto timeout = context_.contact.open() ? timeout_usual : timeout_first;
    ticket_ = context_.http.get("/v1/agent/self", timeout, [this](const HttpReply& reply) { on_reply(reply); });
}

void AgentWatch::on_reply(const HttpReply& reply) {
    ticket_ = 0;
    ++replies_;
    auto outcome = ContactOutcome::refused;
    failing_ = true;
    if (reply.status == 200) {
        auto read = parse_agent_self(reply.body, ConsulSettings{});
        if (read) {
            agent_ = *std::move(read);
            outcome = ContactOutcome::good;
        } else {
            why_ = read.error().text;
            context_.counters.consul_body_rejected.add();
        }
    } else if (reply.status == 403 && reply.body.find("ACL not found") != std::string::npos) {
        // Every other read is denied as well: this is no contact.
        why_ = "the token is not known to Consul (ACL not found): see consul-token-file, CONSUL_HTTP_TOKEN";
        static log::Sometimes unknown{3600};
        if (unknown.now(Loop::now() / seconds(1))) log::error("consul does not know the token: " + why_);
    } else if (reply.status == 403) {
        // The token may not read it; the rest may be readable all the same.
        static log::Sometimes denied{3600};
        if (denied.now(Loop::now() / seconds(1)))
            log::warning("consul agent/self is denied to the token: Consul's default DNS settings are used (the token needs agent:read)");
        outcome = ContactOutcome::good;
    } else if (reply.status == 0) {
        outcome = reply.unreachable ? ContactOutcome::unreachable : ContactOutcome::broken;
        why_ = log::one_line(reply.error);
    } else {
        outcome = reply.status == 429 || reply.status == 503 ? ContactOutcome::limited : ContactOutcome::refused;
        why_ = "status " + std::to_string(reply.status);
    }
    if (outcome == ContactOutcome::good) {
        failing_ = false;
        why_.clear();
        last_good_ = Loop::now();
        merge();
    } else {
        ++errors_;
    }
    context_.exchanged(outcome);
    if (!std::exchange(first_done_told_, true)) tell_first_done_();
    context_.settled();
    const auto jitter = milliseconds(context_.random.below(100));
    ask_in((!context_.contact.open() ? probe_every : failing_ ? after_failure : milliseconds(every)) + jitter);
}

}  // namespace lictor
