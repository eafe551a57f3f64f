// Questions towards upstreams: who is asked, when again, how it ends.
#include <catch2/catch.hpp>

#include "forward_world.hpp"

using namespace lictor;
using namespace lictor::test;

TEST_CASE("forward: a question is asked with an id of its own, nothing of the client's, and answered") {
    World w;
    CHECK_FALSE(w.ask("Www.Example.COM", rrtype::a, {.edns = 4096}));
    REQUIRE(w.asked.size() == 1);
    CHECK(w.last().upstream.text() == "10.0.0.1#53");
    CHECK(w.last().transport == Transport::udp);
    Question sent;
    REQUIRE(read_question(w.last().bytes, sent) == QuestionFault::none);
    CHECK(sent.name.text() == "www.example.com");
    CHECK(sent.header.rd());
    CHECK_FALSE(sent.header.ad());
    CHECK(sent.edns.udp_size == 1232);
    CHECK(sent.header.id != w.last_id);

    w.says(Said(w.last()).a("www.example.com", 300, "192.0.2.7"), w.last());
    REQUIRE(w.replied.size() == 1);
    const Seen seen = w.reply();
    CHECK(seen.whole);
    CHECK(seen.header.id == w.last_id);
    CHECK(seen.question == "Www.Example.COM");
    CHECK(seen.answer[0].owner == "Www.Example.COM");
    CHECK(seen.values() == "192.0.2.7");
    CHECK(seen.header.ra());
    CHECK(seen.header.rd());
    CHECK(seen.edns.present);
    CHECK(w.open.empty());
    CHECK(w.forward.pending() == 0);
    CHECK(w.counters.answers_upstream.get() == 1);
}

TEST_CASE("forward: ids are not predictable from one another and use the whole range") {
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

TEST_CASE("forward: identical questions share one packet and each client is answered in his own words") {
    World w;
    w.ask("a.example", rrtype::a, {.id = 11, .edns = 1232});
    w.ask("A.Example", rrtype::a, {.id = 22});
    w.ask("a.EXAMPLE", rrtype::a, {.id = 33, .connection = 5});
    CHECK(w.asked.size() == 1);
    CHECK(w.counters.forward_joined.get() == 2);
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
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

TEST_CASE("forward: what changes the answer is not shared, what a client merely decorates is") {
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

TEST_CASE("forward: a thousand clients of one question cost one packet") {
    World w;
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(w.ask("hot.example"));
    CHECK(w.asked.size() == 1);
    w.says(Said(w.last()).a("hot.example", 60, "192.0.2.1"), w.last());
    CHECK(w.replied.size() == 1000);
}

TEST_CASE("forward: a client's retransmission is not a second waiter") {
    World w;
    w.ask("a.example", rrtype::a, {.id = 5, .port = 4000});
    w.ask("a.example", rrtype::a, {.id = 5, .port = 4000});
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.replied.size() == 1);
}

TEST_CASE("forward: waiters for one question are bounded") {
    World w;
    std::size_t refused = 0;
    for (int i = 0; i < 2000; ++i)
        if (const auto seen = w.ask("hot.example")) refused += seen->rcode() == rcode::servfail;
    CHECK(refused == 2000 - 1024);
    CHECK(w.counters.forward_overload.get() == refused);
}

TEST_CASE("forward: beyond dns-forward-max the answer is SERVFAIL at once, said once in five seconds") {
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

TEST_CASE("forward: a silent upstream is followed by the next one within its patience") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    CHECK(w.last().upstream.address.text() == "10.0.0.1");
    w.wait(milliseconds(399));
    CHECK(w.asked.size() == 1);
    w.wait(milliseconds(2));
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.reply().values() == "192.0.2.2");
    CHECK(w.open.empty());
    SECTION("and the one that answered is asked first from then on") {
        w.options.strict_order = false;
        w.adopt();
        w.ask("race.example");  // of all at once, and this one is the quicker again
        w.says(Said(w.last()).a("race.example", 60, "192.0.2.2"), w.last());
        w.ask("b.example");
        CHECK(w.last().upstream.address.text() == "10.0.0.2");
    }
    SECTION("but not with strict-order") {
        w.options.strict_order = true;
        w.adopt();
        w.ask("b.example");
        CHECK(w.last().upstream.address.text() == "10.0.0.1");
    }
}

TEST_CASE("forward: a late reply to an earlier try still counts") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.wait(milliseconds(500));
    REQUIRE(w.asked.size() == 2);
    w.says(Said(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.open.empty());
}

TEST_CASE("forward: silence ends in SERVFAIL with an extended error after three tries and three seconds") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.wait(milliseconds(2999));
    CHECK(w.replied.empty());
    CHECK(w.asked.size() == 3);
    w.wait(milliseconds(2));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.reply().extended_error == 22u);
    CHECK(w.open.empty());
    CHECK(w.counters.forward_failed.get() == 1);
    SECTION("a reply after the end is nobody's") {
        w.says(Said(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
        CHECK(w.replied.size() == 1);
    }
    SECTION("the failure is remembered for a second, not longer") {
        const auto again = w.ask("a.example", rrtype::a, {.edns = 1232});
        REQUIRE(again);
        CHECK(again->rcode() == rcode::servfail);
        CHECK(again->extended_error == 22u);
        w.wait(milliseconds(1001));
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("and not across new rules") {
        w.adopt();
        CHECK_FALSE(w.ask("a.example"));
    }
}

TEST_CASE("forward: no (id, port) pair stays open for longer than 800 ms unless it is the last hope") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.wait(milliseconds(801));
    CHECK_FALSE(w.open.contains(w.asked[0].attempt));
}

TEST_CASE("forward: the last try is waited for to the end") {
    World w;
    w.ask("slow.example");
    w.wait(milliseconds(2900));
    REQUIRE(w.asked.size() == 3);
    CHECK(w.open.size() == 1);
    w.says(Said(w.last()).a("slow.example", 60, "192.0.2.1"), w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().values() == "192.0.2.1");
}

TEST_CASE("forward: who is merely slower than another is not blamed, who is silent is") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.all_servers = true;
    w.adopt();
    const auto silent = GENERATE(false, true);
    w.ask("a.example");
    w.wait(silent ? milliseconds(500) : milliseconds(50));
    w.says(Said(w.asked[1]).a("a.example", 60, "192.0.2.2"), w.asked[1]);
    CHECK(w.forward.upstream_reports(w.now)[1].timeouts == (silent ? 1 : 0));
    CHECK(w.forward.upstream_reports(w.now)[2].timeouts == 0);
}

TEST_CASE("forward: an unreachable upstream is passed at once") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.breaks(w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    CHECK(w.counters.forward_retries.get() == 1);
}

TEST_CASE("forward: when all are unreachable it ends soon, with a network error") {
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.breaks(w.last());
    w.wait(milliseconds(200));
    REQUIRE(w.asked.size() == 2);
    w.breaks(w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().extended_error == 23u);
}

TEST_CASE("forward: an upstream that fails three times is left aside for a pause that grows, never all of them") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.options.strict_order = true;
    w.options.cache_size = 0;
    w.adopt();
    const auto fail_first = [&] {
        w.ask("a.example");
        const std::string asked_first = w.last().upstream.address.text();
        if (asked_first == "10.0.0.1") w.breaks(w.last());
        w.says(Said(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
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
    SECTION("one answer brings it back") {
        w.ask("a.example");
        w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        CHECK(fail_first() == "10.0.0.1");
        CHECK(fail_first() == "10.0.0.1");
    }
    SECTION("with both down one is still asked") {
        for (int i = 0; i < 4; ++i) {
            w.ask("b" + std::to_string(i) + ".example");
            while (!w.open.empty()) w.breaks(w.last()), w.wait(milliseconds(200));
        }
        CHECK(w.forward.upstream_reports(w.now)[1].down);
        CHECK(w.forward.upstream_reports(w.now)[2].down);
        CHECK_FALSE(w.ask("c.example"));
        CHECK_FALSE(w.open.empty());
    }
}

TEST_CASE("forward: the pause of an upstream is seen to end, also where nobody asks") {
    World w;
    for (int i = 0; i < 3; ++i) {
        w.ask("n" + std::to_string(i) + ".example");
        w.breaks(w.last());
    }
    CHECK(w.forward.upstream_reports(w.now)[1].down);
    CHECK_FALSE(w.forward.upstream_reports(w.now + seconds(60))[1].down);
}

TEST_CASE("forward: SERVFAIL, REFUSED, NOTIMP and lame replies move the question to the next upstream") {
    World w({"10.0.0.1", "10.0.0.2"});
    const auto mode = GENERATE(0, 1, 2, 3, 4);
    w.ask("a.example");
    Said bad(w.last());
    if (mode == 0) bad.code(rcode::servfail);
    if (mode == 1) bad.code(rcode::refused);
    if (mode == 2) bad.code(9);
    if (mode == 3) bad.record(1, "example", rrtype::ns, 60, bytes_of(name_of("ns.example").wire()));
    if (mode == 4) bad.flags(0, 0x0080);  // no recursion, nothing in it
    w.says(bad, w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.2"), w.last());
    CHECK(w.reply().values() == "192.0.2.2");
    if (mode == 1) {
        CHECK(w.notices == std::vector<std::string>{"nameserver 10.0.0.1 refused to do a recursive query"});
        CHECK(w.forward.upstream_reports(w.now)[1].refused == 1);
    }
}

TEST_CASE("forward: SERVFAIL of all is passed on with the upstream's reason") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("bogus.example", rrtype::a, {.edns = 1232});
    for (int i = 0; i < 2; ++i) {
        Said bad(w.last());
        bad.code(rcode::servfail);
        bad.record(2, ".", rrtype::opt, 0, {0, 15, 0, 2, 0, 6}, 1232);  // RFC 8914: DNSSEC bogus
        w.says(bad, w.last());
    }
    REQUIRE(w.replied.size() == 1);
    CHECK(w.asked.size() == 2);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.reply().extended_error == 6u);
}

TEST_CASE("forward: a truncated reply is asked for again over TCP, at the same upstream") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("big.example", rrtype::a, {.edns = 1232});
    w.says(Said(w.last()).flags(0x0200), w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::tcp);
    CHECK(w.last().upstream.address.text() == "10.0.0.1");
    CHECK(w.counters.forward_tcp.get() == 1);
    CHECK(w.open.size() == 1);
    w.says(Said(w.last()).a("big.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK_FALSE(w.reply().header.tc());
}

TEST_CASE("forward: TCP that hangs ends within its bound") {
    World w;
    w.ask("big.example");
    w.wait(milliseconds(390));
    w.says(Said(w.last()).flags(0x0200), w.last());
    w.wait(seconds(5));
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.open.empty());
}

TEST_CASE("forward: one wrong id closes the socket and moves the question to TCP, without blame") {
    World w;
    w.ask("a.example");
    const Ask udp = w.last();
    Said forged(udp);
    forged.id = static_cast<std::uint16_t>(forged.id + 1);
    forged.a("a.example", 60, "203.0.113.66");
    for (int i = 0; i < 2000; ++i) w.says(forged, udp);
    CHECK(w.counters.upstream_mismatch.get() == 1);
    CHECK_FALSE(w.open.contains(udp.attempt));
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::tcp);
    w.says(Said(udp).a("a.example", 60, "203.0.113.66"), udp);  // the right id, too late
    CHECK(w.replied.empty());
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.forward.upstream_reports(w.now)[1].timeouts == 0);
    CHECK(w.forward.upstream_reports(w.now)[1].failed == 0);
}

TEST_CASE("forward: an upstream without EDNS is asked without, and remembered so") {
    World w;
    const auto code = GENERATE(rcode::formerr, rcode::notimp);
    w.ask("a.example", rrtype::a, {.edns = 1232});
    w.says(Said(w.last()).code(code), w.last());
    REQUIRE(w.asked.size() == 2);
    Question sent;
    read_question(w.last().bytes, sent);
    CHECK_FALSE(sent.edns.present);
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
    CHECK(w.reply().edns.present);
    w.ask("b.example");
    read_question(w.last().bytes, sent);
    CHECK_FALSE(sent.edns.present);
}

TEST_CASE("forward: FORMERR to a plain question too goes to the next upstream, not round in circles") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.says(Said(w.last()).code(rcode::formerr), w.last());
    w.says(Said(w.last()).code(rcode::formerr), w.last());
    REQUIRE(w.asked.size() == 3);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
}

TEST_CASE("forward: a headless FORMERR is waited past, and the next try goes without EDNS") {
    World w;
    w.ask("a.example");
    Said headless(w.last());
    headless.questions = 0;
    headless.code(rcode::formerr);
    w.says(headless, w.last());
    CHECK(w.replied.empty());
    CHECK(w.open.contains(w.last().attempt));
    SECTION("the genuine reply wins") {
        w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
        CHECK(w.reply().values() == "192.0.2.1");
    }
    SECTION("without one") {
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
    w.says(Said(w.asked[0]).code(rcode::servfail), w.asked[0]);
    CHECK(w.replied.empty());
    w.says(Said(w.asked[2]).a("a.example", 60, "192.0.2.3"), w.asked[2]);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().values() == "192.0.2.3");
    CHECK(w.open.empty());
    CHECK_FALSE(w.double_close);

    w.ask("b.example");
    w.wait(seconds(4));
    CHECK(w.asked.size() == 9);
    CHECK(w.reply().rcode() == rcode::servfail);
    CHECK(w.open.empty());
}

TEST_CASE("forward: routes by longest match, each with its own upstreams") {
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
    SECTION("lictor's own questions pass local-only rules") {
        w.ask("x.secret.example", rrtype::a, {.way = Wish::Way::own});
        CHECK(w.last().upstream.text() == "10.0.0.1#53");
        w.ask("y.corp.example", rrtype::a, {.way = Wish::Way::own});
        CHECK(w.last().upstream.text() == "10.0.0.2#53");
    }
}

TEST_CASE("forward: with nobody to ask the answer is SERVFAIL at once") {
    World w{std::vector<std::string>{}};
    const auto seen = w.ask("a.example", rrtype::a, {.edns = 1232});
    REQUIRE(seen);
    CHECK(seen->rcode() == rcode::servfail);
    CHECK(seen->extended_error == 14u);  // not ready, as dnsmasq calls it
}

TEST_CASE("forward: the agent's DNS is asked once, for two seconds, and its reply passes whole") {
    World w;
    w.ask("db.service.consul", rrtype::srv, {.way = Wish::Way::agent});
    CHECK(w.last().upstream.text() == "127.0.0.1#8600");
    Said said(w.last());
    auto srv = std::vector<std::uint8_t>{0, 1, 0, 1, 0x15, 0x38};
    const auto target = bytes_of(name_of("n1.node.dc1.consul").wire());
    srv.insert(srv.end(), target.begin(), target.end());
    said.record(0, "db.service.consul", rrtype::srv, 0, srv).record(2, "n1.node.dc1.consul", rrtype::a, 0, address_bytes("10.1.1.1")).flags(0x0400);
    SECTION("reply") {
        w.says(said, w.last());
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().additional.size() == 1);
        CHECK(w.reply().header.aa());
        CHECK(w.counters.answers_agent_dns.get() == 1);
        CHECK_FALSE(w.ask("db.service.consul", rrtype::srv, {.way = Wish::Way::agent}));  // TTL 0 is never kept
    }
    SECTION("cut, then TCP") {
        w.says(Said(w.last()).flags(0x0200), w.last());
        CHECK(w.last().transport == Transport::tcp);
    }
    SECTION("silence") {
        w.wait(milliseconds(1999));
        CHECK(w.replied.empty());
        w.wait(milliseconds(2));
        CHECK(w.asked.size() == 1);
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.ask("db.service.consul", rrtype::srv, {.way = Wish::Way::agent}));  // and no failure is remembered
    }
    SECTION("without an agent") {
        w.options.consul_dns.reset();
        w.adopt();
        const auto seen = w.ask("x.service.consul", rrtype::a, {.way = Wish::Way::agent});
        REQUIRE(seen);
        CHECK(seen->rcode() == rcode::servfail);
    }
}

TEST_CASE("forward: the agent is asked over TCP what came over TCP, for over UDP it cuts without a word; each answer is kept by itself") {
    World w;
    const Wish stream{.connection = 9, .way = Wish::Way::agent}, datagram{.edns = 4096, .way = Wish::Way::agent};
    w.ask("db.query.consul", rrtype::a, stream);
    REQUIRE(w.asked.size() == 1);
    CHECK(w.last().transport == Transport::tcp);
    w.ask("db.query.consul", rrtype::a, datagram);  // no joining: it may be answered otherwise
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().transport == Transport::udp);
    w.says(Said(w.asked[1]).a("db.query.consul", 5, "10.1.1.1"), w.asked[1]);
    w.says(Said(w.asked[0]).a("db.query.consul", 5, "10.1.1.1").a("db.query.consul", 5, "10.1.1.2"), w.asked[0]);
    REQUIRE(w.replied.size() == 2);
    const auto over_tcp = w.ask("db.query.consul", rrtype::a, stream), over_udp = w.ask("db.query.consul", rrtype::a, datagram);
    REQUIRE(over_tcp);
    REQUIRE(over_udp);
    CHECK(over_tcp->answer.size() == 2);
    CHECK(over_udp->answer.size() == 1);
    SECTION("other upstreams are asked as ever") {
        w.ask("www.example", rrtype::a, {.connection = 9});
        CHECK(w.last().transport == Transport::udp);
    }
    SECTION("where nobody listens for TCP there is UDP") {
        w.ask("other.query.consul", rrtype::a, stream);
        w.breaks(w.last());
        w.wait(milliseconds(300));
        CHECK(w.last().transport == Transport::udp);
        w.says(Said(w.last()).a("other.query.consul", 0, "10.1.1.3"), w.last());
        CHECK(w.reply().answer.size() == 1);
    }
    SECTION("silence over TCP ends within the agent's time") {
        const auto before = w.asked.size();
        w.ask("other.query.consul", rrtype::a, stream);
        w.wait(milliseconds(2001));
        CHECK(w.asked.size() == before + 1);
        CHECK(w.reply().rcode() == rcode::servfail);
    }
}

TEST_CASE("forward: exact answers of the agent: asked as the client asks, given back as they come, kept for nobody") {
    World w;
    w.exact = true;
    w.ask("db.query.consul", rrtype::a, {.way = Wish::Way::agent});
    const auto plain = w.last();
    CHECK(plain.transport == Transport::udp);
    CHECK((plain.bytes[10] << 8 | plain.bytes[11]) == 0);  // no OPT: with one the agent would not count to three
    w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = Wish::Way::agent});
    const auto sized = w.last();
    REQUIRE((sized.bytes[10] << 8 | sized.bytes[11]) == 1);
    CHECK((sized.bytes[sized.bytes.size() - 8] << 8 | sized.bytes[sized.bytes.size() - 7]) == 700);
    w.says(Said(plain).a("db.query.consul", 0, "10.1.1.1").flags(0x0600), plain);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().header.tc());
    CHECK(w.reply().answer.size() == 1);
    CHECK(w.asked.size() == 2);  // no second way for what the agent has cut
    SECTION("the client's subnet, flags and EDNS version go along") {
        const std::vector<std::uint8_t> subnet = {0, 1, 24, 0, 10, 1, 2};
        w.ask("db.query.consul", rrtype::a, {.edns = 900, .dnssec_ok = true, .cd = true, .way = Wish::Way::agent, .subnet = subnet, .version = 1});
        const auto& bytes = w.last().bytes;
        std::vector<std::uint8_t> opt = {0, 0, 41, 900 >> 8, 900 & 255, 0, 1, 0x80, 0, 0, 11, 0, 8, 0, 7};
        opt.insert(opt.end(), subnet.begin(), subnet.end());
        REQUIRE(bytes.size() > opt.size());
        CHECK(std::equal(opt.begin(), opt.end(), bytes.end() - static_cast<std::ptrdiff_t>(opt.size())));
        CHECK((bytes[2] << 8 | bytes[3]) == 0x0110);
    }
    SECTION("OPT, RA and AA are the agent's") {
        const std::vector<std::uint8_t> subnet = {0, 8, 0, 7, 0, 1, 24, 0, 10, 1, 2};
        w.says(Said(sized).a("db.query.consul", 0, "10.1.1.1").flags(0x0400, 0x0080).record(2, ".", rrtype::opt, 0, subnet, 700), sized);
        CHECK(w.reply().edns.udp_size == 700);
        CHECK(w.reply().size == 12 + 21 + 16 + 11 + subnet.size());
        CHECK_FALSE(w.reply().header.ra());
        CHECK(w.reply().header.aa());
        CHECK(w.reply().whole);
    }
    SECTION("a reply longer than edns-packet-max goes to who takes it") {
        w.ask("db.query.consul", rrtype::a, {.edns = 5000, .way = Wish::Way::agent});
        Said long_one(w.last());
        for (int i = 0; i < 200; ++i) long_one.a("db.query.consul", 0, "10.1.2." + std::to_string(i));
        w.says(long_one, w.last());
        CHECK(w.reply().answer.size() == 200);
        CHECK(w.reply().size > 1232);
        CHECK_FALSE(w.reply().edns.present);  // the agent gave none
    }
    SECTION("an OPT as long as a message is left out") {
        w.says(Said(sized).a("db.query.consul", 0, "10.1.1.1").record(2, ".", rrtype::opt, 0, std::vector<std::uint8_t>(600), 700), sized);
        CHECK(w.reply().answer.size() == 1);
        CHECK_FALSE(w.reply().edns.present);
    }
    SECTION("whatever code it is") {
        w.says(Said(sized).code(rcode::servfail).flags(0, 0x0080), sized);
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.reply().header.ra());
        CHECK(w.open.empty());
    }
    SECTION("other letters are another question") {
        w.ask("DB.query.consul", rrtype::a, {.edns = 700, .way = Wish::Way::agent});
        REQUIRE(w.asked.size() == 3);
        CHECK(w.last().bytes[header_size + 1] == 'D');
        CHECK(sized.bytes[header_size + 1] == 'd');
        w.says(Said(w.last()).a("DB.query.consul", 0, "10.1.1.1").a("db.query.consul", 0, "10.1.1.2"), w.last());
        CHECK(w.reply().answer[0].owner == "DB.query.consul");
        CHECK(w.reply().answer[1].owner == "db.query.consul");
    }
    SECTION("the same question joins") {
        w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = Wish::Way::agent});
        CHECK(w.asked.size() == 2);
    }
    SECTION("nothing is kept") {
        w.says(Said(sized).a("db.query.consul", 60, "10.1.1.1"), sized);
        CHECK(w.counters.cache_entries.get() == 0);
        CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.edns = 700, .way = Wish::Way::agent}));
    }
}

TEST_CASE("forward: min-cache-ttl does not lengthen the agent's replies") {
    World w;
    w.options.min_cache_ttl = 60;
    w.adopt();
    w.ask("db.query.consul", rrtype::a, {.way = Wish::Way::agent});
    w.says(Said(w.last()).a("db.query.consul", 0, "10.1.1.1"), w.last());
    CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.way = Wish::Way::agent}));
    w.says(Said(w.last()).a("db.query.consul", 5, "10.1.1.1"), w.last());
    CHECK(w.ask("db.query.consul", rrtype::a, {.way = Wish::Way::agent}));
    w.wait(seconds(5));
    CHECK_FALSE(w.ask("db.query.consul", rrtype::a, {.way = Wish::Way::agent}));
}

TEST_CASE("forward: a flush forgets, and asks again what is in flight below the name") {
    World w;
    w.ask("kept.example");
    w.says(Said(w.last()).a("kept.example", 60, "192.0.2.1"), w.last());
    w.ask("db.corp.example");
    w.says(Said(w.last()).a("db.corp.example", 60, "192.0.2.2"), w.last());
    w.ask("web.corp.example");
    w.ask("other.example");
    const Ask old = w.asked[2], untouched = w.asked[3];
    w.flush("corp.example");
    CHECK(w.flushed == 1);
    CHECK_FALSE(w.open.contains(old.attempt));
    CHECK(w.open.contains(untouched.attempt));
    REQUIRE(w.asked.size() == 5);
    w.says(Said(old).a("web.corp.example", 60, "192.0.2.66"), old);
    CHECK(w.forward.pending() == 2);
    w.says(Said(w.last()).a("web.corp.example", 60, "192.0.2.3"), w.last());
    CHECK(w.reply().values() == "192.0.2.3");
    CHECK(w.ask("kept.example"));
    CHECK_FALSE(w.ask("db.corp.example"));
}

TEST_CASE("forward: flushes without end do not keep a client waiting without end") {
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

TEST_CASE("forward: a TCP client that has gone gets nothing, the others do") {
    World w;
    w.ask("a.example", rrtype::a, {.connection = 3});
    w.ask("a.example", rrtype::a, {.connection = 4});
    w.ask("b.example", rrtype::a, {.connection = 3});
    w.forward.forget(3);
    w.forward.forget(99);
    w.says(Said(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    REQUIRE(w.replied.size() == 1);
    CHECK(w.replied[0].client.connection == 4);
    SECTION("what nobody waits for is not asked again") {
        w.flush(".");
        CHECK(w.forward.pending() == 0);
        CHECK(w.open.empty());
    }
    SECTION("and ends by itself") {
        w.wait(seconds(4));
        CHECK(w.forward.pending() == 0);
        CHECK(w.replied.size() == 1);
    }
}

TEST_CASE("forward: clients that have gone leave their places to others") {
    World w;
    w.options.dns_forward_max = 10;
    w.adopt();
    for (std::uint64_t connection = 1; connection <= 5000; ++connection) {
        REQUIRE_FALSE(w.ask("a.example", rrtype::a, {.connection = connection}));
        w.forward.forget(connection);
    }
}

TEST_CASE("forward: at the end everybody is answered") {
    World w;
    w.ask("a.example");
    w.ask("a.example");
    w.ask("b.example", rrtype::a, {.connection = 8});
    w.fail_all();
    CHECK(w.replied.size() == 3);
    for (const auto& reply : w.replied) CHECK(Seen(reply.bytes).rcode() == rcode::servfail);
    CHECK(w.open.empty());
    CHECK(w.forward.pending() == 0);
    CHECK_FALSE(w.forward.deadline());
    CHECK(w.counters.forward_pending.get() == 0);
}

TEST_CASE("forward: questions in flight outlive new rules") {
    World w;
    w.ask("a.example");
    w.options.server.clear();
    w.add_server({}, "10.0.0.9");
    w.adopt();
    w.says(Said(w.asked[0]).a("a.example", 60, "192.0.2.1"), w.asked[0]);
    CHECK(w.reply().values() == "192.0.2.1");
    w.ask("b.example");
    CHECK(w.last().upstream.address.text() == "10.0.0.9");
}

TEST_CASE("forward: what comes of a question by old rules is not kept") {
    World w;
    w.ask("a.example");
    const Ask old = w.last();
    w.options.server.clear();
    w.add_server({}, "10.0.0.9");
    w.adopt();
    SECTION("an answer") {
        w.says(Said(old).a("a.example", 60, "9.9.9.1"), old);
        REQUIRE(w.replied.size() == 1);
        CHECK(w.counters.cache_entries.get() == 0);
        CHECK_FALSE(w.ask("a.example"));
        CHECK(w.last().upstream.address.text() == "10.0.0.9");
    }
    SECTION("an answer to a question asked again") {
        w.flush("example");
        w.says(Said(w.last()).a("a.example", 60, "9.9.9.1"), w.last());
        REQUIRE(w.replied.size() == 1);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("in place of a newer answer") {
        w.ask("a.example");
        w.says(Said(w.last()).a("a.example", 60, "9.9.9.9"), w.last());
        const auto ttl = GENERATE(0u, 60u);
        w.says(Said(old).a("a.example", ttl, "9.9.9.1"), old);
        REQUIRE(w.replied.size() == 2);
        CHECK(w.ask("a.example")->values() == "9.9.9.9");
    }
    SECTION("a failure") {
        w.wait(seconds(3));
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK_FALSE(w.ask("a.example"));
    }
    SECTION("a failure in place of a newer answer") {
        w.ask("a.example");
        w.says(Said(w.last()).a("a.example", 60, "9.9.9.9"), w.last());
        w.wait(seconds(3));
        CHECK(w.reply().rcode() == rcode::servfail);
        CHECK(w.ask("a.example")->values() == "9.9.9.9");
    }
}

TEST_CASE("forward: health outlives new rules") {
    World w;
    w.ask("a.example");
    w.wait(milliseconds(10));
    w.says(Said(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    w.add_server({"corp"}, "10.0.0.2");
    w.adopt();
    const auto reports = w.forward.upstream_reports(w.now);
    CHECK(reports[1].endpoint.address.text() == "10.0.0.1");
    CHECK(reports[1].rtt == milliseconds(10));
    CHECK(reports[1].answered == 1);
    CHECK(reports[1].sent == 1);
}

TEST_CASE("forward: log-queries speaks dnsmasq's words") {
    World w;
    w.options.log_queries = QueryLogging::plain;
    w.adopt();
    w.ask("www.example");
    w.says(Said(w.last()).cname("www.example", 60, "web.example").a("web.example", 60, "192.0.2.1"), w.last());
    w.ask("www.example");
    w.ask("none.example");
    w.says(Said(w.last()).code(rcode::nxdomain).soa("example", 60, 60), w.last());
    w.ask("v4only.example", rrtype::aaaa);
    w.says(Said(w.last()).soa("example", 60, 60), w.last());
    w.ask("text.example", rrtype::txt);
    w.says(Said(w.last()).record(0, "text.example", rrtype::txt, 60, {1, 'x'}), w.last());
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

TEST_CASE("forward: log-queries says failures in dnsmasq's words, with the extended error where there is one") {
    World w;
    w.options.log_queries = QueryLogging::plain;
    w.add_server({"nowhere"}, "127.0.0.1");   // lictor itself: nobody is left
    SECTION("an upstream's own failure") {
        w.adopt();
        w.ask("a.example");
        for (int i = 0; i < 9 && w.replied.empty(); ++i) w.says(Said(w.last()).code(rcode::servfail), w.last());
        CHECK(w.log.back() == "reply error is SERVFAIL");
    }
    SECTION("nobody to ask") {
        w.options.server.clear();
        w.adopt();
        w.ask("a.example");
        CHECK(w.log.back() == "config error is SERVFAIL (EDE: not ready)");
    }
    SECTION("nobody answers") {
        w.adopt();
        w.ask("a.example");
        for (int i = 0; i < 100 && w.replied.empty(); ++i) w.wait(milliseconds(300));
        CHECK(w.log.back() == "config error is SERVFAIL (EDE: no reachable authority)");
        w.ask("a.example");
        CHECK(w.log.back() == "cached error is SERVFAIL (EDE: no reachable authority)");
    }
}
