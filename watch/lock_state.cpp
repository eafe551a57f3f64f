// From a key, its session and a node to who is answered.
#include "watch/lock_state.hpp"

#include <algorithm>
#include <utility>

#include "watch/json_text.hpp"
#include "watch/json_tree.hpp"

namespace lictor {
namespace {

constexpr std::size_t host_bytes_max = 255;

bool fits_host(std::string_view host) {
    return !host.empty() && host.size() <= host_bytes_max &&
           std::none_of(host.begin(), host.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '/' || c == '"'; });
}

/// Without blanks and control bytes at both ends: a value that was written with `echo` ends in a line feed.
std::string_view without_ends(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    return text;
}

std::optional<LockAddress> host_and_port(std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    text = text.substr(0, text.find_first_of("/?#"));
    if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        if (!port.empty() && port.front() != ':') return std::nullopt;
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon);
    }  // more colons than one: an IPv6 address
    LockAddress out;
    if (!port.empty()) port.remove_prefix(1);
    if (!port.empty()) {
        const auto number = parse_number(port, 65535);
        if (!number) return std::nullopt;
        out.port = static_cast<std::uint16_t>(*number);
    }
    if (!fits_host(host)) return std::nullopt;
    out.host = HostText(std::string(host));
    if (!out.host.ip && host.find(':') != std::string_view::npos) return std::nullopt;
    return out;
}

std::optional<LockAddress> from_object(JsonValue root) {
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

std::string lock_name(const LeaderRule& rule) { return lower_case(rule.scope) + ".leader"; }

std::optional<LockAddress> parse_lock_address(std::string_view value) {
    value = without_ends(value);
    if (value.empty() || has_nul(value)) return std::nullopt;
    if (value.front() == '{') {
        const auto tree = read_json(value, "lock");
        return tree ? from_object(tree->root()) : std::nullopt;
    }
    return host_and_port(value);
}

LockState::LockState(LeaderRule rule) : rule_(std::move(rule)) {
    entry_.scope = rule_.scope;
    entry_.service = lock_name(rule_);
    entry_.lock = true;
}

void LockState::on_key(const LockBody& body, Moment at) {
    body_ = body;
    read_ = true;
    denied_ = false;
    lost_at_ = at.now;
    decide(at);
}

void LockState::on_same(Moment at) {
    denied_ = false;
    lost_at_ = at.now;
    decide(at);
}

void LockState::on_denied(Moment at) {
    denied_ = true;
    decide(at);
}

void LockState::on_session(const std::string& session, const std::string& node, Moment at) {
    if (session != body_.session) return;  // the lock has moved meanwhile
    if (node != node_) node_address_ = HostText();
    session_ = session;
    node_ = node;
    decide(at);
}

void LockState::on_node(const std::string& node, const std::string& address, Moment at) {
    if (node != node_) return;
    node_address_ = HostText(address);
    decide(at);
}

void LockState::on_contact(bool lost, Moment at, seconds leader_max_stale) {
    if (lost && !contact_lost_) lost_at_ = at.now;
    contact_lost_ = lost;
    max_stale_ = leader_max_stale;
    decide(at);
}

/// Finds host_ and port_ for the holder. False: not known, or nothing that can be an address.
bool LockState::locate() {
    host_ = HostText();
    port_ = 0;
    if (rule_.source == LeaderRule::Source::kv) {
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

LeaderReason LockState::judge(Moment at) {
    session_wanted_.clear();
    if (denied_) return LeaderReason::access_denied;
    if (!read_) return LeaderReason::not_read_yet;
    if (body_.session.empty()) return LeaderReason::lock_free;
    if (session_ != body_.session) {
        session_wanted_ = body_.session;
        return entry_.state == LeaderState::led || entry_.reason == LeaderReason::other_owner ? LeaderReason::other_owner
                                                                                               : LeaderReason::holder_unconfirmed;
    }
    if (!locate()) return LeaderReason::holder_unconfirmed;
    if (!contact_lost_) return LeaderReason::confirmed;
    if (max_stale_ > seconds{0}) {
        if (at.now >= lost_at_ + max_stale_) return LeaderReason::stale_expired;
        deadline_ = lost_at_ + max_stale_;
    }
    return LeaderReason::kept_outage;
}

void LockState::decide(Moment at) {
    deadline_.reset();
    LeaderEntry next = entry_;
    next.reason = judge(at);
    const bool led = next.reason == LeaderReason::confirmed || next.reason == LeaderReason::kept_outage;
    next.state = led ? LeaderState::led : next.reason == LeaderReason::not_read_yet ? LeaderState::loading : LeaderState::vacant;
    next.host = led ? host_ : HostText();
    next.node_address = led ? node_address_ : HostText();
    next.port = led ? port_ : std::uint16_t{0};
    if (led) {
        next.member = node_;
        next.lock_index = body_.modify_index;
    }
    const bool changed = next.state != entry_.state || next.member != entry_.member || next.host != entry_.host ||
                         next.port != entry_.port || (!next.host.ip && next.node_address != entry_.node_address);
    if (changed) {
        ++next.version;
        next.since = at.now;
        next.since_unix = at.unix_seconds;
    }
    entry_ = std::move(next);
}

}  // namespace lictor
