// The fields of the options for Consul's HTTP API (address, token, certificates), with their defaults. Their rows of the option table are
// in consul_http.cpp.
#pragma once

#include <string>
#include <vector>

#include "conf/values/consul_rules.hpp"

namespace lictor::conf {

struct ConsulHttpOptions {
    /// After complete_consul_addresses it also contains the addresses from hints in `server`, or the default address. Empty: Consul is off.
    std::vector<ConsulAddress> consul_http_addr;
    std::string consul_token;  ///< from CONSUL_HTTP_TOKEN only
    std::string consul_token_file;
    std::string consul_http_auth;   ///< `user:password`, from CONSUL_HTTP_AUTH only
    bool consul_tls_verify = true;  ///< from CONSUL_HTTP_SSL_VERIFY only
    std::string consul_ca_file;
    std::string consul_ca_path;  ///< from CONSUL_CAPATH only
    std::string consul_cert_file;
    std::string consul_key_file;
    std::string consul_tls_server_name;
    bool operator==(const ConsulHttpOptions&) const = default;
};

}  // namespace lictor::conf
