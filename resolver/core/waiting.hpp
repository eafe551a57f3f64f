// The one table of questions that cannot be answered yet: their bytes, client, deadline and the fact each needs. When the fact moves the
// question is taken out and decided again from the top; when its deadline passes it is taken out and ended. Bounded in number and bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/core/actions.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog.hpp"

namespace lictor {

struct WaitingQuestion {
    std::vector<std::uint8_t> message;
    Client client;
    Name lower;
    std::uint16_t id = 0, type = 0;
    Need need;
    bool leader_gap = false;
    Now arrived{}, deadline{};
};

class Waiting {
public:
    /// `bytes_max` bounds the questions' own bytes.
    explicit Waiting(std::size_t bytes_max = 8'000'000) : bytes_max_(bytes_max) {}

    enum class Put : std::uint8_t { held, joined, full };
    /// `stamp`: the need's stamp in the View it was decided by. A question that the same client sent before (same port, id, name, type)
    /// joins it. One from the same port for the same name takes the deadline of the first: A and AAAA end together.
    Put put(WaitingQuestion question, std::uint64_t stamp, std::size_t number_max);

    /// Takes all questions whose need's stamp is not the one they were decided by. `stamp_of` gives today's.
    template <class StampOf>
    std::vector<WaitingQuestion> take_moved(StampOf stamp_of) {
        std::vector<WaitingQuestion> moved;
        for (auto group = groups_.begin(); group != groups_.end();) {
            if (stamp_of(group->second.need) == group->second.stamp) {
                ++group;
                continue;
            }
            for (const auto number : group->second.numbers) moved.push_back(take_out(number));
            group = groups_.erase(group);
        }
        return moved;
    }
    /// Takes the questions whose deadline has come; with each, those of the same client for the same name.
    std::vector<WaitingQuestion> take_due(Now now);
    /// Forgets a TCP connection's questions.
    void forget(std::uint64_t connection);
    std::vector<WaitingQuestion> take_all();

    /// Whether the control thread is to be told of the need: nobody waited for it yet, or it was told a second ago or longer.
    bool tell(const Need& need, Now now);
    std::optional<Now> deadline() const { return by_deadline_.empty() ? std::nullopt : std::optional(by_deadline_.begin()->first); }
    std::size_t size() const { return questions_.size(); }

private:
    struct Group {
        Need need;
        std::uint64_t stamp = 0;
        Now told{};
        std::vector<std::uint64_t> numbers;  ///< in order of arrival
        std::multimap<Endpoint, std::uint64_t> by_peer;  ///< the same, of each peer in order of arrival
    };
    static std::string key(const Need& need);
    WaitingQuestion take_out(std::uint64_t number);
    void take_with_group(std::uint64_t number, std::vector<WaitingQuestion>& into);

    std::size_t bytes_max_, bytes_ = 0;
    std::size_t gap_questions_ = 0;  ///< of them waiting for a leader: a flood of other names must not use up their number
    std::uint64_t next_ = 1;
    std::unordered_map<std::uint64_t, WaitingQuestion> questions_;
    std::map<std::string, Group> groups_;
    std::set<std::pair<Now, std::uint64_t>> by_deadline_;
};

}  // namespace lictor
