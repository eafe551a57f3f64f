// Runs libcurl's multi interface on the libuv loop: drives the handles and reports the end of each. Every socket of libcurl has an FdWatch,
// to which libcurl's per-socket pointer points. libcurl is not called from inside its callbacks; an end is reported after libcurl has
// returned.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>

#include "watch/loop/loop.hpp"

namespace lictor::http {

/// Lives on the thread of `loop`, which must outlive it.
class CurlLoop {
public:
    struct Hooks {
        /// The handle has ended and is not removed yet. May destroy the CurlLoop.
        std::function<void(CURL*, CURLcode)> ended;
        /// After every turn of libcurl.
        std::function<void()> turned;
        /// libcurl waits for a socket of this handle that the loop cannot watch: it has to be removed. Null: a handle that is not known,
        /// perhaps each. Called inside a call of libcurl: it may only take a note, for `turned`. Must not throw.
        std::function<void(CURL*)> lost;
    };
    CurlLoop(loop::Loop& loop, Hooks hooks);
    ~CurlLoop();  ///< requires that all handles are removed
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;

    /// add, remove: the handle stays the caller's. `ended` is called for each handle that was added and not removed before its end.
    /// False: there is no memory for it.
    [[nodiscard]] bool add(CURL* easy) { return curl_multi_add_handle(multi_.get(), easy) == CURLM_OK; }
    void remove(CURL* easy) { curl_multi_remove_handle(multi_.get(), easy); }
    /// Bound of open connections. With fewer than handles libcurl closes one after each reply.
    void keep_connections(long count) { curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, count); }

private:
    struct CloseMulti {
        void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
    };
    /// libcurl's callbacks (CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION); `user` is the CurlLoop, `held` the FdWatch or null.
    static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void* held) noexcept;
    static int on_timer(CURLM*, long timeout_ms, void* user) noexcept;
    void act(curl_socket_t fd, int events);
    /// Watches the socket anew. False: it cannot be watched.
    bool watch_socket(loop::FdWatch& watch, curl_socket_t fd, int events) noexcept;

    loop::Loop& loop_;
    Hooks hooks_;
    loop::Timer timer_;
    std::unique_ptr<CURLM, CloseMulti> multi_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lictor::http
