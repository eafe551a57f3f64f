// Where does lictor write files after its start? The places that Landlock leaves writable, from the configuration.
#pragma once

#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"

namespace lictor::confine {

/// A file that is written, made again or removed.
struct WritablePlace {
    std::string path;
    bool in_folder = true;  ///< false: only the file itself, which is there
    bool operator==(const WritablePlace&) const = default;
};
/// log-facility (a path), snapshot-file, pid-file, a unix:// address of the stats endpoint, and /dev/null. These options change at a
/// restart only, so the list holds for the life of the process. `dumpfile` is not in it: it is opened once, before.
std::vector<WritablePlace> writable_places(const conf::Options& options);
/// True if lictor opens a file for writing after its start.
bool writes_files(const conf::Options& options);

}  // namespace lictor::confine
