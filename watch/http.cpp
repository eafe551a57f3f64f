// The way of an exchange with Consul: which address, which token, when it is ended before its time. No redirects, no proxies, no
// compression: Consul needs none of them, and each is a way to be misled.
#include "watch/http.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conf/log.hpp"
#include "watch/curl_loop.hpp"
#include "watch/http_exchange.hpp"
#include "watch/http_target.hpp"
#include "watch/http_token.hpp"

namespace lictor {
namespace {

constexpr std::size_t idle_handles_max = 8;
constexpr long connections_spare = 4;
constexpr Now trickle_grace = seconds(5);             // after the first byte, then a second for each MiB
constexpr milliseconds watch_over_every{250};
constexpr milliseconds probe_every{10'000}, probe_timeout{2000};
constexpr Now found_good_for = seconds(10);

}  // namespace

struct Http::State {
    Loop& loop;
    ControlCounters& counters;
    Resolve resolve;
    Options options;
    HttpTargets targets;
    HttpToken token;
    List headers;
    CurlLoop curl;
    Timer watch_over, probe, soon;
    std::unordered_map<Ticket, std::unique_ptr<Exchange>> exchanges;
    std::vector<std::unique_ptr<Exchange>> ended;  ///< without libcurl: to be handed out by `soon`
    std::vector<Easy> idle;
    Ticket next_ticket = 1;
    std::uint64_t generation = 0, connections = 0;  ///< of addresses
    std::size_t receiving = 0;
    Ticket probing = 0;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);

    State(Loop& on, const Options& given, ControlCounters& counts, Resolve resolver)
        : loop(on), counters(counts), resolve(std::move(resolver)), options(given), targets(given), token(given),
          curl(on, {.ended = [this](CURL* easy, CURLcode code) { finish(easy, code); },
                    .turned =
                        [this] {
                            if (receiving > 0 && !watch_over.active()) watch_over.repeat(watch_over_every);
                        }}),
          watch_over(on, [this] { look_over(); }), probe(on, [this] { probe_earlier(); }), soon(on, [this] { hand_out_ended(); }) {}

    ~State() {
        *alive = false;
        for (auto& [ticket, exchange] : exchanges)
            if (exchange->easy) curl.remove(exchange->easy.get());
        exchanges.clear();
        idle.clear();
    }

    // ---- the way of one exchange

    Ticket start(std::unique_ptr<Exchange> exchange) {
        const Ticket ticket = exchange->ticket = next_ticket++;
        exchange->generation = generation;
        exchange->give_up = Loop::now() + exchange->timeout;
        counters.consul_requests.add();
        Exchange& begun = *exchange;
        exchanges.emplace(ticket, std::move(exchange));
        if (targets.size() == 0) {
            end_without_reply(begun, "no Consul address is configured");
            return ticket;
        }
        refresh_addresses(begun.target);
        if (begun.easy) return ticket;  // the address was there at once, and it was launched with the others that waited
        if (!waits_for_address(begun)) launch(begun);
        else watch_over.repeat(watch_over_every);
        return ticket;
    }

    bool waits_for_address(const Exchange& exchange) {
        const auto& target = targets[exchange.target];
        return !target.literal && target.found.empty();
    }

    void refresh_addresses(std::size_t number) {
        auto& target = targets[number];
        if (target.literal || target.resolving || !resolve) return;
        if (!target.found.empty() && Loop::now() - target.found_at < found_good_for) return;
        target.resolving = true;
        resolve(target.host, [this, number, generation_then = generation, still = std::weak_ptr(alive)](std::vector<Address> found) {
            const auto held = still.lock();
            if (!held || !*held) return;
            if (generation_then != generation) return;
            targets[number].resolving = false;
            on_found(number, std::move(found));
        });
    }

    void on_found(std::size_t number, std::vector<Address> found) {
        auto& target = targets[number];
        if (!found.empty()) {
            target.found = std::move(found);
            target.found_at = Loop::now();
        }
        std::vector<Exchange*> waiting;
        for (auto& [ticket, exchange] : exchanges)
            if (!exchange->easy && exchange->target == number) waiting.push_back(exchange.get());
        for (auto* exchange : waiting) {
            if (target.found.empty()) end_without_reply(*exchange, "address of the Consul host could not be resolved");
            else launch(*exchange);
        }
    }

    void launch(Exchange& exchange) {
        if (token.refresh(Loop::now()) || !headers) headers = list_of(token.text().empty() ? "" : "X-Consul-Token: " + token.text());
        const auto& target = targets[exchange.target];
        exchange.easy = take_easy();
        exchange.headers = headers;
        exchange.resolve = list_of(target.resolve_entry());
        exchange.connect = list_of(target.connect_entry());
        exchange.reply.address = exchange.target;
        exchange.prepare(target.url + exchange.path, target.unix_path);
        curl.keep_connections(static_cast<long>(exchanges.size()) + connections_spare);
        exchange.receiving = &receiving;
        curl.add(exchange.easy.get());
    }

    Easy take_easy() {
        if (!idle.empty()) {
            Easy easy = std::move(idle.back());
            idle.pop_back();
            return easy;
        }
        return make_easy(options);
    }

    void finish(CURL* easy, CURLcode code) {
        void* found = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found);
        auto& exchange = *static_cast<Exchange*>(found);
        long status = 0, opened = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
        connections += static_cast<std::uint64_t>(opened);
        curl.remove(easy);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
        if (idle.size() < idle_handles_max) idle.push_back(std::move(exchange.easy));
        exchange.easy.reset();
        if (code == CURLE_OK) {
            exchange.ended();
            exchange.reply.status = static_cast<int>(status);
            exchange.reply.last_byte = exchange.last_byte;
        } else {
            exchange.fail(exchange.refused ? exchange.refused : exchange.text[0] ? exchange.text : curl_easy_strerror(code), !exchange.sent);
        }
        auto owned = take(exchange.ticket);
        hand_out(*owned);
    }

    std::unique_ptr<Exchange> take(Ticket ticket) {
        const auto at = exchanges.find(ticket);
        auto owned = std::move(at->second);
        exchanges.erase(at);
        return owned;
    }

    void end_without_reply(Exchange& exchange, const char* why) {
        exchange.fail(why, true);
        ended.push_back(take(exchange.ticket));
        soon.start(microseconds(0));
    }

    void hand_out_ended() {
        const auto still = alive;
        while (*still && !ended.empty()) {
            const auto exchange = std::move(ended.back());
            ended.pop_back();
            hand_out(*exchange);
        }
    }

    void hand_out(Exchange& exchange) {
        auto& reply = exchange.reply;
        const bool missing = reply.status == 404;
        if (reply.status == 0 || (reply.status >= 400 && !missing)) counters.consul_errors.add();
        if (reply.status == 403) token.refused();
        // A single denial is the business of who asked (agent:read may be missing by intention); an unknown token is everybody's.
        const bool bad_token = reply.status == 403 && reply.body.find("ermission denied") == std::string::npos;
        if (!exchange.probe && (reply.status == 0 || reply.status >= 500 || bad_token)) say_failed(exchange);
        if (!exchange.probe && exchange.generation == generation) judge_target(exchange);
        if (exchange.done) exchange.done(std::move(reply));
    }

    /// Why nothing is known is said here, where it is known; once a minute, for an outage fails the same way again and again.
    void say_failed(const Exchange& exchange) {
        if (exchange.generation != generation || exchange.target >= targets.size()) return;
        static log::Sometimes failed{60};
        if (!failed.now(Loop::now() / seconds(1))) return;
        const auto& reply = exchange.reply;
        log::warning("consul request failed address=" + targets[exchange.target].shown + " path=" + log::printable(exchange.path) + " why=" +
                     log::one_line(reply.status ? "status " + std::to_string(reply.status) + ' ' + reply.body.substr(0, 120) : reply.error));
    }

    // ---- which address

    void judge_target(const Exchange& exchange) {
        const auto& reply = exchange.reply;
        const bool address_failed = (reply.status == 0 && !exchange.refused) || reply.status == 429 || reply.status == 502 ||
                                    reply.status == 503 || reply.status == 504 ||
                                    (reply.status == 500 && reply.body.find("No path to datacenter") == std::string::npos);
        if (!address_failed) return;
        if (reply.unreachable && exchange.target < targets.size()) targets[exchange.target].found_at = {};  // it may have moved
        if (exchange.target >= targets.size() || !targets.failed(exchange.target)) return;
        counters.consul_failovers.add();
        log::warning("consul address failed, taking the next address=" + targets[exchange.target].shown +
                     " next=" + targets[targets.current()].shown +
                     " why=" + log::one_line(reply.status ? "status " + std::to_string(reply.status) : reply.error));
        if (!probe.active()) probe.repeat(probe_every);
    }

    /// Asks the earlier addresses in order; the first that knows a leader is taken back.
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
        exchange->done = [this, number](const HttpReply& reply) {
            probing = 0;
            if (reply.status == 200 && reply.body.size() > 4) {  // `""` while there is no leader
                targets.recovered(number);
                log::info("consul address answers again address=" + targets[number].shown);
            } else {
                probe_earlier(number + 1);
            }
        };
        probing = start(std::move(exchange));
    }

    // ---- time

    /// Ends exchanges that trickle, and those whose host name finds no address.
    void look_over() {
        const Now now = Loop::now();
        std::vector<Exchange*> slow, lost;
        bool any = false;
        for (auto& [ticket, exchange] : exchanges) {
            const auto& first = exchange->first_byte;
            const auto allowance = trickle_grace + microseconds(static_cast<std::int64_t>(exchange->reply.body.size()));
            if (!exchange->easy && now >= exchange->give_up) lost.push_back(exchange.get());
            else if (first && now - *first > allowance) slow.push_back(exchange.get());
            else any = any || first || !exchange->easy;
        }
        for (auto* exchange : lost) end_without_reply(*exchange, "address of the Consul host could not be resolved in time");
        for (auto* exchange : slow) {
            curl.remove(exchange->easy.get());
            exchange->easy.reset();
            exchange->fail("reply came too slowly", false);
            ended.push_back(take(exchange->ticket));
            soon.start(microseconds(0));
        }
        if (!any) watch_over.stop();
    }
};

Http::Http(Loop& loop, const Options& options, ControlCounters& counters, Resolve resolve)
    : state_(std::make_unique<State>(loop, options, counters, std::move(resolve))) {}
Http::~Http() = default;

Http::Ticket Http::get(std::string path_and_query, milliseconds timeout, std::function<void(HttpReply)> done) {
    auto exchange = std::make_unique<Exchange>();
    exchange->path = std::move(path_and_query);
    exchange->timeout = timeout;
    exchange->target = state_->targets.current();
    exchange->done = std::move(done);
    return state_->start(std::move(exchange));
}

void Http::cancel(Ticket ticket) {
    auto& ended = state_->ended;
    ended.erase(std::remove_if(ended.begin(), ended.end(), [ticket](const auto& exchange) { return exchange->ticket == ticket; }), ended.end());
    const auto at = state_->exchanges.find(ticket);
    if (at == state_->exchanges.end()) return;
    if (at->second->easy) state_->curl.remove(at->second->easy.get());
    state_->exchanges.erase(at);
}

void Http::adopt(const Options& options) {
    auto& self = *state_;
    self.options = options;
    self.targets = HttpTargets(options);
    self.token = HttpToken(options);
    self.headers.reset();
    self.idle.clear();
    self.probe.stop();
    ++self.generation;
    if (self.probing) cancel(std::exchange(self.probing, 0));
    // Those that still look for an address have none to wait for any more.
    std::vector<Exchange*> unsent;
    for (auto& [ticket, exchange] : self.exchanges)
        if (!exchange->easy) unsent.push_back(exchange.get());
    for (auto* exchange : unsent) self.end_without_reply(*exchange, "the Consul addresses were changed");
}

std::string Http::current() const {
    return state_->targets.size() == 0 ? std::string() : state_->targets[state_->targets.current()].shown;
}
std::size_t Http::in_flight() const { return state_->exchanges.size() + state_->ended.size(); }
std::uint64_t Http::connections() const { return state_->connections; }

}  // namespace lictor
