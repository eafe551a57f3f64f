// What does a name below a Consul domain ask for? The grammar of Consul's DNS interface, independent of the Catalog. Labels are scanned
// from the right for the first keyword (service, node, addr, …). The labels right of it are a datacenter; those left of it are the name of
// the service, node or address (RFC 2782 for `_svc._tag`).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "resolver/wire/name.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::zone {

/// The form of a name.
enum class ZoneKind : std::uint8_t {
    nothing,  ///< none of Consul's forms: NXDOMAIN
    inner,    ///< an empty non-terminal (RFC 8020): the domain, a bare keyword, a datacenter
    service,  ///< `[tag.]service.service`, `_service._tag[.service]`
    node,
    address,        ///< `<hex>.addr`
    lock,           ///< `<name>.leader`: `service` is both labels
    escaped,        ///< a node's name with bytes that no registered name has (see name.cpp)
    empty_service,  ///< a service without a name (`_._tcp`): Consul refuses the look-up
    agent_only,     ///< a form that only the agent can answer
};

/// Which members a service name selects if the service is a Patroni cluster: by its tag, in the agent's own datacenter.
enum class ClusterRole : std::uint8_t {
    none,     ///< the name is not answered from the cluster's keys
    leader,   ///< `master.`, `primary.`; a lock
    replica,  ///< `replica.`
    sync,     ///< `sync.`
    any,      ///< `any.`
    standby,  ///< `standby-leader.`: the holder of a standby cluster's lock
    plain,    ///< no tag: all members, if the catalog has no instance
    ranked,   ///< `_postgresql._tcp`: the primary, then the replicas
};

/// A parsed name. Its views refer to the object itself, so it cannot be copied.
class ZoneName {
public:
    ZoneName() = default;
    ZoneName(const ZoneName&) = delete;
    ZoneName& operator=(const ZoneName&) = delete;

    /// The agent compares the name of a query in escaped form (`asked`), and a name in its own data as `registered`. `text`, if given,
    /// is the registered text, in which a backslash is a letter for the agent (`back\slash` is a tag of that name, not `backslash`).
    enum class Letters : std::uint8_t { asked, registered };
    /// `lower` is at or below `domain`; both lower case. `type`: for SRV the label `service` is optional.
    void parse(const wire::Name& lower, const wire::Name& domain, std::uint16_t type, const catalog::ConsulSettings& settings,
               Letters letters = Letters::asked, std::string_view text = {});

    ZoneKind kind = ZoneKind::nothing;
    ClusterRole role = ClusterRole::none;  ///< for `service` and `lock`
    std::string_view service, tag;         ///< tag empty: any
    std::string_view node;                 ///< for `node`; for `address` the hex digits
    std::size_t escaped_size = 0;          ///< for `address`: characters of `node` in presentation form
    std::string_view datacenter;           ///< empty: the agent's own, named or not

private:
    std::string_view label(std::size_t index) const { return labels(index, index + 1); }
    std::string_view labels(std::size_t first, std::size_t end) const;
    bool take(wire::Bytes below, Letters letters);
    bool take(std::string_view text, std::size_t labels);
    void parse_service(std::size_t parts);
    bool parse_locality(std::size_t first, const catalog::ConsulSettings& settings);
    void parse_inner(bool keyword, std::size_t first, const catalog::ConsulSettings& settings);

    std::array<char, 256> text_;            // the labels, a dot before each
    std::array<std::uint8_t, 128> starts_;  // offset of each label's dot, and of the end
    std::size_t count_ = 0;
};

}  // namespace lictor::zone
