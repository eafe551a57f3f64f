// Between fork and exec the child only sets signals, group and descriptors. A pipe that exec closes carries the error of a failed exec.
#include "resolver/init/processes.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "conf/base/printable.hpp"

extern char** environ;  // NOLINT: POSIX

namespace lictor::init {
namespace {

constexpr int not_found = 127, not_executable = 126;

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

void restore(const Inherited& inherited) {
    sigaction(SIGPIPE, &inherited.pipe, nullptr);
    sigaction(SIGTTIN, &inherited.ttin, nullptr);
    sigprocmask(SIG_SETMASK, &inherited.mask, nullptr);
    sigaction(SIGTTOU, &inherited.ttou, nullptr);
}

CannotRun cannot_run(const std::string& word, int code) {
    const std::string what = "cannot run " + shown(word, 200) + ": ";
    struct stat info {};
    const bool path = word.find('/') != std::string::npos;
    if (code == ENOENT && path && stat(word.c_str(), &info) == 0)
        return {not_found, what + "the program that its first line names, or its loader, is missing in this image"};
    if (code == ENOENT || code == ENOTDIR)
        return {not_found, what + "there is no such program" + (path ? "" : " in PATH") + "; correct the image's CMD"};
    return {not_executable, what + (code == EISDIR ? "it is a folder" : std::strerror(code)) +
                                (code == EACCES ? "; make it executable (chmod +x)" : "; it must be a program for this machine")};
}

/// 0 if this file can be executed, else an errno.
int check_file(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    return access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

/// The descriptor of a pipe from a child that tells its errno if exec fails.
struct Report {
    int read_end = -1, write_end = -1;
    Report() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) == 0) read_end = ends[0], write_end = ends[1];
    }
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report() {
        if (read_end >= 0) close(read_end);
        if (write_end >= 0) close(write_end);
    }
    /// In the child.
    [[noreturn]] void fail(int code) const {
        [[maybe_unused]] const ssize_t written = write(write_end, &code, sizeof code);
        _exit(not_found);
    }
    /// In the parent: 0 once exec has succeeded.
    int result() {
        close(std::exchange(write_end, -1));
        int code = 0;
        ssize_t got = 0;
        do got = read(read_end, &code, sizeof code);
        while (got < 0 && errno == EINTR);
        return got == static_cast<ssize_t>(sizeof code) ? code : 0;
    }
};

void reap(pid_t process) {
    while (waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace

std::optional<CannotRun> check_command(const std::string& word) {
    int code = ENOENT;
    if (word.find('/') != std::string::npos) {
        code = check_file(word);
    } else {
        const char* variable = std::getenv("PATH");
        std::string_view rest = variable ? variable : "/bin:/usr/bin";
        while (code != 0) {
            const auto end = std::min(rest.find(':'), rest.size());
            const auto folder = rest.substr(0, end);
            const int one = check_file((folder.empty() ? "." : std::string(folder)) + '/' + word);
            if (one == 0 || (one != ENOENT && one != ENOTDIR)) code = one;
            if (end == rest.size()) break;
            rest.remove_prefix(end + 1);
        }
    }
    return code == 0 ? std::nullopt : std::optional(cannot_run(word, code));
}

Started start_command(const std::vector<std::string>& words, const Inherited& inherited) {
    auto copies = words;
    const auto arguments = pointers(copies);
    Report report;
    if (report.read_end < 0) return {-1, CannotRun{not_executable, std::string("cannot start the command: ") + std::strerror(errno)}};
    const pid_t process = fork();
    if (process == 0) {
        setpgid(0, 0);
        // SIGTTOU is ignored here, so that a group in the background may do this.
        if (isatty(STDIN_FILENO)) tcsetpgrp(STDIN_FILENO, getpgrp());
        restore(inherited);
        execvp(arguments[0], arguments.data());
        report.fail(errno);
    }
    if (process < 0) return {-1, CannotRun{not_executable, std::string("cannot start the command: fork: ") + std::strerror(errno)}};
    if (const int code = report.result(); code != 0) {
        reap(process);
        return {-1, cannot_run(words.front(), code)};
    }
    return {process, std::nullopt};
}

Result<pid_t> start_lictor(const std::vector<std::string>& arguments, const std::string& notify_socket, const Inherited& inherited) {
    // The path, and not the link to it, gives the process its name.
    std::string program(4096, '\0');
    const ssize_t length = readlink("/proc/self/exe", program.data(), program.size());
    program = length > 0 ? program.substr(0, static_cast<std::size_t>(length)) : std::string("/proc/self/exe");
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment;
    for (char** at = environ; at && *at; ++at)
        if (!std::string_view(*at).starts_with("NOTIFY_SOCKET=")) environment.emplace_back(*at);
    environment.push_back("NOTIFY_SOCKET=" + notify_socket);
    const auto argument_pointers = pointers(words), environment_pointers = pointers(environment);
    Report report;
    if (report.read_end < 0) return Error{std::string("pipe: ") + std::strerror(errno)};
    const pid_t process = fork();
    if (process == 0) {
        setpgid(0, 0);  // a signal of the terminal is the command's
        if (const int nothing = open("/dev/null", O_RDONLY); nothing > STDIN_FILENO) {
            dup2(nothing, STDIN_FILENO);
            close(nothing);
        }
        restore(inherited);
        execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
        execve("/proc/self/exe", argument_pointers.data(), environment_pointers.data());  // the file was replaced meanwhile
        report.fail(errno);
    }
    if (process < 0) return Error{std::string("fork: ") + std::strerror(errno)};
    if (const int code = report.result(); code != 0) {
        reap(process);
        return Error{program + ": " + std::strerror(code)};
    }
    return process;
}

Result<NotifySocket> NotifySocket::open() {
    const auto failed = [](const char* what) {
        return Error{std::string("cannot make the socket on which lictor reports that it serves: ") + what + ": " + std::strerror(errno)};
    };
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return failed("socket");
    NotifySocket made(socket, {});
    const int on = 1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // An address without a name: the kernel chooses one (unix(7), autobind).
    if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address.sun_family) != 0) return failed("bind");
    socklen_t size = sizeof address;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return failed("getsockname");
    if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return failed("SO_PASSCRED");
    made.name_ = '@' + std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
    return made;
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept : socket_(std::exchange(other.socket_, -1)), name_(std::move(other.name_)) {}

NotifySocket::~NotifySocket() {
    if (socket_ >= 0) close(socket_);
}

bool NotifySocket::is_ready(pid_t process) const {
    constexpr int messages_max = 64;
    bool ready = false;
    for (int i = 0; i < messages_max; ++i) {
        char text[512];
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
        iovec part{.iov_base = text, .iov_len = sizeof text};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t got = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        const cmsghdr* const header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) continue;
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
        std::string_view rest(text, static_cast<std::size_t>(got));
        while (sender.pid == process && !rest.empty()) {
            const auto end = std::min(rest.find('\n'), rest.size());
            ready = ready || rest.substr(0, end) == "READY=1";
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return ready;
}

}  // namespace lictor::init
