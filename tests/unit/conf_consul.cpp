// Is Consul's address taken from option, environment, hint in a dnsmasq file or default, in this order, and is the route of the hint
// removed?
#include <catch2/catch.hpp>

#include "conf/options/consul_address.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace conf_test;
using Catch::Matchers::Contains;

namespace {

std::string addresses(const Parsed& parsed) {
    REQUIRE(lines(parsed.errors) == "");
    std::string out;
    for (const auto& address : parsed.options.consul_http_addr) out += (out.empty() ? "" : " ") + text_of(address);
    return out;
}

std::string dns(const Parsed& parsed) { return parsed.options.consul_dns ? parsed.options.consul_dns->text() : "none"; }

}  // namespace

TEST_CASE("the default is the agent of this node") {
    const auto parsed = parse_words({});
    CHECK(addresses(parsed) == "http://127.0.0.1:8500");
    CHECK(dns(parsed) == "127.0.0.1#8600");
}

TEST_CASE("an option takes precedence over a variable, a variable over a hint") {
    const std::string hint = "server=/consul/10.0.0.1#8601\n";
    const Environment variable = {{"CONSUL_HTTP_ADDR", "10.0.0.2:8502"}};
    CHECK(addresses(parse_text(hint)) == "http://10.0.0.1:8500");
    CHECK(addresses(parse_text(hint, variable)) == "http://10.0.0.2:8502");
    CHECK(addresses(parse_text(hint + "consul-http-addr=10.0.0.3\n", variable)) == "http://10.0.0.3:8500");
    CHECK(addresses(parse_text(hint, variable, {"--consul-http-addr=10.0.0.4"})) == "http://10.0.0.4:8500");
    CHECK(addresses(parse_text("", {{"CONSUL_HTTP_ADDR", ""}})) == "http://127.0.0.1:8500");
    // The hint gives the agent's DNS even if HTTP has another address.
    CHECK(dns(parse_text(hint, variable)) == "10.0.0.1#8601");
    CHECK(dns(parse_text(hint + "consul-dns=10.9.9.9\n")) == "10.9.9.9#8600");
    CHECK(dns(parse_text(hint + "consul-dns=\n")) == "none");
}

TEST_CASE("an empty address switches Consul off, and hints remain routes") {
    const auto parsed = parse_text("server=/consul/10.0.0.1#8600\nconsul-http-addr=\n", {{"CONSUL_HTTP_ADDR", "x"}});
    CHECK(addresses(parsed).empty());
    CHECK(dns(parsed) == "none");
    CHECK(parsed.options.server.size() == 1);
    CHECK_THAT(lines(parse_text("consul-http-addr=\nconsul-http-addr=a\n").errors),
               Contains("/c:2: consul-http-addr: an empty value switches"));
}

TEST_CASE("some server lines are hints, others remain routes") {
    const auto routes = [](const std::string& text) {
        const auto parsed = parse_text(text);
        REQUIRE(lines(parsed.errors) == "");
        std::string out;
        for (const auto& value : find_option("server")->field.get(parsed.options)) out += (out.empty() ? "" : " ") + value;
        return out;
    };
    CHECK(routes("server=/consul./10.0.0.1#8600\nserver=192.0.2.1\n") == "192.0.2.1#53");
    CHECK(routes("server=/service.consul/10.0.0.1#8600\n") == "");
    CHECK(routes("server=/consul/lan/10.0.0.1#8600\n") == "/lan/10.0.0.1#8600");
    CHECK(routes("server=/web.service.consul/10.0.0.1\n") == "/web.service.consul/10.0.0.1#53");
    CHECK(routes("server=/dc1.consul/10.0.0.1#8600\n") == "/dc1.consul/10.0.0.1#8600");
    CHECK(routes("local=/consul/\n") == "/consul/");
    CHECK(routes("server=/consul/#\n") == "/consul/#");
    CHECK(routes("consul-domain=em\nserver=/em/10.0.0.1#8600\nserver=/consul/10.0.0.1#8600\n") == "/consul/10.0.0.1#8600");
    CHECK(routes("server=/33.168.192.in-addr.arpa/10.0.0.1#8600\n") == "/33.168.192.in-addr.arpa/10.0.0.1#8600");

    CHECK(addresses(parse_text("server=/consul/10.0.0.1#8600\nserver=/consul/10.0.0.2#8600\nserver=/consul/10.0.0.1#8600\n")) ==
          "http://10.0.0.1:8500 http://10.0.0.2:8500");
    CHECK(addresses(parse_text("consul-domain=em\nserver=/em/10.0.0.1#8600\n")) == "http://10.0.0.1:8500");
    CHECK(addresses(parse_text("server=/consul/2001:db8::1#8600\n")) == "http://[2001:db8::1]:8500");
    CHECK(addresses(parse_text("server=/dc1.consul/10.0.0.1#8600\n")) == "http://10.0.0.1:8500");
    CHECK(addresses(parse_text("server=/dc1.consul/10.0.0.1#8600\nserver=/consul/10.0.0.2#8600\n")) == "http://10.0.0.2:8500");
    CHECK(addresses(parse_text("server=/web.service.consul/10.0.0.1\n")) == "http://127.0.0.1:8500");
}

TEST_CASE("CONSUL_HTTP_SSL selects https for all addresses except sockets") {
    const Environment tls = {{"CONSUL_HTTP_SSL", "true"}};
    CHECK(addresses(parse_text("", tls)) == "https://127.0.0.1:8500");
    CHECK(addresses(parse_text("consul-http-addr=a\nconsul-http-addr=http://b:8500\nconsul-http-addr=unix:///s\n", tls)) ==
          "https://a:8501 https://b:8500 unix:///s");
    CHECK(addresses(parse_text("", {{"CONSUL_HTTP_SSL", "1"}, {"CONSUL_HTTP_ADDR", "c:8500"}})) == "https://c:8500");
    CHECK(addresses(parse_words({"--consul-http-addr=d"}, tls)) == "https://d:8501");
    CHECK(addresses(parse_text("", {{"CONSUL_HTTP_SSL", "false"}})) == "http://127.0.0.1:8500");
    CHECK_THAT(lines(parse_text("consul-http-addr=https://c\n").warnings), Contains("no port in 'https://c': https://c:8501 is used"));
    CHECK(lines(parse_text("consul-http-addr=https://c:443\nconsul-http-addr=http://[::1]:8500\n").warnings) == "");
}

TEST_CASE("the variables of Consul's tools are used if no option is given") {
    const Environment environment = {{"CONSUL_HTTP_TOKEN", "secret"},   {"CONSUL_HTTP_AUTH", "me:word"}, {"CONSUL_CACERT", "/ca"},
                                     {"CONSUL_CAPATH", "/cas"},         {"CONSUL_CLIENT_CERT", "/cert"}, {"CONSUL_CLIENT_KEY", "/key"},
                                     {"CONSUL_TLS_SERVER_NAME", "srv"}, {"CONSUL_HTTP_SSL_VERIFY", "0"}, {"CONSUL_NAMESPACE", "x"}};
    const auto parsed = parse_text("consul-ca-file=/mine\n", environment);
    REQUIRE(lines(parsed.errors) == "");
    const auto& options = parsed.options;
    CHECK(options.consul_token == "secret");
    CHECK(options.consul_http_auth == "me:word");
    CHECK(options.consul_ca_file == "/mine");
    CHECK(options.consul_ca_path == "/cas");
    CHECK(options.consul_cert_file == "/cert");
    CHECK(options.consul_key_file == "/key");
    CHECK(options.consul_tls_server_name == "srv");
    CHECK_FALSE(options.consul_tls_verify);
    CHECK_THAT(lines(parsed.warnings), Contains("CONSUL_NAMESPACE: ") && Contains("CONSUL_HTTP_SSL_VERIFY: SECURITY"));
    CHECK_THAT(lines(parse_text("consul-cert-file=/c\n").errors), Contains("/c:1: consul-cert-file needs consul-key-file"));
    CHECK_THAT(lines(parse_text("", {{"CONSUL_CLIENT_KEY", "/k"}}).errors), Contains("CONSUL_CLIENT_KEY: consul-key-file needs"));
    CHECK_THAT(lines(parse_text("", {{"CONSUL_HTTP_TOKEN", "a\nb"}}).errors), Contains("CONSUL_HTTP_TOKEN: control character"));
    CHECK_THAT(lines(parse_text("", {{"CONSUL_HTTP_ADDR", "a:b"}}).errors), Contains("CONSUL_HTTP_ADDR: port in"));
}

TEST_CASE("a token file takes precedence over a token, and no secret is printed") {
    const auto file = parse_text("consul-token-file=/t\n", {{"CONSUL_HTTP_TOKEN", "secret"}});
    CHECK(file.options.consul_token.empty());
    CHECK(file.options.consul_token_file == "/t");
    const auto parsed = parse_text("", {{"CONSUL_HTTP_TOKEN", "s3cret"}, {"CONSUL_HTTP_AUTH", "me:passw0rd"}});
    const auto dump = render_effective(parsed.options);
    CHECK_THAT(dump, !Contains("s3cret") && !Contains("passw0rd") && Contains("# CONSUL_HTTP_TOKEN=(hidden)"));
}

TEST_CASE("a line with an agent's DNS port is a hint, whatever its domain, if no line is for Consul's domain") {
    const auto domains = [](const std::string& text) {
        std::string out;
        for (const auto& domain : parse_text(text).options.consul_domain) out += (out.empty() ? "" : " ") + domain;
        return out;
    };
    for (const char* line :
         {"server=/lon/10.0.0.5#8600\n", "server=/pglab.service.lon/10.0.0.5#8600\n", "server=10.0.0.5#8600\n",
          "server=/web.service.consul/10.0.0.5#8600\n", "server=/dc1.lon.example/10.0.0.5#8600\n", "server=/*.lon/10.0.0.5#8600\n"}) {
        INFO(line);
        CHECK(addresses(parse_text(line)) == "http://10.0.0.5:8500");
        CHECK(dns(parse_text(line)) == "10.0.0.5#8600");
        CHECK_FALSE(is_consul_assumed(parse_text(line).options));
    }
    // A domain of one label is the agent's; for others the agent's settings decide.
    CHECK(domains("server=/lon/10.0.0.5#8600\n") == "lon");
    CHECK(domains("server=/service.lon/10.0.0.5#8600\n") == "lon");
    CHECK(parse_text("server=/lon/10.0.0.5#8600\n").options.server.empty());
    CHECK(domains("server=/dc1.lon/10.0.0.5#8600\n") == "");
    CHECK(domains("server=/consul/lan/10.0.0.5#8600\n") == "");
    CHECK(domains("server=/33.168.192.in-addr.arpa/10.0.0.5#8600\n") == "");
    CHECK(domains("consul-domain=em\nserver=/lon/10.0.0.5#8600\n") == "em");
    // With a line for Consul's domain other agents are no hints.
    CHECK(addresses(parse_text("server=/consul/10.0.0.1#8600\nserver=/lon/10.0.0.5#8600\n")) == "http://10.0.0.1:8500");
    CHECK(addresses(parse_text("server=/lon/10.0.0.5\n")) == "http://127.0.0.1:8500");
}

TEST_CASE("an agent is only assumed if nothing about Consul is given") {
    const auto assumed = [](const std::string& text, const Environment& environment = {}) {
        return is_consul_assumed(parse_text(text, environment).options);
    };
    CHECK(assumed(""));
    CHECK(assumed("server=192.0.2.1\ncache-size=5\nserver=/lan/192.0.2.2\n"));
    for (const char* line : {"consul-http-addr=127.0.0.1:8500\n", "consul-http-addr=\n", "consul-dns=127.0.0.1\n", "consul-dns=\n",
                             "consul-dns-compat=fixed\n", "consul-watch=web\n", "leader=pglab\n", "consul-domain=consul\n",
                             "server=/consul/127.0.0.1#8600\n", "snapshot-file=/var/lib/lictor/s\n", "consul-token-file=/t\n"}) {
        INFO(line);
        CHECK_FALSE(assumed(line));
    }
    CHECK_FALSE(assumed("", {{"CONSUL_HTTP_ADDR", "127.0.0.1:8500"}}));
    CHECK_FALSE(assumed("", {{"CONSUL_HTTP_TOKEN", "t"}}));
    CHECK_FALSE(assumed("", {{"CONSUL_HTTP_SSL", "true"}}));
}

TEST_CASE("a line for a name inside Consul's domain that goes to another server is a warning") {
    const auto warned = [](const std::string& text) { return lines(parse_text(text).warnings); };
    CHECK_THAT(
        warned("server=192.0.2.1\nserver=/web.service.consul/10.0.0.1\n"),
        Contains("/c:2: server: names below web.service.consul are asked of 10.0.0.1#53 and not answered from memory; if this is a Consul "
                 "agent, add server=/consul/10.0.0.1#53"));
    CHECK(warned("server=192.0.2.1\nserver=/web.service.consul/10.0.0.1\nserver=/consul/10.0.0.1\n") == "");
    CHECK(warned("server=192.0.2.1\nserver=/web.service.consul/10.0.0.1#8600\n") == "");
    CHECK(warned("server=192.0.2.1\nserver=/service.example/10.0.0.1\nlocal=/a.service.consul/\n") == "");
    CHECK(warned("server=192.0.2.1\nconsul-http-addr=\nserver=/web.service.consul/10.0.0.1\n") == "");
}
