// Starts the runner, and implements the control thread's side of its messages. Nothing blocks.
#include "resolver/hooks/runner.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/options.hpp"
#include "resolver/process/daemonize.hpp"
#include "resolver/process/privileges.hpp"

namespace lictor::hooks {
namespace {

/// At the end of lictor: the runner sends a running program TERM, and KILL two seconds later; lictor does not wait for that.
constexpr int end_polls = 60, end_poll_us = 10'000;

}  // namespace

Result<std::unique_ptr<HookProcess>> HookProcess::start(const conf::Options& options) {
    if (options.leader_exec.empty()) return std::unique_ptr<HookProcess>();
    const auto failed = [](const char* what) {
        return Error{std::string("leader-exec: the process that runs hooks cannot be started: ") + what + ": " + std::strerror(errno)};
    };
    const auto identity = process::find_identity(options.no_daemon ? "" : options.user, options.no_daemon ? "" : options.group);
    if (!identity) return identity.error();
    const auto attainable = process::find_attainable(*identity);
    if (*identity && !attainable.identity) return Error{"leader-exec: programs would run as root: " + attainable.warnings.front()};
    int ends[2], report[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
    if (pipe(report) != 0) return failed("pipe");
    std::unique_ptr<HookProcess> process(new HookProcess);
    process->setup_ = {options.leader_exec, static_cast<unsigned>(options.leader_exec_timeout.count())};
    process->pid_ = fork();
    if (process->pid_ < 0) return failed("fork");
    if (process->pid_ == 0) {
        close(ends[0]);
        close(report[0]);
        prctl(PR_SET_NAME, "lictor-hooks", 0, 0, 0);
        const auto became = process::become_for_hooks(attainable.identity, options.leader_exec_net_admin);
        const std::string warning = became ? "" : became.error().text;
        const bool reported = write(report[1], warning.data(), warning.size()) >= 0;
        close(report[1]);
        if (process::goes_to_background(options)) process::detach_from_terminal(process::Stderr::close);
        if (reported) run_hooks(ends[1], process->setup_);
        _exit(0);
    }
    close(ends[1]);
    close(report[1]);
    process->socket_ = ends[0];
    char bytes[512];
    for (ssize_t got = 0; (got = read(report[0], bytes, sizeof bytes)) != 0;) {
        if (got > 0) process->warning_.append(bytes, static_cast<std::size_t>(got));
        else if (errno != EINTR) break;
    }
    close(report[0]);
    return process;
}

HookProcess::~HookProcess() {
    if (socket_ >= 0) close(socket_);
    if (pid_ <= 0) return;
    for (int i = 0; i < end_polls; ++i) {
        if (waitpid(pid_, nullptr, WNOHANG) != 0) return;
        usleep(end_poll_us);
    }
}

HookRunner::HookRunner(loop::Loop& loop, std::unique_ptr<HookProcess> process, metrics::ControlCounters& counters)
    : process_(std::move(process)), counters_(counters) {
    if (!process_->warning().empty()) log::warning(process_->warning());
    for (const auto& program : process_->setup().programs)
        if (access(program.c_str(), X_OK) != 0)
            log::warning("leader-exec=" + printable(program) + " cannot be run as this user: " + std::strerror(errno) +
                         "; correct the path or its mode");
    const auto watched = watch_.start(loop, process_->socket(), UV_READABLE, [this](int) { on_readable(); });
    if (!watched) {
        log::error("leader-exec: " + watched.error().text + "; no program will run");
        alive_ = false;
    }
}

void HookRunner::run_for(const failover::LeaderChange& change) {
    if (!alive_) return;
    if (queue_.push(change)) counters_.hook_merged.add();
    run_next();
}

void HookRunner::run_next() {
    const auto run = queue_.next();
    if (!run) return;
    std::string request;
    for (const auto& pair : failover::hook_environment(*run)) {
        request += pair;
        request += '\0';
    }
    counters_.hook_runs.add();
    // At most one request is under way, so the socket always has room for it.
    if (send(process_->socket(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) on_runner_gone();
}

void HookRunner::on_readable() {
    // A bounded number per turn: a program that writes a lot must not block the loop.
    for (int i = 0; i < 32; ++i) {
        char packet[hook_line_max + 64];
        const ssize_t got = recv(process_->socket(), packet, sizeof packet, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) return on_runner_gone();
        const std::string_view bytes(packet + 1, static_cast<std::size_t>(got) - 1);
        switch (static_cast<HookMessage>(packet[0])) {
            case HookMessage::line: log::info("leader-exec output: " + printable(bytes, hook_line_max)); break;
            case HookMessage::ended:
                if (HookEnd end; bytes.size() == sizeof end) {
                    std::memcpy(&end, bytes.data(), sizeof end);
                    on_end(end);
                }
                break;
            case HookMessage::done:
                queue_.done();
                run_next();
                break;
        }
    }
}

void HookRunner::on_end(const HookEnd& end) {
    const auto& programs = process_->setup().programs;
    const std::string name = "leader-exec=" + printable(end.program < programs.size() ? programs[end.program] : "?");
    const std::string after = " after " + std::to_string(end.took_ms) + " ms";
    if (end.lines_lost) {
        counters_.hook_lines_lost.add(end.lines_lost);
        log::warning(name + " wrote too much: " + std::to_string(end.lines_lost) + " lines lost");
    }
    if (end.how == HookEnd::How::exited && end.code == 0) return log::info(name + " succeeded" + after);
    counters_.hook_failures.add();
    switch (end.how) {
        case HookEnd::How::exited: return log::warning(name + " ended with exit code " + std::to_string(end.code) + after);
        case HookEnd::How::killed: return log::warning(name + " was killed by signal " + std::to_string(end.code) + after);
        case HookEnd::How::timed_out: return log::warning(name + " exceeded leader-exec-timeout and was killed" + after);
        case HookEnd::How::not_started: return log::warning(name + " could not be started: " + std::strerror(end.code));
    }
}

void HookRunner::on_runner_gone() {
    if (!alive_) return;
    alive_ = false;
    watch_.stop();
    counters_.hook_failures.add();
    log::error("leader-exec: the process that runs hooks has ended; no program runs until lictor is restarted");
}

}  // namespace lictor::hooks
