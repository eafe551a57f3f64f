// One blocking query that goes on for as long as its owner wants it: sends what Poll says, has bodies parsed (large ones off the loop),
// hands facts to the kind of watch that derives from it, publishes, and only then asks again. Lives on the control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "conf/options.hpp"
#include "watch/background.hpp"
#include "watch/catalog_builder.hpp"
#include "watch/contact.hpp"
#include "watch/http.hpp"
#include "watch/loop/loop.hpp"
#include "watch/poll.hpp"
#include "watch/rest.hpp"
#include "watch/waits.hpp"

namespace lictor {

/// What all watches of one Watcher share. Outlives them.
struct WatchContext {
    Loop& loop;
    ControlCounters& counters;
    Random& random;
    Http& http;
    Rest& rest;                                      ///< what is not Consul: the members' own REST APIs
    Background& background;
    Contact& contact;
    Waits& waits;
    CatalogBuilder& builder;
    const Options& options;                          ///< the ones in force
    std::function<void(ContactOutcome)> exchanged;   ///< after every reply
    std::function<void()> settled;                   ///< what a reply changed has been put in: publish
};

class BlockingWatch {
public:
    BlockingWatch(WatchContext& context, Poll::Kind kind);
    virtual ~BlockingWatch();
    BlockingWatch(const BlockingWatch&) = delete;
    BlockingWatch& operator=(const BlockingWatch&) = delete;

    void start();
    /// The gate of Contact opened: whoever is parked sends now.
    void gate_opened();
    /// Consul cannot be reached at all: a watch that waits for its first reply says so.
    void gate_shut(const std::string& why);
    /// Other addresses or consistency: whatever is in flight is dropped and everything read again.
    void restart();
    /// A watch that pauses after a failure tries again now.
    void retry_now();
    /// Sends nothing any more.
    void halt();

    /// The last exchange did not bring what was asked for.
    bool failing() const { return failing_since_.has_value(); }
    bool failing_for(Now now, Now duration) const { return failing_since_ && now - *failing_since_ > duration; }
    /// The same, or what came was told by a server without a leader.
    bool unconfirmed() const { return unconfirmed_since_.has_value(); }
    bool unconfirmed_for(Now now, Now duration) const { return unconfirmed_since_ && now - *unconfirmed_since_ > duration; }
    bool in_flight() const { return ticket_ != 0; }
    bool halted() const { return halted_; }
    const std::string& why() const { return why_; }
    std::uint64_t index() const { return poll_.index(); }
    std::uint64_t replies() const { return replies_; }
    std::uint64_t changes() const { return changes_; }
    std::uint64_t errors() const { return errors_; }
    std::optional<Now> last_good() const { return last_good_; }

protected:
    struct Parsed {
        std::optional<std::size_t> count;  ///< facts in the body; none: it is not what it should be
        std::string why;
        std::shared_ptr<void> facts;
    };
    using Parse = std::function<Parsed(std::string_view)>;
    enum class Trouble : std::uint8_t { failed, denied, no_datacenter };

    /// `/v1/…`, with a `?` and own parameters if there are any.
    virtual std::string path() const = 0;
    virtual std::size_t held() const = 0;
    /// Works on the body alone: may run on another thread.
    virtual Parse parse() const = 0;
    virtual void on_facts(Parsed parsed, const HttpReply& reply) = 0;
    /// KV only: nothing is there.
    virtual void on_absent(const HttpReply&) {}
    /// The same as before, with contact; not by a server without a leader.
    virtual void on_same() {}
    /// Nothing is there that the token may see, though something was: kept, with contact.
    virtual void on_hidden() { on_same(); }
    virtual void on_trouble(Trouble trouble, const std::string& why) = 0;
    /// Asked after each reply; false ends the watch.
    virtual bool goes_on() { return true; }

    WatchContext& context_;

private:
    void schedule();
    void wait_over();
    void attempt();
    void send();
    void on_reply(HttpReply reply);
    void judge_facts(Parsed parsed, const HttpReply& reply);
    void good();
    void trouble(Trouble trouble, std::string why);
    void conclude();
    std::string request_path(const PollRequest& request) const;

    Poll poll_;
    const bool leader_keys_;
    Timer timer_;
    Http::Ticket ticket_ = 0;
    Background::Ticket parsing_ = 0;
    bool parked_ = false, halted_ = false, waiting_ = false;
    std::optional<Now> failing_since_, unconfirmed_since_, last_good_;
    std::string why_;
    std::uint64_t replies_ = 0, changes_ = 0, errors_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The parameter `dc=`, or nothing for the agent's own datacenter (unless the operator names another one as his own).
std::string datacenter_parameter(const Options& options, std::string_view datacenter);

}  // namespace lictor
