// The options about requests to Consul's HTTP API: addresses, token and TLS. Each row has the texts of an option, and the functions that
// parse and print its value.
#include "conf/options/consul_http.hpp"

#include "conf/options/consul_address.hpp"
#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault add_consul_http_addr(ConsulHttpOptions& options, const Setting& setting) {
    setting.consul.address = true;
    if (setting.value.empty()) {
        setting.consul.off = true;
        return std::nullopt;
    }
    const auto text = without_markers(setting.value);
    auto address = parse_consul_address(text, setting.consul.tls);
    if (!address) return address.error().text;
    const auto scheme = text.find("://");
    const auto behind = scheme == std::string::npos ? std::string() : text.substr(scheme + 3);
    const auto host = behind.substr(0, behind.find('/'));
    if (address->unix_path.empty() && !host.empty() && host.find(':', host.starts_with('[') ? host.find(']') : 0) == std::string::npos)
        setting.notes.push_back("no port in " + shown(text) + ": " + address->url + " is used");
    options.consul_http_addr.push_back(*std::move(address));
    return std::nullopt;
}

Texts get_consul_http_addr(const ConsulHttpOptions& options) {
    if (options.consul_http_addr.empty()) return {""};
    Texts out;
    for (const auto& address : options.consul_http_addr) out.push_back(quoted(text_of(address)));
    return out;
}

Fault set_consul_tls(const Setting& setting) { return set_bool(setting, setting.consul.tls); }

Fault set_consul_tls_verify(ConsulHttpOptions& options, const Setting& setting) {
    if (auto fault = set_bool(setting, options.consul_tls_verify)) return fault;
    if (!options.consul_tls_verify) setting.notes.push_back("SECURITY: Consul's certificate is not verified");
    return std::nullopt;
}

Texts get_consul_tls_verify(const ConsulHttpOptions& options) { return options.consul_tls_verify ? Texts{} : Texts{"false"}; }

constexpr Row rows[] = {
    {.name = "consul-http-addr",
     .shape = Shape::emptiable,
     .times = Times::repeatable,
     .own = true,
     .variable = "CONSUL_HTTP_ADDR",
     .argument = "<url>",
     .help = "Consul's HTTP API; empty = Consul is off",
     .reference =
         "`host:port`, `http://host:port` or `https://host:port`, each with an optional path, or `unix:///path`. Several lines "
         "are tried in order when one fails. The default port is 8500, with https 8501. Empty: Consul is off. Not given: "
         "`CONSUL_HTTP_ADDR`, else the address of a `server=/consul/IP#PORT` line with port 8500 (without such a line, of any `server` "
         "line with port 8600), else `http://127.0.0.1:8500`. If nothing about Consul is configured, this default is only assumed: "
         "names below `consul` are forwarded until an agent has answered there.",
     .default_text = "see above",
     .sample = "http://127.0.0.1:8500",
     .field = field_with<&ConsulHttpOptions::consul_http_addr, add_consul_http_addr, get_consul_http_addr>},
    {.name = "CONSUL_HTTP_TOKEN",
     .shape = Shape::environment,
     .own = true,
     .variable = "CONSUL_HTTP_TOKEN",
     .help = "ACL token for Consul",
     .reference = "ACL token that is sent to Consul. A token file takes precedence.",
     .field = secret<&ConsulHttpOptions::consul_token>},
    {.name = "consul-token-file",
     .shape = Shape::value,
     .own = true,
     .variable = "CONSUL_HTTP_TOKEN_FILE",
     .argument = "<path>",
     .help = "file with the ACL token for Consul",
     .reference = "File with the ACL token. Blanks around the token are removed. It takes precedence over `CONSUL_HTTP_TOKEN` and is read "
                  "again on HUP and after a change. A file that only root may read is read before the user is changed; then a change of it "
                  "takes effect at the next start, and the log reports it. If no option and no variable gives a token, lictor reads the "
                  "file lictor.consul-token in `CREDENTIALS_DIRECTORY`, if it exists (`LoadCredential=` of systemd).",
     .default_text = "`CONSUL_HTTP_TOKEN_FILE`",
     .sample = "/etc/lictor/token",
     .field = text<&ConsulHttpOptions::consul_token_file>},
    {.name = "CONSUL_HTTP_AUTH",
     .shape = Shape::environment,
     .own = true,
     .variable = "CONSUL_HTTP_AUTH",
     .help = "user and password for HTTP basic authentication",
     .reference = "`user:password` for HTTP basic authentication, for example at a proxy in front of Consul.",
     .field = secret<&ConsulHttpOptions::consul_http_auth>},
    {.name = "CONSUL_HTTP_SSL",
     .shape = Shape::environment,
     .own = true,
     .variable = "CONSUL_HTTP_SSL",
     .help = "use https for Consul",
     .reference = "If true, https is used for every address of Consul except unix sockets.",
     .field = {.set = set_consul_tls, .get = nothing_of<Options>}},
    {.name = "CONSUL_HTTP_SSL_VERIFY",
     .shape = Shape::environment,
     .own = true,
     .variable = "CONSUL_HTTP_SSL_VERIFY",
     .help = "verify Consul's certificate",
     .reference = "If false, Consul's certificate is not verified.",
     .field = field_with<&ConsulHttpOptions::consul_tls_verify, set_consul_tls_verify, get_consul_tls_verify>},
    {.name = "consul-ca-file",
     .shape = Shape::value,
     .own = true,
     .variable = "CONSUL_CACERT",
     .argument = "<path>",
     .help = "CA certificates that verify Consul's certificate (PEM)",
     .reference =
         "CA certificates that Consul's certificate is verified with; no others are trusted. Without it and `CONSUL_CAPATH`: those of "
         "`SSL_CERT_FILE` and `SSL_CERT_DIR` (a file, and folders separated by colons), or else the system's, at the path where Debian, "
         "RHEL, SUSE or Alpine keeps them.",
     .default_text = "`CONSUL_CACERT`",
     .sample = "/etc/ssl/consul-ca.pem",
     .field = text<&ConsulHttpOptions::consul_ca_file>},
    {.name = "CONSUL_CAPATH",
     .shape = Shape::environment,
     .own = true,
     .variable = "CONSUL_CAPATH",
     .help = "directory of CA certificates that verify Consul's certificate",
     .reference = "Directory of CA certificates in OpenSSL's hashed form.",
     .field = text<&ConsulHttpOptions::consul_ca_path>},
    {.name = "consul-cert-file",
     .shape = Shape::value,
     .own = true,
     .variable = "CONSUL_CLIENT_CERT",
     .argument = "<path>",
     .help = "client certificate for Consul (PEM)",
     .reference = "Client certificate for Consul. It needs `consul-key-file`.",
     .default_text = "`CONSUL_CLIENT_CERT`",
     .sample = "/etc/ssl/lictor.pem",
     .field = text<&ConsulHttpOptions::consul_cert_file>},
    {.name = "consul-key-file",
     .shape = Shape::value,
     .own = true,
     .variable = "CONSUL_CLIENT_KEY",
     .argument = "<path>",
     .help = "private key of consul-cert-file (PEM)",
     .reference = "Private key of `consul-cert-file`. This file, the certificate and the CA file may be readable by root only, as the "
                  "token file.",
     .default_text = "`CONSUL_CLIENT_KEY`",
     .sample = "/etc/ssl/lictor.key",
     .field = text<&ConsulHttpOptions::consul_key_file>},
    {.name = "consul-tls-server-name",
     .shape = Shape::value,
     .own = true,
     .variable = "CONSUL_TLS_SERVER_NAME",
     .argument = "<name>",
     .help = "name expected in Consul's certificate",
     .reference = "Server name sent in the TLS handshake and expected in Consul's certificate.",
     .default_text = "`CONSUL_TLS_SERVER_NAME`",
     .sample = "server.dc1.consul",
     .field = checked<&ConsulHttpOptions::consul_tls_server_name, parse_domain>},
};
static_assert(every_field_has_a_row<ConsulHttpOptions>(rows));

}  // namespace

const RowGroup consul_http_group{"Consul's HTTP API", rows};

}  // namespace lictor::conf
