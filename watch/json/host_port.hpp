// Parses `host:port` in a value that an operator or a program wrote into Consul. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lictor::json {

/// A host and maybe a port.
struct HostPort {
    std::string host;  ///< without brackets; not checked
    std::optional<std::uint16_t> port;
};

/// `host`, `host:port`, `[v6]` or `[v6]:port`; an empty port counts as none. Nothing if the rest is not a number up to 65535, so
/// also for an IPv6 address without brackets.
std::optional<HostPort> split_host_port(std::string_view text);

/// Can be an address or a host name: 1 to 255 bytes without blanks, control bytes, slashes, backslashes and double quotes.
bool is_host(std::string_view host);

}  // namespace lictor::json
