/* A disk on which fsync takes SLOW_FSYNC_MS: a library for LD_PRELOAD. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd) {
    const char *wanted = getenv("SLOW_FSYNC_MS");
    if (wanted) poll(NULL, 0, atoi(wanted));
    return (int)syscall(SYS_fsync, fd);
}
