// A domain name in wire form (RFC 1035 §3.1): labels with their lengths, uncompressed, at most 255 bytes. Names stay in this form from
// socket to socket; text is made at the edge only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "conf/base/address.hpp"

namespace lictor {

using Bytes = std::span<const std::uint8_t>;

class Name {
public:
    Name() = default;  ///< the root
    /// Presentation form, `\.` and `\DDD` understood, with or without the final dot. Nothing if a label is empty, too long, or the whole is.
    static std::optional<Name> parse(std::string_view text);
    /// `wire` must be a whole valid uncompressed name (as checked by the message reader).
    static Name from_wire(Bytes wire);

    Bytes wire() const { return {bytes_.data(), size_}; }
    std::size_t size() const { return size_; }
    bool is_root() const { return size_ == 1; }
    std::size_t label_count() const;
    /// Presentation form without the final dot (the root is "."); special bytes as `\.` or `\DDD` (RFC 4343 §2.1).
    std::string text() const;
    /// ASCII lower case (RFC 4343).
    Name lower() const;
    /// This name without its first `labels` labels; the root if there are fewer.
    Name parent(std::size_t labels = 1) const;
    /// Byte-wise; callers compare lower-case names.
    bool operator==(const Name& other) const { return size_ == other.size_ && std::memcmp(bytes_.data(), other.bytes_.data(), size_) == 0; }
    /// True if this name is `ancestor` or below it. Both lower case.
    bool is_below_or_equal(const Name& ancestor) const;
    /// The last label before the root's; empty for the root itself.
    std::string_view top() const;
    /// Puts a label in front; false (and unchanged) if it does not fit.
    bool prepend(std::string_view label);
    bool append(const Name& tail);

private:
    std::uint8_t size_ = 1;
    std::array<std::uint8_t, 255> bytes_{};
};

/// Lower-cases ASCII in place.
void lower_ascii(std::span<std::uint8_t> bytes);
inline std::uint8_t lower_ascii(std::uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + 32) : c; }
/// A seeded hash of wire-form bytes.
class NameHash {
public:
    explicit NameHash(std::uint64_t seed = 0x9e3779b97f4a7c15u) : seed_(seed) {}
    /// Seeded, so that a client cannot aim at one bucket.
    std::uint64_t operator()(Bytes bytes) const;
    std::uint64_t operator()(const Name& name) const { return (*this)(name.wire()); }

private:
    std::uint64_t seed_;
};

/// The name of an address below in-addr.arpa or ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5), and back (whole addresses only).
Name reverse_name(const Address& address);
std::optional<Address> address_of_reverse(const Name& lower);

}  // namespace lictor
