// Options → Filters, and the checks.
#include "resolver/rules/filters.hpp"

#include <algorithm>

#include "conf/options/options.hpp"
#include "conf/values/range_values.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::rules {

bool Filters::filters_type(std::uint16_t type, std::uint16_t asked) const {
    const auto listed = [&](std::uint16_t which) { return std::find(types.begin(), types.end(), which) != types.end(); };
    // RFC 8482 §4.3: an answer to ANY may be a subset; A, AAAA, MX and CNAME stay.
    if (asked == rrtype::any && listed(rrtype::any) && type != rrtype::a && type != rrtype::aaaa && type != rrtype::mx &&
        type != rrtype::cname)
        return true;
    return type != rrtype::any && listed(type);
}

bool Filters::checks_rebind(const wire::Name& lower) const {
    return rebind &&
           std::none_of(rebind_ok.begin(), rebind_ok.end(), [&](const wire::Name& domain) { return lower.is_below_or_equal(domain); });
}

Address Filters::translated(const Address& address) const {
    if (address.v6) return address;
    for (const conf::AddressTranslation& rule : translations) {
        bool hit = true;
        if (rule.first.bytes != rule.last.bytes) {
            hit = rule.first.bytes <= address.bytes && address.bytes <= rule.last.bytes;
        } else {
            for (std::size_t i = 0; i < 4; ++i)
                hit = hit && (address.bytes[i] & rule.mask.bytes[i]) == (rule.first.bytes[i] & rule.mask.bytes[i]);
        }
        if (!hit) continue;
        Address made = address;
        for (std::size_t i = 0; i < 4; ++i)
            made.bytes[i] =
                static_cast<std::uint8_t>((address.bytes[i] & ~rule.mask.bytes[i]) | (rule.replacement.bytes[i] & rule.mask.bytes[i]));
        return made;
    }
    return address;
}

std::shared_ptr<const Filters> make_filters(const conf::Options& options, std::vector<std::string>& notes) {
    auto made = std::make_shared<Filters>();
    made->bogus = options.bogus_nxdomain;
    made->ignored = options.ignore_address;
    made->rebind = options.stop_dns_rebind;
    made->rebind_localhost_ok = options.rebind_localhost_ok;
    made->types = options.filter_rr;
    if (options.filter_a) made->types.push_back(rrtype::a);
    if (options.filter_aaaa) made->types.push_back(rrtype::aaaa);
    made->translations = options.alias;
    // Services usually have private addresses, so Consul's domains are exempt.
    auto exempt = options.rebind_domain_ok;
    exempt.insert(exempt.end(), options.consul_domain.begin(), options.consul_domain.end());
    if (options.consul_domain.empty()) exempt.emplace_back("consul");
    for (const auto& text : exempt) {
        if (const auto name = wire::Name::parse(text)) made->rebind_ok.push_back(name->lower());
        else notes.push_back("rebind-domain-ok: '" + text + "' is not a domain name; skipped");
    }
    const bool idle = made->bogus.empty() && made->ignored.empty() && !made->rebind && made->types.empty() && made->translations.empty();
    return idle ? nullptr : made;
}

bool within_any(const std::vector<conf::Network>& networks, const Address& address) {
    return std::any_of(networks.begin(), networks.end(), [&](const conf::Network& network) { return conf::contains(network, address); });
}

bool is_private(const Address& address, bool localhost_ok) {
    static const auto list = [](std::initializer_list<const char*> texts) {
        std::vector<conf::Network> networks;
        for (const char* text : texts) networks.push_back(*conf::parse_network(text));
        return networks;
    };
    static const auto here = list({"127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"});
    static const auto inside = list({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "192.0.2.0/24", "198.51.100.0/24",
                                     "203.0.113.0/24", "255.255.255.255/32", "fe80::/10", "fec0::/10", "fd00::/8", "2001:db8::/32"});
    return (!localhost_ok && within_any(here, address)) || within_any(inside, address);
}

}  // namespace lictor::rules
