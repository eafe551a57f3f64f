// The process that ends connections to deposed leaders (leader-cut), and its messages: one packet each on a SOCK_SEQPACKET pair. It alone
// keeps CAP_NET_ADMIN, and does nothing but this. It is no part of the hook runner, so a request never waits for a program, and
// no program runs in a process with this capability.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"
#include "conf/options/options_fwd.hpp"
#include "resolver/cut/leader_cuts.hpp"
#include "resolver/hooks/helper_process.hpp"

namespace lictor::hooks {

/// Sent as its bytes, as the reply is: both ends are forks of one binary.
struct CutRequest {
    std::uint64_t number = 0;  ///< from 1
    std::uint32_t count = 0;   ///< of `places`
    std::array<Endpoint, cut::LeaderCuts::places_max> places{};
};
struct CutReply {
    std::uint64_t number = 0;                                        ///< of the request
    std::array<std::uint32_t, cut::LeaderCuts::places_max> ended{};  ///< connections, by place
    std::uint32_t failed = 0;                                        ///< connections that could not be ended
    std::int32_t error = 0;                                          ///< errno of the last failure; 0 = none
    bool revoked = false;                                            ///< none was ended
};

class CutProcess {
public:
    /// Null without leader-cut. Errors, and when to call: as HelperProcess::start. If connections cannot be ended here, that is the
    /// warning.
    static Result<std::unique_ptr<CutProcess>> start(const conf::Options& options);
    ~CutProcess();
    CutProcess(const CutProcess&) = delete;
    CutProcess& operator=(const CutProcess&) = delete;

    /// The SOCK_SEQPACKET end of lictor; belongs to this object.
    int socket() const { return process_->socket(); }
    const std::string& warning() const { return process_->warning(); }
    /// Requests up to this number end no connection that is made from now on. Does not wait.
    void revoke(std::uint64_t number) { revoked_->store(number, std::memory_order_seq_cst); }

private:
    CutProcess() = default;
    std::atomic<std::uint64_t>* revoked_ = nullptr;  ///< in memory that both processes share
    std::unique_ptr<HelperProcess> process_;
};

/// What `--test` warns of for leader-cut; empty: nothing, or the option is off. Starts the process and ends it. Before any thread.
std::string find_cut_warning(const conf::Options& options);

}  // namespace lictor::hooks
