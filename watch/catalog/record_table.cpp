// Numbers the records of all instances, then groups the instances of each tag by these numbers.
#include "watch/catalog/record_table.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <unordered_map>
#include <utility>

namespace lictor::catalog {
namespace {

constexpr std::size_t tag_bytes_max = 255;   // a longer tag is in no name
constexpr std::size_t node_bytes_max = 127;  // with datacenter and domain it is a DNS name of at most 255 bytes
constexpr std::size_t label_bytes_max = 63;
constexpr std::size_t rows_per_instance = 8;  // on average, of tags and of their ends behind a dot

/// True if the name is one or more DNS labels without escapes.
bool is_plain(std::string_view name) {
    if (name.empty() || name.size() > node_bytes_max) return false;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '\\') return false;
        if (c != '.') {
            if (++label > label_bytes_max) return false;
        } else if (std::exchange(label, 0) == 0) {
            return false;
        }
    }
    return label > 0;
}

constexpr Family family_of(RecordKind kind) {
    return kind == RecordKind::v4 ? Family::v4 : kind == RecordKind::v6 ? Family::v6 : Family::any;
}

/// The address that an instance gives; null if it has none.
const HostText* address_of(const Instance& instance, Family family, bool wan) {
    const HostText& service = service_address(instance, family, wan);
    if (!service.empty()) return &service;
    const HostText& node = node_address(*instance.node, family, wan);
    return node.empty() ? nullptr : &node;
}

bool is_regular(const Instance& instance, bool wan) {
    for (const Family family : {Family::v4, Family::v6, Family::any}) {
        const HostText* address = address_of(instance, family, wan);
        if (address && !address->ip) return false;
    }
    return is_plain(instance.node->name);
}

std::size_t mix(std::size_t hash, std::size_t more) { return (hash ^ more) * 0x9e3779b97f4a7c15u; }

struct AddressHash {
    std::size_t operator()(const Address* address) const {
        const auto raw = address->raw();
        return std::hash<std::string_view>{}({reinterpret_cast<const char*>(raw.data()), raw.size()});
    }
};
struct SameAddress {
    bool operator()(const Address* one, const Address* other) const { return *one == *other; }
};

struct SrvRecord {
    std::string_view node, address;
    std::uint32_t port;
    bool operator==(const SrvRecord&) const = default;
};
struct SrvHash {
    std::size_t operator()(const SrvRecord& record) const {
        const std::hash<std::string_view> hash;
        return mix(mix(hash(record.node), hash(record.address)), record.port);
    }
};

/// Numbers the records of one kind; equal records have one number, below the number of instances.
Groups::Records number_records(const Instances& instances, RecordKind kind, bool wan) {
    Groups::Records records;
    records.numbers.reserve(instances.size());
    std::unordered_map<const Address*, std::uint32_t, AddressHash, SameAddress> addresses;
    std::unordered_map<SrvRecord, std::uint32_t, SrvHash> services;
    for (const Instance& instance : instances) {
        const HostText* address = address_of(instance, family_of(kind), wan);
        const bool fits = address && (kind == RecordKind::v4 ? !address->ip->v6 : kind != RecordKind::v6 || address->ip->v6);
        if (kind != RecordKind::srv) records.addresses.push_back(fits ? &*address->ip : nullptr);
        if (!fits) {
            records.numbers.push_back(Groups::no_record);
        } else if (kind == RecordKind::srv) {
            const SrvRecord record{instance.node->name, service_address(instance, Family::any, wan).text, srv_port(instance, wan)};
            records.numbers.push_back(services.try_emplace(record, static_cast<std::uint32_t>(services.size())).first->second);
        } else {
            records.numbers.push_back(addresses.try_emplace(&*address->ip, static_cast<std::uint32_t>(addresses.size())).first->second);
        }
    }
    return records;
}

}  // namespace

std::shared_ptr<const Groups> Groups::make(std::span<const std::uint32_t> positions, const Records& of, Scratch& scratch) {
    const auto& records = of.numbers;
    auto& counts = scratch.counts;
    auto& found = scratch.found;
    if (counts.size() < records.size()) counts.resize(records.size(), 0);
    found.clear();
    std::uint32_t total = 0;
    for (const std::uint32_t position : positions) {
        const std::uint32_t record = records[position];
        if (record == no_record) continue;
        if (++counts[record] == 1) found.push_back(record);
        ++total;
    }
    if (total == 0) return nullptr;
    auto made = std::make_shared<Groups>();
    if (found.size() == total) {
        made->members_.reserve(total);
        for (const std::uint32_t position : positions)
            if (records[position] != no_record) made->members_.push_back(position);
        made->ranks_.push_back({0, total, 1, total});
    } else {
        const auto power = [&](std::uint32_t record) { return static_cast<int>(std::bit_width(counts[record] - 1)); };
        std::ranges::stable_sort(found, {}, power);
        made->starts_.reserve(found.size() + 1);
        std::uint32_t at = 0;
        int last = -1;
        for (const std::uint32_t record : found) {
            const std::uint32_t count = counts[record];
            if (power(record) != last) made->ranks_.push_back({static_cast<std::uint32_t>(made->starts_.size()), 0, 0, 0});
            last = power(record);
            Rank& rank = made->ranks_.back();
            made->starts_.push_back(at);
            rank.end = static_cast<std::uint32_t>(made->starts_.size());
            rank.most = std::max(rank.most, count);
            rank.instances += count;
            counts[record] = at;  // from here on: where the next instance goes
            at += count;
        }
        made->starts_.push_back(at);
        made->members_.resize(total);
        for (const std::uint32_t position : positions)
            if (records[position] != no_record) made->members_[counts[records[position]]++] = position;
    }
    for (const std::uint32_t record : found) counts[record] = 0;
    if (of.addresses.empty()) return made;
    made->addresses_.reserve(found.size());
    for (std::uint32_t group = 0; group < made->size(); ++group) made->addresses_.push_back(*of.addresses[made->member(group, 0)]);
    return made;
}

std::shared_ptr<const RecordTable> RecordTable::make(const Instances& instances, bool wan, std::size_t few) {
    if (instances.size() <= few) return nullptr;
    const bool regular = std::all_of(instances.begin(), instances.end(), [&](const Instance& instance) {
        return is_regular(instance, false) && (!wan || is_regular(instance, true));
    });
    if (!regular) return nullptr;

    struct Draft {
        Row row;
        std::array<std::vector<std::uint32_t>, 2> positions;  ///< by only_passing
        std::uint32_t last = Groups::no_record;               ///< the last instance that was added
    };
    std::unordered_map<std::string_view, Draft> drafts;
    const std::size_t rows_max = rows_per_instance * instances.size() + 1;
    std::uint32_t position = 0;
    for (const Instance& instance : instances) {
        const std::array<bool, 2> usable{instance.health != Health::critical, instance.health == Health::passing};
        const auto add = [&](std::string_view tag) {
            Draft& draft = drafts[tag];
            if (std::exchange(draft.last, position) == position) return;  // the same tag twice
            ++draft.row.registered;
            for (std::size_t level = 0; level < usable.size(); ++level)
                if (usable[level]) draft.positions[level].push_back(position);
        };
        add({});
        for (const std::string_view tag : instance.tags) {
            if (tag.empty() || tag.size() > tag_bytes_max) continue;
            add(tag);
            for (auto dot = tag.find('.'); dot != std::string_view::npos && usable[0]; dot = tag.find('.', dot + 1)) {
                if (drafts.size() > rows_max) return nullptr;
                Draft& below = drafts[tag.substr(dot + 1)];
                for (std::size_t level = 0; level < usable.size(); ++level)
                    below.row.has_names_below[level] = below.row.has_names_below[level] || usable[level];
            }
        }
        if (drafts.size() > rows_max) return nullptr;
        ++position;
    }

    std::array<Groups::Records, 8> records;
    constexpr std::array kinds{RecordKind::any, RecordKind::v4, RecordKind::v6, RecordKind::srv};
    for (const RecordKind kind : kinds) {
        records[static_cast<std::size_t>(kind)] = number_records(instances, kind, false);
        if (wan) records[static_cast<std::size_t>(kind) + 4] = number_records(instances, kind, true);
    }

    Groups::Scratch scratch;
    auto table = std::make_shared<RecordTable>();
    table->rows_.reserve(drafts.size());
    for (auto& [tag, draft] : drafts) {
        Row& row = table->rows_.emplace_back(std::move(draft.row));
        row.tag = tag;
        for (std::size_t level = 0; level < 2; ++level) row.usable[level] = static_cast<std::uint32_t>(draft.positions[level].size());
        if (draft.positions[0].size() <= few) {
            row.few = std::move(draft.positions[0]);
            row.few.shrink_to_fit();
            continue;
        }
        row.sets_ = std::make_unique<Row::Sets>();
        for (std::size_t level = 0; level < 2; ++level) {
            auto& sets = (*row.sets_)[level];
            if (level == 1 && row.usable[1] == row.usable[0]) {
                sets = row.sets_->front();
                break;
            }
            for (const std::size_t shift : {0u, 4u}) {
                if (shift == 4 && !wan) break;
                for (const RecordKind kind : kinds) {
                    const std::size_t at = static_cast<std::size_t>(kind) + shift;
                    sets[at] = Groups::make(draft.positions[level], records[at], scratch);
                    for (const std::size_t other : {at - shift, static_cast<std::size_t>(RecordKind::any) + shift})
                        if (other != at && sets[at] && sets[other] && *sets[other] == *sets[at]) sets[at] = sets[other];
                }
            }
        }
    }
    std::ranges::sort(table->rows_, {}, &Row::tag);
    return table;
}

const RecordTable::Row* RecordTable::find(std::string_view tag_lower) const {
    const auto at = std::ranges::lower_bound(rows_, tag_lower, {}, [](const Row& row) { return std::string_view(row.tag); });
    return at == rows_.end() || at->tag != tag_lower ? nullptr : &*at;
}

}  // namespace lictor::catalog
