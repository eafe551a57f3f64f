// Is lictor free of the faults for which dnsmasq got CVE numbers? These tests and all others with such a tag are in the table of
// container/SECURITY.md.
#include <catch2/catch.hpp>
#include <chrono>

#include "forward_world.hpp"
#include "resolver_world.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

constexpr std::uint16_t nsec = 47, nsec3 = 50, dnskey = 48;

/// 255 bytes on the wire, and each of them four in text.
std::string longest_name() {
    std::string text;
    for (const int label : {63, 63, 63, 61}) {
        for (int i = 0; i < label; ++i) text += i % 2 == 0 ? "\\001" : "\\255";
        text += '.';
    }
    return text;
}

}  // namespace

TEST_CASE("a reply is never longer than the client can take, however long the upstream's is", "[CVE-2017-14491]") {
    for (const auto offered : std::initializer_list<std::uint16_t>{0, 1, 511, 512, 513, 700, 1231, 1232, 1233, 4096, 65535}) {
        INFO(offered);
        World w;
        w.ask("many.example", rrtype::ptr, {.edns = offered});
        UpstreamReply response(w.last());
        for (int i = 0; i < 40; ++i)
            response.record(0, "many.example", rrtype::ptr, 60,
                            bytes_of(name_of(std::string(60, 'x') + std::to_string(i) + ".example").wire()));
        w.respond(response, w.last());
        REQUIRE(w.replied.size() == 1);
        const Seen seen = w.reply();
        CHECK(seen.whole);
        CHECK(seen.size <= std::min<std::size_t>(std::max<std::size_t>(offered, 512), 1232));
        CHECK((seen.header.bits & header_bit::tc) != 0);
    }
}

TEST_CASE("options of a client's OPT cost no memory and are not passed on, whatever lengths they claim",
          "[CVE-2017-14495][CVE-2017-14496]") {
    ResolverWorld w;
    w.show({});
    for (const unsigned claimed : {0u, 1u, 3u, 4u, 0x7fffu, 0x8000u, 0xfffcu, 0xffffu})
        for (const unsigned code : {3u, 5u, 8u, 10u, 13u, 65001u}) {
            auto message = Wording{.edns_version = std::uint8_t{0}}.bytes();
            auto& low = message[message.size() - 1];
            low = 8;  // the length of OPT: two options of four bytes
            for (int i = 0; i < 2; ++i)
                for (const unsigned byte : {code >> 8, code & 0xffu, claimed >> 8, claimed & 0xffu})
                    message.push_back(static_cast<std::uint8_t>(byte));
            const auto answer = w.ask(message);
            INFO("option " << code << " claims " << claimed);
            REQUIRE(answer.answered());
            CHECK(answer.size < 100);
            // 0: two empty options. 4: the second one is the content of the first. A cookie is longer (RFC 7873 §5.2.2).
            const bool fits = (claimed == 0 || claimed == 4) && code != 10;
            CHECK((w.reply[3] & 15u) == (fits ? rcode::servfail : rcode::formerr));
        }
    Question question;
    auto longer = Wording{.edns_version = std::uint8_t{0}}.bytes();
    longer[longer.size() - 2] = 0xff;  // OPT claims more bytes than the message has
    CHECK(read_question(longer, question) == QuestionFault::formerr);
}

TEST_CASE("the longest name of bytes that are escaped: its text, and each line of the log, are whole and bounded", "[CVE-2026-2291]") {
    const Name name = name_of(longest_name());
    REQUIRE(name.wire().size() == 255);
    CHECK(name.text().size() <= 1020);
    World w;
    w.options.log_queries = conf::QueryLogging::extra;
    w.adopt();
    w.ask(longest_name());
    w.respond(UpstreamReply(w.last()).cname(longest_name(), 60, longest_name()).a(longest_name(), 60, "192.0.2.1"), w.last());
    w.wait(seconds(11));
    REQUIRE(w.log.size() >= 2);
    for (const auto& line : w.log) {
        CHECK(line.size() < 3000);
        for (const char c : line) CHECK((c >= 0x20 && c < 0x7f));
    }
}

TEST_CASE("bitmaps of NSEC and NSEC3, and sets of keys and signatures, are not read: no length in them costs time",
          "[CVE-2026-4890][CVE-2023-50387][CVE-2023-50868][CVE-2017-15107]") {
    const auto begun = std::chrono::steady_clock::now();
    for (const std::uint16_t type : {nsec, nsec3, dnskey})
        for (const std::vector<std::uint8_t>& bitmap : {std::vector<std::uint8_t>{0, 0}, {0, 0, 0, 0}, {0, 33}, {255, 255, 1}, {0}, {}}) {
            World w;
            w.ask("x.example", rrtype::a, {.edns = 1232, .dnssec_ok = true});
            UpstreamReply response(w.last());
            response.code(rcode::nxdomain).flags(header_bit::ad).soa("example", 60, 60);
            std::vector<std::uint8_t> data =
                type == nsec ? std::vector<std::uint8_t>{0} : std::vector<std::uint8_t>{1, 0, 0xff, 0xff, 0, 0};
            data.insert(data.end(), bitmap.begin(), bitmap.end());
            for (int i = 0; i < 500; ++i) response.record(1, "x.example", type, 60, data);
            w.respond(response, w.last());
            w.wait(seconds(6));
            REQUIRE(w.replied.size() == 1);
            const auto code = w.reply().rcode();
            CHECK((code == rcode::nxdomain || code == rcode::servfail));
            CHECK_FALSE((w.reply().header.bits & header_bit::ad) != 0);
        }
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));  // an endless loop, not a slow machine
}
