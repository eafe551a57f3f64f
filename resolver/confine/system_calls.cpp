// Found with strace(1) under the end-to-end tests, with the dynamic and the static program, and by reading the C library, libuv, libcurl,
// OpenSSL and libmicrohttpd. Calls on memory, time and the thread itself are allowed freely. Calls that start a program, change rights or
// mounts, trace, or load code into the kernel are in no list.
#include "resolver/confine/system_calls.hpp"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>

#include <initializer_list>

namespace lictor::confine {
namespace {

// libc's headers, which have these, are not for pure code; the numbers are those of every Linux.
constexpr std::uint32_t af_unix = 1, af_inet = 2, af_inet6 = 10, af_netlink = 16;
constexpr std::uint32_t sock_stream = 1, sock_dgram = 2, sock_type_mask = 0xf;
constexpr std::uint32_t open_for_writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
constexpr std::uint32_t tcgets2 = 0x802c542a;         ///< TCGETS2, which isatty(3) of newer C libraries uses; not in all headers
constexpr std::uint32_t name_of_memory = 0x53564d41;  ///< PR_SET_VMA: the C library names its memory

#define LICTOR_CALL(name) \
    Call { #name, __NR_##name }

/// Memory, time, threads and the process itself; no other process and no file.
std::vector<Call> own_calls(std::uint32_t process) {
    std::vector<Call> calls{
        LICTOR_CALL(futex),
        LICTOR_CALL(clock_gettime),  // the kernel is called where there is no vDSO, and for CPU times
        LICTOR_CALL(brk),
        LICTOR_CALL(munmap),
        LICTOR_CALL(mremap),
        LICTOR_CALL(madvise),
        LICTOR_CALL(mincore),
        LICTOR_CALL(membarrier),
        LICTOR_CALL(getrandom),
        LICTOR_CALL(gettimeofday),
        LICTOR_CALL(clock_getres),
        LICTOR_CALL(clock_nanosleep),
        LICTOR_CALL(nanosleep),
        LICTOR_CALL(times),
        LICTOR_CALL(getcpu),
        LICTOR_CALL(getpid),
        LICTOR_CALL(gettid),
        LICTOR_CALL(getppid),
        LICTOR_CALL(getuid),
        LICTOR_CALL(geteuid),
        LICTOR_CALL(getgid),
        LICTOR_CALL(getegid),
        LICTOR_CALL(getgroups),
        LICTOR_CALL(getresuid),
        LICTOR_CALL(getresgid),
        LICTOR_CALL(getrusage),
        LICTOR_CALL(sched_yield),
        LICTOR_CALL(sched_getaffinity),
        LICTOR_CALL(sched_getparam),
        LICTOR_CALL(sched_getscheduler),
        LICTOR_CALL(set_robust_list),
        LICTOR_CALL(get_robust_list),
        LICTOR_CALL(set_tid_address),
        LICTOR_CALL(rseq),
        LICTOR_CALL(sigaltstack),
        LICTOR_CALL(rt_sigaction),
        LICTOR_CALL(rt_sigprocmask),
        LICTOR_CALL(rt_sigreturn),
        LICTOR_CALL(rt_sigpending),
        LICTOR_CALL(rt_sigtimedwait),
        LICTOR_CALL(restart_syscall),
        LICTOR_CALL(uname),
        LICTOR_CALL(sysinfo),
        LICTOR_CALL(exit),
        LICTOR_CALL(exit_group),
        LICTOR_CALL(read),
        LICTOR_CALL(write),
        LICTOR_CALL(writev),  // the C library's last words, such as those about a broken heap
        LICTOR_CALL(close),
        LICTOR_CALL(fstat),
        LICTOR_CALL(lseek),
        // Memory that is executed is never written, and none becomes executable later.
        {"mmap", __NR_mmap, {{2, PROT_WRITE | PROT_EXEC, {0, PROT_WRITE, PROT_EXEC}}}},
        {"mprotect", __NR_mprotect, {{2, PROT_EXEC, {0}}}},
        // abort(3) and pthread_kill(3)
        {"tgkill", __NR_tgkill, {{0, ~0u, {process}}}},
        {"prctl", __NR_prctl, {{0, ~0u, {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, name_of_memory}}}},
        // The limits of the process itself.
        {"prlimit64", __NR_prlimit64, {{0, ~0u, {0, process}}}},
        {"getrlimit", __NR_getrlimit},
        {"setrlimit", __NR_setrlimit},
#ifdef __x86_64__
        LICTOR_CALL(time),
        LICTOR_CALL(arch_prctl),
#endif
    };
    return calls;
}

/// clone(2) has its flags in an argument; those of clone3(2) are in memory, where a filter cannot read them.
std::vector<Call> absent_calls() {
    return {
        LICTOR_CALL(clone3), LICTOR_CALL(openat2),
        LICTOR_CALL(io_uring_setup),  // newer versions of libuv
    };
}

void append(std::vector<Call>& calls, std::initializer_list<Call> more) { calls.insert(calls.end(), more); }

}  // namespace

CallList calls_of_resolver(std::uint32_t process, bool writes_files) {
    CallList list{{
                      // The path of a query.
                      LICTOR_CALL(epoll_pwait),
                      LICTOR_CALL(recvmmsg),
                      LICTOR_CALL(sendmmsg),
                      LICTOR_CALL(sendto),
                      LICTOR_CALL(recvfrom),
                      LICTOR_CALL(sendmsg),
                      LICTOR_CALL(recvmsg),
                      LICTOR_CALL(connect),
                      LICTOR_CALL(epoll_ctl),
                      LICTOR_CALL(setsockopt),
                      LICTOR_CALL(getsockname),
#ifdef __x86_64__
                      LICTOR_CALL(epoll_wait),
#endif
                  },
                  absent_calls()};
    auto& calls = list.allowed;
    for (auto& call : own_calls(process)) calls.push_back(std::move(call));
    append(calls,
           {
               // Sockets: those of the internet and of this machine, and the kernel's reports of addresses and interfaces.
               {"socket", __NR_socket, {{0, ~0u, {af_unix}}}},
               {"socket", __NR_socket, {{0, ~0u, {af_inet, af_inet6}}, {1, sock_type_mask, {sock_stream, sock_dgram}}}},
               {"socket", __NR_socket, {{0, ~0u, {af_netlink}}, {2, ~0u, {NETLINK_ROUTE}}}},
               {"socketpair", __NR_socketpair, {{0, ~0u, {af_unix}}}},
               LICTOR_CALL(bind),
               LICTOR_CALL(listen),
               LICTOR_CALL(accept),
               LICTOR_CALL(accept4),
               LICTOR_CALL(shutdown),
               LICTOR_CALL(getpeername),
               LICTOR_CALL(getsockopt),
               // Events.
               LICTOR_CALL(epoll_create1),
               LICTOR_CALL(epoll_pwait2),
               LICTOR_CALL(ppoll),
               LICTOR_CALL(pselect6),
               LICTOR_CALL(eventfd2),
               LICTOR_CALL(pipe2),
               LICTOR_CALL(timerfd_create),
               LICTOR_CALL(timerfd_settime),
               LICTOR_CALL(timerfd_gettime),
               LICTOR_CALL(inotify_init1),
               LICTOR_CALL(inotify_add_watch),
               LICTOR_CALL(inotify_rm_watch),
               // Files.
               LICTOR_CALL(readv),
               LICTOR_CALL(pread64),
               LICTOR_CALL(pwrite64),
               LICTOR_CALL(newfstatat),
               LICTOR_CALL(statx),
               LICTOR_CALL(fstatfs),
               LICTOR_CALL(statfs),
               LICTOR_CALL(faccessat),
               LICTOR_CALL(faccessat2),
               LICTOR_CALL(readlinkat),
               LICTOR_CALL(getdents64),
               LICTOR_CALL(getcwd),
               LICTOR_CALL(fcntl),
               LICTOR_CALL(dup),
               LICTOR_CALL(dup3),
               LICTOR_CALL(fsync),
               LICTOR_CALL(fdatasync),
               LICTOR_CALL(fadvise64),
               LICTOR_CALL(fallocate),
               LICTOR_CALL(ftruncate),
               LICTOR_CALL(renameat),
               LICTOR_CALL(renameat2),
               LICTOR_CALL(unlinkat),
               LICTOR_CALL(umask),
               // Whether a descriptor is a terminal, bytes that wait, the modes of a descriptor, and the index of an interface.
               {"ioctl",
                __NR_ioctl,
                {{1, ~0u, {TCGETS, tcgets2, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCOUTQ, SIOCGIFINDEX, SIOCGIFNAME}}}},
               // A thread; no process, and no namespace.
               {"clone",
                __NR_clone,
                {{0,
                  CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_VFORK,
                  {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}}}},
               // The ends of the processes beside it.
               LICTOR_CALL(wait4),
               LICTOR_CALL(waitid),
#ifdef __x86_64__
               LICTOR_CALL(poll),
               LICTOR_CALL(select),
               LICTOR_CALL(epoll_create),
               LICTOR_CALL(eventfd),
               LICTOR_CALL(pipe),
               LICTOR_CALL(stat),
               LICTOR_CALL(lstat),
               LICTOR_CALL(access),
               LICTOR_CALL(readlink),
               LICTOR_CALL(dup2),
               LICTOR_CALL(rename),
               LICTOR_CALL(unlink),
#endif
           });
    std::vector<Condition> of_openat, of_open;
    if (!writes_files) {
        of_openat.push_back({2, open_for_writing, {O_RDONLY}});
        of_open.push_back({1, open_for_writing, {O_RDONLY}});
    }
    calls.push_back({"openat", __NR_openat, of_openat});
#ifdef __x86_64__
    calls.push_back({"open", __NR_open, of_open});
#endif
    return list;
}

CallList calls_of_cutter(std::uint32_t process) {
    CallList list{own_calls(process), absent_calls()};
    append(list.allowed, {
                             LICTOR_CALL(recvfrom),
                             LICTOR_CALL(sendto),
                             LICTOR_CALL(recvmsg),
                             LICTOR_CALL(setsockopt),
                             // The list of the kernel's connections, and the order to end some.
                             {"socket", __NR_socket, {{0, ~0u, {af_netlink}}, {2, ~0u, {NETLINK_SOCK_DIAG}}}},
                         });
    return list;
}

std::optional<std::uint32_t> architecture() {
#if defined __x86_64__ && !defined __ILP32__
    return AUDIT_ARCH_X86_64;
#elif defined __aarch64__ && !defined __ILP32__ && defined __AARCH64EL__
    return AUDIT_ARCH_AARCH64;
#else
    return std::nullopt;
#endif
}

#undef LICTOR_CALL

}  // namespace lictor::confine
