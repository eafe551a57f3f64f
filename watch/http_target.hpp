// Where requests go: Consul's addresses in the operator's order, taken apart for the HTTP client, and which of them is in use. The one in
// use stays until it fails; then the next one is taken, in a circle, and the first is tried again by a cheap probe. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "conf/options.hpp"

namespace lictor {

struct HttpTarget {
    std::string url;              ///< `scheme://host:port/prefix` as asked; the host is the certificate's name where one is given
    std::string shown;            ///< as configured, for people
    std::string unix_path;
    std::string host;             ///< as configured, without brackets
    std::string url_host;         ///< as in `url`, without brackets
    std::uint16_t port = 0;
    bool tls = false;
    std::vector<Address> found;   ///< addresses of `host`; for a literal itself
    Now found_at{};
    bool resolving = false;
    bool literal = false;         ///< nothing to resolve (a literal, `localhost`, a unix socket)

    static HttpTarget from(const ConsulAddress& address, std::string_view tls_server_name);
    /// libcurl's `HOST:PORT:ADDRESS,…` for `host`; empty if that is a literal or nothing has been found.
    std::string resolve_entry() const;
    /// libcurl's `::HOST:PORT` where the URL's host is not the one to connect to, else empty. A kept connection is used again only for
    /// the same one: targets under one certificate's name never share theirs.
    std::string connect_entry() const;
};

class HttpTargets {
public:
    explicit HttpTargets(const Options& options);

    std::size_t size() const { return targets_.size(); }
    HttpTarget& operator[](std::size_t number) { return targets_[number]; }
    std::size_t current() const { return current_; }
    /// `number` failed; true if another one is in use now because of it.
    bool failed(std::size_t number);
    /// An earlier one answered a probe: it is in use again.
    void recovered(std::size_t number);

private:
    std::vector<HttpTarget> targets_;
    std::size_t current_ = 0;
};

/// Percent-encodes all but RFC 3986's unreserved bytes.
std::string url_encode(std::string_view text);
/// The same for a path: its slashes stay.
std::string encode_path(std::string_view path);

}  // namespace lictor
