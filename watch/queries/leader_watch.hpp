// The common base of the watches of a Patroni scope and of a plain lock. Both have a key prefix that is read through Consul's Raft leader,
// a state that judges the facts, contact with Consul, deadlines, and a LeaderEntry in the Catalog.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/options/leader.hpp"
#include "watch/leader/answer.hpp"
#include "watch/leader/words.hpp"
#include "watch/polling/http_target.hpp"
#include "watch/queries/blocking_watch.hpp"
#include "watch/queries/missing_keys.hpp"

namespace lictor::queries {

/// `State` judges the facts: leader::LeaderFusion or leader::LockState.
template <class State, class Facts>
class LeaderWatch : public BlockingWatch<Facts> {
public:
    /// As given to the constructor.
    const conf::LeaderRule& rule() const { return rule_; }
    /// The verdict of the state on the facts. It has no replicas, and its version is not unique among the entries of the Catalog.
    const catalog::LeaderEntry& verdict() const { return state_.verdict(); }
    /// The entry that was put into the CatalogBuilder last: a verdict with the replicas and a unique version. It exists as soon as the
    /// watch is constructed.
    const catalog::LeaderEntry& entry() const { return *entry_; }

protected:
    LeaderWatch(WatchContext& context, conf::LeaderRule rule, std::string prefix, State state, typename BlockingWatch<Facts>::Parse parse)
        : BlockingWatch<Facts>(context, {.leader_keys = true, .key_value = true}, std::move(parse),
                               [](const Facts& facts) -> std::size_t { return facts.exists ? 1 : 0; }),
          rule_(std::move(rule)),
          prefix_(std::move(prefix)),
          state_(std::move(state)),
          deadline_(context.loop, [this] {
              state_.on_time(loop::Loop::moment());
              put();
              this->context_.publish_changes();
          }) {}

    /// Puts the verdict into the Catalog if it differs from the entry there.
    virtual void put() = 0;

    std::string path() const override { return key_path("", "recurse"); }
    std::size_t held() const override { return exists_ ? 1 : 0; }
    void on_same() override {
        with_contact();
        if (!absent_) state_.on_same(loop::Loop::moment());  // an absent key may be a denied one
        put();
    }
    /// `/v1/kv/<prefix><key>` with `parameter` and the datacenter.
    std::string key_path(const std::string& key, std::string parameter) const {
        const auto datacenter = datacenter_parameter(this->context_.options, {});
        if (!parameter.empty() && !datacenter.empty()) parameter += '&';
        parameter += datacenter;
        return "/v1/kv/" + polling::encode_path(prefix_) + key + (parameter.empty() ? "" : '?' + parameter);
    }
    /// A good reply came. One from a server without a Raft leader does not end an outage.
    void with_contact() {
        if (lost_) set_contact(this->unconfirmed() ? leader::ConsulContact::lost : leader::ConsulContact::back);
    }
    /// Warns once in each time without an address that lasts longer than leader-hold: from then on queries fail.
    void judge_vacancy(Now now) {
        const auto state = verdict().state;
        const bool vacant = state == catalog::LeaderState::vacant || state == catalog::LeaderState::loading;
        if (!vacant) vacant_since_.reset();
        else if (!vacant_since_) vacant_since_ = now, vacancy_logged_ = false;
        if (!vacant || vacancy_logged_ || now - *vacant_since_ <= this->context_.leader_hold) return;
        vacancy_logged_ = true;
        if (missing_logged_ && entry().reason == catalog::LeaderReason::no_keys) return;
        const auto for_seconds = std::chrono::duration_cast<seconds>(now - *vacant_since_).count();
        log::warning(subject() + " has had no address for " + std::to_string(for_seconds) +
                     " s: " + one_line(quotable(leader::leader_why(entry()), 400)) +
                     (this->why().empty() ? "" : " (" + one_line(this->why(), 200) + ')'));
    }
    /// There is no key: searches once what is there instead, and warns. Again after a search that failed.
    void explain_missing() {
        if (missing_ && !search_again_) return;
        search_again_ = false;
        missing_ = std::make_unique<MissingKeys>(this->context_, rule_, [this](std::string hint) {
            search_again_ = hint.empty();
            hint_ = std::move(hint);
            if (!std::exchange(missing_logged_, true))
                log::warning(subject() + " has no key " + (rule_.key.empty() ? "below " : "") + printable(prefix_) +
                             (hint_.empty() ? "" : "; " + hint_));
            put();
            this->context_.publish_changes();
        });
    }
    /// There are keys.
    void end_missing() {
        missing_.reset();
        hint_.clear();
        missing_logged_ = false;
    }
    /// `leader scope=NAME` or `leader lock=NAME`, for the log.
    std::string subject() const { return std::string(rule_.key.empty() ? "leader scope=" : "leader lock=") + printable(rule_.scope); }
    /// One second of failures begins an outage.
    void judge_contact(Now now) {
        if (lost_ || !this->unconfirmed_for(now, seconds(1))) return;
        set_contact(leader::ConsulContact::lost);
        put();
    }
    /// Reports contact to the state; the caller calls `put`.
    void set_contact(leader::ConsulContact contact) {
        lost_ = contact == leader::ConsulContact::lost;
        state_.on_contact(contact, loop::Loop::moment(), this->context_.leader_options.leader_max_stale);
    }
    /// Sets the time of the next `State::on_time`; none = never.
    void wake_at(std::optional<Now> at) {
        if (at) deadline_.start(std::max(*at - loop::Loop::now(), Now{0}));
        else deadline_.stop();
    }
    /// There is an entry in the Catalog.
    bool has_entry() const { return entry_ != nullptr; }
    /// The verdict's answer differs from the entry's, or there is no entry.
    bool moved() const { return !entry_ || verdict().version != state_version_; }
    /// Puts `entry` into the CatalogBuilder. It gets a new version only if the answer has `moved`.
    void put_entry(catalog::LeaderEntry entry) {
        entry.version = moved() ? this->context_.builder.next_version() : entry_->version;
        auto made = std::make_shared<const catalog::LeaderEntry>(std::move(entry));
        this->context_.builder.put_leader(made->service, made);
        entry_ = std::move(made);  // only now: without memory the answer counts as moved until the Catalog has it
        state_version_ = verdict().version;
    }

    const conf::LeaderRule rule_;
    const std::string prefix_;
    State state_;
    bool exists_ = false;  ///< of the facts held
    bool absent_ = false;  ///< the read finds no key: it does not exist, or the token may not read it
    bool lost_ = false;    ///< contact, as reported to the state
    std::string hint_;     ///< of `explain_missing`; printable

private:
    std::shared_ptr<const catalog::LeaderEntry> entry_;
    std::uint64_t state_version_ = 0;
    loop::Timer deadline_;
    std::optional<Now> vacant_since_;
    bool vacancy_logged_ = false, missing_logged_ = false, search_again_ = false;
    std::unique_ptr<MissingKeys> missing_;
};

}  // namespace lictor::queries
