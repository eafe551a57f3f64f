// Which members are answered for a cluster's names, in which records, and when does the catalog answer instead?
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/zone_fixture.hpp"
#include "watch/leader/replicas.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::zone;
using namespace lictor::test;

namespace {

const std::string gap = "WAIT leader pg gap\n";

/// pg1 is the leader; pg2 and pg3 are replicas, pg3 the synchronous one; pg4 runs but must not be read from.
struct Cluster : ZoneWorld {
    std::shared_ptr<ReplicaSet> set = std::make_shared<ReplicaSet>();

    explicit Cluster(bool in_catalog) {
        service("pg");
        if (in_catalog) {
            instance("pg", node("pg1", "10.0.0.1"), 5432, {.id = "pg/pg1", .address = "10.0.0.1", .tags = {"master"}});
            instance("pg", node("pg9", "10.0.0.9"), 5432, {.id = "pg/pg9", .address = "10.0.0.9", .tags = {"replica"}});
        }
        add_replica("10.0.0.2", true, false);
        add_replica("10.0.0.3", true, true);
        add_replica("10.0.0.4", false, false);
        led();
    }
    Replica& add_replica(const std::string& where, bool replica, bool sync, const std::string& node_address = "") {
        Replica made;
        made.host = HostText(where);
        made.node_address = HostText(node_address);
        made.port = 5432;
        made.as_replica = replica;
        made.as_sync = sync;
        set->replicas.push_back(made);
        return set->replicas.back();
    }
    void led(LeaderState state = LeaderState::led) {
        leader("pg", state, state == LeaderState::led ? "10.0.0.1" : "", 5432).replica_set = set;
    }

    /// The addresses of the answer; checks that none is repeated and that all have QNAME as owner and TTL 0.
    std::set<std::string> addresses(const std::string& query) {
        std::set<std::string> found;
        const std::string start = " 0 A ";
        for (const auto& record : message(query).answer) {
            const auto middle = record.find(start);
            INFO(record);
            REQUIRE(middle != std::string::npos);
            CHECK(record.substr(0, middle) == query.substr(0, query.find(' ')));
            CHECK(found.insert(record.substr(middle + start.size())).second);
        }
        return found;
    }
};

using Set = std::set<std::string>;

}  // namespace

TEST_CASE("members: a scope without instances in the catalog is answered from its keys") {
    Cluster world(false);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.2", "10.0.0.3"});
    CHECK((world.last->source == answer::Source::leader));
    CHECK(world.addresses("sync.pg.service.consul A") == Set{"10.0.0.3"});
    CHECK(world.addresses("any.pg.service.consul A") == Set{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
    CHECK(world.addresses("pg.service.consul A") == Set{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"});
    CHECK(world.addresses("replica.pg.service.dc1.consul A") == Set{"10.0.0.2", "10.0.0.3"});
    CHECK(world.addresses("replica.pg.service.consul ANY") == Set{"10.0.0.2", "10.0.0.3"});
    for (const char* name : {"replica.pg", "sync.pg", "any.pg", "pg"}) {
        CHECK(world.ask(std::string(name) + ".service.consul AAAA") == no_data);
        CHECK(world.ask(std::string(name) + ".service.consul MX") == no_data);
    }
    CHECK(world.ask("other.pg.service.consul A") == no_name);
    CHECK(world.ask("replica.pg.service.dc2.consul A") == "WAIT service pg @dc2\n");
    // In strict mode, too: the agent has no answer for these names.
    world.set_strict(true);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.2", "10.0.0.3"});
}

TEST_CASE("members: the order is random") {
    Cluster world(false);
    Set raw;  // read from the message: the fixture sorts its text
    for (int i = 0; i < 60; ++i) {
        world.message("any.pg.service.consul A");
        raw.insert(std::string(world.buffer.begin() + 40, world.buffer.begin() + 120));
    }
    CHECK(raw.size() > 8);
}

TEST_CASE("members: keys precede the catalog for replicas; the catalog precedes keys for the plain name, and always in strict mode") {
    Cluster world(true);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.2", "10.0.0.3"});
    CHECK(world.addresses("sync.pg.service.consul A") == Set{"10.0.0.3"});
    CHECK(world.addresses("pg.service.consul A") == Set{"10.0.0.1", "10.0.0.9"});
    // A registered tag of that name precedes the keys.
    world.change("pg", 1).tags.push_back("sync");
    CHECK(world.addresses("sync.pg.service.consul A") == Set{"10.0.0.9"});
    CHECK(world.addresses("any.pg.service.consul A").size() == 4);
    world.led(LeaderState::unreadable);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.9"});
    world.led(LeaderState::gone);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.9"});
    world.led();
    world.set_strict(true);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.9"});
    CHECK(world.ask("any.pg.service.consul A").starts_with("NXDOMAIN"));
    CHECK(world.ask("_postgresql._tcp.pg.service.consul SRV").starts_with("NXDOMAIN"));
    CHECK(world.addresses("master.pg.service.consul A") == Set{"10.0.0.1"});
}

TEST_CASE("members: queries wait until the keys are read; in a gap only those that need the leader wait") {
    Cluster world(false);
    world.led(LeaderState::loading);
    for (const char* name : {"replica.pg", "sync.pg", "any.pg", "pg"}) CHECK(world.ask(std::string(name) + ".service.consul A") == gap);
    world.led(LeaderState::vacant);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.2", "10.0.0.3"});
    CHECK(world.addresses("any.pg.service.consul A") == Set{"10.0.0.2", "10.0.0.3", "10.0.0.4"});
    CHECK(world.ask("_postgresql._tcp.pg.service.consul SRV") == gap);
    world.set->replicas.clear();
    CHECK(world.ask("any.pg.service.consul A") == gap);
    CHECK(world.ask("pg.service.consul A") == gap);
    CHECK(world.ask("replica.pg.service.consul A") == no_data);
    CHECK(world.ask("sync.pg.service.consul A") == no_data);
    world.services->clear();
    CHECK(world.ask("pg.service.consul A") == "WAIT service pg\n");
}

TEST_CASE("members: the leader is the last resort only by option, and only for replica names") {
    Cluster world(false);
    world.set->replicas.clear();
    CHECK(world.ask("replica.pg.service.consul A") == no_data);
    CHECK(world.addresses("any.pg.service.consul A") == Set{"10.0.0.1"});
    world.set->leader_last_resort = true;
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.1"});
    CHECK(world.ask("sync.pg.service.consul A") == no_data);
    world.led(LeaderState::vacant);
    CHECK(world.ask("replica.pg.service.consul A") == gap);
    world.add_replica("10.0.0.2", true, false);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.2"});
}

TEST_CASE("members: SRV has the primary first in priority, each member's port, and an address for each target") {
    Cluster world(false);
    world.set->replicas[1].port = 6432;
    const std::string name = "_postgresql._tcp.pg.service.consul";
    CHECK(world.ask(name + " SRV") ==
          "NOERROR aa ra\n"
          "answer " +
              name +
              " 0 SRV 10 1 5432 0a000001.addr.dc1.consul\n"
              "answer " +
              name +
              " 0 SRV 20 1 5432 0a000002.addr.dc1.consul\n"
              "answer " +
              name +
              " 0 SRV 20 1 6432 0a000003.addr.dc1.consul\n"
              "additional 0a000001.addr.dc1.consul 0 A 10.0.0.1\n"
              "additional 0a000002.addr.dc1.consul 0 A 10.0.0.2\n"
              "additional 0a000003.addr.dc1.consul 0 A 10.0.0.3\n");
    CHECK(world.ask(name + " A") == no_data);
    const auto targets = [&](const std::string& query) { return world.message(query).answer.size(); };
    CHECK(targets("replica.pg.service.consul SRV") == 2);
    CHECK(targets("_pg._replica.service.consul SRV") == 2);
    CHECK(targets("_pg._sync.consul SRV") == 1);
    CHECK(targets("_pg._any.service.consul SRV") == 4);
    CHECK(targets("_pg._tcp.service.consul SRV") == 4);
    CHECK(targets("_pg._master.service.consul SRV") == 1);
    world.led(LeaderState::standby);
    CHECK(targets(name + " SRV") == 2);
    CHECK(world.ask("standby-leader.pg.service.consul A") == gap);
    world.set->replicas[1].standby_leader = true;
    CHECK(world.addresses("standby-leader.pg.service.consul A") == Set{"10.0.0.3"});
    world.led();
    CHECK(world.ask("standby-leader.pg.service.consul A") == no_data);
    world.led(LeaderState::standby);
    // The same address and port twice is one target.
    world.add_replica("10.0.0.2", true, false);
    CHECK(targets(name + " SRV") == 2);
}

TEST_CASE("members: a host name's addresses are owned by QNAME; without one the node's address is used") {
    Cluster world(false);
    world.set->replicas.clear();
    world.add_replica("db2.example.test", true, false, "10.9.0.2");
    world.add_replica("db3.example.test", true, false, "10.9.0.3");
    world.add_replica("10.0.0.5", true, false);
    CHECK(world.ask("replica.pg.service.consul A").starts_with("WAIT host db"));
    world.host("db2.example.test", FactState::known, {"192.0.2.2", "2001:db8::2"});
    CHECK(world.ask("replica.pg.service.consul A") == "WAIT host db3.example.test\n");
    CHECK(world.ask("replica.pg.service.consul SRV") == "WAIT host db3.example.test\n");
    world.host("db3.example.test", FactState::failed);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"192.0.2.2", "10.9.0.3", "10.0.0.5"});
    CHECK(world.ask("replica.pg.service.consul AAAA") == "NOERROR aa ra\nanswer replica.pg.service.consul 0 AAAA 2001:db8::2\n");
    CHECK(world.ask("replica.pg.service.consul SRV") ==
          "NOERROR aa ra\n"
          "answer replica.pg.service.consul 0 SRV 20 1 5432 0a000005.addr.dc1.consul\n"
          "answer replica.pg.service.consul 0 SRV 20 1 5432 0a090003.addr.dc1.consul\n"
          "answer replica.pg.service.consul 0 SRV 20 1 5432 db2.example.test\n"
          "additional 0a000005.addr.dc1.consul 0 A 10.0.0.5\n"
          "additional 0a090003.addr.dc1.consul 0 A 10.9.0.3\n"
          "additional db2.example.test 0 A 192.0.2.2\n"
          "additional db2.example.test 0 AAAA 2001:db8::2\n");
    world.host("db3.example.test", FactState::known, {"192.0.2.2"});  // an address that two host names have is given once
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"192.0.2.2", "10.0.0.5"});
    // Host names in Consul's domain, and one that is its own alias.
    world.node("n6", "10.0.0.6");
    world.set->replicas.clear();
    world.add_replica("n6.node.consul", true, false);
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.6"});
    world.instance("web", world.node("n8", "10.0.0.8"), 80);
    world.set->replicas.clear();
    world.add_replica("web.service.consul", true, false, "10.9.0.7");
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.0.0.8"});
    world.set->replicas.clear();
    world.add_replica("replica.pg.service.consul", true, false, "10.9.0.7");
    CHECK(world.addresses("replica.pg.service.consul A") == Set{"10.9.0.7"});
    world.set->replicas[0].node_address = HostText();
    CHECK(world.ask("replica.pg.service.consul A") == gap);
    CHECK(world.ask("replica.pg.service.consul SRV") == gap);
}

TEST_CASE("members: names behind an alias are answered, also without contact to Consul") {
    Cluster world(false);
    world.instance("app", world.node("n", "10.0.0.5"), 1, {.address = "sync.pg.service.consul"});
    CHECK(world.ask("app.service.consul A") ==
          "NOERROR aa ra\nanswer app.service.consul 0 CNAME sync.pg.service.consul\nanswer sync.pg.service.consul 0 A 10.0.0.3\n");
    world.settle();
    world.catalog.contact_lost = true;
    CHECK(world.ask("sync.pg.service.consul A edns=1232") == "NOERROR aa ra\nanswer sync.pg.service.consul 0 A 10.0.0.3\nopt 1232 ede=3\n");
    world.catalog.expired = true;
    CHECK(world.ask("sync.pg.service.consul A").starts_with("SERVFAIL"));
}
