// Fuzzes the configuration file, the command line and the servers-file. lictor must not crash, the effective configuration must equal what
// was accepted, field by field, and `import` must report every line with an option.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "conf/parse/import_text.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"
#include "conf/values/servers_file.hpp"
#include "tests/unit/conf_same.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_round_trip(const lictor::conf::Parsed& first) {
    if (!first.errors.empty()) return;
    const auto second = conf_test::parse_text(conf_test::render_effective(first.options));
    require(second.errors.empty() && conf_test::same(first.options, second.options));
}

/// Parses the words between zero bytes as a command line.
void as_words(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at <= text.size() && words.size() < 50;) {
        const auto end = std::min(text.find('\0', at), text.size());
        words.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    const auto parsed = conf_test::parse_words(words);
    if (parsed.action == lictor::conf::Action::serve) check_round_trip(parsed);
}

void as_servers_file(const std::string& text) {
    std::vector<std::string> notes;
    for (const auto& rule : lictor::conf::parse_servers_file(text, "/f", notes)) {
        const auto again = lictor::conf::parse_server_rule(lictor::conf::text_of(rule));
        require(again && *again == rule);
    }
    for (const auto& note : notes) require(note.find('\n') == std::string::npos);
}

void as_import(const std::string& text) {
    conf_test::Files files{{"/c", text}};
    const auto import = lictor::conf::import_files({"/c"}, files);
    // Each report is one line, whatever the file contains. The summary is the first line that begins with a digit.
    std::size_t lines = 0, at = 0;
    for (; at < import.text.size() && (import.text[at] < '0' || import.text[at] > '9'); ++lines) at = import.text.find('\n', at) + 1;
    require(at < import.text.size() && lines == import.taken + import.ignored + import.refused);
}

/// A value that is quoted item by item is read back unchanged.
void as_line(const std::string& text) {
    const auto line = lictor::conf::parse_line(std::string_view(text).substr(0, text.find('\n')));
    if (!line || !line->value) return;
    const auto items = lictor::conf::split_list(*line->value);
    std::string again = "x=";
    for (std::size_t i = 0; i < items.size(); ++i) again += (i ? "," : "") + lictor::conf::quoted(items[i]);
    const auto second = lictor::conf::parse_line(again);
    require(second && second->value && lictor::conf::split_list(*second->value) == items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const std::string text(reinterpret_cast<const char*>(bytes), count);
    check_round_trip(conf_test::parse_text(text));
    as_words(text);
    as_servers_file(text);
    as_import(text);
    as_line(text);
    return 0;
}
