// Are messages read from and written into a TCP stream correctly (resolver/wire/frame.hpp)?
#include <catch2/catch.hpp>

#include <numeric>

#include "resolver/wire/frame.hpp"

using namespace lictor;
using namespace lictor::wire;

namespace {

using Message = std::vector<std::uint8_t>;
using Messages = std::vector<Message>;

Message bytes_from(std::uint8_t first, std::size_t count) {
    Message bytes(count);
    std::iota(bytes.begin(), bytes.end(), first);
    return bytes;
}

Messages take_all(FrameReader& reader) {
    Messages messages;
    for (Bytes message; reader.next(message) == FrameReader::Next::message;) messages.emplace_back(message.begin(), message.end());
    return messages;
}

}  // namespace

TEST_CASE("two messages are read whole, wherever the stream is cut") {
    const auto first = bytes_from(1, 12), second = bytes_from(100, 30);
    Message stream;
    REQUIRE(append_frame(stream, first));
    REQUIRE(append_frame(stream, second));
    for (std::size_t a = 0; a <= stream.size(); ++a) {
        for (std::size_t b = a; b <= stream.size(); ++b) {
            FrameReader reader;
            Messages messages;
            for (const auto piece : {Bytes(stream).first(a), Bytes(stream).subspan(a, b - a), Bytes(stream).subspan(b)}) {
                reader.put(piece);
                for (auto& message : take_all(reader)) messages.push_back(std::move(message));
            }
            REQUIRE(messages == Messages{first, second});
            REQUIRE(reader.unread() == 0);
        }
    }
}

TEST_CASE("a single length byte is a partial message, a whole message is not") {
    FrameReader reader;
    CHECK_FALSE(reader.partial());
    reader.put(Message{0});
    CHECK(reader.partial());
    reader.put(Message{1, 42});
    CHECK_FALSE(reader.partial());
    CHECK(reader.whole());
    CHECK(take_all(reader) == Messages{{42}});
    CHECK_FALSE(reader.partial());
}

TEST_CASE("after a length of zero the stream stays broken") {
    FrameReader reader;
    reader.put(Message{0, 1, 7, 0, 0, 0, 1, 8});
    Bytes message;
    REQUIRE(reader.next(message) == FrameReader::Next::message);
    CHECK(message[0] == 7);
    CHECK(reader.next(message) == FrameReader::Next::broken);
    reader.put(Message{0, 1, 9});
    CHECK(reader.next(message) == FrameReader::Next::broken);
    CHECK_FALSE(reader.partial());
}

TEST_CASE("the longest message is written, a longer one is refused") {
    Message stream;
    CHECK_FALSE(append_frame(stream, Message(65'536)));
    CHECK_FALSE(append_frame(stream, {}));
    CHECK(stream.empty());
    const auto longest = bytes_from(3, 65'535);
    REQUIRE(append_frame(stream, longest));
    FrameReader reader;
    reader.put(Bytes(stream).first(65'536));
    CHECK(take_all(reader).empty());
    reader.put(Bytes(stream).last(1));
    CHECK(take_all(reader) == Messages{longest});
}

TEST_CASE("trim keeps unread bytes") {
    FrameReader reader;
    reader.put(Message{0, 2, 5});
    reader.trim();
    reader.put(Message{6});
    CHECK(take_all(reader) == Messages{{5, 6}});
    reader.trim();
    CHECK(reader.unread() == 0);
}
