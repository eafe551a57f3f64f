// When do programs run for changes of a leader, and with which variables?
#include "resolver/failover/hook_queue.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace lictor;
using namespace lictor::failover;

namespace {

LeaderAddress leader_address(const std::string& name) {
    return name.empty() ? LeaderAddress{} : LeaderAddress{name, "10.0.0." + name.substr(2), 5432};
}

LeaderChange move(const std::string& from, const std::string& to, const std::string& service = "pg") {
    return {.scope = service,
            .service = service,
            .reason = "lock moved",
            .old_leader = leader_address(from),
            .new_leader = leader_address(to),
            .timeline = 3,
            .serial = 9,
            .leads = !to.empty()};
}

bool has(const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("hooks: one run is active at a time; runs are in the order of each service's first change") {
    HookQueue queue;
    CHECK_FALSE(queue.next());
    queue.push(move("", "pg1"));
    queue.push(move("", "pg7", "other"));
    CHECK(queue.next()->change.service == "pg");
    CHECK_FALSE(queue.next());
    queue.done();
    CHECK(queue.next()->change.service == "other");
    queue.done();
    CHECK_FALSE(queue.next());
}

TEST_CASE("hooks: a withdrawal causes no run") {
    HookQueue queue;
    CHECK_FALSE(queue.push(move("pg1", "")));
    CHECK_FALSE(queue.push(move("pg1", "pg1")));  // nor is the same leader after a gap
    CHECK_FALSE(queue.next());
}

TEST_CASE("hooks: changes during a run are merged into one run, with the skipped addresses") {
    HookQueue queue;
    queue.push(move("pg1", "pg2"));
    REQUIRE(queue.next());
    CHECK_FALSE(queue.push(move("pg2", "pg3")));
    CHECK(queue.push(move("pg3", "pg4")));
    CHECK(queue.push(move("pg4", "pg5")));
    queue.done();
    const auto run = queue.next();
    REQUIRE(run);
    CHECK(run->change.old_leader == leader_address("pg2"));
    CHECK(run->change.new_leader == leader_address("pg5"));
    CHECK(run->skipped == std::vector<std::string>{"10.0.0.3", "10.0.0.4"});
    CHECK(has(hook_environment(*run), "LICTOR_SKIPPED_ADDRESSES=10.0.0.3 10.0.0.4"));
    queue.done();
    CHECK_FALSE(queue.next());
}

TEST_CASE("hooks: neither the old nor the new address is among the skipped ones") {
    HookQueue queue;
    queue.push(move("", "pg1"));
    REQUIRE(queue.next());
    queue.push(move("pg1", "pg2"));
    queue.push(move("pg2", "pg1"));
    queue.push(move("pg1", "pg2"));
    queue.done();
    const auto lines = hook_environment(*queue.next());
    CHECK(has(lines, "LICTOR_OLD_ADDRESS=10.0.0.1"));
    CHECK(has(lines, "LICTOR_NEW_ADDRESS=10.0.0.2"));
    CHECK(has(lines, "LICTOR_SKIPPED_ADDRESSES="));
}

TEST_CASE("hooks: the skipped addresses are not cut") {
    HookRun run{.change = move("pg1", "pg2"), .skipped = {}};
    std::string all;
    for (char last = 'a'; last <= 'p'; ++last) {
        run.skipped.push_back(std::string("2001:db8:ffff:ffff:ffff:ffff:ffff:fff") + last);
        all += (all.empty() ? "" : " ") + run.skipped.back();
    }
    CHECK(has(hook_environment(run), "LICTOR_SKIPPED_ADDRESSES=" + all));
}

TEST_CASE("hooks: variables have no control characters and a bounded length", "[CVE-2026-4892]") {
    auto change = move("pg1", "pg2");
    change.new_leader.member = "p\ng\x1b[2J\x7f" + std::string(400, 'x');
    const auto lines = hook_environment({change, {}});
    for (const char* line :
         {"LICTOR_SCOPE=pg", "LICTOR_SERVICE=pg", "LICTOR_OLD_NAME=pg1", "LICTOR_OLD_ADDRESS=10.0.0.1", "LICTOR_OLD_PORT=5432",
          "LICTOR_NEW_ADDRESS=10.0.0.2", "LICTOR_NEW_PORT=5432", "LICTOR_REASON=lock moved", "LICTOR_TIMELINE=3", "LICTOR_SERIAL=9"})
        CHECK(has(lines, line));
    for (const auto& line : lines) {
        CHECK(line.size() <= 300);
        CHECK(std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
    }
    const auto first = hook_environment({move("", "pg1"), {}});
    CHECK(has(first, "LICTOR_OLD_NAME="));
    CHECK(has(first, "LICTOR_OLD_PORT="));
}
