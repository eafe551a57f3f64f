// When is the holder of the lock probed, and which replies confirm a promotion?
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "watch/leader/probe.hpp"

using namespace lictor;
using namespace lictor::leader;
using Kind = ProbeFinding::Kind;

namespace {

const UnconfirmedHolder holder{"pg", "B", "http://10.0.0.2:8008/patroni", 70};

std::string status(const std::string& role, const std::string& state = "running",
                   const std::string& patroni = R"({"version":"4.1.0","scope":"pg","name":"B"})") {
    return R"({"state":")" + state + R"(","role":")" + role +
           R"(","postmaster_start_time":"2026-01-01 00:00:00","server_version":160004,"xlog":{"location":67109104},"timeline":2,)"
           R"("replication":[{"usename":"r","application_name":"A"}],"dcs_last_seen":1767225600,"database_system_identifier":"7307474285171384353","patroni":)" +
           patroni + "}";
}

Kind kind_of(int code, const std::string& body) { return judge_rest_reply(holder, code, body).kind; }

}  // namespace

TEST_CASE("only this member of this scope, running as primary, confirms a promotion", "[probe]") {
    CHECK(kind_of(200, status("primary")) == Kind::primary);
    CHECK(kind_of(200, status("master")) == Kind::primary);
    CHECK(kind_of(200, status("master", "running", R"({"version":"2.1.1","scope":"pg"})")) == Kind::primary);  // no name before 3.x
    for (const auto& [role, state] : std::vector<std::pair<std::string, std::string>>{{"replica", "running"},
                                                                                      {"promoted", "running"},
                                                                                      {"standby_leader", "running"},
                                                                                      {"demoted", "stopped"},
                                                                                      {"primary", "starting"},
                                                                                      {"primary", "unknown"},
                                                                                      {"master", "crashed"},
                                                                                      {"master", ""},
                                                                                      {"", "running"},
                                                                                      {"Primary", "running"}})
        CHECK(kind_of(200, status(role, state)) == Kind::not_yet);
    CHECK(kind_of(200, status("primary", "running", R"({"version":"4.1.0","scope":"other","name":"B"})")) == Kind::foreign);
    CHECK(kind_of(200, status("primary", "running", R"({"version":"4.1.0","scope":"pg","name":"A"})")) == Kind::foreign);
    CHECK(kind_of(200, status("primary", "running", R"({"version":"4.1.0"})")) == Kind::foreign);
    CHECK(kind_of(200, status("primary", "running", "null")) == Kind::foreign);
    CHECK(kind_of(200, R"({"role":"primary","state":"running","scope":"pg"})") == Kind::foreign);
    CHECK(kind_of(200, "") == Kind::foreign);
    CHECK(kind_of(200, "[]") == Kind::foreign);
    CHECK(kind_of(200, "<html>") == Kind::foreign);
    CHECK(kind_of(200, status("primary").substr(1)) == Kind::foreign);
    for (const int code : {503, 500, 404, 401, 301, 204}) CHECK(kind_of(code, status("primary")) == Kind::failed);
}

TEST_CASE("probes are sent only while a query is held and a holder is set", "[probe]") {
    Probe probe;
    CHECK_FALSE(probe.next());
    probe.needed_until(seconds(10));
    CHECK_FALSE(probe.next());
    probe.aim(holder, seconds(5));
    REQUIRE(probe.next() == Now(seconds(5)));
    CHECK(probe.ask(seconds(5)) == holder);
    CHECK_FALSE(probe.next());  // one probe at a time
    Random random({1});
    probe.ended(Kind::not_yet, seconds(9) + milliseconds(990), random);
    CHECK(probe.next() == Now(seconds(9) + milliseconds(990)));  // it became due while the last reply was awaited
    probe.ask(seconds(9) + milliseconds(990));
    probe.ended(Kind::not_yet, seconds(9) + milliseconds(991), random);
    CHECK_FALSE(probe.next());  // no query is held then
    probe.needed_until(seconds(12));
    CHECK(probe.next());
    probe.aim(std::nullopt, seconds(11));
    CHECK_FALSE(probe.next());
    probe.needed_until(seconds(100));
    probe.released();
    probe.aim(holder, seconds(12));
    CHECK_FALSE(probe.next());
}

TEST_CASE("probes are sent every 50 ms with jitter, less often after failures and in a long promotion", "[probe]") {
    Random random({2});
    const auto gaps = [&](Kind kind, Now start, int count) {
        Probe probe;
        probe.needed_until(seconds(100000));
        probe.aim(holder, seconds(0));
        Now at = start;
        std::vector<Now> found;
        for (int i = 0; i < count; ++i) {
            probe.ask(at);
            probe.ended(kind, at + milliseconds(1), random);
            found.push_back(*probe.next() - at);
            at = *probe.next();
        }
        return found;
    };
    const auto steady = gaps(Kind::not_yet, seconds(0), 100);
    CHECK(*std::min_element(steady.begin(), steady.end()) >= milliseconds(40));
    CHECK(*std::max_element(steady.begin(), steady.end()) <= milliseconds(60));
    CHECK(*std::max_element(steady.begin(), steady.end()) - *std::min_element(steady.begin(), steady.end()) > milliseconds(5));
    const auto slow = gaps(Kind::not_yet, seconds(20), 20);
    CHECK(*std::min_element(slow.begin(), slow.end()) >= milliseconds(200));
    for (const Kind kind : {Kind::failed, Kind::foreign}) {
        const auto failing = gaps(kind, seconds(0), 12);
        CHECK(failing[0] <= milliseconds(120));
        CHECK(failing[11] >= milliseconds(800));
        CHECK(*std::max_element(failing.begin(), failing.end()) <= milliseconds(1200));
    }
    // Another holder ends the back-off.
    Probe probe;
    probe.needed_until(seconds(1000));
    probe.aim(holder, seconds(0));
    for (int i = 0; i < 9; ++i) {
        probe.ask(seconds(i));
        probe.ended(Kind::failed, seconds(i), random);
    }
    probe.ask(seconds(20));
    UnconfirmedHolder other = holder;
    other.lock_index = 71;
    probe.aim(other, seconds(20));
    CHECK(probe.next() == Now(seconds(20)));
    CHECK(probe.ask(seconds(20)).lock_index == 71);
}

TEST_CASE("a reply about an earlier holder has no effect", "[probe]") {
    Random random({3});
    Probe probe;
    probe.needed_until(seconds(1000));
    probe.aim(holder, seconds(0));
    probe.ask(seconds(0));
    probe.aim(std::nullopt, seconds(1));
    probe.ended(Kind::failed, seconds(1), random);
    probe.aim(holder, seconds(2));
    CHECK(probe.next() == Now(seconds(2)));
}
