// One service of one datacenter: health/service/<name>, unfiltered (tags, health and SRV forms are derived by whoever answers), kept as
// the ServiceEntry of the Catalog. Whether it is watched at all is ServiceTable's business.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "watch/blocking_watch.hpp"

namespace lictor {

class ServiceWatch : public BlockingWatch {
public:
    struct Hooks {
        std::function<void(ServiceWatch&)> replied;    ///< after each reply; says by `end` whether it was the last
        std::function<void(const ServiceEntry&)> changed;  ///< new instances
    };
    /// `last_known`: facts of an earlier watch, to be served if Consul cannot be asked; may be null.
    ServiceWatch(WatchContext& context, std::string name, std::string datacenter, std::shared_ptr<const ServiceEntry> last_known, Hooks hooks);

    const std::string& key() const { return key_; }
    const std::shared_ptr<const ServiceEntry>& entry() const { return entry_; }
    bool loading() const { return entry_->state == FactState::loading; }
    /// Nothing is registered under this name, or it could not be read: cheap to forget.
    bool hollow() const { return entry_->state != FactState::loading && entry_->instances.empty(); }
    /// Second in which somebody last asked.
    std::int64_t asked() const { return entry_->usage->asked.load(std::memory_order_relaxed); }
    void touch(Now now) { entry_->usage->touch(now / seconds(1)); }
    /// No further request after this reply.
    void end() { ends_ = true; }
    bool ended() const { return ends_; }
    /// Marks facts as stale when the watch has been failing for a while. True if that changed.
    bool look(Now now);

    bool pinned = false;   ///< from the configuration, or a leader's: never ends
    bool first = true;     ///< counts among the first reads in flight

private:
    std::string path() const override;
    std::size_t held() const override { return entry_->state == FactState::known ? entry_->instances.size() : 0; }
    Parse parse() const override;
    void on_facts(Parsed parsed, const HttpReply& reply) override;
    void on_same() override;
    void on_hidden() override;
    void on_trouble(Trouble trouble, const std::string& why) override;
    bool goes_on() override;
    void tell_hidden() const;
    /// A copy to be changed and put.
    std::shared_ptr<ServiceEntry> next() const { return std::make_shared<ServiceEntry>(*entry_); }
    void put(std::shared_ptr<ServiceEntry> entry);

    const std::string key_;
    std::shared_ptr<const ServiceEntry> entry_, last_known_;
    Hooks hooks_;
    bool ends_ = false;
};

}  // namespace lictor
