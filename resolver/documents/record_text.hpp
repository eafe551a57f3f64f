// The records of a DNS message as text, as dig prints them: type and data. Types without a form of their own are printed as RFC 3597 §5
// says. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "resolver/wire/message.hpp"

namespace lictor::documents {

/// One record.
struct RecordText {
    const char* section;  ///< answer, authority, additional
    std::string owner, type, data;
    std::uint32_t ttl = 0;
};

/// The records in order, without OPT, at most `most`; those before a malformed one. `total`: the number that the header counts.
std::vector<RecordText> record_texts(wire::Bytes message, std::size_t most, std::size_t& total);
/// `NXDOMAIN`, or `RCODE23` for a code without a name.
std::string rcode_text(unsigned rcode);

}  // namespace lictor::documents
