// What does a member's record in KV mean, in the words of every Patroni since 1.6? `master` (until 3.x) and `primary` (4.x) are one role;
// `promoted` (3.0 on) is a promotion under way; a stop by SIGTERM keeps the role, so that the state is always looked at too; the oldest
// members write a bare URL without role and state.
#pragma once

#include "watch/catalog.hpp"

namespace lictor {

/// Members from before Patroni wrote roles and states: the lock is all there is to go by.
bool tells_nothing(const MemberRow& row);
/// Says that it is primary and that its PostgreSQL runs.
bool is_running_primary(const MemberRow& row);
/// `stopping`, `stopped`, `stop failed`.
bool is_stopping(const MemberRow& row);
/// States in which Patroni brings the holder of the lock back instead of moving the lock.
bool comes_back(const MemberRow& row);
/// Runs, and may be promoted already without having written so.
bool may_be_promoted(const MemberRow& row);

}  // namespace lictor
