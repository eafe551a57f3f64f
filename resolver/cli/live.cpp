// Uses the terminal's second screen (xterm's 1049), so that the shell's text is there again at the end. Signals only set a flag: the
// terminal is restored before the process ends.
#include "resolver/cli/live.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <optional>
#include <string_view>

#include "resolver/cli/request.hpp"
#include "resolver/terminal/format.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::cli {
namespace {

std::atomic<bool> ended{false};

void on_signal(int) { ended = true; }

class Screen {
public:
    Screen() {
        struct sigaction action {};
        action.sa_handler = on_signal;  // without SA_RESTART: poll(2) returns
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaction(number, &action, nullptr);
        if (!isatty(STDOUT_FILENO)) return;
        drawn_ = true;
        if (tcgetattr(STDIN_FILENO, &before_) == 0) {
            keys_ = true;
            termios now = before_;
            now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);  // Ctrl-C comes as a byte
            tcsetattr(STDIN_FILENO, TCSANOW, &now);
        }
        put("\x1b[?1049h\x1b[?25l");
    }
    ~Screen() {
        if (!drawn_) return;
        put("\x1b[?25h\x1b[?1049l");
        if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool drawn() const { return drawn_; }

    /// Replaces what is on the screen, cut to its size; elsewhere prints the lines.
    void show(std::string_view text) {
        if (!drawn_) return put(std::string(text) + '\n');
        winsize size{};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size.ws_row = 24, size.ws_col = 80;
        std::string out = "\x1b[H";
        for (unsigned row = 0; row + 1 < size.ws_row && !text.empty(); ++row) {
            const auto end = std::min(text.find('\n'), text.size());
            out += cut(text.substr(0, end), size.ws_col) + "\x1b[0m\x1b[K\r\n";
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        put(out + "\x1b[J");
    }

    /// Waits; true if it is to end.
    bool wait(milliseconds span) {
        pollfd input{keys_ ? STDIN_FILENO : -1, POLLIN, 0};
        if (::poll(&input, 1, static_cast<int>(span.count())) > 0) {
            char key = 0;
            const auto got = ::read(STDIN_FILENO, &key, 1);
            if (got <= 0) keys_ = false;  // the input is at its end
            if (got == 1 && (key == 'q' || key == 'Q' || key == 3)) return true;
        }
        return ended || broken_;
    }

private:
    /// At most `columns` characters; colours count as none.
    static std::string cut(std::string_view line, unsigned columns) {
        std::string out;
        unsigned used = 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '\x1b') {
                const auto end = std::min(line.find('m', i), line.size() - 1);
                out += line.substr(i, end - i + 1);
                i = end;
                continue;
            }
            if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80 && used++ >= columns) break;
            out += line[i];
        }
        return out;
    }
    void put(const std::string& text) {
        for (std::size_t at = 0; at < text.size();) {
            const auto sent = ::write(STDOUT_FILENO, text.data() + at, text.size() - at);
            if (sent <= 0) {
                broken_ = broken_ || !ended;
                return;
            }
            at += static_cast<std::size_t>(sent);
        }
    }

    termios before_{};
    bool drawn_ = false, keys_ = false, broken_ = false;
};

/// Queries per second between two documents; nothing after a restart.
std::optional<double> rate(const terminal::Json& before, const terminal::Json& now) {
    const auto sum = [](const terminal::Json& document) {
        double total = 0;
        const auto& queries = terminal::member(document, "totals", "queries");
        if (queries.is_object())
            for (const auto& value : queries) total += terminal::number(value);
        return total;
    };
    const double span =
        terminal::number(terminal::member(now, "uptime_seconds")) - terminal::number(terminal::member(before, "uptime_seconds"));
    if (!before.is_object() || span <= 0 || sum(now) < sum(before)) return std::nullopt;
    return (sum(now) - sum(before)) / span;
}

}  // namespace

int show_live(const std::string& address, seconds interval) {
    int code = done;
    const auto first = request(address, "/stats", endpoint::Method::get, code);
    if (!first) return code;
    const terminal::Style style = style_of_output();
    signal(SIGPIPE, SIG_IGN);
    Screen screen;
    terminal::Json before;
    bool replied = true;
    std::string body = first->body, problem;
    for (;;) {
        if (replied) {
            const auto now = terminal::parse(body);
            const auto queries = rate(before, now);
            std::string text = terminal::stats_text(body, style);
            text += "\nqueries per second: " + (queries ? terminal::decimal(*queries, 1) : std::string("-")) + '\n';
            if (screen.drawn()) text += style.soft("q or Ctrl-C ends this view") + '\n';
            screen.show(text);
            before = now;
        } else {
            screen.show(style.bad("no reply from " + address) + ": " + problem + '\n');
        }
        if (screen.wait(interval)) return done;
        auto next = endpoint::request_stats(address, "/stats", endpoint::Method::get);
        replied = static_cast<bool>(next);
        if (replied) body = std::move(next->body);
        else problem = terminal::refusal_text(next.error().text);
    }
}

}  // namespace lictor::cli
