// One line each, escaped.
#include "resolver/cli/complaints.hpp"

#include <cstdio>

#include "conf/base/printable.hpp"

namespace lictor::cli {

int print_complaints(const conf::Parsed& parsed, bool warnings) {
    const bool prints_warnings = warnings || !parsed.errors.empty();
    for (const auto& warning : parsed.warnings)
        if (prints_warnings) std::fprintf(stderr, "lictor: warning: %s\n", one_line(warning.line()).c_str());
    bool file_missing = false;
    for (const auto& complaint : parsed.errors) {
        std::fprintf(stderr, "lictor: %s\n", one_line(complaint.line()).c_str());
        file_missing = file_missing || complaint.file_missing;
    }
    if (parsed.errors.empty()) return 0;
    std::fprintf(stderr, "lictor: %zu error%s in the configuration; see lictor --help\n", parsed.errors.size(),
                 parsed.errors.size() == 1 ? "" : "s");
    return file_missing ? 3 : 1;
}

}  // namespace lictor::cli
