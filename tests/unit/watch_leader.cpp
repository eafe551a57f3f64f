// Who leads: each row of the decision table as a small play, told in words, with the JSON of three generations of Patroni; then random
// histories of a cluster, of which the fusion sees only some states, late, twice or never.
// The words are explained in tests/support/patroni_stage.hpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "conf/leader_name.hpp"
#include "tests/support/patroni_history.hpp"
#include "tests/support/patroni_stage.hpp"

using namespace lictor;
using namespace lictor::test;

namespace {

struct Step {
    std::string happens, said;
};

void play(const std::vector<Step>& steps) {
    for (const std::string version : {"2.1.1", "3.3.2", "4.1.0"}) {
        INFO("Patroni " << version);
        Stage stage(version);
        for (const auto& [happens, said] : steps) {
            INFO("after: " << happens);
            stage.play(happens);
            CHECK(told(stage.fusion.verdict()) == said);
        }
    }
}

const Step a_leads{"kv lock=A A=primary B=replica C=replica", "led A: confirmed"};

}  // namespace

// ---- who holds the lock

TEST_CASE("before the first read nothing is known", "[leader]") {
    play({{"nodes A=ok", "loading: not read yet"},
          {"contact lost 5", "loading: not read yet"},
          {"contact back", "loading: not read yet"},
          a_leads});
}

TEST_CASE("the holder of the lock leads if it says primary and running", "[leader]") {
    play({{"nodes A=ok B=ok", "loading: not read yet"}, a_leads});
    // The lock beats the catalog: a holder that is not registered, or whose own check fails, leads all the same.
    play({{"nodes B=ok", "loading: not read yet"},
          a_leads,
          {"nodes A=silent B=ok", "led A: confirmed"},
          {"nodes B=ok", "led A: confirmed"}});
}

TEST_CASE("a holder that is not primary yet is waited for", "[leader]") {
    for (const std::string role : {"replica", "promoted", "uninitialized", "primary/starting", "primary/crashed", "primary/restarting",
                                   "replica/starting", "replica/creating replica", "garbage"}) {
        INFO(role);
        if (role.find(' ') != std::string::npos) continue;
        play({{"kv lock=A A=" + role + " B=replica", "vacant: holder is not primary yet"},
              {"kv lock=A B=replica", "vacant: holder is not primary yet"},
              a_leads});
    }
    play({{"kv lock=A A=demoted/stopped", "vacant: demoted"}, {"kv lock=A A=primary/stopping", "vacant: stopping"}, a_leads});
}

TEST_CASE("a holder from before Patroni wrote roles leads by its lock alone", "[leader]") {
    play({{"kv lock=A A=oldest B=oldest", "led A: confirmed"}, {"kv lock=B A=oldest B=oldest", "led B: confirmed"}});
}

TEST_CASE("any other owner of the lock wins at once", "[leader]") {
    play({a_leads,
          {"kv lock=B A=primary B=replica", "vacant: lock moved"},
          {"kv lock=B A=primary B=promoted", "vacant: lock moved"},
          {"kv lock=B A=replica/starting B=primary", "led B: confirmed"}});
    // Blocking queries coalesce: the free lock may never be seen.
    play({a_leads, {"kv lock=B A=demoted/stopped B=primary", "led B: confirmed"}});
    // A gap of any kind, too.
    play({a_leads,
          {"kv B=replica", "led A: kept for a grace"},
          {"kv lock=B B=replica", "vacant: lock moved"},
          {"kv lock=B A=primary B=replica", "vacant: lock moved"}});
    // Also while Consul's contact is lost and comes back, and from pause.
    play({a_leads, {"contact lost", "led A: kept without contact"}, {"kv lock=B A=primary B=replica", "vacant: lock moved"}});
    play({a_leads, {"kv B=replica pause", "led A: kept in pause"}, {"kv lock=B B=replica pause", "vacant: lock moved"}});
    // A session holds the lock with nothing in it: nobody to name, but not A.
    play({a_leads, {"kv lock=C A=primary B=replica", "vacant: lock moved"}});
}

TEST_CASE("a lock held with an empty value deposes all the same", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const auto primary = member_json("4.1.0", "A", "primary", "running");
    fusion.on_scope(Kv().leader("A", "s-1", 10).member("A", primary).facts(10), {});
    REQUIRE(told(fusion.verdict()) == "led A: confirmed");
    fusion.on_scope(Kv().leader("", "s-2", 20).member("A", primary).facts(20), {});
    CHECK(told(fusion.verdict()) == "vacant: lock moved");
}

TEST_CASE("a switchover, as its keys appear", "[leader]") {
    play({{"nodes A=ok B=ok C=ok", "loading: not read yet"},
          a_leads,
          {"kv lock=A A=primary B=replica C=replica switchover", "vacant: switchover announced"},
          {"kv B=replica C=replica A=primary switchover", "vacant: released"},  // the key goes first
          {"kv B=replica C=replica A=demoted/stopped switchover", "vacant: demoted"},
          {"nodes B=ok C=ok", "vacant: demoted"},
          {"kv lock=B B=replica C=replica A=demoted/stopped", "vacant: holder is not primary yet"},
          {"kv lock=B B=promoted C=replica A=demoted/stopped", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary C=replica A=demoted/stopped", "led B: confirmed"},
          {"kv lock=B B=primary C=replica A=replica", "led B: confirmed"},
          {"nodes A=ok B=ok C=ok", "led B: confirmed"}});
}

// ---- withdraw

TEST_CASE("a holder that says demoted or stop… is withdrawn at once", "[leader]") {
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
    CHECK(told(stage.fusion.verdict()) == "vacant: stopping");
}

TEST_CASE("what was withdrawn must be confirmed anew", "[leader]") {
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

TEST_CASE("a node that failed is withdrawn whatever its keys say", "[leader]") {
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          {"nodes A=critical B=ok", "vacant: node failed"},
          {"kv B=replica", "vacant: node failed"},
          {"nodes B=ok", "vacant: node failed"},
          {"kv lock=B B=replica", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary", "led B: confirmed"}});
    // Gossip was wrong, the lock never moved.
    play({a_leads, {"nodes A=critical", "vacant: node failed"}, {"nodes A=ok", "led A: confirmed"}});
    play({a_leads,
          {"nodes A=critical", "vacant: node failed"},
          {"kv lock=A A=primary/starting", "vacant: node failed"},
          {"nodes A=ok", "led A: kept while restarting"}});
    // Somebody else's node is nobody's business.
    play({a_leads, {"nodes A=ok B=critical", "led A: confirmed"}});
}

// ---- keep

TEST_CASE("a confirmed holder is kept while Patroni brings it back", "[leader]") {
    for (const std::string state : {"starting", "restarting", "crashed"})
        play({a_leads,
              {"kv lock=A A=primary/" + state + " B=replica", "led A: kept while restarting"},
              {"after 250s", "led A: kept while restarting"},
              {"kv lock=A A=replica/starting B=replica", "led A: kept while restarting"},
              a_leads});
    // Not under a new lock, though, and not once the lock is gone.
    play({a_leads, {"kv lock=A! A=primary/starting", "vacant: holder is not primary yet"}});
    play({a_leads, {"kv lock=A A=primary/crashed", "led A: kept while restarting"}, {"kv A=primary/crashed", "vacant: lock is free"}});
    play({a_leads, {"kv lock=A A=primary/crashed", "led A: kept while restarting"}, {"kv B=replica", "vacant: lock is free"}});
}

TEST_CASE("a gap of the member's key says nothing while the lock is held", "[leader]") {
    play({a_leads,
          {"kv lock=A B=replica", "led A: confirmed"},
          {"kv lock=A A=garbage B=replica", "led A: confirmed"},
          {"after 100s", "led A: confirmed"},
          a_leads});
}

TEST_CASE("lock and key gone together: kept for loop_wait and two seconds while the node lives or left", "[leader]") {
    const Step gone{"kv B=replica C=replica", "led A: kept for a grace"};
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"after 11s", "led A: kept for a grace"},
          {"after 1s", "vacant: grace is over"},
          {"kv A=primary B=replica", "vacant: grace is over"}});
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          {"nodes B=ok", "led A: confirmed"},
          gone,
          {"after 12s", "vacant: grace is over"}});
    play({a_leads, gone, {"after 12s", "vacant: grace is over"}});  // nothing is registered at all
    // The agent's restart, well ended: its checks begin as critical, Patroni takes the lock again, its key comes last.
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"nodes B=ok", "led A: kept for a grace"},
          {"nodes A=silent B=ok", "led A: kept for a grace"},
          {"after 5s", "led A: kept for a grace"},
          {"kv lock=A B=replica", "led A: kept for a grace"},
          {"kv lock=A A=primary B=replica", "led A: confirmed"},
          {"after 60s", "led A: confirmed"}});
    // The same, seen as one change.
    play({a_leads, {"kv lock=A! B=replica", "led A: kept for a grace"}, {"after 12s", "vacant: grace is over"}, a_leads});
    // The node fails during the grace.
    play({{"nodes A=ok B=ok", "loading: not read yet"},
          a_leads,
          gone,
          {"nodes A=critical", "vacant: node failed"},
          {"nodes A=ok", "vacant: node failed"}});
    // Patroni had been silent before its session ended: it died.
    play({{"nodes A=silent B=ok", "loading: not read yet"}, a_leads, {"kv B=replica", "vacant: lock is free"}});
    // Another loop_wait; and one that is no reason to trust a free lock for an hour.
    play({{"kv lock=A A=primary loop_wait=20", "led A: confirmed"},
          {"kv loop_wait=20", "led A: kept for a grace"},
          {"after 21s", "led A: kept for a grace"},
          {"after 1s", "vacant: grace is over"}});
    play({{"kv lock=A A=primary loop_wait=3600", "led A: confirmed"},
          {"kv loop_wait=3600", "led A: kept for a grace"},
          {"after 300s", "vacant: grace is over"}});
    // The next gap has a grace of its own.
    play({a_leads,
          gone,
          {"after 11s", "led A: kept for a grace"},
          a_leads,
          {"after 60s", "led A: confirmed"},
          gone,
          {"after 11s", "led A: kept for a grace"},
          {"after 1s", "vacant: grace is over"}});
    // A grace is one grace, however often the same is told.
    play({a_leads,
          gone,
          {"after 6s", "led A: kept for a grace"},
          gone,
          {"kv-again B=replica", "led A: kept for a grace"},
          {"after 6s", "vacant: grace is over"}});
}

TEST_CASE("a switchover that is asked for: its leader is about to stop, and is withdrawn for two seconds at most", "[leader]") {
    const Step asked{"kv lock=A A=primary B=replica switchover", "vacant: switchover announced"};
    // Refused, or taken back.
    play({a_leads, asked, {"after 1s", "vacant: switchover announced"}, a_leads, {"after 60s", "led A: confirmed"}});
    // A checkpoint that takes long; the lock goes later.
    play({a_leads,
          asked,
          {"kv lock=A A=primary B=replica C=replica switchover", "vacant: switchover announced"},
          {"after 2s", "led A: confirmed"},
          {"kv lock=A A=primary B=replica switchover", "led A: confirmed"},
          {"kv A=primary B=replica switchover", "vacant: released"},
          {"after 60s", "vacant: released"},
          {"kv lock=B A=primary B=replica switchover", "vacant: lock moved"},
          {"kv lock=B A=primary B=primary switchover", "led B: confirmed"},  // the winner has not emptied it yet
          {"kv lock=B A=replica B=primary", "led B: confirmed"}});
    // Asked again.
    play({a_leads, asked, a_leads, asked, {"after 2s", "led A: confirmed"}, a_leads, asked});
    // One that stood there before this reign announces nothing.
    play({{"kv lock=A A=primary switchover", "led A: confirmed"},
          {"kv lock=B A=replica B=primary switchover", "led B: confirmed"},
          {"kv-again lock=B A=replica B=primary switchover", "led B: confirmed"}});
    // Nobody took the lock, and the old one has it again.
    play({a_leads, asked, {"kv A=demoted/stopped switchover", "vacant: demoted"}, {"kv lock=A! A=primary", "led A: confirmed"}});
    // Its session ended meanwhile; its node failed; Consul went away.
    play({a_leads, asked, {"kv B=replica switchover", "vacant: lock is free"}, {"after 60s", "vacant: lock is free"}});
    play({{"nodes A=ok", "loading: not read yet"}, a_leads, asked, {"nodes A=critical", "vacant: node failed"}});
    play({a_leads, asked, {"contact lost", "vacant: switchover announced"}, {"after 2s", "led A: kept without contact"}});
}

TEST_CASE("who lets go of the lock is withdrawn at once, and kept if it goes on as primary", "[leader]") {
    const Step released{"kv A=primary B=replica", "vacant: released"};
    play({a_leads, released, {"kv A=primary/stopped B=replica", "vacant: stopping"}, {"after 60s", "vacant: stopping"}});
    play({a_leads, released, {"kv A=demoted/stopped B=replica", "vacant: demoted"}, {"kv lock=B B=primary", "led B: confirmed"}});
    play({a_leads, released, {"kv lock=B A=primary B=replica", "vacant: lock moved"}, {"kv lock=B B=primary", "led B: confirmed"}});
    // The key was deleted by hand, and Patroni will put it again.
    play({a_leads,
          released,
          {"same", "vacant: released"},
          {"after 1s", "led A: kept for a grace"},
          {"kv A=primary B=replica C=replica", "led A: kept for a grace"},
          {"after 10s", "led A: kept for a grace"},
          {"after 1s", "vacant: grace is over"},
          {"kv lock=A! A=primary B=replica", "led A: confirmed"}});
    play({a_leads, released, {"after 1s", "led A: kept for a grace"}, {"kv lock=A! A=primary B=replica", "led A: confirmed"}, {"after 60s", "led A: confirmed"}});
    play({a_leads, {"kv A=primary released=A", "vacant: released"}, {"after 1s", "led A: kept for a grace"}});
    play({a_leads, released, {"kv B=replica", "vacant: lock is free"}});  // and died
    // In its next gap it is withdrawn anew.
    play({a_leads, released, {"after 1s", "led A: kept for a grace"}, {"kv lock=A! A=primary", "led A: confirmed"}, released, {"after 1s", "led A: kept for a grace"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"},
          {"kv A=primary pause", "vacant: released"},
          {"after 1s", "led A: kept in pause"},
          {"after 3000s", "led A: kept in pause"}});
    play({{"kv lock=A A=primary pause", "led A: confirmed"}, {"kv A=primary pause", "vacant: released"}, {"kv A=primary/stopped pause", "vacant: stopping"}});
}

TEST_CASE("the lock gone and the record on a new session: kept for the grace while the member says primary and running", "[leader]") {
    const Step anew{"kv A!=primary B=replica", "led A: kept for a grace"};
    play({a_leads, anew, {"after 11s", "led A: kept for a grace"}, {"after 1s", "vacant: grace is over"}});
    play({a_leads, anew, {"kv A=primary/starting B=replica", "vacant: lock is free"}});
    play({a_leads, anew, {"kv A=replica B=replica", "vacant: lock is free"}});
    play({a_leads, anew, {"kv lock=A! A=primary B=replica", "led A: confirmed"}, {"after 60s", "led A: confirmed"}});
}

TEST_CASE("who was overtaken while nobody looked is not kept", "[leader]") {
    play({a_leads, {"kv B=replica@3 C=replica", "vacant: overtaken"}, {"kv B=replica@3", "vacant: overtaken"}, {"kv lock=B B=primary@3", "led B: confirmed"}});
    play({a_leads, {"kv B=replica", "led A: kept for a grace"}, {"kv B=replica@3", "vacant: overtaken"}});
    play({a_leads, {"kv B=replica@3 pause", "vacant: overtaken"}});
    // A timeline of its own says nothing, one of before neither.
    play({a_leads, {"kv A!=primary@3 B=replica@3", "led A: kept for a grace"}});
    play({{"kv lock=A A=primary@5 B=replica@4", "led A: confirmed"}, {"kv B=replica@4 C=replica@5", "led A: kept for a grace"}});
}

TEST_CASE("in pause the last leader is kept while it lives", "[leader]") {
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
          {"kv B=replica", "led A: kept for a grace"},
          {"after 12s", "vacant: grace is over"}});
    play({{"kv pause B=replica", "vacant: lock is free"}});
}

// ---- the holder's REST API

TEST_CASE("a holder whose REST API says primary leads before its record says so", "[leader]") {
    for (const std::string role : {"replica", "promoted"})
        play({a_leads,
              {"kv lock=B A=demoted/stopped B=" + role, "vacant: lock moved"},
              {"probe B", "led B: confirmed by probe"},
              {"kv lock=B A=demoted/stopped B=replica", "led B: confirmed by probe"},
              {"kv lock=B A=demoted/stopped B=promoted", "led B: confirmed by probe"},
              {"kv lock=B A=replica", "led B: confirmed"},  // its key is put anew
              {"kv lock=B A=replica B=primary", "led B: confirmed"},
              {"kv lock=B A=replica B=replica", "vacant: holder is not primary yet"}});
}

TEST_CASE("a probe counts under the lock that it was sent under, and for its holder alone", "[leader]") {
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
    // Before anything was read, and for who does not hold the lock.
    play({{"probe A", "loading: not read yet"}, {"kv lock=A A=replica B=replica", "vacant: holder is not primary yet"}, {"probe B", "vacant: holder is not primary yet"}});
    // A new lock needs a new proof.
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv lock=A! A=replica", "vacant: holder is not primary yet"}});
}

TEST_CASE("a probe never outweighs what the keys or the node say against the holder", "[leader]") {
    for (const auto& [said, reason] : std::vector<std::pair<std::string, std::string>>{
             {"demoted/stopped", "vacant: demoted"}, {"primary/stopping", "vacant: stopping"}, {"replica/stopped", "vacant: stopping"},
             {"standby_leader", "standby: standby cluster"}, {"replica/starting", "vacant: holder is not primary yet"},
             {"uninitialized/starting", "vacant: holder is not primary yet"}})
        play({a_leads, {"kv lock=B B=" + said, reason == "vacant: holder is not primary yet" ? "vacant: lock moved" : reason},
              {"probe B", reason == "vacant: holder is not primary yet" ? "vacant: lock moved" : reason}});
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"nodes A=critical", "vacant: node failed"},
          {"probe A", "vacant: node failed"}});
    // Confirmed by a probe is confirmed: kept while Patroni brings it back; but what was said before a crash is void after it.
    play({{"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv lock=A A=primary/crashed", "led A: kept while restarting"},
          {"kv lock=A A=replica/starting", "led A: kept while restarting"},
          {"kv lock=A A=replica", "vacant: holder is not primary yet"},
          {"probe A", "led A: confirmed by probe"},
          {"kv A=demoted/stopped", "vacant: demoted"}});
}

TEST_CASE("who is to be asked: the holder alone, while it may be promoted and has an address to ask", "[leader]") {
    const auto asked = [](const std::vector<std::string>& steps) {
        Stage stage("3.3.2");
        for (const auto& step : steps) stage.play(step);
        const auto target = stage.fusion.unproven();
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

// ---- standby, denied, gone, away

TEST_CASE("a standby cluster has no primary", "[leader]") {
    play({{"kv lock=A A=standby_leader B=replica standby", "standby: standby cluster"},
          {"kv lock=A A=standby_leader/starting standby", "standby: standby cluster"},
          {"kv B=replica standby", "standby: standby cluster"},
          {"kv lock=B B=replica standby", "standby: standby cluster"},
          // It is promoted: the lock stays, configuration and role change.
          {"kv lock=B B=standby_leader", "standby: standby cluster"},
          {"kv lock=B B=promoted", "vacant: holder is not primary yet"},
          {"kv lock=B B=primary", "led B: confirmed"}});
    play({{"kv lock=A A=standby_leader", "standby: standby cluster"}});
    // A cluster that is told to become one is still writable until its leader says otherwise.
    play({a_leads,
          {"kv lock=A A=primary standby", "led A: confirmed"},
          {"kv lock=A A=standby_leader standby", "standby: standby cluster"},
          {"kv lock=A A=standby_leader/starting standby", "standby: standby cluster"},
          {"kv lock=A standby", "standby: standby cluster"}});
}

TEST_CASE("keys that are denied are said to be unreadable", "[leader]") {
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

TEST_CASE("a scope that is gone and has no instances is forgotten after minutes", "[leader]") {
    play({{"gone", "vacant: lock is free"},
          {"after 299s", "vacant: lock is free"},
          {"after 1s", "gone: scope is gone"},
          {"nodes A=ok", "vacant: lock is free"},
          {"nodes", "gone: scope is gone"},
          a_leads});
    play({{"nodes A=silent", "loading: not read yet"},
          {"gone", "vacant: lock is free"},
          {"after 3000s", "vacant: lock is free"},
          {"nodes", "gone: scope is gone"}});
    play({a_leads, {"gone", "led A: kept for a grace"}, {"after 12s", "vacant: grace is over"}, {"after 288s", "gone: scope is gone"}});
    play({{"gone", "vacant: lock is free"},
          {"contact lost", "vacant: lock is free"},
          {"after 3000s", "vacant: lock is free"},
          {"contact back", "gone: scope is gone"}});
    play({{"gone", "vacant: lock is free"},
          {"after 200s", "vacant: lock is free"},
          {"kv B=replica", "vacant: lock is free"},
          {"gone", "vacant: lock is free"},
          {"after 200s", "vacant: lock is free"},
          {"after 100s", "gone: scope is gone"}});
}

TEST_CASE("while Consul is away the last leader is kept", "[leader]") {
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
    // Facts are contact, in whichever order both are told.
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
    // Nobody is made a leader by an outage, and a grace ends in one.
    play({{"kv B=replica", "vacant: lock is free"}, {"contact lost", "vacant: lock is free"}});
    play({a_leads,
          {"kv B=replica", "led A: kept for a grace"},
          {"contact lost", "led A: kept for a grace"},
          {"after 12s", "vacant: grace is over"}});
    // What the catalog still says counts.
    play({a_leads, {"contact lost", "led A: kept without contact"}, {"nodes A=critical", "vacant: node failed"}});
}

// ---- late facts

TEST_CASE("an old leader never comes back through a late reply", "[leader]") {
    play({a_leads, {"kv lock=B A=replica B=primary", "led B: confirmed"}, {"kv-old lock=A A=primary", "led B: confirmed"}});
    play({a_leads, {"kv A=demoted/stopped", "vacant: demoted"}, {"kv-old lock=A A=primary", "vacant: demoted"}});
    play({a_leads, {"kv lock=B A=primary B=replica", "vacant: lock moved"}, {"kv-old A=primary", "vacant: lock moved"}});

    // Where the index tells nothing the lock's own does.
    const auto primary = member_json("4.1.0", "A", "primary", "running"), replica = member_json("4.1.0", "A", "replica", "running");
    const Kv of_a = Kv().leader("A", "s-a", 50).member("A", primary);
    const Kv of_b = Kv().leader("B", "s-b", 60).member("A", replica).member("B", member_json("4.1.0", "B", "primary", "running"));
    for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{99}}) {
        INFO(index);
        LeaderFusion fusion(Stage::scope_rule());
        fusion.on_scope(of_b.facts(index), {});
        fusion.on_scope(of_a.facts(index), {});
        CHECK(told(fusion.verdict()) == "led B: confirmed");
        fusion.on_scope(Kv().member("A", replica).facts(index), {});
        fusion.on_time({seconds{20}, 0});
        CHECK(told(fusion.verdict()) == "vacant: grace is over");
        fusion.on_scope(of_b.facts(index), {seconds{21}, 0});  // this very lock was seen free
        CHECK(told(fusion.verdict()) == "vacant: grace is over");
    }
}

TEST_CASE("after a declared reset a lower index is the truth", "[leader]") {
    play({a_leads, {"reset", "led A: confirmed"}, {"kv-old lock=B B=primary", "led B: confirmed"}});
    // A newer index is the order of truth by itself: Consul was restored from a backup that holds an older lock.
    const auto b = member_json("4.1.0", "B", "primary", "running");
    LeaderFusion fusion(Stage::scope_rule());
    fusion.on_scope(Kv().leader("A", "s-a", 90).member("A", member_json("4.1.0", "A", "primary", "running")).facts(90), {});
    fusion.on_scope(Kv().leader("B", "s-b", 50).member("B", b).facts(95), {});
    CHECK(told(fusion.verdict()) == "led B: confirmed");
}

// ---- where the leader is

TEST_CASE("the address comes from where the rule says", "[leader]") {
    struct Row {
        LeaderRule::Source source;
        std::uint16_t port;
        std::string host;
        unsigned want_port;
    };
    const std::vector<Row> rows{
        {LeaderRule::Source::kv, 0, "10.0.0.1", 5432},      {LeaderRule::Source::kv, 7000, "10.0.0.1", 7000},
        {LeaderRule::Source::service, 0, "10.8.0.1", 6432}, {LeaderRule::Source::service, 7000, "10.8.0.1", 7000},
        {LeaderRule::Source::node, 0, "10.9.0.1", 6432},    {LeaderRule::Source::node, 7000, "10.9.0.1", 7000},
    };
    for (const auto& row : rows) {
        INFO(row.host << ":" << row.want_port);
        LeaderRule rule = Stage::scope_rule();
        rule.source = row.source;
        rule.port = row.port;
        Stage stage("4.1.0", rule);
        stage.play("nodes A=ok");
        stage.play("kv lock=A A=primary");
        const LeaderEntry& entry = stage.fusion.verdict();
        CHECK(entry.host.text == row.host);
        CHECK(entry.port == row.want_port);
        CHECK(entry.node_address.text == "10.9.0.1");
        CHECK(entry.timeline == 2u);
        CHECK(entry.lock_index == 110);
        CHECK(entry.members.size() == 1);
        // The registration goes while the lock is held: the address stays as last told.
        stage.play("nodes");
        CHECK(stage.fusion.verdict().host.text == row.host);
        CHECK(stage.fusion.verdict().node_address.text == "10.9.0.1");
    }
}

TEST_CASE("a leader without a known address is waited for", "[leader]") {
    LeaderRule rule = Stage::scope_rule();
    rule.source = LeaderRule::Source::service;
    Stage stage("4.1.0", rule);
    stage.play("kv lock=A A=primary");
    CHECK(told(stage.fusion.verdict()) == "vacant: holder is not primary yet");
    stage.play("nodes A=ok");
    CHECK(told(stage.fusion.verdict()) == "led A: confirmed");
    // B's address is not A's.
    stage.play("kv lock=B B=primary");
    CHECK(told(stage.fusion.verdict()) == "vacant: lock moved");
}

TEST_CASE("an instance without an address of its own stands on its node", "[leader]") {
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

TEST_CASE("a leader that moves house is a change, its timeline is none", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const auto told_of = [&](const char* member, std::uint64_t index) {
        fusion.on_scope(Kv().leader("A", "s", 1).member("A", member).facts(index), {seconds{index}, static_cast<std::int64_t>(index)});
    };
    told_of(R"({"conn_url":"postgres://h1:1/","role":"primary","state":"running","timeline":1})", 1);
    const auto version = fusion.verdict().version;
    told_of(R"({"conn_url":"postgres://h1:1/","role":"primary","state":"running","timeline":2})", 2);
    CHECK(fusion.verdict().timeline == 2u);
    CHECK(fusion.verdict().version == version);
    told_of(R"({"conn_url":"postgres://h2:1/","role":"primary","state":"running","timeline":2})", 3);
    CHECK(fusion.verdict().version == version + 1);
    CHECK(fusion.verdict().since_unix == 3);
    // A value that cannot be read as a URL leaves the address as last told.
    told_of(R"({"conn_url":"nonsense","role":"primary","state":"running"})", 4);
    CHECK(fusion.verdict().host.text == "h2");
}

TEST_CASE("another leader at the same address is a change", "[leader]") {
    LeaderFusion fusion(Stage::scope_rule());
    const char* same = R"({"conn_url":"postgres://pool:5432/","role":"primary","state":"running"})";
    fusion.on_scope(Kv().leader("A", "s-a", 1).member("A", same).member("B", same).facts(1), {seconds{1}, 1});
    fusion.on_scope(Kv().leader("B", "s-b", 2).member("A", same).member("B", same).facts(2), {seconds{2}, 2});
    CHECK(told(fusion.verdict()) == "led B: confirmed");
    CHECK(fusion.verdict().version == 2);
    CHECK(fusion.verdict().since_unix == 2);
}

TEST_CASE("a plain lock is nobody's yet", "[leader]") {
    LeaderRule rule;
    rule.scope = "Jobs";
    rule.key = "locks/jobs";
    Stage stage("4.1.0", rule);
    CHECK(told(stage.fusion.verdict()) == "vacant: not read yet");
    CHECK(stage.fusion.verdict().service == "jobs");
    stage.play("kv lock=A A=primary");
    CHECK(told(stage.fusion.verdict()) == "vacant: lock is free");
    stage.play("denied");
    stage.play("contact lost 5");
    stage.play("after 3600s");
    CHECK(stage.fusion.verdict().state == LeaderState::vacant);
}

TEST_CASE("why the answer is what it is stands in one line", "[leader]") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
        {{}, "questions are held: the cluster's keys have not been read yet"},
        {{"kv lock=A A=primary"}, "10.0.0.1:5432 is answered: A holds the lock (index 110) and said under it that it is primary and running"},
        {{"kv lock=A A=primary", "kv lock=B A=primary B=promoted"},
         "questions are held: the lock moved from A to B, which says promoted/running: not primary yet"},
        {{"kv lock=B B=replica"}, "questions are held: B holds the lock and says replica/running: not primary yet"},
        {{"kv lock=B B=replica", "probe B"},
         "10.0.0.2:5432 is answered: B holds the lock (index 110) and its REST API said that it is primary; its record still says replica/running"},
        {{"kv lock=A A=primary", "kv lock=A A=primary/crashed"},
         "10.0.0.1:5432 is answered: A holds the lock and says primary/crashed: Patroni brings it back and gives the lock to nobody else"},
        {{"kv lock=A A=primary", "kv B=replica"},
         "10.0.0.1:5432 is answered: the lock left A while its node lives and nobody else took it: kept for loop_wait and two seconds"},
        {{"kv lock=A A=primary", "kv A=primary/stopping"}, "questions are held: A says primary/stopping: its PostgreSQL stops"},
        {{"kv lock=A A=primary", "nodes A=critical"}, "questions are held: the node of A failed (its serfHealth is critical)"},
        {{"kv standby"}, "no data is answered: a standby cluster has no primary"},
        {{"denied"}, "the tags in the catalog are followed: the token may not read the cluster's keys"},
        {{"gone", "after 300s"}, "it is an ordinary name: the cluster's keys are gone and nothing is registered for it"},
        {{"kv B=replica"}, "questions are held: nobody holds the lock"},
    };
    for (const auto& [steps, line] : rows) {
        Stage stage("4.1.0");
        for (const auto& step : steps) stage.play(step);
        CHECK(leader_why(stage.fusion.verdict()) == line);
    }
}

TEST_CASE("Patroni's name for the service of a scope", "[leader]") {
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
    for (const auto& [scope, want] : rows) {
        INFO(scope);
        CHECK(patroni_service_name(scope) == want);
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

/// Keeps beside the fusion what it was told, and says what must never be.
class Judge {
public:
    void on_scope(const ScopeFacts& facts, Now now) {
        if (newest && facts.index < newest->index) return;
        const bool same_reign = newest && is_held(facts) && facts.leader_modify_index == newest->leader_modify_index;
        if (!facts.failover_requested || !same_reign) asked_since.reset();
        else if (!newest->failover_requested) asked_since = now;
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
        const bool lawful = row != newest->members.end() && (row->second.role == "primary" || row->second.role == "master") &&
                            row->second.state == "running" && !critical(newest->leader);
        if (asked_since && now < *asked_since + seconds{2}) {
            REQUIRE(entry.state != LeaderState::led);
            return;
        }
        if (lawful) {  // whoever the lock names and says primary and running is answered, at once
            REQUIRE(entry.state == LeaderState::led);
            REQUIRE(entry.member == newest->leader);
        }
        if (entry.state != LeaderState::led) return;
        const std::string& named = entry.member;
        REQUIRE(entry.host.text == address_of(named));
        REQUIRE(named == last_owner);  // nobody deposed, not even through a late reply
        REQUIRE(confirmed_lock != 0);
        REQUIRE_FALSE(critical(named));
        if (const auto said = newest->members.find(named); said != newest->members.end()) {
            REQUIRE(said->second.role != "demoted");
            REQUIRE(said->second.state.substr(0, 4) != "stop");
            REQUIRE(said->second.role != "promoted");
            REQUIRE_FALSE((said->second.role == "replica" && said->second.state == "running"));
        }
        if (free_since && !newest->pause && !paused_since_free) REQUIRE(now < *free_since + seconds{12});
    }

    bool critical(const std::string& name) const {
        const auto found = nodes.find(name);
        return found != nodes.end() && found->second.node_critical;
    }

    std::optional<ScopeFacts> newest;
    std::map<std::string, MemberNode> nodes;
    std::optional<Now> free_since, asked_since;
    bool paused_since_free = false;  ///< pause stretches the grace: it begins when the pause ends
    std::string last_owner;
    std::uint64_t confirmed_lock = 0;
};

}  // namespace

TEST_CASE("in random histories nobody deposed is ever answered and the lawful leader always is", "[leader][random]") {
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
        const auto tell = [&](const ScopeFacts& facts) {
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
            if (random() % 100 >= loss || i + 1 == history.size()) tell(history[i].facts);
            if (random() % 4 == 0) tell(history[i - std::min<std::size_t>(i, random() % 8)].facts), ++late;
            if (random() % 50 == 0) fusion.on_contact(random() % 2 == 0, at, seconds{0}), look();
        }
        judge.nodes = history.back().nodes;
        fusion.on_nodes(judge.nodes, at);
        tell(history.back().facts);
        REQUIRE(fusion.verdict().state == LeaderState::led);
        REQUIRE(fusion.verdict().member == history.back().facts.leader);
    }
    // The histories reach what they are meant to reach.
    CHECK(led > 10'000);
    CHECK(vacant > 10'000);
    CHECK(late > 10'000);
    CHECK(graces > 1'000);
}
