// The cache as clients see it: how long, how old, how large, in which order.
#include <catch2/catch.hpp>

#include "forward_world.hpp"

using namespace lictor;
using namespace lictor::test;

TEST_CASE("cache: an answer is given again, older by the seconds passed, until its TTL is over") {
    World w;
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 30, "192.0.2.1"), w.last());
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

TEST_CASE("cache: the shortest TTL of the answer bounds all of it") {
    World w;
    w.ask("w.example");
    w.says(Said(w.last()).cname("w.example", 5, "a.example").a("a.example", 300, "192.0.2.1"), w.last());
    w.wait(seconds(4));
    CHECK(w.ask("w.example")->answer[1].ttl == 296);
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("w.example"));
}

TEST_CASE("cache: type, DO and CD are part of the key, the transport is not") {
    World w;
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.ask("a.example", rrtype::a, {.connection = 4}));
    CHECK(w.ask("a.example", rrtype::a, {.edns = 4096}));
    CHECK_FALSE(w.ask("a.example", rrtype::aaaa));
    CHECK_FALSE(w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true}));
    CHECK_FALSE(w.ask("a.example", rrtype::a, {.cd = true}));
    CHECK_FALSE(w.ask("b.example"));
}

TEST_CASE("cache: TTL 0 is not kept, nor one with its highest bit set") {
    const auto ttl = GENERATE(0u, 0x80000001u);
    World w;
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", ttl, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 0);
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: negatives live as long as the SOA says, at most three hours") {
    struct Case { std::uint32_t ttl, minimum, lives; };
    const auto one = GENERATE(Case{60, 30, 30}, Case{20, 300, 20}, Case{86400, 86400, 3 * 3600}, Case{60, 0, 0});
    const auto code = GENERATE(rcode::nxdomain, rcode::noerror);
    World w;
    w.ask("no.example");
    w.says(Said(w.last()).code(code).soa("example", one.ttl, one.minimum), w.last());
    CHECK(w.reply().rcode() == code);
    if (one.lives == 0) {
        CHECK_FALSE(w.ask("no.example"));
        return;
    }
    w.wait(seconds(one.lives - 1));
    const auto seen = w.ask("no.example");
    REQUIRE(seen);
    CHECK(seen->rcode() == code);
    REQUIRE(seen->authority.size() == 1);
    CHECK(seen->authority[0].ttl == std::min(one.ttl, one.minimum) - (one.lives - 1));
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: negatives without SOA are kept for neg-ttl only") {
    World w;
    const auto neg_ttl = GENERATE(0u, 10u);
    w.options.neg_ttl = neg_ttl;
    w.adopt();
    w.ask("no.example");
    w.says(Said(w.last()).code(rcode::nxdomain), w.last());
    if (neg_ttl == 0) {
        CHECK_FALSE(w.ask("no.example"));
        return;
    }
    w.wait(seconds(9));
    CHECK(w.ask("no.example"));
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: no-negcache keeps no negatives") {
    World w;
    w.options.no_negcache = true;
    w.options.neg_ttl = 60;
    w.adopt();
    w.ask("no.example");
    w.says(Said(w.last()).code(rcode::nxdomain).soa("example", 60, 60), w.last());
    CHECK_FALSE(w.ask("no.example"));
}

TEST_CASE("cache: max-ttl is what clients see, not what is kept") {
    World w;
    w.options.max_ttl = 10;
    w.adopt();
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 300, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 10);
    w.wait(seconds(295));
    CHECK(w.ask("a.example")->answer[0].ttl == 5);
}

TEST_CASE("cache: max-cache-ttl is what is kept") {
    World w;
    w.options.max_cache_ttl = 10;
    w.adopt();
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 300, "192.0.2.1"), w.last());
    CHECK(w.reply().answer[0].ttl == 300);
    CHECK(w.ask("a.example")->answer[0].ttl == 10);
    w.wait(seconds(10));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: min-cache-ttl keeps longer what says less, an hour at most") {
    World w;
    w.options.min_cache_ttl = 100'000;
    w.adopt();
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 0, "192.0.2.1"), w.last());
    w.wait(seconds(3599));
    CHECK(w.ask("a.example")->answer[0].ttl == 1);
    w.wait(seconds(1));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: size 0 switches it off") {
    World w;
    w.options.cache_size = 0;
    w.adopt();
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK_FALSE(w.ask("a.example"));
    w.wait(seconds(4));
    CHECK_FALSE(w.ask("a.example"));  // no failure is remembered either
}

TEST_CASE("cache: a cut reply is never kept") {
    World w;
    w.ask("a.example");
    w.says(Said(w.last()).flags(0x0200).a("a.example", 60, "192.0.2.1"), w.last());
    w.breaks(w.last());
    w.wait(seconds(4));
    w.wait(seconds(2));
    CHECK_FALSE(w.ask("a.example"));
}

TEST_CASE("cache: the number of entries is bounded, the longest unused goes") {
    World w;
    w.options.cache_size = 3;
    w.adopt();
    const auto fill = [&](const std::string& name) {
        w.ask(name);
        w.says(Said(w.last()).a(name, 60, "192.0.2.1"), w.last());
    };
    for (const char* name : {"a.example", "b.example", "c.example"}) fill(name);
    w.wait(seconds(1));  // uses within a second count once
    CHECK(w.ask("a.example"));
    fill("d.example");
    CHECK(w.counters.cache_entries.get() == 3);
    CHECK(w.counters.cache_evictions.get() == 1);
    CHECK(w.ask("a.example"));
    CHECK(w.ask("c.example"));
    SECTION("the longest unused is gone") { CHECK_FALSE(w.ask("b.example")); }
    SECTION("an entry that was over anyway is no eviction") {
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

TEST_CASE("cache: bytes are bounded, whatever the replies' size") {
    World w;
    w.options.cache_size = 1000;  // 512,000 bytes
    w.adopt();
    for (int i = 0; i < 60; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        Said said(w.last());
        for (int k = 0; k < 1200; ++k) said.record(0, name, rrtype::a, 60, {10, 0, static_cast<std::uint8_t>(k >> 8), static_cast<std::uint8_t>(k)});
        w.says(said, w.last());
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

TEST_CASE("cache: many entries are found again, each its own") {
    World w;
    for (unsigned i = 0; i < 3000; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        w.says(Said(w.last()).record(0, name, rrtype::a, 600, {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}), w.last());
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
    w.says(Said(first).a("a.example", 1, "192.0.2.1"), first);
    w.wait(seconds(1));
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.ask("a.example")->values() == "192.0.2.2");
    CHECK(w.counters.cache_entries.get() == 1);
}

TEST_CASE("cache: the addresses of an answer take turns") {
    World w;
    w.ask("a.example");
    w.says(Said(w.last()).cname("a.example", 60, "b.example").a("b.example", 60, "10.0.0.1").a("b.example", 60, "10.0.0.2").a("b.example", 60, "10.0.0.3"),
           w.last());
    CHECK(w.reply().values() == "b.example 10.0.0.1 10.0.0.2 10.0.0.3");
    w.wait(seconds(10));
    CHECK(w.ask("a.example")->values() == "b.example 10.0.0.2 10.0.0.3 10.0.0.1");
    const auto third = w.ask("a.example");
    CHECK(third->values() == "b.example 10.0.0.3 10.0.0.1 10.0.0.2");
    for (const auto& line : third->answer) CHECK(line.ttl == 50);
    CHECK(w.ask("a.example")->values() == "b.example 10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_CASE("cache: what does not fit the client's size is cut at a record, with TC; over TCP all of it comes") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 1});
    Said said(w.last());
    for (int i = 0; i < 100; ++i) said.record(0, "a.example", rrtype::a, 60, {10, 0, 0, static_cast<std::uint8_t>(i)});
    said.record(2, "x.example", rrtype::a, 60, {10, 1, 1, 1});
    w.says(said, w.last());
    CHECK(w.reply().answer.size() == 100);
    CHECK_FALSE(w.reply().header.tc());

    struct Case { std::uint16_t edns; std::size_t limit; };
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

TEST_CASE("cache: additional records are left out without TC") {
    World w;
    w.ask("db.service.consul", rrtype::a, {.way = Wish::Way::agent});
    Said said(w.last());
    said.a("db.service.consul", 60, "10.0.0.1");
    for (int i = 0; i < 60; ++i) said.record(2, "db.service.consul", rrtype::txt, 60, {3, 'a', 'b', static_cast<std::uint8_t>(i)});
    w.says(said, w.last());
    CHECK(w.reply().whole);
    CHECK(w.reply().size <= 512);
    CHECK(w.reply().additional.size() > 20);
    CHECK(w.reply().additional.size() < 60);
    CHECK_FALSE(w.reply().header.tc());
}

TEST_CASE("cache: a cut answer takes turns too") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 1});
    Said said(w.last());
    for (int i = 0; i < 40; ++i) said.record(0, "a.example", rrtype::a, 60, {10, 0, 0, static_cast<std::uint8_t>(i)});
    w.says(said, w.last());
    std::set<std::string> seen_values;
    for (int i = 0; i < 40; ++i) {
        const auto seen = w.ask("a.example");
        REQUIRE(seen->whole);
        for (const auto& line : seen->answer) seen_values.insert(line.value);
        CHECK(seen->answer.size() == 30);
    }
    CHECK(seen_values.size() == 40);
}

TEST_CASE("cache: flush drops a name and all below, nothing beside") {
    World w;
    for (const char* name : {"corp.example", "db.corp.example", "x.db.corp.example", "notcorp.example", "example"}) {
        w.ask(name);
        w.says(Said(w.last()).a(name, 60, "192.0.2.1"), w.last());
    }
    w.flush("corp.example");
    CHECK(w.flushed == 3);
    CHECK(w.ask("notcorp.example"));
    CHECK(w.ask("example"));
    CHECK_FALSE(w.ask("corp.example"));
    CHECK_FALSE(w.ask("x.db.corp.example"));
}

TEST_CASE("cache: a waiting DO client and a plain one do not get each other's reply") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1").record(0, "a.example", rrtype::rrsig, 60, [] {
               std::vector<std::uint8_t> data(20);
               data[1] = 1;
               return data;
           }()),
           w.last());
    CHECK(w.reply().answer.size() == 2);
    CHECK(w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true})->answer.size() == 2);
    w.ask("a.example");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.ask("a.example")->answer.size() == 1);
}
