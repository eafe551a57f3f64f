// The sockets for clients as one: which endpoints are bound now, and how that follows the configuration and the machine's addresses. What
// the addresses are is said by interfaces.hpp, how a socket is bound by listener.hpp.
#pragma once

#include <string>
#include <vector>

#include "conf/options.hpp"
#include "resolver/crew.hpp"
#include "resolver/listener.hpp"

namespace lictor {

class Sockets {
public:
    /// At the start, with the rights that ports below 1024 need. `owner`: whose sockets later ones are, too (SO_REUSEPORT).
    Result<bool> bind(const Options& options, unsigned owner);
    /// What was bound at the start, per worker; once.
    std::vector<std::vector<BoundSocket>> hand_over() { return std::move(bound_); }

    /// A newer configuration, bound but not used yet: nothing has changed if it is dropped or could not be had.
    struct Change {
        std::vector<Endpoint> wanted;
        std::vector<std::vector<BoundSocket>> added;  ///< per worker
    };
    Result<Change> prepare(const Options& options, const Crew& crew) const;
    void adopt(Change change, Crew& crew);
    /// Addresses came or went: those that `options` ask for are bound, the others given up; what changed is in the log.
    void follow(const Options& options, Crew& crew);

    const std::vector<Endpoint>& listening() const { return listening_; }

private:
    std::vector<Endpoint> missing(const std::vector<Endpoint>& wanted) const;

    unsigned owner_ = 0;
    std::vector<Endpoint> listening_;
    std::vector<std::vector<BoundSocket>> bound_;
};

}  // namespace lictor
