// Reads the token file. If the file cannot be read or contains no token, the last token stays.
#include "watch/http/token.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/base/wipe.hpp"
#include "conf/log/log.hpp"
#include "conf/options/consul_http.hpp"

namespace lictor::http {
namespace {

constexpr Now check_every = seconds(10), check_every_refused = seconds(1);
constexpr std::size_t size_max = 4096;

std::string without_ends(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

/// Printable ASCII without blanks: other bytes could forge a header.
bool is_token(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

HttpToken::HttpToken(const conf::ConsulHttpOptions& options, KeptFiles files)
    : file_(options.consul_token_file), token_(without_ends(options.consul_token)), files_(std::move(files)) {
    if (!is_token(token_)) {
        log::warning("consul token of the environment ignored: it has blanks or control bytes");
        token_.clear();
    }
}

bool HttpToken::refresh(Now now) {
    if (file_.empty()) return false;
    if (checked_ && now - checked_at_ < (refused_ ? check_every_refused : check_every)) return false;
    checked_ = true;
    checked_at_ = now;
    refused_ = false;
    static RateLimit warned{60};
    const auto warn = [now](const std::string& text) {
        if (warned.pass(now / seconds(1))) log::warning(text);
    };
    const auto version = version_of(file_);
    const int stat_code = errno;
    if (version && version == version_) return false;
    const auto* kept = kept_file(files_, file_);
    if (kept && version != kept->version) warn(unreadable("consul-token-file", file_, version ? EACCES : stat_code, true));
    if (kept && version_) return false;  // a later version that only root may read
    if (!kept && !version) {
        warn(unreadable("consul-token-file", file_, stat_code, false));
        return false;
    }
    std::string text;
    const WipedAtEnd wiped_text(text);
    if (kept) {
        text = kept->text;
    } else {
        std::ifstream in;
        in.rdbuf()->pubsetbuf(nullptr, 0);  // no second copy of the token
        in.open(file_, std::ios::binary);
        if (!in) {
            warn(unreadable("consul-token-file", file_, errno, false));
            return false;
        }
        text.assign(size_max + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        if (!in.eof() || in.bad()) {
            warn("consul-token-file=" + printable(file_) + " is longer than 4096 bytes, or no file: correct the path");
            return false;
        }
        text.resize(static_cast<std::size_t>(in.gcount()));
    }
    std::string token = without_ends(text);
    const WipedAtEnd wiped_token(token);
    if (token.empty() || !is_token(token)) {
        warn("consul-token-file=" + printable(file_) + " has no token: write the token's SecretID into it, on one line");
        return false;
    }
    version_ = kept ? kept->version : *version;
    if (token == token_) return false;
    token_.swap(token);  // the old one is wiped
    return true;
}

}  // namespace lictor::http
