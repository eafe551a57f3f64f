// A Patroni cluster told in words to the real leader fusion, with the JSON of three generations of Patroni. What happens:
//   kv lock=A A=primary B=replica pause standby switchover loop_wait=20 released=A
//   kv-again …   the same index; kv-old … an older one
//   nodes A=ok B=critical C=silent A=ok* (tagged primary)
//   after 12s · after 20ms · gone · denied · contact lost [60] · contact back · reset · same
//   aim · probe A (the REST API of A said primary, asked at the last `aim`, or now)
// `lock=A` keeps the lock of the step before if A had it, `lock=A!` is a new lock of A. A member is `role[/state][@timeline]`; its record hangs on
// the session of its last lock, `A!=primary` on a new one. `nodes` names those in the catalog (`silent`: Patroni's own check is critical).
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "tests/unit/patroni_kv.hpp"
#include "watch/leader.hpp"

namespace lictor::test {

inline std::string address_of(const std::string& member) {
    return "10.0.0." + std::to_string(member.front() - 'A' + 1);
}

/// members/<name> as this Patroni writes it.
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

inline std::string told(const LeaderEntry& entry) {
    std::string out = word(entry.state);
    if (entry.state == LeaderState::led) out += " " + entry.member;
    return out + ": " + word(entry.reason);
}

class Stage {
public:
    explicit Stage(std::string version, LeaderRule rule = scope_rule()) : fusion(std::move(rule)), version_(std::move(version)) {}

    static LeaderRule scope_rule() {
        LeaderRule rule;
        rule.scope = "pg";
        return rule;
    }

    void play(const std::string& step) {
        std::istringstream words(step);
        std::string verb;
        words >> verb;
        const LeaderEntry before = fusion.verdict();
        if (verb == "kv")
            kv(words, index_ += 10);
        else if (verb == "kv-again")
            kv(words, index_);
        else if (verb == "kv-old")
            kv(words, index_ - 5);
        else if (verb == "nodes")
            nodes(words);
        else if (verb == "after")
            pass(words);
        else if (verb == "gone")
            fusion.on_scope(absent(), at);
        else if (verb == "same")
            fusion.on_same(at);
        else if (verb == "denied")
            fusion.on_scope(denied(), at);
        else if (verb == "reset")
            fusion.on_index_reset();
        else if (verb == "contact")
            contact(words);
        else if (verb == "aim")
            aimed_ = fusion.unproven();
        else if (verb == "probe")
            probe(words);
        else
            FAIL("no such step: " << verb);
        check_promises(before);
    }

    LeaderFusion fusion;
    Moment at{seconds{1000}, 1'700'000'000};

private:
    void kv(std::istringstream& words, std::uint64_t index) {
        Kv keys;
        std::string extra, config = R"("ttl":30,"loop_wait":10)";
        bool locked = false;
        for (std::string word; words >> word;) {
            const auto equals = word.find('=');
            std::string name = word.substr(0, equals);
            std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
            if (word == "pause")
                config += R"(,"pause":true)";
            else if (word == "standby")
                config += R"(,"standby_cluster":{"host":"far"})";
            else if (word == "switchover")
                keys.key("failover", R"({"leader":"A","member":"B"})");
            else if (name == "loop_wait")
                config += R"(,"x":0)", config.replace(config.find("\"loop_wait\":10"), 14, "\"loop_wait\":" + value);
            else if (name == "lock") {
                locked = true;
                if (value.back() == '!') {
                    value.pop_back();
                    owner_.clear();
                }
                if (value != owner_) lock_index_ = index;
                owner_ = value;
                session_[value] = "session-" + value + std::to_string(lock_index_);
                keys.leader(value, session_[value], lock_index_);
            } else if (name == "released") {  // the key stays, its session is gone
                keys.leader(value, "", index);
            } else {
                const auto at_sign = value.find('@');
                const std::string timeline = at_sign == std::string::npos ? "2" : value.substr(at_sign + 1);
                value.resize(std::min(value.size(), at_sign));
                const auto slash = value.find('/');
                if (name.back() == '!') {
                    name.pop_back();
                    session_[name] = "session-" + name + std::to_string(index);
                }
                keys.member(name, member_json(version_, name, value.substr(0, slash),
                                              slash == std::string::npos ? "running" : value.substr(slash + 1), timeline), session_[name]);
            }
        }
        if (!locked) owner_.clear();
        keys.key("config", "{" + config + "}").key("history", "[]");
        fusion.on_scope(keys.facts(index), at);
    }

    void nodes(std::istringstream& words) {
        std::map<std::string, MemberNode> all;
        for (std::string word; words >> word;) {
            const std::string name = word.substr(0, 1);
            std::string state = word.substr(2);
            MemberNode node;
            node.primary_tag = state.back() == '*';
            if (node.primary_tag) state.pop_back();
            node.present = true;
            node.node_address = HostText("10.9.0." + std::to_string(name.front() - 'A' + 1));
            node.service_address = HostText("10.8.0." + std::to_string(name.front() - 'A' + 1));
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
        at.now += unit == "ms" ? Now(milliseconds{count}) : Now(seconds{count});
        at.unix_seconds = 1'700'000'000 + (at.now - seconds{1000}) / seconds{1};
        if (fusion.deadline() && *fusion.deadline() <= at.now) fusion.on_time(at);
    }

    void probe(std::istringstream& words) {
        std::string name;
        words >> name;
        auto target = aimed_ ? std::exchange(aimed_, std::nullopt) : fusion.unproven();
        if (!target) target = UnprovenHolder{"pg", name, "http://" + address_of(name) + ":8008/patroni", lock_index_};
        if (target->member == name) fusion.on_probe(*target, at);
    }

    void contact(std::istringstream& words) {
        std::string how;
        int max_stale = 0;
        words >> how >> max_stale;
        fusion.on_contact(how == "lost", at, seconds{max_stale});
    }

    ScopeFacts absent() {
        ScopeFacts facts;
        facts.index = index_ += 10;
        owner_.clear();
        return facts;
    }
    ScopeFacts denied() {
        ScopeFacts facts;
        facts.denied = true;
        return facts;
    }

    /// What holds after every step of every play.
    void check_promises(const LeaderEntry& before) {
        const LeaderEntry& now = fusion.verdict();
        CHECK((now.state == LeaderState::led) == !now.host.empty());
        if (now.state != LeaderState::led) CHECK(now.port == 0);
        const bool moved = now.state != before.state || now.member != before.member || now.host != before.host ||
                           (!now.host.ip && now.node_address != before.node_address) || now.port != before.port;
        CHECK(now.version == before.version + (moved ? 1 : 0));
        CHECK(now.since == (moved ? at.now : before.since));
        CHECK(now.since_unix == (moved ? at.unix_seconds : before.since_unix));
        if (fusion.deadline()) CHECK(*fusion.deadline() > at.now);
    }

    std::string version_, owner_;
    std::map<std::string, std::string> session_;
    std::optional<UnprovenHolder> aimed_;
    std::uint64_t index_ = 100, lock_index_ = 0;
};

}  // namespace lictor::test
