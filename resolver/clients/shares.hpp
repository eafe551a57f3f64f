// May this client take one more of something scarce: a query in flight, a held query? One client alone may take three quarters of all; the
// more clients want much, the less each may take, and some are always left for a client that has none. The rule needs no list of clients
// to watch: a client may have at most three times as many as are free (dynamic thresholds, Choudhury and Hahne 1998). Pure.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "resolver/clients/client_key.hpp"

namespace lictor::clients {

/// Counts what each client has. A client that has nothing needs no memory, so the table has at most as many rows as are taken. Used by one
/// thread.
class Shares {
public:
    /// `seed`: random, so that nobody can choose addresses whose rows collide.
    explicit Shares(std::uint64_t seed = 0) : rows_(0, ClientHash{seed}) {}

    /// True if the client may take one more of `max` in all.
    bool may_take(ClientKey client, std::size_t max) const {
        return total_ < max && (total_ < max / 4 || of(client) < most_per_free * (max - total_));
    }
    void take(ClientKey client) {
        ++rows_[client];
        ++total_;
    }
    /// Ignored if the client has none.
    void give_back(ClientKey client) {
        const auto row = rows_.find(client);
        if (row == rows_.end()) return;
        if (--row->second == 0) rows_.erase(row);
        --total_;
    }
    /// How many the client has, and all clients together.
    std::size_t of(ClientKey client) const {
        const auto row = rows_.find(client);
        return row == rows_.end() ? 0 : row->second;
    }
    std::size_t total() const { return total_; }
    /// Number of clients that have any.
    std::size_t clients() const { return rows_.size(); }

private:
    static constexpr std::size_t most_per_free = 3;

    std::unordered_map<ClientKey, std::uint32_t, ClientHash> rows_;
    std::size_t total_ = 0;
};

}  // namespace lictor::clients
