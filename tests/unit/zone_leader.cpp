// What is answered for a leader's name? It is one address; queries are held in a gap; the answer is never NXDOMAIN and never a CNAME alone.
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
    const auto a = world.node("pg1", "10.0.0.1"), b = world.node("pg2", "10.0.0.2");
    world.instance("pg", b, 5432, {.id = "pg/pg2", .address = "10.0.0.2", .tags = {"primary", "master"}});
    world.instance("pg", a, 5433, {.id = "pg/pg1", .address = "10.0.0.1", .tags = {"replica"}});
    world.settings->service_ttl = {{"*", 30}};
    return world;
}

const std::string gap = "WAIT leader pg gap\n";

}  // namespace

TEST_CASE("zone: the leader's name has the leader's address, whatever the tags") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::led, "10.0.0.1", 6432);
    for (const char* name : {"master.pg.service.consul", "PRIMARY.pg.service.consul", "master.pg.service.dc1.consul",
                             "_pg._master.service.consul", "primary.pg.service.dc1.dc.consul"}) {
        for (const char* type : {"A", "ANY", "TXT"}) {
            CHECK(world.ask(std::string(name) + " " + type) == std::string("NOERROR aa ra\nanswer ") + name + " 0 A 10.0.0.1\n");
            CHECK((world.last->source == answer::Source::leader));
        }
        for (const char* type : {"AAAA", "MX", "CNAME", "HTTPS"}) CHECK(world.ask(std::string(name) + " " + type) == no_data);
    }
    const std::string srv = "0 SRV 1 1 6432 0a000001.addr.dc1.consul\nadditional 0a000001.addr.dc1.consul 0 A 10.0.0.1\n";
    CHECK(world.ask("master.pg.service.consul SRV") == "NOERROR aa ra\nanswer master.pg.service.consul " + srv);
    CHECK(world.ask("_pg._primary.consul SRV") == "NOERROR aa ra\nanswer _pg._primary.consul " + srv);
    // Other names of the service, and the leader's name in other datacenters, are ordinary.
    CHECK(world.message("pg.service.consul A").answer.size() == 2);
    CHECK_FALSE((world.last->source == answer::Source::leader));
    CHECK(world.ask("replica.pg.service.consul A") == "NOERROR aa ra\nanswer replica.pg.service.consul 30 A 10.0.0.1\n");
    CHECK(world.ask("master.pg.service.dc2.consul A") == "WAIT service pg @dc2\n");
    world.leader("pg", LeaderState::led, "2001:db8::1");
    CHECK(world.ask("master.pg.service.consul AAAA") == "NOERROR aa ra\nanswer master.pg.service.consul 0 AAAA 2001:db8::1\n");
    CHECK(world.ask("master.pg.service.consul A") == no_data);
}

TEST_CASE("zone: in a gap queries of types that a leader has are held") {
    ZoneWorld world = sample();
    for (const auto state : {LeaderState::loading, LeaderState::vacant}) {
        world.leader("pg", state, "10.0.0.1");
        for (const char* type : {"A", "AAAA", "SRV", "TXT", "ANY"})
            CHECK(world.ask(std::string("master.pg.service.consul ") + type) == gap);
        for (const char* type : {"MX", "CNAME", "HTTPS", "DS"})
            CHECK(world.ask(std::string("master.pg.service.consul ") + type) == no_data);
    }
    world.leader("pg", LeaderState::standby);
    for (const char* type : {"A", "SRV"}) CHECK(world.ask(std::string("master.pg.service.consul ") + type) == no_data);
    world.leader("pg", LeaderState::gone);
    CHECK(world.ask("master.pg.service.consul A") == "NOERROR aa ra\nanswer master.pg.service.consul 30 A 10.0.0.2\n");
}

TEST_CASE("zone: if the keys cannot be read the leader is one tagged instance, always the same") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::unreadable);
    CHECK(world.ask("master.pg.service.consul A") == "NOERROR aa ra\nanswer master.pg.service.consul 0 A 10.0.0.2\n");
    CHECK(world.ask("primary.pg.service.consul SRV") ==
          "NOERROR aa ra\nanswer primary.pg.service.consul 0 SRV 1 1 5432 0a000002.addr.dc1.consul\nadditional 0a000002.addr.dc1.consul 0 "
          "A 10.0.0.2\n");
    world.instance("pg", world.node("pg0", "10.0.0.9"), 5432, {.id = "pg/pg0", .tags = {"master"}});
    for (int i = 0; i < 20; ++i)
        CHECK(world.ask("primary.pg.service.consul A") == "NOERROR aa ra\nanswer primary.pg.service.consul 0 A 10.0.0.9\n");
    for (std::size_t i = 0; i < world.service("pg").instances.size(); ++i) world.change("pg", i).health = Health::critical;
    CHECK(world.ask("master.pg.service.consul A") == gap);
    world.services->clear();
    CHECK(world.ask("master.pg.service.consul A") == "WAIT service pg\n");
    world.service("pg", "", FactState::delegated);  // the agent's DNS is never asked for a leader
    CHECK(world.ask("master.pg.service.consul A") == gap);
}

TEST_CASE("zone: a leader with a host name is CNAME and address, or the node's address") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::led, "db1.example.test", 5432, "10.0.0.7");
    CHECK(world.ask("master.pg.service.consul A") == "WAIT host db1.example.test\n");
    world.host("db1.example.test", FactState::known, {"192.0.2.1", "192.0.2.2"});
    const std::string alias = "answer master.pg.service.consul 0 CNAME db1.example.test\n";
    CHECK(world.ask("master.pg.service.consul A") == "NOERROR aa ra\nanswer db1.example.test 0 A 192.0.2.1\n" + alias);
    CHECK(world.ask("master.pg.service.consul ANY") == "NOERROR aa ra\nanswer db1.example.test 0 A 192.0.2.1\n" + alias);
    CHECK(world.ask("master.pg.service.consul TXT") == "NOERROR aa ra\nanswer db1.example.test 0 A 192.0.2.1\n" + alias);
    CHECK(world.ask("master.pg.service.consul AAAA") == no_data);
    CHECK(world.ask("master.pg.service.consul SRV") ==
          "NOERROR aa ra\nanswer master.pg.service.consul 0 SRV 1 1 5432 db1.example.test\nadditional db1.example.test 0 A 192.0.2.1\n");
    world.set_strict(true);
    CHECK(world.message("master.pg.service.consul A").answer.size() == 2);
    world.set_strict(false);
    world.host("db1.example.test", FactState::failed);
    CHECK(world.ask("master.pg.service.consul A") == "NOERROR aa ra\nanswer master.pg.service.consul 0 A 10.0.0.7\n");
    CHECK(world.ask("master.pg.service.consul SRV") ==
          "NOERROR aa ra\nanswer master.pg.service.consul 0 SRV 1 1 5432 0a000007.addr.dc1.consul\nadditional 0a000007.addr.dc1.consul 0 A "
          "10.0.0.7\n");
    world.leader("pg", LeaderState::led, "db1.example.test");
    CHECK(world.ask("master.pg.service.consul A") == gap);
    CHECK(world.ask("master.pg.service.consul SRV") == gap);
}

TEST_CASE("zone: a leader whose host name is in Consul's domain is answered from the catalog") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::led, "pg1.node.consul", 5432, "10.0.0.7");
    CHECK(world.ask("master.pg.service.consul A") ==
          "NOERROR aa ra\nanswer master.pg.service.consul 0 CNAME pg1.node.consul\nanswer pg1.node.consul 0 A 10.0.0.1\n");
    CHECK(world.ask("master.pg.service.consul AAAA") == no_data);
    world.leader("pg", LeaderState::led, "gone.node.consul", 5432, "10.0.0.7");
    CHECK(world.ask("master.pg.service.consul A") == "NOERROR aa ra\nanswer master.pg.service.consul 0 A 10.0.0.7\n");
    world.leader("pg", LeaderState::led, "x.query.consul");
    CHECK(world.ask("master.pg.service.consul A") == gap);
}

TEST_CASE("zone: a known cluster's names are never NXDOMAIN") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::vacant);
    world.service("pg").instances = {};
    CHECK(world.ask("pg.service.consul A") == no_data);
    CHECK(world.ask("replica.pg.service.consul A") == no_data);
    CHECK(world.ask("other.pg.service.consul A") == no_name);
}

TEST_CASE("zone: an alias to a leader's name is answered or held as that name") {
    ZoneWorld world = sample();
    world.instance("app", world.node("n", "10.0.0.5"), 1, {.address = "master.pg.service.consul"});
    world.leader("pg", LeaderState::vacant);
    CHECK(world.ask("app.service.consul A") == gap);
    world.leader("pg", LeaderState::led, "10.0.0.1");
    CHECK(world.ask("app.service.consul A") ==
          "NOERROR aa ra\nanswer app.service.consul 30 CNAME master.pg.service.consul\nanswer master.pg.service.consul 0 A 10.0.0.1\n");
    CHECK((world.last->source == answer::Source::leader));
}

TEST_CASE("zone: a leader is answered even if the facts are older than consul-max-stale") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::led, "10.0.0.1");
    world.settle();
    world.catalog.contact_lost = world.catalog.expired = true;
    CHECK(world.ask("master.pg.service.consul A edns=1232") ==
          "NOERROR aa ra\nanswer master.pg.service.consul 0 A 10.0.0.1\nopt 1232 ede=3\n");
}

TEST_CASE("zone: is_leader_name matches the names of local leader scopes only") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::vacant);
    world.settle();
    const Name domain = *Name::parse("consul");
    const auto leader_of = [&](const char* query) {
        std::string service;
        return is_leader_name(ZoneWorld::question(query), domain, world.catalog, &service) ? service : "-";
    };
    CHECK(leader_of("master.pg.service.consul A") == "pg");
    CHECK(leader_of("_PG._primary.consul SRV") == "pg");
    CHECK(leader_of("_pg._primary.consul A") == "-");
    CHECK(leader_of("replica.pg.service.consul A") == "-");
    CHECK(leader_of("master.other.service.consul A") == "-");
    CHECK(leader_of("master.pg.service.dc2.consul A") == "-");
    CHECK(leader_of("master.pg.service.example A") == "-");
    world.leader("pg", LeaderState::gone);
    CHECK(leader_of("master.pg.service.consul A") == "-");
}

TEST_CASE("zone: a plain lock's holder is NAME.leader of the domain") {
    ZoneWorld world = sample();
    CHECK(world.ask("jobs.leader.consul A") == no_name);
    CHECK(world.ask("leader.consul A") == no_name);
    auto& entry = world.leader("jobs.leader", LeaderState::led, "10.0.0.5", 9000, "10.0.0.5");
    entry.lock = true;
    CHECK(world.ask("Jobs.leader.consul A") == "NOERROR aa ra\nanswer Jobs.leader.consul 0 A 10.0.0.5\n");
    CHECK((world.last->source == answer::Source::leader));
    CHECK(world.ask("jobs.leader.consul AAAA") == no_data);
    CHECK(world.ask("jobs.leader.consul SRV") ==
          "NOERROR aa ra\nanswer jobs.leader.consul 0 SRV 1 1 9000 0a000005.addr.dc1.consul\n"
          "additional 0a000005.addr.dc1.consul 0 A 10.0.0.5\n");
    CHECK(world.ask("leader.consul A") == no_data);
    CHECK(world.ask("other.leader.consul A") == no_name);
    CHECK(world.ask("x.jobs.leader.consul A") == no_name);
    CHECK(world.ask("master.jobs.service.consul A") == "WAIT service jobs\n");
    world.instance("app", world.node("n", "10.0.0.6"), 1, {.address = "jobs.leader.consul"});
    CHECK(world.ask("app.service.consul A") ==
          "NOERROR aa ra\nanswer app.service.consul 30 CNAME jobs.leader.consul\nanswer jobs.leader.consul 0 A 10.0.0.5\n");
    world.leader("jobs.leader", LeaderState::vacant).lock = true;
    CHECK(world.ask("jobs.leader.consul A") == "WAIT leader jobs.leader gap\n");
    CHECK(world.ask("jobs.leader.consul MX") == no_data);
}
