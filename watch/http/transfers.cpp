// Starts exchanges on libcurl and reports their ends.
#include "watch/http/transfers.hpp"

#include <cstring>
#include <utility>

#include "watch/http/ca_store.hpp"

namespace lictor::http {
namespace {

/// libcurl keeps this many connections more than there are exchanges. So it closes no connection after a reply.
constexpr long connections_spare = 4;

}  // namespace

Transfers::Transfers(loop::Loop& loop, std::size_t idle_handles_max, Hooks hooks)
    : idle_handles_max_(idle_handles_max),
      hooks_(std::move(hooks)),
      curl_(loop, {.ended = [this](CURL* easy, CURLcode code) { finish(easy, code); }, .turned = hooks_.turned}),
      soon_(loop, [this] { report_ended(); }) {}

Transfers::~Transfers() {
    *alive_ = false;
    for (auto& [ticket, exchange] : exchanges_)
        if (exchange->easy) curl_.remove(exchange->easy.get());
    exchanges_.clear();
    idle_.clear();
}

Exchange& Transfers::add(std::unique_ptr<Exchange> exchange) {
    const auto ticket = exchange->ticket = next_ticket_++;
    return *exchanges_.emplace(ticket, std::move(exchange)).first->second;
}

void Transfers::launch(Exchange& exchange, const std::string& url, const std::string& unix_path, const conf::ConsulHttpOptions& options,
                       const KeptFiles& files) {
    if (url.starts_with("https://"))
        if (const auto lack = lack_of_ca(options); !lack.empty()) return fail(exchange, lack);
    if (idle_.empty()) {
        exchange.easy = make_easy(options, files);
    } else {
        exchange.easy = std::move(idle_.back());
        idle_.pop_back();
    }
    exchange.prepare(url, unix_path);
    curl_.keep_connections(static_cast<long>(exchanges_.size()) + connections_spare);
    curl_.add(exchange.easy.get());
}

void Transfers::finish(CURL* easy, CURLcode code) {
    void* found = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found);
    auto& exchange = *static_cast<Exchange*>(found);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    long connect_error = 0;  // errno of connect(2)
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &connect_error);
    curl_.remove(easy);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
    if (idle_.size() < idle_handles_max_) idle_.push_back(std::move(exchange.easy));
    exchange.easy.reset();
    if (code == CURLE_OK) {
        exchange.ended();
        exchange.reply.status = static_cast<int>(status);
    } else if (code == CURLE_COULDNT_CONNECT && !exchange.unix_path.empty() && connect_error != 0) {
        // libcurl's text has a host and a port, which a unix socket does not have.
        exchange.fail("cannot connect to " + exchange.unix_path + ": " + std::strerror(static_cast<int>(connect_error)));
    } else if (code == CURLE_SSL_CACERT_BADFILE) {
        exchange.fail(std::string(exchange.text) +
                      "; it has no CA certificate that can be read: replace it, or name another file with consul-ca-file (CONSUL_CACERT)");
    } else {
        exchange.fail(exchange.refused ? exchange.refused : exchange.text[0] ? exchange.text : curl_easy_strerror(code));
    }
    const auto owned = take(exchange.ticket);
    hooks_.ended(*owned);
}

std::unique_ptr<Exchange> Transfers::take(Http::Ticket ticket) {
    const auto at = exchanges_.find(ticket);
    auto owned = std::move(at->second);
    exchanges_.erase(at);
    return owned;
}

void Transfers::fail(Exchange& exchange, const std::string& why) {
    if (exchange.easy) curl_.remove(exchange.easy.get());
    exchange.easy.reset();
    exchange.fail(why);
    ended_.push_back(take(exchange.ticket));
    soon_.start(microseconds(0));
}

void Transfers::report_ended() {
    const auto still = alive_;
    while (*still && !ended_.empty()) {
        const auto exchange = std::move(ended_.back());
        ended_.pop_back();
        hooks_.ended(*exchange);
    }
}

void Transfers::cancel(Http::Ticket ticket) {
    std::erase_if(ended_, [ticket](const auto& exchange) { return exchange->ticket == ticket; });
    const auto at = exchanges_.find(ticket);
    if (at == exchanges_.end()) return;
    if (at->second->easy) curl_.remove(at->second->easy.get());
    exchanges_.erase(at);
}

Exchange* Transfers::find(Http::Ticket ticket) {
    const auto at = exchanges_.find(ticket);
    return at == exchanges_.end() ? nullptr : at->second.get();
}

}  // namespace lictor::http
