// Which options of dnsmasq does lictor not support? Files with such options remain usable: the option is ignored with a warning, or a
// security warning if the option protects something.
#pragma once

#include <span>
#include <string_view>

namespace lictor::conf {

/// How the parser reports an option that it ignores.
enum class Unsupported {
    plain,     ///< one warning per line
    security,  ///< a security warning; an error under `strict`
    dhcp,      ///< DHCP, TFTP, PXE and router advertisement: one warning for all of them
    quiet,     ///< no warning: the option has no effect here
};

/// One option of dnsmasq that lictor does not support.
struct DnsmasqName {
    std::string_view name;
    char letter;    ///< 0: none
    char argument;  ///< as for getopt: '-' none, '1' required, '?' optional
    Unsupported kind;
    std::string_view effect;  ///< the consequence, for the warning; may be empty
    bool once = false;        ///< a second use is an error
};

/// All of them, and look-up by name (without dashes) or letter; null if there is none. Valid for the process's life.
std::span<const DnsmasqName> dnsmasq_names();
const DnsmasqName* find_dnsmasq_name(std::string_view name);
const DnsmasqName* find_dnsmasq_letter(char letter);

}  // namespace lictor::conf
