// What an upstream may say: forged, broken and overloaded replies. Every bad packet is followed by the genuine one, and the client must
// get the genuine one.
#include <catch2/catch.hpp>

#include "forward_world.hpp"
#include "resolver/core/scrub.hpp"

using namespace lictor;
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
    bool mismatch;   ///< counted as such, else as malformed
};

Said genuine(const Ask& ask) { return Said(ask).a("a.example", 60, "192.0.2.1"); }
Said forged(const Ask& ask) { return Said(ask).a("a.example", 60, "203.0.113.66"); }

std::vector<std::uint8_t> first_bytes(const std::vector<std::uint8_t>& bytes, std::size_t count) { return bytes_of(Bytes(bytes).first(count)); }

const Bad bads[] = {
    {"shorter than a header", [](const Ask& ask) { return first_bytes(forged(ask).bytes(), 4); }, false},
    {"another name", [](const Ask& ask) { auto said = forged(ask); said.question = name_of("b.example"); return said.bytes(); }, true},
    {"another type", [](const Ask& ask) { auto said = forged(ask); said.type = rrtype::aaaa; return said.bytes(); }, true},
    {"another class", [](const Ask& ask) { auto said = forged(ask); said.klass = 3; return said.bytes(); }, true},
    {"no question", [](const Ask& ask) { auto said = forged(ask); said.questions = 0; return said.bytes(); }, false},
    {"a question, not a reply", [](const Ask& ask) { return forged(ask).flags(0, 0x8000).bytes(); }, false},
    {"another opcode", [](const Ask& ask) { return forged(ask).flags(0x1000).bytes(); }, false},
    {"cut short", [](const Ask& ask) { return first_bytes(forged(ask).bytes(), forged(ask).bytes().size() - 6); }, false},
    {"bytes behind the end", [](const Ask& ask) { auto bytes = forged(ask).bytes(); bytes.push_back(0); return bytes; }, false},
    {"a count that lies", [](const Ask& ask) { auto said = forged(ask); said.counts[0] = 2; return said.bytes(); }, false},
    {"a question count that lies", [](const Ask& ask) { auto said = forged(ask); auto bytes = said.bytes(); bytes[5] = 2; return bytes; }, false},
    {"a pointer to itself",
     [](const Ask& ask) {
         auto said = Said(ask);
         auto bytes = said.bytes();
         bytes[7] = 1;
         const auto at = static_cast<std::uint8_t>(bytes.size());
         for (const unsigned byte : {0xc0u, unsigned{at}, 0u, 1u, 0u, 1u, 0u, 0u, 0u, 9u, 0u, 4u, 203u, 0u, 113u, 66u}) bytes.push_back(static_cast<std::uint8_t>(byte));
         return bytes;
     },
     false},
    {"an address of five bytes", [](const Ask& ask) { return Said(ask).record(0, "a.example", rrtype::a, 9, {203, 0, 113, 66, 0}).bytes(); }, false},
    {"an address of three bytes", [](const Ask& ask) { return Said(ask).record(0, "a.example", rrtype::a, 9, {203, 0, 113}).bytes(); }, false},
    {"a CNAME with a tail", [](const Ask& ask) { auto data = name_bytes("b.example"); data.push_back(7);
                                                 return Said(ask).record(0, "a.example", rrtype::cname, 9, data).bytes(); }, false},
    {"a CNAME that runs out of its data", [](const Ask& ask) { return Said(ask).record(0, "a.example", rrtype::cname, 9, {5, 'a', 'b'}).bytes(); }, false},
    {"two OPTs", [](const Ask& ask) { return forged(ask).record(2, ".", rrtype::opt, 0, {}, 1232).record(2, ".", rrtype::opt, 0, {}, 1232).bytes(); }, false},
    {"OPT as an answer", [](const Ask& ask) { return forged(ask).record(0, ".", rrtype::opt, 0, {}, 1232).bytes(); }, false},
    {"a headless FORMERR", [](const Ask& ask) { auto said = Said(ask).code(rcode::formerr); said.questions = 0; return said.bytes(); }, false},
};

}  // namespace

TEST_CASE("scrub: a packet that is no usable reply is dropped, counted, and the genuine one awaited") {
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
        w.says(genuine(ask), ask);
        REQUIRE(w.replied.size() == 1);
        CHECK(w.reply().values() == "192.0.2.1");
    }
}

TEST_CASE("scrub: over TCP nobody can forge, so a broken reply moves on to the next upstream") {
    for (const Bad& bad : bads) {
        INFO(bad.what);
        World w({"10.0.0.1", "10.0.0.2"});
        w.ask("a.example");
        w.says(Said(w.last()).flags(0x0200), w.last());
        const Ask tcp = w.last();
        REQUIRE(tcp.transport == Transport::tcp);
        w.arrives(tcp, bad.make(tcp));
        REQUIRE(w.asked.size() == 3);
        if (std::string_view(bad.what) == "a headless FORMERR") CHECK(w.last().transport == Transport::tcp);  // the same one, without EDNS
        else CHECK(w.last().upstream.address.text() == "10.0.0.2");
        CHECK_FALSE(w.open.contains(tcp.attempt));
    }
}

TEST_CASE("scrub: records nobody asked for reach neither client nor cache") {
    World w;
    w.ask("x.example", rrtype::a, {.edns = 1232});
    w.says(Said(w.last())
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

TEST_CASE("scrub: a chain is followed in whatever order it is written") {
    World w;
    w.ask("www.example");
    w.says(Said(w.last())
               .a("end.example", 60, "192.0.2.1")
               .cname("mid.example", 60, "End.Example")
               .cname("www.example", 60, "MID.example")
               .cname("www.example", 60, "evil.example")
               .a("evil.example", 60, "203.0.113.66"),
           w.last());
    CHECK(w.reply().values() == "192.0.2.1 End.Example MID.example");
}

TEST_CASE("scrub: a question for CNAME is not followed") {
    World w;
    w.ask("www.example", rrtype::cname);
    w.says(Said(w.last()).cname("www.example", 60, "mid.example").cname("mid.example", 60, "end.example"), w.last());
    CHECK(w.reply().values() == "mid.example");
}

TEST_CASE("scrub: a question for ANY keeps all types of the name, and of no other") {
    World w;
    w.ask("x.example", rrtype::any);
    w.says(Said(w.last()).a("x.example", 60, "192.0.2.1").a("x.example", 60, "2001:db8::1").a("y.example", 60, "192.0.2.2"), w.last());
    CHECK(w.reply().values() == "192.0.2.1 2001:db8::1");
}

TEST_CASE("scrub: DNAME stays with the CNAME it made") {
    World w;
    w.ask("x.old.example");
    w.says(Said(w.last())
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

TEST_CASE("scrub: an owner stands once in the chain, however many records and links it has") {
    World w;
    w.ask("l0.x.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
    Said said(w.last());
    constexpr int links = 16, copies = 500;
    for (int i = 0; i < links; ++i) said.cname("l" + std::to_string(i) + ".x.example", 60, "l" + std::to_string(i + 1) + ".x.example");
    for (int i = 0; i < copies; ++i) said.record(0, "x.example", rrtype::dname, 60, name_bytes("y.example"));
    said.a("l16.x.example", 60, "192.0.2.1").record(0, "x.example", rrtype::rrsig, 60, signature(rrtype::dname, "example"));
    Scrubber scrubber;
    Asked asked{said.id, said.question, rrtype::a, rrclass::in};
    asked.dnssec_ok = true;
    REQUIRE(scrubber.read(said.bytes(), asked, true).kind == Judgement::Kind::good);
    CHECK(scrubber.owners() == links + 2);
    CHECK(read_header(scrubber.reply().message)->ancount == links + copies + 2);
}

TEST_CASE("scrub: endless chains are no answer") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("l0.example");
    Said loop(w.last());
    SECTION("round in a circle") { loop.cname("l0.example", 60, "l1.example").cname("l1.example", 60, "l0.example"); }
    SECTION("a thousand links") {
        for (int i = 0; i < 1000; ++i) loop.cname("l" + std::to_string(i) + ".example", 60, "l" + std::to_string(i + 1) + ".example");
    }
    w.says(loop, w.last());
    REQUIRE(w.asked.size() == 2);
    CHECK(w.last().upstream.address.text() == "10.0.0.2");
}

TEST_CASE("scrub: negatives keep the SOA of a zone that the name lies in") {
    World w;
    w.ask("no.example", rrtype::a);
    Said said(w.last());
    said.code(rcode::nxdomain);
    SECTION("its own") {
        said.soa("example", 60, 30);
        w.says(said, w.last());
        REQUIRE(w.reply().authority.size() == 1);
        CHECK(w.reply().rcode() == rcode::nxdomain);
        CHECK(w.ask("no.example"));
    }
    SECTION("another's") {
        said.soa("evil", 86400, 86400);
        w.says(said, w.last());
        CHECK(w.reply().authority.empty());
        CHECK_FALSE(w.ask("no.example"));
    }
    SECTION("behind an alias the target's") {
        said.cname("no.example", 60, "no.other").soa("other", 60, 30);
        w.says(said, w.last());
        CHECK(w.reply().values() == "no.other");
        CHECK(w.reply().authority.size() == 1);
    }
}

TEST_CASE("scrub: NXDOMAIN with data contradicts itself") {
    World w({"10.0.0.1", "10.0.0.2"});
    w.ask("a.example");
    w.says(genuine(w.last()).code(rcode::nxdomain), w.last());
    CHECK(w.asked.size() == 2);
}

TEST_CASE("scrub: signatures and proofs go to those who asked for them only") {
    const auto with_do = GENERATE(true, false);
    World w;
    w.ask("a.example", rrtype::a, {.edns = 1232, .dnssec_ok = with_do});
    Said said(w.last());
    said.cname("a.example", 60, "b.example")
        .record(0, "a.example", rrtype::rrsig, 60, signature(rrtype::cname, "example"))
        .a("b.example", 60, "192.0.2.1")
        .record(0, "b.example", rrtype::rrsig, 60, signature(rrtype::a, "example"))
        .record(0, "b.example", rrtype::rrsig, 60, signature(rrtype::mx, "example"))
        .record(0, "evil.example", rrtype::rrsig, 60, signature(rrtype::a, "example"))
        .record(1, "example", rrtype::ns, 60, name_bytes("ns.example"))
        .record(1, "b.example", rrtype::nsec, 60, [] { auto data = name_bytes("c.example"); data.insert(data.end(), {0, 1, 0x40}); return data; }())
        .record(1, "b.example", rrtype::rrsig, 60, signature(rrtype::nsec, "example"));
    w.says(said, w.last());
    const Seen seen = w.reply();
    CHECK(seen.whole);
    CHECK(seen.answer.size() == (with_do ? 4 : 2));
    CHECK(seen.authority.size() == (with_do ? 2 : 0));
    CHECK(seen.edns.dnssec_ok == with_do);
    CHECK_FALSE(seen.header.ad());
}

TEST_CASE("scrub: AD and AA of an upstream are not passed on") {
    World w;
    w.ask("a.example", rrtype::a, {.cd = true});
    w.says(genuine(w.last()).flags(0x0420), w.last());
    CHECK_FALSE(w.reply().header.ad());
    CHECK_FALSE(w.reply().header.aa());
    CHECK(w.reply().header.cd());
}

TEST_CASE("scrub: names inside known data are read out and written anew") {
    // A reply whose MX and SRV data point back into the message, which is cut and written anew: the pointers must not survive as bytes.
    World w;
    w.ask("mail.example", rrtype::mx);
    auto bytes = Said(w.last()).record(0, "unasked.example", rrtype::txt, 60, {1, 'x'}).bytes();
    bytes[7] = 2;
    for (const unsigned byte : {0xc0u, 12u, 0u, 15u, 0u, 1u, 0u, 0u, 0u, 60u, 0u, 8u, 0u, 10u, 3u, unsigned{'m'}, unsigned{'x'}, unsigned{'1'}, 0xc0u, 17u})
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

TEST_CASE("scrub: data of a known type that has not its form is malformed") {
    struct Case { std::uint16_t type; std::vector<std::uint8_t> good, bad; };
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
        w.says(Said(w.last()).record(0, "t.example", one.type, 60, one.bad), w.last());
        CHECK(w.replied.empty());
        CHECK(w.counters.upstream_malformed.get() == 1);
        w.says(Said(w.last()).record(0, "t.example", one.type, 60, one.good), w.last());
        REQUIRE(w.replied.size() == 1);
        const auto& bytes = w.replied[0].bytes;
        CHECK(std::search(bytes.begin(), bytes.end(), one.good.begin(), one.good.end()) != bytes.end());
    }
}

TEST_CASE("scrub: unknown types pass as they are") {
    World w;
    w.ask("t.example", 65280);
    w.says(Said(w.last()).record(0, "t.example", 65280, 60, {0xc0, 0x0c, 0xff, 0}), w.last());
    REQUIRE(w.replied.size() == 1);
    const auto& bytes = w.replied[0].bytes;
    const std::vector<std::uint8_t> tail(bytes.end() - 4, bytes.end());
    CHECK(tail == std::vector<std::uint8_t>{0xc0, 0x0c, 0xff, 0});
}

TEST_CASE("scrub: an empty answer of a server with recursion or authority is no data, not lame") {
    World w;
    const auto authority = GENERATE(true, false);
    w.ask("a.example");
    Said said(w.last());
    if (authority) said.flags(0x0400, 0x0080);
    w.says(said, w.last());
    REQUIRE(w.replied.size() == 1);
    CHECK(w.reply().rcode() == rcode::noerror);
    CHECK(w.reply().answer.empty());
}

TEST_CASE("scrub: a name with local data of another type exists whatever the upstream says") {
    World w;
    w.options.host_record.push_back({{"db.corp"}, {Address::v4(10, 0, 0, 5)}, {}});
    w.adopt();
    w.ask("db.corp", rrtype::mx);
    w.says(Said(w.last()).code(rcode::nxdomain).soa("corp", 60, 60), w.last());
    CHECK(w.reply().rcode() == rcode::noerror);
    CHECK(w.ask("db.corp", rrtype::mx)->rcode() == rcode::noerror);
}
