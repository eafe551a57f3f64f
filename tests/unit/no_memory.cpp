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
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace lictor::test {
namespace {

/// A Resolver with upstreams, Consul's data, a leader gap and an alias. The events are passed on as by the worker's shell: what runs out of
/// memory is given up, and the actions so far are performed.
class Stage : public ResolverWorld {
public:
    Stage() {
        conf::Options options;
        options.no_resolv = true;
        for (const char* address : {"10.0.0.1", "10.0.0.2"}) {
            conf::ServerRule rule;
            rule.upstream = Endpoint::parse(address, 53);
            options.server.push_back(rule);
        }
        facts.instance("web", facts.node("alpha", "10.0.0.1"), 80, {.address = "10.1.0.2"});
        facts.settle();
        std::vector<std::string> notes;
        rules = std::make_shared<rules::Rules>(*rules::make_rules(options, {}, {}, notes));
        show(facts.catalog);
        perform();
    }

    /// Runs `event`; its n-th allocation from now on fails, over all events.
    template <class Event>
    void run(Event event) {
        fails_at = left_;
        try {
            event();
        } catch (const std::bad_alloc&) {
            lost = true;
        }
        left_ = std::exchange(fails_at, 0);
        perform();
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
            }
        }
    }

    ZoneWorld facts;
    std::vector<answer::Ask> asked;
    std::set<answer::AttemptId> open;
    std::size_t replies = 0;
    bool lost = false;  ///< an event was given up

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
    stage.respond_to_all();
    put("one.example");
    put("three.example");
    put("four.example");
    stage.break_all();
    stage.pass(milliseconds(300));
    stage.respond_to_all();
    put("five.example");
    put("missing.service.consul");
    stage.run([&] { stage.show(stage.facts.catalog); });
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
        play(stage);
        stage.fail_at(0);
        stage.pass(seconds(20));
        given_up += stage.lost ? 1 : 0;
        CHECK(stage.counters.forward_pending.get() == 0);
        CHECK(stage.counters.waiting.get() == 0);
        CHECK(stage.counters.memory.used(budget::Kind::forward) == 0);
        CHECK(stage.counters.memory.used(budget::Kind::held) == 0);
        CHECK(stage.open.empty());
        CHECK(stage.put("web.service.consul") == 0);
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
