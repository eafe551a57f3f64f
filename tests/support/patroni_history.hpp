// Random histories of a Patroni cluster, for tests that replay them with loss, delay and in another order: each change of its keys, of the
// catalog or of PostgreSQL is a state.
#pragma once

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/patroni_stage.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::test {

/// The state at one Raft index.
struct Truth {
    catalog::ScopeFacts facts;                         ///< as Consul has them; `facts.index` is the index
    std::string writable;                              ///< the member whose PostgreSQL has left recovery and runs
    std::map<std::string, catalog::MemberNode> nodes;  ///< by member
};

/// Makes a history of random events of the members A, B and C, from the start with A as leader. The same state of `random` gives the same
/// history.
class History {
public:
    explicit History(std::mt19937_64& random) : random_(random) {
        for (const char* name : {"A", "B", "C"}) {
            begin_session(name);
            set(name, "replica", "running");
            node(name, true, false, false);
        }
        truth_.facts.exists = true;
        acquire("A");
        promote("A");
    }

    /// All states, with growing indexes; an event makes several. At the end a member leads. Call once.
    std::vector<Truth> make(int events) {
        for (int i = 0; i < events; ++i) one_event();
        // At the end a member leads.
        truth_.facts.pause = false;
        for (const char* name : {"A", "B", "C"}) node(name, true, false, false);
        if (truth_.facts.leader.empty()) acquire(any());
        promote(truth_.facts.leader);
        return std::move(all_);
    }

private:
    bool chance(unsigned percent) { return random_() % 100 < percent; }
    std::string any() { return std::string(1, static_cast<char>('A' + random_() % 3)); }
    std::string other(const std::string& than) {
        std::string name = any();
        while (name == than) name = any();
        return name;
    }
    void stamp() {
        truth_.facts.index = ++index_;
        all_.push_back(truth_);
    }
    void set(const std::string& name, const std::string& role, const std::string& state) {
        catalog::MemberRow row;
        row.name = name;
        row.role = role == "primary" && name == "B" ? "master" : role;
        row.state = state;
        row.host = catalog::HostText(address_of(name));
        row.port = 5432;
        row.api_url = "http://" + address_of(name) + ":8008/patroni";
        row.session = session_[name];
        if (state == "running") row.timeline = timeline_;
        truth_.facts.members[name] = row;
        if (state != "running") {
            if (truth_.writable == name) truth_.writable.clear();
        } else if (role == "primary") {
            truth_.writable = name;
        }
        stamp();
    }
    void node(const std::string& name, bool present, bool critical, bool silent) {
        catalog::MemberNode node;
        node.present = present;
        node.node_critical = critical;
        node.service_critical = silent;
        truth_.nodes[name] = node;
        stamp();
    }
    void begin_session(const std::string& name) { session_[name] = name + std::to_string(++sessions_); }
    void request(bool asked) {
        truth_.facts.failover_requested = asked;
        stamp();
    }
    /// `with_member`: the session ended, and its record is deleted as well.
    void release(bool with_member) {
        if (with_member) {
            truth_.facts.members.erase(truth_.facts.leader);
            begin_session(truth_.facts.leader);
        }
        truth_.facts.leader.clear();
        truth_.facts.leader_session.clear();
        truth_.facts.leader_lock_index = truth_.facts.leader_modify_index = 0;
        stamp();
    }
    void acquire(const std::string& name) {
        if (truth_.writable != name) truth_.writable.clear();
        truth_.facts.leader = name;
        truth_.facts.leader_session = session_[name];
        truth_.facts.leader_lock_index = 1;
        truth_.facts.leader_modify_index = index_ + 1;
        stamp();
    }
    void promote(const std::string& name) {
        if (chance(50)) set(name, "replica", "running");
        if (chance(50)) set(name, "promoted", "running");
        if (chance(50)) {  // PostgreSQL is ready a while before its record shows it
            truth_.writable = name;
            stamp();
        }
        ++timeline_;
        set(name, "primary", "running");
        for (auto& [other_name, row] : truth_.facts.members)  // those that follow
            if (row.state == "running" && row.role == "replica") row.timeline = timeline_;
        stamp();
    }
    void elect(const std::string& name) {
        acquire(name);
        if (chance(10)) return;  // never promoted
        promote(name);
    }

    void one_event() {
        const std::string leader = truth_.facts.leader;
        if (leader.empty()) return elect(any());
        switch (random_() % 10) {
            case 0:  // switchover
                if (chance(80)) request(true);
                if (chance(50)) set(leader, "demoted", "stopping");
                release(false);
                set(leader, "demoted", "stopped");
                acquire(other(leader));
                if (truth_.facts.failover_requested) request(false);
                if (chance(90)) promote(truth_.facts.leader);
                set(leader, "replica", "starting");
                set(leader, "replica", "running");
                break;
            case 1:  // Patroni stopped
                release(false);
                set(leader, "primary", "stopped");
                elect(other(leader));
                break;
            case 2:  // postmaster killed
                set(leader, "primary", "crashed");
                set(leader, chance(50) ? "primary" : "replica", "starting");
                set(leader, "primary", "running");
                break;
            case 3:  // host lost
                if (chance(70)) node(leader, true, true, true);
                release(true);
                elect(other(leader));
                node(leader, true, false, false);
                set(leader, "replica", "running");
                break;
            case 4:  // agent restarted
                node(leader, false, false, false);
                release(true);
                if (chance(60)) {
                    node(leader, true, false, true);
                    acquire(leader);
                    set(leader, "primary", "running");
                } else {
                    elect(other(leader));
                }
                node(leader, true, false, false);
                break;
            case 5:  // the key deleted by hand
                release(false);
                if (chance(50)) acquire(leader);
                else elect(other(leader));
                set(leader, truth_.facts.leader == leader ? "primary" : "replica", "running");
                break;
            case 6:  // restarted in place
                set(leader, "primary", "restarting");
                set(leader, "primary", "running");
                break;
            case 7:  // a request that is refused
                request(true);
                request(false);
                break;
            case 8:
                truth_.facts.pause = !truth_.facts.pause;
                stamp();
                break;
            default: {  // the member's key is written again
                const catalog::MemberRow row = truth_.facts.members[leader];
                truth_.facts.members.erase(leader);
                stamp();
                truth_.facts.members[leader] = row;
                stamp();
            }
        }
    }

    std::mt19937_64& random_;
    std::uint64_t index_ = 10, timeline_ = 1, sessions_ = 0;
    std::map<std::string, std::string> session_;
    Truth truth_;
    std::vector<Truth> all_;
};

}  // namespace lictor::test
