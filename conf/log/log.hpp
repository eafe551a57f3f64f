// The log. Lines go through an asynchronous, bounded queue (spdlog), so that a slow disk delays no answer. Text from outside must pass
// through `printable` first. A line feed in a text becomes a blank.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lictor::log {

/// Debug lines are written only if `open` was called with `debug`.
enum class Level { debug, info, warning, error };
/// `json`: each line is an object with `time`, `level`, `program`, `pid` and `text`.
enum class Format { text, json };

/// `program`: argv[0]. If its file name is dnsmasq (a link), lines have dnsmasq's format for programs that parse them: its name in syslog,
/// and `Nov 22 10:00:00 dnsmasq[PID]: text` in a file. Before `open`.
void called(std::string_view program);
/// True if `called` was given a program named dnsmasq.
bool called_as_dnsmasq();
/// Starts logging; `facility` as Options::log_facility. Call once, after a fork and before other threads start. Gives an error (file not
/// writable, unknown facility) as text; lines then go to stderr. Before `open`, lines go to stderr synchronously. `queue_lines`: bound of
/// the queue, 512 if not set. Dropped lines are logged in dnsmasq's words: `overflow: N log entries lost`.
std::string open(std::string_view facility, bool debug, std::optional<std::uint32_t> queue_lines = {}, Format format = Format::text);
/// Opens the log file again (after rotation), before the next line; if that fails, lines go to the old file. No effect for
/// descriptors and syslog. May be called by any thread.
void reopen();
/// Writes what is queued, 300 ms at most, and ends. Later lines go to stderr synchronously.
void close();

/// One line; a line end in it becomes a blank. Never blocks after `open`: when the queue is full the oldest lines are dropped and counted.
/// May be called by any thread.
void write(Level level, std::string_view line);
/// Lines lost since `open`: dropped from the full queue, or not accepted by the file. 0 before `open` and after `close`. May be called by
/// any thread.
std::uint64_t dropped();

/// A line at level warning or error.
struct Warning {
    std::int64_t unix_seconds = 0;
    Level level = Level::warning;
    std::string line;  ///< cut to warning_bytes_max
};
inline constexpr std::size_t warnings_kept = 32, warning_bytes_max = 256;
/// The latest warnings since the start of the process, newest first, at most warnings_kept. May be called by any thread.
std::vector<Warning> latest_warnings();

/// `debug`, `info`, `warning`, `error`: `write` with that level.
inline void debug(std::string_view line) { write(Level::debug, line); }
inline void info(std::string_view line) { write(Level::info, line); }
inline void warning(std::string_view line) { write(Level::warning, line); }
inline void error(std::string_view line) { write(Level::error, line); }

}  // namespace lictor::log
