// Which clients are answered if lictor listens on a wildcard address, and how often are notices logged?
#include <catch2/catch.hpp>

#include "tests/unit/resolver_world.hpp"

namespace lictor::test {

using namespace lictor::answer;
using namespace lictor::core;
namespace {

struct Case {
    std::vector<std::uint8_t> message;
    unsigned rcode;  ///< in the reply to an on-link client
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

TEST_CASE("local-service: non-local clients get no reply, whatever they send") {
    ResolverWorld w;
    w.rules->local_service = true;
    w.rules->interfaces = {{.interface = "eth0", .address = Address::v4(10, 0, 0, 1), .bits = 8, .up = true}};
    w.show({});
    std::uint64_t dropped = 0;
    for (const Case& one : cases()) {
        CHECK(w.ask(one.message, Address::v4(203, 0, 113, 5)).kind == answer::Answer::Kind::drop);
        CHECK(w.counters.dropped_foreign.get() == ++dropped);
        CHECK(w.count<Notice>() == 1);
        REQUIRE(w.ask(one.message, Address::v4(10, 1, 2, 3)).kind == answer::Answer::Kind::answered);
        CHECK((w.reply[3] & 15u) == one.rcode);
    }
    CHECK(w.counters.dropped_foreign.get() == dropped);
}

TEST_CASE("local-service: without it all clients are answered") {
    ResolverWorld w;
    w.show({});
    for (const Case& one : cases()) CHECK(w.ask(one.message, Address::v4(203, 0, 113, 5)).kind == answer::Answer::Kind::answered);
    CHECK(w.counters.dropped_foreign.get() == 0);
}

TEST_CASE("notices: each kind has its own rate limit, and some are logged only once") {
    NoticeLimits limits;
    CHECK(limits.due(NoticeKind::rebind, seconds(100)));
    CHECK(limits.due(NoticeKind::non_local, seconds(101)));  // not limited by the kind before
    CHECK_FALSE(limits.due(NoticeKind::rebind, seconds(104)));
    CHECK(limits.due(NoticeKind::rebind, seconds(105)));
    CHECK(limits.due(NoticeKind::upstream_refused, seconds(105)));
    CHECK_FALSE(limits.due(NoticeKind::upstream_refused, seconds(164)));
    CHECK_FALSE(limits.due(NoticeKind::non_local, seconds(1'000'000)));
}

}  // namespace lictor::test
