// A question for a Consul domain and a Catalog → the answer that Consul's agent would give, the facts that are missing, or "ask the
// agent's DNS". Pure. Names, record types, flags, limits: Consul's DNS interface; the named improvements apply unless
// ConsulSettings::strict.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "resolver/core/leader_book.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog.hpp"

namespace lictor {

struct ZoneAnswer {
    std::size_t size = 0;    ///< bytes written, OPT included
    unsigned rcode = 0;
    bool leader = false;     ///< a leader name (held questions, counters)
    bool stale = false;
    bool truncated = false;
};
/// The facts are not there yet: the question rests until one of them moves, then is decided again from the top.
struct ZoneWait {
    Need need;
    bool leader_gap = false; ///< nobody leads: the hold's bounds apply (`leader-hold`), else the bound of a first read
};
/// HTTP cannot tell (prepared queries, connect, … , or the bound of watches is reached): the agent's DNS is asked.
struct ZoneDelegate {};
using ZoneVerdict = std::variant<ZoneAnswer, ZoneWait, ZoneDelegate>;

struct ZoneContext {
    const Catalog& catalog;
    Random& random;
    Moment at;
    std::size_t udp_max = 1232;   ///< edns-packet-max
    const LeaderBook* book = nullptr;  ///< serials, and where told leaders are noted; none: neither
    bool stated = false;               ///< the operator states something of this name: it exists, whatever Consul says
};

/// `question.lower` is at or below `domain` (one of the settings' domains), or below arpa for PTR from Consul (`domain` = primary one).
/// The reply is written into `buffer` (65535 bytes for TCP).
ZoneVerdict answer_zone(const Question& question, const Name& domain, const ZoneContext& context, std::span<std::uint8_t> buffer);

/// True if the name is a leader name of the catalog (`master.`/`primary.<service>.service.<domain>`): such names never go to the
/// agent's DNS. Gives the scope's service.
bool is_leader_name(const Question& question, const Name& domain, const Catalog& catalog, std::string* service = nullptr);

}  // namespace lictor
