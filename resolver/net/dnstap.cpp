// Frame streams with a handshake: READY, ACCEPT from the reader, START, data, STOP, FINISH from the reader. Every wait has a time limit.
#include "resolver/net/dnstap.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "conf/base/bytes.hpp"
#include "conf/base/clock.hpp"
#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t queue_bytes_max = 8 << 20;
constexpr seconds again_after{1};
constexpr milliseconds step_max{200};  ///< of one send or receive; so the end of lictor waits for at most two of these
constexpr int stuck_steps_max = 25;    ///< steps without progress after which a reader is given up
constexpr std::string_view version = "lictor " LICTOR_VERSION;

void limit_waits(int fd) {
    const timeval longest{.tv_sec = 0, .tv_usec = std::chrono::microseconds(step_max).count()};
    for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) setsockopt(fd, SOL_SOCKET, option, &longest, sizeof longest);
}

/// Receives exactly `size` bytes, in at most `steps` waits.
bool receive_all(int fd, std::uint8_t* bytes, std::size_t size, int steps) {
    for (std::size_t done = 0; done < size && steps > 0;) {
        const ssize_t got = ::recv(fd, bytes + done, size - done, 0);
        if (got > 0) done += static_cast<std::size_t>(got);
        else if (got == 0) return false;
        else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) return false;
        else if (errno != EINTR) --steps;
        if (done == size) return true;
    }
    return false;
}

/// Receives a control frame of this type.
bool receive_control(int fd, wire::TapControl expected, int steps) {
    std::array<std::uint8_t, wire::tap_control_max> frame{};
    if (!receive_all(fd, frame.data(), 8, steps) || load_u32(frame.data()) != 0) return false;
    const std::uint32_t size = load_u32(frame.data() + 4);
    if (size > frame.size() || !receive_all(fd, frame.data(), size, steps)) return false;
    return wire::read_tap_control(wire::Bytes(frame).first(size)) == expected;
}

bool send_control(int fd, wire::TapControl control) {
    const auto frame = wire::tap_control(control);
    return ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size());
}

/// Frames that begin at `done` or later, or end after it.
std::uint64_t frames_after(const std::vector<std::uint8_t>& frames, std::size_t done) {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at + 4 <= frames.size();) {
        at += 4 + load_u32(frames.data() + at);
        if (at > done) ++count;
    }
    return count;
}

}  // namespace

Dnstap::Dnstap(std::string path, std::string identity) : path_(std::move(path)), identity_(std::move(identity)) {}

Dnstap::~Dnstap() {
    shared_.lock()->ending = true;
    more_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Dnstap::start() {
    thread_ = std::thread([this] { run(); });
}

void Dnstap::put(const wire::TapEvent& event) {
    if (!connected()) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const auto shared = shared_.lock();
    if (shared->queue.size() + event.message.size() + 512 > queue_bytes_max) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const bool first = shared->queue.empty();
    wire::append_tap_frame(shared->queue, event, identity_, version);
    if (first) more_.notify_one();
}

void Dnstap::run() {
    // Signals are handled by the control thread.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "dnstap");  // from another thread it would need a file in /proc, which is not writable
    bool told = false;                             // each outage is logged once
    while (!ending()) {
        std::string why;
        const int fd = open_stream(why);
        if (fd >= 0) {
            told = false;
            log::info("dnstap: connected to " + printable(path_, 200));
            connected_.store(true, std::memory_order_relaxed);
            why = serve(fd);
            connected_.store(false, std::memory_order_relaxed);
            ::close(fd);
            std::vector<std::uint8_t> rest;
            rest.swap(shared_.lock()->queue);
            dropped_.fetch_add(frames_after(rest, 0), std::memory_order_relaxed);
        }
        if (ending()) return;
        if (!std::exchange(told, true))
            log::warning("dnstap: no connection to " + printable(path_, 200) + ": " + why +
                         "; start its reader, whose socket this user must be able to write; lictor tries again each second");
        auto shared = shared_.lock();
        shared.wait_for(more_, again_after, [](const Shared& now) { return now.ending; });
    }
}

int Dnstap::open_stream(std::string& why) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto failed = [&](std::string cause) {
        if (fd >= 0) ::close(fd);
        why = std::move(cause);
        return -1;
    };
    if (fd < 0) return failed(std::strerror(errno));
    limit_waits(fd);  // also of connect(2), where the reader's backlog is full
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed(std::strerror(errno));
    if (!send_control(fd, wire::TapControl::ready)) return failed(std::strerror(errno));
    if (!receive_control(fd, wire::TapControl::accept, 2)) return failed("it does not accept a stream of protobuf:dnstap.Dnstap");
    if (!send_control(fd, wire::TapControl::start)) return failed(std::strerror(errno));
    return fd;
}

bool Dnstap::send_all(int fd, const std::vector<std::uint8_t>& bytes, std::size_t& done) {
    for (int stuck = 0; done < bytes.size();) {
        const ssize_t got = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (got > 0) {
            done += static_cast<std::size_t>(got);
            stuck = 0;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (++stuck >= stuck_steps_max || ending()) return errno = ETIMEDOUT, false;
        } else {
            return false;
        }
    }
    return true;
}

std::string Dnstap::serve(int fd) {
    std::vector<std::uint8_t> taken;
    while (true) {
        taken.clear();
        bool last = false;
        {
            auto shared = shared_.lock();
            shared.wait(more_, [](const Shared& now) { return now.ending || !now.queue.empty(); });
            last = shared->ending;
            taken.swap(shared->queue);
        }
        std::size_t done = 0;
        const bool sent = send_all(fd, taken, done);
        const int code = errno;
        const std::uint64_t all = frames_after(taken, 0), lost = sent ? 0 : frames_after(taken, done);
        sent_.fetch_add(all - lost, std::memory_order_relaxed);
        dropped_.fetch_add(lost, std::memory_order_relaxed);
        if (!sent) return code == ETIMEDOUT ? "it does not read" : std::strerror(code);
        if (!last) continue;
        if (send_control(fd, wire::TapControl::stop)) receive_control(fd, wire::TapControl::finish, 1);
        return {};
    }
}

}  // namespace lictor::net
