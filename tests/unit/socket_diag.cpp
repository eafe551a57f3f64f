// Are the kernel's socket lists read correctly, whatever bytes come?
#include "resolver/cut/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <catch2/catch.hpp>

#include <cstring>

using namespace lictor;
using namespace lictor::cut;

namespace {

std::string message(std::uint16_t type, std::uint32_t sequence, std::string_view body, std::uint16_t flags = 0) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
    header.nlmsg_type = type;
    header.nlmsg_seq = sequence;
    header.nlmsg_flags = flags;
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes += body;
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return bytes;
}

std::string socket_to(std::uint8_t family, std::string_view address, std::uint8_t state = 1, std::uint32_t inode = 7) {
    inet_diag_msg one{};
    one.idiag_family = family;
    one.idiag_state = state;
    one.idiag_inode = inode;
    const std::uint8_t port[2] = {0x15, 0x38};  // 5432 in network order
    std::memcpy(&one.id.idiag_dport, port, 2);
    std::memcpy(one.id.idiag_dst, address.data(), address.size());
    return {reinterpret_cast<const char*>(&one), sizeof one};
}

std::string code(std::int32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

const std::string v4("\x0a\0\0\x01", 4);
const std::string mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16);
const std::string v6("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

}  // namespace

TEST_CASE("sock_diag: sockets of both families, with an IPv4-mapped address as IPv4") {
    DiagReply reply;
    REQUIRE(read_reply(message(SOCK_DIAG_BY_FAMILY, 5, socket_to(2, v4)) + message(SOCK_DIAG_BY_FAMILY, 5, socket_to(10, mapped)) +
                           message(SOCK_DIAG_BY_FAMILY, 5, socket_to(10, v6)) + message(NLMSG_DONE, 5, code(0)),
                       5, reply));
    CHECK(reply.done);
    CHECK(reply.error == 0);
    CHECK_FALSE(reply.interrupted);
    REQUIRE(reply.sockets.size() == 3);
    const Endpoint expected{Address::v4(10, 0, 0, 1), 5432};
    CHECK(reply.sockets[0].remote() == expected);
    CHECK(reply.sockets[1].remote() == expected);
    CHECK(reply.sockets[2].remote() == Endpoint{*Address::parse("fd00::1"), 5432});
}

TEST_CASE("sock_diag: only sockets that a process holds and that are not closed by both sides are in use") {
    const auto in_use = [](std::uint8_t state, std::uint32_t inode) {
        DiagReply reply;
        REQUIRE(read_reply(message(SOCK_DIAG_BY_FAMILY, 1, socket_to(2, v4, state, inode)), 1, reply));
        return is_in_use(reply.sockets.at(0));
    };
    CHECK(in_use(1, 1));                                          // ESTABLISHED
    CHECK(in_use(2, 1));                                          // SYN_SENT
    CHECK(in_use(8, 1));                                          // CLOSE_WAIT
    for (const int state : {0, 3, 6, 7, 9, 10, 11, 12, 13, 255})  // SYN_RECV, TIME_WAIT, CLOSE, LAST_ACK, LISTEN, CLOSING, …
        CHECK_FALSE(in_use(static_cast<std::uint8_t>(state), 1));
    CHECK_FALSE(in_use(1, 0));
}

TEST_CASE("sock_diag: errors, acknowledgements, an interrupted list, replies to an earlier request") {
    DiagReply reply;
    CHECK(read_reply(message(NLMSG_ERROR, 2, code(-1)), 2, reply));
    CHECK(reply.done);
    CHECK(reply.error == 1);
    reply = {};
    CHECK(read_reply(message(NLMSG_ERROR, 2, code(0)), 2, reply));
    CHECK(reply.done);
    CHECK(reply.error == 0);
    reply = {};
    CHECK(read_reply(message(NLMSG_ERROR, 2, code(INT32_MIN)), 2, reply));
    CHECK(reply.error == 5);
    reply = {};
    CHECK(read_reply(message(NLMSG_DONE, 2, code(-12), NLM_F_MULTI | NLM_F_DUMP_INTR), 2, reply));
    CHECK(reply.interrupted);
    CHECK(reply.error == 12);
    reply = {};
    CHECK(read_reply(message(NLMSG_ERROR, 1, code(-1)) + message(SOCK_DIAG_BY_FAMILY, 1, socket_to(2, v4)), 2, reply));
    CHECK_FALSE(reply.done);
    CHECK(reply.sockets.empty());
    CHECK_FALSE(read_reply(message(NLMSG_OVERRUN, 2, ""), 2, reply));
}

TEST_CASE("sock_diag: a datagram that ends early at any byte is refused, and nothing is read beyond its end") {
    const std::string whole = message(SOCK_DIAG_BY_FAMILY, 5, socket_to(2, v4)) + message(NLMSG_DONE, 5, code(0));
    for (std::size_t size = 1; size < whole.size(); ++size) {
        DiagReply reply;
        const std::string cut = whole.substr(0, size);  // of its own, so that a sanitizer sees its end
        const bool at_border = size == sizeof(nlmsghdr) + sizeof(inet_diag_msg);
        CHECK(read_reply(cut, 5, reply) == at_border);
    }
    for (const std::uint32_t length : {0u, 15u, 0xffffffffu}) {
        std::string bytes = whole;
        std::memcpy(bytes.data(), &length, 4);
        DiagReply reply;
        CHECK_FALSE(read_reply(bytes, 5, reply));
        CHECK(reply.sockets.empty());
    }
}

TEST_CASE("sock_diag: requests have the layout of the kernel's structs") {
    const auto list = list_request(family_v6, 5432, 9);
    REQUIRE(list.size() == sizeof(nlmsghdr) + sizeof(inet_diag_req_v2));
    inet_diag_req_v2 body{};
    std::memcpy(&body, list.data() + sizeof(nlmsghdr), sizeof body);
    CHECK(body.sdiag_family == 10);
    CHECK(body.sdiag_protocol == 6);
    CHECK((body.idiag_states & (1u << 10 | 1u << 6)) == 0);  // neither LISTEN nor TIME_WAIT
    CHECK(std::memcmp(&body.id.idiag_dport, "\x15\x38", 2) == 0);

    DiagReply reply;
    REQUIRE(read_reply(message(SOCK_DIAG_BY_FAMILY, 1, socket_to(10, v6)), 1, reply));
    const auto destroy = destroy_request(reply.sockets.at(0), 10);
    nlmsghdr header{};
    std::memcpy(&header, destroy.data(), sizeof header);
    CHECK(header.nlmsg_type == SOCK_DESTROY);
    CHECK(header.nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK));
    std::memcpy(&body, destroy.data() + sizeof header, sizeof body);
    CHECK(body.sdiag_family == 10);
    CHECK(std::memcmp(&body.id, reply.sockets.at(0).id.data(), sizeof body.id) == 0);
}
