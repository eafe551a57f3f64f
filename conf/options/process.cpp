// The options of the process: user, files and threads. Each row has the texts of an option, and the functions that parse and print its
// value.
#include "conf/options/process.hpp"

#include "conf/budget/limit.hpp"
#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr std::string_view seccomp_words[] = {"on", "off", "kill"};  // in the order of Seccomp

Fault set_seccomp(ProcessOptions& options, const Setting& setting) {
    const auto text = without_markers(setting.value);
    for (std::size_t i = 0; i < std::size(seccomp_words); ++i) {
        if (text != seccomp_words[i]) continue;
        options.seccomp = static_cast<Seccomp>(i);
        return std::nullopt;
    }
    return '\'' + printable(text, 60) + "' is none of on, off and kill";
}

Texts get_seccomp(const ProcessOptions& options) {
    return options.seccomp == Seccomp::on ? Texts{} : Texts{std::string(seccomp_words[static_cast<std::size_t>(options.seccomp)])};
}

Texts get_landlock(const ProcessOptions& options) { return options.landlock ? Texts{} : Texts{"off"}; }

/// A number of bytes with an optional suffix.
Fault set_bytes(ProcessOptions& options, const Setting& setting) {
    const std::string text = without_markers(setting.value);
    constexpr std::string_view suffixes = "KMG";
    const auto at = text.empty() ? suffixes.npos : suffixes.find(text.back() >= 'a' ? static_cast<char>(text.back() - 32) : text.back());
    const unsigned shift = at == suffixes.npos ? 0 : 10 * (static_cast<unsigned>(at) + 1);
    const auto number = parse_number(std::string_view(text).substr(0, text.size() - (shift ? 1 : 0)), budget::bytes_max >> shift);
    if (!number || (*number << shift) < budget::bytes_min)
        return '\'' + printable(text, 60) + "' is not a number of bytes from 4M to 1024G, such as 16M";
    options.memory_max = *number << shift;
    return std::nullopt;
}

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
    {.name = "memory-max",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "<bytes>",
     .help = "memory for clients, caches and Consul's data, such as 16M",
     .reference =
         "Bytes that clients, caches and Consul's data may take together, from 4M to 1024G; the suffixes K, M and G are powers of 1024. "
         "The "
         "program itself needs up to 6 MB beside it. If the bytes are used up, what is cheapest to lose stops first: replies of the stats "
         "endpoint at 50 % of the bytes, caching of further replies at 70 %, new queries to upstreams at 80 %, TCP connections at 85 %, "
         "queries held for a leader or for Consul at 90 %, unsent UDP replies at 95 %, reading of Consul's replies at 100 %. However much "
         "is "
         "used, each thread may have 64 kB of each of these, and 128 kB of queries to upstreams. Answers from "
         "Consul's data, local data and the cache need none of it. `lictor stats` and lictor_memory_bytes show the use; the log says when "
         "shedding begins and ends.",
     .default_text = "half of the cgroup's memory limit; without a limit 64M and what the caches may have",
     .sample = "64M",
     .field = field_with<&ProcessOptions::memory_max, set_bytes, get_number<&ProcessOptions::memory_max>>},
    {.name = "strict",
     .times = Times::repeatable,
     .own = true,
     .help = "turn security warnings into errors",
     .reference = "Turns warnings about security into errors: a wildcard listen address, a user or group that cannot be set, and "
                  "unsupported options of dnsmasq that protect something.",
     .default_text = "off",
     .field = flag<&ProcessOptions::strict>},
    {.name = "seccomp",
     .shape = Shape::value,
     .own = true,
     .variable = "LICTOR_SECCOMP",
     .reload = Reload::restart,
     .argument = "on|off|kill",
     .help = "refuse system calls that lictor does not need",
     .reference =
         "`on`: after the start the process can make only the system calls of a list (seccomp(2)). It can start no program, open no raw "
         "socket and change no user, namespace or mount; a call that is not in the list fails, and the kernel's audit log names it. "
         "`kill`: such a call ends the process; for tests. `off`: no list, for a library or a tracer that needs other calls. The process "
         "that runs the programs of `leader-exec` has no list, because the programs would inherit it.",
     .default_text = "on",
     .sample = "on",
     .field = field_with<&ProcessOptions::seccomp, set_seccomp, get_seccomp>},
    {.name = "landlock",
     .shape = Shape::optional,
     .own = true,
     .variable = "LICTOR_LANDLOCK",
     .reload = Reload::restart,
     .argument = "[=on|off]",
     .help = "write no files but those of the configuration",
     .reference =
         "`on`: after the start the process can write, make and remove files only where `log-facility`, `snapshot-file`, `pid-file` "
         "and a `unix://` address in `stats-address` are, in their folders with all below these; everything else is "
         "read-only (landlock(7), Linux 5.13 and later; without it lictor starts, and logs that). Reading is not restricted: a reload may "
         "name other files. A folder that is replaced by another one of the same name needs a restart. For a folder that is not there "
         "at the start the nearest one above it is writable, but never `/`, and the log warns.",
     .default_text = "on",
     .sample = "on",
     .field = field_with<&ProcessOptions::landlock, set_bool<&ProcessOptions::landlock>, get_landlock>},
    {.name = "core-dumps",
     .times = Times::repeatable,
     .own = true,
     .reload = Reload::restart,
     .help = "let the kernel write core files",
     .reference = "Lets the kernel write a core file if the process crashes, and other processes of the same user read its memory and "
                  "trace it. Both "
                  "contain Consul's token and the TLS key. Without this option only root can trace the process (PR_SET_DUMPABLE).",
     .default_text = "off",
     .field = flag<&ProcessOptions::core_dumps>},
};
static_assert(every_field_has_a_row<ProcessOptions>(rows));

}  // namespace

const RowGroup process_group{"Process", rows};

}  // namespace lictor::conf
