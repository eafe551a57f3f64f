// What is kept of an upstream's reply? Forged and malformed packets are each followed by the genuine reply, which the client must get.
// Records that the question does not ask for are removed.
#include <catch2/catch.hpp>

#include "forward_world.hpp"
#include "resolver/forward/scrub.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::forward;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

std::vector<std::uint8_t> name_bytes(std::string_view text) { return bytes_of(name_of(text).wire()); }

/// RRSIG's fixed part for a covered type, a signer, a few bytes of signature.
std::vector<std::uint8_t> signature(std::uint16_t covers, std::string_view signer) {
    std::vector<std::uint8_t> data(18);
    data[0] = static_cast<std::uint8_t>(covers >> 8);
    data[1] = static_cast<std::uint8_t>(covers);
    const auto name = name_bytes(signer);
    data.insert(data.end(), name.begin(), name.end());
    data.insert(data.end(), {1, 2, 3, 4});
    return data;
}

struct Bad {
    const char* what;
    std::vector<std::uint8_t> (*make)(const Ask&);
    bool mismatch;  ///< counted as a mismatch, else as malformed
};

UpstreamReply genuine(const Ask& ask) { return UpstreamReply(ask).a("a.example", 60, "192.0.2.1"); }
UpstreamReply forged(const Ask& ask) { return UpstreamReply(ask).a("a.example", 60, "203.0.113.66"); }

std::vector<std::uint8_t> first_bytes(const std::vector<std::uint8_t>& bytes, std::size_t count) {
    return bytes_of(Bytes(bytes).first(count));
}

const Bad bads[] = {
    {"shorter than a header", [](const Ask& ask) { return first_bytes(forged(ask).bytes(), 4); }, false},
    {"another name",
     [](const Ask& ask) {
         auto response = forged(ask);
         response.question = name_of("b.example");
         return response.bytes();
     },
     true},
    {"another type",
     [](const Ask& ask) {
         auto response = forged(ask);
         response.type = rrtype::aaaa;
         return response.bytes();
     },
     true},
    {"another class",
     [](const Ask& ask) {
         auto response = forged(ask);
         response.klass = 3;
         return response.bytes();
     },
     true},
    {"no question",
     [](const Ask& ask) {
         auto response = forged(ask);
         response.questions = 0;
         return response.bytes();
     },
     false},
    {"a query, not a reply", [](const Ask& ask) { return forged(ask).flags(0, 0x8000).bytes(); }, false},
    {"another opcode", [](const Ask& ask) { return forged(ask).flags(0x1000).bytes(); }, false},
    {"cut short", [](const Ask& ask) { return first_bytes(forged(ask).bytes(), forged(ask).bytes().size() - 6); }, false},
    {"bytes behind the message",
     [](const Ask& ask) {
         auto bytes = forged(ask).bytes();
         bytes.push_back(0);
         return bytes;
     },
     false},
    {"a wrong record count",
     [](const Ask& ask) {
         auto response = forged(ask);
         response.counts[0] = 2;
         return response.bytes();
     },
     false},
    {"a wrong question count",
     [](const Ask& ask) {
         auto response = forged(ask);
         auto bytes = response.bytes();
         bytes[5] = 2;
         return bytes;
     },
     false},
    {"a pointer to itself",
     [](const Ask& ask) {
         auto response = UpstreamReply(ask);
         auto bytes = response.bytes();
         bytes[7] = 1;
         const auto at = static_cast<std::uint8_t>(bytes.size());
         for (const unsigned byte : {0xc0u, unsigned{at}, 0u, 1u, 0u, 1u, 0u, 0u, 0u, 9u, 0u, 4u, 203u, 0u, 113u, 66u})
             bytes.push_back(static_cast<std::uint8_t>(byte));
         return bytes;
     },
     false},
    {"an address of five bytes",
     [](const Ask& ask) {
         return UpstreamReply(ask).record(0, "a.example", rrtype::a, 9, {203, 0, 113, 66, 0}).bytes();
     },
     false},
    {"an address of three bytes",
     [](const Ask& ask) {
         return UpstreamReply(ask).record(0, "a.example", rrtype::a, 9, {203, 0, 113}).bytes();
     },
     false},
    {"a CNAME with a byte behind its name",
     [](const Ask& ask) {
         auto data = name_bytes("b.example");
         data.push_back(7);
         return UpstreamReply(ask).record(0, "a.example", rrtype::cname, 9, data).bytes();
     },
     false},
    {"a CNAME whose name exceeds its RDATA",
     [](const Ask& ask) {
         return UpstreamReply(ask).record(0, "a.example", rrtype::cname, 9, {5, 'a', 'b'}).bytes();
     },
     false},
    {"two OPTs",
     [](const Ask& ask) { return forged(ask).record(2, ".", rrtype::opt, 0, {}, 1232).record(2, ".", rrtype::opt, 0, {}, 1232).bytes(); },
     false},
    {"OPT as an answer", [](const Ask& ask) { return forged(ask).record(0, ".", rrtype::opt, 0, {}, 1232).bytes(); }, false},
    {"a FORMERR without a question",
     [](const Ask& ask) {
         auto response = UpstreamReply(ask).code(rcode::formerr);
         response.questions = 0;
         return response.bytes();
     },
     false},
};

}  // namespace

TEST_CASE("scrub: an unusable packet is dropped and counted, and the genuine reply is still accepted", "[CVE-2020-25685][CVE-2026-5172]") {
    for (const Bad& bad : bads) {
        INFO(bad.what);
        World w;
        w.ask("a.example");
        const Ask ask = w.last();
        w.arrives(ask, bad.make(ask));
        CHECK(w.replied.empty());
        CHECK(w.counters.upstream_mismatch.get() == (bad.mismatch ? 1 : 0));
        CHECK(w.counters.upstream_malformed.get() == (bad.mismatch ? 0 : 1));
        REQUIRE(w.open.contains(ask.attempt));
        w.respond(genuine(ask), ask);
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().values() == "192.0.2.1");
    }
}

TEST_CASE("scrub: after an unusable reply over TCP, which cannot be forged, the next upstream is asked") {
    for (const Bad& bad : bads) {
        INFO(bad.what);
        World w({"10.0.0.1", "10.0.0.2"});
        w.ask("a.example");
        w.respond(UpstreamReply(w.last()).flags(0x0200), w.last());
        const Ask tcp = w.last();
        REQUIRE(tcp.transport == Transport::tcp);
        w.arrives(tcp, bad.make(tcp));
        REQUIRE(w.asked.size() == 3);
        if (std::string_view(bad.what) == "a FORMERR without a question")
            CHECK(w.last().transport == Transport::tcp);  // the same upstream, without EDNS
        else CHECK(w.last().upstream.address.text() == "10.0.0.2");
        CHECK_FALSE(w.open.contains(tcp.attempt));
    }
}

TEST_CASE("scrub: records that the question does not ask for are neither sent nor cached") {
    World w;
    w.ask("x.example", rrtype::a, {.edns = 1232});
    w.respond(UpstreamReply(w.last())
                  .a("x.example", 60, "192.0.2.1")
                  .a("db.service.consul", 60, "203.0.113.66")
                  .record(0, "x.example", rrtype::aaaa, 60, address_bytes("2001:db8::66"))
                  .record(0, "x.example", rrtype::a, 60, {203, 0, 113, 67}, 3)
                  .record(1, "example", rrtype::ns, 60, name_bytes("ns.evil.example"))
                  .record(2, "ns.evil.example", rrtype::a, 60, {203, 0, 113, 68}),
              w.last());
    const Seen seen = w.reply();
    CHECK(seen.whole);
    CHECK(seen.values() == "192.0.2.1");
    CHECK(seen.authority.empty());
    CHECK(seen.additional.empty());
    const auto again = w.ask("x.example", rrtype::a, {.edns = 1232});
    REQUIRE(again);
    CHECK(again->values() == "192.0.2.1");
    CHECK_FALSE(w.ask("db.service.consul"));
    CHECK_FALSE(w.ask("ns.evil.example"));
    CHECK_FALSE(w.ask("x.example", rrtype::aaaa));
}

TEST_CASE("scrub: a CNAME chain is followed in any order of its records") {
    World w;
    w.ask("www.example");
    w.respond(UpstreamReply(w.last())
                  .a("end.example", 60, "192.0.2.1")
                  .cname("mid.example", 60, "End.Example")
                  .cname("www.example", 60, "MID.example")
                  .cname("www.example", 60, "evil.example")
                  .a("evil.example", 60, "203.0.113.66"),
              w.last());
    CHECK(w.reply().values() == "192.0.2.1 End.Example MID.example");
}

TEST_CASE("scrub: a query for CNAME gets one CNAME") {
    World w;
    w.ask("www.example", rrtype::cname);
    w.respond(UpstreamReply(w.last()).cname("www.example", 60, "mid.example").cname("mid.example", 60, "end.example"), w.last());
    CHECK(w.reply().values() == "mid.example");
}

TEST_CASE("scrub: a query for ANY keeps all types of that name only") {
    World w;
    w.ask("x.example", rrtype::any);
    w.respond(UpstreamReply(w.last()).a("x.example", 60, "192.0.2.1").a("x.example", 60, "2001:db8::1").a("y.example", 60, "192.0.2.2"),
              w.last());
    CHECK(w.reply().values() == "192.0.2.1 2001:db8::1");
}

TEST_CASE("scrub: DNAME is kept with the CNAME synthesized from it") {
    World w;
    w.ask("x.old.example");
    w.respond(UpstreamReply(w.last())
                  .record(0, "old.example", rrtype::dname, 60, name_bytes("new.example"))
                  .record(0, "other.example", rrtype::dname, 60, name_bytes("evil.example"))
                  .cname("x.old.example", 60, "x.new.example")
                  .a("x.new.example", 60, "192.0.2.1"),
              w.last());
    const Seen seen = w.reply();
    REQUIRE(seen.answer.size() == 3);
    CHECK(seen.answer[0].type == rrtype::dname);
    CHECK(seen.answer[0].owner == "old.example");
}

TEST_CASE("scrub: records are kept once, however many CNAME links lie below their owner") {
    World w;
    w.ask("l0.x.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    UpstreamReply response(w.last());
    constexpr int links = 16, copies = 500;
    for (int i = 0; i < links; ++i) response.cname("l" + std::to_string(i) + ".x.example", 60, "l" + std::to_string(i + 1) + ".x.example");
    for (int i = 0; i < copies; ++i) response.record(0, "x.example", rrtype::dname, 60, name_bytes("y.example"));
    response.a("l16.x.example", 60, "192.0.2.1").record(0, "x.example", rrtype::rrsig, 60, signature(rrtype::dname, "example"));
    Scrubber scrubber;
    Asked asked{response.id, response.question, rrtype::a, rrclass::in};
    asked.dnssec_ok = true;
    REQUIRE(scrubber.read(response.bytes(), asked, true).kind == Judgement::Kind::good);
    CHECK(read_header(scrubber.reply().message)->ancount == links + copies + 2);
}

TEST_CASE("scrub: a CNAME loop, or too long a chain, is not an answer") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("l0.example");
    UpstreamReply loop(w.last());
    SECTION("a loop") { loop.cname("l0.example", 60, "l1.example").cname("l1.example", 60, "l0.example"); }
    SECTION("a thousand links") {
        for (int i = 0; i < 1000; ++i) loop.cname("l" + std::to_string(i) + ".example", 60, "l" + std::to_string(i + 1) + ".example");
    }
    w.respond(loop, w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
}

TEST_CASE("scrub: a negative answer keeps the SOA only if its owner is an ancestor of the name") {
    World w;
    w.ask("no.example", rrtype::a);
    UpstreamReply response(w.last());
    response.code(rcode::nxdomain);
    SECTION("an ancestor") {
        response.soa("example", 60, 30);
        w.respond(response, w.last());
        REQUIRE(w.reply().authority.size() == 1);
        CHECK(w.reply().rcode() == rcode::nxdomain);
        CHECK(w.ask("no.example"));
    }
    SECTION("another zone") {
        response.soa("evil", 86400, 86400);
        w.respond(response, w.last());
        CHECK(w.reply().authority.empty());
        CHECK_FALSE(w.ask("no.example"));
    }
    SECTION("behind an alias, an ancestor of the target") {
        response.cname("no.example", 60, "no.other").soa("other", 60, 30);
        w.respond(response, w.last());
        CHECK(w.reply().values() == "no.other");
        CHECK(w.reply().authority.size() == 1);
    }
}

TEST_CASE("scrub: NXDOMAIN with data is not an answer") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.respond(genuine(w.last()).code(rcode::nxdomain), w.last());
    CHECK(w.asked.size() == 2);
}

TEST_CASE("scrub: RRSIG and NSEC are sent only to clients with DO") {
    const auto with_do = GENERATE(true, false);
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = with_do});
    UpstreamReply response(w.last());
    response.cname("a.example", 60, "b.example")
        .record(0, "a.example", rrtype::rrsig, 60, signature(rrtype::cname, "example"))
        .a("b.example", 60, "192.0.2.1")
        .record(0, "b.example", rrtype::rrsig, 60, signature(rrtype::a, "example"))
        .record(0, "b.example", rrtype::rrsig, 60, signature(rrtype::mx, "example"))
        .record(0, "evil.example", rrtype::rrsig, 60, signature(rrtype::a, "example"))
        .record(1, "example", rrtype::ns, 60, name_bytes("ns.example"))
        .record(1, "b.example", rrtype::nsec, 60,
                [] {
                    auto data = name_bytes("c.example");
                    data.insert(data.end(), {0, 1, 0x40});
                    return data;
                }())
        .record(1, "b.example", rrtype::rrsig, 60, signature(rrtype::nsec, "example"));
    w.respond(response, w.last());
    const Seen seen = w.reply();
    CHECK(seen.whole);
    CHECK(seen.answer.size() == (with_do ? 4 : 2));
    CHECK(seen.authority.size() == (with_do ? 2 : 0));
    CHECK(seen.edns.dnssec_ok == with_do);
    CHECK_FALSE(seen.header.bits & header_bit::ad);
}

TEST_CASE("scrub: AD and AA of an upstream are not passed on") {
    World w;
    w.ask("a.example", rrtype::a, {.cd = true});
    w.respond(genuine(w.last()).flags(0x0420), w.last());
    CHECK_FALSE(w.reply().header.bits & header_bit::ad);
    CHECK_FALSE(w.reply().header.aa());
    CHECK(w.reply().header.cd());
}

TEST_CASE("scrub: compressed names in RDATA of known types are decompressed") {
    // The MX record's RDATA has a compression pointer. The reply is written anew, so the pointer must not be copied.
    World w;
    w.ask("mail.example", rrtype::mx);
    auto bytes = UpstreamReply(w.last()).record(0, "unasked.example", rrtype::txt, 60, {1, 'x'}).bytes();
    bytes[7] = 2;
    for (const unsigned byte :
         {0xc0u, 12u, 0u, 15u, 0u, 1u, 0u, 0u, 0u, 60u, 0u, 8u, 0u, 10u, 3u, unsigned{'m'}, unsigned{'x'}, unsigned{'1'}, 0xc0u, 17u})
        bytes.push_back(static_cast<std::uint8_t>(byte));
    w.arrives(w.last(), bytes);
    REQUIRE(w.replied.size() == 1);
    const auto& reply = w.replied[0].bytes;
    CHECK(Seen(reply).whole);
    Reader reader(reply);
    reader.skip(header_size + name_of("mail.example").size() + 4);
    const auto record = read_record(reader);
    REQUIRE(record);
    CHECK(record->owner.text() == "mail.example");
    Reader data(Bytes(reply).first(record->rdata_at + record->rdata.size()));
    data.skip(record->rdata_at + 2);
    CHECK(data.name().text() == "mx1.example");
}

TEST_CASE("scrub: malformed RDATA of a known type makes the reply malformed", "[CVE-2026-4891]") {
    struct Case {
        std::uint16_t type;
        std::vector<std::uint8_t> good, bad;
    };
    const auto root = std::vector<std::uint8_t>{0};
    const Case cases[] = {
        {rrtype::mx, {0, 1, 0}, {0, 1}},
        {rrtype::txt, {1, 'a', 2, 'b', 'c'}, {5, 'a'}},
        {rrtype::txt, {0}, {}},
        {rrtype::srv, {0, 1, 0, 1, 0, 53, 0}, {0, 1, 0, 1, 0, 53}},
        {rrtype::naptr, {0, 1, 0, 1, 0, 0, 0, 0}, {0, 1, 0, 1, 9, 0, 0, 0}},
        {rrtype::ds, {0, 1, 8, 2, 0xaa}, {0, 1, 8, 2}},
        {rrtype::https, {0, 1, 0}, {0, 1, 0xc0, 12}},
        {rrtype::rrsig, signature(rrtype::a, "."), {0, 1, 8, 2}},
        {13, {1, 'x', 1, 'y'}, {1, 'x', 1, 'y', 0}},
        {257, {0, 5, 'i', 's', 's', 'u', 'e', 'x'}, {0}},
    };
    for (const Case& one : cases) {
        INFO("type " << one.type);
        World w;
        w.ask("t.example", one.type);
        w.respond(UpstreamReply(w.last()).record(0, "t.example", one.type, 60, one.bad), w.last());
        CHECK(w.replied.empty());
        CHECK(w.counters.upstream_malformed.get() == 1);
        w.respond(UpstreamReply(w.last()).record(0, "t.example", one.type, 60, one.good), w.last());
        REQUIRE(w.replied.size() == 1);
        const auto& bytes = w.replied[0].bytes;
        CHECK(std::search(bytes.begin(), bytes.end(), one.good.begin(), one.good.end()) != bytes.end());
    }
}

TEST_CASE("scrub: RDATA of unknown types is copied unchanged") {
    World w;
    w.ask("t.example", 65280);
    w.respond(UpstreamReply(w.last()).record(0, "t.example", 65280, 60, {0xc0, 0x0c, 0xff, 0}), w.last());
    REQUIRE(w.replied.size() == 1);
    const auto& bytes = w.replied[0].bytes;
    const std::vector<std::uint8_t> tail(bytes.end() - 4, bytes.end());
    CHECK(tail == std::vector<std::uint8_t>{0xc0, 0x0c, 0xff, 0});
}

TEST_CASE("scrub: an empty answer with RA or AA is NODATA, not lame") {
    World w;
    const auto authority = GENERATE(true, false);
    w.ask("a.example");
    UpstreamReply response(w.last());
    if (authority) response.flags(0x0400, 0x0080);
    w.respond(response, w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::noerror);
    CHECK(w.reply().answer.empty());
}

TEST_CASE("scrub: NXDOMAIN becomes NODATA for a name with local data of another type") {
    World w;
    w.options.host_record.push_back({{"db.corp"}, {Address::v4(10, 0, 0, 5)}, {}});
    w.adopt();
    w.ask("db.corp", rrtype::mx);
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("corp", 60, 60), w.last());
    CHECK(w.reply().rcode() == rcode::noerror);
    CHECK(w.ask("db.corp", rrtype::mx)->rcode() == rcode::noerror);
}

TEST_CASE("scrub: NXDOMAIN becomes NODATA for every name that exists because of local data") {
    World w;
    w.options.host_record.push_back({{"db.internal.corp"}, {Address::v4(10, 0, 0, 5)}, {}});
    w.options.cname.push_back({{"alias.deep.corp"}, "db.internal.corp", {}});
    const auto address = [&](std::vector<std::string> domains, std::string_view text) {
        conf::AddressRule rule;
        rule.domains = std::move(domains);
        rule.kind = text.empty()  ? conf::AddressRule::Kind::nxdomain
                    : text == "#" ? conf::AddressRule::Kind::null_address
                                  : conf::AddressRule::Kind::address;
        if (rule.kind == conf::AddressRule::Kind::address) rule.address = *Address::parse(text);
        w.options.address.push_back(rule);
    };
    address({"dev.test", "*ends.test"}, "127.0.0.1");
    address({"six.test"}, "::1");
    address({"null.test"}, "#");
    address({"routed.test"}, "10.0.0.7");
    address({""}, "10.0.0.8");  // names without dots
    w.add_server({"routed.test", "sub.dev.test"}, "10.0.0.2");
    conf::SynthDomain synth;
    synth.domain = "ip.hosts.test";
    synth.first = Address::v4(192, 0, 2, 0);
    synth.last = Address::v4(192, 0, 2, 255);
    synth.prefix = "ip-";
    w.options.synth_domain.push_back(synth);
    w.adopt();
    const auto code = [&](std::string_view name, std::uint16_t type) {
        if (const auto at_once = w.ask(name, type)) return at_once->rcode();
        w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa(".", 60, 60), w.last());
        const auto first = w.reply();
        CHECK_FALSE((first.header.bits & header_bit::ad) != 0);
        const auto cached = w.ask(name, type);
        REQUIRE(cached);
        CHECK(cached->rcode() == first.rcode());
        return first.rcode();
    };
    SECTION("names of address= lines, for the types that they do not give") {
        for (const auto* const name : {"dev.test", "app.dev.test", "a.b.dev.test", "ends.test", "xends.test", "a.xends.test", "routed.test",
                                       "x.routed.test", "word"})
            for (const auto type : {rrtype::aaaa, rrtype::txt, rrtype::https, rrtype::mx}) CHECK(code(name, type) == rcode::noerror);
        CHECK(code("x.six.test", rrtype::a) == rcode::noerror);
        CHECK(code("x.null.test", rrtype::txt) == rcode::noerror);
    }
    SECTION("names above local names, for all types") {
        const auto type = GENERATE(rrtype::a, rrtype::aaaa, rrtype::txt);
        for (const auto* const name : {"internal.corp", "deep.corp", "hosts.test", "ip.hosts.test"})
            CHECK(code(name, type) == rcode::noerror);
    }
    SECTION("other names are NXDOMAIN") {
        const auto type = GENERATE(rrtype::aaaa, rrtype::txt);
        for (const auto* const name : {"x.internal.corp", "x.sub.dev.test", "dev2.test", "db.internal.corp.test"})
            CHECK(code(name, type) == rcode::nxdomain);
    }
}

TEST_CASE("scrub: with address=/#/ every name exists") {
    World w;
    conf::AddressRule rule;
    rule.domains = {"#"};
    rule.kind = conf::AddressRule::Kind::address;
    rule.address = Address::v4(10, 0, 0, 1);
    w.options.address.push_back(rule);
    w.adopt();
    w.ask("any.name.example", rrtype::txt);
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("example", 60, 60), w.last());
    CHECK(w.reply().rcode() == rcode::noerror);
}

TEST_CASE("scrub: a CNAME chain of up to 32 links is passed on") {
    const auto links = GENERATE(17, 19, 32, 33);
    World w;
    w.ask("c0.example", rrtype::a, {.edns = 1232});
    UpstreamReply reply(w.last());
    for (int i = 0; i < links; ++i) reply.cname("c" + std::to_string(i) + ".example", 60, "c" + std::to_string(i + 1) + ".example");
    reply.a("c" + std::to_string(links) + ".example", 60, "192.0.2.1");
    w.respond(reply, w.last());
    if (links > 32) {
        w.wait(seconds(5));
        CHECK(w.reply().rcode() == rcode::servfail);
        return;
    }
    CHECK(w.reply().answer.size() == static_cast<std::size_t>(links) + 1);
}

TEST_CASE("scrub: below a DNAME a query for CNAME or ANY gets the DNAME and, with DO, its signature") {
    const auto type = GENERATE(rrtype::cname, rrtype::any);
    const auto dnssec_ok = GENERATE(true, false);
    World w;
    w.ask("x.old.example", type, {.edns = 1232, .dnssec_ok = dnssec_ok});
    std::vector<std::uint8_t> signature = {0, 39, 8, 2, 0, 0, 0, 60, 0, 0, 0, 2, 0, 0, 0, 1, 0, 7, 0, 1, 2, 3};
    UpstreamReply reply(w.last());
    reply.record(0, "old.example", rrtype::dname, 60, bytes_of(name_of("new.example").wire()));
    reply.record(0, "old.example", rrtype::rrsig, 60, signature);
    reply.cname("x.old.example", 60, "x.new.example");
    w.respond(reply, w.last());
    std::vector<std::uint16_t> types;
    for (const auto& line : w.reply().answer) types.push_back(line.type);
    if (dnssec_ok) CHECK(types == std::vector<std::uint16_t>{rrtype::dname, rrtype::rrsig, rrtype::cname});
    else CHECK(types == std::vector<std::uint16_t>{rrtype::dname, rrtype::cname});
}

TEST_CASE("scrub: ANY for an alias to a name that does not exist is NXDOMAIN with the alias") {
    World w;
    w.ask("alias.example", rrtype::any);
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).cname("alias.example", 60, "gone.example").soa("example", 60, 60), w.last());
    CHECK(w.reply().rcode() == rcode::nxdomain);
    CHECK(w.reply().values() == "gone.example");
}

TEST_CASE("scrub: after a reply whose answer is of another class the genuine reply is awaited") {
    World w;
    w.ask("a.example");
    w.respond(UpstreamReply(w.last()).record(0, "a.example", rrtype::a, 60, address_bytes("192.0.2.9"), rrclass::chaos), w.last());
    CHECK(w.replied.empty());
    CHECK(w.counters.upstream_malformed.get() == 1);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    CHECK(w.reply().values() == "192.0.2.1");
}
