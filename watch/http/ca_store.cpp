// The list of files, and access(2).
#include "watch/http/ca_store.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "conf/options/consul_http.hpp"

namespace lictor::http {
namespace {

constexpr const char* known_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL, Fedora
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL, the file behind the link
    "/etc/ssl/cert.pem",                                  // OpenSSL's name; Alpine
};

bool can_read(const char* path) { return path && ::access(path, R_OK) == 0; }

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

CaStore find_ca_store() {
    if (CaStore named{variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR")}; named != CaStore{}) return named;
    for (const char* path : known_files)
        if (can_read(path)) return {path, {}};
    const auto* library = curl_version_info(CURLVERSION_NOW);
    CaStore built_in;
    if (can_read(library->cainfo)) built_in.file = library->cainfo;
    if (can_read(library->capath)) built_in.folders = library->capath;
    return built_in;
}

CaStore ca_store_of(const conf::ConsulHttpOptions& options) {
    if (!options.consul_ca_file.empty() || !options.consul_ca_path.empty()) return {options.consul_ca_file, options.consul_ca_path};
    return find_ca_store();
}

std::string lack_of_ca(const conf::ConsulHttpOptions& options) {
    if (!options.consul_tls_verify || ca_store_of(options) != CaStore{}) return {};
    std::string looked_for;
    for (const char* path : known_files) looked_for += (looked_for.empty() ? "" : ", ") + std::string(path);
    return "there are no CA certificates to verify HTTPS with: none of " + looked_for +
           " can be read; install the package ca-certificates, or name a file with consul-ca-file (CONSUL_CACERT) or SSL_CERT_FILE";
}

std::string lack_of_consul_ca(const conf::ConsulHttpOptions& options) {
    const auto& addresses = options.consul_http_addr;
    const bool https =
        std::any_of(addresses.begin(), addresses.end(), [](const auto& address) { return address.url.starts_with("https://"); });
    return https ? lack_of_ca(options) : std::string();
}

}  // namespace lictor::http
