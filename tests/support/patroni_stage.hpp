// Steps of a Patroni cluster as text, for the real LeaderFusion, with the JSON of three generations of Patroni. A word that is not in this
// list fails the test. The steps:
//   kv lock=A A=primary B=replica pause standby switchover loop_wait=20 released=A
//   kv-again …   with the same index; kv-old … with an older one
//   nodes A=ok B=critical C=silent A=ok* (tagged primary)
//   after 12s · after 20ms · gone · denied · contact lost [60] · contact back · reset · same
//   aim · probe A (the REST API of A reported primary, asked at the last `aim`, or now)
// `lock=A` keeps the lock of the step before if A had it, `lock=A!` is a new lock of A. A member is `role[/state][@timeline]`, with `_` for
// a blank; its record has the session of its last lock, with `A!=primary` a new one. `nodes` lists the members in the catalog (`silent`:
// Patroni's own check is critical).
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <initializer_list>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "tests/unit/patroni_kv.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::test {

/// 10.0.0.1 for A, and so on. By the first letter.
inline std::string address_of(const std::string& member) { return "10.0.0." + std::to_string(member.front() - 'A' + 1); }

/// The value of members/<name> as this version of Patroni writes it. `role` `oldest`: the form before JSON; `garbage`: not JSON. Before
/// version 4 a primary is `master`.
inline std::string member_json(const std::string& version, const std::string& name, std::string role, const std::string& state,
                               const std::string& timeline = "2") {
    const std::string host = address_of(name);
    if (role == "oldest") return "postgres://r:p@" + host + ":5432/postgres?application_name=http://" + host + ":8008/patroni";
    if (role == "garbage") return "{";
    if (role == "primary" && version < "4") role = "master";
    std::string out = R"({"conn_url":"postgres://)" + host + R"(:5432/postgres","api_url":"http://)" + host +
                      R"(:8008/patroni","state":")" + state + R"(","role":")" + role + R"(","version":")" + version + "\"";
    if (state == "running") out += R"(,"xlog_location":67109104,"timeline":)" + timeline;
    if (state == "running" && role == "replica" && version >= "3") out += R"(,"replication_state":"streaming")";
    return out + "}";
}

/// `STATE [MEMBER]: REASON`, the member only if it leads.
inline std::string shown(const catalog::LeaderEntry& entry) {
    std::string out = leader::word(entry.state);
    if (entry.state == catalog::LeaderState::led) out += " " + entry.member;
    return out + ": " + leader::word(entry.reason);
}

/// Begins at 1000 s of the monotonic clock, with nothing read.
class Stage {
public:
    explicit Stage(std::string version, conf::LeaderRule rule = scope_rule(), leader::Origin origin = leader::Origin::configured)
        : fusion(std::move(rule), origin), version_(std::move(version)) {}

    /// The rule for the scope `pg`, with defaults.
    static conf::LeaderRule scope_rule() {
        conf::LeaderRule rule;
        rule.scope = "pg";
        return rule;
    }

    /// Plays one step, then checks what holds after every step (check_promises).
    void play(const std::string& step) {
        std::istringstream words(step);
        std::string verb;
        words >> verb;
        const catalog::LeaderEntry before = fusion.verdict();
        if (verb == "kv") kv(words, index_ += 10);
        else if (verb == "kv-again") kv(words, index_);
        else if (verb == "kv-old") kv(words, index_ - 5);
        else if (verb == "nodes") nodes(words);
        else if (verb == "after") pass(words);
        else if (verb == "gone") fusion.on_scope(absent(), at);
        else if (verb == "same") fusion.on_same(at);
        else if (verb == "denied") fusion.on_scope(denied(), at);
        else if (verb == "reset") fusion.on_index_reset();
        else if (verb == "contact") contact(words);
        else if (verb == "aim") aimed_ = fusion.unconfirmed_holder();
        else if (verb == "probe") probe(words);
        else FAIL("no such step: " << verb);
        if (std::string rest; words >> rest) FAIL("unknown word after the step: " << rest);
        check_invariants(before);
    }

    leader::LeaderFusion fusion;
    Moment at{seconds{1000}, 1'700'000'000};

private:
    struct Word {
        std::string name, value;
    };
    static Word word_of(const std::string& text) {
        const auto equals = text.find('=');
        return {text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
    }
    static bool takes(std::string& text, char ending) {
        if (!text.ends_with(ending)) return false;
        text.pop_back();
        return true;
    }
    static void expect_member(const std::string& name, const std::string& word) {
        if (name.size() != 1 || name.front() < 'A' || name.front() > 'F') FAIL("not the name of a member, A to F: " << word);
    }
    static std::string one_of(const std::string& word, std::initializer_list<const char*> known, const char* what) {
        if (std::find(known.begin(), known.end(), word) == known.end()) FAIL("unknown " << what << ": " << word);
        return word;
    }

    void kv(std::istringstream& words, std::uint64_t index) {
        Kv keys;
        std::string config = R"("ttl":30)", loop_wait = "10";
        bool locked = false;
        for (std::string text; words >> text;) {
            auto [name, value] = word_of(text);
            if (text == "pause") config += R"(,"pause":true)";
            else if (text == "standby") config += R"(,"standby_cluster":{"host":"far"})";
            else if (text == "switchover") keys.key("failover", R"({"leader":"A","member":"B"})");
            else if (name == "loop_wait") loop_wait = value;
            else if (name == "released") {  // the key stays, its session has ended
                expect_member(value, text);
                keys.leader(value, "", index);
            } else if (name == "lock") {
                locked = true;
                if (takes(value, '!')) owner_.clear();
                expect_member(value, text);
                if (value != owner_) lock_index_ = index;
                owner_ = value;
                session_[value] = "session-" + value + std::to_string(lock_index_);
                keys.leader(value, session_[value], lock_index_);
            } else {
                if (takes(name, '!')) session_[name] = "session-" + name + std::to_string(index);
                expect_member(name, text);
                keys.member(name, member_of(name, value), session_[name]);
            }
        }
        if (!locked) owner_.clear();
        keys.key("config", "{" + config + R"(,"loop_wait":)" + loop_wait + "}").key("history", "[]");
        fusion.on_scope(keys.facts(index), at);
    }

    std::string member_of(const std::string& name, std::string value) const {
        const auto sign = value.find('@');
        const std::string timeline = sign == std::string::npos ? "2" : value.substr(sign + 1);
        value.resize(std::min(value.size(), sign));
        std::replace(value.begin(), value.end(), '_', ' ');
        const auto slash = value.find('/');
        auto role = one_of(value.substr(0, slash),
                           {"primary", "replica", "promoted", "demoted", "uninitialized", "standby leader", "oldest", "garbage"}, "role");
        if (role == "standby leader") role = "standby_leader";  // Patroni's spelling
        const auto state =
            one_of(slash == std::string::npos ? "running" : value.substr(slash + 1),
                   {"running", "starting", "restarting", "crashed", "stopping", "stopped", "stop failed", "creating replica"}, "state");
        return member_json(version_, name, role, state, timeline);
    }

    void nodes(std::istringstream& words) {
        std::map<std::string, catalog::MemberNode> all;
        for (std::string text; words >> text;) {
            auto [name, state] = word_of(text);
            expect_member(name, text);
            catalog::MemberNode node;
            node.primary_tag = takes(state, '*');
            one_of(state, {"ok", "critical", "silent"}, "node");
            node.present = true;
            node.node_address = catalog::HostText("10.9.0." + std::to_string(name.front() - 'A' + 1));
            node.service_address = catalog::HostText("10.8.0." + std::to_string(name.front() - 'A' + 1));
            node.port = 6432;
            node.node_critical = state == "critical";
            node.service_critical = state != "ok";
            all.emplace(name, node);
        }
        fusion.on_nodes(std::move(all), at);
    }

    void pass(std::istringstream& words) {
        std::string unit;
        int count = 0;
        words >> count >> unit;
        at.now += one_of(unit, {"s", "ms"}, "unit of time") == "ms" ? Now(milliseconds{count}) : Now(seconds{count});
        at.unix_seconds = 1'700'000'000 + (at.now - seconds{1000}) / seconds{1};
        if (fusion.deadline() && *fusion.deadline() <= at.now) fusion.on_time(at);
    }

    void probe(std::istringstream& words) {
        std::string name;
        words >> name;
        expect_member(name, "probe " + name);
        auto target = aimed_ ? std::exchange(aimed_, std::nullopt) : fusion.unconfirmed_holder();
        if (!target) target = leader::UnconfirmedHolder{"pg", name, "http://" + address_of(name) + ":8008/patroni", lock_index_};
        if (target->member == name) fusion.on_probe(*target, at);
    }

    void contact(std::istringstream& words) {
        std::string how;
        int max_stale = 0;
        words >> how;
        if (!(words >> max_stale)) words.clear();
        const bool lost = one_of(how, {"lost", "back"}, "contact") == "lost";
        fusion.on_contact(lost ? leader::ConsulContact::lost : leader::ConsulContact::back, at, seconds{max_stale});
    }

    catalog::ScopeFacts absent() {
        catalog::ScopeFacts facts;
        facts.index = index_ += 10;
        owner_.clear();
        return facts;
    }
    catalog::ScopeFacts denied() {
        catalog::ScopeFacts facts;
        facts.denied = true;
        return facts;
    }

    /// Holds after every step.
    void check_invariants(const catalog::LeaderEntry& before) {
        const catalog::LeaderEntry& now = fusion.verdict();
        CHECK((now.state == catalog::LeaderState::led) == !now.host.empty());
        if (now.state != catalog::LeaderState::led) CHECK(now.port == 0);
        const bool moved = now.state != before.state || now.member != before.member || now.host != before.host ||
                           (!now.host.ip && now.node_address != before.node_address) || now.port != before.port;
        CHECK(now.version == before.version + (moved ? 1 : 0));
        CHECK(now.since == (moved ? at.now : before.since));
        CHECK(now.since_unix == (moved ? at.unix_seconds : before.since_unix));
        if (fusion.deadline()) CHECK(*fusion.deadline() > at.now);
    }

    std::string version_, owner_;
    std::map<std::string, std::string> session_;
    std::optional<leader::UnconfirmedHolder> aimed_;
    std::uint64_t index_ = 100, lock_index_ = 0;
};

}  // namespace lictor::test
