// Writes the completions of bash, zsh and fish. Each offers the options, the commands, the options of a command, and the values that an
// option's argument names: words, files or directories.
#include <string>
#include <string_view>
#include <vector>

#include "conf/options/option_rows.hpp"
#include "resolver/manual/commands.hpp"
#include "resolver/manual/pages.hpp"

namespace lictor::manual {
namespace {

/// What may follow an option.
struct Values {
    std::vector<std::string> words;  ///< all values, if the argument is a list of words
    bool files = false, folders = false;
};

Values values_of(const conf::Row& row) {
    std::string_view argument = row.argument;
    Values values;
    values.folders = row.name == "conf-dir" || row.name == "hostsdir";
    values.files = !values.folders && argument.find("<path>") != std::string_view::npos;
    if (argument.starts_with("[=") && argument.ends_with(']')) argument = argument.substr(2, argument.size() - 3);
    if (argument.empty() || argument.find_first_of("<[/") != std::string_view::npos) return values;
    while (!argument.empty()) {
        const auto end = std::min(argument.find('|'), argument.size());
        values.words.emplace_back(argument.substr(0, end));
        argument.remove_prefix(std::min(end + 1, argument.size()));
    }
    return values;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

bool takes_value(const conf::Row& row) { return row.shape != conf::Shape::flag && row.shape != conf::Shape::optional; }

/// `text` between single quotes, for a shell.
std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + '\'';
}

/// For fish, where a backslash quotes within single quotes.
std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    return out + '\'';
}

/// Text in a specification of zsh's _arguments, where brackets and colons have a meaning.
std::string zsh_text(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '[' || c == ']' || c == ':' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    return out;
}

template <class Take>
void each_option(Take take) {
    for (const auto& row : conf::option_rows())
        if (row.shape != conf::Shape::environment) take(row);
}

std::string words_of_commands() {
    std::vector<std::string> words;
    for (const auto& command : commands()) words.emplace_back(command.word);
    return joined(words);
}

std::string bash_options(std::span<const CommandOption> options) {
    std::vector<std::string> words;
    for (const auto& option : options) words.push_back(std::string(option.name) + (option.value == CommandOption::Value::none ? "" : "="));
    return joined(words);
}

std::string bash() {
    std::vector<std::string> options, files, folders, valued;
    std::string choices;
    each_option([&](const conf::Row& row) {
        const auto name = "--" + std::string(row.name);
        options.push_back(name + (row.argument.empty() ? "" : "="));
        if (row.shape == conf::Shape::optional) options.push_back(name);
        if (takes_value(row)) valued.push_back(name);
        if (takes_value(row) && row.letter) valued.push_back(std::string{'-', row.letter});
        const auto values = values_of(row);
        const std::string letter = row.letter ? std::string{'|', '-', row.letter} : "";
        if (values.files) files.push_back(name + letter);
        if (values.folders) folders.push_back(name + letter);
        if (!values.words.empty())
            choices +=
                "        " + name + letter + ") COMPREPLY=($(compgen -W " + quoted(joined(values.words)) + " -- \"$cur\")); return ;;\n";
    });
    const auto alternatives = [](std::vector<std::string> words) {
        std::string out;
        for (const auto& word : words) out += (out.empty() ? "" : "|") + word;
        return out;
    };
    std::string cases;
    for (const auto& command : commands()) {
        auto words = bash_options(command.options);
        if (command.live) words += (words.empty() ? "" : " ") + bash_options(live_options());
        cases += "        " + std::string(command.word) + ")\n";
        if (!words.empty())
            cases +=
                "            if [[ $cur == -* ]]; then\n                COMPREPLY=($(compgen -W " + quoted(words) +
                " -- \"$cur\"))\n                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n                return\n            fi\n";
        if (command.names == Names::file) cases += "            _filedir\n";
        if (command.names == Names::command)
            cases += "            COMPREPLY=($(compgen -W " + quoted(words_of_commands()) + " -- \"$cur\"))\n";
        cases += "            return ;;\n";
    }
    return "# bash completion for lictor. Generated from the tables of options and commands: do not edit.\n"
           "_lictor() {\n"
           "    local cur prev words cword split at word command=\n"
           "    _init_completion -s || return\n"
           "    case $prev in\n" +
           choices + "        " + alternatives(files) + ") _filedir; return ;;\n        " + alternatives(folders) +
           ") _filedir -d; return ;;\n    esac\n"
           "    for ((at = 1; at < cword; at++)); do\n"
           "        word=${words[at]}\n"
           "        case $word in\n"
           "            " +
           alternatives(valued) +
           ")\n"
           "                if [[ ${words[at + 1]-} == '=' ]]; then ((at += 2)); else ((at += 1)); fi ;;\n"
           "            -* | =) ;;\n"
           "            *) [[ ${words[at - 1]} == '=' ]] || { command=$word; break; } ;;\n"
           "        esac\n"
           "    done\n"
           "    case $command in\n"
           "        '') ;;\n" +
           cases +
           "        *) return ;;\n"
           "    esac\n"
           "    $split && return\n"
           "    if [[ $cur == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W " +
           quoted(joined(options)) +
           " -- \"$cur\"))\n"
           "        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace\n"
           "    else\n"
           "        COMPREPLY=($(compgen -W " +
           quoted(words_of_commands()) +
           " -- \"$cur\"))\n"
           "    fi\n"
           "} &&\n"
           "    complete -F _lictor lictor\n";
}

std::string zsh_values(const conf::Row& row) {
    const auto values = values_of(row);
    if (values.files) return ":file:_files";
    if (values.folders) return ":directory:_files -/";
    if (!values.words.empty()) return ":value:(" + joined(values.words) + ')';
    return ':' + zsh_text(row.argument) + ':';
}

std::string zsh_options(std::span<const CommandOption> options) {
    std::string out;
    for (const auto& option : options) {
        std::string spec(option.name);
        if (option.value != CommandOption::Value::none) spec += option.value == CommandOption::Value::optional ? "=-" : "=";
        spec += '[' + zsh_text(option.help) + ']';
        if (option.value != CommandOption::Value::none)
            spec += (option.value == CommandOption::Value::optional ? "::" : ":") + zsh_text(option.argument) + ':';
        out += " \\\n                " + quoted(spec);
    }
    return out;
}

std::string zsh() {
    std::string options, descriptions, cases;
    each_option([&](const conf::Row& row) {
        const std::string repeats = row.times == conf::Times::repeatable ? "*" : "";
        const std::string help = '[' + zsh_text(row.help) + ']';
        const auto add = [&](const std::string& spec) { options += "        " + quoted(spec) + " \\\n"; };
        if (!row.argument.empty() && row.shape == conf::Shape::optional) {
            add(repeats + "--" + std::string(row.name) + "=-" + help + ':' + zsh_values(row));
        } else {
            add(repeats + "--" + std::string(row.name) + (row.argument.empty() ? "" : "=") + help +
                (row.argument.empty() ? "" : zsh_values(row)));
        }
        if (row.letter)
            add(repeats + '-' + std::string(1, row.letter) + (takes_value(row) ? "+" : "") + help +
                (takes_value(row) ? zsh_values(row) : ""));
    });
    for (const auto& command : commands()) {
        descriptions += "        " + quoted(std::string(command.word) + ':' + std::string(command.help)) + '\n';
        std::string specs = zsh_options(command.options);
        if (command.live) specs += zsh_options(live_options());
        if (command.names == Names::file) specs += " \\\n                '*:file:_files'";
        if (command.names == Names::command) specs += " \\\n                '1:command:(" + words_of_commands() + ")'";
        if (command.names == Names::domain || command.names == Names::scope || command.names == Names::service)
            specs += " \\\n                '*:" + zsh_text(command.arguments) + ":'";
        cases +=
            "            " + std::string(command.word) + ")\n                _arguments -S" + (specs.empty() ? " '*: :'" : specs) + " ;;\n";
    }
    return "#compdef lictor\n"
           "# zsh completion for lictor. Generated from the tables of options and commands: do not edit.\n"
           "local curcontext=\"$curcontext\" state line ret=1\n"
           "local -a commands\n"
           "commands=(\n" +
           descriptions +
           ")\n"
           "_arguments -C -S \\\n" +
           options +
           "        '1:command:->command' \\\n"
           "        '*::argument:->argument' && ret=0\n"
           "case $state in\n"
           "    command) _describe -t commands command commands && ret=0 ;;\n"
           "    argument)\n"
           "        case $words[1] in\n" +
           cases +
           "        esac && ret=0 ;;\n"
           "esac\n"
           "return ret\n";
}

std::string fish() {
    std::string out = "# fish completion for lictor. Generated from the tables of options and commands: do not edit.\n";
    const std::string begin = "complete -c lictor -n __fish_use_subcommand";
    each_option([&](const conf::Row& row) {
        out += begin + " -l " + std::string(row.name) + (row.letter ? " -s " + std::string(1, row.letter) : "");
        const auto values = values_of(row);
        if (!values.words.empty()) out += (takes_value(row) ? " -x -a " : " -f -a ") + fish_quoted(joined(values.words));
        else if (values.folders) out += " -x -a '(__fish_complete_directories)'";
        else if (values.files && takes_value(row)) out += " -r -F";
        else out += takes_value(row) ? " -x" : " -f";
        out += " -d " + fish_quoted(row.help) + '\n';
    });
    for (const auto& command : commands()) {
        out += begin + " -f -a " + std::string(command.word) + " -d " + fish_quoted(command.help) + '\n';
        const std::string inside = "complete -c lictor -n '__fish_seen_subcommand_from " + std::string(command.word) + "'";
        const auto add = [&](std::span<const CommandOption> options) {
            for (const auto& option : options)
                out += inside + " -l " + std::string(option.name.substr(2)) +
                       (option.value == CommandOption::Value::needed ? " -x" : " -f") + " -d " + fish_quoted(option.help) + '\n';
        };
        add(command.options);
        if (command.live) add(live_options());
        if (command.names == Names::file) out += inside + " -F\n";
        else if (command.names == Names::command) out += inside + " -f -a " + fish_quoted(words_of_commands()) + '\n';
        else out += inside + " -f\n";
    }
    return out;
}

}  // namespace

std::vector<File> render_completions() { return {{"lictor.bash", bash()}, {"_lictor", zsh()}, {"lictor.fish", fish()}}; }

}  // namespace lictor::manual
