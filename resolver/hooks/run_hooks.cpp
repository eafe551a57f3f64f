// The runner has one thread: it receives a request, runs the programs one after another, sends their output, and ends those that exceed the
// time limit. It waits with poll(2) and uses neither lictor's loops nor its log.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "resolver/hooks/run_hooks.hpp"

extern char** environ;  // NOLINT: POSIX

namespace lictor::hooks {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Between TERM and KILL for a program that takes too long.
constexpr milliseconds kill_after{2000};
/// How long children of a program that has ended may keep its output open.
constexpr milliseconds output_after_end{200};
constexpr milliseconds reap_every{20};

/// Variables with lictor's own secrets; programs do not inherit them.
constexpr std::string_view secrets[] = {"CONSUL_HTTP_TOKEN=", "CONSUL_HTTP_AUTH="};

struct Packet {
    HookMessage kind;
    std::string_view bytes;
};

bool send_packet(int socket, const Packet& packet, int flags) {
    std::string whole(1, static_cast<char>(packet.kind));
    whole += packet.bytes;
    for (;;) {
        if (send(socket, whole.data(), whole.size(), flags | MSG_NOSIGNAL) >= 0) return true;
        if (errno != EINTR) return false;
    }
}

/// Splits a program's output into lines and sends them.
class Output {
public:
    explicit Output(int socket) : socket_(socket) {}
    void take(std::string_view bytes) {
        for (const char c : bytes) {
            if (c == '\n') end_line();
            else if (line_.size() < hook_line_max) line_ += c;
        }
    }
    void end_line() {
        if (line_.empty()) return;
        // MSG_DONTWAIT: if lictor does not read, the program must not stop.
        if (lines_++ >= hook_lines_max || !send_packet(socket_, {HookMessage::line, line_}, MSG_DONTWAIT)) ++lost_;
        line_.clear();
    }
    std::uint32_t lost() const { return lost_; }

private:
    int socket_;
    std::string line_;
    std::size_t lines_ = 0;
    std::uint32_t lost_ = 0;
};

std::vector<std::string> environment_of(std::string_view request) {
    std::vector<std::string> all;
    for (char** at = environ; at && *at; ++at) {
        const std::string_view pair = *at;
        if (pair.starts_with("LICTOR_") ||
            std::any_of(std::begin(secrets), std::end(secrets), [&](auto secret) { return pair.starts_with(secret); }))
            continue;
        all.emplace_back(pair);
    }
    while (!request.empty()) {
        const auto end = request.find('\0');
        all.emplace_back(request.substr(0, end));
        if (end == std::string_view::npos) break;
        request.remove_prefix(end + 1);
    }
    return all;
}

[[noreturn]] void become_program(const std::string& program, std::vector<std::string>& environment, int output) {
    setsid();  // a process group: at the time limit all of it is killed
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE}) signal(number, SIG_DFL);
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (nothing > STDERR_FILENO) close(nothing);
    if (output > STDERR_FILENO) close(output);
    if (chdir("/") != 0) _exit(126);
    std::vector<char*> variables;
    for (auto& pair : environment) variables.push_back(pair.data());
    variables.push_back(nullptr);
    std::string path = program;
    char* const words[] = {path.data(), nullptr};
    execve(path.c_str(), words, variables.data());
    dprintf(STDERR_FILENO, "cannot be run: %s\n", std::strerror(errno));
    _exit(127);
}

/// One program from start to end.
class Child {
public:
    Child(int socket, const HookSetup& setup)
        : socket_(socket), output_(socket), limit_(Clock::now() + std::chrono::seconds(setup.timeout_seconds)) {}

    HookEnd run(const std::string& program, std::vector<std::string>& environment) {
        int pipe[2];
        if (pipe2(pipe, O_CLOEXEC) != 0) return failed();
        child_ = fork();
        if (child_ == 0) become_program(program, environment, pipe[1]);
        close(pipe[1]);
        if (child_ < 0) {
            close(pipe[0]);
            return failed();
        }
        reading_ = pipe[0];
        fcntl(reading_, F_SETFL, O_NONBLOCK);
        watch();
        if (reading_ >= 0) close(reading_);
        output_.end_line();
        end_.took_ms = static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(Clock::now() - begun_).count());
        end_.lines_lost = output_.lost();
        return end_;
    }
    bool parent_gone() const { return parent_gone_; }

private:
    HookEnd failed() {
        end_.how = HookEnd::How::not_started;
        end_.code = errno;
        return end_;
    }

    void watch() {
        std::optional<Clock::time_point> ended, killed;
        while (true) {
            const auto now = Clock::now();
            if (!ended && reap()) ended = now;
            if (ended && (reading_ < 0 || now >= *ended + output_after_end)) return;
            if (!ended && now >= limit_ && !killed) {
                timed_out_ = true;
                kill(-child_, SIGTERM);
                killed = now + kill_after;
            }
            if (!ended && killed && now >= *killed) {
                kill(-child_, SIGKILL);
                killed = now + kill_after;
            }
            pollfd fds[2] = {{reading_, POLLIN, 0}, {parent_gone_ ? -1 : socket_, 0, 0}};
            poll(fds, 2, static_cast<int>(reap_every.count()));
            if (fds[0].revents) read_some();
            if (fds[1].revents & (POLLHUP | POLLERR)) {
                parent_gone_ = true;  // lictor has ended: end the program, too
                limit_ = now;
            }
        }
    }

    void read_some() {
        char bytes[4096];
        const ssize_t got = read(reading_, bytes, sizeof bytes);
        if (got > 0) return output_.take({bytes, static_cast<std::size_t>(got)});
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        close(std::exchange(reading_, -1));
    }

    bool reap() {
        int status = 0;
        if (waitpid(child_, &status, WNOHANG) != child_) return false;
        end_.how = timed_out_ ? HookEnd::How::timed_out : WIFSIGNALED(status) ? HookEnd::How::killed : HookEnd::How::exited;
        end_.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        return true;
    }

    int socket_;
    Output output_;
    Clock::time_point begun_ = Clock::now(), limit_;
    HookEnd end_;
    pid_t child_ = -1;
    int reading_ = -1;
    bool timed_out_ = false, parent_gone_ = false;
};

}  // namespace

void run_hooks(int socket, const HookSetup& setup) {
    // The runner ends when lictor closes the socket; signals to lictor's process group are ignored.
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE}) signal(number, SIG_IGN);
    std::string request(hook_packet_max, '\0');
    for (;;) {
        const ssize_t got = recv(socket, request.data(), request.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return;
        auto environment = environment_of(std::string_view(request).substr(0, static_cast<std::size_t>(got)));
        for (std::size_t i = 0; i < setup.programs.size(); ++i) {
            Child child(socket, setup);
            HookEnd end = child.run(setup.programs[i], environment);
            end.program = static_cast<std::uint32_t>(i);
            if (child.parent_gone()) return;
            send_packet(socket, {HookMessage::ended, {reinterpret_cast<const char*>(&end), sizeof end}}, 0);
        }
        send_packet(socket, {HookMessage::done, {}}, 0);
    }
}

}  // namespace lictor::hooks
