// Parses addresses, and changes to another address after a failure.
#include "watch/polling/http_target.hpp"

#include "conf/options/consul_http.hpp"

namespace lictor::polling {
namespace {

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : '[' + host + ']'; }

}  // namespace

HttpTarget HttpTarget::from(const conf::ConsulAddress& address, std::string_view tls_server_name) {
    HttpTarget target;
    target.unix_path = address.unix_path;
    target.shown = address.unix_path.empty() ? address.url : "unix://" + address.unix_path;
    target.tls = address.url.starts_with("https://");
    std::string_view rest = address.url;
    if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) rest.remove_prefix(scheme + 3);
    const auto slash = rest.find('/');
    const std::string_view prefix = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    auto authority = rest.substr(0, slash);
    target.port = target.tls ? 443 : 80;
    if (authority.starts_with("[")) {
        const auto end = authority.find(']');
        target.host = authority.substr(1, end == std::string_view::npos ? end : end - 1);
        authority.remove_prefix(end == std::string_view::npos ? authority.size() : end + 1);
    } else {
        target.host = authority.substr(0, authority.find(':'));
        authority.remove_prefix(target.host.size());
    }
    if (authority.starts_with(":"))
        if (const auto port = parse_number(authority.substr(1), 65535)) target.port = static_cast<std::uint16_t>(*port);
    target.literal = true;
    if (const auto literal = Address::parse(target.host)) {
        target.found = {*literal};
    } else if (target.host == "localhost") {  // RFC 6761 §6.3: loopback, without a query
        target.found = {Address::v4(127, 0, 0, 1), *Address::parse("::1")};
    } else if (target.unix_path.empty()) {
        target.literal = false;
    }
    target.url_host = target.tls && !tls_server_name.empty() ? std::string(tls_server_name) : target.host;
    target.url = target.tls ? "https://" : "http://";
    target.url += bracketed(target.url_host);
    target.url += ':' + std::to_string(target.port);
    target.url += prefix;
    return target;
}

std::string HttpTarget::resolve_entry() const {
    if (!unix_path.empty() || found.empty() || Address::parse(host)) return {};
    std::string entry = host + ':' + std::to_string(port) + ':';
    for (const auto& address : found) {
        if (entry.back() != ':') entry += ',';
        entry += bracketed(address.text());
    }
    return entry;
}

std::string HttpTarget::connect_entry() const {
    if (!unix_path.empty() || url_host == host) return {};
    return "::" + bracketed(host) + ':' + std::to_string(port);
}

HttpTargets::HttpTargets(const conf::ConsulHttpOptions& options) {
    for (const auto& address : options.consul_http_addr) targets_.push_back(HttpTarget::from(address, options.consul_tls_server_name));
}

bool HttpTargets::failed(std::size_t number) {
    if (number != current_ || targets_.size() < 2) return false;
    current_ = (current_ + 1) % targets_.size();
    return true;
}

void HttpTargets::recovered(std::size_t number) {
    if (number < current_) current_ = number;
}

std::string url_encode(std::string_view text) {
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += hex[byte >> 4];
            out += hex[byte & 15];
        }
    }
    return out;
}

std::string encode_path(std::string_view path) {
    std::string out;
    for (;;) {
        const auto slash = path.find('/');
        out += url_encode(path.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        out += '/';
        path.remove_prefix(slash + 1);
    }
}

}  // namespace lictor::polling
