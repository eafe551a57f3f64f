// Is a service with many instances answered with the records that the agent gives, each as often as from the agent, and at a cost that does
// not depend on their number?
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <set>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::test;

namespace {

constexpr std::size_t no_table = 1'000'000;  ///< for ZoneWorld::table_from: every instance is looked at

std::string address(std::uint32_t number) {
    return "10." + std::to_string(number >> 16 & 255) + '.' + std::to_string(number >> 8 & 255) + '.' + std::to_string(number & 255);
}

/// `size` instances of `web`, each on a node of its own; every second one has the tag `even`.
ZoneWorld many(std::uint32_t size) {
    ZoneWorld world;
    for (std::uint32_t i = 0; i < size; ++i)
        world.instance(
            "web", world.node("n" + std::to_string(i), address(i)), 80,
            {.id = std::to_string(i), .tags = i % 2 == 0 ? std::vector<std::string>{"even", "v1.x"} : std::vector<std::string>{}});
    return world;
}

/// Pearson's statistic of how often each result came, for results with these probabilities.
double chi_square(const std::map<std::string, int>& came, const std::map<std::string, double>& probabilities) {
    double total = 0, sum = 0;
    for (const auto& [result, count] : came) {
        REQUIRE(probabilities.contains(result));
        total += count;
    }
    for (const auto& [result, probability] : probabilities) {
        const auto found = came.find(result);
        const double count = found == came.end() ? 0 : found->second, expected = total * probability;
        sum += (count - expected) * (count - expected) / expected;
    }
    return sum;
}

/// The last part of each record of ANSWER, such as the last number of its address, in the order of the answer.
std::string order_of(const MessageText& message) {
    std::string order;
    for (const auto& line : message.answer) order += line.substr(line.find_last_of(". ") + 1);
    return order;
}

/// Three addresses, with four, three and one instances. The first two are of one rank.
ZoneWorld unequal(std::size_t table_from) {
    ZoneWorld world;
    world.table_from = table_from;
    const auto a = world.node("a", "10.0.0.1"), b = world.node("b", "10.0.0.2"), c = world.node("c", "10.0.0.3");
    for (std::uint32_t port = 1; port <= 4; ++port) world.instance("web", a, port);
    for (std::uint32_t port = 1; port <= 3; ++port) world.instance("web", b, port);
    world.instance("web", c, 1);
    return world;
}

/// Random numbers that the generator has given since it had this seed; at most `most`.
std::size_t used(Random& random, const Random::Seed& seed, std::size_t most) {
    const std::array<std::uint32_t, 3> next{random.next_u32(), random.next_u32(), random.next_u32()};
    Random again(seed);
    std::array<std::uint32_t, 3> window{again.next_u32(), again.next_u32(), again.next_u32()};
    for (std::size_t i = 0; i < most; ++i) {
        if (window == next) return i;
        window = {window[1], window[2], again.next_u32()};
    }
    return most;
}

/// CPU time of one answer, the least of many.
double nanoseconds(ZoneWorld& world, const std::string& line) {
    world.settle();
    const wire::Question asked = ZoneWorld::question(line);
    const wire::Name domain = world.domain_of(asked.lower);
    std::vector<std::uint8_t> buffer(65535);
    const auto now = [] {
        timespec at{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
        return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
    };
    double least = 1e18;
    for (int i = 0; i < 300; ++i) {
        const double before = now();
        const auto answer =
            zone::answer_zone(asked, domain, zone::ZoneContext{world.catalog, world.random, world.at, world.udp_max}, buffer);
        least = std::min(least, now() - before);
        REQUIRE(answer);
    }
    return least;
}

}  // namespace

TEST_CASE("zone large: addresses with several instances come as often as in a shuffle of all instances") {
    // Of eight instances the first is on `a` with probability 4/8, the next other one on `b` with 3/4, and so on.
    const std::map<std::string, double> orders{{"123", 3. / 8},  {"132", 1. / 8},  {"213", 3. / 10},
                                               {"231", 3. / 40}, {"312", 1. / 14}, {"321", 3. / 56}};
    for (const std::size_t table_from : {std::size_t{0}, no_table}) {
        ZoneWorld world = unequal(table_from);
        std::map<std::string, int> came;
        for (int i = 0; i < 12'000; ++i) ++came[order_of(world.message("web.service.consul A"))];
        INFO(table_from);
        CHECK(chi_square(came, orders) < 20.5);  // 5 degrees of freedom, p = 0.001
    }
}

TEST_CASE("zone large: a limit on addresses leaves those that come first in a shuffle") {
    const std::map<std::string, double> first{{"1", 4. / 8}, {"2", 3. / 8}, {"3", 1. / 8}};
    ZoneWorld world = unequal(0);
    world.settings->a_record_limit = 1;
    std::map<std::string, int> came;
    for (int i = 0; i < 12'000; ++i) ++came[order_of(world.message("web.service.consul ANY"))];
    CHECK(chi_square(came, first) < 13.8);  // 2 degrees of freedom
}

TEST_CASE("zone large: of SRV records that differ in weight only, each instance's comes equally often") {
    ZoneWorld world;
    world.table_from = 0;
    const auto a = world.node("a", "10.0.0.1");
    for (std::uint16_t weight = 1; weight <= 4; ++weight) world.instance("web", a, 80, {.id = std::to_string(weight), .weight = weight});
    std::map<std::string, int> came;
    for (int i = 0; i < 8'000; ++i) {
        const auto reply = world.message("web.service.consul SRV");
        REQUIRE(reply.answer.size() == 1);
        ++came[reply.answer[0]];
    }
    std::map<std::string, double> equal;
    for (int weight = 1; weight <= 4; ++weight)
        equal["web.service.consul 0 SRV 1 " + std::to_string(weight) + " 80 a.node.dc1.consul"] = 0.25;
    CHECK(chi_square(came, equal) < 16.3);  // 3 degrees of freedom
}

TEST_CASE("zone large: every instance is equally often among those that fit, and at every place") {
    constexpr std::uint32_t size = 200;
    ZoneWorld world = many(size);
    std::map<std::string, int> among, front, last;
    constexpr int rounds = 4000;
    std::size_t records = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto reply = world.message("web.service.consul A");
        records = reply.answer.size();
        REQUIRE(std::set<std::string>(reply.answer.begin(), reply.answer.end()).size() == records);
        for (const auto& line : reply.answer) ++among[line];
        ++front[reply.answer.front()];
        ++last[reply.answer.back()];
    }
    REQUIRE(records == 29);
    std::map<std::string, double> equal;
    for (std::uint32_t i = 0; i < size; ++i) equal["web.service.consul 0 A " + address(i)] = 1. / size;
    // 199 degrees of freedom: 199 on average, 272 with p = 0.0005. Records of one answer exclude each other.
    CHECK(chi_square(front, equal) < 272);
    CHECK(chi_square(last, equal) < 272);
    CHECK(chi_square(among, equal) / (1 - static_cast<double>(records) / size) < 272);
}

TEST_CASE("zone large: the table of records has what a look at every instance finds") {
    Random random{Random::Seed{9, 9, 9}};
    const auto sorted = [](std::vector<std::string> lines) {
        std::sort(lines.begin(), lines.end());
        return lines;
    };
    const std::vector<std::string> tags{"a", "b", "v1.2", "v1", "x.v1.2", "2"};
    for (int round = 0; round < 120; ++round) {
        ZoneWorld world;
        const auto maybe = [&](std::uint32_t one_of) { return random.below(one_of) == 0; };
        for (const std::string datacenter : {"", "dc2"}) {
            std::vector<std::shared_ptr<NodeRecord>> nodes;
            for (std::uint32_t i = 0; i < 6; ++i) {
                TaggedAddresses tagged;
                if (maybe(3)) tagged.lan_ipv6 = HostText("2001:db8::" + std::to_string(i));
                if (maybe(3)) tagged.wan = HostText(address(200 + i));
                if (maybe(4)) tagged.wan_ipv4 = HostText(address(300 + i));
                const std::string name = i == 5 && maybe(4) ? std::string(70, 'n') : "n" + std::to_string(i);
                nodes.push_back(world.node(name,
                                           i == 4               ? "2001:db8::99"
                                           : i == 3 && maybe(6) ? "host.test"
                                                                : address(i % 3 + 1),
                                           {{"k", std::to_string(i)}}, tagged, datacenter));
            }
            const std::uint32_t size = random.below(50);
            for (std::uint32_t i = 0; i < size; ++i) {
                InstanceMore more{.id = std::to_string(i)};
                if (maybe(3)) more.address = address(50 + random.below(4));
                if (maybe(10)) more.address = "2001:db8::7";
                for (const auto& tag : tags)
                    if (maybe(4)) more.tags.push_back(tag);
                if (maybe(6)) more.tags.push_back(more.tags.empty() ? "a" : more.tags.front());  // a tag twice
                more.health = maybe(4) ? Health::critical : maybe(3) ? Health::warning : Health::passing;
                if (maybe(5)) more.tagged.lan_ipv4 = HostText(address(80 + random.below(3)));
                if (maybe(8)) more.tagged.wan_port = 99;
                world.instance("web", nodes[random.below(6)], 80 + random.below(3), more, datacenter);
            }
        }
        world.host("host.test", FactState::known, {"192.0.2.1"});
        for (int i = 0; i < 12; ++i) {
            world.settings->only_passing = maybe(2);
            world.settings->translate_wan = maybe(2);
            world.set_version(maybe(2) ? "1.8.7" : "1.22.0");
            world.set_strict(maybe(3));
            const std::string of = maybe(2) ? "web.service.consul" : "web.service.dc2.consul";
            const std::string tag = maybe(2) ? tags[random.below(static_cast<std::uint32_t>(tags.size()))] + '.' : maybe(5) ? "none." : "";
            const std::string type = std::array{"A", "AAAA", "ANY", "SRV", "TXT", "MX"}[random.below(6)];
            const std::string line = tag + of + ' ' + type + (maybe(2) ? " tcp" : " edns=4096");
            INFO(round << ' ' << line << " passing " << world.settings->only_passing << " strict " << world.settings->agent.strict);
            world.udp_max = 4096;
            world.table_from = no_table;
            const auto all = world.message(line);
            const bool answered = world.last.has_value();
            for (const std::size_t from : {std::size_t{0}, std::size_t{10}, RecordTable::few_max}) {
                world.table_from = from;
                const auto drawn = world.message(line);
                CHECK(world.last.has_value() == answered);
                CHECK(drawn.rcode == all.rcode);
                CHECK(sorted(drawn.answer) == sorted(all.answer));
                CHECK(sorted(drawn.authority) == sorted(all.authority));
                CHECK(sorted(drawn.additional) == sorted(all.additional));
            }
            world.settings->a_record_limit = random.below(4);
            world.table_from = no_table;
            const std::string udp = tag + of + ' ' + type;
            const auto some = world.message(udp);
            world.table_from = 0;
            const auto drawn = world.message(udp);
            if (type != "SRV") CHECK(drawn.answer.size() == some.answer.size());  // SRV records differ in size
            CHECK(drawn.flags.find("tc") == some.flags.find("tc"));
            world.settings->a_record_limit = 0;
        }
    }
}

TEST_CASE("zone large: tags that end in the name, and instances without a record, are found in the table") {
    ZoneWorld world = many(100);
    CHECK(world.message("x.web.service.consul A").rcode == "NOERROR");  // `v1.x` exists
    CHECK(world.message("y.web.service.consul A").rcode == "NXDOMAIN");
    CHECK(world.message("even.web.service.consul A tcp").answer.size() == 50);
    CHECK(world.ask("web.service.consul AAAA") == no_data);
    CHECK(world.ask("web.service.consul MX") == no_data);
    for (std::size_t i = 0; i < 100; ++i) world.change("web", i).health = Health::warning;
    world.settings->only_passing = true;
    CHECK(world.ask("web.service.consul A") == no_name);
    CHECK(world.ask("x.web.service.consul A") == no_name);
}

TEST_CASE("zone large: an answer takes a seed from the generator, not a number for each instance") {
    const Random::Seed seed{1, 2, 3, 4};
    ZoneWorld world = many(10'000);
    for (const std::string type : {"A", "AAAA", "ANY", "SRV", "TXT"})
        for (const std::string name : {"web.service.consul ", "even.web.service.consul ", "none.web.service.consul "})
            for (const std::string transport : {"", " edns=1232", " tcp"}) {
                const std::string line = name + type + transport;
                world.random = Random(seed);
                const auto records = world.message(line).answer.size();
                INFO(line << ": " << records << " records");
                CHECK(used(world.random, seed, 20'000) <= 2);
            }
}

TEST_CASE("zone large: an answer over UDP from 20,000 instances takes no longer than from 100") {
    ZoneWorld few = many(100), all = many(20'000);
    for (const std::string line :
         {"web.service.consul A edns=1232", "web.service.consul AAAA edns=1232", "web.service.consul SRV edns=1232",
          "even.web.service.consul A edns=1232", "none.web.service.consul A edns=1232", "web.service.consul MX edns=1232"}) {
        const double least = nanoseconds(few, line), most = nanoseconds(all, line);
        INFO(line << ": " << least << " ns, " << most << " ns");
        CHECK(most < 4 * least + 2000);  // 100 times as long, if every instance is looked at
    }
}
