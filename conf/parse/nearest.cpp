// Which option did the operator mean? The known name with the smallest edit distance (optimal string alignment), if it is small enough.
#include <algorithm>
#include <array>

#include "conf/base/ascii.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/parse/dnsmasq_names.hpp"
#include "conf/parse/parse.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t name_bytes_max = 48;  // the longest known name is well below

std::string normal(std::string_view name) {
    while (name.starts_with('-')) name.remove_prefix(1);
    return lower_case(name);
}

/// The number of insertions, deletions, replacements and swaps of adjacent bytes between `a` and `b`, both at most name_bytes_max long.
std::size_t distance(std::string_view a, std::string_view b) {
    using Line = std::array<std::size_t, name_bytes_max + 1>;
    Line before_last{}, last{}, line{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        line[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            line[j] = std::min({last[j] + 1, line[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) line[j] = std::min(line[j], before_last[j - 2] + 1);
        }
        before_last = last;
        last = line;
    }
    return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest_option(std::string_view name) {
    if (name.empty() || name.size() > name_bytes_max) return std::nullopt;
    const auto meant = normal(name);
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, meant.size() / 3) + 1;
    const auto consider = [&](std::string_view known) {
        // A difference in length is at least that many edits: this excludes most names.
        const auto longer = std::max(known.size(), meant.size()) - std::min(known.size(), meant.size());
        if (known.size() > name_bytes_max || longer >= best_distance) return;
        const auto d = distance(meant, lower_case(known));
        if (d < best_distance) {
            best = known;
            best_distance = d;
        }
    };
    for (const auto& row : option_rows())
        if (row.shape != Shape::environment) consider(row.name);
    for (const auto& known : dnsmasq_names()) consider(known.name);
    return best.empty() ? std::nullopt : std::optional(std::string(best));
}

}  // namespace lictor::conf
