// Connects libcurl's sockets and timer to libuv.
#include "watch/http/curl_loop.hpp"

#include <mutex>
#include <new>
#include <utility>

#include "conf/log/log.hpp"

namespace lictor::http {

CurlLoop::CurlLoop(loop::Loop& loop, Hooks hooks)
    : loop_(loop), hooks_(std::move(hooks)), timer_(loop, [this] { act(CURL_SOCKET_TIMEOUT, 0); }) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi_.reset(curl_multi_init());
    ensure(multi_ != nullptr, "curl_multi_init");
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
}

CurlLoop::~CurlLoop() {
    *alive_ = false;
    multi_.reset();  // on_socket deletes the watches
}

bool CurlLoop::watch_socket(loop::FdWatch& watch, curl_socket_t fd, int events) noexcept {
    try {
        const auto started = watch.start(loop_, fd, events, [this, fd](int ready) {
            act(fd, (ready & UV_READABLE ? CURL_CSELECT_IN : 0) | (ready & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
        });
        if (!started) log::warning("http: " + started.error().text);
        return static_cast<bool>(started);
    } catch (const std::bad_alloc&) {
        loop::note_lack_of_memory();
        return false;
    }
}

int CurlLoop::on_socket(CURL* easy, curl_socket_t fd, int what, void* user, void* held) noexcept {
    auto& self = *static_cast<CurlLoop*>(user);
    auto* watch = static_cast<loop::FdWatch*>(held);
    if (what == CURL_POLL_REMOVE) {
        delete watch;
        if (self.multi_) curl_multi_assign(self.multi_.get(), fd, nullptr);
        return 0;
    }
    const int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (watch && *watch) {
        watch->change(events);
        return 0;
    }
    // An error from this callback would end all exchanges of the multi handle: the one that lost its socket is ended afterwards.
    if (!watch) {
        watch = new (std::nothrow) loop::FdWatch();
        if (watch) curl_multi_assign(self.multi_.get(), fd, watch);
        else loop::note_lack_of_memory();
    }
    if ((!watch || !self.watch_socket(*watch, fd, events)) && self.hooks_.lost) self.hooks_.lost(easy);
    return 0;
}

int CurlLoop::on_timer(CURLM*, long timeout_ms, void* user) noexcept {
    auto& self = *static_cast<CurlLoop*>(user);
    if (timeout_ms < 0) self.timer_.stop();
    else self.timer_.start(milliseconds(timeout_ms));
    return 0;
}

void CurlLoop::act(curl_socket_t fd, int events) {
    int running = 0;
    const auto still = alive_;
    if (curl_multi_socket_action(multi_.get(), fd, events, &running) != CURLM_OK) {
        // Which handle had no memory is not known, and libcurl did not set its timer.
        loop::note_lack_of_memory();
        if (hooks_.lost) hooks_.lost(nullptr);
        timer_.start(milliseconds(1));
    }
    int left = 0;
    while (*still) {
        const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
        if (!message) break;
        if (message->msg != CURLMSG_DONE) continue;
        try {
            hooks_.ended(message->easy_handle, message->data.result);
        } catch (const std::bad_alloc&) {  // the ends of the others are still reported
            loop::note_lack_of_memory();
        }
    }
    if (*still && hooks_.turned) hooks_.turned();
}

}  // namespace lictor::http
