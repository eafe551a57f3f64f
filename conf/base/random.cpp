// Implements Random with the ChaCha20 block function (RFC 8439 §2.3).
#include "conf/base/random.hpp"

#include <bit>

namespace lictor {
namespace {

void quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
    a += b;
    d = std::rotl(d ^ a, 16);
    c += d;
    b = std::rotl(b ^ c, 12);
    a += b;
    d = std::rotl(d ^ a, 8);
    c += d;
    b = std::rotl(b ^ c, 7);
}

}  // namespace

void Random::refill() {
    const std::array<std::uint32_t, 16> start = {0x61707865,
                                                 0x3320646e,
                                                 0x79622d32,
                                                 0x6b206574,
                                                 key_[0],
                                                 key_[1],
                                                 key_[2],
                                                 key_[3],
                                                 key_[4],
                                                 key_[5],
                                                 key_[6],
                                                 key_[7],
                                                 static_cast<std::uint32_t>(counter_),
                                                 static_cast<std::uint32_t>(counter_ >> 32),
                                                 0,
                                                 0};
    ++counter_;
    auto x = start;
    for (int round = 0; round < 10; ++round) {
        quarter(x[0], x[4], x[8], x[12]);
        quarter(x[1], x[5], x[9], x[13]);
        quarter(x[2], x[6], x[10], x[14]);
        quarter(x[3], x[7], x[11], x[15]);
        quarter(x[0], x[5], x[10], x[15]);
        quarter(x[1], x[6], x[11], x[12]);
        quarter(x[2], x[7], x[8], x[13]);
        quarter(x[3], x[4], x[9], x[14]);
    }
    for (std::size_t i = 0; i < x.size(); ++i) block_[i] = x[i] + start[i];
    used_ = 0;
}

}  // namespace lictor
