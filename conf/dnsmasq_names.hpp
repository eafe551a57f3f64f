// dnsmasq's options that this version does not act on. Files that name them stay usable: the option is passed over with a warning,
// loudly where leaving it out changes what is protected.
#pragma once

#include <span>
#include <string_view>

namespace lictor {

enum class Passed {
    plain,     ///< one warning per line
    security,  ///< a loud warning; an error under `strict`
    dhcp,      ///< DHCP, TFTP, PXE and router advertisement: one warning for all of them
    quiet,     ///< nothing is lost
};

struct DnsmasqName {
    std::string_view name;
    char letter;
    char argument;        ///< as getopt has it: '-' none, '1' required, '?' optional
    Passed passed;
    std::string_view loss;  ///< what goes missing, for the warning; may be empty
    bool once = false;    ///< a second use is refused
};

std::span<const DnsmasqName> dnsmasq_names();
const DnsmasqName* find_dnsmasq_name(std::string_view name);
const DnsmasqName* find_dnsmasq_letter(char letter);

}  // namespace lictor
