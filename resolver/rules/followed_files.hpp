// Input of Rules besides the configuration: contents of files, interface addresses and other facts that change while lictor runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::rules {

/// One address of one network interface, as the kernel reports it.
struct InterfaceAddress {
    std::string interface;
    Address address;
    unsigned bits = 0;  ///< prefix length of its network
    bool up = false, loopback = false;
    bool operator==(const InterfaceAddress&) const = default;
};

/// The contents of the followed files and the other facts, as last read.
struct FollowedFiles {
    /// A file and its contents.
    struct Text {
        std::string path, text;
    };
    std::vector<Text> hosts;
    std::vector<Text> resolv;      ///< the resolv-file in use (the newest of several)
    std::optional<Text> resolved;  ///< the servers that systemd-resolved asks itself; read only with the default resolv-file
    std::optional<Text> servers;   ///< servers-file
    std::vector<InterfaceAddress> interfaces;
    /// Addresses of upstreams that are configured by name; only names resolved so far.
    std::map<std::string, std::vector<Address>> servers_by_name;
    std::string host_name;          ///< of this machine
    std::uint64_t loop_token = 0;   ///< random key of this process for the names of loop probes
    std::vector<Endpoint> looping;  ///< upstreams that forward queries back to lictor
};

}  // namespace lictor::rules
