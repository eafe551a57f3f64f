// What is answered for nodes, `.addr` names and reverse names (default mode)?
#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::test;

namespace {

ZoneWorld sample() {
    ZoneWorld world;
    world.node("alpha", "10.1.0.1", {{"rack", "r1"}, {"rfc1035-note", "plain = `text`"}, {"a=b", "c`d"}, {" edge ", "x"}});
    world.node("Foo.Bar", "10.1.0.4");
    world.node("six", "2001:db8::6");
    return world;
}

}  // namespace

TEST_CASE("zone: a node's address is answered, with its metadata in ADDITIONAL") {
    ZoneWorld world = sample();
    CHECK(world.ask("ALPHA.node.consul A") ==
          "NOERROR aa ra\nanswer ALPHA.node.consul 0 A 10.1.0.1\n"
          "additional ALPHA.node.consul 0 TXT \"` edge` =x\"\nadditional ALPHA.node.consul 0 TXT \"a`=b=c``d\"\n"
          "additional ALPHA.node.consul 0 TXT \"plain = `text`\"\nadditional ALPHA.node.consul 0 TXT \"rack=r1\"\n");
    world.settings->node_meta_txt = false;
    CHECK(world.ask("alpha.node.dc1.consul A") == "NOERROR aa ra\nanswer alpha.node.dc1.consul 0 A 10.1.0.1\n");
    CHECK(world.message("alpha.node.consul TXT").answer.size() == 4);
    CHECK(world.message("alpha.node.consul ANY").answer.size() == 5);
    CHECK(world.ask("foo.bar.node.consul A") == "NOERROR aa ra\nanswer foo.bar.node.consul 0 A 10.1.0.4\n");
    CHECK(world.ask("six.node.consul AAAA") == "NOERROR aa ra\nanswer six.node.consul 0 AAAA 2001:db8::6\n");
    CHECK(world.node_table().usage->asked == 77);
}

TEST_CASE("zone: metadata is quoted as the agent and its DNS library do") {
    ZoneWorld world;
    world.node("odd", "10.1.0.1", {{"  ", ""}, {"path", "C:\\dir"}, {"byte", "a\\065b"}, {"end", "x\\"}});
    CHECK(world.ask("odd.node.consul TXT") ==
          "NOERROR aa ra\nanswer odd.node.consul 0 TXT \"` `` =\"\nanswer odd.node.consul 0 TXT \"byte=aAb\"\n"
          "answer odd.node.consul 0 TXT \"end=x\"\nanswer odd.node.consul 0 TXT \"path=C:dir\"\n");
}

TEST_CASE("zone: NODATA of a node carries the SOA") {
    ZoneWorld world = sample();
    CHECK(world.ask("six.node.consul A") == no_data);
    CHECK(world.ask("six.node.consul TXT") == no_data);
    CHECK(world.ask("six.node.consul MX") == no_data);
    CHECK(world.message("alpha.node.consul AAAA").authority.size() == 1);
    CHECK(world.message("alpha.node.consul AAAA").additional.size() == 4);
    CHECK(world.ask("nothere.node.consul A") == no_name);
    CHECK(world.ask("nothere.node.consul MX") == no_name);
    CHECK(world.ask("a.alpha.node.consul A") == no_name);
    CHECK(world.ask("bar.node.consul A") == no_data);  // foo.bar exists below it
    CHECK(world.ask("ar.node.consul A") == no_name);
}

TEST_CASE("zone: queries wait for nodes that are not known yet") {
    ZoneWorld world = sample();
    CHECK(world.ask("alpha.node.dc2.consul A") == "WAIT nodes @dc2\n");
    world.node_table("dc2").state = FactState::failed;
    CHECK(world.ask("alpha.node.dc2.consul A") == "DELEGATE\n");
    world.node_table("dc2").no_datacenter = true;
    CHECK(world.ask("alpha.node.dc2.consul A") == no_name);
    ZoneWorld empty;
    CHECK(empty.ask("alpha.node.consul A") == "WAIT nodes\n");
    CHECK(empty.ask("1.0.1.10.in-addr.arpa PTR") == "WAIT nodes\n");
}

TEST_CASE("zone: the beginning of a UUID is not a node name") {
    ZoneWorld world = sample();
    world.node("gamma", "10.1.0.3")->id = "12ab0000-0000-0000-0000-000000000001";
    CHECK(world.ask("12ab.node.consul A") == no_name);
}

TEST_CASE("zone: .addr names are computed, not looked up") {
    ZoneWorld world;
    world.settings->node_ttl = 3;
    CHECK(world.ask("0A010203.addr.dc1.Consul A") == "NOERROR aa ra\nanswer 0a010203.addr.dc1.consul 3 A 10.1.2.3\n");
    CHECK(world.ask("0a010203.addr.what.ever.consul ANY") == "NOERROR aa ra\nanswer 0a010203.addr.what.ever.consul 3 A 10.1.2.3\n");
    CHECK(world.ask("20010db8000000000000000000000077.addr.consul AAAA") ==
          "NOERROR aa ra\nanswer 20010db8000000000000000000000077.addr.consul 3 AAAA 2001:db8::77\n");
    for (const char* type : {"AAAA", "SRV", "MX", "TXT"}) CHECK(world.ask(std::string("0a010203.addr.consul ") + type) == no_data);
    CHECK(world.ask("20010db8000000000000000000000077.addr.consul A") == no_data);
    for (const char* name : {"0a0102030.addr.consul", "nothexxx.addr.consul", "x.0a010203.addr.consul", "0a0102.addr.consul"})
        CHECK(world.ask(std::string(name) + " A") == no_name);
}

TEST_CASE("zone: .addr names with a wrong number of digits are empty answers, as of agents before 1.18") {
    ZoneWorld world;
    world.set_version("1.8.7");
    CHECK(world.ask("0a0102.addr.consul A") == "NOERROR aa ra\n");
    CHECK(world.ask("0a0102030.addr.consul A") == no_name);
}

TEST_CASE("zone: PTR gives the node of an address, else a service") {
    ZoneWorld world = sample();
    const auto alpha = world.node_table().in_order.front();
    const auto node = std::const_pointer_cast<NodeRecord>(alpha);
    world.instance("Web", node, 80, {.id = "b", .address = "10.5.0.5"});
    world.instance("api", node, 80, {.id = "a", .address = "10.5.0.5"});
    world.instance("first", node, 80, {.address = "10.1.0.4"});
    world.instance("far", node, 80, {.address = "10.5.0.9"}, "dc2");
    CHECK(world.ask("1.0.1.10.in-addr.arpa PTR") == "NOERROR aa ra\nanswer 1.0.1.10.in-addr.arpa 0 PTR alpha.node.dc1.consul\n");
    CHECK(world.ask("4.0.1.10.in-addr.arpa A") == "NOERROR aa ra\nanswer 4.0.1.10.in-addr.arpa 0 PTR Foo.Bar.node.dc1.consul\n");
    CHECK(world.ask("5.0.5.10.IN-ADDR.arpa PTR") == "NOERROR aa ra\nanswer 5.0.5.10.IN-ADDR.arpa 0 PTR api.service.dc1.consul\n");
    CHECK(world.ask("6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR") ==
          "NOERROR aa ra\nanswer 6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa 0 PTR six.node.dc1.consul\n");
    CHECK(world.message("1.0.1.10.in-addr.arpa SOA").authority.size() == 1);
    CHECK(world.ask("9.0.5.10.in-addr.arpa PTR") == "DELEGATE\n");
    CHECK(world.ask("1.10.in-addr.arpa PTR") == "DELEGATE\n");
}
