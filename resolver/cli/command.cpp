// The table of sub-commands, with their arguments and exit codes.
#include "resolver/cli/command.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>

#include "conf/base/printable.hpp"
#include "conf/options/options.hpp"
#include "conf/parse/import_text.hpp"
#include "resolver/endpoint/client.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::cli {
namespace {

enum Exit : int { done = 0, no = 1, no_reply = 2 };

struct Command {
    std::string_view word;
    const char* path;
    endpoint::Method method;  ///< post: changes something and takes NAME
    std::string (*text)(const std::string& json);
    const char* help;
};

using enum endpoint::Method;
constexpr Command commands[] = {
    {"stats", "/stats", get, terminal::stats_text, "counters, state, leaders, upstreams"},
    {"leaders", "/leaders", get, terminal::leaders_text, "the leader of each scope, since when, or why there is none"},
    {"failovers", "/failovers", get, terminal::failovers_text, "the phases of each change of leader, with times"},
    {"services", "/services", get, terminal::services_text, "the watches on Consul and the instances known"},
    {"shadow", "/shadow", get, terminal::shadow_text, "differences between our answers and another server's (option shadow)"},
    {"health", "/health", get, terminal::health_text, "exit code 0 if every worker's loop runs"},
    {"ready", "/ready", get, terminal::ready_text, "exit code 0 once Consul was read and an upstream answered"},
    {"flush", "/flush", post, terminal::flush_text, "removes cache entries: all, or at and below NAME"},
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
    for (const auto& command : commands) {
        std::string word(command.word);
        if ((command.method == post)) word += " [NAME]";
        word.resize(std::max<std::size_t>(word.size(), 14), ' ');
        text += "  " + word + ' ' + command.help + '\n';
    }
    return text +
           "  import FILE…   what each line of dnsmasq's configuration would do in lictor; needs no running lictor\n"
           "  help, version  all options; the version\n"
           "Each but these three takes --json (the reply unchanged) and --stats-address=ADDRESS.\n";
}

int unknown(const std::string& word) {
    std::string text = "lictor: unknown command '" + printable(word, 60) + "'";
    constexpr std::size_t word_bytes_max = 20;
    if (word.size() <= word_bytes_max) {
        const auto nearest = std::min_element(std::begin(commands), std::end(commands), [&](const auto& a, const auto& b) {
            return distance(word, a.word) < distance(word, b.word);
        });
        if (distance(word, nearest->word) <= 1 + word.size() / 3) text += "; did you mean '" + std::string(nearest->word) + "'?";
    }
    std::fputs((text + "\nThe commands are:\n" + list_of_commands()).c_str(), stderr);
    return no;
}

/// The arguments of the sub-command.
struct Words {
    std::string address;
    std::optional<std::string> name;
    bool json = false, help = false;
};

std::optional<Words> read_words(const std::vector<std::string>& words, const Command& command, const std::string& address) {
    constexpr std::string_view address_option = "--stats-address";
    Words read{.address = address, .name = {}};
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "--json") read.json = true;
        else if (word == "--help" || word == "-h") read.help = true;
        else if (word.starts_with(address_option) && word.substr(address_option.size()).starts_with('='))
            read.address = word.substr(address_option.size() + 1);
        else if (word == address_option && i + 1 < words.size()) read.address = words[++i];
        else if ((command.method == post) && !read.name && !word.empty() && !word.starts_with('-')) read.name = word;
        else {
            std::fprintf(stderr, "lictor: %s does not take '%s'\n%s", words[0].c_str(), printable(word, 60).c_str(),
                         list_of_commands().c_str());
            return std::nullopt;
        }
    }
    return read;
}

}  // namespace

int run_import(const std::vector<std::string>& words, conf::FileSource& files) {
    const std::vector<std::string> paths(words.begin() + 1, words.end());
    const auto is_option = [](const std::string& word) { return word.starts_with('-') && word != "-"; };
    if (paths.empty() || std::any_of(paths.begin(), paths.end(), is_option)) {
        std::fputs("lictor: import takes the names of configuration files: lictor import /etc/dnsmasq.conf\n",
                   paths.size() == 1 && paths[0] == "--help" ? stdout : stderr);
        return paths.size() == 1 && paths[0] == "--help" ? done : no;
    }
    const auto import = conf::import_files(paths, files);
    std::fputs(import.text.c_str(), stdout);
    return import.file_missing ? 3 : import.refused ? no : done;
}

int run_command(const std::vector<std::string>& words, const conf::Options& options) {
    const std::string asked = words.empty() ? "" : words.front();
    const auto* command = std::find_if(std::begin(commands), std::end(commands), [&](const auto& row) { return row.word == asked; });
    if (command == std::end(commands)) return unknown(asked);
    const auto read = read_words(words, *command, options.stats_address);
    if (!read) return no;
    if (read->help) {
        std::fputs(list_of_commands().c_str(), stdout);
        return done;
    }
    if (read->address.empty()) {
        std::fputs("lictor: the stats endpoint is off (stats-address= is empty); name one with --stats-address=\n", stderr);
        return no_reply;
    }
    const std::string query = read->name ? "?name=" + endpoint::percent_encoded(*read->name) : "";
    const auto answer = endpoint::request_stats(read->address, command->path + query, command->method);
    if (!answer) {
        std::fprintf(stderr, "lictor: no reply from %s: %s; start lictor, or name its stats-address with --stats-address=\n",
                     read->address.c_str(), terminal::refusal_text(answer.error().text).c_str());
        return no_reply;
    }
    // 503 is also a reply: not healthy, or not ready.
    if (answer->code != 200 && answer->code != 503) {
        std::fprintf(stderr, "lictor: %s refuses (HTTP %ld): %s\n", read->address.c_str(), answer->code,
                     terminal::refusal_text(answer->body).c_str());
        return no;
    }
    const std::string text = read->json ? answer->body : command->text(answer->body);
    if (text.empty()) {
        std::fprintf(stderr, "lictor: the reply from %s is not lictor's\n", read->address.c_str());
        return no;
    }
    std::fputs(text.c_str(), stdout);
    return answer->code == 200 ? done : no;
}

}  // namespace lictor::cli
