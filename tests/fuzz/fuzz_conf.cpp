// Any bytes as a configuration file: nothing breaks, and what is accepted is said again by the effective dump, field for field.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "conf/render.hpp"
#include "tests/unit/conf_same.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const std::string text(reinterpret_cast<const char*>(bytes), count);
    const auto first = conf_test::parse_text(text);
    if (!first.errors.empty()) return 0;
    const auto dump = lictor::render_effective(first.options);
    const auto second = conf_test::parse_text(dump);
    if (!second.errors.empty() || !conf_test::same(first.options, second.options)) std::abort();
    return 0;
}
