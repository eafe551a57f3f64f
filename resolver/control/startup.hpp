// The part of the start that needs the rights lictor was started with: sockets, files, the log; then lictor becomes an ordinary user.
#pragma once

#include <memory>
#include <string>

#include "conf/metrics/metrics_fwd.hpp"
#include "conf/parse/parse.hpp"
#include "resolver/control/listen_endpoints.hpp"
#include "resolver/endpoint/server.hpp"
#include "resolver/net/dnstap.hpp"
#include "resolver/net/packet_dump.hpp"
#include "watch/http/kept_files.hpp"

namespace lictor::control {

/// Opened at the start, used until the end.
struct Startup {
    ListenEndpoints endpoints;
    std::unique_ptr<endpoint::StatsServer> stats;  ///< null: off, or it cannot be bound
    std::shared_ptr<net::PacketDump> dump;         ///< null: no dumpfile
    std::shared_ptr<net::Dnstap> tap;              ///< null: no dnstap
    http::KeptFiles files;                         ///< token and TLS files that the user cannot read
    std::string pid_file;                          ///< the file that was written; empty: none
};

/// A log facility for options that name none: syslog in the background, where there is no stdout, and stderr with no-daemon.
void choose_log_facility(conf::Options& options);

/// Fills `startup`, opens the log, drops the rights, logs what was started. Before any thread. Gives 0, or the exit code (1 configuration,
/// 2 network, 3 file, 5 rights) after it has logged the error; `startup` may be filled in part then. A stats endpoint that cannot be bound
/// is a warning.
int start_up(const conf::Parsed& parsed, metrics::ControlCounters& counters, Startup& startup);

}  // namespace lictor::control
