// Says where nothing answered, and what to do.
#include "resolver/cli/request.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "resolver/terminal/render.hpp"

namespace lictor::cli {

std::optional<endpoint::StatsAnswer> request(const std::string& address, const std::string& path_and_query, endpoint::Method method,
                                             int& code) {
    code = no_reply;
    if (address.empty()) {
        std::fputs("lictor: the stats endpoint is off (stats-address= is empty); name one with --stats-address=\n", stderr);
        return std::nullopt;
    }
    auto answer = endpoint::request_stats(address, path_and_query, method);
    if (!answer) {
        std::fprintf(stderr, "lictor: no reply from %s: %s; start lictor, or name its stats-address with --stats-address=\n",
                     address.c_str(), terminal::refusal_text(answer.error().text).c_str());
        return std::nullopt;
    }
    code = no;
    // 503 is also a reply: not healthy, or not ready. 409: a reload that was refused.
    if (answer->code != 200 && answer->code != 503 && answer->code != 409) {
        std::fprintf(stderr, "lictor: %s refuses (HTTP %ld): %s\n", address.c_str(), answer->code,
                     terminal::refusal_text(answer->body).c_str());
        return std::nullopt;
    }
    code = answer->code == 200 ? done : no;
    return *std::move(answer);
}

terminal::Style style_of_output() {
    const auto is_set = [](const char* name) {
        const char* value = std::getenv(name);
        return value && *value;
    };
    const char* kind = std::getenv("TERM");
    return {isatty(STDOUT_FILENO) && !is_set("NO_COLOR") && !(kind && std::string_view(kind) == "dumb")};
}

}  // namespace lictor::cli
