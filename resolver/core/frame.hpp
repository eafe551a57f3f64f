// Where does one DNS message end in a TCP stream and the next begin? Each stands behind its length in two bytes (RFC 1035 §4.2.2); the
// pieces that the network delivers have nothing to do with those borders (RFC 7766 §8). Bytes go in, whole messages come out. A length
// of zero can be no message: the stream is broken and stays so. Pure; used for clients and upstreams alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "resolver/wire/name.hpp"

namespace lictor {

inline constexpr std::size_t frame_message_max = 65'535;
inline constexpr std::size_t frame_length_bytes = 2;

class FrameReader {
public:
    enum class Next : std::uint8_t { message, more, broken };

    /// Takes what the stream delivered. What follows a break is not kept.
    void put(Bytes chunk) {
        if (broken()) return;
        drop_consumed();
        held_.insert(held_.end(), chunk.begin(), chunk.end());
    }

    /// The next whole message; `message` points into the reader and is valid until the next `put`, `next` or `trim`.
    Next next(Bytes& message) {
        if (broken()) return Next::broken;
        if (!whole()) return Next::more;
        const std::size_t length = announced();
        message = Bytes(held_).subspan(consumed_ + frame_length_bytes, length);
        consumed_ += frame_length_bytes + length;
        return Next::message;
    }

    /// A whole message waits to be taken.
    bool whole() const {
        return unread() >= frame_length_bytes && announced() != 0 && unread() >= frame_length_bytes + announced();
    }
    /// The stream cannot be read further: what comes next says it has no bytes.
    bool broken() const { return unread() >= frame_length_bytes && announced() == 0; }
    /// Some bytes of a message are there and the rest is not: the sender owes us something.
    bool partial() const { return unread() != 0 && !whole() && !broken(); }
    /// Bytes held and not taken.
    std::size_t unread() const { return held_.size() - consumed_; }

    /// Gives the memory back when nothing is held.
    void trim() {
        if (unread() == 0) {
            held_ = {};
            consumed_ = 0;
        }
    }

private:
    std::size_t announced() const { return static_cast<std::size_t>(held_[consumed_] << 8) | held_[consumed_ + 1]; }

    void drop_consumed() {
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(consumed_));
        consumed_ = 0;
    }

    std::vector<std::uint8_t> held_;
    std::size_t consumed_ = 0;
};

/// Appends `message` with its length in front. False (and nothing done) if it is empty or longer than a length can say.
inline bool append_frame(std::vector<std::uint8_t>& out, Bytes message) {
    if (message.empty() || message.size() > frame_message_max) return false;
    out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(message.size() & 0xff));
    out.insert(out.end(), message.begin(), message.end());
    return true;
}

}  // namespace lictor
