// Unpredictable bits for query ids, source ports, shuffling and jitter. The generator is ChaCha20 (the block function of RFC 8439); the
// shell seeds it from the kernel's generator, a test with a fixed seed. It is not thread-safe: each thread has a generator of its own.
#pragma once

#include <array>
#include <cstdint>

namespace lictor {

/// A stream of pseudo-random bits; the same seed gives the same stream.
class Random {
public:
    using Seed = std::array<std::uint32_t, 8>;
    explicit Random(const Seed& seed) : key_(seed) {}

    /// `next_u32`, `next_u64` and `next_u16`: uniform over all values of the type.
    std::uint32_t next_u32() {
        if (used_ == block_.size()) refill();
        return block_[used_++];
    }
    std::uint64_t next_u64() { return (std::uint64_t{next_u32()} << 32) | next_u32(); }
    std::uint16_t next_u16() { return static_cast<std::uint16_t>(next_u32() >> 16); }
    /// Uniform in [0, bound) (Lemire's multiply-shift; the bias is below 2^-32 · bound). `bound` 0 gives 0.
    std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((std::uint64_t{next_u32()} * bound) >> 32); }

    /// The seed of another generator.
    Seed next_seed() {
        Seed seed{};
        for (auto& word : seed) word = next_u32();
        return seed;
    }

private:
    void refill();

    Seed key_;
    std::uint64_t counter_ = 0;
    std::array<std::uint32_t, 16> block_{};
    std::size_t used_ = 16;
};

}  // namespace lictor
