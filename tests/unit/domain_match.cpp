// Which line of the configuration applies to a name? The lines have plain domains, domains with stars, names without dots, and
// international names.
#include <catch2/catch.hpp>

#include "conf/options/options.hpp"
#include "conf/values/ascii_name.hpp"
#include "conf/values/option_values.hpp"
#include "forward_world.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/rules/hosts_file.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::rules;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

struct UpstreamsFixture {
    Options options;
    FollowedFiles files;
    std::vector<std::string> notes;
    UpstreamsFixture() { options.no_resolv = true; }
    void server(const char* value) { options.server.push_back(*parse_server_rule(value)); }
    void address(const char* value) { options.address.push_back(*parse_address_rule(value)); }
    std::shared_ptr<const Rules> rules() { return make_rules(options, files, {}, notes); }
    /// The first upstream of the route; "local", or "none".
    std::string route(const char* name) {
        const auto made = rules();
        const auto* found = find_route(*made, name_of(name));
        if (!found) return "none";
        if (found->local_only) return "local";
        return found->members.empty() ? "empty" : made->upstreams[found->members[0]].endpoint.address.text();
    }
    /// The domains that contain a name, in the order of the search.
    std::vector<std::string> visited(const char* name) {
        std::vector<std::string> seen;
        for_each_domain(*rules(), name_of(name), [&](const Name& at, const DomainLines&) { return seen.push_back(at.text()), false; });
        return seen;
    }
};

}  // namespace

TEST_CASE("`*x` matches every name that ends in x; `*.x` matches the names below x") {
    UpstreamsFixture g;
    g.server("10.0.0.1");
    g.server("/*web.test/10.0.0.2");
    g.server("/*.down.test/10.0.0.3");
    g.server("/b.web.test/10.0.0.4");
    g.server("/*nothing.test/");
    CHECK(g.route("web.test") == "10.0.0.2");
    CHECK(g.route("xweb.test") == "10.0.0.2");
    CHECK(g.route("a.xweb.test") == "10.0.0.2");
    CHECK(g.route("a.web.test") == "10.0.0.2");
    CHECK(g.route("a.b.web.test") == "10.0.0.4");
    CHECK(g.route("ab.web.test") == "10.0.0.2");
    CHECK(g.route("we.b.test") == "10.0.0.1");
    CHECK(g.route("down.test") == "10.0.0.1");
    CHECK(g.route("xdown.test") == "10.0.0.1");
    CHECK(g.route("a.b.down.test") == "10.0.0.3");
    CHECK(g.route("xnothing.test") == "local");
    CHECK(g.route("test") == "10.0.0.1");
}

TEST_CASE("the longest domain comes first, and a plain one before one with a star") {
    UpstreamsFixture g;
    g.address("/*foo.test/192.0.2.1");
    g.address("/foo.test/192.0.2.2");
    g.address("/*.foo.test/192.0.2.3");
    g.address("/test/192.0.2.4");
    g.address("/*st/192.0.2.5");
    CHECK(g.visited("a.foo.test") == std::vector<std::string>{"\\000.foo.test", "foo.test", "test", "st"});
    CHECK(g.visited("xfoo.test") == std::vector<std::string>{"foo.test", "test", "st"});
    const auto rules = g.rules();
    CHECK(plain_lines(*rules, name_of("foo.test")).wildcard->addresses[0].text() == "192.0.2.2");
    CHECK(starred_lines(*rules, name_of("foo.test")).wildcard->addresses[0].text() == "192.0.2.1");
    CHECK(g.visited("example").empty());
    CHECK((domain_key(".*foo.test")->name.text() == "*foo.test" && !domain_key(".*foo.test")->starred));
    CHECK((domain_key("*foo.test")->name.text() == "foo.test" && domain_key("*foo.test")->starred));
    CHECK((domain_key("")->dotless && domain_key("#")->name.is_root() && domain_key(".#")->name.text() == "#"));
}

TEST_CASE("a name with no room for a further label is matched") {
    UpstreamsFixture g;
    g.server("/*.test/10.0.0.2");
    std::string name;
    for (int i = 0; i < 124; ++i) name += "a.";
    name += "test";  // 254 bytes on the wire
    CHECK(g.route(name.c_str()) == "10.0.0.2");
}

TEST_CASE("an upstream's name is looked up, and used once its address is known") {
    UpstreamsFixture g;
    g.server("/corp/dns.example#5353");
    g.server("/v4/dns.example@10.0.0.9");
    CHECK(named_servers(g.options, g.files) == std::vector<std::string>{"dns.example"});
    CHECK(g.route("a.corp") == "empty");
    CHECK(std::find(g.notes.begin(), g.notes.end(), "the address of nameserver dns.example#5353 is not known yet") != g.notes.end());
    CHECK(std::find(g.notes.begin(), g.notes.end(), "warning: no upstream servers configured") == g.notes.end());
    g.files.servers_by_name["dns.example"] = {*Address::parse("2001:db8::7"), Address::v4(10, 0, 0, 7)};
    CHECK(g.route("a.corp") == "2001:db8::7");
    CHECK(g.route("a.v4") == "10.0.0.7");  // the source address is IPv4
    CHECK(g.rules()->upstreams[0].endpoint.port == 5353);
    g.files.servers = FollowedFiles::Text{"/s", "server=other.example\n"};
    CHECK(named_servers(g.options, g.files) == std::vector<std::string>{"dns.example", "other.example"});
}

TEST_CASE("international names become their ASCII form") {
    CHECK(*ascii_name("www.Example.com") == "www.Example.com");
    CHECK(*ascii_name("m\xc3\xbcller.example") == "xn--mller-kva.example");
    CHECK(*ascii_name("M\xc3\x9cLLER.example") == "xn--mller-kva.example");
    CHECK(*ascii_name("stra\xc3\x9f"
                      "e.example") == "xn--strae-oqa.example");  // not strasse
    CHECK(*ascii_name("\xe4\xb8\xad\xe6\x96\x87") == "xn--fiq228c");
    CHECK_FALSE(ascii_name("m\xfcller"));  // Latin-1
    CHECK_FALSE(ascii_name(std::string("a\xc3\xbc\0b", 5)));
    CHECK_FALSE(ascii_name(std::string(2000, '\xc3')));
    std::string many;
    for (int i = 0; i < 70; ++i) many += "\xc3\xbc";
    CHECK_FALSE(ascii_name(many));  // a label of more than 63 bytes
    std::vector<std::string> notes;
    const auto lines = parse_hosts(
        "192.0.2.1 b\xc3\xbc"
        "cher.example ok\n192.0.2.2 m\xfcller\n",
        "/h", notes);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].names[0].text() == "xn--bcher-kva.example");
    CHECK(notes.size() == 2);
}
