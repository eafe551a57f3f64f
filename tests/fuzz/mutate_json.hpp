// Changes a JSON text by its structure, so that a fuzzer reaches the code behind the syntax. Included once, by a fuzz target.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);

namespace lictor::fuzz {

using Tree = nlohmann::ordered_json;

inline void places_in(Tree& tree, std::vector<Tree*>& found, unsigned depth = 0) {
    if (found.size() >= 500 || depth > 30) return;
    found.push_back(&tree);
    if (tree.is_structured())
        for (auto& child : tree) places_in(child, found, depth + 1);
}

inline Tree any_value(std::minstd_rand& random) {
    switch (random() % 10) {
        case 0: return nullptr;
        case 1: return true;
        case 2: return 0;
        case 3: return -1;
        case 4: return 9007199254740993u;
        case 5: return 1e308;
        case 6: return "";
        case 7: return std::string(300, 'x');
        case 8: return Tree::array();
        default: return Tree::object();
    }
}

/// One change by structure, or one by bytes. `skip`: bytes before the text. `keys`: names that the parser knows. The new size.
inline std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed, std::size_t skip,
                               const std::vector<std::string>& keys) {
    std::minstd_rand random(seed);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % std::max<std::size_t>(bound, 1)); };
    if (size <= skip || below(3) == 0) return LLVMFuzzerMutate(data, size, max);
    Tree tree = Tree::parse(data + skip, data + size, nullptr, false);
    if (tree.is_discarded()) return LLVMFuzzerMutate(data, size, max);
    std::vector<Tree*> places;
    places_in(tree, places);
    Tree& place = *places[below(places.size())];
    switch (below(8)) {
        case 0: place = any_value(random); break;
        case 1: place = Tree(*places[below(places.size())]); break;
        case 2:
            if (place.is_array() && !place.empty()) place.push_back(Tree(place[below(place.size())]));
            break;
        case 3:
            if (place.is_structured() && !place.empty())
                place.erase(std::next(place.begin(), static_cast<std::ptrdiff_t>(below(place.size()))));
            break;
        case 4:
            if (place.is_object()) place[keys[below(keys.size())]] = any_value(random);
            break;
        case 5:
            if (place.is_object()) place[keys[below(keys.size())]] = Tree(*places[below(places.size())]);
            break;
        case 6: place = Tree::array({Tree(place)}); break;
        default:
            if (place.is_string()) {
                std::string text = place.get<std::string>();
                const std::size_t length = text.size();
                text.resize(length + 32);
                text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), length, text.size()));
                place = text;
            } else if (place.is_number_integer()) {
                place = place.get<std::int64_t>() + static_cast<std::int64_t>(below(3)) - 1;
            }
    }
    const std::string text = tree.dump(-1, ' ', false, Tree::error_handler_t::replace);
    if (skip + text.size() > max) return LLVMFuzzerMutate(data, size, max);
    std::copy(text.begin(), text.end(), data + skip);
    return skip + text.size();
}

}  // namespace lictor::fuzz
