// Is each query, of random labels that occur in the zone, answered with a well-formed message within its size, held or delegated?
#include <array>
#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::wire;
using namespace lictor::zone;
using namespace lictor::test;

namespace {

ZoneWorld sample() {
    ZoneWorld world;
    const auto alpha = world.node("alpha", "10.1.0.1", {{"rack", std::string(400, 'r')}, {"a=b", "c`d"}});
    const auto beta = world.node("Foo.Bar", "10.1.0.2");
    const auto host = world.node("hostnode", "db.test");
    const auto odd = world.node(std::string(70, 'n'), "2001:db8::5");
    world.node("under_score", "not a name..");
    const auto both = [&](const std::string& name, std::uint32_t port, const std::string& address) {
        world.instance(name, alpha, port, {.id = name + "1", .address = address, .tags = {"v1", "v1.2", "master"}});
        world.instance(name, beta, port, {.id = name + "2", .tags = {"v1"}, .health = Health::warning});
    };
    both("web", 80, "");
    both("pg", 5432, "10.1.0.9");
    both("mixed", 1, "db.test");
    world.instance("alias", alpha, 1, {.address = "web.service.consul"});
    world.instance("loop", alpha, 1, {.address = "x.loop.service.consul", .tags = {"x"}});
    world.instance("toleader", alpha, 1, {.address = "master.pg.service.consul"});
    world.instance("onhost", host, 1);
    world.instance("odd", odd, 1);
    world.instance("badname", alpha, 1, {.address = "fe80::1%eth0"});
    world.instance("consul", alpha, 8300);
    world.instance("consul", beta, 8300);
    world.instance("far", world.node("alpha", "10.9.0.1", {}, {}, "dc2"), 1, {}, "dc2");
    for (int i = 0; i < 90; ++i) world.instance("many", world.node("m" + std::to_string(i), "10.4.0." + std::to_string(i)), 1);
    world.host("db.test", FactState::known, {"192.0.2.1", "2001:db8::1"});
    return world;
}

constexpr std::array labels = {"web",         "pg",       "mixed",    "alias",
                               "loop",        "toleader", "onhost",   "odd",
                               "badname",     "consul",   "far",      "many",
                               "alpha",       "foo",      "Bar",      "hostnode",
                               "under_score", "v1",       "2",        "master",
                               "primary",     "replica",  "x",        "_web",
                               "_pg",         "_tcp",     "_master",  "service",
                               "node",        "addr",     "query",    "virtual",
                               "dc1",         "DC2",      "dc9",      "dc",
                               "peer",        "ns",       "0a010001", "20010db8000000000000000000000077",
                               "0a01",        "\\.",      "\\000",    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
constexpr std::array types = {"A", "AAAA", "SRV", "TXT", "ANY", "CNAME", "MX", "SOA", "NS", "PTR", "DS", "AXFR", "IXFR", "HTTPS"};
constexpr std::array tails = {"service.consul",     "service.dc2.consul", "node.consul", "consul",
                              "service.other.corp", "addr.consul",        "in-addr.arpa"};
constexpr std::array versions = {"", "1.8.7", "1.10.3", "1.14.2", "1.22.0", "1.18.0+ent", "rubbish"};
constexpr std::array states = {LeaderState::loading, LeaderState::led,        LeaderState::vacant,
                               LeaderState::standby, LeaderState::unreadable, LeaderState::gone};

}  // namespace

TEST_CASE("zone: random queries get well-formed messages within their size") {
    ZoneWorld world = sample();
    world.settings->domains = {"consul", "other.corp"};
    Random random{Random::Seed{7, 7, 7, 7}};
    const auto pick = [&](const auto& from) { return from[random.below(static_cast<std::uint32_t>(from.size()))]; };
    std::array<int, 3> verdicts{};
    for (int i = 0; i < 30000; ++i) {
        if (i % 50 == 0) {
            world.set_strict(random.below(2) == 1);
            world.settings->recursors = random.below(2);
            world.settings->only_passing = random.below(2);
            world.settings->translate_wan = random.below(2);
            world.settings->enable_truncate = random.below(2);
            world.settings->udp_answer_limit = random.below(10);
            world.settings->a_record_limit = random.below(3);
            world.set_version(pick(versions));
            world.catalog.contact_lost = random.below(4) == 0;
            world.catalog.expired = random.below(8) == 0;
            world.leader("pg", pick(states), random.below(2) ? "10.0.0.1" : "db.test", 1, "10.0.0.2");
        }
        std::string line;
        for (std::uint32_t left = random.below(4); left > 0; --left) line += std::string(pick(labels)) + ".";
        line += std::string(pick(tails)) + " " + pick(types);
        const bool tcp = random.below(3) == 0;
        const auto size = 400 + random.below(1200);
        if (tcp) line += " tcp";
        if (random.below(2)) line += " edns=" + std::to_string(size);
        const auto name = Name::parse(line.substr(0, line.find(' ')));
        if (!name) continue;
        INFO(line << (world.settings->agent.strict ? " strict " : " ") << world.settings->agent.version);
        const auto reply = world.message(line);
        const auto& answer = world.last;
        ++verdicts[!answer ? 2 : answer->answered() ? 0 : 1];
        if (!answer || !answer->answered()) continue;
        REQUIRE_FALSE(reply.broken);
        REQUIRE((reply.edns || world.settings->agent.strict || line.find("edns") == std::string::npos));
        if (tcp) continue;
        const std::size_t most = line.find("edns") == std::string::npos ? 512 : std::max<std::size_t>(512, size);
        REQUIRE((answer->size <= most || world.settings->agent.strict));
        if (reply.rcode == "NXDOMAIN" && !world.settings->agent.strict) REQUIRE(reply.authority.size() == 1);
    }
    CHECK(verdicts[0] > 10000);
    CHECK(verdicts[1] > 100);
    CHECK(verdicts[2] > 100);
}
