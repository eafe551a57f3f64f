// Checks the URL, resolves its host, and sends the request.
#include "watch/http/rest.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "conf/options/consul_http.hpp"
#include "watch/http/transfers.hpp"

namespace lictor::http {
namespace {

constexpr std::size_t body_max = 64u << 10;  // a status with a hundred standbys has 20 KiB
constexpr std::size_t idle_handles_max = 4, hosts_max = 64, url_bytes_max = 1024;
constexpr Now found_good_for = seconds(2);

/// http or https, without a user, blanks, and bytes that could end a header line.
bool is_usable(const std::string& url) {
    const bool plain =
        std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '@' && c != '"' && c != '\\'; });
    return plain && url.size() <= url_bytes_max && (url.starts_with("http://") || url.starts_with("https://"));
}

}  // namespace

struct Rest::State {
    struct Found {
        std::vector<Address> addresses;
        Now at{};
    };

    Http::Resolve resolve;
    std::map<std::string, Found> hosts;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
    Transfers transfers;

    State(loop::Loop& loop, Http::Resolve resolver)
        : resolve(std::move(resolver)),
          transfers(loop, idle_handles_max, {.ended = [this](Exchange& exchange) { on_ended(exchange); }, .turned = {}}) {}

    ~State() { *alive = false; }

    void start(Exchange& exchange) {
        const auto ticket = exchange.ticket;
        try {
            find_address(exchange);
        } catch (const std::bad_alloc&) {
            if (transfers.find(ticket)) transfers.fail_without_memory(exchange);
        }
    }

    /// Throws std::bad_alloc.
    void find_address(Exchange& exchange) {
        if (exchange.rest.literal) return launch(exchange);
        const std::string host = exchange.rest.host;
        if (const auto known = hosts.find(host); known != hosts.end() && loop::Loop::now() - known->second.at < found_good_for) {
            exchange.rest.found = known->second.addresses;
            return launch(exchange);
        }
        if (!resolve) return transfers.fail(exchange, "its host name cannot be resolved: there is no resolver");
        resolve(host, [this, ticket = exchange.ticket, host, still = std::weak_ptr(alive)](std::vector<Address> found) {
            const auto held = still.lock();
            if (!held || !*held) return;
            auto* const waiting = transfers.find(ticket);
            if (!waiting) return;
            if (found.empty()) return transfers.fail(*waiting, "its host name could not be resolved");
            try {
                if (hosts.size() >= hosts_max) hosts.clear();
                hosts[host] = {found, loop::Loop::now()};
                waiting->rest.found = std::move(found);
                launch(*waiting);
            } catch (const std::bad_alloc&) {
                if (transfers.find(ticket)) transfers.fail_without_memory(*waiting);
            }
        });
    }

    void launch(Exchange& exchange) {
        exchange.resolve = list_of(exchange.rest.resolve_entry());
        transfers.launch(exchange, exchange.rest.url, {}, conf::ConsulHttpOptions{});
    }

    void on_ended(Exchange& exchange) {
        if (exchange.reply.unreachable) hosts.erase(exchange.rest.host);  // resolve it again
        if (exchange.done) exchange.done(std::move(exchange.reply));
    }
};

Rest::Rest(loop::Loop& loop, Http::Resolve resolve) : state_(std::make_unique<State>(loop, std::move(resolve))) {}
Rest::~Rest() = default;

Rest::Ticket Rest::get(const std::string& url, milliseconds timeout, std::function<void(polling::HttpReply)> done) {
    auto exchange = std::make_unique<Exchange>();
    exchange->timeout = timeout;
    exchange->body_max = body_max;
    exchange->done = std::move(done);
    exchange->rest = polling::HttpTarget::from(conf::ConsulAddress{url, {}}, {});
    Exchange& begun = state_->transfers.add(std::move(exchange));
    const Ticket ticket = begun.ticket;
    if (is_usable(url)) state_->start(begun);
    else state_->transfers.fail(begun, "its api_url is not a usable URL");
    return ticket;
}

void Rest::cancel(Ticket ticket) { state_->transfers.cancel(ticket); }

}  // namespace lictor::http
