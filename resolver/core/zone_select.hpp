// Which instances of a service answer, and with which of their addresses? Consul's rules: health filter, tag, uniform shuffle, the
// choice among registered and tagged addresses by question type, TTL by service name, and what counts as the same answer twice.
// Makes no records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <type_traits>
#include <vector>

#include "conf/base/random.hpp"
#include "resolver/wire/name.hpp"
#include "watch/catalog.hpp"

namespace lictor {

/// A list that allocates only beyond N items.
template <class T, std::size_t N>
class NearList {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    void push_back(T item) {
        if (far_.empty() && size_ < N) {
            near_[size_++] = item;
            return;
        }
        if (far_.empty()) far_.assign(near_, near_ + size_);
        far_.push_back(item);
        ++size_;
    }
    T* begin() { return far_.empty() ? near_ : far_.data(); }
    T* end() { return begin() + size_; }
    const T* begin() const { return far_.empty() ? near_ : far_.data(); }
    const T* end() const { return begin() + size_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    void shrink(std::size_t size) {
        if (!far_.empty()) far_.resize(size);
        size_ = size;
    }

private:
    T near_[N];  // only the first size_ are ever read
    std::vector<T> far_;
    std::size_t size_ = 0;
};

using Picks = NearList<const Instance*, 64>;

/// Instances that health (and tag, unless empty) let through, in random order.
void pick_instances(const ServiceEntry& entry, std::string_view tag_lower, const ConsulSettings& settings, Random& random, Picks& picks);
bool is_usable(const Instance& instance, const ConsulSettings& settings);
/// Where the keys of a Patroni scope cannot be read: the usable instance whose tag says that it leads. The first by node, so that all
/// lictors and all answers agree on one; none if no tag says so.
const Instance* tagged_leader(const ServiceEntry& entry, const ConsulSettings& settings);
bool has_tag(const Instance& instance, std::string_view tag_lower);

std::uint32_t service_ttl(const ConsulSettings& settings, std::string_view service_lower);

/// True if a record of this address answers a question of this type (SRV: as its target's address; TXT shows addresses, as the agent does).
bool serves(std::uint16_t type, const Address& address);

/// Where an answer points: nothing, an address (SRV target: the node's name or one made of the address), or another name.
struct Target {
    enum class Kind : std::uint8_t { none, node, address, name } kind = Kind::none;
    const HostText* host = nullptr;
};
/// `wan`: addresses for other datacenters are translated (translate_wan_addrs, and the datacenter is not the agent's).
Target target_of(const Instance& instance, std::uint16_t type, const Name& owner, bool wan);
/// The node's address for a question of this type.
const HostText& node_address(const NodeRecord& node, std::uint16_t type, bool wan);
/// What SRV says of an instance, beside its node's name and the port.
const HostText& srv_address(const Instance& instance, bool wan);
/// As registered; a record holds its lower 16 bits.
std::uint32_t srv_port(const Instance& instance, bool wan);

/// Same node, same address, same port: the same service twice. Of those the first is kept; when there are `most`, no more are looked at.
void drop_repeated(Picks& picks, bool wan, std::size_t most);

/// Addresses given already.
class SeenAddresses {
public:
    /// False if it was there.
    bool add(const Address& address);

private:
    NearList<const Address*, 64> near_;
    std::set<Address> far_;
};

}  // namespace lictor
