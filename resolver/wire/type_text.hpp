// Names of record types for people (log lines, pages): IANA's mnemonics, else TYPEnnn (RFC 3597 §5).
#pragma once

#include <cstdint>
#include <string>

namespace lictor {

std::string type_text(std::uint16_t type);
const char* rcode_text(unsigned rcode);  ///< `NOERROR` …; "RCODE" for others

}  // namespace lictor
