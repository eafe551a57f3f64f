// Starting the runner, and the control thread's side of the conversation. Nothing here waits: a runner that does not take a request at
// once is asked again when it has answered.
#include "resolver/hook_runner.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "conf/log.hpp"
#include "resolver/background.hpp"
#include "resolver/privileges.hpp"

namespace lictor {
namespace {

/// At the end: the runner sends a program that still runs a TERM, and two seconds later a KILL.
constexpr int end_polls = 60, end_poll_us = 10'000;

}  // namespace

Result<std::unique_ptr<HookProcess>> HookProcess::start(const Options& options) {
    if (options.leader_exec.empty()) return std::unique_ptr<HookProcess>();
    const auto failed = [](const char* what) { return Error{std::string("leader-exec: the process that runs hooks cannot be started: ") + what + ": " + std::strerror(errno)}; };
    const auto identity = find_identity(options.no_daemon ? "" : options.user, options.no_daemon ? "" : options.group);
    if (!identity) return identity.error();
    int ends[2], told[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
    if (pipe(told) != 0) return failed("pipe");
    std::unique_ptr<HookProcess> process(new HookProcess);
    process->setup_ = {options.leader_exec, static_cast<unsigned>(options.leader_exec_timeout.count())};
    process->pid_ = fork();
    if (process->pid_ < 0) return failed("fork");
    if (process->pid_ == 0) {
        close(ends[0]);
        close(told[0]);
        prctl(PR_SET_NAME, "lictor-hooks", 0, 0, 0);
        const auto became = become_for_hooks(*identity, options.leader_exec_net_admin);
        const std::string trouble = became ? "" : became.error().text;
        const bool told_so = write(told[1], trouble.data(), trouble.size()) >= 0;
        close(told[1]);
        if (goes_to_background(options)) let_go_of_terminal(false);
        if (told_so) run_hooks(ends[1], process->setup_);
        _exit(0);
    }
    close(ends[1]);
    close(told[1]);
    process->socket_ = ends[0];
    char bytes[512];
    for (ssize_t got = 0; (got = read(told[0], bytes, sizeof bytes)) != 0;) {
        if (got > 0) process->trouble_.append(bytes, static_cast<std::size_t>(got));
        else if (errno != EINTR) break;
    }
    close(told[0]);
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

HookRunner::HookRunner(Loop& loop, std::unique_ptr<HookProcess> process, ControlCounters& counters) : process_(std::move(process)), counters_(counters) {
    if (!process_->trouble().empty()) log::warning(process_->trouble());
    for (const auto& program : process_->setup().programs)
        if (access(program.c_str(), X_OK) != 0)
            log::warning("leader-exec=" + log::printable(program) + " cannot be run as this user: " + std::strerror(errno) + "; correct the path or its mode");
    const auto watched = watch_.start(loop, process_->socket(), UV_READABLE, [this](int) { on_readable(); });
    if (!watched) {
        log::error("leader-exec: " + watched.error().text + "; no program will be run");
        alive_ = false;
    }
}

void HookRunner::tell(const LeaderNews& news) {
    if (!alive_) return;
    if (queue_.push(news)) counters_.hook_merged.add();
    run_next();
}

void HookRunner::run_next() {
    const auto run = queue_.next();
    if (!run) return;
    std::string request;
    for (const auto& pair : hook_environment(*run)) {
        request += pair;
        request += '\0';
    }
    counters_.hook_runs.add();
    // One request is on its way at most, so that the socket always has room for it.
    if (send(process_->socket(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) lost();
}

void HookRunner::on_readable() {
    // A few at a time: a program that writes a lot must not hold the loop.
    for (int i = 0; i < 32; ++i) {
        char packet[hook_line_max + 64];
        const ssize_t got = recv(process_->socket(), packet, sizeof packet, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) return lost();
        const std::string_view bytes(packet + 1, static_cast<std::size_t>(got) - 1);
        switch (static_cast<HookWord>(packet[0])) {
            case HookWord::line:
                log::info("leader-exec says: " + log::printable(bytes, hook_line_max));
                break;
            case HookWord::ended:
                if (HookEnd end; bytes.size() == sizeof end) {
                    std::memcpy(&end, bytes.data(), sizeof end);
                    on_end(end);
                }
                break;
            case HookWord::done:
                queue_.done();
                run_next();
                break;
        }
    }
}

void HookRunner::on_end(const HookEnd& end) {
    const auto& programs = process_->setup().programs;
    const std::string name = "leader-exec=" + log::printable(end.program < programs.size() ? programs[end.program] : "?");
    const std::string after = " after " + std::to_string(end.took_ms) + " ms";
    if (end.lines_lost) {
        counters_.hook_lines_lost.add(end.lines_lost);
        log::warning(name + " wrote more than is kept: " + std::to_string(end.lines_lost) + " lines lost");
    }
    if (end.how == HookEnd::How::exited && end.code == 0) return log::info(name + " done" + after);
    counters_.hook_failures.add();
    switch (end.how) {
        case HookEnd::How::exited: return log::warning(name + " ended with exit code " + std::to_string(end.code) + after);
        case HookEnd::How::killed: return log::warning(name + " was ended by signal " + std::to_string(end.code) + after);
        case HookEnd::How::timed_out: return log::warning(name + " took longer than leader-exec-timeout and was ended" + after);
        case HookEnd::How::not_started: return log::warning(name + " could not be started: " + std::strerror(end.code));
    }
}

void HookRunner::lost() {
    if (!alive_) return;
    alive_ = false;
    watch_.stop();
    counters_.hook_failures.add();
    log::error("leader-exec: the process that runs hooks has gone; no program is run until lictor starts again");
}

}  // namespace lictor
