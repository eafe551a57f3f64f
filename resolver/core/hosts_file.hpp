// The text of a hosts file (hosts(5)) as a list of addresses with their names. Lines that make no sense are named and skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

struct HostsLine {
    Address address;
    std::vector<Name> names;   ///< lower case, as written, at least one
};

/// `path` only for the notes (`PATH:LINE: …`); of many bad lines only the first few are named, the rest counted.
std::vector<HostsLine> parse_hosts(std::string_view text, std::string_view path, std::vector<std::string>& notes);

}  // namespace lictor
