// A reload applies the whole new configuration, or nothing of it.
#include "resolver/control/configuration.hpp"

#include <utility>

#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/control/startup.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

Configuration::Configuration(conf::Parsed parsed, const Invocation& invocation)
    : parsed_(std::move(parsed)), invocation_(invocation), loaded_unix_(loop::Loop::moment().unix_seconds) {}

std::optional<lifecycle::ReloadEffects> Configuration::reload(metrics::ControlCounters& counters,
                                                              const std::function<std::string(const conf::Options&)>& prepare) {
    conf::Parsed fresh = conf::parse_configuration(invocation_.arguments, invocation_.environment, *invocation_.files);
    choose_log_facility(fresh.options);
    reload_errors_.clear();
    for (const auto& complaint : fresh.errors) reload_errors_.push_back(complaint.line());
    if (reload_errors_.empty())
        if (auto error = prepare(fresh.options); !error.empty()) reload_errors_.push_back(std::move(error));
    if (!reload_errors_.empty()) {
        counters.reload_failures.add();
        for (const auto& line : reload_errors_) log::error("reload refused, the previous configuration stays in force: " + line);
        return std::nullopt;
    }
    auto effects = lifecycle::effects_of_reload(parsed_.options, fresh.options);
    effects.restart_shadow |= std::exchange(apply_all_, false);
    parsed_ = std::move(fresh);
    loaded_unix_ = loop::Loop::moment().unix_seconds;
    for (const auto& warning : parsed_.warnings) log::warning(warning.line());
    for (const auto& warning : effects.warnings) log::warning(warning);
    return effects;
}

void Configuration::reload_ran_out_of_memory() {
    apply_all_ = true;
    reload_errors_.assign(1, "memory ran out: part of the new configuration may be in force; send HUP again");
}

void Configuration::report(documents::Status& status) const {
    status.config_files = parsed_.files;
    status.config_loaded_unix = loaded_unix_;
    status.reload_errors = reload_errors_;
}

}  // namespace lictor::control
