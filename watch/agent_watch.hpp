// What the agent says of itself: agent/self, read at first contact, every minute and after a reconnect; and, while nothing answers, the one
// request that goes on asking. Its settings, with the operator's options over them, are the ConsulSettings of the Catalog.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "watch/blocking_watch.hpp"

namespace lictor {

class AgentWatch {
public:
    AgentWatch(WatchContext& context, std::function<void()> first_done);
    ~AgentWatch();

    void start() { ask(); }
    /// Something broke or came back: read again soon.
    void soon();
    /// Options changed.
    void merge();
    /// What the agent told before a restart; its own word, once it comes, replaces it.
    void remember(const ConsulSettings& settings) {
        if (!agent_) agent_ = settings;
    }
    /// As the agent told it.
    const std::optional<ConsulSettings>& told() const { return agent_; }
    bool first_done() const { return first_done_told_; }
    bool failing() const { return failing_; }
    const std::string& why() const { return why_; }
    std::uint64_t replies() const { return replies_; }
    std::uint64_t errors() const { return errors_; }
    std::optional<Now> last_good() const { return last_good_; }

private:
    void ask();
    void ask_in(milliseconds delay);
    void on_reply(const HttpReply& reply);

    WatchContext& context_;
    std::function<void()> tell_first_done_;
    Timer timer_;
    Http::Ticket ticket_ = 0;
    Now due_{};
    std::optional<ConsulSettings> agent_;
    bool first_done_told_ = false, failing_ = false;
    std::string why_;
    std::uint64_t replies_ = 0, errors_ = 0;
    std::optional<Now> last_good_;
};

/// Options over what the agent told (or Consul's defaults).
ConsulSettings settings_from(const ConsulSettings& agent, const Options& options);

}  // namespace lictor
