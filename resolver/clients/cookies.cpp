// Makes and checks server cookies.
#include "resolver/clients/cookies.hpp"

#include <algorithm>

namespace lictor::clients {
namespace {

constexpr std::uint32_t version = 1u << 24;  // the three bytes after it are reserved
// RFC 9018 §4.3
constexpr std::int64_t valid_seconds = 3600, ahead_seconds = 300, renew_seconds = 1800;
constexpr std::int64_t day_seconds = 86'400;

}  // namespace

std::array<std::uint8_t, ServerCookies::server_bytes> ServerCookies::made(const SipKey& key, std::span<const std::uint8_t> client_cookie,
                                                                          std::uint32_t version_and_reserved, std::uint32_t timestamp,
                                                                          const Address& client) {
    std::array<std::uint8_t, server_bytes> cookie{};
    store_u32(cookie.data(), version_and_reserved);
    store_u32(cookie.data() + 4, timestamp);
    std::array<std::uint8_t, client_bytes + 8 + 16> hashed{};
    auto at = std::copy_n(client_cookie.begin(), client_bytes, hashed.begin());
    at = std::copy_n(cookie.begin(), 8, at);
    at = std::copy(client.raw().begin(), client.raw().end(), at);
    const std::uint64_t hash = siphash(key, std::span(hashed.begin(), at));
    for (unsigned i = 0; i < 8; ++i) cookie[8 + i] = static_cast<std::uint8_t>(hash >> i * 8);
    return cookie;
}

ServerCookies::Checked ServerCookies::check(std::span<const std::uint8_t> option, const Address& client, std::int64_t unix_seconds) {
    Checked checked;
    std::copy_n(option.begin(), client_bytes, checked.reply.begin());
    const auto now = static_cast<std::uint32_t>(unix_seconds);
    if (option.size() == client_bytes + server_bytes && option[client_bytes] == version >> 24) {
        const std::uint8_t* const given = option.data() + client_bytes;
        const std::uint32_t stamp = load_u32(given + 4);
        const std::int64_t age = static_cast<std::int32_t>(now - stamp);  // serial number arithmetic (RFC 1982)
        if (age <= valid_seconds && age >= -ahead_seconds) {
            const auto own = made(key_of(unix_seconds - age), option, load_u32(given), stamp, client);
            std::uint8_t differs = 0;  // the time that this takes does not show which byte differs
            for (std::size_t i = 0; i < server_bytes; ++i) differs = static_cast<std::uint8_t>(differs | (own[i] ^ given[i]));
            checked.good = differs == 0;
            if (checked.good && age <= renew_seconds) {
                std::copy_n(given, server_bytes, checked.reply.begin() + client_bytes);
                return checked;
            }
        }
    }
    const auto fresh = made(key_of(unix_seconds), option, version, now, client);
    std::copy_n(fresh.begin(), server_bytes, checked.reply.begin() + client_bytes);
    return checked;
}

const SipKey& ServerCookies::key_of(std::int64_t unix_seconds) {
    const std::int64_t number = std::max<std::int64_t>(unix_seconds, 0) / day_seconds;
    Day& day = days_[static_cast<std::size_t>(number % 2)];
    if (day.number != number) {
        Random::Seed seed = secret_;
        seed[0] ^= static_cast<std::uint32_t>(number);
        Random random(seed);
        day = {number, {random.next_u64(), random.next_u64()}};
    }
    return day.key;
}

}  // namespace lictor::clients
