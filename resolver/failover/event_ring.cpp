// Makes the text of each event (fields `id`, `event` and `data`), and finds the events after a client's last id.
#include "resolver/failover/event_ring.hpp"

#include "conf/base/address.hpp"

namespace lictor::failover {

std::string EventRing::text(std::string_view type, std::string_view data, std::uint64_t number) const {
    if (data.ends_with('\n')) data.remove_suffix(1);
    std::string out = "id: " + started_ + '-' + std::to_string(number) + "\nevent: ";
    out += type;
    out += "\ndata: ";
    out += data;
    return out + "\n\n";
}

const std::string& EventRing::add(std::string_view type, std::string_view data) {
    if (events_.size() == events_max) events_.pop_front();
    events_.push_back(text(type, data, next_++));
    return events_.back();
}

std::string EventRing::since(std::string_view last_id) const {
    const std::uint64_t oldest = next_ - events_.size();
    const auto dash = last_id.find('-');
    const auto number = dash == std::string_view::npos ? std::nullopt : parse_number(last_id.substr(dash + 1), 0xffffffff);
    const bool of_this_process = number && last_id.substr(0, dash) == started_ && *number < next_;
    std::uint64_t from = of_this_process ? *number + 1 : oldest;
    std::string out;
    if (!of_this_process) {
        out += text("restarted", "{}", oldest - 1);
    } else if (from < oldest) {
        out += text("lost", "{\"events\":" + std::to_string(oldest - from) + "}", oldest - 1);
        from = oldest;
    }
    for (std::uint64_t i = from; i < next_; ++i) out += events_[static_cast<std::size_t>(i - oldest)];
    return out;
}

}  // namespace lictor::failover
