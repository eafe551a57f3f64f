// What is answered if Consul's data has a host name in place of an address?
#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::test;

namespace {

ZoneWorld sample() {
    ZoneWorld world;
    const auto alpha = world.node("alpha", "10.1.0.1");
    world.instance("byname", alpha, 40, {.address = "DB.example.test."});
    world.instance("mixed", alpha, 41, {.id = "m1", .address = "db.example.test"});
    world.instance("mixed", world.node("beta", "10.1.0.2"), 41, {.id = "m2"});
    world.instance("onhost", world.node("hostnode", "host.example.test"), 42);
    world.instance("web", alpha, 80);
    world.instance("alias", alpha, 43, {.address = "web.service.consul"});
    world.instance("toself", alpha, 44, {.address = "toself.service.consul"});
    world.instance("loop1", alpha, 45, {.address = "loop2.service.consul"});
    world.instance("loop2", alpha, 45, {.address = "loop1.service.consul"});
    world.instance("tonode", alpha, 46, {.address = "alpha.node.consul"});
    world.instance("toaddr", alpha, 47, {.address = "0a010001.addr.consul"});
    world.instance("tonothing", alpha, 48, {.address = "nothing.consul"});
    world.instance("toquery", alpha, 49, {.address = "x.query.consul"});
    world.settings->service_ttl = {{"*", 30}};
    return world;
}

}  // namespace

TEST_CASE("zone: a query waits for a host name's addresses, and gets those of its type") {
    ZoneWorld world = sample();
    CHECK(world.ask("byname.service.consul A") == "WAIT host db.example.test\n");
    CHECK(world.ask("byname.service.consul SRV") == "WAIT host db.example.test\n");
    world.host("db.example.test", FactState::loading);
    CHECK(world.ask("byname.service.consul AAAA") == "WAIT host db.example.test\n");
    auto& host = world.host("db.example.test", FactState::known, {"192.0.2.1", "192.0.2.2", "2001:db8::1"});
    const std::string alias = "NOERROR aa ra\nanswer byname.service.consul 30 CNAME DB.example.test\n";
    const std::string v4 = "answer DB.example.test 30 A 192.0.2.1\nanswer DB.example.test 30 A 192.0.2.2\n";
    const std::string v6 = "answer DB.example.test 30 AAAA 2001:db8::1\n";
    CHECK(world.ask("byname.service.consul A") == "NOERROR aa ra\n" + v4 + "answer byname.service.consul 30 CNAME DB.example.test\n");
    CHECK(world.ask("byname.service.consul AAAA") == "NOERROR aa ra\n" + v6 + "answer byname.service.consul 30 CNAME DB.example.test\n");
    CHECK(world.message("byname.service.consul ANY").answer.size() == 4);
    CHECK(world.ask("byname.service.consul MX") == alias);
    CHECK(world.ask("byname.service.consul CNAME") == alias);
    CHECK(host.usage->asked == 77);
    CHECK(world.ask("byname.service.consul SRV") ==
          "NOERROR aa ra\nanswer byname.service.consul 30 SRV 1 1 40 DB.example.test\n"
          "additional DB.example.test 30 A 192.0.2.1\nadditional DB.example.test 30 A 192.0.2.2\nadditional DB.example.test 30 AAAA "
          "2001:db8::1\n");
    world.host("db.example.test", FactState::failed);
    CHECK(world.ask("byname.service.consul A") == alias);
}

TEST_CASE("zone: backslashes in a registered host name are part of its labels") {
    for (const bool strict : {false, true}) {
        ZoneWorld world = sample();
        world.set_strict(strict);
        const auto node = world.node("delta", "10.1.0.4");
        world.instance("tagged", node, 80, {.tags = {"back\\slash", "v1"}});
        world.instance("tagged", world.node("eps", "10.1.0.5"), 80, {.tags = {"backslash"}});
        world.instance("escaped", node, 81, {.address = "back\\slash.Tagged.service.consul"});
        world.instance("plain", node, 82, {.address = "backslash.tagged.service.consul."});
        world.instance("needless", node, 83, {.address = "\\v1.tagged.service.consul"});
        world.instance("within", node, 84, {.address = "alpha\\.node.consul"});
        world.instance("onodd", world.node("odd", "\\alpha.node.consul"), 85);
        world.instance("long", node, 86,
                       {.address = std::string(63, 'x') + "." + std::string(60, 'y') + "\\z." + std::string(60, 'y') + ".consul"});
        const auto behind = [&](const std::string& service) {
            std::string all;
            for (const auto& line : world.message(service + ".service.consul A").answer)
                if (line.find(" A ") != std::string::npos) all += line.substr(line.rfind(' ') + 1) + " ";
            return all;
        };
        CHECK(behind("escaped") == "10.1.0.4 ");
        CHECK(behind("plain") == "10.1.0.5 ");
        CHECK(behind("needless") == "");  // the agent looks for a tag that begins with a backslash
        CHECK(behind("within") == "");
        CHECK(behind("onodd") == "");
        CHECK(behind("long") == "");
        const auto srv = world.message("escaped.service.consul SRV");
        REQUIRE(srv.additional.size() == 1);
        CHECK(srv.additional[0].find("10.1.0.4") != std::string::npos);
    }
}

TEST_CASE("zone: addresses precede host names, and only one host name is given") {
    ZoneWorld world = sample();
    for (int i = 0; i < 20; ++i) CHECK(world.ask("mixed.service.consul A") == "NOERROR aa ra\nanswer mixed.service.consul 30 A 10.1.0.2\n");
    const auto alpha = world.node("gamma", "10.1.0.3");
    world.instance("names", alpha, 1, {.id = "1", .address = "one.test"});
    world.instance("names", alpha, 1, {.id = "2", .address = "two.test"});
    world.host("one.test", FactState::failed);
    world.host("two.test", FactState::known, {"192.0.2.9"});
    for (int i = 0; i < 20; ++i)  // the host name that has an address
        CHECK(world.ask("names.service.consul A") ==
              "NOERROR aa ra\nanswer names.service.consul 30 CNAME two.test\nanswer two.test 30 A 192.0.2.9\n");
}

TEST_CASE("zone: a node whose address is a host name is answered with the addresses of that name") {
    ZoneWorld world = sample();
    world.settings->node_ttl = 7;
    CHECK(world.ask("onhost.service.consul A") == "WAIT host host.example.test\n");
    CHECK(world.ask("hostnode.node.consul A") == "WAIT host host.example.test\n");
    world.host("host.example.test", FactState::known, {"192.0.2.3"});
    CHECK(world.ask("hostnode.node.consul A") ==
          "NOERROR aa ra\nanswer host.example.test 7 A 192.0.2.3\nanswer hostnode.node.consul 7 CNAME host.example.test\n");
    CHECK(world.ask("hostnode.node.consul AAAA") == "NOERROR aa ra\nanswer hostnode.node.consul 7 CNAME host.example.test\n");
    CHECK(world.ask("onhost.service.consul SRV") ==
          "NOERROR aa ra\nanswer onhost.service.consul 30 SRV 1 1 42 host.example.test\nadditional host.example.test 30 A 192.0.2.3\n");
}

TEST_CASE("zone: host names in Consul's domains are resolved in the zone") {
    ZoneWorld world = sample();
    const auto alias = [](const std::string& from, const std::string& to) {
        return "answer " + from + ".service.consul 30 CNAME " + to + "\n";
    };
    CHECK(world.ask("alias.service.consul A") ==
          "NOERROR aa ra\n" + alias("alias", "web.service.consul") + "answer web.service.consul 30 A 10.1.0.1\n");
    CHECK(world.ask("alias.service.consul AAAA") == "NOERROR aa ra\n" + alias("alias", "web.service.consul"));
    CHECK(world.ask("alias.service.consul SRV") ==
          "NOERROR aa ra\nanswer alias.service.consul 30 SRV 1 1 43 web.service.consul\nadditional web.service.consul 30 A 10.1.0.1\n");
    CHECK(world.ask("tonode.service.consul A") ==
          "NOERROR aa ra\nanswer alpha.node.consul 30 A 10.1.0.1\n" + alias("tonode", "alpha.node.consul"));
    CHECK(world.ask("toaddr.service.consul A") ==
          "NOERROR aa ra\nanswer 0a010001.addr.consul 30 A 10.1.0.1\n" + alias("toaddr", "0a010001.addr.consul"));
    CHECK(world.ask("tonothing.service.consul A") == "NOERROR aa ra\n" + alias("tonothing", "nothing.consul"));
    CHECK(world.ask("toquery.service.consul A") == "DELEGATE\n");
    world.instance("tonew", std::const_pointer_cast<NodeRecord>(world.node_table().in_order.front()), 1,
                   {.address = "new.service.dc2.consul"});
    CHECK(world.ask("tonew.service.consul A") == "WAIT service new @dc2\n");
}

TEST_CASE("zone: a registered host name may have characters that a query name cannot match") {
    ZoneWorld world = sample();
    const auto node = world.node(
        "r\xc3\xbc"
        "d(1)",
        "10.1.0.8");
    world.instance("odd", node, 80, {.tags = {"\xc3\xbc"}});
    world.instance("totag", node, 80, {.address = "\xc3\xbc.odd.service.consul"});
    world.instance("tonamed", node, 80,
                   {.address = "r\xc3\xbc"
                               "d(1).node.consul"});
    CHECK(world.message("totag.service.consul A").answer.size() == 2);
    CHECK(world.message("tonamed.service.consul A").answer.size() == 2);
    // The agent compares the escaped form of QNAME, which equals no registered name.
    CHECK(world.ask("\\195\\188.odd.service.consul A").starts_with("NXDOMAIN"));
    // An escaped dot does not end a label.
    world.instance("toescaped", node, 80, {.address = "a\\.odd.service.consul"});
    CHECK(world.ask("toescaped.service.consul A") == "WAIT service a\\.odd\n");
}

TEST_CASE("zone: a service whose address is its own name is answered with its node's address, and loops end") {
    ZoneWorld world = sample();
    CHECK(world.ask("toself.service.consul A") == "NOERROR aa ra\nanswer toself.service.consul 30 A 10.1.0.1\n");
    CHECK(world.ask("toself.service.consul SRV") ==
          "NOERROR aa ra\nanswer toself.service.consul 30 SRV 1 1 44 alpha.node.dc1.consul\nadditional alpha.node.dc1.consul 30 A "
          "10.1.0.1\n");
    CHECK(world.message("loop1.service.consul A").answer.size() == 4);
}
