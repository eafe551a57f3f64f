// Who is answered at all where local-service is on?
#include <catch2/catch.hpp>

#include "tests/unit/resolver_world.hpp"

namespace lictor::test {
namespace {

struct Case {
    std::vector<std::uint8_t> message;
    unsigned rcode;   ///< what a neighbour hears
};

std::vector<Case> cases() {
    auto cut = Wording{}.bytes();
    cut.resize(cut.size() - 3);
    return {{Wording{}.bytes(), rcode::servfail},
            {Wording{.edns_version = 1}.bytes(), rcode::badvers & 15},
            {Wording{.bits = 0x2000}.bytes(), rcode::notimp},
            {Wording{.questions = 0}.bytes(), rcode::formerr},
            {Wording{.questions = 2}.bytes(), rcode::formerr},
            {cut, rcode::formerr}};
}

}  // namespace

TEST_CASE("local-service: a stranger hears nothing, whatever he sends") {
    ResolverWorld w;
    w.rules->local_service = true;
    w.rules->interfaces = {{.interface = "eth0", .address = Address::v4(10, 0, 0, 1), .bits = 8, .up = true}};
    w.show({});
    std::uint64_t dropped = 0;
    for (const Case& one : cases()) {
        CHECK(w.ask(one.message, Address::v4(203, 0, 113, 5)).kind == Verdict::Kind::drop);
        CHECK(w.counters.dropped_foreign.get() == ++dropped);
        CHECK(w.count<Notice>() == 1);
        REQUIRE(w.ask(one.message, Address::v4(10, 1, 2, 3)).kind == Verdict::Kind::answer);
        CHECK((w.reply[3] & 15u) == one.rcode);
    }
    CHECK(w.counters.dropped_foreign.get() == dropped);
}

TEST_CASE("local-service: without it everybody is answered") {
    ResolverWorld w;
    w.show({});
    for (const Case& one : cases()) CHECK(w.ask(one.message, Address::v4(203, 0, 113, 5)).kind == Verdict::Kind::answer);
    CHECK(w.counters.dropped_foreign.get() == 0);
}

}  // namespace lictor::test
