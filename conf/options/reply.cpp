// The options about replies of all kinds. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/reply.hpp"

#include <algorithm>

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault set_edns_packet_max(ReplyOptions& options, const Setting& setting) {
    if (auto fault = set_number<&ReplyOptions::edns_packet_max, 0, 0x7fffffff>(options, setting)) return fault;
    options.edns_packet_max = std::clamp(options.edns_packet_max, 512u, 65535u);
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "edns-packet-max",
     .letter = 'P',
     .shape = Shape::value,
     .argument = "<bytes>",
     .help = "largest UDP message in bytes, offered through EDNS",
     .reference = "UDP payload size that lictor offers to upstreams and clients through EDNS. Longer messages use TCP. The default does "
                  "not limit replies to clients on this host, whose own EDNS size applies.",
     .default_text = "1232",
     .sample = "1232",
     .field = field_with<&ReplyOptions::edns_packet_max, set_edns_packet_max, get_number<&ReplyOptions::edns_packet_max>>},
    {.name = "domain-needed",
     .letter = 'D',
     .times = Times::repeatable,
     .help = "do not forward A and AAAA queries for names without a dot",
     .reference = "Does not forward A and AAAA queries for names without a dot. If local data has no such name, the answer is NXDOMAIN.",
     .default_text = "off",
     .field = flag<&ReplyOptions::domain_needed>},
    {.name = "bogus-priv",
     .letter = 'b',
     .times = Times::repeatable,
     .help = "do not forward reverse names of private addresses",
     .reference = "Does not forward PTR queries for private addresses. If local data has no such name, the answer is NXDOMAIN.",
     .default_text = "off",
     .field = flag<&ReplyOptions::bogus_priv>},
    {.name = "local-ttl",
     .letter = 'T',
     .shape = Shape::value,
     .argument = "<seconds>",
     .help = "TTL of local data",
     .reference = "TTL of answers from hosts files, `host-record` and `address`.",
     .default_text = "0",
     .sample = "0",
     .field = number<&ReplyOptions::local_ttl, 0, ttl_max>},
    {.name = "max-ttl",
     .shape = Shape::value,
     .argument = "<seconds>",
     .help = "maximum TTL in answers to clients",
     .reference = "Lowers larger TTLs in answers to clients to this value.",
     .default_text = "none",
     .sample = "3600",
     .field = ttl_unless_zero<&ReplyOptions::max_ttl>},
    {.name = "localise-queries",
     .letter = 'y',
     .times = Times::repeatable,
     .help = "answer hosts file addresses in the client's network only",
     .reference = "If a name has several addresses in hosts files, the answer contains only those in the network of the interface that "
                  "received the query.",
     .default_text = "off",
     .field = flag<&ReplyOptions::localise_queries>},
    {.name = "no-ident",
     .times = Times::repeatable,
     .help = "do not answer version.bind and other CHAOS names",
     .reference = "Does not answer the CHAOS names (version.bind, hits.bind and the others). They are forwarded.",
     .default_text = "off",
     .field = flag<&ReplyOptions::no_ident>},
    {.name = "filterwin2k",
     .letter = 'f',
     .times = Times::repeatable,
     .help = "do not forward periodic queries of Windows",
     .reference = "Answers queries for SOA and SRV, and for ANY with an underscore in the name, and does not forward them.",
     .default_text = "off",
     .field = flag<&ReplyOptions::filterwin2k>},
    {.name = "no-round-robin",
     .times = Times::repeatable,
     .help = "keep the order of the records of an answer",
     .reference = "Keeps the records of an answer in a fixed order. Without this option the order is rotated.",
     .default_text = "off",
     .field = flag<&ReplyOptions::no_round_robin>},
};
static_assert(every_field_has_a_row<ReplyOptions>(rows));

}  // namespace

const RowGroup reply_group{"Replies", rows};

}  // namespace lictor::conf
