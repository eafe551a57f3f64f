// Which line of the configuration counts for a name: plain domains, stars, names without dots; and names in other letters.
#include <catch2/catch.hpp>

#include "conf/ascii_name.hpp"
#include "conf/option_values.hpp"
#include "forward_world.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/hosts_file.hpp"

using namespace lictor;
using namespace lictor::test;

namespace {

struct Ground {
    Options options;
    FollowedFiles files;
    std::vector<std::string> notes;
    Ground() { options.no_resolv = true; }
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
    /// The domains that a name lies in, as the search visits them.
    std::vector<std::string> visited(const char* name) {
        std::vector<std::string> seen;
        for_each_domain(*rules(), name_of(name), [&](const Name& at, const DomainPlace&) { return seen.push_back(at.text()), false; });
        return seen;
    }
};

}  // namespace

TEST_CASE("a star covers every name that ends so, a star and a dot what is below") {
    Ground g;
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

TEST_CASE("from the longest domain to the shortest, a plain one before one with a star") {
    Ground g;
    g.address("/*foo.test/192.0.2.1");
    g.address("/foo.test/192.0.2.2");
    g.address("/*.foo.test/192.0.2.3");
    g.address("/test/192.0.2.4");
    g.address("/*st/192.0.2.5");
    CHECK(g.visited("a.foo.test") == std::vector<std::string>{"\\000.foo.test", "foo.test", "test", "st"});
    CHECK(g.visited("xfoo.test") == std::vector<std::string>{"foo.test", "test", "st"});
    const auto rules = g.rules();
    CHECK(plain_place(*rules, name_of("foo.test")).wildcard->addresses[0].text() == "192.0.2.2");
    CHECK(starred_place(*rules, name_of("foo.test")).wildcard->addresses[0].text() == "192.0.2.1");
    CHECK(g.visited("example").empty());
    CHECK((domain_key(".*foo.test")->name.text() == "*foo.test" && !domain_key(".*foo.test")->starred));
    CHECK((domain_key("*foo.test")->name.text() == "foo.test" && domain_key("*foo.test")->starred));
    CHECK((domain_key("")->dotless && domain_key("#")->name.is_root() && domain_key(".#")->name.text() == "#"));
}

TEST_CASE("a name at the limit of its length has nothing below it") {
    Ground g;
    g.server("/*.test/10.0.0.2");
    std::string name;
    for (int i = 0; i < 124; ++i) name += "a.";
    name += "test";   // 254 bytes on the wire
    CHECK(g.route(name.c_str()) == "10.0.0.2");
}

TEST_CASE("an upstream's name is asked for, and counts once it is known") {
    Ground g;
    g.server("/corp/dns.example#5353");
    g.server("/v4/dns.example@10.0.0.9");
    CHECK(named_servers(g.options, g.files) == std::vector<std::string>{"dns.example"});
    CHECK(g.route("a.corp") == "empty");
    CHECK(std::find(g.notes.begin(), g.notes.end(), "the address of nameserver dns.example#5353 is not known yet") != g.notes.end());
    CHECK(std::find(g.notes.begin(), g.notes.end(), "warning: no upstream servers configured") == g.notes.end());
    g.files.servers_by_name["dns.example"] = {*Address::parse("2001:db8::7"), Address::v4(10, 0, 0, 7)};
    CHECK(g.route("a.corp") == "2001:db8::7");
    CHECK(g.route("a.v4") == "10.0.0.7");   // the source's family
    CHECK(g.rules()->upstreams[0].endpoint.port == 5353);
    g.files.servers = FollowedFiles::Text{"/s", "server=other.example\n"};
    CHECK(named_servers(g.options, g.files) == std::vector<std::string>{"dns.example", "other.example"});
}

TEST_CASE("names in other letters become what is asked on the wire") {
    CHECK(*ascii_name("www.Example.com") == "www.Example.com");
    CHECK(*ascii_name("m\xc3\xbcller.example") == "xn--mller-kva.example");
    CHECK(*ascii_name("M\xc3\x9cLLER.example") == "xn--mller-kva.example");
    CHECK(*ascii_name("stra\xc3\x9f" "e.example") == "xn--strae-oqa.example");   // not strasse
    CHECK(*ascii_name("\xe4\xb8\xad\xe6\x96\x87") == "xn--fiq228c");
    CHECK_FALSE(ascii_name("m\xfcller"));                    // Latin-1
    CHECK_FALSE(ascii_name(std::string("a\xc3\xbc\0b", 5)));
    CHECK_FALSE(ascii_name(std::string(2000, '\xc3')));
    std::string many;
    for (int i = 0; i < 70; ++i) many += "\xc3\xbc";
    CHECK_FALSE(ascii_name(many));                           // a label of more than 63 bytes
    std::vector<std::string> notes;
    const auto lines = parse_hosts("192.0.2.1 b\xc3\xbc" "cher.example ok\n192.0.2.2 m\xfcller\n", "/h", notes);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].names[0].text() == "xn--bcher-kva.example");
    CHECK(notes.size() == 2);
}
