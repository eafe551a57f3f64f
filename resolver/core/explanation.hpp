// How would a query be answered now, and why? The result of Resolver::explain. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/answer/witness.hpp"
#include "resolver/view/view.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::core {

/// The hold of a query that cannot be answered now.
struct HoldSeen {
    catalog::Need need;       ///< the fact that it waits for
    bool leader_gap = false;  ///< there is no leader to answer
    microseconds bound{0};    ///< how long it is held at most
    bool then_agent = false;  ///< then the agent's DNS is asked; else SERVFAIL is sent
    answer::Cause cause{};    ///< of that SERVFAIL
    std::string text;         ///< and its text
};

/// Owns all that it refers to. To be destroyed on the control thread, like a View.
struct Explanation {
    std::shared_ptr<const view::View> view;  ///< the View that was decided with; `seen` points into it
    wire::Name name;                         ///< lower case
    std::uint16_t type = 0;
    Moment at{};

    answer::Answer::Kind kind = answer::Answer::Kind::drop;
    answer::Source source = answer::Source::error;  ///< of `answered`
    bool truncated = false;
    std::vector<std::uint8_t> message;  ///< of `answered`, without OPT
    unsigned rcode = 0;                 ///< all 12 bits
    answer::Cause cause{};
    std::optional<std::uint16_t> extended_error;
    std::string text;  ///< EXTRA-TEXT of the cause
    std::optional<HoldSeen> hold;
    answer::Witness seen;
};

}  // namespace lictor::core
