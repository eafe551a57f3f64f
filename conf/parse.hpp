// Text to Options: the command line, files in dnsmasq's syntax and the environment go through the one option table; either a complete
// Options comes out, or all errors at once, each with its place and remedy. Pure: files and directories are read through `FileSource`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/options.hpp"

namespace lictor {

/// The file that is read when no conf-file is named on the command line; it may be missing.
inline constexpr std::string_view default_conf_file = "/etc/lictor.conf";

/// What the parser may ask about the file system; the shell gives the real one (disk_files.hpp), tests give a table.
class FileSource {
public:
    virtual ~FileSource() = default;
    struct File {
        std::string text;
        std::string identity;  ///< equal for the same inode; the same file is read once only
    };
    /// `-` is standard input. Error: text of the failure.
    virtual Result<File> read(const std::string& path) = 0;
    /// Whether there is something at `path`; asked for the default file, which may be missing.
    virtual bool exists(const std::string& path) { return static_cast<bool>(read(path)); }
    /// Plain names of the entries that are not directories, in any order. Error if not a readable directory.
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
};

using Environment = std::map<std::string, std::string, std::less<>>;

/// A message about the configuration, with its place.
struct Complaint {
    std::string place;   ///< `FILE:LINE`, `command line` or the variable's name
    std::string text;    ///< what is wrong and what to do
    bool file_missing = false;  ///< exit code 3 rather than 1
    std::string line() const { return place.empty() ? text : place + ": " + text; }
};

/// What the first words of the command line ask for.
enum class Action { serve, help, version, test, command };

struct Parsed {
    Options options;
    Action action = Action::serve;
    std::vector<std::string> words;      ///< for Action::command: the sub-command and its own arguments
    std::vector<Complaint> errors;       ///< not empty: `options` must not be used
    std::vector<Complaint> warnings;
    std::vector<std::string> files;      ///< every configuration file read, in order
};

/// `arguments` without the program's name. A once-only value in a file beats the command line, as in dnsmasq. The defaults that depend
/// on one another are resolved here (CONSUL_HTTP_* variables, the hint of `server=/consul/IP#port`, scheme and port of Consul's address).
Parsed parse_configuration(const std::vector<std::string>& arguments, const Environment& environment, FileSource& files);

/// The nearest known option name, for "did you mean".
std::optional<std::string> nearest_option(std::string_view name);

}  // namespace lictor
