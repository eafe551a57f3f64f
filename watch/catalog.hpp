// What is known of Consul at one moment: services, nodes, leaders, host names, the agent's settings. An immutable snapshot, built on the
// control thread, read by every worker without a lock. Nothing of DNS is in here. Tables are shared between snapshots: a change costs
// what changed, not what is known.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"

namespace lictor {

/// An address as somebody registered it: any text, and the IP if it is one.
struct HostText {
    std::string text;
    std::optional<Address> ip;

    HostText() = default;
    explicit HostText(std::string registered) : text(std::move(registered)), ip(Address::parse(text)) {}
    bool empty() const { return text.empty(); }
    bool operator==(const HostText& other) const { return text == other.text; }
};

/// Consul's TaggedAddresses of a node or a service instance; empty where absent.
struct TaggedAddresses {
    HostText lan, lan_ipv4, lan_ipv6, wan, wan_ipv4, wan_ipv6;
    std::uint32_t wan_port = 0;  ///< services only
    bool operator==(const TaggedAddresses&) const = default;
};

struct NodeRecord {
    std::string name;        ///< as registered
    std::string name_lower;
    std::string id;          ///< UUID, may be empty
    std::string datacenter;  ///< as Consul tells it
    HostText address;
    TaggedAddresses tagged;
    std::vector<std::pair<std::string, std::string>> meta;
    bool operator==(const NodeRecord&) const = default;
};

enum class Health : std::uint8_t { passing, warning, critical };

/// One entry of health/service/<name>.
struct Instance {
    std::shared_ptr<const NodeRecord> node;
    std::string id;                   ///< Service.ID; Patroni's is `<scope>/<member>`
    std::string name;                 ///< Service.Service, as registered
    HostText address;                 ///< Service.Address, may be empty
    TaggedAddresses tagged;
    std::uint32_t port = 0;           ///< as registered; SRV takes it modulo 65536
    std::vector<std::string> tags;    ///< lower case
    Health health = Health::passing;  ///< worst of all checks in the entry
    bool node_critical = false;       ///< serfHealth is critical; where the node has none, any node-level check
    std::uint16_t weight = 1;         ///< SRV weight by Consul's rule (consul-dns §2.8)
};

/// Says when somebody last asked for an entry, across its versions. Written by workers, read by the control thread.
struct Usage {
    std::atomic<std::int64_t> asked{0};  ///< monotonic seconds
    void touch(std::int64_t second) noexcept {
        if (asked.load(std::memory_order_relaxed) != second) asked.store(second, std::memory_order_relaxed);
    }
};

/// Where lictor stands with a fact: a name that is not in a table at all is unknown.
enum class FactState : std::uint8_t {
    loading,    ///< asked for, no reply yet: questions wait
    known,
    failed,     ///< could not be had (see `why`); never known before
    delegated,  ///< not watched (bound reached): asked from the agent's DNS
};

/// For people.
inline const char* word(FactState state) {
    switch (state) {
        case FactState::loading: return "loading";
        case FactState::known: return "known";
        case FactState::failed: return "failed";
        case FactState::delegated: return "delegated";
    }
    return "unknown";
}

struct ServiceEntry {
    std::string name;            ///< lower case
    std::string datacenter;      ///< empty = the agent's own
    FactState state = FactState::loading;
    std::string why;             ///< for failed
    bool no_datacenter = false;  ///< failed because the datacenter does not exist: NXDOMAIN
    bool stale = false;          ///< the watch is failing; these are the last known facts
    std::uint64_t version = 0;   ///< rises whenever anything in here changes; unique over all entries
    std::uint64_t index = 0;     ///< X-Consul-Index of the facts
    Now since{};                 ///< when this version was made
    std::vector<Instance> instances;
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

/// Hash of table keys that also takes a string_view, so that looking up makes no string.
struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
};
template <class T>
using TableOf = std::unordered_map<std::string, std::shared_ptr<const T>, KeyHash, std::equal_to<>>;

struct NodeTable {
    std::string datacenter;
    FactState state = FactState::loading;
    std::string why;
    bool no_datacenter = false;
    bool stale = false;
    std::uint64_t version = 0;
    TableOf<NodeRecord> by_name;                                                 ///< by name_lower
    std::vector<std::shared_ptr<const NodeRecord>> in_order;                     ///< as Consul lists them
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

/// A host name from Consul's data (service address, conn_url), resolved by the control side.
struct HostEntry {
    FactState state = FactState::loading;
    std::uint64_t version = 0;
    std::vector<Address> v4, v6;
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

enum class LeaderState : std::uint8_t {
    loading,     ///< keys not read yet: questions are held
    led,
    vacant,      ///< a known cluster without an answerable leader: questions are held
    standby,     ///< standby cluster: `master.` is NODATA
    unreadable,  ///< keys are denied: fall back to tags, one address
    gone,        ///< prefix gone and no instances: an ordinary name again
};

/// Why the state is what it is; the words for /leaders and the log stand in leader_words.cpp, in the same order.
enum class LeaderReason : std::uint8_t {
    not_read_yet,
    confirmed, confirmed_probe, kept_restarting, kept_grace, kept_pause, kept_outage,                                 // led
    lock_free, released, announced, holder_unconfirmed, other_owner, demoted, stopping, node_failed, grace_over, overtaken,                // vacant
    standby_cluster, access_denied, scope_gone, stale_expired,
    count,
};

struct MemberRow {
    std::string name, role, state, replication_state;
    HostText host;               ///< host of conn_url
    std::uint16_t port = 0;
    std::optional<std::uint64_t> timeline, lsn;
    std::optional<std::uint64_t> replay_lsn;  ///< what a replica's readers see; since Patroni 4.1
    std::string api_url, version;
    std::string session;         ///< that the record hangs on; the lock of the same member hangs on the same one
    bool noloadbalance = false;
    bool operator==(const MemberRow&) const = default;
};

/// What the workers tell one another about a gap: it lives across the entry's versions. Written by any worker.
struct LeaderGap {
    std::atomic<std::uint64_t> spent{0};  ///< the entry's version whose gap has seen a question held to the end
};

/// When each fact of a change of leader became known, on lictor's monotonic clock; empty = not seen (Consul's blocking queries skip
/// states), or not yet. A change begins with its first sign and stays here, gathering late facts, until the next one begins.
struct LeaderTimes {
    std::uint64_t change = 0;              ///< number of the change since the start; 0 = none yet
    std::string old_member, new_member;    ///< the same one: it took its lock again
    HostText old_host;
    std::uint16_t old_port = 0;
    std::optional<Now> announced;          ///< the `failover` key asked for a switchover
    std::optional<Now> lock_gone;          ///< the lock left the old leader
    std::optional<Now> withdrawn;          ///< the old address was answered no longer; none: it was kept throughout
    std::optional<Now> lock_taken;         ///< by `new_member`
    std::optional<Now> promoted_by_kv;     ///< the new member's record says primary and running
    std::optional<Now> promoted_by_probe;  ///< its REST API said so
    std::optional<Now> promoted_by_tag;    ///< the catalog shows it as passing and tagged primary
    std::optional<Now> answerable;         ///< the new address may be answered from here on
    std::optional<Now> old_tag_gone;       ///< the catalog no longer shows the old leader as passing and tagged primary
    bool operator==(const LeaderTimes&) const = default;
};
struct ReplicaSet;  // replicas.hpp

struct LeaderEntry {
    std::string scope;
    std::string service;         ///< lower case: `master.<service>.service.<domain>`; of a plain lock `<name>.leader`
    bool lock = false;           ///< a plain lock of Consul's, no Patroni scope
    bool discovered = false;     ///< found by its registration, not configured
    std::string name_space;      ///< of the scope's keys
    LeaderState state = LeaderState::loading;
    LeaderReason reason = LeaderReason::not_read_yet;
    std::string member;          ///< who leads, or led last
    std::string holder;          ///< who holds the lock, whether answered or not; empty = nobody
    HostText host;               ///< where, by LeaderRule::source; a name is looked up in Catalog::hosts
    HostText node_address;       ///< the node's address, used when `host` cannot be resolved; may be empty
    std::uint16_t port = 0;
    std::uint64_t lock_index = 0;
    std::optional<std::uint64_t> timeline;
    std::uint64_t version = 0;   ///< rises when the answer changes
    std::int64_t since_unix = 0; ///< wall clock of that change
    Now since{};
    std::vector<MemberRow> members;
    LeaderTimes times;           ///< of the change under way or the last one; a newer time alone makes no new version
    std::shared_ptr<const ReplicaSet> replicas;  ///< the members who live and do not lead; null until the keys were read
    std::shared_ptr<LeaderGap> gap = std::make_shared<LeaderGap>();
};

/// What answers depend on besides facts: the agent's dns_config where it tells it, options, else Consul's defaults.
struct ConsulSettings {
    std::vector<std::string> domains{"consul"};  ///< lower case, without dots at the ends; the first is the primary one
    std::string datacenter = "dc1";              ///< the agent's own, lower case
    std::string node_name, version;              ///< the agent's; empty if it does not tell
    bool strict = false;                         ///< consul-dns-compat=strict
    bool only_passing = false;
    bool node_meta_txt = true;
    bool enable_truncate = false;
    bool disable_compression = false;            ///< the agent reckons sizes without compression
    bool recursors = false;                      ///< the agent has recursors (RA under strict)
    bool translate_wan = false;
    std::uint32_t node_ttl = 0;
    std::vector<std::pair<std::string, std::uint32_t>> service_ttl;  ///< name, `prefix*` or `*`
    std::uint32_t udp_answer_limit = 3;
    std::uint32_t a_record_limit = 0;
    std::uint32_t soa_refresh = 3600, soa_retry = 600, soa_expire = 86400, soa_min_ttl = 0;
    bool operator==(const ConsulSettings&) const = default;
};

/// One fact that a question waits for.
struct Need {
    enum class Kind : std::uint8_t { service, nodes, leader, host } kind = Kind::service;
    std::string name;        ///< service, leader's service or host name, lower case; for nodes empty
    std::string datacenter;  ///< lower case; empty = own
    bool operator==(const Need&) const = default;
};

/// Key of the service table.
inline std::string service_key(std::string_view name_lower, std::string_view datacenter_lower) {
    std::string key(name_lower);
    if (!datacenter_lower.empty()) {
        key += '\0';
        key += datacenter_lower;
    }
    return key;
}

struct Catalog {
    std::shared_ptr<const ConsulSettings> settings = std::make_shared<ConsulSettings>();
    std::shared_ptr<const TableOf<ServiceEntry>> services = std::make_shared<TableOf<ServiceEntry>>();  ///< by service_key
    std::shared_ptr<const TableOf<NodeTable>> nodes = std::make_shared<TableOf<NodeTable>>();           ///< by datacenter, "" = own
    std::shared_ptr<const TableOf<LeaderEntry>> leaders = std::make_shared<TableOf<LeaderEntry>>();     ///< by service, lower case
    std::shared_ptr<const TableOf<HostEntry>> hosts = std::make_shared<TableOf<HostEntry>>();           ///< by name, lower case
    bool consul_on = false;       ///< Consul is configured
    bool reachable = false;       ///< the HTTP API answered lately (or was not tried yet)
    bool contact_lost = false;    ///< facts are served without contact: TTL 0, extended error 3 or 19
    bool expired = false;         ///< contact is lost for longer than consul-max-stale: SERVFAIL
};

}  // namespace lictor
