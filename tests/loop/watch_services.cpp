// Does the Watcher follow services, nodes, settings and host names of a fake Consul?
#include <catch2/catch.hpp>

#include "tests/loop/watcher_fixture.hpp"
#include "watch/catalog/give_way.hpp"
#include "watch/polling/waits.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::loop;
using namespace lictor::polling;
using namespace std::chrono_literals;

TEST_CASE("watcher: nothing is connected before the first need", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_http_addr.front().assumed = true;
    fixture.start();
    fixture.run_for(100ms);
    CHECK(fixture.consul.connections() == 0);
    CHECK(fixture.published.size() == 1);
    CHECK(fixture.last_catalog().consul_on);
    CHECK(fixture.last_catalog().reachable);
    CHECK(fixture.watcher->first_sync_done());
    fixture.request("web");
    CHECK(fixture.until([&] { return fixture.consul.count("/v1/agent/self") == 1; }));
}

TEST_CASE("watcher: an assumed agent that was never reached gives way; an agent that starts later is used", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 5, 1);
    fixture.options.consul_http_addr.front().assumed = true;
    fixture.consul.stop();
    fixture.start();
    CHECK(fixture.last_catalog().consul_on);
    fixture.request("web");
    REQUIRE(fixture.until([&] { return gives_way(fixture.last_catalog()); }));
    CHECK_FALSE(fixture.last_catalog().consul_on);
    CHECK(fixture.watcher->consul_failure() != "");
    fixture.consul.start_again();
    REQUIRE(fixture.until([&] { return !gives_way(fixture.last_catalog()); }));
    CHECK(fixture.last_catalog().consul_on);
    CHECK(fixture.known("web", 1));
    // Once reached, it never gives way again.
    fixture.consul.stop();
    REQUIRE(fixture.until([&] { return fixture.last_catalog().contact_lost; }));
    for (const auto& catalog : std::vector(fixture.published.end() - 2, fixture.published.end())) CHECK_FALSE(gives_way(*catalog));
    CHECK(fixture.last_catalog().consul_on);
}

TEST_CASE("watcher: a server that is no Consul agent gives way, an agent that refuses the token does not", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_http_addr.front().assumed = true;
    SECTION("another HTTP server") {
        fixture.consul.handle_all(
            [](const auto&, const auto& connection) { connection.send(fake::bytes_of({.status = 404, .body = "not here"})); });
        fixture.start();
        fixture.request("web");
        CHECK(fixture.until([&] { return gives_way(fixture.last_catalog()); }));
    }
    SECTION("an agent that refuses") {
        fixture.consul.set("/v1/agent/self", {.status = 403, .body = "Permission denied"});
        fixture.register_service("web", 5, 1);
        fixture.start();
        fixture.request("web");
        CHECK(fixture.known("web", 1));
        CHECK_FALSE(gives_way(fixture.last_catalog()));
    }
    SECTION("an address that is configured") {
        fixture.options.consul_http_addr.front().assumed = false;
        fixture.consul.stop();
        fixture.start();
        fixture.request("web");
        CHECK(fixture.reaches(FactState::failed, "web"));
        CHECK(fixture.last_catalog().consul_on);
    }
}

TEST_CASE("watcher: a configured address is asked for its settings at once", "[watcher]") {
    WatcherFixture fixture;
    fixture.start();
    CHECK(fixture.until([&] { return fixture.last_catalog().settings->node_name == "me"; }));
    CHECK(fixture.consul.count() == 1);
}

TEST_CASE("watcher: without an address Consul is off", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_http_addr.clear();
    fixture.start();
    fixture.request("web");
    fixture.run_for(20ms);
    CHECK_FALSE(fixture.last_catalog().consul_on);
    CHECK(fixture.service("web") == nullptr);
}

TEST_CASE("watcher: a service is loading, then known, and then each change is published", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    const auto is_loading = [](const auto& catalog) {
        const auto at = catalog->services->find(service_key("web", ""));
        return at != catalog->services->end() && at->second->state == FactState::loading;
    };
    CHECK(std::ranges::any_of(fixture.published, is_loading));  // maybe published in the same turn of the loop as the next one
    const auto before = fixture.service("web");
    CHECK(before->index == 10);
    CHECK(before->instances[0].node->address.text == "10.0.0.1");
    CHECK(fixture.last_catalog().settings->node_name == "me");
    REQUIRE(fixture.until([&] { return fixture.consul.requests("/v1/health/service/web").size() == 2; }));
    const auto waiting = fixture.consul.requests("/v1/health/service/web").back();
    CHECK(waiting.index() == 10);
    CHECK(waiting.query.at("wait") == "5s");
    CHECK(waiting.stale());
    fixture.register_service("web", 11, 3);
    REQUIRE(fixture.known("web", 3));
    CHECK(fixture.service("web")->version > before->version);
    CHECK(fixture.service("web")->usage == before->usage);
    CHECK(before->instances.size() == 2);  // a published Catalog does not change
    CHECK(fixture.watcher->last_contact() > 0);
}

TEST_CASE("watcher: a service asked for before it is registered is known within 100 ms of that, and removed as fast", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("late", 5, 0);
    fixture.start();
    fixture.request("late");
    REQUIRE(fixture.known("late", 0));
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/late") == 2; }));
    auto at = Loop::now();
    fixture.register_service("late", 6, 1);
    REQUIRE(fixture.known("late", 1));
    CHECK(Loop::now() - at < 100ms);
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/late") == 3; }));
    at = Loop::now();
    fixture.register_service("late", 7, 0);
    REQUIRE(fixture.known("late", 0));
    CHECK(Loop::now() - at < 100ms);
    CHECK_FALSE(fixture.consul.requests("/v1/health/service/late")[3].stale());  // the read that confirmed the empty list
}

TEST_CASE("watcher: an empty list is published only after a second read", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/web") == 2; }));
    const auto full = fake::bytes_of({.index = 12, .body = "[" + fake::instance("web", "w", "n", "10.0.0.9", 80) + "]"});
    fixture.consul.handle("/v1/health/service/web", [full](const fake::Request& request, const fake::Consul::Connection& connection) {
        if (request.stale()) {
            std::this_thread::sleep_for(20ms);
            connection.send(fake::bytes_of({.index = 11, .body = "[]"}));
        } else {
            connection.send(full);
        }
    });
    REQUIRE(fixture.known("web", 1));
    for (const auto& catalog : fixture.published) {
        const auto at = catalog->services->find("web");
        if (at != catalog->services->end() && at->second->state == FactState::known) CHECK_FALSE(at->second->instances.empty());
    }
}

TEST_CASE("watcher: an index that goes backwards is followed after one more read", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 1000, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/web") == 2; }));
    fixture.register_service("web", 3, 1);
    REQUIRE(fixture.known("web", 1));
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/web") == 4; }));
    const auto requests = fixture.consul.requests("/v1/health/service/web");
    CHECK(requests[2].index() == 0);
    CHECK_FALSE(requests[2].stale());
    CHECK(requests[3].index() == 3);
    CHECK(fixture.service("web")->index == 3);
    fixture.register_service("web", 4, 2);
    CHECK(fixture.known("web", 2));
}

TEST_CASE("watcher: an empty list with hidden instances changes nothing", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 1);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 1));
    CHECK(fixture.service("web")->why.empty());
    fixture.consul.set("/v1/health/service/web", {.index = 11, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    REQUIRE(fixture.until([&] { return !fixture.service("web")->why.empty(); }));
    CHECK(fixture.service("web")->why.find("ACL") != std::string::npos);
    CHECK(fixture.service("web")->instances.size() == 1);
    CHECK(fixture.service("web")->state == FactState::known);
    const auto published = fixture.published.size();
    fixture.consul.set("/v1/health/service/web", {.index = 12, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    fixture.run_for(200ms);
    CHECK(fixture.published.size() == published);  // published only once
    fixture.register_service("web", 13, 2);
    REQUIRE(fixture.known("web", 2));
    CHECK(fixture.service("web")->why.empty());
    // If instances are hidden from the start, the empty list has that cause; else it has none.
    fixture.consul.set("/v1/health/service/secret", {.index = 14, .body = "[]", .headers = "X-Consul-Results-Filtered-By-ACLs: true\r\n"});
    fixture.consul.set("/v1/health/service/nothing", {.index = 14, .body = "[]"});
    fixture.request("secret");
    fixture.request("nothing");
    REQUIRE(fixture.known("secret", 0));
    REQUIRE(fixture.known("nothing", 0));
    CHECK_FALSE(fixture.service("secret")->why.empty());
    CHECK(fixture.service("nothing")->why.empty());
}

TEST_CASE("watcher: without Consul a service fails at once, and is known within a second of Consul's start", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 1);
    fixture.consul.stop();
    fixture.start();
    const auto at = Loop::now();
    fixture.request("web");
    REQUIRE(fixture.reaches(FactState::failed, "web"));
    CHECK(Loop::now() - at < 200ms);
    CHECK_FALSE(fixture.service("web")->no_datacenter);
    fixture.request("other");
    REQUIRE(fixture.reaches(FactState::failed, "other"));
    CHECK(Loop::now() - at < 200ms);
    CHECK_FALSE(fixture.last_catalog().reachable);
    fixture.run_for(1500ms);
    CHECK(fixture.last_catalog().contact_lost);
    fixture.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(fixture.known("web", 1));
    CHECK(Loop::now() - back < 1s);
    CHECK(fixture.until([&] { return fixture.last_catalog().reachable && !fixture.last_catalog().contact_lost; }));
}

TEST_CASE("watcher: without the agent the last facts are kept, and its return is detected", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.options.consul_max_stale = seconds(2);
    fixture.options.consul_watch_idle = seconds(1);  // does not apply while contact is lost
    fixture.start();
    fixture.request("web");
    fixture.request("web2");  // not registered
    REQUIRE(fixture.known("web", 2));
    fixture.consul.stop();
    fixture.run_for(500ms);
    CHECK_FALSE(fixture.last_catalog().contact_lost);
    REQUIRE(fixture.until([&] { return fixture.last_catalog().contact_lost; }));
    CHECK(fixture.service("web")->instances.size() == 2);
    REQUIRE(fixture.until([&] { return fixture.service("web")->stale; }));
    CHECK_FALSE(fixture.last_catalog().expired);
    REQUIRE(fixture.until([&] { return fixture.last_catalog().expired; }));
    fixture.run_for(500ms);
    REQUIRE(fixture.service("web"));
    const auto before = fixture.consul.connections();
    fixture.register_service("web", 20, 3);
    fixture.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(fixture.known("web", 3));
    CHECK(Loop::now() - back < 1s);
    REQUIRE(fixture.until([&] { return !fixture.last_catalog().contact_lost; }));
    CHECK_FALSE(fixture.last_catalog().expired);
    CHECK_FALSE(fixture.service("web")->stale);
    CHECK(fixture.consul.connections() - before <= 6);
}

TEST_CASE("watcher: errors of the agent keep the facts, and retries are paced", "[watcher]") {
    const int status = GENERATE(500, 403, 429, 503);
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    REQUIRE(fixture.until([&] { return fixture.consul.count("/v1/health/service/web") == 2; }));
    const auto error = fake::bytes_of({.status = status, .index = 1, .body = "rpc error"});
    fixture.consul.handle("/v1/health/service/web",
                          [error](const fake::Request&, const fake::Consul::Connection& connection) { connection.send(error); });
    fixture.run_for(2000ms);
    CHECK(fixture.service("web")->instances.size() == 2);
    CHECK(fixture.service("web")->stale);
    CHECK(fixture.consul.count("/v1/health/service/web") <= 9);
    for (const auto& request : fixture.consul.requests("/v1/health/service/web"))
        CHECK((request.index() == 0 || request.index() == 10));  // not the error's index
    fixture.register_service("web", 11, 1);
    fixture.consul.handle("/v1/health/service/web", nullptr);
    CHECK(fixture.known("web", 1, 6s));
    CHECK_FALSE(fixture.service("web")->stale);
}

TEST_CASE("watcher: once an agent has servers again it is followed within a second", "[watcher]") {
    WatcherFixture fixture;
    for (const char* name : {"web", "db"}) fixture.register_service(name, 10, 1);
    fixture.start();
    for (const char* name : {"web", "db"}) fixture.request(name);
    for (const char* name : {"web", "db"}) REQUIRE(fixture.known(name, 1));
    const auto error = fake::bytes_of({.status = 500, .index = 1, .body = "No known Consul servers"});
    const auto self = fake::bytes_of({.body = fake::agent_self});
    fixture.consul.handle_all([self, error](const fake::Request& request, const fake::Consul::Connection& connection) {
        connection.send(request.path == "/v1/agent/self" ? self : error);
    });
    for (const char* name : {"web", "db"}) fixture.register_service(name, 11, 1);  // ends the blocking queries
    fixture.run_for(7s);
    CHECK(fixture.last_catalog().contact_lost);
    const auto asked = fixture.consul.count();
    CHECK(asked < 50);
    for (const char* name : {"web", "db"}) fixture.register_service(name, 12, 2);
    fixture.consul.handle_all(nullptr);
    const auto back = Loop::now();
    for (const char* name : {"web", "db"}) REQUIRE(fixture.known(name, 2));
    CHECK(Loop::now() - back < 1s);
    CHECK(fixture.until([&] { return !fixture.last_catalog().contact_lost; }));
}

TEST_CASE("watcher: a service that failed for seconds beside one that works is followed within a second again", "[watcher]") {
    WatcherFixture fixture;
    for (const char* name : {"web", "db"}) fixture.register_service(name, 10, 1);
    fixture.start();
    for (const char* name : {"web", "db"}) fixture.request(name);
    for (const char* name : {"web", "db"}) REQUIRE(fixture.known(name, 1));
    const auto error = fake::bytes_of({.status = 500, .index = 1, .body = "rpc error"});
    fixture.consul.handle("/v1/health/service/web",
                          [error](const fake::Request&, const fake::Consul::Connection& connection) { connection.send(error); });
    fixture.register_service("web", 11, 1);  // ends the blocking query
    const auto before = fixture.consul.count("/v1/health/service/web");
    fixture.run_for(6s);
    CHECK_FALSE(fixture.last_catalog().contact_lost);
    CHECK(fixture.consul.count("/v1/health/service/web") - before <= 6 + 12);  // the growing pauses, and two a second
    fixture.consul.handle("/v1/health/service/web", nullptr);
    fixture.register_service("web", 12, 2);
    const auto back = Loop::now();
    REQUIRE(fixture.known("web", 2, 8s));
    CHECK(Loop::now() - back < 2s);  // the pause of the watch has grown to 5 s
}

TEST_CASE("watcher: an unknown datacenter is not a failure", "[watcher]") {
    WatcherFixture fixture;
    fixture.consul.set("/v1/health/service/web", {.status = 500, .index = 1, .body = "No path to datacenter"});
    fixture.consul.set("/v1/catalog/nodes", {.status = 500, .index = 1, .body = "No path to datacenter"});
    fixture.start();
    fixture.request("web", "nowhere");
    REQUIRE(fixture.reaches(FactState::failed, "web", "nowhere"));
    CHECK(fixture.service("web", "nowhere")->no_datacenter);
    CHECK(fixture.consul.requests("/v1/health/service/web").front().query.at("dc") == "nowhere");
    fixture.request("other", "nowhere");
    REQUIRE(fixture.reaches(FactState::failed, "other", "nowhere"));
    CHECK(fixture.service("other", "nowhere")->no_datacenter);
    CHECK(fixture.consul.count("/v1/health/service/other") == 0);
    fixture.watcher->request({Need::Kind::nodes, "", "nowhere"});
    CHECK(fixture.until(
        [&] { return fixture.last_catalog().nodes->contains("nowhere") && fixture.last_catalog().nodes->at("nowhere")->no_datacenter; }));
    CHECK_FALSE(fixture.last_catalog().contact_lost);
}

TEST_CASE("watcher: beyond the bound services are delegated, and unregistered names evict none", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_watch_max = 4;
    for (const char* name : {"a", "b", "c", "d", "e"}) fixture.register_service(name, 10, 1);
    fixture.start();
    for (const char* name : {"a", "b", "c", "d"}) fixture.request(name);
    for (const char* name : {"a", "b", "c", "d"}) REQUIRE(fixture.known(name, 1));
    fixture.request("e");
    REQUIRE(fixture.reaches(FactState::delegated, "e"));
    CHECK(fixture.counters.consul_watches_refused.get() == 1);
    for (int i = 0; i < 600; ++i) {
        const auto name = "no-" + std::to_string(i);
        fixture.consul.set("/v1/health/service/" + name, {.index = 5, .body = "[]"});
        fixture.request(name);
        if (i % 50 == 0) fixture.run_for(5ms);
    }
    fixture.run_for(50ms);
    for (const char* name : {"a", "b", "c", "d"}) CHECK(fixture.service(name)->state == FactState::known);
    CHECK(fixture.last_catalog().services->size() <= 4 + 512);
    CHECK(fixture.consul.open_connections() <= 10);
}

TEST_CASE("watcher: many unregistered names use few connections, and their watches end by themselves", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_watch_max = 16;
    fixture.register_service("web", 10, 1);
    fixture.consul.handle_all([&](const fake::Request& request, const fake::Consul::Connection& connection) {
        if (request.path == "/v1/agent/self") connection.send(fake::bytes_of({.body = fake::agent_self}));
        else if (request.path == "/v1/health/service/web" && request.index() == 0)
            connection.send(fake::bytes_of({.index = 10, .body = "[" + fake::instance("web", "w", "n", "10.0.0.9", 80) + "]"}));
        else if (request.index() == 0) connection.send(fake::bytes_of({.index = 5, .body = "[]"}));
        else
            while (!connection.gone() && !fixture.consul.stopping()) std::this_thread::sleep_for(10ms);
    });
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 1));
    for (int i = 0; i < 2000; ++i) {
        fixture.request("no-" + std::to_string(i));
        if (i % 20 == 0) fixture.run_for(2ms);
    }
    fixture.request("web");
    fixture.run_for(100ms);
    CHECK(fixture.service("web")->state == FactState::known);
    CHECK(fixture.consul.connections() <= 16 + 32 + 20);  // watches, cancelled ones, first reads
    CHECK(fixture.consul.count() <= 700);
    CHECK(fixture.published.size() <= 600);
    fixture.run_for(6s);
    CHECK(fixture.last_catalog().services->size() <= 17);
}

TEST_CASE("watcher: watches are cancelled only as often as the agent's connections allow", "[watcher]") {
    WatcherFixture fixture;
    fixture.consul.handle_all([&](const fake::Request& request, const fake::Consul::Connection& connection) {
        if (request.path == "/v1/agent/self") connection.send(fake::bytes_of({.body = fake::agent_self}));
        else if (request.index() == 0) connection.send(fake::bytes_of({.index = 5, .body = "[]"}));
        else
            while (!connection.gone() && !fixture.consul.stopping()) std::this_thread::sleep_for(10ms);
    });
    fixture.start();
    for (int i = 0; i < 450; ++i) {
        fixture.request("no-" + std::to_string(i));
        fixture.run_for(10ms);
    }
    std::size_t waits = 0;
    for (const auto& request : fixture.consul.requests()) waits += request.index() != 0;
    CHECK(waits > Waits::few);  // few blocking queries begin soon after a start; cancelled ones still count at the agent
    CHECK(waits <= Waits::few + 32 + 4);
}

TEST_CASE("watcher: names with special characters are quoted or refused", "[watcher]") {
    WatcherFixture fixture;
    fixture.consul.set("/v1/health/service/a%20b%2Fc", {.index = 3, .body = "[]"});
    fixture.start();
    fixture.request("a b/c");
    CHECK(fixture.known("a b/c", 0));
    fixture.request(std::string(64, 'x'));
    CHECK(fixture.known(std::string(64, 'x'), 0));
    fixture.request("tab\there");
    CHECK(fixture.known("tab\there", 0));
    fixture.request(std::string("nul\0here", 8));
    CHECK(fixture.service(std::string("nul\0here", 8)) == nullptr);
    fixture.run_for(20ms);
    CHECK(fixture.consul.requests().size() <= 3);
}

TEST_CASE("watcher: idle services end, and their requests are not cancelled", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_watch_idle = seconds(1);
    fixture.options.consul_watch = {"Pinned"};
    fixture.register_service("web", 10, 1);
    fixture.register_service("pinned", 10, 1);
    fixture.start();
    CHECK_FALSE(fixture.watcher->first_sync_done());
    fixture.request("web");
    REQUIRE(fixture.known("web", 1));
    REQUIRE(fixture.known("pinned", 1));
    CHECK(fixture.watcher->first_sync_done());
    fixture.run_for(2500ms);
    CHECK(fixture.service("web"));  // its blocking query still waits, so it is still known
    fixture.register_service("web", 11, 2);
    REQUIRE(fixture.until([&] { return !fixture.service("web"); }));
    CHECK(fixture.service("pinned"));
    CHECK(fixture.consul.count("/v1/health/service/web") == 2);
    // Asked for again without contact: the last facts are answered.
    fixture.consul.stop();
    fixture.run_for(1500ms);
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    CHECK(fixture.service("web")->stale);
}

TEST_CASE("watcher: a large body is parsed on the background thread while the loop runs", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("big", 10, 4000);
    fixture.start();
    fixture.request("big");
    REQUIRE(fixture.known("big", 4000, 20s));
    CHECK(fixture.service("big")->instances[3999].id == "big3999");
    fixture.register_service("big", 11, 4001);
    SECTION("it is adopted, and shares the instances that did not change") {
        const auto before = fixture.service("big");
        REQUIRE(fixture.known("big", 4001, 20s));
        const auto after = fixture.service("big");
        CHECK(after->records);
        CHECK(after->records != before->records);
        for (const std::size_t i : {0u, 2000u, 3999u}) CHECK(after->instances.shared(i) == before->instances.shared(i));
        CHECK(after->instances[4000].id == "big4000");
    }
    SECTION("the watcher is destroyed meanwhile") {
        fixture.run_for(30ms);
        fixture.watcher.reset();
    }
}

TEST_CASE("watcher: a body that cannot be parsed changes nothing", "[watcher]") {
    const auto body = GENERATE(as<std::string>{}, "", "<html>", "[{", "{}", "[1,2,3", "\"x\"");
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    const auto version = fixture.service("web")->version;
    fixture.consul.set("/v1/health/service/web", {.index = 11, .body = body});
    fixture.run_for(300ms);
    CHECK(fixture.service("web")->version == version);
    fixture.register_service("web", 12, 1);
    CHECK(fixture.known("web", 1));
}

TEST_CASE("watcher: nodes are read after the first need", "[watcher]") {
    WatcherFixture fixture;
    fixture.consul.set(
        "/v1/catalog/nodes",
        {.index = 4, .body = R"([{"ID":"","Node":"DB1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":null,"Meta":null}])"});
    fixture.start();
    fixture.request("x");
    fixture.run_for(50ms);
    CHECK(fixture.consul.count("/v1/catalog/nodes") == 0);
    fixture.watcher->request({Need::Kind::nodes, "", ""});
    REQUIRE(fixture.until(
        [&] { return fixture.last_catalog().nodes->contains("") && fixture.last_catalog().nodes->at("")->state == FactState::known; }));
    CHECK(fixture.last_catalog().nodes->at("")->by_name.at("db1")->address.text == "10.0.0.1");
}

TEST_CASE("watcher: the agent's settings apply, unless options are set", "[watcher]") {
    WatcherFixture fixture;
    fixture.consul.set(
        "/v1/agent/self",
        {.body =
             R"({"Config":{"Datacenter":"East","NodeName":"n1"},"DebugConfig":{"DNSDomain":"Corp.","DNSOnlyPassing":true,"DNSNodeTTL":"5s"}})"});
    fixture.register_service("web", 10, 1);
    SECTION("from the agent") {
        fixture.start();
        fixture.request("web");
        REQUIRE(fixture.known("web", 1));
        CHECK(fixture.last_catalog().settings->domains.front() == "corp");
        CHECK(fixture.last_catalog().settings->datacenter == "east");
        CHECK(fixture.last_catalog().settings->only_passing);
        CHECK(fixture.last_catalog().settings->node_ttl == 5);
    }
    SECTION("from options") {
        fixture.options.consul_domain = {"consul", "other"};
        fixture.options.consul_datacenter = "West";
        fixture.options.consul_only_passing = false;
        fixture.options.consul_node_ttl = 7;
        fixture.options.consul_service_ttl = 9;
        fixture.options.consul_dns_compat = ConsulCompat::strict;
        fixture.start();
        fixture.request("web");
        REQUIRE(fixture.known("web", 1));
        const auto& settings = *fixture.last_catalog().settings;
        CHECK(settings.domains == std::vector<std::string>{"consul", "other"});
        CHECK(settings.datacenter == "west");
        CHECK_FALSE(settings.only_passing);
        CHECK(settings.node_ttl == 7);
        CHECK(settings.service_ttl.front().second == 9);
        CHECK(settings.agent.strict);
        CHECK(fixture.consul.requests("/v1/health/service/web").front().query.at("dc") == "West");
    }
    SECTION("denied") {
        fixture.consul.set("/v1/agent/self", {.status = 403, .body = "Permission denied"});
        fixture.start();
        fixture.request("web");
        REQUIRE(fixture.known("web", 1));
        CHECK(fixture.last_catalog().settings->domains.front() == "consul");
    }
    SECTION("an agent that does not reply delays the watches for a bounded time") {
        fixture.consul.handle("/v1/agent/self", [&](const fake::Request&, const fake::Consul::Connection& connection) {
            while (!connection.gone() && !fixture.consul.stopping()) std::this_thread::sleep_for(5ms);
        });
        fixture.start();
        fixture.request("web");
        CHECK(fixture.known("web", 1, 3s));
    }
}

TEST_CASE("watcher: host names are resolved, refreshed while they are used, and removed", "[watcher]") {
    WatcherFixture fixture;
    fixture.options.consul_http_addr.front().assumed = true;
    fixture.start();
    const Need need{Need::Kind::host, "db.example", ""};
    fixture.watcher->request(need);
    CHECK(fixture.resolved == std::vector<std::string>{"db.example"});
    fixture.run_for(5ms);
    CHECK(fixture.last_catalog().hosts->at("db.example")->state == FactState::loading);
    fixture.watcher->on_host("db.example", {});
    fixture.run_for(5ms);
    CHECK(fixture.last_catalog().hosts->at("db.example")->state == FactState::failed);
    fixture.run_for(400ms);
    fixture.watcher->request(need);
    fixture.watcher->on_host("db.example", {std::vector{Address::v4(10, 0, 0, 2), Address::v4(10, 0, 0, 1)}, std::nullopt});
    fixture.run_for(5ms);
    const auto first = fixture.last_catalog().hosts->at("db.example");
    CHECK(first->state == FactState::known);
    const auto asked = fixture.resolved.size();
    REQUIRE(fixture.until([&] { return fixture.resolved.size() > asked; }, 2s));
    fixture.watcher->on_host("db.example", {std::vector{Address::v4(10, 0, 0, 1), Address::v4(10, 0, 0, 2)}, std::nullopt});
    fixture.run_for(5ms);
    CHECK(fixture.last_catalog().hosts->at("db.example") == first);  // another order is no change
    REQUIRE(fixture.until([&] { return fixture.resolved.size() > asked + 1; }, 3s));
    fixture.watcher->on_host("db.example", {});
    fixture.run_for(5ms);
    CHECK(fixture.last_catalog().hosts->at("db.example") == first);  // no result, no change
    const auto v6 = *Address::parse("fd00::1");
    fixture.watcher->on_host("db.example", {std::nullopt, std::vector{v6}});
    REQUIRE(fixture.until([&] { return fixture.last_catalog().hosts->at("db.example")->v6.size() == 1; }));
    CHECK(fixture.last_catalog().hosts->at("db.example")->v4 == first->v4);  // the query for this family failed
    fixture.watcher->on_host("db.example", {std::vector<Address>{}, std::vector{v6}});
    CHECK(fixture.until([&] { return fixture.last_catalog().hosts->at("db.example")->v4.empty(); }));
    CHECK(fixture.consul.connections() == 0);
}

TEST_CASE("watcher: new options are adopted", "[watcher]") {
    WatcherFixture fixture;
    fake::Consul other;
    other.set("/v1/agent/self", {.body = fake::agent_self});
    fixture.register_service("web", 1000, 1);
    other.set("/v1/health/service/web", {.index = 5, .body = "[" + fake::instance("web", "w", "n", "10.9.9.9", 80) + "]"});
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 1));
    SECTION("another address") {
        fixture.options.consul_http_addr = {{other.url(), {}}};
        fixture.watcher->adopt(fixture.options);
        CHECK(fixture.until([&] { return fixture.service("web")->instances[0].node->address.text == "10.9.9.9"; }));
        CHECK(fixture.service("web")->index == 5);
    }
    SECTION("Consul off and on again") {
        fixture.options.consul_http_addr.clear();
        fixture.watcher->adopt(fixture.options);
        CHECK_FALSE(fixture.last_catalog().consul_on);
        CHECK(fixture.last_catalog().services->empty());
        fixture.options.consul_http_addr = {{other.url(), {}}};
        fixture.watcher->adopt(fixture.options);
        CHECK(fixture.last_catalog().consul_on);
        fixture.request("web");
        CHECK(fixture.known("web", 1));
    }
    SECTION("a service to be watched") {
        fixture.register_service("more", 3, 1);
        fixture.options.consul_watch = {"more"};
        fixture.watcher->adopt(fixture.options);
        CHECK(fixture.known("more", 1));
        CHECK(fixture.watcher->first_sync_done());
    }
    SECTION("the watcher is stopped") {
        fixture.watcher->stop();
        fixture.request("more");
        fixture.run_for(20ms);
        CHECK(fixture.service("more") == nullptr);
    }
    other.stop();
}

TEST_CASE("watcher: after a 429 all requests are paced", "[watcher]") {
    WatcherFixture fixture;
    for (int i = 0; i < 12; ++i) fixture.register_service("s" + std::to_string(i), 10, 1);
    fixture.start();
    for (int i = 0; i < 12; ++i) fixture.request("s" + std::to_string(i));
    for (int i = 0; i < 12; ++i) REQUIRE(fixture.known("s" + std::to_string(i), 1));
    const auto limited = fake::bytes_of({.status = 429});
    fixture.consul.handle_all([limited](const fake::Request&, const fake::Consul::Connection& connection) { connection.send(limited); });
    fixture.run_for(1s);
    const auto before = fixture.consul.count();
    fixture.run_for(4s);
    CHECK(fixture.consul.count() - before <= 10);  // one a second, and agent/self
    for (int i = 0; i < 12; ++i) CHECK(fixture.service("s" + std::to_string(i))->instances.size() == 1);
}

TEST_CASE("watcher: the report lists all watches", "[watcher]") {
    WatcherFixture fixture;
    fixture.register_service("web", 10, 2);
    fixture.start();
    fixture.request("web");
    REQUIRE(fixture.known("web", 2));
    const auto rows = fixture.watcher->reports();
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
