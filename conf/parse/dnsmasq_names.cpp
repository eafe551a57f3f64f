// The names, letters and argument kinds of those options of dnsmasq (2.80 to 2.93) that are not in the rows. As in dnsmasq, a missing value
// or a superfluous value is an error. On a command line the kind decides whether the next word is the value.
#include "conf/parse/dnsmasq_names.hpp"

namespace lictor::conf {
namespace {

constexpr DnsmasqName names[] = {
    {"log-malloc", '\0', '-', Unsupported::plain, ""},
    {"enable-dbus", '1', '?', Unsupported::plain, "", true},
    {"enable-ubus", '\0', '?', Unsupported::plain, "", true},
    {"dnssec", '\0', '-', Unsupported::security, "answers are not validated"},
    {"dnssec-check-unsigned", '\0', '?', Unsupported::security, "answers are not validated"},
    {"dnssec-no-timecheck", '\0', '-', Unsupported::security, ""},
    {"dnssec-timestamp", '\0', '1', Unsupported::security, "", true},
    {"dnssec-debug", '\0', '-', Unsupported::security, ""},
    {"dnssec-limits", '\0', '1', Unsupported::security, "", true},
    {"connmark-allowlist-enable", '\0', '?', Unsupported::security, "every client may ask for every name", true},
    {"connmark-allowlist", '\0', '1', Unsupported::security, "every client may ask for every name"},
    {"conntrack", '\0', '-', Unsupported::security, ""},
    {"auth-server", '\0', '1', Unsupported::security, "no authoritative zone is served", true},
    {"auth-zone", '\0', '1', Unsupported::security, "no authoritative zone is served"},
    {"auth-ttl", '\0', '1', Unsupported::security, "", true},
    {"auth-soa", '\0', '1', Unsupported::security, "", true},
    {"auth-sec-servers", '\0', '1', Unsupported::security, ""},
    {"auth-peer", '\0', '1', Unsupported::security, ""},
    {"ipset", '\0', '1', Unsupported::security, "no address is added to a set"},
    {"nftset", '\0', '1', Unsupported::security, "no address is added to a set"},
    {"umbrella", '\0', '?', Unsupported::security, "", true},
    {"conf-script", '\0', '1', Unsupported::security, "the program is not run"},
    // Debian's start script puts this on every command line. Without `dnssec` a trust anchor has no effect.
    {"trust-anchor", '\0', '1', Unsupported::quiet, ""},
    {"dhcp-range", 'F', '1', Unsupported::dhcp, ""},
    {"dhcp-host", 'G', '1', Unsupported::dhcp, ""},
    {"dhcp-hostsfile", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-hostsdir", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-optsfile", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-optsdir", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-option", 'O', '1', Unsupported::dhcp, ""},
    {"dhcp-option-force", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-option-pxe", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-boot", 'M', '1', Unsupported::dhcp, ""},
    {"dhcp-userclass", 'j', '1', Unsupported::dhcp, ""},
    {"dhcp-vendorclass", 'U', '1', Unsupported::dhcp, ""},
    {"dhcp-circuitid", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-remoteid", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-subscrid", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-pxe-vendor", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-ignore", 'J', '1', Unsupported::dhcp, ""},
    {"dhcp-ignore-names", '\0', '?', Unsupported::dhcp, ""},
    {"dhcp-ignore-clid", '\0', '-', Unsupported::dhcp, ""},
    {"dhcp-broadcast", '\0', '?', Unsupported::dhcp, ""},
    {"dhcp-authoritative", 'K', '-', Unsupported::dhcp, ""},
    {"dhcp-lease", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-leasefile", 'l', '?', Unsupported::dhcp, "", true},
    {"dhcp-lease-max", 'X', '1', Unsupported::dhcp, "", true},
    {"dhcp-mac", '4', '1', Unsupported::dhcp, ""},
    {"dhcp-script", '6', '1', Unsupported::dhcp, "", true},
    {"dhcp-luascript", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-scriptuser", '\0', '1', Unsupported::dhcp, "", true},
    {"dhcp-no-override", '\0', '-', Unsupported::dhcp, ""},
    {"dhcp-match", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-name-match", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-alternate-port", '\0', '?', Unsupported::dhcp, "", true},
    {"dhcp-fqdn", '\0', '-', Unsupported::dhcp, ""},
    {"dhcp-generate-names", '\0', '?', Unsupported::dhcp, ""},
    {"dhcp-proxy", '\0', '?', Unsupported::dhcp, ""},
    {"dhcp-relay", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-split-relay", '\0', '1', Unsupported::dhcp, ""},
    {"dhcp-sequential-ip", '\0', '-', Unsupported::dhcp, ""},
    {"dhcp-client-update", '\0', '-', Unsupported::dhcp, ""},
    {"dhcp-duid", '\0', '1', Unsupported::dhcp, "", true},
    {"dhcp-ttl", '\0', '1', Unsupported::dhcp, "", true},
    {"dhcp-reply-delay", '\0', '1', Unsupported::dhcp, "", true},
    {"dhcp-rapid-commit", '\0', '-', Unsupported::dhcp, ""},
    {"tag-if", '\0', '1', Unsupported::dhcp, ""},
    {"read-ethers", 'Z', '-', Unsupported::dhcp, ""},
    {"no-dhcp-interface", '2', '1', Unsupported::dhcp, ""},
    {"no-dhcpv4-interface", '\0', '1', Unsupported::dhcp, ""},
    {"no-dhcpv6-interface", '\0', '1', Unsupported::dhcp, ""},
    {"bootp-dynamic", '3', '?', Unsupported::dhcp, ""},
    {"bridge-interface", '\0', '1', Unsupported::dhcp, ""},
    {"shared-network", '\0', '1', Unsupported::dhcp, ""},
    {"no-ping", '5', '-', Unsupported::dhcp, ""},
    {"script-arp", '\0', '-', Unsupported::dhcp, ""},
    {"script-on-renewal", '\0', '-', Unsupported::dhcp, ""},
    {"leasefile-ro", '9', '-', Unsupported::dhcp, ""},
    {"pxe-prompt", '\0', '1', Unsupported::dhcp, ""},
    {"pxe-service", '\0', '1', Unsupported::dhcp, ""},
    {"enable-tftp", '\0', '?', Unsupported::dhcp, ""},
    {"tftp-root", '\0', '1', Unsupported::dhcp, ""},
    {"tftp-unique-root", '\0', '?', Unsupported::dhcp, ""},
    {"tftp-secure", '\0', '-', Unsupported::dhcp, ""},
    {"tftp-no-fail", '\0', '-', Unsupported::dhcp, ""},
    {"tftp-max", '\0', '1', Unsupported::dhcp, "", true},
    {"tftp-mtu", '\0', '1', Unsupported::dhcp, "", true},
    {"tftp-no-blocksize", '\0', '-', Unsupported::dhcp, ""},
    {"tftp-lowercase", '\0', '-', Unsupported::dhcp, ""},
    {"tftp-port-range", '\0', '1', Unsupported::dhcp, "", true},
    {"tftp-single-port", '\0', '-', Unsupported::dhcp, ""},
    {"log-dhcp", '\0', '-', Unsupported::dhcp, ""},
    {"quiet-dhcp", '\0', '-', Unsupported::dhcp, ""},
    {"quiet-dhcp6", '\0', '-', Unsupported::dhcp, ""},
    {"quiet-ra", '\0', '-', Unsupported::dhcp, ""},
    {"quiet-tftp", '\0', '-', Unsupported::dhcp, ""},
    {"enable-ra", '\0', '-', Unsupported::dhcp, ""},
    {"ra-param", '\0', '1', Unsupported::dhcp, ""},
    {"leasequery", '\0', '?', Unsupported::dhcp, ""},
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

}  // namespace lictor::conf
