// How is a query for a service answered? Consul's choice of instances and of their addresses, then addresses, aliases, or SRV records
// with ADDITIONAL.
#pragma once

#include "conf/base/random.hpp"
#include "resolver/zone/target.hpp"
#include "watch/catalog/instances.hpp"

namespace lictor::zone {

/// Instances in the order of an answer; owned by the Catalog.
using Picks = NearList<const catalog::Instance*, 64>;

/// Adds to `picks` the instances that pass the health filter and have the tag (empty: any), in random order.
void pick_instances(const catalog::ServiceEntry& entry, std::string_view tag_lower, const catalog::ConsulSettings& settings, Random& random,
                    Picks& picks);

/// The answer for one instance. The SRV target is for `node` the node's name, for `address` an `.addr` name, for `name` the name itself.
struct Target {
    enum class Kind : std::uint8_t { none, node, address, name } kind = Kind::none;
    const catalog::HostText* host = nullptr;
};
/// `wan`: the instance's addresses are translated (see ZoneReply::is_translated). `owner`: a service whose address is this name gets its
/// node's address.
Target target_of(const catalog::Instance& instance, std::uint16_t type, const wire::Name& owner, bool wan);
/// The node's address for a query of this type.
const catalog::HostText& node_address(const catalog::NodeRecord& node, std::uint16_t type, bool wan);
/// As registered: up to 32 bits, of which an SRV record holds the lower 16.
std::uint32_t srv_port(const catalog::Instance& instance, bool wan);

/// The answer to a query for a service.
Outcome answer_service(ZoneReply& reply, const ZoneName& name);

/// For the target of an alias: addresses of the service's instances as records of `owner`.
Outcome add_service(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into);

}  // namespace lictor::zone
