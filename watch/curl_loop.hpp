// libcurl's multi interface on the libuv loop: drives the handles that it is given and says when each has ended. libcurl closes and opens
// sockets as it likes: each gets a FdWatch of its own, kept in libcurl's per-socket pointer. Nothing of libcurl is called from inside its
// own callbacks, and an end is told only after it has returned.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>

#include "watch/loop/loop.hpp"

namespace lictor {

class CurlLoop {
public:
    struct Hooks {
        /// The handle has ended; it is not removed yet. May destroy the CurlLoop.
        std::function<void(CURL*, CURLcode)> ended;
        /// After every turn of libcurl.
        std::function<void()> turned;
    };
    CurlLoop(Loop& loop, Hooks hooks);
    ~CurlLoop();  ///< requires that all handles have been removed
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;

    void add(CURL* easy) { curl_multi_add_handle(multi_.get(), easy); }
    void remove(CURL* easy) { curl_multi_remove_handle(multi_.get(), easy); }
    /// Connections kept open; fewer than handles would close one whenever a reply has come.
    void keep_connections(long count) { curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, count); }

private:
    struct CloseMulti {
        void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
    };
    static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void* held) noexcept;
    static int on_timer(CURLM*, long timeout_ms, void* user) noexcept;
    void act(curl_socket_t fd, int events);

    Loop& loop_;
    Hooks hooks_;
    Timer timer_;
    std::unique_ptr<CURLM, CloseMulti> multi_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lictor
