// Are the entries of a long reply that did not change found again, and only the others parsed?
#include <catch2/catch.hpp>

#include "conf/base/random.hpp"
#include "watch/json/consul.hpp"

using namespace lictor;
using namespace lictor::json;

namespace {

/// One entry of health/service.
std::string entry(int number, int port = 80, const std::string& node = "") {
    const std::string id = std::to_string(number);
    return R"({"Node":{"Node":")" + (node.empty() ? "n" + std::to_string(number % 50) : node) +
           R"(","Address":"10.0.0.1","Meta":{"a{":"]}","quote":"\"{\\"}},"Service":{"ID":")" + id + R"(","Service":"web","Port":)" +
           std::to_string(port) + R"(},"Checks":[]})";
}

std::string list(const std::vector<std::string>& entries) {
    std::string text = "[";
    for (const auto& each : entries) text += (text.size() > 1 ? ",\n " : "") + each;
    return text + "]";
}

std::vector<std::string> entries(int number) {
    std::vector<std::string> all;
    for (int i = 0; i < number; ++i) all.push_back(entry(i));
    return all;
}

/// The reply in the form in which a reply without memory gives it.
void check_same(const ServiceBody& got, const std::string& body) {
    const auto whole = parse_health_service(body);
    REQUIRE(whole);
    REQUIRE(got.instances.size() == whole->instances.size());
    CHECK(got.skipped == whole->skipped);
    for (std::size_t i = 0; i < got.instances.size(); ++i) {
        const auto &a = got.instances[i], &b = whole->instances[i];
        REQUIRE((a.id == b.id && a.port == b.port && *a.node == *b.node));
    }
}

}  // namespace

TEST_CASE("a long reply: entries that did not change are those of the last reply", "[json]") {
    auto all = entries(2000);
    LastReply<catalog::Instance> last{.seed = 42, .kept = {}};
    const auto first = parse_health_service(list(all), last);
    REQUIRE(first);
    CHECK(first->read == 2000);
    REQUIRE(first->kept);
    last.kept = first->kept;

    all[700] = entry(700, 8080);
    const auto second = parse_health_service(list(all), last);
    REQUIRE(second);
    CHECK(second->read == 1);
    check_same(*second, list(all));
    for (const std::size_t i : {0u, 699u, 701u, 1999u}) CHECK(second->instances.shared(i) == first->instances.shared(i));
    CHECK(second->instances[700].port == 8080);
    CHECK(second->instances[700].node == second->instances[0].node);  // `n0`: the record of the other instances on the node

    last.kept = second->kept;
    all.erase(all.begin() + 3);
    all.insert(all.begin() + 1500, entry(5000));
    all.insert(all.begin() + 10, R"({"Node":{"Node":""}})");
    const auto third = parse_health_service(list(all), last);
    REQUIRE(third);
    CHECK(third->read == 2);
    CHECK(third->skipped == 1);
    check_same(*third, list(all));

    last.kept = third->kept;
    const auto fewer = parse_health_service(list(entries(1000)), last);
    REQUIRE(fewer);
    check_same(*fewer, list(entries(1000)));
}

TEST_CASE("a long reply: any change of entries gives what a whole read gives", "[json]") {
    Random random{Random::Seed{5, 5}};
    auto all = entries(600);
    LastReply<catalog::Instance> last{.seed = 7, .kept = {}};
    for (int round = 0; round < 150; ++round) {
        for (auto left = random.below(6); left > 0 && !all.empty(); --left) {
            const auto at = all.begin() + random.below(static_cast<std::uint32_t>(all.size()));
            switch (random.below(5)) {
                case 0: all.erase(at); break;
                case 1: all.insert(at, entry(static_cast<int>(random.below(9000)), 1, "n1")); break;
                case 2: std::iter_swap(at, all.begin()); break;
                case 3: *at = R"({"Node":{}})"; break;
                default: *at = entry(static_cast<int>(random.below(600)), static_cast<int>(random.below(3)));
            }
        }
        const auto read = parse_health_service(list(all), last);
        REQUIRE(read);
        CHECK((round == 0 || read->read < 100));
        check_same(*read, list(all));
        last.kept = read->kept;
    }
}

TEST_CASE("a long reply: a text that is damaged anywhere is an error, whatever was read before", "[json]") {
    const auto all = entries(1200);
    LastReply<catalog::Instance> last{.seed = 1, .kept = {}};
    last.kept = parse_health_service(list(all), last)->kept;
    REQUIRE(last.kept);
    const auto broken = [&](const std::string& body) {
        const auto whole = parse_health_service(body);
        const auto read = parse_health_service(body, last);
        REQUIRE(static_cast<bool>(whole) == static_cast<bool>(read));
        if (!whole) CHECK(whole.error().text == read.error().text);
        return !whole;
    };
    const auto with = [&](std::size_t at, const std::string& text) {
        auto changed = all;
        changed[at] = text;
        return list(changed);
    };
    CHECK(broken(with(5, "{\"Node\":}")));
    CHECK(broken(with(5, "{\"a\":1,\"a\":2}")));
    CHECK(broken(with(5, "[]")));
    CHECK(broken(with(5, "{}{}")));
    CHECK(broken(with(5, "{} 7")));
    CHECK(broken(with(5, "{\"a\":\"\xff\"}")));
    CHECK(broken(with(5, "{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}")));
    CHECK(broken(with(5, "{\"a\":\"unclosed}")));
    CHECK(broken(list(all) + "x"));
    CHECK(broken(list(all).substr(0, 100'000)));
    CHECK(broken("\xef\xbb\xbf" + list(all)));
    CHECK(broken(list(all).substr(1)));
    std::string nul = list(all);
    nul[nul.size() / 2] = '\0';
    CHECK(broken(nul));
    CHECK_FALSE(broken(with(5, "{\"a\":" + std::string(14, '[') + std::string(14, ']') + "}")));
    Random random{Random::Seed{8}};
    const std::string whole = list(all);
    for (int i = 0; i < 60; ++i) {
        std::string changed = whole;
        changed[random.below(static_cast<std::uint32_t>(changed.size()))] = "{}[]\",:\\ x"[random.below(10)];
        broken(changed);
    }
}

TEST_CASE("a long list of nodes: records that did not change are shared", "[json]") {
    std::vector<std::string> all;
    for (int i = 0; i < 3000; ++i) all.push_back(R"({"Node":"n)" + std::to_string(i) + R"(","Address":"10.0.0.1"})");
    LastReply<catalog::NodeRecord> last{.seed = 3, .kept = {}};
    const auto first = parse_catalog_nodes(list(all), last);
    REQUIRE(first);
    last.kept = first->kept;
    all[10] = R"({"Node":"n10","Address":"10.9.9.9"})";
    const auto second = parse_catalog_nodes(list(all), last);
    REQUIRE(second);
    CHECK(second->read == 1);
    CHECK(second->nodes[9] == first->nodes[9]);
    CHECK(second->nodes[10]->address.text == "10.9.9.9");
}

TEST_CASE("texts that differ in one byte have different hashes", "[json]") {
    std::string text(100, 'x');
    for (std::size_t size = 0; size < 40; ++size)
        for (std::size_t at = 0; at < size; ++at) {
            auto other = text.substr(0, size);
            other[at] = 'y';
            CHECK_FALSE(hash_text(other, 1) == hash_text(text.substr(0, size), 1));
            CHECK_FALSE(hash_text(text.substr(0, size), 1) == hash_text(text.substr(0, size), 2));
        }
    CHECK(hash_text("abc", 9) == hash_text(std::string("abc"), 9));
}
