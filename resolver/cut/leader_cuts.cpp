// Follows each service's leader from Catalog to Catalog, and keeps a schedule for each deposed one.
#include "resolver/cut/leader_cuts.hpp"

#include <algorithm>
#include <utility>

#include "resolver/view/leader_runtime.hpp"

namespace lictor::cut {
namespace {

using catalog::LeaderReason;
using catalog::LeaderState;

bool has(const std::vector<Endpoint>& places, const Endpoint& place) { return std::ranges::find(places, place) != places.end(); }

/// The IP addresses that are answered for a leader or a replica.
std::vector<Endpoint> places_of(const catalog::Catalog& catalog, const catalog::HostText& host, const catalog::HostText& node_address,
                                std::uint32_t port) {
    std::vector<Endpoint> places;
    if (port == 0 || port > 65535) return places;  // never all ports
    const auto add = [&](const Address& address) { places.push_back({address, static_cast<std::uint16_t>(port)}); };
    if (host.ip) {
        add(*host.ip);
        return places;
    }
    if (const auto* row = view::host_row(catalog, host)) {
        std::ranges::for_each(row->v4, add);
        std::ranges::for_each(row->v6, add);
    }
    if (places.empty() && node_address.ip) add(*node_address.ip);
    if (places.size() > LeaderCuts::places_max) places.resize(LeaderCuts::places_max);
    return places;
}

}  // namespace

bool shows_deposed(const catalog::LeaderEntry& entry) {
    if (entry.state == LeaderState::standby) return true;
    if (entry.state != LeaderState::vacant) return false;
    switch (entry.reason) {
        case LeaderReason::lock_free:
        case LeaderReason::released:
        case LeaderReason::other_owner:
        case LeaderReason::demoted:
        case LeaderReason::stopping:
        case LeaderReason::node_failed:
        case LeaderReason::grace_over:
        case LeaderReason::overtaken:
        case LeaderReason::standby_cluster:
        case LeaderReason::holder_unconfirmed: return true;
        // The same leader still leads, and its address cannot be read.
        case LeaderReason::address_unknown:
        case LeaderReason::not_read_yet:
        case LeaderReason::confirmed:
        case LeaderReason::confirmed_probe:
        case LeaderReason::kept_restarting:
        case LeaderReason::kept_grace:
        case LeaderReason::kept_pause:
        case LeaderReason::kept_outage:
        case LeaderReason::no_keys:
        case LeaderReason::announced:
        case LeaderReason::access_denied:
        case LeaderReason::scope_gone:
        case LeaderReason::stale_expired:
        case LeaderReason::count: break;
    }
    return false;
}

Now LeaderCuts::Deposed::end() const {
    const Now most = began + in_all_max;
    return led_since ? std::min(most, *led_since + after_new_leader) : most;
}

std::optional<LeaderCuts::Lead> LeaderCuts::lead_of(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    if (entry.state == LeaderState::led)
        return Lead{entry.member, entry.lock ? entry.lock_index : 0, places_of(catalog, entry.host, entry.node_address, entry.port)};
    if (entry.state != LeaderState::unreadable) return std::nullopt;
    const auto* instance = view::leader_by_tags(catalog, entry);
    if (!instance) return std::nullopt;
    const auto& address = instance->address.empty() ? instance->node->address : instance->address;
    return Lead{instance->id.substr(instance->id.rfind('/') + 1), 0, places_of(catalog, address, instance->node->address, instance->port)};
}

/// Another address of the same member is no other leader: a host name may have got another address, or the options another port.
bool LeaderCuts::differs(const catalog::LeaderEntry& entry, const Lead& before, const Lead& after) {
    return before.member != after.member || (entry.lock && before.holding != after.holding && before.places != after.places);
}

void LeaderCuts::depose(Service& service, Now now) {
    Lead lead = *std::exchange(service.last, std::nullopt);
    for (auto& other : service.deposed) std::erase_if(other.places, [&](const Endpoint& place) { return has(lead.places, place); });
    if (service.deposed.size() == deposed_max) service.deposed.erase(service.deposed.begin());
    Deposed deposed;
    deposed.member = std::move(lead.member);
    deposed.all = deposed.places = std::move(lead.places);
    deposed.began = deposed.next = now;
    service.deposed.push_back(std::move(deposed));
}

/// A deposed leader that is now answered as a replica: its readers are not disturbed, once connections were ended at its demotion.
void LeaderCuts::leave_to_readers(Service& service, const catalog::Catalog& offered, const catalog::LeaderEntry& entry) {
    if (!entry.replica_set || service.deposed.empty()) return;
    for (const auto& replica : entry.replica_set->replicas) {
        if (!replica.as_replica && !replica.as_sync) continue;
        const auto read = places_of(offered, replica.host, replica.node_address, replica.port);
        for (auto& deposed : service.deposed)
            if (deposed.asked) std::erase_if(deposed.places, [&](const Endpoint& place) { return has(read, place); });
    }
}

bool LeaderCuts::on_catalog(const catalog::Catalog& offered, Now now) {
    std::erase_if(services_, [&](const auto& each) {
        const auto entry = offered.leaders->find(each.first);
        return entry == offered.leaders->end() || entry->second->scope != each.second.scope || entry->second->keys != each.second.keys;
    });
    for (const auto& [name, entry] : *offered.leaders) {
        Service& service = services_[name];
        service.scope = entry->scope;
        service.keys = entry->keys;
        if (auto lead = lead_of(offered, *entry)) {
            if (service.last && differs(*entry, *service.last, *lead)) depose(service, now);
            service.last = std::move(lead);
            for (auto& deposed : service.deposed)
                if (!deposed.led_since) deposed.led_since = now;
        } else if (service.last && shows_deposed(*entry)) {
            depose(service, now);
        }
        leave_to_readers(service, offered, *entry);
    }
    // A place where some leader is answered, or was when lictor last knew.
    bool revoke = false;
    for (const auto& [name, leading] : services_) {
        if (!leading.last) continue;
        const std::vector<Endpoint>& answered = leading.last->places;
        for (auto& [other, service] : services_)
            for (auto& deposed : service.deposed) {
                const auto removed = std::erase_if(deposed.places, [&](const Endpoint& place) { return has(answered, place); });
                if (removed == 0) continue;
                if (deposed.asked) revoke = true;
                else deposed.shared = true;
            }
    }
    return revoke;
}

std::vector<Endpoint> LeaderCuts::due(Now now) {
    std::vector<Endpoint> places;
    for (auto& [name, service] : services_)
        for (auto& deposed : service.deposed) {
            if (deposed.places.empty() || now < deposed.next || now >= deposed.end()) continue;
            if (places.size() + deposed.places.size() > places_max) continue;
            for (const auto& place : deposed.places)
                if (!has(places, place)) places.push_back(place);
            deposed.asked = true;
            deposed.next = now + deposed.interval;
            deposed.interval = std::min<microseconds>(deposed.interval * 3 / 2, interval_max);
        }
    if (!places.empty()) last_due_ = places;
    return places;
}

std::optional<Now> LeaderCuts::next() const {
    std::optional<Now> first;
    for (const auto& [name, service] : services_)
        for (const auto& deposed : service.deposed) {
            const Now at = deposed.places.empty() ? deposed.began : std::min(deposed.next, deposed.end());
            first = std::min(first.value_or(at), at);
        }
    return first;
}

void LeaderCuts::again(Now now) {
    for (auto& [name, service] : services_)
        for (auto& deposed : service.deposed)
            if (std::ranges::any_of(deposed.places, [&](const Endpoint& place) { return has(last_due_, place); })) deposed.next = now;
}

std::string LeaderCuts::on_ended(const Endpoint& place, std::uint64_t connections) {
    for (auto& [name, service] : services_)
        for (auto& deposed : service.deposed)
            if (has(deposed.all, place)) {
                deposed.connections += connections;
                return name;
            }
    return {};
}

std::vector<LeaderCuts::Finished> LeaderCuts::take_finished(Now now) {
    std::vector<Finished> finished;
    for (auto& [name, service] : services_)
        std::erase_if(service.deposed, [&, &name = name, &service = service](Deposed& deposed) {
            if (!deposed.places.empty() && now < deposed.end()) return false;
            finished.push_back({service.scope, name, deposed.member, deposed.all, deposed.connections, deposed.shared && !deposed.asked});
            return true;
        });
    return finished;
}

}  // namespace lictor::cut
