// Reads agent/self and applies the options.
#include "watch/queries/agent_watch.hpp"

#include <new>
#include <utility>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/consul.hpp"
#include "watch/json/agent.hpp"

namespace lictor::queries {
namespace {

constexpr seconds every{60};
constexpr milliseconds after_failure{1000}, probe_every{250}, soon_after{500};
constexpr milliseconds timeout_first{2000}, timeout_usual{10'000};

}  // namespace

catalog::ConsulSettings settings_from(const catalog::ConsulSettings& agent, const conf::ConsulOptions& options) {
    catalog::ConsulSettings settings = agent;
    if (!options.consul_domain.empty()) settings.domains = options.consul_domain;
    if (!options.consul_datacenter.empty()) settings.datacenter = lower_case(options.consul_datacenter);
    settings.agent = {options.consul_dns_compat == conf::ConsulCompat::strict, agent.agent.version};
    if (options.consul_only_passing) settings.only_passing = *options.consul_only_passing;
    if (options.consul_node_ttl) settings.node_ttl = *options.consul_node_ttl;
    if (options.consul_service_ttl) settings.service_ttl = {{"*", *options.consul_service_ttl}};
    return settings;
}

AgentWatch::AgentWatch(WatchContext& context, std::function<void()> on_first_read)
    : context_(context), on_first_read_(std::move(on_first_read)), timer_(context.loop, [this] { ask(); }) {}

AgentWatch::~AgentWatch() {
    if (ticket_) context_.http.cancel(ticket_);
}

void AgentWatch::read_soon() {
    const auto delay = context_.contact.open() ? soon_after : probe_every;
    if (!ticket_ && due_ > loop::Loop::now() + delay) ask_in(delay);
}

void AgentWatch::ask_in(milliseconds delay) {
    due_ = loop::Loop::now() + delay;
    timer_.start(delay);
}

void AgentWatch::merge() { context_.builder.put_settings(settings_from(agent_.value_or(catalog::ConsulSettings{}), context_.options)); }

void AgentWatch::ask() {
    if (ticket_) return;
    // Short while Consul is unreachable, and at first, when the watches wait for this reply.
    const auto timeout = context_.contact.open() ? timeout_usual : timeout_first;
    try {
        ticket_ = context_.http.get("/v1/agent/self", timeout, [this](const polling::HttpReply& reply) {
            try {
                on_reply(reply);
            } catch (const std::bad_alloc&) {
                ask_again();
            }
        });
    } catch (const std::bad_alloc&) {
        ask_again();
    }
}

void AgentWatch::ask_again() {
    loop::note_lack_of_memory();
    ask_in(probe_every);
}

polling::ContactOutcome AgentWatch::judge(const polling::HttpReply& reply) {
    const auto outcome = polling::outcome_of(reply);
    const auto second = loop::Loop::now() / seconds(1);
    if (reply.refusal == polling::Refusal::unknown_token) {
        // Every other read is refused as well: this is not contact.
        why_ = "the token is not known to Consul (ACL not found): see consul-token-file, CONSUL_HTTP_TOKEN";
        static RateLimit unknown{3600};
        if (unknown.pass(second)) log::error("consul does not know the token (ACL not found): see consul-token-file, CONSUL_HTTP_TOKEN");
    } else if (reply.status == 403) {
        // The token may not read the agent's settings; it may still read the catalog.
        static RateLimit denied{3600};
        if (denied.pass(second))
            log::warning("consul agent/self is denied to the token: Consul's default DNS settings are used (the token needs agent:read)");
        return polling::ContactOutcome::good;
    } else if (reply.status == 0) {
        why_ = one_line(reply.error);
    } else if (reply.status != 200) {
        why_ = "status " + std::to_string(reply.status);
        if (outcome == polling::ContactOutcome::good) return polling::ContactOutcome::refused;
    } else if (auto read = json::parse_agent_self(reply.body, catalog::ConsulSettings{})) {
        agent_ = *std::move(read);
    } else {
        why_ = read.error().text;
        context_.counters.consul_body_rejected.add();
        return polling::ContactOutcome::refused;
    }
    return outcome;
}

void AgentWatch::on_reply(const polling::HttpReply& reply) {
    ticket_ = 0;
    ++replies_;
    const auto outcome = judge(reply);
    failing_ = outcome != polling::ContactOutcome::good;
    if (!failing_ || reply.refusal != polling::Refusal::none) reached_ = true;
    if (failing_) {
        ++errors_;
        remedy_ = polling::remedy_of(reply);
    } else {
        why_.clear();
        last_good_ = loop::Loop::now();
        merge();
    }
    context_.exchanged(outcome);
    if (!std::exchange(first_read_done_, true)) on_first_read_();
    context_.publish_changes();
    const auto jitter = milliseconds(context_.random.below(100));
    ask_in((!context_.contact.open() ? probe_every : failing_ ? after_failure : milliseconds(every)) + jitter);
}

}  // namespace lictor::queries
