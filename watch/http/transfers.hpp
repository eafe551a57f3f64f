// The exchanges of one HTTP client: numbers them, runs them on libcurl, reuses idle handles, and reports each end once, from the loop. Http
// and Rest use it, on the loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/http/curl_loop.hpp"
#include "watch/http/exchange.hpp"

namespace lictor::http {

/// Destroying it ends all exchanges without a report.
class Transfers {
public:
    struct Hooks {
        std::function<void(Exchange&)> ended;  ///< the reply is complete; calls `Exchange::done`. May destroy the Transfers
        std::function<void()> turned;          ///< after every turn of libcurl; may be empty, must not throw
    };
    Transfers(loop::Loop& loop, std::size_t idle_handles_max, Hooks hooks);
    ~Transfers();

    /// Takes the exchange and gives it a ticket; nothing is sent yet. The reference is valid until the exchange ends. Throws
    /// std::bad_alloc: then there is no exchange.
    Exchange& add(std::unique_ptr<Exchange> exchange);
    /// Sends the request to `url`, or over a unix socket. `options`, `files`: for a new handle. Without CA certificates for HTTPS the
    /// exchange fails, and also without memory.
    void launch(Exchange& exchange, const std::string& url, const std::string& unix_path, const conf::ConsulHttpOptions& options,
                const KeptFiles& files = {});
    /// Ends the exchange with a transport error; `Hooks::ended` is called later.
    void fail(Exchange& exchange, std::string_view why) noexcept;
    /// The same, for want of memory.
    void fail_without_memory(Exchange& exchange) noexcept;
    /// Ends the exchange without a report. No effect if it has ended and was reported.
    void cancel(Http::Ticket ticket);
    /// Null if it has ended.
    Exchange* find(Http::Ticket ticket);
    /// Call after a change of the options: new handles are made with them.
    void drop_idle_handles() { idle_.clear(); }
    /// Every exchange that has not ended, in any order. `visit` must not add, end or cancel one.
    template <class Visit>
    void each(Visit visit) {
        for (auto& [ticket, exchange] : exchanges_) visit(*exchange);
    }

private:
    void finish(CURL* easy, CURLcode code);
    void judge(Exchange& exchange, CURLcode code, int status, int connect_error);
    std::unique_ptr<Exchange> take(Http::Ticket ticket) noexcept;
    void put_ended(Exchange& exchange) noexcept;
    void report_ended();
    void lost(CURL* easy) noexcept;
    void turned();

    const std::size_t idle_handles_max_;
    Hooks hooks_;
    CurlLoop curl_;
    loop::Timer soon_;
    std::unordered_map<Http::Ticket, std::unique_ptr<Exchange>> exchanges_;
    std::unique_ptr<Exchange> ended_;  ///< the first that ended without libcurl: a list that needs no memory; reported by `soon_`
    bool any_lost_ = false;
    std::vector<Easy> idle_;
    Http::Ticket next_ticket_ = 1;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lictor::http
