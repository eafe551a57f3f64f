// Are queries read from log lines, and are differences between two replies found?
#include <catch2/catch.hpp>

#include "conf/values/shadow_value.hpp"
#include "resolver/shadow/compare.hpp"
#include "tests/unit/forward_world.hpp"

namespace lictor::test {

using namespace lictor::conf;
using namespace lictor::shadow;
using namespace lictor::wire;
namespace {

std::vector<std::uint8_t> reply(const char* name, unsigned code, const std::vector<const char*>& addresses, std::uint16_t set = 0) {
    Question question;
    question.name = question.lower = name_of(name);
    question.type = rrtype::a;
    question.klass = rrclass::in;
    question.end = header_size + question.name.size() + 4;
    MessageBuffer buffer;
    Writer writer(buffer);
    writer.begin_reply(question, code, header_bit::ra);
    writer.set_bits(set, 0);
    for (const char* address : addresses) writer.address_record(Writer::Section::answer, question.name, 60, *Address::parse(address));
    return bytes_of(writer.finish());
}

ShadowKind compared(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    std::string why;
    return compare_replies(rrtype::a, Bytes(a), Bytes(b), why);
}

}  // namespace

TEST_CASE("shadow: queries are read from dnsmasq's query-log lines") {
    const auto plain = shadow_query("Nov 22 04:00:01 dnsmasq[123]: query[A] WWW.Example.com from 127.0.0.1");
    REQUIRE(plain);
    CHECK(plain->name == name_of("www.example.com"));
    CHECK(plain->type == rrtype::a);
    CHECK(shadow_query("dnsmasq[1]: 17 10.0.0.1/4000 query[type=65] a.b from 10.0.0.1")->type == 65);
    CHECK(shadow_query("query[HTTPS] a.b from ::1")->type == 65);
    for (const char* line : {"", "dnsmasq[1]: forwarded a.b to 10.0.0.1", "query[A] a.b", "query[A", "query[NONSENSE] a.b from x",
                             "query[A] a..b from 1.1.1.1", "query[AXFR] a from 1.1.1.1"})
        CHECK_FALSE(shadow_query(line));
}

TEST_CASE("shadow: each difference has its kind") {
    const auto one = reply("a.b", 0, {"192.0.2.1", "192.0.2.2"}), turned = reply("A.b", 0, {"192.0.2.2", "192.0.2.1"});
    CHECK(compared(one, turned) == ShadowKind::same);
    CHECK(compared(one, reply("a.b", 0, {"192.0.2.1"})) == ShadowKind::addresses);
    CHECK(compared(one, reply("a.b", 0, {})) == ShadowKind::type_missing);
    CHECK(compared(one, reply("a.b", 3, {})) == ShadowKind::code);
    CHECK(compared(one, reply("a.b", 0, {}, 0x0200)) == ShadowKind::cut);
    std::string why;
    CHECK(compare_replies(rrtype::a, Bytes(one), {}, why) == ShadowKind::only_we_replied);
    CHECK(compare_replies(rrtype::a, {}, Bytes(one), why) == ShadowKind::only_other_replied);
    CHECK(compare_replies(rrtype::a, {}, {}, why) == ShadowKind::none_replied);
}

TEST_CASE("shadow: the list of differences is bounded") {
    ShadowReport report;
    for (std::size_t i = 0; i < ShadowReport::examples_max + 10; ++i) report.add({name_of("a.b"), rrtype::a}, ShadowKind::code, "why", 1);
    report.add({name_of("a.b"), rrtype::a}, ShadowKind::same, "", 1);
    CHECK(report.examples.size() == ShadowReport::examples_max);
    CHECK(report.compared() == ShadowReport::examples_max + 11);
}

TEST_CASE("shadow: both forms of the option are parsed") {
    CHECK(read_shadow("log:/var/log/dnsmasq.log")->other.text() == "127.0.0.1#53");
    CHECK(read_shadow("log:/x,y,10.0.0.1#5353")->log_file == "/x,y");
    CHECK(read_shadow("log:/x,10.0.0.1#5353")->other.text() == "10.0.0.1#5353");
    CHECK(read_shadow("10.0.0.1")->other.port == 53);
    CHECK_FALSE(read_shadow("log:relative"));
    CHECK_FALSE(read_shadow("example.com"));
    CHECK_FALSE(read_shadow("log:/x,name"));
}

}  // namespace lictor::test
