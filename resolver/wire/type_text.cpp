// The mnemonics are those of ldns.
#include "resolver/wire/type_text.hpp"

#include <stdbool.h>  // before ldns: switches its own macros for bool, true and false off

#include <ldns/rr.h>

namespace lictor::wire {

std::string type_text(std::uint16_t type) {
    const ldns_rr_descriptor* descriptor = ldns_rr_descript(type);
    if (descriptor && descriptor->_name && descriptor->_type == static_cast<ldns_rr_type>(type)) return descriptor->_name;
    return "TYPE" + std::to_string(type);
}

}  // namespace lictor::wire
