// Which system calls do lictor's processes need after the start? The lists of the seccomp filters: one of the resolver, one of the process
// that ends connections (leader-cut). The process that runs programs (leader-exec) has none, because its programs would inherit it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace lictor::confine {

/// One argument of a call: its low 32 bits, masked, must be one of the values.
struct Condition {
    unsigned argument = 0;  ///< 0 to 5
    std::uint32_t mask = ~0u;
    std::vector<std::uint32_t> values;  ///< not empty
};
/// A call that may be made if all conditions hold. Several rows of one call are alternatives.
struct Call {
    std::string_view name;  ///< as in syscalls(2)
    unsigned number = 0;    ///< of this architecture
    std::vector<Condition> conditions = {};
};
/// What a filter permits.
struct CallList {
    std::vector<Call> allowed;  ///< the most frequent first: older kernels compare in this order
    /// Fail with ENOSYS also where others end the process: libraries try them and then use an older call of the list.
    std::vector<Call> absent;
};

/// The calls of the resolver after its start. `process`: its id; it can send signals to itself alone. `writes_files`: the configuration
/// names files that are written; if false, files can be opened for reading only.
CallList calls_of_resolver(std::uint32_t process, bool writes_files);
/// The calls of the process that ends connections, when it waits for requests.
CallList calls_of_cutter(std::uint32_t process);
/// The number of this architecture in seccomp_data (AUDIT_ARCH_*). Nothing on those for which there is no list.
std::optional<std::uint32_t> architecture();

}  // namespace lictor::confine
