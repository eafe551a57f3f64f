// Reads the paths from the options. Nothing is looked up on the disk.
#include "resolver/confine/writable.hpp"

#include <string_view>

#include "conf/options/options.hpp"

namespace lictor::confine {

std::vector<WritablePlace> writable_places(const conf::Options& options) {
    constexpr std::string_view unix_scheme = "unix://";
    std::vector<WritablePlace> places{{"/dev/null", false}};
    if (options.log_facility.find('/') != std::string::npos) places.push_back({options.log_facility});
    if (!options.snapshot_file.empty()) places.push_back({options.snapshot_file});
    if (!options.pid_file.empty()) places.push_back({options.pid_file});
    if (options.stats_address.starts_with(unix_scheme)) places.push_back({options.stats_address.substr(unix_scheme.size())});
    return places;
}

bool writes_files(const conf::Options& options) {
    // A pid-file: lictor may go to the background, and opens /dev/null for it when it serves.
    return options.log_facility.find('/') != std::string::npos || !options.snapshot_file.empty() || !options.pid_file.empty();
}

}  // namespace lictor::confine
