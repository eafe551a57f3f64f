// What may a client in a network cause over UDP: the rate of its queries, its DNS cookie, ANY? And which clients are not concerned?
#include <catch2/catch.hpp>

#include "tests/unit/resolver_world.hpp"

namespace lictor::test {

using namespace lictor::answer;
using namespace lictor::core;
namespace {

const Address afar = Address::v4(203, 0, 113, 5), other = Address::v4(203, 0, 113, 6), here = Address::v4(127, 0, 0, 1);
using Bytes = std::vector<std::uint8_t>;

/// `query` has an OPT record without options at its end.
Bytes with_cookie(Bytes query, const Bytes& cookie) {
    query[query.size() - 1] = static_cast<std::uint8_t>(4 + cookie.size());
    query.insert(query.end(), {0, 10, 0, static_cast<std::uint8_t>(cookie.size())});
    query.insert(query.end(), cookie.begin(), cookie.end());
    return query;
}

class NetworkWorld : public ResolverWorld {
public:
    NetworkWorld() {
        rules->rrl_ratelimit = 10;
        show({});
    }
    Answer put(const Bytes& message, const Address& from, std::uint64_t connection = 0) {
        Client client;
        client.peer = {from, 20000};
        client.local = Address::v4(192, 0, 2, 1);
        client.connection = connection;
        answer = resolver.on_query(message, client, at, reply, actions);
        return answer;
    }
    Answer put(const Address& from, std::uint64_t connection = 0) { return put(Wording{.edns_version = 0}.bytes(), from, connection); }
    bool tc() const { return answer.answered() && (reply[2] & 2) != 0; }
    unsigned rcode() const { return reply[3] & 15u; }
    /// The data of the COOKIE option in the last reply, whose OPT is its last record; empty if it has none.
    Bytes cookie() const {
        wire::Reader reader(wire::Bytes(reply).first(answer.size));
        const auto header = *wire::read_header(reader.message());
        reader.skip(wire::header_size);
        for (unsigned i = 0; i < header.qdcount; ++i) reader.name(), reader.skip(4);
        for (unsigned i = 0; i < unsigned{header.ancount} + header.nscount + header.arcount; ++i) {
            const auto record = wire::read_record(reader);
            if (!record || record->type != rrtype::opt) continue;
            for (wire::Reader options(record->rdata); options.left() > 0;) {
                const auto code = options.u16();
                const auto data = options.take(options.u16());
                if (code == 10) return {data.begin(), data.end()};
            }
        }
        return {};
    }

    Answer answer;
};

const Bytes client_cookie = {1, 2, 3, 4, 5, 6, 7, 8};

}  // namespace

TEST_CASE("network: above the rate a client gets TC, no longer than its query, and one notice") {
    NetworkWorld w;
    for (int i = 0; i < 10; ++i) {
        w.put(afar);
        CHECK(w.rcode() == rcode::servfail);  // no upstream is configured
    }
    CHECK(w.count<Notice>() == 0);
    const auto query = Wording{.edns_version = 0}.bytes();
    for (int i = 0; i < 5; ++i) {
        w.put(query, afar);
        CHECK(w.tc());
        CHECK(w.rcode() == rcode::noerror);
        CHECK(w.answer.size <= query.size());
    }
    CHECK(w.counters.limited_truncated.get() == 5);
    CHECK(w.count<Notice>() == 1);
    w.put(other);
    CHECK_FALSE(w.tc());
    w.at.now += seconds(1);
    w.put(afar);
    CHECK_FALSE(w.tc());
}

TEST_CASE("network: messages that are no queries count too") {
    NetworkWorld w;
    for (int i = 0; i < 10; ++i) {
        w.put(Wording{.questions = 2}.bytes(), afar);
        CHECK(w.rcode() == rcode::formerr);
    }
    w.put(Wording{.questions = 2}.bytes(), afar);
    CHECK(w.tc());
}

TEST_CASE("network: rrl-slip says how many get a reply") {
    NetworkWorld w;
    for (int i = 0; i < 10; ++i) w.put(afar);
    const auto replies = [&](std::uint32_t slip) {
        w.rules->rrl_slip = slip;
        w.show({});
        int replied = 0;
        for (int i = 0; i < 60; ++i) replied += w.put(afar).answered();
        return replied;
    };
    CHECK(replies(1) == 60);
    CHECK(replies(3) == 20);
    CHECK(replies(0) == 0);
    CHECK(w.counters.limited_dropped.get() == 40 + 60);
}

TEST_CASE("network: no rate for this machine, TCP, exempt clients and rrl-ratelimit=0") {
    NetworkWorld w;
    w.rules->rrl_exempt = {{Address::v4(198, 51, 100, 0), 24}};
    w.show({});
    for (int i = 0; i < 100; ++i) {
        w.put(here);
        CHECK_FALSE(w.tc());
        w.put(Address::v4(192, 0, 2, 1));  // the address that was asked
        CHECK_FALSE(w.tc());
        w.put(Address::v4(198, 51, 100, 9));
        CHECK_FALSE(w.tc());
        w.put(afar, 7);
        CHECK_FALSE(w.tc());
    }
    w.rules->rrl_ratelimit = 0;
    w.show({});
    for (int i = 0; i < 100; ++i) {
        w.put(afar);
        CHECK_FALSE(w.tc());
    }
}

TEST_CASE("network: a client with another address of this machine is on it") {
    NetworkWorld w;
    const auto any = with_cookie(Wording{.type = rrtype::any, .edns_version = 0}.bytes(), client_cookie);
    w.put(any, other);
    CHECK(w.tc());
    CHECK_FALSE(w.cookie().empty());
    w.rules->interfaces = {{.interface = "eth0", .address = other, .bits = 24, .up = true}};
    w.show({});
    for (int i = 0; i < 100; ++i) {
        w.put(any, other);
        REQUIRE_FALSE(w.tc());
        CHECK(w.cookie().empty());
    }
    w.put(any, afar);  // of the same network, but not of this machine
    CHECK(w.tc());
}

TEST_CASE("network: ANY gets TC over UDP, also below the rate; all of it over TCP and on this machine") {
    NetworkWorld w;
    const auto any = Wording{.type = rrtype::any, .edns_version = 0}.bytes();
    w.put(any, afar);
    CHECK(w.tc());
    CHECK(w.answer.size <= any.size());
    CHECK(w.counters.any_truncated.get() == 1);
    w.put(any, afar, 7);
    CHECK_FALSE(w.tc());
    w.put(any, here);
    CHECK_FALSE(w.tc());
}

TEST_CASE("network: a client with a cookie of ours has no rate; without one it gets BADCOOKIE and a good cookie") {
    NetworkWorld w;
    const auto query = with_cookie(Wording{.edns_version = 0}.bytes(), client_cookie);
    for (int i = 0; i < 10; ++i) {
        w.put(query, afar);
        CHECK(w.rcode() == rcode::servfail);
    }
    w.put(query, afar);
    CHECK(w.rcode() == (rcode::badcookie & 15));
    CHECK_FALSE(w.tc());
    CHECK(w.counters.limited_cookie.get() == 1);
    const auto good = w.cookie();
    REQUIRE(good.size() == 24);
    const auto again = with_cookie(Wording{.edns_version = 0}.bytes(), good);
    for (int i = 0; i < 50; ++i) {
        w.put(again, afar);
        CHECK(w.rcode() == rcode::servfail);
        CHECK(w.cookie() == good);
    }
    w.put(with_cookie(Wording{.type = rrtype::any, .edns_version = 0}.bytes(), good), afar);
    CHECK_FALSE(w.tc());
    for (int i = 0; i < 11; ++i) w.put(again, other);  // made for another address
    CHECK(w.rcode() == (rcode::badcookie & 15));
    CHECK(w.counters.cookies_good.get() == 51);
}

TEST_CASE("network: BADCOOKIE and TC are longer than the query by no more than lictor's cookie, of 16 bytes") {
    NetworkWorld w;
    w.rules->rrl_ratelimit = 1;
    w.show({});
    Bytes cookie = client_cookie;
    if (GENERATE(false, true)) cookie.resize(24, 7);
    const auto query = with_cookie(Wording{.edns_version = 0}.bytes(), cookie);
    w.put(query, afar);
    w.put(query, afar);
    CHECK(w.rcode() == (rcode::badcookie & 15));
    CHECK(w.cookie().size() == 24);
    CHECK(w.answer.size <= query.size() + 24 - cookie.size());
    const auto any = with_cookie(Wording{.type = rrtype::any, .edns_version = 0}.bytes(), cookie);
    w.put(any, other);
    CHECK(w.tc());
    CHECK(w.answer.size <= any.size() + 24 - cookie.size());
}

TEST_CASE("cookies: a client in a network that sends one gets one, also over TCP and with an error; one on this machine gets none") {
    NetworkWorld w;
    const auto query = with_cookie(Wording{.edns_version = 0}.bytes(), client_cookie);
    const std::vector<std::pair<Address, std::uint64_t>> clients = {{afar, 0}, {afar, 5}};
    for (const auto& [from, connection] : clients) {
        w.put(query, from, connection);
        const auto cookie = w.cookie();
        REQUIRE(cookie.size() == 24);
        CHECK(std::equal(client_cookie.begin(), client_cookie.end(), cookie.begin()));
    }
    w.put(with_cookie(Wording{.edns_version = 1}.bytes(), client_cookie), afar);
    CHECK(w.cookie().size() == 24);
    w.put(query, here);
    CHECK(w.answer.answered());
    CHECK(w.cookie().empty());
    w.put(Wording{.edns_version = 0}.bytes(), afar);
    CHECK(w.cookie().empty());
    w.rules->no_answer_cookie = true;
    w.show({});
    w.put(query, afar);
    CHECK(w.answer.answered());
    CHECK(w.cookie().empty());
}

TEST_CASE("cookies: of a length that RFC 7873 does not allow the query is malformed; other server cookies are replaced") {
    NetworkWorld w;
    for (const std::size_t size : {0u, 1u, 7u, 9u, 15u, 41u, 60u}) {
        w.put(with_cookie(Wording{.edns_version = 0}.bytes(), Bytes(size, 3)), here);
        CHECK(w.rcode() == rcode::formerr);
    }
    for (const std::size_t size : {8u, 16u, 24u, 40u}) {
        w.put(with_cookie(Wording{.edns_version = 0}.bytes(), Bytes(size, 3)), afar);
        CHECK(w.rcode() == rcode::servfail);
        CHECK(w.cookie().size() == 24);
    }
}

TEST_CASE("cookies: a message without a question, but with a cookie, gets a cookie") {
    NetworkWorld w;
    auto query = with_cookie(Wording{.questions = 0, .edns_version = 0}.bytes(), client_cookie);
    query.erase(query.begin() + 12, query.end() - 23);  // the question; OPT with the cookie has 11 and 12 bytes
    w.put(query, here);
    CHECK(w.rcode() == rcode::formerr);
    w.put(query, afar);
    REQUIRE(w.answer.answered());
    CHECK(w.rcode() == rcode::noerror);
    CHECK(w.cookie().size() == 24);
    const auto good = w.cookie();
    query[query.size() - 13] = 0;  // no options
    query.resize(query.size() - 12);
    w.put(query, afar);
    CHECK(w.rcode() == rcode::formerr);
    CHECK(good.size() == 24);
}

}  // namespace lictor::test
