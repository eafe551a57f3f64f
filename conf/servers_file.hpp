// What a `servers-file` says: `server=` and `rev-server=` lines in the syntax of every other file. A line that makes no sense is a note
// for the log and left out, as in dnsmasq: the file is written by programs and read again while lictor serves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/options.hpp"

namespace lictor {

std::vector<ServerRule> parse_servers_file(std::string_view text, std::string_view path, std::vector<std::string>& notes);

}  // namespace lictor
