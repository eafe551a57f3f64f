// A process beside lictor with rights that lictor gives up, or that runs programs of others. It is forked while lictor has neither sockets
// nor threads, and what it may do is fixed then. It ends when lictor closes its end of the socket between them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "conf/base/result.hpp"
#include "conf/options/options_fwd.hpp"
#include "resolver/process/privileges.hpp"

namespace lictor::hooks {

class HelperProcess {
public:
    /// What the process does after the fork.
    struct Work {
        const char* option;  ///< begins the texts of errors
        const char* name;    ///< of the process, 15 bytes at most
        /// Becomes the user. The text is a warning for the log; empty: none.
        std::function<std::string(const process::Attainable&)> become;
        std::function<void(int socket)> serve;  ///< until the other end of the SOCK_SEQPACKET pair is closed
    };
    /// Forks; call before there is a thread, a loop or a socket. Waits until the process has become its user. An error if `user` or `group`
    /// is unknown, if the process cannot be made, or if `may_stay_root` is false and root cannot change to `user`.
    static Result<std::unique_ptr<HelperProcess>> start(const conf::Options& options, const Work& work, bool may_stay_root);
    ~HelperProcess();  ///< closes the socket, which ends the process; waits for it, 600 ms at most
    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;

    /// The end of lictor; belongs to this object.
    int socket() const { return socket_; }
    const std::string& warning() const { return warning_; }

private:
    HelperProcess() = default;
    int socket_ = -1;
    int pid_ = -1;
    std::string warning_;
};

}  // namespace lictor::hooks
