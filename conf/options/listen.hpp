// The fields of the options for listening: addresses, interfaces and TCP connections, with their defaults. Their rows of the option table
// are in listen.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/values/record_rules.hpp"

namespace lictor::conf {

struct ListenOptions {
    std::uint16_t port = 53;  ///< 0 = DNS is off
    std::vector<Address> listen_address;
    std::vector<std::string> interface;
    bool bind_interfaces = false;
    std::vector<std::string> except_interface;
    bool bind_dynamic = false;
    LocalService local_service = LocalService::off;
    std::optional<std::uint32_t> max_tcp_connections;  ///< 1 to 100000, divided among the workers; none: 1000 for each worker
    bool operator==(const ListenOptions&) const = default;
};

}  // namespace lictor::conf
