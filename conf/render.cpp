// --help and the effective configuration: short texts, one line per option. The two committed files are in render_files.cpp.
#include "conf/render.hpp"

#include <algorithm>

#include "conf/option_rows.hpp"

namespace lictor {
namespace {

constexpr std::size_t help_column = 44;

/// `-p, --port=<port>`: how the option is written on a command line.
std::string usage(const Row& row) {
    std::string out = row.letter ? std::string{'-', row.letter, ',', ' '} : "    ";
    out += "--" + std::string(row.name);
    if (row.shape == Shape::optional) return out + std::string(row.argument);
    return row.argument.empty() ? out : out + '=' + std::string(row.argument);
}

/// The number of characters shown, not of bytes: texts hold a few UTF-8 characters.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string render_help() {
    std::string out =
        "lictor - a DNS resolver beside an application: answers Consul's domain from memory, forwards the rest, knows who leads\n"
        "\n"
        "usage: lictor [OPTION…]            serve\n"
        "       lictor [OPTION…] COMMAND    ask a running lictor: stats, leaders, failovers, services,\n"
        "                                   shadow, health, ready, flush [NAME]\n"
        "       lictor import FILE…         say what each line of a dnsmasq's configuration would do here\n"
        "\n"
        "Every option may stand in a file as well, without dashes, one on a line (--conf-file).\n";
    auto group = Group::configuration;
    bool first = true;
    for (const auto& row : option_rows()) {
        if (first || row.group != group) out += '\n' + std::string(title(row.group)) + '\n';
        first = false;
        group = row.group;
        auto line = "  " + (row.shape == Shape::environment ? "    $" + std::string(row.name) : usage(row));
        const auto shown = width(line);
        if (shown + 2 > help_column) line += '\n' + std::string(help_column, ' ');
        else line.append(help_column - shown, ' ');
        out += line + std::string(row.help);
        if (!row.initial.empty() && row.initial != "off" && row.initial != "none" && row.initial != "see above" && width(row.help) + width(row.initial) + help_column < 110)
            out += " (" + std::string(row.initial) + ')';
        out += '\n';
    }
    return out;
}

std::string render_effective(const Options& options) {
    std::string out = "# lictor: the configuration in effect\n";
    for (const auto& row : option_rows()) {
        if (row.field == Field::none) continue;
        const std::string name(row.name);
        const auto values = row.get(options);
        if (values.empty() && row.shape != Shape::environment) out += "# " + name + (row.shape == Shape::flag ? "" : "=") + '\n';
        for (const auto& value : values) {
            if (row.shape == Shape::environment) out += "# ";
            const bool bare = row.shape == Shape::flag || (row.shape == Shape::optional && value.empty());
            out += name + (bare ? "" : '=' + value) + '\n';
        }
    }
    return out;
}

}  // namespace lictor
