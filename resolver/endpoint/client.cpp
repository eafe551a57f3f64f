// Sends the request with libcurl, restricted to plain HTTP to one address: no proxy, no redirect, no name look-up.
#include "resolver/endpoint/client.hpp"

#include <curl/curl.h>

#include <cstring>
#include <memory>

#include "resolver/endpoint/listen_socket.hpp"

namespace lictor::endpoint {
namespace {

constexpr long request_ms_max = 5000;
constexpr std::size_t body_bytes_max = std::size_t{16} << 20;

std::size_t take(char* data, std::size_t, std::size_t size, void* into) noexcept {
    auto& body = *static_cast<std::string*>(into);
    if (body.size() + size > body_bytes_max) return 0;
    body.append(data, size);
    return size;
}

/// The URL without path; a wildcard address becomes the loopback address.
Result<std::string> base_url(const std::string& address) {
    auto endpoint = stats_endpoint(address);
    if (!endpoint) return endpoint.error();
    if (endpoint->address.is_unspecified()) endpoint->address = *Address::parse(endpoint->address.v6 ? "::1" : "127.0.0.1");
    const auto host = endpoint->address.text();
    return "http://" + (endpoint->address.v6 ? '[' + host + ']' : host) + ':' + std::to_string(endpoint->port);
}

}  // namespace

std::string percent_encoded(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += "0123456789ABCDEF"[byte >> 4];
        out += "0123456789ABCDEF"[byte & 15];
    }
    return out;
}

Result<StatsAnswer> request_stats(const std::string& address, const std::string& path_and_query, Method method) {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return Error{"libcurl cannot be initialized"};
    StatsAnswer answer;
    char why[CURL_ERROR_SIZE] = "";
    std::string url = "http://localhost";
    if (address.starts_with("unix://")) {
        curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address.c_str() + 7);
    } else {
        const auto base = base_url(address);
        if (!base) return base.error();
        url = *base;
    }
    url += path_and_query;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, request_ms_max);
    curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "lictor/" LICTOR_VERSION);
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
        method == Method::post ? curl_slist_append(nullptr, "X-Lictor: 1") : nullptr, curl_slist_free_all);
    if (method == Method::post) {
        curl_easy_setopt(curl.get(), CURLOPT_POST, 1L);
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    }
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_COULDNT_CONNECT) {
        // libcurl's text has a host and a port also for a unix socket.
        long number = 0;
        curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &number);
        if (number != 0) return Error{std::strerror(static_cast<int>(number))};
    }
    if (code != CURLE_OK) return Error{why[0] ? why : curl_easy_strerror(code)};
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.code);
    return answer;
}

}  // namespace lictor::endpoint
