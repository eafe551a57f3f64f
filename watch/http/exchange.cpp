// Sets libcurl's options for one exchange and implements its callbacks.
#include "watch/http/exchange.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "conf/options/consul_http.hpp"
#include "watch/http/ca_store.hpp"

namespace lictor::http {
namespace {

constexpr std::size_t header_max = 64u << 10;
constexpr long connect_timeout_ms = 2000;

std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* user) noexcept {
    auto& exchange = *static_cast<Exchange*>(user);
    if (exchange.reply.body.size() + count > exchange.body_max) {
        exchange.refused = "reply is too large";
        return 0;
    }
    exchange.reply.body.append(bytes, count);
    return count;
}

std::size_t on_header(char* bytes, std::size_t, std::size_t count, void* user) noexcept {
    auto& exchange = *static_cast<Exchange*>(user);
    exchange.header_bytes += count;
    if (exchange.header_bytes > header_max) {
        exchange.refused = "reply's header is larger than 64 KiB";
        return 0;
    }
    if (!exchange.first_byte) {
        exchange.first_byte = loop::Loop::now();
        if (exchange.receiving) ++*exchange.receiving;
    }
    polling::note_header(exchange.reply, {bytes, count});
    return count;
}

int on_connected(void* user, char*, char*, int, int) noexcept {
    static_cast<Exchange*>(user)->sent = true;
    return CURL_PREREQFUNC_OK;
}

curl_socket_t on_open(void*, curlsocktype, curl_sockaddr* address) noexcept {
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// TCP keep-alive: a peer that is gone without closing is detected within 25 s.
int on_socket_made(void*, curl_socket_t fd, curlsocktype) noexcept {
    const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
    return CURL_SOCKOPT_OK;
}

void set_tls(CURL* easy, const conf::ConsulHttpOptions& options, const KeptFiles& files) {
    const auto set_file = [&](CURLoption by_path, CURLoption by_text, const std::string& path) {
        if (path.empty()) return;
        const auto* kept = kept_file(files, path);
        if (!kept) {
            curl_easy_setopt(easy, by_path, path.c_str());
            return;
        }
        curl_blob blob{.data = const_cast<char*>(kept->text.data()), .len = kept->text.size(), .flags = CURL_BLOB_COPY};
        curl_easy_setopt(easy, by_text, &blob);
    };
    const auto set = [easy](CURLoption option, const std::string& text) {
        if (!text.empty()) curl_easy_setopt(easy, option, text.c_str());
    };
    const auto store = ca_store_of(options);
    // Without these libcurl would add its own default file or folder to what is named.
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    set_file(CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, store.file);
    set(CURLOPT_CAPATH, store.folders);
    set_file(CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, options.consul_cert_file);
    set_file(CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, options.consul_key_file);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.consul_tls_verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.consul_tls_verify ? 2L : 0L);
}

}  // namespace

List list_of(const std::string& line) {
    return List(line.empty() ? nullptr : curl_slist_append(nullptr, line.c_str()), [](curl_slist* list) { curl_slist_free_all(list); });
}

Easy make_easy(const conf::ConsulHttpOptions& options, const KeptFiles& files) {
    Easy made(curl_easy_init());
    ensure(made != nullptr, "curl_easy_init");
    CURL* easy = made.get();
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "lictor");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (!options.consul_http_auth.empty()) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERPWD, options.consul_http_auth.c_str());
    }
    set_tls(easy, options, files);
    return made;
}

void Exchange::prepare(const std::string& url, const std::string& socket_path) {
    unix_path = socket_path;
    CURL* handle = easy.get();
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, unix_path.empty() ? nullptr : unix_path.c_str());
    curl_easy_setopt(handle, CURLOPT_RESOLVE, resolve.get());
    curl_easy_setopt(handle, CURLOPT_CONNECT_TO, connect.get());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, timeout.count())));
    curl_easy_setopt(handle, CURLOPT_PRIVATE, this);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, text);
}

void Exchange::fail(std::string why) {
    ended();
    reply.status = 0;
    reply.body = {};
    reply.has_index = false;
    reply.unreachable = !sent;
    reply.error = std::move(why);
}

}  // namespace lictor::http
