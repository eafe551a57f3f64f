// Fuzzes FrameReader: a stream in any pieces gives the frames of the whole stream, and no byte outside it is read. The first byte seeds the
// cuts; the rest is the stream.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "conf/base/bytes.hpp"
#include "resolver/wire/frame.hpp"

namespace {

using namespace lictor;
using namespace lictor::wire;

struct Outcome {
    std::vector<std::vector<std::uint8_t>> messages;
    bool broken = false;
    bool operator==(const Outcome&) const = default;
};

void take_all(FrameReader& reader, Outcome& outcome) {
    Bytes message;
    while (true) {
        switch (reader.next(message)) {
            case FrameReader::Next::message: outcome.messages.emplace_back(message.begin(), message.end()); break;
            case FrameReader::Next::more: return;
            case FrameReader::Next::broken: outcome.broken = true; return;
        }
    }
}

/// The frames of the whole stream, by RFC 1035 §4.2.2.
Outcome expected(Bytes stream) {
    Outcome outcome;
    while (stream.size() >= 2) {
        const std::size_t length = load_u16(stream.data());
        if (length == 0) {
            outcome.broken = true;
            break;
        }
        if (stream.size() < 2 + length) break;
        outcome.messages.emplace_back(stream.begin() + 2, stream.begin() + 2 + static_cast<std::ptrdiff_t>(length));
        stream = stream.subspan(2 + length);
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::uint32_t state = data[0] + 1u;
    const Bytes stream(data + 1, size - 1);
    FrameReader reader;
    Outcome cut;
    for (std::size_t at = 0; at < stream.size() && !cut.broken;) {
        state = state * 1'664'525u + 1'013'904'223u;
        const std::size_t step = std::min<std::size_t>(stream.size() - at, 1 + (state >> 16) % (data[0] | 1u));
        // An allocation for each piece, so that the sanitizer detects a read past its end.
        const std::vector<std::uint8_t> piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                                              stream.begin() + static_cast<std::ptrdiff_t>(at + step));
        reader.put(piece);
        take_all(reader, cut);
        if ((state >> 8) & 1) reader.trim();
        at += step;
    }
    if (cut != expected(stream)) std::abort();
    std::vector<std::uint8_t> again;
    for (const auto& message : cut.messages) {
        if (!append_frame(again, message)) std::abort();
    }
    if (again.size() > stream.size() || !std::equal(again.begin(), again.end(), stream.begin())) std::abort();
    return 0;
}
