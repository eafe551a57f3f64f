// Starts the runner, and implements the control thread's side of its messages. Nothing blocks.
#include "resolver/hooks/runner.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/options.hpp"
#include "resolver/process/privileges.hpp"

namespace lictor::hooks {

Result<std::unique_ptr<HookProcess>> HookProcess::start(const conf::Options& options) {
    if (options.leader_exec.empty()) return std::unique_ptr<HookProcess>();
    auto process = std::make_unique<HookProcess>();
    process->setup_ = {options.leader_exec, static_cast<unsigned>(options.leader_exec_timeout.count())};
    auto helper = HelperProcess::start(options,
                                       {.option = "leader-exec",
                                        .name = "lictor-hooks",
                                        .become =
                                            [&](const process::Attainable& attainable) {
                                                const auto became =
                                                    process::become_for_hooks(attainable.identity, options.leader_exec_net_admin);
                                                return became ? std::string() : became.error().text;
                                            },
                                        .serve = [&](int socket) { run_hooks(socket, process->setup_); }},
                                       false);
    if (!helper) return helper.error();
    process->process_ = *std::move(helper);
    return process;
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
