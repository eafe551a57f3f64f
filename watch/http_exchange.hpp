// One HTTP exchange as libcurl sees it: the handle with its options, the callbacks that take the reply's bytes, and the limits of size
// that end it. libcurl's own limits are not enough: it checks a body's size against the announced length only.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "watch/http.hpp"

namespace lictor {

struct CloseEasy { void operator()(CURL* easy) const { curl_easy_cleanup(easy); } };
using Easy = std::unique_ptr<CURL, CloseEasy>;
using List = std::shared_ptr<curl_slist>;

/// A list of one line; none of an empty one.
List list_of(const std::string& line);
/// A handle with everything set that is the same for all exchanges.
Easy make_easy(const Options& options);

struct Exchange {
    Http::Ticket ticket = 0;
    std::string path;
    milliseconds timeout{0};
    std::function<void(HttpReply)> done;
    std::size_t target = 0;
    std::uint64_t generation = 0; ///< of the addresses that `target` counts in
    bool probe = false;           ///< asks an address that is not in use; its failure moves nothing
    List headers, resolve, connect;  ///< libcurl keeps pointers to these
    HttpReply reply;
    std::size_t body_max = 32u << 20;
    std::size_t header_bytes = 0;
    bool sent = false;            ///< a connection was there and the request went out
    const char* refused = nullptr;  ///< why we ended it
    std::optional<Now> first_byte;
    Now last_byte{};
    Now give_up{};                ///< for an exchange that waits for an address
    std::size_t* receiving = nullptr;  ///< counts the exchanges whose reply has begun
    char text[CURL_ERROR_SIZE] = {};
    Easy easy;                    ///< the last member: gone before what it points to

    Exchange() = default;
    ~Exchange() { ended(); }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    /// No more bytes will come.
    void ended() {
        if (receiving && first_byte) --*receiving;
        receiving = nullptr;
    }
    /// The reply is an error of transport.
    void fail(std::string why, bool before_sending);
    /// Fills in what differs between exchanges and points libcurl at this object.
    void prepare(const std::string& url, const std::string& unix_path);
};

}  // namespace lictor
