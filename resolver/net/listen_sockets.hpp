// The sockets on which clients are served: bound at the start and when endpoints are added, for UDP and TCP, one set per worker.
#pragma once

#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"
#include "resolver/answer/actions.hpp"

namespace lictor::net {

/// A bound descriptor. Owns it; the destructor closes it.
class BoundSocket {
public:
    /// Takes over `fd`. `endpoint`: as bound, with the real port.
    BoundSocket(int fd, Endpoint endpoint, answer::Transport transport) : fd_(fd), endpoint_(endpoint), transport_(transport) {}
    BoundSocket(BoundSocket&& other) noexcept;
    BoundSocket& operator=(BoundSocket&& other) noexcept;
    ~BoundSocket();
    /// -1 after a move.
    int fd() const { return fd_; }
    const Endpoint& endpoint() const { return endpoint_; }
    answer::Transport transport() const { return transport_; }

private:
    int fd_ = -1;
    Endpoint endpoint_;
    answer::Transport transport_ = answer::Transport::udp;
};

/// What `bind_all` binds. An endpoint that is given twice is bound once.
struct BindRequest {
    std::vector<Endpoint> endpoints;   ///< all must be bound, else `bind_all` fails
    std::vector<Endpoint> if_present;  ///< bound if this machine has the address, left out if not (::1 without IPv6)
    std::string device;                ///< interface for SO_BINDTODEVICE; empty = any
    unsigned workers = 1;              ///< SO_REUSEPORT is set only with more than one
    unsigned owner = 0;  ///< user id that owns the descriptors of several workers, where CAP_CHOWN allows it (fchown(2)): the kernel lets
                         ///< only sockets of this user join their SO_REUSEPORT group, also at an address that overlaps theirs
};
/// Binds UDP and TCP for every endpoint and worker. All endpoints are first bound exclusively and closed again: with SO_REUSEPORT alone a
/// second instance would silently take half of the queries. Port 0: the kernel chooses one port, the same for UDP, TCP, all endpoints
/// and all workers. Gives one vector per worker; the descriptors are non-blocking and close-on-exec, and the TCP ones listen. The error
/// "cannot listen on ENDPOINT (UDP|TCP): CAUSE" has a remedy for the usual causes; nothing stays bound then. May be called by any thread.
Result<std::vector<std::vector<BoundSocket>>> bind_all(const BindRequest& request);

/// Sets the options of a UDP socket for clients: buffers for bursts, no fragmentation by forged ICMP messages, and the destination address
/// of each query on a wildcard address. What the process may not set is left out.
void tune_udp(int fd, const Address& address);

}  // namespace lictor::net
