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

TEST_CASE("cookies: an upstream that has sent them and is silent to queries with one is asked for the third time without") {
    Learned w;
    w.ask("a.example");
    w.wait(milliseconds(2500));
    REQUIRE(w.asked.size() >= 3);
    CHECK_FALSE(cookie_of(w.asked[0]).empty());
    CHECK_FALSE(cookie_of(w.asked[1]).empty());
    CHECK(has_edns(w.asked[2]));
    CHECK(cookie_of(w.asked[2]).empty());
    w.respond(with_opt(w.asked[2], {}), w.asked[2]);
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("b.example");
    CHECK(cookie_of(w.last()).empty());
    w.respond(UpstreamReply(w.last()).a("b.example", 0, "192.0.2.2"), w.last());
    w.now += std::chrono::minutes(10);
    w.ask("c.example");
    CHECK(cookie_of(w.last()).size() == 8);
}

TEST_CASE("cookies: after two silent queries with one the next has none, and after its silence cookies are sent again") {
    Learned w;
    w.options.forward_timeout = 500;  // a query is sent twice
    w.adopt();
    const auto silent = [&](const std::string& name) {
        w.asked.clear();
        w.ask(name);
        const bool with = !cookie_of(w.last()).empty();
        w.wait(seconds(20));
        return with;
    };
    CHECK(silent("a.example"));
    CHECK(silent("b.example"));
    CHECK_FALSE(silent("c.example"));
    CHECK(silent("d.example"));
    CHECK(silent("e.example"));
    w.ask("f.example");
    CHECK(cookie_of(w.last()).empty());
    w.respond(UpstreamReply(w.last()).a("f.example", 0, "192.0.2.4"), w.last());
    CHECK(w.reply().values() == "192.0.2.4");
    for (const char* name : {"g.example", "h.example"}) {
        w.ask(name);
        CHECK(cookie_of(w.last()).empty());
        w.respond(UpstreamReply(w.last()).a(name, 0, "192.0.2.4"), w.last());
    }
}

TEST_CASE("cookies: a reply with a cookie ends the count of silent queries") {
    Learned w({"10.0.0.1", "10.0.0.2"});
    const Endpoint first = *Endpoint::parse("10.0.0.1", 53);
    for (int i = 0; i < 6; ++i) {
        w.asked.clear();
        const auto name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        REQUIRE(w.last().upstream == first);
        CHECK_FALSE(cookie_of(w.last()).empty());
        if (i % 2 == 0) {
            w.wait(milliseconds(500));
            REQUIRE(w.last().upstream != first);
            w.respond(UpstreamReply(w.last()).a(name, 0, "192.0.2.1"), w.last());
        } else {
            UpstreamReply reply(w.last());
            reply.a(name, 0, "192.0.2.1");
            const auto [ttl, data] = opt(served(w.last()));
            reply.record(2, ".", rrtype::opt, ttl, data, 1232);
            w.respond(reply, w.last());
        }
    }
}

TEST_CASE("cookies: of two upstreams one becomes silent to queries with a cookie; it is found to answer others") {
    Learned w({"10.0.0.1", "10.0.0.2"});
    const Endpoint first = *Endpoint::parse("10.0.0.1", 53);
    int with_cookie = 0;
    bool answers = false;
    for (int i = 0; i < 10 && !answers; ++i) {
        w.asked.clear();
        const auto name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        for (int turn = 0; turn < 2 && w.open.contains(w.last().attempt); ++turn) {
            const answer::Ask to = w.last();
            const bool silent = to.upstream == first && !cookie_of(to).empty();
            with_cookie += silent ? 1 : 0;
            if (silent) {
                w.wait(milliseconds(500));
                continue;
            }
            answers = to.upstream == first;
            w.respond(UpstreamReply(to).a(name, 0, "192.0.2.1"), to);
        }
        w.now += seconds(3);
    }
    CHECK(answers);
    CHECK(with_cookie == 2);
    for (const auto& report : w.forward.upstream_reports(w.now)) CHECK_FALSE(report.failing);
}

TEST_CASE("cookies: the records of a truncated reply without the cookie that the upstream sends are not used") {
    Learned w;
    const auto truncated = [&](const Bytes& cookie) {
        w.ask("t.example");
        UpstreamReply reply(w.last());
        reply.a("t.example", 0, "203.0.113.66").flags(0x0200);
        const auto [ttl, data] = opt(cookie);
        reply.record(2, ".", rrtype::opt, ttl, data, 1232);
        w.respond(reply, w.last());
        REQUIRE(w.last().transport == answer::Transport::tcp);
        w.breaks(w.last());
        w.wait(seconds(20));
        return w.reply().values();
    };
    w.ask("x.example");
    const Bytes genuine = served(w.last());
    w.respond(with_opt(w.last(), genuine), w.last());
    SECTION("none") { CHECK(truncated({}).empty()); }
    SECTION("another client's") {
        auto forged = genuine;
        forged[0] ^= 1;
        CHECK(truncated(forged).empty());
    }
    SECTION("the genuine one") { CHECK(truncated(genuine) == "203.0.113.66"); }
}

TEST_CASE("cookies: FORMERR to the first query with one is followed by a query without, and only then by one without EDNS") {
    World w;
    w.ask("a.example");
    REQUIRE(cookie_of(w.last()).size() == 8);
    UpstreamReply refusal(w.last());
    refusal.questions = GENERATE(std::uint16_t{0}, std::uint16_t{1});
    w.respond(refusal.code(rcode::formerr), w.last());
    if (refusal.questions == 0) w.wait(milliseconds(500));  // it may be forged
    REQUIRE(w.asked.size() == 2);
    CHECK(has_edns(w.last()));
    CHECK(cookie_of(w.last()).empty());
    const answer::Ask second = w.last();
    SECTION("it was the cookie") {
        w.respond(UpstreamReply(second).a("a.example", 0, "192.0.2.1"), second);
        CHECK(w.reply().values() == "192.0.2.1");
        w.ask("b.example");
        CHECK(has_edns(w.last()));
        CHECK(cookie_of(w.last()).empty());
    }
    SECTION("it was EDNS") {
        w.respond(UpstreamReply(second).code(rcode::formerr), second);
        REQUIRE(w.asked.size() == 3);
        CHECK_FALSE(has_edns(w.last()));
        w.respond(UpstreamReply(w.last()).a("a.example", 0, "192.0.2.1"), w.last());
        CHECK(w.reply().values() == "192.0.2.1");
        w.ask("b.example");
        CHECK_FALSE(has_edns(w.last()));
    }
}

}  // namespace lictor::test
