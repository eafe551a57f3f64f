// A request is sent when places are due and the reply to the last one has come.
#include "resolver/hooks/connection_cutter.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/hooks/cut_connections.hpp"

namespace lictor::hooks {

ConnectionCutter::ConnectionCutter(loop::Loop& loop, std::unique_ptr<CutProcess> process, metrics::ControlCounters& counters, Hooks hooks)
    : process_(std::move(process)), counters_(counters), hooks_(std::move(hooks)), last_problem_(process_->warning()), timer_(loop, [this] {
          go_on();
      }) {
    if (!last_problem_.empty()) log::warning(last_problem_);
    const auto watched = watch_.start(loop, process_->socket(), UV_READABLE, [this](int) { on_readable(); });
    if (!watched) {
        log::error("leader-cut: " + watched.error().text + "; no connection will be ended");
        alive_ = false;
    }
}

void ConnectionCutter::on_catalog(const catalog::Catalog& offered) {
    const Now now = loop::Loop::now();
    if (cuts_.on_catalog(offered, now) && waiting_) process_->revoke(request_.number);
    go_on();
}

void ConnectionCutter::go_on() {
    if (!alive_ || waiting_) return;
    finish();
    const Now now = loop::Loop::now();
    const auto places = cuts_.due(now);
    if (!places.empty()) {
        ++request_.number;
        request_.count = static_cast<std::uint32_t>(places.size());
        std::ranges::copy(places, request_.places.begin());
        // At most one request is under way, so the socket always has room for it.
        if (send(process_->socket(), &request_, sizeof request_, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return on_process_gone();
        waiting_ = true;
    } else if (const auto next = cuts_.next()) {
        timer_.start(std::max(*next - now, microseconds(1000)));
    }
}

void ConnectionCutter::on_readable() {
    CutReply reply;
    const ssize_t got = recv(process_->socket(), &reply, sizeof reply, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got != sizeof reply) return on_process_gone();
    waiting_ = false;
    if (reply.number == request_.number) on_reply(reply);
    go_on();
}

void ConnectionCutter::on_reply(const CutReply& reply) {
    if (reply.revoked) cuts_.again(loop::Loop::now());
    for (std::uint32_t i = 0; i < request_.count; ++i) {
        if (reply.ended[i] == 0) continue;
        counters_.leader_connections_cut.add(reply.ended[i]);
        const auto service = cuts_.on_ended(request_.places[i], reply.ended[i]);
        if (!service.empty()) hooks_.ended(service, reply.ended[i]);
    }
    if (reply.error == 0) return;
    counters_.leader_cut_failures.add(std::max(reply.failed, 1u));
    // A problem that remains is logged once.
    if (auto problem = cut_problem(reply.error); problem != last_problem_) log::warning(last_problem_ = std::move(problem));
}

void ConnectionCutter::finish() {
    for (const auto& one : cuts_.take_finished(loop::Loop::now())) {
        const std::string of = ", the deposed leader of " + printable(one.service) + " (" + printable(one.member) + ")";
        std::string places;
        for (const auto& place : one.places)
            places += (places.empty() ? "" : ", ") + place.address.text() + " port " + std::to_string(place.port);
        if (one.places.empty())
            log::warning("leader-cut: no connection was ended to" + of.substr(1) +
                         ": its IP address or port is not known; name the port (leader=…,port=)");
        else if (one.shared)
            log::info("leader-cut: connections to " + places + " stay: another leader has the address and port of" + of.substr(1));
        else log::info("leader-cut: " + std::to_string(one.connections) + " connections to " + places + of + ", ended");
        hooks_.finished(one);
    }
}

void ConnectionCutter::on_process_gone() {
    if (!alive_) return;
    alive_ = waiting_ = false;
    watch_.stop();
    timer_.stop();
    counters_.leader_cut_failures.add();
    log::error("leader-cut: the process that ends connections has ended; none is ended until lictor is restarted");
}

}  // namespace lictor::hooks
