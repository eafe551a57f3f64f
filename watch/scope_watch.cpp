// Keys and nodes into the fusion, its verdicts into the Catalog. A prefix that may not be read looks like one that is not there (404 for
// both): one key below it tells them apart, 403 against 404.
#include "watch/scope_watch.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "conf/log.hpp"
#include "watch/http_target.hpp"

namespace lictor {
namespace {

constexpr Now lost_after = seconds(1);
constexpr Now single_key_every = seconds(30), single_key_again = seconds(1);
constexpr milliseconds single_key_timeout{10'000};

ScopeFacts denied_facts() {
    ScopeFacts facts;
    facts.denied = true;
    return facts;
}

ScopeFacts absent_facts(std::uint64_t index) {
    ScopeFacts facts;
    facts.index = index;
    return facts;
}

bool has_primary_tag(const Instance& instance) {
    return std::any_of(instance.tags.begin(), instance.tags.end(), [](const auto& tag) { return tag == "master" || tag == "primary"; });
}

bool same_entry(const LeaderEntry& a, const LeaderEntry& b) {
    return a.state == b.state && a.reason == b.reason && a.member == b.member && a.host == b.host && a.node_address == b.node_address &&
           a.port == b.port && a.lock_index == b.lock_index && a.timeline == b.timeline && a.holder == b.holder && a.members == b.members &&
           a.times == b.times && a.replicas == b.replicas;
}

}  // namespace

ScopeWatch::ScopeWatch(WatchContext& context, LeaderRule rule, bool discovered)
    : BlockingWatch(context, {.leader_keys = true, .key_value = true}), rule_(std::move(rule)), discovered_(discovered),
      prefix_((rule_.name_space.empty() ? "" : rule_.name_space + '/') + rule_.scope + '/'), fusion_(rule_), replicas_(rule_),
      deadline_(context.loop, [this] {
          fusion_.on_time(Loop::moment());
          put();
          context_.settled();
      }),
      probe_(context.loop, context.rest, context.random, context.counters, [this](const UnprovenHolder& holder) {
          fusion_.on_probe(holder, Loop::moment());
          put();
          context_.settled();
      }) {
    put();
}

ScopeWatch::~ScopeWatch() {
    if (single_) context_.http.cancel(single_);
}

std::string ScopeWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, {});
    return "/v1/kv/" + encode_path(prefix_) + "?recurse" + (parameter.empty() ? "" : '&' + parameter);
}

BlockingWatch::Parse ScopeWatch::parse() const {
    return [prefix = prefix_](std::string_view body) -> Parsed {
        auto facts = parse_patroni_scope(body, prefix);
        if (!facts) return {std::nullopt, facts.error().text, nullptr};
        const std::size_t count = facts->exists ? 1 : 0;
        return {count, {}, std::make_shared<ScopeFacts>(*std::move(facts))};
    };
}

void ScopeWatch::on_facts(Parsed parsed, const HttpReply&) {
    auto& facts = *static_cast<ScopeFacts*>(parsed.facts.get());
    facts.index = index();
    exists_ = facts.exists;
    absent_ = false;
    if (single_) context_.http.cancel(std::exchange(single_, 0));
    if (facts.ttl) ttl_ = *facts.ttl;
    remembered_.reset();
    with_contact();
    take(facts);
}

void ScopeWatch::on_absent(const HttpReply&) {
    absent_ = true;
    remembered_.reset();
    with_contact();
    ask_single_key();
}

void ScopeWatch::on_same() {
    with_contact();
    if (!absent_) fusion_.on_same(Loop::moment());  // an absent prefix may still be a denied one
    put();
}

void ScopeWatch::on_trouble(Trouble trouble, const std::string& why) {
    // An unknown token says nothing of this prefix; a known one that may not read it does.
    if (trouble == Trouble::denied && why.find("ermission denied") != std::string::npos) take(denied_facts());
    else recall();
}

void ScopeWatch::remember(const ScopeFacts& facts, Now until) {
    remembered_ = facts;
    remembered_until_ = until;
}

/// Consul cannot be read, and never was since the start: who led is judged from what was known before it, as long as a leader that lost
/// contact with Consul at that time would still be one.
void ScopeWatch::recall() {
    if (!remembered_) return;
    const auto facts = *std::exchange(remembered_, std::nullopt);
    const Moment at = Loop::moment();
    const auto left = std::chrono::duration_cast<seconds>(remembered_until_ - at.now);
    if (left < seconds(1)) return;
    log::info("leader scope=" + log::printable(rule_.scope) + " Consul cannot be read: judged from the snapshot for " + std::to_string(left.count()) + " s at most");
    fusion_.on_scope(facts, at);
    lost_ = true;
    const auto most = context_.options.leader_max_stale;
    fusion_.on_contact(true, at, most > seconds(0) ? std::min(most, left) : left);
    put();
}

void ScopeWatch::with_contact() {
    if (!lost_) return;
    lost_ = unconfirmed();
    fusion_.on_contact(lost_, Loop::moment(), context_.options.leader_max_stale);
}

void ScopeWatch::look(Now now) {
    if (!lost_ && unconfirmed_for(now, lost_after)) {
        lost_ = true;
        fusion_.on_contact(true, Loop::moment(), context_.options.leader_max_stale);
        put();
    }
    if (absent_ && !single_ && now - asked_single_at_.value_or(Now{}) >= (exists_ ? single_key_again : single_key_every)) ask_single_key();
}

void ScopeWatch::take(const ScopeFacts& facts) {
    if (!facts.denied) {
        // Only a read that settled a doubt comes with a smaller index.
        if (facts.index < taken_index_) fusion_.on_index_reset();
        taken_index_ = facts.index;
    }
    fusion_.on_scope(facts, Loop::moment());
    put();
}

void ScopeWatch::ask_single_key() {
    if (single_ || halted()) return;
    asked_single_at_ = Loop::now();
    const auto parameter = datacenter_parameter(context_.options, {});
    const auto target = "/v1/kv/" + encode_path(prefix_) + "leader" + (parameter.empty() ? "" : '?' + parameter);
    single_ = context_.http.get(target, single_key_timeout, [this](const HttpReply& reply) {
        single_ = 0;
        on_single_key(reply);
        context_.settled();
    });
}

void ScopeWatch::on_single_key(const HttpReply& reply) {
    if (!absent_) return;
    if (reply.status == 403) {
        exists_ = false;
        take(denied_facts());
    } else if (reply.status == 404 && reply.has_index) {
        exists_ = false;
        take(absent_facts(index()));
    }
    // Anything else tells nothing: the facts stay, and it is asked again.
}

void ScopeWatch::on_service(const ServiceEntry& service) {
    std::map<std::string, MemberNode> nodes;
    const std::string start = rule_.scope + '/';
    for (const auto& instance : service.instances) {
        if (instance.id.size() <= start.size() || instance.id.compare(0, start.size(), start) != 0) continue;
        MemberNode node{.node_address = instance.node->address,
                        .service_address = instance.address,
                        .port = static_cast<std::uint16_t>(instance.port),
                        .node_critical = instance.node_critical,
                        .present = true,
                        .service_critical = instance.health == Health::critical && !instance.node_critical,
                        .primary_tag = has_primary_tag(instance)};
        auto& held = nodes[instance.id.substr(start.size())];
        // A member that moved leaves its old registration behind on a node that failed.
        if (!held.present || held.node_critical) held = std::move(node);
    }
    nodes_ = nodes;
    fusion_.on_nodes(std::move(nodes), Loop::moment());
    put();
}

void ScopeWatch::put() {
    auto verdict = fusion_.verdict();
    verdict.discovered = discovered_;
    verdict.name_space = rule_.name_space;
    const Now now = Loop::now();
    const auto& options = context_.options;
    verdict.replicas = replicas_.judge(fusion_.facts(), nodes_, verdict, {options.leader_max_lag, options.leader_last_resort}, now);
    auto at = fusion_.deadline();
    if (replicas_.deadline()) at = at ? std::min(*at, *replicas_.deadline()) : replicas_.deadline();
    if (at) deadline_.start(std::max(*at - now, Now{0}));
    else deadline_.stop();
    if (verdict.state == LeaderState::led) probe_.released();
    probe_.aim(context_.options.leader_probe ? fusion_.unproven() : std::nullopt);
    const bool moved = !entry_ || verdict.version != fusion_version_;
    const bool other_reason = entry_ && verdict.reason != entry_->reason;
    if (!moved && same_entry(verdict, *entry_)) return;
    auto entry = std::make_shared<LeaderEntry>(verdict);
    entry->version = moved ? context_.builder.next_version() : entry_->version;
    if (moved && verdict.state == LeaderState::unreadable)
        log::warning("leader scope=" + log::printable(rule_.scope) + " its keys are denied to the token: the tags in the catalog name the " +
                     "leader (the token needs key:read for " + log::printable(prefix_) + ')');
    else if (entry_ && (moved || other_reason))
        log::info("leader scope=" + log::printable(rule_.scope) + " state=" + word(verdict.state) + " reason=\"" + word(verdict.reason) +
                  "\" member=" + log::printable(verdict.member) + " address=" + log::printable(verdict.host.text) + " port=" +
                  std::to_string(verdict.port) + " why=\"" + log::quotable(leader_why(verdict), 400) + '"');
    fusion_version_ = verdict.version;
    entry_ = std::move(entry);
    context_.builder.put_leader(verdict.service, entry_);
}

}  // namespace lictor
