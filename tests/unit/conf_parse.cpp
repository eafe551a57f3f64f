// Are lines, repetitions, precedence, nested files and the command line parsed as documented, and are all errors reported at once?
#include <catch2/catch.hpp>

#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace conf_test;
using Catch::Matchers::Contains;

namespace {

std::string only_error(const Parsed& parsed) {
    INFO(lines(parsed.errors));
    REQUIRE(parsed.errors.size() == 1);
    return parsed.errors.front().line();
}

}  // namespace

TEST_CASE("blanks and comments are read as dnsmasq reads them") {
    const auto parsed = parse_text(
        "# a comment\n"
        "\n"
        "   cache-size = 7   # behind a blank\n"
        "server=192.0.2.1#5353\n"
        "domain-needed\r\n"
        "\tuser\t=\tdns\t\n"
        "pid-file=/run/a#b\n"
        "group=\"two words, and # more\" # note\n");
    CHECK(lines(parsed.errors) == "");
    CHECK(parsed.options.cache_size == 7);
    REQUIRE(parsed.options.server.size() == 1);
    CHECK(parsed.options.server[0].upstream->text() == "192.0.2.1#5353");
    CHECK(parsed.options.domain_needed);
    CHECK(parsed.options.user == "dns");
    CHECK(parsed.options.pid_file == "/run/a#b");
    CHECK(parsed.options.group == "two words, and # more");
}

TEST_CASE("quotes keep separators, and escapes work inside them") {
    CHECK(parse_text("addn-hosts=\"/a b\"").options.addn_hosts == std::vector<std::string>{"/a b"});
    CHECK(parse_text("addn-hosts=/a\" \"b").options.addn_hosts == std::vector<std::string>{"/a b"});
    CHECK(parse_text("addn-hosts=\"/a\\\"\\\\b\"").options.addn_hosts == std::vector<std::string>{"/a\"\\b"});
    CHECK(parse_text("addn-hosts=/a\\tb").options.addn_hosts == std::vector<std::string>{"/a\\tb"});
    CHECK(parse_text("leader=\"a,b\",service=x").options.leader.at(0).scope == "a,b");
    CHECK_THAT(only_error(parse_text("\n\nuser=\"abc\n")), Contains("/c:3: missing closing \""));
    CHECK_THAT(only_error(parse_text("user=\"a\\nb\"\n")), Contains("control character"));
    CHECK_THAT(only_error(parse_text(std::string("user=a\x01") + "b\n")), Contains("/c:1: control byte"));
}

TEST_CASE("all errors are reported at once, each with its place") {
    const auto parsed = parse_text(
        "cache-sise=5\n"
        "cache-size=many\n"
        "no-resolv=yes\n"
        "port\n"
        "user=x\n"
        "port=\n",
        {{"CONSUL_HTTP_SSL", "perhaps"}}, {"--leader-hold=1h"});
    CHECK(lines(parsed.errors) ==
          "CONSUL_HTTP_SSL: 'perhaps' is neither true nor false\n"
          "command line: leader-hold: '1h' is not a plain decimal number from 0 to 30000\n"
          "/c:1: unknown option 'cache-sise'; did you mean 'cache-size'?\n"
          "/c:2: cache-size: 'many' is not a plain decimal number from 0 to 10000000\n"
          "/c:3: no-resolv: extraneous parameter: the option takes no value\n"
          "/c:4: port: missing parameter: write port=<port>\n");
    CHECK(lines(parsed.warnings) == "/c:6: port: no value after '=': the line is ignored\n");
}

TEST_CASE("the number of errors is bounded") {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "nonsense\n";
    const auto parsed = parse_text(text);
    CHECK(parsed.errors.size() == 101);
    CHECK(parsed.errors.back().text == "4900 more errors");
}

TEST_CASE("an unknown name is reported with the nearest known one") {
    CHECK(nearest_option("cache-sise") == "cache-size");
    CHECK(nearest_option("listen_address") == "listen-address");
    CHECK(nearest_option("consul-htpt-addr") == "consul-http-addr");
    CHECK(nearest_option("No-Resolv") == "no-resolv");
    CHECK(nearest_option("dnsec") == "dnssec");
    CHECK(nearest_option("completely-different-thing") == std::nullopt);
    CHECK(nearest_option(std::string(5000, 'a')) == std::nullopt);
    CHECK_THAT(only_error(parse_text("--port=53\n")), Contains("an option in a file has no leading dashes: write port"));
}

TEST_CASE("a second value of a once-only option is an error") {
    CHECK_THAT(only_error(parse_text("port=5\nport=5\n")), Contains("/c:2: illegal repeated keyword 'port': already given at /c:1"));
    CHECK_THAT(only_error(parse_words({"-p5", "--port=6"})), Contains("illegal repeated flag --port"));
    CHECK_THAT(only_error(parse_text("leader-hold=5\nleader-hold=5\n")), Contains("illegal repeated keyword 'leader-hold'"));
    CHECK(parse_text("no-resolv\nno-resolv\naddn-hosts=/a\naddn-hosts=/b\n").errors.empty());
    Files files{{"/c", "port=1\nconf-file=/d\n"}, {"/d", "port=2\n"}};
    CHECK_THAT(only_error(parse_configuration({"-C", "/c"}, {}, files)),
               Contains("/d:1: illegal repeated keyword 'port': already given at /c:1"));
}

TEST_CASE("a blank in place of '=' is reported with the correct form") {
    CHECK_THAT(only_error(parse_text("port 53\n")), Contains("/c:1: 'port 53' is not an option: write port=53"));
    CHECK_THAT(only_error(parse_text("leader\t pglab\n")), Contains("write leader=pglab"));
    CHECK_THAT(only_error(parse_text("no-resolv really\n")), Contains("unknown option 'no-resolv really'"));
    CHECK_THAT(only_error(parse_text("prt 53\n")), Contains("unknown option 'prt 53'"));
}

TEST_CASE("shadow refuses lictor's own log") {
    const std::string log = "shadow=log:/var/log/dns.log\n";
    CHECK_THAT(only_error(parse_text("log-facility=/var/log/dns.log\n" + log)),
               Contains("/c:2: shadow: '/var/log/dns.log' is lictor's own log-facility"));
    CHECK(parse_text("log-facility=/var/log/lictor.log\n" + log).errors.empty());
    CHECK(parse_text("log-facility=/var/log/dns.log\nshadow=192.0.2.1\n").errors.empty());
    CHECK(parse_text("shadow=192.0.2.1\n").errors.empty());
}

TEST_CASE("a once-only value in a file takes precedence over the command line") {
    const auto dnsmasq = parse_text("port=5\n", {}, {"--port=6"});
    CHECK(dnsmasq.options.port == 5);
    CHECK(lines(dnsmasq.warnings) == "/c:1: port: also given on the command line; the file's value is used\n");
    CHECK(parse_text("no-resolv\n", {}, {"--no-resolv", "--server=192.0.2.1"}).warnings.empty());
    CHECK(lines(parse_text("cache-size=\n", {}, {"--cache-size=500"}).warnings) ==
          "/c:1: cache-size: no value after '=': the line is ignored\n");
    CHECK_THAT(lines(parse_text("auth-ttl=5\n", {}, {"--auth-ttl=6"}).warnings), !Contains("the file's value"));
    const auto own = parse_text("leader-hold=5\n", {}, {"--leader-hold=6"});
    CHECK(own.options.leader_hold.count() == 5);
    CHECK(lines(own.warnings) == "/c:1: leader-hold: also given on the command line; the file's value is used\n");
    const auto both = parse_text("addn-hosts=/file\n", {}, {"--addn-hosts=/words"});
    CHECK(both.options.addn_hosts == std::vector<std::string>{"/words", "/file"});
}

TEST_CASE("the command line is parsed as getopt_long does") {
    const auto parsed =
        parse_words({"-kp5353", "-a", "127.0.0.2", "--user", "dns", "--group=", "--cache-size=9", "-R", "--pid-file", "--no-hosts"});
    CHECK(lines(parsed.errors) == "");
    CHECK(parsed.action == Action::serve);
    CHECK(parsed.options.keep_in_foreground);
    CHECK(parsed.options.port == 5353);
    REQUIRE(parsed.options.listen_address.size() == 1);
    CHECK(parsed.options.listen_address[0].text() == "127.0.0.2");
    CHECK(parsed.options.user == "dns");
    CHECK(parsed.options.no_hosts);
    CHECK(parsed.options.cache_size == 9);
    CHECK_THAT(only_error(parse_words({"-p"})), Contains("missing parameter after -p"));
    CHECK_THAT(only_error(parse_words({"--port"})), Contains("port: missing parameter"));
    CHECK_THAT(only_error(parse_words({"-%"})), Contains("unknown option -%"));
    CHECK_THAT(only_error(parse_words({"--no-resolv=1"})), Contains("extraneous parameter"));
    CHECK_THAT(only_error(parse_words({"--prot=1"})), Contains("command line: unknown option 'prot'; did you mean 'port'?"));
}

TEST_CASE("doctor takes the options of the service before and behind it") {
    const auto parsed =
        parse_words({"--leader=pglab", "doctor", "--port", "5353", "", "-R", "--json", "--stats-address=127.0.0.1:99", "-h"});
    CHECK(parsed.errors.empty());
    CHECK(parsed.action == Action::command);
    CHECK(parsed.words == std::vector<std::string>{"doctor", "-h", "--json"});
    CHECK(parsed.options.port == 5353);
    CHECK(parsed.options.no_resolv);
    CHECK(parsed.options.stats_address == "127.0.0.1:99");
    CHECK(parsed.options.leader.size() == 1);
    CHECK(parse_words({"doctor", "web"}).words == std::vector<std::string>{"doctor", "web"});
    CHECK_THAT(only_error(parse_words({"doctor", "--prot=1"})), Contains("did you mean 'port'?"));
    CHECK(parse_words({"wait", "--leader=pglab"}).options.leader.empty());
}

TEST_CASE("the first bare word is a command, and the following words are its arguments") {
    const auto parsed = parse_words({"--stats-address=127.0.0.1:99", "flush", "--all", "web"});
    CHECK(parsed.errors.empty());
    CHECK(parsed.action == Action::command);
    CHECK(parsed.words == std::vector<std::string>{"flush", "--all", "web"});
    CHECK(parsed.options.stats_address == "127.0.0.1:99");
    CHECK(parse_words({"--", "--odd"}).words == std::vector<std::string>{"--odd"});
    CHECK(parse_words({"-q", "stats"}).words == std::vector<std::string>{"stats"});
}

TEST_CASE("help and version work despite errors; --test reports the errors") {
    CHECK(parse_words({"--nonsense", "--help"}).action == Action::help);
    CHECK(parse_words({"--nonsense", "--help"}).errors.empty());
    CHECK(parse_words({"-w"}).action == Action::help);
    CHECK(parse_words({"-v"}).action == Action::version);
    CHECK(parse_words({"--version", "--help"}).action == Action::help);
    CHECK(parse_words({"--test"}).action == Action::test);
    CHECK(parse_words({"--test", "--prot"}).errors.size() == 1);
    CHECK_THAT(lines(parse_text("test\n").warnings), Contains("only on the command line"));
    CHECK_THAT(only_error(parse_words({"--test", "stats"})), Contains("junk found: 'stats'"));
}

TEST_CASE("files may be nested, and each is read once") {
    Files files{
        {"/c", "conf-file=/d\nconf-file=/c\nconf-file=/link\n"}, {"/d", "conf-file=/c\naddn-hosts=/x\n"}, {"/link", "addn-hosts=/x\n"}};
    files.same_as["/link"] = "/d";
    const auto parsed = parse_configuration({"-C/c"}, {}, files);
    CHECK(parsed.errors.empty());
    CHECK(parsed.files == std::vector<std::string>{"/c", "/d"});
    CHECK(parsed.options.addn_hosts == std::vector<std::string>{"/x"});
}

TEST_CASE("the depth of nested files is bounded") {
    Files files;
    for (int i = 0; i < 100; ++i) files.texts["/" + std::to_string(i)] = "conf-file=/" + std::to_string(i + 1) + "\n";
    CHECK_THAT(only_error(parse_configuration({"-C/0"}, {}, files)), Contains("files are nested more than 32 deep"));
}

TEST_CASE("a configured file must exist; the default file need not") {
    const auto missing = parse_words({"--conf-file=/none"});
    CHECK_THAT(only_error(missing), Contains("command line: cannot read '/none': No such file"));
    CHECK(missing.errors[0].file_missing);
    const auto nested = parse_text("\nconf-file=/none\n");
    CHECK_THAT(only_error(nested), Contains("/c:2: cannot read '/none'"));
    CHECK(nested.errors[0].file_missing);
    CHECK(parse_text("conf-dir=/none\n").errors.at(0).file_missing);
    CHECK_FALSE(parse_text("port=x\n").errors.at(0).file_missing);
    CHECK(parse_words({}).errors.empty());
    Files folder{{"/d/a", "port=5\n"}};
    CHECK_THAT(only_error(parse_configuration({"--conf-file=/d"}, {}, folder)), Contains("; use conf-dir"));

    Files files{{"/etc/lictor.conf", "port=5\n"}, {"/c", "cache-size=5\n"}};
    CHECK(parse_configuration({}, {}, files).options.port == 5);
    CHECK(parse_configuration({"-C/c"}, {}, files).options.port == 53);
    CHECK(parse_configuration({"--conf-file="}, {}, files).files.empty());
}

TEST_CASE("of the two default files one is read, and a warning names the other if it has lines") {
    Files packaged{{"/etc/lictor/lictor.conf", "port=6\n"}};
    CHECK(parse_configuration({}, {}, packaged).options.port == 6);
    Files both{{"/etc/lictor.conf", "port=5\n"}, {"/etc/lictor/lictor.conf", "port=6\n"}};
    const auto chosen = parse_configuration({}, {}, both);
    CHECK(chosen.options.port == 5);
    CHECK(chosen.files == std::vector<std::string>{"/etc/lictor.conf"});
    REQUIRE(chosen.warnings.size() == 1);
    CHECK_THAT(chosen.warnings[0].text, Contains("/etc/lictor/lictor.conf is not read, because /etc/lictor.conf exists"));
    Files comments{{"/etc/lictor.conf", "port=5\n"}, {"/etc/lictor/lictor.conf", "# port=6\n\n"}};
    CHECK(parse_configuration({}, {}, comments).warnings.empty());
    CHECK(parse_configuration({"--conf-file=/etc/lictor/lictor.conf"}, {}, both).options.port == 6);
    CHECK(parse_configuration({"--conf-file="}, {}, both).warnings.empty());
}

TEST_CASE("systemd's credential is Consul's token if nothing else gives one") {
    Files files{{"/run/c/lictor.consul-token", "t\n"}, {"/c", "consul-token-file=/mine\n"}};
    const Environment systemd{{"CREDENTIALS_DIRECTORY", "/run/c"}};
    const auto file_with = [&](const std::vector<std::string>& words, const Environment& environment) {
        return parse_configuration(words, environment, files).options.consul_token_file;
    };
    CHECK(file_with({"-C/none"}, {}) == "");
    CHECK(file_with({"--conf-file="}, systemd) == "/run/c/lictor.consul-token");
    CHECK(file_with({"-C/c"}, systemd) == "/mine");
    CHECK(file_with({"--conf-file=", "--consul-token-file=/other"}, systemd) == "/other");
    CHECK(file_with({"--conf-file="}, {{"CREDENTIALS_DIRECTORY", "/run/c"}, {"CONSUL_HTTP_TOKEN", "x"}}) == "");
    CHECK(file_with({"--conf-file="}, {{"CREDENTIALS_DIRECTORY", "/run/c"}, {"CONSUL_HTTP_TOKEN_FILE", "/v"}}) == "/v");
    CHECK(file_with({"--conf-file="}, {{"CREDENTIALS_DIRECTORY", "/run/d"}}) == "");
    files.unreadable = {"/run/c/lictor.consul-token"};
    CHECK(file_with({"--conf-file="}, systemd) == "/run/c/lictor.consul-token");
}

TEST_CASE("standard input is read like a file") {
    Files files{{"-", "\nport=x\n"}};
    CHECK_THAT(only_error(parse_configuration({"--conf-file=-"}, {}, files)), Contains("standard input:2: port:"));
    CHECK_THAT(only_error(parse_configuration({"-C", "-"}, {}, files)), Contains("standard input:2: port:"));
}

TEST_CASE("a directory is filtered by endings and read in order") {
    Files files;
    for (const std::string name : {"b.conf", "a.conf", "a.conf~", ".hidden", "#a#", "c.dpkg-dist", "readme", ".conf"})
        files.texts["/d/" + name] = "addn-hosts=/" + name + "\n";
    const auto read = [&](const std::string& value) {
        return parse_configuration({"--conf-file=", "--conf-dir=" + value}, {}, files).options.addn_hosts;
    };
    CHECK(read("/d") == std::vector<std::string>{"/a.conf", "/b.conf", "/c.dpkg-dist", "/readme"});
    CHECK(read("/d/,.dpkg-dist") == std::vector<std::string>{"/a.conf", "/b.conf", "/readme"});
    CHECK(read("/d,*.conf") == std::vector<std::string>{"/a.conf", "/b.conf"});
    CHECK(read("/d,*.conf,b.conf,.a,d.conf") == std::vector<std::string>{"/a.conf", "/b.conf"});
    files.texts["/d/old.b.conf"] = "addn-hosts=/old\n";
    CHECK(read("/d,*.conf,.b.conf") == std::vector<std::string>{"/a.conf", "/b.conf"});
    files.texts.erase("/d/old.b.conf");
    files.texts["/c"] = "conf-dir=/d,*.conf\n";
    CHECK(parse_configuration({"-C/c"}, {}, files).files == std::vector<std::string>{"/c", "/d/a.conf", "/d/b.conf"});
}

TEST_CASE("unsupported options of dnsmasq are ignored") {
    const auto parsed =
        parse_text("enable-dbus\ndnssec\ntrust-anchor=.,20326,8,2,E0\nlocal-service\ndhcp-range=a\ndhcp-host=b\nenable-tftp\n");
    CHECK(parsed.errors.empty());
    CHECK(lines(parsed.warnings) ==
          "/c:1: enable-dbus: option of dnsmasq, not supported: ignored\n"
          "/c:2: SECURITY: dnssec: option of dnsmasq, not supported: ignored (answers are not validated)\n"
          "/c:5: DHCP, TFTP and router advertisement are not supported: ignored (dhcp-range, dhcp-host, enable-tftp)\n");
    // strict also applies to the lines before it.
    CHECK(lines(parse_text("dnssec\nstrict\n").errors) ==
          "/c:1: dnssec: option of dnsmasq, not supported: ignored (answers are not validated); refused because of strict\n");
    const auto debian = parse_words({"-u", "dnsmasq", "-r", "/run/r", "-x", "/run/p", "--conf-file=", "--local-service", "--trust-anchor",
                                     ".,1", "-Q", "99", "--log-async", "-5E"});
    CHECK(lines(debian.errors) == "");
    CHECK(debian.words.empty());
    CHECK(debian.warnings.size() == 1);  // no-ping is an option of DHCP
}

TEST_CASE("wildcard addresses give a warning, and an error under strict") {
    CHECK_THAT(lines(parse_text("listen-address=127.0.0.1\nlisten-address=::1,0.0.0.0\n").warnings),
               Contains("/c:2: SECURITY: listen-address: on 0.0.0.0 lictor"));
    CHECK_THAT(only_error(parse_text("strict\nlisten-address=::\n")), Contains("/c:2: listen-address: on :: lictor answers every client"));
}

TEST_CASE("unambiguous abbreviations of dnsmasq's names work on the command line") {
    CHECK(parse_words({"--cache-s=7", "--no-ho", "--strict-o"}).options.cache_size == 7);
    CHECK(parse_words({"--cache-s", "7", "--no-ho"}).options.no_hosts);
    CHECK_THAT(only_error(parse_words({"--no"})), Contains("unknown option 'no'"));
    CHECK(parse_words({"--domain-s=a"}).options.domain.size() == 1);
    // lictor's own names cannot be abbreviated, and no name can in a file.
    CHECK_THAT(only_error(parse_words({"--leader-fl=a"})), Contains("unknown option"));
    CHECK_THAT(only_error(parse_text("cache-s=7\n")), Contains("unknown option"));
}

TEST_CASE("the arguments of ignored options of dnsmasq are checked") {
    CHECK_THAT(only_error(parse_text("dnssec=yes\n")), Contains("/c:1: dnssec: extraneous parameter"));
    CHECK_THAT(only_error(parse_text("dhcp-range\n")), Contains("/c:1: dhcp-range: missing parameter"));
    CHECK_THAT(only_error(parse_text("dhcp-lease-max=1\ndhcp-lease-max=2\n")), Contains("/c:2: illegal repeated keyword 'dhcp-lease-max'"));
    CHECK(parse_text("dhcp-host=a\ndhcp-host=b\nipset=/a/b\nipset=/c/d\n").errors.empty());
}

TEST_CASE("the first file of the command line is read last") {
    Files files{{"/a", "port=1\n"}, {"/b", "port=2\n"}, {"/d/x", "no-hosts\n"}};
    const auto parsed = parse_configuration({"-C/a", "-7/d", "-C/b"}, {}, files);
    CHECK(parsed.files == std::vector<std::string>{"/d/x", "/b", "/a"});
    CHECK_THAT(only_error(parsed), Contains("/a:1: illegal repeated keyword 'port': already given at /b:1"));
}

TEST_CASE("zero switches TTL bounds off, and min-cache-ttl has a maximum") {
    const auto off = parse_text("neg-ttl=0\nmax-ttl=0\nmax-cache-ttl=0\nmin-cache-ttl=0\n").options;
    CHECK((!off.neg_ttl && !off.max_ttl && !off.max_cache_ttl && !off.min_cache_ttl));
    const auto parsed = parse_text("max-cache-ttl=0\nmin-cache-ttl=7200\n");
    CHECK(parsed.options.min_cache_ttl == 3600u);
    CHECK(lines(parsed.warnings).find("max-cache-ttl is used") == std::string::npos);  // max-cache-ttl is off
}
