// Which upstream is asked, when is a query sent again, and how does it end?
#include <catch2/catch.hpp>

#include "forward_world.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::conf;
using namespace lictor::wire;
using namespace lictor::test;

TEST_CASE("forward: a query goes out with its own id and OPT, and the client gets the reply with its id and spelling", "[CVE-2023-28450]") {
    World w;
    CHECK_FALSE(w.ask("Www.Example.COM", rrtype::a, {.edns = 4096}));
    REQUIRE(w.asked.size() == 1);
    CHECK(w.last().upstream.text() == "10.0.0.1#53");
    CHECK(w.last().transport == Transport::udp);
    Question sent;
    REQUIRE(read_question(w.last().bytes, sent) == QuestionFault::none);
    CHECK(sent.name.text() == "www.example.com");
    CHECK(sent.header.bits & header_bit::rd);
    CHECK_FALSE(sent.header.bits & header_bit::ad);
    CHECK(sent.edns.udp_size == 1232);
    CHECK(sent.header.id != w.last_id);

    w.respond(UpstreamReply(w.last()).a("www.example.com", 300, "192.0.2.7"), w.last());
    REQUIRE(w.replied.size() == 1);
    const Seen seen = w.reply();
    CHECK(seen.whole);
    CHECK(seen.header.id == w.last_id);
    CHECK(seen.question == "Www.Example.COM");
    CHECK(seen.answer[0].owner == "Www.Example.COM");
    CHECK(seen.values() == "192.0.2.7");
    CHECK(seen.header.ra());
    CHECK(seen.header.bits & header_bit::rd);
    CHECK(seen.edns.present);
    CHECK(w.open.empty());
    CHECK(w.counters.forward_pending.get() == 0);
    CHECK(w.counters.answers_upstream.get() == 1);
}

TEST_CASE("forward: ids are random in the whole range") {
    World w;
    std::set<std::uint16_t> ids;
    std::uint16_t highest = 0, lowest = 0xffff;
    for (int i = 0; i < 2000; ++i) {
        w.ask("n" + std::to_string(i) + ".example");
        const auto id = read_header(w.last().bytes)->id;
        ids.insert(id);
        highest = std::max(highest, id);
        lowest = std::min(lowest, id);
    }
    CHECK(ids.size() > 1900);
    CHECK(highest > 0xff00);
    CHECK(lowest < 0x0100);
}

TEST_CASE("forward: identical queries go out once, and each client gets its own id, spelling and OPT") {
    World w;
    w.ask("a.example", rrtype::a, {.id = 11, .edns = 1232});
    w.ask("A.Example", rrtype::a, {.id = 22});
    w.ask("a.EXAMPLE", rrtype::a, {.id = 33, .connection = 5});
    CHECK(w.asked.size() == 1);
    CHECK(w.counters.forward_joined.get() == 2);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    REQUIRE(w.replied.size() == 3);
    const Seen first(w.replied[0].bytes), second(w.replied[1].bytes), third(w.replied[2].bytes);
    CHECK(first.header.id == 11);
    CHECK(first.edns.present);
    CHECK(second.header.id == 22);
    CHECK_FALSE(second.edns.present);
    CHECK(second.question == "A.Example");
    CHECK(third.question == "a.EXAMPLE");
    CHECK(w.replied[2].client.connection == 5);
}

TEST_CASE("forward: queries that differ in type, DO or CD are not joined; others are, whatever their size or transport") {
    World w;
    w.ask("a.example");
    w.ask("a.example", rrtype::aaaa);
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    w.ask("a.example", rrtype::a, {.cd = true});
    CHECK(w.asked.size() == 4);
    w.ask("a.example", rrtype::a, {.edns = 900});
    w.ask("a.example", rrtype::a, {.connection = 9});
    CHECK(w.asked.size() == 4);
}

TEST_CASE("forward: a thousand identical queries of clients cause one query upstream", "[CVE-2020-25686]") {
    World w;
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(w.ask("hot.example"));
    CHECK(w.asked.size() == 1);
    w.respond(UpstreamReply(w.last()).a("hot.example", 60, "192.0.2.1"), w.last());
    CHECK(w.replied.size() == 1000);
}

TEST_CASE("forward: a client's retransmission gets no second reply") {
    World w;
    w.ask("a.example", rrtype::a, {.id = 5, .port = 4000});
    w.ask("a.example", rrtype::a, {.id = 5, .port = 4000});
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.replied.size() == 1);
}

TEST_CASE("forward: the clients that wait for one query are bounded") {
    World w;
    std::size_t refused = 0;
    for (int i = 0; i < 2000; ++i)
        if (const auto seen = w.ask("hot.example")) refused += seen->rcode() == rcode::servfail;
    CHECK(refused == 2000 - 1024);
    CHECK(w.counters.forward_overload.get() == refused);
}

TEST_CASE("forward: beyond dns-forward-max the answer is SERVFAIL at once, logged once in five seconds") {
    World w;
    w.options.dns_forward_max = 3;
    w.adopt();
    for (int i = 0; i < 3; ++i) CHECK_FALSE(w.ask("n" + std::to_string(i) + ".example"));
    const auto seen = w.ask("n3.example", rrtype::a, {.edns = 1232});
    REQUIRE(seen);
    CHECK(seen->rcode() == rcode::servfail);
    CHECK(seen->extended_error == 0u);
    w.ask("n4.example");
    CHECK(w.notices == std::vector<std::string>{"Maximum number of concurrent DNS queries reached (max: 3)"});
    CHECK(w.counters.forward_overload.get() == 2);
    w.ask("n0.example");
    CHECK(w.counters.forward_joined.get() == 1);
}

TEST_CASE("forward: if an upstream does not reply within 400 ms the next one is asked") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    CHECK(w.last().upstream.address.text() == "10.0.0.1");
    w.wait(milliseconds(399));
    CHECK(w.asked.size() == 1);
    w.wait(milliseconds(2));
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.reply().values() == "192.0.2.2");
    CHECK(w.open.empty());
    SECTION("the one that answered is asked first from then on") {
        w.options.strict_order = false;
        w.adopt();
        w.ask("race.example");  // goes to all at once, and this one is again the quicker
        w.respond(UpstreamReply(w.last()).a("race.example", 60, "192.0.2.2"), w.last());
        w.ask("b.example");
        CHECK(w.last().upstream.address.text() == "10.0.0.2");
    }
    SECTION("with strict-order the first one stays first") {
        w.options.strict_order = true;
        w.adopt();
        w.ask("b.example");
        CHECK(w.last().upstream.address.text() == "10.0.0.1");
    }
}

TEST_CASE("forward: a late reply to an earlier attempt is used") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.wait(milliseconds(500));
    REQUIRE(w.asked.size() == 2);
    w.respond(UpstreamReply(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.open.empty());
}

TEST_CASE("forward: without a reply the client gets SERVFAIL with an extended error after forward-timeout") {
    World w;
    const auto limit = GENERATE(4500u, 2000u);
    w.options.forward_timeout = limit;
    w.adopt();
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.wait(milliseconds(limit) - milliseconds(1));
    CHECK(w.replied.empty());
    CHECK(w.asked.size() == (limit == 4500 ? 3 : 2));
    w.wait(milliseconds(2));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.reply().extended_error == 22u);
    CHECK(w.counters.forward_failed.get() == 1);
    CHECK(w.counters.forward_pending.get() == 0);
    SECTION("its sockets are closed 5.5 s later") {
        w.wait(milliseconds(5498));
        CHECK(w.open.size() == w.asked.size());
        w.wait(milliseconds(2));
        CHECK(w.open.empty());
        CHECK(w.replied.size() == 1);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("a late reply enters the cache") {
        w.wait(seconds(5));
        w.respond(UpstreamReply(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
        CHECK(w.replied.size() == 1);
        CHECK(w.open.empty());
        CHECK(w.ask("a.example")->values() == "192.0.2.1");
    }
    SECTION("clients that ask meanwhile get the late reply, or SERVFAIL in their own time") {
        w.wait(GENERATE(milliseconds(100), milliseconds(1001)));
        CHECK_FALSE(w.ask("a.example"));
        CHECK(w.counters.forward_pending.get() == 1);
        CHECK(w.open.size() <= 3);
        SECTION("the late reply") {
            w.respond(UpstreamReply(w.asked[1]).a("a.example", 60, "192.0.2.1"), w.asked[1]);
            REQUIRE(w.replied.size() == 2);
            CHECK(w.reply().values() == "192.0.2.1");
        }
        SECTION("SERVFAIL") {
            w.wait(milliseconds(limit) - milliseconds(1));
            CHECK(w.replied.size() == 1);
            w.wait(milliseconds(2));
            CHECK(w.replied.size() == 2);
        }
    }
    SECTION("a late reply to a query under older rules is not cached") {
        w.adopt();
        w.respond(UpstreamReply(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("a late failure ends it") {
        for (const auto& ask : std::vector(w.asked)) w.respond(UpstreamReply(ask).code(rcode::servfail), ask);
        CHECK(w.open.empty());
        CHECK(w.replied.size() == 1);
    }
    SECTION("an unreachable upstream ends it") {
        for (const auto& ask : std::vector(w.asked)) w.breaks(ask);
        CHECK(w.open.empty());
        CHECK(w.replied.size() == 1);
    }
    SECTION("nothing is sent again within a second") {
        const auto sent = w.asked.size();
        w.wait(milliseconds(100));
        CHECK_FALSE(w.ask("a.example", rrtype::a, {.edns = 1232}));
        w.wait(milliseconds(890));
        CHECK(w.asked.size() == sent);
        w.wait(milliseconds(20));
        CHECK(w.asked.size() == sent + 1);
    }
    SECTION("the failure is not cached across new rules") {
        w.adopt();
        CHECK_FALSE(w.ask("a.example"));
    }
}

TEST_CASE("forward: queries that wait for late replies are bounded, and do not count against dns-forward-max", "[SHAR]") {
    World w;
    w.options.dns_forward_max = 300;
    w.adopt();
    for (int i = 0; i < 300; ++i) w.ask("n" + std::to_string(i) + ".example");
    CHECK(w.open.size() == 300);
    w.wait(milliseconds(4501));
    CHECK(w.replied.size() == 300);
    CHECK(w.open.size() == 750);
    CHECK_FALSE(w.ask("new.example"));
    w.wait(seconds(11));
    CHECK(w.open.empty());
    CHECK_FALSE(w.double_close);
}

TEST_CASE("forward: an upstream with a constant delay gets one query for each question once its delay is known") {
    struct Case {
        unsigned delay;
        std::size_t first, later;  // datagrams
    };
    const auto one = GENERATE(Case{30, 1, 1}, Case{300, 1, 1}, Case{990, 1, 1}, Case{1500, 2, 1}, Case{2500, 2, 1}, Case{3200, 3, 2});
    World w;
    for (int i = 0; i < 6; ++i) {
        const auto name = "n" + std::to_string(i) + ".example";
        const auto before = w.asked.size();
        w.ask(name);
        const Ask first = w.last();
        w.wait(milliseconds(one.delay));
        w.respond(UpstreamReply(first).a(name, 60, "192.0.2.1"), first);
        CHECK(w.reply().values() == "192.0.2.1");
        CHECK(w.asked.size() - before <= (i == 0 ? one.first : one.later));
        CHECK(w.open.empty());
    }
    CHECK_FALSE(w.forward.upstream_reports(w.now)[1].down);
}

TEST_CASE("forward: of two upstreams with a delay of 1.5 s each, each query is answered") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.strict_order = GENERATE(true, false);
    w.adopt();
    for (int i = 0; i < 60; ++i) {
        const auto name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        const Ask first = w.last();
        w.wait(milliseconds(1500));
        w.respond(UpstreamReply(first).a(name, 60, "192.0.2.1"), first);
        CHECK(w.reply().values() == "192.0.2.1");
    }
    CHECK(w.replied.size() == 60);
}

TEST_CASE("forward: if an upstream that used to be quick is silent, another one is asked within 800 ms") {
    World w({"10.0.0.1", "10.0.0.2"});
    for (int i = 0; i < 8; ++i) {
        const auto name = "n" + std::to_string(i) + ".example";
        w.ask(name);
        w.wait(milliseconds(600));
        w.respond(UpstreamReply(w.asked.back()).a(name, 60, "192.0.2.1"), w.asked.back());
    }
    const auto before = w.asked.size();
    w.ask("silent.example");
    w.wait(milliseconds(801));
    CHECK(w.asked.size() >= before + 2);
}

TEST_CASE("forward: a timeout is counted for an upstream that does not reply in time, not for one that is slower than another") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.all_servers = true;
    w.adopt();
    const auto silent = GENERATE(false, true);
    w.ask("a.example");
    w.wait(silent ? milliseconds(500) : milliseconds(50));
    w.respond(UpstreamReply(w.asked[1]).a("a.example", 60, "192.0.2.2"), w.asked[1]);
    CHECK(w.forward.upstream_reports(w.now)[1].timeouts == (silent ? 1 : 0));
    CHECK(w.forward.upstream_reports(w.now)[2].timeouts == 0);
}

TEST_CASE("forward: after a socket error the next upstream is asked at once") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.breaks(w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    CHECK(w.counters.forward_retries.get() == 1);
}

TEST_CASE("forward: a query to an upstream that is not reachable is sent again every 200 ms; the failure is not cached") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.breaks(w.last());
    SECTION("the upstream comes back") {
        for (int i = 0; i < 20; ++i) {
            w.wait(milliseconds(199));
            CHECK(w.open.empty());
            w.wait(milliseconds(1));
            REQUIRE(w.open.size() == 1);
            if (i < 19) w.breaks(w.last());
        }
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().values() == "192.0.2.1");
    }
    SECTION("it does not") {
        const Now end = w.now + milliseconds(4500);
        while (w.now < end) {
            w.wait(milliseconds(100));
            if (!w.open.empty()) w.breaks(w.last());
        }
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().extended_error == 23u);
        CHECK_FALSE(w.ask("a.example"));
        CHECK_FALSE(w.open.empty());
    }
}

TEST_CASE("forward: after ten seconds without a reachable upstream a query ends after two attempts, and the failure is cached") {
    World w;
    const auto fail_at_once = [&](const std::string& name) {
        w.ask(name, rrtype::a, {.edns = 1232});
        const auto before = w.replied.size();
        for (const Now end = w.now + milliseconds(4600); w.now < end && w.replied.size() == before; w.wait(milliseconds(100)))
            if (!w.open.empty()) w.breaks(w.last());
        return w.replied.size() != before;
    };
    for (int i = 0; i < 3; ++i) CHECK(fail_at_once("n" + std::to_string(i) + ".example"));
    const Now begun = w.now;
    CHECK(fail_at_once("a.example"));
    CHECK(w.now - begun <= milliseconds(300));
    CHECK(w.ask("a.example", rrtype::a, {.edns = 1232})->extended_error == 23u);
    SECTION("an outage half a minute later is a new one") {
        w.wait(seconds(31));
        const Now later = w.now;
        CHECK(fail_at_once("b.example"));
        CHECK(w.now - later >= milliseconds(4400));
    }
}

TEST_CASE("forward: after three failures an upstream is skipped for a growing pause; if all have failed one is still asked") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.strict_order = true;
    w.options.cache_size = 0;
    w.adopt();
    const auto fail_first = [&] {
        w.ask("a.example");
        const std::string asked_first = w.last().upstream.address.text();
        if (asked_first == "10.0.0.1") w.breaks(w.last());
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
        return asked_first;
    };
    for (int i = 0; i < 3; ++i) CHECK(fail_first() == "10.0.0.1");
    CHECK(w.forward.upstream_reports(w.now)[1].down);
    CHECK(fail_first() == "10.0.0.2");
    w.wait(milliseconds(1001));
    CHECK(fail_first() == "10.0.0.1");
    w.wait(milliseconds(1001));
    CHECK(fail_first() == "10.0.0.2");
    w.wait(milliseconds(1001));
    SECTION("one answer ends the pause") {
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        CHECK(fail_first() == "10.0.0.1");
        CHECK(fail_first() == "10.0.0.1");
    }
    SECTION("if both are down one is still asked") {
        for (int i = 0; i < 4; ++i) {
            w.ask("b" + std::to_string(i) + ".example");
            w.breaks(w.last());
            w.breaks(w.last());
        }
        CHECK(w.forward.upstream_reports(w.now)[1].down);
        CHECK(w.forward.upstream_reports(w.now)[2].down);
        CHECK_FALSE(w.ask("c.example"));
        CHECK_FALSE(w.open.empty());
    }
}

TEST_CASE("forward: the report shows the end of an upstream's pause without a further query") {
    World w;
    for (int i = 0; i < 3; ++i) {
        w.ask("n" + std::to_string(i) + ".example");
        w.breaks(w.last());
    }
    CHECK(w.forward.upstream_reports(w.now)[1].down);
    CHECK_FALSE(w.forward.upstream_reports(w.now + seconds(60))[1].down);
}

TEST_CASE("forward: SERVFAIL, REFUSED, NOTIMP and lame replies move the query to the next upstream") {
    World w({"10.0.0.1", "10.0.0.2"});
    const auto mode = GENERATE(0, 1, 2, 3, 4);
    w.ask("a.example");
    UpstreamReply bad(w.last());
    if (mode == 0) bad.code(rcode::servfail);
    if (mode == 1) bad.code(rcode::refused);
    if (mode == 2) bad.code(9);
    if (mode == 3) bad.record(1, "example", rrtype::ns, 60, bytes_of(name_of("ns.example").wire()));
    if (mode == 4) bad.flags(0, 0x0080);  // without RA and records
    w.respond(bad, w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.reply().values() == "192.0.2.2");
    if (mode == 1) {
        CHECK(w.notices == std::vector<std::string>{"nameserver 10.0.0.1 refused to do a recursive query"});
        CHECK(w.forward.upstream_reports(w.now)[1].refused == 1);
    }
}

TEST_CASE("forward: if all upstreams reply SERVFAIL the client gets it with the upstream's extended error") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("bogus.example", rrtype::a, {.edns = 1232});
    for (int i = 0; i < 2; ++i) {
        UpstreamReply bad(w.last());
        bad.code(rcode::servfail);
        bad.record(2, ".", rrtype::opt, 0, {0, 15, 0, 2, 0, 6}, 1232);  // RFC 8914: DNSSEC bogus
        w.respond(bad, w.last());
    }
    REQUIRE(w.replied.size() == 1);
    CHECK(w.asked.size() == 2);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.reply().extended_error == 6u);
}

TEST_CASE("forward: after a truncated reply the same upstream is asked over TCP") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("big.example", rrtype::a, {.edns = 1232});
    w.respond(UpstreamReply(w.last()).flags(0x0200), w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::tcp);
    CHECK(w.last().upstream.address.text() == "10.0.0.1");
    CHECK(w.counters.forward_tcp.get() == 1);
    CHECK(w.open.size() == 1);
    w.respond(UpstreamReply(w.last()).a("big.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK_FALSE(w.reply().header.tc());
}

TEST_CASE("forward: a TCP attempt without a reply ends in time") {
    World w;
    w.ask("big.example");
    w.wait(milliseconds(390));
    w.respond(UpstreamReply(w.last()).flags(0x0200), w.last());
    w.wait(seconds(5));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::servfail);
    w.wait(seconds(6));
    CHECK(w.open.empty());
}

TEST_CASE("forward: after a reply with a wrong id the query is sent over TCP, and no failure is counted") {
    World w;
    w.ask("a.example");
    const Ask udp = w.last();
    UpstreamReply forged(udp);
    forged.id = static_cast<std::uint16_t>(forged.id + 1);
    forged.a("a.example", 60, "203.0.113.66");
    for (int i = 0; i < 2000; ++i) w.respond(forged, udp);
    CHECK(w.counters.upstream_mismatch.get() == 1);
    CHECK_FALSE(w.open.contains(udp.attempt));
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::tcp);
    w.respond(UpstreamReply(udp).a("a.example", 60, "203.0.113.66"), udp);  // the right id, too late
    CHECK(w.replied.empty());
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.forward.upstream_reports(w.now)[1].timeouts == 0);
    CHECK(w.forward.upstream_reports(w.now)[1].failed == 0);
}

TEST_CASE("forward: an upstream that refuses EDNS is asked without it from then on") {
    World w;
    w.options.no_send_cookie = true;
    w.adopt();
    const auto code = GENERATE(rcode::formerr, rcode::notimp);
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.respond(UpstreamReply(w.last()).code(code), w.last());
    REQUIRE(w.asked.size() == 2);
    Question sent;
    read_question(w.last().bytes, sent);
    CHECK_FALSE(sent.edns.present);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.reply().edns.present);
    w.ask("b.example");
    read_question(w.last().bytes, sent);
    CHECK_FALSE(sent.edns.present);
}

TEST_CASE("forward: after FORMERR with and without EDNS the next upstream is asked") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.no_send_cookie = true;
    w.adopt();
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).code(rcode::formerr), w.last());
    w.respond(UpstreamReply(w.last()).code(rcode::formerr), w.last());
    REQUIRE(w.asked.size() == 3);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
}

TEST_CASE("forward: a FORMERR without a question section is dropped, and the next attempt is without EDNS") {
    World w;
    w.options.no_send_cookie = true;
    w.adopt();
    w.ask("a.example");
    UpstreamReply headless(w.last());
    headless.questions = 0;
    headless.code(rcode::formerr);
    w.respond(headless, w.last());
    CHECK(w.replied.empty());
    CHECK(w.open.contains(w.last().attempt));
    SECTION("the genuine reply is used") {
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        CHECK(w.reply().values() == "192.0.2.1");
    }
    SECTION("without a genuine reply") {
        w.wait(milliseconds(401));
        REQUIRE(w.asked.size() == 2);
        Question sent;
        read_question(w.last().bytes, sent);
        CHECK_FALSE(sent.edns.present);
    }
}

TEST_CASE("forward: all-servers asks all at once and takes the first good answer") {
    World w({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    w.options.all_servers = true;
    w.adopt();
    w.ask("a.example");
    REQUIRE(w.asked.size() == 3);
    w.respond(UpstreamReply(w.asked[0]).code(rcode::servfail), w.asked[0]);
    CHECK(w.replied.empty());
    w.respond(UpstreamReply(w.asked[2]).a("a.example", 60, "192.0.2.3"), w.asked[2]);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().values() == "192.0.2.3");
    CHECK(w.open.empty());
    CHECK_FALSE(w.double_close);

    w.ask("b.example");
    w.wait(seconds(5));
    CHECK(w.asked.size() == 9);
    CHECK(w.reply().rcode() == rcode::servfail);
    w.wait(seconds(6));
    CHECK(w.open.empty());
}

TEST_CASE("forward: the longest matching domain chooses the upstreams") {
    World w({"10.0.0.1"});
    w.add_server({"corp.example"}, "10.0.0.2");
    w.add_server({"db.corp.example"}, "10.0.0.3#5353");
    w.add_server({"secret.example"}, "");
    w.adopt();
    w.ask("www.example");
    CHECK(w.last().upstream.text() == "10.0.0.1#53");
    w.ask("x.corp.example");
    CHECK(w.last().upstream.text() == "10.0.0.2#53");
    w.ask("Db.Corp.Example");
    CHECK(w.last().upstream.text() == "10.0.0.3#5353");
    w.ask("notcorp.example");
    CHECK(w.last().upstream.text() == "10.0.0.1#53");
    const auto seen = w.ask("x.secret.example");
    REQUIRE(seen);
    CHECK(seen->rcode() == rcode::nxdomain);
    SECTION("lictor's own queries are not stopped by local-only rules") {
        w.ask("x.secret.example", rrtype::a, {.way = QueryForm::Way::own});
        CHECK(w.last().upstream.text() == "10.0.0.1#53");
        w.ask("y.corp.example", rrtype::a, {.way = QueryForm::Way::own});
        CHECK(w.last().upstream.text() == "10.0.0.2#53");
    }
}

TEST_CASE("forward: without upstreams the answer is SERVFAIL at once") {
    World w{std::vector<std::string>{}};
    const auto seen = w.ask("a.example", rrtype::a, {.edns = 1232});
    REQUIRE(seen);
    CHECK(seen->rcode() == rcode::servfail);
    CHECK(seen->extended_error == 14u);  // Not Ready, as dnsmasq sends it
}

TEST_CASE("forward: the agent's DNS is asked once, for two seconds, and its reply is passed on with AA and ADDITIONAL") {
    World w;
    w.ask("db.service.consul", rrtype::srv, {.way = QueryForm::Way::agent});
    CHECK(w.last().upstream.text() == "127.0.0.1#8600");
    UpstreamReply response(w.last());
    auto srv = std::vector<std::uint8_t>{0, 1, 0, 1, 0x15, 0x38};
    const auto target = bytes_of(name_of("n1.node.dc1.consul").wire());
    srv.insert(srv.end(), target.begin(), target.end());
    response.record(0, "db.service.consul", rrtype::srv, 0, srv)
        .record(2, "n1.node.dc1.consul", rrtype::a, 0, address_bytes("10.1.1.1"))
        .flags(0x0400);
    SECTION("reply") {
        w.respond(response, w.last());
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().additional.size() == 1);
        CHECK(w.reply().header.aa());
        CHECK(w.counters.answers_agent_dns.get() == 1);
        CHECK_FALSE(w.ask("db.service.consul", rrtype::srv, {.way = QueryForm::Way::agent}));  // TTL 0 is not cached
    }
    SECTION("truncated, then TCP") {
        w.respond(UpstreamReply(w.last()).flags(0x0200), w.last());
        CHECK(w.last().transport == Transport::tcp);
    }
    SECTION("no reply") {
        w.wait(milliseconds(1999));
        CHECK(w.replied.empty());
        w.wait(milliseconds(2));
        CHECK(w.asked.size() == 1);
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.ask("db.service.consul", rrtype::srv, {.way = QueryForm::Way::agent}));  // nor is the failure cached
    }
    SECTION("without an agent") {
        w.options.consul_dns.reset();
        w.adopt();
        const auto seen = w.ask("x.service.consul", rrtype::a, {.way = QueryForm::Way::agent});
        REQUIRE(seen);
        CHECK(seen->rcode() == rcode::servfail);
    }
}

TEST_CASE("forward: a TCP query goes to the agent over TCP, because it truncates over UDP without TC; both are cached apart") {
    World w;
    const QueryForm stream{.connection = 9, .way = QueryForm::Way::agent}, datagram{.edns = 4096, .way = QueryForm::Way::agent};
    w.ask("db.query.consul", rrtype::a, stream);
    REQUIRE(w.asked.size() == 1);
    CHECK(w.last().transport == Transport::tcp);
    w.ask("db.query.consul", rrtype::a, datagram);  // not joined: the answers may differ
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::udp);
    w.respond(UpstreamReply(w.asked[1]).a("db.query.consul", 5, "10.1.1.1"), w.asked[1]);
    w.respond(UpstreamReply(w.asked[0]).a("db.query.consul", 5, "10.1.1.1").a("db.query.consul", 5, "10.1.1.2"), w.asked[0]);
    REQUIRE(w.replied.size() == 2);
    const auto over_tcp = w.ask("db.query.consul", rrtype::a, stream), over_udp = w.ask("db.query.consul", rrtype::a, datagram);
    REQUIRE(over_tcp);
    REQUIRE(over_udp);
    CHECK(over_tcp->answer.size() == 2);
    CHECK(over_udp->answer.size() == 1);
    SECTION("other upstreams are asked over UDP") {
        w.ask("www.example", rrtype::a, {.connection = 9});
        CHECK(w.last().transport == Transport::udp);
    }
    SECTION("if TCP fails UDP is used") {
        w.ask("other.query.consul", rrtype::a, stream);
        w.breaks(w.last());
        w.wait(milliseconds(300));
        CHECK(w.last().transport == Transport::udp);
        w.respond(UpstreamReply(w.last()).a("other.query.consul", 0, "10.1.1.3"), w.last());
        CHECK(w.reply().answer.size() == 1);
    }
    SECTION("without a reply over TCP it ends after the agent's two seconds") {
        const auto before = w.asked.size();
        w.ask("other.query.consul", rrtype::a, stream);
        w.wait(milliseconds(2001));
        CHECK(w.asked.size() == before + 1);
        CHECK(w.reply().rcode() == rcode::servfail);
    }
}

TEST_CASE("forward: in exact mode the agent gets the client's query and the client its reply, both unchanged; nothing is cached") {
    World w;
    w.exact = true;
    w.ask("db.query.consul", rrtype::a, {.way = QueryForm::Way::agent});
    const auto plain = w.last();
    CHECK(plain.transport == Transport::udp);
    CHECK((plain.bytes[10] << 8 | plain.bytes[11]) == 0);  // no OPT: with one the agent would not apply udp_answer_limit (3)
    w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = QueryForm::Way::agent});
    const auto sized = w.last();
    REQUIRE((sized.bytes[10] << 8 | sized.bytes[11]) == 1);
    CHECK((sized.bytes[sized.bytes.size() - 8] << 8 | sized.bytes[sized.bytes.size() - 7]) == 700);
    w.respond(UpstreamReply(plain).a("db.query.consul", 0, "10.1.1.1").flags(0x0600), plain);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().header.tc());
    CHECK(w.reply().answer.size() == 1);
    CHECK(w.asked.size() == 2);  // not asked again over TCP
    SECTION("the client's subnet, flags and EDNS version are sent") {
        const std::vector<std::uint8_t> subnet = {0, 1, 24, 0, 10, 1, 2};
        w.ask("db.query.consul", rrtype::a,
              {.edns = 900, .dnssec_ok = true, .cd = true, .way = QueryForm::Way::agent, .subnet = subnet, .version = 1});
        const auto& bytes = w.last().bytes;
        std::vector<std::uint8_t> opt = {0, 0, 41, 900 >> 8, 900 & 255, 0, 1, 0x80, 0, 0, 11, 0, 8, 0, 7};
        opt.insert(opt.end(), subnet.begin(), subnet.end());
        REQUIRE(bytes.size() > opt.size());
        CHECK(std::equal(opt.begin(), opt.end(), bytes.end() - static_cast<std::ptrdiff_t>(opt.size())));
        CHECK((bytes[2] << 8 | bytes[3]) == 0x0110);
    }
    SECTION("OPT, RA and AA are the agent's") {
        const std::vector<std::uint8_t> subnet = {0, 8, 0, 7, 0, 1, 24, 0, 10, 1, 2};
        w.respond(
            UpstreamReply(sized).a("db.query.consul", 0, "10.1.1.1").flags(0x0400, 0x0080).record(2, ".", rrtype::opt, 0, subnet, 700),
            sized);
        CHECK(w.reply().edns.udp_size == 700);
        CHECK(w.reply().size == 12 + 21 + 16 + 11 + subnet.size());
        CHECK_FALSE(w.reply().header.ra());
        CHECK(w.reply().header.aa());
        CHECK(w.reply().whole);
    }
    SECTION("a reply longer than edns-packet-max is sent if the client's size allows it") {
        w.ask("db.query.consul", rrtype::a, {.edns = 5000, .way = QueryForm::Way::agent});
        UpstreamReply long_one(w.last());
        for (int i = 0; i < 200; ++i) long_one.a("db.query.consul", 0, "10.1.2." + std::to_string(i));
        w.respond(long_one, w.last());
        CHECK(w.reply().answer.size() == 200);
        CHECK(w.reply().size > 1232);
        CHECK_FALSE(w.reply().edns.present);  // the agent sent none
    }
    SECTION("an OPT that does not fit is left out") {
        w.respond(
            UpstreamReply(sized).a("db.query.consul", 0, "10.1.1.1").record(2, ".", rrtype::opt, 0, std::vector<std::uint8_t>(600), 700),
            sized);
        CHECK(w.reply().answer.size() == 1);
        CHECK_FALSE(w.reply().edns.present);
    }
    SECTION("SERVFAIL is passed on, too") {
        w.respond(UpstreamReply(sized).code(rcode::servfail).flags(0, 0x0080), sized);
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.reply().header.ra());
        CHECK(w.open.empty());
    }
    SECTION("a name in another case is another question") {
        w.ask("DB.query.consul", rrtype::a, {.edns = 700, .way = QueryForm::Way::agent});
        REQUIRE(w.asked.size() == 3);
        CHECK(w.last().bytes[header_size + 1] == 'D');
        CHECK(sized.bytes[header_size + 1] == 'd');
        w.respond(UpstreamReply(w.last()).a("DB.query.consul", 0, "10.1.1.1").a("db.query.consul", 0, "10.1.1.2"), w.last());
        CHECK(w.reply().answer[0].owner == "DB.query.consul");
        CHECK(w.reply().answer[1].owner == "db.query.consul");
    }
    SECTION("the same query joins") {
        w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = QueryForm::Way::agent});
        CHECK(w.asked.size() == 2);
    }
    SECTION("nothing is cached") {
        w.respond(UpstreamReply(sized).a("db.query.consul", 60, "10.1.1.1"), sized);
        CHECK(w.counters.cache_entries.get() == 0);
        CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = QueryForm::Way::agent}));
    }
}

TEST_CASE("forward: min-cache-ttl does not lengthen the agent's replies") {
    World w;
    w.options.min_cache_ttl = 60;
    w.adopt();
    w.ask("db.query.consul", rrtype::a, {.way = QueryForm::Way::agent});
    w.respond(UpstreamReply(w.last()).a("db.query.consul", 0, "10.1.1.1"), w.last());
    CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.way = QueryForm::Way::agent}));
    w.respond(UpstreamReply(w.last()).a("db.query.consul", 5, "10.1.1.1"), w.last());
    CHECK(w.ask("db.query.consul", rrtype::a, {.way = QueryForm::Way::agent}));
    w.wait(seconds(5));
    CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.way = QueryForm::Way::agent}));
}

TEST_CASE("forward: a flush drops cached answers below the name and sends the queries in flight again") {
    World w;
    w.ask("kept.example");
    w.respond(UpstreamReply(w.last()).a("kept.example", 60, "192.0.2.1"), w.last());
    w.ask("db.corp.example");
    w.respond(UpstreamReply(w.last()).a("db.corp.example", 60, "192.0.2.2"), w.last());
    w.ask("web.corp.example");
    w.ask("other.example");
    const Ask old = w.asked[2], untouched = w.asked[3];
    w.flush("corp.example");
    CHECK(w.flushed == 1);
    CHECK_FALSE(w.open.contains(old.attempt));
    CHECK(w.open.contains(untouched.attempt));
    REQUIRE(w.asked.size() == 5);
    w.respond(UpstreamReply(old).a("web.corp.example", 60, "192.0.2.66"), old);
    CHECK(w.counters.forward_pending.get() == 2);
    w.respond(UpstreamReply(w.last()).a("web.corp.example", 60, "192.0.2.3"), w.last());
    CHECK(w.reply().values() == "192.0.2.3");
    CHECK(w.ask("kept.example"));
    CHECK_FALSE(w.ask("db.corp.example"));
}

TEST_CASE("forward: repeated flushes do not delay a client beyond the bound") {
    World w;
    w.ask("web.corp.example");
    for (int i = 0; i < 60 && w.replied.empty(); ++i) {
        w.wait(milliseconds(100));
        w.flush("corp.example");
    }
    CHECK(w.replied.size() == 1);
    CHECK(w.now - Now(seconds(1000)) <= milliseconds(4700));
    CHECK(w.open.empty());
}

TEST_CASE("forward: a TCP client that disconnected gets no reply, others do") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 3});
    w.ask("a.example", rrtype::a, {.connection = 4});
    w.ask("b.example", rrtype::a, {.connection = 3});
    w.forward.drop_connection(3);
    w.forward.drop_connection(99);
    w.respond(UpstreamReply(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.replied[0].client.connection == 4);
    SECTION("a query without clients is not sent again") {
        w.flush(".");
        CHECK(w.counters.forward_pending.get() == 0);
        CHECK(w.open.empty());
    }
    SECTION("a query without clients ends by itself") {
        w.wait(seconds(5));
        CHECK(w.counters.forward_pending.get() == 0);
        CHECK(w.replied.size() == 1);
    }
}

TEST_CASE("forward: clients that disconnected do not count against dns-forward-max") {
    World w;
    w.options.dns_forward_max = 10;
    w.adopt();
    for (std::uint64_t connection = 1; connection <= 5000; ++connection) {
        REQUIRE_FALSE(w.ask("a.example", rrtype::a, {.connection = connection}));
        w.forward.drop_connection(connection);
    }
}

TEST_CASE("forward: at the end all clients are answered") {
    World w;
    w.ask("a.example");
    w.ask("a.example");
    w.ask("b.example", rrtype::a, {.connection = 8});
    w.fail_all();
    CHECK(w.replied.size() == 3);
    for (const auto& reply : w.replied) CHECK(Seen(reply.bytes).rcode() == rcode::servfail);
    CHECK(w.open.empty());
    CHECK(w.counters.forward_pending.get() == 0);
    CHECK_FALSE(w.forward.deadline());
    CHECK(w.counters.forward_pending.get() == 0);
}

TEST_CASE("forward: queries in flight continue under new rules") {
    World w;
    w.ask("a.example");
    w.options.server.clear();
    w.add_server({}, "10.0.0.9");
    w.adopt();
    w.respond(UpstreamReply(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("b.example");
    CHECK(w.last().upstream.address.text() == "10.0.0.9");
}

TEST_CASE("forward: the result of a query under older rules is not cached") {
    World w;
    w.ask("a.example");
    const Ask old = w.last();
    w.options.server.clear();
    w.add_server({}, "10.0.0.9");
    w.adopt();
    SECTION("an answer") {
        w.respond(UpstreamReply(old).a("a.example", 60, "9.9.9.1"), old);
        REQUIRE(w.replied.size() == 1);
        CHECK(w.counters.cache_entries.get() == 0);
        CHECK_FALSE(w.ask("a.example"));
        CHECK(w.last().upstream.address.text() == "10.0.0.9");
    }
    SECTION("an answer to a query that was sent again") {
        w.flush("example");
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "9.9.9.1"), w.last());
        REQUIRE(w.replied.size() == 1);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("an answer that would replace a newer one") {
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "9.9.9.9"), w.last());
        const auto ttl = GENERATE(0u, 60u);
        w.respond(UpstreamReply(old).a("a.example", ttl, "9.9.9.1"), old);
        REQUIRE(w.replied.size() == 2);
        CHECK(w.ask("a.example")->values() == "9.9.9.9");
    }
    SECTION("a failure") {
        w.wait(seconds(5));
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("a failure that would replace a newer answer") {
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).a("a.example", 60, "9.9.9.9"), w.last());
        w.wait(seconds(5));
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK(w.ask("a.example")->values() == "9.9.9.9");
    }
}

TEST_CASE("forward: the state of an upstream is kept under new rules") {
    World w;
    w.ask("a.example");
    w.wait(milliseconds(10));
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    w.add_server({"corp"}, "10.0.0.2");
    w.adopt();
    const auto reports = w.forward.upstream_reports(w.now);
    CHECK(reports[1].endpoint.address.text() == "10.0.0.1");
    CHECK(reports[1].rtt == milliseconds(10));
    CHECK(reports[1].answered == 1);
    CHECK(reports[1].sent == 1);
}

TEST_CASE("forward: log-queries writes dnsmasq's lines") {
    World w;
    w.options.log_queries = QueryLogging::plain;
    w.adopt();
    w.ask("www.example");
    w.respond(UpstreamReply(w.last()).cname("www.example", 60, "web.example").a("web.example", 60, "192.0.2.1"), w.last());
    w.ask("www.example");
    w.ask("none.example");
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("example", 60, 60), w.last());
    w.ask("v4only.example", rrtype::aaaa);
    w.respond(UpstreamReply(w.last()).soa("example", 60, 60), w.last());
    w.ask("text.example", rrtype::txt);
    w.respond(UpstreamReply(w.last()).record(0, "text.example", rrtype::txt, 60, {1, 'x'}), w.last());
    CHECK(w.log == std::vector<std::string>{
                       "forwarded www.example to 10.0.0.1",
                       "reply www.example is <CNAME>",
                       "reply web.example is 192.0.2.1",
                       "cached www.example is <CNAME>",
                       "cached web.example is 192.0.2.1",
                       "forwarded none.example to 10.0.0.1",
                       "reply none.example is NXDOMAIN",
                       "forwarded v4only.example to 10.0.0.1",
                       "reply v4only.example is NODATA-IPv6",
                       "forwarded text.example to 10.0.0.1",
                       "reply text.example is <TXT>",
                   });
}

TEST_CASE("forward: log-queries writes dnsmasq's lines for failures, with the extended error") {
    World w;
    w.options.log_queries = QueryLogging::plain;
    w.add_server({"nowhere"}, "127.0.0.1");  // lictor itself, so no upstream remains
    SECTION("SERVFAIL from an upstream") {
        w.adopt();
        w.ask("a.example");
        for (int i = 0; i < 9 && w.replied.empty(); ++i) w.respond(UpstreamReply(w.last()).code(rcode::servfail), w.last());
        CHECK(w.log.back() == "reply error is SERVFAIL (EDE: other): no useful reply from the upstreams");
        w.ask("a.example");
        CHECK(w.log.back() == "cached error is SERVFAIL (EDE: other): failed 0 s ago, not asked again yet");
    }
    SECTION("no upstream") {
        w.options.server.clear();
        w.adopt();
        w.ask("a.example");
        CHECK(w.log.back() == "config error is SERVFAIL (EDE: not ready): no upstream configured");
    }
    SECTION("no reply") {
        w.adopt();
        w.ask("a.example");
        for (int i = 0; i < 100 && w.replied.empty(); ++i) w.wait(milliseconds(300));
        CHECK(w.log.back() == "config error is SERVFAIL (EDE: no reachable authority): no reply from the upstreams within 4 s");
    }
}

TEST_CASE("forward: if the upstream cannot be asked over TCP its truncated records are the answer, with TC, and not cached") {
    World w;
    const auto refused = GENERATE(true, false);
    w.ask("big.example");
    w.respond(UpstreamReply(w.last()).flags(0x0200).a("big.example", 60, "192.0.2.1").a("big.example", 60, "192.0.2.2"), w.last());
    REQUIRE(w.last().transport == Transport::tcp);
    if (refused) w.breaks(w.last());
    else w.wait(milliseconds(2001));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::noerror);
    CHECK(w.reply().header.tc());
    CHECK(w.reply().values() == "192.0.2.1 192.0.2.2");
    CHECK(w.open.empty());
    CHECK_FALSE(w.forward.upstream_reports(w.now)[1].down);
    CHECK_FALSE(w.ask("big.example"));
}

TEST_CASE("forward: another upstream is asked before truncated records are the answer") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("big.example");
    w.respond(UpstreamReply(w.last()).flags(0x0200).a("big.example", 60, "192.0.2.1"), w.last());
    w.breaks(w.last());
    CHECK(w.replied.empty());
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.respond(UpstreamReply(w.last()).a("big.example", 60, "192.0.2.1").a("big.example", 60, "192.0.2.9"), w.last());
    CHECK(w.reply().values() == "192.0.2.1 192.0.2.9");
    CHECK_FALSE(w.reply().header.tc());
}

TEST_CASE("forward: a truncated reply without records, or that ends within a record, is SERVFAIL if TCP fails") {
    World w;
    const auto cut = GENERATE(true, false);
    w.ask("big.example");
    UpstreamReply reply(w.last());
    reply.flags(0x0200);
    if (cut) reply.a("big.example", 60, "192.0.2.1");
    auto bytes = reply.bytes();
    if (cut) bytes.resize(bytes.size() - 2);
    w.arrives(w.last(), bytes);
    w.breaks(w.last());
    w.wait(seconds(5));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::servfail);
}

TEST_CASE("forward: with proxy-dnssec AD of the query is sent upstream and AD of the reply comes back, from the cache too") {
    World w;
    w.options.proxy_dnssec = true;
    w.adopt();
    w.ask("a.example", rrtype::a, {.ad = true});
    CHECK((wire::read_header(w.last().bytes)->bits & header_bit::ad) != 0);
    w.respond(UpstreamReply(w.last()).flags(header_bit::ad).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK((w.reply().header.bits & header_bit::ad) != 0);
    CHECK((w.ask("a.example", rrtype::a, {.ad = true})->header.bits & header_bit::ad) != 0);
    CHECK_FALSE(w.ask("a.example"));  // asked without AD: another query
    CHECK((wire::read_header(w.last().bytes)->bits & header_bit::ad) == 0);
    SECTION("without the option AD is not sent") {
        w.options.proxy_dnssec = false;
        w.adopt();
        w.ask("b.example", rrtype::a, {.ad = true});
        CHECK((wire::read_header(w.last().bytes)->bits & header_bit::ad) == 0);
    }
}

TEST_CASE("forward: an upstream that fails in one worker and replied to another one since then is not failing") {
    const auto at = [](int value) { return Now(seconds(value)); };
    forward::UpstreamReport dead;
    dead.failed = 3;
    dead.failing = true;
    dead.last_reply = at(1);
    dead.last_fault = at(5);
    for (const int reply : {4, 6}) {
        forward::UpstreamReport other;
        other.answered = 2;
        other.last_reply = at(reply);
        for (const bool first : {false, true}) {
            std::vector<forward::UpstreamReport> sums;
            add_report(sums, first ? dead : other);
            add_report(sums, first ? other : dead);
            REQUIRE(sums.size() == 1);
            CHECK(sums[0].failed == 3);
            CHECK(sums[0].answered == 2);
            CHECK(sums[0].failing == (reply == 4));
        }
    }
}
