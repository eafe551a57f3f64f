// How often does a server allocate per question? Preloaded into it (LD_PRELOAD), this library counts every call of the allocator in the
// threads that answer (their names begin with "worker"; the control thread reads from Consul meanwhile) and keeps the number in a file of eight bytes, mapped and shared, that tests/bench/run reads before and after a run of questions.
//
// The file is named by LICTOR_ALLOCATIONS and must exist with at least eight bytes. The allocator itself is glibc's, called by
// the names that it exports for this purpose; where the variable is missing the library only passes calls on.

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

/// A thread is given its name after its first breath: asked until it is a worker's.
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
