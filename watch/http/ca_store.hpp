// Where does this system keep the CA certificates with which HTTPS is verified if no option names any? Distributions keep them at different
// paths, so lictor looks at run time; it has no certificates of its own.
#pragma once

#include <string>

#include "conf/options/options_fwd.hpp"

namespace lictor::http {

/// Paths for CURLOPT_CAINFO and CURLOPT_CAPATH; both empty: there is no store.
struct CaStore {
    std::string file, folders;  ///< a file of PEM certificates; folders of certificates named by their hash, separated by colons
    bool operator==(const CaStore&) const = default;
};
/// The file and folders that SSL_CERT_FILE and SSL_CERT_DIR name in the environment, whether or not they exist. Without both, the first
/// file that can be read of those where Debian, Ubuntu, Alpine, RHEL, SUSE and OpenSSL keep it, then libcurl's own default. Calls
/// access(2).
CaStore find_ca_store();

/// The CA certificates for connections with these options: those of the options, or else the system's.
CaStore ca_store_of(const conf::ConsulHttpOptions& options);
/// Why the certificate of an HTTPS server cannot be verified with these options, with the remedy: there is no CA certificate. Empty if
/// there is a store, or if certificates are not verified.
std::string lack_of_ca(const conf::ConsulHttpOptions& options);
/// `lack_of_ca`; empty if no Consul address is HTTPS.
std::string lack_of_consul_ca(const conf::ConsulHttpOptions& options);

}  // namespace lictor::http
