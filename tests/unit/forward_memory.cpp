// What do queries to upstreams use of memory-max, what is refused when it is used up, and is all of it given back?
#include <catch2/catch.hpp>

#include "conf/budget/budget.hpp"
#include "forward_world.hpp"
#include "resolver/forward/pending.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::test;
using budget::Kind;

namespace {

std::string numbered(std::size_t n) { return "n" + std::to_string(n) + ".example"; }

/// A world with this memory-max.
struct Bounded {
    explicit Bounded(std::uint64_t max) : budget(max) { world.counters.memory.open(budget); }
    std::size_t used(Kind kind) const { return world.counters.memory.used(kind); }
    /// Asks for names until one is refused; the number of those that are not.
    std::size_t fill() {
        std::size_t asked = 0;
        while (asked < 100'000 && world.counters.cause_memory.get() == 0) world.ask(numbered(asked++));
        return asked - 1;
    }
    /// A reply with one address.
    void respond_to(const Ask& ask) {
        UpstreamReply reply(ask);
        world.respond(reply.a(reply.question.text(), 60, "192.0.2.1"), ask);
    }
    budget::Budget budget;
    World world;
};

}  // namespace

TEST_CASE("memory: queries in flight are refused when their share is used up, those in flight are still joined and answered") {
    Bounded b(4 << 20);
    const std::size_t taken = b.fill();
    CHECK(b.used(Kind::forward) <= b.world.counters.memory.part(80));
    CHECK(b.used(Kind::forward) + forward::Pending::entry_bytes + forward::Pending::waiter_bytes + forward::Pending::attempt_bytes >
          b.world.counters.memory.part(80));
    CHECK(taken > 500);
    CHECK(b.world.counters.memory.shed(Kind::forward) == 1);
    const auto asked = b.world.asked;
    for (std::size_t i = asked.size() - 3; i < asked.size(); ++i) b.respond_to(asked[i]);
    CHECK(b.world.reply().answer.size() == 1);
    CHECK_FALSE(b.world.ask(numbered(200'000)));  // it is in flight
}

TEST_CASE("memory: every query in flight gives back what it used: answered, failed, timed out") {
    Bounded b(8 << 20);
    World& w = b.world;
    for (std::size_t i = 0; i < 300; ++i) w.ask(numbered(i));
    const std::size_t most = b.used(Kind::forward);
    CHECK(most >= 300 * (sizeof(forward::InFlight) + sizeof(forward::Attempt) + sizeof(forward::Waiter)));
    const auto asked = w.asked;
    for (std::size_t i = 0; i < 100; ++i) b.respond_to(asked[i]);
    for (std::size_t i = 100; i < 200; ++i) w.breaks(asked[i]);
    CHECK(b.used(Kind::forward) < most);
    w.wait(seconds(30));
    CHECK(w.open.empty());
    CHECK(b.used(Kind::forward) == 0);
    w.flush("example");
    w.forward.tidy(w.now);
    CHECK(b.used(Kind::cache) == 0);
    CHECK(b.budget.taken() <= 65'536);  // what an account keeps spare
}

TEST_CASE("memory: failures of a flood leave the cache after their second, and never push replies out") {
    World w;
    w.options.cache_size = 50;
    w.adopt();
    for (std::size_t i = 0; i < 40; ++i) {
        w.ask(numbered(i));
        w.respond(UpstreamReply(w.last()).a(numbered(i), 3600, "192.0.2.1"), w.last());
    }
    const auto replies = w.counters.cache_bytes.get();
    for (std::size_t i = 1000; i < 1500; ++i) w.ask(numbered(i));
    w.wait(seconds(20));
    CHECK(w.counters.cache_entries.get() <= 50);
    w.forward.tidy(w.now);
    CHECK(w.counters.cache_entries.get() == 40);
    CHECK(w.counters.cache_bytes.get() == replies);
    for (std::size_t i = 0; i < 40; ++i) CHECK(w.ask(numbered(i)));
}

TEST_CASE("memory: without room for another socket a query that is sent again keeps one") {
    Bounded b(4 << 20);
    World& w = b.world;
    const std::size_t taken = b.fill();
    w.wait(milliseconds(3500));
    CHECK(w.asked.size() > taken + 100);  // sent again
    CHECK(w.open.size() <= taken + 3);
    CHECK(b.used(Kind::forward) <= w.counters.memory.part(80) + forward::Pending::attempt_bytes);
    CHECK_FALSE(w.double_close);
}

TEST_CASE("memory: the cache gives up its oldest replies for queries in flight, down to a quarter of memory-max") {
    Bounded b(4 << 20);
    World& w = b.world;
    w.options.cache_size = 100'000;
    w.adopt();
    std::size_t cached = 0;
    while (w.counters.memory.shed(Kind::cache) == 0 && cached < 100'000) {
        w.ask(numbered(cached));
        w.respond(UpstreamReply(w.last()).a(numbered(cached), 3600, "192.0.2.1"), w.last());
        ++cached;
    }
    CHECK(b.used(Kind::cache) <= w.counters.memory.part(70));
    CHECK(b.used(Kind::cache) > w.counters.memory.part(60));
    w.asked.clear();
    for (std::size_t i = 200'000; w.counters.cause_memory.get() == 0 && i < 300'000; ++i) w.ask(numbered(i));
    CHECK(b.used(Kind::cache) <= w.counters.memory.part(budget::cache_kept_percent));
    CHECK(b.used(Kind::cache) + 4096 > w.counters.memory.part(budget::cache_kept_percent));
    CHECK(b.used(Kind::forward) > w.counters.memory.part(50));
    CHECK(w.ask(numbered(cached - 1)));  // the newest is still there
}

TEST_CASE("memory: replies that are kept for later are counted") {
    Bounded b(8 << 20);
    World& w = b.world;
    w.ask("a.example");
    const std::size_t before = b.used(Kind::forward);
    UpstreamReply truncated(w.last());
    for (int i = 0; i < 60; ++i) truncated.a("a.example", 60, "192.0.2." + std::to_string(i + 1));
    truncated.flags(header_bit::tc);
    w.respond(truncated, w.last());
    CHECK(b.used(Kind::forward) >= before + 60 * 16);
    w.breaks(w.last());
    w.wait(seconds(10));
    CHECK(b.used(Kind::forward) == 0);
}
