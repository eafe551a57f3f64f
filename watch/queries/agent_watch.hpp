// Reads the agent's own settings (agent/self): at first contact, once a minute and after a reconnect. While no address can be reached, this
// is the only request that is repeated. The settings, with the options applied, are the ConsulSettings of the Catalog. Used on the control
// thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "watch/queries/blocking_watch.hpp"

namespace lictor::queries {

/// `context` must outlive it.
class AgentWatch {
public:
    /// `on_first_read` is called once, after the first read has ended.
    AgentWatch(WatchContext& context, std::function<void()> on_first_read);
    ~AgentWatch();

    /// Sends the first read. Each read schedules the next one.
    void start() { ask(); }
    /// Reads again within half a second, because contact with Consul changed.
    void read_soon();
    /// Applies the options to the agent's settings and puts the result into the Catalog.
    void merge();
    /// Uses the settings from before a restart until the agent was read.
    void use_saved(const catalog::ConsulSettings& settings) {
        if (!agent_) agent_ = settings;
    }
    /// The settings as read from the agent, before the options are applied.
    const std::optional<catalog::ConsulSettings>& settings() const { return agent_; }
    /// True if the first read has ended, with or without success.
    bool first_read_done() const { return first_read_done_; }
    /// The last read failed. A 403 for missing agent:read is no failure; an unknown token is one.
    bool failing() const { return failing_; }
    /// The last failure; empty after a good read.
    const std::string& why() const { return why_; }
    /// Some reply came from a Consul agent: one that reads as agent/self, or a refusal in Consul's manner (403, 429, 5xx).
    bool reached() const { return reached_; }
    /// What to do about the last failure; empty if there was none.
    std::string_view remedy() const { return remedy_; }
    /// Reads that ended, and those of them that failed.
    std::uint64_t replies() const { return replies_; }
    std::uint64_t errors() const { return errors_; }
    /// End of the last read that did not fail.
    std::optional<Now> last_good() const { return last_good_; }

private:
    void ask();
    polling::ContactOutcome judge(const polling::HttpReply& reply);
    void ask_in(milliseconds delay);
    void ask_again();  ///< after a lack of memory
    void on_reply(const polling::HttpReply& reply);

    WatchContext& context_;
    std::function<void()> on_first_read_;
    loop::Timer timer_;
    http::Http::Ticket ticket_ = 0;
    Now due_{};
    std::optional<catalog::ConsulSettings> agent_;
    bool first_read_done_ = false, failing_ = false, reached_ = false;
    std::string why_;
    std::string_view remedy_;  ///< a literal
    std::uint64_t replies_ = 0, errors_ = 0;
    std::optional<Now> last_good_;
};

/// The agent's settings (or Consul's defaults), overridden by the options.
catalog::ConsulSettings settings_from(const catalog::ConsulSettings& agent, const conf::ConsulOptions& options);

}  // namespace lictor::queries
