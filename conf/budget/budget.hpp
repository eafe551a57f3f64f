// How many bytes may clients, caches and Consul's data take together (memory-max), and who has to do without when they are used up? One
// Budget is shared by all threads. Each thread has an Account, in which its parts enter what they use, by kind. A kind may grow while all
// kinds together use less than its share of the budget: so what is cheapest to lose stops first, and the rest is kept for what must not
// fail. A few bytes of each kind are always allowed, so that none is shut out for good by the others. Accounts take from the Budget in
// blocks; answers from memory enter nothing, so that they write no shared memory. Pure.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace lictor::budget {

// X(word, percent, always, what it is, what is shed)
//   percent   how full the budget may be for this kind to grow
//   always    bytes that each thread may use of this kind, however full the budget is
#define LICTOR_BUDGET_KINDS(X)                                                                                                   \
    X(stats, 50, 65'536, "replies of the stats endpoint that are being sent", "requests of the stats endpoint answered 503")     \
    X(cache, 70, 65'536, "cached replies", "replies not cached, or cached in the place of others")                               \
    X(forward, 80, 131'072, "queries in flight to upstreams, with their sockets", "queries for upstreams answered SERVFAIL")     \
    X(tcp, 85, 65'536, "TCP connections of clients, with what they sent and have not read", "TCP connections closed or refused") \
    X(held, 90, 65'536, "queries that wait for a leader or for Consul", "queries that cannot wait for Consul answered SERVFAIL") \
    X(replies, 95, 65'536, "replies over UDP that wait for room in the kernel", "replies dropped")                               \
    X(consul, 100, 65'536, "replies of Consul that are being read, and the data made of them", "replies of Consul not read")

enum class Kind : std::uint8_t {
#define LICTOR_BUDGET_ENUM(word, ...) word,
    LICTOR_BUDGET_KINDS(LICTOR_BUDGET_ENUM)
#undef LICTOR_BUDGET_ENUM
};

struct KindRow {
    std::string_view word;  ///< the label in /metrics, the key in /stats
    unsigned percent;
    std::size_t always;
    std::string_view what, shed;
};
#define LICTOR_BUDGET_ROW(word, percent, always, what, shed) KindRow{#word, percent, always, what, shed},
inline constexpr std::array kind_rows{LICTOR_BUDGET_KINDS(LICTOR_BUDGET_ROW)};
#undef LICTOR_BUDGET_ROW
inline constexpr std::size_t kinds = kind_rows.size();

/// A cache gives up entries for queries in flight until it has this part of the budget left: a flood of queries must not empty it.
inline constexpr unsigned cache_kept_percent = 25;
/// What a socket with its entry in a poll set takes in the kernel, in bytes; it counts for the limit of a cgroup. Measured on Linux 6.
inline constexpr std::size_t udp_socket_bytes = 2880, tcp_socket_bytes = 4096;

/// The bound that all accounts share. Any thread.
class Budget {
public:
    /// `max`: bytes.
    explicit Budget(std::uint64_t max) : max_(max) {}
    std::uint64_t max() const { return max_; }
    /// Bytes that all accounts have taken, in whole blocks.
    std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }

private:
    friend class Account;
    const std::uint64_t max_;
    std::atomic<std::uint64_t> taken_{0};
};

/// What one thread uses. That thread writes; any thread may call `used` and `shed`. Without a Budget everything fits.
class Account {
public:
    Account() = default;
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    /// Takes from `budget` from now on, which must outlive this object. Once.
    void open(Budget& budget);
    /// True if `more` bytes of the kind may be taken now. Two threads that ask at the same time may both get the last bytes.
    bool fits(Kind kind, std::size_t more) const { return room(kind) >= more; }
    /// Bytes by which the kind may grow.
    std::size_t room(Kind kind) const;
    /// Enters that the kind now uses `bytes`.
    void set(Kind kind, std::size_t bytes);
    /// The largest part of the budget in bytes that `percent` allows; SIZE_MAX without a Budget.
    std::size_t part(unsigned percent) const;

    std::size_t used(Kind kind) const { return used_[index(kind)].load(std::memory_order_relaxed); }
    /// Counts something that was refused or dropped for want of bytes.
    void count_shed(Kind kind, std::uint64_t number = 1) {
        auto& count = shed_[index(kind)];
        count.store(count.load(std::memory_order_relaxed) + number, std::memory_order_relaxed);
    }
    std::uint64_t shed(Kind kind) const { return shed_[index(kind)].load(std::memory_order_relaxed); }

private:
    static std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }

    Budget* budget_ = nullptr;
    std::array<std::atomic<std::size_t>, kinds> used_{};
    std::array<std::atomic<std::uint64_t>, kinds> shed_{};
    std::size_t total_ = 0;  ///< of all kinds
    std::size_t taken_ = 0;  ///< from the Budget: whole blocks
};

/// Bytes of one kind that are entered while this object lives. Movable; used on the account's thread.
class Held {
public:
    Held() = default;
    Held(Account& account, Kind kind) : account_(&account), kind_(kind) {}
    Held(Held&& other) noexcept : account_(other.account_), kind_(other.kind_), bytes_(std::exchange(other.bytes_, 0)) {}
    Held& operator=(Held&& other) noexcept {
        if (this == &other) return *this;
        set(0);
        account_ = other.account_;
        kind_ = other.kind_;
        bytes_ = std::exchange(other.bytes_, 0);
        return *this;
    }
    ~Held() { set(0); }

    std::size_t bytes() const { return bytes_; }
    /// Sets the size without a question.
    void set(std::size_t bytes) {
        if (!account_ || bytes == bytes_) return;
        account_->set(kind_, account_->used(kind_) - bytes_ + bytes);
        bytes_ = bytes;
    }
    /// Sets the size if it fits; else counts it as shed, and the size stays.
    bool grow_to(std::size_t bytes) {
        if (account_ && bytes > bytes_ && !account_->fits(kind_, bytes - bytes_)) {
            account_->count_shed(kind_);
            return false;
        }
        set(bytes);
        return true;
    }

private:
    Account* account_ = nullptr;
    Kind kind_{};
    std::size_t bytes_ = 0;
};

/// The sums of all accounts at one moment. `max` 0: without a bound.
struct Report {
    std::uint64_t max = 0;
    std::array<std::uint64_t, kinds> used{}, shed{};
    void add(const Account& account);
    std::uint64_t used_in_all() const;
    /// What clients noticed: all but the entries that the cache gave up, which it does whenever it is full.
    std::uint64_t shed_for_clients() const;
};

}  // namespace lictor::budget
