// Are names converted from text to wire form and back? Are suffixes and reverse names found?
#include <catch2/catch.hpp>

#include "resolver/wire/name.hpp"

using namespace lictor;
using namespace lictor::wire;

namespace {

Name name(const std::string& text) {
    const auto parsed = Name::parse(text);
    REQUIRE(parsed);
    return *parsed;
}

TEST_CASE("a name's text and wire form correspond") {
    CHECK(name("www.Example.com").text() == "www.Example.com");
    CHECK(name("www.example.com.").wire().size() == 17);
    CHECK(name(".").is_root());
    CHECK(name("a\\.b.c").label_count() == 2);
    CHECK(name("a\\.b.c").text() == "a\\.b.c");
    CHECK(name("\\000\\255x.c").text() == "\\000\\255x.c");
    CHECK(name("WWW.X").lower() == name("www.x"));
    CHECK(name(std::string(63, 'a') + ".b").wire()[0] == 63);
}

TEST_CASE("invalid text is refused") {
    for (const char* text : {"", "..", "a..b", ".a", "a\\", "a\\25", "a\\256"}) CHECK_FALSE(Name::parse(text));
    CHECK_FALSE(Name::parse(std::string(64, 'a')));
    std::string longest;
    for (int i = 0; i < 127; ++i) longest += "a.";
    CHECK(Name::parse(longest));
    CHECK(name(longest).size() == 255);
    CHECK_FALSE(Name::parse(longest + "a"));
    CHECK_FALSE(Name::parse("aa." + longest));
}

TEST_CASE("one name is below another only if whole labels match") {
    CHECK(name("a.b.consul").is_below_or_equal(name("consul")));
    CHECK(name("consul").is_below_or_equal(name("consul")));
    CHECK_FALSE(name("xconsul").is_below_or_equal(name("consul")));
    CHECK_FALSE(name("consul").is_below_or_equal(name("a.consul")));
    CHECK(name("a.b").is_below_or_equal(Name{}));
    // The wire form of `b` also occurs inside the label `a\001b`; that does not make the name a subdomain of `b`.
    CHECK_FALSE(name("a\\001b").is_below_or_equal(name("b")));
}

TEST_CASE("labels are added at both ends") {
    Name made = name("node.consul");
    CHECK(made.prepend("pg1"));
    CHECK(made == name("pg1.node.consul"));
    CHECK_FALSE(made.prepend(std::string(64, 'x')));
    CHECK_FALSE(made.prepend(""));
    Name head = name("a.b");
    CHECK(head.append(name("consul")));
    CHECK(head == name("a.b.consul"));
    CHECK(name("a.b.c").parent() == name("b.c"));
    CHECK(name("a.b.c").parent(9).is_root());
}

TEST_CASE("reverse names are converted to addresses and back") {
    for (const char* text : {"10.1.2.3", "255.0.0.1", "2001:db8::1", "::1"}) {
        const Address address = *Address::parse(text);
        CHECK(address_of_reverse(reverse_name(address)) == address);
    }
    CHECK(reverse_name(*Address::parse("10.1.2.3")) == name("3.2.1.10.in-addr.arpa"));
    for (const char* text : {"2.1.10.in-addr.arpa", "256.2.1.10.in-addr.arpa", "03.2.1.10.in-addr.arpa", "x.2.1.10.in-addr.arpa",
                             "1.ip6.arpa", "a.b.c.d.consul"})
        CHECK_FALSE(address_of_reverse(name(text)));
}

TEST_CASE("the hash depends on the seed and on every byte") {
    const NameHash one(1), two(2);
    CHECK(one(name("www.example.com")) == one(name("www.example.com")));
    CHECK(one(name("www.example.com")) != two(name("www.example.com")));
    CHECK(one(name("www.example.com")) != one(name("www.example.con")));
    CHECK(one(name("aaaaaaaa.b")) != one(name("aaaaaaab.b")));
}

}  // namespace
