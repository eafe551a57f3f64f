// Draws a rank in proportion to its instances, then one of its groups, which are of about the same size: a group that was drawn before is
// drawn again, and a smaller one is accepted less often. Once half of a rank's groups are drawn the others are listed, so on average at
// most four attempts are needed.
#include "resolver/zone/draw.hpp"

#include <algorithm>
#include <bit>

namespace lictor::zone {

Draw::Draw(const catalog::Groups& from, std::size_t most, Random& random)
    : from_(from), state_(random.next_u64()), to_draw_(std::min({most, records_max, std::size_t{from.size()}})) {
    for (const auto& rank : from.ranks()) {
        parts_[part_count_++] = {rank.begin, rank.end, rank.most, rank.instances};
        instances_ += rank.instances;
    }
    // At most two thirds of the table are used.
    const std::size_t places = std::bit_ceil(std::max<std::size_t>(2, to_draw_ + to_draw_ / 2));
    static_assert(records_max * 3 / 2 <= 8192);
    shift_ = 32u - static_cast<unsigned>(std::countr_zero(places));
    std::fill_n(drawn_.begin(), places, none);
}

std::optional<std::uint32_t> Draw::next() {
    if (to_draw_ == 0) return std::nullopt;
    --to_draw_;
    Part* part = parts_.data();
    if (part_count_ > 1)
        for (std::uint32_t at = below(instances_); at >= part->instances; ++part) at -= part->instances;
    const std::uint32_t group = draw_from(*part), count = from_.count(group);
    part->instances -= count;
    instances_ -= count;
    ++part->drawn;
    return group;
}

std::uint32_t Draw::draw_from(Part& part) {
    if (!part.listed && part.drawn * 2 >= part.end - part.begin) list_left(part);
    for (;;) {
        if (part.listed) {
            std::uint32_t* const groups = left_.data() + part.first;
            std::uint32_t& at = groups[below(part.left)];
            if (!accept(part, at)) continue;
            const std::uint32_t group = at;
            at = groups[--part.left];
            return group;
        }
        const std::uint32_t group = part.begin + below(part.end - part.begin);
        if (is_drawn(group) || !accept(part, group)) continue;
        note_drawn(group);
        return group;
    }
}

bool Draw::accept(const Part& part, std::uint32_t group) {
    const std::uint32_t count = from_.count(group);
    return count == part.most || below(part.most) < count;
}

/// At least as many groups were drawn as are left, so `left_` has room for all that are drawn.
void Draw::list_left(Part& part) {
    part.listed = true;
    part.first = static_cast<std::uint32_t>(left_size_);
    for (std::uint32_t group = part.begin; group < part.end; ++group)
        if (!is_drawn(group)) left_[left_size_++] = group;
    part.left = static_cast<std::uint32_t>(left_size_) - part.first;
}

bool Draw::is_drawn(std::uint32_t group) const {
    const std::uint32_t mask = (1u << (32 - shift_)) - 1;
    for (std::uint32_t at = group * 0x9e3779b1u >> shift_; drawn_[at] != none; at = (at + 1) & mask)
        if (drawn_[at] == group) return true;
    return false;
}

void Draw::note_drawn(std::uint32_t group) {
    const std::uint32_t mask = (1u << (32 - shift_)) - 1;
    std::uint32_t at = group * 0x9e3779b1u >> shift_;
    while (drawn_[at] != none) at = (at + 1) & mask;
    drawn_[at] = group;
}

}  // namespace lictor::zone
