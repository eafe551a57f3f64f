// One blocking query that is repeated until its owner ends it. It sends the requests that Poll asks for, parses bodies (large ones on the
// background thread), passes the facts to the derived watch, publishes, and only then sends the next request. Used on the control thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "conf/base/random.hpp"
#include "conf/base/result.hpp"
#include "conf/budget/budget.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "conf/options/options_fwd.hpp"
#include "watch/catalog/catalog_builder.hpp"
#include "watch/http/http.hpp"
#include "watch/http/rest.hpp"
#include "watch/loop/background_thread.hpp"
#include "watch/loop/loop.hpp"
#include "watch/polling/contact.hpp"
#include "watch/polling/poll.hpp"
#include "watch/polling/waits.hpp"

namespace lictor::queries {

/// Shared by all watches of one Watcher; outlives them.
struct WatchContext {
    loop::Loop& loop;
    metrics::ControlCounters& counters;
    Random& random;
    http::Http& http;
    http::Rest& rest;  ///< for the members' REST APIs
    loop::Background& background;
    polling::Contact& contact;
    polling::Waits& waits;
    catalog::CatalogBuilder& builder;
    const conf::ConsulOptions& options;                      ///< those in force
    const conf::LeaderOptions& leader_options;               ///< those in force
    const milliseconds& leader_hold;                         ///< the option in force
    std::function<void(polling::ContactOutcome)> exchanged;  ///< called after every reply
    std::function<void()> publish_changes;                   ///< called after the facts of a reply were put into `builder`
};

/// A blocking query without the type of its facts, which BlockingWatch adds.
class BlockingQuery {
public:
    virtual ~BlockingQuery();
    BlockingQuery(const BlockingQuery&) = delete;
    BlockingQuery& operator=(const BlockingQuery&) = delete;

    /// Sends the first request. If the gate of Contact is shut, the watch is parked until it opens, and without contact `on_trouble` is
    /// called at once.
    void start();
    /// The gate of Contact opened: a parked watch sends its request.
    void on_gate_opened();
    /// No address of Consul can be reached: a parked watch reports `why`.
    void on_gate_shut(const std::string& why);
    /// Drops the request in flight and reads at index 0, because the Consul addresses or the datacenter changed.
    void restart();
    /// Ends the pause after a failure. Otherwise it has no effect.
    void retry_now();
    /// `retry_now` would send a request.
    bool can_retry() const { return failing() && !halted_ && !ticket_ && !parsing_; }
    /// The last reply was large and could not be used: each further one costs as much.
    bool fails_at_a_cost() const { return costly_failure_; }
    /// Time of the last request; 0 before the first.
    Now sent_at() const { return sent_at_; }
    /// Cancels the request in flight and sends nothing any more, until `restart`.
    void halt();

    /// True if the last exchange failed or was refused.
    bool failing() const { return failing_since_.has_value(); }
    /// True if exchanges have failed for longer than `duration`.
    bool failing_for(Now now, Now duration) const { return failing_since_ && now - *failing_since_ > duration; }
    /// Like `failing`; also true if the last reply came from a server without a Raft leader.
    bool unconfirmed() const { return unconfirmed_since_.has_value(); }
    bool unconfirmed_for(Now now, Now duration) const { return unconfirmed_since_ && now - *unconfirmed_since_ > duration; }
    /// From now on `counts` has this watch as failing or fine; until another call or the watch's end. Null: in no counts.
    void count_in(polling::WatchCounts* counts);
    /// A request was sent and its reply has not come.
    bool in_flight() const { return ticket_ != 0; }
    /// `halt` was called, or the watch has ended.
    bool halted() const { return halted_; }
    /// The last failure; empty after a good reply.
    const std::string& why() const { return why_; }
    /// X-Consul-Index of the facts held; 0 before the first.
    std::uint64_t index() const { return poll_.index(); }
    /// `replies`: of any kind. `changes`: facts adopted, or keys found absent. `errors`: failures, also those without a request.
    std::uint64_t replies() const { return replies_; }
    std::uint64_t changes() const { return changes_; }
    std::uint64_t errors() const { return errors_; }
    /// Time of the last reply that could be used.
    std::optional<Now> last_good() const { return last_good_; }

protected:
    /// A parsed body.
    struct Parsed {
        std::size_t count = 0;                                   ///< facts in it
        std::function<void(const polling::HttpReply&)> deliver;  ///< passes them to the derived watch, on the control thread
    };
    using ParseBody = std::function<Result<Parsed>(std::string_view body)>;

    BlockingQuery(WatchContext& context, polling::Poll::Kind kind);

    /// `/v1/…`, with a `?` and parameters if there are any.
    virtual std::string path() const = 0;
    /// Number of facts held.
    virtual std::size_t held() const = 0;
    /// The result shares nothing with this object but `deliver`: it may run on the background thread.
    virtual ParseBody parse_body() = 0;
    /// Keys only: the key does not exist.
    virtual void on_absent() {}
    /// A good reply without a change; not called for a server without a Raft leader.
    virtual void on_same() {}
    /// The list is empty because the token may not see its entries: the facts stay.
    virtual void on_hidden() { on_same(); }
    /// `refusal` is none for a transport error and for a body that could not be parsed.
    virtual void on_trouble(polling::Refusal refusal, const std::string& why) = 0;
    /// Called after each reply; false ends the watch.
    virtual bool goes_on() { return true; }

    WatchContext& context_;

private:
    void schedule();
    void wait_over();
    void attempt();
    void send();
    void on_reply(polling::HttpReply reply);
    template <class Step>
    void guarded_step(Step step);
    static ParseBody guarded(ParseBody parse);
    void judge_facts(const Result<Parsed>& parsed, const polling::HttpReply& reply);
    void good();
    void trouble(polling::Refusal refusal, std::string why);
    void conclude();
    void recount();
    std::string request_path(const polling::PollRequest& request) const;

    polling::Poll poll_;
    const polling::Keys keys_;
    loop::Timer timer_;
    http::Http::Ticket ticket_ = 0;
    loop::Background::Ticket parsing_ = 0;
    bool parked_ = false, halted_ = false, waiting_ = false;
    bool costly_failure_ = false;  ///< the last reply was large and could not be used
    Now sent_at_{};
    std::optional<Now> failing_since_, unconfirmed_since_, last_good_;
    polling::WatchCounts* counts_ = nullptr;
    std::size_t polling::WatchCounts::*counted_ = nullptr;  ///< where this watch is counted
    std::string why_;
    budget::Held facts_memory_, parsing_memory_;  ///< of the facts held; of the body that is parsed and its facts
    std::size_t body_bytes_ = 0;                  ///< of the body that is parsed
    std::uint64_t replies_ = 0, changes_ = 0, errors_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// A blocking query whose bodies hold `Facts`.
template <class Facts>
class BlockingWatch : public BlockingQuery {
protected:
    /// Works on the body alone: may run on the background thread.
    using Parse = std::function<Result<Facts>(std::string_view body)>;
    using Count = std::size_t (*)(const Facts&);

    BlockingWatch(WatchContext& context, polling::Poll::Kind kind, Parse parse, Count count)
        : BlockingQuery(context, kind), parse_(std::move(parse)), count_(count) {}

    /// The function that parses the reply that has come. Called on the control thread.
    virtual Parse parse() const { return parse_; }
    /// New facts, to be put into the CatalogBuilder. Called on the control thread.
    virtual void on_facts(Facts facts, const polling::HttpReply& reply) = 0;

private:
    ParseBody parse_body() final {
        // Only `deliver` uses the object, and it runs on the control thread before the object is destroyed.
        return [this, parse = parse(), count = count_](std::string_view body) -> Result<Parsed> {
            auto parsed = parse(body);
            if (!parsed) return parsed.error();
            const auto facts = std::make_shared<Facts>(*std::move(parsed));
            return Parsed{count(*facts), [this, facts](const polling::HttpReply& reply) { on_facts(std::move(*facts), reply); }};
        };
    }

    const Parse parse_;
    const Count count_;
};

/// The parameter `dc=`; empty for the agent's own datacenter unless consul-datacenter names one.
std::string datacenter_parameter(const conf::ConsulOptions& options, std::string_view datacenter);

}  // namespace lictor::queries
