// How do the command line, files in dnsmasq's syntax and the environment become Options? The option table parses all three. The result is a
// complete Options, or all errors at once, each with its place and what to write instead. Pure: files and directories are read through
// `FileSource`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/options/options.hpp"
#include "conf/parse/file_source.hpp"
#include "conf/parse/places.hpp"

namespace lictor::conf {

/// The file that is read when no conf-file is named on the command line: the first of these that exists. /etc/lictor.conf was written by
/// an operator; the packages install the other one, which holds comments only at first.
inline constexpr std::string_view default_conf_files[] = {"/etc/lictor.conf", "/etc/lictor/lictor.conf"};

/// The name of the file with Consul's token in the folder of systemd's credentials (CREDENTIALS_DIRECTORY, systemd.exec(5)).
inline constexpr std::string_view token_credential = "lictor.consul-token";

/// The sub-command that looks at a configuration: options may also stand behind it.
inline constexpr std::string_view configured_command = "doctor";

/// Environment variables by name.
using Environment = std::map<std::string, std::string, std::less<>>;

/// An error or a warning about the configuration, with its place.
struct Complaint {
    std::string place;          ///< `FILE:LINE`, `command line` or the variable's name
    std::string text;           ///< what is wrong and what to do
    bool file_missing = false;  ///< exit code 3 rather than 1
    /// `PLACE: TEXT`, or the text alone.
    std::string line() const { return place.empty() ? text : place + ": " + text; }
};

/// What the command line requests.
enum class Action { serve, help, version, test, command };

/// The result of a parse, with everything that was wrong or doubtful.
struct Parsed {
    Options options;
    Action action = Action::serve;
    std::vector<std::string> words;  ///< for Action::command: the sub-command and its own arguments
    std::vector<Complaint> errors;   ///< not empty: `options` must not be used
    std::vector<Complaint> warnings;
    std::vector<std::string> files;  ///< every configuration file read, in order
    Places places;                   ///< where each value was given
};

/// `arguments` without the program's name. All errors are collected, at most 100 of each kind with a count of the rest; `help` and
/// `version` drop the errors and read no file. If an option may be given only once, a file takes precedence over the command line, as in
/// dnsmasq. Defaults that depend on other settings are resolved here (CONSUL_HTTP_* variables, the hint of `server=/consul/IP#port`,
/// scheme and port of Consul's address).
Parsed parse_configuration(const std::vector<std::string>& arguments, const Environment& environment, FileSource& files);

/// The nearest option name of lictor or dnsmasq, for "did you mean"; nothing if each needs more edits than a third of
/// the letters of `name` (one at least).
std::optional<std::string> nearest_option(std::string_view name);

}  // namespace lictor::conf
