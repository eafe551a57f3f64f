// DNS cookies to upstreams: which queries have one, what is a reply without one or with a wrong one worth, and how does lictor learn?
#include <catch2/catch.hpp>

#include "tests/unit/forward_world.hpp"

namespace lictor::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// The data of the COOKIE option in the OPT record at the end of a query; empty without one.
Bytes cookie_of(const answer::Ask& ask) {
    wire::Reader reader(ask.bytes);
    reader.skip(wire::header_size);
    reader.name();
    reader.skip(4);
    const auto record = reader.left() > 0 ? wire::read_record(reader) : std::nullopt;
    if (!record) return {};
    for (wire::Reader options(record->rdata); options.left() > 0;) {
        const auto code = options.u16();
        const auto data = options.take(options.u16());
        if (code == 10) return {data.begin(), data.end()};
    }
    return {};
}

bool has_edns(const answer::Ask& ask) { return wire::read_header(ask.bytes)->arcount == 1; }

/// An OPT record with this COOKIE option, none if it is empty; `code`: the upper eight bits of the response code.
std::pair<std::uint32_t, Bytes> opt(const Bytes& cookie, unsigned code = 0) {
    Bytes data;
    if (!cookie.empty()) {
        data = {0, 10, 0, static_cast<std::uint8_t>(cookie.size())};
        data.insert(data.end(), cookie.begin(), cookie.end());
    }
    return {code << 24, data};
}

UpstreamReply with_opt(const answer::Ask& to, const Bytes& cookie, unsigned rcode = 0) {
    UpstreamReply made(to);
    if (rcode == 0) made.a("a.example", 0, "192.0.2.1");
    made.code(rcode & 15);
    const auto [ttl, data] = opt(cookie, rcode >> 4);
    made.record(2, ".", rrtype::opt, ttl, data, 1232);
    return made;
}

/// The cookie that an upstream replies with to this query.
Bytes served(const answer::Ask& to, std::uint8_t server = 9) {
    Bytes cookie = cookie_of(to);
    cookie.resize(8);
    cookie.insert(cookie.end(), 16, server);
    return cookie;
}

/// A World whose upstream has replied with a cookie once.
struct Learned : World {
    explicit Learned(const std::vector<std::string>& servers = {"10.0.0.1"}) : World(servers) {
        ask("a.example");
        respond(with_opt(last(), served(last())), last());
        REQUIRE(replied.size() == 1);
        asked.clear();
        replied.clear();
    }
};

}  // namespace

TEST_CASE("cookies: a query to an upstream has one, later the upstream's too; none to loopback, and none with no-send-cookie") {
    World w;
    w.ask("a.example");
    const auto first = cookie_of(w.last());
    CHECK(first.size() == 8);
    w.respond(with_opt(w.last(), served(w.last())), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("a.example");
    CHECK(cookie_of(w.last()) == served(w.last()));
    CHECK(Bytes(cookie_of(w.last())).size() == 24);
    CHECK(std::equal(first.begin(), first.end(), cookie_of(w.last()).begin()));
    w.now += std::chrono::hours(25);
    w.ask("c.example");
    CHECK(cookie_of(w.last()).size() == 8);
    CHECK(cookie_of(w.last()) != first);

    World local({"127.0.0.1"});
    local.ask("a.example");
    CHECK(has_edns(local.last()));
    CHECK(cookie_of(local.last()).empty());
    World off;
    off.options.no_send_cookie = true;
    off.adopt();
    off.ask("a.example");
    CHECK(cookie_of(off.last()).empty());
}

TEST_CASE("cookies: two upstreams get different ones") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.all_servers = true;
    w.adopt();
    w.ask("a.example");
    REQUIRE(w.asked.size() == 2);
    CHECK(cookie_of(w.asked[0]) != cookie_of(w.asked[1]));
}

TEST_CASE("cookies: a reply with another client cookie is ignored, and the genuine one is used") {
    Learned w;
    w.ask("a.example");
    auto forged = served(w.last());
    forged[3] ^= 1;
    w.respond(with_opt(w.last(), forged), w.last());
    CHECK(w.replied.empty());
    CHECK(w.open.contains(w.last().attempt));
    CHECK(w.counters.upstream_mismatch.get() == 1);
    w.respond(with_opt(w.last(), served(w.last())), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
}

TEST_CASE("cookies: without the cookie that the upstream always sends a reply is asked for again over TCP") {
    Learned w;
    w.ask("a.example");
    const auto udp = w.last();
    w.respond(UpstreamReply(udp).a("a.example", 60, "203.0.113.66"), udp);
    CHECK(w.replied.empty());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == answer::Transport::tcp);
    SECTION("it was forged: the upstream keeps its cookies") {
        w.respond(with_opt(w.last(), served(w.last())), w.last());
        CHECK(w.reply().values() == "192.0.2.1");
        w.ask("a.example");
        CHECK(cookie_of(w.last()).size() == 24);
    }
    SECTION("the upstream sends none any more: it gets none for an hour") {
        w.respond(UpstreamReply(w.last()).a("a.example", 0, "192.0.2.2"), w.last());
        CHECK(w.reply().values() == "192.0.2.2");
        w.ask("a.example");
        CHECK(has_edns(w.last()));
        CHECK(cookie_of(w.last()).empty());
        w.respond(UpstreamReply(w.last()).a("a.example", 0, "192.0.2.3"), w.last());
        CHECK(w.reply().values() == "192.0.2.3");
        w.now += std::chrono::hours(1);
        w.ask("a.example");
        CHECK(cookie_of(w.last()).size() == 8);
    }
}

TEST_CASE("cookies: an upstream that sends them at times and has no TCP is soon asked without") {
    Learned w;
    int forged_at_most = 0;
    for (; forged_at_most < 10; ++forged_at_most) {
        const auto name = "n" + std::to_string(forged_at_most) + ".example";
        w.replied.clear();
        w.ask(name);
        const auto udp = w.last();
        w.respond(UpstreamReply(udp).a(name, 0, "192.0.2.1"), udp);
        if (!w.replied.empty()) break;
        w.breaks(w.last());  // TCP is refused
    }
    CHECK(forged_at_most == 2);
    w.ask("z.example");
    CHECK(cookie_of(w.last()).empty());
}

TEST_CASE("cookies: an upstream without cookies is asked once with one, and its reply is used") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 0, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("a.example");
    CHECK(cookie_of(w.last()).empty());
}

TEST_CASE("cookies: BADCOOKIE is followed by the query with the new cookie, then by TCP") {
    World w;
    w.ask("a.example");
    w.respond(with_opt(w.last(), served(w.last()), rcode::badcookie), w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == answer::Transport::udp);
    CHECK(cookie_of(w.last()) == served(w.last()));
    w.respond(with_opt(w.last(), served(w.last(), 10), rcode::badcookie), w.last());
    REQUIRE(w.asked.size() == 3);
    CHECK(w.last().transport == answer::Transport::tcp);
    CHECK(cookie_of(w.last()) == served(w.last(), 10));
    w.respond(with_opt(w.last(), served(w.last(), 10)), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK_FALSE(w.double_close);
}

TEST_CASE("cookies: an upstream that refuses the option keeps EDNS") {
    World w;
    w.ask("a.example");
    w.respond(with_opt(w.last(), {}, rcode::formerr), w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(has_edns(w.last()));
    CHECK(cookie_of(w.last()).empty());
    w.respond(with_opt(w.last(), {}), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("b.example");
    CHECK(has_edns(w.last()));
    CHECK(cookie_of(w.last()).empty());
}

TEST_CASE("cookies: an upstream that is silent to queries with the option is asked again without it, and then always") {
    World w;
    w.ask("a.example");
    REQUIRE(cookie_of(w.last()).size() == 8);
    w.wait(milliseconds(1100));
    REQUIRE(w.asked.size() == 2);
    CHECK(has_edns(w.last()));
    CHECK(cookie_of(w.last()).empty());
    w.respond(with_opt(w.last(), {}), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("b.example");
    CHECK(cookie_of(w.last()).empty());
}

}  // namespace lictor::test
