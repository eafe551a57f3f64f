// Replies about a datacenter's nodes into its table.
#include "watch/nodes_watch.hpp"

#include <utility>

#include "watch/consul_json.hpp"

namespace lictor {
namespace {

constexpr Now stale_after = seconds(1);

}  // namespace

NodesWatch::NodesWatch(WatchContext& context, std::string datacenter)
    : BlockingWatch(context, {}) {
    auto table = std::make_shared<NodeTable>();
    table->datacenter = std::move(datacenter);
    put(std::move(table));
}

std::string NodesWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, table_->datacenter);
    return "/v1/catalog/nodes" + (parameter.empty() ? "" : '?' + parameter);
}

BlockingWatch::Parse NodesWatch::parse() const {
    return [](std::string_view body) -> Parsed {
        auto nodes = parse_catalog_nodes(body);
        if (!nodes) return {std::nullopt, nodes.error().text, nullptr};
        // The table is made here: for many nodes this is the larger part of the work.
        auto table = std::make_shared<NodeTable>();
        table->in_order = *std::move(nodes);
        table->by_name.reserve(table->in_order.size());
        for (const auto& node : table->in_order) table->by_name.emplace(node->name_lower, node);
        return {table->in_order.size(), {}, std::move(table)};
    };
}

void NodesWatch::on_facts(Parsed parsed, const HttpReply&) {
    auto table = std::static_pointer_cast<NodeTable>(parsed.facts);
    table->datacenter = table_->datacenter;
    table->usage = table_->usage;
    table->state = FactState::known;
    put(std::move(table));
}

void NodesWatch::on_same() {
    if (!table_->stale) return;
    auto table = next();
    table->stale = false;
    put(std::move(table));
}

void NodesWatch::on_trouble(Trouble trouble, const std::string& why) {
    if (table_->state == FactState::known || (table_->state == FactState::failed && table_->why == why)) return;
    auto table = next();
    table->state = FactState::failed;
    table->why = why;
    table->no_datacenter = trouble == Trouble::no_datacenter;
    put(std::move(table));
}

bool NodesWatch::look(Now now) {
    if (table_->state != FactState::known || table_->stale || !failing_for(now, stale_after)) return false;
    auto table = next();
    table->stale = true;
    put(std::move(table));
    return true;
}

void NodesWatch::put(std::shared_ptr<NodeTable> table) {
    table->version = context_.builder.next_version();
    table_ = std::move(table);
    context_.builder.put_nodes(table_->datacenter, table_);
}

}  // namespace lictor
