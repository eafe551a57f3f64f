// New endpoints are bound before old ones are given up.
#include "resolver/sockets.hpp"

#include <algorithm>

#include "conf/log.hpp"
#include "resolver/interfaces.hpp"

namespace lictor {
namespace {

bool among(const std::vector<Endpoint>& list, const Endpoint& endpoint) { return std::find(list.begin(), list.end(), endpoint) != list.end(); }

}  // namespace

Result<bool> Sockets::bind(const Options& options, unsigned owner) {
    owner_ = owner;
    BindRequest request;
    // With bind-dynamic an address may come later.
    (options.bind_dynamic ? request.if_present : request.endpoints) = wanted_endpoints(options, read_interfaces());
    request.workers = options.threads;
    request.owner = owner_;
    if (options.port == 0) {  // DNS is off
        bound_.resize(request.workers);
        return true;
    }
    auto bound = bind_all(request);
    if (!bound) return bound.error();
    bound_ = std::move(*bound);
    for (const auto& socket : bound_.front())
        if (socket.transport() == Transport::udp) listening_.push_back(socket.endpoint());
    return true;
}

std::vector<Endpoint> Sockets::missing(const std::vector<Endpoint>& wanted) const {
    std::vector<Endpoint> out;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(out), [this](const Endpoint& endpoint) { return !among(listening_, endpoint); });
    return out;
}

Result<Sockets::Change> Sockets::prepare(const Options& options, const Crew& crew) const {
    Change change{wanted_endpoints(options, read_interfaces()), std::vector<std::vector<BoundSocket>>(crew.size())};
    BindRequest request;
    const auto more = missing(change.wanted);
    (options.bind_dynamic ? request.if_present : request.endpoints) = more;
    request.workers = static_cast<unsigned>(crew.size());
    request.owner = owner_;
    if (more.empty()) return change;
    auto bound = bind_all(request);
    if (!bound) return bound.error();
    change.added = std::move(*bound);
    // What is not there now is taken up when it comes.
    std::erase_if(change.wanted, [&](const Endpoint& endpoint) {
        const auto is_it = [&](const BoundSocket& socket) { return socket.endpoint() == endpoint; };
        return among(more, endpoint) && (change.added.empty() || std::none_of(change.added.front().begin(), change.added.front().end(), is_it));
    });
    return change;
}

void Sockets::adopt(Change change, Crew& crew) {
    if (change.wanted == listening_) return;
    listening_ = std::move(change.wanted);
    crew.rebind(std::move(change.added), listening_);
}

void Sockets::follow(const Options& options, Crew& crew) {
    const auto wanted = wanted_endpoints(options, read_interfaces());
    BindRequest request;
    request.if_present = missing(wanted);
    request.workers = static_cast<unsigned>(crew.size());
    request.owner = owner_;
    auto bound = bind_all(request);
    if (!bound) log::warning("an address has come that cannot be listened on: " + bound.error().text);
    auto added = bound ? std::move(*bound) : std::vector<std::vector<BoundSocket>>(crew.size());
    std::vector<Endpoint> now;
    for (const auto& endpoint : listening_) {
        if (among(wanted, endpoint)) now.push_back(endpoint);
        else log::info("no longer listening on " + endpoint.text());
    }
    for (const auto& socket : added.front()) {
        if (socket.transport() != Transport::udp) continue;
        now.push_back(socket.endpoint());
        log::info("listening on " + socket.endpoint().text());
    }
    if (now == listening_) return;
    listening_ = now;
    crew.rebind(std::move(added), now);
}

}  // namespace lictor
