// How is a `servers-file` parsed? It contains `server=` and `rev-server=` lines in the usual syntax. As in dnsmasq, an invalid line is
// ignored and gives a note for the log: programs write the file, and lictor reads it again while it serves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/values/server_rules.hpp"

namespace lictor::conf {

/// The valid lines in order, at most 100000. `path` is for the notes only; at most 20 notes about lines are appended, then their number.
std::vector<ServerRule> parse_servers_file(std::string_view text, std::string_view path, std::vector<std::string>& notes);

}  // namespace lictor::conf
