// Do the CHAOS names (cachesize.bind, hits.bind, …) give dnsmasq's figures, summed over the workers, and are other names refused?
#include <catch2/catch.hpp>

#include <array>

#include "conf/metrics/metrics.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/rules/rules.hpp"

using namespace lictor;
using namespace lictor::core;
using namespace lictor::metrics;
using namespace lictor::rules;
using namespace lictor::wire;

namespace {

struct Asked {
    unsigned code = 0;
    bool authoritative = false;
    std::vector<std::string> texts;
};

Asked ask(const char* name, std::uint16_t type, const Rules& rules, const Totals& totals) {
    Question question;
    question.name = *Name::parse(name);
    question.lower = question.name.lower();
    question.type = type;
    question.klass = rrclass::chaos;
    question.end = header_size + question.name.size() + 4;
    std::array<std::uint8_t, 2000> buffer{};
    const auto answer = answer_chaos(
        question, rules, [&] { return totals; }, buffer);
    const Bytes message = Bytes(buffer).first(answer.size);
    const auto header = read_header(message);
    REQUIRE(header);
    Asked asked{header->rcode(), header->aa(), {}};
    Reader reader(message);
    reader.skip(header_size);
    reader.skip_name();
    reader.skip(4);
    for (unsigned i = 0; i < header->ancount; ++i) {
        const auto record = read_record(reader);
        REQUIRE(record);
        CHECK(record->klass == rrclass::chaos);
        CHECK(record->ttl == 0);
        for (std::size_t at = 0; at < record->rdata.size(); at += record->rdata[at] + 1u)
            asked.texts.emplace_back(reinterpret_cast<const char*>(record->rdata.data()) + at + 1, record->rdata[at]);
    }
    return asked;
}

}  // namespace

TEST_CASE("CHAOS names give the sums over all workers") {
    WorkerCounters one, two;
    one.answers_cache.add(3);
    two.answers_local.add(2);
    two.answers_leader.add(1);
    one.forwarded.add(7);
    two.forward_retries.add(2);
    one.cache_insertions.add(5);
    two.cache_evictions.add(4);
    const Endpoint here{Address::v4(192, 0, 2, 1), 53}, there{Address::v4(192, 0, 2, 2), 5353};
    const Totals totals{
        {&one, &two},
        {{.endpoint = here, .sent = 4, .failed = 1}, {.endpoint = there, .sent = 1}, {.endpoint = here, .sent = 2, .refused = 1}}};
    Rules rules;
    rules.cache_size = 99;
    const auto text = [&](const char* name) { return ask(name, rrtype::txt, rules, totals).texts; };
    CHECK(text("cachesize.bind") == std::vector<std::string>{"99"});
    CHECK(text("hits.bind") == std::vector<std::string>{"6"});
    CHECK(text("misses.bind") == std::vector<std::string>{"5"});
    CHECK(text("insertions.bind") == std::vector<std::string>{"5"});
    CHECK(text("Evictions.BIND") == std::vector<std::string>{"4"});
    CHECK(text("auth.bind") == std::vector<std::string>{"0"});
    CHECK(text("servers.bind") == std::vector<std::string>{"192.0.2.1#53 6 2", "192.0.2.2#5353 1 0"});
    CHECK(ask("hits.bind", rrtype::any, rules, totals).authoritative);
    CHECK(ask("hits.bind", rrtype::a, rules, totals).code == rcode::notimp);
    CHECK(ask("other.bind", rrtype::txt, rules, totals).code == rcode::notimp);
    rules.no_ident = true;
    CHECK(ask("hits.bind", rrtype::txt, rules, totals).code == rcode::notimp);
}

TEST_CASE("a message with several questions is answered only if all are CHAOS names") {
    WorkerCounters one;
    one.answers_cache.add(3);
    const Totals totals{{&one}, {}};
    Rules rules;
    rules.cache_size = 99;
    const auto together = [&](std::vector<std::string> names, std::uint16_t type = rrtype::txt,
                              bool over_tcp = false) -> std::optional<std::vector<std::uint8_t>> {
        std::vector<std::uint8_t> message = {0, 7, 1, 0, 0, static_cast<std::uint8_t>(names.size()), 0, 0, 0, 0, 0, 0};
        for (const auto& name : names) {
            const Name wire = *Name::parse(name);
            message.insert(message.end(), wire.wire().begin(), wire.wire().end());
            for (const int byte : {type >> 8, type & 255, 0, 3}) message.push_back(static_cast<std::uint8_t>(byte));
        }
        std::vector<std::uint8_t> buffer(4096);
        const auto size = answer_chaos_together(
            message, over_tcp, rules, [&] { return totals; }, buffer);
        if (!size) return std::nullopt;
        buffer.resize(*size);
        return buffer;
    };
    const auto reply = together({"cachesize.bind", "HITS.bind", "servers.bind"});
    REQUIRE(reply);
    const auto header = read_header(*reply);
    CHECK((header->id == 7 && header->qr() && header->aa() && header->ra() && !header->tc() && header->rcode() == rcode::noerror));
    CHECK((header->qdcount == 3 && header->ancount == 2));
    Reader reader(*reply);
    reader.skip(header_size);
    for (int i = 0; i < 3; ++i) reader.skip_name(), reader.skip(4);
    const auto size = read_record(reader), hits = read_record(reader);
    REQUIRE((size && hits));
    CHECK((size->owner.text() == "cachesize.bind" && size->rdata.size() == 3 && size->rdata[1] == '9'));
    CHECK((hits->owner.text() == "HITS.bind" && hits->rdata.size() == 2 && hits->rdata[1] == '3'));
    CHECK(reader.left() == 0);
    CHECK_FALSE(together({"hits.bind"}));
    CHECK_FALSE(together({"hits.bind", "www.example"}));
    CHECK_FALSE(together({"hits.bind", "misses.bind"}, rrtype::a));
    CHECK_FALSE(together(std::vector<std::string>(17, "hits.bind")));
    CHECK((*together(std::vector<std::string>(16, "copyright.bind")))[2] == 0x87);  // AA, TC, RD
    CHECK(read_header(*together(std::vector<std::string>(16, "copyright.bind"), rrtype::txt, true))->ancount == 16);
    rules.no_ident = true;
    CHECK_FALSE(together({"hits.bind", "misses.bind"}));
}

TEST_CASE("servers.bind has no text if its answer does not fit") {
    Totals totals;
    for (int i = 0; i < 200; ++i) totals.upstreams.push_back({.endpoint = {Address::v4(10, 0, 0, 1), static_cast<std::uint16_t>(i)}});
    const Rules rules;
    CHECK(ask("servers.bind", rrtype::txt, rules, totals).texts.empty());
}
