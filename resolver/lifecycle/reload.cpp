// Compares the options, Rules and notes in force with the new ones.
#include "resolver/lifecycle/reload.hpp"

#include <algorithm>

#include "conf/options/option_rows.hpp"
#include "conf/options/options.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::lifecycle {

ReloadEffects effects_of_reload(const conf::Options& before, const conf::Options& after) {
    ReloadEffects effects{.warnings = {}, .restart_shadow = before.shadow != after.shadow};
    for (const auto name : conf::changed_until_restart(before, after))
        effects.warnings.push_back(std::string(name) + " changed: this takes effect at the next start");
    return effects;
}

RulesEffects effects_of_rules(const std::vector<rules::Upstream>& before, const rules::Rules& now, const conf::Options& options) {
    const bool changed = before != now.upstreams;
    return {.probe_loops = changed && !now.loop_probes.empty(), .clear_cache = changed && !before.empty() && options.clear_on_reload};
}

std::vector<std::string> notes_to_log(const std::vector<std::string>& before, const std::vector<std::string>& now) {
    std::vector<std::string> fresh;
    for (const auto& note : now)
        if (note.starts_with("inotify: ") || std::find(before.begin(), before.end(), note) == before.end()) fresh.push_back(note);
    return fresh;
}

}  // namespace lictor::lifecycle
