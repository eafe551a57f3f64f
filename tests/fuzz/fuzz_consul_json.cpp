// Fuzzes the bodies of Consul's API. lictor must not crash, and the number of facts must be limited. The keys of a scope go into the
// fusion, which must answer no member without an address and must set deadlines only in the future. The first byte chooses the body.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/mutate_json.hpp"
#include "watch/json/agent.hpp"
#include "watch/json/consul.hpp"
#include "watch/json/patroni.hpp"
#include "watch/leader/leader.hpp"
#include "watch/leader/lock_state.hpp"
#include "watch/leader/replicas.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::json;
using namespace lictor::leader;

namespace {

void expect(bool condition) {
    if (!condition) std::abort();
}

void fuse(const ScopeFacts& facts) {
    LeaderRule rule;
    rule.scope = "pg";
    static LeaderFusion fusion(rule);  // keeps its state between inputs, so that histories are fuzzed, too
    static Moment at{seconds{1}, 1};
    at.now += milliseconds{700};
    if (fusion.deadline() && *fusion.deadline() <= at.now) fusion.on_time(at);
    ScopeFacts indexed = facts;
    indexed.index = facts.leader_modify_index;
    if (facts.failover_requested) fusion.on_index_reset();
    fusion.on_scope(indexed, at);
    const LeaderEntry& entry = fusion.verdict();
    expect((entry.state == LeaderState::led) == !entry.host.empty());
    expect(!fusion.deadline() || *fusion.deadline() > at.now);
    static ReplicaJudge judge(rule);
    const auto set = judge.judge(fusion.facts(), {}, entry, {.max_lag = 1 << 20, .leader_last_resort = true}, at.now);
    for (std::size_t i = 0; set && i < set->replicas.size(); ++i) {
        expect(!set->replicas[i].host.empty());
        expect(entry.state != LeaderState::led || set->replicas[i].member != entry.member);
    }
    expect(!judge.deadline() || *judge.deadline() > at.now);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
    static const std::vector<std::string> keys = {
        "Node",        "Node",    "Service", "Checks",   "ID",      "Address",     "Datacenter", "TaggedAddresses", "Meta",
        "Tags",        "Port",    "Weights", "Passing",  "Warning", "Status",      "CheckID",    "ServiceID",       "lan",
        "wan",         "Key",     "Value",   "Session",  "Flags",   "ModifyIndex", "LockIndex",  "CreateIndex",     "Config",
        "DebugConfig", "Version", "Member",  "conn_url", "role",    "state",       "timeline",   "xlog_location",   "tags",
        "leader",      "ttl",     "pause",   "members",  "api_url", "loop_wait",   "version",    "DNSDomain",       "DNSOnlyPassing",
    };
    return fuzz::mutate_json(data, size, max, seed, 1, keys);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 6) {
        case 0:
            if (const auto read = parse_health_service(body))
                for (const auto& instance : read->instances)
                    expect(instance.node && !instance.node->name.empty() && !instance.name.empty());
            break;
        case 1:
            if (const auto read = parse_catalog_nodes(body))
                for (const auto& node : read->nodes) expect(node && node->name.size() == node->name_lower.size());
            break;
        case 2:
            if (const auto read = parse_patroni_scope(body, "service/pg/")) fuse(*read);
            break;
        case 3:
            if (const auto read = parse_lock(body, "k")) expect(read->value.size() <= size);
            if (const auto read = parse_session_node(body)) expect(read->size() <= size);
            if (const auto read = parse_node_address(body)) expect(read->size() <= size);
            if (const auto read = parse_key_names(body)) expect(read->size() <= size);
            if (const auto read = parse_lock_address(body)) expect(read->host.text.size() <= size);
            break;
        case 4:
            if (const auto read = parse_agent_self(body, ConsulSettings{})) expect(!read->domains.empty() && !read->datacenter.empty());
            break;
        default: {
            if (const auto read = decode_base64(body))
                expect(read->size() == body.size() / 4 * 3 || read->size() + 2 >= body.size() / 4 * 3);
            // One member's value, encoded here: a fuzzer does not find base64 by itself.
            static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            std::string text;
            for (std::size_t at = 0; at < body.size(); at += 3) {
                const auto byte = [&](std::size_t i) { return at + i < body.size() ? static_cast<unsigned char>(body[at + i]) : 0u; };
                const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                for (unsigned i = 0; i < 4; ++i) text += at + i <= body.size() ? alphabet[(bits >> (18 - 6 * i)) & 63] : '=';
            }
            const std::string kv =
                R"([{"Key":"service/pg/leader","Value":"QQ==","Session":"s","ModifyIndex":7},{"Key":"service/pg/config","Value":")" + text +
                R"("},{"Key":"service/pg/failover","Value":")" + text + R"("},{"Key":"service/pg/members/A","Value":")" + text + R"("}])";
            if (const auto read = parse_patroni_scope(kv, "service/pg/")) fuse(*read);
        }
    }
    return 0;
}
