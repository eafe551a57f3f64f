// Asks ten times a second. A lictor that is not started yet is waited for, too.
#include "resolver/cli/wait.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "resolver/cli/request.hpp"
#include "resolver/terminal/format.hpp"

namespace lictor::cli {
namespace {

constexpr milliseconds ask_every = milliseconds(100);
constexpr std::size_t text_max = 300;

struct Look {
    bool replied = false;
    std::string missing;  ///< empty: nothing
};

/// What the leader of a scope lacks; empty: it has an address.
std::string lack_of(const terminal::Json& document, const std::string& scope) {
    const auto& leaders = terminal::member(document, "leaders");
    if (leaders.is_array())
        for (const auto& leader : leaders) {
            if (terminal::member(leader, "scope") != terminal::Json(scope) && terminal::member(leader, "service") != terminal::Json(scope))
                continue;
            const auto& addresses = terminal::member(leader, "addresses");
            if (terminal::member(leader, "state") == terminal::Json("led") && addresses.is_array() && !addresses.empty()) return {};
            return "no leader of " + scope + ": " + terminal::words(terminal::member(leader, "why"));
        }
    return "no leader of " + scope + ": no such scope is known yet";
}

Look look(const Awaited& awaited) {
    Look found;
    const auto add = [&](const std::string& text) {
        if (!text.empty()) found.missing += (found.missing.empty() ? "" : "; ") + text;
    };
    const auto ask = [&](const char* path) -> terminal::Json {
        const auto answer = endpoint::request_stats(awaited.address, path, endpoint::Method::get);
        if (!answer) return add("no reply from " + awaited.address + ": " + answer.error().text), terminal::Json();
        found.replied = true;
        if (answer->code != 200 && answer->code != 503) add("HTTP " + std::to_string(answer->code));
        return terminal::parse(answer->body);
    };
    if (awaited.ready) {
        const auto document = ask("/ready");
        if (document.is_object() && terminal::member(document, "ready") != terminal::Json(true))
            add("not ready: " + terminal::words(terminal::member(document, "because")));
        else if (found.replied && !document.is_object()) add("the reply is not lictor's");
    }
    if (!awaited.leaders.empty() && (found.replied || !awaited.ready)) {
        const auto document = ask("/leaders");
        if (document.is_object())
            for (const auto& scope : awaited.leaders) add(lack_of(document, scope));
    }
    return found;
}

}  // namespace

int wait_for(const Awaited& awaited) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    std::string said;
    for (;;) {
        const Look found = look(awaited);
        const double waited = elapsed();
        const bool over = waited >= static_cast<double>(awaited.timeout.count());
        if (awaited.json && (found.missing.empty() || over))
            std::printf("%s\n", terminal::Json{{"done", found.missing.empty()}, {"missing", found.missing}, {"waited_seconds", waited}}
                                    .dump(-1, ' ', false, terminal::Json::error_handler_t::replace)
                                    .c_str());
        if (found.missing.empty()) {
            if (!said.empty()) std::fprintf(stderr, "lictor wait: done after %.1f s\n", waited);
            return done;
        }
        const std::string text = terminal::words(terminal::Json(found.missing.substr(0, text_max)));
        if (over) {
            std::fprintf(stderr, "lictor wait: gave up after %.1f s: %s\n", waited, text.c_str());
            return found.replied ? no : no_reply;
        }
        if (text != said) {
            std::fprintf(stderr, "lictor wait: %s\n", text.c_str());
            said = text;
        }
        std::this_thread::sleep_for(ask_every);
    }
}

}  // namespace lictor::cli
