// The values of `server`, `local`, `address`, `host-record` and `cname`: upstreams of domains, and configured answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::conf {

/// The address of a server, or a host name that is resolved at run time.
struct ServerPlace {
    Endpoint endpoint;  ///< with a host name only the port is used
    std::string host;   ///< lower case; empty: `endpoint` is the address
    ServerPlace() = default;
    ServerPlace(const Endpoint& at) : endpoint(at) {}  // NOLINT: implicit by design
    /// `ADDRESS#PORT` or `HOST#PORT`.
    std::string text() const { return host.empty() ? endpoint.text() : host + '#' + std::to_string(endpoint.port); }
    bool operator==(const ServerPlace&) const = default;
};

/// `server=` and `local=`: the upstream for some domains or for all.
struct ServerRule {
    std::vector<std::string> domains;     ///< lower case, no trailing dot; empty list = all names; "" in it = names without dots (`//`)
    std::optional<ServerPlace> upstream;  ///< none: answer from local data only
    bool standard = false;                ///< `#`: use the standard upstreams for these domains
    std::string interface;                ///< `@interface`, empty if none
    std::optional<Endpoint> source;       ///< `@source-ip[#port]`
    bool operator==(const ServerRule&) const = default;
};

/// `address=/domain/[ip]`: every name under a domain.
struct AddressRule {
    std::vector<std::string> domains;  ///< lower case, no trailing dot; "#" in dnsmasq's syntax (all names) is kept as "#"
    /// `null_address`: 0.0.0.0 and ::.
    enum class Kind { address, null_address, nxdomain } kind = Kind::nxdomain;
    Address address;  ///< for Kind::address
    bool operator==(const AddressRule&) const = default;
};

/// `host-record=name,…[,v4][,v6][,ttl]`.
struct HostRecord {
    std::vector<std::string> names;
    std::vector<Address> addresses;
    std::optional<std::uint32_t> ttl;
    bool operator==(const HostRecord&) const = default;
};

/// `cname=alias,…,target[,ttl]`.
struct CnameRule {
    std::vector<std::string> aliases;
    std::string target;
    std::optional<std::uint32_t> ttl;
    bool operator==(const CnameRule&) const = default;
};

}  // namespace lictor::conf
