/* Makes an allocation fail. Preloaded into lictor (LD_PRELOAD), this library reads two numbers from the file that LICTOR_NO_MEMORY names,
 * which is mapped: a test writes N into the first, and the N-th call of malloc or calloc from then on returns a null pointer; the
 * first number is then 0, and the second counts the calls that failed. Without the variable nothing fails.
 *
 * realloc never fails: libuv grows its table of descriptors by it, and ends the process if it cannot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

static int64_t nothing[2];
static int64_t *numbers = nothing;

__attribute__((constructor)) static void map_numbers(void)
{
    const char *path = getenv("LICTOR_NO_MEMORY");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *memory = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) numbers = memory;
}

static int fails(void)
{
    if (__atomic_load_n(&numbers[0], __ATOMIC_RELAXED) <= 0) return 0;
    if (__atomic_sub_fetch(&numbers[0], 1, __ATOMIC_RELAXED) != 0) return 0;
    __atomic_add_fetch(&numbers[1], 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }

