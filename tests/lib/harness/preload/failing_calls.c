/* Makes a system call fail. Preloaded into lictor (LD_PRELOAD), this library reads numbers from the file that LICTOR_FAILING_CALLS names,
 * which is mapped: a test writes N into the first and the number of an error into the second, and the N-th of the calls below from then on
 * fails with that error. The first number is then 0, and the third counts the calls that failed. Without the variable nothing fails.
 *
 * Left out are calls after whose failure libuv ends the process: epoll_ctl, epoll_wait, and read and write on its eventfd.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t nothing[3];
static int64_t *numbers = nothing;

__attribute__((constructor)) static void map_numbers(void)
{
    const char *path = getenv("LICTOR_FAILING_CALLS");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *memory = mmap(NULL, 24, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) numbers = memory;
}

static int fails(void)
{
    if (__atomic_load_n(&numbers[0], __ATOMIC_RELAXED) <= 0) return 0;
    if (__atomic_sub_fetch(&numbers[0], 1, __ATOMIC_RELAXED) != 0) return 0;
    __atomic_add_fetch(&numbers[2], 1, __ATOMIC_RELAXED);
    errno = (int)numbers[1];
    return 1;
}

#define CALL(result, name, parameters, arguments)                 \
    result name parameters                                        \
    {                                                             \
        static result(*next) parameters;                          \
        if (!next) next = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
        return fails() ? (result)-1 : next arguments;             \
    }

CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, bind, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
CALL(int, accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags), (fd, from, size, flags))
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size))
CALL(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size))
CALL(int, getsockname, (int fd, struct sockaddr *at, socklen_t *size), (fd, at, size))
CALL(ssize_t, send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags))
CALL(ssize_t, recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
CALL(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags), (fd, messages, count, flags))
CALL(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *wait), (fd, messages, count, flags, wait))
CALL(int, shutdown, (int fd, int how), (fd, how))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, fsync, (int fd), (fd))
