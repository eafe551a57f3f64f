// The options that filter upstream answers. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/filter.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault add_rebind_domains(FilterOptions& options, const Setting& setting) {
    auto domains = parse_rebind_domains(setting.value);
    if (!domains) return domains.error().text;
    for (auto& domain : *domains) options.rebind_domain_ok.push_back(std::move(domain));
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "bogus-nxdomain",
     .letter = 'B',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<ip>[/<bits>]",
     .help = "turn upstream answers with this address into NXDOMAIN",
     .reference = "Turns an upstream answer into NXDOMAIN if it contains an address in this network.",
     .default_text = "none",
     .sample = "192.0.2.64",
     .refuses_empty = true,
     .field = field_with<&FilterOptions::bogus_nxdomain, add_parsed<&FilterOptions::bogus_nxdomain, parse_network, Markers::removed>,
                         get_rules<&FilterOptions::bogus_nxdomain>>},
    {.name = "ignore-address",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<ip>[/<bits>]",
     .help = "drop upstream answers with this address",
     .reference = "Drops an upstream answer if it contains an address in this network. Another upstream may still answer.",
     .default_text = "none",
     .sample = "192.0.2.65",
     .refuses_empty = true,
     .field = field_with<&FilterOptions::ignore_address, add_parsed<&FilterOptions::ignore_address, parse_network, Markers::removed>,
                         get_rules<&FilterOptions::ignore_address>>},
    {.name = "stop-dns-rebind",
     .times = Times::repeatable,
     .help = "refuse upstream answers with private addresses",
     .reference = "Refuses and logs upstream answers with private addresses. Answers from Consul and for its domains may contain them.",
     .default_text = "off",
     .field = flag<&FilterOptions::stop_dns_rebind>},
    {.name = "rebind-localhost-ok",
     .times = Times::repeatable,
     .help = "allow 127.0.0.0/8 despite stop-dns-rebind",
     .reference = "Exempts 127.0.0.0/8 from `stop-dns-rebind`, for block lists that answer with it.",
     .default_text = "off",
     .field = flag<&FilterOptions::rebind_localhost_ok>},
    {.name = "rebind-domain-ok",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "/<domain>[/<domain>]/",
     .help = "allow private addresses in upstream answers for this domain",
     .reference = "Exempts these domains from `stop-dns-rebind`.",
     .default_text = "none",
     .sample = "/example.com/",
     .field = field_with<&FilterOptions::rebind_domain_ok, add_rebind_domains, get_texts<&FilterOptions::rebind_domain_ok>>},
    {.name = "filter-A",
     .times = Times::repeatable,
     .help = "remove A records from upstream answers",
     .reference = "Removes A records from upstream answers.",
     .default_text = "off",
     .field = flag<&FilterOptions::filter_a>},
    {.name = "filter-AAAA",
     .times = Times::repeatable,
     .help = "remove AAAA records from upstream answers",
     .reference = "Removes AAAA records from upstream answers.",
     .default_text = "off",
     .field = flag<&FilterOptions::filter_aaaa>},
    {.name = "filter-rr",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<type>[,<type>]",
     .help = "remove records of these types from upstream answers",
     .reference = "Removes records of these types from upstream answers.",
     .default_text = "none",
     .sample = "HTTPS",
     .field = types<&FilterOptions::filter_rr>},
    {.name = "alias",
     .letter = 'V',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<old>[-<end>],<new>[,<mask>]",
     .help = "replace IPv4 addresses in upstream answers",
     .reference = "Replaces IPv4 addresses in upstream answers. With a mask the host part is kept.",
     .default_text = "none",
     .sample = "192.0.2.0,198.51.100.0,255.255.255.0",
     .refuses_empty = true,
     .field = rules<&FilterOptions::alias, parse_translation>},
};
static_assert(every_field_has_a_row<FilterOptions>(rows));

}  // namespace

const RowGroup filter_group{"Filters", rows};

}  // namespace lictor::conf
