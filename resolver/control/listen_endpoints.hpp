// The endpoints on which clients are served. They are bound at the start, and changed by a reload and by addresses that are added or
// removed. lifecycle/listen_plan decides which ones are served; net/listen_sockets binds them. Used on the control thread only.
#pragma once

#include <string>
#include <vector>

#include "conf/options/options.hpp"
#include "resolver/net/listen_sockets.hpp"
#include "resolver/rules/followed_files.hpp"
#include "resolver/workers/worker_pool.hpp"

namespace lictor::control {

/// Does not own the sockets that are served: the workers do.
class ListenEndpoints {
public:
    /// One row of sockets per worker.
    using PerWorker = std::vector<std::vector<net::BoundSocket>>;

    /// Takes over the sockets that systemd has bound (net::take_inherited_sockets). They are served until the end, whatever addresses the
    /// options name. Before `bind`.
    void inherit(std::vector<net::BoundSocket> sockets) { inherited_ = std::move(sockets); }
    /// Binds at the start, with the rights that ports below 1024 need. `owner`: user id of all sockets, of later ones too (SO_REUSEPORT).
    /// An error, that of net::bind_all, if an address cannot be bound. An address that this machine does not have is left out; with
    /// bind-interfaces it is an error, and so is a name in `interface=` without an interface.
    Result<bool> bind(const conf::Options& options, unsigned owner);
    /// The sockets of `bind`, per worker. Call once.
    PerWorker take_sockets() { return std::move(bound_); }

    /// The endpoints of a new configuration. `added` is bound and not yet served; nothing changes if the value is dropped.
    struct Change {
        std::vector<Endpoint> to_serve;
        PerWorker added;  ///< those of `to_serve` that are new
    };
    /// Binds the endpoints that the options choose and that are not served yet. Errors as `bind`. A port below 1024 needs
    /// CAP_NET_BIND_SERVICE.
    Result<Change> prepare(const conf::Options& options, const workers::WorkerPool& pool) const;
    /// Serves the endpoints of `change`, closes the others. Cannot fail.
    void adopt(Change change, workers::WorkerPool& pool);
    /// Logs a warning for each configured interface and address that is absent: nothing else would show a misspelt one.
    void warn_of_missing(const conf::Options& options) const;
    /// After addresses came or went: binds the endpoints to serve, closes the others, logs both. For each new one that cannot be bound a
    /// warning is logged, once for each cause.
    void follow(const conf::Options& options, workers::WorkerPool& pool);

    /// The endpoints that are served, each once, with the real ports.
    const std::vector<Endpoint>& listening() const { return listening_; }

private:
    /// What the options choose on these interfaces, and the inherited sockets.
    std::vector<Endpoint> to_serve(const conf::Options& options, const std::vector<rules::InterfaceAddress>& interfaces) const;
    Result<PerWorker> bind_more(const conf::Options& options, const std::vector<Endpoint>& endpoints, std::size_t workers) const;

    unsigned owner_ = 0;
    std::vector<net::BoundSocket> inherited_;  ///< each worker has duplicates
    std::vector<Endpoint> listening_;
    PerWorker bound_;
    /// An address that came and cannot be bound. It does not refuse a reload, and is tried again when addresses change.
    struct Failure {
        Endpoint endpoint;
        std::string text;
    };
    const Failure* failure_of(const Endpoint& endpoint) const;
    std::vector<Failure> failures_;
};

}  // namespace lictor::control
