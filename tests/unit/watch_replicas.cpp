// Which members run, and which are answered for `replica.` and `sync.`? Each rule is tested with a sequence of steps: the members' keys as
// text, and the resulting sets.
#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "tests/unit/patroni_kv.hpp"
#include "watch/leader/replicas.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::leader;
using lictor::test::Kv;

namespace {

/// `A=primary B=replica C=replica,behind=100,quiet,idle,state=creating_replica`; also `optime=N`, `sync=B,C`, `lock=A`. Unknown words fail.
class Play {
public:
    explicit Play(LeaderRule rule = {}) : judge_(with_scope(std::move(rule))) {}

    std::string after(const std::string& keys) {
        Kv kv;
        std::istringstream words(keys);
        std::string holder;
        for (std::string word; words >> word;) {
            const auto equals = word.find('=');
            if (equals == std::string::npos) FAIL("no `name=value`: " << word);
            const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
            if (name == "lock") holder = value;
            else if (name == "optime") kv.key("status", R"({"optime":)" + value + "}");
            else if (name == "sync") kv.key("sync", R"({"leader":"A","sync_standby":")" + value + R"("})");
            else if (name.size() == 1 && name.front() >= 'A' && name.front() <= 'F') kv.member(name, member(name, value));
            else FAIL("not the name of a member, A to F: " << word);
        }
        if (!holder.empty()) kv.leader(holder, "s", 7);
        facts_ = kv.facts();
        return text();
    }
    std::string text() {
        const auto set = judge_.judge(facts_, nodes, leader, limits, now);
        if (!set) return "null";
        last = set;
        std::string living, as_replica, as_sync;
        for (const auto& replica : set->replicas) {
            living += replica.member;
            if (replica.as_replica) as_replica += replica.member;
            if (replica.as_sync) as_sync += replica.member;
        }
        return living + " replica:" + as_replica + " sync:" + as_sync;
    }

    LeaderEntry leader = [] {
        LeaderEntry entry;
        entry.state = LeaderState::led;
        entry.member = "A";
        return entry;
    }();
    std::map<std::string, MemberNode> nodes;
    ReplicaJudge::Limits limits;
    Now now = seconds(100);
    std::shared_ptr<const ReplicaSet> last;
    std::optional<Now> deadline() const { return judge_.deadline(); }

private:
    static constexpr std::uint64_t end = 1'000'000;
    static constexpr std::string_view roles[] = {"primary", "master", "replica", "promoted", "demoted", "standby_leader", "uninitialized"};

    static LeaderRule with_scope(LeaderRule rule) {
        rule.scope = "pg";
        return rule;
    }
    static std::string member(const std::string& name, const std::string& value) {
        std::istringstream parts(value);
        std::string role, part, state = "running", replication = R"(,"replication_state":"streaming")", version = "4.1.0", more, lsn;
        std::getline(parts, role, ',');
        if (std::ranges::find(roles, role) == std::end(roles)) FAIL("unknown role: " << role);
        std::uint64_t at = end;
        for (; std::getline(parts, part, ',');) {
            if (part.starts_with("behind=")) at -= std::stoull(part.substr(7));
            else if (part.starts_with("ahead=")) at += std::stoull(part.substr(6));
            else if (part.starts_with("replay=")) more += R"(,"replay_lsn":)" + std::to_string(end - std::stoull(part.substr(7)));
            else if (part.starts_with("state=")) std::ranges::replace(state = part.substr(6), '_', ' ');
            else if (part == "quiet") replication.clear();
            else if (part == "archive") replication = R"(,"replication_state":"in archive recovery")";
            else if (part == "old") version = "3.0.3", replication.clear();
            else if (part == "idle") more += R"(,"tags":{"noloadbalance":true})";
            else FAIL("unknown word: " << part);
        }
        if (role != "replica") replication.clear();
        return R"({"conn_url":"postgres://10.0.0.)" + std::to_string(name.front() - 'A' + 1) + R"(:5433/postgres","state":")" + state +
               R"(","role":")" + role + R"(","version":")" + version + R"(","xlog_location":)" + std::to_string(at) + replication + more +
               "}";
    }

    ReplicaJudge judge_;
    ScopeFacts facts_;
};

MemberNode on_node(const std::string& address, const std::string& service_address = "") {
    MemberNode node;
    node.node_address = HostText(address);
    node.service_address = HostText(service_address);
    node.port = 1;
    node.present = true;
    return node;
}

}  // namespace

TEST_CASE("replicas: running replicas are answered, without the leader and the holder of the lock") {
    Play play;
    CHECK(play.after("lock=A A=primary B=replica C=replica") == "BC replica:BC sync:");
    CHECK(play.last->replicas[0].host.text == "10.0.0.2");
    CHECK(play.last->replicas[0].port == 5433);
    for (const char* state : {"starting", "stopped", "stopping", "crashed", "restarting", "creating_replica"})
        CHECK(play.after(std::string("lock=A A=primary B=replica C=replica,state=") + state) == "B replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=demoted") == "B replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=uninitialized") == "B replica:B sync:");
    CHECK(play.after("lock=A A=primary B=primary C=replica") == "C replica:C sync:");
    // The lock moved, and the record of the new holder still shows replica: it runs, but is not answered as a replica.
    play.leader.state = LeaderState::vacant;
    CHECK(play.after("lock=B A=demoted,state=stopped B=replica C=replica") == "BC replica:C sync:");
    play.leader.state = LeaderState::led;
    play.leader.member = "B";
    CHECK(play.after("lock=B A=replica B=primary C=replica") == "AC replica:AC sync:");
    for (const auto state : {LeaderState::loading, LeaderState::unreadable, LeaderState::gone}) {
        play.leader.state = state;
        CHECK(play.text() == "null");
    }
    play.leader.state = LeaderState::standby;
    CHECK(play.after("lock=A A=standby_leader B=replica") == "AB replica:B sync:");
    CHECK(play.last->replicas[0].standby_leader);
    CHECK_FALSE(play.last->replicas[1].standby_leader);
    const auto before = play.last->version;
    CHECK(play.after("lock=A A=standby_leader") == "AB replica:B sync:");
    CHECK(play.last->version == before);
    CHECK(play.after("lock=A A=standby_leader B=replica C=replica") == "ABC replica:BC sync:");
    CHECK(play.last->version > before);
}

TEST_CASE("replicas: a member on a failed node is left out, whatever its key shows") {
    Play play;
    play.nodes["B"] = on_node("10.9.0.2");
    play.nodes["B"].node_critical = true;
    play.nodes["C"] = on_node("10.9.0.3");
    CHECK(play.after("lock=A A=primary B=replica C=replica") == "C replica:C sync:");
    CHECK(play.last->replicas[0].node_address.text == "10.9.0.3");
    play.nodes["B"].node_critical = false;
    CHECK(play.text() == "BC replica:BC sync:");
}

TEST_CASE("replicas: the members with the fewest defects are answered") {
    Play play;
    play.limits.max_lag = 1000;
    CHECK(play.after("lock=A A=primary B=replica C=replica,quiet") == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,archive") == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,old") == "BC replica:BC sync:");
    CHECK(play.after("lock=A A=primary B=replica,idle C=replica,quiet") == "BC replica:C sync:");
    CHECK(play.after("lock=A A=primary B=replica,idle C=replica,behind=5000") == "BC replica:C sync:");
    CHECK(play.after("lock=A A=primary B=replica,quiet C=replica,behind=5000") == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica,idle C=demoted") == "B replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica,behind=5000 C=replica,behind=6000") == "BC replica:BC sync:");
    // Patroni does not respond; with `noloadbalance` its check fails by design.
    play.nodes["B"] = on_node("10.9.0.2");
    play.nodes["B"].service_critical = true;
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=5000") == "BC replica:C sync:");
    CHECK(play.after("lock=A A=primary B=replica,idle C=demoted") == "B replica:B sync:");
    CHECK(play.last->replicas[0].objection == Objection::noloadbalance);
    CHECK(play.after("lock=A A=primary B=replica C=demoted") == "B replica:B sync:");
}

TEST_CASE("replicas: lag is that of the replayed WAL, with a hysteresis") {
    Play play;
    play.limits.max_lag = 1000;
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=1000") == "BC replica:BC sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=1001") == "BC replica:B sync:");
    CHECK(play.last->replicas[1].lag == 1001);
    for (const char* behind : {"1000", "751", "1002", "999"})
        CHECK(play.after(std::string("lock=A A=primary B=replica C=replica,behind=") + behind) == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=750") == "BC replica:BC sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=1000") == "BC replica:BC sync:");
    // Received but not replayed WAL is not visible yet.
    CHECK(play.after("lock=A A=primary B=replica C=replica,replay=2000") == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=2000,replay=0") == "BC replica:BC sync:");
    // The leader's record is older than `status`.
    CHECK(play.after("lock=A optime=1003000 A=primary B=replica,ahead=3000 C=replica") == "BC replica:B sync:");
    CHECK(play.after("lock=A A=primary,behind=5000 B=replica C=replica") == "BC replica:BC sync:");
    play.limits.max_lag.reset();
    CHECK(play.after("lock=A A=primary B=replica C=replica,behind=900000") == "BC replica:BC sync:");
}

TEST_CASE("replicas: sync standbys are those in `sync` that run") {
    Play play;
    CHECK(play.after("lock=A sync=B A=primary B=replica C=replica") == "BC replica:BC sync:B");
    CHECK(play.after("lock=A sync=C,B A=primary B=replica C=replica") == "BC replica:BC sync:BC");
    CHECK(play.after("lock=A sync=B A=primary B=replica,state=starting C=replica") == "C replica:C sync:");
    CHECK(play.after("lock=A sync=B,C A=primary B=replica,idle C=replica") == "BC replica:C sync:C");
    CHECK(play.after("lock=A sync=B A=primary B=replica,idle C=replica") == "BC replica:C sync:B");
    CHECK(play.after("lock=A sync=A A=primary B=replica C=replica") == "BC replica:BC sync:");
}

TEST_CASE("replicas: a key that is written again within a second changes nothing") {
    Play play;
    CHECK(play.after("lock=A A=primary B=replica C=replica") == "BC replica:BC sync:");
    CHECK_FALSE(play.deadline());
    CHECK(play.after("lock=A A=primary B=replica") == "BC replica:BC sync:");
    REQUIRE(play.deadline());
    CHECK(*play.deadline() == play.now + seconds(1));
    play.now += milliseconds(400);
    CHECK(play.after("lock=A A=primary B=replica C=replica") == "BC replica:BC sync:");
    CHECK_FALSE(play.deadline());
    CHECK(play.after("lock=A A=primary B=replica") == "BC replica:BC sync:");
    play.now += seconds(1);
    CHECK(play.text() == "B replica:B sync:");
    CHECK_FALSE(play.deadline());
}

TEST_CASE("replicas: addresses come from the source of the rule") {
    LeaderRule rule;
    rule.source = LeaderRule::Source::service;
    rule.port = 6432;
    Play play(rule);
    play.nodes["B"] = on_node("10.9.0.2", "10.8.0.2");
    play.nodes["C"] = on_node("10.9.0.3");
    CHECK(play.after("lock=A A=primary B=replica C=replica D=replica") == "BC replica:BC sync:");
    CHECK(play.last->replicas[0].host.text == "10.8.0.2");
    CHECK(play.last->replicas[1].host.text == "10.9.0.3");
    CHECK(play.last->replicas[1].port == 6432);
    const auto before = play.last;
    CHECK(play.text() == "BC replica:BC sync:");
    CHECK(play.last == before);  // nothing changed: the same object
}
