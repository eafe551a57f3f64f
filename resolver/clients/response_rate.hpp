// Has this client of a network asked so often within the last second that it is not answered in full? So a sender that forges its victim's
// address cannot use lictor as a reflector (response rate limiting). The table has a fixed size; the client that asked least gives way.
// Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/clients/client_key.hpp"

namespace lictor::clients {

/// Used by one thread. The memory is taken with the first query.
class ResponseRate {
public:
    static constexpr std::size_t rows = 8192, together = 8;  ///< `together`: rows among which a client is looked for

    explicit ResponseRate(std::uint64_t seed) : hash_{seed} {}

    /// Counts a query. False if the client is above `per_second`, which is at least 1; as many may come at once after a second of silence.
    bool take(ClientKey client, Now now, std::uint32_t per_second);
    /// Bytes of the table.
    std::size_t bytes() const { return table_.size() * sizeof(Row); }

private:
    /// `paid`: the time up to which the queries so far use up what the rate allows.
    struct Row {
        ClientKey client = 0;
        Now paid{};
    };

    ClientHash hash_;
    std::vector<Row> table_;
};

}  // namespace lictor::clients
