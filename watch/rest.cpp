// Exchanges with members, on a libcurl of their own: a member that is slow or lies shares no connection with Consul.
#include "watch/rest.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "watch/curl_loop.hpp"
#include "watch/http_exchange.hpp"
#include "watch/http_target.hpp"

namespace lictor {
namespace {

constexpr std::size_t body_max = 64u << 10;  // a status with a hundred standbys has 20 KiB
constexpr std::size_t idle_handles_max = 4, hosts_max = 64, url_bytes_max = 1024;
constexpr long connections_spare = 4;
constexpr Now found_good_for = seconds(2);

/// What a URL may look like: no user, no blanks, nothing that a header could be made of.
bool is_sound(const std::string& url) {
    const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '@' && c != '"' && c != '\\'; });
    return plain && url.size() <= url_bytes_max && (url.starts_with("http://") || url.starts_with("https://"));
}

}  // namespace

struct Rest::State {
    struct Found {
        std::vector<Address> addresses;
        Now at{};
    };
    struct Call {
        Exchange exchange;
        HttpTarget target;
    };

    Http::Resolve resolve;
    CurlLoop curl;
    Timer soon;
    std::unordered_map<Ticket, std::unique_ptr<Call>> calls;
    std::vector<std::unique_ptr<Call>> ended;  ///< without libcurl: to be handed out by `soon`
    std::vector<Easy> idle;
    std::map<std::string, Found> hosts;
    Ticket next_ticket = 1;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);

    State(Loop& loop, Http::Resolve resolver)
        : resolve(std::move(resolver)), curl(loop, {.ended = [this](CURL* easy, CURLcode code) { finish(easy, code); }, .turned = {}}),
          soon(loop, [this] { hand_out_ended(); }) {}

    ~State() {
        *alive = false;
        for (auto& [ticket, call] : calls)
            if (call->exchange.easy) curl.remove(call->exchange.easy.get());
        calls.clear();
        idle.clear();
    }

    void start(std::unique_ptr<Call> call) {
        Call& begun = *call;
        const Ticket ticket = begun.exchange.ticket;
        calls.emplace(ticket, std::move(call));
        if (begun.target.literal) return launch(begun);
        const std::string host = begun.target.host;
        if (const auto known = hosts.find(host); known != hosts.end() && Loop::now() - known->second.at < found_good_for) {
            begun.target.found = known->second.addresses;
            return launch(begun);
        }
        if (!resolve) return fail(begun, "there is nobody to resolve its host name");
        resolve(host, [this, ticket, host, still = std::weak_ptr(alive)](std::vector<Address> found) {
            const auto held = still.lock();
            if (!held || !*held) return;
            const auto at = calls.find(ticket);
            if (at == calls.end()) return;
            if (found.empty()) return fail(*at->second, "its host name could not be resolved");
            if (hosts.size() >= hosts_max) hosts.clear();
            hosts[host] = {found, Loop::now()};
            at->second->target.found = std::move(found);
            launch(*at->second);
        });
    }

    void launch(Call& call) {
        auto& exchange = call.exchange;
        if (idle.empty()) {
            exchange.easy = make_easy(Options{});
        } else {
            exchange.easy = std::move(idle.back());
            idle.pop_back();
        }
        exchange.resolve = list_of(call.target.resolve_entry());
        exchange.prepare(call.target.url, {});
        curl.keep_connections(static_cast<long>(calls.size()) + connections_spare);
        curl.add(exchange.easy.get());
    }

    void finish(CURL* easy, CURLcode code) {
        void* found = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found);
        auto& exchange = *static_cast<Exchange*>(found);
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl.remove(easy);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
        if (idle.size() < idle_handles_max) idle.push_back(std::move(exchange.easy));
        exchange.easy.reset();
        if (code == CURLE_OK) {
            exchange.reply.status = static_cast<int>(status);
            exchange.reply.last_byte = exchange.last_byte;
        } else {
            exchange.fail(exchange.refused ? exchange.refused : exchange.text[0] ? exchange.text : curl_easy_strerror(code), !exchange.sent);
        }
        const auto owned = take(exchange.ticket);
        if (owned->exchange.reply.unreachable) hosts.erase(owned->target.host);  // it may have moved
        if (owned->exchange.done) owned->exchange.done(std::move(owned->exchange.reply));
    }

    std::unique_ptr<Call> take(Ticket ticket) {
        const auto at = calls.find(ticket);
        auto owned = std::move(at->second);
        calls.erase(at);
        return owned;
    }

    void fail(Call& call, const char* why) {
        call.exchange.fail(why, true);
        ended.push_back(take(call.exchange.ticket));
        soon.start(microseconds(0));
    }

    void hand_out_ended() {
        const auto still = alive;
        while (*still && !ended.empty()) {
            const auto call = std::move(ended.back());
            ended.pop_back();
            if (call->exchange.done) call->exchange.done(std::move(call->exchange.reply));
        }
    }
};

Rest::Rest(Loop& loop, Http::Resolve resolve) : state_(std::make_unique<State>(loop, std::move(resolve))) {}
Rest::~Rest() = default;

Rest::Ticket Rest::get(const std::string& url, milliseconds timeout, std::function<void(HttpReply)> done) {
    auto call = std::make_unique<State::Call>();
    const Ticket ticket = call->exchange.ticket = state_->next_ticket++;
    call->exchange.timeout = timeout;
    call->exchange.body_max = body_max;
    call->exchange.done = std::move(done);
    call->target = HttpTarget::from(ConsulAddress{url, {}}, {});
    if (is_sound(url)) {
        state_->start(std::move(call));
    } else {
        auto& refused = *call;
        state_->calls.emplace(ticket, std::move(call));
        state_->fail(refused, "its api_url cannot be used");
    }
    return ticket;
}

void Rest::cancel(Ticket ticket) {
    std::erase_if(state_->ended, [ticket](const auto& call) { return call->exchange.ticket == ticket; });
    const auto at = state_->calls.find(ticket);
    if (at == state_->calls.end()) return;
    if (at->second->exchange.easy) state_->curl.remove(at->second->exchange.easy.get());
    state_->calls.erase(at);
}

}  // namespace lictor
