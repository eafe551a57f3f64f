// Which system calls do the seccomp filters permit, and which files does Landlock leave writable? An interpreter runs the programs as the
// kernel does.
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "conf/options/options.hpp"
#include "resolver/confine/filter.hpp"
#include "resolver/confine/writable.hpp"

using namespace lictor;
using namespace lictor::confine;

namespace {

constexpr std::uint32_t own_process = 4711;
constexpr std::uint32_t allowed = SECCOMP_RET_ALLOW, missing = SECCOMP_RET_ERRNO | ENOSYS, refused = SECCOMP_RET_ERRNO | EPERM,
                        killed = SECCOMP_RET_KILL_PROCESS;
using Arguments = std::array<std::uint64_t, 6>;

/// Classic BPF, as far as the filters use it. Fails the test where the kernel would refuse the program.
std::uint32_t run(const std::vector<sock_filter>& program, const seccomp_data& data) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const auto& step = program[at];
        switch (step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                REQUIRE(step.k + sizeof accumulator <= sizeof data);
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, sizeof accumulator);
                break;
            case BPF_ALU | BPF_AND | BPF_K: accumulator &= step.k; break;
            case BPF_JMP | BPF_JEQ | BPF_K: at += accumulator == step.k ? step.jt : step.jf; break;
            case BPF_JMP | BPF_JGE | BPF_K: at += accumulator >= step.k ? step.jt : step.jf; break;
            case BPF_RET | BPF_K: return step.k;
            default: FAIL("an instruction that the interpreter does not know: " << step.code);
        }
    }
    FAIL("the program ends without an action");
    return 0;
}

struct Filter {
    std::vector<sock_filter> program;
    explicit Filter(const CallList& list, Refusal refusal = Refusal::fails) : program(make_filter(list, refusal, *architecture())) {}
    std::uint32_t of(int number, Arguments arguments = {}) const {
        seccomp_data data{.nr = number, .arch = *architecture(), .instruction_pointer = 0, .args = {}};
        std::copy(arguments.begin(), arguments.end(), data.args);
        return run(program, data);
    }
};

// From libc's headers, which differ in nothing on Linux.
constexpr std::uint64_t local = 1, inet = 2, inet6 = 10, netlink = 16, packet = 17, alg = 38, vsock = 40;
constexpr std::uint64_t stream = 1, dgram = 2, raw = 3, cloexec = 02000000;
constexpr std::uint64_t reads = 1, writes = 2, executes = 4;
constexpr std::uint64_t write_only = 01, read_write = 02, creates = 0100, truncates = 01000;
constexpr std::uint64_t of_a_thread = 0x3d0f00, of_fork = 0x1200011, new_user = 0x10000000;

}  // namespace

TEST_CASE("confine: calls that start programs, change rights or mounts, trace or load code are refused by each list") {
    for (const auto& list : {calls_of_resolver(own_process, true), calls_of_cutter(own_process)})
        for (const int number : {__NR_execve,
                                 __NR_execveat,
                                 __NR_ptrace,
                                 __NR_process_vm_readv,
                                 __NR_process_vm_writev,
                                 __NR_mount,
                                 __NR_umount2,
                                 __NR_pivot_root,
                                 __NR_chroot,
                                 __NR_init_module,
                                 __NR_finit_module,
                                 __NR_delete_module,
                                 __NR_kexec_load,
                                 __NR_bpf,
                                 __NR_add_key,
                                 __NR_keyctl,
                                 __NR_request_key,
                                 __NR_perf_event_open,
                                 __NR_userfaultfd,
                                 __NR_io_uring_setup,
                                 __NR_io_uring_enter,
                                 __NR_unshare,
                                 __NR_setns,
                                 __NR_setuid,
                                 __NR_setgid,
                                 __NR_setresuid,
                                 __NR_setgroups,
                                 __NR_capset,
                                 __NR_kill,
                                 __NR_tkill,
                                 __NR_pidfd_open,
                                 __NR_memfd_create,
                                 __NR_mknodat,
                                 __NR_linkat,
                                 __NR_symlinkat,
                                 __NR_fchmodat,
                                 __NR_fchownat,
                                 __NR_mkdirat,
                                 __NR_truncate,
                                 __NR_setxattr,
                                 __NR_reboot,
                                 __NR_swapon,
                                 __NR_settimeofday,
                                 __NR_clock_settime,
                                 __NR_sethostname,
                                 __NR_personality,
                                 __NR_open_by_handle_at,
                                 __NR_clone3,
                                 __NR_openat2,
                                 __NR_seccomp,
                                 __NR_fanotify_init,
                                 __NR_quotactl,
                                 __NR_shmget,
                                 __NR_mq_open}) {
            INFO(number);
            CHECK(Filter(list).of(number) == missing);
            const bool probed = number == __NR_clone3 || number == __NR_openat2 || number == __NR_io_uring_setup;
            CHECK(Filter(list, Refusal::kills).of(number) == (probed ? missing : killed));
        }
}

TEST_CASE("confine: every call of a list is permitted, and no other number") {
    for (const auto& list : {calls_of_resolver(own_process, true), calls_of_cutter(own_process)}) {
        const Filter filter(list);
        std::size_t found = 0;
        for (int number = -1; number < 1024; ++number) {
            INFO(number);
            bool listed = false, always = false;
            for (const auto& call : list.allowed) {
                listed = listed || static_cast<int>(call.number) == number;
                always = always || (static_cast<int>(call.number) == number && call.conditions.empty());
            }
            found += listed;
            if (!listed) CHECK(filter.of(number) == missing);
            if (always) CHECK(filter.of(number, {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}) == allowed);
        }
        CHECK(found > 50);
    }
    CHECK(Filter(calls_of_resolver(own_process, true)).program.size() < 700);
}

TEST_CASE("confine: calls of another architecture and ABI are refused, whatever their number") {
    const Filter filter(calls_of_resolver(own_process, true)), hard(calls_of_resolver(own_process, true), Refusal::kills);
    seccomp_data data{.nr = __NR_read, .arch = AUDIT_ARCH_I386, .instruction_pointer = 0, .args = {}};
    CHECK(run(filter.program, data) == missing);
    CHECK(run(hard.program, data) == killed);
    data.arch = *architecture();
    CHECK(run(filter.program, data) == allowed);
#ifdef __x86_64__
    CHECK(filter.of(0x40000000 | __NR_read) == missing);  // x32
#endif
}

TEST_CASE("confine: sockets of the internet and of this machine; raw ones, packets and the kernel's other families are refused") {
    const Filter resolver(calls_of_resolver(own_process, true)), cutter(calls_of_cutter(own_process));
    const auto socket = [](const Filter& filter, std::uint64_t family, std::uint64_t type, std::uint64_t protocol = 0) {
        return filter.of(__NR_socket, {family, type, protocol});
    };
    for (const auto family : {inet, inet6})
        for (const auto type : {stream, dgram}) {
            CHECK(socket(resolver, family, type | cloexec) == allowed);
            CHECK(socket(cutter, family, type | cloexec) == refused);
        }
    CHECK(socket(resolver, inet, raw) == refused);
    CHECK(socket(resolver, local, stream) == allowed);
    CHECK(socket(cutter, local, stream) == refused);
    for (const auto family : {packet, alg, vsock}) CHECK(socket(resolver, family, dgram) == refused);
    constexpr std::uint64_t route = 0, sock_diag = 4, netfilter = 12;
    CHECK(socket(resolver, netlink, raw, route) == allowed);
    CHECK(socket(resolver, netlink, raw, sock_diag) == refused);
    CHECK(socket(cutter, netlink, raw | cloexec, sock_diag) == allowed);
    CHECK(socket(cutter, netlink, raw, route) == refused);
    for (const auto* filter : {&resolver, &cutter}) CHECK(socket(*filter, netlink, raw, netfilter) == refused);
}

TEST_CASE("confine: memory is never written and executed, and nothing becomes executable later") {
    for (const auto& list : {calls_of_resolver(own_process, true), calls_of_cutter(own_process)}) {
        const Filter filter(list);
        CHECK(filter.of(__NR_mmap, {0, 4096, reads | writes}) == allowed);
        CHECK(filter.of(__NR_mmap, {0, 4096, reads | executes}) == allowed);  // a library
        CHECK(filter.of(__NR_mmap, {0, 4096, reads | writes | executes}) == refused);
        CHECK(filter.of(__NR_mprotect, {0, 4096, reads | writes}) == allowed);
        CHECK(filter.of(__NR_mprotect, {0, 4096, reads | executes}) == refused);
    }
}

TEST_CASE("confine: threads can be started, processes and namespaces cannot; signals reach only the process itself") {
    const Filter filter(calls_of_resolver(own_process, true));
    CHECK(filter.of(__NR_clone, {of_a_thread}) == allowed);
    CHECK(filter.of(__NR_clone, {of_fork}) == refused);
    CHECK(filter.of(__NR_clone, {of_a_thread | new_user}) == refused);
    CHECK(filter.of(__NR_tgkill, {own_process, own_process, 6}) == allowed);
    CHECK(filter.of(__NR_tgkill, {1, 1, 6}) == refused);
    CHECK(filter.of(__NR_prlimit64, {0, 7}) == allowed);
    CHECK(filter.of(__NR_prlimit64, {1, 7}) == refused);
    constexpr std::uint64_t set_name = 15, set_dumpable = 4, set_mm = 35, sends_input = 0x5412, bytes_that_wait = 0x541b;
    CHECK(filter.of(__NR_prctl, {set_name}) == allowed);
    CHECK(filter.of(__NR_prctl, {set_dumpable, 1}) == refused);
    CHECK(filter.of(__NR_prctl, {set_mm}) == refused);
    CHECK(filter.of(__NR_ioctl, {1, bytes_that_wait}) == allowed);
    constexpr std::uint64_t terminal = 0x5401, terminal_too = 0x802c542a;
    for (const std::uint64_t asks : {terminal, terminal_too}) CHECK(filter.of(__NR_ioctl, {2, asks}) == allowed);
    for (const auto& list : {calls_of_resolver(own_process, true), calls_of_cutter(own_process)})
        CHECK(Filter(list).of(__NR_writev, {2}) == allowed);  // the C library's message before it aborts
    CHECK(filter.of(__NR_ioctl, {1, sends_input}) == refused);
    CHECK(Filter(calls_of_cutter(own_process)).of(__NR_clone, {of_a_thread}) == missing);
}

TEST_CASE("confine: a configuration that names no file to write opens files for reading only") {
    const Filter writing(calls_of_resolver(own_process, true)), reading(calls_of_resolver(own_process, false));
    for (const std::uint64_t flags : {write_only, read_write, creates, truncates, write_only | creates | truncates | cloexec}) {
        CHECK(writing.of(__NR_openat, {0, 0, flags}) == allowed);
        CHECK(reading.of(__NR_openat, {0, 0, flags}) == refused);
    }
    CHECK(reading.of(__NR_openat, {0, 0, cloexec}) == allowed);
    CHECK(Filter(calls_of_cutter(own_process)).of(__NR_openat) == missing);

    conf::Options options;
    CHECK(!writes_files(options));
    options.log_facility = "daemon";
    options.stats_address = "unix:///run/lictor.sock";  // a socket is bound, not opened
    CHECK(!writes_files(options));
    for (auto* option : {&options.log_facility, &options.snapshot_file, &options.pid_file}) {
        conf::Options one;
        option == & options.log_facility ? one.log_facility = "/var/log/x"
        : option == & options.pid_file   ? one.pid_file = "/run/x"
                                         : one.snapshot_file = "/x/y";
        CHECK(writes_files(one));
    }
}

TEST_CASE("confine: writable are the places that options name, and /dev/null") {
    conf::Options options;
    options.log_facility = "-";
    const std::vector<WritablePlace> least{{"/dev/null", false}};
    CHECK(writable_places(options) == least);
    options.log_facility = "/var/log/lictor/log";
    options.snapshot_file = "/var/lib/lictor/snapshot";
    options.pid_file = "/run/lictor.pid";
    options.dumpfile = "/tmp/x.pcap";  // opened once, at the start
    options.stats_address = "unix:///run/lictor/stats.sock";
    CHECK(
        writable_places(options) ==
        std::vector<WritablePlace>{
            {"/dev/null", false}, {"/var/log/lictor/log"}, {"/var/lib/lictor/snapshot"}, {"/run/lictor.pid"}, {"/run/lictor/stats.sock"}});
    options.stats_address = "127.0.0.1:9153";
    CHECK(writable_places(options).size() == 4);
}
