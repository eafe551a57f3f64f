// Where do requests go? Consul's addresses in the configured order, parsed for libcurl, and which of them is in use. The address in use
// stays until it fails; then the next one is used, and after the last the first. Earlier ones are probed and used again. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "conf/options/options_fwd.hpp"
#include "conf/values/consul_rules.hpp"

namespace lictor::polling {

/// One address, parsed for libcurl.
struct HttpTarget {
    std::string url;    ///< `scheme://host:port/prefix` of requests; the host is consul-tls-server-name if that is set
    std::string shown;  ///< as configured, for logs and pages
    std::string unix_path;
    std::string host;      ///< as configured, without brackets
    std::string url_host;  ///< as in `url`, without brackets
    std::uint16_t port = 0;
    bool tls = false;
    std::vector<Address> found;  ///< addresses of `host`; of an IP literal itself
    Now found_at{};              ///< when `found` was resolved
    bool resolving = false;
    bool literal = false;  ///< needs no resolution: an IP literal, `localhost`, a unix socket

    /// `address` is not checked again; the default port is that of the scheme, 80 or 443. `tls_server_name` counts with https only.
    static HttpTarget from(const conf::ConsulAddress& address, std::string_view tls_server_name);
    /// CURLOPT_RESOLVE's `HOST:PORT:ADDRESS,…`; empty for an IP literal and while no address is known.
    std::string resolve_entry() const;
    /// CURLOPT_CONNECT_TO's `::HOST:PORT` if the URL's host is not `host`, else empty. libcurl reuses a connection only for the same
    /// entry, so that addresses with one certificate name do not share connections.
    std::string connect_entry() const;
};

/// `number` counts the addresses from 0 and must be less than `size`.
class HttpTargets {
public:
    explicit HttpTargets(const conf::ConsulHttpOptions& options);

    std::size_t size() const { return targets_.size(); }
    HttpTarget& operator[](std::size_t number) { return targets_[number]; }
    /// Number of the address in use.
    std::size_t current() const { return current_; }
    /// `number` failed; true if it was in use and another address is in use now.
    bool failed(std::size_t number);
    /// `number` answered a probe: it is in use again if it is an earlier one.
    void recovered(std::size_t number);

private:
    std::vector<HttpTarget> targets_;
    std::size_t current_ = 0;
};

/// Percent-encodes all but RFC 3986's unreserved bytes (§2.3).
std::string url_encode(std::string_view text);
/// Like `url_encode`, but slashes are kept.
std::string encode_path(std::string_view path);

}  // namespace lictor::polling
