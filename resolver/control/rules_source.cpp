// Each change of an input makes the whole Rules anew. lifecycle/reload decides what follows from the difference.
#include "resolver/control/rules_source.hpp"

#include <algorithm>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "resolver/control/interfaces.hpp"
#include "resolver/lifecycle/faults.hpp"
#include "resolver/lifecycle/listen_plan.hpp"
#include "resolver/lifecycle/readiness.hpp"
#include "resolver/lifecycle/reload.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds probe_every = milliseconds(2000);
constexpr milliseconds loop_probe_after = milliseconds(200);  // by then the workers have the Rules that recognize the probes' names
constexpr milliseconds named_wait_max = milliseconds(1500);

}  // namespace

RulesSource::RulesSource(loop::Loop& loop, Random& random, const conf::Options& options, const ListenEndpoints& endpoints, Hooks hooks)
    : loop_(loop),
      options_(options),
      endpoints_(endpoints),
      hooks_(std::move(hooks)),
      disk_(loop, [this] { publish(); }),
      hosts_(loop, random),
      named_(loop, random, hosts_, [this] { publish(); }),
      probe_(loop, [this] { probe_upstreams(); }),
      loop_probe_(loop, [this] { hosts_.probe_loops(*rules_); }) {
    disk_.set_loop_token(random.next_u64() | 1);
}

void RulesSource::adopt() {
    disk_.adopt(options_);
    notes_.clear();
    upstreams_.clear();
    publish();
}

void RulesSource::on_loops(const std::vector<Endpoint>& upstreams) {
    bool found = false;
    for (const auto& upstream : upstreams) {
        if (!disk_.on_loop(upstream)) continue;
        found = true;
        log::warning(lifecycle::looping_upstream(upstream));
    }
    if (found) publish();
}

void RulesSource::publish() {
    std::vector<std::string> notes = disk_.take_notes();
    const auto own = lifecycle::own_endpoints(endpoints_.listening(), read_interfaces());
    named_.set_names(rules::named_servers(options_, disk_.files()), own);
    disk_.set_servers_by_name(named_.addresses());
    rules_ = rules::make_rules(options_, disk_.files(), own, notes, rules_.get());
    for (const auto& note : lifecycle::notes_to_log(notes_, notes)) log::info(one_line(note));
    notes_ = std::move(notes);
    if (rules_->upstreams.empty()) log::warning("no upstream servers configured");
    const auto effects = lifecycle::effects_of_rules(upstreams_, *rules_, options_);
    upstreams_ = rules_->upstreams;
    hosts_.adopt(rules_);
    if (effects.probe_loops) loop_probe_.start(loop_probe_after);
    hooks_.publish(rules_);
    if (effects.clear_cache) hooks_.clear_cache();
}

void RulesSource::await_named_upstreams() {
    if (named_.settled()) return;
    loop::Timer limit(loop_, [this] { loop_.stop(); });
    loop::Timer check(loop_, [this] {
        if (named_.settled()) loop_.stop();
    });
    limit.start(named_wait_max);
    check.repeat(milliseconds(2));
    loop_.run();
}

template <class Test>
bool RulesSource::any_default(const std::vector<forward::UpstreamReport>& reports, Test test) const {
    const auto* route = rules::default_route(*rules_);
    return route && std::any_of(reports.begin(), reports.end(), [&](const auto& report) {
               return test(report) && std::any_of(route->members.begin(), route->members.end(),
                                                  [&](std::uint32_t at) { return rules_->upstreams[at].endpoint == report.endpoint; });
           });
}

void RulesSource::probe_upstreams() {
    if (upstream_answered_) return;
    // An upstream may come later: in resolv.conf, by a reload, or when its host name is resolved.
    if (!lifecycle::waits_for_upstream(*rules_)) return probe_.start(probe_every);
    hosts_.probe([this](bool answered) {
        const auto refused = [](const auto& report) { return report.refused > 0; };
        upstream_answered_ = upstream_answered_ || answered || any_default(hosts_.upstream_reports(), refused);
        if (!upstream_answered_) probe_.start(probe_every);
    });
}

void RulesSource::probe_failing(std::vector<forward::UpstreamReport> reports) {
    const Now now = loop::Loop::now();
    add_reports(reports);
    if (!upstream_answered_ || now < failing_next_ || !lifecycle::upstreams_fail(reports, *rules_)) return;
    failing_next_ = now + probe_every;
    hosts_.probe([](bool) {});  // the outcome is in its reports
}

void RulesSource::add_reports(std::vector<forward::UpstreamReport>& reports) const {
    for (const auto& own : hosts_.upstream_reports()) {
        if (std::none_of(reports.begin(), reports.end(), [&](const auto& row) { return row.endpoint == own.endpoint; })) continue;
        forward::UpstreamReport seen;
        seen.endpoint = own.endpoint;
        seen.failing = own.failing;
        seen.last_reply = own.last_reply;
        seen.last_fault = own.last_fault;
        forward::add_report(reports, seen);
    }
}

bool RulesSource::has_upstream() const {
    return lifecycle::waits_for_upstream(*rules_) || std::any_of(options_.server.begin(), options_.server.end(), [](const auto& rule) {
               return rule.domains.empty() && rule.upstream && !rule.upstream->host.empty();
           });
}

void RulesSource::probe_agent_dns(const std::string& domain) {
    const auto name = wire::Name::parse(domain);
    if (!rules_->agent_dns) agent_dns_answers_ = false;
    if (!rules_->agent_dns || !name || agent_dns_asked_ || loop::Loop::now() < agent_dns_next_) return;
    agent_dns_asked_ = true;
    agent_dns_next_ = loop::Loop::now() + probe_every;
    hosts_.probe_agent(*name, [this](bool answered) {
        agent_dns_asked_ = false;
        agent_dns_answers_ = answered;
    });
}

bool RulesSource::upstream_answered(const std::vector<forward::UpstreamReport>& reports) const {
    if (upstream_answered_ || !has_upstream()) return true;
    return any_default(reports, [](const auto& report) { return report.answered > 0; });
}

}  // namespace lictor::control
