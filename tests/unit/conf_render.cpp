// Are the committed files equal to the generated ones, do samples parse, and is the effective configuration complete?
// With LICTOR_WRITE_GENERATED=1 in the environment, the test writes the generated text into the committed files.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "conf/metrics/metrics_rows.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/parse/dnsmasq_names.hpp"
#include "conf/render/render.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::metrics;
using namespace conf_test;
using Catch::Matchers::Contains;

namespace {

std::string text_of_file(const std::string& path) {
    std::ifstream file(std::string(LICTOR_SOURCE_DIR) + '/' + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void check_committed(const std::string& path, const std::string& generated) {
    if (const char* write = std::getenv("LICTOR_WRITE_GENERATED"); write && std::string(write) == "1")
        std::ofstream(std::string(LICTOR_SOURCE_DIR) + '/' + path) << generated;
    INFO(path << " differs from the rows of options and metrics: run this test with LICTOR_WRITE_GENERATED=1");
    CHECK((text_of_file(path) == generated));
}

std::string every_sample() {
    std::string text;
    for (const auto& row : option_rows()) {
        if (!row.field.id || row.shape == Shape::environment) continue;
        const bool bare = row.shape == Shape::flag || row.sample.empty();
        text += std::string(row.name) + (bare ? "" : '=' + std::string(row.sample)) + '\n';
    }
    return text;
}

/// Lines that give each option of the effective configuration a value other than its default.
const char* const everything =
    "port=5353\nlisten-address=127.0.0.2,::1\ninterface=eth0,ens*\nbind-interfaces\nserver=192.0.2.1\nserver=/a/b/"
    "192.0.2.2#99@eth0@192.0.2.9#7\n"
    "local=/lan/\nserver=//#\nno-resolv\nresolv-file=/r "
    "1\nresolv-file=/r2\nstrict-order\nall-servers\ndns-forward-max=7\nforward-timeout=4000\nedns-packet-max=4096\n"
    "address=/x/192.0.2.3\naddress=/y/#\naddress=/z/\nhost-record=h,i,192.0.2.4,2001:db8::4,9\ncname=c,d,7\ncname=*.e,f\nno-hosts\n"
    "addn-hosts=\"/h, "
    "\\\"x\\\"\"\ndomain-needed\nbogus-priv\nlocal-ttl=3\ncache-size=4\nno-negcache\nneg-ttl=5\nmax-ttl=60\nmax-cache-ttl=70\n"
    "min-cache-ttl=8\nlog-queries\nlog-facility=local3\nuser=u\ngroup=g\npid-file=/"
    "p\nkeep-in-foreground\nno-daemon\nthreads=3\nstrict\nseccomp=kill\nlandlock=off\n"
    "core-dumps\n"
    "consul-http-addr=https://[2001:db8::5]:1/pre\nconsul-http-addr=unix:///s\nconsul-token-file=/t\nconsul-ca-file=/ca\nconsul-cert-file=/"
    "ce\n"
    "consul-key-file=/ke\nconsul-tls-server-name=n\nconsul-datacenter=dc7\nconsul-domain=consul\nconsul-domain=em\nconsul-dns=192.0.2.6#8\n"
    "consul-consistency=consistent\nconsul-only-passing=off\nconsul-service-ttl=1\nconsul-node-ttl=2\nconsul-watch=w\nconsul-watch=w2\n"
    "consul-watch-max=9\nconsul-watch-idle=10\nconsul-max-stale=11\nconsul-dns-compat=strict\nleader=a,namespace=n/"
    "m,service=s,port=1,address=node\n"
    "leader=\"b "
    "c\",address=service\nleader=jobs,key=jobs/.lock\nleader=app,key=app/"
    ".lock,port=80,address=kv\nleader-hold=12\nleader-hold-max=13\nleader-probe=off\nleader-max-stale=14\nleader-flush=q.r\nleader-soa=s."
    "t\nleader-max-lag="
    "15\nleader-last-resort\nleader-cut\nleader-exec=/bin/x\nleader-exec-timeout=15\nleader-exec-net-admin\nsnapshot-file=/s\n"
    "stats-address=unix:///st at\nstats-host=m\nstats-host=::5\nshadow=192.0.2.1#5\n"
    "except-interface=eth1,docker*\nbind-dynamic\nlocal-service=host\nmax-tcp-connections=5\nservers-file=/sf\nno-poll\nclear-on-reload\n"
    "dns-loop-detect\nquery-port=0\nmin-port=2000\nmax-port=3000\nport-limit=4\nfast-dns-retry=60,700\ndo-0x20-encode\nproxy-dnssec\n"
    "add-subnet=192.0.2.0/24,2001:db8::/56\nstrip-subnet\nadd-mac=base64\nstrip-mac\nadd-cpe-id=x y\nhostsdir=/hd\nexpand-hosts\n"
    "domain=a.b\ndomain=c.d,192.0.2.0/24,local\ndomain=e,192.0.2.1,192.0.2.9\ndomain=f,eth0\ndomain=#\ntxt-record=t,\"a, b\",,c\n"
    "ptr-record=p,\"q "
    "r._http._tcp.x\"\nsrv-host=_a._b.c\nsrv-host=_a._b.c,d,1,2,3\nmx-host=m\nmx-host=m,n,7\nmx-target=o\nlocalmx\nselfmx\n"
    "naptr-record=n,1,2,U,E2U+sip,\"!^.*$!sip:a,b!\"\nnaptr-record=n,1,2,S,SIP+D2U,,_sip._udp.x\ncaa-record=c,128,issue,\"ca.example; "
    "x=1,2\"\n"
    "dns-rr=r,51,01:23:ff\ndns-rr=r,52\ninterface-name=i,eth0/6\ninterface-name=i,eth0\ndynamic-host=d,0.0.0.8,::9,eth0\n"
    "synth-domain=s,192.0.2.0/24,ip-\nsynth-domain=s,192.0.2.5,192.0.2.9,ip*\nsynth-domain=s,2001:db8::/64,h*\nsynth-domain=s,192.0.2.7\n"
    "memory-max=16M\nlocalise-queries\nno-ident\nno-answer-cookie\nno-send-cookie\nrrl-ratelimit=500\nrrl-slip=2\nrrl-exempt=10.0.0.0/"
    "8\nbogus-nxdomain=192.0.2.0/24\nignore-address=2001:db8::1\nstop-dns-rebind\nrebind-localhost-ok\n"
    "rebind-domain-ok=/a/b.c/"
    "\nfilter-A\nfilter-AAAA\nfilter-rr=https,TXT,4711\nfilterwin2k\nalias=192.0.2.1-192.0.2.9,198.51.100.0,255.255.255.0\n"
    "no-round-robin\nuse-stale-cache=3\ncache-rr=ANY\nlog-async=7\nlog-debug\ndumpfile=/df\ndumpmask=0x11\n"
    "log-queries-only=errors,slow/200,1/7\nlog-format=json\ndnstap=unix:/run/tap s\n";

}  // namespace

TEST_CASE("the committed sample, reference and schema are the generated ones") {
    check_committed("conf/lictor.conf", render_sample());
    check_committed("conf/README.md", render_reference());
    check_committed("conf/stats.schema.json", render_schema(text_of_file("conf/stats.schema.json")));
}

TEST_CASE("every sample value is valid") {
    const auto parsed = parse_text(every_sample());
    CHECK(lines(parsed.errors) == "");
    // The sample file contains only comments.
    const auto empty = parse_text(render_sample());
    CHECK(lines(empty.errors) == "");
    CHECK(same(empty.options, parse_words({}).options));
}

TEST_CASE("the effective configuration parses to the same options") {
    const std::string texts[] = {"",
                                 every_sample(),
                                 everything,
                                 "consul-http-addr=\nserver=/consul/192.0.2.1\n",
                                 "consul-dns=\nlog-facility=\nstats-address=\n",
                                 "consul-only-passing\nserver=/dc1.consul/192.0.2.1#8600\n"};
    for (const auto& text : texts) {
        const auto first = parse_text(text);
        INFO(text << lines(first.errors));
        REQUIRE(first.errors.empty());
        const auto dump = render_effective(first.options);
        const auto second = parse_text(dump);
        INFO(dump << lines(second.errors));
        REQUIRE(second.errors.empty());
        CHECK(same(first.options, second.options));
        CHECK(render_effective(second.options) == dump);
    }
}

TEST_CASE("the effective configuration of each option alone parses to the same options") {
    std::istringstream stream(everything);
    for (std::string line; std::getline(stream, line);) {
        // The options consul-cert-file and consul-key-file are valid only together.
        if (line.starts_with("consul-cert-file")) line += "\nconsul-key-file=/k";
        if (line.starts_with("consul-key-file")) continue;
        const auto first = parse_text(line);
        const auto second = parse_text(render_effective(first.options));
        INFO(line << '\n' << lines(first.errors) << lines(second.errors));
        CHECK(first.errors.empty());
        CHECK(second.errors.empty());
        CHECK(same(first.options, second.options));
    }
}

TEST_CASE("every option can be set and is printed") {
    const auto parsed = parse_text(everything);
    REQUIRE(lines(parsed.errors) == "");
    const auto initial = parse_words({}).options;
    for (const auto& row : option_rows()) {
        // The effective configuration contains the values of these options under the name of another option.
        static constexpr std::string_view printed_elsewhere[] = {"local", "rev-server", "domain-suffix", "no-0x20-encode"};
        if (!row.field.id || row.shape == Shape::environment) continue;
        if (std::find(std::begin(printed_elsewhere), std::end(printed_elsewhere), row.name) != std::end(printed_elsewhere)) continue;
        INFO(row.name);
        CHECK(row.field.get(parsed.options) != row.field.get(initial));
    }
}

TEST_CASE("every option is in the effective configuration, with its value or as a comment") {
    const auto dump = '\n' + render_effective(Options{});
    for (const auto& row : option_rows()) {
        if (!row.field.id || row.shape == Shape::environment) continue;
        INFO(row.name);
        const auto name = std::string(row.name);
        const bool shown = dump.find('\n' + name) != std::string::npos || dump.find("\n# " + name) != std::string::npos;
        CHECK(shown);
    }
}

TEST_CASE("option rows are complete, and names and letters are unique") {
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const auto& row : option_rows()) {
        INFO(row.name);
        CHECK(names.insert(row.name).second);
        if (row.letter) CHECK(letters.insert(row.letter).second);
        CHECK_FALSE(row.help.empty());
        CHECK_FALSE(row.reference.empty());
        CHECK(row.reference.ends_with('.'));
        CHECK((row.field.set && row.field.get) == (row.steer == Steer::nothing));
        if (row.shape != Shape::flag && row.shape != Shape::environment) CHECK_FALSE(row.argument.empty());
        if (row.shape == Shape::flag) CHECK(row.times == Times::repeatable);
    }
    for (const auto& unsupported : dnsmasq_names()) {
        INFO(unsupported.name);
        CHECK(names.insert(unsupported.name).second);
        if (unsupported.letter) CHECK(letters.insert(unsupported.letter).second);
    }
}

TEST_CASE("help contains every option, on lines of at most 125 bytes") {
    const auto help = render_help();
    for (const auto& row : option_rows()) {
        INFO(row.name);
        CHECK_THAT(help, Contains(row.shape == Shape::environment ? "$" + std::string(row.name) : "--" + std::string(row.name)));
    }
    std::istringstream stream(help);
    for (std::string line; std::getline(stream, line);) {
        INFO(line);
        CHECK(line.size() <= 125);
    }
}

TEST_CASE("changes that need a restart are listed") {
    Options before, after;
    CHECK(changed_until_restart(before, after).empty());
    after.cache_size = 5;
    after.threads = 2;
    after.user = "x";
    CHECK(changed_until_restart(before, after) == std::vector<std::string_view>{"user", "threads"});
}

namespace {

template <class Counters>
void check_rows(std::span<const MetricRow<Counters>> rows, std::set<std::string>& series, std::set<std::string_view>& names) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        INFO(row.name << '{' << row.label << '}');
        CHECK(row.name.starts_with("lictor_"));
        CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
        CHECK(row.name.ends_with("_total") == (row.kind == MetricKind::counter));
        CHECK(row.help.ends_with('.'));
        CHECK(row.help.find_first_of("\\\n|") == std::string_view::npos);
        CHECK(series.insert(std::string(row.name) + '{' + std::string(row.label) + '}').second);
        if (!row.label.empty()) {
            const auto equals = row.label.find("=\"");
            CHECK(equals != std::string_view::npos);
            CHECK(equals > 0);
            CHECK(row.label.ends_with('"'));
        }
        // The series of a metric are adjacent and have the same help and kind.
        if (i > 0 && rows[i - 1].name == row.name) {
            CHECK(rows[i - 1].help == row.help);
            CHECK((rows[i - 1].kind == row.kind));
            CHECK_FALSE(row.label.empty());
        } else {
            CHECK(names.insert(row.name).second);
        }
    }
}

}  // namespace

TEST_CASE("metric names, labels and help texts are valid for Prometheus") {
    std::set<std::string> series;
    std::set<std::string_view> names;
    check_rows(worker_metric_rows(), series, names);
    check_rows(control_metric_rows(), series, names);
}

TEST_CASE("only the metric row of TCP queries has the value of their counter") {
    WorkerCounters counters;
    counters.queries_tcp.add(3);
    for (const auto& row : worker_metric_rows()) CHECK((counters.*row.field).get() == (row.label == "transport=\"tcp\"" ? 3 : 0));
}
