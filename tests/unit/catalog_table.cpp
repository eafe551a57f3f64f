// Does a table keep its entries through changes, and does a change make only the nodes on the path to its key?
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "conf/base/random.hpp"
#include "watch/catalog/catalog_builder.hpp"

using namespace lictor;
using namespace lictor::catalog;

namespace {

std::shared_ptr<const ServiceEntry> entry(std::uint64_t version) {
    auto made = std::make_shared<ServiceEntry>();
    made->version = version;
    return made;
}

template <class T>
std::map<std::string, std::uint64_t> contents(const Table<T>& table) {
    std::map<std::string, std::uint64_t> all;
    for (const auto& [key, value] : table) all[key] = value->version;
    return all;
}

}  // namespace

TEST_CASE("table: has what was put and not erased, as earlier copies have what they had") {
    Random random{Random::Seed{3, 1, 4}};
    Table<ServiceEntry> table;
    std::map<std::string, std::uint64_t> expected;
    std::vector<std::pair<Table<ServiceEntry>, std::map<std::string, std::uint64_t>>> copies;
    for (std::uint64_t step = 1; step <= 20'000; ++step) {
        const std::string key = "k" + std::to_string(random.below(step < 10'000 ? 3000 : 400));
        if (random.below(3) == 0) {
            table.erase(key);
            expected.erase(key);
        } else {
            table.put(key, entry(step));
            expected[key] = step;
        }
        if (step % 2000 == 0) copies.emplace_back(table, expected);
    }
    CHECK(table.size() == expected.size());
    CHECK(contents(table) == expected);
    for (const auto& [key, version] : expected) REQUIRE(table.at(key)->version == version);
    CHECK(table.find("absent") == table.end());
    for (const auto& [copy, held] : copies) CHECK(contents(copy) == held);
    for (const auto& [key, version] : expected) table.erase(key);
    CHECK(table.empty());
    CHECK_FALSE(table.begin() != table.end());
    CHECK(contents(copies.back().first) == copies.back().second);
}

TEST_CASE("table: an entry is assigned by its key, and a wrong key has none") {
    Table<ServiceEntry> table{{"a", entry(1)}, {"b", entry(2)}};
    const auto before = table;
    table["a"] = entry(3);
    table["c"] = entry(4);
    CHECK(contents(table) == std::map<std::string, std::uint64_t>{{"a", 3}, {"b", 2}, {"c", 4}});
    CHECK(contents(before) == std::map<std::string, std::uint64_t>{{"a", 1}, {"b", 2}});
    CHECK_THROWS_AS(table.at("d"), std::out_of_range);
    CHECK(table.contains("b"));
    table.erase("d");
    CHECK(table.size() == 3);
    table.clear();
    CHECK(table.empty());
    CHECK(before.size() == 2);
}

TEST_CASE("catalog builder: the next Catalog shares all but the path to the service that changed, however many there are") {
    std::map<std::size_t, std::size_t> most;  // by number of services: nodes that one change made
    for (const std::size_t services : {10u, 1000u, 10'000u}) {
        CatalogBuilder builder;
        for (std::size_t i = 0; i < services; ++i) builder.put_service("s" + std::to_string(i), entry(builder.next_version()));
        auto before = builder.take();
        for (std::size_t i = 0; i < services; i += std::max<std::size_t>(1, services / 10)) {
            builder.put_service("s" + std::to_string(i), entry(builder.next_version()));
            const auto after = builder.take();
            most[services] = std::max(most[services], after->services->nodes_changed_since(*before->services));
            CHECK(after->services->size() == services);
            CHECK(after->nodes == before->nodes);
            CHECK(after->leaders == before->leaders);
            CHECK(after->hosts == before->hosts);
            before = after;
        }
    }
    CHECK(most[10] <= 2);
    CHECK(most[10'000] <= 5);  // a trie of 16 branches
}
