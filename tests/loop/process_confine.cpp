// Do the kernel's filters hold? Each test restricts a child process and tries what it may not do, and what it still may.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "resolver/process/confinement.hpp"

using namespace lictor;

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__

namespace {

/// Runs `work` in a child and gives its status (wait(2)). The text that `work` gives is the reason why it failed; then the exit code is 1.
int in_child(const std::function<std::string()>& work, std::string& why) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        const std::string text = work();
        [[maybe_unused]] const auto written = write(ends[1], text.data(), text.size());
        _exit(text.empty() ? 0 : 1);
    }
    close(ends[1]);
    char bytes[512];
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;) why.append(bytes, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

void check_in_child(const std::function<std::string()>& work) {
    std::string why;
    const int status = in_child(work, why);
    INFO(why << " (status " << status << ")");
    CHECK(status == 0);
}

/// Empty if `result` is -1 with this errno.
std::string fails_with(const char* what, long result, int expected) {
    const int code = errno;
    if (result == -1 && code == expected) return {};
    return std::string(what) + " gave " + std::to_string(result) + ", errno " + std::strerror(result == -1 ? code : 0) + "; ";
}

confine::CallList own_list(bool writes_files) { return confine::calls_of_resolver(static_cast<std::uint32_t>(getpid()), writes_files); }

struct Folder {
    Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~Folder() { REQUIRE(std::system(("rm -rf " + path).c_str()) == 0); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path = "/tmp/lictor-confine-XXXXXX";
};

std::string can_write(const std::string& path, bool expected) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int code = errno;
    if (fd >= 0) close(fd);
    if ((fd >= 0) == expected && (fd >= 0 || code == EACCES)) return {};
    return path + (fd >= 0 ? " was opened for writing; " : std::string(" was not: ") + std::strerror(code) + "; ");
}

bool has_landlock() { return syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) > 0; }

}  // namespace

TEST_CASE("confinement: with the list no program, process, raw socket or written code is made; threads, sockets and files are",
          "[confine]") {
    check_in_child([] {
        if (const auto done = process::restrict_calls(own_list(false), conf::Seccomp::on); !done) return done.error().text;
        std::string why;
        char program[] = "/bin/true";
        char* const words[] = {program, nullptr};
        why += fails_with("execve", execve(program, words, nullptr), ENOSYS);
        why += fails_with("fork", syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr), EPERM);
        why += fails_with("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0), ENOSYS);
        why += fails_with("unshare", syscall(SYS_unshare, 0), ENOSYS);
        why += fails_with("socket", socket(AF_PACKET, SOCK_RAW, 0), EPERM);
        why += fails_with("kill", kill(getppid(), 0), ENOSYS);
        why += fails_with("open", open("/dev/null", O_WRONLY), EPERM);
        why += fails_with("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), EPERM);
        why += fails_with(
            "mmap", reinterpret_cast<long>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
            EPERM);
        const int file = open("/dev/null", O_RDONLY), udp = socket(AF_INET, SOCK_DGRAM, 0);
        if (file < 0 || udp < 0) why += "a file or a socket cannot be opened; ";
        std::atomic<bool> ran{false};
        std::thread([&] { ran = true; }).join();
        if (!ran) why += "no thread; ";
        return why;
    });
}

TEST_CASE("confinement: a list holds for threads that run already", "[confine]") {
    check_in_child([] {
        std::atomic<bool> restricted{false};
        std::string why;
        std::thread thread([&] {
            while (!restricted) std::this_thread::yield();
            why += fails_with("unshare", syscall(SYS_unshare, 0), ENOSYS);
        });
        const auto done = process::restrict_calls(own_list(true), conf::Seccomp::on);
        restricted = true;
        thread.join();
        return done ? why : done.error().text;
    });
}

TEST_CASE("confinement: kill ends the process at a call that is not in the list; off changes nothing", "[confine]") {
    std::string why;
    const int status = in_child(
        [] {
            if (const auto done = process::restrict_calls(own_list(true), conf::Seccomp::kill); !done) return done.error().text;
            syscall(SYS_unshare, 0);
            return std::string("the process lives");
        },
        why);
    INFO(why);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS));
    check_in_child([] {
        const auto done = process::restrict_calls(own_list(true), conf::Seccomp::off);
        return done && syscall(SYS_unshare, 0) == 0 ? std::string() : std::string("restricted");
    });
}

TEST_CASE("confinement: an abort ends the process by SIGABRT, also with the list", "[confine]") {
    std::string why;
    const int status = in_child(
        [] {
            if (const auto done = process::restrict_calls(own_list(true), conf::Seccomp::kill); !done) return done.error().text;
            signal(SIGABRT, SIG_DFL);  // the test program's handler is for its own faults
            std::abort();
        },
        why);
    INFO(why);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
}

TEST_CASE("confinement: files are written only at the given places, also after a rotation and in a folder that comes later", "[confine]") {
    if (!has_landlock()) {
        WARN("this kernel does not have Landlock");
        return;
    }
    const Folder folder;
    const std::string at = folder.path;
    for (const char* name : {"/log", "/other", "/single", "/real", "/above"}) REQUIRE(mkdir((at + name).c_str(), 0700) == 0);
    std::ofstream(at + "/log/lictor.log") << "x";
    std::ofstream(at + "/other/file") << "x";
    std::ofstream(at + "/single/file") << "x";
    std::ofstream(at + "/real/file") << "x";
    REQUIRE(symlink((at + "/real/file").c_str(), (at + "/log/link").c_str()) == 0);
    // Landlock lets lictor make no folder: another program makes it.
    std::thread maker([&] {
        for (int i = 0; i < 500 && access((at + "/log/ready").c_str(), F_OK) != 0; ++i) usleep(10'000);
        mkdir((at + "/above/later").c_str(), 0700);
        mkdir((at + "/above/later/below").c_str(), 0700);
    });
    check_in_child([&] {
        if (const auto done = process::restrict_writing({{"/dev/null", false},
                                                         {at + "/log/lictor.log"},
                                                         {at + "/single/file", false},
                                                         {at + "/above/later/below/file"},
                                                         {"/no-such-folder-of-lictor/file"},
                                                         {"/no-such-file-of-lictor"},
                                                         {at + "/log/link"}});
            !done)
            return done.error().text;
        else if (done->size() != 3 ||
                 (*done)[0].find("below " + at + "/above; make the folder " + at + "/above/later/below") == std::string::npos ||
                 (*done)[1].find("make the folder /no-such-folder-of-lictor") == std::string::npos ||
                 (*done)[2].find("/no-such-file-of-lictor: lictor cannot make files there") != 0)
            return std::accumulate(done->begin(), done->end(), std::string("other warnings: "));
        std::string why = can_write("/no-such-file-of-lictor", false) + can_write(at + "/log/ready", true);
        for (int i = 0; i < 500 && access((at + "/above/later/below").c_str(), F_OK) != 0; ++i) usleep(10'000);
        why += can_write(at + "/above/later/below/file", true) + can_write("/dev/null", true) + can_write(at + "/log/lictor.log", true) +
               can_write(at + "/single/file", true) + can_write(at + "/real/file", true) + can_write(at + "/other/file", false) +
               can_write(at + "/other/new", false) + can_write(at + "/single/new", false) + can_write(at + "/new", false);
        if (rename((at + "/log/lictor.log").c_str(), (at + "/log/lictor.log.1").c_str()) != 0) why += "the log cannot be rotated; ";
        why += can_write(at + "/log/lictor.log", true);
        if (unlink((at + "/log/lictor.log").c_str()) != 0) why += "the file cannot be removed; ";
        if (unlink((at + "/real/file").c_str()) != 0) why += "the target of a link cannot be removed; ";
        why += can_write(at + "/log/link", true);
        why += fails_with("unlink", unlink((at + "/other/file").c_str()), EACCES);
        char program[] = "/bin/true";
        char* const words[] = {program, nullptr};
        why += fails_with("execve", execve(program, words, nullptr), EACCES);
        std::ifstream reads(at + "/other/file");
        if (!reads) why += "reading is restricted; ";
        return why;
    });
    maker.join();
}

TEST_CASE("confinement: the environment holds no token afterwards, and the memory is root's", "[confine]") {
    check_in_child([] {
        char token[] = "CONSUL_HTTP_TOKEN=5ec2e7", other[] = "OTHER=stays", user[] = "CONSUL_HTTP_AUTH=u:pa55";
        char* variables[] = {token, other, user, nullptr};
        environ = variables;
        process::wipe_secrets_of_environment();
        std::string why;
        if (std::memchr(token, '5', sizeof token) || std::memchr(user, '5', sizeof user)) why += "the secret is in memory; ";
        if (std::string(std::getenv("OTHER") ? std::getenv("OTHER") : "") != "stays") why += "another variable changed; ";
        process::allow_core_files(false);
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) why += "a core file can be written; ";
        process::allow_core_files(true);
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1) why += "core-dumps has no effect; ";
        return why;
    });
}

#endif
