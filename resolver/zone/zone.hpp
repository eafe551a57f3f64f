// How is a query for a Consul domain answered from a Catalog? The result is the answer that Consul's agent would send (names, record
// types, flags and limits of its DNS interface), or the fact that is missing, or nothing: then the agent's DNS is asked.
// watch/catalog/agent_behaviour.hpp lists where lictor's answers differ from the agent's.
//
// The files of this folder, each including only those before it: near_list, reply, name, metadata, target, cut, service, node, leader,
// replica, zone, alias_zone. One exception: target.hpp's add_target is defined in zone.cpp, because an alias into Consul leads to any kind
// of name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/view/leader_runtime.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::zone {

/// The inputs of one answer besides the query. Holds references: the caller keeps them alive during `answer_zone`.
struct ZoneContext {
    const catalog::Catalog& catalog;
    Random& random;
    Moment at;
    std::uint32_t udp_max = 1232;                  ///< edns-packet-max
    const view::LeaderRuntime* runtime = nullptr;  ///< serials and counters of leaders; null: none
    bool has_local_data = false;                   ///< local data has the name: the answer is NODATA instead of NXDOMAIN
};

/// `question.lower` is at or below `domain`, one of the settings' domains; or below arpa, where Consul answers PTR, and `domain` is the
/// primary one. The reply is written into `buffer` (at least 512 bytes; 65535 for TCP) and not concluded. Nothing: the agent's DNS is
/// asked, because the HTTP API does not have the answer (prepared queries, connect …) or consul-watch-max is reached. May be called by any
/// thread.
std::optional<answer::Answer> answer_zone(const wire::Question& question, const wire::Name& domain, const ZoneContext& context,
                                          std::span<std::uint8_t> buffer);

/// True if the name is a leader name of the catalog (`master.` or `primary.<service>.service.<domain>`, `<lock>.leader.<domain>`). Such
/// names never go to the agent's DNS. `service`, if not null, is set to the scope's service.
bool is_leader_name(const wire::Question& question, const wire::Name& domain, const catalog::Catalog& catalog,
                    std::string* service = nullptr);

}  // namespace lictor::zone
