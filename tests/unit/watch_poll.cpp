// What does a blocking query do after each reply?
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "watch/polling/poll.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::polling;
using namespace std::chrono_literals;

namespace {

Random fixed_random() { return Random({1, 2, 3, 4, 5, 6, 7, 8}); }

/// A watch of a service, with a simulated clock.
struct Play {
    Poll poll;
    Now now = 1000s;
    std::size_t held = 0;
    Random random = fixed_random();
    PollRequest last;

    explicit Play(Poll::Kind kind = {}) : poll(kind) { last = poll.next(now); }

    PollVerdict reply(int status, std::uint64_t index, std::string_view body, microseconds after = 1s) {
        now += after;
        return poll.on_reply(
            {.status = status, .body = std::string(body), .refusal = refusal_of(status, body), .index = index, .has_index = index != 0},
            held, now);
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

TEST_CASE("a watch first reads without waiting and then waits at the index of its facts") {
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

TEST_CASE("facts that could not be taken for want of memory are read again, even if the body is the same") {
    Play play;
    play.adopt(17, "[1]", 1);
    play.next();
    play.poll.reset();  // the agent was away: the facts are held
    CHECK(play.next().index == 0);
    CHECK(play.reply(200, 17, "[1]") == PollVerdict::same);
    play.next();
    play.poll.reset_facts();
    CHECK(play.next().index == 0);
    CHECK(play.reply(200, 17, "[1]") == PollVerdict::parse);
    CHECK(play.parsed(1) == PollJudgement::adopt);
    CHECK(play.next().index == 17);
}

TEST_CASE("the first waits are short, so that those of ended processes do not last at the agent") {
    Play play;
    play.adopt(17, "[1]", 1);
    for (const auto wait : {5s, 10s, 20s, 40s, 60s, 60s}) {
        CHECK(play.next().wait == wait);
        CHECK(play.reply(200, 17, "[1]", wait) == PollVerdict::same);
    }
}

TEST_CASE("if blocking is not allowed the watch reads once a second") {
    Play play;
    play.adopt(17, "[1]", 1);
    unsigned requests = 0;
    for (const Now until = play.now + 60s; play.now < until; ++requests) {
        play.now += play.pause();
        play.last = play.poll.next(play.now, Blocking::not_allowed);
        REQUIRE(play.last.index == 0);
        REQUIRE(play.reply(200, 17, "[1]", 1ms) == PollVerdict::same);
    }
    CHECK((requests >= 58 && requests <= 62));
    play.now += play.pause();
    play.last = play.poll.next(play.now, Blocking::not_allowed);
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
    };
    const std::vector<Row> rows = {
        {0, 0, ""},
        {500, 1, "rpc error making call: EOF"},
        {500, 1, "No cluster leader"},
        {500, 1, "No path to datacenter"},
        {503, 1, ""},
        {429, 1, ""},
        {403, 1, "ACL not found"},
        {404, 99, ""},  // a service is never 404
        {400, 0, "Invalid index"},
        {200, 0, "<html>hello</html>"},  // no index: not Consul
        {301, 0, ""},
    };
    for (const auto& row : rows) {
        INFO(row.status << ' ' << row.body);
        Play play;
        play.adopt(40, "[1]", 1);
        REQUIRE(play.next().index == 40);
        CHECK(play.reply(row.status, row.index, row.body) == PollVerdict::failed);
        CHECK(play.poll.failing());
        CHECK(play.pause() > 0s);
        CHECK(play.next().index == 0);
        CHECK(play.poll.index() == 40);
        // one good reply ends the failure
        CHECK(play.reply(200, 40, "[1]") == PollVerdict::same);
        CHECK_FALSE(play.poll.failing());
        CHECK(play.next().index == 40);
    }
}

TEST_CASE("the cause of a refusal is found in the texts of Consul 1.8 to 1.22") {
    struct Row {
        int status;
        const char* body;
        Refusal refusal;
    };
    const std::vector<Row> rows = {
        {0, "", Refusal::none},
        {200, "Permission denied", Refusal::none},
        {404, "No cluster leader", Refusal::none},
        {403, "Permission denied", Refusal::permission_denied},                         // until 1.12
        {403, "rpc error making call: Permission denied", Refusal::permission_denied},  // forwarded
        {403, "Permission denied: token with AccessorID '00000000-0000-0000-0000-000000000002' lacks permission 'key:read' on \"k\"",
         Refusal::permission_denied},  // since 1.12
        {403,
         "Permission denied: anonymous token lacks permission 'agent:read' on \"n\". The anonymous token is used implicitly when a "
         "request does not specify a token.",
         Refusal::permission_denied},  // since 1.14
        {403, "ACL not found", Refusal::unknown_token},
        {403, "rpc error making call: rpc error making call: ACL not found", Refusal::unknown_token},
        {403, "<html>Forbidden</html>", Refusal::forbidden},
        {403, "", Refusal::forbidden},
        {429, "Your IP is issuing too many concurrent connections, please rate limit your calls\n", Refusal::too_many},
        {503, "rate limit exceeded, try again later or against a different server", Refusal::too_many},
        {500, "No cluster leader", Refusal::no_leader},
        {500, "rpc error making call: No cluster leader", Refusal::no_leader},
        {500, "Raft leader not found in server lookup mapping", Refusal::no_leader},
        {500, "No path to datacenter", Refusal::no_datacenter},
        {500, "rpc error making call: No path to datacenter", Refusal::no_datacenter},
        {500, "rpc error making call: EOF", Refusal::other},
        {503, "No cluster leader", Refusal::too_many},
        {400, "Invalid index", Refusal::other},
        {502, "Bad Gateway", Refusal::other},
    };
    for (const auto& row : rows) {
        INFO(row.status << ' ' << row.body);
        CHECK(refusal_of(row.status, row.body) == row.refusal);
    }
    CHECK(refusal_of(403, std::string(512, ' ') + "Permission denied") == Refusal::forbidden);  // only the start is searched
}

TEST_CASE("a larger index with the same body is no change") {
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
    REQUIRE(play.poll.on_reply({.status = 200, .body = "[]", .index = 0, .has_index = true}, 0, play.now) == PollVerdict::parse);
    REQUIRE(play.parsed(0) == PollJudgement::adopt);
    CHECK(play.next().index == 1);
}

TEST_CASE("after a lower index one read at index 0, not stale, decides") {
    Play play;
    play.adopt(40, "[1,2]", 2);
    play.next();
    REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::again);
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 0);
    CHECK(play.last.consistency == ConsulConsistency::fresh);
    SECTION("its reply is adopted, whatever the index") {
        REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::parse);
        CHECK(play.parsed(1) == PollJudgement::adopt);
        CHECK(play.next().index == 7);
        CHECK(play.last.consistency == ConsulConsistency::stale);
    }
    SECTION("if it fails the facts stay, and the next lower index is read again") {
        REQUIRE(play.reply(500, 1, "No cluster leader") == PollVerdict::failed);
        CHECK(play.next().consistency == ConsulConsistency::stale);
        REQUIRE(play.reply(200, 7, "[1]") == PollVerdict::again);
        CHECK(play.pause() > 0s);
        CHECK(play.next().consistency == ConsulConsistency::fresh);
    }
}

TEST_CASE("after a wait that ends early without a change the next read is at index 0, because a restored Consul has lower indexes") {
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
        // A reply at the end of the wait, or with another index, does not start over.
        CHECK(play.reply(200, 12, "[b]", play.last.wait) == PollVerdict::same);
        CHECK(play.next().index == 12);
        CHECK(play.reply(200, 13, "[b]", 1s) == PollVerdict::same);
        CHECK(play.next().index == 13);
    }
}

TEST_CASE("an older reply is not accepted after a failure, either") {
    Play play;
    play.adopt(40, "[1,2]", 2);
    play.next();
    play.reply(0, 0, "");
    play.next();
    CHECK(play.reply(200, 39, "[1]") == PollVerdict::again);
}

TEST_CASE("a suddenly empty list is adopted after a second read that is not stale") {
    struct Row {
        std::size_t held, count;
        bool asked_twice;
    };
    for (const auto& row :
         std::vector<Row>{{1, 0, true}, {3, 0, true}, {3, 1, false}, {4, 1, true}, {4, 2, false}, {9, 4, true}, {0, 0, false}}) {
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
        REQUIRE(once.reply(200, 41, "[full]") == PollVerdict::same);  // empty once: not adopted
        REQUIRE(play.reply(200, 41, "[less]") == PollVerdict::parse);
        CHECK(play.parsed(row.count) == PollJudgement::adopt);
        CHECK(play.next().index == 41);
    }
}

TEST_CASE("a suddenly empty list of a server without a Raft leader is not adopted, however often it comes") {
    Play play;
    play.adopt(10, "[1,2]", 2);
    const HttpReply empty{.status = 200, .body = "[]", .index = 11, .has_index = true, .known_leader = false};
    for (unsigned turn = 0; turn < 5; ++turn) {
        play.next();
        CHECK(play.poll.on_reply(empty, 2, play.now) == PollVerdict::parse);
        CHECK(play.poll.parsed(0, 2, play.now) == PollJudgement::again);
        CHECK(play.next().consistency == ConsulConsistency::fresh);
        CHECK(play.poll.on_reply(empty, 2, play.now) == PollVerdict::parse);
        CHECK(play.poll.parsed(0, 2, play.now) == PollJudgement::failed);
        CHECK(play.poll.failing());
        CHECK(play.pause() > 0s);
    }
    // With `streaming` the header has no meaning.
    auto streamed = empty;
    streamed.streaming = true;
    play.next();
    CHECK(play.poll.on_reply(streamed, 2, play.now) == PollVerdict::parse);
    CHECK(play.poll.parsed(0, 2, play.now) == PollJudgement::again);
    play.next();
    CHECK(play.poll.on_reply(streamed, 2, play.now) == PollVerdict::parse);
    CHECK(play.poll.parsed(0, 2, play.now) == PollJudgement::adopt);
}

TEST_CASE("keys of a leader that a server without a Raft leader does not have: the pauses grow to a second") {
    Play play({.leader_keys = true});
    play.adopt(10, "[1,2]", 2);
    const HttpReply empty{.status = 200, .body = "[]", .index = 11, .has_index = true, .known_leader = false};
    const auto begin = play.now;
    unsigned requests = 0;
    for (; play.now < begin + 10s && requests < 1000; ++requests) {
        play.next();
        play.now += 1ms;
        REQUIRE(play.poll.on_reply(empty, 2, play.now) == PollVerdict::parse);
        CHECK(play.poll.parsed(0, 2, play.now) != PollJudgement::adopt);
    }
    CHECK(requests <= 60);
}

TEST_CASE("a leader key that a server without a Raft leader does not have: it stays, and the pauses grow to a second") {
    Play play({.leader_keys = true, .key_value = true});
    play.adopt(10, "[1]", 1);
    const HttpReply absent{.status = 404, .index = 11, .has_index = true, .known_leader = false};
    const HttpReply no_leader{.status = 500, .body = "No cluster leader", .refusal = Refusal::no_leader};
    const auto begin = play.now;
    unsigned requests = 0;
    for (; play.now < begin + 10s && requests < 1000; ++requests) {
        const bool fresh = play.next().consistency != ConsulConsistency::stale;
        play.now += 1ms;
        const auto verdict = play.poll.on_reply(fresh ? no_leader : absent, 1, play.now);
        CHECK((verdict == PollVerdict::failed || verdict == PollVerdict::again));
    }
    CHECK(requests <= 60);
}

TEST_CASE("an index that Consul never reaches counts as none") {
    for (const auto& [text, has] : {std::pair{"9007199254740992", true},
                                    {"9007199254740993", false},
                                    {"9223372036854775808", false},
                                    {"18446744073709551615", false},
                                    {"18446744073709551616", false}}) {
        HttpReply reply;
        note_header(reply, std::string("X-Consul-Index: ") + text + "\r\n");
        INFO(text);
        CHECK(reply.has_index == has);
    }
}

TEST_CASE("an empty list whose entries an ACL hides changes nothing") {
    Play play;
    play.adopt(40, "[1]", 1);
    play.next();
    play.now += 1s;
    REQUIRE(play.poll.on_reply({.status = 200, .body = "[]", .index = 41, .has_index = true, .filtered_by_acl = true}, 1, play.now) ==
            PollVerdict::parse);
    CHECK(play.parsed(0) == PollJudgement::ignore);
    CHECK(play.poll.index() == 40);
    // A change that came with index 41 is not missed when the token may read it again; until then there is one request a second.
    CHECK(play.next().index == 40);
    const auto begin = play.now;
    unsigned requests = 0;
    for (; play.now < begin + 30s; ++requests) {
        play.now += 1ms;
        REQUIRE(play.poll.on_reply({.status = 200, .body = "[]", .index = 41, .has_index = true, .filtered_by_acl = true}, 1, play.now) ==
                PollVerdict::parse);
        REQUIRE(play.parsed(0) == PollJudgement::ignore);
        REQUIRE(play.next().index == 40);
    }
    CHECK(requests <= 40);
    play.adopt(41, "[2]", 1);
}

TEST_CASE("a body that cannot be parsed changes nothing and starts over") {
    Play play;
    play.adopt(40, "[1]", 1);
    play.next();
    REQUIRE(play.reply(200, 41, "[1,") == PollVerdict::parse);
    CHECK(play.parsed(std::nullopt) == PollJudgement::ignore);
    CHECK(play.poll.failing());
    CHECK(play.next().index == 0);
}

TEST_CASE("a missing key is an answer, a key that vanished is read twice") {
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

TEST_CASE("a 404 without an index does not come from Consul") {
    Play play({.leader_keys = true, .key_value = true});
    CHECK(play.reply(404, 0, "not here") == PollVerdict::failed);
}

TEST_CASE("while Consul has no Raft leader every other read of leader keys is stale") {
    Play play({.leader_keys = true, .key_value = true});
    play.adopt(40, "[a]", 1);
    play.next();
    REQUIRE(play.reply(500, 1, "No cluster leader", 7s) == PollVerdict::failed);
    CHECK(play.pause() == 0s);
    CHECK(play.next().consistency == ConsulConsistency::stale);
    CHECK(play.last.index == 0);
    SECTION("a change is adopted") {
        play.now += 1ms;
        REQUIRE(play.poll.on_reply({.status = 200, .body = "[b]", .index = 41, .has_index = true, .known_leader = false}, 1, play.now) ==
                PollVerdict::parse);
        CHECK(play.parsed(1) == PollJudgement::adopt);
    }
    SECTION("an older state is not adopted") { CHECK(play.reply(200, 39, "[b]", 1ms) == PollVerdict::failed); }
    SECTION("an unchanged state is not a change") { CHECK(play.reply(200, 40, "[a]", 1ms) == PollVerdict::same); }
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

TEST_CASE("Retry-After is honoured up to 60 s") {
    Play play;
    play.now += 1s;
    play.poll.on_reply({.status = 429, .refusal = Refusal::too_many, .retry_after = 3s}, 0, play.now);
    CHECK(play.pause() == 3s);
    play.next();
    play.now += 1s;
    play.poll.on_reply({.status = 503, .refusal = Refusal::too_many, .retry_after = std::chrono::hours(3)}, 0, play.now);
    CHECK(play.pause() == 60s);
}

TEST_CASE("requests after unchanged replies without a wait are paced, after changes they are not") {
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

TEST_CASE("an index that changes between two servers does not make a busy loop") {
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

TEST_CASE("every five minutes one read is at index 0") {
    Play play;
    play.adopt(40, "[a]", 1);
    unsigned full = 0;
    for (int i = 0; i < 20; ++i) {
        if (play.next().index == 0) ++full;
        REQUIRE(play.reply(200, 40, "[a]", play.last.index == 0 ? 1s : 61s) == PollVerdict::same);
    }
    CHECK(full == 3);
}

TEST_CASE("a reset reads at once and keeps the facts") {
    Play play;
    play.adopt(40, "[a]", 1);
    play.next();
    play.reply(0, 0, "");
    play.poll.reset();
    CHECK(play.pause() == 0s);
    CHECK(play.next().index == 0);
    CHECK(play.poll.index() == 40);
}
