// leader-soa: for which names is the SOA answered, which leaders does each serial depend on, and when does it rise?
#include <catch2/catch.hpp>

#include "conf/options/leader_zones.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/view/soa_zones.hpp"
#include "resolver/zone/leader.hpp"
#include "tests/unit/conf_same.hpp"
#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::view;
using namespace lictor::test;
using namespace conf_test;

namespace {

/// `zone: target target`, one line each.
std::string zones(const std::string& text) {
    const auto parsed = parse_text(text);
    REQUIRE(lines(parsed.errors) == "");
    std::string out;
    for (const LeaderZone& zone : leader_zones(parsed.options)) {
        out += zone.name + ":";
        for (const auto& target : zone.targets) out += " " + target;
        out += "\n";
    }
    return out;
}

std::shared_ptr<const rules::Rules> rules_of(const std::string& text) {
    const auto parsed = parse_text(text);
    REQUIRE(lines(parsed.errors) == "");
    std::vector<std::string> notes;
    return rules::make_rules(parsed.options, {}, {}, notes);
}

/// Two clusters and a lock, and the zones of the Views that follow each other.
struct World : ZoneWorld {
    std::shared_ptr<const LeaderRuntime> runtime = std::make_shared<LeaderRuntime>();
    std::shared_ptr<const SoaZones> zones;
    std::shared_ptr<const rules::Rules> rules;

    explicit World(const std::string& text) : rules(rules_of(text)) {}
    void lead(const std::string& service, const std::string& where) {
        leader(service, where.empty() ? LeaderState::vacant : LeaderState::led, where);
    }
    /// The serial of `name` in the next View; 0 if there is no such zone.
    std::uint32_t next(std::int64_t unix_seconds, const std::string& name = "corp.test", const SoaMarks& marks = {}) {
        settle();
        runtime = next_runtime(runtime, catalog, unix_seconds);
        const auto behind = [&](const wire::Name& target) { return zone::leader_behind(target, catalog, *runtime); };
        zones = next_soa_zones(zones, *rules, behind, unix_seconds, marks);
        if (!zones) return 0;
        const auto found = zones->by_name.find(*wire::Name::parse(name));
        return found == zones->by_name.end() ? 0 : found->second.serial;
    }
};

const char* const two =
    "cname=db.corp.test,master.pg.service.consul\ncname=crm.corp.test,primary.crm.service.consul\nleader-soa=corp.test\n";

}  // namespace

TEST_CASE("leader-soa: only names of a leader's form count") {
    for (const char* name : {"master.pg.service.consul", "pg.service.consul", "replica.pg.service.dc1.consul", "pg.service.some.where",
                             "jobs.leader.consul", "_pg._master.service.consul"})
        CHECK(may_name_leader(name));
    for (const char* name :
         {"", "consul", "service.consul", "pg.service", "jobs.leader", "a.jobs.leader.consul", "web.test", "pg.services.consul"})
        CHECK_FALSE(may_name_leader(name));
}

TEST_CASE("leader-soa: the domain and the names between it and its aliases, each with the ends of the chains below") {
    CHECK(zones("cname=db.corp.test,master.pg.service.consul\n") == "");
    CHECK(zones("cname=db.corp.test,master.pg.service.consul\nleader-soa=corp.test\n") == "corp.test: master.pg.service.consul\n");
    CHECK(zones("cname=db.a.corp.test,x.corp.test,b.test\ncname=b.test,master.pg.service.consul\nleader-soa=corp.test\n") ==
          "a.corp.test: master.pg.service.consul\ncorp.test: master.pg.service.consul\n");
    CHECK(zones("cname=db.a.corp.test,jobs.leader.consul\ncname=db.b.corp.test,pg.service.consul\nleader-soa=Corp.Test\n") ==
          "a.corp.test: jobs.leader.consul\nb.corp.test: pg.service.consul\ncorp.test: jobs.leader.consul pg.service.consul\n");
    // Not the alias itself, no name above the domain or beside it, and no alias that leads elsewhere.
    CHECK(zones("cname=corp.test,master.pg.service.consul\nleader-soa=corp.test\n") == "");
    CHECK(zones("cname=db.mycorp.test,db.test,master.pg.service.consul\ncname=w.corp.test,web.test\nleader-soa=corp.test\n") == "");
    CHECK(zones("cname=db.corp.test,master.pg.service.consul\nleader-soa=corp.test\nconsul-http-addr=\n") == "");
}

TEST_CASE("leader-soa: wildcard aliases count for every name below them, unless a nearer one hides them") {
    CHECK(zones("cname=*.corp.test,master.pg.service.consul\nleader-soa=corp.test\n") == "corp.test: master.pg.service.consul\n");
    CHECK(zones("cname=*.corp.test,master.pg.service.consul\nleader-soa=eu.corp.test\n") == "eu.corp.test: master.pg.service.consul\n");
    CHECK(zones("cname=*.corp.test,master.pg.service.consul\ncname=db.eu.corp.test,master.crm.service.consul\nleader-soa=corp.test\n") ==
          "corp.test: master.crm.service.consul master.pg.service.consul\n"
          "eu.corp.test: master.crm.service.consul master.pg.service.consul\n");
    CHECK(zones("cname=*.corp.test,master.pg.service.consul\ncname=*.eu.corp.test,web.test\nleader-soa=eu.corp.test\n") == "");
    // A chain may lead through a wildcard.
    CHECK(zones("cname=db.corp.test,x.hub.test\ncname=*.hub.test,master.pg.service.consul\nleader-soa=corp.test\n") ==
          "corp.test: master.pg.service.consul\n");
}

TEST_CASE("leader-soa: a domain without an alias of a leader's name, and one in Consul's domain, are reported with line and remedy") {
    const auto warnings = [](const std::string& text) { return lines(parse_text(text).warnings); };
    CHECK(warnings(two) == "");
    CHECK(warnings("cname=corp.test,master.pg.service.consul\n\nleader-soa=corp.test\n") ==
          "/c:3: leader-soa: 'corp.test' has no effect: no alias below it leads to a leader's name. Name the part of an alias after its "
          "first "
          "dot, or add cname=db.corp.test,master.<service>.service.consul\n");
    CHECK(warnings("cname=db.service.consul,master.pg.service.consul\nleader-soa=service.consul\n") ==
          "/c:2: leader-soa: 'service.consul' is in Consul's domain, which has a SOA of its own: the line has no effect; remove it\n");
    CHECK(warnings(std::string(two) + "consul-http-addr=\n") ==
          "/c:3: leader-soa: has no effect, because an empty consul-http-addr switches Consul off: remove one\n");
}

TEST_CASE("leader-soa: the serial rises with each new leader behind any alias, and with nothing else") {
    World world(two);
    CHECK(world.next(100) == 100);
    world.lead("pg", "");
    CHECK(world.next(110) == 100);
    world.lead("pg", "10.0.0.1");
    CHECK(world.next(120) == 120);
    world.lead("crm", "10.0.1.1");
    CHECK(world.next(120) == 121);
    const auto same = world.zones;
    CHECK(world.next(130) == 121);
    CHECK(world.zones == same);
    world.lead("pg", "");
    CHECK(world.next(140) == 121);
    world.lead("pg", "10.0.0.1");
    CHECK(world.next(150) == 121);
    world.lead("other", "10.0.2.1");
    CHECK(world.next(160) == 121);
    // Both in one View, then each in the same second; and the clock may go back.
    world.lead("pg", "10.0.0.2");
    world.lead("crm", "10.0.1.2");
    CHECK(world.next(170) == 170);
    world.lead("pg", "10.0.0.1");
    CHECK(world.next(170) == 171);
    world.lead("crm", "10.0.1.1");
    CHECK(world.next(90) == 172);
    // The cluster is gone, and comes back with the serial of another moment.
    world.leaders = std::make_shared<TableOf<LeaderEntry>>();
    CHECK(world.next(180) == 180);
    world.lead("pg", "10.0.0.1");
    CHECK(world.next(180) == 181);
}

TEST_CASE("leader-soa: a reload that moves an alias raises the serial, also if both leaders have the same serial") {
    World world("cname=db.corp.test,master.pg.service.consul\nleader-soa=corp.test\n");
    world.lead("pg", "10.0.0.1");
    world.lead("crm", "10.0.1.1");
    CHECK(world.next(100) == 100);
    world.rules = rules_of("cname=db.corp.test,master.crm.service.consul\nleader-soa=corp.test\n");
    CHECK(world.next(100) == 101);
    world.rules = rules_of("no-hosts\n");
    CHECK(world.next(110) == 0);
    CHECK_FALSE(world.zones);
}

TEST_CASE("leader-soa: the SOA of a leader's service has TTL 0, whatever the agent's soa.min_ttl is: a cache would hide a new leader") {
    ZoneWorld world;
    world.settings->soa_min_ttl = 30;
    world.leader("pg", LeaderState::led, "10.0.0.1");
    const auto reply = world.ask("master.pg.service.consul SOA");
    CHECK_THAT(reply, Catch::Contains("pg.service.consul 0 SOA"));
}

TEST_CASE("leader-soa: after a restart the serial is above the one that was kept, whatever the clock says") {
    World before(two);
    before.lead("pg", "10.0.0.1");
    CHECK(before.next(5000) == 5000);
    const auto marks = marks_of(*before.zones);
    CHECK(marks == SoaMarks{{"corp.test", 5000}});
    World later(two), earlier(two);
    CHECK(later.next(6000, "corp.test", marks) == 6000);
    CHECK(earlier.next(4000, "corp.test", marks) == 5001);
}

TEST_CASE("leader-soa: locks, further domains and names of the cluster lead to the same serial; a query is a use of each cluster") {
    for (const char* target :
         {"primary.pg.service.consul", "pg.service.consul", "replica.pg.service.alt.test", "x.y.pg.service.dc1.consul"}) {
        INFO(target);
        World world("cname=db.corp.test," + std::string(target) + "\nleader-soa=corp.test\n");
        world.settings->domains = {"consul", "alt.test"};
        CHECK(world.next(100) == 100);
        world.lead("pg", "10.0.0.1");
        CHECK(world.next(110) == 110);
        CHECK(world.zones->by_name.begin()->second.usages == std::vector{world.runtime->at("pg")->usage});
    }
    World lock("cname=db.corp.test,jobs.leader.consul\nleader-soa=corp.test\n");
    CHECK(lock.next(100) == 100);
    lock.leader("jobs.leader", LeaderState::led, "10.0.0.1").lock = true;
    CHECK(lock.next(110) == 110);
    World elsewhere("cname=db.corp.test,master.pg.service.elsewhere\nleader-soa=corp.test\n");
    elsewhere.lead("pg", "10.0.0.1");
    elsewhere.next(100);
    elsewhere.lead("pg", "10.0.0.2");
    CHECK(elsewhere.next(110) == 100);
}
