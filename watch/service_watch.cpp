// Replies about one service into its entry.
#include "watch/service_watch.hpp"

#include <utility>

#include "conf/log.hpp"
#include "watch/consul_json.hpp"
#include "watch/http_target.hpp"

namespace lictor {
namespace {

constexpr Now stale_after = seconds(1);  // one failure that the next try heals is nobody's business
constexpr const char* hidden = "Consul hides instances from the token (ACL)";

}  // namespace

ServiceWatch::ServiceWatch(WatchContext& context, std::string name, std::string datacenter, std::shared_ptr<const ServiceEntry> last_known,
                           Hooks hooks)
    : BlockingWatch(context, {}), key_(service_key(name, datacenter)),
      last_known_(std::move(last_known)), hooks_(std::move(hooks)) {
    auto entry = std::make_shared<ServiceEntry>();
    entry->name = std::move(name);
    entry->datacenter = std::move(datacenter);
    put(std::move(entry));
}

std::string ServiceWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, entry_->datacenter);
    return "/v1/health/service/" + url_encode(entry_->name) + (parameter.empty() ? "" : '?' + parameter);
}

BlockingWatch::Parse ServiceWatch::parse() const {
    return [](std::string_view body) -> Parsed {
        auto parsed = parse_health_service(body);
        if (!parsed) return {std::nullopt, parsed.error().text, nullptr};
        const auto count = parsed->instances.size();
        return {count, {}, std::make_shared<ServiceBody>(*std::move(parsed))};
    };
}

void ServiceWatch::on_facts(Parsed parsed, const HttpReply& reply) {
    auto& body = *static_cast<ServiceBody*>(parsed.facts.get());
    static log::Sometimes skipped{60};
    if (body.skipped > 0 && skipped.now(Loop::now() / seconds(1)))
        log::warning("consul service has unusable entries service=" + log::printable(entry_->name) + " skipped=" + std::to_string(body.skipped));
    auto entry = std::make_shared<ServiceEntry>();
    entry->name = entry_->name;
    entry->datacenter = entry_->datacenter;
    entry->usage = entry_->usage;
    entry->state = FactState::known;
    entry->index = index();
    entry->instances = std::move(body.instances);
    if (reply.filtered_by_acl) {
        entry->why = hidden;
        tell_hidden();
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
    tell_hidden();
    if (!entry_->stale && entry_->why == hidden) return;
    auto entry = next();
    entry->stale = false;
    entry->why = hidden;
    put(std::move(entry));
}

/// Only agents since 1.11 say so; before, what is hidden and what is not there look the same.
void ServiceWatch::tell_hidden() const {
    static log::Sometimes told{60};
    if (told.now(Loop::now() / seconds(1)))
        log::warning("consul hides instances from the token service=" + log::printable(entry_->name) +
                     " kept=" + std::to_string(entry_->instances.size()) + " (it needs service:read and node:read)");
}

void ServiceWatch::on_trouble(Trouble trouble, const std::string& why) {
    if (entry_->state == FactState::known) return;  // `look` marks it in time
    const bool no_datacenter = trouble == Trouble::no_datacenter;
    if (last_known_ && !no_datacenter) {
        auto entry = std::make_shared<ServiceEntry>(*std::exchange(last_known_, nullptr));
        entry->usage = entry_->usage;
        entry->stale = true;
        put(std::move(entry));
        if (hooks_.changed) hooks_.changed(*entry_);
        return;
    }
    if (entry_->state == FactState::failed && entry_->why == why) return;
    auto entry = next();
    entry->state = FactState::failed;
    entry->why = why;
    entry->no_datacenter = no_datacenter;
    put(std::move(entry));
}

bool ServiceWatch::goes_on() {
    if (hooks_.replied) hooks_.replied(*this);
    return !ends_;
}

bool ServiceWatch::look(Now now) {
    if (entry_->state != FactState::known || entry_->stale || !failing_for(now, stale_after)) return false;
    auto entry = next();
    entry->stale = true;
    put(std::move(entry));
    return true;
}

void ServiceWatch::put(std::shared_ptr<ServiceEntry> entry) {
    entry->version = context_.builder.next_version();
    entry->since = Loop::now();
    entry_ = std::move(entry);
    context_.builder.put_service(key_, entry_);
}

}  // namespace lictor
