// Does memory-max shed in its order, count every byte once, and see the limit of the cgroup? When does the log say that it sheds?
#include "conf/budget/budget.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "conf/budget/limit.hpp"
#include "conf/budget/pressure.hpp"

using namespace lictor;
using namespace lictor::budget;

namespace {

constexpr std::uint64_t mega = 1 << 20;

/// An account of a Budget of its own.
struct Alone {
    explicit Alone(std::uint64_t max) : budget(max) { account.open(budget); }
    Budget budget;
    Account account;
};

std::optional<std::uint64_t> limit_of(const std::map<std::string, std::string>& files) {
    return cgroup_limit([&](const std::string& path) {
        const auto at = files.find(path);
        return at == files.end() ? std::nullopt : std::optional(at->second);
    });
}

Report report_of(std::uint64_t used, std::uint64_t shed) {
    Report report;
    report.max = 16 * mega;
    report.used[static_cast<std::size_t>(Kind::forward)] = used;
    report.shed[static_cast<std::size_t>(Kind::forward)] = shed;
    return report;
}

}  // namespace

TEST_CASE("budget: the kinds stop in the order of the table, the cheapest first") {
    Alone one(100 * mega);
    unsigned before = 0;
    for (std::size_t i = 0; i < kinds; ++i) {
        const KindRow& row = kind_rows[i];
        INFO(row.word);
        CHECK(row.percent > before);
        before = row.percent;
        one.account.set(Kind::consul, row.percent * mega - 200'000);
        for (std::size_t other = 0; other < kinds; ++other) CHECK(one.account.fits(static_cast<Kind>(other), 199'000) == (other >= i));
    }
    CHECK(before == 100);
}

TEST_CASE("budget: a few bytes of each kind are allowed however full it is, counted with what the kind uses") {
    Alone one(mega);
    one.account.set(Kind::consul, 4 * mega);
    for (std::size_t i = 0; i < kinds; ++i) {
        const auto kind = static_cast<Kind>(i);
        if (kind == Kind::consul) continue;
        INFO(kind_rows[i].word);
        CHECK(one.account.room(kind) == kind_rows[i].always);
        one.account.set(kind, kind_rows[i].always);
        CHECK_FALSE(one.account.fits(kind, 1));
    }
}

TEST_CASE("budget: accounts share one budget, and give their part back at their end") {
    Budget budget(100 * mega);
    Account one;
    one.open(budget);
    {
        Account other;
        other.set(Kind::cache, 60 * mega);  // entered before it takes part
        other.open(budget);
        CHECK(budget.taken() == 60 * mega);
        CHECK(one.room(Kind::forward) == 20 * mega);
        CHECK(one.fits(Kind::forward, 20 * mega));
        CHECK_FALSE(one.fits(Kind::forward, 20 * mega + 1));
        other.set(Kind::cache, mega);
        CHECK(budget.taken() == mega);
    }
    CHECK(budget.taken() == 0);
    CHECK(one.fits(Kind::forward, 80 * mega));
}

TEST_CASE("budget: small changes write nothing that threads share") {
    Alone one(10 * mega);
    one.account.set(Kind::tcp, 100'000);
    const auto taken = one.budget.taken();
    CHECK(taken >= 100'000);
    for (std::size_t bytes = 60'000; bytes < taken; bytes += 500) {
        one.account.set(Kind::tcp, bytes);
        REQUIRE(one.budget.taken() == taken);
    }
    one.account.set(Kind::tcp, 0);
    CHECK(one.budget.taken() == 0);
}

TEST_CASE("budget: without a budget everything fits, and the use is still counted") {
    Account account;
    account.set(Kind::cache, 5);
    account.set(Kind::cache, account.used(Kind::cache) + 7);
    account.set(Kind::cache, account.used(Kind::cache) - 2);
    CHECK(account.used(Kind::cache) == 10);
    CHECK(account.fits(Kind::cache, std::size_t{1} << 62));
}

TEST_CASE("budget: bytes that are held count once, wherever they move") {
    Alone one(mega);
    Held first(one.account, Kind::held), second(one.account, Kind::held);
    first.set(1000);
    second.set(500);
    CHECK(one.account.used(Kind::held) == 1500);
    first = std::move(second);
    CHECK(one.account.used(Kind::held) == 500);
    CHECK(first.bytes() == 500);
    {
        const Held moved(std::move(first));
        CHECK(one.account.used(Kind::held) == 500);
    }
    CHECK(one.account.used(Kind::held) == 0);
    Held large(one.account, Kind::held);
    CHECK(large.grow_to(mega / 2));
    CHECK_FALSE(large.grow_to(2 * mega));
    CHECK(large.bytes() == mega / 2);
    CHECK(one.account.shed(Kind::held) == 1);
    CHECK(large.grow_to(10));
    Held unbound;
    CHECK(unbound.grow_to(1 << 30));
}

TEST_CASE("budget: the limit of the cgroup is the smallest of the group and the groups above it") {
    CHECK_FALSE(limit_of({}));
    // version 2, the group itself; a container sees itself as the root
    CHECK(limit_of({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "33554432\n"}}) == 32 * mega);
    CHECK_FALSE(limit_of({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "max\n"}}));
    // version 2, a service: its own group has none, its slice has one
    CHECK(limit_of({{"/proc/self/cgroup", "0::/system.slice/lictor.service\n"},
                    {"/sys/fs/cgroup/system.slice/lictor.service/memory.max", "max\n"},
                    {"/sys/fs/cgroup/system.slice/memory.max", "67108864\n"}}) == 64 * mega);
    CHECK(limit_of({{"/proc/self/cgroup", "0::/a/b\n"},
                    {"/sys/fs/cgroup/a/b/memory.max", "100000000\n"},
                    {"/sys/fs/cgroup/a/memory.max", "50000000\n"},
                    {"/sys/fs/cgroup/memory.max", "70000000\n"}}) == 50'000'000);
    // version 1, with the group's path as the host sees it, which the container cannot see
    CHECK(limit_of({{"/proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n9:memory:/docker/abc\n0::/\n"},
                    {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n"}}) == 32 * mega);
    CHECK_FALSE(
        limit_of({{"/proc/self/cgroup", "9:memory:/\n"}, {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}));
    CHECK_FALSE(
        limit_of({{"/proc/self/cgroup", "9:memory_like:/\nno line\n::"}, {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n"}}));
}

TEST_CASE("budget: the default is half of the limit, or a generous bound beside the caches") {
    CHECK(default_max(32 * mega, 5'000'000) == 16 * mega);
    CHECK(default_max(4 * mega, 0) == bytes_min);
    CHECK(default_max(std::nullopt, 5'000'000) == 64 * mega + 5'000'000);
}

TEST_CASE("budget: the log says once that shedding begins, and once that it has ended") {
    Pressure pressure;
    Now now = seconds(100);
    CHECK_FALSE(pressure.line(report_of(mega, 0), now));
    CHECK_FALSE(pressure.sheds());
    const auto begin = pressure.line(report_of(13 * mega, 812), now += milliseconds(500));
    REQUIRE(begin);
    CHECK(begin->begins);
    CHECK(begin->text ==
          "memory-max=16777216 is used up (13 MB of 16 MB): 812 queries for upstreams answered SERVFAIL; raise memory-max, or find the "
          "client "
          "that floods: lictor stats shows what uses the memory");
    CHECK(pressure.sheds());
    CHECK_FALSE(pressure.line(report_of(13 * mega, 2000), now += seconds(9)));
    CHECK_FALSE(pressure.line(report_of(mega, 2000), now += milliseconds(9900)));
    const auto end = pressure.line(report_of(mega, 2000), now += milliseconds(100));
    REQUIRE(end);
    CHECK_FALSE(end->begins);
    CHECK(end->text ==
          "memory-max: nothing is shed any more (1024 kB of 16 MB in use); in 9 s: 2000 queries for upstreams answered SERVFAIL");
    CHECK_FALSE(pressure.sheds());
    CHECK_FALSE(pressure.line(report_of(mega, 2000), now += seconds(60)));
    const auto again = pressure.line(report_of(13 * mega, 2001), now += seconds(60));
    REQUIRE(again);
    CHECK(again->text.find(": 1 queries for upstreams") != std::string::npos);
}

TEST_CASE("budget: freed memory is given back once it falls no further") {
    Pressure pressure;
    CHECK_FALSE(pressure.gives_back(mega));
    CHECK_FALSE(pressure.gives_back(20 * mega));
    CHECK_FALSE(pressure.gives_back(10 * mega));
    CHECK_FALSE(pressure.gives_back(2 * mega));
    CHECK(pressure.gives_back(2 * mega));
    CHECK_FALSE(pressure.gives_back(2 * mega));
    CHECK_FALSE(pressure.gives_back(mega + mega / 2));
    CHECK_FALSE(pressure.gives_back(mega + mega / 2));
    CHECK_FALSE(pressure.gives_back(mega));
    CHECK(pressure.gives_back(mega));
}
