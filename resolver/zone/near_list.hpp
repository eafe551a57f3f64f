// A list for one answer, which is on the stack while it is short.
#pragma once

#include <cstddef>
#include <set>
#include <type_traits>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::zone {

/// A list that allocates only beyond N items.
template <class T, std::size_t N>
class NearList {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    /// Appends by value. Pointers into the list may be invalid afterwards.
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
    /// Keeps the first `size` items.
    void shrink(std::size_t size) {
        if (!far_.empty()) far_.resize(size);
        size_ = size;
    }

private:
    T near_[N];  // only the first size_ are ever read
    std::vector<T> far_;
    std::size_t size_ = 0;
};

/// The set of addresses in an answer. The first 64 are kept by pointer, so they must outlive it.
class SeenAddresses {
public:
    /// False if it was added before.
    bool add(const Address& address) {
        if (far_.empty()) {
            for (const Address* seen : near_)
                if (*seen == address) return false;
            if (near_.size() < 64) {
                near_.push_back(&address);
                return true;
            }
            for (const Address* seen : near_) far_.insert(*seen);
        }
        return far_.insert(address).second;
    }

private:
    NearList<const Address*, 64> near_;
    std::set<Address> far_;
};

}  // namespace lictor::zone
