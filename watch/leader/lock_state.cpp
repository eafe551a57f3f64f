// Judges a lock from its key, the session and the session's node.
#include "watch/leader/lock_state.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/ascii.hpp"
#include "conf/values/leader_name.hpp"
#include "watch/json/host_port.hpp"
#include "watch/json/tree.hpp"

namespace lictor::leader {
namespace {

/// Without blanks and control bytes at both ends; `echo` appends a line feed.
std::string_view without_ends(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    return text;
}

std::optional<LockAddress> host_and_port(std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    text = text.substr(0, text.find_first_of("/?#"));
    if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
    const bool bare_v6 = !text.starts_with('[') && std::count(text.begin(), text.end(), ':') > 1;
    const auto parts = bare_v6 ? std::optional(json::HostPort{std::string(text), {}}) : json::split_host_port(text);
    if (!parts || !json::is_host(parts->host)) return std::nullopt;
    LockAddress out{catalog::HostText(parts->host), parts->port.value_or(0)};
    if (!out.host.ip && parts->host.find(':') != std::string::npos) return std::nullopt;
    return out;
}

std::optional<LockAddress> from_object(json::JsonValue root) {
    for (const char* key : {"address", "Address", "addr", "Addr", "ip", "IP", "host", "Host"}) {
        auto found = host_and_port(root.get(key).text_or_empty());
        if (!found) continue;
        for (const char* port : {"port", "Port"})
            if (const auto number = root.get(port).number(65535); number && *number != 0) found->port = static_cast<std::uint16_t>(*number);
        return found;
    }
    return std::nullopt;
}

}  // namespace

std::string lock_name(const conf::LeaderRule& rule) { return lower_case(rule.scope) + ".leader"; }

std::optional<LockAddress> parse_lock_address(std::string_view value) {
    value = without_ends(value);
    if (value.empty() || json::has_nul(value)) return std::nullopt;
    if (value.front() == '{') {
        const auto tree = json::read_json(value, "lock");
        return tree ? from_object(tree->root()) : std::nullopt;
    }
    return host_and_port(value);
}

LockState::LockState(conf::LeaderRule rule) : rule_(std::move(rule)) {
    entry_.scope = rule_.scope;
    entry_.service = lock_name(rule_);
    entry_.lock = true;
    entry_.keys = conf::keys_of(rule_);
}

void LockState::on_key(const json::LockBody& body, Moment at) {
    body_ = body;
    read_ = true;
    denied_ = false;
    outage_.on_read(at.now);
    decide(at);
}

void LockState::on_same(Moment at) {
    denied_ = false;
    outage_.on_read(at.now);
    decide(at);
}

void LockState::on_denied(Moment at) {
    denied_ = true;
    decide(at);
}

void LockState::on_session(const std::string& session, const std::string& node, Moment at) {
    if (session != body_.session) return;  // the lock has moved since
    if (node != node_) node_address_ = catalog::HostText();
    session_ = session;
    node_ = node;
    decide(at);
}

void LockState::on_node(const std::string& node, const std::string& address, Moment at) {
    if (node != node_) return;
    node_address_ = catalog::HostText(address);
    decide(at);
}

void LockState::on_contact(ConsulContact contact, Moment at, seconds leader_max_stale) {
    outage_.on_contact(contact, at.now, leader_max_stale);
    decide(at);
}

/// Sets host_ and port_ for the holder. False: no address is known.
bool LockState::locate() {
    host_ = catalog::HostText();
    port_ = 0;
    if (rule_.source == conf::LeaderRule::Source::kv) {
        if (const auto found = parse_lock_address(body_.value)) {
            host_ = found->host;
            port_ = found->port;
        }
    } else {
        host_ = node_address_;
    }
    if (rule_.port != 0) port_ = rule_.port;
    return !host_.empty();
}

catalog::LeaderReason LockState::judge(Moment at) {
    session_to_look_up_.clear();
    if (denied_) return catalog::LeaderReason::access_denied;
    if (!read_) return catalog::LeaderReason::not_read_yet;
    existed_ = existed_ || body_.exists;
    if (!existed_) return catalog::LeaderReason::no_keys;
    if (body_.session.empty()) return catalog::LeaderReason::lock_free;
    if (session_ != body_.session) {
        session_to_look_up_ = body_.session;
        return entry_.state == catalog::LeaderState::led || entry_.reason == catalog::LeaderReason::other_owner
                   ? catalog::LeaderReason::other_owner
                   : catalog::LeaderReason::address_unknown;
    }
    if (!locate()) return catalog::LeaderReason::address_unknown;
    if (!outage_.lost()) return catalog::LeaderReason::confirmed;
    deadline_ = outage_.ends();
    if (deadline_ && at.now >= *deadline_) {
        deadline_.reset();
        return catalog::LeaderReason::stale_expired;
    }
    return catalog::LeaderReason::kept_outage;
}

void LockState::decide(Moment at) {
    deadline_.reset();
    catalog::LeaderEntry next = entry_;
    next.reason = judge(at);
    const bool led = next.reason == catalog::LeaderReason::confirmed || next.reason == catalog::LeaderReason::kept_outage;
    next.state = led                                                  ? catalog::LeaderState::led
                 : next.reason == catalog::LeaderReason::not_read_yet ? catalog::LeaderState::loading
                                                                      : catalog::LeaderState::vacant;
    next.host = led ? host_ : catalog::HostText();
    next.node_address = led ? node_address_ : catalog::HostText();
    next.port = led ? port_ : std::uint16_t{0};
    if (led) {
        next.member = node_;
        next.lock_index = body_.modify_index;
    }
    mark_change(next, entry_, at);
    entry_ = std::move(next);
}

}  // namespace lictor::leader
