// Makes the next Catalog out of the last one: a table is copied when its first entry changes, all others are shared. Versions are given
// here, unique over all entries. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "watch/catalog.hpp"

namespace lictor {

class CatalogBuilder {
public:
    std::uint64_t next_version() { return ++version_; }

    void put_service(const std::string& key, std::shared_ptr<const ServiceEntry> entry) { services_.put(key, std::move(entry)); }
    void drop_service(const std::string& key) { services_.drop(key); }
    void put_nodes(const std::string& datacenter, std::shared_ptr<const NodeTable> table) { nodes_.put(datacenter, std::move(table)); }
    void drop_nodes(const std::string& datacenter) { nodes_.drop(datacenter); }
    void put_leader(const std::string& service, std::shared_ptr<const LeaderEntry> entry) { leaders_.put(service, std::move(entry)); }
    void drop_leader(const std::string& service) { leaders_.drop(service); }
    void put_host(const std::string& name, std::shared_ptr<const HostEntry> entry) { hosts_.put(name, std::move(entry)); }
    void drop_host(const std::string& name) { hosts_.drop(name); }
    void put_settings(const ConsulSettings& settings);
    struct Flags {
        bool consul_on = false, reachable = false, contact_lost = false, expired = false;
        bool operator==(const Flags&) const = default;
    };
    void put_flags(Flags flags);

    /// Forgets all facts.
    void clear();

    /// Something differs from what `take` gave last.
    bool changed() const { return services_.changed() || nodes_.changed() || hosts_.changed() || urgent(); }
    /// Something that must not wait for anything: a leader, or a word on Consul as a whole.
    bool urgent() const { return leaders_.changed() || settings_changed_ || flags_changed_; }
    /// The Catalog as it stands now.
    std::shared_ptr<const Catalog> take();
    const std::shared_ptr<const Catalog>& last() const { return last_; }

private:
    template <class T>
    class Table {
    public:
        void put(const std::string& key, std::shared_ptr<const T> entry) { open()[key] = std::move(entry); }
        void drop(const std::string& key) {
            if ((open_ ? *open_ : *last_).count(key)) open().erase(key);
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
    Table<ServiceEntry> services_;
    Table<NodeTable> nodes_;
    Table<LeaderEntry> leaders_;
    Table<HostEntry> hosts_;
    std::shared_ptr<const ConsulSettings> settings_ = std::make_shared<ConsulSettings>();
    Flags flags_;
    bool settings_changed_ = true, flags_changed_ = true;
    std::shared_ptr<const Catalog> last_ = std::make_shared<Catalog>();
};

}  // namespace lictor
