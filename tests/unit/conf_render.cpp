// The table as people read it: what is committed is what is generated, samples parse, and the effective dump says everything.
// With LICTOR_WRITE_GENERATED=1 in the environment the committed files are written anew.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "conf/dnsmasq_names.hpp"
#include "conf/metrics_rows.hpp"
#include "conf/option_rows.hpp"
#include "conf/render.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace conf_test;
using Catch::Matchers::Contains;

namespace {

void check_committed(const std::string& path, const std::string& generated) {
    const auto full = std::string(LICTOR_SOURCE_DIR) + '/' + path;
    if (const char* wanted = std::getenv("LICTOR_WRITE_GENERATED"); wanted && std::string(wanted) == "1") std::ofstream(full) << generated;
    std::ifstream file(full);
    std::stringstream text;
    text << file.rdbuf();
    INFO(path << " is not what the option table gives: run this test with LICTOR_WRITE_GENERATED=1");
    CHECK((text.str() == generated));
}

std::string every_sample() {
    std::string text;
    for (const auto& row : option_rows()) {
        if (row.field == Field::none || row.shape == Shape::environment) continue;
        const bool bare = row.shape == Shape::flag || row.sample.empty();
        text += std::string(row.name) + (bare ? "" : '=' + std::string(row.sample)) + '\n';
    }
    return text;
}

/// A value other than the default for every option.
const char* const everything =
    "port=5353\nlisten-address=127.0.0.2,::1\ninterface=eth0,ens*\nbind-interfaces\nserver=192.0.2.1\nserver=/a/b/192.0.2.2#99@eth0@192.0.2.9#7\n"
    "local=/lan/\nserver=//#\nno-resolv\nresolv-file=/r 1\nresolv-file=/r2\nstrict-order\nall-servers\ndns-forward-max=7\nedns-packet-max=4096\n"
    "address=/x/192.0.2.3\naddress=/y/#\naddress=/z/\nhost-record=h,i,192.0.2.4,2001:db8::4,9\ncname=c,d,7\ncname=*.e,f\nno-hosts\n"
    "addn-hosts=\"/h, \\\"x\\\"\"\ndomain-needed\nbogus-priv\nlocal-ttl=3\ncache-size=4\nno-negcache\nneg-ttl=5\nmax-ttl=60\nmax-cache-ttl=70\n"
    "min-cache-ttl=8\nlog-queries\nlog-facility=local3\nuser=u\ngroup=g\npid-file=/p\nkeep-in-foreground\nno-daemon\nthreads=3\nstrict\n"
    "consul-http-addr=https://[2001:db8::5]:1/pre\nconsul-http-addr=unix:///s\nconsul-token-file=/t\nconsul-ca-file=/ca\nconsul-cert-file=/ce\n"
    "consul-key-file=/ke\nconsul-tls-server-name=n\nconsul-datacenter=dc7\nconsul-domain=consul\nconsul-domain=em\nconsul-dns=192.0.2.6#8\n"
    "consul-consistency=consistent\nconsul-only-passing=off\nconsul-service-ttl=1\nconsul-node-ttl=2\nconsul-watch=w\nconsul-watch=w2\n"
    "consul-watch-max=9\nconsul-watch-idle=10\nconsul-max-stale=11\nconsul-dns-compat=strict\nleader=a,namespace=n/m,service=s,port=1,address=node\n"
    "leader=\"b c\",address=service\nleader=jobs,key=jobs/.lock\nleader=app,key=app/.lock,port=80,address=kv\nleader-hold=12\nleader-hold-max=13\nleader-max-stale=14\nleader-flush=q.r\nleader-max-lag=15\nleader-last-resort\nleader-exec=/bin/x\nleader-exec-timeout=15\nleader-exec-net-admin\n"
    "stats-address=unix:///st at\nstats-host=m\nstats-host=::5\nshadow=192.0.2.1#5\n"
    "except-interface=eth1,docker*\nbind-dynamic\nlocal-service=host\nmax-tcp-connections=5\nservers-file=/sf\nno-poll\nclear-on-reload\n"
    "dns-loop-detect\nquery-port=0\nmin-port=2000\nmax-port=3000\nport-limit=4\nfast-dns-retry=60,700\ndo-0x20-encode\nproxy-dnssec\n"
    "add-subnet=192.0.2.0/24,2001:db8::/56\nstrip-subnet\nadd-mac=base64\nstrip-mac\nadd-cpe-id=x y\nhostsdir=/hd\nexpand-hosts\n"
    "domain=a.b\ndomain=c.d,192.0.2.0/24,local\ndomain=e,192.0.2.1,192.0.2.9\ndomain=f,eth0\ndomain=#\ntxt-record=t,\"a, b\",,c\n"
    "ptr-record=p,\"q r._http._tcp.x\"\nsrv-host=_a._b.c\nsrv-host=_a._b.c,d,1,2,3\nmx-host=m\nmx-host=m,n,7\nmx-target=o\nlocalmx\nselfmx\n"
    "naptr-record=n,1,2,U,E2U+sip,\"!^.*$!sip:a,b!\"\nnaptr-record=n,1,2,S,SIP+D2U,,_sip._udp.x\ncaa-record=c,128,issue,\"ca.example; x=1,2\"\n"
    "dns-rr=r,51,01:23:ff\ndns-rr=r,52\ninterface-name=i,eth0/6\ninterface-name=i,eth0\ndynamic-host=d,0.0.0.8,::9,eth0\n"
    "synth-domain=s,192.0.2.0/24,ip-\nsynth-domain=s,192.0.2.5,192.0.2.9,ip*\nsynth-domain=s,2001:db8::/64,h*\nsynth-domain=s,192.0.2.7\n"
    "localise-queries\nno-ident\nbogus-nxdomain=192.0.2.0/24\nignore-address=2001:db8::1\nstop-dns-rebind\nrebind-localhost-ok\n"
    "rebind-domain-ok=/a/b.c/\nfilter-A\nfilter-AAAA\nfilter-rr=https,TXT,4711\nfilterwin2k\nalias=192.0.2.1-192.0.2.9,198.51.100.0,255.255.255.0\n"
    "no-round-robin\nuse-stale-cache=3\ncache-rr=ANY\nlog-async=7\nlog-debug\ndumpfile=/df\ndumpmask=0x11\n";

}  // namespace

TEST_CASE("the committed sample and reference are the generated ones") {
    check_committed("conf/lictor.conf", render_sample());
    check_committed("conf/README.md", render_reference());
}

TEST_CASE("every sample value is a good one") {
    const auto parsed = parse_text(every_sample());
    CHECK(lines(parsed.errors) == "");
    // The sample file itself says nothing: all of it is comments.
    const auto empty = parse_text(render_sample());
    CHECK(lines(empty.errors) == "");
    CHECK(same(empty.options, parse_words({}).options));
}

TEST_CASE("the effective dump gives the same options again") {
    const std::string texts[] = {"", every_sample(), everything, "consul-http-addr=\nserver=/consul/192.0.2.1\n", "consul-dns=\nlog-facility=\nstats-address=\n",
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

TEST_CASE("each option alone comes back as itself") {
    std::istringstream stream(everything);
    for (std::string line; std::getline(stream, line);) {
        // These two come only together.
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

TEST_CASE("every option can be set and is shown when it is") {
    const auto parsed = parse_text(everything);
    REQUIRE(lines(parsed.errors) == "");
    const auto initial = parse_words({}).options;
    for (const auto& row : option_rows()) {
        // Some names are further ways to set what another row shows.
        static constexpr std::string_view shown_elsewhere[] = {"local", "rev-server", "domain-suffix", "no-0x20-encode"};
        if (row.field == Field::none || row.shape == Shape::environment) continue;
        if (std::find(std::begin(shown_elsewhere), std::end(shown_elsewhere), row.name) != std::end(shown_elsewhere)) continue;
        INFO(row.name);
        CHECK(row.get(parsed.options) != row.get(initial));
    }
}

TEST_CASE("every field of Options is in the effective dump") {
    const auto dump = '\n' + render_effective(Options{});
    for (const auto& row : option_rows()) {
        if (row.field == Field::none || row.shape == Shape::environment) continue;
        INFO(row.name);
        const auto name = std::string(row.name);
        const bool shown = dump.find('\n' + name) != std::string::npos || dump.find("\n# " + name) != std::string::npos;
        CHECK(shown);
    }
}

TEST_CASE("rows are complete and do not collide") {
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const auto& row : option_rows()) {
        INFO(row.name);
        CHECK(names.insert(row.name).second);
        if (row.letter) CHECK(letters.insert(row.letter).second);
        CHECK_FALSE(row.help.empty());
        CHECK_FALSE(row.reference.empty());
        CHECK(row.reference.ends_with('.'));
        CHECK(row.set);
        CHECK(row.get);
        if (row.shape != Shape::flag && row.shape != Shape::environment) CHECK_FALSE(row.argument.empty());
        if (row.shape == Shape::flag) CHECK(row.times == Times::repeatable);
    }
    for (const auto& passed : dnsmasq_names()) {
        INFO(passed.name);
        CHECK(names.insert(passed.name).second);
        if (passed.letter) CHECK(letters.insert(passed.letter).second);
    }
}

TEST_CASE("help names every option on lines of a terminal's width") {
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

TEST_CASE("what changes only at a restart is named") {
    Options before, after;
    CHECK(changed_until_restart(before, after).empty());
    after.cache_size = 5;
    after.threads = 2;
    after.user = "x";
    CHECK(changed_until_restart(before, after) == std::vector<std::string_view>{"user", "threads"});
}

namespace {

template <class Counters>
void lint(std::span<const MetricRow<Counters>> rows, std::set<std::string>& series, std::set<std::string_view>& closed) {
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
        // Series of one metric stand together, and agree about what it is.
        if (i > 0 && rows[i - 1].name == row.name) {
            CHECK(rows[i - 1].help == row.help);
            CHECK((rows[i - 1].kind == row.kind));
            CHECK_FALSE(row.label.empty());
        } else {
            CHECK(closed.insert(row.name).second);
        }
    }
}

}  // namespace

TEST_CASE("metric names are fit for Prometheus") {
    std::set<std::string> series;
    std::set<std::string_view> closed;
    lint(worker_metric_rows(), series, closed);
    lint(control_metric_rows(), series, closed);
}

TEST_CASE("a metric row reads the field that it names") {
    WorkerCounters counters;
    counters.queries_tcp.add(3);
    for (const auto& row : worker_metric_rows()) CHECK((counters.*row.field).get() == (row.label == "transport=\"tcp\"" ? 3 : 0));
}
