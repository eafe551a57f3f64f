// Is each cause counted, logged and sent with its extended error and text? A case for each cause makes a Resolver return it. The test fails
// for a cause without a case, and if the list in resolver/ANSWERS.md differs from the table.
#include <catch2/catch.hpp>

#include <fstream>
#include <functional>
#include <sstream>

#include "conf/metrics/cause_rows.hpp"
#include "tests/unit/forward_world.hpp"
#include "tests/unit/resolver_world.hpp"
#include "tests/unit/zone_fixture.hpp"

namespace lictor::test {
namespace {

using answer::Cause;

/// A Resolver that logs queries, with a catalog and options to be set up before `begin`.
class Stage : public ResolverWorld {
public:
    Stage() {
        options.no_resolv = true;
        options.log_queries = conf::QueryLogging::plain;
    }
    void server() {
        conf::ServerRule rule;
        rule.upstream = Endpoint::parse("10.0.0.1", 53);
        options.server.push_back(rule);
    }
    void begin() {
        facts.settle();
        std::vector<std::string> notes;
        rules = std::make_shared<rules::Rules>(*rules::make_rules(options, {}, {}, notes));
        show(facts.catalog);
    }
    void put(const std::string& name, std::uint16_t type = rrtype::a) {
        put(Wording{.name = name, .type = type, .edns_version = 0}.bytes());
    }
    void put(const std::vector<std::uint8_t>& message) {
        const auto answer = ask(message);
        if (answer.answered()) last.assign(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(answer.size));
        perform();
    }
    void pass(microseconds span) {
        for (; span > microseconds{0}; span -= milliseconds(100)) {
            wait(milliseconds(100));
            perform();
        }
    }
    /// Makes the reply to each open attempt; null: there is no network.
    void upstreams(const std::function<UpstreamReply(UpstreamReply)>& words, int turns = 50) {
        for (int turn = 0; turn < turns; ++turn) {
            for (const auto& ask : std::exchange(open, {})) {
                if (words) resolver.on_reply(ask.attempt, words(UpstreamReply(ask)).bytes(), at, actions);
                else resolver.on_failure(ask.attempt, at, actions);
            }
            perform();
            pass(milliseconds(100));
        }
    }
    void perform() {
        for (const auto& action : actions) {
            if (const auto* later = std::get_if<answer::Reply>(&action)) last = later->bytes;
            if (const auto* ask = std::get_if<answer::Ask>(&action)) open.push_back(*ask);
            if (const auto* line = std::get_if<answer::QueryLog>(&action)) log.push_back(line->line);
        }
        actions.clear();
    }
    void service(const std::string& address = "10.1.0.2") {
        facts.instance("web", facts.node("alpha", "10.0.0.1"), 80, {.address = address});
    }

    ZoneWorld facts;
    conf::Options options;
    std::vector<std::uint8_t> last;
    std::vector<answer::Ask> open;
    std::vector<std::string> log;
};

struct Case {
    Cause cause;
    std::string text;  ///< EXTRA-TEXT
    std::string line;  ///< must be in the query log
    std::function<void(Stage&)> provoke;
    bool edns = true;  ///< false: the query's OPT cannot be read
};

UpstreamReply one_address(UpstreamReply response, const char* address) { return response.a("a.example", 10, address); }

std::vector<Case> cases() {
    const auto net = [](const char* text, unsigned bits) { return conf::Network{*Address::parse(text), bits}; };
    return {
        {Cause::consul_stale, "Consul not in contact for 27 s, last known answer", "stale web.service.consul is 10.1.0.2",
         [](Stage& s) {
             s.service();
             s.facts.catalog.contact_lost = true;
             s.facts.catalog.contact_lost_at = s.at.now - seconds(27);
             s.begin();
             s.put("web.service.consul");
         }},
        {Cause::watch_stale, "Consul fails to answer for this name, last known answer", "stale web.service.consul is 10.1.0.2",
         [](Stage& s) {
             s.service();
             s.facts.service("web").stale = true;
             s.begin();
             s.put("web.service.consul");
         }},
        {Cause::consul_expired, "Consul not in contact for 90 s, longer than consul-max-stale",
         "consul error is SERVFAIL (EDE: no reachable authority): Consul not in contact for 90 s, longer than consul-max-stale",
         [](Stage& s) {
             s.service();
             s.facts.catalog.contact_lost = s.facts.catalog.expired = true;
             s.facts.catalog.contact_lost_at = s.at.now - seconds(90);
             s.begin();
             s.put("web.service.consul");
         }},
        {Cause::leader_gap, "pg has no leader: lock is free for 7 s",
         "leader error is SERVFAIL (EDE: not ready): pg has no leader: lock is free for 7 s",
         [](Stage& s) {
             auto& leader = s.facts.leader("pg", catalog::LeaderState::vacant);
             leader.version = 1;
             leader.since = s.at.now - seconds(3);
             leader.reason = catalog::LeaderReason::lock_free;
             s.begin();
             s.put("master.pg.service.consul");
             s.pass(seconds(5));
         }},
        {Cause::held_full, "pg has no leader, and too many queries are held",
         "leader error is SERVFAIL (EDE: not ready): pg has no leader, and too many queries are held",
         [](Stage& s) {
             s.facts.leader("pg", catalog::LeaderState::vacant);
             s.options.leader_hold_max = 1;
             s.begin();
             s.put("master.pg.service.consul");
             s.put("master.pg.service.consul", rrtype::aaaa);
         }},
        {Cause::consul_unread, "web not read from Consul in time",
         "consul error is SERVFAIL (EDE: not ready): web not read from Consul in time",
         [](Stage& s) {
             s.begin();
             s.put("web.service.consul");
             s.pass(seconds(5));
         }},
        {Cause::host_unresolved, "host name db.example not resolved in time",
         "consul error is SERVFAIL (EDE: not ready): host name db.example not resolved in time",
         [](Stage& s) {
             s.service("db.example");
             s.begin();
             s.put("web.service.consul");
             s.pass(seconds(5));
         }},
        {Cause::waiting_full, "too many queries wait for Consul",
         "consul error is SERVFAIL (EDE: not ready): too many queries wait for Consul",
         [](Stage& s) {
             s.begin();
             for (int i = 0; i <= 7'500; ++i) s.put("s" + std::to_string(i) + ".service.consul");
         }},
        {Cause::no_agent_dns, "only the agent's DNS can answer, and none is configured",
         "consul error is SERVFAIL (EDE: network error): only the agent's DNS can answer, and none is configured",
         [](Stage& s) {
             s.begin();
             s.put("x.query.consul");
         }},
        {Cause::unencodable, "no DNS message can hold the name or address in Consul",
         "consul error is SERVFAIL (EDE: other): no DNS message can hold the name or address in Consul",
         [](Stage& s) {
             s.service(std::string(70, 'x') + ".example");
             s.begin();
             s.put("web.service.consul");
         }},
        {Cause::consul_refuses, "Consul refuses the look-up of an empty service name",
         "consul error is SERVFAIL (EDE: other): Consul refuses the look-up of an empty service name",
         [](Stage& s) {
             s.begin();
             s.put("_._tcp.service.consul");
         }},
        {Cause::alias_chain, "chain of aliases too long", "config error is SERVFAIL (EDE: other): chain of aliases too long",
         [](Stage& s) {
             s.options.cname = {{{"a.example"}, "b.example", {}}, {{"b.example"}, "a.example", {}}};
             s.begin();
             s.put("a.example");
         }},
        {Cause::zone_transfer, "zone transfer not supported", "config error is not implemented (EDE: other): zone transfer not supported",
         [](Stage& s) {
             s.begin();
             s.put("a.example", rrtype::axfr);
         }},
        {Cause::edns_version, "EDNS version not supported", "config error is 16 (EDE: other): EDNS version not supported",
         [](Stage& s) {
             s.begin();
             s.put(Wording{.edns_version = 1}.bytes());
         }},
        {Cause::bad_cookie, "too many queries without a good cookie", "config error is 23: too many queries without a good cookie",
         [](Stage& s) {
             s.options.rrl_ratelimit = 1;
             s.begin();
             auto message = Wording{.edns_version = 0}.bytes();
             message.back() = 12;
             message.insert(message.end(), {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8});
             for (int i = 0; i < 2; ++i) {
                 const auto answer = s.ask(message, Address::v4(203, 0, 113, 5));
                 s.last.assign(s.reply.begin(), s.reply.begin() + static_cast<std::ptrdiff_t>(answer.size));
             }
             s.perform();
         }},
        {Cause::malformed, "not a query that can be read", "config error is 1 (EDE: other): not a query that can be read",
         [](Stage& s) {
             s.begin();
             auto message = Wording{.edns_version = 0}.bytes();
             const std::vector<std::uint8_t> opt(message.end() - 11, message.end());
             message[11] = 2;  // two OPT records
             message.insert(message.end(), opt.begin(), opt.end());
             s.put(message);
         }},
        {Cause::opcode, "operation not supported", "config error is not implemented (EDE: other): operation not supported",
         [](Stage& s) {
             s.begin();
             s.put(Wording{.bits = 0x2000, .edns_version = 0}.bytes());
         },
         false},
        {Cause::chaos_name, "CHAOS name not supported", "config error is not implemented (EDE: other): CHAOS name not supported",
         [](Stage& s) {
             s.begin();
             s.put(Wording{.name = "no.bind", .type = rrtype::txt, .klass = rrclass::chaos, .edns_version = 0}.bytes());
         }},
        {Cause::stopping, "lictor is shutting down", "config error is SERVFAIL (EDE: not ready): lictor is shutting down",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.resolver.on_stop(s.at, s.actions);
             s.perform();
         }},
        {Cause::no_upstream, "no upstream configured", "config error is SERVFAIL (EDE: not ready): no upstream configured",
         [](Stage& s) {
             s.begin();
             s.put("a.example");
         }},
        {Cause::overload, "too many queries in flight (dns-forward-max)",
         "config error is SERVFAIL (EDE: other): too many queries in flight (dns-forward-max)",
         [](Stage& s) {
             s.server();
             s.options.dns_forward_max = 1;
             s.begin();
             s.put("a.example");
             s.put("b.example");
         }},
        {Cause::memory, "no memory left for another query (memory-max)",
         "config error is SERVFAIL (EDE: other): no memory left for another query (memory-max)",
         [](Stage& s) {
             static budget::Budget nothing{0};
             s.counters.memory.open(nothing);
             s.server();
             s.begin();
             for (int i = 0; i < 1000 && s.counters.cause_memory.get() == 0; ++i) s.put("n" + std::to_string(i) + ".example");
         }},
        {Cause::client_share, "this client has its share of the queries in flight",
         "config error is SERVFAIL (EDE: other): this client has its share of the queries in flight",
         [](Stage& s) {
             s.server();
             s.options.dns_forward_max = 8;
             s.begin();
             for (int i = 0; i < 7; ++i) s.put("n" + std::to_string(i) + ".example");
         }},
        {Cause::upstream_silent, "no reply from the upstreams within 4 s",
         "config error is SERVFAIL (EDE: no reachable authority): no reply from the upstreams within 4 s",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.pass(seconds(5));
         }},
        {Cause::upstream_unreachable, "the upstreams not reachable",
         "config error is SERVFAIL (EDE: network error): the upstreams not reachable",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.upstreams({});
         }},
        {Cause::upstream_failed, "no useful reply from the upstreams",
         "reply error is SERVFAIL (EDE: other): no useful reply from the upstreams",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return response.code(rcode::servfail); });
         }},
        {Cause::upstream_code, "response code of the upstream passed on",
         "reply error is 6 (EDE: other): response code of the upstream passed on",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return response.code(6); });
         }},
        {Cause::cached_failure, "failed 0 s ago, not asked again yet",
         "cached error is SERVFAIL (EDE: other): failed 0 s ago, not asked again yet",
         [](Stage& s) {
             s.server();
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return response.code(rcode::servfail); }, 1);
             s.put("a.example");
         }},
        {Cause::cache_stale, "expired 27 s ago, upstreams are asked again", "cached-stale a.example is 192.0.2.1",
         [](Stage& s) {
             s.server();
             s.options.use_stale_cache = seconds(0);
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return one_address(response, "192.0.2.1"); });
             s.pass(seconds(32));
             s.put("a.example");
         }},
        {Cause::bogus, "address listed in bogus-nxdomain", "reply a.example is NXDOMAIN (EDE: blocked): address listed in bogus-nxdomain",
         [net](Stage& s) {
             s.server();
             s.options.bogus_nxdomain = {net("192.0.2.0", 24)};
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return one_address(response, "192.0.2.1"); });
         }},
        {Cause::rebind, "private address withheld (stop-dns-rebind)",
         "reply a.example is NODATA-IPv4 (EDE: blocked): private address withheld (stop-dns-rebind)",
         [](Stage& s) {
             s.server();
             s.options.stop_dns_rebind = true;
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return one_address(response, "10.1.2.3"); });
         }},
        {Cause::filtered, "records removed (filter-A, filter-AAAA, filter-rr)",
         "reply a.example is NODATA-IPv4 (EDE: filtered): records removed (filter-A, filter-AAAA, filter-rr)",
         [](Stage& s) {
             s.server();
             s.options.filter_a = true;
             s.begin();
             s.put("a.example");
             s.upstreams([](UpstreamReply response) { return one_address(response, "192.0.2.1"); });
         }},
    };
}

/// Searches all lines: the refresh behind a stale answer logs further ones.
bool has_line(const std::vector<std::string>& log, const std::string& line) { return std::ranges::find(log, line) != log.end(); }

}  // namespace

TEST_CASE("causes: each is counted, logged and sent with its extended error and text") {
    std::set<Cause> provoked;
    for (const Case& one : cases()) {
        const metrics::CauseRow& row = *metrics::row_of(one.cause);
        INFO(row.word);
        Stage stage;
        one.provoke(stage);
        provoked.insert(one.cause);
        CHECK((stage.counters.*row.total).get() == 1);
        if (row.further_total) CHECK((stage.counters.*row.further_total).get() >= 1);
        INFO((stage.log.empty() ? std::string("no line") : stage.log.back()));
        CHECK(has_line(stage.log, one.line));
        REQUIRE_FALSE(stage.last.empty());
        const Seen seen(stage.last);
        CHECK(seen.whole);
        if (row.rcode) CHECK((seen.edns.extended_rcode << 4 | seen.rcode()) == *row.rcode);
        REQUIRE(seen.edns.present == one.edns);
        if (!one.edns) continue;
        CHECK(seen.extended_error == row.extended_error);
        CHECK(seen.text == (row.extended_error ? one.text : std::string()));
    }
    for (const metrics::CauseRow& row : metrics::cause_rows) {
        INFO(row.word << ": no case provokes it");
        CHECK(provoked.contains(row.cause));
    }
}

TEST_CASE("causes: a stale NXDOMAIN has its own extended error, and none in strict mode") {
    const bool strict = GENERATE(false, true);
    Stage stage;
    stage.service();
    stage.facts.set_strict(strict);
    stage.facts.catalog.contact_lost = true;
    stage.begin();
    stage.put("no-such.web.service.consul");
    const Seen seen(stage.last);
    CHECK(seen.rcode() == rcode::nxdomain);
    CHECK(seen.extended_error == (strict ? std::nullopt : std::optional(unsigned{ede::stale_nxdomain})));
    CHECK(stage.counters.cause_consul_stale.get() == 1);
}

TEST_CASE("causes: the reply for an alias has the extended error of its target, and edns-packet-max in its OPT") {
    Stage stage;
    stage.options.cname = {{{"a.example"}, "b.example", {}}};
    stage.options.edns_packet_max = 1400;
    stage.begin();
    stage.put("a.example");
    const Seen seen(stage.last);
    CHECK(seen.rcode() == rcode::servfail);
    CHECK(seen.extended_error == ede::not_ready);
    CHECK(seen.text == "no upstream configured");
    CHECK(seen.edns.udp_size == 1400);
    CHECK(stage.counters.cause_no_upstream.get() == 1);
    CHECK(stage.counters.rcode_servfail.get() == 1);
}

TEST_CASE("causes: the list in ANSWERS.md equals the table") {
    std::ifstream file(LICTOR_SOURCE_DIR "/resolver/ANSWERS.md");
    std::stringstream all;
    all << file.rdbuf();
    for (const metrics::CauseRow& row : metrics::cause_rows) {
        const std::string line = "| `" + std::string(row.word) + "` | " +
                                 (row.extended_error ? std::to_string(*row.extended_error) : "none") + " | " + std::string(row.text) + " |";
        INFO(line);
        CHECK(all.str().find("\n" + line + "\n") != std::string::npos);
    }
    std::size_t lines = 0;
    const std::string text = all.str();
    for (auto at = text.find("| cause | EDE |"); at != std::string::npos && text[at] == '|'; at = text.find('\n', at) + 1) ++lines;
    CHECK(lines == metrics::cause_rows.size() + 2);
}

}  // namespace lictor::test
