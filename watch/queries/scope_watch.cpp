// Passes keys and nodes to LeaderFusion, and its verdicts to the Catalog. A prefix that the token may not read looks absent (404 for both);
// a read of one key below it gets 403 or 404.
#include "watch/queries/scope_watch.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/values/leader_name.hpp"
#include "watch/json/patroni.hpp"
#include "watch/leader/words.hpp"

namespace lictor::queries {
namespace {

constexpr Now single_key_every = seconds(30), single_key_again = seconds(1);
constexpr milliseconds single_key_timeout{10'000};

catalog::ScopeFacts denied_facts() {
    catalog::ScopeFacts facts;
    facts.denied = true;
    return facts;
}

catalog::ScopeFacts absent_facts(std::uint64_t index) {
    catalog::ScopeFacts facts;
    facts.index = index;
    return facts;
}

bool has_primary_tag(const catalog::Instance& instance) {
    return std::any_of(instance.tags.begin(), instance.tags.end(), [](const auto& tag) { return tag == "master" || tag == "primary"; });
}

bool same_entry(const catalog::LeaderEntry& a, const catalog::LeaderEntry& b) {
    return a.state == b.state && a.reason == b.reason && a.member == b.member && a.host == b.host && a.node_address == b.node_address &&
           a.port == b.port && a.lock_index == b.lock_index && a.timeline == b.timeline && a.holder == b.holder && a.members == b.members &&
           a.times == b.times && a.replica_set == b.replica_set && a.hint == b.hint;
}

}  // namespace

ScopeWatch::ScopeWatch(WatchContext& context, conf::LeaderRule rule, leader::Origin origin)
    : LeaderWatch(context, rule, conf::keys_of(rule), leader::LeaderFusion(rule, origin),
                  [prefix = conf::keys_of(rule)](std::string_view body) { return json::parse_patroni_scope(body, prefix); }),
      origin_(origin),
      replicas_(rule_),
      probe_(context.loop, context.rest, context.random, context.counters, [this](const leader::UnconfirmedHolder& holder) {
          state_.on_probe(holder, loop::Loop::moment());
          put();
          context_.publish_changes();
      }) {
    put();
}

ScopeWatch::~ScopeWatch() {
    if (single_) context_.http.cancel(single_);
}

void ScopeWatch::on_facts(catalog::ScopeFacts facts, const polling::HttpReply&) {
    facts.index = index();
    exists_ = facts.exists;
    absent_ = false;
    if (exists_) end_missing();
    if (single_) context_.http.cancel(std::exchange(single_, 0));
    if (facts.ttl) ttl_ = *facts.ttl;
    saved_.reset();
    with_contact();
    take(facts);
}

void ScopeWatch::on_absent() {
    absent_ = true;
    saved_.reset();
    with_contact();
    ask_single_key();
}

void ScopeWatch::on_trouble(polling::Refusal refusal, const std::string&) {
    if (refusal == polling::Refusal::permission_denied) take(denied_facts());
    else use_saved();
}

void ScopeWatch::keep_saved(const catalog::ScopeFacts& facts, Now until) {
    saved_ = facts;
    saved_until_ = until;
}

/// Consul cannot be read, and was not read since the start: judges the facts from before the restart, until Patroni's ttl after the last
/// contact. A leader without contact to Consul has demoted itself by then.
void ScopeWatch::use_saved() {
    if (!saved_) return;
    const auto facts = *std::exchange(saved_, std::nullopt);
    const Moment at = loop::Loop::moment();
    const auto left = std::chrono::duration_cast<seconds>(saved_until_ - at.now);
    if (left < seconds(1)) return;
    log::info("leader scope=" + printable(rule_.scope) + " Consul cannot be read: the snapshot is used for at most " +
              std::to_string(left.count()) + " s");
    state_.on_scope(facts, at);
    lost_ = true;
    const auto max = context_.leader_options.leader_max_stale;
    state_.on_contact(leader::ConsulContact::lost, at, max > seconds(0) ? std::min(max, left) : left);
    put();
}

void ScopeWatch::on_tick(Now now) {
    judge_contact(now);
    judge_vacancy(now);
    if (absent_ && !single_ && now - asked_single_at_.value_or(Now{}) >= (exists_ ? single_key_again : single_key_every)) ask_single_key();
}

void ScopeWatch::take(const catalog::ScopeFacts& facts) {
    if (!facts.denied) {
        // Poll adopts a smaller index only from the read that settles it.
        if (facts.index < taken_index_) state_.on_index_reset();
        taken_index_ = facts.index;
    }
    state_.on_scope(facts, loop::Loop::moment());
    put();
}

void ScopeWatch::ask_single_key() {
    if (single_ || halted()) return;
    asked_single_at_ = loop::Loop::now();
    single_ = context_.http.get(key_path("leader", ""), single_key_timeout, [this](const polling::HttpReply& reply) {
        single_ = 0;
        on_single_key(reply);
        context_.publish_changes();
    });
}

void ScopeWatch::on_single_key(const polling::HttpReply& reply) {
    if (!absent_) return;
    if (reply.status == 403) {
        exists_ = false;
        take(denied_facts());
    } else if (reply.status == 404 && reply.has_index) {
        exists_ = false;
        take(absent_facts(index()));
        if (!discovered()) explain_missing();
    }
    // After any other reply the facts stay, and the key is read again.
}

void ScopeWatch::on_service(const catalog::ServiceEntry& service) {
    std::map<std::string, catalog::MemberNode> nodes;
    const std::string start = rule_.scope + '/';
    for (const auto& instance : service.instances) {
        if (instance.id.size() <= start.size() || instance.id.compare(0, start.size(), start) != 0) continue;
        catalog::MemberNode node{.node_address = instance.node->address,
                                 .service_address = instance.address,
                                 .port = static_cast<std::uint16_t>(instance.port),
                                 .node_critical = instance.node_critical,
                                 .present = true,
                                 .service_critical = instance.health == catalog::Health::critical && !instance.node_critical,
                                 .primary_tag = has_primary_tag(instance)};
        auto& held = nodes[instance.id.substr(start.size())];
        // The old registration of a member that moved stays on the failed node.
        if (!held.present || held.node_critical) held = std::move(node);
    }
    nodes_ = nodes;
    state_.on_nodes(std::move(nodes), loop::Loop::moment());
    put();
}

void ScopeWatch::put() {
    auto next = verdict();
    next.hint = hint_;
    const auto& options = context_.leader_options;
    next.replica_set =
        replicas_.judge(state_.facts(), nodes_, next, {options.leader_max_lag, options.leader_last_resort}, loop::Loop::now());
    const auto leader = state_.deadline(), replicas = replicas_.deadline();
    wake_at(leader && replicas ? std::min(leader, replicas) : leader ? leader : replicas);
    if (next.state == catalog::LeaderState::led) probe_.released();
    probe_.aim(options.leader_probe ? state_.unconfirmed_holder() : std::nullopt);
    if (!moved() && same_entry(next, entry())) return;
    if (moved() && next.state == catalog::LeaderState::unreadable)
        log::warning("leader scope=" + printable(rule_.scope) +
                     " its keys are denied to the token: the tags in the catalog name the leader (the token needs key:read for " +
                     printable(prefix_) + ')');
    else if (has_entry() && (moved() || next.reason != entry().reason)) log::info(leader::log_line(next));
    put_entry(std::move(next));
}

}  // namespace lictor::queries
