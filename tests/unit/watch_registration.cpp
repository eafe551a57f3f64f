// Which services of the catalog are Patroni clusters, and under which namespace are their keys? The KV store is simulated.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "watch/catalog/registration.hpp"

using namespace lictor;
using namespace lictor::catalog;

namespace {

ServiceEntry service(const std::string& name, const std::vector<std::pair<std::string, std::string>>& ids_and_tags) {
    ServiceEntry entry;
    entry.name = name;
    for (const auto& [id, tag] : ids_and_tags) {
        Instance instance;
        instance.id = id;
        instance.tags = {tag};
        entry.instances.push_back(instance);
    }
    return entry;
}

std::string scope_of(const ServiceEntry& entry) {
    const auto found = patroni_registration(entry);
    if (!found) return "-";
    std::string out = found->scope + ':';
    for (const auto& member : found->members) out += ' ' + member;
    return out;
}

/// A KV store with prefixes that the token may not list.
struct Store {
    std::set<std::string> keys;
    std::set<std::string> broken = {};  ///< prefixes that cannot be listed
    std::size_t reads = 0;

    /// The namespace found, `-` if none, `?` if several; "/" for the root.
    std::string find(const std::string& scope, std::set<std::string> members = {"a", "b"}) {
        NamespaceSearch search({scope, std::move(members)});
        for (reads = 0; const auto request = search.next(); ++reads) {
            REQUIRE(reads < NamespaceSearch::requests_max + 1);
            if (broken.count(request->prefix)) {
                search.on_failure();
                continue;
            }
            std::vector<std::string> names;
            for (const auto& key : keys) {
                if (key.compare(0, request->prefix.size(), request->prefix) != 0) continue;
                const auto slash = request->folders ? key.find('/', request->prefix.size()) : std::string::npos;
                const auto name = slash == std::string::npos ? key : key.substr(0, slash + 1);
                if (names.empty() || names.back() != name) names.push_back(name);
            }
            search.on_names(names);
        }
        cut = search.cut_short();
        if (search.ambiguous()) return "?";
        const auto found = search.found();
        return !found ? "-" : found->empty() ? "/" : *found;
    }
    Store& cluster(const std::string& prefix, const std::vector<std::string>& members = {"a", "b"}) {
        keys.insert({prefix + "leader", prefix + "config", prefix + "initialize"});
        for (const auto& member : members) keys.insert(prefix + "members/" + member);
        return *this;
    }
    bool cut = false;
};

}  // namespace

TEST_CASE("registration: only Patroni's form counts") {
    CHECK(scope_of(service("pg", {{"pg/a", "master"}, {"pg/b", "replica"}})) == "pg: a b");
    CHECK(scope_of(service("cluster-1", {{"cluster_1/a", "primary"}, {"other", "x"}})) == "cluster_1: a");
    CHECK(scope_of(service("pg", {{"Pg/a", "standby-leader"}})) == "Pg: a");
    CHECK(scope_of(service("pg", {{"pg", "master"}, {"pg2", "replica"}})) == "-");
    CHECK(scope_of(service("pg", {{"pg/a", "blue"}})) == "-");
    CHECK(scope_of(service("web", {{"pg/a", "master"}})) == "-");
    CHECK(scope_of(service("pg", {{"pg/", "master"}, {"/a", "master"}, {"pg/a/b", "master"}, {"", "master"}})) == "-");
    CHECK(scope_of(service("cluster-1", {{"cluster_1/a", "master"}, {"cluster.1/b", "replica"}})) == "-");
    CHECK(scope_of(service("pg", {})) == "-");
}

TEST_CASE("registration: the namespace is found, the default one with a single read") {
    CHECK(Store{{}}.cluster("service/pg/").find("pg") == "service");
    Store store;
    store.cluster("service/pg/").find("pg");
    CHECK(store.reads == 1);
    CHECK(Store{{"a/b", "vault/x/y/z"}}.cluster("digitalis.io/pg/").find("pg") == "digitalis.io");
    CHECK(Store{{}}.cluster("pg/").find("pg") == "/");
    CHECK(Store{{"x"}}.cluster("teams/db/prod/pg/").find("pg") == "teams/db/prod");
    CHECK(Store{{}}.cluster("service/prod/pg/").find("pg") == "service/prod");
    CHECK(Store{{"pg", "pgx/leader", "service/pgx/leader", "x/pg"}}.find("pg") == "-");
    CHECK(Store{{"service/pg/notes"}}.find("pg") == "-");
    CHECK(Store{{}}.find("pg") == "-");
}

TEST_CASE("registration: of several namespaces the one with these members is taken, else none") {
    Store store;
    store.cluster("service/pg/", {"x", "y"}).cluster("prod/pg/");
    CHECK(store.find("pg") == "prod");
    store.cluster("test/pg/", {"a"});
    CHECK(store.find("pg") == "prod");
    store.cluster("test/pg/");
    CHECK(store.find("pg") == "?");
    // There are no members now, but only one such cluster.
    CHECK(Store{{}}.cluster("prod/pg/", {}).find("pg") == "prod");
}

TEST_CASE("registration: a namespace without these members counts only if all others were listed") {
    Store store;
    store.cluster("service/pg/", {"x"}).cluster("prod/pg/");
    CHECK(store.find("pg") == "prod");
    store.broken = {""};
    CHECK(store.find("pg") == "-");
    store.broken = {"prod/pg/"};
    CHECK(store.find("pg") == "-");
    store.broken.clear();
    CHECK(store.find("pg") == "prod");
    Store wide;
    wide.cluster("pg/", {"x"});
    CHECK(wide.find("pg") == "/");
    for (int i = 0; i < 1000; ++i) wide.keys.insert("folder" + std::to_string(i) + "/x");
    CHECK(wide.find("pg") == "-");
    CHECK(wide.cut);
}

TEST_CASE("registration: folders that cannot be listed are skipped, and the search ends") {
    Store store{{}, {""}};
    store.cluster("prod/pg/");
    CHECK(store.find("pg") == "-");
    store.cluster("service/pg/");
    CHECK(store.find("pg") == "service");
    Store wide;
    for (int i = 0; i < 1000; ++i) wide.keys.insert("folder" + std::to_string(i) + "/x");
    CHECK(wide.find("pg") == "-");
    CHECK(wide.reads <= NamespaceSearch::requests_max);
    CHECK(wide.cut);
    // The scope's folder at the root is listed first.
    wide.cluster("pg/");
    CHECK(wide.find("pg") == "/");
}
