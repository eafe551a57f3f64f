// Makes the next Catalog from the last one. Both share all entries that did not change (table.hpp). The builder assigns
// versions that are unique over all entries. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "watch/catalog/catalog.hpp"

namespace lictor::catalog {

/// Lives on the control thread.
class CatalogBuilder {
public:
    /// Begins with 1. A caller sets it in each entry that it puts.
    std::uint64_t next_version() { return ++version_; }

    /// put_*: adds or replaces the entry of a key of the Catalog; always counts as a change. drop_*: no change if there is no such entry.
    void put_service(const std::string& key, std::shared_ptr<const ServiceEntry> entry) { services_.put(key, std::move(entry)); }
    void drop_service(const std::string& key) { services_.drop(key); }
    void put_nodes(const std::string& datacenter, std::shared_ptr<const NodeTable> table) { nodes_.put(datacenter, std::move(table)); }
    void drop_nodes(const std::string& datacenter) { nodes_.drop(datacenter); }
    void put_leader(const std::string& service, std::shared_ptr<const LeaderEntry> entry) { leaders_.put(service, std::move(entry)); }
    void drop_leader(const std::string& service) { leaders_.drop(service); }
    void put_host(const std::string& name, std::shared_ptr<const HostEntry> entry) { hosts_.put(name, std::move(entry)); }
    void drop_host(const std::string& name) { hosts_.drop(name); }
    /// put_settings, put_flags: an equal value is no change.
    void put_settings(const ConsulSettings& settings);
    /// The members of Catalog with the same names.
    struct Flags {
        bool consul_on = false, reachable = false, contact_lost = false, expired = false;
        Now contact_lost_at{};
        bool operator==(const Flags&) const = default;
    };
    void put_flags(Flags flags);

    /// Drops all facts, not the settings.
    void clear();

    /// Something changed since the last `take`.
    bool changed() const { return services_.changed() || nodes_.changed() || hosts_.changed() || urgent(); }
    /// A leader, the settings or the flags changed: to be published at once.
    bool urgent() const { return leaders_.changed() || settings_changed_ || flags_changed_; }
    /// The next Catalog, with all changes. Earlier ones stay as they are.
    std::shared_ptr<const Catalog> take();
    /// The result of the last `take`; before it an empty Catalog.
    const std::shared_ptr<const Catalog>& last() const { return last_; }

private:
    template <class T>
    class Change {
    public:
        void put(const std::string& key, std::shared_ptr<const T> entry) { open().put(key, std::move(entry)); }
        void drop(const std::string& key) {
            if ((open_ ? *open_ : *last_).contains(key)) open().erase(key);
        }
        void clear() {
            if (!(open_ ? *open_ : *last_).empty()) open().clear();
        }
        bool changed() const { return open_ != nullptr; }
        std::shared_ptr<const TableOf<T>> take() {
            if (open_) last_ = std::exchange(open_, nullptr);
            return last_;
        }

    private:
        TableOf<T>& open() {
            if (!open_) open_ = std::make_shared<TableOf<T>>(*last_);
            return *open_;
        }
        std::shared_ptr<const TableOf<T>> last_ = std::make_shared<TableOf<T>>();
        std::shared_ptr<TableOf<T>> open_;
    };

    std::uint64_t version_ = 0;
    Change<ServiceEntry> services_;
    Change<NodeTable> nodes_;
    Change<LeaderEntry> leaders_;
    Change<HostEntry> hosts_;
    std::shared_ptr<const ConsulSettings> settings_ = std::make_shared<ConsulSettings>();
    Flags flags_;
    bool settings_changed_ = true, flags_changed_ = true;
    std::shared_ptr<const Catalog> last_ = std::make_shared<Catalog>();
};

}  // namespace lictor::catalog
