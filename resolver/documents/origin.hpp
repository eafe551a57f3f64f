// Which line of which file does a step of a decision come from? Found when it is asked for, from the options with their places and from the
// texts of the followed files, so that the tables of the Rules need no memory for it. Pure.
#pragma once

#include <string>

#include "conf/parse/parse.hpp"
#include "resolver/answer/witness.hpp"
#include "resolver/rules/followed_files.hpp"
#include "resolver/rules/rules_fwd.hpp"

namespace lictor::documents {

/// The configuration that Rules were made from.
struct Sources {
    const conf::Options& options;
    const conf::Places& places;
    const rules::FollowedFiles& files;
};

/// A line of the configuration.
struct Origin {
    std::string text;   ///< the option with its value, or the line of the file; empty: a rule without a line
    std::string place;  ///< `FILE:LINE`, `command line`, the path of a file, or empty
};

/// The origin of a step; empty texts if it has no line (a domain that the agent reported), or if its file changed meanwhile.
Origin origin_of(const answer::Step& step, const rules::Rules& rules, const Sources& sources);

}  // namespace lictor::documents
