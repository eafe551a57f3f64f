// Where does lictor listen, is it ready, and what do a reload and new Rules change?
#include <catch2/catch.hpp>

#include <functional>

#include "conf/options/options.hpp"
#include "resolver/lifecycle/faults.hpp"
#include "resolver/lifecycle/listen_plan.hpp"
#include "resolver/lifecycle/readiness.hpp"
#include "resolver/lifecycle/reload.hpp"
#include "resolver/rules/rules.hpp"

using namespace lictor;
using namespace lictor::lifecycle;

namespace {

Endpoint at(std::string_view address, std::uint16_t port = 53) { return {*Address::parse(address), port}; }

std::vector<rules::InterfaceAddress> machine() {
    const auto on = [](const char* name, std::string_view address, bool up = true, bool loopback = false) {
        return rules::InterfaceAddress{name, *Address::parse(address), 24, up, loopback};
    };
    return {on("lo", "127.0.0.1", true, true),
            on("lo", "::1", true, true),
            on("eth0", "10.0.0.1"),
            on("eth0", "fe80::1"),
            on("eth1", "10.0.1.1"),
            on("wlan0", "10.0.2.1", false),
            on("lo", "10.9.9.9", true, true)};
}

std::vector<Endpoint> to_serve(const std::function<void(conf::Options&)>& set) {
    conf::Options options;
    set(options);
    return endpoints_to_serve(options, machine());
}

std::vector<std::string> warning_texts(const ReadinessFacts& facts, const catalog::Catalog& catalog, const rules::Rules& rules,
                                       milliseconds leader_hold, Now now) {
    std::vector<std::string> texts;
    for (auto& warning : standing_warnings(facts, catalog, rules, leader_hold, now)) texts.push_back(std::move(warning.text));
    return texts;
}

}  // namespace

TEST_CASE("lifecycle: the options determine the endpoints to listen on") {
    using List = std::vector<Endpoint>;
    CHECK(to_serve([](auto&) {}) == List{at("127.0.0.1"), at("::1")});
    CHECK(to_serve([](auto& o) { o.port = 0; }).empty());
    CHECK(to_serve([](auto& o) { o.port = 5353; }).front() == at("127.0.0.1", 5353));
    CHECK(to_serve([](auto& o) { o.listen_address = {*Address::parse("192.0.2.1")}; }) == List{at("192.0.2.1")});
    // With interface= loopback is included; interfaces that are down and link-local addresses are not.
    CHECK(to_serve([](auto& o) {
              o.interface = {"eth*", "wlan0"};
          }) == List{at("127.0.0.1"), at("::1"), at("10.0.0.1"), at("10.0.1.1"), at("10.9.9.9")});
    CHECK(to_serve([](auto& o) { o.except_interface = {"eth0", "lo"}; }) == List{at("10.0.1.1")});
    CHECK(to_serve([](auto& o) {
              o.interface = {"eth1"};
              o.listen_address = {*Address::parse("10.0.1.1")};
          }) == List{at("10.0.1.1"), at("127.0.0.1"), at("::1"), at("10.9.9.9")});
    CHECK(endpoints_to_serve(conf::Options{}, {}) == List{at("127.0.0.1")});
}

TEST_CASE("lifecycle: followed interfaces, lictor's own endpoints and missing interfaces are determined") {
    conf::Options options;
    CHECK(follows_interfaces(options));
    options.interface = {"eth0", "eth9", "ppp*", "wlan0"};
    CHECK(follows_interfaces(options));
    CHECK(missing_interfaces(options, machine()) == std::vector<std::string>{"eth9", "wlan0"});
    options.bind_interfaces = true;
    CHECK_FALSE(follows_interfaces(options));
    // dnsmasq refuses a pattern without an interface, too.
    CHECK(missing_interfaces(options, machine()) == std::vector<std::string>{"eth9", "ppp*", "wlan0"});
    options.bind_dynamic = true;
    CHECK(follows_interfaces(options));
    CHECK(missing_interfaces(options, machine()) == std::vector<std::string>{"eth9", "wlan0"});

    CHECK(own_endpoints({at("10.0.0.1")}, machine()) == std::vector{at("10.0.0.1")});
    const auto own = own_endpoints({at("0.0.0.0", 5353)}, machine());
    CHECK(contains(own, at("10.0.1.1", 5353)));
    CHECK_FALSE(contains(own, at("10.0.2.1", 5353)));
    CHECK(endpoints_to_bind({at("127.0.0.1"), at("::1")}, {at("::1")}) == std::vector{at("127.0.0.1")});
}

TEST_CASE("lifecycle: the right to bind port 53 is kept only where an address may come later") {
    conf::Options options;
    const std::vector loopback{at("127.0.0.1"), at("::1")};
    CHECK_FALSE(binds_later(options, loopback));
    CHECK(binds_later(options, {}));
    options.listen_address = {*Address::parse("127.0.0.1"), *Address::parse("192.0.2.1"), *Address::parse("192.0.2.1")};
    CHECK(missing_addresses(options, loopback) == std::vector{at("192.0.2.1")});
    CHECK(binds_later(options, loopback));
    options.bind_interfaces = true;
    CHECK_FALSE(binds_later(options, loopback));
    options.bind_interfaces = false;
    CHECK_FALSE(binds_later(options, {at("127.0.0.1"), at("192.0.2.1")}));
    options.interface = {"eth0"};
    CHECK(binds_later(options, {at("127.0.0.1"), at("192.0.2.1")}));
    options.port = 5353;
    CHECK_FALSE(binds_later(options, {}));
    options.port = 0;
    CHECK_FALSE(binds_later(options, {}));
    CHECK(missing_addresses(options, {}).empty());
}

TEST_CASE("lifecycle: ready, or the first cause that it is not") {
    ReadinessFacts facts{.workers_alive = true, .consul_on = true, .consul_read = true, .has_upstream = true, .upstream_answered = true};
    CHECK(not_ready_because(facts).empty());
    facts.upstream_answered = false;
    CHECK(not_ready_because(facts) == "no upstream has answered yet");
    facts.consul_read = false;
    CHECK(not_ready_because(facts) == "the first reads from Consul are not done");
    facts.consul_failure = "HTTP 403";
    CHECK(not_ready_because(facts) == "the first reads from Consul are not done: HTTP 403");
    facts.workers_alive = false;
    CHECK(not_ready_because(facts) == "a worker's loop does not run");
    // Without Consul nothing is read from it.
    facts = {.workers_alive = true, .has_upstream = true, .upstream_answered = true};
    CHECK(not_ready_because(facts).empty());
    // One of several upstreams is left out because of a loop; or all are.
    facts.has_loop = true;
    CHECK(not_ready_because(facts).empty());
    facts.has_upstream = false;
    CHECK(not_ready_because(facts) == "the only upstream sends queries back to lictor");
}

TEST_CASE("lifecycle: ready without Consul's HTTP API, in each combination") {
    const catalog::Catalog catalog;
    const auto warnings = [&](const ReadinessFacts& facts) {
        return warning_texts(facts, catalog, *rules::no_rules(), seconds(4), seconds(100));
    };
    ReadinessFacts facts{.workers_alive = true, .consul_on = true, .has_upstream = true, .upstream_answered = true};
    facts.consul_failure = "connection refused";

    // Assumed, no agent: the upstreams answer, if there are any.
    facts.consul_gives_way = true;
    CHECK(not_ready_because(facts).empty());
    CHECK(warnings(facts) ==
          std::vector<std::string>{"Consul is not configured, and no agent answers on this machine (connection refused): "
                                   "names below consul are forwarded until an agent answers"});
    facts.upstream_answered = false;
    CHECK(not_ready_because(facts) == "no upstream has answered yet");
    facts.has_upstream = false;
    facts.upstream_answered = true;
    CHECK(not_ready_because(facts) == "no Consul agent answers, and there is no upstream: connection refused");

    // Configured, and only the agent's DNS answers: ready, except for leader names.
    facts = {.workers_alive = true, .consul_on = true, .agent_dns_answers = true, .has_upstream = true, .upstream_answered = true};
    facts.consul_failure = "connection refused";
    CHECK(not_ready_because(facts).empty());
    CHECK(warnings(facts) ==
          std::vector<std::string>{"Consul's HTTP API cannot be read (connection refused): the agent's DNS is asked for each "
                                   "name, and leaders are not followed (set consul-http-addr)"});
    facts.has_leader_lines = true;
    CHECK(not_ready_because(facts) ==
          "the agent's DNS answers, but the leaders need Consul's HTTP API, and the first reads from it are not done: connection refused");
    facts.agent_dns_answers = false;
    CHECK(not_ready_because(facts) == "the first reads from Consul are not done: connection refused");
    CHECK(warnings(facts).empty());

    // Only Consul, no upstream: ready once it is read.
    facts = {.workers_alive = true, .consul_on = true, .consul_read = true, .has_upstream = false, .upstream_answered = true};
    CHECK(not_ready_because(facts).empty());
    CHECK(warnings(facts) ==
          std::vector<std::string>{"there is no upstream for all names: only local data, Consul's names and the domains of "
                                   "server= lines are answered"});
}

TEST_CASE("lifecycle: only a default upstream is waited for") {
    conf::Options options;
    options.no_resolv = true;
    options.consul_http_addr.clear();
    std::vector<std::string> notes;
    CHECK_FALSE(waits_for_upstream(*rules::make_rules(options, {}, {}, notes)));
    options.server.emplace_back().domains = {"example"};
    options.server.back().upstream = at("192.0.2.1");
    CHECK_FALSE(waits_for_upstream(*rules::make_rules(options, {}, {}, notes)));
    options.server.emplace_back().upstream = at("192.0.2.2");
    CHECK(waits_for_upstream(*rules::make_rules(options, {}, {}, notes)));
}

TEST_CASE("lifecycle: a reload has an effect only on what it changes") {
    conf::Options before, after;
    CHECK(effects_of_reload(before, after).warnings.empty());
    after.threads = before.threads + 1;
    after.shadow = "log:/var/log/dnsmasq.log";
    const auto effects = effects_of_reload(before, after);
    CHECK(effects.warnings == std::vector<std::string>{"threads changed: this takes effect at the next start"});
    CHECK(effects.restart_shadow);
    CHECK_FALSE(effects_of_reload(after, after).restart_shadow);
}

TEST_CASE("lifecycle: an upstream that is left out because of a loop is a warning with its remedy") {
    rules::Rules rules;
    rules.looping = {at("127.0.0.53"), at("192.0.2.1")};
    const auto warnings =
        standing_warnings({.workers_alive = true, .has_upstream = true, .upstream_answered = true}, {}, rules, seconds(4), seconds(100));
    REQUIRE(warnings.size() == 2);
    CHECK(warnings[0].text ==
          "127.0.0.53#53, the stub of systemd-resolved, sends queries back to lictor and is not used (set "
          "resolv-file=/run/systemd/resolve/resolv.conf, or remove lictor from its upstreams; it is tested again when resolv.conf changes "
          "and at a reload)");
    CHECK(warnings[1].text.starts_with("192.0.2.1#53 sends queries back to lictor and is not used (name the servers behind it"));
}

TEST_CASE("lifecycle: new Rules have an effect only on what they change") {
    conf::Options options;
    options.clear_on_reload = true;
    rules::Rules rules;
    rules.upstreams.emplace_back().endpoint = at("192.0.2.1");
    rules.loop_probes.emplace_back(*wire::Name::parse("probe.test"), at("192.0.2.1"));
    const auto at_start = effects_of_rules({}, rules, options);
    CHECK(at_start.probe_loops);
    CHECK_FALSE(at_start.clear_cache);
    const auto unchanged = effects_of_rules(rules.upstreams, rules, options);
    CHECK_FALSE(unchanged.probe_loops);
    CHECK_FALSE(unchanged.clear_cache);
    std::vector<rules::Upstream> other(1);
    other[0].endpoint = at("192.0.2.9");
    CHECK(effects_of_rules(other, rules, options).clear_cache);
    options.clear_on_reload = false;
    CHECK_FALSE(effects_of_rules(other, rules, options).clear_cache);

    const std::vector<std::string> seen{"using nameserver 192.0.2.1", "inotify: /etc/hosts.d/a new or modified"};
    CHECK(notes_to_log(seen, {seen[0], seen[1], "failed to load names from /x"}) ==
          std::vector<std::string>{seen[1], "failed to load names from /x"});
}

TEST_CASE("lifecycle: a leader without keys, or without an address for longer than the hold, is a warning") {
    const ReadinessFacts fine{.workers_alive = true, .has_upstream = true, .upstream_answered = true};
    catalog::Catalog catalog;
    auto leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>();
    const auto add = [&](const char* scope, catalog::LeaderState state, catalog::LeaderReason reason, Now since) {
        catalog::LeaderEntry entry;
        entry.scope = entry.service = scope;
        entry.keys = std::string("service/") + scope + '/';
        entry.state = state;
        entry.reason = reason;
        entry.since = since;
        (*leaders)[scope] = std::make_shared<catalog::LeaderEntry>(entry);
    };
    add("led", catalog::LeaderState::led, catalog::LeaderReason::confirmed, Now{});
    add("moving", catalog::LeaderState::vacant, catalog::LeaderReason::lock_free, seconds(97));
    add("old", catalog::LeaderState::vacant, catalog::LeaderReason::lock_free, seconds(95));
    add("misspelt", catalog::LeaderState::vacant, catalog::LeaderReason::no_keys, seconds(99));
    add("loading", catalog::LeaderState::loading, catalog::LeaderReason::not_read_yet, seconds(90));
    add("standby", catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster, Now{});
    catalog.leaders = leaders;
    CHECK(warning_texts(fine, catalog, *rules::no_rules(), seconds(4), seconds(100)) ==
          std::vector<std::string>{"leader loading: queries are held: the cluster's keys have not been read yet",
                                   "leader misspelt: queries are held: there is no key below service/misspelt/",
                                   "leader old: queries are held: no member holds the lock"});
    for (int i = 0; i < 300; ++i)
        add(("n" + std::to_string(i)).c_str(), catalog::LeaderState::vacant, catalog::LeaderReason::no_keys, Now{});
    CHECK(warning_texts(fine, catalog, *rules::no_rules(), seconds(4), seconds(100)).size() == 100);
}

TEST_CASE("lifecycle: a leader whose name is forwarded is a warning") {
    const ReadinessFacts fine{.workers_alive = true, .has_upstream = true, .upstream_answered = true};
    catalog::Catalog catalog;
    catalog::LeaderEntry entry;
    entry.scope = entry.service = "pg";
    entry.state = catalog::LeaderState::led;
    catalog.leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>(
        catalog::TableOf<catalog::LeaderEntry>{{"pg", std::make_shared<catalog::LeaderEntry>(entry)}});
    const auto warned = [&](const char* domain, const Endpoint& upstream) {
        conf::Options options;
        options.no_resolv = true;
        options.consul_http_addr = {{.url = "http://127.0.0.1:8500", .unix_path = {}}};
        options.consul_dns = at("127.0.0.1", 8600);
        options.server.emplace_back().upstream = at("192.0.2.2");
        options.server.emplace_back().domains = {domain};
        options.server.back().upstream = upstream;
        std::vector<std::string> notes;
        const auto rules = rules::make_rules(options, {}, {}, notes);
        return warning_texts(fine, catalog, *rules, seconds(4), seconds(100));
    };
    CHECK(warned("pg.service.consul", at("192.0.2.1")) ==
          std::vector<std::string>{
              "leader pg: master.pg.service.consul is forwarded to 192.0.2.1#53 by a server= line, and not answered by the "
              "lock (remove the line, or name this Consul agent in consul-dns)"});
    CHECK(warned("pg.service.consul", at("127.0.0.1", 8600)).empty());
    CHECK(warned("pg.service.consul", at("10.0.0.5", 8600)).empty());
    CHECK(warned("web.service.consul", at("192.0.2.1")).empty());
    CHECK(warned("example", at("192.0.2.1")).empty());
}

TEST_CASE("lifecycle: faults in words, the worst first") {
    ReadinessFacts facts{.workers_alive = true, .consul_on = true, .consul_read = true, .has_upstream = true, .upstream_answered = true};
    FaultFacts more;
    catalog::Catalog catalog;
    catalog.consul_on = catalog.reachable = true;
    conf::Options options;
    options.no_resolv = true;
    options.server.emplace_back().upstream = at("192.0.2.1");
    options.server.emplace_back().upstream = at("192.0.2.2");
    std::vector<std::string> notes;
    const auto rules = rules::make_rules(options, {}, {}, notes);
    const auto texts = [&] {
        std::vector<std::string> lines;
        for (const auto& fault : standing_faults(facts, more, catalog, *rules, seconds(4), seconds(100)))
            lines.push_back(std::string(word(fault.level)) + ": " + fault.text);
        return lines;
    };
    using Lines = std::vector<std::string>;
    CHECK(texts().empty());

    // One of two upstreams may fail.
    more.upstreams = {{.endpoint = at("192.0.2.1"), .failing = true}, {.endpoint = at("192.0.2.2")}};
    CHECK(texts().empty());
    more.upstreams[1].failing = true;
    CHECK(texts() == Lines{"bad: no upstream answers"});
    facts.upstream_answered = false;
    CHECK(texts() == Lines{"bad: no upstream answers"});
    more.upstreams.clear();
    CHECK(texts() == Lines{"notice: not ready: no upstream has answered yet"});
    facts.upstream_answered = true;

    more.stale_watches = 3;
    more.reload_refused = true;
    CHECK(texts() == Lines{"notice: 3 watches on Consul fail: their last known data is answered",
                           "notice: the last reload was refused: the earlier configuration is in force"});
    more.stale_watches = 1;
    CHECK(texts().front() == "notice: a watch on Consul fails: its last known data is answered");
    more = {};

    // Consul, with the time in the unit that fits.
    catalog.reachable = false;
    CHECK(texts() == Lines{"notice: the last request to Consul failed"});
    catalog.contact_lost = true;
    CHECK(texts() == Lines{"bad: Consul has not answered since the start: answers from the snapshot, if there is one"});
    for (const auto& [age, text] : {std::pair{27.9, "27 s"}, {119.0, "119 s"}, {150.0, "2 min"}, {7300.0, "2 h"}, {-5.0, "0 s"}}) {
        more.contact_age_seconds = age;
        CHECK(texts() == Lines{"bad: Consul out of contact for " + std::string(text) + ": answers from memory"});
    }
    catalog.expired = true;
    more.contact_age_seconds = 27;
    CHECK(texts() == Lines{"bad: Consul out of contact for 27 s, longer than consul-max-stale: its names get SERVFAIL"});
    catalog = {};
    catalog.consul_on = catalog.reachable = true;

    // Leaders: at once, not only after leader-hold.
    auto leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>();
    const auto add = [&](const char* scope, catalog::LeaderState state, catalog::LeaderReason reason) {
        catalog::LeaderEntry entry;
        entry.scope = entry.service = scope;
        entry.state = state;
        entry.reason = reason;
        entry.since = seconds(97);
        (*leaders)[scope] = std::make_shared<catalog::LeaderEntry>(entry);
    };
    add("led", catalog::LeaderState::led, catalog::LeaderReason::confirmed);
    add("kept", catalog::LeaderState::led, catalog::LeaderReason::kept_grace);
    add("empty", catalog::LeaderState::vacant, catalog::LeaderReason::lock_free);
    add("standby", catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster);
    catalog.leaders = leaders;
    facts.workers_alive = false;
    const auto found = texts();
    REQUIRE(found.size() == 3);
    CHECK(found[0] == "bad: a worker's loop does not run: queries are not answered");
    CHECK(found[1].starts_with("bad: empty: nobody leads for 3 s ("));
    CHECK(found[2].starts_with("notice: kept: "));
    for (int i = 0; i < 300; ++i) add(("n" + std::to_string(i)).c_str(), catalog::LeaderState::vacant, catalog::LeaderReason::lock_free);
    CHECK(texts().size() == 100);
}
