// Writes man(7). Text passes `escaped`, so that no text of a table can be taken for a request.
#include "resolver/manual/pages.hpp"

#include "conf/metrics/cause_rows.hpp"
#include "conf/metrics/metrics_rows.hpp"
#include "conf/metrics/metrics_state.hpp"
#include "conf/options/option_rows.hpp"
#include "resolver/manual/commands.hpp"

namespace lictor::manual {
namespace {

constexpr std::size_t line_bytes = 78;

/// Characters that are special in roff, and the hyphens of options, which must stay ASCII.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') out += "\\e";
        else if (c == '-') out += "\\-";
        else if (c == '\'') out += "\\(aq";
        else if (c == '^') out += "\\(ha";
        else if (c == '~') out += "\\(ti";
        else out += c;
    }
    return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

std::string header(std::string_view name, std::string_view section, std::string_view manual) {
    return ".\\\" Generated from the tables of options, commands, metrics and causes: do not edit.\n.TH " + upper(name) + ' ' +
           std::string(section) + " 2026-11-29 \"lictor " + LICTOR_VERSION + "\" \"" + std::string(manual) + "\"\n.ad l\n";
}
std::string name_section(std::string_view name, std::string_view what) {
    return ".SH NAME\n" + escaped(name) + " \\- " + escaped(what) + '\n';
}
std::string section(std::string_view title) { return ".SH " + std::string(title) + '\n'; }
std::string subsection(std::string_view title) { return ".SS \"" + escaped(title) + "\"\n"; }
/// A term and its text.
std::string entry(const std::string& term, std::string_view text) { return ".TP\n" + term + '\n' + roff_text(text); }
std::string paragraph(std::string_view text) { return ".PP\n" + roff_text(text); }
std::string see_also(std::string_view references) { return section("SEE ALSO") + roff_text(references); }

/// `-p, --port=<port>`
std::string command_line_form(const conf::Row& row) {
    std::string out = row.letter ? "\\fB\\-" + std::string(1, row.letter) + "\\fR, " : "";
    out += bold("--" + std::string(row.name));
    if (row.argument.empty()) return out;
    return out + (row.shape == conf::Shape::optional ? "" : "=") + "\\fI" + escaped(row.argument) + "\\fR";
}

/// `port=<port>`
std::string file_form(const conf::Row& row) {
    std::string name = bold(row.name);
    if (row.argument.empty()) return name;
    return name + (row.shape == conf::Shape::optional ? "" : "=") + "\\fI" + escaped(row.argument) + "\\fR";
}

bool only_on_command_line(const conf::Row& row) {
    return row.steer == conf::Steer::test || row.steer == conf::Steer::version || row.steer == conf::Steer::help;
}

std::string facts_of(const conf::Row& row) {
    std::string facts = "Default: " + std::string(row.default_text.empty() ? "none" : row.default_text) + '.';
    if (!row.variable.empty()) facts += " Variable: `" + std::string(row.variable) + "`.";
    if (row.shape != conf::Shape::flag && row.shape != conf::Shape::optional)
        facts += row.times == conf::Times::once ? " Once." : " May be given several times.";
    if (row.steer == conf::Steer::nothing) facts += row.reload == conf::Reload::live ? " Changes on reload." : " Changes on restart.";
    return facts + (row.own ? " Lictor's own." : " As in dnsmasq.");
}

std::string program_page() {
    std::string out = header("lictor", "8", "System administration") +
                      name_section("lictor", "DNS resolver of an application node, for Consul's names and for leaders") +
                      section("SYNOPSIS") +
                      ".B lictor\n[\\fIOPTION\\fR...]\n.br\n.B lictor\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n" +
                      section("DESCRIPTION");
    out += roff_text(
        "lictor answers names below Consul's domain from memory, follows the leaders of Patroni clusters and other locks in Consul, and "
        "forwards all other queries with a cache. Without a command it serves. With a command it asks a running lictor at its stats "
        "endpoint (`stats-address`), or works on files.");
    out += paragraph(
        "Options may be written in a file, without dashes, one per line: lictor.conf(5) describes the files and explains each option. "
        "Options that dnsmasq has too have its name and meaning.");
    out += section("COMMANDS");
    for (const auto& command : commands())
        out += entry(bold(command.word) + (command.arguments.empty() ? "" : " \\fI" + escaped(command.arguments) + "\\fR"),
                     std::string(command.help) + " (see lictor-" + std::string(command.word) + "(1))");
    out += section("OPTIONS");
    for (const auto& group : conf::row_groups()) {
        out += subsection(group.title);
        for (const auto& row : group.rows)
            if (row.shape != conf::Shape::environment) out += entry(command_line_form(row), row.help);
    }
    out += section("SIGNALS");
    out +=
        entry("\\fBHUP\\fR", "reads all files again. If the configuration has an error, lictor logs it and keeps the old configuration.");
    out += entry("\\fBTERM\\fR, \\fBINT\\fR", "answers the waiting queries and ends, within a second.");
    out += entry("\\fBUSR1\\fR", "logs the statistics, and with `log-queries` the cache table.");
    out += entry("\\fBUSR2\\fR", "opens the log file again.");
    out += section("EXIT STATUS");
    out += entry("\\fB0\\fR", "ended by a signal.");
    out += entry("\\fB1\\fR", "the configuration has an error.");
    out += entry("\\fB2\\fR", "an address cannot be bound.");
    out += entry("\\fB3\\fR", "a file is missing or cannot be written.");
    out += entry("\\fB5\\fR", "a right or a resource is missing.");
    out += paragraph("The pages of the commands give their exit codes.");
    out += section("ENVIRONMENT");
    for (const auto& row : conf::option_rows()) {
        if (row.shape == conf::Shape::environment) out += entry(bold(row.name), row.reference);
        else if (!row.variable.empty()) out += entry(bold(row.variable), "is used if `" + std::string(row.name) + "` is not given.");
    }
    out += entry("\\fBLISTEN_FDS\\fR, \\fBLISTEN_PID\\fR",
                 "sockets that systemd has bound (systemd.socket(5)). lictor serves them in place of binding these addresses itself. They "
                 "stay open when lictor ends, so queries that arrive during a restart wait for the next lictor.");
    out += entry("\\fBNOTIFY_SOCKET\\fR, \\fBWATCHDOG_USEC\\fR",
                 "lictor reports to systemd that it serves, reloads or stops, and sends keep-alive messages while every worker runs "
                 "(sd_notify(3)).");
    out += entry("\\fBCREDENTIALS_DIRECTORY\\fR",
                 "the folder of systemd's credentials. A file lictor.consul-token in it holds Consul's token, unless an option or another "
                 "variable gives one.");
    out += section("FILES");
    out += entry("/etc/lictor/lictor.conf", "the configuration; lictor.conf(5) describes when another file is read.");
    out += entry("/etc/credstore/lictor.consul\\-token", "Consul's token for the systemd service; only root needs to read it.");
    out += entry("/var/lib/lictor", "belongs to the service's user; meant for `snapshot-file`.");
    out += see_also("lictor.conf(5), lictor-metrics(7), lictor-doctor(1), lictor-explain(1), dnsmasq(8)");
    return out;
}

std::string configuration_page() {
    std::string out = header("lictor.conf", "5", "File formats") + name_section("lictor.conf", "configuration of the DNS resolver lictor") +
                      section("DESCRIPTION");
    out += roff_text(
        "lictor reads /etc/lictor.conf if it exists, and otherwise /etc/lictor/lictor.conf if that exists. If both exist, a warning names "
        "the one that is not read. `--conf-file` on the command line replaces both; it may name an existing dnsmasq.conf.");
    out += paragraph(
        "An option is written `name=value`, one per line. `#` begins a comment at the start of a line or after a blank. Double quotes "
        "keep blanks and commas together (`\\\\` and `\\\"` inside them). Numbers are plain decimals.");
    out += paragraph(
        "A value that may be given only once and is given in a file takes precedence over the command line. An environment variable is "
        "used if neither gives the option. An option of dnsmasq that is not listed here is ignored with a warning; under `strict` it is "
        "an error if it protects something. `lictor --test` reports all errors at once, each with file and line.");
    for (const auto& group : conf::row_groups()) {
        std::string entries;
        for (const auto& row : group.rows) {
            if (row.shape == conf::Shape::environment || only_on_command_line(row)) continue;
            entries += entry(file_form(row), row.reference) + ".br\n" + roff_text(facts_of(row));
        }
        if (!entries.empty()) out += section(upper(group.title)) + entries;
    }
    return out + section("FILES") +
           entry("/etc/lictor/lictor.conf", "the configuration of the packages; as installed it holds comments only.") +
           entry("/etc/lictor.conf", "is read in its place if it exists.") + see_also("lictor(8), lictor-metrics(7)");
}

template <class Counters>
std::string metric_entries(std::span<const metrics::MetricRow<Counters>> rows) {
    std::string out;
    for (std::size_t i = 0; i < rows.size();) {
        const auto& first = rows[i];
        std::string labels;
        for (; i < rows.size() && rows[i].name == first.name; ++i)
            if (!rows[i].label.empty()) labels += (labels.empty() ? " Labels: `" : ", `") + std::string(rows[i].label) + '`';
        out += entry(bold(first.name) + " (" + std::string(metrics::word(first.kind)) + ')',
                     std::string(first.help) + labels + (labels.empty() ? "" : "."));
    }
    return out;
}

std::string metrics_page() {
    std::string out = header("lictor-metrics", "7", "Miscellaneous") +
                      name_section("lictor-metrics", "metrics of lictor, and causes of its answers") + section("METRICS");
    out += roff_text("Served as Prometheus text at `/metrics` of the stats endpoint, and with other names in `/stats`.");
    out += subsection("Workers") + metric_entries(metrics::worker_metric_rows());
    out += subsection("Control") + metric_entries(metrics::control_metric_rows());
    out += subsection("State");
    for (const auto& row : metrics::state_metric_rows)
        out += entry(bold(row.name) + " (" + std::string(metrics::word(row.kind)) + ')',
                     std::string(row.help) + (row.labels.empty() ? "" : " Labels: `" + std::string(row.labels) + "`."));
    out += section("CAUSES");
    out += roff_text(
        "Why a reply differs from the data or reports a failure. The cause is a label of `lictor_causes_total`. Its text goes with the "
        "extended error (EDE, RFC 8914) to clients that send EDNS, and is in the log of `log-queries`.");
    for (const auto& row : metrics::cause_rows)
        out += entry(bold(row.word), std::string(row.meaning) +
                                         (row.extended_error ? " EDE " + std::to_string(*row.extended_error) : " In the log only") + ": `" +
                                         std::string(row.text) + "`.");
    return out + see_also("lictor(8), lictor.conf(5)");
}

std::string options_of(std::span<const CommandOption> options) {
    std::string out;
    for (const auto& option : options) {
        std::string term = bold(option.name);
        if (option.value == CommandOption::Value::optional) term += "[=\\fI" + escaped(option.argument) + "\\fR]";
        if (option.value == CommandOption::Value::needed) term += "=\\fI" + escaped(option.argument) + "\\fR";
        out += entry(term, std::string(option.help) + '.');
    }
    return out;
}

std::string command_page(const Command& command) {
    const std::string name = "lictor-" + std::string(command.word);
    std::string out = header(name, "1", "User commands") + name_section(name, command.help) + section("SYNOPSIS") + ".B lictor " +
                      escaped(command.word) + '\n' + (command.arguments.empty() ? "" : "\\fI" + escaped(command.arguments) + "\\fR\n") +
                      section("DESCRIPTION");
    out += roff_text("`lictor " + std::string(command.word) + "`: " + std::string(command.help) + '.');
    if (!command.details.empty()) out += paragraph(command.details);
    const auto live = command.live ? options_of(live_options()) : "";
    if (const auto own = options_of(command.options); !own.empty() || !live.empty()) out += section("OPTIONS") + own + live;
    if (command.live && command.details.find("Exit codes:") == std::string_view::npos)
        out += section("EXIT STATUS") + roff_text(std::string(live_exit_codes) + '.');
    return out + see_also("lictor(8), lictor.conf(5)");
}

}  // namespace

std::string roff_text(std::string_view text) {
    std::string out, line;
    bool code = false;
    const auto put = [&](const std::string& word) {
        if (!line.empty() && line.size() + 1 + word.size() > line_bytes) {
            out += line + '\n';
            line.clear();
        }
        if (line.empty() && (word.front() == '.' || word.front() == '\'')) line = "\\&";
        else if (!line.empty()) line += ' ';
        line += word;
    };
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" \n"), text.size());
        std::string word;
        for (std::string_view rest = text.substr(0, end); !rest.empty();) {
            const auto tick = std::min(rest.find('`'), rest.size());
            word += escaped(rest.substr(0, tick));
            if (tick < rest.size()) word += (code = !code) ? "\\fB" : "\\fR";
            rest.remove_prefix(std::min(tick + 1, rest.size()));
        }
        if (!word.empty()) put(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + line + '\n';
}

std::vector<File> render_pages() {
    std::vector<File> files = {{"lictor.8", program_page()}, {"lictor.conf.5", configuration_page()}, {"lictor-metrics.7", metrics_page()}};
    for (const auto& command : commands()) files.push_back({"lictor-" + std::string(command.word) + ".1", command_page(command)});
    return files;
}

}  // namespace lictor::manual
