// What stands behind a host name that Consul gives instead of an address? A name in one of Consul's domains is answered from the catalog,
// at most three deep; any other from the addresses that the control side has resolved (Catalog::hosts). The records go behind the alias
// that led there.
#pragma once

#include <optional>

#include "resolver/core/zone_name.hpp"
#include "resolver/core/zone_reply.hpp"
#include "resolver/core/zone_select.hpp"

namespace lictor {

constexpr unsigned nesting_max = 3;

/// How many records may stand behind an alias, and how large they may be, as the agent bounds it (strict): once one finds no room, none
/// after it does, here or further in.
struct Room {
    std::size_t records = 0;
    std::size_t bytes = message_max;
    Room* outer = nullptr;
    bool empty = true;

    bool take(std::size_t size);
};

/// Where records of a target go, and which are wanted.
struct Into {
    ZoneReply::Section section = ZoneReply::Section::answer;
    std::uint16_t type = 0;                 ///< A, AAAA, or another type, for which addresses of both families are given
    std::optional<std::uint32_t> ttl = {};  ///< overrides the TTLs of what is behind the name
    std::uint32_t host_ttl = 0;             ///< for names outside Consul, unless overridden
    unsigned nesting = nesting_max;
    bool one = false;             ///< one address, not all of them
    bool leader = false;          ///< an alias without an address behind it is no answer; strict changes nothing
    bool flat = false;            ///< no aliases: all addresses are records of the first owner
    std::string_view registered = {};   ///< the target in the operator's words, where an escape in them matters
    SeenAddresses* seen = nullptr;  ///< addresses given already are not given again
    Room* room = nullptr;           ///< what may still be added

    bool take(const Name& owner, const Address& address) const { return take(owner, address.raw().size()); }
    bool take(const Name& owner, const Name& target) const { return take(owner, target.size()); }

private:
    bool take(const Name& owner, std::size_t data) const { return !room || room->take(owner.size() + record_overhead + data); }
};

/// The agent puts at most five records behind an alias: for a client without EDNS, and wherever it resolves for itself.
std::optional<Room> room_behind_alias(const ZoneReply& reply, const Into& into);

/// The agent resolves an alias into its own domain as if somebody had asked over UDP without EDNS, and up to 1.8.14, 1.9.8 and 1.10.1
/// cuts that answer accordingly, whatever the client came over.
std::optional<Room> room_of_inner_answer(const ZoneReply& reply, const Into& into);

/// The DNS name of a registered host name; nothing if it fits none.
std::optional<Name> name_of(const HostText& host);

/// Adds the records behind `target` (not the alias itself), as records of `target` or, where `flat`, of `owner`: `answered` if there is
/// at least one.
Outcome add_target(ZoneReply& reply, const Name& target, const Into& into, const Name* owner = nullptr);

/// `owner` CNAME `target`, and what is behind it. `answered` though nothing is behind it, but for a leader.
Outcome add_alias(ZoneReply& reply, const Name& owner, const Name& target, std::uint32_t ttl, const Into& into);

/// True if the name leads to no address at all: it is no DNS name, or could not be resolved.
bool is_dead_end(ZoneReply& reply, const HostText& host);

}  // namespace lictor
