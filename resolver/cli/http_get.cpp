// libcurl with the same options as the watches use; no proxy, no redirect.
#include "resolver/cli/http_get.hpp"

#include <curl/curl.h>
#include <strings.h>

#include <ctime>
#include <memory>
#include <string_view>

#include "conf/disk/disk_files.hpp"
#include "conf/options/options.hpp"

namespace lictor::cli {
namespace {

constexpr std::size_t body_bytes_max = std::size_t{16} << 20;

std::size_t take_body(char* data, std::size_t, std::size_t size, void* into) noexcept {
    auto& got = *static_cast<HttpGot*>(into);
    if (got.body.size() + size > body_bytes_max) return 0;
    got.body.append(data, size);
    return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* into) noexcept {
    auto& got = *static_cast<HttpGot*>(into);
    const std::string line(data, size);
    if (strncasecmp(line.c_str(), "date:", 5) == 0) {
        const auto then = curl_getdate(line.c_str() + 5, nullptr);
        // The header has whole seconds: half a second is its mean error.
        if (then > 0) got.clock_offset_seconds = static_cast<double>(then - std::time(nullptr)) + 0.5;
    }
    constexpr std::string_view filtered = "x-consul-results-filtered-by-acls:";
    if (strncasecmp(line.c_str(), filtered.data(), filtered.size()) == 0) got.filtered = line.find("true") != std::string::npos;
    return size;
}

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;

HttpGot perform(const Handle& curl, const std::string& url, milliseconds timeout) {
    HttpGot got;
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &got);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &got);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) got.error = why[0] ? why : curl_easy_strerror(code);
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &got.code);
    if (code != CURLE_OK) got.code = 0;
    return got;
}

}  // namespace

HttpGot consul_get(const conf::Options& options, const std::string& path, milliseconds timeout) {
    const Handle curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl || options.consul_http_addr.empty()) return {.body = {}, .error = "no address", .clock_offset_seconds = {}};
    const conf::ConsulAddress& address = options.consul_http_addr.front();
    if (!address.unix_path.empty()) curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address.unix_path.c_str());
    const auto set = [&](CURLoption option, const std::string& text) {
        if (!text.empty()) curl_easy_setopt(curl.get(), option, text.c_str());
    };
    set(CURLOPT_CAINFO, options.consul_ca_file);
    set(CURLOPT_CAPATH, options.consul_ca_path);
    set(CURLOPT_SSLCERT, options.consul_cert_file);
    set(CURLOPT_SSLKEY, options.consul_key_file);
    set(CURLOPT_USERPWD, options.consul_http_auth);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, options.consul_tls_verify ? 1L : 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, options.consul_tls_verify ? 2L : 0L);
    std::string token = options.consul_token;
    if (!options.consul_token_file.empty()) {
        disk::DiskFiles files;
        const auto file = files.read(options.consul_token_file);
        if (!file)
            return {.body = {},
                    .error = "consul-token-file " + options.consul_token_file + ": " + file.error().text,
                    .clock_offset_seconds = {}};
        token = file->text.substr(0, file->text.find_first_of(" \t\r\n"));
    }
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
        token.empty() ? nullptr : curl_slist_append(nullptr, ("X-Consul-Token: " + token).c_str()), curl_slist_free_all);
    if (headers) curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    return perform(curl, address.url + path, timeout);
}

HttpGot url_get(const std::string& url, milliseconds timeout) {
    const Handle curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return {.body = {}, .error = "libcurl cannot be initialized", .clock_offset_seconds = {}};
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
    return perform(curl, url, timeout);
}

}  // namespace lictor::cli
