// How are queries for nodes answered? `<node>.node`, `<hex>.addr`, names of addresses (PTR), and the zone's name servers (SOA, NS).
#pragma once

#include "resolver/zone/service.hpp"

namespace lictor::zone {

/// True for the types that nodes have records of (the table in node.cpp), and for ANY.
bool is_node_type(std::uint16_t type);

/// `<node>.node`: addresses and metadata.
Outcome answer_node(ZoneReply& reply, const ZoneName& name);
/// For the target of an alias: the node's address as a record of `owner`.
Outcome add_node(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into);

/// `<hex>.addr`: the address that the digits encode.
Outcome answer_hex_address(ZoneReply& reply, const ZoneName& name);
/// For the target of an alias: the address as a record of `owner`. `domain`: the domain that `owner` is below; null if `owner` is not the
/// `.addr` name itself.
Outcome add_hex_address(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const wire::Name* domain, const Into& into);

/// Names below arpa: PTR to the node with that address, else to the service of an instance with it, else `delegate`.
Outcome answer_reverse(ZoneReply& reply);

/// SOA and NS queries for any name of the zone: the agent's servers are its name servers.
Outcome answer_apex(ZoneReply& reply);

/// The node's address as a record of `owner`, or an alias if the address is a name. `wan`: see ZoneReply::is_translated.
Outcome add_node_record(ZoneReply& reply, const catalog::NodeRecord& node, const wire::Name& owner, std::uint32_t ttl, bool wan,
                        const Into& into);

/// True if the catalog has nodes or a service of the datacenter.
bool is_known_datacenter(const catalog::Catalog& catalog, std::string_view datacenter);

}  // namespace lictor::zone
