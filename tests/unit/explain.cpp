// Is an explained decision the real one, and has it no effect? Does its document name the line of each rule?
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "conf/metrics/metrics_rows.hpp"
#include "conf/parse/parse.hpp"
#include "resolver/documents/explain.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/terminal/render.hpp"
#include "resolver/view/soa_zones.hpp"
#include "resolver/zone/leader.hpp"
#include "tests/unit/resolver_world.hpp"
#include "tests/unit/zone_fixture.hpp"

namespace lictor::test {
namespace {

using Json = nlohmann::json;

/// One configuration file, `/etc/lictor.conf`.
class OneFile : public conf::FileSource {
public:
    explicit OneFile(std::string text) : text_(std::move(text)) {}
    Result<File> read(const std::string& path) override {
        if (path != "/etc/lictor.conf") return Error{"no such file"};
        return File{text_, path};
    }
    Result<std::vector<std::string>> list(const std::string&) override { return Error{"no such directory"}; }
    bool exists(const std::string& path) override { return path == "/etc/lictor.conf"; }

private:
    std::string text_;
};

/// A Resolver with the Rules of a file, a hosts file, and a Catalog.
class ExplainWorld : public ResolverWorld {
public:
    explicit ExplainWorld(const std::string& conf, const std::string& hosts = "") : file(conf) {
        parsed = conf::parse_configuration({}, {}, file);
        REQUIRE(parsed.errors.empty());
        if (!hosts.empty()) files.hosts.push_back({"/etc/hosts", hosts});
        std::vector<std::string> notes;
        made = rules::make_rules(parsed.options, files, {}, notes);
    }
    void show_world(ZoneWorld& world) {
        world.settle();
        world.catalog.consul_on = true;
        auto next = std::make_shared<view::View>();
        next->generation = view->generation + 1;
        next->catalog = std::make_shared<catalog::Catalog>(world.catalog);
        next->rules = made;
        next->runtime = view::next_runtime(view->runtime, world.catalog, at.unix_seconds);
        const auto behind = [&](const wire::Name& target) { return zone::leader_behind(target, *next->catalog, *next->runtime); };
        next->soa_zones = view::next_soa_zones(view->soa_zones, *made, behind, at.unix_seconds);
        view = next;
        resolver.on_view(view, at, actions);
    }
    Json explain(const std::string& name, std::uint16_t type = rrtype::a) {
        std::vector<documents::WorkerExplanation> all;
        all.push_back({0, resolver.explain(*wire::Name::parse(name), type, at)});
        documents::Status status;
        status.now = at.now;
        document = documents::explain_json(all, 1, status, {parsed.options, parsed.places, files});
        return Json::parse(document);
    }
    /// The place of the last step.
    std::string place(const std::string& name, std::uint16_t type = rrtype::a) {
        const Json steps = explain(name, type)["steps"];
        return steps.empty() ? "" : steps.back()["place"].get<std::string>() + " " + steps.back()["rule"].get<std::string>();
    }
    std::vector<std::uint64_t> counted() const {
        std::vector<std::uint64_t> all;
        for (const auto& row : metrics::worker_metric_rows()) all.push_back((counters.*row.field).get());
        return all;
    }

    OneFile file;
    conf::Parsed parsed;
    rules::FollowedFiles files;
    std::shared_ptr<const rules::Rules> made;
    std::string document;
};

const char* const conf_text =
    "no-resolv\n"
    "server=192.0.2.1\n"
    "server=192.0.2.2\n"
    "server=/corp.example/192.0.2.9\n"
    "address=/ads.example/192.0.2.66\n"
    "local=/lan/\n"
    "host-record=here.example,192.0.2.7\n"
    "cname=pg.example,master.pg.service.consul\n"
    "cname=far.example,www.far.example\n"
    "txt-record=info.example,hello\n"
    "domain-needed\n"
    "bogus-priv\n"
    "leader-soa=example\n"
    "cname=w.example,web.service.consul\n"
    "no-send-cookie\n";

}  // namespace

TEST_CASE("explain: the message is the one that a query gets, from every source") {
    ExplainWorld w(conf_text, "192.0.2.5 printer printer.lan\n");
    ZoneWorld world;
    const auto node = world.node("n1", "10.0.0.1");
    world.instance("web", node, 80);
    world.service("pg");
    world.leader("pg", catalog::LeaderState::led, "10.0.0.7").version = 2;
    w.show_world(world);
    for (const char* name : {"web.service.consul", "master.pg.service.consul", "here.example", "a.ads.example", "printer.lan", "no.lan",
                             "pg.example", "w.example", "localhost", "single", "x.invalid"}) {
        INFO(name);
        const core::Explanation explained = w.resolver.explain(*wire::Name::parse(name), rrtype::a, w.at);
        const auto answer = w.ask(Wording{.name = name, .edns_version = 0}.bytes());
        REQUIRE(explained.kind == answer.kind);
        REQUIRE(answer.answered());
        // Without the id of the query, and without OPT, which is appended at the end.
        CHECK(std::equal(explained.message.begin() + 12, explained.message.end(), w.reply.begin() + 12));
        CHECK((explained.message[3] & 15) == (w.reply[3] & 15));
    }
}

TEST_CASE("explain: there is no effect: no counter, action, usage time, cache entry or hold") {
    ExplainWorld w(conf_text, "192.0.2.5 printer printer.lan\n");
    ZoneWorld world;
    world.instance("web", world.node("n1", "10.0.0.1"), 80);
    world.service("pg");
    world.leader("pg", catalog::LeaderState::vacant).version = 1;
    world.host("db.example", catalog::FactState::known, {"10.0.0.9"});
    world.instance("db", world.node("n2", "db.example"), 80);
    w.show_world(world);
    // One reply is in the cache, and one query in flight.
    w.ask(Wording{.name = "cached.example"}.bytes());
    const auto* ask = std::get_if<answer::Ask>(&w.actions.at(0));
    REQUIRE(ask);
    auto reply = ask->bytes;
    reply[2] = 0x81, reply[3] = 0x80, reply[7] = 1, reply[11] = 0;
    reply.resize(reply.size() - wire::opt_size);
    for (const int byte : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 44}) reply.push_back(static_cast<std::uint8_t>(byte));
    const auto attempt = ask->attempt;
    w.resolver.on_reply(attempt, reply, w.at, w.actions);
    w.ask(Wording{.name = "flying.example"}.bytes());
    w.actions.clear();
    w.at.now += seconds(5);

    const auto before = w.counted();
    const auto deadline = w.resolver.deadline();
    for (const char* name : {"web.service.consul", "master.pg.service.consul", "db.service.consul", "unknown.service.consul",
                             "n1.node.consul", "x.query.consul", "cached.example", "flying.example", "new.example", "a.corp.example",
                             "here.example", "pg.example", "w.example", "far.example", "printer"}) {
        INFO(name);
        for (int i = 0; i < 3; ++i) w.explain(name);
        CHECK(w.counted() == before);
        CHECK(w.actions.empty());
        CHECK(w.resolver.deadline() == deadline);
    }
    CHECK(w.explain("example", rrtype::soa)["source"] == "leader");
    for (const auto& [key, entry] : *w.view->catalog->services) CHECK(entry->usage->asked.load() == 0);
    for (const auto& [key, entry] : *w.view->catalog->hosts) CHECK(entry->usage->asked.load() == 0);
    for (const auto& [key, entry] : *w.view->runtime) CHECK(entry->usage->asked.load() == 0);
    CHECK(w.explain("cached.example")["caches"][0] == Json{{"worker", 0}, {"state", "hit"}, {"age_seconds", 5}, {"expires_seconds", 55}});
    CHECK(w.explain("cached.example")["source"] == "cache");
    CHECK(w.explain("flying.example")["forward"]["in_flight"] == true);
    CHECK(w.explain("new.example")["forward"]["in_flight"] == false);
    // An expired entry is a miss, and stays where it is until a query removes it.
    w.at.now += seconds(60);
    const auto entries = w.counters.cache_entries.get();
    CHECK(w.explain("cached.example")["caches"][0]["state"] == "miss");
    CHECK(w.counters.cache_entries.get() == entries);
}

TEST_CASE("explain: each rule is named with its file and line") {
    ExplainWorld w(conf_text, "# names\n192.0.2.5 printer printer.lan\n");
    ZoneWorld world;
    w.show_world(world);
    CHECK(w.place("a.ads.example") == "/etc/lictor.conf:5 address");
    CHECK(w.place("no.lan") == "/etc/lictor.conf:6 local only");
    CHECK(w.place("here.example") == "/etc/lictor.conf:7 local name");
    CHECK(w.place("7.2.0.192.in-addr.arpa", rrtype::ptr) == "/etc/lictor.conf:7 local address");
    CHECK(w.place("printer.lan") == "/etc/hosts:2 local name");
    CHECK(w.place("5.2.0.192.in-addr.arpa", rrtype::ptr) == "/etc/hosts:2 local address");
    CHECK(w.place("info.example", rrtype::txt) == "/etc/lictor.conf:10 local record");
    CHECK(w.place("word") == "/etc/lictor.conf:11 domain-needed");
    CHECK(w.place("1.0.0.10.in-addr.arpa", rrtype::ptr) == "/etc/lictor.conf:12 bogus-priv");
    CHECK(w.place("example", rrtype::soa) == "/etc/lictor.conf:13 leader-soa");
    CHECK(w.place("x.corp.example") == "/etc/lictor.conf:4 route");
    CHECK(w.place("www.example") == "/etc/lictor.conf:2 route");
    CHECK(w.explain("far.example")["steps"][0]["place"] == "/etc/lictor.conf:9");
    CHECK(w.explain("far.example")["result"] == "forwarded");
    CHECK(w.explain("x.corp.example")["forward"]["upstreams"][0]["endpoint"] == "192.0.2.9#53");
    CHECK(w.explain("www.example")["forward"]["upstreams"].size() == 2);
}

TEST_CASE("explain: instances that are left out have their reason, and a held query says for what it waits") {
    ExplainWorld w("no-resolv\nserver=192.0.2.1\n");
    ZoneWorld world;
    world.instance("web", world.node("n1", "10.0.0.1"), 80).tags = {"blue"};
    auto& sick = world.instance("web", world.node("n2", "10.0.0.2"), 80);
    sick.health = catalog::Health::critical;
    auto& resting = world.instance("web", world.node("n3", "10.0.0.3"), 80);
    resting.health = catalog::Health::critical;
    resting.maintenance = true;
    world.instance("web", world.node("n4", "10.0.0.4"), 80).tags = {"green"};
    world.service("pg");
    auto& leader = world.leader("pg", catalog::LeaderState::vacant);
    leader.reason = catalog::LeaderReason::lock_free;
    leader.version = 1;
    w.show_world(world);
    const Json web = w.explain("blue.web.service.consul")["services"][0];
    CHECK(web["instances"][0]["left_out"] == "");
    CHECK(web["instances"][1]["left_out"] == "a check is critical");
    CHECK(web["instances"][2]["left_out"] == "in maintenance");
    CHECK(web["instances"][3]["left_out"] == "it does not have the tag");
    CHECK(web["text"] == "service web: 1 of 4 instances are answered");

    const Json held = w.explain("master.pg.service.consul");
    CHECK(held["result"] == "held");
    CHECK(held["hold"]["at_most_ms"] == 4000);
    CHECK(held["hold"]["waits_for"] == "the next leader of pg");
    CHECK(held["leaders"][0]["state"] == "vacant");
    CHECK(w.explain("unknown.service.consul")["hold"]["waits_for"] == "the first read of service unknown");
    // What is shown on a terminal has no control character, whatever a name holds.
    w.explain("a\\027b.example");
    const auto text = terminal::explain_text(w.document);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= 0x20; }));
    CHECK(terminal::explain_text("no JSON").empty());
}

TEST_CASE("explain: a copy of the random bits is used: the order of later answers is the same") {
    const auto order = [](bool explained) {
        ExplainWorld w("no-resolv\nserver=192.0.2.1\n");
        ZoneWorld world;
        for (int i = 1; i < 9; ++i) world.instance("web", world.node("n" + std::to_string(i), "10.0.0." + std::to_string(i)), 80);
        w.show_world(world);
        if (explained) w.explain("web.service.consul");
        const auto answer = w.ask(Wording{.name = "web.service.consul"}.bytes());
        return std::vector<std::uint8_t>(w.reply.begin(), w.reply.begin() + static_cast<std::ptrdiff_t>(answer.size));
    };
    CHECK(order(false) == order(true));
}

}  // namespace lictor::test
