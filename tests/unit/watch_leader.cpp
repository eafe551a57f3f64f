// Which member leads a scope? Each test plays sequences of steps and checks the verdict after each step, with the JSON of three Patroni
// versions. The last test plays random histories: LeaderFusion gets some of their states, late or twice.
// tests/support/patroni_stage.hpp explains the steps.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "conf/values/leader_name.hpp"
#include "tests/support/patroni_history.hpp"
#include "tests/support/patroni_stage.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::leader;
using namespace lictor::test;

namespace {

struct Step {
    std::string step, verdict;
};

void play(const std::vector<Step>& steps, Origin origin = Origin::configured) {
    for (const std::string version : {"2.1.1", "3.3.2", "4.1.0"}) {
        INFO("Patroni " << version);
        Stage stage(version, Stage::scope_rule(), origin);
        for (const auto& [step, verdict] : steps) {
            INFO("after: " << step);
            stage.play(step);
            CHECK(shown(stage.fusion.verdict()) == verdict);
        }
    }
}

const Step a_leads{"kv lock=A A=primary B=replica C=replica", "led A: confirmed"};

}  // namespace

// ---- who holds the lock

TEST_CASE("before the first read there is no leader", "[leader]") {
    play({{"nodes A=ok", "loading: not read yet"},
          {"contact lost 5", "loading: not read yet"},
          {"contact back", "loading: not read yet"},
          a_leads});
}

TEST_CASE("the holder of the lock leads if its record shows primary and running", "[leader]") {
    play({{"nodes A=ok B=ok", "loading: not read yet"}, a_leads});
    // The lock decides: a holder that is not registered, or whose check fails, leads.
    play({{"nodes B=ok", "loading: not read yet"},
          a_leads,
          {"nodes A=silent B=ok", "led A: confirmed"},
          {"nodes B=ok", "led A: confirmed"}});
}

TEST_CASE("queries are held for a holder that is not primary yet", "[leader]") {
    for (const std::string role : {"replica", "promoted", "uninitialized", "primary/starting", "primary/crashed", "primary/restarting",
                                   "replica/starting", "replica/creating_replica", "uninitialized/creating_replica", "garbage"}) {
        INFO(role);
        play({{"kv lock=A A=" + role + " B=replica", "vacant: holder is not primary yet"},
              {"kv lock=A B=replica", "vacant: holder is not primary yet"},
              a_leads});
    }
    play({{"kv lock=A A=demoted/stopped", "vacant: demoted"}, {"kv lock=A A=primary/stopping", "vacant: stopping"}, a_leads});
}

TEST_CASE("a holder leads by its lock alone if its Patroni writes no roles", "[leader]") {
    play({{"kv lock=A A=oldest B=oldest", "led A: confirmed"}, {"kv lock=B A=oldest B=oldest", "led B: confirmed"}});
}

TEST_CASE("another owner of the lock withdraws the leader at once", "[leader]") {
    play({a_leads,
          {"kv lock=B A=primary B=replica", "vacant: lock moved"},
          {"kv lock=B A=primary B=promoted", "vacant: lock moved"},
          {"kv lock=B A=replica/starting B=primary", "led B: confirmed"}});
    // Blocking queries skip states: the state with the free lock is possibly not returned.
    play({a_leads, {"kv lock=B A=demoted/stopped B=primary", "led B: confirmed"}});
    // Also after a gap.
    play({a_leads,
          {"kv B=replica", "led A: kept for the grace period"},
          {"kv lock=B B=replica", "vacant: lock moved"},
          {"kv lock=B A=primary B=replica", "vacant: lock moved"}});
    // Also without contact, and in pause.
    play({a_leads, {"contact lost", "led A: kept without contact"}, {"kv lock=B A=primary B=replica", "vacant: lock moved"}});
    play({a_leads, {"kv B=replica pause", "led A: kept in pause"}, {"kv lock=B B=replica pause", "vacant: lock moved"}});
    // The holder has no record.
    play({a_leads, {"kv lock=C A=primary B=replica", "vacant: lock moved"}});
}

TEST_CASE("a lock that is held with an empty value deposes the leader", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const auto primary = member_json("4.1.0", "A", "primary", "running");
    fusion.on_scope(Kv().leader("A", "s-1", 10).member("A", primary).facts(10), {});
    REQUIRE(shown(fusion.verdict()) == "led A: confirmed");
    fusion.on_scope(Kv().leader("", "s-2", 20).member("A", primary).facts(20), {});
    CHECK(shown(fusion.verdict()) == "vacant: lock moved");
}

TEST_CASE("in a switchover the verdict changes with the writes to the keys", "[leader]") {
    play({{"nodes A=ok B=ok C=ok", "loading: not read yet"},
          a_leads,
          {"kv lock=A A=primary B=replica C=replica switchover", "vacant: switchover announced"},
          {"kv B=replica C=replica A=primary switchover", "vacant: released"},  // the lock's key is deleted first
          {"kv B=replica C=replica A=demoted/stopped switchover", "vacant: demoted"},
          {"nodes B=ok C=ok", "vacant: demoted"},
          {"kv lock=B B=replica C=replica A=demoted/stopped", "vacant: holder is not primary yet"},
          {"kv lock=B B=promoted C=replica A=demoted/stopped", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary C=replica A=demoted/stopped", "led B: confirmed"},
          {"kv lock=B B=primary C=replica A=replica", "led B: confirmed"},
          {"nodes A=ok B=ok C=ok", "led B: confirmed"}});
}

// ---- withdraw

TEST_CASE("a holder whose record shows the role demoted, or a state that begins with stop, is withdrawn at once", "[leader]") {
    for (const std::string lock : {"lock=A ", ""}) {
        play({a_leads, {"kv " + lock + "A=demoted/stopping B=replica", "vacant: demoted"}});
        play({a_leads, {"kv " + lock + "A=demoted B=replica", "vacant: demoted"}});
        play({a_leads, {"kv " + lock + "A=demoted/starting B=replica", "vacant: demoted"}});
        play({a_leads, {"kv " + lock + "A=primary/stopped B=replica", "vacant: stopping"}});  // Patroni's SIGTERM keeps the role
        play({a_leads, {"kv " + lock + "A=primary/stopping B=replica", "vacant: stopping"}});
        play({a_leads, {"kv " + lock + "A=replica/stopped B=replica", "vacant: stopping"}});
    }
    Stage stage("4.1.0");
    stage.fusion.on_scope(Kv().leader("A", "s", 1).member("A", member_json("4.1.0", "A", "primary", "running")).facts(1), stage.at);
    stage.fusion.on_scope(Kv().leader("A", "s", 1).member("A", member_json("4.1.0", "A", "primary", "stop failed")).facts(2), stage.at);
    CHECK(shown(stage.fusion.verdict()) == "vacant: stopping");
}

TEST_CASE("a withdrawn leader must be confirmed again", "[leader]") {
    play({a_leads,
          {"kv lock=A A=primary/stopping", "vacant: stopping"},
          {"kv lock=A A=primary/starting", "vacant: holder is not primary yet"},
          {"kv lock=A", "vacant: holder is not primary yet"},
          a_leads});
    play({a_leads,
          {"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"kv lock=A A=replica/starting", "vacant: holder is not primary yet"}});
    play({a_leads, {"kv A=demoted/stopped", "vacant: demoted"}, {"kv A=primary", "vacant: demoted"}, {"kv B=replica", "vacant: demoted"}});
}

TEST_CASE("a leader on a failed node is withdrawn, whatever its keys show", "[leader]") {
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          {"nodes A=critical B=ok", "vacant: node failed"},
          {"kv B=replica", "vacant: node failed"},
          {"nodes B=ok", "vacant: node failed"},
          {"kv lock=B B=replica", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary", "led B: confirmed"}});
    // The check was wrong: the lock did not move.
    play({a_leads, {"nodes A=critical", "vacant: node failed"}, {"nodes A=ok", "led A: confirmed"}});
    play({a_leads,
          {"nodes A=critical", "vacant: node failed"},
          {"kv lock=A A=primary/starting", "vacant: node failed"},
          {"nodes A=ok", "led A: kept while restarting"}});
    // The node of another member does not count.
    play({a_leads, {"nodes A=ok B=critical", "led A: confirmed"}});
}

// ---- keep

TEST_CASE("a confirmed holder is kept while Patroni restarts it", "[leader]") {
    for (const std::string state : {"starting", "restarting", "crashed"})
        play({a_leads,
              {"kv lock=A A=primary/" + state + " B=replica", "led A: kept while restarting"},
              {"after 250s", "led A: kept while restarting"},
              {"kv lock=A A=replica/starting B=replica", "led A: kept while restarting"},
              a_leads});
    // It is not kept if the lock is a new one or free.
    play({a_leads, {"kv lock=A! A=primary/starting", "vacant: holder is not primary yet"}});
    play({a_leads, {"kv lock=A A=primary/crashed", "led A: kept while restarting"}, {"kv A=primary/crashed", "vacant: lock is free"}});
    play({a_leads, {"kv lock=A A=primary/crashed", "led A: kept while restarting"}, {"kv B=replica", "vacant: lock is free"}});
}

TEST_CASE("a missing member key changes nothing while the lock is held", "[leader]") {
    play({a_leads,
          {"kv lock=A B=replica", "led A: confirmed"},
          {"kv lock=A A=garbage B=replica", "led A: confirmed"},
          {"after 100s", "led A: confirmed"},
          a_leads});
}

TEST_CASE("a leader whose lock and member key vanish together is kept for loop_wait and two seconds, unless its node fails", "[leader]") {
    const Step gone{"kv B=replica C=replica", "led A: kept for the grace period"};
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"after 11s", "led A: kept for the grace period"},
          {"after 1s", "vacant: grace period is over"},
          {"kv A=primary B=replica", "vacant: grace period is over"}});
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          {"nodes B=ok", "led A: confirmed"},
          gone,
          {"after 12s", "vacant: grace period is over"}});
    play({a_leads, gone, {"after 12s", "vacant: grace period is over"}});  // without registered members
    // The agent restarts: its checks begin as critical, then Patroni takes the lock again and writes its member key last.
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"nodes B=ok", "led A: kept for the grace period"},
          {"nodes A=silent B=ok", "led A: kept for the grace period"},
          {"after 5s", "led A: kept for the grace period"},
          {"kv lock=A B=replica", "led A: kept for the grace period"},
          {"kv lock=A A=primary B=replica", "led A: confirmed"},
          {"after 60s", "led A: confirmed"}});
    // One reply contains all of these changes.
    play({a_leads, {"kv lock=A! B=replica", "led A: kept for the grace period"}, {"after 12s", "vacant: grace period is over"}, a_leads});
    // The node fails during the grace period.
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"nodes A=critical", "vacant: node failed"},
          {"nodes A=ok", "vacant: node failed"}});
    // Patroni's check failed before its session ended: the process has ended.
    play({{"nodes A=silent B=ok", "loading: not read yet"}, a_leads, {"kv B=replica", "vacant: lock is free"}});
    // Another loop_wait, and a loop_wait above the bound of the grace period.
    play({{"kv lock=A A=primary loop_wait=20", "led A: confirmed"},
          {"kv loop_wait=20", "led A: kept for the grace period"},
          {"after 21s", "led A: kept for the grace period"},
          {"after 1s", "vacant: grace period is over"}});
    play({{"kv lock=A A=primary loop_wait=3600", "led A: confirmed"},
          {"kv loop_wait=3600", "led A: kept for the grace period"},
          {"after 300s", "vacant: grace period is over"}});
    // A new grace period begins in the next gap.
    play({a_leads,
          gone,
          {"after 11s", "led A: kept for the grace period"},
          a_leads,
          {"after 60s", "led A: confirmed"},
          gone,
          {"after 11s", "led A: kept for the grace period"},
          {"after 1s", "vacant: grace period is over"}});
    // Unchanged facts do not prolong the grace period.
    play({a_leads,
          gone,
          {"after 6s", "led A: kept for the grace period"},
          gone,
          {"kv-again B=replica", "led A: kept for the grace period"},
          {"after 6s", "vacant: grace period is over"}});
}

TEST_CASE("a requested switchover withdraws the leader for two seconds at most", "[leader]") {
    const Step asked{"kv lock=A A=primary B=replica switchover", "vacant: switchover announced"};
    // Patroni refuses or cancels the request.
    play({a_leads, asked, {"after 1s", "vacant: switchover announced"}, a_leads, {"after 60s", "led A: confirmed"}});
    // The checkpoint takes longer than two seconds; then Patroni releases the lock.
    play({a_leads,
          asked,
          {"kv lock=A A=primary B=replica C=replica switchover", "vacant: switchover announced"},
          {"after 2s", "led A: confirmed"},
          {"kv lock=A A=primary B=replica switchover", "led A: confirmed"},
          {"kv A=primary B=replica switchover", "vacant: released"},
          {"after 60s", "vacant: released"},
          {"kv lock=B A=primary B=replica switchover", "vacant: lock moved"},
          {"kv lock=B A=primary B=primary switchover", "led B: confirmed"},  // B has not emptied the failover key yet
          {"kv lock=B A=replica B=primary", "led B: confirmed"}});
    // Requested again.
    play({a_leads, asked, a_leads, asked, {"after 2s", "led A: confirmed"}, a_leads, asked});
    // A request from before this lock does not count.
    play({{"kv lock=A A=primary switchover", "led A: confirmed"},
          {"kv lock=B A=replica B=primary switchover", "led B: confirmed"},
          {"kv-again lock=B A=replica B=primary switchover", "led B: confirmed"}});
    // No member took the lock, and the old leader has it again.
    play({a_leads, asked, {"kv A=demoted/stopped switchover", "vacant: demoted"}, {"kv lock=A! A=primary", "led A: confirmed"}});
    // After the request its session ends, its node fails, or contact is lost.
    play({a_leads, asked, {"kv B=replica switchover", "vacant: lock is free"}, {"after 60s", "vacant: lock is free"}});
    play({{"nodes A=ok", "loading: not read yet"}, a_leads, asked, {"nodes A=critical", "vacant: node failed"}});
    play({a_leads, asked, {"contact lost", "vacant: switchover announced"}, {"after 2s", "led A: kept without contact"}});
}

TEST_CASE("a leader that releases the lock is withdrawn at once, and kept if it stays primary", "[leader]") {
    const Step released{"kv A=primary B=replica", "vacant: released"};
    play({a_leads, released, {"kv A=primary/stopped B=replica", "vacant: stopping"}, {"after 60s", "vacant: stopping"}});
    play({a_leads, released, {"kv A=demoted/stopped B=replica", "vacant: demoted"}, {"kv lock=B B=primary", "led B: confirmed"}});
    play({a_leads, released, {"kv lock=B A=primary B=replica", "vacant: lock moved"}, {"kv lock=B B=primary", "led B: confirmed"}});
    // An operator deleted the key, and Patroni writes it again.
    play({a_leads,
          released,
          {"same", "vacant: released"},
          {"after 1s", "led A: kept for the grace period"},
          {"kv A=primary B=replica C=replica", "led A: kept for the grace period"},
          {"after 10s", "led A: kept for the grace period"},
          {"after 1s", "vacant: grace period is over"},
          {"kv lock=A! A=primary B=replica", "led A: confirmed"}});
    play({a_leads,
          released,
          {"after 1s", "led A: kept for the grace period"},
          {"kv lock=A! A=primary B=replica", "led A: confirmed"},
          {"after 60s", "led A: confirmed"}});
    play({a_leads, {"kv A=primary released=A", "vacant: released"}, {"after 1s", "led A: kept for the grace period"}});
    play({a_leads, released, {"kv B=replica", "vacant: lock is free"}});  // then its member key vanishes
    // In the next gap it is withdrawn again.
    play({a_leads,
          released,
          {"after 1s", "led A: kept for the grace period"},
          {"kv lock=A! A=primary", "led A: confirmed"},
          released,
          {"after 1s", "led A: kept for the grace period"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"},
          {"kv A=primary pause", "vacant: released"},
          {"after 1s", "led A: kept in pause"},
          {"after 3000s", "led A: kept in pause"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"},
          {"kv A=primary pause", "vacant: released"},
          {"kv A=primary/stopped pause", "vacant: stopping"}});
}

TEST_CASE("a leader without the lock is kept for the grace period if a new session holds its record and it shows a running primary",
          "[leader]") {
    const Step renewed{"kv A!=primary B=replica", "led A: kept for the grace period"};
    play({a_leads, renewed, {"after 11s", "led A: kept for the grace period"}, {"after 1s", "vacant: grace period is over"}});
    play({a_leads, renewed, {"kv A=primary/starting B=replica", "vacant: lock is free"}});
    play({a_leads, renewed, {"kv A=replica B=replica", "vacant: lock is free"}});
    play({a_leads, renewed, {"kv lock=A! A=primary B=replica", "led A: confirmed"}, {"after 60s", "led A: confirmed"}});
}

TEST_CASE("a leader is not kept if a member has a newer timeline", "[leader]") {
    play({a_leads,
          {"kv B=replica@3 C=replica", "vacant: overtaken"},
          {"kv B=replica@3", "vacant: overtaken"},
          {"kv lock=B B=primary@3", "led B: confirmed"}});
    play({a_leads, {"kv B=replica", "led A: kept for the grace period"}, {"kv B=replica@3", "vacant: overtaken"}});
    play({a_leads, {"kv B=replica@3 pause", "vacant: overtaken"}});
    // Neither a newer timeline of the leader itself nor an older one of a member withdraws it.
    play({a_leads, {"kv A!=primary@3 B=replica@3", "led A: kept for the grace period"}});
    play({{"kv lock=A A=primary@5 B=replica@4", "led A: confirmed"}, {"kv B=replica@4 C=replica@5", "led A: kept for the grace period"}});
}

TEST_CASE("in pause the last leader is kept until its node fails or its record shows a stop", "[leader]") {
    play({{"nodes A=ok", "loading: not read yet"},
          {"kv lock=A A=primary pause", "led A: confirmed"},
          {"nodes A=silent", "led A: confirmed"},
          {"kv pause", "led A: kept in pause"},
          {"after 5000s", "led A: kept in pause"},
          {"nodes", "led A: kept in pause"},
          {"nodes A=critical", "vacant: node failed"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"}, {"kv A=primary/stopped pause", "vacant: stopping"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"},
          {"kv pause", "led A: kept in pause"},
          {"kv B=replica", "led A: kept for the grace period"},
          {"after 12s", "vacant: grace period is over"}});
    play({{"kv pause B=replica", "vacant: lock is free"}});
}

// ---- the holder's REST API

TEST_CASE("a holder whose REST API reports primary leads before its record shows it", "[leader]") {
    for (const std::string role : {"replica", "promoted"})
        play({a_leads,
              {"kv lock=B A=demoted/stopped B=" + role, "vacant: lock moved"},
              {"probe B", "led B: confirmed by probe"},
              {"kv lock=B A=demoted/stopped B=replica", "led B: confirmed by probe"},
              {"kv lock=B A=demoted/stopped B=promoted", "led B: confirmed by probe"},
              {"kv lock=B A=replica", "led B: confirmed"},  // B's member key is deleted and written again
              {"kv lock=B A=replica B=primary", "led B: confirmed"},
              {"kv lock=B A=replica B=replica", "vacant: holder is not primary yet"}});
}

TEST_CASE("a probe counts for the holder and the lock of its request", "[leader]") {
    play({a_leads,
          {"kv lock=B A=demoted/stopped B=replica C=replica", "vacant: lock moved"},
          {"aim", "vacant: lock moved"},
          {"kv lock=C A=demoted/stopped B=replica C=replica", "vacant: lock moved"},
          {"probe B", "vacant: lock moved"},
          {"probe C", "led C: confirmed by probe"}});
    // The same member under another lock.
    play({a_leads,
          {"kv lock=B A=replica B=replica", "vacant: lock moved"},
          {"aim", "vacant: lock moved"},
          {"kv lock=B! A=replica B=replica", "vacant: lock moved"},
          {"probe B", "vacant: lock moved"},
          {"kv A=replica B=replica", "vacant: lock is free"},
          {"probe B", "vacant: lock is free"}});
    // Before the first read, and for a member without the lock.
    play({{"probe A", "loading: not read yet"},
          {"kv lock=A A=replica B=replica", "vacant: holder is not primary yet"},
          {"probe B", "vacant: holder is not primary yet"}});
    // Each lock must be confirmed by its own probe.
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv lock=A! A=replica", "vacant: holder is not primary yet"}});
}

TEST_CASE("a probe does not confirm a holder that its record or its node excludes", "[leader]") {
    for (const auto& [record, reason] :
         std::vector<std::pair<std::string, std::string>>{{"demoted/stopped", "vacant: demoted"},
                                                          {"primary/stopping", "vacant: stopping"},
                                                          {"replica/stopped", "vacant: stopping"},
                                                          {"standby_leader", "standby: standby cluster"},
                                                          {"replica/starting", "vacant: holder is not primary yet"},
                                                          {"uninitialized/starting", "vacant: holder is not primary yet"}})
        play({a_leads,
              {"kv lock=B B=" + record, reason == "vacant: holder is not primary yet" ? "vacant: lock moved" : reason},
              {"probe B", reason == "vacant: holder is not primary yet" ? "vacant: lock moved" : reason}});
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"nodes A=critical", "vacant: node failed"},
          {"probe A", "vacant: node failed"}});
    // A holder confirmed by a probe is kept while Patroni restarts it; a probe from before a crash is void.
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv lock=A A=primary/crashed", "led A: kept while restarting"},
          {"kv lock=A A=replica/starting", "led A: kept while restarting"},
          {"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv A=demoted/stopped", "vacant: demoted"}});
}

TEST_CASE("only a holder that may be promoted and has an api_url is probed", "[leader]") {
    const auto asked = [](const std::vector<std::string>& steps) {
        Stage stage("3.3.2");
        for (const auto& step : steps) stage.play(step);
        const auto target = stage.fusion.unconfirmed_holder();
        return target ? target->member + " " + target->api_url : "nobody";
    };
    const std::string a = "kv lock=A A=primary B=replica";
    CHECK(asked({}) == "nobody");
    CHECK(asked({a}) == "nobody");
    CHECK(asked({a, "kv A=demoted/stopped B=replica"}) == "nobody");
    CHECK(asked({a, "kv lock=B A=demoted/stopped B=replica"}) == "B http://10.0.0.2:8008/patroni");
    CHECK(asked({a, "kv lock=B A=primary B=promoted"}) == "B http://10.0.0.2:8008/patroni");
    CHECK(asked({a, "kv lock=B B=replica/starting"}) == "nobody");
    CHECK(asked({a, "kv lock=B B=garbage"}) == "nobody");
    CHECK(asked({a, "kv lock=B B=replica", "nodes B=critical"}) == "nobody");
    CHECK(asked({a, "kv lock=B B=replica", "probe B"}) == "nobody");
    CHECK(asked({a, "kv lock=B B=replica", "denied"}) == "nobody");
    CHECK(asked({"kv lock=B B=standby_leader standby"}) == "nobody");
    CHECK(asked({"kv lock=B B=oldest"}) == "nobody");
}

// ---- standby, denied, gone, no contact

TEST_CASE("a standby cluster has no primary", "[leader]") {
    play({{"kv lock=A A=standby_leader B=replica standby", "standby: standby cluster"},
          {"kv lock=A A=standby_leader/starting standby", "standby: standby cluster"},
          {"kv B=replica standby", "standby: standby cluster"},
          {"kv lock=B B=replica standby", "standby: standby cluster"},
          // The cluster is promoted: the lock stays, the configuration and then the holder's role change.
          {"kv lock=B B=standby_leader", "standby: standby cluster"},
          {"kv lock=B B=promoted", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary", "led B: confirmed"}});
    play({{"kv lock=A A=standby_leader", "standby: standby cluster"}});
    // A cluster that becomes a standby cluster is writable until its leader's record changes.
    play({a_leads,
          {"kv lock=A A=primary standby", "led A: confirmed"},
          {"kv lock=A A=standby_leader standby", "standby: standby cluster"},
          {"kv lock=A A=standby_leader/starting standby", "standby: standby cluster"},
          {"kv lock=A standby", "standby: standby cluster"}});
}

TEST_CASE("denied keys make the scope unreadable", "[leader]") {
    play({{"denied", "unreadable: access denied"}, {"same", "loading: not read yet"}});
    play({{"denied", "unreadable: access denied"},
          a_leads,
          {"denied", "unreadable: access denied"},
          {"nodes A=ok", "unreadable: access denied"},
          {"kv-again lock=A A=primary", "led A: confirmed"}});
    play({a_leads,
          {"denied", "unreadable: access denied"},
          {"kv-old lock=A A=primary", "unreadable: access denied"},
          {"kv B=replica", "vacant: lock is free"}});
    play({{"same", "loading: not read yet"},
          a_leads,
          {"same", "led A: confirmed"},
          {"denied", "unreadable: access denied"},
          {"same", "led A: confirmed"}});
}

TEST_CASE("a discovered scope without keys and instances is removed after five minutes", "[leader]") {
    play({{"gone", "vacant: no keys"},
          {"after 299s", "vacant: no keys"},
          {"after 1s", "gone: scope is gone"},
          {"nodes A=ok", "vacant: no keys"},
          {"nodes", "gone: scope is gone"},
          a_leads},
         Origin::discovered);
    play({{"nodes A=silent", "loading: not read yet"},
          {"gone", "vacant: no keys"},
          {"after 3000s", "vacant: no keys"},
          {"nodes", "gone: scope is gone"}},
         Origin::discovered);
    play({a_leads,
          {"gone", "led A: kept for the grace period"},
          {"after 12s", "vacant: grace period is over"},
          {"after 288s", "gone: scope is gone"}},
         Origin::discovered);
    play({{"gone", "vacant: no keys"},
          {"contact lost", "vacant: no keys"},
          {"after 3000s", "vacant: no keys"},
          {"contact back", "gone: scope is gone"}},
         Origin::discovered);
    play({{"gone", "vacant: no keys"},
          {"after 200s", "vacant: no keys"},
          {"kv B=replica", "vacant: lock is free"},
          {"gone", "vacant: no keys"},
          {"after 200s", "vacant: no keys"},
          {"after 100s", "gone: scope is gone"}},
         Origin::discovered);
}

TEST_CASE("a configured scope without keys stays vacant: its name is never an ordinary one", "[leader]") {
    play({{"gone", "vacant: no keys"}, {"after 300s", "vacant: no keys"}, {"after 3000s", "vacant: no keys"}, a_leads});
    play({a_leads,
          {"gone", "led A: kept for the grace period"},
          {"after 12s", "vacant: grace period is over"},
          {"after 287s", "vacant: grace period is over"},
          {"after 1s", "vacant: no keys"},
          {"kv lock=B B=primary", "led B: confirmed"}});
}

TEST_CASE("without contact the last leader is kept", "[leader]") {
    play({a_leads,
          {"contact lost", "led A: kept without contact"},
          {"after 100000s", "led A: kept without contact"},
          {"contact back", "led A: confirmed"}});
    play({a_leads,
          {"contact lost 60", "led A: kept without contact"},
          {"after 59s", "led A: kept without contact"},
          {"after 1s", "vacant: stale for too long"},
          {"contact lost 60", "vacant: stale for too long"},
          {"kv-old lock=A A=primary", "vacant: stale for too long"},
          {"contact back", "led A: confirmed"}});
    // New facts end the loss of contact, even if they come before `contact back`.
    play({a_leads,
          {"contact lost 60", "led A: kept without contact"},
          {"after 60s", "vacant: stale for too long"},
          {"kv lock=A A=primary", "led A: kept without contact"},
          {"contact back", "led A: confirmed"},
          {"after 100s", "led A: confirmed"}});
    play({a_leads,
          {"contact lost 60", "led A: kept without contact"},
          {"after 60s", "vacant: stale for too long"},
          {"kv lock=B A=primary B=replica", "vacant: holder is not primary yet"},
          {"contact back", "vacant: holder is not primary yet"}});
    play({a_leads,
          {"contact lost 60", "led A: kept without contact"},
          {"contact back", "led A: confirmed"},
          {"after 61s", "led A: confirmed"}});
    // A scope without a leader has none after the loss of contact either; a grace period ends without contact.
    play({{"kv B=replica", "vacant: lock is free"}, {"contact lost", "vacant: lock is free"}});
    play({a_leads,
          {"kv B=replica", "led A: kept for the grace period"},
          {"contact lost", "led A: kept for the grace period"},
          {"after 12s", "vacant: grace period is over"}});
    // Facts of the catalog still count.
    play({a_leads, {"contact lost", "led A: kept without contact"}, {"nodes A=critical", "vacant: node failed"}});
}

// ---- late facts

TEST_CASE("a late reply does not bring an old leader back", "[leader]") {
    play({a_leads, {"kv lock=B A=replica B=primary", "led B: confirmed"}, {"kv-old lock=A A=primary", "led B: confirmed"}});
    play({a_leads, {"kv A=demoted/stopped", "vacant: demoted"}, {"kv-old lock=A A=primary", "vacant: demoted"}});
    play({a_leads, {"kv lock=B A=primary B=replica", "vacant: lock moved"}, {"kv-old A=primary", "vacant: lock moved"}});

    // If X-Consul-Index is absent or unchanged, the lock's ModifyIndex decides which reply is older.
    const auto primary = member_json("4.1.0", "A", "primary", "running"), replica = member_json("4.1.0", "A", "replica", "running");
    const Kv of_a = Kv().leader("A", "s-a", 50).member("A", primary);
    const Kv of_b = Kv().leader("B", "s-b", 60).member("A", replica).member("B", member_json("4.1.0", "B", "primary", "running"));
    for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{99}}) {
        INFO(index);
        LeaderFusion fusion(Stage::scope_rule());
        fusion.on_scope(of_b.facts(index), {});
        fusion.on_scope(of_a.facts(index), {});
        CHECK(shown(fusion.verdict()) == "led B: confirmed");
        fusion.on_scope(Kv().member("A", replica).facts(index), {});
        fusion.on_time({seconds{20}, 0});
        CHECK(shown(fusion.verdict()) == "vacant: grace period is over");
        fusion.on_scope(of_b.facts(index), {seconds{21}, 0});  // this lock was released since
        CHECK(shown(fusion.verdict()) == "vacant: grace period is over");
    }
}

TEST_CASE("after a reset a lower index is adopted", "[leader]") {
    play({a_leads, {"reset", "led A: confirmed"}, {"kv-old lock=B B=primary", "led B: confirmed"}});
    // A reply with a newer index is adopted although its lock is older: Consul was restored from a backup.
    const auto b = member_json("4.1.0", "B", "primary", "running");
    LeaderFusion fusion(Stage::scope_rule());
    fusion.on_scope(Kv().leader("A", "s-a", 90).member("A", member_json("4.1.0", "A", "primary", "running")).facts(90), {});
    fusion.on_scope(Kv().leader("B", "s-b", 50).member("B", b).facts(95), {});
    CHECK(shown(fusion.verdict()) == "led B: confirmed");
}

// ---- where the leader is

TEST_CASE("the rule's source determines the address", "[leader]") {
    struct Row {
        LeaderRule::Source source;
        std::uint16_t port;
        std::string host;
        unsigned expected_port;
    };
    const std::vector<Row> rows{
        {LeaderRule::Source::kv, 0, "10.0.0.1", 5432},      {LeaderRule::Source::kv, 7000, "10.0.0.1", 7000},
        {LeaderRule::Source::service, 0, "10.8.0.1", 6432}, {LeaderRule::Source::service, 7000, "10.8.0.1", 7000},
        {LeaderRule::Source::node, 0, "10.9.0.1", 6432},    {LeaderRule::Source::node, 7000, "10.9.0.1", 7000},
    };
    for (const auto& row : rows) {
        INFO(row.host << ":" << row.expected_port);
        LeaderRule rule = Stage::scope_rule();
        rule.source = row.source;
        rule.port = row.port;
        Stage stage("4.1.0", rule);
        stage.play("nodes A=ok");
        stage.play("kv lock=A A=primary");
        const LeaderEntry& entry = stage.fusion.verdict();
        CHECK(entry.host.text == row.host);
        CHECK(entry.port == row.expected_port);
        CHECK(entry.node_address.text == "10.9.0.1");
        CHECK(entry.timeline == 2u);
        CHECK(entry.lock_index == 110);
        CHECK(entry.members.size() == 1);
        // The registration ends while the lock is held: the last known address stays.
        stage.play("nodes");
        CHECK(stage.fusion.verdict().host.text == row.host);
        CHECK(stage.fusion.verdict().node_address.text == "10.9.0.1");
    }
}

TEST_CASE("queries are held for a leader without a known address", "[leader]") {
    LeaderRule rule = Stage::scope_rule();
    rule.source = LeaderRule::Source::service;
    Stage stage("4.1.0", rule);
    stage.play("kv lock=A A=primary");
    CHECK(shown(stage.fusion.verdict()) == "vacant: address is not known");
    // The record shows a primary: the sentence names what is missing.
    const std::string lacks =
        " holds the lock and its record shows primary/running, but its address is not known: no instance of the service "
        "pg belongs to it, or its record has no conn_url; see service= and address= of the leader line";
    CHECK(leader_why(stage.fusion.verdict()) == "queries are held: A" + lacks);
    stage.play("nodes A=ok");
    CHECK(shown(stage.fusion.verdict()) == "led A: confirmed");
    // A's address does not count for B.
    stage.play("kv lock=B B=primary");
    CHECK(shown(stage.fusion.verdict()) == "vacant: lock moved");
    CHECK(leader_why(stage.fusion.verdict()) == "queries are held: B" + lacks);
}

TEST_CASE("an instance without an address is answered with the address of its node", "[leader]") {
    LeaderRule rule = Stage::scope_rule();
    rule.source = LeaderRule::Source::service;
    LeaderFusion fusion(rule);
    MemberNode node;
    node.present = true;
    node.node_address = HostText("10.9.0.1");
    node.port = 5432;
    fusion.on_nodes({{"A", node}}, {});
    fusion.on_scope(Kv().leader("A", "s", 1).member("A", member_json("4.1.0", "A", "primary", "running")).facts(1), {});
    CHECK(fusion.verdict().host.text == "10.9.0.1");
}

TEST_CASE("a new address of the leader is a change, a new timeline is not", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const auto adopt_value = [&](const char* member, std::uint64_t index) {
        fusion.on_scope(Kv().leader("A", "s", 1).member("A", member).facts(index), {seconds{index}, static_cast<std::int64_t>(index)});
    };
    adopt_value(R"({"conn_url":"postgres://h1:1/","role":"primary","state":"running","timeline":1})", 1);
    const auto version = fusion.verdict().version;
    adopt_value(R"({"conn_url":"postgres://h1:1/","role":"primary","state":"running","timeline":2})", 2);
    CHECK(fusion.verdict().timeline == 2u);
    CHECK(fusion.verdict().version == version);
    adopt_value(R"({"conn_url":"postgres://h2:1/","role":"primary","state":"running","timeline":2})", 3);
    CHECK(fusion.verdict().version == version + 1);
    CHECK(fusion.verdict().since_unix == 3);
    // With an unreadable URL the last known address stays.
    adopt_value(R"({"conn_url":"nonsense","role":"primary","state":"running"})", 4);
    CHECK(fusion.verdict().host.text == "h2");
}

TEST_CASE("another leader at the same address is a change", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const char* same = R"({"conn_url":"postgres://pool:5432/","role":"primary","state":"running"})";
    fusion.on_scope(Kv().leader("A", "s-a", 1).member("A", same).member("B", same).facts(1), {seconds{1}, 1});
    fusion.on_scope(Kv().leader("B", "s-b", 2).member("A", same).member("B", same).facts(2), {seconds{2}, 2});
    CHECK(shown(fusion.verdict()) == "led B: confirmed");
    CHECK(fusion.verdict().version == 2);
    CHECK(fusion.verdict().since_unix == 2);
}

TEST_CASE("leader_why is one line with the cause of the answer", "[leader]") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
        {{}, "queries are held: the cluster's keys have not been read yet"},
        {{"kv lock=A A=primary"}, "10.0.0.1:5432 is answered: A holds the lock (index 110) and its record shows a running primary"},
        {{"kv lock=A A=primary", "kv lock=B A=primary B=promoted"},
         "queries are held: the lock moved from A to B, whose record shows promoted/running: not primary yet"},
        {{"kv lock=B B=replica"}, "queries are held: B holds the lock and its record shows replica/running: not primary yet"},
        {{"kv lock=B B=replica/creating_replica"},
         "queries are held: B holds the lock and its record shows replica/creating replica: not primary yet"},
        {{"kv lock=B B=replica", "probe B"},
         "10.0.0.2:5432 is answered: B holds the lock (index 110) and its REST API reports primary; its record still shows "
         "replica/running"},
        {{"kv lock=A A=primary", "kv lock=A A=primary/crashed"},
         "10.0.0.1:5432 is answered: A holds the lock and its record shows primary/crashed: Patroni restarts it and does not move the "
         "lock"},
        {{"kv lock=A A=primary", "kv B=replica"},
         "10.0.0.1:5432 is answered: A lost the lock, its node did not fail and no other member took the lock: kept for the grace period "
         "(loop_wait and two "
         "seconds)"},
        {{"kv lock=A A=primary", "kv A=primary/stopping"},
         "queries are held: the record of A shows primary/stopping: its PostgreSQL stops"},
        {{"kv lock=A A=primary", "nodes A=critical"}, "queries are held: the node of A failed (its serfHealth is critical)"},
        {{"kv standby"}, "no data is answered: a standby cluster has no primary"},
        {{"denied"}, "the tags in the catalog are followed: the token may not read the cluster's keys"},
        {{"gone"}, "queries are held: there is no key below service/pg/"},
        {{"kv B=replica"}, "queries are held: no member holds the lock"},
    };
    for (const auto& [steps, line] : rows) {
        Stage stage("4.1.0");
        for (const auto& step : steps) stage.play(step);
        CHECK(leader_why(stage.fusion.verdict()) == line);
    }
    Stage found("4.1.0", Stage::scope_rule(), Origin::discovered);
    found.play("gone");
    found.play("after 300s");
    CHECK(leader_why(found.fusion.verdict()) == "it is an ordinary name: the cluster's keys are gone and nothing is registered for it");
    LeaderEntry missing = Stage("4.1.0").fusion.verdict();
    missing.state = LeaderState::vacant;
    missing.reason = LeaderReason::no_keys;
    missing.hint = "scopes seen there: pglab";
    CHECK(leader_why(missing) == "queries are held: there is no key below service/pg/; scopes seen there: pglab");
    missing.lock = true;
    missing.keys = "jobs/.lock";
    missing.hint.clear();
    CHECK(leader_why(missing) == "queries are held: there is no key jobs/.lock");
}

TEST_CASE("the service name of a scope is the one that Patroni makes", "[leader]") {
    const std::vector<std::pair<std::string, std::string>> rows{{"pglab", "pglab"},
                                                                {"cluster_1", "cluster-1"},
                                                                {"My.Big Cluster", "my-big-cluster"},
                                                                {"a-b", "a-b"},
                                                                {"a/b", "au0047b"},
                                                                {"a:b", "au0058b"},
                                                                {"\xc3\xa9t\xc3\xa9", "u0233tu0233"},
                                                                {"\xe2\x82\xac", "u8364"},
                                                                {"\xf0\x9f\x90\x98", "u128024"},
                                                                {"", ""},
                                                                {std::string(300, 'x'), std::string(230, 'x')}};
    for (const auto& [scope, expected] : rows) {
        INFO(scope);
        CHECK(patroni_service_name(scope) == expected);
    }
    CHECK(patroni_service_name("\xff\xc3").size() < 20);
    LeaderRule rule;
    rule.scope = "cluster_1";
    CHECK(LeaderFusion(rule).verdict().service == "cluster-1");
    rule.service = "PG";
    CHECK(LeaderFusion(rule).verdict().service == "pg");
}

// ---- random histories

namespace {

/// Records the facts given to LeaderFusion and checks its entry against them.
class Judge {
public:
    void on_scope(const ScopeFacts& facts, Now now) {
        if (newest && facts.index < newest->index) return;
        const bool same_holding = newest && is_held(facts) && facts.leader_modify_index == newest->leader_modify_index;
        if (!facts.failover_requested || !same_holding) requested_since.reset();
        else if (!newest->failover_requested) requested_since = now;
        newest = facts;
        if (facts.leader.empty()) {
            if (!free_since) free_since = now;
        } else {
            free_since.reset();
            last_owner = facts.leader;
            const auto row = facts.members.find(facts.leader);
            if (row != facts.members.end() && (row->second.role == "primary" || row->second.role == "master") &&
                row->second.state == "running")
                confirmed_lock = facts.leader_modify_index;
        }
    }

    void check(const LeaderEntry& entry, Now now) const {
        if (!newest) return;
        const auto row = newest->members.find(newest->leader);
        const bool must_lead = row != newest->members.end() && (row->second.role == "primary" || row->second.role == "master") &&
                               row->second.state == "running" && !critical(newest->leader);
        if (requested_since && now < *requested_since + seconds{2}) {
            REQUIRE(entry.state != LeaderState::led);
            return;
        }
        if (must_lead) {  // the holder whose record shows primary and running is answered at once
            REQUIRE(entry.state == LeaderState::led);
            REQUIRE(entry.member == newest->leader);
        }
        if (entry.state != LeaderState::led) return;
        const std::string& named = entry.member;
        REQUIRE(entry.host.text == address_of(named));
        REQUIRE(named == last_owner);  // no deposed member, not even after a late reply
        REQUIRE(confirmed_lock != 0);
        REQUIRE_FALSE(critical(named));
        if (const auto record = newest->members.find(named); record != newest->members.end()) {
            REQUIRE(record->second.role != "demoted");
            REQUIRE(record->second.state.substr(0, 4) != "stop");
            REQUIRE(record->second.role != "promoted");
            REQUIRE_FALSE((record->second.role == "replica" && record->second.state == "running"));
        }
        if (free_since && !newest->pause && !paused_since_free) REQUIRE(now < *free_since + seconds{12});
    }

    bool critical(const std::string& name) const {
        const auto found = nodes.find(name);
        return found != nodes.end() && found->second.node_critical;
    }

    std::optional<ScopeFacts> newest;
    std::map<std::string, MemberNode> nodes;
    std::optional<Now> free_since, requested_since;
    bool paused_since_free = false;  ///< the grace period begins when the pause ends
    std::string last_owner;
    std::uint64_t confirmed_lock = 0;
};

}  // namespace

TEST_CASE("in random histories no deposed member is answered, and a running primary with the lock always is", "[leader][random]") {
    std::uint64_t led = 0, vacant = 0, late = 0, graces = 0;
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        INFO("seed " << seed);
        std::mt19937_64 random(seed);
        const std::vector<Truth> history = History(random).make(12);
        LeaderFusion fusion(Stage::scope_rule());
        Judge judge;
        Moment at{seconds{100}, 100};
        const auto look = [&] {
            judge.check(fusion.verdict(), at.now);
            led += fusion.verdict().state == LeaderState::led;
            vacant += fusion.verdict().state == LeaderState::vacant;
            graces += fusion.verdict().reason == LeaderReason::kept_grace;
        };
        const auto deliver = [&](const ScopeFacts& facts) {
            fusion.on_scope(facts, at);
            judge.on_scope(facts, at.now);
            judge.paused_since_free = judge.free_since && (judge.paused_since_free || judge.newest->pause);
            look();
        };
        const unsigned loss = static_cast<unsigned>(random() % 80);
        for (std::size_t i = 0; i < history.size(); ++i) {
            INFO("state " << i);
            at.now += milliseconds{static_cast<int>(random() % (random() % 10 ? 200 : 9000))};
            if (fusion.deadline() && *fusion.deadline() <= at.now) fusion.on_time(at);
            look();
            if (random() % 100 >= loss) {
                judge.nodes = history[i].nodes;
                fusion.on_nodes(history[i].nodes, at);
                look();
            }
            if (random() % 100 >= loss || i + 1 == history.size()) deliver(history[i].facts);
            if (random() % 4 == 0) deliver(history[i - std::min<std::size_t>(i, random() % 8)].facts), ++late;
            if (random() % 50 == 0)
                fusion.on_contact(random() % 2 == 0 ? ConsulContact::lost : ConsulContact::back, at, seconds{0}), look();
        }
        judge.nodes = history.back().nodes;
        fusion.on_nodes(judge.nodes, at);
        deliver(history.back().facts);
        REQUIRE(fusion.verdict().state == LeaderState::led);
        REQUIRE(fusion.verdict().member == history.back().facts.leader);
    }
    // Each case occurs often enough.
    CHECK(led > 10'000);
    CHECK(vacant > 10'000);
    CHECK(late > 10'000);
    CHECK(graces > 1'000);
}
