// Where does one DNS message end in a TCP stream and the next begin? Each message is preceded by its length in two bytes (RFC 1035 §4.2.2);
// the network delivers pieces of any size (RFC 7766 §8). FrameReader takes the bytes of the stream and returns whole messages. A length of
// zero is an error: the stream cannot be read further. Used for clients and for upstreams.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "conf/base/bytes.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::wire {

inline constexpr std::size_t frame_message_max = 65'535;  ///< bytes of the longest message
inline constexpr std::size_t frame_length_bytes = 2;

/// One direction of one connection. Holds the bytes of messages that are not taken yet; the caller bounds them (`unread`).
class FrameReader {
public:
    /// `more`: no whole message yet. `broken`: see `broken()`.
    enum class Next : std::uint8_t { message, more, broken };

    /// Adds bytes of the stream; ignored if the stream is broken.
    void put(Bytes chunk) {
        if (broken()) return;
        drop_consumed();
        held_.insert(held_.end(), chunk.begin(), chunk.end());
    }

    /// Takes the next whole message; `message` refers to bytes of the reader and is valid until the next `put`, `next` or `trim`.
    Next next(Bytes& message) {
        if (broken()) return Next::broken;
        if (!whole()) return Next::more;
        const std::size_t length = announced();
        message = Bytes(held_).subspan(consumed_ + frame_length_bytes, length);
        consumed_ += frame_length_bytes + length;
        return Next::message;
    }

    /// True if `next` returns a message.
    bool whole() const { return unread() >= frame_length_bytes && announced() != 0 && unread() >= frame_length_bytes + announced(); }
    /// True if the next length is zero: the stream cannot be read further.
    bool broken() const { return unread() >= frame_length_bytes && announced() == 0; }
    /// True if a message has begun and not ended.
    bool partial() const { return unread() != 0 && !whole() && !broken(); }
    /// Bytes held, not taken yet.
    std::size_t unread() const { return held_.size() - consumed_; }

    /// Bytes of memory.
    std::size_t capacity() const { return held_.capacity(); }
    /// Frees the memory if no byte is held.
    void trim() {
        if (unread() == 0) {
            held_ = {};
            consumed_ = 0;
        }
    }

private:
    std::size_t announced() const { return load_u16(held_.data() + consumed_); }

    void drop_consumed() {
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(consumed_));
        consumed_ = 0;
    }

    std::vector<std::uint8_t> held_;
    std::size_t consumed_ = 0;
};

/// Appends `message`, preceded by its length. False, and nothing is appended, if it is empty or longer than 65,535 bytes.
inline bool append_frame(std::vector<std::uint8_t>& out, Bytes message) {
    if (message.empty() || message.size() > frame_message_max) return false;
    const std::size_t needed = out.size() + frame_length_bytes + message.size();
    if (needed > out.capacity()) out.reserve(std::max(needed, 2 * out.capacity()));  // first: never a length without its message
    append_u16(out, message.size());
    out.insert(out.end(), message.begin(), message.end());
    return true;
}

}  // namespace lictor::wire
