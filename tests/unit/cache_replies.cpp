// What does a client get from the cache: TTLs, size bounds, eviction, rotation of addresses, truncation, flush?
#include <catch2/catch.hpp>

#include "forward_world.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::test;

TEST_CASE("cache: a cached answer has its remaining TTL, and ends with it") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 30, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 30);
    w.wait(milliseconds(9'900));
    auto seen = w.ask("A.example", rrtype::a, {.id = 77});
    REQUIRE(seen);
    CHECK(seen->answer[0].ttl == 21);
    CHECK(seen->header.id == 77);
    CHECK(seen->question == "A.example");
    CHECK(seen->answer[0].owner == "A.example");
    w.wait(milliseconds(20'000));
    CHECK(w.ask("a.example")->answer[0].ttl == 1);
    w.wait(milliseconds(100));
    CHECK_FALSE(w.ask("a.example"));
    CHECK(w.counters.cache_hits.get() == 2);
    CHECK(w.counters.answers_cache.get() == 2);
    CHECK(w.counters.cache_misses.get() == 2);
    CHECK(w.counters.cache_entries.get() == 0);
}

TEST_CASE("cache: an entry expires with its shortest TTL") {
    World w;
    w.ask("w.example");
    w.respond(UpstreamReply(w.last()).cname("w.example", 5, "a.example").a("a.example", 300, "192.0.2.1"), w.last());
    w.wait(seconds(4));
    CHECK(w.ask("w.example")->answer[1].ttl == 296);
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("w.example"));
}

TEST_CASE("cache: type, DO and CD are part of the key, the transport is not") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.ask("a.example", rrtype::a, {.connection = 4}));
    CHECK(w.ask("a.example", rrtype::a, {.edns = 4096}));
    CHECK_FALSE(w.ask("a.example", rrtype::aaaa));
    CHECK_FALSE(w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true}));
    CHECK_FALSE(w.ask("a.example", rrtype::a, {.cd = true}));
    CHECK_FALSE(w.ask("b.example"));
}

TEST_CASE("cache: an answer with TTL 0, or with the TTL's highest bit set, is not cached") {
    const auto ttl = GENERATE(0u, 0x80000001u);
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", ttl, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 0);
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: a negative answer is cached for the smaller of the SOA's TTL and MINIMUM, at most three hours") {
    struct Case {
        std::uint32_t ttl, minimum, lifetime;
    };
    const auto one = GENERATE(Case{60, 30, 30}, Case{20, 300, 20}, Case{86400, 86400, 3 * 3600}, Case{60, 0, 0});
    const auto code = GENERATE(rcode::nxdomain, rcode::noerror);
    World w;
    w.ask("no.example");
    w.respond(UpstreamReply(w.last()).code(code).soa("example", one.ttl, one.minimum), w.last());
    CHECK(w.reply().rcode() == code);
    if (one.lifetime == 0) {
        CHECK_FALSE(w.ask("no.example"));
        return;
    }
    w.wait(seconds(one.lifetime - 1));
    const auto seen = w.ask("no.example");
    REQUIRE(seen);
    CHECK(seen->rcode() == code);
    REQUIRE(seen->authority.size() == 1);
    CHECK(seen->authority[0].ttl == std::min(one.ttl, one.minimum) - (one.lifetime - 1));
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: a negative answer without SOA is cached for neg-ttl") {
    World w;
    const auto neg_ttl = GENERATE(0u, 10u);
    w.options.neg_ttl = neg_ttl;
    w.adopt();
    w.ask("no.example");
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain), w.last());
    if (neg_ttl == 0) {
        CHECK_FALSE(w.ask("no.example"));
        return;
    }
    w.wait(seconds(9));
    CHECK(w.ask("no.example"));
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: with no-negcache negative answers are not cached") {
    World w;
    w.options.no_negcache = true;
    w.options.neg_ttl = 60;
    w.adopt();
    w.ask("no.example");
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("example", 60, 60), w.last());
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: max-ttl bounds the TTL in answers, not the time in the cache") {
    World w;
    w.options.max_ttl = 10;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 300, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 10);
    w.wait(seconds(295));
    CHECK(w.ask("a.example")->answer[0].ttl == 5);
}

TEST_CASE("cache: max-cache-ttl bounds the time in the cache") {
    World w;
    w.options.max_cache_ttl = 10;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 300, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 300);
    CHECK(w.ask("a.example")->answer[0].ttl == 10);
    w.wait(seconds(10));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: min-cache-ttl lengthens a shorter TTL") {
    World w;
    w.options.min_cache_ttl = 3600;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 0, "192.0.2.1"), w.last());
    w.wait(seconds(3599));
    CHECK(w.ask("a.example")->answer[0].ttl == 1);
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: cache-size=0 switches it off") {
    World w;
    w.options.cache_size = 0;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK_FALSE(w.ask("a.example"));
    w.wait(seconds(4));
    CHECK_FALSE(w.ask("a.example"));  // nor is the failure cached
}

TEST_CASE("cache: a truncated reply is not cached") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).flags(0x0200).a("a.example", 60, "192.0.2.1"), w.last());
    w.breaks(w.last());
    w.wait(seconds(4));
    w.wait(seconds(2));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: the number of entries is bounded; the least recently used one is evicted") {
    World w;
    w.options.cache_size = 3;
    w.adopt();
    const auto fill = [&](const std::string& name) {
        w.ask(name);
        w.respond(UpstreamReply(w.last()).a(name, 60, "192.0.2.1"), w.last());
    };
    for (const char* name : {"a.example", "b.example", "c.example"}) fill(name);
    w.wait(seconds(1));  // uses within a second count once
    CHECK(w.ask("a.example"));
    fill("d.example");
    CHECK(w.counters.cache_entries.get() == 3);
    CHECK(w.counters.cache_evictions.get() == 1);
    CHECK(w.ask("a.example"));
    CHECK(w.ask("c.example"));
    SECTION("the least recently used entry is gone") { CHECK_FALSE(w.ask("b.example")); }
    SECTION("removal of an expired entry is not an eviction") {
        w.wait(seconds(60));
        fill("e.example");
        CHECK(w.counters.cache_evictions.get() == 1);
    }
    SECTION("a smaller bound takes effect at once") {
        w.options.cache_size = 1;
        w.adopt();
        CHECK(w.counters.cache_entries.get() == 1);
    }
}

TEST_CASE("cache: the number of bytes is bounded") {
    World w;
    w.options.cache_size = 1000;  // 512,000 bytes
    w.adopt();
    for (int i = 0; i < 60; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        UpstreamReply response(w.last());
        for (int k = 0; k < 1200; ++k)
            response.record(0, name, rrtype::a, 60, {10, 0, static_cast<std::uint8_t>(k >> 8), static_cast<std::uint8_t>(k)});
        w.respond(response, w.last());
        CHECK(w.counters.cache_bytes.get() <= 512'000);
    }
    CHECK(w.counters.cache_entries.get() > 10);
    CHECK(w.counters.cache_entries.get() < 40);
    CHECK(w.counters.cache_evictions.get() == 60 - w.counters.cache_entries.get());
    CHECK(w.ask("n59.example"));
    w.flush(".");
    CHECK(w.counters.cache_bytes.get() == 0);
    CHECK(w.flushed > 10);
}

TEST_CASE("cache: each of 3000 entries is found by its name") {
    World w;
    for (unsigned i = 0; i < 3000; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        w.respond(UpstreamReply(w.last()).record(0, name, rrtype::a, 600,
                                                 {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}),
                  w.last());
    }
    for (unsigned i = 0; i < 3000; ++i) {
        const auto seen = w.ask("N" + std::to_string(i) + ".example");
        REQUIRE(seen);
        REQUIRE(seen->values() == "10.0." + std::to_string(i >> 8) + '.' + std::to_string(i & 255));
    }
}

TEST_CASE("cache: a newer reply replaces the older") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 1});
    const Ask first = w.last();
    w.respond(UpstreamReply(first).a("a.example", 1, "192.0.2.1"), first);
    w.wait(seconds(1));
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.ask("a.example")->values() == "192.0.2.2");
    CHECK(w.counters.cache_entries.get() == 1);
}

TEST_CASE("cache: the addresses of an answer are rotated") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last())
                  .cname("a.example", 60, "b.example")
                  .a("b.example", 60, "10.0.0.1")
                  .a("b.example", 60, "10.0.0.2")
                  .a("b.example", 60, "10.0.0.3"),
              w.last());
    CHECK(w.reply().values() == "b.example 10.0.0.1 10.0.0.2 10.0.0.3");
    w.wait(seconds(10));
    CHECK(w.ask("a.example")->values() == "b.example 10.0.0.2 10.0.0.3 10.0.0.1");
    const auto third = w.ask("a.example");
    CHECK(third->values() == "b.example 10.0.0.3 10.0.0.1 10.0.0.2");
    for (const auto& line : third->answer) CHECK(line.ttl == 50);
    CHECK(w.ask("a.example")->values() == "b.example 10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_CASE("cache: an answer larger than the client's UDP size is truncated after a whole record, with TC; over TCP it is complete") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 1});
    UpstreamReply response(w.last());
    for (int i = 0; i < 100; ++i) response.record(0, "a.example", rrtype::a, 60, {10, 0, 0, static_cast<std::uint8_t>(i)});
    response.record(2, "x.example", rrtype::a, 60, {10, 1, 1, 1});
    w.respond(response, w.last());
    CHECK(w.reply().answer.size() == 100);
    CHECK_FALSE(w.reply().header.tc());

    struct Case {
        std::uint16_t edns;
        std::size_t limit;
    };
    for (const Case one : {Case{0, 512}, Case{100, 512}, Case{700, 700}, Case{1232, 1232}, Case{4096, 1232}}) {
        const auto seen = w.ask("a.example", rrtype::a, {.edns = one.edns});
        REQUIRE(seen);
        CHECK(seen->whole);
        CHECK(seen->header.tc());
        CHECK(seen->size <= one.limit);
        CHECK(seen->size > one.limit - 16);
        CHECK(seen->edns.present == (one.edns != 0));
        CHECK(seen->answer.size() >= 29);
    }
    CHECK(w.ask("a.example", rrtype::a, {.edns = 700, .connection = 2})->answer.size() == 100);
    w.options.edns_packet_max = 4096;
    w.adopt();
    const auto large = w.ask("a.example", rrtype::a, {.edns = 4096});
    CHECK(large->answer.size() == 100);
    CHECK_FALSE(large->header.tc());
    CHECK(w.counters.answers_truncated.get() == 5);
}

TEST_CASE("cache: additional records that do not fit are left out without TC") {
    World w;
    w.ask("db.service.consul", rrtype::a, {.way = QueryForm::Way::agent});
    UpstreamReply response(w.last());
    response.a("db.service.consul", 60, "10.0.0.1");
    for (int i = 0; i < 60; ++i) response.record(2, "db.service.consul", rrtype::txt, 60, {3, 'a', 'b', static_cast<std::uint8_t>(i)});
    w.respond(response, w.last());
    CHECK(w.reply().whole);
    CHECK(w.reply().size <= 512);
    CHECK(w.reply().additional.size() > 20);
    CHECK(w.reply().additional.size() < 60);
    CHECK_FALSE(w.reply().header.tc());
}

TEST_CASE("cache: truncated answers are rotated, too") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 1});
    UpstreamReply response(w.last());
    for (int i = 0; i < 40; ++i) response.record(0, "a.example", rrtype::a, 60, {10, 0, 0, static_cast<std::uint8_t>(i)});
    w.respond(response, w.last());
    std::set<std::string> seen_values;
    for (int i = 0; i < 40; ++i) {
        const auto seen = w.ask("a.example");
        REQUIRE(seen->whole);
        for (const auto& line : seen->answer) seen_values.insert(line.value);
        CHECK(seen->answer.size() == 30);
    }
    CHECK(seen_values.size() == 40);
}

TEST_CASE("cache: a flush drops the name and all names below it, and no other") {
    World w;
    for (const char* name : {"corp.example", "db.corp.example", "x.db.corp.example", "notcorp.example", "example"}) {
        w.ask(name);
        w.respond(UpstreamReply(w.last()).a(name, 60, "192.0.2.1"), w.last());
    }
    w.flush("corp.example");
    CHECK(w.flushed == 3);
    CHECK(w.ask("notcorp.example"));
    CHECK(w.ask("example"));
    CHECK_FALSE(w.ask("corp.example"));
    CHECK_FALSE(w.ask("x.db.corp.example"));
}

TEST_CASE("cache: replies with and without DO are cached apart") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    w.respond(UpstreamReply(w.last())
                  .a("a.example", 60, "192.0.2.1")
                  .record(0, "a.example", rrtype::rrsig, 60,
                          [] {
                              std::vector<std::uint8_t> data(20);
                              data[1] = 1;
                              return data;
                          }()),
              w.last());
    CHECK(w.reply().answer.size() == 2);
    CHECK(w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true})->answer.size() == 2);
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.ask("a.example")->answer.size() == 1);
}

TEST_CASE("cache: NXDOMAIN for one type is NODATA while an answer of another type is alive") {
    World w;
    const auto deny = [&](const answer::Ask& to) { w.respond(UpstreamReply(to).code(rcode::nxdomain).soa("example", 300, 300), to); };
    const auto other = GENERATE(rrtype::aaaa, rrtype::txt, rrtype::https);
    SECTION("the answer first") {
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        w.ask("a.example", other);
        deny(w.last());
        CHECK(w.reply().rcode() == rcode::noerror);
        CHECK(w.reply().answer.empty());
        REQUIRE(w.reply().authority.size() == 1);
    }
    SECTION("NXDOMAIN first: it does not hide the answer") {
        w.ask("a.example", other);
        deny(w.last());
        CHECK(w.reply().rcode() == rcode::nxdomain);
        CHECK_FALSE(w.ask("a.example"));
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        CHECK(w.reply().values() == "192.0.2.1");
    }
    CHECK(w.ask("a.example", other)->rcode() == rcode::noerror);
    w.wait(seconds(61));
    CHECK(w.ask("a.example", other)->rcode() == rcode::nxdomain);
}

TEST_CASE("cache: with DO the upstream's NXDOMAIN and its proof are passed on unchanged") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    w.ask("a.example", rrtype::aaaa, {.edns = 1232, .dnssec_ok = true});
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("example", 300, 300), w.last());
    CHECK(w.reply().rcode() == rcode::nxdomain);
}

TEST_CASE("forward: NXDOMAIN for one address family waits for the reply to the other one") {
    World w;
    const auto cached = GENERATE(true, false);
    w.options.cache_size = cached ? 100 : 0;
    w.adopt();
    w.ask("a.example", rrtype::a);
    const answer::Ask v4 = w.last();
    w.ask("a.example", rrtype::aaaa);
    const answer::Ask v6 = w.last();
    w.respond(UpstreamReply(v6).code(rcode::nxdomain).soa("example", 300, 300), v6);
    REQUIRE(w.replied.empty());
    SECTION("which has addresses: NODATA") {
        w.respond(UpstreamReply(v4).a("a.example", 60, "192.0.2.1"), v4);
        REQUIRE(w.replied.size() == 2);
        CHECK(Seen(w.replied[0].bytes).values() == "192.0.2.1");
        CHECK(w.reply().rcode() == rcode::noerror);
    }
    SECTION("which is NXDOMAIN as well") {
        w.respond(UpstreamReply(v4).code(rcode::nxdomain).soa("example", 300, 300), v4);
        REQUIRE(w.replied.size() == 2);
        CHECK(Seen(w.replied[0].bytes).rcode() == rcode::nxdomain);
        CHECK(w.reply().rcode() == rcode::nxdomain);
    }
    SECTION("which fails") {
        w.respond(UpstreamReply(v4).code(rcode::servfail), v4);
        REQUIRE(w.replied.size() == 2);
        CHECK(w.reply().rcode() == rcode::nxdomain);
    }
    SECTION("at most for a fifth of a second") {
        w.wait(milliseconds(199));
        CHECK(w.replied.empty());
        w.wait(milliseconds(2));
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().rcode() == rcode::nxdomain);
    }
    SECTION("a flush asks again") {
        w.flush("example");
        CHECK(w.asked.size() >= 4);
        w.respond(UpstreamReply(w.last()).code(rcode::servfail), w.last());
        w.wait(seconds(5));
        CHECK(w.replied.size() == 2);
    }
    CHECK_FALSE(w.double_close);
}
