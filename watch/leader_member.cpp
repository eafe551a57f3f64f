// Words of Patroni's member records.
#include "watch/leader_member.hpp"

namespace lictor {

bool tells_nothing(const MemberRow& row) { return row.role.empty() && row.state.empty(); }

bool is_running_primary(const MemberRow& row) {
    return tells_nothing(row) || ((row.role == "master" || row.role == "primary") && row.state == "running");
}

bool is_stopping(const MemberRow& row) { return row.state.compare(0, 4, "stop") == 0; }

bool comes_back(const MemberRow& row) { return row.state == "starting" || row.state == "restarting" || row.state == "crashed"; }

bool may_be_promoted(const MemberRow& row) { return (row.role == "replica" || row.role == "promoted") && row.state == "running"; }

}  // namespace lictor
