// Services, nodes, settings and host names of the Watcher, against a fake Consul.
#include <catch2/catch.hpp>

#include "tests/loop/watch_scene.hpp"
#include "watch/waits.hpp"

using namespace lictor;
using namespace std::chrono_literals;

TEST_CASE("watcher: nothing is connected before the first need", "[watcher]") {
    Scene scene;
    scene.options.consul_http_addr.front().assumed = true;
    scene.start();
    scene.pass(100ms);
    CHECK(scene.consul.connections() == 0);
    CHECK(scene.published.size() == 1);
    CHECK(scene.now().consul_on);
    CHECK(scene.now().reachable);
    CHECK(scene.watcher->first_sync_done());
    scene.want("web");
    CHECK(scene.until([&] { return scene.consul.count("/v1/agent/self") == 1; }));
}

TEST_CASE("watcher: an address that somebody named is asked for its settings at once", "[watcher]") {
    Scene scene;
    scene.start();
    CHECK(scene.until([&] { return scene.now().settings->node_name == "me"; }));
    CHECK(scene.consul.count() == 1);
}

TEST_CASE("watcher: without an address Consul is off", "[watcher]") {
    Scene scene;
    scene.options.consul_http_addr.clear();
    scene.start();
    scene.want("web");
    scene.pass(20ms);
    CHECK_FALSE(scene.now().consul_on);
    CHECK(scene.service("web") == nullptr);
}

TEST_CASE("watcher: a service is loading, then known, then follows every change", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.comes_to(FactState::loading, "web"));
    REQUIRE(scene.known("web", 2));
    const auto before = scene.service("web");
    CHECK(before->index == 10);
    CHECK(before->instances[0].node->address.text == "10.0.0.1");
    CHECK(scene.now().settings->node_name == "me");
    REQUIRE(scene.until([&] { return scene.consul.requests("/v1/health/service/web").size() == 2; }));
    const auto waiting = scene.consul.requests("/v1/health/service/web").back();
    CHECK(waiting.index() == 10);
    CHECK(waiting.query.at("wait") == "5s");
    CHECK(waiting.stale());
    scene.register_service("web", 11, 3);
    REQUIRE(scene.known("web", 3));
    CHECK(scene.service("web")->version > before->version);
    CHECK(scene.service("web")->usage == before->usage);
    CHECK(before->instances.size() == 2);  // what was published stays as it was
    CHECK(scene.watcher->last_contact() > 0);
}

TEST_CASE("watcher: a name asked too early is there within 100 ms of its registration, and gone again", "[watcher]") {
    Scene scene;
    scene.register_service("late", 5, 0);
    scene.start();
    scene.want("late");
    REQUIRE(scene.known("late", 0));
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/late") == 2; }));
    auto at = Loop::now();
    scene.register_service("late", 6, 1);
    REQUIRE(scene.known("late", 1));
    CHECK(Loop::now() - at < 100ms);
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/late") == 3; }));
    at = Loop::now();
    scene.register_service("late", 7, 0);
    REQUIRE(scene.known("late", 0));
    CHECK(Loop::now() - at < 100ms);
    CHECK_FALSE(scene.consul.requests("/v1/health/service/late")[3].stale());  // the read that confirmed it
}

TEST_CASE("watcher: an empty list that is said once is never seen", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/web") == 2; }));
    const auto full = fake::bytes_of({.index = 12, .body = "[" + fake::instance("web", "w", "n", "10.0.0.9", 80) + "]"});
    scene.consul.handle("/v1/health/service/web", [full](const fake::Request& request, const fake::Consul::Line& line) {
        if (request.stale()) {
            std::this_thread::sleep_for(20ms);
            line.send(fake::bytes_of({.index = 11, .body = "[]"}));
        } else {
            line.send(full);
        }
    });
    REQUIRE(scene.known("web", 1));
    for (const auto& catalog : scene.published) {
        const auto at = catalog->services->find("web");
        if (at != catalog->services->end() && at->second->state == FactState::known) CHECK_FALSE(at->second->instances.empty());
    }
}

TEST_CASE("watcher: an index that goes backwards is followed after one more read", "[watcher]") {
    Scene scene;
    scene.register_service("web", 1000, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/web") == 2; }));
    scene.register_service("web", 3, 1);
    REQUIRE(scene.known("web", 1));
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/web") == 4; }));
    const auto requests = scene.consul.requests("/v1/health/service/web");
    CHECK(requests[2].index() == 0);
    CHECK_FALSE(requests[2].stale());
    CHECK(requests[3].index() == 3);
    CHECK(scene.service("web")->index == 3);
    scene.register_service("web", 4, 2);
    CHECK(scene.known("web", 2));
}

TEST_CASE("watcher: an empty list made by the token's rights takes nothing away", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 1);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 1));
    CHECK(scene.service("web")->why.empty());
    scene.consul.set("/v1/health/service/web", {.index = 11, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    REQUIRE(scene.until([&] { return !scene.service("web")->why.empty(); }));
    CHECK(scene.service("web")->why.find("ACL") != std::string::npos);
    CHECK(scene.service("web")->instances.size() == 1);
    CHECK(scene.service("web")->state == FactState::known);
    const auto published = scene.published.size();
    scene.consul.set("/v1/health/service/web", {.index = 12, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    scene.pass(200ms);
    CHECK(scene.published.size() == published);  // said once
    scene.register_service("web", 13, 2);
    REQUIRE(scene.known("web", 2));
    CHECK(scene.service("web")->why.empty());
    // What is hidden from the start is not there for the token, and said to be hidden; what is really not there is not.
    scene.consul.set("/v1/health/service/secret", {.index = 14, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    scene.consul.set("/v1/health/service/nothing", {.index = 14, .body = "[]"});
    scene.want("secret");
    scene.want("nothing");
    REQUIRE(scene.known("secret", 0));
    REQUIRE(scene.known("nothing", 0));
    CHECK_FALSE(scene.service("secret")->why.empty());
    CHECK(scene.service("nothing")->why.empty());
}

TEST_CASE("watcher: when nobody is at home a question learns so at once, and facts come within a second of Consul", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 1);
    scene.consul.stop();
    scene.start();
    const auto at = Loop::now();
    scene.want("web");
    REQUIRE(scene.comes_to(FactState::failed, "web"));
    CHECK(Loop::now() - at < 200ms);
    CHECK_FALSE(scene.service("web")->no_datacenter);
    scene.want("other");
    REQUIRE(scene.comes_to(FactState::failed, "other"));
    CHECK(Loop::now() - at < 200ms);
    CHECK_FALSE(scene.now().reachable);
    scene.pass(1500ms);
    CHECK(scene.now().contact_lost);
    scene.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(scene.known("web", 1));
    CHECK(Loop::now() - back < 1s);
    CHECK(scene.until([&] { return scene.now().reachable && !scene.now().contact_lost; }));
}

TEST_CASE("watcher: while the agent is away last known answers stay, and its return is noticed", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.options.consul_max_stale = seconds(2);
    scene.options.consul_watch_idle = seconds(1);  // which does not count while contact is lost
    scene.start();
    scene.want("web");
    scene.want("web2");  // never registered here
    REQUIRE(scene.known("web", 2));
    scene.consul.stop();
    scene.pass(500ms);
    CHECK_FALSE(scene.now().contact_lost);
    REQUIRE(scene.until([&] { return scene.now().contact_lost; }));
    CHECK(scene.service("web")->instances.size() == 2);
    REQUIRE(scene.until([&] { return scene.service("web")->stale; }));
    CHECK_FALSE(scene.now().expired);
    REQUIRE(scene.until([&] { return scene.now().expired; }));
    scene.pass(500ms);
    REQUIRE(scene.service("web"));
    const auto before = scene.consul.connections();
    scene.register_service("web", 20, 3);
    scene.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(scene.known("web", 3));
    CHECK(Loop::now() - back < 1s);
    REQUIRE(scene.until([&] { return !scene.now().contact_lost; }));
    CHECK_FALSE(scene.now().expired);
    CHECK_FALSE(scene.service("web")->stale);
    CHECK(scene.consul.connections() - before <= 6);
}

TEST_CASE("watcher: errors of the agent keep what is known, and are not asked about in a rush", "[watcher]") {
    const int status = GENERATE(500, 403, 429, 503);
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    REQUIRE(scene.until([&] { return scene.consul.count("/v1/health/service/web") == 2; }));
    const auto error = fake::bytes_of({.status = status, .index = 1, .body = "rpc error"});
    scene.consul.handle("/v1/health/service/web", [&](const fake::Request&, const fake::Consul::Line& line) { line.send(error); });
    scene.pass(2000ms);
    CHECK(scene.service("web")->instances.size() == 2);
    CHECK(scene.service("web")->stale);
    CHECK(scene.consul.count("/v1/health/service/web") <= 9);
    for (const auto& request : scene.consul.requests("/v1/health/service/web"))
        CHECK((request.index() == 0 || request.index() == 10));  // never the error's index
    scene.register_service("web", 11, 1);
    scene.consul.handle("/v1/health/service/web", nullptr);
    CHECK(scene.known("web", 1, 6s));
    CHECK_FALSE(scene.service("web")->stale);
}

TEST_CASE("watcher: an agent that found its servers again after a while is followed within a second", "[watcher]") {
    Scene scene;
    for (const char* name : {"web", "db"}) scene.register_service(name, 10, 1);
    scene.start();
    for (const char* name : {"web", "db"}) scene.want(name);
    for (const char* name : {"web", "db"}) REQUIRE(scene.known(name, 1));
    const auto error = fake::bytes_of({.status = 500, .index = 1, .body = "No known Consul servers"});
    const auto self = fake::bytes_of({.body = fake::agent_self});
    scene.consul.handle_all([&](const fake::Request& request, const fake::Consul::Line& line) {
        line.send(request.path == "/v1/agent/self" ? self : error);
    });
    for (const char* name : {"web", "db"}) scene.register_service(name, 11, 1);  // wakes the waiting ones
    scene.pass(7s);
    CHECK(scene.now().contact_lost);
    const auto asked = scene.consul.count();
    CHECK(asked < 50);
    for (const char* name : {"web", "db"}) scene.register_service(name, 12, 2);
    scene.consul.handle_all(nullptr);
    const auto back = Loop::now();
    for (const char* name : {"web", "db"}) REQUIRE(scene.known(name, 2));
    CHECK(Loop::now() - back < 1s);
    CHECK(scene.until([&] { return !scene.now().contact_lost; }));
}

TEST_CASE("watcher: an unknown datacenter is told from a failure", "[watcher]") {
    Scene scene;
    scene.consul.set("/v1/health/service/web", {.status = 500, .index = 1, .body = "No path to datacenter"});
    scene.consul.set("/v1/catalog/nodes", {.status = 500, .index = 1, .body = "No path to datacenter"});
    scene.start();
    scene.want("web", "nowhere");
    REQUIRE(scene.comes_to(FactState::failed, "web", "nowhere"));
    CHECK(scene.service("web", "nowhere")->no_datacenter);
    CHECK(scene.consul.requests("/v1/health/service/web").front().query.at("dc") == "nowhere");
    scene.want("other", "nowhere");
    REQUIRE(scene.comes_to(FactState::failed, "other", "nowhere"));
    CHECK(scene.service("other", "nowhere")->no_datacenter);
    CHECK(scene.consul.count("/v1/health/service/other") == 0);
    scene.watcher->want({Need::Kind::nodes, "", "nowhere"});
    CHECK(scene.until([&] { return scene.now().nodes->count("nowhere") && scene.now().nodes->at("nowhere")->no_datacenter; }));
    CHECK_FALSE(scene.now().contact_lost);
}

TEST_CASE("watcher: past the bound services are delegated, and unknown names push nobody out", "[watcher]") {
    Scene scene;
    scene.options.consul_watch_max = 4;
    for (const char* name : {"a", "b", "c", "d", "e"}) scene.register_service(name, 10, 1);
    scene.start();
    for (const char* name : {"a", "b", "c", "d"}) scene.want(name);
    for (const char* name : {"a", "b", "c", "d"}) REQUIRE(scene.known(name, 1));
    scene.want("e");
    REQUIRE(scene.comes_to(FactState::delegated, "e"));
    CHECK(scene.counters.consul_watches_refused.get() == 1);
    for (int i = 0; i < 600; ++i) {
        const auto name = "no-" + std::to_string(i);
        scene.consul.set("/v1/health/service/" + name, {.index = 5, .body = "[]"});
        scene.want(name);
        if (i % 50 == 0) scene.pass(5ms);
    }
    scene.pass(50ms);
    for (const char* name : {"a", "b", "c", "d"}) CHECK(scene.service(name)->state == FactState::known);
    CHECK(scene.now().services->size() <= 4 + 512);
    CHECK(scene.consul.open_connections() <= 10);
}

TEST_CASE("watcher: a flood of names that are not there uses few connections and ends by itself", "[watcher]") {
    Scene scene;
    scene.options.consul_watch_max = 16;
    scene.register_service("web", 10, 1);
    scene.consul.handle_all([&](const fake::Request& request, const fake::Consul::Line& line) {
        if (request.path == "/v1/agent/self") line.send(fake::bytes_of({.body = fake::agent_self}));
        else if (request.path == "/v1/health/service/web" && request.index() == 0)
            line.send(fake::bytes_of({.index = 10, .body = "[" + fake::instance("web", "w", "n", "10.0.0.9", 80) + "]"}));
        else if (request.index() == 0) line.send(fake::bytes_of({.index = 5, .body = "[]"}));
        else
            while (!line.gone() && !scene.consul.stopping()) std::this_thread::sleep_for(10ms);
    });
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 1));
    for (int i = 0; i < 2000; ++i) {
        scene.want("no-" + std::to_string(i));
        if (i % 20 == 0) scene.pass(2ms);
    }
    scene.want("web");
    scene.pass(100ms);
    CHECK(scene.service("web")->state == FactState::known);
    CHECK(scene.consul.connections() <= 16 + 32 + 20);  // watches, broken-off ones, first reads
    CHECK(scene.consul.count() <= 700);
    CHECK(scene.published.size() <= 600);
    scene.pass(6s);
    CHECK(scene.now().services->size() <= 17);
}

TEST_CASE("watcher: watches are broken off only as often as the agent's connections allow", "[watcher]") {
    Scene scene;
    scene.consul.handle_all([&](const fake::Request& request, const fake::Consul::Line& line) {
        if (request.path == "/v1/agent/self") line.send(fake::bytes_of({.body = fake::agent_self}));
        else if (request.index() == 0) line.send(fake::bytes_of({.index = 5, .body = "[]"}));
        else
            while (!line.gone() && !scene.consul.stopping()) std::this_thread::sleep_for(10ms);
    });
    scene.start();
    for (int i = 0; i < 450; ++i) {
        scene.want("no-" + std::to_string(i));
        scene.pass(10ms);
    }
    std::size_t waits = 0;
    for (const auto& request : scene.consul.requests()) waits += request.index() != 0;
    CHECK(waits > Waits::few);    // soon after a start few services wait at the agent at once; what is broken off still does
    CHECK(waits <= Waits::few + 32 + 4);
}

TEST_CASE("watcher: odd names are quoted or refused", "[watcher]") {
    Scene scene;
    scene.consul.set("/v1/health/service/a%20b%2Fc", {.index = 3, .body = "[]"});
    scene.start();
    scene.want("a b/c");
    CHECK(scene.known("a b/c", 0));
    scene.want(std::string(64, 'x'));
    CHECK(scene.known(std::string(64, 'x'), 0));
    scene.want("tab\there");
    CHECK(scene.known("tab\there", 0));
    scene.want(std::string("nul\0here", 8));
    CHECK(scene.service(std::string("nul\0here", 8)) == nullptr);
    scene.pass(20ms);
    CHECK(scene.consul.requests().size() <= 3);
}

TEST_CASE("watcher: services nobody asks for end, and are not broken off", "[watcher]") {
    Scene scene;
    scene.options.consul_watch_idle = seconds(1);
    scene.options.consul_watch = {"Pinned"};
    scene.register_service("web", 10, 1);
    scene.register_service("pinned", 10, 1);
    scene.start();
    CHECK_FALSE(scene.watcher->first_sync_done());
    scene.want("web");
    REQUIRE(scene.known("web", 1));
    REQUIRE(scene.known("pinned", 1));
    CHECK(scene.watcher->first_sync_done());
    scene.pass(2500ms);
    CHECK(scene.service("web"));  // still in its wait, still true
    scene.register_service("web", 11, 2);
    REQUIRE(scene.until([&] { return !scene.service("web"); }));
    CHECK(scene.service("pinned"));
    CHECK(scene.consul.count("/v1/health/service/web") == 2);
    // Asked for again while Consul is away: the last facts serve.
    scene.consul.stop();
    scene.pass(1500ms);
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    CHECK(scene.service("web")->stale);
}

TEST_CASE("watcher: a large body is parsed beside the loop, and the rest goes on meanwhile", "[watcher]") {
    Scene scene;
    scene.register_service("big", 10, 4000);
    scene.start();
    scene.want("big");
    REQUIRE(scene.known("big", 4000, 20s));
    CHECK(scene.service("big")->instances[3999].id == "big3999");
    scene.register_service("big", 11, 4001);
    SECTION("followed") { CHECK(scene.known("big", 4001, 20s)); }
    SECTION("the watcher may go in the middle of it") {
        scene.pass(30ms);
        scene.watcher.reset();
    }
}

TEST_CASE("watcher: a body that is not what it should be changes nothing", "[watcher]") {
    const auto body = GENERATE(as<std::string>{}, "", "<html>", "[{", "{}", "[1,2,3", "\"x\"");
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    const auto version = scene.service("web")->version;
    scene.consul.set("/v1/health/service/web", {.index = 11, .body = body});
    scene.pass(300ms);
    CHECK(scene.service("web")->version == version);
    scene.register_service("web", 12, 1);
    CHECK(scene.known("web", 1));
}

TEST_CASE("watcher: nodes are read from the first need on", "[watcher]") {
    Scene scene;
    scene.consul.set("/v1/catalog/nodes", {.index = 4, .body = R"([{"ID":"","Node":"DB1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":null,"Meta":null}])"});
    scene.start();
    scene.want("x");
    scene.pass(50ms);
    CHECK(scene.consul.count("/v1/catalog/nodes") == 0);
    scene.watcher->want({Need::Kind::nodes, "", ""});
    REQUIRE(scene.until([&] { return scene.now().nodes->count("") && scene.now().nodes->at("")->state == FactState::known; }));
    CHECK(scene.now().nodes->at("")->by_name.at("db1")->address.text == "10.0.0.1");
}

TEST_CASE("watcher: the agent's settings count, and options over them", "[watcher]") {
    Scene scene;
    scene.consul.set("/v1/agent/self", {.body = R"({"Config":{"Datacenter":"East","NodeName":"n1"},"DebugConfig":{"DNSDomain":"Corp.","DNSOnlyPassing":true,"DNSNodeTTL":"5s"}})"});
    scene.register_service("web", 10, 1);
    SECTION("from the agent") {
        scene.start();
        scene.want("web");
        REQUIRE(scene.known("web", 1));
        CHECK(scene.now().settings->domains.front() == "corp");
        CHECK(scene.now().settings->datacenter == "east");
        CHECK(scene.now().settings->only_passing);
        CHECK(scene.now().settings->node_ttl == 5);
    }
    SECTION("from options") {
        scene.options.consul_domain = {"consul", "other"};
        scene.options.consul_datacenter = "West";
        scene.options.consul_only_passing = false;
        scene.options.consul_node_ttl = 7;
        scene.options.consul_service_ttl = 9;
        scene.options.consul_dns_compat = ConsulCompat::strict;
        scene.start();
        scene.want("web");
        REQUIRE(scene.known("web", 1));
        const auto& settings = *scene.now().settings;
        CHECK(settings.domains == std::vector<std::string>{"consul", "other"});
        CHECK(settings.datacenter == "west");
        CHECK_FALSE(settings.only_passing);
        CHECK(settings.node_ttl == 7);
        CHECK(settings.service_ttl.front().second == 9);
        CHECK(settings.strict);
        CHECK(scene.consul.requests("/v1/health/service/web").front().query.at("dc") == "West");
    }
    SECTION("denied") {
        scene.consul.set("/v1/agent/self", {.status = 403, .body = "Permission denied"});
        scene.start();
        scene.want("web");
        REQUIRE(scene.known("web", 1));
        CHECK(scene.now().settings->domains.front() == "consul");
    }
    SECTION("an agent that does not say is not waited for long") {
        scene.consul.handle("/v1/agent/self", [&](const fake::Request&, const fake::Consul::Line& line) {
            while (!line.gone() && !scene.consul.stopping()) std::this_thread::sleep_for(5ms);
        });
        scene.start();
        scene.want("web");
        CHECK(scene.known("web", 1, 3s));
    }
}

TEST_CASE("watcher: host names are resolved, kept fresh while asked for, and forgotten", "[watcher]") {
    Scene scene;
    scene.options.consul_http_addr.front().assumed = true;
    scene.start();
    const Need need{Need::Kind::host, "db.example", ""};
    scene.watcher->want(need);
    CHECK(scene.resolved == std::vector<std::string>{"db.example"});
    scene.pass(5ms);
    CHECK(scene.now().hosts->at("db.example")->state == FactState::loading);
    scene.watcher->on_host("db.example", {});
    scene.pass(5ms);
    CHECK(scene.now().hosts->at("db.example")->state == FactState::failed);
    scene.pass(400ms);
    scene.watcher->want(need);
    scene.watcher->on_host("db.example", {std::vector{Address::v4(10, 0, 0, 2), Address::v4(10, 0, 0, 1)}, std::nullopt});
    scene.pass(5ms);
    const auto first = scene.now().hosts->at("db.example");
    CHECK(first->state == FactState::known);
    const auto asked = scene.resolved.size();
    REQUIRE(scene.until([&] { return scene.resolved.size() > asked; }, 2s));
    scene.watcher->on_host("db.example", {std::vector{Address::v4(10, 0, 0, 1), Address::v4(10, 0, 0, 2)}, std::nullopt});
    scene.pass(5ms);
    CHECK(scene.now().hosts->at("db.example") == first);  // another order is no change
    REQUIRE(scene.until([&] { return scene.resolved.size() > asked + 1; }, 3s));
    scene.watcher->on_host("db.example", {});
    scene.pass(5ms);
    CHECK(scene.now().hosts->at("db.example") == first);  // learnt nothing, lost nothing
    const auto v6 = *Address::parse("fd00::1");
    scene.watcher->on_host("db.example", {std::nullopt, std::vector{v6}});
    REQUIRE(scene.until([&] { return scene.now().hosts->at("db.example")->v6.size() == 1; }));
    CHECK(scene.now().hosts->at("db.example")->v4 == first->v4);  // the question about this family failed
    scene.watcher->on_host("db.example", {std::vector<Address>{}, std::vector{v6}});
    CHECK(scene.until([&] { return scene.now().hosts->at("db.example")->v4.empty(); }));
    CHECK(scene.consul.connections() == 0);
}

TEST_CASE("watcher: other options are taken over", "[watcher]") {
    Scene scene;
    fake::Consul other;
    other.set("/v1/agent/self", {.body = fake::agent_self});
    scene.register_service("web", 1000, 1);
    other.set("/v1/health/service/web", {.index = 5, .body = "[" + fake::instance("web", "w", "n", "10.9.9.9", 80) + "]"});
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 1));
    SECTION("another address") {
        scene.options.consul_http_addr = {{other.url(), {}}};
        scene.watcher->adopt(scene.options);
        CHECK(scene.until([&] { return scene.service("web")->instances[0].node->address.text == "10.9.9.9"; }));
        CHECK(scene.service("web")->index == 5);
    }
    SECTION("Consul off and on again") {
        scene.options.consul_http_addr.clear();
        scene.watcher->adopt(scene.options);
        CHECK_FALSE(scene.now().consul_on);
        CHECK(scene.now().services->empty());
        scene.options.consul_http_addr = {{other.url(), {}}};
        scene.watcher->adopt(scene.options);
        CHECK(scene.now().consul_on);
        scene.want("web");
        CHECK(scene.known("web", 1));
    }
    SECTION("a service to be watched") {
        scene.register_service("more", 3, 1);
        scene.options.consul_watch = {"more"};
        scene.watcher->adopt(scene.options);
        CHECK(scene.known("more", 1));
        CHECK(scene.watcher->first_sync_done());
    }
    SECTION("the end") {
        scene.watcher->stop();
        scene.want("more");
        scene.pass(20ms);
        CHECK(scene.service("more") == nullptr);
    }
    other.stop();
}

TEST_CASE("watcher: after a 429 the agent as a whole is spared", "[watcher]") {
    Scene scene;
    for (int i = 0; i < 12; ++i) scene.register_service("s" + std::to_string(i), 10, 1);
    scene.start();
    for (int i = 0; i < 12; ++i) scene.want("s" + std::to_string(i));
    for (int i = 0; i < 12; ++i) REQUIRE(scene.known("s" + std::to_string(i), 1));
    const auto limited = fake::bytes_of({.status = 429});
    scene.consul.handle_all([&](const fake::Request&, const fake::Consul::Line& line) { line.send(limited); });
    scene.pass(1s);
    const auto before = scene.consul.count();
    scene.pass(4s);
    CHECK(scene.consul.count() - before <= 10);  // one a second, and the agent's own settings
    for (int i = 0; i < 12; ++i) CHECK(scene.service("s" + std::to_string(i))->instances.size() == 1);
}

TEST_CASE("watcher: what it watches is reported", "[watcher]") {
    Scene scene;
    scene.register_service("web", 10, 2);
    scene.start();
    scene.want("web");
    REQUIRE(scene.known("web", 2));
    const auto rows = scene.watcher->reports();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].kind == "service");
    CHECK(rows[0].state == "known");
    CHECK(rows[0].instances == 2);
    CHECK(rows[0].index == 10);
    CHECK(rows[0].changes == 1);
    CHECK(rows[0].asked_seconds >= 0);
    CHECK(rows[1].kind == "agent");
    CHECK(rows[1].state == "known");
}
