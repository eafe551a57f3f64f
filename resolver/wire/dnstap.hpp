// How is a DNS message written for dnstap? One data frame is a length and a `Dnstap` message in Protocol Buffers' encoding (dnstap.proto);
// frame streams begin and end with control frames. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::wire {

/// One message on its way, as an event of dnstap.
struct TapEvent {
    /// The values of dnstap.proto. Odd ones are queries.
    enum class Type : std::uint8_t { client_query = 5, client_response = 6, forwarder_query = 7, forwarder_response = 8 } type{};
    Endpoint asker, answerer;  ///< who sent the query, who it was sent to; port 0: not known, and the address is left out
    bool tcp = false;
    std::uint64_t query_time_ns = 0, response_time_ns = 0;  ///< Unix time; 0: not known
    Bytes message;
};

/// Appends the event as one data frame. `identity` and `version` name the server.
void append_tap_frame(std::vector<std::uint8_t>& out, const TapEvent& event, std::string_view identity, std::string_view version);

/// Control frames of frame streams (fstrm's control.h).
enum class TapControl : std::uint32_t { accept = 1, start = 2, stop = 3, ready = 4, finish = 5 };
/// A whole control frame, with its escape and length; `ready` and `start` name dnstap's content type.
std::vector<std::uint8_t> tap_control(TapControl control);
/// The longest control frame that is read.
inline constexpr std::size_t tap_control_max = 512;
/// The type of a control frame without escape and length. Nothing if it is malformed, or if it lists content types without dnstap's.
std::optional<TapControl> read_tap_control(Bytes frame);

}  // namespace lictor::wire
