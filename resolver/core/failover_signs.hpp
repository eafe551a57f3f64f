// When did the signs of a change show themselves in the catalog alone? For leaders that keep no times of their own (LeaderEntry::times):
// the state and reason of successive verdicts, what members say of themselves, and the tags of the service. Pure.
#pragma once

#include "watch/catalog.hpp"

namespace lictor {

class FailoverSigns {
public:
    /// A Catalog follows another; `leader` is the scope's verdict in it.
    void look(const Catalog& catalog, const LeaderEntry& leader, Now now);
    /// Of the change under way or the last one.
    const LeaderTimes& times() const { return times_; }

private:
    void begin();

    LeaderTimes times_;
    bool led_ = false, open_ = false;
    std::string member_;  ///< who was answered last
};

}  // namespace lictor
