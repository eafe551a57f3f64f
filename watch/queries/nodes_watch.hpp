// Watches the nodes of one datacenter (catalog/nodes), which are the NodeTable of the Catalog. The watch begins with the first query for a
// node or a PTR, and ends after consul-watch-idle without a query.
#pragma once

#include <memory>
#include <string>

#include "watch/json/consul.hpp"
#include "watch/queries/blocking_watch.hpp"

namespace lictor::queries {

/// A reply.
struct ReadNodes {
    catalog::NodeTable table;
    json::Kept<catalog::NodeRecord> kept;  ///< for the next reply
};

class NodesWatch : public BlockingWatch<ReadNodes> {
public:
    /// `datacenter` in lower case; empty = the agent's own. Puts a table that is loading.
    NodesWatch(WatchContext& context, std::string datacenter);

    /// The present table, as put into the CatalogBuilder; never null.
    const std::shared_ptr<const catalog::NodeTable>& table() const { return table_; }
    /// Monotonic second of the last query.
    std::int64_t asked() const { return table_->usage->asked.load(std::memory_order_relaxed); }
    /// A query came.
    void touch(Now now) { table_->usage->touch(now / seconds(1)); }
    /// `end` was called.
    bool ended() const { return ends_; }
    /// No further request after the one in flight.
    void end() { ends_ = true; }
    /// Marks the table as stale after a second of failures. Called every 250 ms.
    void on_tick(Now now);

private:
    std::string path() const override;
    std::size_t held() const override { return table_->state == catalog::FactState::known ? table_->in_order.size() : 0; }
    Parse parse() const override;
    void on_facts(ReadNodes facts, const polling::HttpReply& reply) override;
    void on_same() override;
    void on_trouble(polling::Refusal refusal, const std::string& why) override;
    bool goes_on() override { return !ends_; }
    /// A copy to change and put.
    std::shared_ptr<catalog::NodeTable> next() const { return std::make_shared<catalog::NodeTable>(*table_); }
    void put(std::shared_ptr<catalog::NodeTable> table);

    std::shared_ptr<const catalog::NodeTable> table_;
    json::LastReply<catalog::NodeRecord> last_reply_;
    bool ends_ = false;
};

}  // namespace lictor::queries
