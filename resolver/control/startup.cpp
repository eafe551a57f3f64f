// Performs the steps of the start in the order in which rights are needed.
#include "resolver/control/startup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/confine/system_calls.hpp"
#include "resolver/confine/writable.hpp"
#include "resolver/lifecycle/listen_plan.hpp"
#include "resolver/process/confinement.hpp"
#include "resolver/process/daemonize.hpp"
#include "resolver/process/privileges.hpp"
#include "resolver/process/this_process.hpp"

namespace lictor::control {
namespace {

/// USR2 opens the log file again, as the user that lictor becomes; that user must own it. A device or a symbolic link is left alone.
void give_file(const std::string& path, unsigned owner) {
    const int fd = open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    struct stat file {};
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && fchown(fd, owner, static_cast<gid_t>(-1)) != 0)
        log::warning("the log file " + printable(path) + " cannot be given to the user that lictor becomes: " + std::strerror(errno) +
                     "; USR2 will not be able to open it again (in a container: --cap-add CHOWN)");
    close(fd);
}

/// Empty, or what is wrong with the stats endpoint.
std::string open_stats(const conf::Options& options, unsigned owner, metrics::ControlCounters& counters, Startup& startup) {
    if (options.stats_address.empty()) return {};
    auto opened = endpoint::StatsServer::open(options.stats_address, options.stats_host, counters);
    if (!opened) return "no stats endpoint: " + opened.error().text;
    startup.stats = std::move(*opened);
    if (startup.stats->address_absent())
        return "stats-address=" + options.stats_address +
               ": this machine has no such address; lictor listens there when it comes (correct a misspelt address)";
    const bool unix_socket = options.stats_address.starts_with("unix://");
    if (unix_socket && geteuid() == 0 && chown(options.stats_address.c_str() + 7, owner, static_cast<gid_t>(-1)) != 0)
        return "stats-address=" + options.stats_address +
               ": only root can connect: the socket cannot be given to the user that lictor becomes: " + std::strerror(errno) +
               "; grant CHOWN (in a container: --cap-add CHOWN)";
    return {};
}

/// Logs `text`; gives `code`.
int failed(const std::string& text, int code) {
    log::error(text);
    return code;
}

/// The last of what is given up. Without it lictor serves nevertheless.
void restrict_calls(const conf::Options& options) {
    const auto list = confine::calls_of_resolver(static_cast<std::uint32_t>(getpid()), confine::writes_files(options));
    if (const auto done = process::restrict_calls(list, options.seccomp); !done)
        log::warning("seccomp: no system call is refused: " + done.error().text);
}

void log_started(const conf::Parsed& parsed, const Startup& startup, const std::optional<process::Identity>& identity) {
    const auto& options = parsed.options;
    std::string where;
    for (const auto& endpoint : startup.endpoints.listening()) where += (where.empty() ? "" : ", ") + endpoint.text();
    // The first of these lines is dnsmasq's own: scripts wait for it.
    log::info(std::string("started, version ") + LICTOR_VERSION +
              (options.cache_size ? " cachesize " + std::to_string(options.cache_size) : std::string(" cache disabled")));
    if (options.port == 0) log::info("DNS is switched off (port=0)");
    else
        log::info((where.empty() ? "listening on no address yet" : "listening on " + where) +
                  (options.listen_address.empty() && options.interface.empty() && options.except_interface.empty()
                       ? " (loopback only, unless listen-address names others)"
                       : "") +
                  (startup.stats ? ", stats on " + startup.stats->address() : "") + (identity ? ", as user " + identity->user_name : ""));
    startup.endpoints.warn_of_missing(options);
    for (const auto& file : parsed.files)
        if (file != "-" && access(file.c_str(), R_OK) != 0)
            log::warning("HUP will not be able to read " + file + " as this user: " + std::strerror(errno));
}

}  // namespace

void choose_log_facility(conf::Options& options) {
    if (!options.log_facility.empty()) return;
    if (process::goes_to_background(options)) options.log_facility = "daemon";
    else if (options.no_daemon) options.log_facility = "-";
}

int start_up(const conf::Parsed& parsed, metrics::ControlCounters& counters, Startup& startup) {
    const auto& options = parsed.options;
    const auto configured = process::find_identity(options.no_daemon ? "" : options.user, options.no_daemon ? "" : options.group);
    if (!configured) return failed(configured.error().text, 1);
    const auto [identity, rights_problems] = process::find_attainable(*configured);
    if (options.strict && !rights_problems.empty()) return failed(rights_problems.front() + " (strict: this ends the start)", 5);
    const unsigned owner = identity ? identity->user : geteuid();
    if (const auto bound = startup.endpoints.bind(options, owner); !bound) return failed(bound.error().text, 2);
    const std::string stats_problem = open_stats(options, owner, counters, startup);
    if (!options.dumpfile.empty()) {
        auto dump = net::PacketDump::open(options.dumpfile, options.dumpmask);
        if (!dump) return failed(dump.error().text, 3);
        startup.dump = std::move(*dump);
    }
    if (!options.dnstap.empty()) startup.tap = std::make_shared<net::Dnstap>(options.dnstap, process::host_name());
    if (!options.pid_file.empty()) {
        if (const int error = process::write_pid_file(options.pid_file); error != 0)
            return failed("pid-file=" + options.pid_file + ": " + std::strerror(error) + "; choose a directory that can be written", 3);
        startup.pid_file = options.pid_file;
    }
    // Before the log's thread, which opens its file again later.
    const auto landlocked = options.landlock ? process::restrict_writing(confine::writable_places(options))
                                             : Result<std::vector<std::string>>(std::vector<std::string>{});
    const std::string log_problem = log::open(options.log_facility, options.log_debug, options.log_async,
                                              options.log_format == conf::LogFormat::json ? log::Format::json : log::Format::text);
    if (*configured) {
        const auto files = http::read_files(options);
        if (identity && options.log_facility.find('/') != std::string::npos) give_file(options.log_facility, owner);
        if (const auto done = process::become(identity, lifecycle::binds_later(options, startup.endpoints.listening())); !done) {
            log::error(done.error().text);
            log::close();
            return 5;
        }
        startup.files = http::keep_unreadable(files);
        for (const auto& [path, file] : *startup.files)
            log::info(printable(path, 1000) +
                      " can be read by root only: it was read at the start, and after a change it is read at the next start");
    }
    if (geteuid() != 0 && !*configured)
        if (const auto given_up = process::give_up_unneeded(); !given_up)
            log::warning("capabilities cannot be given up: " + given_up.error().text + "; allow capset (systemd: SystemCallFilter=capset)");
    process::allow_core_files(options.core_dumps);
    restrict_calls(options);
    if (!landlocked) log::info("landlock: no file is protected from writing: " + landlocked.error().text);
    else
        for (const auto& warning : *landlocked) log::warning("landlock: " + warning);
    for (const auto& problem : rights_problems) log::warning(problem);
    if (!log_problem.empty()) log::warning(log_problem);
    for (const auto& warning : parsed.warnings) log::warning(warning.line());
    if (!stats_problem.empty()) log::warning(stats_problem);
    log_started(parsed, startup, identity);
    return 0;
}

}  // namespace lictor::control
