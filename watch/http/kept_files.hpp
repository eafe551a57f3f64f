// The token, CA, certificate and key files that only root may read. They are read before lictor changes its user, and their contents are
// used while the user that lictor became cannot read the files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conf/options/options_fwd.hpp"

namespace lictor::http {

/// What identifies one version of a file (stat(2)).
struct FileVersion {
    std::int64_t seconds = 0, nanoseconds = 0, size = -1;
    std::uint64_t inode = 0;
    bool operator==(const FileVersion&) const = default;
};
/// The version of the file at `path`; nothing if stat(2) fails, with errno.
std::optional<FileVersion> version_of(const std::string& path);

/// One file as it was at the start.
struct KeptFile {
    std::string text;
    FileVersion version;
};
/// Key: the path as in the options.
using KeptFiles = std::shared_ptr<const std::map<std::string, KeptFile>>;

/// Reads the files that `options` name, 1 MiB each at most; those that cannot be read are left out. Blocks on the disk.
KeptFiles read_files(const conf::ConsulHttpOptions& options);
/// `files` without those that this process can read by itself. To be called after the user was changed.
KeptFiles keep_unreadable(const KeptFiles& files);
/// The kept text of `path` if this process cannot read the file; null: read the file itself, or there is no kept text.
const KeptFile* kept_file(const KeptFiles& files, const std::string& path);

/// Logs a warning for each TLS file that cannot be read, unless it is kept and has not changed: option, path, user, cause, remedy.
void warn_of_unreadable(const conf::ConsulHttpOptions& options, const KeptFiles& files);
/// `OPTION=PATH cannot be read by user USER: CAUSE; REMEDY`. `code`: errno. `kept`: what was read at the start is used.
std::string unreadable(std::string_view option, const std::string& path, int code, bool kept);

}  // namespace lictor::http
