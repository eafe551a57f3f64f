// Keys, sessions and nodes into the state of a lock. The key is read as a prefix: a watch on a single key that is not there wakes with
// every write to any key. A key that may not be read then looks like one that is not there; reading it alone tells, 403 against 404.
#include "watch/lock_watch.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"
#include "watch/http_target.hpp"
#include "watch/leader_words.hpp"

namespace lictor {
namespace {

constexpr Now lost_after = seconds(1), ask_again = seconds(1), key_again = seconds(30), node_again = seconds(60);
constexpr milliseconds ask_timeout{5000};

bool same_entry(const LeaderEntry& a, const LeaderEntry& b) {
    return a.state == b.state && a.reason == b.reason && a.member == b.member && a.host == b.host && a.node_address == b.node_address &&
           a.port == b.port && a.lock_index == b.lock_index;
}

}  // namespace

LockWatch::LockWatch(WatchContext& context, LeaderRule rule)
    : BlockingWatch(context, {.leader_keys = true, .key_value = true}), rule_(std::move(rule)), state_(rule_), deadline_(context.loop, [this] {
          state_.on_time(Loop::moment());
          put();
          context_.settled();
      }) {
    put();
}

LockWatch::~LockWatch() {
    if (asking_) context_.http.cancel(asking_);
}

std::string LockWatch::path() const {
    const auto parameter = datacenter_parameter(context_.options, {});
    return "/v1/kv/" + encode_path(rule_.key) + "?recurse" + (parameter.empty() ? "" : '&' + parameter);
}

BlockingWatch::Parse LockWatch::parse() const {
    return [key = rule_.key](std::string_view body) -> Parsed {
        auto lock = parse_lock(body, key);
        if (!lock) return {std::nullopt, lock.error().text, nullptr};
        const std::size_t count = lock->exists ? 1 : 0;
        return {count, {}, std::make_shared<LockBody>(*std::move(lock))};
    };
}

void LockWatch::on_facts(Parsed parsed, const HttpReply&) {
    const auto& body = *static_cast<LockBody*>(parsed.facts.get());
    exists_ = body.exists;
    absent_ = false;
    with_contact();
    state_.on_key(body, Loop::moment());
    put();
    ask();
}

void LockWatch::on_absent(const HttpReply&) {
    absent_ = true;
    exists_ = false;
    with_contact();
    // Free at once: nobody is to be sent to somebody who lost the lock. Whether the key is denied is a question of words.
    state_.on_key(LockBody{}, Loop::moment());
    put();
    asked_at_.reset();
    ask();
}

void LockWatch::on_same() {
    with_contact();
    if (!absent_) state_.on_same(Loop::moment());  // an absent key may still be a denied one
    put();
}

void LockWatch::on_trouble(Trouble trouble, const std::string& why) {
    if (trouble != Trouble::denied || why.find("ermission denied") == std::string::npos) return;
    state_.on_denied(Loop::moment());
    put();
}

void LockWatch::with_contact() {
    if (!lost_) return;
    lost_ = unconfirmed();
    state_.on_contact(lost_, Loop::moment(), context_.options.leader_max_stale);
}

void LockWatch::look(Now now) {
    if (!lost_ && unconfirmed_for(now, lost_after)) {
        lost_ = true;
        state_.on_contact(true, Loop::moment(), context_.options.leader_max_stale);
        put();
    }
    const Now pause = absent_ ? key_again : ask_again;
    if (!asking_ && (!asked_at_ || now - *asked_at_ >= pause)) ask();
}

void LockWatch::ask() {
    if (halted()) return;
    const std::string session = state_.session_wanted(), node = state_.node();
    const Now now = Loop::now();
    const bool another = !session.empty() && session != asked_session_;
    if (asking_ && !another) return;
    std::string target;
    if (absent_) target = "/v1/kv/" + encode_path(rule_.key);
    else if (!session.empty()) target = "/v1/session/info/" + url_encode(session);
    else if (!node.empty() && exists_ && (!node_read_at_ || now - *node_read_at_ >= node_again)) target = "/v1/catalog/node/" + url_encode(node);
    if (target.empty()) return;
    if (asking_) context_.http.cancel(std::exchange(asking_, 0));
    const auto parameter = datacenter_parameter(context_.options, {});
    if (!parameter.empty()) target += '?' + parameter;
    asked_session_ = session;
    asked_at_ = now;
    asking_ = context_.http.get(target, ask_timeout, [this, session, node](const HttpReply& reply) {
        asking_ = 0;
        on_asked(reply, session, node);
        context_.settled();
    });
}

void LockWatch::on_asked(const HttpReply& reply, const std::string& session, const std::string& node) {
    const Moment at = Loop::moment();
    if (absent_) {
        if (reply.status == 403) state_.on_denied(at);
        else if (reply.status == 404) state_.on_same(at);
        put();
        return;
    }
    static log::Sometimes said{60};
    if (reply.status == 403 && said.now(at.now / seconds(1)))
        log::warning("leader lock=" + log::printable(rule_.scope) + " its session or node is denied to the token: nobody is answered (the " +
                     "token needs session:read and node:read)");
    if (reply.status != 200) return;
    if (!session.empty()) {
        // An empty list: the session has ended meanwhile, and the key's watch says so next.
        const auto owner = parse_session_node(reply.body);
        if (!owner || owner->empty()) return;
        node_read_at_.reset();
        state_.on_session(session, *owner, at);
    } else {
        const auto address = parse_node_address(reply.body);
        if (!address || address->empty()) return;
        node_read_at_ = at.now;
        state_.on_node(node, *address, at);
    }
    put();
    ask();
}

void LockWatch::put() {
    const auto& verdict = state_.verdict();
    const Now now = Loop::now();
    if (const auto at = state_.deadline()) deadline_.start(std::max(*at - now, Now{0}));
    else deadline_.stop();
    const bool moved = !entry_ || verdict.version != state_version_;
    if (!moved && same_entry(verdict, *entry_)) return;
    auto entry = std::make_shared<LeaderEntry>(verdict);
    entry->version = moved ? context_.builder.next_version() : entry_->version;
    if ((moved && entry_) || verdict.reason == LeaderReason::access_denied)
        log::info("leader lock=" + log::printable(rule_.scope) + " state=" + word(verdict.state) + " reason=\"" + word(verdict.reason) +
                  "\" node=" + log::printable(verdict.member) + " address=" + log::printable(verdict.host.text) + " port=" +
                  std::to_string(verdict.port) + " why=\"" + log::quotable(leader_why(verdict), 400) + '"');
    state_version_ = verdict.version;
    entry_ = std::move(entry);
    context_.builder.put_leader(verdict.service, entry_);
}

}  // namespace lictor
