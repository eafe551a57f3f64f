// The text of a hosts file (hosts(5)) as a list of addresses with their names. Lines that cannot be read are reported and skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::rules {

/// One line of a hosts file.
struct HostsLine {
    Address address;
    std::vector<wire::Name> names;  ///< lower case, at least one
};

/// Each of the first ten invalid lines or names adds a note (`PATH:LINE: …`); one more note has the number of the others.
std::vector<HostsLine> parse_hosts(std::string_view text, std::string_view path, std::vector<std::string>& notes);

}  // namespace lictor::rules
