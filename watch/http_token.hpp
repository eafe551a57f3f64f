// Which ACL token goes with a request: the file's content (read again when the file changes) or the one from the environment. It stands
// in a header only, and is never logged.
#pragma once

#include <cstdint>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/options.hpp"

namespace lictor {

class HttpToken {
public:
    explicit HttpToken(const Options& options);

    /// Looks at the file if it is time; true if the token is another one now.
    bool refresh(Now now);
    /// Consul refused the token: look at the file at the next request, at most once a second.
    void refused() { refused_ = true; }
    const std::string& text() const { return token_; }

private:
    std::string file_, token_;
    Now looked_at_{};
    bool looked_ = false, refused_ = false;
    std::int64_t seconds_ = 0, nanoseconds_ = 0, size_ = -1;
    std::uint64_t inode_ = 0;
};

}  // namespace lictor
