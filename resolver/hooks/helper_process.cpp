// Forks. A pipe reports that the process has become its user, with the warning as its text.
#include "resolver/hooks/helper_process.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "conf/options/options.hpp"
#include "resolver/process/confinement.hpp"
#include "resolver/process/daemonize.hpp"

namespace lictor::hooks {
namespace {

/// At the end of lictor: a hook runner sends a running program TERM, and KILL two seconds later; lictor does not wait for that.
constexpr int end_polls = 60, end_poll_us = 10'000;

/// Closes all descriptors above standard error but these: the sockets of helpers that were forked before, and the pipe of a start in the
/// background.
void close_all_but(unsigned one, unsigned other) {
    const auto [low, high] = std::minmax(one, other);
    if (low > STDERR_FILENO + 1) close_range(STDERR_FILENO + 1, low - 1, 0);
    if (high > low + 1) close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0u, 0);
}

}  // namespace

Result<std::unique_ptr<HelperProcess>> HelperProcess::start(const conf::Options& options, const Work& work, bool may_stay_root) {
    const auto failed = [&](const char* what) {
        return Error{std::string(work.option) + ": the process " + work.name + " cannot be started: " + what + ": " + std::strerror(errno)};
    };
    const auto identity = process::find_identity(options.no_daemon ? "" : options.user, options.no_daemon ? "" : options.group);
    if (!identity) return identity.error();
    const auto attainable = process::find_attainable(*identity);
    if (*identity && !attainable.identity && !may_stay_root)
        return Error{std::string(work.option) + ": programs would run as root: " + attainable.warnings.front()};
    int ends[2], report[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
    std::unique_ptr<HelperProcess> process(new HelperProcess);
    process->socket_ = ends[0];
    if (pipe(report) != 0) {
        close(ends[1]);
        return failed("pipe");
    }
    process->pid_ = fork();
    if (process->pid_ == 0) {
        close_all_but(static_cast<unsigned>(ends[1]), static_cast<unsigned>(report[1]));
        prctl(PR_SET_NAME, work.name, 0, 0, 0);
        const std::string warning = work.become(attainable);
        process::allow_core_files(options.core_dumps);
        const bool reported = write(report[1], warning.data(), warning.size()) >= 0;
        close(report[1]);
        if (process::goes_to_background(options)) process::detach_from_terminal(process::Stderr::close);
        if (reported) work.serve(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    close(report[1]);
    const int code = errno;
    char bytes[512];
    for (ssize_t got = 0; process->pid_ > 0 && (got = read(report[0], bytes, sizeof bytes)) != 0;) {
        if (got > 0) process->warning_.append(bytes, static_cast<std::size_t>(got));
        else if (errno != EINTR) break;
    }
    close(report[0]);
    errno = code;
    if (process->pid_ < 0) return failed("fork");
    return process;
}

HelperProcess::~HelperProcess() {
    if (socket_ >= 0) close(socket_);
    if (pid_ <= 0) return;
    for (int i = 0; i < end_polls; ++i) {
        if (waitpid(pid_, nullptr, WNOHANG) != 0) return;
        usleep(end_poll_us);
    }
}

}  // namespace lictor::hooks
