// Are malformed messages refused, and can our code and ldns read what is written?
#include <catch2/catch.hpp>

#include <stdbool.h>  // before ldns: switches its own macros for bool, true and false off

#include <ldns/ldns.h>

#include <vector>

#include "resolver/wire/message.hpp"

using namespace lictor;
using namespace lictor::wire;

namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer bytes(std::initializer_list<int> list) { return {list.begin(), list.end()}; }

Buffer query_bytes() { return bytes({0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'W', 'w', 'w', 2, 'e', 'x', 0, 0, 1, 0, 1}); }

Buffer with_opt(Buffer message, Buffer options = {}, std::uint8_t version = 0) {
    message[11] = static_cast<std::uint8_t>(message[11] + 1);
    for (const int byte : {0, 0, 41, 4, 0xd0, 0, static_cast<int>(version), 0x80, 0, 0, static_cast<int>(options.size())})
        message.push_back(static_cast<std::uint8_t>(byte));
    message.insert(message.end(), options.begin(), options.end());
    return message;
}

TEST_CASE("a query is read as the client wrote it") {
    Question question;
    REQUIRE(read_question(query_bytes(), question) == QuestionFault::none);
    CHECK(question.header.id == 0x1234);
    CHECK(question.name.text() == "Www.ex");
    CHECK(question.lower.text() == "www.ex");
    CHECK(question.type == 1);
    CHECK(question.end == query_bytes().size());
    CHECK_FALSE(question.edns.present);
    REQUIRE(read_question(with_opt(query_bytes()), question) == QuestionFault::none);
    CHECK(question.edns.present);
    CHECK(question.edns.udp_size == 1232);
    CHECK(question.edns.dnssec_ok);
}

TEST_CASE("malformed queries are refused", "[CVE-2017-14496]") {
    Question question;
    const auto changed = [](std::size_t at, int value) {
        auto message = query_bytes();
        message[at] = static_cast<std::uint8_t>(value);
        return message;
    };
    CHECK(read_question(bytes({1, 2, 3}), question) == QuestionFault::too_short);
    CHECK(read_question(changed(2, 0x81), question) == QuestionFault::response);
    CHECK(read_question(changed(2, 0x29), question) == QuestionFault::notimp);
    CHECK(read_question(changed(5, 0), question) == QuestionFault::formerr);
    CHECK(read_question(changed(5, 2), question) == QuestionFault::formerr);
    CHECK(read_question(changed(12, 0xc0), question) == QuestionFault::formerr);  // a pointer in the question
    CHECK(read_question(changed(12, 64), question) == QuestionFault::formerr);
    CHECK(read_question(changed(7, 1), question) == QuestionFault::formerr);  // a missing record
    for (std::size_t size = 12; size < query_bytes().size(); ++size)
        CHECK(read_question(Bytes(query_bytes()).first(size), question) == QuestionFault::formerr);
    CHECK(read_question(with_opt(query_bytes(), {}, 1), question) == QuestionFault::badvers);
    CHECK(read_question(with_opt(with_opt(query_bytes())), question) == QuestionFault::formerr);
    CHECK(read_question(with_opt(query_bytes(), bytes({0, 13, 0, 9, 3})), question) == QuestionFault::formerr);  // option longer than OPT
    CHECK(read_question(with_opt(query_bytes(), bytes({0, 13, 0, 5, 3, 'c', 'o', 'm', 0})), question) == QuestionFault::none);
}

TEST_CASE("a query with answers, or with a KEY of another class, is malformed") {
    Question question;
    const auto with_record = [](std::size_t count_at, std::uint8_t type, std::uint8_t klass) {
        auto message = query_bytes();
        message[count_at] = 1;
        for (const int byte : {0xc0, 12, 0, int{type}, 0, int{klass}, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1})
            message.push_back(static_cast<std::uint8_t>(byte));
        return message;
    };
    CHECK(read_question(with_record(7, rrtype::a, rrclass::in), question) == QuestionFault::formerr);
    CHECK(read_question(with_record(9, rrtype::a, rrclass::in), question) == QuestionFault::none);
    CHECK(read_question(with_record(11, rrtype::a, rrclass::in), question) == QuestionFault::none);
    CHECK(read_question(with_record(11, rrtype::key, rrclass::in), question) == QuestionFault::none);
    CHECK(read_question(with_record(11, rrtype::key, rrclass::chaos), question) == QuestionFault::formerr);
}

TEST_CASE("the reply to another opcode has only the opcode of the query's bits") {
    const auto reply_to = [](std::uint8_t second, std::uint8_t third) {
        auto message = query_bytes();
        message[2] = second;
        message[3] = third;
        Question question;
        read_question(message, question);
        Buffer buffer(512);
        const Bytes reply = write_error(question, rcode::notimp, buffer);
        return std::pair(unsigned{reply[2]}, unsigned{reply[3]});
    };
    CHECK(reply_to(0x21, 0x10) == std::pair(0xa0u, 0x04u));  // opcode 4 with RD and CD
    CHECK(reply_to(0x28, 0x00) == std::pair(0xa8u, 0x04u));  // opcode 5
    CHECK(reply_to(0x01, 0x10) == std::pair(0x81u, 0x94u));  // a query: RD and CD are copied, RA is set
}

TEST_CASE("compression pointers lead backwards only") {
    // www.ex is at 12; behind it a pointer to itself, one forwards, one into the header, a chain of pointers, a valid pointer.
    auto message = query_bytes();
    const auto read_at = [&](Buffer tail) {
        auto whole = message;
        whole.insert(whole.end(), tail.begin(), tail.end());
        Reader reader(whole);
        reader.skip(message.size());
        const Name name = reader.name();
        return std::pair(reader.ok(), name.text());
    };
    CHECK(read_at(bytes({0xc0, 24})).first == false);
    CHECK(read_at(bytes({0xc0, 26, 1, 'a', 0})).first == false);
    CHECK(read_at(bytes({0xc0, 4})).first == false);
    CHECK(read_at(bytes({0xc0})).first == false);
    CHECK(read_at(bytes({0x80, 0})).first == false);
    CHECK(read_at(bytes({1, 'a', 0xc0, 12})) == std::pair(true, std::string("a.Www.ex")));
    CHECK(read_at(bytes({0xc0, 16})) == std::pair(true, std::string("ex")));
}

TEST_CASE("a reply is written with compression and read by ldns") {
    Question question;
    REQUIRE(read_question(with_opt(query_bytes()), question) == QuestionFault::none);
    std::array<std::uint8_t, 512> buffer{};
    Writer writer(buffer);
    writer.begin_reply(question, rcode::noerror, header_bit::aa | header_bit::ra);
    writer.reserve(opt_size);
    const Name target = *Name::parse("pg1.node.dc1.consul");
    CHECK(writer.name_record(Writer::Section::answer, question.name, rrtype::cname, 5, target));
    CHECK(writer.address_record(Writer::Section::answer, target, 6, *Address::parse("10.0.0.1")));
    CHECK(writer.address_record(Writer::Section::additional, target, 7, *Address::parse("2001:db8::1")));
    const std::size_t size = writer.finish().size();
    const Opt opt{1232, true, rcode::noerror, ede::stale_answer, "old", {}};
    const Bytes reply = Bytes(buffer).first(write_opt(buffer, size, 512, opt));
    CHECK(reply.size() == size + opt_ede_size + 3);

    ldns_pkt* packet = nullptr;
    REQUIRE(ldns_wire2pkt(&packet, reply.data(), reply.size()) == LDNS_STATUS_OK);
    CHECK(ldns_pkt_ancount(packet) == 2);
    CHECK(ldns_pkt_aa(packet));
    CHECK(ldns_pkt_edns(packet));
    CHECK(ldns_pkt_edns_do(packet));
    char* text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_answer(packet), 1));
    CHECK(std::string(text) == "pg1.node.dc1.consul.\t6\tIN\tA\t10.0.0.1\n");
    free(text);
    ldns_pkt_free(packet);
    // question 24, CNAME 12 + its target, A compressed to a pointer
    CHECK(reply.size() < 24 + 12 + 21 + 16 + 28 + 17 + 3 + 1);
}

TEST_CASE("names are compressed against all names in the first 16 KiB") {
    Question question;
    REQUIRE(read_question(query_bytes(), question) == QuestionFault::none);
    const auto target = [](int i) { return *Name::parse("t" + std::to_string(1000 + i) + ".node.dc1.consul"); };
    constexpr int count = 1000;
    Buffer buffer(message_max);
    Writer writer(buffer);
    writer.begin_reply(question, rcode::noerror, header_bit::aa | header_bit::ra);
    std::vector<std::size_t> places;
    for (int i = 0; i < count; ++i) {
        REQUIRE(writer.begin_record(Writer::Section::answer, question.name, rrtype::srv, rrclass::in, 5));
        for (const unsigned value : {1u, 1u, 80u}) writer.put_u16(static_cast<std::uint16_t>(value));
        places.push_back(writer.size());
        // Every few records one is removed and another takes its place.
        const auto before = writer.mark();
        writer.put_name(target(i % 7 == 0 ? i + count : i), Writer::Form::whole);
        if (i % 7 == 0) {
            writer.rewind(before);
            writer.put_name(target(i), Writer::Form::whole);
        }
        REQUIRE(writer.end_record());
    }
    CHECK(places.back() > 0x3fff);
    int pointers = 0;
    for (int i = 0; i < count; ++i) {
        const auto before = writer.size();
        REQUIRE(writer.address_record(Writer::Section::additional, target(i), 7,
                                      Address::v4(10, 0, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250))));
        const bool pointer = places[static_cast<std::size_t>(i)] <= 0x3fff;
        CHECK(writer.size() - before == (pointer ? 16u : 22u));  // two bytes, or a label of six and two
        pointers += pointer;
    }
    CHECK(pointers > 300);
    CHECK(pointers < count);
    const Bytes reply = writer.finish();

    ldns_pkt* packet = nullptr;
    REQUIRE(ldns_wire2pkt(&packet, reply.data(), reply.size()) == LDNS_STATUS_OK);
    for (int i = 0; i < count; ++i) {
        const std::string name = target(i).text() + ".";
        char* text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_answer(packet), static_cast<std::size_t>(i)));
        CHECK(std::string(text) == "Www.ex.\t5\tIN\tSRV\t1 1 80 " + name + "\n");
        free(text);
        text = ldns_rr2str(ldns_rr_list_rr(ldns_pkt_additional(packet), static_cast<std::size_t>(i)));
        CHECK(std::string(text) == name + "\t7\tIN\tA\t10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "\n");
        free(text);
    }
    ldns_pkt_free(packet);
}

TEST_CASE("a record that does not fit is removed completely", "[CVE-2017-14491]") {
    Question question;
    REQUIRE(read_question(query_bytes(), question) == QuestionFault::none);
    std::array<std::uint8_t, 512> buffer{};
    Writer writer(buffer);
    writer.begin_reply(question, rcode::noerror, header_bit::ra);
    writer.limit(24 + 16 + 10);
    CHECK(writer.address_record(Writer::Section::answer, question.name, 5, *Address::parse("10.0.0.1")));
    const auto size = writer.size();
    CHECK_FALSE(writer.address_record(Writer::Section::answer, question.name, 5, *Address::parse("10.0.0.2")));
    CHECK(writer.full());
    CHECK(writer.size() == size);
    CHECK(writer.count(Writer::Section::answer) == 1);
    CHECK(read_header(writer.finish())->ancount == 1);
}

TEST_CASE("an error reply echoes the question, the id and the flags of the client") {
    Question question;
    auto message = with_opt(query_bytes());
    message[3] = 0x10;  // CD
    REQUIRE(read_question(message, question) == QuestionFault::none);
    std::array<std::uint8_t, 512> buffer{};
    const std::size_t bare = write_error(question, rcode::servfail, buffer).size();
    const Bytes reply = Bytes(buffer).first(write_opt(buffer, bare, 512, {.rcode = rcode::servfail, .extended_error = ede::not_ready}));
    const auto header = *read_header(reply);
    CHECK(header.id == 0x1234);
    CHECK(header.qr());
    CHECK(header.bits & header_bit::rd);
    CHECK(header.cd());
    CHECK(header.ra());
    CHECK(header.rcode() == rcode::servfail);
    CHECK(header.arcount == 1);
    CHECK(reply.size() == 24 + opt_ede_size);
}

TEST_CASE("OPT is written without EXTRA-TEXT if there is no room for it, and left out if there is no room at all") {
    std::array<std::uint8_t, 60> buffer{};
    const Opt opt{.udp_size = 4096, .rcode = rcode::badvers, .extended_error = ede::other, .text = "why"};
    CHECK(write_opt(buffer, 20, 20 + opt_ede_size + 2, opt) == 20 + opt_ede_size);
    CHECK(buffer[11] == 1);
    CHECK(write_opt(buffer, 20, 20 + opt_ede_size + 3, opt) == 20 + opt_ede_size + 3);
    CHECK(buffer[25] == 1);  // the upper bits of BADVERS
    CHECK(std::string(buffer.begin() + 37, buffer.begin() + 40) == "why");
    CHECK(write_opt(buffer, 20, 20 + opt_ede_size - 1, opt) == 20);
    CHECK(write_opt(buffer, 50, 512, opt) == 50);
}

}  // namespace
