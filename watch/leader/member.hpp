// What does a member's record in KV mean, for every Patroni since 1.6? `master` (until 3.x) and `primary` (4.x) are one role; `promoted`
// (from 3.0) is a promotion under way; a stop by SIGTERM keeps the role, so the state counts as well; the oldest members write a bare URL
// without role and state. `creating replica` is a state of a member that copies its data. Pure.
#pragma once

#include <string>

#include "watch/catalog/catalog.hpp"

namespace lictor::leader {

/// The record of a version that wrote neither role nor state: only the lock shows its role.
bool has_no_role(const catalog::MemberRow& row);
/// A running primary; also a member without a role, which leads by its lock alone.
bool is_running_primary(const catalog::MemberRow& row);
/// A running replica or standby leader; also a member without a role.
bool is_running_replica(const catalog::MemberRow& row);
/// `stopping`, `stopped`, `stop failed`.
bool is_stopping(const catalog::MemberRow& row);
/// `starting`, `restarting`, `crashed`: Patroni restarts the holder of the lock instead of moving the lock.
bool is_restarting(const catalog::MemberRow& row);
/// Runs, and may have been promoted before its record was written.
bool may_be_promoted(const catalog::MemberRow& row);
/// The record in words: `role/state`, or `no role`.
std::string role_and_state(const catalog::MemberRow& row);

}  // namespace lictor::leader
