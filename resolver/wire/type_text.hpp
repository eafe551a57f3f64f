// Names of record types for log lines and pages: IANA's mnemonics, else TYPEnnn (RFC 3597 §5).
#pragma once

#include <cstdint>
#include <string>

namespace lictor::wire {

/// `A`, `TYPE65280`.
std::string type_text(std::uint16_t type);

}  // namespace lictor::wire
