// A domain name in wire form (RFC 1035 §3.1): labels with their lengths, uncompressed, at most 255 bytes. Names keep this form from socket
// to socket; text is made only for logs and documents.
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
#include "conf/base/ascii.hpp"

namespace lictor::wire {

/// Bytes of the caller, not owned.
using Bytes = std::span<const std::uint8_t>;
/// Largest offset that a compression pointer can hold: 14 bits (RFC 1035 §4.1.4). Its first two bits are set.
inline constexpr std::size_t pointer_max = 0x3fff;
inline constexpr std::uint16_t pointer_bits = 0xc000;

/// One name, 256 bytes in the object itself, without allocation. Keeps the letter case.
class Name {
public:
    Name() = default;  ///< the root
    /// Reads presentation form, with or without the final dot; `\.` and `\DDD` are escapes (RFC 1035 §5.1). Nothing if a label is empty or
    /// longer than 63 bytes, or the name longer than 255.
    static std::optional<Name> parse(std::string_view text);
    /// `wire` is a whole valid uncompressed name, as Reader::name checks it.
    static Name from_wire(Bytes wire);

    /// The bytes, with the root label at the end: a view into this object.
    Bytes wire() const { return {bytes_.data(), size_}; }
    /// Number of bytes in wire form, with the root label: 1 to 255.
    std::size_t size() const { return size_; }
    bool is_root() const { return size_ == 1; }
    /// Number of labels without the root: 0 to 127.
    std::size_t label_count() const;
    /// Presentation form without the final dot (the root is "."); special bytes as `\.` or `\DDD` (RFC 4343 §2.1).
    std::string text() const;
    /// ASCII lower case (RFC 4343).
    Name lower() const;
    /// This name without its first `labels` labels; the root if there are fewer.
    Name parent(std::size_t labels = 1) const;
    /// Compares bytes. Where letter case must not count, both names must be in lower case.
    bool operator==(const Name& other) const { return size_ == other.size_ && std::memcmp(bytes_.data(), other.bytes_.data(), size_) == 0; }
    /// True if this name is `ancestor` or below it. Both lower case.
    bool is_below_or_equal(const Name& ancestor) const;
    /// The top-level domain's label, a view into this object; empty for the root.
    std::string_view top() const;
    /// Puts a label in front. False, and the name is unchanged, if the label is empty or longer than 63 bytes, or the name would be longer
    /// than 255.
    bool prepend(std::string_view label);
    /// Adds the labels of `tail` at the end. False, and the name is unchanged, if the result would be longer than 255 bytes.
    bool append(const Name& tail);

private:
    std::uint8_t size_ = 1;
    std::array<std::uint8_t, 255> bytes_{};
};

/// A hash of wire-form bytes. A random seed prevents clients from choosing names that fall into one bucket.
class NameHash {
public:
    explicit NameHash(std::uint64_t seed = 0x9e3779b97f4a7c15u) : seed_(seed) {}
    std::uint64_t operator()(Bytes bytes) const;
    std::uint64_t operator()(const Name& name) const { return (*this)(name.wire()); }

private:
    std::uint64_t seed_;
};

/// The name of an address below in-addr.arpa or ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5).
Name reverse_name(const Address& address);
/// The address of such a name in lower case; nothing if it is not the name of one whole address.
std::optional<Address> address_of_reverse(const Name& lower);

}  // namespace lictor::wire
