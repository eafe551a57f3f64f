// Starts exchanges on libcurl and reports their ends.
#include "watch/http/transfers.hpp"

#include <cstring>
#include <new>
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
      curl_(loop, {.ended = [this](CURL* easy, CURLcode code) { finish(easy, code); },
                   .turned = [this] { turned(); },
                   .lost = [this](CURL* easy) { lost(easy); }}),
      soon_(loop, [this] { report_ended(); }) {
    idle_.reserve(idle_handles_max_);  // so that the end of an exchange needs no memory
}

Transfers::~Transfers() {
    *alive_ = false;
    for (auto& [ticket, exchange] : exchanges_)
        if (exchange->easy) curl_.remove(exchange->easy.get());
    exchanges_.clear();
    while (ended_) ended_ = std::move(ended_->next_ended);
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
    Easy easy;
    try {
        if (idle_.empty()) {
            easy = make_easy(options, files);
        } else {
            easy = std::move(idle_.back());
            idle_.pop_back();
        }
        exchange.easy = std::move(easy);
        exchange.prepare(url, unix_path);
    } catch (const std::bad_alloc&) {
        exchange.easy.reset();  // it has perhaps the last exchange's options
        return fail_without_memory(exchange);
    }
    curl_.keep_connections(static_cast<long>(exchanges_.size()) + connections_spare);
    if (curl_.add(exchange.easy.get())) return;
    exchange.easy.reset();
    fail_without_memory(exchange);
}

/// One exchange, or all of them, waits for what will not come.
void Transfers::lost(CURL* easy) noexcept {
    any_lost_ = true;
    void* found = nullptr;
    if (easy) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found);
    if (found) {
        static_cast<Exchange*>(found)->lost = true;
    } else {
        for (auto& [ticket, exchange] : exchanges_) exchange->lost = true;
    }
}

void Transfers::turned() {
    if (std::exchange(any_lost_, false)) {
        for (auto at = exchanges_.begin(); at != exchanges_.end();) {
            Exchange& exchange = *(at++)->second;
            if (exchange.lost && exchange.easy) fail_without_memory(exchange);
        }
    }
    if (hooks_.turned) hooks_.turned();
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
    try {
        judge(exchange, code, static_cast<int>(status), static_cast<int>(connect_error));
    } catch (const std::bad_alloc&) {
        exchange.fail_without_memory();
    }
    const auto owned = take(exchange.ticket);
    hooks_.ended(*owned);
}

/// The reply of an exchange that libcurl ended.
void Transfers::judge(Exchange& exchange, CURLcode code, int status, int connect_error) {
    if (code == CURLE_OK) {
        exchange.ended();
        exchange.reply.status = status;
    } else if (code == CURLE_OUT_OF_MEMORY) {
        exchange.fail_without_memory();
    } else if (code == CURLE_COULDNT_CONNECT && !exchange.unix_path.empty() && connect_error != 0) {
        // libcurl's text has a host and a port, which a unix socket does not have.
        exchange.fail("cannot connect to " + exchange.unix_path + ": " + std::strerror(connect_error));
    } else if (code == CURLE_FILESIZE_EXCEEDED) {
        exchange.refused = "reply is too large";
        exchange.fail(exchange.refused);
    } else if (code == CURLE_SSL_CACERT_BADFILE) {
        exchange.fail(std::string(exchange.text) +
                      "; it has no CA certificate that can be read: replace it, or name another file with consul-ca-file (CONSUL_CACERT)");
    } else {
        exchange.fail(exchange.refused ? exchange.refused : exchange.text[0] ? exchange.text : curl_easy_strerror(code));
    }
}

std::unique_ptr<Exchange> Transfers::take(Http::Ticket ticket) noexcept {
    const auto at = exchanges_.find(ticket);
    auto owned = std::move(at->second);
    exchanges_.erase(at);
    return owned;
}

void Transfers::fail(Exchange& exchange, std::string_view why) noexcept {
    exchange.fail(why);
    put_ended(exchange);
}

void Transfers::fail_without_memory(Exchange& exchange) noexcept {
    loop::note_lack_of_memory();
    exchange.fail_without_memory();
    put_ended(exchange);
}

void Transfers::put_ended(Exchange& exchange) noexcept {
    if (exchange.easy) curl_.remove(exchange.easy.get());
    exchange.easy.reset();
    auto owned = take(exchange.ticket);
    owned->next_ended = std::move(ended_);
    ended_ = std::move(owned);
    soon_.start(microseconds(0));
}

void Transfers::report_ended() {
    const auto still = alive_;
    while (*still && ended_) {
        const auto exchange = std::move(ended_);
        ended_ = std::move(exchange->next_ended);
        try {
            hooks_.ended(*exchange);
        } catch (const std::bad_alloc&) {  // the others are still reported
            loop::note_lack_of_memory();
        }
    }
}

void Transfers::cancel(Http::Ticket ticket) {
    for (auto* link = &ended_; *link;) {
        if ((*link)->ticket == ticket) *link = std::move((*link)->next_ended);
        else link = &(*link)->next_ended;
    }
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
