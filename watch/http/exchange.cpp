// Sets libcurl's options for one exchange and implements its callbacks.
#include "watch/http/exchange.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>  // explicit_bzero
#include <sys/socket.h>

#include <algorithm>
#include <new>

#include "conf/options/consul_http.hpp"
#include "watch/http/ca_store.hpp"

namespace lictor::http {
namespace {

constexpr std::size_t header_max = 64u << 10;
constexpr long connect_timeout_ms = 2000;

/// libcurl copies texts, and keeps the old value if it cannot.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    if (curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* user) noexcept {
    auto& exchange = *static_cast<Exchange*>(user);
    if (exchange.reply.body.size() + count > exchange.body_max) {
        exchange.refused = "reply is too large";
        return 0;
    }
    if (!exchange.memory.grow_to(exchange.reply.body.size() + count)) {
        exchange.refused = "the reply does not fit into memory-max: raise it";
        return 0;
    }
    try {
        exchange.reply.body.append(bytes, count);
    } catch (const std::bad_alloc&) {
        exchange.refused = "no memory for the reply";
        return 0;
    }
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
            set(easy, by_path, path.c_str());
            return;
        }
        curl_blob blob{.data = const_cast<char*>(kept->text.data()), .len = kept->text.size(), .flags = CURL_BLOB_COPY};
        set(easy, by_text, &blob);
    };
    const auto store = ca_store_of(options);
    // Without these libcurl would add its own default file or folder to what is named.
    set<const char*>(easy, CURLOPT_CAINFO, nullptr);
    set<const char*>(easy, CURLOPT_CAPATH, nullptr);
    set_file(CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, store.file);
    if (!store.folders.empty()) set(easy, CURLOPT_CAPATH, store.folders.c_str());
    set_file(CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, options.consul_cert_file);
    set_file(CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, options.consul_key_file);
    set(easy, CURLOPT_SSL_VERIFYPEER, options.consul_tls_verify ? 1L : 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, options.consul_tls_verify ? 2L : 0L);
}

}  // namespace

List list_of(const std::string& line) {
    if (line.empty()) return nullptr;
    curl_slist* const made = curl_slist_append(nullptr, line.c_str());
    if (!made) throw std::bad_alloc();
    return List(made, [](curl_slist* list) {
        for (const auto* at = list; at; at = at->next) explicit_bzero(at->data, strlen(at->data));  // it may hold the token
        curl_slist_free_all(list);
    });
}

Easy make_easy(const conf::ConsulHttpOptions& options, const KeptFiles& files) {
    Easy made(curl_easy_init());
    if (!made) throw std::bad_alloc();
    CURL* easy = made.get();
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_NOPROGRESS, 1L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NOPROXY, "*");
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set(easy, CURLOPT_USERAGENT, "lictor");
    set(easy, CURLOPT_BUFFERSIZE, 16384L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    set(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    set(easy, CURLOPT_PREREQFUNCTION, on_connected);
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (!options.consul_http_auth.empty()) {
        set(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        set(easy, CURLOPT_USERPWD, options.consul_http_auth.c_str());
    }
    set_tls(easy, options, files);
    return made;
}

void Exchange::prepare(const std::string& url, const std::string& socket_path) {
    unix_path = socket_path;
    CURL* handle = easy.get();
    set(handle, CURLOPT_URL, url.c_str());
    set(handle, CURLOPT_UNIX_SOCKET_PATH, unix_path.empty() ? nullptr : unix_path.c_str());
    set(handle, CURLOPT_RESOLVE, resolve.get());
    set(handle, CURLOPT_CONNECT_TO, connect.get());
    set(handle, CURLOPT_HTTPHEADER, headers.get());
    // Without this a Content-Length that does not fit in 63 bits counts as absent.
    set(handle, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(body_max));
    set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, timeout.count())));
    set(handle, CURLOPT_PRIVATE, this);
    set(handle, CURLOPT_WRITEDATA, this);
    set(handle, CURLOPT_HEADERDATA, this);
    set(handle, CURLOPT_PREREQDATA, this);
    set(handle, CURLOPT_ERRORBUFFER, text);
}

void Exchange::fail(std::string_view why) noexcept {
    ended();
    reply.status = 0;
    reply.body = {};
    reply.has_index = false;
    reply.unreachable = !sent && !refused;
    reply.ended_here = refused != nullptr;
    try {
        reply.error = why;
    } catch (const std::bad_alloc&) {
        reply.error = "no memory";  // short enough to need none
    }
}

}  // namespace lictor::http
