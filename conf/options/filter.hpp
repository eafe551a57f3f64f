// The fields of the options for filters of upstream answers, with their defaults. Their rows of the option table are in filter.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/values/record_rules.hpp"

namespace lictor::conf {

struct FilterOptions {
    std::vector<Network> bogus_nxdomain, ignore_address;  ///< replies with such an address become NXDOMAIN, or are dropped
    bool stop_dns_rebind = false, rebind_localhost_ok = false;
    std::vector<std::string> rebind_domain_ok;  ///< names below these may have private addresses
    bool filter_a = false, filter_aaaa = false;
    std::vector<std::uint16_t> filter_rr;  ///< record types
    std::vector<AddressTranslation> alias;
    bool operator==(const FilterOptions&) const = default;
};

}  // namespace lictor::conf
