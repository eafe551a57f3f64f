// What is one client, does each get its share, is a DNS cookie one of ours, and when does a client ask too often?
#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

#include "resolver/clients/cookies.hpp"
#include "resolver/clients/response_rate.hpp"
#include "resolver/clients/shares.hpp"

using namespace lictor;
using namespace lictor::clients;

namespace {

ClientKey from(const std::string& address, std::uint16_t port = 5000) { return client_of({*Address::parse(address), port}); }

std::vector<std::uint8_t> hex(std::string_view text) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
    return out;
}

SipKey key(std::string_view text) {
    const auto bytes = hex(text);
    SipKey made;
    for (unsigned i = 0; i < 8; ++i) {
        made.first |= std::uint64_t{bytes[i]} << i * 8;
        made.second |= std::uint64_t{bytes[8 + i]} << i * 8;
    }
    return made;
}

}  // namespace

TEST_CASE("clients: on loopback a client is a port, in a network an address or 56 bits", "[clients]") {
    CHECK(from("127.0.0.1", 1) != from("127.0.0.1", 2));
    CHECK(from("127.0.0.1", 1) != from("127.0.0.2", 1));
    CHECK(from("::1", 1) != from("::1", 2));
    CHECK(from("::1", 1) != from("127.0.0.1", 1));
    CHECK(from("10.0.0.1", 1) == from("10.0.0.1", 2));
    CHECK(from("10.0.0.1") != from("10.0.0.2"));
    CHECK(from("2001:db8:0:ff00::1", 1) == from("2001:db8:0:ffff:1:2:3:4", 2));
    CHECK(from("2001:db8:0:ff00::1") != from("2001:db8:0:fe00::1"));
    CHECK(from("::a00:1") != from("10.0.0.1"));
}

TEST_CASE("shares: one client takes three quarters at most, and each further one finds some", "[clients]") {
    Shares shares(7);
    const auto take_all = [&](ClientKey client) {
        std::size_t taken = 0;
        for (; shares.may_take(client, 1000); ++taken) shares.take(client);
        return taken;
    };
    CHECK(take_all(1) == 750);
    CHECK(take_all(2) == 188);  // of the 250 that are left
    CHECK(take_all(3) > 30);
    for (ClientKey client = 4; client < 6; ++client) CHECK(take_all(client) >= 1);
    CHECK(shares.total() <= 1000);
    CHECK_FALSE(shares.may_take(1, 1000));
    shares.give_back(1);
    CHECK_FALSE(shares.may_take(1, 1000));  // it still has far more than is free
}

TEST_CASE("shares: small bounds are used up whole by several clients, and a row lives as long as it counts", "[clients]") {
    Shares shares;
    for (const std::size_t max : {1u, 2u, 3u}) {
        for (ClientKey client = 0; client < max; ++client) {
            CHECK(shares.may_take(client, max));
            shares.take(client);
        }
        CHECK_FALSE(shares.may_take(99, max));
        CHECK(shares.clients() == max);
        for (ClientKey client = 0; client < max; ++client) shares.give_back(client);
        shares.give_back(0);  // it has none
        CHECK(shares.clients() == 0);
        CHECK(shares.total() == 0);
    }
}

TEST_CASE("shares: a client alone is never held up below a quarter", "[clients]") {
    Shares shares;
    for (ClientKey other = 1; other <= 100; ++other) shares.take(other);
    for (int i = 0; i < 149; ++i) {
        REQUIRE(shares.may_take(0, 1000));
        shares.take(0);
    }
    CHECK(shares.of(0) == 149);
}

TEST_CASE("siphash: the first and the last vectors of the reference implementation", "[clients]") {
    const SipKey reference = key("000102030405060708090a0b0c0d0e0f");
    std::vector<std::uint8_t> message;
    CHECK(siphash(reference, message) == 0x726fdb47dd0e0e31u);
    for (unsigned i = 0; i < 15; ++i) message.push_back(static_cast<std::uint8_t>(i));
    CHECK(siphash(reference, message) == 0xa129ca6149be45e5u);
}

TEST_CASE("cookies: the vectors of RFC 9018, appendix A", "[clients]") {
    const SipKey secret = key("e5e973e5a6b2a43f48e7dc849e37bfcf");
    const auto made = [&](std::string_view client, std::uint32_t first, std::uint32_t stamp, const char* address) {
        const auto cookie = ServerCookies::made(secret, hex(client), first, stamp, *Address::parse(address));
        return std::vector<std::uint8_t>(cookie.begin(), cookie.end());
    };
    CHECK(made("2464c4abcf10c957", 0x01000000, 1559731985, "198.51.100.100") == hex("010000005cf79f111f8130c3eee29480"));
    CHECK(made("2464c4abcf10c957", 0x01000000, 1559734385, "198.51.100.100") == hex("010000005cf7a871d4a564a1442aca77"));
    CHECK(made("fc93fc62807ddb86", 0x01abcdef, 1559727985, "203.0.113.203") == hex("01abcdef5cf78f71a314227b6679ebf5"));
}

TEST_CASE("cookies: a good one is repeated for half an hour and good for one; others are replaced", "[clients]") {
    const Random::Seed secret{1, 2, 3};
    ServerCookies cookies(secret);
    const Address client = Address::v4(10, 0, 0, 1);
    const std::int64_t begin = 1'700'000'000;
    const auto first = hex("0102030405060708");
    const auto given = cookies.check(first, client, begin);
    CHECK_FALSE(given.good);
    CHECK(std::equal(first.begin(), first.end(), given.reply.begin()));
    const auto at = [&](std::int64_t later) { return cookies.check(given.reply, client, begin + later); };
    for (const std::int64_t later : {-300, 0, 1, 1800}) {
        CHECK(at(later).good);
        CHECK(at(later).reply == given.reply);
    }
    for (const std::int64_t later : {1801, 3600}) {
        CHECK(at(later).good);
        CHECK(at(later).reply != given.reply);
        CHECK(cookies.check(at(later).reply, client, begin + later).good);
    }
    for (const std::int64_t later : {-301, 3601, 86'400, 40 * 86'400}) CHECK_FALSE(at(later).good);

    // For this client and this client cookie only, and no bit may differ.
    CHECK_FALSE(cookies.check(given.reply, Address::v4(10, 0, 0, 2), begin).good);
    for (std::size_t i = 0; i < given.reply.size(); ++i) {
        auto changed = given.reply;
        changed[i] ^= 1;
        CHECK_FALSE(cookies.check(changed, client, begin).good);
    }
    CHECK(ServerCookies(secret).check(given.reply, client, begin).good);  // another worker
    CHECK_FALSE(ServerCookies({1, 2, 4}).check(given.reply, client, begin).good);
    // The key changes with the day; the cookies of the day before are good on.
    const std::int64_t midnight = begin / 86'400 * 86'400 + 86'400;
    const auto before = cookies.check(first, client, midnight - 10);
    CHECK(cookies.check(before.reply, client, midnight + 10).good);
    CHECK(cookies.check(cookies.check(first, client, midnight + 10).reply, client, midnight - 10).good);
}

TEST_CASE("response rate: a second's worth at once, then the rate; each client has its own", "[clients]") {
    ResponseRate rate(9);
    CHECK(rate.bytes() == 0);
    const auto burst = [&](ClientKey client, Now now) {
        std::size_t taken = 0;
        for (int i = 0; i < 500; ++i) taken += rate.take(client, now, 100);
        return taken;
    };
    CHECK(burst(1, seconds(10)) == 100);
    CHECK(burst(1, seconds(10) + milliseconds(500)) == 50);
    CHECK(burst(2, seconds(10) + milliseconds(500)) == 100);
    CHECK(burst(1, seconds(60)) == 100);
    // At exactly the rate nothing is refused.
    for (int i = 0; i < 1000; ++i) REQUIRE(rate.take(3, seconds(100) + milliseconds(10) * i, 100));
}

TEST_CASE("response rate: the memory is bounded, and a client above its rate is not forgotten among others", "[clients]") {
    ResponseRate rate(9);
    for (int i = 0; i < 500; ++i) rate.take(1, seconds(10), 100);
    for (std::uint32_t i = 0; i < 100'000; ++i) rate.take(1000 + i, seconds(10), 100);
    CHECK_FALSE(rate.take(1, seconds(10), 100));
    CHECK(rate.bytes() == ResponseRate::rows * 16);
}
