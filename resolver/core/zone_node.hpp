// The answers for nodes: `<node>.node`, `<hex>.addr`, and names of addresses (PTR).
#pragma once

#include "resolver/core/zone_target.hpp"

namespace lictor {

/// The agent looks for a node only for these types.
bool is_node_type(std::uint16_t type);

Outcome answer_node(ZoneReply& reply, const ZoneName& name);
/// Behind an alias: the node's address as a record of `owner`.
Outcome add_node(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into);

Outcome answer_hex_address(ZoneReply& reply, const ZoneName& name);
/// `domain`: the one that `owner` is below, where it is the `.addr` name itself.
Outcome add_hex_address(ZoneReply& reply, const ZoneName& name, const Name& owner, const Name* domain, const Into& into);

/// `<hex>.addr.<datacenter>.<domain>`: the name that Consul makes for an address.
Name hex_name(ZoneReply& reply, const Address& address, std::string_view datacenter);

/// The question is below arpa: nodes first, then instances of the services that are known. `delegate`: neither has the address.
Outcome answer_reverse(ZoneReply& reply);

/// The node's metadata as TXT records (RFC 1464).
void put_metadata(ZoneReply& reply, ZoneReply::Section section, const Name& owner, std::uint32_t ttl, const NodeRecord& node);

/// The node's address for `type` as a record of `owner`, or an alias where it is a name.
Outcome add_node_record(ZoneReply& reply, const NodeRecord& node, const Name& owner, std::uint32_t ttl, bool wan, const Into& into);

/// True if facts about the datacenter are held.
bool is_known_datacenter(const Catalog& catalog, std::string_view datacenter);

}  // namespace lictor
