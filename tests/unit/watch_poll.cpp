// The blocking query's rules as tables: each row is one reply and what has to follow from it.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "watch/poll.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

Random fixed_random() { return Random({1, 2, 3, 4, 5, 6, 7, 8}); }

/// A watch of a service, played with a clock of its own.
struct Play {
    Poll poll;
    Now now = 1000s;
    std::size_t held = 0;
    Random random = fixed_random();
    PollRequest last;

    explicit Play(Poll::Kind kind = {}) : poll(kind) { last = poll.next(now); }

    PollVerdict reply(int status, std::uint64_t index, std::string_view body, microseconds after = 1s) {
        now += after;
        return poll.on_reply({.status = status, .has_index = index != 0, .index = index, .body = body}, held, now);
    }
    PollJudgement parsed(std::optional<std::size_t> count) {
        const auto judgement = poll.parsed(count, held, now);
        if (judgement == PollJudgement::adopt) held = *count;
        return judgement;
    }
    /// A reply with `count` facts that has to be adopted.
    void adopt(std::uint64_t index, std::string_view body, std::size_t count) {
        REQUIRE(reply(200, index, body) == PollVerdict::parse);
        REQUIRE(parsed(count) == PollJudgement::adopt);
    }
    microseconds pause() { return std::max<microseconds>(microseconds(0), poll.resume_at(now, random) - now); }
    const PollRequest& next() {
        now += pause();
        last = poll.next(now);
        return last;
    }
};

}  // namespace

TEST_CASE("a watch reads at once first and then waits at the index of the facts") {
    Play play;
    CHECK(play.last.index == 0);
    CHECK(play.last.consistency == ConsulConsistency::stale);
    CHECK(play.last.timeout == 10s);
    play.adopt(17, "[1]", 1);
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 17);
    CHECK(play.last.wait == 5s);
    CHECK(play.last.timeout == 15'312ms);
}

TEST_CASE("waits begin short, so that the abandoned ones of a lictor started again and again soon leave the agent") {
    Play play;
    play.adopt(17, "[1]", 1);
    for (const auto wait : {5s, 10s, 20s, 40s, 60s, 60s}) {
        CHECK(play.next().wait == wait);
        CHECK(play.reply(200, 17, "[1]", wait) == PollVerdict::same);
    }
}

TEST_CASE("where no wait may be left at the agent the watch reads once a second") {
    Play play;
    play.adopt(17, "[1]", 1);
    unsigned requests = 0;
    for (const Now until = play.now + 60s; play.now < until; ++requests) {
        play.now += play.pause();
        play.last = play.poll.next(play.now, false);
        REQUIRE(play.last.index == 0);
        REQUIRE(play.reply(200, 17, "[1]", 1ms) == PollVerdict::same);
    }
    CHECK((requests >= 58 && requests <= 62));
    play.now += play.pause();
    play.last = play.poll.next(play.now, false);
    play.adopt(18, "[2]", 1);
    CHECK(play.pause() == 1s);
    CHECK(play.next().index == 18);
    CHECK(play.last.wait == 5s);
}

TEST_CASE("leader keys are read through Consul's leader with short waits") {
    Play play({.leader_keys = true, .key_value = true});
    CHECK(play.last.consistency == ConsulConsistency::fresh);
    play.adopt(17, "[1]", 1);
    for (const auto wait : {2s, 4s, 8s, 10s, 10s}) {
        CHECK(play.next().consistency == ConsulConsistency::fresh);
        CHECK(play.last.wait == wait);
        CHECK(play.reply(200, 17, "[1]", wait) == PollVerdict::same);
    }
    CHECK(play.next().timeout == 20'625ms);
}

TEST_CASE("after anything but a valid answer the next read starts at index 0") {
    struct Row {
        int status;
        std::uint64_t index;
        const char* body;
        PollVerdict verdict;
    };
    const std::vector<Row> rows = {
        {0, 0, "", PollVerdict::failed},
        {500, 1, "rpc error making call: EOF", PollVerdict::failed},
        {500, 1, "No cluster leader", PollVerdict::failed},
        {500, 1, "No path to datacenter", PollVerdict::no_such_datacenter},
        {503, 1, "", PollVerdict::failed},
        {429, 1, "", PollVerdict::failed},
        {403, 1, "ACL not found", PollVerdict::denied},
        {404, 99, "", PollVerdict::failed},       // a service is never 404
        {400, 0, "Invalid index", PollVerdict::failed},
        {200, 0, "<html>hello</html>", PollVerdict::failed},  // no index: not Consul
        {301, 0, "", PollVerdict::failed},
    };
    for (const auto& row : rows) {
        INFO(row.status << ' ' << row.body);
        Play play;
        play.adopt(40, "[1]", 1);
        REQUIRE(play.next().index == 40);
        CHECK(play.reply(row.status, row.index, row.body) == row.verdict);
        CHECK(play.poll.failing());
        CHECK(play.pause() > 0s);
        CHECK(play.next().index == 0);
        CHECK(play.poll.index() == 40);
        // and it heals by one good reply
        CHECK(play.reply(200, 40, "[1]") == PollVerdict::same);
        CHECK_FALSE(play.poll.failing());
        CHECK(play.next().index == 40);
    }
}

TEST_CASE("a larger index with the same body is nothing new") {
    Play play;
    play.adopt(40, "[1]", 1);
    play.next();
    CHECK(play.reply(200, 41, "[1]", 5s) == PollVerdict::same);
    CHECK(play.next().index == 41);
    CHECK(play.pause() == 0s);
}

TEST_CASE("an index of 0 in a good reply is taken as 1") {
    Play play;
    play.now += 1s;
    REQUIRE(play.poll.on_reply({.status = 200, .has_index = true, .index = 0, .body = "[]"}, 0, play.now) == PollVerdict::parse);
    REQUIRE(play.parsed(0) == PollJudgement::adopt);
    CHECK(play.next().index == 1);
}

TEST_CASE("an index that went backwards is settled by one read at index 0, not stale") {
    Play play;
    play.adopt(40, "[1,2]", 2);
    play.next();
    REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::again);
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 0);
    CHECK(play.last.consistency == ConsulConsistency::fresh);
    SECTION("that reply is authority, whatever its index") {
        REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::parse);
        CHECK(play.parsed(1) == PollJudgement::adopt);
        CHECK(play.next().index == 7);
        CHECK(play.last.consistency == ConsulConsistency::stale);
    }
    SECTION("if it cannot be had, the facts stay and the doubt is raised anew") {
        REQUIRE(play.reply(500, 1, "No cluster leader") == PollVerdict::failed);
        CHECK(play.next().consistency == ConsulConsistency::stale);
        REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::again);
        CHECK(play.pause() > 0s);
        CHECK(play.next().consistency == ConsulConsistency::fresh);
    }
}

TEST_CASE("a wait that ends early with nothing new was given up: the next read is at index 0, for a restored snapshot has lower indexes") {
    for (const bool leader : {false, true}) {
        Play play({.leader_keys = leader, .key_value = leader});
        play.adopt(40, "[a]", 1);
        CHECK(play.next().index == 40);
        CHECK(play.reply(200, 40, "[a]", play.last.wait - 1ms) == PollVerdict::same);
        CHECK(play.next().index == 0);
        CHECK(play.reply(200, 12, "[b]") == PollVerdict::again);
        CHECK(play.next().index == 0);
        CHECK(play.last.consistency == ConsulConsistency::fresh);
        play.adopt(12, "[b]", 1);
        CHECK(play.next().index == 12);
        // Told in its time, or with another index, nothing was given up.
        CHECK(play.reply(200, 12, "[b]", play.last.wait) == PollVerdict::same);
        CHECK(play.next().index == 12);
        CHECK(play.reply(200, 13, "[b]", 1s) == PollVerdict::same);
        CHECK(play.next().index == 13);
    }
}

TEST_CASE("a reply that is older than the facts is not accepted after a failure either") {
    Play play;
    play.adopt(40, "[1,2]", 2);
    play.next();
    play.reply(0, 0, "");
    play.next();
    CHECK(play.reply(200, 39, "[1]") == PollVerdict::again);
}

TEST_CASE("a sudden empty list is believed when a second read, not stale, says the same") {
    struct Row {
        std::size_t held, count;
        bool asked_twice;
    };
    for (const auto& row : std::vector<Row>{{1, 0, true}, {3, 0, true}, {3, 1, false}, {4, 1, true}, {4, 2, false}, {9, 4, true}, {0, 0, false}}) {
        INFO(row.held << " to " << row.count);
        Play play;
        play.adopt(40, "[full]", row.held);
        play.next();
        REQUIRE(play.reply(200, 41, "[less]") == PollVerdict::parse);
        const auto judgement = play.parsed(row.count);
        CHECK((judgement == PollJudgement::again) == row.asked_twice);
        if (!row.asked_twice) continue;
        CHECK(play.pause() == 0s);
        CHECK(play.next().index == 0);
        CHECK(play.last.consistency == ConsulConsistency::fresh);
        Play once = play;
        REQUIRE(once.reply(200, 41, "[full]") == PollVerdict::same);  // empty once: never seen
        REQUIRE(play.reply(200, 41, "[less]") == PollVerdict::parse);
        CHECK(play.parsed(row.count) == PollJudgement::adopt);
        CHECK(play.next().index == 41);
    }
}

TEST_CASE("an empty list that the token's rights made is no information") {
    Play play;
    play.adopt(40, "[1]", 1);
    play.next();
    play.now += 1s;
    REQUIRE(play.poll.on_reply({.status = 200, .has_index = true, .index = 41, .filtered_by_acl = true, .body = "[]"}, 1, play.now) ==
            PollVerdict::parse);
    CHECK(play.parsed(0) == PollJudgement::ignore);
    CHECK(play.poll.index() == 40);
    CHECK(play.next().index == 41);
    CHECK(play.reply(200, 42, "[1]", 3s) == PollVerdict::same);
}

TEST_CASE("a body that is not what it should be changes nothing and starts over") {
    Play play;
    play.adopt(40, "[1]", 1);
    play.next();
    REQUIRE(play.reply(200, 41, "[1,") == PollVerdict::parse);
    CHECK(play.parsed(std::nullopt) == PollJudgement::ignore);
    CHECK(play.poll.failing());
    CHECK(play.next().index == 0);
}

TEST_CASE("a missing key is an answer, a key that vanished is asked for twice") {
    Play play({.leader_keys = true, .key_value = true});
    REQUIRE(play.reply(404, 12, "") == PollVerdict::absent);
    CHECK(play.next().index == 12);
    play.adopt(13, "[k]", 1);
    play.next();
    REQUIRE(play.reply(404, 14, "") == PollVerdict::again);
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 0);
    CHECK(play.reply(404, 14, "") == PollVerdict::absent);
    CHECK(play.next().index == 14);
}

TEST_CASE("a 404 without an index does not come from Consul's keys") {
    Play play({.leader_keys = true, .key_value = true});
    CHECK(play.reply(404, 0, "not here") == PollVerdict::failed);
}

TEST_CASE("while Consul has no leader its keys get one stale read between the others") {
    Play play({.leader_keys = true, .key_value = true});
    play.adopt(40, "[a]", 1);
    play.next();
    REQUIRE(play.reply(500, 1, "No cluster leader", 7s) == PollVerdict::failed);
    CHECK(play.pause() == 0s);
    CHECK(play.next().consistency == ConsulConsistency::stale);
    CHECK(play.last.index == 0);
    SECTION("news count") {
        play.now += 1ms;
        REQUIRE(play.poll.on_reply({.status = 200, .has_index = true, .index = 41, .known_leader = false, .body = "[b]"}, 1, play.now) ==
                PollVerdict::parse);
        CHECK(play.parsed(1) == PollJudgement::adopt);
    }
    SECTION("what is older does not") { CHECK(play.reply(200, 39, "[b]", 1ms) == PollVerdict::failed); }
    SECTION("the same is the same") { CHECK(play.reply(200, 40, "[a]", 1ms) == PollVerdict::same); }
    const auto pause = play.pause();
    CHECK(pause > 0s);
    CHECK(pause <= 1s);
    CHECK(play.next().consistency == ConsulConsistency::fresh);
    CHECK(play.last.index == 0);
}

TEST_CASE("other failures of leader keys do not make a stale read") {
    Play play({.leader_keys = true, .key_value = true});
    play.adopt(40, "[a]", 1);
    play.next();
    play.reply(0, 0, "");
    CHECK(play.next().consistency == ConsulConsistency::fresh);
}

TEST_CASE("pauses after failures grow with jitter up to a bound") {
    for (const bool leader : {false, true}) {
        Play play({.leader_keys = leader, .key_value = leader});
        microseconds longest{0};
        for (int i = 0; i < 12; ++i) {
            play.reply(0, 0, "", 1ms);
            const auto pause = play.pause();
            CHECK(pause >= 50ms);
            if (i == 0) CHECK(pause <= 100ms);
            longest = std::max(longest, pause);
            play.next();
        }
        CHECK(longest <= (leader ? 1s : 5s));
        CHECK(longest >= (leader ? 500ms : 2500ms));
    }
}

TEST_CASE("Retry-After of a refused request is honoured within reason") {
    Play play;
    play.now += 1s;
    play.poll.on_reply({.status = 429, .retry_after = 3s}, 0, play.now);
    CHECK(play.pause() == 3s);
    play.next();
    play.now += 1s;
    play.poll.on_reply({.status = 503, .retry_after = std::chrono::hours(3)}, 0, play.now);
    CHECK(play.pause() == 60s);
}

TEST_CASE("unchanged replies that come at once are paced, changes never") {
    for (const bool leader : {false, true}) {
        Play play({.leader_keys = leader, .key_value = leader});
        play.adopt(40, "[a]", 1);
        unsigned requests = 0;
        const Now until = play.now + 60s;
        while (play.now < until) {
            play.next();
            REQUIRE(play.reply(200, 40, "[a]", 1ms) == PollVerdict::same);
            ++requests;
        }
        CHECK(requests <= (leader ? 1300u : 70u));
        play.next();
        REQUIRE(play.reply(200, 41, "[b]", 1ms) == PollVerdict::parse);
        REQUIRE(play.parsed(1) == PollJudgement::adopt);
        CHECK(play.pause() == 0s);
    }
}

TEST_CASE("an index that flaps between servers does not make a busy loop") {
    Play play;
    play.adopt(40, "[a]", 1);
    unsigned requests = 0;
    const Now until = play.now + 60s;
    while (play.now < until) {
        play.next();
        const auto index = play.last.consistency == ConsulConsistency::stale ? 7u : 40u;
        play.reply(200, index, "[a]", 1ms);
        ++requests;
    }
    CHECK(requests <= 80);
}

TEST_CASE("every five minutes the whole is read at once") {
    Play play;
    play.adopt(40, "[a]", 1);
    unsigned full = 0;
    for (int i = 0; i < 20; ++i) {
        if (play.next().index == 0) ++full;
        REQUIRE(play.reply(200, 40, "[a]", play.last.index == 0 ? 1s : 61s) == PollVerdict::same);
    }
    CHECK(full == 3);
}

TEST_CASE("a reset reads at once and keeps what is held") {
    Play play;
    play.adopt(40, "[a]", 1);
    play.next();
    play.reply(0, 0, "");
    play.poll.reset();
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 0);
    CHECK(play.poll.index() == 40);
}
