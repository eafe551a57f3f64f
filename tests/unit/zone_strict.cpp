// Are answers with consul-dns-compat=strict those of the agent, by the version that it reports?
#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::test;

namespace {

ZoneWorld sample(const std::string& version = "1.8.7") {
    ZoneWorld world;
    world.settings->agent = {true, version};
    world.settings->node_meta_txt = false;
    world.node("alpha", "10.1.0.1", {{"rack", "r1"}});
    world.node("six", "2001:db8::6");
    return world;
}

ZoneWorld with_many(int count, const std::string& version = "1.8.7") {
    ZoneWorld world = sample(version);
    for (int i = 0; i < count; ++i)
        world.instance("many", world.node("many" + std::to_string(10 + i), "10.2.0." + std::to_string(i + 1)), 4000);
    return world;
}

const std::string strict_soa = "authority consul 0 SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 0\n";

}  // namespace

TEST_CASE("zone strict: RA follows the agent's recursors") {
    ZoneWorld world = sample();
    CHECK(world.ask("nothere.node.consul A") == "NXDOMAIN aa\n" + strict_soa);
    world.settings->recursors = true;
    CHECK(world.ask("nothere.node.consul A") == "NXDOMAIN aa ra\n" + strict_soa);
}

TEST_CASE("zone strict: empty non-terminals do not exist") {
    ZoneWorld world = sample();
    for (const char* name : {"consul", "service.consul", "node.consul", "dc1.consul", "ns.consul", "service.dc1.consul"})
        CHECK(world.ask(std::string(name) + " A") == "NXDOMAIN aa\n" + strict_soa);
}

TEST_CASE("zone strict: NODATA of nodes has no SOA, and types that nodes do not have are not looked up") {
    ZoneWorld world = sample();
    CHECK(world.ask("six.node.consul A") == "NOERROR aa\n");
    CHECK(world.ask("six.node.consul TXT") == "NOERROR aa\n");
    CHECK(world.ask("nothere.node.consul MX") == "NOERROR aa\n");
}

TEST_CASE("zone strict: a node is found by the beginning of its UUID") {
    ZoneWorld world = sample();
    world.node("gamma", "10.1.0.3")->id = "12AB0000-1000-0000-0000-000000000001";
    world.node("delta", "10.1.0.4")->id = "12cd0000-0000-0000-0000-000000000001";
    const auto answer = [](const std::string& name) { return "NOERROR aa\nanswer " + name + ".node.consul 0 A 10.1.0.3\n"; };
    for (const char* name : {"12ab", "12ab0", "12ab0000-1", "12ab0000-1000-0000-0000-000000000001"})
        CHECK(world.ask(std::string(name) + ".node.consul A") ==
              (std::string(name) == "12ab0000-1" ? "NXDOMAIN aa\n" + strict_soa : answer(name)));
    CHECK(world.ask("12.node.consul A") == "NXDOMAIN aa\n" + strict_soa);  // two UUIDs begin with this
    CHECK(world.ask("1.node.consul A") == "NXDOMAIN aa\n" + strict_soa);
    CHECK(world.ask("12zz.node.consul A") == "NXDOMAIN aa\n" + strict_soa);
}

TEST_CASE("zone strict: .addr before 1.11 gives its address for every type, since then in ADDITIONAL") {
    ZoneWorld old = sample();
    CHECK(old.ask("0a010001.addr.consul AAAA") == "NOERROR aa\nanswer 0a010001.addr.consul 0 A 10.1.0.1\n");
    CHECK(old.ask("0a010001.addr.consul MX") == "NOERROR aa\nanswer 0a010001.addr.consul 0 A 10.1.0.1\n");
    CHECK(old.ask("0a01.addr.consul A") == "NOERROR aa\n");
    ZoneWorld later = sample("1.14.0");
    CHECK(later.ask("0a010001.addr.consul AAAA") == "NOERROR aa\nadditional 0a010001.addr.consul 0 A 10.1.0.1\n");
    CHECK(later.ask("0a010001.addr.consul A") == "NOERROR aa\nanswer 0a010001.addr.consul 0 A 10.1.0.1\n");
    CHECK(later.ask("0a01.addr.consul A") == "NOERROR aa\n");
    CHECK(sample("1.18.1").ask("0a01.addr.consul A") == "NXDOMAIN aa\n" + strict_soa);
}

TEST_CASE("zone strict: names with the labels DC.dc or PEER.peer exist since 1.14.2") {
    ZoneWorld world = sample();
    world.instance("web", std::const_pointer_cast<NodeRecord>(world.node_table().in_order.front()), 80);
    CHECK(world.ask("web.service.dc1.dc.consul A") == "NXDOMAIN aa\n" + strict_soa);
    CHECK(world.ask("web.service.x.peer.consul A") == "NXDOMAIN aa\n" + strict_soa);
    world.set_version("1.14.2");
    CHECK(world.ask("web.service.dc1.dc.consul A") == "NOERROR aa\nanswer web.service.dc1.dc.consul 0 A 10.1.0.1\n");
    CHECK(world.ask("web.service.x.peer.consul A") == "DELEGATE\n");
}

TEST_CASE("zone strict: answers are in the domain of the query since 1.11") {
    ZoneWorld world = sample();
    world.settings->domains = {"consul", "other.corp"};
    world.instance("svc", world.node("n", "10.1.0.9"), 80);
    CHECK(world.ask("svc.service.other.corp SRV") ==
          "NOERROR aa\nanswer svc.service.other.corp 0 SRV 1 1 80 n.node.dc1.consul\nadditional n.node.dc1.consul 0 A 10.1.0.9\n");
    CHECK(world.ask("0a010001.addr.other.corp A") == "NOERROR aa\nanswer 0a010001.addr.consul 0 A 10.1.0.1\n");
    CHECK(world.ask("x.node.other.corp A") == "NXDOMAIN aa\n" + strict_soa);
    world.set_version("1.11.0");
    CHECK(world.ask("svc.service.Other.corp SRV") ==
          "NOERROR aa\nanswer svc.service.Other.corp 0 SRV 1 1 80 n.node.dc1.Other.corp\nadditional n.node.dc1.Other.corp 0 A 10.1.0.9\n");
    CHECK(world.ask("x.node.other.corp A") ==
          "NXDOMAIN aa\nauthority other.corp 0 SOA ns.other.corp hostmaster.other.corp 1700000000 3600 600 86400 0\n");
    CHECK(world.ask("x.node.Other.corp A") == "NXDOMAIN aa\n" + strict_soa);
}

TEST_CASE("zone strict: host names outside Consul are left to the agent's recursors") {
    ZoneWorld world = sample();
    world.instance("byname", world.node("n", "10.1.0.9"), 1, {.address = "db.test"});
    CHECK(world.ask("byname.service.consul AAAA") == "NOERROR aa\nanswer byname.service.consul 0 CNAME db.test\n");
    world.settings->recursors = true;
    world.host("db.test", FactState::known, {"192.0.2.1"});
    CHECK(world.ask("byname.service.consul A") == "DELEGATE\n");
    CHECK(world.ask("byname.service.consul AAAA edns=1232") == "DELEGATE\n");
}

TEST_CASE("zone strict: an agent with recursors sends them all DS queries") {
    ZoneWorld world = sample();
    world.leader("pg", LeaderState::led, "10.1.0.9");
    for (const char* name : {"consul DS", "web.service.consul DS", "no.such.form.consul DS"}) {
        world.settings->recursors = false;
        CHECK(world.ask(name) != "DELEGATE\n");
        world.settings->recursors = true;
        CHECK(world.ask(name) == "DELEGATE\n");
        world.set_strict(false);
        CHECK(world.ask(name) != "DELEGATE\n");
        world.set_strict(true);
    }
    CHECK(world.ask("master.pg.service.consul DS") != "DELEGATE\n");
}

TEST_CASE("zone strict: a service without a name is refused as the agent refuses it") {
    ZoneWorld world = sample();
    CHECK(world.ask("_._tcp.consul SRV") == "SERVFAIL aa\n");
    CHECK(world.ask("_._tcp.service.consul A") == "SERVFAIL aa\n");
}

TEST_CASE("zone strict: ports that are the same on the wire are still different instances") {
    ZoneWorld world = sample();
    const auto node = world.node("n", "10.1.0.9");
    world.instance("ports", node, 0);
    world.instance("ports", node, 65536);
    world.instance("ports", node, 131072);
    CHECK(world.message("ports.service.consul SRV edns=1232").answer.size() == 3);
}

TEST_CASE("zone strict: a loop of names ends where the agent's ends") {
    ZoneWorld world = sample();
    const auto node = world.node("n", "10.1.0.9");
    world.instance("loop1", node, 1, {.address = "loop2.service.consul"});
    world.instance("loop2", node, 1, {.address = "loop1.service.consul"});
    CHECK(world.message("loop1.service.consul A").answer.size() == 3);  // udp_answer_limit
    CHECK(world.message("loop1.service.consul A edns=1232").answer.size() == 4);
}

TEST_CASE("zone strict: UDP without EDNS gets as many answers as the agent sends") {
    ZoneWorld world = with_many(40);
    for (const char* type : {"A", "SRV", "ANY"}) {
        const auto reply = world.message(std::string("many.service.consul ") + type);
        CHECK(reply.answer.size() == 3);
        CHECK(reply.flags == "aa");
    }
    world.settings->enable_truncate = true;
    CHECK(world.message("many.service.consul A").flags == "aa tc");
    world.settings->udp_answer_limit = 20;
    CHECK(world.message("many.service.consul A").answer.size() == 8);
    const auto srv = world.message("many.service.consul SRV").answer.size();  // once the number is limited the uncompressed size counts
    CHECK((srv >= 4 && srv <= 5));
    CHECK(world.message("many.service.consul A tcp").answer.size() == 40);
    CHECK(world.message("many.service.consul A tcp").flags == "aa");
}

TEST_CASE("zone strict: every udp_answer_limit and a_record_limit, for every kind of address query") {
    for (unsigned limit = 1; limit <= 12; ++limit) {
        ZoneWorld world = with_many(11);
        for (const char* type : {"A", "ANY", "SRV"}) {
            const bool srv = std::string(type) == "SRV";
            world.settings->udp_answer_limit = limit;
            world.settings->a_record_limit = 0;
            const auto count = [&](const std::string& how) {
                return world.message("many.service.consul " + std::string(type) + how).answer.size();
            };
            if (!srv) CHECK(count("") == std::min(8u, limit));
            CHECK(count(" edns=512") == count(""));
            CHECK(count(" edns=4096") == 11);
            CHECK(count(" tcp") == 11);
            world.settings->a_record_limit = limit;
            const std::size_t most = srv ? 11 : std::min(11u, limit);
            if (!srv) CHECK(count("") == std::min<std::size_t>(most, std::min(8u, limit)));
            CHECK(count(" edns=4096") == most);
            CHECK(count(" tcp") == most);
            CHECK(world.message("many.service.consul AAAA").answer.empty());
        }
    }
}

TEST_CASE("zone strict: records behind an alias into Consul are limited as for a query over UDP") {
    ZoneWorld world = with_many(20);
    const auto front = world.node("front", "10.1.0.9");
    world.instance("front", front, 80, {.address = "many.service.consul"});
    world.instance("outer", front, 80, {.address = "front.service.consul"});
    for (const char* how : {"A tcp", "A edns=1232", "MX tcp edns=4096"})
        CHECK(world.message(std::string("front.service.consul ") + how).answer.size() == 1 + 3);
    CHECK(world.message("front.service.consul A").answer.size() == 3);              // the CNAME counts in the outer answer
    CHECK(world.message("outer.service.consul A tcp").answer.size() == 1 + 1 + 2);  // and in the inner one
    CHECK(world.message("front.service.consul SRV tcp").additional.size() == 3);
    world.settings->udp_answer_limit = 8;
    CHECK(world.message("front.service.consul A tcp edns=1232").answer.size() == 1 + 8);
    CHECK(world.message("front.service.consul A tcp").answer.size() == 1 + 5);  // five behind an alias without EDNS
    CHECK(world.message("outer.service.consul A tcp edns=1232").answer.size() == 1 + 1 + 5);
    world.node("named", "many.service.consul");
    CHECK(world.message("named.node.consul A tcp").answer.size() == 1 + 5);
    CHECK(world.message("named.node.consul A tcp edns=1232").answer.size() == 1 + 8);
    // Later agents do not limit such answers.
    world.set_version("1.10.3");
    CHECK(world.message("front.service.consul A tcp edns=1232").answer.size() == 1 + 20);
}

TEST_CASE("zone strict: records behind an alias are limited by their uncompressed size") {
    ZoneWorld world = sample();
    world.settings->udp_answer_limit = 8;
    const std::string tag(63, 't');
    for (int i = 0; i < 8; ++i)
        world.instance("tagged", world.node("t" + std::to_string(i), "10.2.0." + std::to_string(i + 1)), 80, {.tags = {tag}});
    world.instance("front", world.node("front", "10.1.0.9"), 80, {.address = tag + ".tagged.service.consul"});
    // With an owner of 87 bytes a record has 101: four fit into 512 bytes minus the header and the agent's margin.
    CHECK(world.message("front.service.consul A tcp edns=1232").answer.size() == 1 + 4);
}

TEST_CASE("zone strict: with EDNS only the size limits an answer") {
    ZoneWorld world = with_many(40);
    CHECK(world.message("many.service.consul A edns=513").answer.size() == 29);
    CHECK(world.message("many.service.consul A edns=1232").answer.size() == 40);
    const auto srv = world.message("many.service.consul SRV edns=1232");
    CHECK((srv.answer.size() >= 18 && srv.answer.size() <= 20));
    CHECK(srv.additional.size() == srv.answer.size());
    CHECK(srv.flags == "aa");
    CHECK(srv.edns);
    CHECK(srv.udp_size == 1232);
    ZoneWorld later = with_many(40, "1.10.3");
    CHECK_FALSE(later.message("many.service.consul SRV edns=1232").edns);  // OPT is lost with the records that are removed
    CHECK(later.message("many.service.consul A edns=1232").edns);
}

TEST_CASE("zone strict: an answer far above the limit may fit without its metadata") {
    ZoneWorld world = sample();
    world.settings->node_meta_txt = true;
    for (int i = 0; i < 2; ++i)
        world.instance(
            "wordy", world.node("wordy" + std::to_string(i), "10.2.0." + std::to_string(i + 1), {{"words", std::string(300, 'w')}}), 4000);
    const auto reply = world.message("wordy.service.consul SRV edns=600");
    CHECK(reply.answer.size() == 2);
    CHECK(reply.additional.size() == 2);
    CHECK(world.message("wordy.service.consul SRV edns=1232").additional.size() == 4);
}

TEST_CASE("zone strict: one answer is always sent") {
    ZoneWorld world = with_many(2);
    world.settings->udp_answer_limit = 1;
    CHECK(world.message("many.service.consul A").answer.size() == 1);
    CHECK(world.message("many.service.consul SRV").answer.size() == 1);
}

TEST_CASE("zone strict: over TCP a thousand SRV records at most, and 64 KiB") {
    ZoneWorld world = sample();
    for (int i = 0; i < 1500; ++i)
        world.instance(
            "huge",
            world.node("huge" + std::to_string(1000 + i), "10." + std::to_string(3 + i / 250) + ".0." + std::to_string(i % 250 + 1)), 80);
    const auto reply = world.message("huge.service.consul SRV tcp");
    CHECK(reply.answer.size() > 500);
    CHECK(reply.answer.size() <= 1024);
    CHECK_FALSE(reply.broken);
    CHECK(reply.flags == "aa");
}
