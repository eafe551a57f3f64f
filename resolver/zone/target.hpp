// Which records does a host name lead to that is registered in Consul in place of an address? A name in one of Consul's domains is answered
// from the catalog, at most three aliases deep. Any other name is answered from the addresses that the control thread has resolved
// (Catalog::hosts).
#pragma once

#include <optional>

#include "resolver/zone/name.hpp"
#include "resolver/zone/near_list.hpp"
#include "resolver/zone/reply.hpp"

namespace lictor::zone {

constexpr unsigned nesting_max = 3;  ///< aliases within Consul that are followed, as the agent does

/// True if a record of this address answers a query of this type (SRV: as its target's address; TXT gives addresses, as the agent does).
inline bool serves(std::uint16_t type, const Address& address) {
    switch (type) {
        case rrtype::a: return !address.v6;
        case rrtype::aaaa: return address.v6;
        case rrtype::srv:
        case rrtype::any:
        case rrtype::ns:
        case rrtype::txt: return true;
        default: return false;
    }
}
/// True if addresses of one family or both answer a query of this type.
inline bool serves_addresses(std::uint16_t type) { return serves(type, Address{}) || serves(type, Address{.v6 = true}); }
/// The type to follow an alias with: A and AAAA stay, every other type asks for addresses of both families.
inline std::uint16_t address_type(std::uint16_t type) { return type == rrtype::a || type == rrtype::aaaa ? type : rrtype::any; }

/// Room for records behind an alias, as the agent limits it (AgentBehaviour::limits_alias_records, limits_inner_answers). Once a record
/// does not fit, all later ones are refused, behind this alias and behind aliases that it leads to.
struct Room {
    std::size_t records = 0;
    std::size_t bytes = wire::message_max;
    Room* outer = nullptr;
    bool empty = true;  ///< the first record fits, whatever its size

    /// Reserves one record of `size` bytes, here and in all outer rooms. False if it does not fit.
    bool take(std::size_t size);
};

/// Where records of a target go, and which are written.
struct Into {
    ZoneReply::Section section = ZoneReply::Section::answer;
    std::uint16_t type = 0;                 ///< A, AAAA, or another type: addresses of both families
    std::optional<std::uint32_t> ttl = {};  ///< overrides the TTLs of all records behind the name
    std::uint32_t host_ttl = 0;             ///< for names outside Consul, unless overridden
    unsigned nesting = nesting_max;
    bool one = false;                  ///< one address, not all of them
    bool leader = false;               ///< an alias must lead to an address; strict mode has no effect
    bool flat = false;                 ///< no aliases: all addresses are records of one owner
    std::string_view registered = {};  ///< the target as registered, in case it contains a backslash
    SeenAddresses* seen = nullptr;     ///< addresses in it are not written again
    Room* room = nullptr;              ///< null: no limit

    /// Reserves room behind an alias for an address or a CNAME of `owner`, by its uncompressed size. False if it does not fit.
    bool take(const wire::Name& owner, const Address& address) const { return take(owner, address.raw().size()); }
    bool take(const wire::Name& owner, const wire::Name& target) const { return take(owner, target.size()); }

private:
    bool take(const wire::Name& owner, std::size_t data) const { return !room || room->take(owner.size() + record_overhead + data); }
};

/// The agent's limit on records behind an alias, for a client without EDNS and for aliases behind aliases; nothing: no limit.
std::optional<Room> room_behind_alias(const ZoneReply& reply, const Into& into);

/// The agent's limit on an answer behind an alias into its own domain, which it truncates as for UDP without EDNS, whatever the transport;
/// nothing: no limit.
std::optional<Room> room_of_inner_answer(const ZoneReply& reply, const Into& into);

/// The DNS name of a registered host name; nothing if it is not a DNS name.
std::optional<wire::Name> name_of(const catalog::HostText& host);

/// The longest of Consul's domains that `lower` is strictly below; nothing if there is none.
std::optional<wire::Name> consul_domain_of(const ZoneReply& reply, const wire::Name& lower);

/// Adds the addresses of a name outside Consul as records of `owner`.
Outcome add_host(ZoneReply& reply, const wire::Name& owner, const wire::Name& lower, const Into& into);

/// Adds the records behind `target` (not the alias itself), as records of `target` or, where `flat`, of `owner`: `answered` if there is
/// at least one. Defined in zone.cpp: a target in Consul's domain may be any kind of name.
Outcome add_target(ZoneReply& reply, const wire::Name& target, const Into& into, const wire::Name* owner = nullptr);

/// Adds `owner` CNAME `target` and the records behind it. `answered` even if there are none, except for a leader.
Outcome add_alias(ZoneReply& reply, const wire::Name& owner, const wire::Name& target, std::uint32_t ttl, const Into& into);

/// True if the host has no address: it is not a DNS name, or it could not be resolved.
bool is_dead_end(ZoneReply& reply, const catalog::HostText& host);

}  // namespace lictor::zone
