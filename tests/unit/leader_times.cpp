// Does LeaderTimes contain the time at which each fact of a leader change first became known? Does the next change clear these times?
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/patroni_stage.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::test;

namespace {

/// Plays the steps one second apart; the first step is at second 1. Returns the times in seconds, in a fixed order.
std::string times_after(const std::vector<std::string>& steps) {
    Stage stage("4.1.0");
    const Now start = stage.at.now;
    for (const auto& step : steps) {
        stage.play("after 1s");
        stage.play(step);
    }
    const LeaderTimes& times = stage.fusion.verdict().times;
    if (times.change == 0) return "no change";
    std::string text = std::to_string(times.change) + ": " + times.old_member + " to " + times.new_member;
    const auto add = [&](const char* name, const std::optional<Now>& at) {
        if (at) text += std::string(", ") + name + " " + std::to_string((*at - start) / seconds(1));
    };
    add("announced", times.announced);
    add("lock gone", times.lock_gone);
    add("withdrawn", times.withdrawn);
    add("lock taken", times.lock_taken);
    add("by kv", times.promoted_by_kv);
    add("by probe", times.promoted_by_probe);
    add("by tag", times.promoted_by_tag);
    add("answerable", times.answerable);
    add("old tag gone", times.old_tag_gone);
    return text;
}

const std::string a_leads = "kv lock=A A=primary B=replica", tags_of_a = "nodes A=ok* B=ok";

}  // namespace

TEST_CASE("the first leader after the start is not a change", "[leader]") {
    CHECK(times_after({}) == "no change");
    CHECK(times_after({a_leads}) == "no change");
    CHECK(times_after({"kv B=replica", "kv lock=A A=replica B=replica", a_leads, "same"}) == "no change");
}

TEST_CASE("each fact of a switchover has its time", "[leader]") {
    const std::vector<std::string> steps{tags_of_a,                                    // 1
                                         a_leads,                                      // 2
                                         "kv lock=A A=primary B=replica switchover",   // 3
                                         "kv A=demoted/stopped B=replica switchover",  // 4
                                         "nodes B=ok",                                 // 5
                                         "kv lock=B A=demoted/stopped B=replica",      // 6
                                         "probe B",                                    // 7
                                         "nodes B=ok*",                                // 8
                                         "kv lock=B A=demoted/stopped B=primary"};     // 9
    CHECK(times_after({steps.begin(), steps.begin() + 3}) == "1: A to , announced 3, withdrawn 3");
    CHECK(times_after({steps.begin(), steps.begin() + 6}) ==
          "1: A to B, announced 3, lock gone 4, withdrawn 3, lock taken 6, old tag gone 5");
    CHECK(times_after(steps) ==
          "1: A to B, announced 3, lock gone 4, withdrawn 3, lock taken 6, by kv 9, by probe 7, by tag 8, answerable 7, old tag gone 5");
}

TEST_CASE("a change includes the tags that change after the new leader is answerable", "[leader]") {
    const std::vector<std::string> steps{tags_of_a, a_leads, "kv lock=B A=demoted/stopping B=primary", "nodes A=ok* B=ok*",
                                         "nodes A=silent* B=ok*"};
    CHECK(times_after(steps) == "1: A to B, lock gone 3, withdrawn 3, lock taken 3, by kv 3, by tag 4, answerable 3, old tag gone 5");
    auto back_again = steps;
    back_again.insert(back_again.end(),
                      {"kv A=replica B=demoted/stopped", "nodes A=ok B=silent*", "kv lock=A A=replica B=demoted/stopped", a_leads});
    CHECK(times_after(back_again) == "2: B to A, lock gone 6, withdrawn 6, lock taken 8, by kv 9, answerable 9, old tag gone 7");
}

TEST_CASE("a cancelled switchover request leaves the times of the last change unchanged", "[leader]") {
    CHECK(times_after({a_leads, "kv lock=A A=primary switchover", a_leads}) == "no change");
    const std::vector<std::string> switched{a_leads, "kv lock=B A=demoted/stopped B=primary"};
    auto cancelled = switched;
    cancelled.insert(cancelled.end(), {"kv lock=B A=replica B=primary switchover", "kv lock=B A=replica B=primary"});
    CHECK(times_after(cancelled) == times_after(switched));
    // No switchover follows the request: after two seconds the leader is answered again, and `withdrawn` has no time.
    CHECK(times_after({a_leads, "kv lock=A A=primary switchover", "after 2s"}) == "1: A to , announced 2");
    CHECK(times_after({a_leads, "kv lock=A A=primary switchover", "after 2s", "kv A=demoted/stopped switchover", "kv lock=B B=primary"}) ==
          "1: A to B, announced 2, lock gone 6, withdrawn 6, lock taken 7, by kv 7, answerable 7");
    CHECK(times_after({a_leads, "kv lock=A A=primary switchover", "after 2s", a_leads}) == "no change");
}

TEST_CASE("a change can have the same old and new leader, with or without a withdrawal", "[leader]") {
    CHECK(times_after({a_leads, "kv B=replica", "kv lock=A! B=replica", "kv lock=A A=primary"}) ==
          "1: A to A, lock gone 2, lock taken 3, by kv 4, answerable 3");
    CHECK(times_after({a_leads, "nodes A=critical", "nodes A=ok"}) == "1: A to A, withdrawn 2, answerable 3");
    CHECK(times_after({a_leads, "kv B=replica", "after 12s", "kv lock=A! A=primary"}) ==
          "1: A to A, lock gone 2, withdrawn 15, lock taken 16, by kv 16, answerable 16");
}

TEST_CASE("if two members take the lock in one change, the new member is the second one", "[leader]") {
    CHECK(times_after({a_leads, "kv A=demoted/stopped", "kv lock=B A=replica B=replica", "kv A=replica B=replica",
                       "kv lock=C B=replica C=replica", "kv lock=C B=replica C=primary"}) ==
          "1: A to C, lock gone 2, withdrawn 2, lock taken 5, by kv 6, answerable 6");
}

TEST_CASE("the old leader's tag can end before its lock", "[leader]") {
    CHECK(times_after({tags_of_a, a_leads, "nodes A=silent* B=ok", "kv B=replica", "kv lock=B B=primary"}) ==
          "1: A to B, lock gone 4, withdrawn 4, lock taken 5, by kv 5, answerable 5, old tag gone 3");
}
