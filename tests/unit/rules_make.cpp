// How do options and followed files become Rules: upstreams, routes, local data, notes for the log?
#include <catch2/catch.hpp>

#include <algorithm>

#include "conf/options/options.hpp"
#include "resolver/rules/hosts_file.hpp"
#include "resolver/rules/resolv_conf.hpp"
#include "resolver/rules/rules.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::rules;
using namespace lictor::wire;

namespace {

Name name_of(std::string_view text) { return *Name::parse(text); }

struct Made {
    Options options;
    FollowedFiles files;
    std::vector<Endpoint> own;
    std::vector<std::string> notes;

    Made() {
        options.no_resolv = true;
        options.consul_http_addr = {{"http://127.0.0.1:8500", {}}};
        options.consul_dns = Endpoint{Address::v4(127, 0, 0, 1), 8600};
    }
    ServerRule& server(std::vector<std::string> domains, std::string_view endpoint) {
        ServerRule rule;
        rule.domains = std::move(domains);
        if (!endpoint.empty()) rule.upstream = Endpoint::parse(endpoint, 53);
        options.server.push_back(rule);
        return options.server.back();
    }
    std::shared_ptr<const Rules> make() {
        notes.clear();
        return make_rules(options, files, own, notes);
    }
    bool noted(std::string_view text) const { return std::find(notes.begin(), notes.end(), text) != notes.end(); }
};

/// Endpoints of the route for a name, as text.
std::string route(const Rules& rules, std::string_view name) {
    const UpstreamGroup* group = find_route(rules, name_of(name));
    if (!group) return "nobody";
    if (group->local_only) return "local";
    std::string out;
    for (const auto index : group->members) out += (out.empty() ? "" : " ") + rules.upstreams[index].endpoint.text();
    return out;
}

}  // namespace

TEST_CASE("rules: server lines and resolv.conf are the default upstreams") {
    Made made;
    made.options.no_resolv = false;
    made.files.resolv = {
        {"/etc/resolv.conf",
         "# comment\nsearch corp\nnameserver 10.0.0.2\n nameserver\t10.0.0.3 # x\nserver fe80::1%eth0\r\noptions ndots:1\n"}};
    made.server({}, "10.0.0.1#5353");
    made.server({}, "10.0.0.2");
    const auto rules = made.make();
    CHECK(route(*rules, "a.example") == "10.0.0.1#5353 10.0.0.2#53 10.0.0.3#53 fe80::1#53");
    CHECK(rules->upstreams.back().interface == "eth0");
    CHECK(made.noted("using nameserver 10.0.0.1#5353"));
    CHECK(made.noted("using nameserver 10.0.0.3#53"));
    CHECK(made.noted("using nameserver fe80::1#53 (via eth0)"));
    made.options.no_resolv = true;
    CHECK(route(*made.make(), "a.example") == "10.0.0.1#5353 10.0.0.2#53");
}

TEST_CASE("rules: the longest domain applies, whatever the order of lines") {
    Made made;
    made.server({"db.corp", "lab"}, "10.0.0.3");
    made.server({"corp"}, "10.0.0.2");
    made.server({"corp"}, "10.0.0.4");
    made.server({}, "10.0.0.1");
    made.server({"secret.corp"}, "");
    made.server({"open.secret.corp"}, "").standard = true;
    const auto rules = made.make();
    CHECK(route(*rules, "x.example") == "10.0.0.1#53");
    CHECK(route(*rules, "corp") == "10.0.0.2#53 10.0.0.4#53");
    CHECK(route(*rules, "a.b.corp") == "10.0.0.2#53 10.0.0.4#53");
    CHECK(route(*rules, "x.db.corp") == "10.0.0.3#53");
    CHECK(route(*rules, "xdb.corp") == "10.0.0.2#53 10.0.0.4#53");
    CHECK(route(*rules, "lab") == "10.0.0.3#53");
    CHECK(route(*rules, "x.secret.corp") == "local");
    CHECK(route(*rules, "x.open.secret.corp") == "10.0.0.1#53");
    CHECK(made.noted("using nameserver 10.0.0.3#53 for domain db.corp"));
    CHECK(made.noted("using only locally-known addresses for secret.corp"));
    CHECK(made.noted("using standard nameservers for open.secret.corp"));
}

TEST_CASE("rules: for one domain a line with an upstream precedes one without") {
    Made made;
    made.server({"corp"}, "");
    made.server({"corp"}, "10.0.0.2");
    CHECK(route(*made.make(), "x.corp") == "10.0.0.2#53");
}

TEST_CASE("rules: names without dots have their own route, after a domain of that name") {
    Made made;
    made.server({""}, "10.0.0.7");
    made.server({"lan"}, "10.0.0.8");
    made.server({}, "10.0.0.1");
    const auto rules = made.make();
    CHECK(route(*rules, "printer") == "10.0.0.7#53");
    CHECK(route(*rules, "lan") == "10.0.0.8#53");
    CHECK(route(*rules, "printer.example") == "10.0.0.1#53");
    CHECK(route(*rules, ".") == "10.0.0.1#53");
    made.options.server.clear();
    made.server({}, "10.0.0.1");
    made.server({""}, "");
    CHECK(route(*made.make(), "printer") == "local");
}

TEST_CASE("rules: an upstream is listed once per interface and source") {
    Made made;
    made.server({}, "10.0.0.1");
    made.server({"corp"}, "10.0.0.1");
    made.server({"lab"}, "10.0.0.1").interface = "eth1";
    made.server({"net"}, "10.0.0.1").source = Endpoint{Address::v4(10, 9, 9, 9), 0};
    const auto rules = made.make();
    CHECK(rules->upstreams.size() == 1 + 3);  // with the agent's DNS
}

TEST_CASE("rules: lictor's own endpoints are not upstreams") {
    Made made;
    made.options.no_resolv = false;
    made.files.resolv = {{"/etc/resolv.conf", "nameserver 127.0.0.1\nnameserver 127.0.0.11\n"}};
    made.own = {{Address::v4(127, 0, 0, 1), 53}};
    CHECK(route(*made.make(), "a.example") == "127.0.0.11#53");
    CHECK(made.noted("ignoring nameserver 127.0.0.1#53 - local interface"));
    made.own = {{Address::v4(127, 0, 0, 1), 5300}};
    CHECK(route(*made.make(), "a.example") == "127.0.0.1#53 127.0.0.11#53");
    made.own = {{Address{}, 53}};  // a wildcard address includes every loopback address
    CHECK(route(*made.make(), "a.example").empty());
    CHECK(made.noted("warning: no upstream servers configured"));
}

TEST_CASE("rules: a resolv.conf that names only lictor keeps the last upstreams, and says so") {
    Made made;
    const auto text = GENERATE("nameserver 127.0.0.1\n", "search corp\n", "");
    made.options.no_resolv = false;
    made.own = {{Address::v4(127, 0, 0, 1), 53}};
    made.files.resolv = {{"/etc/resolv.conf", "nameserver 10.0.0.9\nnameserver 10.0.0.8\n"}};
    const auto before = made.make();
    made.files.resolv = {{"/etc/resolv.conf", text}};
    std::vector<std::string> notes;
    auto rules = make_rules(made.options, made.files, made.own, notes, before.get());
    const auto warned = [&](std::string_view end) {
        return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return note.starts_with("warning: /etc/resolv.conf names no") && note.find(end) != std::string::npos;
        });
    };
    REQUIRE(default_route(*rules));
    CHECK(default_route(*rules)->members.size() == 2);
    CHECK(rules->upstreams.back().endpoint.text() == "10.0.0.8#53");
    CHECK(warned("the last ones are kept"));
    SECTION("again and again") {
        rules = make_rules(made.options, made.files, made.own, notes, rules.get());
        CHECK(default_route(*rules)->members.size() == 2);
    }
    SECTION("until it names others") {
        made.files.resolv = {{"/etc/resolv.conf", "nameserver 10.0.0.7\n"}};
        rules = make_rules(made.options, made.files, made.own, notes, rules.get());
        CHECK(default_route(*rules)->members.size() == 1);
    }
    SECTION("not if no-resolv is set meanwhile") {
        made.options.no_resolv = true;
        rules = make_rules(made.options, made.files, made.own, notes, rules.get());
        CHECK((!default_route(*rules) || default_route(*rules)->members.empty()));
    }
    SECTION("at the start there are none to keep") {
        notes.clear();
        rules = make_rules(made.options, made.files, made.own, notes);
        CHECK((!default_route(*rules) || default_route(*rules)->members.empty()));
        CHECK(warned("Set resolv-file="));
        CHECK_FALSE(warned("are kept"));
    }
}

TEST_CASE("rules: in place of systemd-resolved's stub the servers that it asks itself are used") {
    Made made;
    made.options.no_resolv = false;
    made.own = {*Endpoint::parse("127.0.0.1", 53)};
    made.files.resolv = {{"/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n"}};
    made.files.resolved = FollowedFiles::Text{std::string(resolved_servers_path), "nameserver 192.0.2.1\nnameserver 127.0.0.1\n"};
    CHECK(route(*made.make(), "a.example") == "192.0.2.1#53");
    CHECK(made.noted("reading /run/systemd/resolve/resolv.conf"));
    SECTION("also when lictor is the nameserver of resolv.conf, with and without the stub") {
        made.files.resolv[0].text = "nameserver 127.0.0.1\n";
        CHECK(route(*made.make(), "a.example") == "192.0.2.1#53");
        made.files.resolv[0].text = "nameserver 127.0.0.1\nnameserver 127.0.0.54\n";
        CHECK(route(*made.make(), "a.example") == "192.0.2.1#53");
    }
    SECTION("not if resolv.conf names another server") {
        made.files.resolv[0].text = "nameserver 127.0.0.53\nnameserver 192.0.2.9\n";
        CHECK(route(*made.make(), "a.example") == "127.0.0.53#53 192.0.2.9#53");
        made.files.resolv[0].text = "nameserver 127.0.0.2\n";
        CHECK(route(*made.make(), "a.example") == "127.0.0.2#53");
    }
    SECTION("not if systemd-resolved knows only lictor, or nothing is known of it") {
        made.files.resolved->text = "nameserver 127.0.0.1\n";
        CHECK(route(*made.make(), "a.example") == "127.0.0.53#53");
        made.files.resolved.reset();
        CHECK(route(*made.make(), "a.example") == "127.0.0.53#53");
    }
}

TEST_CASE("rules: resolvers of this machine that are asked for all names are tested for a loop, and left out if there is one") {
    Made made;
    made.server({}, "127.0.0.53");
    made.server({}, "127.0.0.2#5300");
    made.server({}, "192.0.2.1");
    made.server({"corp.example"}, "127.0.0.54");
    const auto tested = [](const Rules& rules) {
        std::string all;
        for (const auto& [name, endpoint] : rules.loop_probes) all += (all.empty() ? "" : " ") + endpoint.text();
        return all;
    };
    auto rules = made.make();
    CHECK(tested(*rules) == "127.0.0.53#53");
    CHECK(rules->looping.empty());
    made.files.looping = {*Endpoint::parse("127.0.0.53", 53)};
    rules = made.make();
    CHECK(tested(*rules).empty());
    CHECK(rules->looping == made.files.looping);
    CHECK(route(*rules, "a.example") == "127.0.0.2#5300 192.0.2.1#53");
    made.files.looping.clear();
    made.options.dns_loop_detect = true;
    CHECK(tested(*made.make()) == "127.0.0.53#53 127.0.0.2#5300 192.0.2.1#53 127.0.0.54#53");

    // The last servers of resolv.conf are not said to be kept if all of them are loops.
    Made stub;
    stub.options.no_resolv = false;
    stub.files.resolv = {{"/etc/resolv.conf", "nameserver 127.0.0.53\n"}};
    const auto before = stub.make();
    stub.files.looping = {*Endpoint::parse("127.0.0.53", 53)};
    stub.notes.clear();
    CHECK(route(*make_rules(stub.options, stub.files, stub.own, stub.notes, before.get()), "a.example").empty());
    CHECK(std::ranges::none_of(stub.notes, [](const std::string& note) { return note.find("kept") != std::string::npos; }));
}

TEST_CASE("rules: a resolv.conf without servers is reported") {
    Made made;
    made.options.no_resolv = false;
    made.files.resolv = {{"/x/resolv.conf", "search corp\nnameserver nonsense\n"}};
    made.make();
    CHECK(made.noted("/x/resolv.conf:2: nameserver without an address; skipped"));
    CHECK(made.noted("no servers found in /x/resolv.conf, will retry"));
}

TEST_CASE("rules: the agent's DNS is an upstream, but names are routed to it only by server lines") {
    Made made;
    made.server({}, "10.0.0.1");
    auto rules = made.make();
    REQUIRE(rules->agent_dns);
    CHECK(rules->upstreams[*rules->agent_dns].agent_dns);
    CHECK(rules->upstreams[*rules->agent_dns].endpoint.text() == "127.0.0.1#8600");
    CHECK(route(*rules, "x.service.consul") == "10.0.0.1#53");
    made.options.consul_http_addr.clear();
    CHECK_FALSE(made.make()->agent_dns);
}

TEST_CASE("rules: reverse domains routed to the agent are answered from Consul's data") {
    Made made;
    made.server({}, "10.0.0.1");
    made.server({"10.in-addr.arpa"}, "127.0.0.1#8600");
    made.server({"168.192.in-addr.arpa"}, "10.0.0.2");
    made.server({"em"}, "127.0.0.1#8600");
    const auto rules = made.make();
    CHECK(rules->consul_reverse.size() == 1);
    CHECK(rules->consul_reverse.contains(name_of("10.in-addr.arpa")));
    CHECK(route(*rules, "1.0.0.10.in-addr.arpa") == "10.0.0.1#53");
    CHECK(route(*rules, "1.1.168.192.in-addr.arpa") == "10.0.0.2#53");
    CHECK(rules->upstreams[find_route(*rules, name_of("x.em"))->members[0]].agent_dns);
    made.options.consul_http_addr.clear();
    CHECK(route(*made.make(), "1.0.0.10.in-addr.arpa") == "127.0.0.1#8600");
}

TEST_CASE("rules: settings are copied") {
    Made made;
    made.options.cache_size = 1000;
    made.options.dns_forward_max = 7;
    made.options.edns_packet_max = 4096;
    made.options.strict_order = made.options.bogus_priv = true;
    made.options.log_queries = QueryLogging::plain;
    made.options.neg_ttl = 5;
    made.options.leader_flush = {"App.Example", "bad..name"};
    const auto rules = made.make();
    CHECK(rules->cache_size == 1000);
    CHECK(rules->cache_bytes == 512'000);
    CHECK(rules->dns_forward_max == 7);
    CHECK(rules->edns_packet_max == 4096);
    CHECK(rules->strict_order);
    CHECK(rules->bogus_priv);
    CHECK_FALSE(rules->all_servers);
    CHECK_FALSE(rules->domain_needed);
    CHECK(rules->log_queries);
    CHECK(rules->neg_ttl == 5u);
    REQUIRE(rules->flush_on_leader_change.size() == 1);
    CHECK(rules->flush_on_leader_change[0] == name_of("app.example"));
    CHECK(made.noted("leader-flush: 'bad..name' is not a domain name; skipped"));
    made.options.cache_size = 0;
    CHECK(made.make()->cache_size == 0);
}

TEST_CASE("rules: errors in a hosts file are reported with file and line") {
    std::vector<std::string> notes;
    const auto lines = parse_hosts(
        "127.0.0.1\tlocalhost\n\n# all comment\n10.0.0.5 DB.corp db # the database\r\n::1 ip6-localhost\nfe80::1%lo0 localhost\n"
        "1.2.3 x\n10.0.0.6\n10.0.0.7 ok bad..name\n",
        "/etc/hosts", notes);
    REQUIRE(lines.size() == 4);
    CHECK(lines[1].address.text() == "10.0.0.5");
    CHECK(lines[1].names == std::vector<Name>{name_of("db.corp"), name_of("db")});
    CHECK(lines[2].address.v6);
    CHECK(lines[3].names.size() == 1);
    CHECK(notes == std::vector<std::string>{
                       "/etc/hosts:6: 'fe80::1%lo0' is not an address; line skipped",
                       "/etc/hosts:7: '1.2.3' is not an address; line skipped",
                       "/etc/hosts:8: no name for 10.0.0.6",
                       "/etc/hosts:9: 'bad..name' is not a host name; skipped",
                   });
}

TEST_CASE("rules: the log lines about one hosts file are bounded") {
    std::vector<std::string> notes;
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "\x1b[2J\n";
    CHECK(parse_hosts(text, "/h", notes).empty());
    CHECK(notes.size() == 11);
    CHECK(notes[0].find('\x1b') == std::string::npos);
    CHECK(notes.back() == "/h: 990 more lines or names skipped");
}

TEST_CASE("rules: local names come from host-record and hosts files; PTR gives the first name of an address") {
    Made made;
    made.options.local_ttl = 9;
    made.options.host_record.push_back({{"db.corp", "db"}, {Address::v4(10, 0, 0, 5)}, 60});
    made.files.hosts = {{"/etc/hosts", "10.0.0.5 other.corp\n10.0.0.6 web.corp\n10.0.0.7 web.corp\n0.0.0.0 ads.example\n"}};
    const auto local = made.make()->local;
    CHECK(local->names.at(name_of("db")).ttl == 60);
    CHECK(local->names.at(name_of("web.corp")).addresses.size() == 2);
    CHECK(local->names.at(name_of("web.corp")).ttl == 9);
    CHECK(local->sources.at(local->names.at(name_of("web.corp")).source) == "/etc/hosts");
    CHECK(local->pointers.at(reverse_name(Address::v4(10, 0, 0, 5))).names == std::vector<Name>{name_of("db.corp")});
    CHECK_FALSE(local->pointers.contains(reverse_name(Address{})));
}

TEST_CASE("rules: the addresses of this machine are in the Rules whatever is listened on") {
    Made made;
    made.own = {*Endpoint::parse("10.0.0.1", 53)};
    made.files.interfaces = {{.interface = "eth0", .address = Address::v4(10, 0, 0, 1), .bits = 24, .up = true}};
    const auto made_rules = make_rules(made.options, made.files, made.own, made.notes);
    CHECK(made_rules->interfaces == made.files.interfaces);
    CHECK_FALSE(made_rules->local_service);
}
