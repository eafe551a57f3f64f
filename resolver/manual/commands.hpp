// The sub-commands of lictor: words, arguments and texts. `lictor help`, the parser of their arguments, the manual pages and the
// completions for shells use this table; resolver/cli has the functions that run them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lictor::manual {

/// An option of a command.
struct CommandOption {
    /// none, after `=` only, or `=VALUE` or the next word
    enum class Value : std::uint8_t { none, optional, needed } value = Value::none;
    std::string_view name;           ///< with dashes
    std::string_view argument = {};  ///< for operators: `SECONDS`
    std::string_view help = {};      ///< one sentence without a full stop
};

/// What the words of a command name. Completions offer files for `file` and the commands for `command`.
enum class Names : std::uint8_t { nothing, domain, scope, service, file, command };

struct Command {
    std::string_view word;
    std::string_view arguments = {};  ///< for operators
    std::size_t least = 0, most = 0;  ///< number of words that are no option
    Names names = Names::nothing;     ///< what these words are
    bool live = true;                 ///< asks a running lictor, and takes the options of `live_options`
    std::span<const CommandOption> options = {};
    std::string_view help = {};     ///< one line
    std::string_view details = {};  ///< further lines of `lictor help COMMAND`; each ends with a line feed
};

/// In the order of `lictor help`. Valid for the process's life.
std::span<const Command> commands();
/// Null if there is no such command.
const Command* find_command(std::string_view word);
/// The options that each live command takes.
std::span<const CommandOption> live_options();

/// The exit codes of a live command whose details do not give others.
inline constexpr std::string_view live_exit_codes = "0 yes, 1 no or wrong arguments, 2 nothing answers at stats-address";

}  // namespace lictor::manual
