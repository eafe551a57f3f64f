// How often does a server allocate per query? Preloaded into it (LD_PRELOAD), this library counts the calls of the allocator in threads
// whose names begin with "worker" (the control thread reads from Consul meanwhile). The count is in a shared, mapped file of eight bytes,
// which tests/bench/run reads before and after a run of queries.
//
// LICTOR_ALLOCATIONS is the path of the file, which must exist with at least eight bytes. Without the variable nothing is counted. The
// allocator is glibc's, called by its __libc_ names.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

// Counted here until the file is mapped: the loader allocates before any constructor runs.
constinit std::atomic<std::uint64_t> early{0};
constinit std::atomic<std::atomic<std::uint64_t>*> counter{&early};

/// True in worker threads. A thread gets its name after it has started, so the name is read until it is a worker's.
bool answers() {
    static thread_local bool known [[gnu::tls_model("initial-exec")]] = false;
    if (known) return true;
    char name[16] = {};
    const int saved = errno;
    if (::prctl(PR_GET_NAME, name) == 0) known = std::strncmp(name, "worker", 6) == 0;
    errno = saved;
    return known;
}

void count() {
    if (answers()) counter.load(std::memory_order_relaxed)->fetch_add(1, std::memory_order_relaxed);
}

[[gnu::constructor]] void map_counter() {
    const char* path = std::getenv("LICTOR_ALLOCATIONS");
    if (path == nullptr) return;
    const int descriptor = ::open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void* memory = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    if (memory != MAP_FAILED) counter.store(static_cast<std::atomic<std::uint64_t>*>(memory));
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
    count();
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
    count();
    return __libc_calloc(number, size);
}

void* realloc(void* old, std::size_t size) {
    count();
    return __libc_realloc(old, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
    count();
    void* memory = __libc_memalign(alignment, size);
    if (memory == nullptr) return ENOMEM;
    *result = memory;
    return 0;
}

}  // extern "C"
