// Which instances of a large service answer a query, and which of them give the same record? The table is made once for each change of the
// service, so that the cost of a query does not depend on the number of instances: an answer draws as many of them as it has records.
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "watch/catalog/instances.hpp"

namespace lictor::catalog {

/// Positions of instances in ServiceEntry::instances. Those that give the same record are one group. Immutable after `make`.
class Groups {
public:
    /// Groups [begin, end), each with more than `most` / 2 and at most `most` instances.
    struct Rank {
        std::uint32_t begin = 0, end = 0, most = 1;
        std::uint32_t instances = 0;  ///< of all its groups
        bool operator==(const Rank&) const = default;
    };
    static constexpr std::uint32_t no_record = 0xffffffff;

    /// Memory of `make` that is used again by the next call.
    struct Scratch {
        std::vector<std::uint32_t> counts;  ///< by record; zeros between two calls
        std::vector<std::uint32_t> found;
    };
    /// For each position the number of its record, or `no_record`, and for address records the address.
    struct Records {
        std::vector<std::uint32_t> numbers;
        std::vector<const Address*> addresses;  ///< empty for SRV records
    };
    /// Null: none of the positions has a record.
    static std::shared_ptr<const Groups> make(std::span<const std::uint32_t> positions, const Records& records, Scratch& scratch);

    /// Number of groups.
    std::uint32_t size() const { return static_cast<std::uint32_t>(starts_.empty() ? members_.size() : starts_.size() - 1); }
    /// Number of instances in a group.
    std::uint32_t count(std::uint32_t group) const { return starts_.empty() ? 1 : starts_[group + 1] - starts_[group]; }
    /// The position of the instance with this number in its group.
    std::uint32_t member(std::uint32_t group, std::uint32_t number) const {
        return members_[(starts_.empty() ? group : starts_[group]) + number];
    }
    /// The address of a group of address records.
    const Address& address(std::uint32_t group) const { return addresses_[group]; }
    /// All groups, in ranks of about the same size; at most 32.
    std::span<const Rank> ranks() const { return ranks_; }
    bool operator==(const Groups&) const = default;

private:
    std::vector<std::uint32_t> members_;
    std::vector<std::uint32_t> starts_;  ///< of the groups in `members_`, and the end; empty if each group has one instance
    std::vector<Rank> ranks_;
    std::vector<Address> addresses_;  ///< by group; close together, so that an answer reads little memory
};

/// The records of an answer. Address records are the same if the address is; SRV records if node, service address and port are.
enum class RecordKind : std::uint8_t { v4, v6, any, srv };

class RecordTable {
public:
    /// Up to this number, instances are looked at one by one.
    static constexpr std::size_t few_max = 32;

    /// The usable instances with one tag, or all.
    struct Row {
        std::string tag;               ///< lower case; empty: all instances
        std::uint32_t registered = 0;  ///< instances of any health
        /// By `only_passing`: instances that pass the health filter, and whether one of these has a tag that ends in `.tag`.
        std::array<std::uint32_t, 2> usable{};
        std::array<bool, 2> has_names_below{};
        std::vector<std::uint32_t> few{};  ///< positions of the usable instances, if there are at most `few_max`: then there are no groups

        /// Null: no instance has such a record.
        const Groups* groups(bool only_passing, RecordKind kind, bool wan) const {
            return sets_ ? (*sets_)[only_passing][static_cast<std::size_t>(kind) + (wan ? 4 : 0)].get() : nullptr;
        }

    private:
        friend class RecordTable;
        using Sets = std::array<std::array<std::shared_ptr<const Groups>, 8>, 2>;  // equal ones are shared
        std::unique_ptr<Sets> sets_;
    };

    /// Null if there are at most `few` instances, or if an answer depends on more than the table has: an address is a host name, a node's
    /// name is no DNS name, or tags have very many dots. `wan`: the service is of another datacenter, where addresses may be translated.
    static std::shared_ptr<const RecordTable> make(const Instances& instances, bool wan, std::size_t few = few_max);

    /// The row of a tag in lower case; of all instances if it is empty. Null: no instance has this tag, or a longer one that ends in it.
    const Row* find(std::string_view tag_lower) const;

private:
    std::vector<Row> rows_;  ///< by tag
};

}  // namespace lictor::catalog
