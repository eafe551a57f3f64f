// Where was each value of the configuration given? A place takes eight bytes, so that a list of a hundred thousand lines stays small. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lictor::conf {

/// A line of a file; or the command line or a variable, without a line.
struct Place {
    std::uint16_t source = 0;  ///< index into Places::sources
    std::uint32_t line = 0;    ///< 0: none
};

/// The places of one parse.
struct Places {
    std::vector<std::string> sources;  ///< paths, `command line`, names of variables; at most 65,535
    /// The places of the values in the list of the same name in Options, index by index.
    std::vector<Place> server, address, host_record, cname, txt_record, ptr_record, srv_host, mx_host, naptr_record, caa_record, dns_rr,
        interface_name, dynamic_host, synth_domain, leader;
    std::map<std::string, Place, std::less<>> options;  ///< the last use of each option

    /// The place of an error text: `FILE:LINE`, or a source.
    Place add(std::string_view text, bool in_file);
    /// `FILE:LINE` or the source; empty if there is none.
    std::string text(const Place& place) const;
    /// The last use of an option; empty if it was not given.
    std::string of_option(std::string_view name) const;
};

}  // namespace lictor::conf
