// Renders the manual pages in the language of man(7) from the tables of options, commands, metrics and causes. The committed files in
// resolver/manual/pages are these texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lictor::manual {

/// One generated file.
struct File {
    std::string name;  ///< without a folder: `lictor.8`
    std::string text;
};

/// lictor(8), lictor.conf(5), lictor-metrics(7), and lictor-COMMAND(1) for each sub-command.
std::vector<File> render_pages();
/// The completions of bash (`lictor.bash`), zsh (`_lictor`) and fish (`lictor.fish`).
std::vector<File> render_completions();

/// `text` as lines of man(7): wrapped at 78 bytes, special characters escaped, `code` between backticks in bold. Ends with a line feed.
std::string roff_text(std::string_view text);

}  // namespace lictor::manual
