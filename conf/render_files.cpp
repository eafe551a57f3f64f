// The two files that are committed as they are generated: the sample configuration and the reference page.
#include <string>

#include "conf/metrics_rows.hpp"
#include "conf/metrics_state.hpp"
#include "conf/option_rows.hpp"
#include "conf/render.hpp"

namespace lictor {
namespace {

constexpr std::size_t text_width = 110;

/// Words of `text` in lines of `text_width`, each behind `lead`.
std::string wrapped(std::string_view text, std::string_view lead) {
    std::string out, line(lead);
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (line.size() > lead.size() && line.size() + 1 + end > text_width) {
            out += line + '\n';
            line = lead;
        }
        if (line.size() > lead.size()) line += ' ';
        line += text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + line + '\n';
}

/// How the option stands in a file, for people.
std::string written(const Row& row) {
    if (row.shape == Shape::flag) return std::string(row.name);
    if (row.shape == Shape::optional) return std::string(row.name) + std::string(row.argument);
    return std::string(row.name) + '=' + std::string(row.argument);
}

std::string option_section(const Row& row) {
    std::string out;
    if (row.shape == Shape::environment) {
        out = "#### `" + std::string(row.name) + "` (environment only)\n\n";
    } else {
        out = "#### `" + written(row) + "`\n\n";
    }
    out += wrapped(row.reference, "") + '\n';
    std::string facts;
    const auto fact = [&](const std::string& text) { facts += (facts.empty() ? "" : " · ") + text; };
    if (row.letter) fact("letter `-" + std::string(1, row.letter) + '`');
    if (!row.initial.empty() && row.shape != Shape::environment) fact("default: " + std::string(row.initial));
    if (!row.variable.empty() && row.shape != Shape::environment) fact("variable `" + std::string(row.variable) + '`');
    if (row.shape != Shape::environment && row.shape != Shape::flag && row.shape != Shape::optional)
        fact(row.times == Times::once ? "once" : "repeatable");
    if (row.steer == Steer::nothing) fact(row.reload == Reload::live ? "changes on reload" : "changes on restart");
    fact(row.own ? "lictor's own" : "as in dnsmasq");
    return out + '*' + facts + "*\n\n";
}

template <class Counters>
std::string metric_lines(std::span<const MetricRow<Counters>> rows) {
    std::string out;
    for (std::size_t i = 0; i < rows.size();) {
        std::string labels;
        const auto& first = rows[i];
        for (; i < rows.size() && rows[i].name == first.name; ++i)
            if (!rows[i].label.empty()) labels += (labels.empty() ? "`" : ", `") + std::string(rows[i].label) + '`';
        out += "| `" + std::string(first.name) + "` | " + std::string(word(first.kind)) + " | " + labels + " | " + std::string(first.help) + " |\n";
    }
    return out;
}

}  // namespace

std::string render_sample() {
    std::string out =
        "# Sample configuration of lictor: every option at its default, or as an example where there is none.\n"
        "# Remove the '#' before an option to set it. One option on a line; '#' begins a comment at the line's start\n"
        "# or behind a blank; double quotes keep blanks and commas. Generated from the option table: do not edit.\n";
    auto group = Group::configuration;
    bool first = true;
    for (const auto& row : option_rows()) {
        const bool on_command_line_only = row.steer == Steer::test || row.steer == Steer::version || row.steer == Steer::help;
        if (row.shape == Shape::environment || on_command_line_only) continue;
        if (first || row.group != group) out += "\n# ==== " + std::string(title(row.group)) + "\n";
        first = false;
        group = row.group;
        out += '\n' + wrapped(row.reference, "# ");
        out += "# Default: " + std::string(row.initial) + (row.times == Times::repeatable && row.shape != Shape::flag ? "; repeatable" : "") + '\n';
        const bool bare = row.shape == Shape::flag || (row.shape == Shape::optional && row.sample.empty());
        out += '#' + std::string(row.name) + (bare ? "" : '=' + std::string(row.sample)) + '\n';
    }
    return out;
}

std::string render_reference() {
    std::string out =
        "# Options and metrics of lictor\n"
        "\n"
        "Generated from the option table and the metric list: do not edit.\n"
        "\n"
        "An option is written `name=value` on a line of its own in a file, `--name=value` (or `--name value`) on the command line.\n"
        "A file is read as dnsmasq reads it: `#` begins a comment at the line's start or behind a blank, double quotes keep blanks\n"
        "and commas together (`\\\\` and `\\\"` inside them), numbers are plain decimals. A value that may be given only once and stands\n"
        "in a file beats the command line; environment variables count where neither says anything. An option of dnsmasq that is not\n"
        "listed here is passed over with a warning, under `strict` with an error when it protects something. `lictor --test` says\n"
        "everything that is wrong at once, each with file and line.\n"
        "\n"
        "## Options\n"
        "\n";
    auto group = Group::configuration;
    bool first = true;
    for (const auto& row : option_rows()) {
        if (first || row.group != group) out += "### " + std::string(title(row.group)) + "\n\n";
        first = false;
        group = row.group;
        out += option_section(row);
    }
    out +=
        "## Metrics\n"
        "\n"
        "Served as Prometheus text at `/metrics`. A counter with labels is one time series for each of them.\n"
        "\n"
        "### Workers\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    out += metric_lines(worker_metric_rows());
    out +=
        "\n"
        "### Control\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    out += metric_lines(control_metric_rows());
    out +=
        "\n"
        "### State\n"
        "\n"
        "What the process, its upstreams, leaders and watches are like when `/metrics` is asked for.\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    for (const auto& row : state_metric_rows) {
        std::string labels;
        for (std::string_view rest = row.labels; !rest.empty();) {
            const auto key = rest.substr(0, rest.find(','));
            labels += (labels.empty() ? "`" : ", `") + std::string(key) + '`';
            rest.remove_prefix(std::min(rest.size(), key.size() + 1));
        }
        out += "| `" + std::string(row.name) + "` | " + std::string(word(row.kind)) + " | " + labels + " | " + std::string(row.help) + " |\n";
    }
    return out;
}

}  // namespace lictor
