// Calls fork and setsid, and opens a pipe: one byte reports that lictor serves, an end without a byte that the start failed.
#include "resolver/process/daemonize.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "conf/options/process.hpp"

namespace lictor::process {
namespace {

constexpr int failed_to_start = 5;

[[noreturn]] void wait_for(pid_t child, int pipe) {
    char byte = 0;
    ssize_t count = 0;
    do count = read(pipe, &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count == 1) _exit(0);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : failed_to_start);
}

}  // namespace

bool goes_to_background(const conf::ProcessOptions& options) {
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
    background.parent_ = ends[1];
    return background;
}

BackgroundStart::BackgroundStart(BackgroundStart&& other) noexcept : parent_(std::exchange(other.parent_, -1)) {}

BackgroundStart::~BackgroundStart() {
    if (parent_ >= 0) close(parent_);
}

void detach_from_terminal(Stderr stderr_too) {
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return;
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    if (stderr_too == Stderr::close) dup2(nothing, STDERR_FILENO);
    if (nothing > STDERR_FILENO) close(nothing);
}

void BackgroundStart::serving(Stderr stderr_too) {
    if (parent_ < 0) return;
    detach_from_terminal(stderr_too);
    [[maybe_unused]] const ssize_t written = write(parent_, "1", 1);  // fails if the parent was killed
    close(std::exchange(parent_, -1));
}

}  // namespace lictor::process
