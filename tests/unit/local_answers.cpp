// Which queries are answered from local data, and which are never forwarded?
#include <catch2/catch.hpp>

#include "conf/options/options.hpp"
#include "forward_world.hpp"
#include "resolver/local/local.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::local;
using namespace lictor::rules;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

struct Local {
    Options options;
    FollowedFiles files;

    Local() {
        options.no_resolv = true;
        options.consul_http_addr = {{"http://127.0.0.1:8500", {}}};
        options.consul_dns = Endpoint{Address::v4(127, 0, 0, 1), 8600};
        server({}, "10.0.0.1");
    }
    void server(std::vector<std::string> domains, std::string_view endpoint) {
        ServerRule rule;
        rule.domains = std::move(domains);
        if (!endpoint.empty()) rule.upstream = Endpoint::parse(endpoint, 53);
        options.server.push_back(rule);
    }
    void address(std::vector<std::string> domains, std::string_view text) {
        AddressRule rule;
        rule.domains = std::move(domains);
        rule.kind = text.empty() ? AddressRule::Kind::nxdomain : text == "#" ? AddressRule::Kind::null_address : AddressRule::Kind::address;
        if (rule.kind == AddressRule::Kind::address) rule.address = *Address::parse(text);
        options.address.push_back(rule);
    }
    /// The answer; nothing if local data does not answer the query. `alias` is set to the target of an alias that must be looked up.
    std::optional<Seen> ask(std::string_view name, std::uint16_t type = rrtype::a, std::uint16_t edns = 0) {
        std::vector<std::string> notes;
        const auto rules = make_rules(options, files, {}, notes);
        Question question;
        question.name = name_of(name);
        question.lower = question.name.lower();
        question.type = type;
        question.klass = rrclass::in;
        question.end = header_size + question.name.size() + 4;
        question.header.bits = 0x0100;
        question.edns = {edns != 0, edns, 0, 0, false};
        std::vector<std::uint8_t> buffer(message_max);
        auto found = answer_local(question, *rules, buffer);
        alias.reset();
        if (found.alias) alias = found.alias->target.text();
        if (!found.answer) return std::nullopt;
        metrics::WorkerCounters counters;
        answer::Actions actions;
        answer::conclude(*found.answer, {{}, question.edns}, buffer, {counters, *rules, actions});
        const Seen seen(Bytes(buffer).first(found.answer->size));
        CHECK(seen.whole);
        CHECK(counters.answers_local.get() == 1);
        return seen;
    }
    std::optional<std::string> alias;
};

}  // namespace

TEST_CASE("local: names of hosts files and host-record are answered, with AA and the local TTL") {
    Local l;
    l.options.local_ttl = 7;
    l.files.hosts = {{"/etc/hosts", "10.0.0.5 db.corp db\n2001:db8::5 db.corp\n10.0.0.9 v4.corp\n"}};
    l.options.host_record.push_back({{"rec.corp"}, {Address::v4(10, 0, 0, 8)}, 99});
    const auto seen = l.ask("DB.corp");
    REQUIRE(seen);
    CHECK(seen->values() == "10.0.0.5");
    CHECK(seen->answer[0].owner == "DB.corp");
    CHECK(seen->answer[0].ttl == 7);
    CHECK(seen->header.aa());
    CHECK(seen->header.ra());
    CHECK(l.ask("db.corp", rrtype::aaaa)->values() == "2001:db8::5");
    CHECK(l.ask("db.corp", rrtype::any)->values() == "10.0.0.5 2001:db8::5");
    CHECK(l.ask("rec.corp")->answer[0].ttl == 99);
    CHECK(l.ask("8.0.0.10.in-addr.arpa", rrtype::ptr)->values() == "rec.corp");
    CHECK(l.ask("5.0.0.10.in-addr.arpa", rrtype::ptr)->values() == "db.corp");
    SECTION("the other family is NODATA") {
        const auto none = l.ask("v4.corp", rrtype::aaaa);
        REQUIRE(none);
        CHECK(none->rcode() == rcode::noerror);
        CHECK(none->answer.empty());
    }
    SECTION("other types and other names are not answered") {
        CHECK_FALSE(l.ask("db.corp", rrtype::mx));
        CHECK_FALSE(l.ask("x.db.corp"));
        CHECK_FALSE(l.ask("corp"));
    }
}

TEST_CASE("local: only clients that sent an OPT record get one, and their UDP size is respected") {
    Local l;
    std::string text;
    for (int i = 0; i < 100; ++i) text += "10.0.1." + std::to_string(i) + " many.corp\n";
    l.files.hosts = {{"/etc/hosts", text}};
    const auto plain = l.ask("many.corp");
    CHECK_FALSE(plain->edns.present);
    CHECK(plain->header.tc());
    CHECK(plain->size <= 512);
    CHECK(plain->answer.size() == 30);
    const auto edns = l.ask("many.corp", rrtype::a, 4096);
    CHECK(edns->edns.present);
    CHECK(edns->size <= 1232);
    CHECK(edns->header.tc());
}

TEST_CASE("local: address= answers for a domain and all names below; the longest domain applies") {
    Local l;
    l.address({"corp"}, "10.0.0.1");
    l.address({"corp"}, "2001:db8::1");
    l.address({"db.corp"}, "10.0.0.2");
    l.address({"gone.corp"}, "");
    l.address({"null.corp"}, "#");
    CHECK(l.ask("corp")->values() == "10.0.0.1");
    CHECK(l.ask("a.b.corp")->values() == "10.0.0.1");
    CHECK(l.ask("a.b.corp")->header.aa());
    CHECK(l.ask("x.db.corp")->values() == "10.0.0.2");
    CHECK(l.ask("x.corp", rrtype::aaaa)->values() == "2001:db8::1");
    CHECK(l.ask("x.gone.corp")->rcode() == rcode::nxdomain);
    CHECK(l.ask("x.gone.corp", rrtype::mx)->rcode() == rcode::nxdomain);
    CHECK_FALSE(l.ask("x.gone.corp")->header.aa());
    CHECK(l.ask("x.null.corp")->values() == "0.0.0.0");
    CHECK(l.ask("x.null.corp", rrtype::aaaa)->values() == "::");
    CHECK_FALSE(l.ask("xcorp"));
    SECTION("an address family missing at the longer domain is taken from the shorter one") {
        CHECK(l.ask("x.db.corp", rrtype::aaaa)->values() == "2001:db8::1");
    }
    SECTION("other types are not answered") { CHECK_FALSE(l.ask("x.corp", rrtype::mx)); }
    SECTION("hosts come first") {
        l.files.hosts = {{"/etc/hosts", "10.9.9.9 x.corp\n"}};
        CHECK(l.ask("x.corp")->values() == "10.9.9.9");
    }
}

TEST_CASE("local: of address= and server= the longer domain applies; for one domain address= does") {
    Local l;
    l.address({"corp"}, "10.0.0.1");
    l.server({"db.corp"}, "10.0.0.53");
    l.address({"x.db.corp"}, "10.0.0.3");
    CHECK(l.ask("a.corp"));
    CHECK_FALSE(l.ask("a.db.corp"));
    CHECK(l.ask("x.db.corp")->values() == "10.0.0.3");
    l.server({"corp"}, "10.0.0.54");
    CHECK(l.ask("a.corp")->values() == "10.0.0.1");
    CHECK_FALSE(l.ask("a.corp", rrtype::aaaa));
}

TEST_CASE("local: address=/#/ answers what no other line answers") {
    Local l;
    l.address({"#"}, "10.0.0.99");
    l.server({"corp"}, "10.0.0.53");
    CHECK(l.ask("any.example")->values() == "10.0.0.99");
    CHECK_FALSE(l.ask("db.corp"));
    CHECK(l.ask("localhost")->values() == "127.0.0.1");
}

TEST_CASE("local: names below local=/d/ are never forwarded") {
    Local l;
    l.server({"corp"}, "");
    l.server({"open.corp"}, "10.0.0.53");
    l.files.hosts = {{"/etc/hosts", "10.0.0.5 db.corp\n"}};
    l.address({"w.corp"}, "10.0.0.7");
    CHECK(l.ask("none.corp")->rcode() == rcode::nxdomain);
    CHECK(l.ask("none.corp", rrtype::txt)->rcode() == rcode::nxdomain);
    CHECK(l.ask("db.corp")->values() == "10.0.0.5");
    CHECK(l.ask("db.corp", rrtype::txt)->rcode() == rcode::noerror);
    CHECK(l.ask("x.w.corp", rrtype::aaaa)->rcode() ==
          rcode::noerror);  // dnsmasq 2.90 replies NXDOMAIN, though x.w.corp has an IPv4 address
    CHECK_FALSE(l.ask("x.open.corp"));
    CHECK_FALSE(l.ask("example"));
}

TEST_CASE("local: an alias of a local name is answered with the target's records") {
    Local l;
    l.options.host_record.push_back({{"db1.corp"}, {Address::v4(10, 0, 0, 5)}, {}});
    l.options.cname.push_back({{"db.corp", "*.pool.corp"}, "db1.corp", 30});
    l.options.cname.push_back({{"old.corp"}, "db.corp", {}});
    const auto seen = l.ask("DB.Corp");
    REQUIRE(seen);
    CHECK(seen->values() == "db1.corp 10.0.0.5");
    CHECK(seen->answer[0].ttl == 30);
    CHECK(seen->answer[0].owner == "DB.Corp");
    CHECK(seen->answer[1].owner == "db1.corp");
    CHECK(l.ask("old.corp")->values() == "db.corp db1.corp 10.0.0.5");
    CHECK(l.ask("x.pool.corp")->values() == "db1.corp 10.0.0.5");
    CHECK_FALSE(l.ask("pool.corp"));
    CHECK(l.ask("old.corp", rrtype::cname)->values() == "db.corp");
    SECTION("another type is NODATA") {
        const auto none = l.ask("db.corp", rrtype::txt);
        REQUIRE(none);
        CHECK(none->values() == "db1.corp");
        CHECK(none->rcode() == rcode::noerror);
    }
}

TEST_CASE("local: the target of an alias is looked up if it is not local") {
    Local l;
    l.options.cname.push_back({{"db.corp"}, "master.pg.service.consul", 0});
    l.options.cname.push_back({{"old.corp"}, "db.corp", 0});
    CHECK_FALSE(l.ask("db.corp"));
    CHECK(l.alias == "master.pg.service.consul");
    CHECK_FALSE(l.ask("old.corp"));
    CHECK(l.alias == "db.corp");
}

TEST_CASE("local: a loop of aliases ends") {
    Local l;
    l.options.cname.push_back({{"a.corp"}, "b.corp", 0});
    l.options.cname.push_back({{"b.corp"}, "a.corp", 0});
    CHECK_FALSE(l.ask("a.corp"));
    CHECK(l.alias == "b.corp");
}

TEST_CASE("local: localhost and invalid are never forwarded") {
    Local l;
    CHECK(l.ask("localhost")->values() == "127.0.0.1");
    CHECK(l.ask("LOCALHOST", rrtype::aaaa)->values() == "::1");
    CHECK(l.ask("x.localhost")->values() == "127.0.0.1");
    CHECK(l.ask("localhost", rrtype::mx)->rcode() == rcode::noerror);
    CHECK(l.ask("1.0.0.127.in-addr.arpa", rrtype::ptr)->values() == "localhost");
    CHECK(l.ask("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", rrtype::ptr)->values() == "localhost");
    CHECK(l.ask("x.invalid")->rcode() == rcode::nxdomain);
    SECTION("unless a rule routes them") {
        l.server({"localhost"}, "10.0.0.53");
        CHECK_FALSE(l.ask("x.localhost"));
    }
    SECTION("unless a hosts file has them") {
        l.files.hosts = {{"/etc/hosts", "127.0.1.1 localhost\n127.0.0.1 me.corp\n"}};
        CHECK(l.ask("localhost")->values() == "127.0.1.1");
        CHECK(l.ask("1.0.0.127.in-addr.arpa", rrtype::ptr)->values() == "me.corp");
    }
}

TEST_CASE("local: with domain-needed A and AAAA queries for names without dots are not forwarded") {
    Local l;
    CHECK_FALSE(l.ask("printer"));
    l.options.domain_needed = true;
    CHECK(l.ask("printer")->rcode() == rcode::nxdomain);
    CHECK(l.ask("printer", rrtype::aaaa)->rcode() == rcode::nxdomain);
    CHECK_FALSE(l.ask("printer", rrtype::mx));
    CHECK_FALSE(l.ask("printer.example"));
    CHECK_FALSE(l.ask("."));
    SECTION("upstreams for names without dots get other types only") {
        l.server({""}, "10.0.0.7");
        CHECK(l.ask("printer")->rcode() == rcode::nxdomain);
        CHECK_FALSE(l.ask("printer", rrtype::mx));
    }
}

TEST_CASE("local: with bogus-priv reverse names of private addresses are not forwarded") {
    Local l;
    const char* const inside[] = {"5.0.0.10.in-addr.arpa",    "1.1.16.172.in-addr.arpa",  "1.1.31.172.in-addr.arpa",
                                  "9.8.168.192.in-addr.arpa", "7.1.254.169.in-addr.arpa", "9.9.9.127.in-addr.arpa",
                                  "10.in-addr.arpa",          "1.2.3.d.f.ip6.arpa",       "a.e.f.ip6.arpa"};
    const char* const outside[] = {
        "8.8.8.8.in-addr.arpa", "1.1.32.172.in-addr.arpa", "1.1.15.172.in-addr.arpa", "1.0.0.2.ip6.arpa", "in-addr.arpa", "10.example"};
    for (const char* name : inside) CHECK_FALSE(l.ask(name, rrtype::ptr));
    l.options.bogus_priv = true;
    for (const char* name : inside) {
        INFO(name);
        const auto seen = l.ask(name, rrtype::ptr);
        REQUIRE(seen);
        CHECK(seen->rcode() == rcode::nxdomain);
    }
    for (const char* name : outside) CHECK_FALSE(l.ask(name, rrtype::ptr));
    SECTION("unless they have upstreams or are Consul's") {
        l.server({"168.192.in-addr.arpa"}, "10.0.0.53");
        l.server({"10.in-addr.arpa"}, "127.0.0.1#8600");
        CHECK_FALSE(l.ask("9.8.168.192.in-addr.arpa", rrtype::ptr));
        CHECK_FALSE(l.ask("5.0.0.10.in-addr.arpa", rrtype::ptr));
        CHECK(l.ask("1.1.16.172.in-addr.arpa", rrtype::ptr));
    }
}

TEST_CASE("local: another class is not answered") {
    Options options;
    options.host_record.push_back({{"db.corp"}, {Address::v4(10, 0, 0, 5)}, {}});
    std::vector<std::string> notes;
    const auto rules = make_rules(options, {}, {}, notes);
    Question question;
    question.name = question.lower = name_of("db.corp");
    question.type = rrtype::a;
    question.klass = rrclass::chaos;
    question.end = 25;
    std::vector<std::uint8_t> buffer(message_max);
    CHECK_FALSE(answer_local(question, *rules, buffer).answer);
    question.klass = rrclass::in;
    CHECK(answer_local(question, *rules, buffer).answer);
}

TEST_CASE("local: a name that exists locally is NODATA where local data decides: it has local names below it") {
    Local l;
    l.server({"corp", "3.10.in-addr.arpa"}, "");  // local=
    l.options.bogus_priv = true;
    l.options.domain_needed = true;
    l.options.host_record.push_back({{"db.internal.corp", "db.single"}, {Address::v4(10, 0, 0, 5)}, {}});
    l.address({"dev.apps.corp"}, "10.0.0.6");
    l.address({"blocked.ads.corp"}, "");
    const auto code = [&](std::string_view name, std::uint16_t type) {
        const auto seen = l.ask(name, type);
        return seen ? static_cast<int>(seen->rcode()) : -1;
    };
    const auto type = GENERATE(rrtype::a, rrtype::aaaa, rrtype::txt);
    CHECK(code("internal.corp", type) == rcode::noerror);
    CHECK(code("corp", type) == rcode::noerror);
    CHECK(code("apps.corp", type) == rcode::noerror);
    CHECK(code("x.dev.apps.corp", rrtype::txt) == rcode::noerror);
    CHECK(code("x.apps.corp", type) == rcode::nxdomain);
    CHECK(code("ads.corp", type) == rcode::nxdomain);
    CHECK(code("x.internal.corp", type) == rcode::nxdomain);
    CHECK(code("single", rrtype::a) == rcode::noerror);
    CHECK(code("other", rrtype::a) == rcode::nxdomain);
    CHECK(code("0.0.10.in-addr.arpa", rrtype::ptr) == rcode::noerror);
    CHECK(code("1.0.10.in-addr.arpa", rrtype::ptr) == rcode::nxdomain);
}
