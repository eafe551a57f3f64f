// The options about replies of all kinds. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/reply.hpp"

#include <algorithm>

#include "conf/options/option_access.hpp"
#include "conf/values/range_values.hpp"

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
    {.name = "rrl-ratelimit",
     .shape = Shape::value,
     .own = true,
     .argument = "<n>",
     .help = "queries that a client in a network may send each second over UDP",
     .reference =
         "Number of queries that each worker answers in full each second for one client over UDP (response rate limiting, so that nobody "
         "uses lictor to send traffic to a forged address). A client is an IPv4 address or an IPv6 network of 56 bits. Further queries "
         "are answered as `rrl-slip` says. No limit applies to this machine's own clients, over TCP, and to clients with a DNS cookie of "
         "lictor's (RFC 7873). 0: no limit.",
     .default_text = "1000",
     .sample = "1000",
     .field = number<&ReplyOptions::rrl_ratelimit, 0, 1000000>},
    {.name = "rrl-slip",
     .shape = Shape::value,
     .own = true,
     .argument = "<n>",
     .help = "above rrl-ratelimit, how many queries get one reply",
     .reference = "Above `rrl-ratelimit` one of this number of queries gets a reply, which is not longer than the query and makes the "
                  "client ask over TCP (TC); a client that sent a DNS cookie gets BADCOOKIE with a new one instead. The others get none. "
                  "1: each gets one. 0: none gets one.",
     .default_text = "1",
     .sample = "2",
     .field = number<&ReplyOptions::rrl_slip, 0, 1000>},
    {.name = "rrl-exempt",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<ip>[/<bits>]",
     .help = "clients without rrl-ratelimit",
     .reference = "An address or network whose clients `rrl-ratelimit` does not apply to.",
     .default_text = "none",
     .sample = "10.0.0.0/8",
     .field = field_with<&ReplyOptions::rrl_exempt, add_parsed<&ReplyOptions::rrl_exempt, parse_network, Markers::removed>,
                         get_rules<&ReplyOptions::rrl_exempt>>},
    {.name = "no-answer-cookie",
     .times = Times::repeatable,
     .own = true,
     .help = "ignore DNS cookies of clients in networks",
     .reference =
         "Ignores the DNS cookies of clients in networks. Without this option such a client that sends one gets one (RFC 7873, RFC 9018), "
         "which shows later that its address is not forged. Clients on this machine get none: nobody can forge their address.",
     .default_text = "off",
     .field = flag<&ReplyOptions::no_answer_cookie>},
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
