// The options of the process: user, files and threads. Each row has the texts of an option, and the functions that parse and print its
// value.
#include "conf/options/process.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr Row rows[] = {
    {.name = "user",
     .letter = 'u',
     .shape = Shape::bare_or,
     .reload = Reload::restart,
     .argument = "<name>",
     .help = "user to change to after the sockets are bound",
     .reference = "User to change to after the sockets are bound, if lictor is started as root: a name in /etc/passwd or a number. Empty "
                  "(`user=`): the user is not changed. A number, and `nobody`, need no entry in /etc/passwd; without one the group is "
                  "65534. If the process lacks the capability SETUID or SETGID, lictor logs a warning, changes what it can and gives up "
                  "all other capabilities; with `strict` it does not start.",
     .default_text = "nobody",
     .sample = "nobody",
     .field = field_with<&ProcessOptions::user, set_text<&ProcessOptions::user>, get_emptiable<&ProcessOptions::user>>},
    {.name = "group",
     .letter = 'g',
     .shape = Shape::bare_or,
     .reload = Reload::restart,
     .argument = "<name>",
     .help = "group to change to after the sockets are bound",
     .reference = "Group to change to after the sockets are bound: a name or a number. Empty: the user's own group.",
     .default_text = "empty (the user's own)",
     .sample = "nogroup",
     .field = text<&ProcessOptions::group>},
    {.name = "pid-file",
     .letter = 'x',
     .shape = Shape::bare_or,
     .reload = Reload::restart,
     .argument = "<path>",
     .help = "file for the process id",
     .reference = "File that the process id is written to. As dnsmasq does, lictor then goes to the background when it serves, unless "
                  "`keep-in-foreground` or `no-daemon` is given or a supervisor waits for readiness (NOTIFY_SOCKET). In the background the "
                  "log goes to syslog unless `log-facility` is given. Empty: no file is written, and lictor stays in the foreground.",
     .default_text = "empty (none)",
     .sample = "/run/lictor.pid",
     .field = text<&ProcessOptions::pid_file>},
    {.name = "keep-in-foreground",
     .letter = 'k',
     .times = Times::repeatable,
     .reload = Reload::restart,
     .help = "stay in the foreground although pid-file is given",
     .reference = "Stays in the foreground although a `pid-file` is given.",
     .default_text = "off",
     .field = flag<&ProcessOptions::keep_in_foreground>},
    {.name = "no-daemon",
     .letter = 'd',
     .times = Times::repeatable,
     .reload = Reload::restart,
     .help = "stay in the foreground, log to stderr, keep the user",
     .reference = "Stays in the foreground, logs to stderr and does not change the user.",
     .default_text = "off",
     .field = flag<&ProcessOptions::no_daemon>},
    {.name = "threads",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "<n>",
     .help = "worker threads",
     .reference =
         "Worker threads that answer queries. Each has its own sockets and cache. One is enough for most application nodes. "
         "Each needs five open files, and two for each listen address, beside thirteen for the process; with a lower limit of open files "
         "(`ulimit -n`) lictor does not start.",
     .default_text = "1",
     .sample = "1",
     .field = number<&ProcessOptions::threads, 1, 64>},
    {.name = "strict",
     .times = Times::repeatable,
     .own = true,
     .help = "turn security warnings into errors",
     .reference = "Turns warnings about security into errors: a wildcard listen address, a user or group that cannot be set, and "
                  "unsupported options of dnsmasq that protect something.",
     .default_text = "off",
     .field = flag<&ProcessOptions::strict>},
};
static_assert(every_field_has_a_row<ProcessOptions>(rows));

}  // namespace

const RowGroup process_group{"Process", rows};

}  // namespace lictor::conf
