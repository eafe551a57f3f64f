// How is a query for a service answered? Consul's choice of instances and of their addresses, then addresses, aliases, or SRV records
// with ADDITIONAL.
#pragma once

#include "conf/base/random.hpp"
#include "resolver/zone/draw.hpp"
#include "resolver/zone/target.hpp"
#include "watch/catalog/instances.hpp"

namespace lictor::zone {

/// Instances, or addresses alone, in the order of an answer; owned by the Catalog.
using Picks = NearList<const catalog::Instance*, Draw::records_max>;
using AddressPicks = NearList<const Address*, Draw::records_max>;

/// Which instances of a service, and for which records.
struct Wanted {
    std::string_view tag = {};  ///< lower case; empty: any
    /// Nothing: the instances themselves, whatever their records.
    std::optional<catalog::RecordKind> kind = {};
    bool wan = false;      ///< the instances' addresses are translated (see ZoneReply::is_translated)
    std::size_t most = 0;  ///< records that the answer has room for
};
/// The result of a pick.
struct Picked {
    bool any = false;    ///< an instance has the tag and passes the health filter
    bool drawn = false;  ///< from a table of records: addresses are in the list of addresses
};
/// Adds to `picks` the instances that pass the health filter and have the tag, in random order; for SRV without repeated records. If the
/// service has a table of records, adds only what gives a record of the kind, without repetition and at most `most`; addresses to
/// `addresses`. The cost is then that of the picks.
Picked pick_instances(const catalog::ServiceEntry& entry, const Wanted& wanted, const catalog::ConsulSettings& settings, Random& random,
                      Picks& picks, AddressPicks& addresses);

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

/// The answer to a query for a service.
Outcome answer_service(ZoneReply& reply, const ZoneName& name);

/// For the target of an alias: addresses of the service's instances as records of `owner`.
Outcome add_service(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into);

}  // namespace lictor::zone
