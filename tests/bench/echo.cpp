// How much CPU does a UDP query cost in the kernel alone? This echo server reads a batch, sets the QR bit of each datagram and sends the
// batch back. Its CPU time per query is that of the system calls and of the kernel's UDP path, the least that any DNS server on this
// machine needs. tests/bench/run compares the others with it.
//
// It blocks in recvmmsg with MSG_WAITFORONE: a single query costs two system calls, a burst is read at once. There is no event loop, no
// timer and no parsing. It ends with SIGTERM.
//
// usage: lictor-bench-echo PORT        listens on 127.0.0.1

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>

namespace {

constexpr unsigned batch_size = 64;
constexpr std::size_t datagram_size = 4096;
constexpr std::size_t dns_header_size = 12;
constexpr std::size_t flags_at = 2;
constexpr unsigned char qr_bit = 0x80;

struct Slot {
    std::array<unsigned char, datagram_size> bytes;
    sockaddr_in peer;
    iovec part;
};

std::optional<std::uint16_t> port_of(const char* text) {
    std::uint16_t port = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, port);
    if (error != std::errc{} || stop != end || port == 0) return std::nullopt;
    return port;
}

int bound_socket(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(port);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        ::close(descriptor);
        return -1;
    }
    return descriptor;
}

// Resets every header to its slot: the kernel changes the lengths to what it wrote.
void rearm(std::array<mmsghdr, batch_size>& headers, std::array<Slot, batch_size>& slots, unsigned used) {
    for (unsigned i = 0; i < used; ++i) {
        slots[i].part = {slots[i].bytes.data(), slots[i].bytes.size()};
        headers[i] = {};
        headers[i].msg_hdr.msg_name = &slots[i].peer;
        headers[i].msg_hdr.msg_namelen = sizeof slots[i].peer;
        headers[i].msg_hdr.msg_iov = &slots[i].part;
        headers[i].msg_hdr.msg_iovlen = 1;
    }
}

// Returns only when the socket fails.
void echo(int descriptor) {
    static std::array<Slot, batch_size> slots{};
    static std::array<mmsghdr, batch_size> headers{};
    unsigned used = batch_size;
    while (true) {
        rearm(headers, slots, used);
        const int got = ::recvmmsg(descriptor, headers.data(), batch_size, MSG_WAITFORONE, nullptr);
        if (got < 0) {
            if (errno == EINTR) continue;
            return;
        }
        used = static_cast<unsigned>(got);
        for (unsigned i = 0; i < used; ++i) {
            slots[i].part.iov_len = headers[i].msg_len;
            if (headers[i].msg_len >= dns_header_size) slots[i].bytes[flags_at] |= qr_bit;
        }
        for (unsigned sent = 0; sent < used;) {
            const int now = ::sendmmsg(descriptor, headers.data() + sent, used - sent, 0);
            if (now > 0) {
                sent += static_cast<unsigned>(now);
            } else if (errno != EINTR) {
                ++sent;  // skip a datagram that cannot be sent
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto port = argc == 2 ? port_of(argv[1]) : std::nullopt;
    if (!port) {
        std::fprintf(stderr, "usage: lictor-bench-echo PORT\n");
        return 2;
    }
    const int descriptor = bound_socket(*port);
    if (descriptor < 0) {
        std::fprintf(stderr, "lictor-bench-echo: 127.0.0.1:%u: %s\n", *port, std::strerror(errno));
        return 1;
    }
    echo(descriptor);
    std::fprintf(stderr, "lictor-bench-echo: %s\n", std::strerror(errno));
    return 1;
}
