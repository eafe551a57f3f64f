// The mnemonics come from ldns, which keeps IANA's list.
#include "resolver/wire/type_text.hpp"

#include <stdbool.h>  // before ldns: switches its own macros for bool, true and false off

#include <ldns/rr.h>

#include <array>

namespace lictor {

std::string type_text(std::uint16_t type) {
    const ldns_rr_descriptor* descriptor = ldns_rr_descript(type);
    if (descriptor && descriptor->_name && descriptor->_type == static_cast<ldns_rr_type>(type)) return descriptor->_name;
    return "TYPE" + std::to_string(type);
}

const char* rcode_text(unsigned rcode) {
    static constexpr std::array<const char*, 11> names = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                                           "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};
    if (rcode == 16) return "BADVERS";
    return rcode < names.size() ? names[rcode] : "RCODE";
}

}  // namespace lictor
