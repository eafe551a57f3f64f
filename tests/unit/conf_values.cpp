// Which values are valid? Tables of valid and invalid forms of every kind of value.
#include <catch2/catch.hpp>

#include "conf/options/consul_address.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"
#include "conf/values/servers_file.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace conf_test;
using Catch::Matchers::Contains;

namespace {

struct Good {
    const char* line;     ///< a line of a file
    const char* printed;  ///< the value in the effective configuration; null: the same
};

struct Bad {
    const char* line;
    const char* error;
};

/// The value in the effective configuration for the option of `line`.
std::string printed(const std::string& line) {
    const auto parsed = parse_text(line + "\n");
    INFO(line << '\n' << lines(parsed.errors));
    REQUIRE(parsed.errors.empty());
    const auto* row = find_option(line.substr(0, line.find('=')));
    REQUIRE(row);
    const auto values = (row->name == "local" ? *find_option("server") : *row).field.get(parsed.options);
    REQUIRE(values.size() == 1);
    return values[0];
}

}  // namespace

TEST_CASE("valid values are printed in one form") {
    const Good table[] = {
        {"server=192.0.2.1", "192.0.2.1#53"},
        {"server=192.0.2.1#5353", nullptr},
        {"server=2001:DB8::1#5353", "2001:db8::1#5353"},
        {"server=/Example.COM./192.0.2.1", "/example.com/192.0.2.1#53"},
        {"server=/.example.com/192.0.2.1", "/example.com/192.0.2.1#53"},
        {"server=/a/b/192.0.2.1", "/a/b/192.0.2.1#53"},
        {"server=//192.0.2.1", "//192.0.2.1#53"},
        {"server=//a/192.0.2.1", "//a/192.0.2.1#53"},
        {"server=/a/", nullptr},
        {"server=/a/#", nullptr},
        {"server=/#/192.0.2.1", "192.0.2.1#53"},
        {"server=/#/", nullptr},
        {"server=/a/192.0.2.1@eth0", "/a/192.0.2.1#53@eth0"},
        {"server=192.0.2.1@192.0.2.9#99", "192.0.2.1#53@192.0.2.9#99"},
        {"server=192.0.2.1@eth0@192.0.2.9", "192.0.2.1#53@eth0@192.0.2.9#0"},
        {"txt-record=Example.com. , a , \"b, c\",", "example.com,\"a \",\" b, c\","},
        {"txt-record=x", "x,"},
        {"ptr-record=a,\"B C.d\"", "a,\"b c.d\""},
        {"srv-host=_a._b.c,d", "_a._b.c,d,1,0,0"},
        {"mx-host=m,t", "m,t,1"},
        {"caa-record=c,0,issue,a,b", "c,0,issue,\"a,b\""},
        {"dns-rr=r,51,0123FF", "r,51,01:23:ff"},
        {"interface-name=i,eth0/4", nullptr},
        {"dynamic-host=d,,::9,eth0", "d,::9,eth0"},
        {"domain=d,192.0.2.77/24", "d,192.0.2.0/24"},
        {"domain=d,192.0.2.0,192.0.2.255", "d,192.0.2.0/24"},
        {"domain=d,192.0.2.1,192.0.2.9", nullptr},
        {"domain=d,2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff", nullptr},  // a /48, which would be parsed as /64
        {"domain=d,2001:db8:1:2::/48", "d,2001:db8:1:2::/64"},
        {"domain=d,eth0", nullptr},
        {"domain=#", nullptr},
        {"synth-domain=s,192.0.2.7", "s,192.0.2.7/32"},
        {"synth-domain=s,192.0.2.0/24,p-*", nullptr},
        {"bogus-nxdomain=192.0.2.0/24", nullptr},
        {"ignore-address=192.0.2.1/32", "192.0.2.1"},
        {"alias=192.0.2.1,198.51.100.1", "192.0.2.1,198.51.100.1,255.255.255.255"},
        {"filter-rr=https,16", "HTTPS,TXT"},
        {"add-subnet=24", nullptr},
        {"add-subnet=192.0.2.0/24,56", nullptr},
        {"fast-dns-retry=60", "60,10000"},
        {"log-async=1000", "100"},
        {"log-queries=all", ""},
        {"dumpmask=0x11", "17"},
        {"log-queries-only=1/9,errors,slow/200", "errors,slow/200,1/9"},
        {"log-format=json", nullptr},
        {"dnstap=unix:/run/tap.sock", nullptr},
        {"local=/lan/", "/lan/"},
        {"local=/a.service.consul/", "/a.service.consul/"},
        {"local=/consul/", "/consul/"},
        {"server=/web.service.consul/192.0.2.1#53", nullptr},
        {"server=fe80::1%eth0#54", "fe80::1#54@eth0"},
        {"server=/*.a/192.0.2.1", "/*.a/192.0.2.1#53"},
        {"server=/a b/192.0.2.1", "\"/a b/192.0.2.1#53\""},
        {"address=192.0.2.1", "/#/192.0.2.1"},
        {"address=#", "/#/#"},
        {"host-record=db,192.0.2.1,db2", "db,db2,192.0.2.1"},
        {"host-record=db,60,192.0.2.1", "db,192.0.2.1,60"},
        {"txt-record=a,\"\\t\\e\"", "a,\"\\t\\e\""},
        {"port=0", nullptr},
        {"edns-packet-max=100", "512"},
        {"dns-forward-max=0", "1"},
        {"filter-rr=A,", "A"},
        {"log-facility=tmp/x", nullptr},
        {"log-facility=SECURITY", "security"},
        {"address=/ads.example/", nullptr},
        {"address=/a/b/0.0.0.0", nullptr},
        {"address=/a/#", nullptr},
        {"address=/#/2001:db8::1", nullptr},
        {"host-record=db,192.0.2.1", nullptr},
        {"host-record=DB.,db2,192.0.2.1,2001:db8::1,60", "db,db2,192.0.2.1,2001:db8::1,60"},
        {"host-record=7,192.0.2.1", nullptr},
        {"cname=a,b", nullptr},
        {"cname=a,*.x,B.c,60", "a,*.x,b.c,60"},
        {"cname=a,b,7.", "a,b,7."},
        {"leader=batman", nullptr},
        {"leader=My Scope,service=pg", "\"My Scope\",service=pg"},
        {"leader=a,namespace=/x/y/,port=5432,address=node", "a,namespace=x/y,port=5432,address=node"},
        {"leader=a,namespace=/", nullptr},
        {"leader=a,namespace=service,address=kv", "a"},
        {"listen-address=::FFFF:127.0.0.1", "127.0.0.1"},
        {"interface=eth*", nullptr},
        {"consul-http-addr=10.0.0.1", "http://10.0.0.1:8500"},
        {"consul-http-addr=Consul.example:1234", "http://consul.example:1234"},
        {"consul-http-addr=https://c", "https://c:8501"},
        {"consul-http-addr=http://c:80/a/b/", "http://c:80/a/b"},
        {"consul-http-addr=[::1]", "http://[::1]:8500"},
        {"consul-http-addr=http://[2001:DB8::1]:99", "http://[2001:db8::1]:99"},
        {"consul-http-addr=unix:///run/consul sock", "\"unix:///run/consul sock\""},
        {"consul-http-addr=", ""},
        {"consul-dns=10.0.0.1", "10.0.0.1#8600"},
        {"consul-dns=", ""},
        {"consul-domain=.EM.", "em"},
        {"consul-consistency=default", nullptr},
        {"consul-only-passing", "on"},
        {"consul-only-passing=no", "off"},
        {"consul-dns-compat=strict", nullptr},
        {"consul-watch=Web", "web"},
        {"stats-address=[::1]:9", nullptr},
        {"stats-address=unix:///run/s", nullptr},
        {"stats-address=", ""},
        {"stats-host=Metrics.example", "metrics.example"},
        {"stats-host=192.0.2.1", nullptr},
        {"stats-host=*.Metrics.example", "*.metrics.example"},
        {"log-facility=LOCAL0", "local0"},
        {"log-facility=-", nullptr},
        {"log-facility=/var/log/l", nullptr},
        {"min-cache-ttl=4000", "3600"},
        {"edns-packet-max=512", nullptr},
        {"threads=64", nullptr},
        {"dns-forward-max=150", nullptr},
        {"server=/*a/192.0.2.1", "/*a/192.0.2.1#53"},
        {"server=/*.a.b/c/192.0.2.1#5", nullptr},
        {"server=/*/192.0.2.1", "192.0.2.1#53"},
        {"server=/.*a/192.0.2.1", "/.*a/192.0.2.1#53"},
        {"address=/..b/.#/192.0.2.1", "/b/.#/192.0.2.1"},
        {"server=/a/dns.Example.com", "/a/dns.example.com#53"},
        {"server=localhost#5353@127.0.0.1", "localhost#5353@127.0.0.1#0"},
        {"consul-dns=agent.example", "agent.example#8600"},
        {"address=//192.0.2.1", nullptr},
        {"address=/*foo/b/#", nullptr},
        {"address=/*/192.0.2.1", "/#/192.0.2.1"},
        {"address=/M\xc3\xbcller.example/192.0.2.1", "/xn--mller-kva.example/192.0.2.1"},
        {"cname=caf\xc3\xa9,b", "xn--caf-dma,b"},
        {"ptr-record=stra\xc3\x9f"
         "e,x",
         "xn--strae-oqa,x"},
    };
    for (const auto& [line, expected] : table) {
        INFO(line);
        const std::string text(line);
        CHECK(printed(text) == (expected ? std::string(expected) : text.substr(text.find('=') + 1)));
    }
}

TEST_CASE("invalid values are refused with a remedy") {
    const std::string label64(64, 'a');
    const std::string long_name = "cname=a," + std::string(60, 'b') + "." + std::string(60, 'b') + "." + std::string(60, 'b') + "." +
                                  std::string(60, 'b') + "." + std::string(20, 'b');
    const std::string long_label = "consul-domain=" + label64;
    const Bad table[] = {
        {"port=65536", "from 0 to 65535"},
        {"port=5m", "plain decimal"},
        {"port=-1", "plain decimal"},
        {"cache-size=99999999999999999999", "plain decimal"},
        {"threads=0", "from 1 to 64"},
        {"threads=65", "from 1 to 64"},
        {"neg-ttl=2147483648", "plain decimal"},
        {"server=127.0.0.1:8600", "write 127.0.0.1#8600"},
        {"server=192.0.2.1,192.0.2.2", "write one line for each"},
        {"server=192.0.2.1 192.0.2.2", "more than one address in '192.0.2.1 192.0.2.2': write one line for each"},
        {"server=[2001:db8::1]:5353", "brackets in '[2001:db8::1]:5353': write 2001:db8::1#5353"},
        {"server=[2001:db8::1]", ": write 2001:db8::1"},
        {"server=[dns.example]:53", "is not an IP address"},
        {"server=dns.example:53", "'dns.example' is a host name: write IP#PORT"},
        {"server=dns.example:x", "is not an IP address"},
        {"server=consul/192.0.2.1#8600", "between slashes: write /consul/192.0.2.1#8600"},
        {"server=a/b/192.0.2.1", "between slashes: write /a/b/192.0.2.1"},
        {"server=192.0.2.1#8600/consul/", "between slashes: write /consul/192.0.2.1#8600"},
        {"server=/consul 192.0.2.1#8600", "a slash on both sides: write /consul/192.0.2.1#8600"},
        {"server=dns.example.com#x", "from 1 to 65535"},
        {"server=dns.example.com#0", "from 1 to 65535"},
        {"server=192.0.2.1#0", "1 to 65535"},
        {"server=192.0.2.1#x", "1 to 65535"},
        {"server=192.0.2.1@", "after '@'"},
        {"server=192.0.2.1@a@b", "not a source address"},
        {"server=192.0.2.1@eth*", "remove the '*'"},
        {"server=192.0.2.1@an-interface-name-too-long", "1 to 15"},
        {"server=/consul", "a slash on both sides"},
        {"server=/*a..b/192.0.2.1", "empty label"},
        {"server=192.0.2.1@::1", "differ in address family"},
        {"server=/a..b/192.0.2.1", "empty label"},
        {"server=10.0.0.300", "not an IP address"},
        {"address=example.com", "write /DOMAIN/ADDRESS"},
        {"address=/a/b", "'b' is not an IP address"},
        {"host-record=db", "no address"},
        {"host-record=192.0.2.1", "no name"},
        {"host-record=db,10.0.0.300", "neither an address nor a name"},
        {"host-record=db,192.0.2.1,9999999999", "above 2147483647"},
        {"cname=a", "write ALIAS"},
        {"cname=a,a", "alias of itself"},
        {"cname=a,*.b", "contains '*'"},
        {"cname=caf\xe9,b", "no xn-- form: it is not UTF-8"},
        {long_name.c_str(), "longer than 255"},
        {long_label.c_str(), "longer than 63"},
        {"leader=,service=x", "no scope"},
        {"leader=service=x", "must be first"},
        {"leader=a/b", "namespace="},
        {"leader=a,what=x", "not one of namespace="},
        {"leader=a,port=0", "1 to 65535"},
        {"leader=a,port=1,port=2", "given twice"},
        {"leader=a,address=ip", "not one of kv"},
        {"leader=a,service=", "no value"},
        {"leader=a,key=x/", "is a directory"},
        {"leader=a,key=x,namespace=y", "write only one of them"},
        {"leader=a,key=x,service=y", "belongs to a Patroni scope"},
        {"leader=a,key=x,address=service", "write address=node"},
        {"leader=a.b,key=x", "one label"},
        {"leader=a namespace=b", "a comma is missing before namespace= in 'a namespace=b'"},
        {"leader=a b port=5", "a comma is missing before port="},
        {"snapshot-file=x", "'x' is not an absolute path: begin it with /"},
        {"listen-address=eth0", "not an IP address"},
        {"listen-address=192.0.2.1 192.0.2.2", "write one line for each"},
        {"listen-address=192.0.2.1:53", "there is one in '192.0.2.1:53': write 192.0.2.1"},
        {"listen-address=[::1]:53", "write ::1"},
        {"listen-address=127.0.0.1,", "not an IP address"},
        {"interface=a*b", "only at the end"},
        {"consul-http-addr=ftp://a", "http, https or unix"},
        {"consul-http-addr=http://u:p@a", "CONSUL_HTTP_AUTH"},
        {"consul-http-addr=a:b", "port in"},
        {"consul-http-addr=::1", "write [::1]:8500"},
        {"consul-http-addr=unix://x", "unix:///path"},
        {"consul-http-addr=http://a/?x", "path in"},
        {"consul-http-addr=http://", "empty domain name"},
        {"consul-dns=localhost#x", "from 1 to 65535"},
        {"consul-consistency=fresh", "stale, default, consistent"},
        {"consul-dns-compat=x", "fixed, strict"},
        {"consul-only-passing=perhaps", "neither true nor false"},
        {"consul-watch=a,b", "contains ','"},
        {"stats-address=9153", "write 127.0.0.1:9153"},
        {"stats-address=example.com:9153", "write 127.0.0.1:9153"},
        {"stats-address=[127.0.0.1]:9153", "write 127.0.0.1:9153"},
        {"stats-address=::1:9153", "write 127.0.0.1:9153"},
        {"stats-address=unix://s", "is not a socket"},
        {"stats-host=http://a", "without scheme"},
        {"log-facility=locale", "is not a syslog facility"},
        {"rev-server=10.0.0.0/33,192.0.2.1", "bad prefix length"},
        {"rev-server=10.0.0.0/0,192.0.2.1", "at least 1 bit"},
        {"rev-server=ten,192.0.2.1", "not an IP address"},
        {"bogus-nxdomain=192.0.2.0/33", "bad prefix length"},
        {"ignore-address=x", "not an IP address"},
        {"alias=192.0.2.1", "missing address in alias"},
        {"alias=192.0.2.9-192.0.2.1,198.51.100.1", "invalid alias range"},
        {"alias=::1,::2", "IPv4"},
        {"srv-host=_a._b,t,70000", "port '70000'"},
        {"mx-host=m,t,x", "preference 'x'"},
        {"naptr-record=n,1,2", "write NAME,ORDER"},
        {"caa-record=c,256,issue,x", "0 to 255"},
        {"dns-rr=r,x", "record type"},
        {"dns-rr=r,1,zz", "hexadecimal"},
        {"interface-name=i,eth0/5", "4 or 6"},
        {"dynamic-host=d,eth0", "at least one address"},
        {"address=example.com/192.0.2.1", "between slashes: write /example.com/192.0.2.1"},
        {"address=example.com/", "between slashes: write /example.com/"},
        {"synth-domain=s", "write DOMAIN,RANGE"},
        {"synth-domain=s,192.0.2.1,192.0.2.9,192.0.2.0/24", "contains '/'"},
        {"synth-domain=s,2001:db8::1,2001:db8::9,p*", "prefix length too small"},
        {"domain=d,192.0.2.0/24,remote", "only `local`"},
        {"filter-rr=NOPE", "bad RR type"},
        {"cache-rr=0", "bad RR type"},
        {"fast-dns-retry=49", "50 milliseconds"},
        {"local-service=all", "neither net nor host"},
        {"add-mac=hex", "neither base64 nor text"},
        {"dumpmask=0xg", "not a mask"},
        {"log-queries-only=1/0", "none of `errors`"},
        {"log-queries-only=slow/0", "none of `errors`"},
        {"log-format=xml", "neither `text` nor `json`"},
        {"dnstap=/run/tap.sock", "not unix:PATH"},
        {"dnstap=unix:tap.sock", "not an absolute path"},
        {"port-limit=0", "from 1 to"},
    };
    for (const auto& [line, error] : table) {
        const auto parsed = parse_text(std::string(line) + "\n");
        INFO(line << " -> " << lines(parsed.errors));
        REQUIRE(parsed.errors.size() == 1);
        CHECK_THAT(parsed.errors[0].line(), Contains("/c:1: ") && Contains(error));
    }
}

TEST_CASE("an empty resolv-file acts as no-resolv") {
    const auto parsed = parse_text("resolv-file=\nserver=192.0.2.1\n");
    CHECK(parsed.errors.empty());
    CHECK(parsed.options.no_resolv);
    CHECK(parsed.options.resolv_file.empty());
    CHECK_THAT(lines(parse_text("no-resolv\nresolv-file=/r\nserver=192.0.2.1\n").warnings), Contains("/c:2: resolv-file: ignored"));
    CHECK_THAT(lines(parse_text("no-resolv\n").warnings), Contains("/c:1: no upstream"));
}

TEST_CASE("leaders and aliases are checked against each other") {
    CHECK(lines(parse_text("leader=a\nleader=b\nleader=a\n").errors) == "/c:3: leader: 'a' is already given at /c:1\n");
    CHECK(parse_text("leader=a\nleader=a,namespace=x,service=b\n").errors.empty());
    CHECK(lines(parse_text("leader=a\nleader=a,namespace=x\n").errors) ==
          "/c:2: leader: 'master.a.service.consul' is already the leader of 'a' at /c:1: give one of them another service=\n");
    CHECK_THAT(lines(parse_text("leader=cluster_1\nleader=other,service=Cluster-1\n").errors),
               Contains("'master.cluster-1.service.consul' is already the leader of 'cluster_1'"));
    CHECK(parse_text("leader=a\nleader=a,key=x\n").errors.empty());
    CHECK(lines(parse_text("consul-http-addr=\nleader=a\n").errors) ==
          "/c:2: leader: needs Consul, but an empty consul-http-addr switches it off: remove one of them\n");
    CHECK(lines(parse_text("cname=a,b\ncname=a,c\n").errors) == "/c:2: cname: 'a' is already an alias at /c:1\n");
    CHECK_THAT(lines(parse_text("cname=a,b\ncname=b,c\ncname=c,a\n").errors), Contains("is part of a loop of aliases"));
    CHECK(parse_text("cname=a,b\ncname=b,c\ncname=d,b\n").errors.empty());
}

TEST_CASE("quoted text parses to itself") {
    for (const std::string text : {"plain", "two words", "a,b", "quote\"d", "back\\slash", "both \\\" of", "#first", "a # b", " edges ",
                                   "form\ffeed", "vertical\vtab"}) {
        const auto line = parse_line("x=" + quoted(text));
        INFO(text);
        REQUIRE(line);
        CHECK(without_markers(*line->value) == text);
        CHECK(split_list(*line->value).size() == 1);
    }
}

TEST_CASE("rev-server adds an upstream for the reverse domains of its network") {
    const auto routes = [](const std::string& line) {
        const auto parsed = parse_text(line + "\n");
        INFO(lines(parsed.errors));
        REQUIRE(parsed.errors.empty());
        REQUIRE(parsed.options.server.size() == 1);
        return text_of(parsed.options.server[0]);
    };
    CHECK(routes("rev-server=10.0.0.0/8,192.0.2.1#5353") == "/10.in-addr.arpa/192.0.2.1#5353");
    CHECK(routes("rev-server=192.0.2.7,192.0.2.1") == "/7.2.0.192.in-addr.arpa/192.0.2.1#53");
    CHECK(routes("rev-server=172.16.0.0/14,192.0.2.1") ==
          "/16.172.in-addr.arpa/17.172.in-addr.arpa/18.172.in-addr.arpa/19.172.in-addr.arpa/192.0.2.1#53");
    CHECK(routes("rev-server=2001:db8::/32,192.0.2.1") == "/8.b.d.0.1.0.0.2.ip6.arpa/192.0.2.1#53");
    CHECK(routes("rev-server=2001:db8::/31,192.0.2.1") == "/8.b.d.0.1.0.0.2.ip6.arpa/9.b.d.0.1.0.0.2.ip6.arpa/192.0.2.1#53");
    CHECK(routes("rev-server=10.0.0.0/8") == "/10.in-addr.arpa/");
    const auto parsed = parse_text("domain=d.e,192.0.2.0/25,local\n");
    REQUIRE(parsed.options.server.size() == 1);
    CHECK(parsed.options.server[0].domains.size() == 129);
    CHECK(parsed.options.server[0].domains[0] == "d.e");
    CHECK(parsed.options.server[0].domains[1] == "0.2.0.192.in-addr.arpa");
}

TEST_CASE("a servers-file gives the valid lines and notes the others") {
    std::vector<std::string> notes;
    const auto rules =
        parse_servers_file("# comment\nserver=/a/192.0.2.1\nserver=x y\nrev-server=10.0.0.0/8,192.0.2.2\nport=5\nserver\n", "/f", notes);
    REQUIRE(rules.size() == 2);
    CHECK(text_of(rules[1]) == "/10.in-addr.arpa/192.0.2.2#53");
    REQUIRE(notes.size() == 3);
    CHECK_THAT(notes[0], Contains("/f:3: ignored: "));
    CHECK(notes[1] == "/f:5: ignored: only server= and rev-server= are allowed in a servers-file");
    CHECK(notes[2] == "/f:6: ignored: missing parameter");
}

TEST_CASE("contains() decides if a network contains an address") {
    const auto in = [](const char* network, const char* address) { return contains(*parse_network(network), *Address::parse(address)); };
    CHECK(in("192.0.2.0/24", "192.0.2.255"));
    CHECK_FALSE(in("192.0.2.0/24", "192.0.3.0"));
    CHECK(in("192.0.2.8/29", "192.0.2.15"));
    CHECK_FALSE(in("192.0.2.8/29", "192.0.2.16"));
    CHECK(in("0.0.0.0/0", "192.0.2.1"));
    CHECK_FALSE(in("0.0.0.0/0", "::1"));
    CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
}
