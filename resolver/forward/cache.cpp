// One allocation for each entry: the fixed part, then the TTL offsets, the name, the message. Each entry is in two linked lists: its bucket
// and the order of use.
#include "resolver/forward/cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "conf/metrics/metrics.hpp"

namespace lictor::forward {
namespace {

constexpr microseconds front_every = seconds(1);
constexpr std::array common_types = {rrtype::a,   rrtype::aaaa, rrtype::cname, rrtype::mx,    rrtype::txt,
                                     rrtype::srv, rrtype::ns,   rrtype::soa,   rrtype::https, rrtype::ptr};

}  // namespace

struct Cache::Entry {
    Entry* next_in_bucket = nullptr;
    Entry* newer = nullptr;
    Entry* older = nullptr;
    std::uint64_t hash = 0;
    Now kept{}, expires{}, fronted{};
    std::uint32_t turn = 0;
    std::uint16_t message_size = 0, ttl_count = 0, type = 0, klass = 0;
    wire::Rotation rotation;
    std::uint16_t extended_error = 0;  ///< of a failure
    std::uint8_t name_size = 0, flags = 0;
    answer::Cause cause = answer::Cause::none;
    bool failure = false;

    std::uint16_t* ttl_at() { return reinterpret_cast<std::uint16_t*>(this + 1); }
    std::uint8_t* name() { return reinterpret_cast<std::uint8_t*>(ttl_at() + ttl_count); }
    std::uint8_t* message() { return name() + name_size; }
    /// Its memory in bytes: itself, the allocator's header, its share of the buckets.
    std::size_t cost() const { return sizeof(Entry) + 2u * ttl_count + name_size + message_size + 16 + 2 * sizeof(void*); }
};

namespace {

unsigned flags_of(bool dnssec_ok, bool checking_disabled, bool by_stream, bool authentic) {
    return (dnssec_ok ? 1u : 0u) | (checking_disabled ? 2u : 0u) | (by_stream ? 4u : 0u) | (authentic ? 8u : 0u);
}

}  // namespace

Cache::Cache(metrics::WorkerCounters& counters, std::uint64_t seed) : counters_(counters), hash_(seed), buckets_(64) {}

Cache::~Cache() {
    while (Entry* const entry = first_to_go()) remove(entry);
}

std::uint64_t Cache::hash_of(wire::Bytes lower, std::uint16_t type, std::uint16_t klass, unsigned flags) const {
    const std::uint64_t rest = std::uint64_t{type} << 32 | std::uint64_t{klass} << 8 | flags;
    return hash_(lower) ^ (rest * 0x9e3779b97f4a7c15u);
}

Cache::Entry* Cache::entry_of(wire::Bytes lower, std::uint16_t type, std::uint16_t klass, unsigned flags, std::uint64_t hash) const {
    Entry* entry = buckets_[hash & (buckets_.size() - 1)];
    for (; entry; entry = entry->next_in_bucket)
        if (entry->hash == hash && entry->type == type && entry->klass == klass && entry->flags == flags &&
            entry->name_size == lower.size() && std::memcmp(entry->name(), lower.data(), lower.size()) == 0)
            break;
    return entry;
}

bool Cache::has_other_type(const QuestionKey& key, Now now) const {
    const wire::Bytes lower = key.lower.wire();
    const unsigned flags = flags_of(key.dnssec_ok, key.checking_disabled, key.by_stream, key.authentic);
    return std::any_of(common_types.begin(), common_types.end(), [&](std::uint16_t type) {
        if (type == key.type) return false;
        Entry* const entry = entry_of(lower, type, key.klass, flags, hash_of(lower, type, key.klass, flags));
        if (!entry || entry->failure || now >= entry->expires) return false;
        const wire::Header header = *wire::read_header({entry->message(), entry->message_size});
        return header.rcode() == rcode::noerror && header.ancount != 0;
    });
}

void Cache::limit(std::size_t entries, std::size_t bytes, Now now) {
    entries_max_ = entries;
    bytes_max_ = bytes;
    make_room(entries, bytes, now);
    gauges();
}

Cache::Entry* Cache::entry_of(const wire::Question& question, bool by_stream, bool authentic) const {
    const wire::Bytes lower = question.lower.wire();
    const unsigned flags = flags_of(question.edns.dnssec_ok, question.header.cd(), by_stream, authentic);
    return entry_of(lower, question.type, question.klass, flags, hash_of(lower, question.type, question.klass, flags));
}

bool Cache::is_usable(const Entry& entry, Now now, std::optional<microseconds> stale_for) {
    if (now < entry.expires) return true;
    return stale_for && !entry.failure && (*stale_for == microseconds{0} || now < entry.expires + *stale_for);
}

Cache::Hit Cache::hit_of(Entry& entry, Now now) {
    Hit hit;
    hit.reply.message = {entry.message(), entry.message_size};
    hit.reply.ttl_at = {entry.ttl_at(), entry.ttl_count};
    hit.reply.rotation = entry.rotation;
    hit.cause = entry.cause;
    hit.failure = entry.failure;
    if (entry.failure) hit.extended_error = entry.extended_error;
    hit.age = static_cast<std::uint32_t>(std::chrono::duration_cast<seconds>(now - entry.kept).count());
    hit.turn = entry.turn + 1;
    hit.left = entry.expires - now;
    if (now >= entry.expires) hit.expired = now - entry.expires;
    return hit;
}

std::optional<Cache::Hit> Cache::find(const wire::Question& question, Now now, std::optional<microseconds> stale_for, bool by_stream,
                                      bool authentic) {
    Entry* const entry = entry_of(question, by_stream, authentic);
    if (!entry) return std::nullopt;
    if (!is_usable(*entry, now, stale_for)) {
        remove(entry);
        gauges();
        return std::nullopt;
    }
    // An entry moves to the front at most once a second, because a move touches three other entries.
    if (now - entry->fronted >= front_every) to_front(entry), entry->fronted = now;
    const Hit hit = hit_of(*entry, now);
    ++entry->turn;
    return hit;
}

std::optional<Cache::Hit> Cache::look(const wire::Question& question, Now now, std::optional<microseconds> stale_for, bool by_stream,
                                      bool authentic) const {
    Entry* const entry = entry_of(question, by_stream, authentic);
    return entry && is_usable(*entry, now, stale_for) ? std::optional(hit_of(*entry, now)) : std::nullopt;
}

void Cache::put(const QuestionKey& key, const Item& item, Now now) {
    const wire::Bytes lower = key.lower.wire();
    const unsigned flags = flags_of(key.dnssec_ok, key.checking_disabled, key.by_stream, key.authentic);
    const std::uint64_t hash = hash_of(lower, key.type, key.klass, flags);
    if (Entry* const old = entry_of(lower, key.type, key.klass, flags, hash)) remove(old);
    Entry shape;
    shape.message_size = static_cast<std::uint16_t>(item.message.size());
    shape.ttl_count = static_cast<std::uint16_t>(item.ttl_at.size());
    shape.name_size = static_cast<std::uint8_t>(lower.size());
    const std::size_t cost = shape.cost();
    gauges();
    // What all parts of lictor may use bounds the cache as well: then an entry takes the place of older ones.
    const std::size_t room = counters_.memory.room(budget::Kind::cache);
    const std::size_t most = room < bytes_max_ ? std::min(bytes_max_, bytes_ + room) : bytes_max_;
    // A reply above 4 KiB may take at most a quarter of the cache, so that it does not evict everything else.
    const bool too_large = cost > most || (cost > 4096 && cost > most / 4);
    if (most < bytes_max_ && (too_large || bytes_ + cost > most)) counters_.memory.count_shed(budget::Kind::cache);
    if (entries_max_ == 0 || too_large || item.lifetime <= microseconds{0}) return;
    make_room(entries_max_ - 1, most - cost, now);
    if (count_ >= buckets_.size()) grow();

    const std::size_t size = sizeof(Entry) + 2u * shape.ttl_count + shape.name_size + shape.message_size;
    Entry* entry = new (::operator new(size)) Entry(shape);
    entry->hash = hash;
    entry->kept = entry->fronted = now;
    entry->expires = now + item.lifetime;
    entry->type = key.type;
    entry->klass = key.klass;
    entry->flags = static_cast<std::uint8_t>(flags);
    entry->rotation = item.rotation;
    entry->cause = item.cause;
    entry->extended_error = item.extended_error.value_or(0);
    entry->failure = item.failure;
    std::copy(item.ttl_at.begin(), item.ttl_at.end(), entry->ttl_at());
    std::memcpy(entry->name(), lower.data(), lower.size());
    std::memcpy(entry->message(), item.message.data(), item.message.size());

    Entry*& bucket = buckets_[hash & (buckets_.size() - 1)];
    entry->next_in_bucket = bucket;
    bucket = entry;
    link(entry);
    ++count_;
    bytes_ += cost;
    counters_.cache_insertions.add();
    gauges();
}

void Cache::for_each(const std::function<bool(const wire::Name&, std::uint16_t, wire::Bytes, Now)>& visit) const {
    for (Entry* entry = replies_.newest; entry; entry = entry->older)
        if (!visit(wire::Name::from_wire({entry->name(), entry->name_size}), entry->type, {entry->message(), entry->message_size},
                   entry->expires))
            return;
}

std::size_t Cache::flush(const wire::Name& suffix) {
    return remove_if([&](Entry& entry) { return wire::Name::from_wire({entry.name(), entry.name_size}).is_below_or_equal(suffix); });
}

void Cache::erase_failures() {
    while (failures_.oldest) remove(failures_.oldest);
    gauges();
}

void Cache::drop_expired_failures(Now now) {
    // All failures live equally long, and a use does not move them: they are in the order of their ends.
    if (!failures_.oldest || failures_.oldest->expires > now) return;
    while (failures_.oldest && failures_.oldest->expires <= now) remove(failures_.oldest);
    gauges();
}

void Cache::give_up(std::size_t bytes, std::size_t kept, Now now) {
    const std::size_t wanted = bytes_ > bytes ? bytes_ - bytes : 0;
    make_room(count_, std::max(wanted, std::min(kept, bytes_)), now);
    gauges();
}

template <class Which>
std::size_t Cache::remove_if(Which which) {
    std::size_t removed = 0;
    for (const Order* order : {&replies_, &failures_})
        for (Entry* entry = order->oldest; entry;) {
            Entry* const next = entry->newer;
            if (which(*entry)) {
                remove(entry);
                ++removed;
            }
            entry = next;
        }
    gauges();
    return removed;
}

Cache::Order& Cache::order_of(const Entry& entry) { return entry.failure ? failures_ : replies_; }

void Cache::link(Entry* entry) {
    Order& order = order_of(*entry);
    entry->older = order.newest;
    (order.newest ? order.newest->newer : order.oldest) = entry;
    order.newest = entry;
}

void Cache::unlink(Entry* entry) {
    Order& order = order_of(*entry);
    (entry->newer ? entry->newer->older : order.newest) = entry->older;
    (entry->older ? entry->older->newer : order.oldest) = entry->newer;
    entry->newer = entry->older = nullptr;
}

void Cache::to_front(Entry* entry) {
    if (entry->failure || entry == replies_.newest) return;
    unlink(entry);
    link(entry);
}

void Cache::remove(Entry* entry) {
    Entry** link = &buckets_[entry->hash & (buckets_.size() - 1)];
    while (*link != entry) link = &(*link)->next_in_bucket;
    *link = entry->next_in_bucket;
    unlink(entry);
    --count_;
    bytes_ -= entry->cost();
    entry->~Entry();
    ::operator delete(entry);
}

void Cache::make_room(std::size_t entries, std::size_t bytes, Now now) {
    while (Entry* const entry = count_ > entries || bytes_ > bytes ? first_to_go() : nullptr) {
        if (now < entry->expires) counters_.cache_evictions.add();
        remove(entry);
    }
}

void Cache::grow() {
    std::vector<Entry*> wider(buckets_.size() * 2);
    for (const Order* order : {&replies_, &failures_})
        for (Entry* entry = order->oldest; entry; entry = entry->newer) {
            Entry*& bucket = wider[entry->hash & (wider.size() - 1)];
            entry->next_in_bucket = bucket;
            bucket = entry;
        }
    buckets_ = std::move(wider);
}

void Cache::gauges() {
    counters_.cache_entries.set(count_);
    counters_.cache_bytes.set(bytes_);
    counters_.memory.set(budget::Kind::cache, bytes_);
}

}  // namespace lictor::forward
