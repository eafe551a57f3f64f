// The processes that `lictor init` starts: lictor and the command. Each is the leader of its own process group.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor::init {

/// What this process was started with. Both processes get it back, except that lictor gets /dev/null as its input.
struct Inherited {
    sigset_t mask{};
    struct sigaction pipe {
    }, ttin{}, ttou{};
};

/// Why a command cannot be run, and the exit code of a shell for it: 127 not found, 126 not executable.
struct CannotRun {
    int code = 0;
    std::string text;
};

/// Looks a command up, with the PATH of this process, and checks that it is an executable file.
std::optional<CannotRun> check_command(const std::string& word);

/// Starts the command, in the foreground of the terminal if standard input is one. `inherited`: what it gets. Gives its process id. An
/// error after `fork` is found through a pipe. Blocks until the program is running.
struct Started {
    pid_t process = -1;
    std::optional<CannotRun> failure;
};
Started start_command(const std::vector<std::string>& words, const Inherited& inherited);

/// Starts this program again with `arguments`. It reports readiness to `notify_socket` (sd_notify(3)). The error has errno's text.
Result<pid_t> start_lictor(const std::vector<std::string>& arguments, const std::string& notify_socket, const Inherited& inherited);

/// A datagram socket for messages of sd_notify(3), with a name that the kernel chooses. No file, so it works with any root file system.
class NotifySocket {
public:
    static Result<NotifySocket> open();
    NotifySocket(NotifySocket&& other) noexcept;
    NotifySocket& operator=(NotifySocket&&) = delete;
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    ~NotifySocket();

    int descriptor() const { return socket_; }
    /// The value of NOTIFY_SOCKET.
    const std::string& name() const { return name_; }
    /// Reads what has come; true if `process` said READY=1. Messages of other processes are ignored: the kernel names the sender.
    bool is_ready(pid_t process) const;

private:
    NotifySocket(int socket, std::string name) : socket_(socket), name_(std::move(name)) {}
    int socket_ = -1;
    std::string name_;
};

}  // namespace lictor::init
