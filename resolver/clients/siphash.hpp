// SipHash-2-4 (Aumasson and Bernstein 2012): a keyed hash of 64 bits for short messages, which nobody can compute without the key. RFC 9018
// prescribes it for DNS cookies. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lictor::clients {

struct SipKey {
    std::uint64_t first = 0, second = 0;  ///< bytes 0 to 7 and 8 to 15 of the key, little-endian
};

/// The hash as a number; its bytes in the order of the algorithm are those of the number, little-endian.
inline std::uint64_t siphash(const SipKey& key, std::span<const std::uint8_t> message) {
    std::uint64_t v0 = key.first ^ 0x736f6d6570736575u, v1 = key.second ^ 0x646f72616e646f6du;
    std::uint64_t v2 = key.first ^ 0x6c7967656e657261u, v3 = key.second ^ 0x7465646279746573u;
    const auto rounds = [&](int count) {
        for (int i = 0; i < count; ++i) {
            v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
            v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
            v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
            v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
        }
    };
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < message.size(); ++i) {
        word |= std::uint64_t{message[i]} << i % 8 * 8;
        if (i % 8 != 7) continue;
        v3 ^= word;
        rounds(2);
        v0 ^= word;
        word = 0;
    }
    word |= std::uint64_t{message.size() & 0xff} << 56;
    v3 ^= word;
    rounds(2);
    v0 ^= word;
    v2 ^= 0xff;
    rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace lictor::clients
