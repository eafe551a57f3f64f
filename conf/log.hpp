// Where log lines go: an asynchronous, bounded queue (spdlog), so that a slow disk never stands in the way of an answer. Text that
// comes from outside passes through `printable` first; a line is one line whatever a question's name holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lictor::log {

enum class Level { debug, info, warning, error };

/// The name that the program was started by. A link called dnsmasq makes lines dnsmasq's: its name in syslog, and in a file
/// `Nov 22 10:00:00 dnsmasq[PID]: text`, so that what reads dnsmasq's log goes on reading. Before `open`.
void called(std::string_view program);
/// Starts logging; `facility` as Options::log_facility. Call once before threads start (and after a fork); a problem (file not
/// writable, unknown facility) is returned as text and logging goes to stderr. Before `open`, lines go to stderr synchronously.
/// `queue_lines`: how many may wait; else 512. What found no room is said as dnsmasq says it: `overflow: N log entries lost`.
std::string open(std::string_view facility, bool debug, std::optional<std::uint32_t> queue_lines = {});
/// Opens a log file again (after rotation).
void reopen();
/// Writes what is queued and ends.
void close();

/// One line. Never blocks: when the queue is full the oldest lines are dropped and counted. Any thread.
void write(Level level, std::string_view line);
std::uint64_t dropped();

inline void debug(std::string_view line) { write(Level::debug, line); }
inline void info(std::string_view line) { write(Level::info, line); }
inline void warning(std::string_view line) { write(Level::warning, line); }
inline void error(std::string_view line) { write(Level::error, line); }

/// Control bytes, quotes, backslash and bytes above 0x7e as `\DDD`; at most `max` bytes of input, then "…".
std::string printable(std::string_view text, std::size_t max = 300);
/// The same for a sentence that stands between double quotes: an apostrophe stays.
std::string quotable(std::string_view text, std::size_t max = 300);
/// For a message whose outside parts passed through `printable` already: only control bytes as `\DDD`, so that its own quotes stay.
std::string one_line(std::string_view message, std::size_t max = 2000);

/// True at most once per `every` seconds for one place in the code; the number of calls swallowed since goes to `swallowed`.
/// Any thread. Use: `static log::Sometimes s{5}; if (s.now(seconds)) log::warning(…)`.
class Sometimes {
public:
    explicit constexpr Sometimes(unsigned every_seconds) : every_(every_seconds) {}
    bool now(std::int64_t monotonic_seconds, std::uint64_t* swallowed = nullptr);

private:
    unsigned every_;
    std::int64_t next_ = 0;
    std::uint64_t swallowed_ = 0;
};

}  // namespace lictor::log
