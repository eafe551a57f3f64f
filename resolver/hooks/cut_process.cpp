// The process has one thread: it receives a request, ends the connections, and replies.
#include "resolver/hooks/cut_process.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <type_traits>

#include "conf/options/options.hpp"
#include "resolver/confine/system_calls.hpp"
#include "resolver/hooks/cut_connections.hpp"
#include "resolver/process/confinement.hpp"

namespace lictor::hooks {
namespace {

static_assert(std::is_trivially_copyable_v<CutRequest> && std::is_trivially_copyable_v<CutReply>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "it is shared between processes");

/// If that fails, it fails for lictor, too, which logs it.
void restrict_calls(const conf::Options& options) {
    [[maybe_unused]] const auto done =
        process::restrict_calls(confine::calls_of_cutter(static_cast<std::uint32_t>(getpid())), options.seccomp);
}

void serve(int socket, const std::atomic<std::uint64_t>& revoked) {
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE}) signal(number, SIG_IGN);
    for (;;) {
        CutRequest request;
        const ssize_t got = recv(socket, &request, sizeof request, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got != sizeof request || request.count > request.places.size()) return;
        const auto outcome =
            cut_connections(std::span(request.places).first(request.count), [&] { return request.number <= revoked.load(); });
        CutReply reply;
        reply.number = request.number;
        std::ranges::copy(outcome.ended, reply.ended.begin());
        reply.failed = outcome.failed;
        reply.error = outcome.error;
        reply.revoked = outcome.revoked;
        while (send(socket, &reply, sizeof reply, MSG_NOSIGNAL) < 0)
            if (errno != EINTR) return;
    }
}

}  // namespace

Result<std::unique_ptr<CutProcess>> CutProcess::start(const conf::Options& options) {
    if (!options.leader_cut) return std::unique_ptr<CutProcess>();
    std::unique_ptr<CutProcess> process(new CutProcess);
    void* shared = mmap(nullptr, sizeof(*process->revoked_), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return Error{std::string("leader-cut: mmap: ") + std::strerror(errno)};
    process->revoked_ = new (shared) std::atomic<std::uint64_t>(0);
    auto helper = HelperProcess::start(options,
                                       {.option = "leader-cut",
                                        .name = "lictor-cut",
                                        .become =
                                            [](const process::Attainable& attainable) {
                                                const auto became = process::become_for_cuts(attainable.identity);
                                                return became ? find_cut_problem() : "leader-cut: " + became.error().text;
                                            },
                                        .serve =
                                            [&](int socket) {
                                                restrict_calls(options);
                                                serve(socket, *process->revoked_);
                                            }},
                                       true);
    if (!helper) return helper.error();
    process->process_ = *std::move(helper);
    return process;
}

CutProcess::~CutProcess() {
    process_.reset();
    if (revoked_) munmap(revoked_, sizeof *revoked_);
}

std::string find_cut_warning(const conf::Options& options) {
    const auto process = CutProcess::start(options);
    if (!process)
        return process.error().text.starts_with("leader-cut") ? process.error().text : std::string();  // a user: checked elsewhere
    return *process ? (*process)->warning() : std::string();
}

}  // namespace lictor::hooks
