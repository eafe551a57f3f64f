// The facts of Consul at one moment: services, nodes, leaders, host names, the agent's settings. A Catalog is immutable: the control thread
// builds it, and every worker reads it without a lock. Catalogs share what did not change. Pure, without DNS.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "watch/catalog/agent_behaviour.hpp"
#include "watch/catalog/host_text.hpp"
#include "watch/catalog/replica_set.hpp"
#include "watch/catalog/table.hpp"

namespace lictor::catalog {

/// Consul's TaggedAddresses of a node or a service instance; empty where absent.
struct TaggedAddresses {
    HostText lan, lan_ipv4, lan_ipv6, wan, wan_ipv4, wan_ipv6;
    std::uint32_t wan_port = 0;  ///< services only
    bool operator==(const TaggedAddresses&) const = default;
};

/// One node of Consul's catalog. Shared by all instances on it.
struct NodeRecord {
    std::string name;  ///< as registered
    std::string name_lower;
    std::string id;          ///< UUID, may be empty
    std::string datacenter;  ///< as Consul writes it
    HostText address;
    TaggedAddresses tagged;
    std::vector<std::pair<std::string, std::string>> meta;
    bool operator==(const NodeRecord&) const = default;
};

/// Ordered from good to bad.
enum class Health : std::uint8_t { passing, warning, critical };

/// One entry of health/service/<name>.
struct Instance {
    std::shared_ptr<const NodeRecord> node;
    std::string id;    ///< Service.ID; Patroni's is `<scope>/<member>`
    std::string name;  ///< Service.Service as registered
    HostText address;  ///< Service.Address, may be empty
    TaggedAddresses tagged;
    std::uint32_t port = 0;           ///< as registered; SRV takes it modulo 65536
    std::vector<std::string> tags;    ///< lower case
    Health health = Health::passing;  ///< worst of all checks in the entry
    bool node_critical = false;       ///< serfHealth is critical; where the node has none, any node-level check
    bool maintenance = false;         ///< critical because of `consul maint`; not kept in a snapshot
    std::uint16_t weight = 1;         ///< SRV weight by Consul's rule (consul-dns §2.8)
};

/// The instances of a service, in Consul's order. They are immutable; versions of an entry share those that did not change.
class Instances {
public:
    class Iterator {
    public:
        using value_type = Instance;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(const std::shared_ptr<const Instance>* at) : at_(at) {}
        const Instance& operator*() const { return **at_; }
        const Instance* operator->() const { return at_->get(); }
        Iterator& operator++() {
            ++at_;
            return *this;
        }
        Iterator operator++(int) { return Iterator(at_++); }
        bool operator==(const Iterator&) const = default;

    private:
        const std::shared_ptr<const Instance>* at_ = nullptr;
    };

    Instances() = default;
    Instances(std::initializer_list<Instance> all) {
        for (const Instance& each : all) push_back(each);
    }
    void push_back(Instance instance) { all_.push_back(std::make_shared<Instance>(std::move(instance))); }
    void push_back(std::shared_ptr<const Instance> instance) { all_.push_back(std::move(instance)); }
    /// Gives the memory back that `push_back` has reserved in advance.
    void trim() { all_.shrink_to_fit(); }

    std::size_t size() const { return all_.size(); }
    bool empty() const { return all_.empty(); }
    const Instance& operator[](std::size_t at) const { return *all_[at]; }
    const Instance& front() const { return *all_.front(); }
    const std::shared_ptr<const Instance>& shared(std::size_t at) const { return all_[at]; }
    Iterator begin() const { return Iterator(all_.data()); }
    Iterator end() const { return Iterator(all_.data() + all_.size()); }

private:
    std::vector<std::shared_ptr<const Instance>> all_;
};

class RecordTable;

/// Time of the last query for an entry; shared by all versions of the entry. Written by workers, read by the control thread.
struct Usage {
    std::atomic<std::int64_t> asked{0};  ///< monotonic seconds
    /// `second`: monotonic seconds. May be called by any thread; writes at most once a second.
    void touch(std::int64_t second) noexcept {
        if (asked.load(std::memory_order_relaxed) != second) asked.store(second, std::memory_order_relaxed);
    }
};

/// State of a fact. A name without an entry is unknown.
enum class FactState : std::uint8_t {
    loading,  ///< no reply yet: queries are held
    known,
    failed,     ///< could not be read (see `why`), and was never known
    delegated,  ///< not watched, because the bound is reached: forwarded to the agent's DNS
};

/// The state as pages show it.
inline const char* word(FactState state) {
    switch (state) {
        case FactState::loading: return "loading";
        case FactState::known: return "known";
        case FactState::failed: return "failed";
        case FactState::delegated: return "delegated";
    }
    return "unknown";
}

/// One service of one datacenter. Immutable but for `usage`.
struct ServiceEntry {
    std::string name;        ///< lower case
    std::string datacenter;  ///< empty = the agent's own
    FactState state = FactState::loading;
    std::string why{};           ///< of `failed`
    bool no_datacenter = false;  ///< failed because the datacenter does not exist: NXDOMAIN
    bool stale = false;          ///< the watch fails; these are the last known facts
    std::uint64_t version = 0;   ///< rises with every change; unique over all entries
    std::uint64_t index = 0;     ///< X-Consul-Index of the facts
    Now since{};                 ///< when this version was made
    Instances instances{};
    /// Of the instances, for services with many of them; null: there are few, or answers depend on more than the table has.
    std::shared_ptr<const RecordTable> records{};
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

template <class T>
using TableOf = Table<T>;

/// The nodes of one datacenter; the first members are as in ServiceEntry.
struct NodeTable {
    std::string datacenter;
    FactState state = FactState::loading;
    std::string why;
    bool no_datacenter = false;
    bool stale = false;
    std::uint64_t version = 0;
    /// By name_lower. The whole table is made anew from each reply, in the thread that parses it.
    std::unordered_map<std::string, std::shared_ptr<const NodeRecord>, KeyHash, std::equal_to<>> by_name;
    std::vector<std::shared_ptr<const NodeRecord>> in_order;  ///< as Consul lists them
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

/// A host name in Consul's data (service address, conn_url), resolved by the control thread.
struct HostEntry {
    FactState state = FactState::loading;
    std::uint64_t version = 0;
    std::vector<Address> v4, v6;
    std::shared_ptr<Usage> usage = std::make_shared<Usage>();
};

/// How queries for a leader are answered.
enum class LeaderState : std::uint8_t {
    loading,  ///< keys not read yet: queries are held
    led,
    vacant,      ///< no leader may be answered: queries are held
    standby,     ///< standby cluster: `master.` is NODATA
    unreadable,  ///< the keys are denied: the leader is taken from tags, one address
    gone,        ///< no keys and no instances: an ordinary name again
};

/// Cause of the state. Words and sentences for /leaders and the log are in watch/leader/words.cpp, in the same order.
enum class LeaderReason : std::uint8_t {
    not_read_yet,
    confirmed,
    confirmed_probe,
    kept_restarting,
    kept_grace,
    kept_pause,
    kept_outage,  // led
    lock_free,
    no_keys,
    released,
    announced,
    holder_unconfirmed,
    address_unknown,
    other_owner,
    demoted,
    stopping,
    node_failed,
    grace_over,
    overtaken,  // vacant
    standby_cluster,
    access_denied,
    scope_gone,
    stale_expired,
    count,
};

/// A member's record in Patroni's keys. A text that is missing is empty; `lsn` and `replay_lsn` are WAL positions in bytes.
struct MemberRow {
    std::string name, role, state, replication_state;
    HostText host;  ///< host of conn_url
    std::uint16_t port = 0;
    std::optional<std::uint64_t> timeline, lsn;
    std::optional<std::uint64_t> replay_lsn;  ///< WAL position that is visible on a replica; since Patroni 4.1
    std::string api_url, version;             ///< Patroni's
    std::string session;                      ///< of the record; the lock of the same member has the same one
    bool noloadbalance = false;
    bool operator==(const MemberRow&) const = default;
};

/// Shared by all workers and by the versions of a leader entry. Written by any worker.
struct LeaderGap {
    std::atomic<std::uint64_t> spent{0};  ///< version of the entry in whose gap a query was held for the full leader-hold
};

/// When each fact of a leader change became known, on the monotonic clock; empty = not seen (Consul's blocking queries skip states), or not
/// yet. A change begins with its first fact; late facts are added until the next change begins.
struct LeaderTimes {
    std::uint64_t change = 0;            ///< number of the change since lictor's start; 0 = none yet
    std::string old_member, new_member;  ///< may be equal: a member took its lock again
    HostText old_host;
    std::uint16_t old_port = 0;
    std::optional<Now> announced;          ///< the `failover` key requested a switchover
    std::optional<Now> lock_gone;          ///< the old leader lost the lock
    std::optional<Now> withdrawn;          ///< the old address was withdrawn; none: it was answered throughout
    std::optional<Now> lock_taken;         ///< by `new_member`
    std::optional<Now> promoted_by_kv;     ///< the new member's record shows primary and running
    std::optional<Now> promoted_by_probe;  ///< its REST API reported primary
    std::optional<Now> promoted_by_tag;    ///< the catalog shows it as passing and tagged primary
    std::optional<Now> answerable;         ///< the new address may be answered from here on
    std::optional<Now> old_tag_gone;       ///< the catalog no longer shows the old leader as passing and tagged primary
    bool operator==(const LeaderTimes&) const = default;
};

/// The leader of one Patroni scope, or the holder of one plain lock. Immutable but for `gap`.
struct LeaderEntry {
    std::string scope;
    std::string service;      ///< lower case: `master.<service>.service.<domain>`; of a plain lock `<name>.leader`
    bool lock = false;        ///< a plain lock of Consul, not a Patroni scope
    bool discovered = false;  ///< found by its registration, not configured
    std::string name_space;   ///< of the scope's keys
    std::string keys;         ///< the prefix of the scope's keys, with the slash; of a plain lock its key
    std::string hint;         ///< for `no_keys`: what is there instead, and the remedy; empty = not looked up (yet)
    LeaderState state = LeaderState::loading;
    LeaderReason reason = LeaderReason::not_read_yet;
    std::string member;     ///< the leader, or the last one
    std::string holder;     ///< the holder of the lock, answered or not; empty = the lock is free
    HostText host;          ///< the address, by LeaderRule::source; a host name is resolved in Catalog::hosts
    HostText node_address;  ///< the node's address, used when `host` cannot be resolved; may be empty
    std::uint16_t port = 0;
    std::uint64_t lock_index = 0;
    std::optional<std::uint64_t> timeline;
    std::uint64_t version = 0;    ///< rises when the answer changes
    std::int64_t since_unix = 0;  ///< wall clock of that change
    Now since{};
    std::vector<MemberRow> members;
    LeaderTimes times;                              ///< of the present change or the last one; a new time alone does not raise `version`
    std::shared_ptr<const ReplicaSet> replica_set;  ///< the members that run and do not lead; null until the keys were read
    std::shared_ptr<LeaderGap> gap = std::make_shared<LeaderGap>();
};

/// Settings of answers: from the options, else the agent's dns_config, else Consul's defaults.
struct ConsulSettings {
    std::vector<std::string> domains{"consul"};  ///< lower case, without dots at the ends; the first one is the agent's `domain`
    std::string datacenter = "dc1";              ///< the agent's own, lower case
    std::string node_name;                       ///< the agent's; empty if it is not known
    AgentBehaviour agent;                        ///< of consul-dns-compat and the agent's version
    bool only_passing = false;
    bool node_meta_txt = true;
    bool enable_truncate = false;
    bool disable_compression = false;  ///< the agent computes message sizes without compression
    bool recursors = false;            ///< the agent has recursors (RA under strict)
    bool translate_wan = false;
    std::uint32_t node_ttl = 0;
    std::vector<std::pair<std::string, std::uint32_t>> service_ttl;  ///< name, `prefix*` or `*`
    std::uint32_t udp_answer_limit = 3;
    std::uint32_t a_record_limit = 0;
    std::uint32_t soa_refresh = 3600, soa_retry = 600, soa_expire = 86400, soa_min_ttl = 0;
    bool operator==(const ConsulSettings&) const = default;
};

/// One fact for which a query is held.
struct Need {
    enum class Kind : std::uint8_t { service, nodes, leader, host } kind = Kind::service;
    std::string name;        ///< service, leader's service or host name, lower case; for nodes empty
    std::string datacenter;  ///< lower case; empty = own
    bool operator==(const Need&) const = default;
};

/// Key of the service table: the name, and for another datacenter a NUL byte and its name.
inline std::string service_key(std::string_view name_lower, std::string_view datacenter_lower) {
    std::string key(name_lower);
    if (!datacenter_lower.empty()) {
        key += '\0';
        key += datacenter_lower;
    }
    return key;
}

/// All facts. No pointer is null; entries are valid as long as the Catalog or a copy of their pointer lives.
struct Catalog {
    std::shared_ptr<const ConsulSettings> settings = std::make_shared<ConsulSettings>();
    std::shared_ptr<const TableOf<ServiceEntry>> services = std::make_shared<TableOf<ServiceEntry>>();  ///< by service_key
    std::shared_ptr<const TableOf<NodeTable>> nodes = std::make_shared<TableOf<NodeTable>>();           ///< by datacenter, "" = own
    std::shared_ptr<const TableOf<LeaderEntry>> leaders = std::make_shared<TableOf<LeaderEntry>>();     ///< by service, lower case
    std::shared_ptr<const TableOf<HostEntry>> hosts = std::make_shared<TableOf<HostEntry>>();           ///< by name, lower case
    bool consul_on = false;     ///< Consul's names are answered from here
    bool reachable = false;     ///< the HTTP API replied lately, or was not asked yet; see give_way.hpp
    bool contact_lost = false;  ///< the last known facts are answered: TTL 0, extended error 3 or 19
    Now contact_lost_at{};      ///< of the first failure, while contact_lost
    bool expired = false;       ///< contact is lost for longer than consul-max-stale: SERVFAIL
};

/// The cluster or lock of that name; null if there is none or it is gone. Valid while the Catalog lives.
inline const LeaderEntry* find_leader(const Catalog& catalog, std::string_view service_lower) {
    const auto found = catalog.leaders->find(service_lower);
    return found == catalog.leaders->end() || found->second->state == LeaderState::gone ? nullptr : found->second.get();
}

}  // namespace lictor::catalog
