// Parses health/service and puts the entry into the Catalog.
#include "watch/queries/service_watch.hpp"

#include <utility>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/log/log.hpp"
#include "watch/catalog/record_table.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::queries {
namespace {

constexpr Now stale_after = seconds(1);  // one failure, repaired by the next request, changes no answer
constexpr const char* hidden = "Consul hides instances from the token (ACL)";

}  // namespace

ServiceWatch::ServiceWatch(WatchContext& context, std::string name, std::string datacenter,
                           std::shared_ptr<const catalog::ServiceEntry> last_known, Hooks hooks)
    : BlockingWatch(context, {}, {}, [](const json::ServiceBody& body) { return body.instances.size(); }),
      key_(catalog::service_key(name, datacenter)),
      last_reply_{.seed = context.random.next_u64(), .kept = {}},
      last_known_(std::move(last_known)),
      hooks_(std::move(hooks)) {
    auto entry = std::make_shared<catalog::ServiceEntry>();
    entry->name = std::move(name);
    entry->datacenter = std::move(datacenter);
    put(std::move(entry));
}

std::string ServiceWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, entry_->datacenter);
    return "/v1/health/service/" + polling::url_encode(entry_->name) + (parameter.empty() ? "" : '?' + parameter);
}

/// With the table of records, because making it is a part of the work: it runs on the background thread for a large body.
ServiceWatch::Parse ServiceWatch::parse() const {
    return [last = last_reply_, other_datacenter = !entry_->datacenter.empty()](std::string_view body) {
        auto parsed = json::parse_health_service(body, last);
        if (parsed) parsed->records = catalog::RecordTable::make(parsed->instances, other_datacenter);
        return parsed;
    };
}

void ServiceWatch::on_facts(json::ServiceBody body, const polling::HttpReply& reply) {
    static RateLimit skipped{60};
    if (body.skipped > 0 && skipped.pass(loop::Loop::now() / seconds(1)))
        log::warning("consul service has unusable entries service=" + printable(entry_->name) + " skipped=" + std::to_string(body.skipped));
    auto entry = std::make_shared<catalog::ServiceEntry>();
    entry->name = entry_->name;
    entry->datacenter = entry_->datacenter;
    entry->usage = entry_->usage;
    entry->state = catalog::FactState::known;
    entry->index = index();
    entry->instances = std::move(body.instances);
    entry->records = std::move(body.records);
    last_reply_.kept = std::move(body.kept);
    if (reply.filtered_by_acl) {
        entry->why = hidden;
        log_hidden();
    }
    last_known_.reset();
    put(std::move(entry));
    if (hooks_.changed) hooks_.changed(*entry_);
}

void ServiceWatch::on_same() {
    if (!entry_->stale) return;
    auto entry = next();
    entry->stale = false;
    put(std::move(entry));
}

void ServiceWatch::on_hidden() {
    log_hidden();
    if (!entry_->stale && entry_->why == hidden) return;
    auto entry = next();
    entry->stale = false;
    entry->why = hidden;
    put(std::move(entry));
}

/// Since Consul 1.11; older agents do not report hidden instances.
void ServiceWatch::log_hidden() const {
    static RateLimit hidden_logged{60};
    if (hidden_logged.pass(loop::Loop::now() / seconds(1)))
        log::warning("consul hides instances from the token service=" + printable(entry_->name) +
                     " kept=" + std::to_string(entry_->instances.size()) + " (the token needs service:read and node:read)");
}

void ServiceWatch::on_trouble(polling::Refusal refusal, const std::string& why) {
    if (entry_->state == catalog::FactState::known) return;  // `on_tick` marks it as stale
    const bool no_datacenter = refusal == polling::Refusal::no_datacenter;
    if (last_known_ && !no_datacenter) {
        auto entry = std::make_shared<catalog::ServiceEntry>(*std::exchange(last_known_, nullptr));
        entry->usage = entry_->usage;
        entry->stale = true;
        put(std::move(entry));
        if (hooks_.changed) hooks_.changed(*entry_);
        return;
    }
    if (entry_->state == catalog::FactState::failed && entry_->why == why) return;
    auto entry = next();
    entry->state = catalog::FactState::failed;
    entry->why = why;
    entry->no_datacenter = no_datacenter;
    put(std::move(entry));
}

bool ServiceWatch::goes_on() {
    if (hooks_.replied) hooks_.replied(*this);
    return !ends_;
}

void ServiceWatch::on_tick(Now now) {
    if (entry_->state != catalog::FactState::known || entry_->stale || !failing_for(now, stale_after)) return;
    auto entry = next();
    entry->stale = true;
    put(std::move(entry));
}

void ServiceWatch::put(std::shared_ptr<catalog::ServiceEntry> entry) {
    entry->version = context_.builder.next_version();
    entry->since = loop::Loop::now();
    entry_ = std::move(entry);
    context_.builder.put_service(key_, entry_);
}

}  // namespace lictor::queries
