// A node's metadata as TXT records (RFC 1464), as the agent writes them.
#pragma once

#include "resolver/zone/reply.hpp"

namespace lictor::zone {

/// Writes one record for each key, until the section is full.
void put_metadata(ZoneReply& reply, ZoneReply::Section section, const wire::Name& owner, std::uint32_t ttl,
                  const catalog::NodeRecord& node);

}  // namespace lictor::zone
