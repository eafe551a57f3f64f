// What most files of application nodes hold: listening, upstreams, local data, the cache, the process. They stand first in their groups;
// dnsmasq's rarer options follow in rows_forwarding.hpp and rows_records.hpp. Included by option_rows.cpp only.
#pragma once

#include "conf/option_dnsmasq.hpp"
#include "conf/option_special.hpp"

namespace lictor {
namespace rows {

using namespace access;

inline constexpr Row main[] = {
    // ---- listening
    {.name = "port", .letter = 'p', .shape = Shape::value, .group = Group::listening,
     .argument = "<port>", .help = "UDP and TCP port to listen on",
     .reference = "Port for questions over UDP and TCP. 0 switches DNS off, as in dnsmasq. A new port below 1024 takes a "
                  "restart: on HUP lictor is an ordinary user.",
     .initial = "53", .sample = "53",
     .field = Field::port, .set = set_port, .get = get_number<&Options::port>},
    {.name = "listen-address", .letter = 'a', .shape = Shape::value, .times = Times::repeatable, .group = Group::listening,
     .argument = "<ip>[,<ip>]", .help = "address to listen on; several with commas",
     .reference = "Addresses to listen on, several on one line with commas or on several lines. Without it and without `interface` "
                  "lictor listens on 127.0.0.1 and ::1 only, unlike dnsmasq. 0.0.0.0 and :: open it to all networks that the "
                  "machine has an address in, to nobody beyond them, and are refused under `strict`.",
     .initial = "127.0.0.1 and ::1", .sample = "127.0.0.1",
     .field = Field::listen_address, .set = add_list<&Options::listen_address, parse_address>, .get = get_listen_address},
    {.name = "interface", .letter = 'i', .shape = Shape::value, .times = Times::repeatable, .group = Group::listening,
     .argument = "<name>[,<name>]", .help = "interface to listen on; `*` may end it",
     .reference = "Listens on the addresses of this interface; `*` at the end stands for any ending. Loopback is added, as in "
                  "dnsmasq. Several with commas or on several lines.",
     .initial = "none", .sample = "eth0",
     .field = Field::interface, .set = add_list<&Options::interface, parse_interface>, .get = get_texts<&Options::interface>},
    {.name = "bind-interfaces", .letter = 'z', .times = Times::repeatable, .group = Group::listening,
     .help = "bind single addresses (always so)",
     .reference = "Binds the single addresses listened on rather than the wildcard. lictor always does; the name is accepted for "
                  "existing files.",
     .initial = "off",
     .field = Field::bind_interfaces, .set = set_flag<&Options::bind_interfaces>, .get = get_flag<&Options::bind_interfaces>},
    // ---- upstreams
    {.name = "server", .letter = 'S', .shape = Shape::value, .times = Times::repeatable, .group = Group::upstreams,
     .argument = "[/<domain>/]<ip>[#<port>]", .help = "upstream, for all names or for domains",
     .reference = "`server=IP[#PORT]` adds an upstream for every name; `server=/DOMAIN/IP[#PORT]` for a domain and all names below "
                  "it, where the longest domain wins and the words may be followed by `@INTERFACE` and `@SOURCE-IP[#PORT]`. `//` "
                  "stands for names without dots, an empty address for \"answer from local data only\", `#` for \"the standard "
                  "upstreams\". `/*DOMAIN/` is every name that ends so, `/*.DOMAIN/` what is below it alone. A name in place of the address is looked "
                  "up while running, in /etc/hosts and with the nameservers of /etc/resolv.conf, and followed when it leads elsewhere. "
                  "A line for Consul's own domain (`server=/consul/127.0.0.1#8600`) is read as a hint where Consul is: "
                  "its HTTP API at port 8500 of that address, its DNS at that port; deeper names (`server=/web.service.consul/…`) "
                  "stay routes.",
     .initial = "from resolv.conf", .sample = "/example.com/192.0.2.53#53",
     .field = Field::server, .set = add_server, .get = get_quoted_rules<&Options::server>},
    {.name = "local", .shape = Shape::value, .times = Times::repeatable, .group = Group::upstreams,
     .argument = "/<domain>/", .help = "domain answered from local data only",
     .reference = "The same as `server=/DOMAIN/` without an address: questions below the domain are answered from local data or "
                  "with NXDOMAIN, never forwarded.",
     .initial = "none", .sample = "/internal.example/",
     .field = Field::server, .set = add_server, .get = nothing_of},
    {.name = "no-resolv", .letter = 'R', .times = Times::repeatable, .group = Group::upstreams,
     .help = "do not read resolv.conf",
     .reference = "Takes upstreams from `server` only.",
     .initial = "off",
     .field = Field::no_resolv, .set = set_flag<&Options::no_resolv>, .get = get_flag<&Options::no_resolv>},
    {.name = "resolv-file", .letter = 'r', .shape = Shape::bare_or, .times = Times::repeatable, .group = Group::upstreams,
     .argument = "<path>", .help = "file to read upstreams from",
     .reference = "Reads `nameserver` lines from this file instead of /etc/resolv.conf and follows its changes, in a bind mount "
                  "too. Own addresses are skipped. Empty: reads none, like `no-resolv`.",
     .initial = "/etc/resolv.conf", .sample = "/etc/resolv.conf",
     .field = Field::resolv_file, .set = set_resolv_file, .get = get_texts<&Options::resolv_file>},
    {.name = "strict-order", .letter = 'o', .times = Times::repeatable, .group = Group::upstreams,
     .help = "ask upstreams in their order",
     .reference = "Asks the upstreams in the order in which they are listed, the next one only when one fails. Without it the best "
                  "by failures and round-trip time goes first.",
     .initial = "off",
     .field = Field::strict_order, .set = set_flag<&Options::strict_order>, .get = get_flag<&Options::strict_order>},
    {.name = "all-servers", .times = Times::repeatable, .group = Group::upstreams,
     .help = "ask all upstreams at once",
     .reference = "Sends each question to all upstreams at once and takes the first answer.",
     .initial = "off",
     .field = Field::all_servers, .set = set_flag<&Options::all_servers>, .get = get_flag<&Options::all_servers>},
    {.name = "dns-forward-max", .letter = '0', .shape = Shape::value, .group = Group::upstreams,
     .argument = "<n>", .help = "questions in flight upstream",
     .reference = "Questions that may be in flight upstream at once. Past it the answer is SERVFAIL, counted and said in the log.",
     .initial = "10000", .sample = "10000",
     .field = Field::dns_forward_max, .set = set_forward_max, .get = get_number<&Options::dns_forward_max>},
    {.name = "edns-packet-max", .letter = 'P', .shape = Shape::value, .group = Group::upstreams,
     .argument = "<bytes>", .help = "largest UDP reply asked for upstream",
     .reference = "The UDP size offered to upstreams and to clients through EDNS. Longer replies go over TCP.",
     .initial = "1232", .sample = "1232",
     .field = Field::edns_packet_max, .set = set_edns_packet_max, .get = get_number<&Options::edns_packet_max>},
    // ---- local data
    {.name = "address", .letter = 'A', .shape = Shape::value, .times = Times::repeatable, .group = Group::local_data,
     .argument = "/<domain>/[<ip>|#]", .help = "answer for a domain and all below it",
     .reference = "`address=/DOMAIN/IP` answers every name at or below the domain with this address; `#` as address gives 0.0.0.0 "
                  "and ::, no address NXDOMAIN. `/#/` is every name, `//` names without dots, `/*DOMAIN/` every name that ends so, `/*.DOMAIN/` "
                  "what is below it alone.",
     .initial = "none", .sample = "/ads.example/",
     .field = Field::address, .set = add_parsed<&Options::address, parse_address_rule, true>, .get = get_quoted_rules<&Options::address>},
    {.name = "host-record", .shape = Shape::value, .times = Times::repeatable, .group = Group::local_data,
     .argument = "<name>[,<name>],<ip>[,<ip>][,<ttl>]", .help = "names with their addresses",
     .reference = "A, AAAA and PTR records: names, then addresses, then perhaps a TTL.",
     .initial = "none", .sample = "db.example,192.0.2.7",
     .field = Field::host_record, .set = add_host_record, .get = get_rules<&Options::host_record>},
    {.name = "cname", .shape = Shape::value, .times = Times::repeatable, .group = Group::local_data,
     .argument = "<alias>[,<alias>],<target>[,<ttl>]", .help = "alias of another name",
     .reference = "Aliases of a target, perhaps with a TTL. The target may lie in Consul's domain; the answer then follows it, "
                  "leaders included.",
     .initial = "none", .sample = "pg.example,master.pg.service.consul",
     .field = Field::cname, .set = add_parsed<&Options::cname, parse_cname, false>, .get = get_rules<&Options::cname>},
    {.name = "no-hosts", .letter = 'h', .times = Times::repeatable, .group = Group::local_data,
     .help = "do not read /etc/hosts",
     .reference = "Leaves /etc/hosts alone; files named by `addn-hosts` are still read.",
     .initial = "off",
     .field = Field::no_hosts, .set = set_flag<&Options::no_hosts>, .get = get_flag<&Options::no_hosts>},
    {.name = "addn-hosts", .letter = 'H', .shape = Shape::value, .times = Times::repeatable, .group = Group::local_data,
     .argument = "<path>", .help = "further hosts file or folder",
     .reference = "Another file in the form of /etc/hosts, or a folder of such files.",
     .initial = "none", .sample = "/etc/lictor.hosts",
     .field = Field::addn_hosts, .set = add_text<&Options::addn_hosts>, .get = get_texts<&Options::addn_hosts>},
    {.name = "domain-needed", .letter = 'D', .times = Times::repeatable, .group = Group::local_data,
     .help = "do not forward names without dots",
     .reference = "A and AAAA questions for names without a dot are not forwarded; what local data does not know is NXDOMAIN.",
     .initial = "off",
     .field = Field::domain_needed, .set = set_flag<&Options::domain_needed>, .get = get_flag<&Options::domain_needed>},
    {.name = "bogus-priv", .letter = 'b', .times = Times::repeatable, .group = Group::local_data,
     .help = "do not forward private reverse names",
     .reference = "PTR questions for private addresses that local data does not know are NXDOMAIN and not forwarded.",
     .initial = "off",
     .field = Field::bogus_priv, .set = set_flag<&Options::bogus_priv>, .get = get_flag<&Options::bogus_priv>},
    {.name = "local-ttl", .letter = 'T', .shape = Shape::value, .group = Group::local_data,
     .argument = "<seconds>", .help = "TTL of local data",
     .reference = "TTL of answers from hosts files, `host-record` and `address`.",
     .initial = "0", .sample = "0",
     .field = Field::local_ttl, .set = set_number<&Options::local_ttl, 0, ttl_max>, .get = get_number<&Options::local_ttl>},
    // ---- cache
    {.name = "cache-size", .letter = 'c', .shape = Shape::value, .group = Group::cache,
     .argument = "<n>", .help = "answers kept, 0 = none",
     .reference = "How many answers each worker keeps; their bytes are bounded as well. 0 switches the cache off.",
     .initial = "10000", .sample = "10000",
     .field = Field::cache_size, .set = set_number<&Options::cache_size, 0, 10000000>, .get = get_number<&Options::cache_size>},
    {.name = "no-negcache", .letter = 'N', .times = Times::repeatable, .group = Group::cache,
     .help = "do not keep negative answers",
     .reference = "Keeps no NXDOMAIN and no \"no such data\" answers.",
     .initial = "off",
     .field = Field::no_negcache, .set = set_flag<&Options::no_negcache>, .get = get_flag<&Options::no_negcache>},
    {.name = "neg-ttl", .shape = Shape::value, .group = Group::cache,
     .argument = "<seconds>", .help = "TTL of negative answers without SOA",
     .reference = "For how long a negative answer without a SOA record is kept. Unset, such answers are not kept.",
     .initial = "none", .sample = "60",
     .field = Field::neg_ttl, .set = set_number<&Options::neg_ttl, 0, ttl_max>, .get = get_number<&Options::neg_ttl>},
    {.name = "max-ttl", .shape = Shape::value, .group = Group::cache,
     .argument = "<seconds>", .help = "highest TTL handed out",
     .reference = "TTLs above this are lowered in what clients get.",
     .initial = "none", .sample = "3600",
     .field = Field::max_ttl, .set = set_number<&Options::max_ttl, 0, ttl_max>, .get = get_number<&Options::max_ttl>},
    {.name = "max-cache-ttl", .shape = Shape::value, .group = Group::cache,
     .argument = "<seconds>", .help = "longest time an answer is kept",
     .reference = "Answers are kept no longer than this, whatever their TTL.",
     .initial = "none", .sample = "3600",
     .field = Field::max_cache_ttl, .set = set_number<&Options::max_cache_ttl, 0, ttl_max>, .get = get_number<&Options::max_cache_ttl>},
    {.name = "min-cache-ttl", .shape = Shape::value, .group = Group::cache,
     .argument = "<seconds>", .help = "shortest time an answer is kept",
     .reference = "Answers are kept at least this long, whatever their TTL; at most 3600.",
     .initial = "none", .sample = "0",
     .field = Field::min_cache_ttl, .set = set_min_cache_ttl, .get = get_number<&Options::min_cache_ttl>},
    // ---- process
    {.name = "log-queries", .letter = 'q', .shape = Shape::optional, .times = Times::repeatable, .group = Group::process,
     .argument = "[=extra]", .help = "log every question",
     .reference = "Logs each question and where its answer came from, in dnsmasq's words. `extra` puts a serial number and the client "
                  "at the beginning of each line, so that the lines of one question can be found together.",
     .initial = "off",
     .field = Field::log_queries, .set = set_log_queries, .get = get_log_queries},
    {.name = "log-facility", .letter = '8', .shape = Shape::emptiable, .group = Group::process, .reload = Reload::restart,
     .argument = "<facility>|<path>|-", .help = "where the log goes",
     .reference = "Empty: stdout. `-`: stderr. A path: that file, opened again on USR2. Anything else: a syslog facility.",
     .initial = "empty (stdout)", .sample = "-",
     .field = Field::log_facility, .set = set_checked<&Options::log_facility, parse_log_facility>, .get = get_emptiable<&Options::log_facility>},
    {.name = "user", .letter = 'u', .shape = Shape::bare_or, .group = Group::process, .reload = Reload::restart,
     .argument = "<name>", .help = "user to become once bound",
     .reference = "User to change to after the sockets are bound, when started as root. Empty (`user=`): stays who it is.",
     .initial = "nobody", .sample = "nobody",
     .field = Field::user, .set = set_text<&Options::user>, .get = get_emptiable<&Options::user>},
    {.name = "group", .letter = 'g', .shape = Shape::bare_or, .group = Group::process, .reload = Reload::restart,
     .argument = "<name>", .help = "group to become once bound",
     .reference = "Group to change to after the sockets are bound. Empty: the user's own.",
     .initial = "empty (stay)", .sample = "nogroup",
     .field = Field::group, .set = set_text<&Options::group>, .get = get_text<&Options::group>},
    {.name = "pid-file", .letter = 'x', .shape = Shape::bare_or, .group = Group::process, .reload = Reload::restart,
     .argument = "<path>", .help = "file for the process id",
     .reference = "File that the process id is written to. As dnsmasq does, lictor then goes to the background once it serves, unless "
                  "`keep-in-foreground` or `no-daemon` is given or a supervisor waits for word (NOTIFY_SOCKET); its log goes to "
                  "syslog where `log-facility` says nothing. Empty: none, and lictor stays in the foreground.",
     .initial = "empty (none)", .sample = "/run/lictor.pid",
     .field = Field::pid_file, .set = set_text<&Options::pid_file>, .get = get_text<&Options::pid_file>},
    {.name = "keep-in-foreground", .letter = 'k', .times = Times::repeatable, .group = Group::process, .reload = Reload::restart,
     .help = "stay in the foreground",
     .reference = "Stays in the foreground where a `pid-file` would send lictor to the background.",
     .initial = "off",
     .field = Field::keep_in_foreground, .set = set_flag<&Options::keep_in_foreground>, .get = get_flag<&Options::keep_in_foreground>},
    {.name = "no-daemon", .letter = 'd', .times = Times::repeatable, .group = Group::process, .reload = Reload::restart,
     .help = "debug: log to stderr, keep the user",
     .reference = "Stays in the foreground with the log on stderr, and does not change user.",
     .initial = "off",
     .field = Field::no_daemon, .set = set_flag<&Options::no_daemon>, .get = get_flag<&Options::no_daemon>},
    {.name = "threads", .shape = Shape::value, .group = Group::process, .own = true, .reload = Reload::restart,
     .argument = "<n>", .help = "workers that answer",
     .reference = "Threads that answer questions, each with its own sockets and cache. One is enough for most application nodes.",
     .initial = "1", .sample = "1",
     .field = Field::threads, .set = set_number<&Options::threads, 1, 64>, .get = get_number<&Options::threads>},
    {.name = "strict", .times = Times::repeatable, .group = Group::process, .own = true,
     .help = "refuse what would only be warned about",
     .reference = "Turns warnings with a meaning for security into errors: a wildcard listen address, and options of dnsmasq that "
                  "protect something and are not supported.",
     .initial = "off",
     .field = Field::strict, .set = set_flag<&Options::strict>, .get = get_flag<&Options::strict>},
};

}  // namespace rows
}  // namespace lictor
