// Text from outside made fit for a log line or a message, and the brake on lines that repeat. No clock here: seconds come from the
// caller.
#include <atomic>

#include "conf/log.hpp"

namespace lictor::log {
namespace {

template <class Harmless>
std::string escaped(std::string_view text, std::size_t max, Harmless harmless) {
    std::string out;
    out.reserve(std::min(text.size(), max));
    for (const char c : text.substr(0, max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (harmless(byte)) {
            out += c;
            continue;
        }
        out += '\\';
        out += static_cast<char>('0' + byte / 100);
        out += static_cast<char>('0' + byte / 10 % 10);
        out += static_cast<char>('0' + byte % 10);
    }
    if (text.size() > max) out += "…";
    return out;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max) {
    return escaped(text, max, [](unsigned char byte) { return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\'' && byte != '\\'; });
}

std::string quotable(std::string_view text, std::size_t max) {
    return escaped(text, max, [](unsigned char byte) { return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\'; });
}

std::string one_line(std::string_view message, std::size_t max) {
    return escaped(message, max, [](unsigned char byte) { return byte >= 0x20 && byte != 0x7f; });
}

bool Sometimes::now(std::int64_t monotonic_seconds, std::uint64_t* swallowed) {
    const std::atomic_ref<std::int64_t> next(next_);
    const std::atomic_ref<std::uint64_t> count(swallowed_);
    auto due = next.load(std::memory_order_relaxed);
    // Of several threads at once one wins the turn; the others are among the swallowed.
    if (monotonic_seconds < due || !next.compare_exchange_strong(due, monotonic_seconds + every_, std::memory_order_relaxed)) {
        count.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    const auto missed = count.exchange(0, std::memory_order_relaxed);
    if (swallowed) *swallowed = missed;
    return true;
}

}  // namespace lictor::log
