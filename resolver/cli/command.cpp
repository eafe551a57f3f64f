// Reads the arguments of the sub-commands (the table is resolver/manual/commands), runs them, and gives their exit codes.
#include "resolver/cli/command.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>

#include "conf/base/address.hpp"
#include "conf/base/printable.hpp"
#include "conf/options/options.hpp"
#include "conf/parse/import_text.hpp"
#include "resolver/cli/doctor.hpp"
#include "resolver/cli/live.hpp"
#include "resolver/cli/request.hpp"
#include "resolver/cli/wait.hpp"
#include "resolver/doctor/checks.hpp"
#include "resolver/documents/doctor.hpp"
#include "resolver/manual/commands.hpp"
#include "resolver/terminal/format.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::cli {
namespace {

using Text = std::string (*)(const std::string& json, const terminal::Style& style);

/// The arguments of one call.
struct Words {
    std::string address;
    std::vector<std::string> names;                                 ///< words that are no option
    std::vector<std::pair<std::string_view, std::string>> options;  ///< of the command itself
    bool json = false, help = false;

    std::optional<std::string> option(std::string_view name) const {
        const auto found = std::find_if(options.begin(), options.end(), [&](const auto& row) { return row.first == name; });
        return found == options.end() ? std::nullopt : std::optional(found->second);
    }
};

using manual::Command;
using manual::CommandOption;

/// How a live command is run.
struct Action {
    std::string_view word;       ///< of the command
    const char* path = nullptr;  ///< null: `run` does it all
    endpoint::Method method = endpoint::Method::get;
    Text text = nullptr;
    int (*run)(const Words& words, const conf::Options& options) = nullptr;
};

int run_doctor(const Words& words, const conf::Options& options);
int run_wait(const Words& words, const conf::Options& options);
int run_stats(const Words& words, const conf::Options& options);
int run_named(const Words& words, const char* path, Text text, const std::vector<const char*>& lists, const std::vector<const char*>& keys,
              const char* what);
int run_leaders(const Words& words, const conf::Options&) {
    return run_named(words, "/leaders", terminal::leaders_text, {"leaders"}, {"scope", "service"}, "scope");
}
int run_services(const Words& words, const conf::Options&) {
    return run_named(words, "/services", terminal::services_text, {"watches", "services"}, {"name"}, "service");
}

using enum endpoint::Method;
constexpr Action actions[] = {
    {.word = "stats", .run = run_stats},
    {.word = "explain", .path = "/explain", .text = terminal::explain_text},
    {.word = "leaders", .run = run_leaders},
    {.word = "failovers", .path = "/failovers", .text = terminal::failovers_text},
    {.word = "services", .run = run_services},
    {.word = "shadow", .path = "/shadow", .text = terminal::shadow_text},
    {.word = "health", .path = "/health", .text = terminal::health_text},
    {.word = "ready", .path = "/ready", .text = terminal::ready_text},
    {.word = "wait", .run = run_wait},
    {.word = "flush", .path = "/flush", .method = post, .text = terminal::flush_text},
    {.word = "reload", .path = "/reload", .method = post, .text = terminal::reload_text},
    {.word = "doctor", .run = run_doctor},
};

/// Insertions, deletions and replacements between two short words.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t corner = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j)
            corner = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)}));
    }
    return row.back();
}

std::string list_of_commands() {
    std::string text;
    const auto add = [&](std::string_view word, std::string_view arguments, std::string_view help) {
        std::string line = "  " + std::string(word) + (arguments.empty() || arguments.size() > 12 ? "" : ' ' + std::string(arguments));
        line.append(21 - std::min<std::size_t>(terminal::width(line), 21), ' ');
        text += line + ' ' + std::string(help) + '\n';
    };
    for (const auto& command : manual::commands()) add(command.word, command.arguments, command.help);
    return text + "Each but the last four takes --json (the reply as JSON) and --stats-address=ADDRESS. `lictor help COMMAND` says more.\n";
}

/// The command's own help; empty if there is no such command.
std::string help_of(std::string_view word) {
    const auto* command = manual::find_command(word);
    if (!command) return {};
    return "lictor " + std::string(word) + (command->arguments.empty() ? "" : ' ' + std::string(command->arguments)) + "\n  " +
           std::string(command->help) + '\n' + (command->details.empty() ? "" : '\n' + std::string(command->details)) +
           (command->live ? "\nAlso: --json, --stats-address=ADDRESS. Exit codes if not said otherwise:\n" +
                                std::string(manual::live_exit_codes) + ".\n"
                          : "");
}

int unknown(const std::string& word) {
    std::string text = "lictor: unknown command '" + printable(word, 60) + "'";
    constexpr std::size_t word_bytes_max = 20;
    if (word.size() <= word_bytes_max) {
        std::string_view nearest;
        std::size_t least = 2 + word.size() / 3;
        const auto consider = [&](std::string_view name) {
            if (const auto edits = distance(word, name); edits < least) nearest = name, least = edits;
        };
        for (const auto& command : manual::commands()) consider(command.word);
        if (!nearest.empty()) text += "; did you mean '" + std::string(nearest) + "'?";
    }
    std::fputs((text + "\nThe commands are:\n" + list_of_commands()).c_str(), stderr);
    return no;
}

std::optional<Words> wrong(const Command& command, const std::string& text) {
    std::fprintf(stderr, "lictor: %s\n%s", text.c_str(), help_of(command.word).c_str());
    return std::nullopt;
}

std::optional<Words> read_words(const std::vector<std::string>& words, const Command& command, const std::string& address) {
    constexpr std::string_view address_option = "--stats-address";
    Words read{.address = address, .names = {}, .options = {}};
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "--json") {
            read.json = true;
            continue;
        }
        if (word == "--help" || word == "-h") {
            read.help = true;
            continue;
        }
        const auto name = word.substr(0, word.find('='));
        const CommandOption* option = nullptr;
        for (const auto& rows : {manual::live_options(), command.options})
            for (const auto& row : rows)
                if (row.name == name) option = &row;
        if (option) {
            using Value = CommandOption::Value;
            const bool given = name.size() < word.size();
            if (given && option->value == Value::none) return wrong(command, std::string(name) + " takes no value");
            if (!given && option->value == Value::needed && i + 1 >= words.size())
                return wrong(command, std::string(name) + " needs a value");
            const std::string value = given ? std::string(word.substr(name.size() + 1)) : option->value == Value::needed ? words[++i] : "";
            if (option->name == address_option) read.address = value;
            else read.options.emplace_back(option->name, value);
        } else if (read.names.size() < command.most && !word.empty() && !word.starts_with('-')) {
            read.names.emplace_back(word);
        } else {
            return wrong(command, std::string(command.word) + " does not take '" + printable(word, 60) + '\'');
        }
    }
    if (read.names.size() < command.least && !read.help)
        return wrong(command, std::string(command.word) + " needs " + std::string(command.arguments));
    return read;
}

/// Prints a reply; gives the exit code.
int show(const Words& words, const endpoint::StatsAnswer& answer, Text text, int code) {
    const std::string out = words.json ? answer.body : text(answer.body, style_of_output());
    if (out.empty()) {
        std::fprintf(stderr, "lictor: the reply from %s is not lictor's\n", words.address.c_str());
        return no;
    }
    std::fputs(out.c_str(), stdout);
    return code;
}

/// Shows a document, or with a name only its rows of this name.
int run_named(const Words& words, const char* path, Text text, const std::vector<const char*>& lists, const std::vector<const char*>& keys,
              const char* what) {
    int code = done;
    auto answer = request(words.address, path, get, code);
    if (!answer) return code;
    if (words.names.empty()) return show(words, *answer, text, code);
    auto document = terminal::parse(answer->body);
    std::string known;
    bool found = false;
    for (const char* list : lists) {
        if (!document.is_object() || !terminal::member(document, list).is_array()) continue;
        terminal::Json kept = terminal::Json::array();
        for (const auto& row : document[list]) {
            const bool fits = std::any_of(keys.begin(), keys.end(), [&](const char* key) {
                return terminal::member(row, key) == terminal::Json(words.names.front());
            });
            if (fits) kept.push_back(row);
            else if (list == lists.back()) known += (known.empty() ? "" : ", ") + terminal::words(terminal::member(row, keys.front()));
        }
        found = found || !kept.empty();
        document[list] = std::move(kept);
    }
    if (!found) {
        std::fprintf(stderr, "lictor: no %s '%s' is known; known: %s\n", what, printable(words.names.front(), 100).c_str(),
                     known.empty() ? "none" : known.substr(0, 1000).c_str());
        return no;
    }
    answer->body = document.dump(-1, ' ', false, terminal::Json::error_handler_t::replace) + '\n';
    return show(words, *answer, text, code);
}

int run_stats(const Words& words, const conf::Options&) {
    if (const auto value = words.option("--watch")) {
        const auto interval = value->empty() ? std::optional<std::uint64_t>(1) : parse_number(*value, 3600);
        if (!interval || *interval == 0 || words.json) {
            std::fputs("lictor: --watch takes seconds from 1 to 3600, and not --json\n", stderr);
            return no;
        }
        return show_live(words.address, seconds(static_cast<std::int64_t>(*interval)));
    }
    int code = done;
    const auto answer = request(words.address, "/stats", get, code);
    return answer ? show(words, *answer, terminal::stats_text, code) : code;
}

int run_wait(const Words& words, const conf::Options&) {
    Awaited awaited{.address = words.address, .leaders = {}, .json = words.json};
    for (const auto& [name, value] : words.options) {
        if (name == "--ready") awaited.ready = true;
        if (name == "--leader") awaited.leaders.push_back(value);
        if (name != "--timeout") continue;
        const auto span = parse_number(value, 86'400);
        if (!span) {
            std::fputs("lictor: --timeout takes seconds from 0 to 86400\n", stderr);
            return no;
        }
        awaited.timeout = seconds(static_cast<std::int64_t>(*span));
    }
    awaited.ready = awaited.ready || awaited.leaders.empty();
    if (awaited.address.empty()) {
        std::fputs("lictor: the stats endpoint is off (stats-address= is empty); name one with --stats-address=\n", stderr);
        return no_reply;
    }
    return wait_for(awaited);
}

int run_doctor(const Words& words, const conf::Options& options) {
    const auto found = doctor::findings(collect_facts(options, words.address));
    const std::string json = documents::doctor_json(found);
    std::fputs((words.json ? json : terminal::doctor_text(json, style_of_output())).c_str(), stdout);
    switch (doctor::worst(found)) {
        case doctor::Severity::fine:
        case doctor::Severity::hint: return 0;
        case doctor::Severity::warning: return 1;
        case doctor::Severity::error: break;
    }
    return 2;
}

}  // namespace

int run_import(const std::vector<std::string>& words, conf::FileSource& files) {
    std::vector<std::string> paths(words.begin() + 1, words.end());
    const bool json = std::erase(paths, "--json") > 0;
    const auto is_option = [](const std::string& word) { return word.starts_with('-') && word != "-"; };
    if (paths.empty() || std::any_of(paths.begin(), paths.end(), is_option)) {
        const bool help = paths.size() == 1 && paths[0] == "--help";
        std::fputs(("lictor: import takes the names of configuration files: lictor import /etc/dnsmasq.conf\n" + help_of("import")).c_str(),
                   help ? stdout : stderr);
        return help ? done : no;
    }
    const auto import = conf::import_files(paths, files);
    std::fputs((json ? conf::import_json(import) : import.text).c_str(), stdout);
    return import.file_missing ? 3 : import.refused ? no : done;
}

int run_help(const std::string& word) {
    const std::string text = help_of(word);
    if (text.empty()) return unknown(word);
    std::fputs(text.c_str(), stdout);
    return done;
}

int run_command(const std::vector<std::string>& words, const conf::Options& options) {
    const std::string asked = words.empty() ? "" : words.front();
    const auto* command = manual::find_command(asked);
    const auto* action = std::find_if(std::begin(actions), std::end(actions), [&](const auto& row) { return row.word == asked; });
    if (!command || action == std::end(actions)) return unknown(asked);
    const auto read = read_words(words, *command, options.stats_address);
    if (!read) return no;
    if (read->help) return run_help(asked);
    if (action->run) return action->run(*read, options);
    std::string query;
    if (!read->names.empty()) query += "?name=" + endpoint::percent_encoded(read->names[0]);
    if (read->names.size() > 1) query += "&type=" + endpoint::percent_encoded(read->names[1]);
    int code = done;
    const auto answer = request(read->address, action->path + query, action->method, code);
    return answer ? show(*read, *answer, action->text, code) : code;
}

}  // namespace lictor::cli
