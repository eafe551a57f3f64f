// Lines of one file follow each other, so a source is mostly the one before.
#include "conf/parse/places.hpp"

#include <algorithm>
#include <charconv>

namespace lictor::conf {
namespace {
constexpr std::size_t sources_max = 65535;
}

Place Places::add(std::string_view text, bool in_file) {
    Place place;
    if (const auto colon = text.rfind(':'); in_file && colon != std::string_view::npos) {
        const auto digits = text.substr(colon + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), place.line);
        text = text.substr(0, colon);
    }
    auto found = !sources.empty() && sources.back() == text ? sources.end() - 1 : std::find(sources.begin(), sources.end(), text);
    if (found == sources.end() && sources.size() < sources_max) found = sources.insert(sources.end(), std::string(text));
    if (found == sources.end()) return {sources_max, 0};
    place.source = static_cast<std::uint16_t>(found - sources.begin());
    return place;
}

std::string Places::text(const Place& place) const {
    if (place.source >= sources.size()) return {};
    return sources[place.source] + (place.line ? ':' + std::to_string(place.line) : std::string());
}

std::string Places::of_option(std::string_view name) const {
    const auto found = options.find(name);
    return found == options.end() ? std::string() : text(found->second);
}

}  // namespace lictor::conf
