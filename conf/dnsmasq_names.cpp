// The names, letters and argument shapes of dnsmasq (2.80 to 2.93) beside the options in the rows. A line that has no value where one
// is needed, or one where none is taken, is refused as dnsmasq refuses it; on a command line the shape says whose the next word is.
#include "conf/dnsmasq_names.hpp"

namespace lictor {
namespace {

constexpr DnsmasqName names[] = {
    {"log-malloc", '\0', '-', Passed::plain, ""},
    {"enable-dbus", '1', '?', Passed::plain, "", true},
    {"enable-ubus", '\0', '?', Passed::plain, "", true},
    {"dnssec", '\0', '-', Passed::security, "answers are not validated"},
    {"dnssec-check-unsigned", '\0', '?', Passed::security, "answers are not validated"},
    {"dnssec-no-timecheck", '\0', '-', Passed::security, ""},
    {"dnssec-timestamp", '\0', '1', Passed::security, "", true},
    {"dnssec-debug", '\0', '-', Passed::security, ""},
    {"dnssec-limits", '\0', '1', Passed::security, "", true},
    {"connmark-allowlist-enable", '\0', '?', Passed::security, "every client may ask every name", true},
    {"connmark-allowlist", '\0', '1', Passed::security, "every client may ask every name"},
    {"conntrack", '\0', '-', Passed::security, ""},
    {"auth-server", '\0', '1', Passed::security, "no zone is served as an authority", true},
    {"auth-zone", '\0', '1', Passed::security, "no zone is served as an authority"},
    {"auth-ttl", '\0', '1', Passed::security, "", true},
    {"auth-soa", '\0', '1', Passed::security, "", true},
    {"auth-sec-servers", '\0', '1', Passed::security, ""},
    {"auth-peer", '\0', '1', Passed::security, ""},
    {"ipset", '\0', '1', Passed::security, "no address is added to a set"},
    {"nftset", '\0', '1', Passed::security, "no address is added to a set"},
    {"umbrella", '\0', '?', Passed::security, "", true},
    {"conf-script", '\0', '1', Passed::security, "the program is never run"},
    // Sent by Debian's start script on every command line: lictor serves loopback only unless told, and without `dnssec` an anchor is idle.
    {"trust-anchor", '\0', '1', Passed::quiet, ""},
    {"dhcp-range", 'F', '1', Passed::dhcp, ""},
    {"dhcp-host", 'G', '1', Passed::dhcp, ""},
    {"dhcp-hostsfile", '\0', '1', Passed::dhcp, ""},
    {"dhcp-hostsdir", '\0', '1', Passed::dhcp, ""},
    {"dhcp-optsfile", '\0', '1', Passed::dhcp, ""},
    {"dhcp-optsdir", '\0', '1', Passed::dhcp, ""},
    {"dhcp-option", 'O', '1', Passed::dhcp, ""},
    {"dhcp-option-force", '\0', '1', Passed::dhcp, ""},
    {"dhcp-option-pxe", '\0', '1', Passed::dhcp, ""},
    {"dhcp-boot", 'M', '1', Passed::dhcp, ""},
    {"dhcp-userclass", 'j', '1', Passed::dhcp, ""},
    {"dhcp-vendorclass", 'U', '1', Passed::dhcp, ""},
    {"dhcp-circuitid", '\0', '1', Passed::dhcp, ""},
    {"dhcp-remoteid", '\0', '1', Passed::dhcp, ""},
    {"dhcp-subscrid", '\0', '1', Passed::dhcp, ""},
    {"dhcp-pxe-vendor", '\0', '1', Passed::dhcp, ""},
    {"dhcp-ignore", 'J', '1', Passed::dhcp, ""},
    {"dhcp-ignore-names", '\0', '?', Passed::dhcp, ""},
    {"dhcp-ignore-clid", '\0', '-', Passed::dhcp, ""},
    {"dhcp-broadcast", '\0', '?', Passed::dhcp, ""},
    {"dhcp-authoritative", 'K', '-', Passed::dhcp, ""},
    {"dhcp-lease", '\0', '1', Passed::dhcp, ""},
    {"dhcp-leasefile", 'l', '?', Passed::dhcp, "", true},
    {"dhcp-lease-max", 'X', '1', Passed::dhcp, "", true},
    {"dhcp-mac", '4', '1', Passed::dhcp, ""},
    {"dhcp-script", '6', '1', Passed::dhcp, "", true},
    {"dhcp-luascript", '\0', '1', Passed::dhcp, ""},
    {"dhcp-scriptuser", '\0', '1', Passed::dhcp, "", true},
    {"dhcp-no-override", '\0', '-', Passed::dhcp, ""},
    {"dhcp-match", '\0', '1', Passed::dhcp, ""},
    {"dhcp-name-match", '\0', '1', Passed::dhcp, ""},
    {"dhcp-alternate-port", '\0', '?', Passed::dhcp, "", true},
    {"dhcp-fqdn", '\0', '-', Passed::dhcp, ""},
    {"dhcp-generate-names", '\0', '?', Passed::dhcp, ""},
    {"dhcp-proxy", '\0', '?', Passed::dhcp, ""},
    {"dhcp-relay", '\0', '1', Passed::dhcp, ""},
    {"dhcp-split-relay", '\0', '1', Passed::dhcp, ""},
    {"dhcp-sequential-ip", '\0', '-', Passed::dhcp, ""},
    {"dhcp-client-update", '\0', '-', Passed::dhcp, ""},
    {"dhcp-duid", '\0', '1', Passed::dhcp, "", true},
    {"dhcp-ttl", '\0', '1', Passed::dhcp, "", true},
    {"dhcp-reply-delay", '\0', '1', Passed::dhcp, "", true},
    {"dhcp-rapid-commit", '\0', '-', Passed::dhcp, ""},
    {"tag-if", '\0', '1', Passed::dhcp, ""},
    {"read-ethers", 'Z', '-', Passed::dhcp, ""},
    {"no-dhcp-interface", '2', '1', Passed::dhcp, ""},
    {"no-dhcpv4-interface", '\0', '1', Passed::dhcp, ""},
    {"no-dhcpv6-interface", '\0', '1', Passed::dhcp, ""},
    {"bootp-dynamic", '3', '?', Passed::dhcp, ""},
    {"bridge-interface", '\0', '1', Passed::dhcp, ""},
    {"shared-network", '\0', '1', Passed::dhcp, ""},
    {"no-ping", '5', '-', Passed::dhcp, ""},
    {"script-arp", '\0', '-', Passed::dhcp, ""},
    {"script-on-renewal", '\0', '-', Passed::dhcp, ""},
    {"leasefile-ro", '9', '-', Passed::dhcp, ""},
    {"pxe-prompt", '\0', '1', Passed::dhcp, ""},
    {"pxe-service", '\0', '1', Passed::dhcp, ""},
    {"enable-tftp", '\0', '?', Passed::dhcp, ""},
    {"tftp-root", '\0', '1', Passed::dhcp, ""},
    {"tftp-unique-root", '\0', '?', Passed::dhcp, ""},
    {"tftp-secure", '\0', '-', Passed::dhcp, ""},
    {"tftp-no-fail", '\0', '-', Passed::dhcp, ""},
    {"tftp-max", '\0', '1', Passed::dhcp, "", true},
    {"tftp-mtu", '\0', '1', Passed::dhcp, "", true},
    {"tftp-no-blocksize", '\0', '-', Passed::dhcp, ""},
    {"tftp-lowercase", '\0', '-', Passed::dhcp, ""},
    {"tftp-port-range", '\0', '1', Passed::dhcp, "", true},
    {"tftp-single-port", '\0', '-', Passed::dhcp, ""},
    {"log-dhcp", '\0', '-', Passed::dhcp, ""},
    {"quiet-dhcp", '\0', '-', Passed::dhcp, ""},
    {"quiet-dhcp6", '\0', '-', Passed::dhcp, ""},
    {"quiet-ra", '\0', '-', Passed::dhcp, ""},
    {"quiet-tftp", '\0', '-', Passed::dhcp, ""},
    {"enable-ra", '\0', '-', Passed::dhcp, ""},
    {"ra-param", '\0', '1', Passed::dhcp, ""},
    {"leasequery", '\0', '?', Passed::dhcp, ""},
};

}  // namespace

std::span<const DnsmasqName> dnsmasq_names() { return names; }

const DnsmasqName* find_dnsmasq_name(std::string_view name) {
    for (const auto& row : names)
        if (row.name == name) return &row;
    return nullptr;
}

const DnsmasqName* find_dnsmasq_letter(char letter) {
    if (letter == '\0') return nullptr;
    for (const auto& row : names)
        if (row.letter == letter) return &row;
    return nullptr;
}

}  // namespace lictor
