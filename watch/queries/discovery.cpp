// Searches the keys of a registration, and follows the scope or logs why it is not followed.
#include "watch/queries/discovery.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/consul.hpp"
#include "watch/json/consul.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::queries {
namespace {

constexpr Now search_again = seconds(30), search_changed = seconds(2), search_after_failure = seconds(1);
constexpr unsigned failures_max = 8;
constexpr milliseconds list_timeout{3000};
constexpr std::size_t candidates_max = 64;

}  // namespace

bool Discovery::on() const { return context_.options.consul_dns_compat == conf::ConsulCompat::fixed; }

Discovery::~Discovery() {
    for (auto& [service, candidate] : candidates_)
        if (candidate.ticket) context_.http.cancel(candidate.ticket);
}

void Discovery::on_service(const catalog::ServiceEntry& service) {
    if (!on() || hooks_.followed(service.name)) return;
    const auto registration = catalog::patroni_registration(service);
    const auto known = candidates_.find(service.name);
    if (!registration) {
        if (known == candidates_.end()) return;
        if (known->second.ticket) context_.http.cancel(known->second.ticket);
        release_queries(service.name, known->second);
        candidates_.erase(known);
        return;
    }
    if (known != candidates_.end()) {
        auto& candidate = known->second;
        candidate.stale = service.stale;
        if (candidate.search || candidate.registration == *registration) return;
        candidate.registration = *registration;
        candidate.again = std::min(candidate.again, loop::Loop::now() + search_changed);
        return;
    }
    if (candidates_.size() >= candidates_max || !has_room()) {
        context_.counters.discoveries_refused.add();
        static RateLimit refused{60};
        if (refused.pass(loop::Loop::now() / seconds(1)))
            log::warning("leader scope=" + printable(registration->scope) +
                         " is registered and not followed: too many scopes were found; its tags are answered (configure leader=" +
                         printable(registration->scope) + ')');
        return;
    }
    auto& candidate = candidates_[service.name];
    candidate.registration = *registration;
    candidate.stale = service.stale;
    // Until the search ends the leader is not known: hold queries.
    auto entry = std::make_shared<catalog::LeaderEntry>();
    entry->scope = registration->scope;
    entry->service = service.name;
    entry->discovered = true;
    entry->version = context_.builder.next_version();
    entry->since = loop::Loop::now();
    entry->since_unix = loop::Loop::moment().unix_seconds;
    context_.builder.put_leader(service.name, std::move(entry));
    candidate.holds = true;
    begin(service.name, candidate);
}

void Discovery::begin(const std::string& service, Candidate& candidate) {
    candidate.search.emplace(candidate.registration);
    candidate.denied = candidate.failed = false;
    go_on(service);
}

void Discovery::go_on(const std::string& service) {
    auto& candidate = candidates_.at(service);
    const auto request = candidate.search->next();
    if (!request) return conclude(service, candidate);
    std::string target = "/v1/kv/" + polling::encode_path(request->prefix) + "?keys";
    if (request->folders) target += "&separator=%2F";
    const auto parameter = datacenter_parameter(context_.options, {});
    if (!parameter.empty()) target += '&' + parameter;
    candidate.ticket =
        context_.http.get(target, list_timeout, [this, service](const polling::HttpReply& reply) { on_reply(service, reply); });
}

void Discovery::on_reply(const std::string& service, const polling::HttpReply& reply) {
    const auto found = candidates_.find(service);
    if (found == candidates_.end()) return;
    auto& candidate = found->second;
    candidate.ticket = 0;
    const auto names =
        reply.status == 200 ? json::parse_key_names(reply.body) : Result<std::vector<std::string>>(std::vector<std::string>{});
    if ((reply.status == 200 && names) || (reply.status == 404 && reply.has_index)) {
        candidate.search->on_names(*names);
    } else {
        const bool denied = reply.refusal == polling::Refusal::permission_denied;
        (denied ? candidate.denied : candidate.failed) = true;
        candidate.search->on_failure();
    }
    go_on(service);
    context_.publish_changes();
}

void Discovery::conclude(std::string service, Candidate& candidate) {
    const catalog::NamespaceSearch search = *std::exchange(candidate.search, std::nullopt);
    const std::string scope = printable(candidate.registration.scope);
    if (const auto name_space = search.found()) return follow(service, candidate, *name_space, "found by its registration");
    const auto saved = candidate.failed ? hooks_.saved_namespace(candidate.registration.scope, service) : std::nullopt;
    if (saved) return follow(service, candidate, *saved, "taken from the snapshot");
    // Consul has no Raft leader, or is not in contact: the leader is not known, and tags must not be answered instead.
    if (candidate.holds && (candidate.stale || (candidate.failed && candidate.failures++ < failures_max))) {
        candidate.again = loop::Loop::now() + search_after_failure;
        return;
    }
    candidate.failures = 0;
    release_queries(service, candidate);
    candidate.again = loop::Loop::now() + search_again;
    if (std::exchange(candidate.logged, true)) return;
    const std::string remedy = "; its tags are answered (configure leader=" + scope + ",namespace=N)";
    if (search.ambiguous()) log::warning("leader scope=" + scope + " is registered, but its keys are in several namespaces" + remedy);
    else if (candidate.failed || candidate.denied)
        log::warning("leader scope=" + scope + " is registered, but not all keys could be listed to find its namespace" + remedy);
    else if (search.cut_short())
        log::warning("leader scope=" + scope + " is registered, but there are too many key folders to search" + remedy);
    else
        log::info("service=" + printable(service) +
                  " is registered like a Patroni cluster, but has no keys: treated as an ordinary service");
}

void Discovery::follow(const std::string& service, const Candidate& candidate, const std::string& name_space, const char* how) {
    conf::LeaderRule rule;
    rule.scope = candidate.registration.scope;
    rule.name_space = name_space;
    log::info("leader scope=" + printable(rule.scope) + ' ' + how + " service=" + printable(service) +
              " namespace=" + printable(name_space.empty() ? "/" : name_space));
    candidates_.erase(service);
    hooks_.found(std::move(rule));  // its entry replaces the one that holds queries
}

bool Discovery::has_room() const {
    const auto additional =
        std::count_if(candidates_.begin(), candidates_.end(), [](const auto& each) { return each.second.holds || each.second.search; });
    return hooks_.room(static_cast<std::size_t>(additional));
}

void Discovery::release_queries(const std::string& service, Candidate& candidate) {
    if (std::exchange(candidate.holds, false)) context_.builder.drop_leader(service);
}

void Discovery::on_tick(Now now, const std::function<std::shared_ptr<const catalog::ServiceEntry>(const std::string&)>& entry_of) {
    for (auto at = candidates_.begin(); at != candidates_.end();) {
        auto& [service, candidate] = *at;
        const bool idle = !candidate.search && now >= candidate.again;
        const auto entry = idle ? entry_of(service) : nullptr;
        const bool followed = idle && hooks_.followed(service);
        if (idle && (!entry || followed || !on())) {
            if (!followed) release_queries(service, candidate);
            at = candidates_.erase(at);
            continue;
        }
        if (idle && (candidate.holds || has_room())) {
            if (const auto registration = catalog::patroni_registration(*entry)) candidate.registration = *registration;
            candidate.stale = entry->stale;
            candidate.search.emplace(candidate.registration);
            candidate.denied = candidate.failed = false;
        }
        ++at;
    }
    for (auto& [service, candidate] : candidates_)
        if (candidate.search && !candidate.ticket) return go_on(service);  // one per call: it may erase its candidate
}

void Discovery::reset() {
    for (auto& [service, candidate] : candidates_) {
        if (candidate.ticket) context_.http.cancel(std::exchange(candidate.ticket, 0));
        release_queries(service, candidate);
    }
    candidates_.clear();
}

}  // namespace lictor::queries
