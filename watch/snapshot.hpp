// What was last known of Consul, as text that survives a restart: services, who led, the agent's settings, and each leader's serial. Read
// back it is checked whole (version, length, checksum) before any of it is believed. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "watch/catalog.hpp"
#include "watch/leader_facts.hpp"

namespace lictor {

/// Who led a scope, as facts: judged again like facts from Consul, but not for longer than Patroni's ttl after they were true.
struct RememberedLeader {
    std::string scope, name_space, service;
    ScopeFacts facts;         ///< holder and members; indexes are 0, so that anything Consul says is newer
    std::uint32_t ttl = 30;   ///< seconds, from Patroni's `config`
};

struct LeaderMark {
    std::uint32_t serial = 0;
    std::string answered;     ///< the word of the leader book for who it was
    bool operator==(const LeaderMark&) const = default;
};

struct Snapshot {
    std::int64_t contact_unix = 0;  ///< last word from Consul
    ConsulSettings settings;
    std::vector<std::shared_ptr<const ServiceEntry>> services;
    std::vector<RememberedLeader> leaders;
    std::map<std::string, LeaderMark> marks;  ///< by service
};

constexpr std::size_t snapshot_bytes_max = 16 << 20;
constexpr std::size_t snapshot_services_max = 2000;

/// An error if it would be larger than the bound.
Result<std::string> write_snapshot(const Snapshot& snapshot);
/// The error says what is wrong; nothing of a damaged snapshot is used.
Result<Snapshot> read_snapshot(std::string_view text);

}  // namespace lictor
