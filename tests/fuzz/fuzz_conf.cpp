// Any bytes as a configuration file, as a command line, as a servers-file: nothing breaks, what is accepted is said again by the effective
// dump, field for field, and `import` has a word for every line that holds an option.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "conf/import_text.hpp"
#include "conf/line_syntax.hpp"
#include "conf/option_values.hpp"
#include "conf/range_values.hpp"
#include "conf/render.hpp"
#include "conf/servers_file.hpp"
#include "tests/unit/conf_same.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void said_again(const lictor::Parsed& first) {
    if (!first.errors.empty()) return;
    const auto second = conf_test::parse_text(lictor::render_effective(first.options));
    require(second.errors.empty() && conf_test::same(first.options, second.options));
}

/// A word for each zero byte; also as they come behind one option.
void as_words(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at <= text.size() && words.size() < 50;) {
        const auto end = std::min(text.find('\0', at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    const auto parsed = conf_test::parse_words(words);
    if (parsed.action == lictor::Action::serve) said_again(parsed);
}

void as_servers_file(const std::string& text) {
    std::vector<std::string> notes;
    for (const auto& rule : lictor::parse_servers_file(text, "/f", notes)) {
        const auto again = lictor::parse_server_rule(lictor::text_of(rule));
        require(again && *again == rule);
    }
    for (const auto& note : notes) require(note.find('\n') == std::string::npos);
}

void as_import(const std::string& text) {
    conf_test::Files files{{"/c", text}};
    const auto import = lictor::import_files({"/c"}, files);
    // Every line of it is one line, whatever stood in the file; the line of the counts is the first that begins with a digit.
    std::size_t lines = 0, at = 0;
    for (; at < import.text.size() && (import.text[at] < '0' || import.text[at] > '9'); ++lines) at = import.text.find('\n', at) + 1;
    require(at < import.text.size() && lines == import.taken + import.ignored + import.refused);
}

/// A line's value comes back when it is quoted, item by item.
void as_line(const std::string& text) {
    const auto line = lictor::parse_line(std::string_view(text).substr(0, text.find('\n')));
    if (!line || !line->value) return;
    const auto items = lictor::split_list(*line->value);
    std::string again = "x=";
    for (std::size_t i = 0; i < items.size(); ++i) again += (i ? "," : "") + lictor::quoted(items[i]);
    const auto second = lictor::parse_line(again);
    require(second && second->value && lictor::split_list(*second->value) == items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const std::string text(reinterpret_cast<const char*>(bytes), count);
    said_again(conf_test::parse_text(text));
    as_words(text);
    as_servers_file(text);
    as_import(text);
    as_line(text);
    return 0;
}
