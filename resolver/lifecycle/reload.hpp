// What follows from a new configuration, new Rules, or new notes about followed files? Pure; the control thread performs it.
#pragma once

#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/rules/upstream.hpp"

namespace lictor::lifecycle {

/// What a reload from `before` to `after` does beside making new Rules.
struct ReloadEffects {
    std::vector<std::string> warnings;  ///< one line per changed option that takes effect only at the next start
    bool restart_shadow = false;        ///< the comparison with another server begins anew
};
/// Compares the options only; no file is read.
ReloadEffects effects_of_reload(const conf::Options& before, const conf::Options& after);

/// What new Rules require. `before`: the upstreams of the Rules in force; empty at the start and after a reload.
struct RulesEffects {
    bool probe_loops = false;  ///< send the probes of dns-loop-detect
    bool clear_cache = false;  ///< clear-on-reload, and the upstreams changed
};
/// Compares `before` with the upstreams of `now` and their order. An empty `before` never clears the cache.
RulesEffects effects_of_rules(const std::vector<rules::Upstream>& before, const rules::Rules& now, const conf::Options& options);

/// The notes to log. Rules are made anew for many reasons, so a note that was there before is skipped; inotify events are always logged.
std::vector<std::string> notes_to_log(const std::vector<std::string>& before, const std::vector<std::string>& now);

}  // namespace lictor::lifecycle
