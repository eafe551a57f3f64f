// Writes /explain: how one query would be answered now, from which data, by which line of which file, and what would be asked. Pure.
#pragma once

#include <string>
#include <vector>

#include "resolver/core/explanation.hpp"
#include "resolver/documents/origin.hpp"
#include "resolver/documents/status.hpp"

namespace lictor::documents {

/// The explanation of one worker.
struct WorkerExplanation {
    unsigned worker = 0;
    core::Explanation explanation;
};

/// One JSON object and a line feed. The decision is that of the first of `all`, which must not be empty; the caches are those of all. Lists
/// are bounded, with the full counts. `status`: for the watches and the time; `workers`: how many there are.
std::string explain_json(const std::vector<WorkerExplanation>& all, std::size_t workers, const Status& status, const Sources& sources);

}  // namespace lictor::documents
