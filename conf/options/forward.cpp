// The options about forwarding. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/forward.hpp"

#include <algorithm>

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault set_forward_max(ForwardOptions& options, const Setting& setting) {
    if (auto fault = set_number<&ForwardOptions::dns_forward_max, 0, 0x7fffffff>(options, setting)) return fault;
    auto& count = options.dns_forward_max;
    if (count == 0) setting.notes.push_back("0 is not allowed: 1 is used");
    count = std::clamp(count, 1u, 1000000u);
    return std::nullopt;
}

Fault set_add_mac(ForwardOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    if (word.empty()) options.add_mac = AddMac::raw;
    else if (word == "base64") options.add_mac = AddMac::base64;
    else if (word == "text") options.add_mac = AddMac::text;
    else return shown(word) + " is neither base64 nor text";
    setting.notes.push_back("nothing is added: a client on this machine has no hardware address");
    return std::nullopt;
}

Texts get_add_mac(const ForwardOptions& options) {
    switch (options.add_mac) {
        case AddMac::off: return {};
        case AddMac::raw: return {""};
        case AddMac::base64: return {"base64"};
        case AddMac::text: break;
    }
    return {"text"};
}

Fault set_fast_retry(ForwardOptions& options, const Setting& setting) {
    const auto retry = parse_fast_retry(setting.value);
    if (!retry) return retry.error().text;
    options.fast_dns_retry = *retry;
    return std::nullopt;
}

Texts get_fast_retry(const ForwardOptions& options) { return options.fast_dns_retry ? Texts{text_of(*options.fast_dns_retry)} : Texts{}; }

Fault set_add_subnet(ForwardOptions& options, const Setting& setting) {
    const auto subnet = parse_client_subnet(setting.value);
    if (!subnet) return subnet.error().text;
    options.add_subnet = *subnet;
    return std::nullopt;
}

Texts get_add_subnet(const ForwardOptions& options) { return options.add_subnet ? Texts{text_of(*options.add_subnet)} : Texts{}; }

Fault clear_0x20(ForwardOptions& options, const Setting&) {
    options.do_0x20_encode = false;
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "strict-order",
     .letter = 'o',
     .times = Times::repeatable,
     .help = "use the upstreams in the order given",
     .reference = "Uses the upstreams in the order in which they are listed; the next one is asked only when one fails. Without this "
                  "option the upstream with the fewest failures and the shortest round-trip time is asked first.",
     .default_text = "off",
     .field = flag<&ForwardOptions::strict_order>},
    {.name = "all-servers",
     .times = Times::repeatable,
     .help = "ask all upstreams at once",
     .reference = "Sends each query to all upstreams at once and uses the first answer.",
     .default_text = "off",
     .field = flag<&ForwardOptions::all_servers>},
    {.name = "dns-forward-max",
     .letter = '0',
     .shape = Shape::value,
     .argument = "<n>",
     .help = "maximum number of queries that each worker has in flight",
     .reference = "Maximum number of queries that each worker has in flight to upstreams. Further queries are answered SERVFAIL, counted "
                  "and logged.",
     .default_text = "10000",
     .sample = "10000",
     .field = field_with<&ForwardOptions::dns_forward_max, set_forward_max, get_number<&ForwardOptions::dns_forward_max>>},
    {.name = "query-port",
     .letter = 'Q',
     .shape = Shape::value,
     .argument = "<port>",
     .help = "source port of queries to upstreams",
     .reference = "Sends all queries to upstreams from this port. 0: from one port that the kernel chooses. The default, random ports, "
                  "protects better against forged answers.",
     .default_text = "random",
     .sample = "53535",
     .field = number<&ForwardOptions::query_port, 0, 65535>},
    {.name = "min-port",
     .shape = Shape::value,
     .argument = "<port>",
     .help = "lowest random source port",
     .reference = "Random source ports are not below this port.",
     .default_text = "1024",
     .sample = "1024",
     .field = number<&ForwardOptions::min_port, 0, 65535>},
    {.name = "max-port",
     .shape = Shape::value,
     .argument = "<port>",
     .help = "highest random source port",
     .reference = "Random source ports are not above this port.",
     .default_text = "65535",
     .sample = "65535",
     .field = number<&ForwardOptions::max_port, 0, 65535>},
    {.name = "port-limit",
     .shape = Shape::value,
     .argument = "<n>",
     .help = "accepted for dnsmasq's files; without effect",
     .reference = "Number of source ports that dnsmasq uses for one query. Accepted for existing files: lictor uses a new random port "
                  "for every try.",
     .default_text = "1",
     .sample = "1",
     .refuses_empty = true,
     .field = number<&ForwardOptions::port_limit, 1, 65535>},
    {.name = "forward-timeout",
     .shape = Shape::value,
     .own = true,
     .argument = "<milliseconds>",
     .help = "milliseconds until a query without an answer gets SERVFAIL",
     .reference =
         "A client gets SERVFAIL if no upstream answered its query within this time. The default is below the 5 s after which glibc, "
         "musl and Go ask again. A reply that comes up to 5.5 s later still enters the cache.",
     .default_text = "4500",
     .sample = "4500",
     .field = number<&ForwardOptions::forward_timeout, 500, 30000>},
    {.name = "fast-dns-retry",
     .shape = Shape::optional,
     .argument = "[=<ms>[,<ms>]]",
     .help = "ask another upstream before the client retries",
     .reference = "Asks another upstream when none has answered after the first number of milliseconds, and gives up after the second "
                  "number. lictor always retries; the numbers replace its own times.",
     .default_text = "off",
     .sample = "1000,10000",
     .refuses_empty = true,
     .field = field_with<&ForwardOptions::fast_dns_retry, set_fast_retry, get_fast_retry>},
    {.name = "do-0x20-encode",
     .times = Times::repeatable,
     .help = "send names in random upper and lower case",
     .reference =
         "Sends names in random upper and lower case and accepts only replies that repeat this case. This makes replies harder to forge.",
     .default_text = "off",
     .field = flag<&ForwardOptions::do_0x20_encode>},
    {.name = "no-0x20-encode",
     .times = Times::repeatable,
     .help = "send names in the letter case of the client",
     .reference = "Sends names in the letter case of the client. Undoes `do-0x20-encode`.",
     .default_text = "on",
     .field = field_with<&ForwardOptions::do_0x20_encode, clear_0x20, nothing_of<ForwardOptions>>},
    {.name = "no-send-cookie",
     .times = Times::repeatable,
     .own = true,
     .help = "send no DNS cookies to upstreams",
     .reference = "Sends no DNS cookies to upstreams. Without this option queries to upstreams beyond loopback have one (RFC 7873), which "
                  "makes replies harder to forge. An upstream that does not answer with one is asked without for an hour.",
     .default_text = "off",
     .field = flag<&ForwardOptions::no_send_cookie>},
    {.name = "proxy-dnssec",
     .times = Times::repeatable,
     .help = "copy the AD bit of upstream replies",
     .reference = "Copies the AD bit (the answer was validated) from upstream replies. Use it only if the upstream and the network path to "
                  "it are trusted.",
     .default_text = "off",
     .field = flag<&ForwardOptions::proxy_dnssec>},
    {.name = "add-subnet",
     .shape = Shape::optional,
     .argument = "[=[<ip>/]<bits>[,[<ip>/]<bits>]]",
     .help = "send the client's subnet to upstreams",
     .reference = "Sends the first bits of the client's address with each query (EDNS client subnet, RFC 7871), for IPv4 and IPv6. With "
                  "an address in front of the bits that address is sent instead. The cache does not share such answers between subnets.",
     .default_text = "off",
     .sample = "24,56",
     .field = field_with<&ForwardOptions::add_subnet, set_add_subnet, get_add_subnet>},
    {.name = "strip-subnet",
     .times = Times::repeatable,
     .help = "accepted for dnsmasq's files; client subnets are never forwarded",
     .reference = "Accepted for existing files: lictor never forwards EDNS options of clients.",
     .default_text = "off",
     .field = flag<&ForwardOptions::strip_subnet>},
    {.name = "add-mac",
     .shape = Shape::optional,
     .times = Times::repeatable,
     .argument = "[=base64|text]",
     .help = "accepted for dnsmasq's files; without effect",
     .reference = "Accepted for existing files, with a warning: clients on the same machine have no hardware address, so none is sent.",
     .default_text = "off",
     .sample = "text",
     .refuses_empty = true,
     .field = field_with<&ForwardOptions::add_mac, set_add_mac, get_add_mac>},
    {.name = "strip-mac",
     .times = Times::repeatable,
     .help = "accepted for dnsmasq's files; hardware addresses are never forwarded",
     .reference = "Accepted for existing files: lictor never forwards EDNS options of clients.",
     .default_text = "off",
     .field = flag<&ForwardOptions::strip_mac>},
    {.name = "add-cpe-id",
     .shape = Shape::value,
     .argument = "<text>",
     .help = "send an identifier of this site to upstreams",
     .reference = "Sends this text with each query, in dnsmasq's EDNS option for it.",
     .default_text = "none",
     .sample = "site-1",
     .field = text<&ForwardOptions::add_cpe_id>},
};
static_assert(every_field_has_a_row<ForwardOptions>(rows));

}  // namespace

const RowGroup forward_group{"Forwarding", rows};

}  // namespace lictor::conf
