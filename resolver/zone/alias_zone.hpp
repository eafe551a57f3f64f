// How is the SOA of a domain of aliases answered (`leader-soa`)? PgBouncer asks for it each dns_zone_check_period, and resolves its hosts
// again if the serial has risen. Pure.
#pragma once

#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/answer/witness.hpp"
#include "resolver/view/view.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::zone {

/// The answer to a query for the SOA of such a domain, not concluded: TTL 0, the serial of view::SoaZone, all else as in the SOA of
/// Consul's domain. Nothing for other names, types and classes. `buffer`: as in answer_zone. May be called by any thread.
std::optional<answer::Answer> answer_alias_zone(const wire::Question& question, const view::View& view, Moment at,
                                                std::span<std::uint8_t> buffer, std::uint32_t udp_max, answer::Witness* witness);

}  // namespace lictor::zone
