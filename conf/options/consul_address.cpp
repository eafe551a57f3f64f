// Parsing and defaults of Consul's addresses. A `server` line is a hint if it is for a domain of Consul (`consul`, or a value of
// consul-domain) or for a kind directly below it (`service.consul`). If there is no such line, a line for a datacenter (`dc1.consul`) is
// one, else any line with port 8600, the port of an agent's DNS, whatever its domain (`lon`, `web.service.consul`, none). Only lines for
// Consul's domains lose their route here. If the agent reports other domains, the routes to it below them do not apply
// (zone/operator_route). A line for a deeper name with another port is a route and no hint.
#include "conf/options/consul_address.hpp"

#include <algorithm>
#include <array>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/options/options.hpp"
#include "conf/values/option_values.hpp"

namespace lictor::conf {
namespace {

constexpr std::uint16_t http_port = 8500, https_port = 8501, dns_port = 8600;
constexpr std::size_t socket_path_bytes_max = 107;  // sun_path, unix(7)
constexpr std::array<std::string_view, 6> kinds = {"service", "node", "query", "connect", "virtual", "ingress"};

struct HostPort {
    std::string host;  ///< in brackets for IPv6
    std::uint16_t port = 0;
};

Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port) {
    HostPort out{.host = {}, .port = default_port};
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        const auto address = end == std::string_view::npos ? std::nullopt : Address::parse(text.substr(1, end - 1));
        if (!address || text.substr(0, end).find(':') == std::string_view::npos)
            return Error{shown(text) + " is not an IPv6 address in brackets"};
        out.host = address->v6 ? '[' + address->text() + ']' : address->text();
        rest = text.substr(end + 1);
    } else if (const auto bare = Address::parse(text); bare && bare->v6) {
        return Error{"an IPv6 address needs brackets: write [" + bare->text() + "]:" + std::to_string(default_port)};
    } else {
        const auto colon = text.find(':');
        const auto host = text.substr(0, colon);
        if (const auto address = Address::parse(host)) {
            out.host = address->text();
        } else {
            auto name = parse_domain(host);
            if (!name) return name.error();
            out.host = *std::move(name);
        }
        rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    }
    if (rest.empty()) return out;
    const auto port = rest.front() == ':' ? parse_number(rest.substr(1), 65535) : std::nullopt;
    if (!port || *port == 0) return Error{"port in " + shown(text) + " is not a number from 1 to 65535 after a ':'"};
    out.port = static_cast<std::uint16_t>(*port);
    return out;
}

bool is_prefix_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~%").find(c) != std::string_view::npos;
}

bool is_consul_domain(const Options& options, std::string_view domain) {
    return domain == "consul" ||
           std::find(options.consul_domain.begin(), options.consul_domain.end(), domain) != options.consul_domain.end();
}

/// The domain without a leading kind label: `service.consul` gives `consul`.
std::string_view without_kind(std::string_view domain) {
    const auto dot = domain.find('.');
    if (dot != std::string_view::npos && std::find(kinds.begin(), kinds.end(), domain.substr(0, dot)) != kinds.end())
        return domain.substr(dot + 1);
    return domain;
}

/// True for `dc1.consul` and `service.dc1.consul`: no kind label is inside the name, so all names of the domain are Consul's.
bool is_below_consul(std::string_view domain) {
    domain = without_kind(domain);
    if (!domain.ends_with(".consul")) return false;
    for (const auto kind : kinds)
        if (domain.find('.' + std::string(kind) + '.') != std::string_view::npos) return false;
    return true;
}

/// The servers of the lines of which `belongs(rule)` is true.
template <class Belongs>
std::vector<ServerPlace> hinting_servers(const Options& options, Belongs belongs) {
    std::vector<ServerPlace> found;
    for (const auto& rule : options.server) {
        if (!rule.upstream || !belongs(rule)) continue;
        if (std::find(found.begin(), found.end(), *rule.upstream) == found.end()) found.push_back(*rule.upstream);
    }
    return found;
}

template <class Belongs>
std::vector<ServerPlace> hints(const Options& options, Belongs belongs) {
    return hinting_servers(options, [&](const ServerRule& rule) { return std::any_of(rule.domains.begin(), rule.domains.end(), belongs); });
}

bool is_agent_port(const ServerRule& rule) { return rule.upstream && rule.upstream->endpoint.port == dns_port; }

/// A domain of one label that goes to an agent can only be the agent's domain. One of several labels may have the datacenter in front: the
/// agent's settings tell.
void take_domains_of_agents(Options& options) {
    for (const auto& rule : options.server) {
        if (!is_agent_port(rule)) continue;
        for (const auto& text : rule.domains) {
            const std::string domain(without_kind(text));
            const bool one_label = !domain.empty() && domain.find_first_of(".*#") == std::string::npos && domain != "arpa";
            if (one_label && !is_consul_domain(options, domain)) options.consul_domain.push_back(domain);
        }
    }
}

ConsulAddress at_port(const ServerPlace& place, bool tls) {
    const auto& address = place.endpoint.address;
    const auto host = !place.host.empty() ? place.host : address.v6 ? '[' + address.text() + ']' : address.text();
    return {.url = (tls ? "https://" : "http://") + host + ':' + std::to_string(tls ? https_port : http_port), .unix_path = {}};
}

/// Removes the routes to the agent's DNS for domains that lictor answers from the catalog.
void drop_hint_routes(Options& options) {
    const auto answered = [&](const std::string& domain) {
        const auto apex = without_kind(domain);
        return options.consul_domain.empty()
                   ? apex == "consul"
                   : std::find(options.consul_domain.begin(), options.consul_domain.end(), apex) != options.consul_domain.end();
    };
    std::erase_if(options.server, [&](ServerRule& rule) {
        if (!rule.upstream || rule.domains.empty()) return false;
        std::erase_if(rule.domains, answered);
        return rule.domains.empty();
    });
}

}  // namespace

Result<ConsulAddress> parse_consul_address(std::string_view text, bool tls) {
    constexpr std::string_view socket_scheme = "unix://";
    if (text.starts_with(socket_scheme)) {
        const auto path = text.substr(socket_scheme.size());
        if (!path.starts_with('/') || path.size() < 2) return Error{shown(text) + " is not a unix socket: write unix:///path/of/socket"};
        if (path.size() > socket_path_bytes_max) return Error{"socket path in " + shown(text) + " is longer than 107 bytes"};
        return ConsulAddress{.url = "http://localhost", .unix_path = std::string(path)};
    }
    auto rest = text;
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
        const auto name = lower_case(text.substr(0, scheme));
        if (name != "http" && name != "https") return Error{shown(text) + " has an unknown scheme: write http, https or unix"};
        tls = tls || name == "https";
        rest.remove_prefix(scheme + 3);
    }
    if (rest.find('@') != std::string_view::npos) return Error{"the address contains a user or password: set them in CONSUL_HTTP_AUTH"};
    const auto slash = std::min(rest.find('/'), rest.size());
    auto prefix = rest.substr(slash);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (!std::all_of(prefix.begin(), prefix.end(), is_prefix_byte))
        return Error{"path in " + shown(text) + " contains other characters than letters, digits and /-._~%"};
    const auto place = parse_host_port(rest.substr(0, slash), tls ? https_port : http_port);
    if (!place) return place.error();
    return ConsulAddress{.url = (tls ? "https://" : "http://") + place->host + ':' + std::to_string(place->port) + std::string(prefix),
                         .unix_path = {}};
}

std::string http_url_at(const ServerPlace& place, const std::vector<ConsulAddress>& addresses) {
    for (const bool tls : {false, true})
        for (const auto& address : addresses)
            if (address.unix_path.empty() && address.url == at_port(place, tls).url) return address.url;
    return addresses.empty() ? std::string() : text_of(addresses.front());
}

std::string text_of(const ConsulAddress& address) { return address.unix_path.empty() ? address.url : "unix://" + address.unix_path; }

std::string forwarded_consul_domain(const Options& options, const ServerRule& rule) {
    if (!rule.upstream || is_agent_port(rule)) return {};
    const auto agents = hints(options, [&](const std::string& domain) { return is_consul_domain(options, without_kind(domain)); });
    if (std::find(agents.begin(), agents.end(), *rule.upstream) != agents.end()) return {};
    for (const std::string& domain : rule.domains)
        for (const auto kind : kinds) {
            const auto at = domain.rfind('.' + std::string(kind) + '.');
            if (at != std::string::npos && is_consul_domain(options, domain.substr(at + kind.size() + 2))) return domain;
        }
    return {};
}

bool is_consul_assumed(const Options& options) {
    return !options.consul_http_addr.empty() &&
           std::all_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), [](const auto& one) { return one.assumed; });
}

void complete_consul_addresses(Options& options, const ConsulGiven& given) {
    if (given.off) return;
    auto known = hints(options, [&](const std::string& domain) { return is_consul_domain(options, without_kind(domain)); });
    if (known.empty()) known = hints(options, [](const std::string& domain) { return is_below_consul(domain); });
    if (known.empty()) {
        known = hinting_servers(options, is_agent_port);
        if (options.consul_domain.empty()) take_domains_of_agents(options);
    }
    if (!given.address) {
        for (const auto& hint : known) {
            auto address = at_port(hint, given.tls);
            const auto same = [&](const ConsulAddress& other) { return other.url == address.url; };
            if (std::none_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), same))
                options.consul_http_addr.push_back(std::move(address));
        }
        if (known.empty())
            options.consul_http_addr.push_back({.url = std::string(given.tls ? "https" : "http") + "://127.0.0.1:8500",
                                                .unix_path = {},
                                                .assumed = !given.tls && !given.dns && !given.other});
    }
    if (!given.dns)
        options.consul_dns = known.empty() ? ServerPlace(Endpoint{.address = Address::v4(127, 0, 0, 1), .port = dns_port}) : known.front();
    drop_hint_routes(options);
}

}  // namespace lictor::conf
