// What is answered for services: forms of names, record types, health, tags, addresses, SRV, sizes (default mode)?
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::zone;
using namespace lictor::test;

namespace {

TaggedAddresses lan(const char* v4, const char* v6) {
    TaggedAddresses tagged;
    tagged.lan_ipv4 = HostText(v4);
    tagged.lan_ipv6 = HostText(v6);
    return tagged;
}

TaggedAddresses wan(const char* address, std::uint32_t port = 0) {
    TaggedAddresses tagged;
    tagged.wan = HostText(address);
    tagged.wan_port = port;
    return tagged;
}

/// Three instances of `web`, and services of many kinds.
ZoneWorld sample() {
    ZoneWorld world;
    const auto alpha = world.node("alpha", "10.1.0.1", {{"rack", "r1"}});
    const auto beta = world.node("beta", "10.1.0.2");
    const auto gamma = world.node("Foo.Bar", "10.1.0.3");
    world.instance("web", alpha, 80, {.id = "w1", .tags = {"v1", "prod"}, .weight = 10});
    world.instance("web", beta, 8080, {.id = "w2", .tags = {"v1.2"}, .health = Health::warning, .weight = 3});
    world.instance("web", gamma, 80, {.id = "w3", .tags = {"v1", "udp"}});
    world.instance("sick", alpha, 1, {.health = Health::critical});
    world.instance("partly", alpha, 1, {.tags = {"broken"}, .health = Health::critical});
    world.instance("partly", beta, 1);
    world.instance("svcaddr", alpha, 70000, {.address = "10.5.0.5"});
    world.instance("six", alpha, 6, {.address = "2001:db8::77"});
    world.instance("twoports", alpha, 1, {.id = "a"});
    world.instance("twoports", alpha, 2, {.id = "b"});
    world.instance("twoports", alpha, 2, {.id = "c"});
    world.instance("dual", beta, 9, {.address = "10.5.0.9", .tagged = lan("10.5.0.10", "2001:db8::99")});
    world.service("empty");
    world.service("coming", "", FactState::loading);
    world.service("far", "dc2");
    world.instance("far", world.node("remote", "10.9.0.1", {}, {}, "dc2"), 5, {}, "dc2");
    world.service("odd", "", FactState::delegated);
    world.service("broken", "", FactState::failed);
    world.service("lost", "dc9", FactState::failed).no_datacenter = true;
    world.service("rest");
    return world;
}

const std::string web_all =
    "NOERROR aa ra\n"
    "answer web.service.consul 0 A 10.1.0.1\n"
    "answer web.service.consul 0 A 10.1.0.2\n"
    "answer web.service.consul 0 A 10.1.0.3\n";

std::string named(std::string text, const std::string& owner) {
    const std::string from = "web.service.consul 0";
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + owner.size() + 2))
        text.replace(at, from.size(), owner + " 0");
    return text;
}

}  // namespace

TEST_CASE("zone: a service's addresses are answered") {
    ZoneWorld world = sample();
    CHECK(world.ask("web.service.consul A") == web_all);
    CHECK(world.ask("web.service.consul ANY") == web_all);
    CHECK(world.ask("web.service.consul TXT") == web_all);  // as the agent does
    CHECK(world.ask("WEB.Service.Consul A") == named(web_all, "WEB.Service.Consul"));
    CHECK(world.ask("web.service.dc1.consul A") == named(web_all, "web.service.dc1.consul"));
    CHECK(world.ask("web.service.DC1.consul A") == named(web_all, "web.service.DC1.consul"));
    CHECK(world.ask("web.service.dc1.dc.consul A") == named(web_all, "web.service.dc1.dc.consul"));
}

TEST_CASE("zone: flags are copied as the agent copies them") {
    ZoneWorld world = sample();
    CHECK(world.ask("v1.2.web.service.consul A rd") == "NOERROR aa rd ra\nanswer v1.2.web.service.consul 0 A 10.1.0.2\n");
    CHECK(world.ask("v1.2.web.service.consul A rd cd") == "NOERROR aa rd ra cd\nanswer v1.2.web.service.consul 0 A 10.1.0.2\n");
    CHECK(world.ask("v1.2.web.service.consul A edns=4096 do") == "NOERROR aa ra\nanswer v1.2.web.service.consul 0 A 10.1.0.2\nopt 1232\n");
}

TEST_CASE("zone: a type that a service does not have is NODATA with the SOA") {
    ZoneWorld world = sample();
    for (const char* type : {"AAAA", "MX", "CNAME", "DS", "IXFR", "HTTPS"})
        CHECK(world.ask(std::string("web.service.consul ") + type) == no_data);
    CHECK(world.ask("six.service.consul A") == no_data);
    CHECK(world.ask("six.service.consul AAAA") == "NOERROR aa ra\nanswer six.service.consul 0 AAAA 2001:db8::77\n");
    CHECK(world.ask("web.service.consul AXFR") == "NOTIMP aa ra\n");
}

TEST_CASE("zone: tags and RFC 2782 names select instances") {
    ZoneWorld world = sample();
    const auto one = [](const std::string& owner, const std::string& address) {
        return "NOERROR aa ra\nanswer " + owner + " 0 A " + address + "\n";
    };
    CHECK(world.ask("Prod.web.service.consul A") == one("Prod.web.service.consul", "10.1.0.1"));
    CHECK(world.ask("v1.2.web.service.consul A") == one("v1.2.web.service.consul", "10.1.0.2"));
    CHECK(world.ask("_web._prod.service.consul A") == one("_web._prod.service.consul", "10.1.0.1"));
    CHECK(world.ask("_web._tcp.service.consul A") == named(web_all, "_web._tcp.service.consul"));
    CHECK(world.ask("_WEB._TCP.service.dc1.consul A") == named(web_all, "_WEB._TCP.service.dc1.consul"));
    CHECK(world.ask("_web._udp.service.consul A") == one("_web._udp.service.consul", "10.1.0.3"));
    CHECK(world.ask("v3.web.service.consul A") == no_name);
    CHECK(world.ask("v1.prod.web.service.consul A") == no_name);
    CHECK(world.ask("_web._tcp.consul A") == no_name);  // without the label `service` only for SRV
    CHECK(world.ask("_web._prod.consul SRV") ==
          "NOERROR aa ra\nanswer _web._prod.consul 0 SRV 1 10 80 alpha.node.dc1.consul\n"
          "additional alpha.node.dc1.consul 0 A 10.1.0.1\nadditional alpha.node.dc1.consul 0 TXT \"rack=r1\"\n");
    CHECK(world.ask("_web.service.consul A") == "WAIT service _web\n");
    CHECK(world.ask("_tcp.web.service.consul A") == no_name);
    CHECK(world.ask("_web._v1.2.service.consul A") == "WAIT service 2\n");
}

TEST_CASE("zone: health decides which instances are answered") {
    ZoneWorld world = sample();
    CHECK(world.ask("sick.service.consul A") == no_name);
    CHECK(world.ask("partly.service.consul A") == "NOERROR aa ra\nanswer partly.service.consul 0 A 10.1.0.2\n");
    CHECK(world.ask("broken.partly.service.consul A") == no_name);
    CHECK(world.ask("empty.service.consul A") == no_name);
    world.settings->only_passing = true;
    CHECK(world.ask("web.service.consul A") ==
          "NOERROR aa ra\nanswer web.service.consul 0 A 10.1.0.1\nanswer web.service.consul 0 A 10.1.0.3\n");
    CHECK(world.ask("v1.2.web.service.consul A") == no_name);
}

TEST_CASE("zone: names in none of Consul's forms do not exist") {
    ZoneWorld world = sample();
    for (const char* name :
         {"foo.consul", "foo.bar.consul", "web.consul", "hostmaster.consul", "web.service.dc1.dc1.consul", "web.service.a.b.consul",
          "web.service.dc1.xx.consul", "web\\.v1.service.consul", "we\\032b.service.consul", "service.dc7.consul"})
        CHECK(world.ask(std::string(name) + " A") == no_name);
}

TEST_CASE("zone: queries that only the agent can answer are delegated to it") {
    ZoneWorld world = sample();
    for (const char* name : {"web.connect.consul", "web.ingress.consul", "q.query.consul", "_q._tcp.query.dc1.consul", "web.virtual.consul",
                             "web.service.other.peer.consul", "web.service.x.ns.consul", "web.service.x.ap.dc1.dc.consul",
                             "web.service.http.port.consul", "alpha.node.x.sg.consul", "odd.service.consul", "broken.service.consul"})
        CHECK(world.ask(std::string(name) + " A") == "DELEGATE\n");
    world.set_version("1.18.0+ent");
    CHECK(world.ask("web.service.a.b.consul A") == "DELEGATE\n");
}

TEST_CASE("zone: a query waits for a service that is not known yet") {
    ZoneWorld world = sample();
    CHECK(world.ask("new.service.consul A") == "WAIT service new\n");
    CHECK(world.ask("x.New.service.DC2.consul AAAA") == "WAIT service new @dc2\n");
    CHECK(world.ask("coming.service.consul SRV") == "WAIT service coming\n");
    CHECK(world.ask("lost.service.dc9.consul A") == no_name);
    CHECK(world.ask("far.service.dc2.consul A") == "NOERROR aa ra\nanswer far.service.dc2.consul 0 A 10.9.0.1\n");
}

TEST_CASE("zone: a query for a service marks it as used") {
    ZoneWorld world = sample();
    world.ask("web.service.consul A");
    CHECK(world.service("web").usage->asked == 77);
    world.ask("coming.service.consul A");
    CHECK(world.service("coming").usage->asked == 77);
    CHECK(world.service("sick").usage->asked == 0);
}

TEST_CASE("zone: SRV names the node, or the address if the service has its own") {
    ZoneWorld world = sample();
    CHECK(world.ask("web.service.consul SRV") ==
          "NOERROR aa ra\n"
          "answer web.service.consul 0 SRV 1 1 80 Foo.Bar.node.dc1.consul\n"
          "answer web.service.consul 0 SRV 1 10 80 alpha.node.dc1.consul\n"
          "answer web.service.consul 0 SRV 1 3 8080 beta.node.dc1.consul\n"
          "additional Foo.Bar.node.dc1.consul 0 A 10.1.0.3\n"
          "additional alpha.node.dc1.consul 0 A 10.1.0.1\n"
          "additional alpha.node.dc1.consul 0 TXT \"rack=r1\"\n"
          "additional beta.node.dc1.consul 0 A 10.1.0.2\n");
    CHECK(world.ask("svcaddr.service.consul SRV") ==
          "NOERROR aa ra\nanswer svcaddr.service.consul 0 SRV 1 1 4464 0a050005.addr.dc1.consul\n"
          "additional 0a050005.addr.dc1.consul 0 A 10.5.0.5\nadditional alpha.node.dc1.consul 0 TXT \"rack=r1\"\n");
    world.settings->node_meta_txt = false;
    CHECK(world.ask("six.service.consul SRV") ==
          "NOERROR aa ra\nanswer six.service.consul 0 SRV 1 1 6 20010db8000000000000000000000077.addr.dc1.consul\n"
          "additional 20010db8000000000000000000000077.addr.dc1.consul 0 AAAA 2001:db8::77\n");
    CHECK(world.ask("far.service.dc2.consul SRV") ==
          "NOERROR aa ra\nanswer far.service.dc2.consul 0 SRV 1 1 5 remote.node.dc2.consul\nadditional remote.node.dc2.consul 0 A "
          "10.9.0.1\n");
}

TEST_CASE("zone: no record is given twice") {
    ZoneWorld world = sample();
    CHECK(world.ask("twoports.service.consul A") == "NOERROR aa ra\nanswer twoports.service.consul 0 A 10.1.0.1\n");
    world.settings->node_meta_txt = false;
    CHECK(world.ask("twoports.service.consul SRV") ==
          "NOERROR aa ra\n"
          "answer twoports.service.consul 0 SRV 1 1 1 alpha.node.dc1.consul\n"
          "answer twoports.service.consul 0 SRV 1 1 2 alpha.node.dc1.consul\n"
          "additional alpha.node.dc1.consul 0 A 10.1.0.1\nadditional alpha.node.dc1.consul 0 A 10.1.0.1\n");
    // Two nodes with the same address and port are two SRV records, and one address.
    world.instance("same", world.node("same1", "10.1.0.50"), 7);
    world.instance("same", world.node("same2", "10.1.0.50"), 7);
    CHECK(world.message("same.service.consul SRV").answer.size() == 2);
    CHECK(world.message("same.service.consul A").answer.size() == 1);
}

TEST_CASE("zone: of many instances each node, address and port is given once, in any order") {
    for (const bool strict : {false, true}) {
        ZoneWorld world = sample();
        world.set_strict(strict);
        world.settings->node_meta_txt = false;
        std::set<std::string> expected;
        std::vector<std::shared_ptr<NodeRecord>> nodes;
        for (int i = 0; i < 150; ++i) {  // each of 50 instances three times, with different weights
            const auto name = "many" + std::to_string(100 + i % 50);
            if (i < 50) nodes.push_back(world.node(name, "10.3.0." + std::to_string(i + 1)));
            world.instance("crowd", nodes[static_cast<std::size_t>(i % 50)], 80 + i % 2,
                           {.id = "c" + std::to_string(i), .weight = static_cast<std::uint16_t>(1 + i / 50)});
            expected.insert(std::to_string(80 + i % 2) + " " + name + ".node.dc1.consul");
        }
        for (int round = 0; round < 20; ++round) {
            const auto reply = world.message("crowd.service.consul SRV tcp");
            std::set<std::string> given;
            for (const auto& line : reply.answer) given.insert(line.substr(line.find("SRV 1 ") + 8));
            CHECK(reply.answer.size() == 50);
            CHECK(given == expected);
            CHECK(reply.additional.size() == 50);
        }
        const auto cut = world.message("crowd.service.consul SRV edns=1232");
        CHECK(cut.answer.size() > 15);
        CHECK((cut.flags.find("tc") != std::string::npos) == !strict);
    }
}

TEST_CASE("zone: a dual-stack instance has an address for each type, for ANY and SRV the IPv6 one") {
    ZoneWorld world = sample();
    CHECK(world.ask("dual.service.consul A") == "NOERROR aa ra\nanswer dual.service.consul 0 A 10.5.0.10\n");
    CHECK(world.ask("dual.service.consul AAAA") == "NOERROR aa ra\nanswer dual.service.consul 0 AAAA 2001:db8::99\n");
    CHECK(world.ask("dual.service.consul ANY") == "NOERROR aa ra\nanswer dual.service.consul 0 AAAA 2001:db8::99\n");
    CHECK(world.message("dual.service.consul SRV").answer ==
          std::vector<std::string>{"dual.service.consul 0 SRV 1 1 9 20010db8000000000000000000000099.addr.dc1.consul"});
    world.instance("ondual", world.node("dualnode", "10.1.0.7", {}, lan("10.1.0.17", "2001:db8::17")), 12);
    CHECK(world.ask("ondual.service.consul A") == "NOERROR aa ra\nanswer ondual.service.consul 0 A 10.1.0.17\n");
    // The node's registered address differs, so its name is not the target.
    CHECK(world.message("ondual.service.consul SRV").answer ==
          std::vector<std::string>{"ondual.service.consul 0 SRV 1 1 12 20010db8000000000000000000000017.addr.dc1.consul"});
}

TEST_CASE("zone: addresses of another datacenter are translated if the agent does so") {
    ZoneWorld world = sample();
    const auto node = world.node("wide", "10.9.0.2", {}, wan("192.0.2.2"), "dc2");
    world.instance("wide", node, 5, {.tagged = wan("", 50)}, "dc2");
    CHECK(world.ask("wide.service.dc2.consul A") == "NOERROR aa ra\nanswer wide.service.dc2.consul 0 A 10.9.0.2\n");
    world.settings->translate_wan = true;
    CHECK(world.ask("wide.service.dc2.consul A") == "NOERROR aa ra\nanswer wide.service.dc2.consul 0 A 192.0.2.2\n");
    CHECK(world.ask("wide.service.dc2.consul SRV") ==
          "NOERROR aa ra\nanswer wide.service.dc2.consul 0 SRV 1 1 50 c0000202.addr.dc2.consul\nadditional c0000202.addr.dc2.consul 0 A "
          "192.0.2.2\n");
    // The HTTP API has the node's translated address; the node's name has the registered one.
    world.instance("near", world.node("near", "192.0.2.3", {}, wan("192.0.2.3"), "dc2"), 5, {}, "dc2");
    CHECK(world.message("near.service.dc2.consul SRV").answer ==
          std::vector<std::string>{"near.service.dc2.consul 0 SRV 1 1 5 c0000203.addr.dc2.consul"});
    CHECK(world.ask("wide.node.dc2.consul A") == "NOERROR aa ra\nanswer wide.node.dc2.consul 0 A 192.0.2.2\n");
    // Translated by the rule for ANY, IPv6 first; for A the registered address is used, which is under `lan`.
    TaggedAddresses six;
    six.lan = HostText("10.9.0.4");
    six.wan_ipv6 = HostText("2001:db8::4");
    world.instance("six6", world.node("six6", "2001:db8::4", {}, six, "dc2"), 5, {}, "dc2");
    CHECK(world.ask("six6.node.dc2.consul A") == "NOERROR aa ra\nanswer six6.node.dc2.consul 0 A 10.9.0.4\n");
    CHECK(world.message("six6.service.dc2.consul A").answer == std::vector<std::string>{"six6.service.dc2.consul 0 A 10.9.0.4"});
    six.lan = HostText("db.example.net");
    world.host("db.example.net", FactState::known, {"192.0.2.7"});
    world.instance("six7", world.node("six7", "2001:db8::4", {}, six, "dc2"), 5, {}, "dc2");
    CHECK(world.message("six7.node.dc2.consul A").answer ==
          std::vector<std::string>{"six7.node.dc2.consul 0 CNAME db.example.net", "db.example.net 0 A 192.0.2.7"});
}

TEST_CASE("zone: TTLs follow the agent's settings") {
    ZoneWorld world = sample();
    world.settings->service_ttl = {{"web", 10}, {"*", 1}, {"two*", 20}, {"t*", 5}};
    world.settings->node_ttl = 7;
    world.settings->soa_min_ttl = 9;
    const auto ttl = [&](const std::string& query) { return world.message(query).answer.at(0); };
    CHECK(ttl("v1.2.web.service.consul A") == "v1.2.web.service.consul 10 A 10.1.0.2");
    CHECK(ttl("twoports.service.consul A") == "twoports.service.consul 20 A 10.1.0.1");
    CHECK(ttl("six.service.consul AAAA") == "six.service.consul 1 AAAA 2001:db8::77");
    CHECK(ttl("alpha.node.consul A") == "alpha.node.consul 7 A 10.1.0.1");
    CHECK(ttl("0a010001.addr.consul A") == "0a010001.addr.consul 7 A 10.1.0.1");
    CHECK(world.ask("empty.service.consul A") ==
          "NXDOMAIN aa ra\nauthority consul 9 SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 9\n");
    for (const auto& line : world.message("v1.2.web.service.consul SRV").additional) CHECK(line == "beta.node.dc1.consul 10 A 10.1.0.2");
}

TEST_CASE("zone: each order of three instances is about equally frequent") {
    ZoneWorld world = sample();
    std::map<std::vector<std::string>, int> orders;
    for (int i = 0; i < 6000; ++i) ++orders[world.message("web.service.consul A").answer];
    CHECK(orders.size() == 6);
    for (const auto& [order, count] : orders) CHECK((count > 850 && count < 1150));
}

TEST_CASE("zone: a_record_limit bounds distinct addresses") {
    ZoneWorld world = sample();
    world.settings->a_record_limit = 2;
    CHECK(world.message("web.service.consul A").answer.size() == 2);
    CHECK(world.message("web.service.consul ANY tcp").answer.size() == 2);
    CHECK(world.message("web.service.consul SRV").answer.size() == 3);
    CHECK_FALSE(world.message("web.service.consul A").flags.find("tc") != std::string::npos);
}

TEST_CASE("zone: all records that fit are sent, with TC if some do not") {
    ZoneWorld world;
    for (int i = 0; i < 100; ++i) {
        const std::string number = std::to_string(100 + i);
        world.instance("many", world.node("node" + number, "10.2.0." + std::to_string(i + 1)), 80);
    }
    const auto whole = world.message("many.service.consul A tcp");
    REQUIRE(whole.answer.size() == 100);
    const std::set<std::string> all(whole.answer.begin(), whole.answer.end());
    CHECK(all.size() == 100);
    struct Row {
        const char* query;
        std::size_t answers;
    };
    // 512: header 12, question 25, then 16 for each A record.
    for (const Row& row : {Row{"many.service.consul A", 29}, Row{"many.service.consul A edns=400", 28},
                           Row{"many.service.consul A edns=1232", 73}, Row{"many.service.consul A edns=4096", 73}}) {
        const auto reply = world.message(row.query);
        INFO(row.query);
        CHECK(reply.answer.size() == row.answers);
        CHECK(reply.flags == "aa tc ra");
        CHECK(reply.edns == (std::string(row.query).find("edns") != std::string::npos));
        for (const auto& line : reply.answer) CHECK(all.count(line) == 1);
        CHECK(world.last->truncated);
        CHECK(world.last->size <= 1232);
    }
    world.udp_max = 4096;
    CHECK(world.message("many.service.consul A edns=4096").answer.size() == 100);
    const auto srv = world.message("many.service.consul SRV edns=1232");
    CHECK(srv.answer.size() >= 25);
    CHECK(srv.flags == "aa tc ra");
    CHECK_FALSE(srv.broken);
}

TEST_CASE("zone: additional records that do not fit set no TC") {
    ZoneWorld world;
    for (int i = 0; i < 9; ++i) world.instance("some", world.node("node" + std::to_string(i), "10.2.0." + std::to_string(i + 1)), 80);
    const auto reply = world.message("some.service.consul SRV");
    CHECK(reply.answer.size() == 9);
    CHECK(reply.additional.size() < 9);
    CHECK(reply.flags == "aa ra");
}

TEST_CASE("zone: a service with thousands of instances is answered over TCP") {
    ZoneWorld world;
    for (int i = 0; i < 3000; ++i)
        world.instance("huge",
                       world.node("n" + std::to_string(i), "10." + std::to_string(3 + i / 250) + ".0." + std::to_string(i % 250 + 1)), 80);
    const auto reply = world.message("huge.service.consul A tcp");
    CHECK(reply.answer.size() == 3000);
    CHECK(std::set<std::string>(reply.answer.begin(), reply.answer.end()).size() == 3000);
    CHECK(reply.flags == "aa ra");
    CHECK_FALSE(world.message("huge.service.consul SRV tcp").broken);
}

TEST_CASE("zone: a registered name that is not a DNS name is SERVFAIL") {
    ZoneWorld world;
    world.instance("long", world.node(std::string(70, 'n'), "10.1.9.9"), 5);
    CHECK(world.ask("long.service.consul SRV edns=1232") == "SERVFAIL aa ra\nopt 1232 ede=0\n");
    CHECK(world.ask("long.service.consul A") == "NOERROR aa ra\nanswer long.service.consul 0 A 10.1.9.9\n");
    world.instance("long", world.node("short", "10.1.9.8"), 5);
    CHECK(world.message("long.service.consul SRV").answer ==
          std::vector<std::string>{"long.service.consul 0 SRV 1 1 5 short.node.dc1.consul"});
    world.instance("badname", world.node("short2", "10.1.9.7"), 5, {.address = std::string(64, 'x') + ".example"});
    CHECK(world.ask("badname.service.consul A") == "SERVFAIL aa ra\n");
}

TEST_CASE("zone: without contact to Consul answers have TTL 0 and an extended error") {
    ZoneWorld world = sample();
    world.settings->service_ttl = {{"*", 30}};
    world.settings->soa_min_ttl = 30;
    world.settle();
    world.catalog.contact_lost = true;
    CHECK(world.ask("v1.2.web.service.consul A edns=1232") ==
          "NOERROR aa ra\nanswer v1.2.web.service.consul 0 A 10.1.0.2\nopt 1232 ede=3\n");
    CHECK((world.last->reason.cause == answer::Cause::consul_stale));
    CHECK(world.ask("empty.service.consul A edns=1232") ==
          "NXDOMAIN aa ra\nauthority consul 0 SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 30\nopt 1232 ede=19\n");
    CHECK(world.ask("v1.2.web.service.consul A") == "NOERROR aa ra\nanswer v1.2.web.service.consul 0 A 10.1.0.2\n");
    world.catalog.contact_lost = false;
    world.service("web").stale = true;
    CHECK(world.ask("v1.2.web.service.consul A edns=512") ==
          "NOERROR aa ra\nanswer v1.2.web.service.consul 0 A 10.1.0.2\nopt 1232 ede=3\n");
    CHECK(world.message("svcaddr.service.consul A edns=512").extended_error == -1);
    world.catalog.expired = true;
    CHECK(world.ask("web.service.consul A edns=1232") == "SERVFAIL aa ra\nopt 1232 ede=22\n");
    CHECK(world.ask("alpha.node.consul A") == "SERVFAIL aa ra\n");
    CHECK(world.ask("0a010001.addr.consul A") == "NOERROR aa ra\nanswer 0a010001.addr.consul 0 A 10.1.0.1\n");
}

TEST_CASE("zone: empty non-terminals are NODATA, not NXDOMAIN") {
    ZoneWorld world = sample();
    for (const char* name : {"consul", "service.consul", "node.consul", "addr.consul", "query.consul", "connect.consul", "ns.consul",
                             "dc1.consul", "dc.consul", "dc1.dc.consul", "service.dc1.consul", "node.dc1.consul", "dc2.consul",
                             "service.dc2.consul", "2.web.service.consul"})
        CHECK(world.ask(std::string(name) + " A") == no_data);
    CHECK(world.ask("consul DS") == no_data);
    CHECK(world.ask("ob.web.service.consul A") == no_name);
}

TEST_CASE("zone: SOA and NS are the agent's servers") {
    ZoneWorld world = sample();
    CHECK(world.ask("consul SOA") == "WAIT service consul\n");
    world.settings->node_ttl = 7;
    world.instance("consul", world.node("Server-1", "10.0.0.1"), 8300);
    world.instance("consul", world.node("under_score", "10.0.0.2"), 8300);
    world.instance("consul", world.node("s.dot", "10.0.0.3"), 8300);
    world.instance("consul", world.node("down", "10.0.0.4"), 8300, {.health = Health::critical});
    const std::string answer = "answer" + soa.substr(9);
    CHECK(world.ask("any.thing.consul SOA") ==
          "NOERROR aa ra\n" + answer +
              "authority consul 7 NS server-1.node.dc1.consul\nadditional server-1.node.dc1.consul 7 A 10.0.0.1\n");
    CHECK(world.ask("consul NS") ==
          "NOERROR aa ra\nanswer consul 7 NS server-1.node.dc1.consul\nadditional server-1.node.dc1.consul 7 A 10.0.0.1\n");
    for (int i = 2; i < 7; ++i) world.instance("consul", world.node("server-" + std::to_string(i), "10.0.1." + std::to_string(i)), 8300);
    CHECK(world.message("consul NS").answer.size() == 3);
    CHECK(world.message("consul SOA").authority.size() == 3);
    world.services->erase("consul");
    world.service("consul", "", FactState::failed);
    CHECK(world.ask("consul SOA") == "NOERROR aa ra\n" + answer);
    CHECK(world.ask("consul NS") == "NOERROR aa ra\n");
}

TEST_CASE("zone: answers use the domain of the query") {
    ZoneWorld world = sample();
    world.settings->domains = {"consul", "other.corp", "deep.other.corp"};
    world.settings->node_meta_txt = false;
    CHECK(world.ask("svcaddr.service.other.corp SRV") ==
          "NOERROR aa ra\nanswer svcaddr.service.other.corp 0 SRV 1 1 4464 0a050005.addr.dc1.other.corp\n"
          "additional 0a050005.addr.dc1.other.corp 0 A 10.5.0.5\n");
    CHECK(world.ask("empty.service.deep.other.corp A") ==
          "NXDOMAIN aa ra\nauthority deep.other.corp 0 SOA ns.deep.other.corp hostmaster.deep.other.corp 1700000000 3600 600 86400 0\n");
}
