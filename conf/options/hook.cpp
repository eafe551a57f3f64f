// The options about programs that run when a leader changes. Each row has the texts of an option, and the functions that parse and print
// its value.
#include "conf/options/hook.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr Row rows[] = {
    {.name = "leader-exec",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .reload = Reload::restart,
     .argument = "<path>",
     .help = "program to run when a leader changes",
     .reference = "Program (absolute path, no arguments) that lictor runs when the answer for a leader has changed to another leader, and "
                  "once when the first leader is known. Several programs run one after the other. The environment contains `LICTOR_SCOPE`, "
                  "`LICTOR_SERVICE`, `LICTOR_OLD_NAME`, `LICTOR_OLD_ADDRESS`, `LICTOR_OLD_PORT`, `LICTOR_NEW_NAME`, `LICTOR_NEW_ADDRESS`, "
                  "`LICTOR_NEW_PORT`, `LICTOR_REASON`, `LICTOR_TIMELINE`, `LICTOR_SERIAL`, `LICTOR_SKIPPED_ADDRESSES`. The old values are "
                  "empty for the first leader. The program runs as lictor's user and is started by a separate process, one run at a time. "
                  "Changes during a run are merged into one further run. Its output goes to the log.",
     .default_text = "none",
     .sample = "/usr/local/lib/lictor/pgbouncer-reconnect",
     .field = names<&HookOptions::leader_exec, parse_absolute_path>},
    {.name = "leader-exec-timeout",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "<seconds>",
     .help = "seconds that a program of leader-exec may run",
     .reference = "If a program of `leader-exec` runs longer, TERM is sent to all processes of its group, and KILL two seconds later.",
     .default_text = "10",
     .sample = "10",
     .field = number<&HookOptions::leader_exec_timeout, 1, 3600>},
    {.name = "leader-exec-net-admin",
     .times = Times::repeatable,
     .own = true,
     .reload = Reload::restart,
     .help = "give CAP_NET_ADMIN to programs of leader-exec",
     .reference = "Gives programs of `leader-exec` the capability CAP_NET_ADMIN, which is needed to close connections (`ss -K`). lictor "
                  "itself drops this capability like all others. Without this option the programs have no capability.",
     .default_text = "off",
     .field = flag<&HookOptions::leader_exec_net_admin>},
};
static_assert(every_field_has_a_row<HookOptions>(rows));

}  // namespace

const RowGroup hook_group{"Hooks", rows};

}  // namespace lictor::conf
