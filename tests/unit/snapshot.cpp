// Is a snapshot read back as it was written, and a damaged one refused with the cause?
#include "watch/catalog/snapshot.hpp"

#include <catch2/catch.hpp>

using namespace lictor;
using namespace lictor::catalog;

namespace {

Snapshot sample() {
    Snapshot snapshot;
    snapshot.contact_unix = 1'700'000'000;
    snapshot.settings.domains = {"consul", "example.net"};
    snapshot.settings.datacenter = "dc7";
    snapshot.settings.service_ttl = {{"*", 30}};
    snapshot.settings.soa_min_ttl = 9;
    snapshot.settings.disable_compression = true;
    auto node = std::make_shared<NodeRecord>();
    node->name = "N1";
    node->name_lower = "n1";
    node->datacenter = "dc7";
    node->address = HostText("10.0.0.1");
    node->tagged.lan = HostText("10.0.0.9");
    node->tagged.wan_ipv4 = HostText("192.0.2.1");
    node->meta = {{"rack", "a"}, {"", "b\n"}};
    Instance instance;
    instance.node = node;
    instance.id = "web/1";
    instance.name = "Web";
    instance.port = 80;
    instance.tags = {"v1", "prod"};
    instance.health = Health::warning;
    instance.weight = 7;
    instance.tagged.wan_port = 8080;
    auto entry = std::make_shared<ServiceEntry>();
    entry->name = "web";
    entry->datacenter = "dc2";
    entry->state = FactState::known;
    entry->instances = {instance};
    snapshot.services = {entry};
    SavedLeader leader{"pg", "service", "pg", {}, 20};
    leader.facts.exists = true;
    leader.facts.leader = "pg1";
    MemberRow row;
    row.name = "pg1";
    row.role = "master";
    row.state = "running";
    row.host = HostText("10.0.0.9");
    row.port = 5432;
    row.timeline = 3;
    leader.facts.members.emplace("pg1", row);
    snapshot.leaders = {leader};
    snapshot.marks["pg"] = {1'700'000'001,
                            "pg1\x1f"
                            "10.0.0.9\x1f"
                            "5432"};
    snapshot.soa_serials["corp.example"] = 1'700'000'002;
    return snapshot;
}

std::string refusal(const std::string& text) {
    const auto read = read_snapshot(text);
    return read ? "" : read.error().text;
}

}  // namespace

TEST_CASE("snapshot: a snapshot is read back as written, and its services are marked as stale") {
    const auto text = *write_snapshot(sample());
    CHECK(text.starts_with("lictor-snapshot 2 "));
    const auto read = read_snapshot(text);
    INFO(refusal(text));
    REQUIRE(read);
    const auto expected = sample();
    CHECK(read->contact_unix == expected.contact_unix);
    CHECK(read->settings == expected.settings);
    CHECK(read->marks == expected.marks);
    CHECK(read->soa_serials == expected.soa_serials);
    REQUIRE(read->services.size() == 1);
    const auto& entry = *read->services[0];
    CHECK(entry.name == "web");
    CHECK(entry.datacenter == "dc2");
    CHECK(entry.state == FactState::known);
    CHECK(entry.stale);
    REQUIRE(entry.instances.size() == 1);
    const auto &instance = entry.instances[0], &was = expected.services[0]->instances[0];
    CHECK(*instance.node == *was.node);
    CHECK(instance.id == was.id);
    CHECK(instance.name == was.name);
    CHECK(instance.port == 80);
    CHECK(instance.tags == was.tags);
    CHECK(instance.health == Health::warning);
    CHECK(instance.weight == 7);
    CHECK(instance.tagged == was.tagged);
    REQUIRE(read->leaders.size() == 1);
    CHECK(read->leaders[0].scope == "pg");
    CHECK(read->leaders[0].ttl == 20);
    CHECK(read->leaders[0].facts == expected.leaders[0].facts);
}

TEST_CASE("snapshot: a damaged or truncated snapshot, or a snapshot of another version, is refused") {
    const auto good = *write_snapshot(sample());
    CHECK(refusal(good).empty());
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        INFO(i);
        CHECK_FALSE(refusal(bad).empty());
        CHECK_FALSE(refusal(good.substr(0, i)).empty());
    }
    CHECK_FALSE(refusal(good + "x").empty());
    CHECK(refusal("") == "it is not a snapshot of lictor");
    CHECK(refusal("lictor-snapshot 1 3 x\n{}") == "its format is of another version of lictor");
    auto flipped = good;
    flipped[good.size() - 5] = static_cast<char>(flipped[good.size() - 5] ^ 2);
    CHECK(refusal(flipped) == "its checksum is wrong");
}

TEST_CASE("snapshot: invalid content with a valid checksum is refused") {
    const auto with_body = [](const std::string& body) {
        std::uint64_t hash = 0xcbf29ce484222325u;
        for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
        char digits[20];
        std::snprintf(digits, sizeof digits, "%016lx", static_cast<unsigned long>(hash));
        return "lictor-snapshot 2 " + std::to_string(body.size()) + ' ' + digits + '\n' + body;
    };
    const auto good = *write_snapshot(sample());
    const auto body = good.substr(good.find('\n') + 1);
    CHECK(refusal(with_body(body)).empty());
    for (const char* other : {"", "{}", "[]", "null", "{\"contact\":\"x\"}", "[[[["})
        CHECK(refusal(with_body(other)).starts_with("its content cannot be read"));
    for (const auto& [from, to] : {std::pair{"\"health\":1", "\"health\":9"}, std::pair{"\"port\":80", "\"port\":\"80\""},
                                   std::pair{"\"soa\":[", "\"soa\":[[1],"}}) {
        auto changed = body;
        REQUIRE(changed.find(from) != std::string::npos);
        changed.replace(changed.find(from), std::string(from).size(), to);
        INFO(from);
        CHECK_FALSE(refusal(with_body(changed)).empty());
    }
}

TEST_CASE("snapshot: the number of services and the size are bounded") {
    Snapshot many = sample();
    many.services.assign(snapshot_services_max + 50, many.services[0]);
    const auto read = read_snapshot(*write_snapshot(many));
    REQUIRE(read);
    CHECK(read->services.size() == snapshot_services_max);
    auto big = std::make_shared<ServiceEntry>(*many.services[0]);
    for (int i = 0; i < 60'000; ++i) big->instances.push_back(big->instances.shared(0));
    many.services = {big};
    CHECK_FALSE(write_snapshot(many));
}
