// Reads the token file. An unreadable or nonsensical file leaves the token as it was: Consul itself says when it is no longer good.
#include "watch/http_token.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr Now look_every = seconds(10), look_every_refused = seconds(1);
constexpr std::size_t size_max = 4096;

std::string trimmed(std::string text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.back())) text.pop_back();
    text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
    return text;
}

/// A token is printable ASCII; anything else could forge a header.
bool sensible(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

HttpToken::HttpToken(const Options& options) : file_(options.consul_token_file), token_(trimmed(options.consul_token)) {
    if (!sensible(token_)) {
        log::warning("consul token from the environment ignored: it holds blanks or control bytes");
        token_.clear();
    }
}

bool HttpToken::refresh(Now now) {
    if (file_.empty()) return false;
    if (looked_ && now - looked_at_ < (refused_ ? look_every_refused : look_every)) return false;
    looked_ = true;
    looked_at_ = now;
    refused_ = false;
    struct stat info {};
    static log::Sometimes unreadable{60};
    if (::stat(file_.c_str(), &info) != 0) {
        if (unreadable.now(now / seconds(1))) log::warning("consul token file not readable file=" + log::printable(file_));
        return false;
    }
    if (info.st_mtim.tv_sec == seconds_ && info.st_mtim.tv_nsec == nanoseconds_ && info.st_size == size_ && info.st_ino == inode_) return false;
    std::ifstream in(file_, std::ios::binary);
    std::string text(size_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof() || in.bad()) {
        if (unreadable.now(now / seconds(1))) log::warning("consul token file not readable or too long file=" + log::printable(file_));
        return false;
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    text = trimmed(std::move(text));
    if (text.empty() || !sensible(text)) {
        if (unreadable.now(now / seconds(1))) log::warning("consul token file holds no token file=" + log::printable(file_));
        return false;
    }
    seconds_ = info.st_mtim.tv_sec;
    nanoseconds_ = info.st_mtim.tv_nsec;
    size_ = info.st_size;
    inode_ = info.st_ino;
    if (text == token_) return false;
    token_ = std::move(text);
    return true;
}

}  // namespace lictor
