// How does lictor treat each line of dnsmasq's configuration files? The line is taken (with its effect), ignored (with the consequence) or
// refused (with the reason). Operators use this before a switch; nothing is changed. Pure: files are read through `FileSource`.
#pragma once

#include <string>
#include <vector>

#include "conf/parse/file_source.hpp"

namespace lictor::conf {

/// The report on all files, and the number of lines of each kind.
struct Import {
    /// One line of a file.
    struct Line {
        std::string place, word, line, effect;  ///< `word`: taken, ignored or refused
    };
    std::vector<Line> lines;
    std::string summary;  ///< what lictor does with these files; empty if a line is refused
    std::string text;  ///< `FILE:LINE: taken|ignored|refused: LINE -> what`, files in the order of reading; counts and a summary at the end
    std::size_t taken = 0, ignored = 0, refused = 0;
    std::size_t security = 0, dhcp = 0;  ///< of the ignored
    bool file_missing = false;           ///< at least one file or directory could not be read
};

/// Reads `paths` in this order, with the files that they include, as `conf-file` does; the environment is not used. A file that cannot be
/// read counts as refused. Each file is read twice.
Import import_files(const std::vector<std::string>& paths, FileSource& files);
/// The same as a JSON object and a line feed.
std::string import_json(const Import& import);

}  // namespace lictor::conf
