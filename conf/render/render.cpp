// Renders --help, with one line for each option. render_files.cpp renders the committed files.
#include "conf/render/render.hpp"

#include <algorithm>

#include "conf/options/option_rows.hpp"
#include "conf/options/options.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t help_column = 44;

/// `-p, --port=<port>`: the option in command line syntax.
std::string usage(const Row& row) {
    std::string out = row.letter ? std::string{'-', row.letter, ',', ' '} : "    ";
    out += "--" + std::string(row.name);
    if (row.shape == Shape::optional) return out + std::string(row.argument);
    return row.argument.empty() ? out : out + '=' + std::string(row.argument);
}

/// The number of characters shown, not of bytes: texts hold a few UTF-8 characters.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string help_line(const Row& row) {
    auto line = "  " + (row.shape == Shape::environment ? "    $" + std::string(row.name) : usage(row));
    const auto shown = width(line);
    if (shown + 2 > help_column) line += '\n' + std::string(help_column, ' ');
    else line.append(help_column - shown, ' ');
    line += std::string(row.help);
    if (!row.default_text.empty() && row.default_text != "off" && row.default_text != "none" && row.default_text != "see above" &&
        width(row.help) + width(row.default_text) + help_column < 110)
        line += " (" + std::string(row.default_text) + ')';
    return line + '\n';
}

}  // namespace

std::string render_help() {
    std::string out =
        "lictor - a DNS resolver on an application node: answers Consul's domain from memory, follows leaders, forwards the rest\n"
        "\n"
        "usage: lictor [OPTION…]            serve\n"
        "       lictor [OPTION…] COMMAND    query a running lictor: stats, leaders, failovers, services,\n"
        "                                   shadow, health, ready, flush [NAME]\n"
        "       lictor import FILE…         show the effect of each line of dnsmasq's configuration\n"
        "       lictor help | version       print this help, or the version\n"
        "\n"
        "Every option may also be written in a file, without dashes, one per line (--conf-file).\n";
    for (const auto& group : row_groups()) {
        out += '\n' + std::string(group.title) + '\n';
        for (const auto& row : group.rows) out += help_line(row);
    }
    return out;
}

}  // namespace lictor::conf
