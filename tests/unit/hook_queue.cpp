// What programs are told: one run at a time, merged while they run, with clean text.
#include "resolver/core/hook_queue.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace lictor;

namespace {

LeaderSeat seat(const std::string& name) { return name.empty() ? LeaderSeat{} : LeaderSeat{name, "10.0.0." + name.substr(2), 5432}; }

LeaderNews move(const std::string& from, const std::string& to, const std::string& service = "pg") {
    return {.scope = service, .service = service, .reason = "lock moved", .old_leader = seat(from), .new_leader = seat(to), .timeline = 3, .serial = 9, .leads = !to.empty()};
}

bool has(const std::vector<std::string>& lines, const std::string& line) { return std::find(lines.begin(), lines.end(), line) != lines.end(); }

}  // namespace

TEST_CASE("hooks: one run at a time, in order of the first news of a scope") {
    HookQueue queue;
    CHECK_FALSE(queue.next());
    queue.push(move("", "pg1"));
    queue.push(move("", "pg7", "other"));
    CHECK(queue.next()->news.service == "pg");
    CHECK_FALSE(queue.next());
    queue.done();
    CHECK(queue.next()->news.service == "other");
    queue.done();
    CHECK_FALSE(queue.next());
}

TEST_CASE("hooks: a withdrawal is nothing to run for") {
    HookQueue queue;
    CHECK_FALSE(queue.push(move("pg1", "")));
    CHECK_FALSE(queue.push(move("pg1", "pg1")));  // nor is the same leader after a gap
    CHECK_FALSE(queue.next());
}

TEST_CASE("hooks: what comes while a program runs is told as one, with whom it passed over") {
    HookQueue queue;
    queue.push(move("pg1", "pg2"));
    REQUIRE(queue.next());
    CHECK_FALSE(queue.push(move("pg2", "pg3")));
    CHECK(queue.push(move("pg3", "pg4")));
    CHECK(queue.push(move("pg4", "pg5")));
    CHECK(queue.waiting() == 1);
    queue.done();
    const auto run = queue.next();
    REQUIRE(run);
    CHECK(run->news.old_leader == seat("pg2"));
    CHECK(run->news.new_leader == seat("pg5"));
    CHECK(run->skipped == std::vector<std::string>{"10.0.0.3", "10.0.0.4"});
    CHECK(has(hook_environment(*run), "LICTOR_SKIPPED_ADDRESSES=10.0.0.3 10.0.0.4"));
}

TEST_CASE("hooks: there and back is told, and the address in force is never among those passed over") {
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

TEST_CASE("hooks: the variables, without control characters, of bounded length") {
    auto news = move("pg1", "pg2");
    news.new_leader.member = "p\ng\x1b[2J\x7f" + std::string(400, 'x');
    const auto lines = hook_environment({news, {}});
    for (const char* line : {"LICTOR_SCOPE=pg", "LICTOR_SERVICE=pg", "LICTOR_OLD_NAME=pg1", "LICTOR_OLD_ADDRESS=10.0.0.1", "LICTOR_OLD_PORT=5432",
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
