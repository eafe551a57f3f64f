// Parses catalog/nodes and puts the table into the Catalog.
#include "watch/queries/nodes_watch.hpp"

#include <utility>

namespace lictor::queries {
namespace {

constexpr Now stale_after = seconds(1);

/// The whole table, because building it is the larger part of the work: it runs on the background thread for a large body.
Result<ReadNodes> parse_table(std::string_view body, const json::LastReply<catalog::NodeRecord>& last) {
    auto read = json::parse_catalog_nodes(body, last);
    if (!read) return read.error();
    ReadNodes facts{{}, std::move(read->kept)};
    catalog::NodeTable& table = facts.table;
    table.in_order = std::move(read->nodes);
    table.by_name.reserve(table.in_order.size());
    for (const auto& node : table.in_order) table.by_name.emplace(node->name_lower, node);
    return facts;
}

}  // namespace

NodesWatch::NodesWatch(WatchContext& context, std::string datacenter)
    : BlockingWatch(context, {}, {}, [](const ReadNodes& read) { return read.table.in_order.size(); }),
      last_reply_{.seed = context.random.next_u64(), .kept = {}} {
    auto table = std::make_shared<catalog::NodeTable>();
    table->datacenter = std::move(datacenter);
    put(std::move(table));
}

std::string NodesWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, table_->datacenter);
    return "/v1/catalog/nodes" + (parameter.empty() ? "" : '?' + parameter);
}

NodesWatch::Parse NodesWatch::parse() const {
    return [last = last_reply_](std::string_view body) { return parse_table(body, last); };
}

void NodesWatch::on_facts(ReadNodes facts, const polling::HttpReply&) {
    auto table = std::make_shared<catalog::NodeTable>(std::move(facts.table));
    last_reply_.kept = std::move(facts.kept);
    table->datacenter = table_->datacenter;
    table->usage = table_->usage;
    table->state = catalog::FactState::known;
    put(std::move(table));
}

void NodesWatch::on_same() {
    if (!table_->stale) return;
    auto table = next();
    table->stale = false;
    put(std::move(table));
}

void NodesWatch::on_trouble(polling::Refusal refusal, const std::string& why) {
    if (table_->state == catalog::FactState::known || (table_->state == catalog::FactState::failed && table_->why == why)) return;
    auto table = next();
    table->state = catalog::FactState::failed;
    table->why = why;
    table->no_datacenter = refusal == polling::Refusal::no_datacenter;
    put(std::move(table));
}

void NodesWatch::on_tick(Now now) {
    if (table_->state != catalog::FactState::known || table_->stale || !failing_for(now, stale_after)) return;
    auto table = next();
    table->stale = true;
    put(std::move(table));
}

void NodesWatch::put(std::shared_ptr<catalog::NodeTable> table) {
    table->version = context_.builder.next_version();
    table_ = std::move(table);
    context_.builder.put_nodes(table_->datacenter, table_);
}

}  // namespace lictor::queries
