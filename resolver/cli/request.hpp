// One request of a sub-command to the running lictor, with the messages for people if there is no reply.
#pragma once

#include <optional>
#include <string>

#include "resolver/endpoint/client.hpp"
#include "resolver/terminal/style.hpp"

namespace lictor::cli {

/// Exit codes of the sub-commands.
enum Exit : int { done = 0, no = 1, no_reply = 2 };

/// The reply. Nothing: an error is on standard error, and `code` is the exit code. 503 and 409 are replies.
std::optional<endpoint::StatsAnswer> request(const std::string& address, const std::string& path_and_query, endpoint::Method method,
                                             int& code);
/// Colours if standard output is a terminal, TERM is not `dumb`, and NO_COLOR is not set (no-color.org).
terminal::Style style_of_output();

}  // namespace lictor::cli
