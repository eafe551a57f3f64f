// Decides which address and which token a request gets, and when it is ended before its time-out.
#include "watch/http/http.hpp"

#include <utility>
#include <vector>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/base/wipe.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "conf/options/consul_http.hpp"
#include "watch/http/ca_store.hpp"
#include "watch/http/token.hpp"
#include "watch/http/transfers.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::http {
namespace {

constexpr std::size_t idle_handles_max = 8;
constexpr Now slow_grace = seconds(5);  // after the first byte; a second more for each MiB
constexpr milliseconds check_every{250};
constexpr milliseconds probe_every{10'000}, probe_timeout{2000};
constexpr Now found_good_for = seconds(10);

std::string reason_of(const polling::HttpReply& reply) { return reply.status ? "status " + std::to_string(reply.status) : reply.error; }

void warn_of_tls_files(const conf::ConsulHttpOptions& options, const KeptFiles& files) {
    warn_of_unreadable(options, files);
    if (const auto lack = lack_of_consul_ca(options); !lack.empty()) log::warning("consul-http-addr: " + lack);
}

}  // namespace

struct Http::State {
    metrics::ControlCounters& counters;
    Resolve resolve;
    conf::ConsulHttpOptions options;
    polling::HttpTargets targets;
    KeptFiles files;
    HttpToken token;
    List headers;
    loop::Timer check, probe;
    std::uint64_t generation = 0;  ///< of the addresses
    std::size_t receiving = 0;     ///< exchanges whose reply has begun
    Ticket probing = 0;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
    Transfers transfers;

    State(loop::Loop& loop, const conf::ConsulHttpOptions& given, metrics::ControlCounters& counts, Resolve resolver, KeptFiles kept)
        : counters(counts),
          resolve(std::move(resolver)),
          options(given),
          targets(given),
          files(std::move(kept)),
          token(given, files),
          check(loop, [this] { end_slow(); }),
          probe(loop, [this] { probe_earlier(); }),
          transfers(loop, idle_handles_max,
                    {.ended = [this](Exchange& exchange) { on_ended(exchange); },
                     .turned =
                         [this] {
                             if (receiving > 0 && !check.active()) check.repeat(check_every);
                         }}) {}

    ~State() { *alive = false; }

    // ---- one exchange

    Ticket start(std::unique_ptr<Exchange> exchange) {
        exchange->generation = generation;
        exchange->memory = budget::Held(counters.memory, budget::Kind::consul);
        exchange->give_up = loop::Loop::now() + exchange->timeout;
        counters.consul_requests.add();
        Exchange& begun = transfers.add(std::move(exchange));
        const Ticket ticket = begun.ticket;
        if (targets.size() == 0) {
            transfers.fail(begun, "no Consul address is configured");
            return ticket;
        }
        try {
            refresh_addresses(begun.target);
        } catch (const std::bad_alloc&) {
            if (transfers.find(ticket) == &begun && !begun.easy) transfers.fail_without_memory(begun);
        }
        // If the address was found at once, the exchange was launched or has failed already.
        if (transfers.find(ticket) != &begun || begun.easy) return ticket;
        if (!waits_for_address(begun)) launch(begun);
        else check.repeat(check_every);
        return ticket;
    }

    bool waits_for_address(const Exchange& exchange) {
        const auto& target = targets[exchange.target];
        return !target.literal && target.found.empty();
    }

    void refresh_addresses(std::size_t number) {
        auto& target = targets[number];
        if (target.literal || target.resolving || !resolve) return;
        if (!target.found.empty() && loop::Loop::now() - target.found_at < found_good_for) return;
        target.resolving = true;
        try {
            resolve(target.host, [this, number, generation_then = generation, still = std::weak_ptr(alive)](std::vector<Address> found) {
                const auto held = still.lock();
                if (!held || !*held) return;
                if (generation_then != generation) return;
                targets[number].resolving = false;
                on_found(number, std::move(found));
            });
        } catch (const std::bad_alloc&) {
            targets[number].resolving = false;
            throw;
        }
    }

    void on_found(std::size_t number, std::vector<Address> found) {
        auto& target = targets[number];
        if (!found.empty()) {
            target.found = std::move(found);
            target.found_at = loop::Loop::now();
        }
        std::vector<Exchange*> waiting;
        transfers.each([&](Exchange& exchange) {
            if (!exchange.easy && exchange.target == number) waiting.push_back(&exchange);
        });
        for (auto* exchange : waiting) {
            if (target.found.empty()) transfers.fail(*exchange, "address of the Consul host could not be resolved");
            else launch(*exchange);
        }
    }

    void launch(Exchange& exchange) {
        try {
            prepare(exchange);
            const auto& target = targets[exchange.target];
            transfers.launch(exchange, target.url + exchange.path, target.unix_path, options, files);
        } catch (const std::bad_alloc&) {
            transfers.fail_without_memory(exchange);
        }
    }

    /// Throws std::bad_alloc.
    void prepare(Exchange& exchange) {
        if (token.refresh(loop::Loop::now())) headers.reset();  // without memory for the new token they are made for the next request
        if (!headers) {
            std::string line = token.text().empty() ? "" : "X-Consul-Token: " + token.text();
            const WipedAtEnd wiped_line(line);
            headers = list_of(line);
        }
        const auto& target = targets[exchange.target];
        exchange.headers = headers;
        exchange.resolve = list_of(target.resolve_entry());
        exchange.connect = list_of(target.connect_entry());
        exchange.reply.address = exchange.target;
        exchange.receiving = &receiving;
    }

    void on_ended(Exchange& exchange) {
        auto& reply = exchange.reply;
        try {
            reply.refusal = polling::refusal_of(reply.status, reply.body);
            if (reply.status == 0 || reply.refusal != polling::Refusal::none) counters.consul_errors.add();
            if (reply.status == 403) token.refused();
            if (!exchange.probe && concerns_all(reply)) log_failed(exchange);
            if (!exchange.probe && exchange.generation == generation) judge_target(exchange);
        } catch (const std::bad_alloc&) {  // who asked gets the reply all the same
            loop::note_lack_of_memory();
        }
        if (exchange.done) exchange.done(std::move(reply));
    }

    /// 403 "Permission denied" concerns one watch (agent:read may be missing on purpose); an unknown token and server errors concern all.
    static bool concerns_all(const polling::HttpReply& reply) {
        return reply.status == 0 || reply.status >= 500 || (reply.status == 403 && reply.refusal != polling::Refusal::permission_denied);
    }

    /// Once a minute, because an outage fails every request in the same way.
    void log_failed(const Exchange& exchange) {
        if (exchange.generation != generation || exchange.target >= targets.size()) return;
        // The watcher logs the same failure when contact is lost, but only its first 200 bytes, too few for a TLS failure.
        if (exchange.reply.unreachable && !targets[exchange.target].url.starts_with("https:")) return;
        static RateLimit failed{60};
        if (!failed.pass(loop::Loop::now() / seconds(1))) return;
        const auto& reply = exchange.reply;
        log::warning("consul request failed address=" + targets[exchange.target].shown + " path=" + printable(exchange.path) +
                     " why=" + one_line(reply.status ? reason_of(reply) + ' ' + reply.body.substr(0, 120) : reply.error));
    }

    // ---- which address

    void judge_target(const Exchange& exchange) {
        const auto& reply = exchange.reply;
        const bool address_failed =
            (reply.status == 0 && !exchange.refused) || reply.status == 429 ||
            ((reply.status == 500 || (reply.status >= 502 && reply.status <= 504)) && reply.refusal != polling::Refusal::no_datacenter);
        if (!address_failed) return;
        if (reply.unreachable && exchange.target < targets.size()) targets[exchange.target].found_at = {};  // resolve it again
        if (exchange.target >= targets.size() || !targets.failed(exchange.target)) return;
        counters.consul_failovers.add();
        log::warning("consul address failed, the next one is used address=" + targets[exchange.target].shown +
                     " next=" + targets[targets.current()].shown + " why=" + one_line(reason_of(reply)));
        if (!probe.active()) probe.repeat(probe_every);
    }

    /// Asks the earlier addresses in order; the first one with a Raft leader is used again.
    void probe_earlier(std::size_t number = 0) {
        if (targets.current() == 0) {
            probe.stop();
            return;
        }
        if (probing || number >= targets.current()) return;
        auto exchange = std::make_unique<Exchange>();
        exchange->path = "/v1/status/leader";
        exchange->timeout = probe_timeout;
        exchange->target = number;
        exchange->probe = true;
        exchange->done = [this, number](const polling::HttpReply& reply) {
            probing = 0;
            if (reply.status == 200 && reply.body.size() > 4) {  // `""` while there is no leader
                targets.recovered(number);
                log::info("consul address works again and is used address=" + targets[number].shown);
            } else {
                probe_earlier(number + 1);
            }
        };
        probing = start(std::move(exchange));
    }

    // ---- time

    /// Ends exchanges whose reply comes too slowly, and those whose host name was not resolved in time.
    void end_slow() {
        const Now now = loop::Loop::now();
        std::vector<Exchange*> slow, unresolved;
        bool any = false;
        transfers.each([&](Exchange& exchange) {
            const auto& first = exchange.first_byte;
            const auto allowance = slow_grace + microseconds(static_cast<std::int64_t>(exchange.reply.body.size()));
            if (!exchange.easy && now >= exchange.give_up) unresolved.push_back(&exchange);
            else if (first && now - *first > allowance) slow.push_back(&exchange);
            else any = any || first || !exchange.easy;
        });
        for (auto* exchange : unresolved) transfers.fail(*exchange, "address of the Consul host could not be resolved in time");
        for (auto* exchange : slow) transfers.fail(*exchange, "reply came too slowly");
        if (!any) check.stop();
    }
};

Http::Http(loop::Loop& loop, const conf::ConsulHttpOptions& options, metrics::ControlCounters& counters, Resolve resolve, KeptFiles files)
    : state_(std::make_unique<State>(loop, options, counters, std::move(resolve), std::move(files))) {
    warn_of_tls_files(options, state_->files);
}
Http::~Http() = default;

Http::Ticket Http::get(std::string path_and_query, milliseconds timeout, std::function<void(polling::HttpReply)> done) {
    auto exchange = std::make_unique<Exchange>();
    exchange->path = std::move(path_and_query);
    exchange->timeout = timeout;
    exchange->target = state_->targets.current();
    exchange->done = std::move(done);
    return state_->start(std::move(exchange));
}

void Http::cancel(Ticket ticket) { state_->transfers.cancel(ticket); }

void Http::adopt(const conf::ConsulHttpOptions& options) {
    auto& self = *state_;
    self.options = options;
    self.targets = polling::HttpTargets(options);
    self.token = HttpToken(options, self.files);
    warn_of_tls_files(options, self.files);
    self.headers.reset();
    self.transfers.drop_idle_handles();
    self.probe.stop();
    ++self.generation;
    if (self.probing) cancel(std::exchange(self.probing, 0));
    // A request that still waits for its host name to be resolved refers to the old list of addresses: it fails.
    std::vector<Exchange*> unsent;
    self.transfers.each([&](Exchange& exchange) {
        if (!exchange.easy) unsent.push_back(&exchange);
    });
    for (auto* exchange : unsent) self.transfers.fail(*exchange, "the Consul addresses were changed");
}

std::string Http::current() const { return state_->targets.size() == 0 ? std::string() : state_->targets[state_->targets.current()].shown; }

}  // namespace lictor::http
