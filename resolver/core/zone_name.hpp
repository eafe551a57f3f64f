// What does a name below a Consul domain ask for? Labels are scanned from the right for the first keyword (service, node, addr, …): what
// stands right of it says where (a datacenter), what stands left of it says what (Consul's DNS interface; RFC 2782 for `_svc._tag`).
// Knows the grammar only, no facts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "resolver/wire/name.hpp"
#include "watch/catalog.hpp"

namespace lictor {

enum class ZoneKind : std::uint8_t {
    nothing,  ///< no form of Consul's: NXDOMAIN
    inner,    ///< names exist below it, but it is none itself (RFC 8020): the domain, a bare keyword, a datacenter
    service,  ///< `[tag.]service.service`, `_service._tag[.service]`
    node,
    address,    ///< `<hex>.addr`
    lock,       ///< `<name>.leader`: `service` is both labels
    spelled,    ///< a node's name in bytes that no registered name equals (see zone_name.cpp)
    nameless,   ///< a service without a name (`_._tcp`): Consul refuses the look-up
    elsewhere,  ///< a form that only the agent can answer
};

/// A parsed name. The views look into the object itself, which therefore stays where it is.
class ZoneName {
public:
    ZoneName() = default;
    ZoneName(const ZoneName&) = delete;
    ZoneName& operator=(const ZoneName&) = delete;

    /// `lower` is at or below `domain`; both lower case. `srv`: the question is for SRV, which makes the label `service` optional.
    /// Of a question the agent has the letters escaped, of a name in Consul's data as they are `registered`: there `text`, if it is given,
    /// is what the operator wrote, whose escapes the agent takes for letters (`back\slash` is a tag of that name, not `backslash`).
    enum class Letters : std::uint8_t { asked, registered };
    void parse(const Name& lower, const Name& domain, bool srv, const ConsulSettings& settings, Letters letters = Letters::asked, std::string_view text = {});

    ZoneKind kind = ZoneKind::nothing;
    std::string_view service, tag;  ///< tag empty: any
    std::string_view node;          ///< for `node`; for `address` the hex digits, with the room that presentation form takes in `spelled_size`
    std::size_t spelled_size = 0;
    std::string_view datacenter;    ///< as asked for; empty = the agent's own, which is never named here

private:
    std::string_view label(std::size_t index) const { return labels(index, index + 1); }
    std::string_view labels(std::size_t first, std::size_t end) const;
    bool take(Bytes below, Letters letters);
    bool take(std::string_view text, std::size_t labels);
    void parse_service(std::size_t parts);
    bool parse_locality(std::size_t first, const ConsulSettings& settings);
    void parse_inner(bool keyword, std::size_t first, const ConsulSettings& settings);

    std::array<char, 256> text_;            // labels with a dot in front of each
    std::array<std::uint8_t, 128> starts_;  // offset of each label's dot, and of the end
    std::size_t count_ = 0;
};

}  // namespace lictor
