// The nodes of one datacenter: catalog/nodes, kept as the NodeTable of the Catalog. Watched from the first question for a node or a PTR
// on, until nobody asks any more.
#pragma once

#include <memory>
#include <string>

#include "watch/blocking_watch.hpp"

namespace lictor {

class NodesWatch : public BlockingWatch {
public:
    NodesWatch(WatchContext& context, std::string datacenter);

    const std::shared_ptr<const NodeTable>& table() const { return table_; }
    std::int64_t asked() const { return table_->usage->asked.load(std::memory_order_relaxed); }
    void touch(Now now) { table_->usage->touch(now / seconds(1)); }
    bool ended() const { return ends_; }
    void end() { ends_ = true; }
    bool look(Now now);

private:
    std::string path() const override;
    std::size_t held() const override { return table_->state == FactState::known ? table_->in_order.size() : 0; }
    Parse parse() const override;
    void on_facts(Parsed parsed, const HttpReply& reply) override;
    void on_same() override;
    void on_trouble(Trouble trouble, const std::string& why) override;
    bool goes_on() override { return !ends_; }
    std::shared_ptr<NodeTable> next() const { return std::make_shared<NodeTable>(*table_); }
    void put(std::shared_ptr<NodeTable> table);

    std::shared_ptr<const NodeTable> table_;
    bool ends_ = false;
};

}  // namespace lictor
