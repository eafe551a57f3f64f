// What do dnsmasq's options change in forwarded queries and replies: filters, stale answers, choice of upstream, 0x20, ports, client data?
#include <catch2/catch.hpp>

#include "tests/unit/forward_world.hpp"

namespace lictor::test {

using namespace lictor::answer;
using namespace lictor::conf;
namespace {

Network net_of(const char* address, unsigned bits) { return {*Address::parse(address), bits}; }

}  // namespace

TEST_CASE("forward: bogus-nxdomain turns an answer into NXDOMAIN, which is cached") {
    World w;
    w.options.bogus_nxdomain = {net_of("192.0.2.0", 24)};
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.66"), w.last());
    CHECK(w.reply().header.rcode() == rcode::nxdomain);
    CHECK(w.reply().answer.empty());
    CHECK(w.ask("a.example")->header.rcode() == rcode::nxdomain);
}

TEST_CASE("forward: stop-dns-rebind removes private addresses, except below Consul's domain") {
    World w;
    w.options.stop_dns_rebind = true;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "10.1.2.3"), w.last());
    CHECK(w.reply().header.rcode() == rcode::noerror);
    CHECK(w.reply().answer.empty());
    CHECK(w.notices == std::vector<std::string>{"possible DNS-rebind attack detected: a.example"});
    w.ask("web.service.consul");
    w.respond(UpstreamReply(w.last()).a("web.service.consul", 60, "10.1.2.3"), w.last());
    CHECK(w.reply().answer.size() == 1);
    w.ask("a.example");
    CHECK(w.asked.size() == 3);  // the emptied answer is not cached
}

TEST_CASE("forward: ignore-address ignores the reply, and the next upstream is asked") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.ignore_address = {net_of("192.0.2.66", 32)};
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.66"), w.last());
    CHECK(w.replied.empty());
    w.wait(milliseconds(450));
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().answer.size() == 1);
}

TEST_CASE("forward: alias rewrites addresses, filter-rr drops types") {
    World w;
    w.options.alias = {{Address::v4(192, 0, 2, 0), Address::v4(192, 0, 2, 0), Address::v4(10, 5, 5, 0), Address::v4(255, 255, 255, 0)}};
    w.options.filter_aaaa = true;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.66"), w.last());
    CHECK(w.reply().answer.at(0).value == "10.5.5.66");
    w.ask("a.example", rrtype::aaaa);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "2001:db8::1"), w.last());
    CHECK(w.reply().answer.empty());
    CHECK(w.reply().header.rcode() == rcode::noerror);
    w.ask("a.example", rrtype::aaaa);
    CHECK(w.asked.size() == 2);  // the emptied answer is cached for its TTL
}

TEST_CASE("forward: an expired answer is sent at once and refreshed in the background") {
    World w;
    w.options.use_stale_cache = seconds(100);
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 5, "192.0.2.1"), w.last());
    w.wait(seconds(10));
    const auto before = w.replied.size();
    const auto old = w.ask("a.example");
    REQUIRE(old);
    CHECK(old->answer.at(0).ttl == 0);
    REQUIRE(w.asked.size() == 2);
    w.respond(UpstreamReply(w.last()).a("a.example", 5, "192.0.2.2"), w.last());
    CHECK(w.replied.size() == before);  // no client waited for it
    CHECK(w.ask("a.example")->answer.at(0).value == "192.0.2.2");
    CHECK(w.counters.cache_stale.get() == 1);
    w.wait(seconds(200));
    CHECK_FALSE(w.ask("a.example"));  // too old: the client waits
    CHECK(w.asked.size() == 3);
}

TEST_CASE("forward: a newer reply removes the expired answer, even if the reply is not cached") {
    World w;
    w.options.use_stale_cache = seconds(100);
    const auto expire = [&w] {
        w.adopt();
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).a("a.example", 5, "9.9.9.1"), w.last());
        w.wait(seconds(10));
        REQUIRE(w.ask("a.example"));
        return UpstreamReply(w.last());
    };
    SECTION("TTL 0") {
        auto response = expire();
        w.respond(response.a("a.example", 0, "9.9.9.2"), w.last());
    }
    SECTION("a negative answer without SOA") {
        auto response = expire();
        w.respond(response.code(GENERATE(rcode::nxdomain, rcode::noerror)), w.last());
    }
    SECTION("a negative answer with MINIMUM 0") {
        auto response = expire();
        w.respond(response.code(GENERATE(rcode::nxdomain, rcode::noerror)).soa("example", 60, 0), w.last());
    }
    SECTION("a negative answer with no-negcache") {
        w.options.no_negcache = true;
        auto response = expire();
        w.respond(response.code(GENERATE(rcode::nxdomain, rcode::noerror)).soa("example", 60, 60), w.last());
    }
    SECTION("a private address with stop-dns-rebind") {
        w.options.stop_dns_rebind = true;
        auto response = expire();
        w.respond(response.a("a.example", 60, "10.1.2.3"), w.last());
    }
    CHECK(w.counters.cache_entries.get() == 0);
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("forward: an expired answer stays if its refresh fails") {
    World w;
    w.options.use_stale_cache = seconds(100);
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 5, "9.9.9.1"), w.last());
    w.wait(seconds(10));
    REQUIRE(w.ask("a.example"));
    for (int i = 0; i < 9 && w.counters.forward_pending.get() > 0; ++i) w.respond(UpstreamReply(w.last()).code(rcode::servfail), w.last());
    CHECK(w.counters.forward_pending.get() == 0);
    CHECK(w.ask("a.example")->values() == "9.9.9.1");
}

TEST_CASE("forward: the refresh of an expired answer has the same client data") {
    World w;
    w.options.no_send_cookie = true;  // an upstream that answers without one is not sent a second one
    w.options.use_stale_cache = seconds(100);
    w.options.add_cpe_id = "site";
    w.options.add_subnet =
        ClientSubnet{.v4 = Address::v4(9, 9, 9, 0), .v6 = {}, .bits4 = 24, .bits6 = 0, .v4_given = true, .v6_given = false};
    w.adopt();
    w.ask("a.example");
    const auto first = w.last().bytes;
    w.respond(UpstreamReply(w.last()).a("a.example", 5, "9.9.9.1"), w.last());
    w.wait(seconds(10));
    REQUIRE(w.ask("a.example"));
    REQUIRE(w.asked.size() == 2);
    const auto second = w.last().bytes;
    CHECK(std::equal(first.begin() + 2, first.end(), second.begin() + 2, second.end()));  // all but the id
}

TEST_CASE("forward: every 20 s all upstreams are asked, and the quickest is preferred from then on") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.strict_order = false;
    w.adopt();
    w.ask("a.example");
    REQUIRE(w.asked.size() == 2);
    w.respond(UpstreamReply(w.asked[1]).a("a.example", 0, "192.0.2.1"), w.asked[1]);
    for (int i = 0; i < 40; ++i) {
        w.ask("n" + std::to_string(i) + ".example");
        CHECK(w.last().upstream.address.text() == "10.0.0.2");
        w.respond(UpstreamReply(w.last()).a("n" + std::to_string(i) + ".example", 0, "192.0.2.1"), w.last());
    }
    CHECK(w.asked.size() == 42);
    w.wait(seconds(21));
    w.ask("b.example");
    CHECK(w.asked.size() == 44);
}

TEST_CASE("forward: with 0x20 the reply must repeat the case of the name") {
    World w;
    w.options.do_0x20_encode = true;
    w.adopt();
    w.ask("abcdefghijklmnop.example");
    UpstreamReply response(w.last());
    CHECK(response.question.text() != "abcdefghijklmnop.example");
    UpstreamReply guessed(w.last());
    guessed.question = name_of("abcdefghijklmnop.example");
    w.respond(guessed.a("abcdefghijklmnop.example", 60, "192.0.2.66"), w.last());
    CHECK(w.replied.empty());
    CHECK(w.last().transport == Transport::tcp);
    UpstreamReply correct(w.last());
    w.respond(correct.a("abcdefghijklmnop.example", 60, "192.0.2.1"), w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().question == "abcdefghijklmnop.example");
    CHECK(w.reply().answer.at(0).owner == "abcdefghijklmnop.example");
}

TEST_CASE("forward: source ports and data about the client are those of the options") {
    World w;
    w.options.query_port = 5555;
    w.options.add_subnet = ClientSubnet{.v4 = {}, .v6 = {}, .bits4 = 24, .bits6 = 0, .v4_given = false, .v6_given = false};
    w.adopt();
    w.ask("a.example");
    CHECK(w.last().one_port);
    CHECK(w.last().source->port == 5555);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    w.ask("a.example");
    CHECK(w.asked.size() == 2);  // the reply is for one client's subnet: not cached
}

}  // namespace lictor::test
