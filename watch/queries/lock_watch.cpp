// The key is read as a prefix: a watch on a single key that does not exist returns with every write to any key. A key that the token may
// not read then looks absent; a read of the key alone replies 403 or 404.
#include "watch/queries/lock_watch.hpp"

#include <utility>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/log/log.hpp"
#include "watch/leader/words.hpp"

namespace lictor::queries {
namespace {

constexpr Now ask_again = seconds(1), key_again = seconds(30), node_again = seconds(60);
constexpr milliseconds ask_timeout{5000};

bool same_entry(const catalog::LeaderEntry& a, const catalog::LeaderEntry& b) {
    return a.state == b.state && a.reason == b.reason && a.member == b.member && a.host == b.host && a.node_address == b.node_address &&
           a.port == b.port && a.lock_index == b.lock_index && a.hint == b.hint;
}

}  // namespace

LockWatch::LockWatch(WatchContext& context, conf::LeaderRule rule)
    : LeaderWatch(context, rule, rule.key, leader::LockState(rule),
                  [key = rule.key](std::string_view body) { return json::parse_lock(body, key); }) {
    put();
}

LockWatch::~LockWatch() {
    if (asking_) context_.http.cancel(asking_);
}

void LockWatch::on_facts(json::LockBody body, const polling::HttpReply&) {
    exists_ = body.exists;
    absent_ = false;
    if (exists_) {
        existed_ = true;
        end_missing();
    } else if (!existed_) {
        explain_missing();
    }
    with_contact();
    state_.on_key(body, loop::Loop::moment());
    put();
    ask();
}

void LockWatch::on_absent() {
    absent_ = true;
    exists_ = false;
    with_contact();
    // The lock is free at once, so that the old holder is not answered. `ask` finds out whether the key is denied.
    state_.on_key(json::LockBody{}, loop::Loop::moment());
    put();
    asked_at_.reset();
    ask();
}

void LockWatch::on_trouble(polling::Refusal refusal, const std::string&) {
    if (refusal != polling::Refusal::permission_denied) return;
    state_.on_denied(loop::Loop::moment());
    put();
}

void LockWatch::on_tick(Now now) {
    judge_contact(now);
    judge_vacancy(now);
    const Now pause = absent_ ? key_again : ask_again;
    if (!asking_ && (!asked_at_ || now - *asked_at_ >= pause)) ask();
}

void LockWatch::ask() {
    if (halted()) return;
    const std::string session = state_.session_to_look_up(), node = state_.node();
    const Now now = loop::Loop::now();
    const bool another = !session.empty() && session != asked_session_;
    if (asking_ && !another) return;
    std::string target;
    if (absent_) target = key_path("", "");
    else if (!session.empty()) target = "/v1/session/info/" + polling::url_encode(session);
    else if (!node.empty() && exists_ && (!node_read_at_ || now - *node_read_at_ >= node_again))
        target = "/v1/catalog/node/" + polling::url_encode(node);
    if (target.empty()) return;
    if (asking_) context_.http.cancel(std::exchange(asking_, 0));
    const auto parameter = datacenter_parameter(context_.options, {});
    if (!absent_ && !parameter.empty()) target += '?' + parameter;
    asked_session_ = session;
    asked_at_ = now;
    asking_ = context_.http.get(target, ask_timeout, [this, session, node](const polling::HttpReply& reply) {
        asking_ = 0;
        on_reply(reply, session, node);
        context_.publish_changes();
    });
}

void LockWatch::on_reply(const polling::HttpReply& reply, const std::string& session, const std::string& node) {
    const Moment at = loop::Loop::moment();
    if (absent_) {
        if (reply.status == 403) state_.on_denied(at);
        else if (reply.status == 404) state_.on_same(at);
        put();
        // `consul lock` deletes its key when it ends: only a key that was never seen may be misspelt.
        if (reply.status == 404 && reply.has_index && !existed_) explain_missing();
        return;
    }
    static RateLimit denied{60};
    if (reply.status == 403 && denied.pass(at.now / seconds(1)))
        log::warning("leader lock=" + printable(rule_.scope) +
                     " its session or node is denied to the token: the lock is not answered (the token needs session:read and node:read)");
    if (reply.status != 200) return;
    if (!session.empty()) {
        // An empty list: the session has ended, and the watch of the key reports that next.
        const auto owner = json::parse_session_node(reply.body);
        if (!owner || owner->empty()) return;
        node_read_at_.reset();
        state_.on_session(session, *owner, at);
    } else {
        const auto address = json::parse_node_address(reply.body);
        if (!address || address->empty()) return;
        node_read_at_ = at.now;
        state_.on_node(node, *address, at);
    }
    put();
    ask();
}

void LockWatch::put() {
    auto next = verdict();
    next.hint = hint_;
    wake_at(state_.deadline());
    if (!moved() && same_entry(next, entry())) return;
    if ((has_entry() && moved()) || next.reason == catalog::LeaderReason::access_denied) log::info(leader::log_line(next));
    put_entry(std::move(next));
}

}  // namespace lictor::queries
