// Which records of a large service are in an answer, and in which order? A draw gives what the agent gives when it shuffles all instances
// and leaves out records that it has already written, at the cost of the records drawn, whatever the number of instances.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "conf/base/random.hpp"
#include "watch/catalog/record_table.hpp"

namespace lictor::zone {

/// Draws groups without repetition, each with a probability in proportion to its number of instances. Does not allocate. On the stack; the
/// Groups must outlive it.
class Draw {
public:
    /// No answer has more records: the smallest one takes 16 bytes.
    static constexpr std::size_t records_max = 65'535 / 16 + 16;

    /// At most `most` groups are drawn, and at most `records_max`.
    Draw(const catalog::Groups& from, std::size_t most, Random& random);
    /// The next group; nothing if none is left.
    std::optional<std::uint32_t> next();
    /// The position of one of its instances, each with equal probability.
    std::uint32_t instance_of(std::uint32_t group) {
        const std::uint32_t count = from_.count(group);
        return from_.member(group, count > 1 ? below(count) : 0);
    }

private:
    struct Part {
        std::uint32_t begin, end, most;
        std::uint32_t instances;            ///< of groups not drawn yet
        std::uint32_t drawn = 0;            ///< number of groups
        std::uint32_t first = 0, left = 0;  ///< once half of its groups are drawn: the others, in `left_`
        bool listed = false;
    };
    /// Uniform in [0, bound), as Random::below.
    std::uint32_t below(std::uint32_t bound) {
        std::uint64_t bits = state_ += 0x9e3779b97f4a7c15u;
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
        return static_cast<std::uint32_t>(((bits ^ bits >> 31) >> 32) * bound >> 32);
    }
    std::uint32_t draw_from(Part& part);
    bool accept(const Part& part, std::uint32_t group);
    void list_left(Part& part);
    bool is_drawn(std::uint32_t group) const;
    void note_drawn(std::uint32_t group);

    static constexpr std::uint32_t none = 0xffffffff;
    const catalog::Groups& from_;
    std::uint64_t state_;  ///< of SplitMix64 (Steele, Lea, Flood 2014), seeded for each draw: ChaCha20 was a third of an answer's cost
    std::size_t to_draw_;
    std::uint32_t instances_ = 0;  ///< of groups not drawn yet
    std::size_t part_count_ = 0, left_size_ = 0;
    unsigned shift_ = 0;
    std::array<Part, 33> parts_;                   // only part_count_ are ever read
    std::array<std::uint32_t, records_max> left_;  // only left_size_ are ever read
    std::array<std::uint32_t, 8192> drawn_;        // a hash table; only as many as `most` needs are ever read
};

}  // namespace lictor::zone
