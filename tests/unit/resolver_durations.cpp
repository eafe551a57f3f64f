// What do the counters say about each query: its type, and how long it took from arrival to reply, by source?
#include <catch2/catch.hpp>

#include "resolver/rules/local_data.hpp"
#include "tests/unit/forward_world.hpp"
#include "tests/unit/resolver_world.hpp"

namespace lictor::test {

using namespace lictor::metrics;

TEST_CASE("durations: answers from memory are counted at the end of their batch, each with the time of the batch") {
    ResolverWorld w;
    auto local = std::make_shared<rules::LocalData>(*w.rules->local);
    local->names[*wire::Name::parse("rec.lan")].addresses = {Address::v4(10, 0, 0, 1)};
    w.rules->local = local;
    w.show({});
    for (int i = 0; i < 3; ++i) REQUIRE(w.ask(Wording{.name = "rec.lan"}.bytes()).answered());
    CHECK(w.counters.response_local.get().count() == 0);
    w.resolver.end_batch(w.at.now + microseconds(70));
    CHECK(w.counters.response_local.get().count() == 3);
    CHECK(w.counters.response_local.get().sum_us == 210);
    w.resolver.end_batch(w.at.now + seconds(1));
    CHECK(w.counters.response_local.get().count() == 3);
    CHECK(w.counters.answers_local.get() == 3);
}

TEST_CASE("durations: each type has its counter, and the rest share one") {
    ResolverWorld w;
    w.show({});
    for (const std::uint16_t type : {rrtype::a, rrtype::aaaa, rrtype::any, rrtype::cname, rrtype::https, rrtype::mx, rrtype::ns,
                                     rrtype::ptr, rrtype::soa, rrtype::srv, rrtype::svcb, rrtype::txt, rrtype::ds, rrtype::rrsig})
        w.ask(Wording{.type = type}.bytes());
    w.ask(Wording{.type = rrtype::a, .questions = 2}.bytes());  // not well-formed: not counted
    const auto& c = w.counters;
    for (const Count* each : {&c.type_a, &c.type_aaaa, &c.type_any, &c.type_cname, &c.type_https, &c.type_mx, &c.type_ns, &c.type_ptr,
                              &c.type_soa, &c.type_srv, &c.type_svcb, &c.type_txt})
        CHECK(each->get() == 1);
    CHECK(c.type_other.get() == 2);
}

TEST_CASE("durations: a forwarded query takes from its own arrival to the reply; each upstream's replies are counted") {
    World w;
    REQUIRE_FALSE(w.ask("a.example"));
    w.now += milliseconds(3);
    REQUIRE_FALSE(w.ask("a.example"));  // joins the first
    w.now += milliseconds(4);
    w.respond(UpstreamReply(w.last()).a("a.example", 60, "192.0.2.1"), w.last());
    const auto clients = w.counters.response_upstream.get();
    CHECK(clients.count() == 2);
    CHECK(clients.sum_us == 7'000 + 4'000);
    for (const auto& report : w.forward.upstream_reports(w.now)) {
        const bool asked = report.endpoint == w.last().upstream;
        CHECK(report.responses.count() == (asked ? 1 : 0));
        CHECK(report.responses.sum_us == (asked ? 7'000 : 0));
    }
}

}  // namespace lictor::test
