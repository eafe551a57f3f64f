// The table of queries that cannot be answered yet: message, client, deadline and the needed fact of each. When the fact changes, the
// query is taken out and decided again from the top; at its deadline it is taken out and ended. Bounded in number and bytes, and no client
// may have so many that none are left for the others (clients/shares.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/clients/shares.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::core {

/// A held query. `message`: as received.
struct WaitingQuery {
    std::vector<std::uint8_t> message;
    answer::Client client;
    wire::Name lower;
    std::uint16_t id = 0, type = 0;
    catalog::Need need;
    bool leader_gap = false;
    Now arrived{}, deadline{};
};

class Waiting {
public:
    static constexpr std::size_t bytes_default = 8'000'000;
    /// `bytes_max` bounds the memory of the queries: their messages and 320 bytes each. `seed`: of the hashes of clients.
    explicit Waiting(std::size_t bytes_max = bytes_default, std::uint64_t seed = 0) : bytes_max_(bytes_max), gap_(seed), other_(seed) {}

    /// `joined`: a retransmission, which gets no reply of its own. `full`: a bound or the client's share is reached; the caller
    /// answers.
    enum class Put : std::uint8_t { held, joined, full };
    /// Adds a query. `stamp`: the need's stamp in the View that the query was decided with. `number_max`: bound of the queries that
    /// wait for a leader, or of all others. A retransmission over UDP (same port, id, name, type) joins the first query. A query of
    /// the same port for the same name gets the deadline of the first, so that A and AAAA end together.
    Put put(WaitingQuery query, std::uint64_t stamp, std::size_t number_max);

    /// Takes out all queries whose need's stamp has changed. `stamp_of` returns the stamp in the new View.
    template <class StampOf>
    std::vector<WaitingQuery> take_moved(StampOf stamp_of) {
        std::vector<WaitingQuery> moved;
        for (auto group = groups_.begin(); group != groups_.end();) {
            try {
                if (stamp_of(group->second.need) == group->second.stamp) {
                    ++group;
                    continue;
                }
                moved.reserve(moved.size() + group->second.numbers.size());
            } catch (const std::bad_alloc&) {  // the others end at their deadlines
                return moved;
            }
            for (const auto number : group->second.numbers) moved.push_back(take_out(number));
            group = groups_.erase(group);
        }
        return moved;
    }
    /// Takes out the queries whose deadline has passed.
    std::vector<WaitingQuery> take_due(Now now);
    /// Removes a TCP connection's queries.
    void drop_connection(std::uint64_t connection);
    /// Takes out all queries, the earliest deadline first.
    std::vector<WaitingQuery> take_all();

    /// True if the need must be reported to the control thread: no query waits for it yet, or it is a leader that was reported a second
    /// ago or earlier.
    bool announce(const catalog::Need& need, Now now);
    /// The earliest deadline; nothing if no query waits.
    std::optional<Now> deadline() const { return by_deadline_.empty() ? std::nullopt : std::optional(by_deadline_.begin()->first); }
    std::size_t size() const { return queries_.size(); }
    /// Memory of the queries and the table, in bytes.
    std::size_t bytes() const { return bytes_ + queries_.size() * sizeof(WaitingQuery); }

private:
    clients::Shares& alike(const WaitingQuery& query) { return query.leader_gap ? gap_ : other_; }
    struct Group {
        catalog::Need need;
        std::uint64_t stamp = 0;
        Now announced{};
        std::vector<std::uint64_t> numbers;              ///< in order of arrival
        std::multimap<Endpoint, std::uint64_t> by_peer;  ///< the same, of each peer in order of arrival
    };
    /// Key of `groups_`.
    static std::string key(const catalog::Need& need);
    /// Removes a query from its group.
    static void forget(Group& group, const Endpoint& peer, std::uint64_t number);
    /// Takes out a query that is in the table, but not out of its group.
    WaitingQuery take_out(std::uint64_t number);
    /// Takes out a query, removes it from its group, and the group if it is then empty.
    void take_with_group(std::uint64_t number, std::vector<WaitingQuery>& into);

    std::size_t bytes_max_, bytes_ = 0;
    clients::Shares gap_, other_;  ///< queries that wait for a leader, and all others: these cannot use up the bound of the first
    std::uint64_t next_ = 1;
    std::unordered_map<std::uint64_t, WaitingQuery> queries_;
    std::map<std::string, Group> groups_;
    std::set<std::pair<Now, std::uint64_t>> by_deadline_;
};

}  // namespace lictor::core
