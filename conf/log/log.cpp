// The only file that uses spdlog: one background thread takes lines from a bounded queue and writes them to stdout, stderr, a file or
// syslog. If writing blocks, the oldest lines are dropped and counted; only that thread waits.
#include "conf/log/log.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/syslog_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/base/utf8.hpp"

namespace lictor::log {
namespace {

constexpr std::size_t queue_lines_max = 512;  // about 200 kB
// TERM ends lictor within a second, even if nothing reads the log.
constexpr std::chrono::milliseconds close_wait_max{300};

bool called_dnsmasq = false;  // set before `open`

/// The level in five letters, so that texts are aligned.
class LevelFlag final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string_view word = message.level == spdlog::level::debug  ? "debug"
                                      : message.level == spdlog::level::warn ? "warn "
                                      : message.level == spdlog::level::err  ? "error"
                                                                             : "info ";
        out.append(word.data(), word.data() + word.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelFlag>(); }
};

/// `Nov  2 10:00:00`, as syslog and dnsmasq write a time (RFC 3164 §4.1.2).
class SyslogTime final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg&, const std::tm& at, spdlog::memory_buf_t& out) override {
        std::array<char, 32> text{};
        out.append(text.data(), text.data() + std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &at));
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<SyslogTime>(); }
};

bool as_json = false;  // set by `open`, before other threads write

/// One JSON object (RFC 8259) for each line. Bytes that are not UTF-8 become U+FFFD.
class JsonFormat final : public spdlog::formatter {
public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const auto put = [&out](std::string_view text) { out.append(text.data(), text.data() + text.size()); };
        const auto since = message.time.time_since_epoch();
        const std::time_t second = std::chrono::duration_cast<std::chrono::seconds>(since).count();
        std::tm at{};
        gmtime_r(&second, &at);
        std::array<char, 64> text{};
        const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &at);
        put("{\"time\":\"");
        put({text.data(), size});
        std::snprintf(text.data(), text.size(), ".%03dZ",
                      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000));
        put(text.data());
        put("\",\"level\":\"");
        put(message.level == spdlog::level::debug  ? "debug"
            : message.level == spdlog::level::warn ? "warning"
            : message.level == spdlog::level::err  ? "error"
                                                   : "info");
        put("\",\"program\":\"");
        put(called_dnsmasq ? "dnsmasq" : "lictor");
        std::snprintf(text.data(), text.size(), "\",\"pid\":%d,\"text\":\"", static_cast<int>(getpid()));
        put(text.data());
        each_utf8({message.payload.data(), message.payload.size()}, [&](std::string_view character) {
            const auto byte = static_cast<unsigned char>(character.front());
            if (byte == '"' || byte == '\\') put("\\");
            if (byte >= 0x20 && byte != 0x7f) return put(character);
            std::snprintf(text.data(), text.size(), "\\u%04x", byte);
            put(text.data());
        });
        put("\"}\n");
    }
    std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormat>(); }
};

/// dnsmasq's line format, for programs that parse it.
std::unique_ptr<spdlog::formatter> dnsmasq_format(bool with_time) {
    auto format = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::local, "\n");
    format->add_flag<SyslogTime>('*').set_pattern(with_time ? "%* dnsmasq[%P]: %v" : "dnsmasq[%P]: %v");
    return format;
}

/// `2026-11-21T10:00:00.123Z info  text`
std::unique_ptr<spdlog::formatter> line_format() {
    if (as_json) return std::make_unique<JsonFormat>();
    auto format = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc, "\n");
    format->add_flag<LevelFlag>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %* %v");
    return format;
}

bool write_all(int fd, const char* bytes, std::size_t count) {
    while (count > 0) {
        const auto n = ::write(fd, bytes, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        count -= static_cast<std::size_t>(n);
    }
    return true;
}

int open_file(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640); }

/// Counts of one log. Writers raise `taken`, the background thread the others.
struct Progress {
    std::atomic<std::uint64_t> taken{0}, done{0}, failed{0};
    spdlog::details::thread_pool* queue = nullptr;
    std::uint64_t lost_reported = 0;  ///< used by the background thread only

    /// dnsmasq's line about the lines dropped since the last call; empty if there are none.
    std::string loss() {
        const std::uint64_t lost = queue->overrun_counter();
        const auto fresh = lost - std::exchange(lost_reported, lost);
        return fresh == 0 ? std::string() : "overflow: " + std::to_string(fresh) + " log entries lost";
    }
};

/// One write per line to a descriptor; a file is opened again when asked for. Used by the background thread only.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    DescriptorSink(int fd, std::string path, Progress& progress)
        : base_sink(called_dnsmasq && !as_json ? dnsmasq_format(!path.empty()) : line_format()),
          fd_(fd),
          path_(std::move(path)),
          progress_(progress) {}
    ~DescriptorSink() override {
        if (!path_.empty()) ::close(fd_);
    }
    DescriptorSink(const DescriptorSink&) = delete;
    DescriptorSink& operator=(const DescriptorSink&) = delete;

    void ask_reopen() { reopen_.store(true, std::memory_order_release); }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (reopen_.exchange(false, std::memory_order_acq_rel)) reopen();
        put(message);
        if (const auto loss = progress_.loss(); !loss.empty())
            put({spdlog::string_view_t{}, spdlog::level::warn, spdlog::string_view_t(loss)});
        progress_.done.fetch_add(1, std::memory_order_release);
    }
    void flush_() override {}

private:
    void put(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (!write_all(fd_, line.data(), line.size())) progress_.failed.fetch_add(1, std::memory_order_relaxed);
    }
    /// If the new file cannot be opened, lines go to the old one.
    void reopen() {
        if (path_.empty()) return;
        const int fresh = open_file(path_);
        if (fresh < 0) return;
        ::close(std::exchange(fd_, fresh));
    }

    int fd_;
    std::string path_;
    Progress& progress_;
    std::atomic<bool> reopen_{false};
};

/// syslog adds time and level itself.
class SyslogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    SyslogSink(int facility, Progress& progress)
        : inner_(called_dnsmasq ? "dnsmasq" : "lictor", LOG_PID | LOG_NDELAY, facility, as_json), progress_(progress) {
        inner_.set_formatter(line_format());
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        inner_.log(message);
        if (const auto loss = progress_.loss(); !loss.empty())
            inner_.log({spdlog::string_view_t{}, spdlog::level::warn, spdlog::string_view_t(loss)});
        progress_.done.fetch_add(1, std::memory_order_release);
    }
    void flush_() override {}

private:
    spdlog::sinks::syslog_sink<spdlog::details::null_mutex> inner_;
    Progress& progress_;
};

struct Facility {
    std::string_view name;
    int number;
};
constexpr std::array<Facility, 21> facilities = {
    {{"auth", LOG_AUTH},     {"security", LOG_AUTH}, {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},     {"daemon", LOG_DAEMON},
     {"ftp", LOG_FTP},       {"kern", LOG_KERN},     {"lpr", LOG_LPR},           {"mail", LOG_MAIL},     {"news", LOG_NEWS},
     {"syslog", LOG_SYSLOG}, {"user", LOG_USER},     {"uucp", LOG_UUCP},         {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
     {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
     {"local7", LOG_LOCAL7}}};

struct Log {
    Progress progress;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
    std::shared_ptr<DescriptorSink> file;  ///< none for syslog
    Log* abandoned_before = nullptr;
};

/// Set by `open` and `close`; otherwise only read.
std::atomic<Log*> current{nullptr};
std::atomic<bool> debug_on{false};
/// Logs whose thread is blocked in write(2), perhaps forever; they end with the process.
std::atomic<Log*> abandoned{nullptr};

/// The latest warnings, written by any thread and read by any thread without a lock: a reader leaves out a slot that changes while it is
/// read. Each field is stored with release and loaded with acquire, so that a new field is seen only after the odd version.
class KeptWarnings {
public:
    void keep(Level level, std::string_view line) {
        const auto number = next_.fetch_add(1, std::memory_order_relaxed);
        Slot& slot = slots_[number % slots_.size()];
        auto version = slot.version.load(std::memory_order_acquire);
        // Another thread writes the slot: that takes as long as warnings_kept other warnings. This line is only in the log.
        if (version % 2 == 1 || !slot.version.compare_exchange_strong(version, version + 1, std::memory_order_acq_rel)) return;
        const auto size = std::min(line.size(), warning_bytes_max);
        slot.number.store(number + 1, std::memory_order_release);
        slot.unix_seconds.store(static_cast<std::int64_t>(std::time(nullptr)), std::memory_order_release);
        slot.error.store(level == Level::error, std::memory_order_release);
        slot.size.store(size, std::memory_order_release);
        for (std::size_t i = 0; i < size; ++i) slot.text[i].store(line[i], std::memory_order_release);
        slot.version.store(version + 2, std::memory_order_release);
    }
    std::vector<Warning> newest_first() const {
        std::vector<std::pair<std::uint64_t, Warning>> found;
        for (const auto& slot : slots_) {
            const auto version = slot.version.load(std::memory_order_acquire);
            if (version == 0 || version % 2 == 1) continue;
            const auto number = slot.number.load(std::memory_order_acquire);
            Warning warning{slot.unix_seconds.load(std::memory_order_acquire),
                            slot.error.load(std::memory_order_acquire) ? Level::error : Level::warning,
                            std::string(slot.size.load(std::memory_order_acquire), ' ')};
            for (std::size_t i = 0; i < warning.line.size(); ++i) warning.line[i] = slot.text[i].load(std::memory_order_acquire);
            if (slot.version.load(std::memory_order_acquire) == version) found.emplace_back(number, std::move(warning));
        }
        std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) { return one.first > other.first; });
        std::vector<Warning> warnings;
        for (auto& [number, warning] : found) warnings.push_back(std::move(warning));
        return warnings;
    }

private:
    struct Slot {
        std::atomic<std::uint64_t> version{0};  ///< odd: is being written
        std::atomic<std::uint64_t> number{0};
        std::atomic<std::int64_t> unix_seconds{0};
        std::atomic<bool> error{false};
        std::atomic<std::size_t> size{0};
        std::array<std::atomic<char>, warning_bytes_max> text{};
    };
    std::atomic<std::uint64_t> next_{0};
    std::array<Slot, warnings_kept> slots_{};
};
KeptWarnings kept_warnings;

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warning: return spdlog::level::warn;
        case Level::error: break;
    }
    return spdlog::level::err;
}

/// Signals are handled by the control thread.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::shared_ptr<spdlog::sinks::sink> sink_for(std::string_view facility, Log& log, std::string& problem) {
    const auto descriptor = [&](int fd, std::string path) {
        log.file = std::make_shared<DescriptorSink>(fd, std::move(path), log.progress);
        return log.file;
    };
    if (facility.empty()) return descriptor(STDOUT_FILENO, {});
    if (facility == "-") return descriptor(STDERR_FILENO, {});
    if (facility.find('/') != std::string_view::npos) {
        std::string path(facility);
        const int fd = open_file(path);
        if (fd >= 0) return descriptor(fd, std::move(path));
        problem = "cannot write the log file " + printable(path) + ": " + std::strerror(errno) + "; logging to stderr";
        return descriptor(STDERR_FILENO, {});
    }
    for (const auto& known : facilities)
        if (known.name == facility) return std::make_shared<SyslogSink>(known.number, log.progress);
    problem = "unknown syslog facility '" + printable(facility) + "'; logging to stderr";
    return descriptor(STDERR_FILENO, {});
}

void write_now(Level level, std::string_view line) {
    spdlog::details::log_msg message(spdlog::string_view_t{}, spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
    spdlog::memory_buf_t out;
    line_format()->format(message, out);
    write_all(STDERR_FILENO, out.data(), out.size());
}

}  // namespace

void called(std::string_view program) {
    const auto slash = program.rfind('/');
    called_dnsmasq = program.substr(slash == std::string_view::npos ? 0 : slash + 1) == "dnsmasq";
}

bool called_as_dnsmasq() { return called_dnsmasq; }

std::string open(std::string_view facility, bool debug, std::optional<std::uint32_t> queue_lines, Format format) {
    close();
    as_json = format == Format::json;
    std::string problem;
    auto log = std::make_unique<Log>();
    auto sink = sink_for(facility, *log, problem);
    log->pool =
        std::make_shared<spdlog::details::thread_pool>(std::max<std::size_t>(1, queue_lines.value_or(queue_lines_max)), 1, block_signals);
    log->progress.queue = log->pool.get();
    log->logger =
        std::make_shared<spdlog::async_logger>("lictor", std::move(sink), log->pool, spdlog::async_overflow_policy::overrun_oldest);
    log->logger->set_level(spdlog::level::debug);  // `write` skips debug lines before they are counted
    // Other errors are counted, too; by default spdlog would write them to stderr.
    log->logger->set_error_handler(
        [&progress = log->progress](const std::string&) { progress.failed.fetch_add(1, std::memory_order_relaxed); });
    debug_on.store(debug, std::memory_order_relaxed);
    current.store(log.release(), std::memory_order_release);
    return problem;
}

void reopen() {
    if (auto* log = current.load(std::memory_order_acquire); log && log->file) log->file->ask_reopen();
}

void close() {
    auto* log = current.exchange(nullptr, std::memory_order_acq_rel);
    if (!log) return;
    const auto until = std::chrono::steady_clock::now() + close_wait_max;
    const auto settled = [&] {
        return log->progress.done.load(std::memory_order_acquire) + log->pool->overrun_counter() >=
               log->progress.taken.load(std::memory_order_acquire);
    };
    while (!settled() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (settled()) {
        delete log;
        return;
    }
    // A join would block as long as the thread's write does.
    log->abandoned_before = abandoned.exchange(log, std::memory_order_acq_rel);
}

void write(Level level, std::string_view line) {
    if (level == Level::debug && !debug_on.load(std::memory_order_relaxed)) return;
    std::string one_line;
    if (line.find_first_of("\r\n") != std::string_view::npos) {
        one_line = line;
        std::replace_if(
            one_line.begin(), one_line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
        line = one_line;
    }
    if (level >= Level::warning) kept_warnings.keep(level, line);
    auto* log = current.load(std::memory_order_acquire);
    if (!log) return write_now(level, line);
    log->progress.taken.fetch_add(1, std::memory_order_acq_rel);
    log->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

std::vector<Warning> latest_warnings() { return kept_warnings.newest_first(); }

std::uint64_t dropped() {
    auto* log = current.load(std::memory_order_acquire);
    return log ? log->progress.failed.load(std::memory_order_relaxed) + log->pool->overrun_counter() : 0;
}

}  // namespace lictor::log
