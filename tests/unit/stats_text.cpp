// What do the lines of USR1 and the output of the sub-commands contain?
#include <catch2/catch.hpp>

#include "resolver/documents/documents.hpp"
#include "resolver/terminal/render.hpp"
#include "tests/unit/stats_sample.hpp"

using namespace lictor;
using namespace lictor::documents;
using namespace lictor::terminal;
using lictor::test::hostile_text;
using lictor::test::StatsSample;

namespace {

bool has_line(const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

bool printable_lines(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

}  // namespace

TEST_CASE("statistics: dnsmasq's lines come first, then lines for Consul and the leaders") {
    StatsSample sample;
    const auto lines = statistics_lines(sample.make());
    CHECK(lines[0] == "time 1700003723");
    CHECK(has_line(lines, "cache size 10000, 0/9 cache insertions re-used unexpired cache entries."));
    CHECK(has_line(lines, "queries for authoritative zones 0"));
    CHECK(has_line(lines, "child processes for TCP requests: in use 0, highest since last SIGUSR1 0, max allowed 0."));
    CHECK(has_line(lines, "queries forwarded 10, queries answered locally 38"));
    CHECK(has_line(lines, "server 192.0.2.53#53: queries sent 12, retried 2, failed 2, nxdomain replies 0, avg. latency 12ms"));
    CHECK(has_line(lines, "server 127.0.0.1#8600: queries sent 1, retried 0, failed 0, nxdomain replies 0, avg. latency 0ms, not in use"));
    CHECK(has_line(lines, "consul http://127.0.0.1:8500: in contact, last contact 23s ago, watches 2, requests 77, errors 0, changes 0"));
    CHECK(has_line(lines, "leader pg: led by member-1 at 10.0.0.1:5432, timeline 3, confirmed, for 1000s"));
    CHECK(has_line(lines, "leader zz: vacant, demoted, for 1000s"));
    CHECK(!statistics_lines(Status{}).empty());
}

TEST_CASE("contact is lost only where there was contact") {
    StatsSample sample;
    Status status = sample.make();
    auto view = std::make_shared<view::View>(*status.view);
    auto catalog = std::make_shared<catalog::Catalog>(*view->catalog);
    catalog->contact_lost = true;
    view->catalog = std::move(catalog);
    status.view = std::move(view);
    for (const bool had : {true, false}) {
        if (!had) status.consul_last_contact_unix = 0;
        const char* expected = had ? "contact lost" : "no contact since the start";
        const auto lines = statistics_lines(status);
        CHECK(std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(expected) != std::string::npos; }));
        CHECK(stats_text(stats_json(status)).find(expected) != std::string::npos);
    }
}

TEST_CASE("statistics: hostile names do not break lines, and the number of lines is bounded") {
    StatsSample sample;
    Status status = sample.make(hostile_text());
    for (int i = 0; i < 1000; ++i) status.upstreams.push_back({.endpoint = {Address::v4(10, 0, 0, 1), static_cast<std::uint16_t>(i)}});
    const auto lines = statistics_lines(status);
    for (const auto& line : lines) {
        INFO(line);
        CHECK(line.find('\n') == std::string::npos);
        CHECK(printable_lines(line));
    }
    CHECK(lines.size() < 250);
    CHECK(has_line(lines, "902 further servers"));
}

TEST_CASE("sub-commands: documents become tables for the terminal") {
    StatsSample sample;
    const Status status = sample.make();
    const auto leaders = leaders_text(leaders_json(status));
    CHECK(leaders.find("pg: member-1 leads at 10.0.0.1 port 5432 (confirmed, for 16m40s)\n") == 0);
    CHECK(leaders.find("zz: vacant, answer: withdrawn (demoted") != std::string::npos);
    CHECK(leaders.find("  pg        replica  running  10.0.0.2:5432  timeline 3\n") != std::string::npos);
    const auto stats = stats_text(stats_json(status));
    CHECK(stats.find("lictor     1.2.3, up 1h2m, threads 2\n") == 0);
    CHECK(stats.find("state      pg: nobody leads for 3 s (and 1 more)\n") != std::string::npos);
    CHECK(stats_text(R"({"state":{"level":"good","text":"no fault is known","others":[]}})", {}).find("no fault is known\n") !=
          std::string::npos);
    CHECK(stats_text(R"({"upstreams":[{"endpoint":"x","failing":true}]})", {}).find("x         no answer") != std::string::npos);
    CHECK(stats.find("not ready: no upstream has answered yet") != std::string::npos);
    CHECK(stats.find("http://127.0.0.1:8500, in contact, last contact 23.5s ago") != std::string::npos);
    CHECK(stats.find("192.0.2.53#53   in use      12.3ms") != std::string::npos);
    CHECK(stats.find("the last reload was refused: /etc/lictor.conf:3: pg") != std::string::npos);
    const auto services = services_text(services_json(status));
    CHECK(services.find("service  pg    known") != std::string::npos);
    CHECK(services.find("10.0.0.1:80  passing  pg") != std::string::npos);
    CHECK(health_text(health_json(status)) == "healthy, last heartbeat of each worker: 0.2s ago 0.5s ago\n");
    CHECK(ready_text(ready_json(status)) == "not ready: no upstream has answered yet\nwarning: leader zz: queries are held\n");
    CHECK(stats.find("\nwarning: leader zz: queries are held\n") != std::string::npos);
    CHECK(flush_text(R"({"flushed":"everything","removed":12})") == "removed from the cache: everything, 12 entries\n");
    CHECK(flush_text(R"({"flushed":"a.example","removed":1})") == "removed from the cache: a.example, 1 entry\n");
    CHECK(flush_text(R"({"flushed":"everything","removed":null})").find("did not say") != std::string::npos);
    CHECK(reload_text(R"({"reloaded":false,"errors":["f:1: wrong"]})").find("error: f:1: wrong\n") == 0);
    CHECK(ready_text(R"({"ready":true})", {.colours = true}) == "\x1b[32mready\x1b[0m\n");
    CHECK(leaders_text(leaders_json(Status{})) == "no leader scope is configured or known\n");
}

TEST_CASE("sub-commands: other input gives no table, and control characters are removed") {
    for (auto* rendered : {stats_text, leaders_text, services_text, health_text, ready_text, flush_text, reload_text, explain_text}) {
        const auto shown = [&](const std::string& json) { return rendered(json, {}); };
        CHECK(shown("").empty());
        CHECK(shown("<html>").empty());
        CHECK(shown("[1]").empty());
        CHECK_FALSE(shown("{}").empty());
        for (
            const char* odd :
            {R"({"leaders":7,"members":[],"totals":"x","upstreams":{},"config":[1],"flushed":[],"because":3})",
             R"({"leaders":[1,null,{"state":"led","addresses":[{}],"age_seconds":-1e999}],"watches":[[]],"services":[{"instances":[0]}]})"})
            CHECK_NOTHROW(shown(odd));
    }
    StatsSample sample;
    const Status status = sample.make(hostile_text());
    CHECK(printable_lines(leaders_text(leaders_json(status))));
    CHECK(printable_lines(services_text(services_json(status))));
    CHECK(printable_lines(stats_text(stats_json(status))));
    CHECK(refusal_text("{\"error\":\"no\"}") == "no");
    CHECK(refusal_text("<html>\x1b[2J") == "<html>?[2J");
}
