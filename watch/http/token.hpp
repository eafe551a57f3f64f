// Which ACL token does a request carry? The content of consul-token-file, read again when the file changes, or CONSUL_HTTP_TOKEN. It is
// sent in a header only, and is not logged.
#pragma once

#include <optional>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/options/options_fwd.hpp"
#include "watch/http/kept_files.hpp"

namespace lictor::http {

/// Printable ASCII without blanks, of a file at most 4096 bytes. If the file cannot be read or holds no token, the last token stays, with a
/// warning.
class HttpToken {
public:
    /// `files`: the token file's content if only root may read it.
    explicit HttpToken(const conf::ConsulHttpOptions& options, KeptFiles files = {});

    /// Reads the file if it is due (every 10 s, after `refused` every second) and has changed. True if the token changed.
    bool refresh(Now now);
    /// Consul refused the token: the file is due after one second.
    void refused() { refused_ = true; }
    /// The token; empty = none. Before the first `refresh` that of the environment.
    const std::string& text() const { return token_; }

private:
    std::string file_, token_;
    Now checked_at_{};
    bool checked_ = false, refused_ = false;
    KeptFiles files_;
    std::optional<FileVersion> version_;  ///< of the file that was read last
};

}  // namespace lictor::http
