// What happens to a worker's decisions when memory runs out? Each allocation of a sequence of queries, replies, failures, time-outs and
// Views fails in turn. Afterwards every query must have ended, no socket may be left open, and answers must be right again.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <set>

#include "tests/unit/forward_world.hpp"
#include "tests/unit/resolver_world.hpp"
#include "tests/unit/zone_fixture.hpp"

namespace {

/// Allocations until one fails; 0: none fails.
thread_local std::size_t fails_at = 0;
thread_local bool failed = false;

bool fails_now() {
    if (fails_at == 0 || --fails_at != 0) return false;
    failed = true;
    return true;
}

void* take(std::size_t size) {
    void* const memory = fails_now() ? nullptr : std::malloc(size ? size : 1);
    if (!memory) throw std::bad_alloc();
    return memory;
}

}  // namespace

// These replace the library's in the whole test program. They behave like the library's unless a test sets `fails_at`.
void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
// std::stable_sort uses these, and does without a buffer.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size ? size : 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size ? size : 1); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace lictor::test {
namespace {

const std::string missing = "missing-service-with-a-long-name.service.consul";

/// Consul's data at the beginning, without a leader, and later, with one and with another domain.
catalog::Catalog facts(bool later) {
    ZoneWorld world;
    world.instance("web", world.node("alpha", "10.0.0.1"), 80, {.address = "10.1.0.2"});
    world.service("pg");
    world.leader("pg", later ? catalog::LeaderState::led : catalog::LeaderState::vacant, "10.0.0.1").version = later ? 2 : 1;
    if (later) world.settings->domains.push_back("lan.test");
    world.settle();
    return world.catalog;
}

/// The upstreams, an alias, stale answers and a name that is flushed with a leader's change; later also a route.
std::shared_ptr<rules::Rules> lines(bool later) {
    conf::Options options;
    options.no_resolv = true;
    options.use_stale_cache = seconds(0);
    options.cname = {{{"alias.example"}, "inner.example", {}}, {{"inner.example"}, "target.example", {}}};
    options.leader_flush = {"flushed.example"};
    options.server.push_back(server_rule({}, "10.0.0.1"));
    options.server.push_back(server_rule({}, "10.0.0.2"));
    if (later) options.server.push_back(server_rule({"routed.example"}, "10.0.0.3"));
    std::vector<std::string> notes;
    return std::make_shared<rules::Rules>(*rules::make_rules(options, {}, {}, notes));
}

/// A Resolver with upstreams, Consul's data, a leader gap and an alias. The events are passed on as by the worker's shell: what runs out of
/// memory is given up, and the actions so far are performed.
class Stage : public ResolverWorld {
public:
    Stage() { publish(false); }

    /// A View is passed again until it is taken.
    void publish(bool later) {
        const catalog::Catalog catalog = facts(later);
        rules = lines(later);
        auto next = std::make_shared<view::View>();
        next->generation = view->generation + 1;
        next->catalog = std::make_shared<catalog::Catalog>(catalog);
        next->rules = rules;
        next->runtime = view::next_runtime(view->runtime, catalog, at.unix_seconds);
        view = next;
        const std::size_t lost_before = lost;
        while (!run([&] { resolver.on_view(view, at, actions); })) lost = lost_before;
    }

    /// Runs `event`; its n-th allocation from now on fails, over all events. False if the event was given up.
    template <class Event>
    bool run(Event event) {
        bool whole = true;
        fails_at = left_;
        try {
            event();
        } catch (const std::bad_alloc&) {
            ++lost;
            whole = false;
        }
        left_ = std::exchange(fails_at, 0);
        perform();
        return whole;
    }
    void fail_at(std::size_t number) { left_ = number; }

    /// The response code, 16 for a reply that comes later, 17 for none.
    unsigned put(const std::string& name, std::uint16_t port = 20000) {
        const auto message = Wording{.name = name, .type = rrtype::a}.bytes();
        answer::Client client;
        client.peer = {Address::v4(127, 0, 0, 1), port};
        answer::Answer answer;
        run([&] { answer = resolver.on_query(message, client, at, reply, actions); });
        if (answer.kind == answer::Answer::Kind::later) return 16;
        return answer.answered() ? reply[3] & 15u : 17;
    }
    void respond_to_all() {
        for (const auto& ask : std::exchange(asked, {})) {
            const auto bytes = UpstreamReply(ask).a(UpstreamReply(ask).question.text(), 60, "192.0.2.1").bytes();
            run([&] { resolver.on_reply(ask.attempt, bytes, at, actions); });
        }
    }
    void break_all() {
        for (const auto& ask : std::exchange(asked, {})) {
            open.erase(ask.attempt);
            run([&] { resolver.on_failure(ask.attempt, at, actions); });
        }
    }
    void pass(microseconds span) {
        const Now end = at.now + span;
        while (at.now < end) {
            const auto due = resolver.deadline();
            at.now = std::min(end, std::max(at.now + milliseconds(1), due.value_or(end)));
            run([&] { resolver.on_tick(at, actions); });
        }
    }
    void perform() {
        for (auto& action : std::exchange(actions, {})) {
            if (auto* ask = std::get_if<answer::Ask>(&action)) {
                open.insert(ask->attempt);
                asked.push_back(std::move(*ask));
            } else if (const auto* close = std::get_if<answer::CloseAttempt>(&action)) {
                open.erase(close->attempt);
            } else if (std::holds_alternative<answer::Reply>(action)) {
                ++replies;
            } else if (std::holds_alternative<answer::FactRequest>(action)) {
                ++requests;
            }
        }
    }

    std::vector<answer::Ask> asked;
    std::set<answer::AttemptId> open;
    std::size_t replies = 0, requests = 0;
    std::size_t lost = 0;  ///< events that were given up

private:
    std::size_t left_ = 0;
};

/// The sequence. Returns the number of queries that were to be answered later.
std::size_t play(Stage& stage) {
    std::size_t later = 0;
    const auto put = [&](const std::string& name, std::uint16_t port = 20000) { later += stage.put(name, port) == 16 ? 1 : 0; };
    put("web.service.consul");
    put("one.example");
    put("one.example", 20001);
    put("two.example");
    put("alias.example");
    put("master.pg.service.consul");
    put("flushed.example");
    stage.respond_to_all();
    put("one.example");
    put("three.example");
    put("four.example");
    put("alias.example", 20002);
    stage.break_all();
    stage.pass(milliseconds(300));
    stage.respond_to_all();
    put("five.example");
    put(missing);
    put("master.pg.service.consul", 20003);
    stage.publish(true);
    const unsigned flushed = stage.put("flushed.example");
    CHECK(flushed != 0);
    later += flushed == 16 ? 1 : 0;
    stage.pass(seconds(20));
    stage.respond_to_all();
    stage.pass(seconds(70));
    put("one.example");  // it has expired
    stage.respond_to_all();
    stage.pass(seconds(20));
    return later;
}

}  // namespace

TEST_CASE("no memory: whichever allocation fails, every query ends, no socket is left, and answers are right afterwards") {
    std::size_t number = 1, given_up = 0;
    for (;; ++number) {
        INFO("allocation " << number);
        Stage stage;
        failed = false;
        stage.fail_at(number);
        const std::size_t later = play(stage);
        stage.fail_at(0);
        stage.pass(seconds(20));
        given_up += stage.lost;
        const auto& memory = stage.counters.memory;
        const std::size_t shed = stage.lost + memory.shed(budget::Kind::held) + memory.shed(budget::Kind::forward);
        if (!failed) CHECK((stage.replies == later && shed == 0));
        CHECK(stage.replies + shed >= later);
        CHECK(later >= 10);
        CHECK(stage.counters.forward_pending.get() == 0);
        CHECK(stage.counters.waiting.get() == 0);
        CHECK(stage.counters.memory.used(budget::Kind::forward) == 0);
        CHECK(stage.counters.memory.used(budget::Kind::held) == 0);
        CHECK(stage.open.empty());
        CHECK(stage.put("web.service.consul") == 0);
        CHECK(stage.put("web.service.lan.test") == 0);
        const std::size_t requests = stage.requests;
        CHECK(stage.put(missing, 20009) == 16);
        CHECK(stage.requests == requests + 1);
        CHECK(stage.put("master.pg.service.consul") == 0);
        stage.asked.clear();
        CHECK(stage.put("x" + std::to_string(number) + ".routed.example") == 16);
        REQUIRE(stage.asked.size() == 1);
        CHECK(stage.asked[0].upstream == *Endpoint::parse("10.0.0.3", 53));
        stage.respond_to_all();
        stage.asked.clear();
        const std::size_t replies = stage.replies;
        const std::string name = "after" + std::to_string(number) + ".example";
        CHECK(stage.put(name) == 16);
        stage.respond_to_all();
        CHECK(stage.replies == replies + 1);
        CHECK(stage.put(name) == 0);
        if (!failed) break;
        REQUIRE(number < 100'000);
    }
    CHECK(number > 100);
    WARN(number << " allocations, " << given_up << " events given up");
}

}  // namespace lictor::test
