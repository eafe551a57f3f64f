// The last known facts of Consul as text that is kept across a restart: services, leaders, the agent's settings, and SOA serials.
// Version, length and checksum are verified before anything of it is used. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "watch/catalog/catalog.hpp"
#include "watch/catalog/leader_facts.hpp"

namespace lictor::catalog {

/// A scope's leader as facts: judged like facts from Consul, but only until Patroni's ttl after the last contact.
struct SavedLeader {
    std::string scope, name_space, service;
    ScopeFacts facts;        ///< holder and members; indexes are 0, so that every reply from Consul is newer
    std::uint32_t ttl = 30;  ///< seconds, from Patroni's `config`
};

/// The SOA serial of a leader, which must not go backwards at a restart.
struct LeaderMark {
    std::uint32_t serial = 0;
    std::string answered;  ///< the answer with this serial, as leader_runtime.hpp writes it
    bool operator==(const LeaderMark&) const = default;
};

/// What is written to snapshot-file.
struct Snapshot {
    std::int64_t contact_unix = 0;  ///< Unix second of the last good reply
    ConsulSettings settings;
    std::vector<std::shared_ptr<const ServiceEntry>> services;
    std::vector<SavedLeader> leaders;
    std::map<std::string, LeaderMark> marks;           ///< by service
    std::map<std::string, std::uint32_t> soa_serials;  ///< of the domains of `leader-soa`, which must not go backwards either
};

constexpr std::size_t snapshot_bytes_max = 16 << 20;
constexpr std::size_t snapshot_services_max = 2000;

/// At most snapshot_services_max services are written. An error if the text is larger than snapshot_bytes_max.
Result<std::string> write_snapshot(const Snapshot& snapshot);
/// An error names the damage, or another version of the format; nothing of a damaged snapshot is used.
Result<Snapshot> read_snapshot(std::string_view text);

}  // namespace lictor::catalog
