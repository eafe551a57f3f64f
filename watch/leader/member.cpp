// Interprets the roles and states of Patroni's member records.
#include "watch/leader/member.hpp"

namespace lictor::leader {

bool has_no_role(const catalog::MemberRow& row) { return row.role.empty() && row.state.empty(); }

bool is_running_primary(const catalog::MemberRow& row) {
    return has_no_role(row) || ((row.role == "master" || row.role == "primary") && row.state == "running");
}

bool is_running_replica(const catalog::MemberRow& row) {
    return has_no_role(row) || (row.state == "running" && (row.role == "replica" || row.role == "standby_leader"));
}

bool is_stopping(const catalog::MemberRow& row) { return row.state.compare(0, 4, "stop") == 0; }

bool is_restarting(const catalog::MemberRow& row) { return row.state == "starting" || row.state == "restarting" || row.state == "crashed"; }

bool may_be_promoted(const catalog::MemberRow& row) { return (row.role == "replica" || row.role == "promoted") && row.state == "running"; }

std::string role_and_state(const catalog::MemberRow& row) { return has_no_role(row) ? "no role" : row.role + '/' + row.state; }

}  // namespace lictor::leader
