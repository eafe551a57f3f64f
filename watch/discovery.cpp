// From a registration to a scope that is followed.
#include "watch/discovery.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"
#include "watch/consul_json.hpp"
#include "watch/http_target.hpp"

namespace lictor {
namespace {

constexpr Now search_again = seconds(30), search_anew = seconds(2), search_after_failure = seconds(1);
constexpr unsigned failures_max = 8;
constexpr milliseconds list_timeout{3000};
constexpr std::size_t looks_max = 64;

}  // namespace

Discovery::~Discovery() {
    for (auto& [service, look] : looks_)
        if (look.ticket) context_.http.cancel(look.ticket);
}

void Discovery::on_service(const ServiceEntry& service) {
    if (!on() || hooks_.followed(service.name)) return;
    const auto registration = patroni_registration(service);
    const auto known = looks_.find(service.name);
    if (!registration) {
        if (known == looks_.end()) return;
        if (known->second.ticket) context_.http.cancel(known->second.ticket);
        unwait(service.name, known->second);
        looks_.erase(known);
        return;
    }
    if (known != looks_.end()) {
        auto& look = known->second;
        look.stale = service.stale;
        if (look.search || look.registration == *registration) return;
        look.registration = *registration;
        look.again = std::min(look.again, Loop::now() + search_anew);
        return;
    }
    if (looks_.size() >= looks_max || !has_room()) {
        context_.counters.discoveries_refused.add();
        static log::Sometimes said{60};
        if (said.now(Loop::now() / seconds(1)))
            log::warning("leader scope=" + log::printable(registration->scope) + " is registered, but no more scopes are followed without being " +
                         "configured: its tags are answered (write leader=" + log::printable(registration->scope) + ')');
        return;
    }
    auto& look = looks_[service.name];
    look.registration = *registration;
    look.stale = service.stale;
    // Known and not known at once: until the keys are found or not, nobody can say who leads.
    auto entry = std::make_shared<LeaderEntry>();
    entry->scope = registration->scope;
    entry->service = service.name;
    entry->discovered = true;
    entry->version = context_.builder.next_version();
    entry->since = Loop::now();
    entry->since_unix = Loop::moment().unix_seconds;
    context_.builder.put_leader(service.name, std::move(entry));
    look.waits = true;
    begin(service.name, look);
}

void Discovery::begin(const std::string& service, Look& look) {
    look.search.emplace(look.registration);
    look.denied = look.failed = false;
    go_on(service);
}

void Discovery::go_on(const std::string& service) {
    auto& look = looks_.at(service);
    const auto request = look.search->next();
    if (!request) return conclude(service, look);
    std::string target = "/v1/kv/" + encode_path(request->prefix) + "?keys";
    if (request->folders) target += "&separator=%2F";
    const auto parameter = datacenter_parameter(context_.options, {});
    if (!parameter.empty()) target += '&' + parameter;
    look.ticket = context_.http.get(target, list_timeout, [this, service](const HttpReply& reply) { on_reply(service, reply); });
}

void Discovery::on_reply(const std::string& service, const HttpReply& reply) {
    const auto found = looks_.find(service);
    if (found == looks_.end()) return;
    auto& look = found->second;
    look.ticket = 0;
    const auto names = reply.status == 200 ? parse_key_names(reply.body) : Result<std::vector<std::string>>(std::vector<std::string>{});
    if ((reply.status == 200 && names) || (reply.status == 404 && reply.has_index)) {
        look.search->on_names(*names);
    } else {
        // An unknown token says nothing of these keys.
        const bool denied = reply.status == 403 && reply.body.find("ermission denied") != std::string::npos;
        (denied ? look.denied : look.failed) = true;
        look.search->on_failure();
    }
    go_on(service);
    context_.settled();
}

void Discovery::conclude(const std::string service, Look& look) {
    const NamespaceSearch search = *std::exchange(look.search, std::nullopt);
    const std::string scope = log::printable(look.registration.scope);
    if (const auto name_space = search.found()) return follow(service, look, *name_space, "found by its registration");
    const auto remembered = look.failed ? hooks_.remembered(look.registration.scope, service) : std::nullopt;
    if (remembered) return follow(service, look, *remembered, "known from the snapshot");
    // Consul has no leader, or is away: who leads is not known, and tags are no answer to that.
    if (look.waits && (look.stale || (look.failed && look.failures++ < failures_max))) {
        look.again = Loop::now() + search_after_failure;
        return;
    }
    look.failures = 0;
    unwait(service, look);
    look.again = Loop::now() + search_again;
    if (std::exchange(look.warned, true)) return;
    const std::string remedy = "; its tags are answered (write leader=" + scope + ",namespace=N)";
    if (search.ambiguous()) log::warning("leader scope=" + scope + " is registered, and its keys are in several namespaces" + remedy);
    else if (look.failed || look.denied) log::warning("leader scope=" + scope + " is registered, and keys could not be listed to find its namespace" + remedy);
    else if (search.cut_short()) log::warning("leader scope=" + scope + " is registered, and there are too many folders of keys to look for it in" + remedy);
    else log::info("service=" + log::printable(service) + " is registered as Patroni does, but has no keys: an ordinary service");
}

void Discovery::follow(const std::string& service, const Look& look, const std::string& name_space, const char* how) {
    LeaderRule rule;
    rule.scope = look.registration.scope;
    rule.name_space = name_space;
    log::info("leader scope=" + log::printable(rule.scope) + ' ' + how + " service=" + log::printable(service) + " namespace=" +
              log::printable(name_space.empty() ? "/" : name_space));
    looks_.erase(service);
    hooks_.found(std::move(rule));  // its own entry takes the place of the one that waits
}

bool Discovery::has_room() const {
    const auto coming = std::count_if(looks_.begin(), looks_.end(), [](const auto& each) { return each.second.waits || each.second.search; });
    return hooks_.room(static_cast<std::size_t>(coming));
}

void Discovery::unwait(const std::string& service, Look& look) {
    if (std::exchange(look.waits, false)) context_.builder.drop_leader(service);
}

void Discovery::look(Now now, const std::function<std::shared_ptr<const ServiceEntry>(const std::string&)>& entry_of) {
    for (auto at = looks_.begin(); at != looks_.end();) {
        auto& [service, look] = *at;
        const bool idle = !look.search && now >= look.again;
        const auto entry = idle ? entry_of(service) : nullptr;
        const bool followed = idle && hooks_.followed(service);
        if (idle && (!entry || followed || !on())) {
            if (!followed) unwait(service, look);
            at = looks_.erase(at);
            continue;
        }
        if (idle && (look.waits || has_room())) {
            if (const auto registration = patroni_registration(*entry)) look.registration = *registration;
            look.stale = entry->stale;
            look.search.emplace(look.registration);
            look.denied = look.failed = false;
        }
        ++at;
    }
    for (auto& [service, look] : looks_)
        if (look.search && !look.ticket) return go_on(service);  // one in a turn: it may take its own entry out of the table
}

void Discovery::reset() {
    for (auto& [service, look] : looks_) {
        if (look.ticket) context_.http.cancel(std::exchange(look.ticket, 0));
        unwait(service, look);
    }
    looks_.clear();
}

}  // namespace lictor
