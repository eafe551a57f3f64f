// New endpoints are bound before old ones are closed.
#include "resolver/control/listen_endpoints.hpp"

#include <algorithm>
#include <iterator>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "resolver/control/interfaces.hpp"
#include "resolver/lifecycle/listen_plan.hpp"
#include "resolver/net/inherited_sockets.hpp"

namespace lictor::control {
namespace {

/// The endpoints of one worker's sockets, each once.
std::vector<Endpoint> endpoints_of(const ListenEndpoints::PerWorker& sockets) {
    std::vector<Endpoint> endpoints;
    if (!sockets.empty())
        for (const auto& socket : sockets.front())
            if (socket.transport() == answer::Transport::udp) endpoints.push_back(socket.endpoint());
    return endpoints;
}

}  // namespace

/// Only the addresses of `listen-address` are ever required: one that an interface has may be unusable at this moment (IPv6 checks a new
/// address for duplicates first, RFC 4862 §5.4).
Result<ListenEndpoints::PerWorker> ListenEndpoints::bind_more(const conf::Options& options, const std::vector<Endpoint>& endpoints,
                                                              std::size_t workers) const {
    if (endpoints.empty()) return PerWorker(workers);
    net::BindRequest request;
    const auto named = lifecycle::missing_addresses(options, {});
    for (const auto& endpoint : endpoints) {
        const bool required = lifecycle::requires_all_addresses(options) && lifecycle::contains(named, endpoint);
        (required ? request.endpoints : request.if_present).push_back(endpoint);
    }
    request.workers = static_cast<unsigned>(workers);
    request.owner = owner_;
    return net::bind_all(request);
}

std::vector<Endpoint> ListenEndpoints::to_serve(const conf::Options& options,
                                                const std::vector<rules::InterfaceAddress>& interfaces) const {
    auto endpoints = lifecycle::endpoints_to_serve(options, interfaces);
    for (const auto& socket : inherited_)
        if (!lifecycle::contains(endpoints, socket.endpoint())) endpoints.push_back(socket.endpoint());
    return endpoints;
}

Result<bool> ListenEndpoints::bind(const conf::Options& options, unsigned owner) {
    owner_ = owner;
    const auto interfaces = read_interfaces();
    if (const auto missing = lifecycle::missing_interfaces(options, interfaces);
        lifecycle::requires_all_addresses(options) && !missing.empty())
        return Error{"interface=" + printable(missing.front()) +
                     ": no such interface is up with an address, and bind-interfaces is set; correct the name, bring the interface up "
                     "first, or remove bind-interfaces: then lictor starts and listens there when the interface comes"};
    std::vector<Endpoint> inherited;
    for (const auto& socket : inherited_)
        if (!lifecycle::contains(inherited, socket.endpoint())) inherited.push_back(socket.endpoint());
    auto bound = bind_more(options, lifecycle::endpoints_to_bind(to_serve(options, interfaces), inherited), options.threads);
    if (!bound) {
        std::string text = bound.error().text;
        for (const auto& endpoint : inherited) text += (&endpoint == inherited.data() ? " (systemd holds " : ", ") + endpoint.text();
        return Error{inherited.empty()
                         ? text
                         : text + " for lictor; if lictor is to bind all addresses itself: systemctl disable --now lictor.socket)"};
    }
    bound_ = std::move(*bound);
    // All workers read the same queues: a queue of one worker alone would be lost at a restart.
    for (auto& sockets : bound_)
        for (const auto& socket : inherited_) {
            auto second = net::duplicate(socket);
            if (!second) return Error{"cannot duplicate the socket of " + socket.endpoint().text() + ": " + second.error().text};
            sockets.push_back(std::move(*second));
        }
    listening_ = endpoints_of(bound_);
    return true;
}

Result<ListenEndpoints::Change> ListenEndpoints::prepare(const conf::Options& options, const workers::WorkerPool& pool) const {
    Change change{to_serve(options, read_interfaces()), {}};
    const auto missing = lifecycle::endpoints_to_bind(change.to_serve, listening_);
    auto to_bind = missing;
    std::erase_if(to_bind, [&](const Endpoint& endpoint) { return failure_of(endpoint); });
    auto bound = bind_more(options, to_bind, pool.size());
    if (!bound) return bound.error();
    change.added = std::move(*bound);
    // An address that is absent now is bound when it appears.
    const auto added = endpoints_of(change.added);
    std::erase_if(change.to_serve, [&](const Endpoint& endpoint) {
        return lifecycle::contains(missing, endpoint) && !lifecycle::contains(added, endpoint);
    });
    return change;
}

void ListenEndpoints::warn_of_missing(const conf::Options& options) const {
    for (const auto& name : lifecycle::missing_interfaces(options, read_interfaces()))
        log::warning("interface=" + printable(name) +
                     ": no such interface is up with an address; lictor listens there when it comes (correct a misspelt name)");
    for (const auto& endpoint : lifecycle::missing_addresses(options, listening_))
        log::warning(failure_of(endpoint)
                         ? failure_of(endpoint)->text
                         : "listen-address=" + endpoint.address.text() +
                               ": this machine has no such address; lictor listens there when it comes (correct a misspelt address)");
}

const ListenEndpoints::Failure* ListenEndpoints::failure_of(const Endpoint& endpoint) const {
    const auto found =
        std::find_if(failures_.begin(), failures_.end(), [&](const Failure& failure) { return failure.endpoint == endpoint; });
    return found == failures_.end() ? nullptr : &*found;
}

void ListenEndpoints::adopt(Change change, workers::WorkerPool& pool) {
    if (change.to_serve == listening_) return;
    listening_ = std::move(change.to_serve);
    pool.rebind(std::move(change.added), listening_);
}

void ListenEndpoints::follow(const conf::Options& options, workers::WorkerPool& pool) {
    const auto wanted = to_serve(options, read_interfaces());
    PerWorker added(pool.size());
    std::vector<Failure> failures;
    for (const auto& endpoint : lifecycle::endpoints_to_bind(wanted, listening_)) {
        auto bound = bind_more(options, {endpoint}, pool.size());
        if (!bound) {
            failures.push_back({endpoint, bound.error().text});
            const auto* before = failure_of(endpoint);
            if (!before || before->text != bound.error().text) log::warning(bound.error().text);
            continue;
        }
        for (std::size_t worker = 0; worker < added.size(); ++worker)
            std::move((*bound)[worker].begin(), (*bound)[worker].end(), std::back_inserter(added[worker]));
    }
    failures_ = std::move(failures);
    std::vector<Endpoint> now;
    for (const auto& endpoint : listening_) {
        if (lifecycle::contains(wanted, endpoint)) now.push_back(endpoint);
        else log::info("no longer listening on " + endpoint.text());
    }
    for (const auto& endpoint : endpoints_of(added)) {
        now.push_back(endpoint);
        log::info("listening on " + endpoint.text());
    }
    if (now == listening_) return;
    listening_ = now;
    pool.rebind(std::move(added), now);
}

}  // namespace lictor::control
