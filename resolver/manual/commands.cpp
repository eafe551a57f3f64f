// The table of sub-commands.
#include "resolver/manual/commands.hpp"

#include <algorithm>
#include <iterator>

namespace lictor::manual {
namespace {

using Value = CommandOption::Value;

constexpr CommandOption every_live[] = {
    {Value::none, "--json", {}, "prints the reply as JSON"},
    {Value::needed, "--stats-address", "ADDRESS", "asks the lictor with this stats endpoint: host:port or unix:///path"},
    {Value::none, "--help", {}, "prints the text of this command"},
};
constexpr CommandOption stats_options[] = {{Value::optional, "--watch", "SECONDS", "shows the statistics again at each interval (1 s)"}};
constexpr CommandOption wait_options[] = {
    {Value::none, "--ready", {}, "waits until `lictor ready` would succeed"},
    {Value::needed, "--leader", "SCOPE", "waits until this scope has a leader; may be given several times"},
    {Value::needed, "--timeout", "SECONDS", "gives up after this time (60 s); 0 looks once"},
};
constexpr CommandOption init_options[] = {
    {Value::none, "--supervised", {}, "COMMAND starts lictor itself, as supervisor does: only resolv.conf is changed and restored"}};
constexpr CommandOption import_options[] = {{Value::none, "--json", {}, "prints the result as JSON"}};

constexpr Command table[] = {
    {.word = "stats",
     .arguments = "[--watch[=SECONDS]]",
     .options = stats_options,
     .help = "counters, state, leaders, upstreams",
     .details =
         "With --watch the statistics are shown again at each interval (1 s). On a terminal they are redrawn in place, and q or Ctrl-C\n"
         "ends the view; elsewhere one block of lines is printed at each interval.\n"},
    {.word = "explain",
     .arguments = "NAME [TYPE]",
     .least = 1,
     .most = 2,
     .names = Names::domain,
     .help = "how NAME would be answered now, from which data, by which line",
     .details =
         "Shows the decision that a query from this machine would get now (type A unless TYPE is given): the records, the rules with\n"
         "file and line, the leader, the instances that are left out and why, the cache of each worker, and the upstreams that would\n"
         "be asked. Nothing is sent, cached, counted or watched because of it.\n"},
    {.word = "leaders",
     .arguments = "[SCOPE]",
     .most = 1,
     .names = Names::scope,
     .help = "the leader of each scope, since when, or why there is none",
     .details = "SCOPE: a Patroni scope, a lock, or a service. Exit code 1 if it is not known.\n"},
    {.word = "failovers", .help = "the phases of each change of leader, with times"},
    {.word = "services",
     .arguments = "[NAME]",
     .most = 1,
     .names = Names::service,
     .help = "the watches on Consul and the instances known",
     .details = "Exit code 1 if no service of this name is known: it was not asked for yet, or its watch has ended.\n"},
    {.word = "shadow", .help = "differences between our answers and another server's"},
    {.word = "health", .help = "exit code 0 if every worker's loop runs"},
    {.word = "ready", .help = "exit code 0 once Consul was read and an upstream answered"},
    {.word = "wait",
     .arguments = "[--ready] [--leader SCOPE] [--timeout SECONDS]",
     .options = wait_options,
     .help = "waits until lictor is ready, or until SCOPE has a leader",
     .details =
         "For start scripts. Without --leader it waits until `lictor ready` would succeed; --leader may be given several times, and with\n"
         "--ready both must hold. --timeout: 60 s; 0 looks once. What is missing is printed on standard error when it changes.\n"
         "Exit codes: 0 done, 1 not in time, 2 nothing answered at stats-address in that time.\n"},
    {.word = "flush",
     .arguments = "[NAME]",
     .most = 1,
     .names = Names::domain,
     .help = "removes cache entries: all, or at and below NAME",
     .details = "Forwarded answers only. What is known of Consul stays.\n"},
    {.word = "reload",
     .help = "reads the configuration and all files again, as HUP does",
     .details = "Prints the errors of the new configuration; then the configuration in force stays, and the exit code is 1.\n"},
    {.word = "doctor",
     .help = "what is wrong on this node, with remedies",
     .details =
         "Looks at resolv.conf, port 53, the running lictor (if there is one), the upstreams, Consul, the token, the scopes, the leaders,\n"
         "limits and clients. Give it the options of the service (--conf-file=…). As root it also finds who holds port 53.\n"
         "Exit codes: 0 nothing or hints only, 1 a warning, 2 an error.\n"},
    {.word = "import",
     .arguments = "FILE…",
     .least = 1,
     .most = static_cast<std::size_t>(-1),
     .names = Names::file,
     .live = false,
     .options = import_options,
     .help = "what each line of dnsmasq's configuration would do in lictor",
     .details =
         "Needs no running lictor. With --json the result is a JSON object. Exit codes: 0 all lines are taken or ignored, 1 a line is "
         "refused,\n"
         "3 a file is missing.\n"},
    {.word = "init",
     .arguments = "[OPTION…] -- COMMAND…",
     .least = 1,
     .most = static_cast<std::size_t>(-1),
     .live = false,
     .options = init_options,
     .help = "runs COMMAND in a container, with lictor as its nameserver",
     .details = "For the ENTRYPOINT of an image; needs no shell. OPTION…: options of lictor; more may be in LICTOR_OPTIONS, separated by "
                "blanks, and\n"
                "in /etc/lictor.conf. It keeps the container engine's resolv.conf in /var/lib/lictor/resolv.conf (or /run/lictor/, or "
                "LICTOR_KEPT) "
                "as\n"
                "lictor's upstreams, starts lictor, makes it the only nameserver once it serves, and runs COMMAND. It passes signals on to "
                "COMMAND,\n"
                "reaps the processes that others leave, and starts lictor again when it ends; until that serves, the engine's nameservers "
                "are back "
                "in\n"
                "resolv.conf. At the end of COMMAND it restores resolv.conf and stops lictor.\n"
                "Exit codes: COMMAND's, or 128 and the number of the signal that ended it; 127 there is no such program, 126 it cannot be "
                "executed;\n"
                "lictor's exit code if it does not start; 1 wrong words or files.\n"},
    {.word = "help",
     .arguments = "[COMMAND]",
     .most = 1,
     .names = Names::command,
     .live = false,
     .help = "all options, or the text of one command"},
    {.word = "version", .live = false, .help = "the version"},
};

}  // namespace

std::span<const Command> commands() { return table; }

const Command* find_command(std::string_view word) {
    const auto found = std::find_if(std::begin(table), std::end(table), [&](const Command& row) { return row.word == word; });
    return found == std::end(table) ? nullptr : found;
}

std::span<const CommandOption> live_options() { return every_live; }

}  // namespace lictor::manual
