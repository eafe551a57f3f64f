// What a reply's header lines mean to us: Consul's metadata, taken by name without regard to case (Go writes X-Consul-Knownleader). Pure.
#pragma once

#include <string_view>

#include "watch/http.hpp"

namespace lictor {

/// One header line, with or without its line end. A status line starts the reply's metadata over (an interim reply came before).
void note_header(HttpReply& reply, std::string_view line);

}  // namespace lictor
