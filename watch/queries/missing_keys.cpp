// The reads of key names, one after the other, and the text.
#include "watch/queries/missing_keys.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/options/consul.hpp"
#include "conf/values/leader_name.hpp"
#include "watch/json/consul.hpp"
#include "watch/polling/http_target.hpp"

namespace lictor::queries {
namespace {

constexpr milliseconds list_timeout{3000};
constexpr std::size_t names_shown_max = 6, name_bytes_max = 40;

/// The folder of the key or of the scope's folder, with its slash.
std::string folder_of(const conf::LeaderRule& rule) {
    std::string keys = conf::keys_of(rule);
    if (keys.ends_with('/')) keys.pop_back();
    return keys.substr(0, keys.rfind('/') + 1);
}

}  // namespace

MissingKeys::MissingKeys(WatchContext& context, const conf::LeaderRule& rule, std::function<void(std::string hint)> on_end)
    : context_(context), rule_(rule), folder_(folder_of(rule)), on_end_(std::move(on_end)) {
    list(folder_, true, [this](std::optional<std::vector<std::string>> names) {
        names_ = std::move(names);
        if (rule_.key.empty() && names_) search_.emplace(catalog::Registration{rule_.scope, {}});
        search_namespaces();
    });
}

MissingKeys::~MissingKeys() {
    if (ticket_) context_.http.cancel(ticket_);
}

void MissingKeys::list(const std::string& prefix, bool folders, std::function<void(std::optional<std::vector<std::string>>)> done) {
    std::string target = "/v1/kv/" + polling::encode_path(prefix) + "?keys";
    if (folders) target += "&separator=%2F";
    const auto parameter = datacenter_parameter(context_.options, {});
    if (!parameter.empty()) target += '&' + parameter;
    ticket_ = context_.http.get(target, list_timeout, [this, done = std::move(done)](const polling::HttpReply& reply) {
        ticket_ = 0;
        if (reply.status == 404 && reply.has_index) return done(std::vector<std::string>{});
        const auto names = reply.status == 200 ? json::parse_key_names(reply.body) : Result<std::vector<std::string>>(Error{});
        done(names ? std::optional(*names) : std::nullopt);
    });
}

void MissingKeys::search_namespaces() {
    const auto request = search_ ? search_->next() : std::nullopt;
    if (!request) return on_end_(hint());
    list(request->prefix, request->folders, [this](const std::optional<std::vector<std::string>>& names) {
        if (names) search_->on_names(*names);
        else search_->on_failure();
        search_namespaces();
    });
}

std::string MissingKeys::hint() const {
    if (!names_) return {};
    if (search_)
        if (const auto found = search_->found(); found && *found != rule_.name_space)
            return "this scope has keys below " + printable((found->empty() ? "" : *found + '/') + rule_.scope + '/', 2 * name_bytes_max) +
                   ": write leader=" + printable(rule_.scope, name_bytes_max) +
                   ",namespace=" + (found->empty() ? "/" : printable(*found, name_bytes_max));
    const std::string place = folder_.empty() ? "at the top of the KV store" : "below " + printable(folder_, 2 * name_bytes_max);
    const bool scope = rule_.key.empty();
    std::vector<std::string> seen;
    for (const std::string& name : *names_) {
        if (name.size() <= folder_.size() || !name.starts_with(folder_)) continue;
        const bool is_folder = name.ends_with('/');
        if (scope && !is_folder) continue;
        seen.push_back(name.substr(folder_.size(), name.size() - folder_.size() - (scope ? 1 : 0)));
    }
    if (seen.empty()) return (scope ? "there is no scope " : "there is no key ") + place;
    std::string text = scope ? "scopes seen there: " : "keys seen there: ";
    for (std::size_t i = 0; i < seen.size() && i < names_shown_max; ++i) text += (i ? ", " : "") + printable(seen[i], name_bytes_max);
    return seen.size() > names_shown_max ? text + " and " + std::to_string(seen.size() - names_shown_max) + " more" : text;
}

}  // namespace lictor::queries
