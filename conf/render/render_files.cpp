// Renders the two generated files in the repository: the sample configuration and the reference page.
#include <string>

#include "conf/metrics/cause_rows.hpp"
#include "conf/metrics/metrics_rows.hpp"
#include "conf/metrics/metrics_state.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/render/render.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t text_width = 110;

/// `text` wrapped to lines of `text_width`; each line begins with `lead`.
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

/// The option in file syntax, for the reference page.
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
    if (!row.default_text.empty() && row.shape != Shape::environment) fact("default: " + std::string(row.default_text));
    if (!row.variable.empty() && row.shape != Shape::environment) fact("variable `" + std::string(row.variable) + '`');
    if (row.shape != Shape::environment && row.shape != Shape::flag && row.shape != Shape::optional)
        fact(row.times == Times::once ? "once" : "repeatable");
    if (row.steer == Steer::nothing) fact(row.reload == Reload::live ? "changes on reload" : "changes on restart");
    fact(row.own ? "lictor's own" : "as in dnsmasq");
    return out + '*' + facts + "*\n\n";
}

/// The option in the sample file, commented out; nothing if it only works on the command line.
std::string sample_lines(const Row& row) {
    const bool on_command_line_only = row.steer == Steer::test || row.steer == Steer::version || row.steer == Steer::help;
    if (row.shape == Shape::environment || on_command_line_only) return {};
    std::string out = '\n' + wrapped(row.reference, "# ");
    out += "# Default: " + std::string(row.default_text) +
           (row.times == Times::repeatable && row.shape != Shape::flag ? "; repeatable" : "") + '\n';
    const bool bare = row.shape == Shape::flag || (row.shape == Shape::optional && row.sample.empty());
    return out + '#' + std::string(row.name) + (bare ? "" : '=' + std::string(row.sample)) + '\n';
}

std::string_view kind_of(const metrics::HistogramRow&) { return metrics::word(metrics::MetricKind::histogram); }
template <class Counters>
std::string_view kind_of(const metrics::MetricRow<Counters>& row) {
    return metrics::word(row.kind);
}

/// A line for each name, with the labels of its rows.
template <class Row>
std::string metric_lines(std::span<const Row> rows) {
    std::string out;
    for (std::size_t i = 0; i < rows.size();) {
        std::string labels;
        const auto& first = rows[i];
        for (; i < rows.size() && rows[i].name == first.name; ++i)
            if (!rows[i].label.empty()) labels += (labels.empty() ? "`" : ", `") + std::string(rows[i].label) + '`';
        out += "| `" + std::string(first.name) + "` | " + std::string(kind_of(first)) + " | " + labels + " | " + std::string(first.help) +
               " |\n";
    }
    return out;
}

std::string_view rcode_word(unsigned code) {
    switch (code) {
        case rcode::noerror: return "NOERROR";
        case rcode::formerr: return "FORMERR";
        case rcode::nxdomain: return "NXDOMAIN";
        case rcode::notimp: return "NOTIMP";
        case rcode::badvers: return "BADVERS";
        case rcode::badcookie: return "BADCOOKIE";
        default: return "SERVFAIL";
    }
}

}  // namespace

std::string render_sample() {
    std::string out =
        "# Sample configuration of lictor: every option with its default, or an example if there is none.\n"
        "# Remove the '#' before an option to set it. One option per line; '#' begins a comment at the start of a line\n"
        "# or after a blank; double quotes keep blanks and commas. Generated from the option table: do not edit.\n";
    for (const auto& group : row_groups()) {
        out += "\n# ==== " + std::string(group.title) + "\n";
        for (const auto& row : group.rows) out += sample_lines(row);
    }
    return out;
}

std::string render_reference() {
    std::string out =
        "# Options, metrics and causes of lictor\n"
        "\n"
        "Generated from the option table, the metric list and the list of causes: do not edit.\n"
        "\n"
        "In a file an option is written `name=value`, one per line; on the command line `--name=value` or `--name value`.\n"
        "The file syntax is dnsmasq's: `#` begins a comment at the start of a line or after a blank, double quotes keep blanks\n"
        "and commas together (`\\\\` and `\\\"` inside them), numbers are plain decimals. A value that may be given only once and is "
        "given\n"
        "in a file takes precedence over the command line; an environment variable is used if neither gives the option. An option of "
        "dnsmasq\n"
        "that is not listed here is ignored with a warning; under `strict` it is an error if it protects something. `lictor --test` "
        "reports\n"
        "all errors at once, each with file and line.\n"
        "\n"
        "## Options\n"
        "\n";
    for (const auto& group : row_groups()) {
        out += "### " + std::string(group.title) + "\n\n";
        for (const auto& row : group.rows) out += option_section(row);
    }
    out +=
        "## Metrics\n"
        "\n"
        "Served as Prometheus text at `/metrics`. A counter with labels has one time series per label value. Histograms have buckets from\n"
        "100 µs to 10 s.\n"
        "\n"
        "### Workers\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    out += metric_lines(metrics::worker_metric_rows());
    out += metric_lines(metrics::worker_histogram_rows());
    out +=
        "\n"
        "### Control\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    out += metric_lines(metrics::control_metric_rows());
    out +=
        "\n"
        "### State\n"
        "\n"
        "The state of the process, its upstreams, leaders and watches at the time of the request.\n"
        "\n"
        "| metric | kind | labels | meaning |\n"
        "|---|---|---|---|\n";
    for (const auto& row : metrics::state_metric_rows) {
        std::string labels;
        for (std::string_view rest = row.labels; !rest.empty();) {
            const auto key = rest.substr(0, rest.find(','));
            labels += (labels.empty() ? "`" : ", `") + std::string(key) + '`';
            rest.remove_prefix(std::min(rest.size(), key.size() + 1));
        }
        out += "| `" + std::string(row.name) + "` | " + std::string(metrics::word(row.kind)) + " | " + labels + " | " +
               std::string(row.help) + " |\n";
    }
    out +=
        "\n"
        "## Causes\n"
        "\n"
        "Why a reply differs from the data or reports a failure. The cause is a label of `lictor_causes_total`; its text goes with "
        "the\n"
        "extended error (EDE, RFC 8914) to clients that send EDNS, and is in the log of `log-queries`. A failure of an upstream keeps "
        "the\n"
        "extended error that the upstream gave. Where the table has no extended error, the text is in the log only.\n"
        "\n"
        "| cause | reply | EDE | text | meaning |\n"
        "|---|---|---|---|---|\n";
    for (const auto& row : metrics::cause_rows)
        out += "| `" + std::string(row.word) + "` | " + (row.rcode ? std::string(rcode_word(*row.rcode)) : "as the data") + " | " +
               (row.extended_error ? std::to_string(*row.extended_error) : "none") + " | " + std::string(row.text) + " | " +
               std::string(row.meaning) + " |\n";
    return out;
}

}  // namespace lictor::conf
