// Watches one service of one datacenter (health/service/<name>) without a filter: tags, health and SRV forms are evaluated for each answer.
// The result is the ServiceEntry of the Catalog. ServiceTable decides whether the service is watched.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "watch/json/consul.hpp"
#include "watch/queries/blocking_watch.hpp"

namespace lictor::queries {

class ServiceWatch : public BlockingWatch<json::ServiceBody> {
public:
    struct Hooks {
        std::function<void(ServiceWatch&)> replied;                 ///< after each reply; may call `end`
        std::function<void(const catalog::ServiceEntry&)> changed;  ///< new instances
    };
    /// `last_known`: facts of an earlier watch, answered if Consul cannot be read; may be null.
    ServiceWatch(WatchContext& context, std::string name, std::string datacenter, std::shared_ptr<const catalog::ServiceEntry> last_known,
                 Hooks hooks);

    /// catalog::service_key of the entry.
    const std::string& key() const { return key_; }
    /// The present entry, as put into the CatalogBuilder; never null.
    const std::shared_ptr<const catalog::ServiceEntry>& entry() const { return entry_; }
    /// No reply was judged yet.
    bool loading() const { return entry_->state == catalog::FactState::loading; }
    /// Without instances: the service is not registered, or could not be read.
    bool is_empty() const { return entry_->state != catalog::FactState::loading && entry_->instances.empty(); }
    /// Monotonic second of the last query.
    std::int64_t asked() const { return entry_->usage->asked.load(std::memory_order_relaxed); }
    /// A query came.
    void touch(Now now) { entry_->usage->touch(now / seconds(1)); }
    /// No further request after this reply.
    void end() { ends_ = true; }
    /// `end` was called.
    bool ended() const { return ends_; }
    /// Marks the entry as stale after a second of failures. Called every 250 ms.
    void on_tick(Now now);

    bool pinned = false;  ///< of the configuration, or of a leader scope: never ends
    bool first = true;    ///< counts as a first read in flight

private:
    std::string path() const override;
    std::size_t held() const override { return entry_->state == catalog::FactState::known ? entry_->instances.size() : 0; }
    Parse parse() const override;
    void on_facts(json::ServiceBody body, const polling::HttpReply& reply) override;
    void on_same() override;
    void on_hidden() override;
    void on_trouble(polling::Refusal refusal, const std::string& why) override;
    bool goes_on() override;
    void log_hidden() const;
    /// A copy to change and put.
    std::shared_ptr<catalog::ServiceEntry> next() const { return std::make_shared<catalog::ServiceEntry>(*entry_); }
    void put(std::shared_ptr<catalog::ServiceEntry> entry);

    const std::string key_;
    json::LastReply<catalog::Instance> last_reply_;
    std::shared_ptr<const catalog::ServiceEntry> entry_, last_known_;
    Hooks hooks_;
    bool ends_ = false;
};

}  // namespace lictor::queries
