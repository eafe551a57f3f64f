// fork, setsid, and a pipe whose one byte says that the start is done; its end without a byte says that it is not.
#include "resolver/background.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace lictor {
namespace {

constexpr int failed_to_start = 5;

[[noreturn]] void wait_for(pid_t child, int told) {
    char byte = 0;
    ssize_t count = 0;
    do count = read(told, &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count == 1) _exit(0);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : failed_to_start);
}

}  // namespace

bool goes_to_background(const Options& options) {
    return !options.pid_file.empty() && !options.keep_in_foreground && !options.no_daemon && !std::getenv("NOTIFY_SOCKET");
}

BackgroundStart BackgroundStart::go() {
    int ends[2];
    BackgroundStart background;
    if (pipe2(ends, O_CLOEXEC) != 0) return background;
    const pid_t child = fork();
    if (child < 0) {
        std::fprintf(stderr, "lictor: cannot go to the background: %s; staying in the foreground\n", std::strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return background;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for(child, ends[0]);
    }
    close(ends[0]);
    setsid();
    background.told_ = ends[1];
    return background;
}

BackgroundStart::BackgroundStart(BackgroundStart&& other) noexcept : told_(std::exchange(other.told_, -1)) {}

BackgroundStart::~BackgroundStart() {
    if (told_ >= 0) close(told_);
}

void let_go_of_terminal(bool keep_stderr) {
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return;
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    if (!keep_stderr) dup2(nothing, STDERR_FILENO);
    if (nothing > STDERR_FILENO) close(nothing);
}

void BackgroundStart::serving(bool keep_stderr) {
    if (told_ < 0) return;
    let_go_of_terminal(keep_stderr);
    const ssize_t written = write(told_, "1", 1);
    if (written != 1) {}  // nobody waits any more
    close(std::exchange(told_, -1));
}

}  // namespace lictor
