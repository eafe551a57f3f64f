// Implements the rules of interface=, except-interface= and listen-address=.
#include "resolver/lifecycle/listen_plan.hpp"

#include <algorithm>

#include "conf/options/listen.hpp"

namespace lictor::lifecycle {
namespace {

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches_interface(pattern, name); });
}

}  // namespace

bool matches_interface(std::string_view pattern, std::string_view name) {
    return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

std::vector<Endpoint> endpoints_to_serve(const conf::ListenOptions& options, const std::vector<rules::InterfaceAddress>& interfaces) {
    if (options.port == 0) return {};  // DNS is off
    std::vector<Endpoint> endpoints;
    const auto add = [&](const Address& address) {
        if (!contains(endpoints, {address, options.port})) endpoints.push_back({address, options.port});
    };
    for (const auto& address : options.listen_address) endpoints.push_back({address, options.port});
    const bool only_except = options.interface.empty() && options.listen_address.empty() && !options.except_interface.empty();
    const bool by_name = !options.interface.empty() || only_except;
    const bool by_default = !by_name && options.listen_address.empty();
    for (const auto& at : interfaces) {
        if (!at.up || (at.address.v6 && at.address.is_link_local()) || matches_any(options.except_interface, at.interface)) continue;
        const bool named = by_name && (only_except || at.loopback || matches_any(options.interface, at.interface));
        if (named || (by_default && at.loopback && at.address.is_loopback())) add(at.address);
    }
    if (endpoints.empty() && !by_name) add(Address::v4(127, 0, 0, 1));
    return endpoints;
}

bool requires_all_addresses(const conf::ListenOptions& options) { return options.bind_interfaces && !options.bind_dynamic; }

bool follows_interfaces(const conf::ListenOptions& options) { return !requires_all_addresses(options); }

bool binds_later(const conf::ListenOptions& options, const std::vector<Endpoint>& listening) {
    if (options.port == 0 || options.port >= 1024 || !follows_interfaces(options)) return false;
    return options.bind_dynamic || !options.interface.empty() || !options.except_interface.empty() || listening.empty() ||
           !missing_addresses(options, listening).empty();
}

std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening, const std::vector<rules::InterfaceAddress>& interfaces) {
    const auto wildcard = std::find_if(listening.begin(), listening.end(), [](const Endpoint& at) { return at.address.is_unspecified(); });
    if (wildcard == listening.end()) return listening;
    const auto port = wildcard->port;
    for (const auto& at : interfaces)
        if (at.up) listening.push_back({at.address, port});
    return listening;
}

std::vector<std::string> missing_interfaces(const conf::ListenOptions& options, const std::vector<rules::InterfaceAddress>& interfaces) {
    std::vector<std::string> missing;
    for (const auto& name : options.interface) {
        const auto found = [&](const auto& at) { return at.up && matches_interface(name, at.interface); };
        if ((!name.ends_with('*') || requires_all_addresses(options)) && std::none_of(interfaces.begin(), interfaces.end(), found))
            missing.push_back(name);
    }
    return missing;
}

std::vector<Endpoint> missing_addresses(const conf::ListenOptions& options, const std::vector<Endpoint>& listening) {
    std::vector<Endpoint> missing;
    if (options.port == 0) return missing;
    for (const auto& address : options.listen_address)
        if (const Endpoint at{address, options.port}; !contains(listening, at) && !contains(missing, at)) missing.push_back(at);
    return missing;
}

bool contains(const std::vector<Endpoint>& list, const Endpoint& endpoint) {
    return std::find(list.begin(), list.end(), endpoint) != list.end();
}

std::vector<Endpoint> endpoints_to_bind(const std::vector<Endpoint>& to_serve, const std::vector<Endpoint>& listening) {
    std::vector<Endpoint> missing;
    std::copy_if(to_serve.begin(), to_serve.end(), std::back_inserter(missing),
                 [&](const Endpoint& endpoint) { return !contains(listening, endpoint); });
    return missing;
}

}  // namespace lictor::lifecycle
