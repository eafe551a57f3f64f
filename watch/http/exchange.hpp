// One HTTP exchange on libcurl: the handle with its options, the callbacks that receive the reply, and the bounds of header and body.
// libcurl's own bound is not enough: it checks only the announced length of a body.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conf/budget/budget.hpp"
#include "watch/http/http.hpp"
#include "watch/http/kept_files.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::http {

/// Deletes a handle of libcurl.
struct CloseEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, CloseEasy>;
using List = std::shared_ptr<curl_slist>;

/// A list of one line; null if `line` is empty. Throws std::bad_alloc.
List list_of(const std::string& line);
/// A handle with the options that are the same for all exchanges. No redirects, no proxy, no compression: Consul needs none of them.
/// `files`: contents of TLS files that only root may read. Throws std::bad_alloc.
Easy make_easy(const conf::ConsulHttpOptions& options, const KeptFiles& files);

/// One request and its reply. Does not move: libcurl holds pointers to it from `prepare` on.
struct Exchange {
    Http::Ticket ticket = 0;
    std::string path;                              ///< with the query
    milliseconds timeout{0};                       ///< of the transfer, with the connection
    std::function<void(polling::HttpReply)> done;  ///< may be empty
    polling::HttpTarget rest;                      ///< of a member's REST API
    std::size_t target = 0;                        ///< number of the Consul address
    std::uint64_t generation = 0;                  ///< of the Consul addresses that `target` counts in
    bool probe = false;                            ///< for an address that is not in use: its failure changes nothing
    List headers, resolve, connect;                ///< libcurl keeps pointers to these
    polling::HttpReply reply;
    std::size_t body_max = 32u << 20;  ///< bytes
    budget::Held memory;               ///< of the body
    std::size_t header_bytes = 0;      ///< received; 64 KiB at most
    std::string unix_path;             ///< of Consul's socket; empty: TCP
    bool sent = false;                 ///< the connection is open and the request is sent
    const char* refused = nullptr;     ///< why lictor ended it; a literal
    bool lost = false;                 ///< libcurl waits for a socket that the loop does not watch
    std::optional<Now> first_byte;
    Now give_up{};                     ///< while the address is being resolved: when to fail
    std::size_t* receiving = nullptr;  ///< number of exchanges whose reply has begun
    char text[CURL_ERROR_SIZE] = {};
    std::unique_ptr<Exchange> next_ended;  ///< in the list of those that ended without libcurl
    Easy easy;                             ///< the last member: it points to the others

    Exchange() = default;
    ~Exchange() { ended(); }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    /// The reply is complete or will not come.
    void ended() {
        if (receiving && first_byte) --*receiving;
        receiving = nullptr;
    }
    /// Makes the reply a transport error; it is `unreachable` if the request was not sent and lictor itself did not end it. Without memory
    /// for `why` the error is a shorter text.
    void fail(std::string_view why) noexcept;
    /// The same: lictor had no memory for it, which says nothing about the address.
    void fail_without_memory() noexcept {
        refused = "no memory for a request";
        fail(refused);
    }
    /// Sets the options of this exchange; libcurl then points to this object. Throws std::bad_alloc: the handle must not be used then.
    void prepare(const std::string& url, const std::string& socket_path);
};

}  // namespace lictor::http
