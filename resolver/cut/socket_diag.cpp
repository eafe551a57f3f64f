// Messages are copied to and from the kernel's structs, so no byte needs to be aligned.
#include "resolver/cut/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

namespace lictor::cut {
namespace {

static_assert(sizeof(inet_diag_sockid) == sizeof(TcpSocket::id));

constexpr std::uint8_t tcp = 6;  // IPPROTO_TCP

/// States of linux/tcp_states.h.
enum State : std::uint8_t { established = 1, syn_sent = 2, fin_wait1 = 4, fin_wait2 = 5, close_wait = 8 };
constexpr std::uint32_t states_in_use = 1u << established | 1u << syn_sent | 1u << fin_wait1 | 1u << fin_wait2 | 1u << close_wait;

constexpr std::uint16_t network_order(std::uint16_t value) {
    if constexpr (std::endian::native == std::endian::little) return static_cast<std::uint16_t>(value << 8 | value >> 8);
    return value;
}

std::string request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const inet_diag_req_v2& body) {
    nlmsghdr header{};
    header.nlmsg_len = sizeof header + sizeof body;
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    std::string bytes(header.nlmsg_len, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
    return bytes;
}

/// The errno of a negative code; EIO for one that is none.
int errno_of(std::int32_t code) {
    constexpr std::int32_t errno_max = 4095, eio = 5;
    return code >= 0 ? 0 : code >= -errno_max ? -code : eio;
}

template <class T>
bool read(std::string_view bytes, T& into) {
    if (bytes.size() < sizeof into) return false;
    std::memcpy(&into, bytes.data(), sizeof into);
    return true;
}

}  // namespace

Endpoint TcpSocket::remote() const {
    inet_diag_sockid from{};
    std::memcpy(&from, id.data(), sizeof from);
    std::array<std::uint8_t, 16> raw{};
    std::memcpy(raw.data(), from.idiag_dst, sizeof raw);
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const std::span<const std::uint8_t> all(raw);
    const bool is_mapped = family == family_v6 && std::equal(mapped.begin(), mapped.end(), raw.begin());
    const auto address = is_mapped ? all.subspan(12) : family == family_v6 ? all : all.first(4);
    return {Address::from_bytes(address), network_order(from.idiag_dport)};
}

bool is_in_use(const TcpSocket& socket) { return socket.inode != 0 && socket.state < 32 && (states_in_use >> socket.state & 1u) != 0; }

std::string list_request(std::uint8_t family, std::uint16_t port, std::uint32_t sequence) {
    inet_diag_req_v2 body{};
    body.sdiag_family = family;
    body.sdiag_protocol = tcp;
    body.idiag_states = states_in_use;
    body.id.idiag_dport = network_order(port);
    return request(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, body);
}

std::string destroy_request(const TcpSocket& socket, std::uint32_t sequence) {
    inet_diag_req_v2 body{};
    body.sdiag_family = socket.family;
    body.sdiag_protocol = tcp;
    std::memcpy(&body.id, socket.id.data(), sizeof body.id);
    return request(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, sequence, body);
}

bool read_reply(std::string_view datagram, std::uint32_t sequence, DiagReply& reply) {
    while (!datagram.empty()) {
        nlmsghdr header{};
        if (!read(datagram, header) || header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return false;
        const auto body = datagram.substr(sizeof header, header.nlmsg_len - sizeof header);
        datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(std::size_t{header.nlmsg_len}), datagram.size()));
        if (header.nlmsg_seq != sequence) continue;
        if (header.nlmsg_flags & NLM_F_DUMP_INTR) reply.interrupted = true;
        std::int32_t code = 0;
        switch (header.nlmsg_type) {
            case NLMSG_ERROR:
                if (!read(body, code)) return false;
                reply.error = errno_of(code);
                reply.done = true;
                break;
            case NLMSG_DONE:
                if (read(body, code) && code < 0) reply.error = errno_of(code);  // a list that ended early
                reply.done = true;
                break;
            case NLMSG_OVERRUN: return false;
            case SOCK_DIAG_BY_FAMILY: {
                inet_diag_msg one{};
                if (!read(body, one)) return false;
                TcpSocket socket{.family = one.idiag_family, .state = one.idiag_state, .id = {}, .inode = one.idiag_inode};
                std::memcpy(socket.id.data(), &one.id, sizeof one.id);
                reply.sockets.push_back(socket);
                break;
            }
            default: break;
        }
    }
    return true;
}

}  // namespace lictor::cut
