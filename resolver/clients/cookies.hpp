// DNS cookies for clients (RFC 7873), in the form of RFC 9018: which server cookie is sent, and is the one that a client sends ours? A good
// one shows that the client receives what is sent to its address. All workers make the same cookies; a restart makes other ones. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "conf/base/address.hpp"
#include "conf/base/bytes.hpp"
#include "conf/base/random.hpp"
#include "resolver/clients/siphash.hpp"

namespace lictor::clients {

class ServerCookies {
public:
    static constexpr std::size_t client_bytes = 8, server_bytes = 16;

    /// `secret` is from the kernel's generator. The key is made from it and changes each day.
    explicit ServerCookies(const Random::Seed& secret) : secret_(secret) {}

    struct Checked {
        bool good = false;  ///< the client sent a server cookie that was made for it within the last hour
        std::array<std::uint8_t, client_bytes + server_bytes> reply{};  ///< the data of the reply's COOKIE option
    };
    /// `option`: the client's cookie, 8 bytes, and perhaps a server cookie of 16. A good server cookie is repeated in the reply for half an
    /// hour; otherwise the reply has a new one. `unix_seconds`: wall-clock time.
    Checked check(std::span<const std::uint8_t> option, const Address& client, std::int64_t unix_seconds);

    /// The server cookie of a client at a time, with this key; `version_and_reserved` are its first four bytes (RFC 9018 §4.2 to §4.4).
    static std::array<std::uint8_t, server_bytes> made(const SipKey& key, std::span<const std::uint8_t> client_cookie,
                                                       std::uint32_t version_and_reserved, std::uint32_t timestamp, const Address& client);

private:
    const SipKey& key_of(std::int64_t unix_seconds);

    Random::Seed secret_;
    struct Day {
        std::int64_t number = -1;
        SipKey key;
    };
    std::array<Day, 2> days_;  ///< the keys of the last days that were used
};

}  // namespace lictor::clients
