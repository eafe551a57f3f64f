// Through this interface the parser reads files and lists directories.
#pragma once

#include <string>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor::conf {

/// disk_files.hpp implements it on the file system, tests with a table in memory.
class FileSource {
public:
    virtual ~FileSource() = default;
    struct File {
        std::string text;
        std::string identity;  ///< equal for all paths of one inode, so that the file is read once
    };
    /// The whole file; `-` is standard input. The error has the kernel's text, or the reason why the file is not accepted.
    virtual Result<File> read(const std::string& path) = 0;
    /// True if `path` exists; used for the default file, which may be missing.
    virtual bool exists(const std::string& path) { return static_cast<bool>(read(path)); }
    /// Names (without the path) of the entries that are not directories, in any order. An error if `directory` is not a readable directory.
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
};

}  // namespace lictor::conf
