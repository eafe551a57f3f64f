// The answers for services: addresses, aliases, SRV with what they need beside them, cut as the agent does under strict.
#pragma once

#include "resolver/core/zone_target.hpp"

namespace lictor {

/// The facts of a service. `answered`: they are there, and `entry` is set.
Outcome find_service(ZoneReply& reply, std::string_view service, std::string_view datacenter, const ServiceEntry*& entry);

/// The question's own answer.
Outcome answer_service(ZoneReply& reply, const ZoneName& name);

/// Addresses of the service's instances as records of `owner`: behind an alias.
Outcome add_service(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into);

/// The apex: SOA or NS questions for any name in the zone (the agent's servers are its name servers).
Outcome answer_apex(ZoneReply& reply);

/// True if addresses for that datacenter are translated.
bool is_translated(const ZoneReply& reply, std::string_view datacenter);

}  // namespace lictor
