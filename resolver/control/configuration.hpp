// The configuration in force, and its reload (HUP). Used on the control thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "conf/parse/parse.hpp"
#include "resolver/documents/status.hpp"
#include "resolver/lifecycle/reload.hpp"

namespace lictor::control {

/// What is needed to read the configuration again.
struct Invocation {
    std::vector<std::string> arguments;       ///< of the command line, without the program's name
    conf::Environment environment;            ///< as at the start
    std::shared_ptr<conf::FileSource> files;  ///< keeps the text of standard input, which can be read only once
};

/// Options change only in `reload`.
class Configuration {
public:
    /// `invocation` must outlive this object.
    Configuration(conf::Parsed parsed, const Invocation& invocation);

    const conf::Parsed& parsed() const { return parsed_; }
    /// The address stays the same over reloads.
    const conf::Options& options() const { return parsed_.options; }

    /// Reads the configuration again. `prepare` performs what may fail with the new options, changes nothing that is in use, and gives an
    /// error text or an empty one; it is not called after errors of the parser. The result is empty if the reload is refused: every error
    /// is logged and kept for `report`, and the old options stay. The call may block the thread while the disk is read.
    std::optional<lifecycle::ReloadEffects> reload(metrics::ControlCounters& counters,
                                                   const std::function<std::string(const conf::Options&)>& prepare);
    /// Memory ran out during a reload: part of it may be in force. The next reload applies everything again.
    void reload_ran_out_of_memory();
    /// Of the last reload; empty if it succeeded.
    const std::vector<std::string>& reload_errors() const { return reload_errors_; }
    /// Files, time of the last reading, errors of the last reload.
    void report(documents::Status& status) const;

private:
    conf::Parsed parsed_;
    const Invocation& invocation_;
    std::int64_t loaded_unix_;
    std::vector<std::string> reload_errors_;
    bool apply_all_ = false;
};

}  // namespace lictor::control
