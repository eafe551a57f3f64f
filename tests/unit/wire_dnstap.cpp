// Is a dnstap frame written as dnstap.proto and frame streams define it, and is a reader's control frame understood? The e2e topic `logs`
// has dnstap-read decode what lictor sends.
#include <catch2/catch.hpp>

#include <map>

#include "conf/base/bytes.hpp"
#include "resolver/wire/dnstap.hpp"

namespace lictor::wire {
namespace {

/// The fields of a Protocol Buffers message: numbers by field, byte strings by field.
struct Fields {
    std::map<unsigned, std::uint64_t> numbers;
    std::map<unsigned, std::string> bytes;
    bool whole = true;

    explicit Fields(std::string_view text) {
        std::size_t at = 0;
        const auto varint = [&] {
            std::uint64_t value = 0;
            for (int shift = 0; at < text.size(); shift += 7) {
                const auto byte = static_cast<unsigned char>(text[at++]);
                value |= std::uint64_t{byte & 0x7fu} << shift;
                if (byte < 0x80) return value;
            }
            whole = false;
            return value;
        };
        while (at < text.size() && whole) {
            const auto key = varint();
            const auto field = static_cast<unsigned>(key >> 3);
            if (key % 8 == 0) {
                numbers[field] = varint();
            } else if (key % 8 == 5 && text.size() - at >= 4) {
                for (int i = 3; i >= 0; --i)
                    numbers[field] = numbers[field] << 8 | static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
                at += 4;
            } else if (const auto size = key % 8 == 2 ? varint() : text.size() + 1; size <= text.size() - at) {
                bytes[field] = text.substr(at, size);
                at += size;
            } else {
                whole = false;
            }
        }
    }
};

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

TEST_CASE("dnstap: a frame has the fields of dnstap.proto, and only those that are known") {
    const std::vector<std::uint8_t> message(300, 7);
    TapEvent event{.type = TapEvent::Type::client_response,
                   .asker = {*Address::parse("2001:db8::1"), 40000},
                   .answerer = {*Address::parse("2001:db8::2"), 53},
                   .tcp = true,
                   .query_time_ns = 1'700'000'000'000'000'007,
                   .response_time_ns = 1'700'000'001'999'999'999,
                   .message = message};
    std::vector<std::uint8_t> out = {1, 2, 3};
    append_tap_frame(out, event, "host", "lictor 1");
    REQUIRE(load_u32(out.data() + 3) == out.size() - 7);
    const Fields frame(text_of(Bytes(out).subspan(7)));
    CHECK(frame.whole);
    CHECK(frame.numbers == std::map<unsigned, std::uint64_t>{{15, 1}});
    CHECK(frame.bytes.at(1) == "host");
    CHECK(frame.bytes.at(2) == "lictor 1");
    const Fields fields(frame.bytes.at(14));
    CHECK(fields.whole);
    CHECK(fields.numbers ==
          std::map<unsigned, std::uint64_t>{
              {1, 6}, {2, 2}, {3, 2}, {6, 40000}, {7, 53}, {8, 1'700'000'000}, {9, 7}, {12, 1'700'000'001}, {13, 999'999'999}});
    CHECK(fields.bytes.at(4) == text_of(event.asker.address.raw()));
    CHECK(fields.bytes.at(5) == text_of(event.answerer.address.raw()));
    CHECK(fields.bytes.at(14) == text_of(message));
    CHECK_FALSE(fields.bytes.contains(10));

    event = {.type = TapEvent::Type::forwarder_query,
             .asker = {},
             .answerer = {Address::v4(192, 0, 2, 1), 53},
             .query_time_ns = 5,
             .message = message};
    out.clear();
    append_tap_frame(out, event, "", "v");
    const Fields query(Fields(text_of(Bytes(out).subspan(4))).bytes.at(14));
    CHECK(query.numbers == std::map<unsigned, std::uint64_t>{{1, 7}, {2, 1}, {3, 1}, {7, 53}, {8, 0}, {9, 5}});
    CHECK_FALSE(query.bytes.contains(4));
    CHECK(query.bytes.at(10) == text_of(message));
}

TEST_CASE("dnstap: control frames are read, and refused if they are malformed or of another content type") {
    const auto inner = [](TapControl control) {
        const auto frame = tap_control(control);
        CHECK(load_u32(frame.data()) == 0);
        REQUIRE(load_u32(frame.data() + 4) == frame.size() - 8);
        return std::vector<std::uint8_t>(frame.begin() + 8, frame.end());
    };
    for (const auto control : {TapControl::ready, TapControl::start, TapControl::stop, TapControl::finish})
        CHECK(read_tap_control(inner(control)) == control);
    auto accept = inner(TapControl::ready);
    accept[3] = 1;
    CHECK(read_tap_control(accept) == TapControl::accept);
    auto other = accept;
    other.back() = 'x';
    CHECK_FALSE(read_tap_control(other));
    other.insert(other.end(), accept.begin() + 4, accept.end());
    CHECK(read_tap_control(other) == TapControl::accept);  // it lists several types
    for (std::size_t size = 0; size < accept.size(); ++size)
        if (size != 4) CHECK_FALSE(read_tap_control(Bytes(accept).first(size)));
    accept[3] = 9;
    CHECK_FALSE(read_tap_control(accept));
    accept[3] = 1;
    accept[8] = 0xff;  // a length beyond the frame
    CHECK_FALSE(read_tap_control(accept));
}

}  // namespace lictor::wire
