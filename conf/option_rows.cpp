// The rows themselves, in the order in which people read them: the ones here, then in each group those of rows_*.hpp. What a value
// means is in option_special.cpp, option_dnsmasq.cpp and option_values.cpp; fields and rows are counted against each other below.
#include "conf/option_rows.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "conf/option_access.hpp"
#include "conf/option_special.hpp"
#include "conf/shadow_value.hpp"
#include "conf/rows_forwarding.hpp"
#include "conf/rows_records.hpp"

namespace lictor {
namespace {

using namespace access;

constexpr Row main_rows[] = {
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
                  "lictor listens on 127.0.0.1 and ::1 only, unlike dnsmasq. 0.0.0.0 and :: open it to everybody who reaches the "
                  "machine and are refused under `strict`.",
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
                  "upstreams\". A line for Consul's own domain (`server=/consul/127.0.0.1#8600`) is read as a hint where Consul is: "
                  "its HTTP API at port 8500 of that address, its DNS at that port; deeper names (`server=/web.service.consul/…`) "
                  "stay routes. The upstream is an address, never a name.",
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
     .reference = "The UDP size offered to upstreams through EDNS. Longer replies come over TCP.",
     .initial = "1232", .sample = "1232",
     .field = Field::edns_packet_max, .set = set_edns_packet_max, .get = get_number<&Options::edns_packet_max>},
    // ---- local data
    {.name = "address", .letter = 'A', .shape = Shape::value, .times = Times::repeatable, .group = Group::local_data,
     .argument = "/<domain>/[<ip>|#]", .help = "answer for a domain and all below it",
     .reference = "`address=/DOMAIN/IP` answers every name at or below the domain with this address; `#` as address gives 0.0.0.0 "
                  "and ::, no address NXDOMAIN. `/#/` is every name.",
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
    // ---- Consul
    {.name = "consul-http-addr", .shape = Shape::emptiable, .times = Times::repeatable, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_ADDR",
     .argument = "<url>", .help = "Consul HTTP API; empty = Consul is off",
     .reference = "`host:port`, `http://host:port`, `https://host:port`, each perhaps with a path behind it, or `unix:///path`. "
                  "Several lines are tried in order when one fails. Without a port 8500 is used, with https 8501. Empty: Consul is "
                  "off. Not given: `CONSUL_HTTP_ADDR`, else the address of a `server=/consul/IP#PORT` line with port 8500, else "
                  "`http://127.0.0.1:8500`.",
     .initial = "see above", .sample = "http://127.0.0.1:8500",
     .field = Field::consul_http_addr, .set = add_consul_http_addr, .get = get_consul_http_addr},
    {.name = "CONSUL_HTTP_TOKEN", .shape = Shape::environment, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_TOKEN",
     .help = "ACL token",
     .reference = "ACL token sent to Consul. A token file wins over it.",
     .field = Field::consul_token, .set = set_text<&Options::consul_token>, .get = get_secret<&Options::consul_token>},
    {.name = "consul-token-file", .shape = Shape::value, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_TOKEN_FILE",
     .argument = "<path>", .help = "file with the ACL token",
     .reference = "File with the ACL token; blanks around it are removed. Wins over `CONSUL_HTTP_TOKEN`. Read again on HUP.",
     .initial = "`CONSUL_HTTP_TOKEN_FILE`", .sample = "/etc/lictor.token",
     .field = Field::consul_token_file, .set = set_text<&Options::consul_token_file>, .get = get_text<&Options::consul_token_file>},
    {.name = "CONSUL_HTTP_AUTH", .shape = Shape::environment, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_AUTH",
     .help = "user and password for HTTP",
     .reference = "`user:password` for HTTP basic authentication in front of Consul.",
     .field = Field::consul_http_auth, .set = set_text<&Options::consul_http_auth>, .get = get_secret<&Options::consul_http_auth>},
    {.name = "CONSUL_HTTP_SSL", .shape = Shape::environment, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_SSL",
     .help = "use https",
     .reference = "True: https for every address of Consul but a socket.",
     .set = set_consul_tls, .get = nothing_of},
    {.name = "CONSUL_HTTP_SSL_VERIFY", .shape = Shape::environment, .group = Group::consul, .own = true, .variable = "CONSUL_HTTP_SSL_VERIFY",
     .help = "check the certificate",
     .reference = "False: Consul's certificate is not checked.",
     .field = Field::consul_tls_verify, .set = set_consul_tls_verify, .get = get_consul_tls_verify},
    {.name = "consul-ca-file", .shape = Shape::value, .group = Group::consul, .own = true, .variable = "CONSUL_CACERT",
     .argument = "<path>", .help = "CA certificates (PEM)",
     .reference = "Certificates that Consul's own must be signed by.",
     .initial = "`CONSUL_CACERT`", .sample = "/etc/ssl/consul-ca.pem",
     .field = Field::consul_ca_file, .set = set_text<&Options::consul_ca_file>, .get = get_text<&Options::consul_ca_file>},
    {.name = "CONSUL_CAPATH", .shape = Shape::environment, .group = Group::consul, .own = true, .variable = "CONSUL_CAPATH",
     .help = "folder of CA certificates",
     .reference = "Folder of CA certificates in OpenSSL's hashed form.",
     .field = Field::consul_ca_path, .set = set_text<&Options::consul_ca_path>, .get = get_text<&Options::consul_ca_path>},
    {.name = "consul-cert-file", .shape = Shape::value, .group = Group::consul, .own = true, .variable = "CONSUL_CLIENT_CERT",
     .argument = "<path>", .help = "client certificate (PEM)",
     .reference = "Certificate shown to Consul; needs `consul-key-file`.",
     .initial = "`CONSUL_CLIENT_CERT`", .sample = "/etc/ssl/lictor.pem",
     .field = Field::consul_cert_file, .set = set_text<&Options::consul_cert_file>, .get = get_text<&Options::consul_cert_file>},
    {.name = "consul-key-file", .shape = Shape::value, .group = Group::consul, .own = true, .variable = "CONSUL_CLIENT_KEY",
     .argument = "<path>", .help = "key of the client certificate (PEM)",
     .reference = "Private key of `consul-cert-file`.",
     .initial = "`CONSUL_CLIENT_KEY`", .sample = "/etc/ssl/lictor.key",
     .field = Field::consul_key_file, .set = set_text<&Options::consul_key_file>, .get = get_text<&Options::consul_key_file>},
    {.name = "consul-tls-server-name", .shape = Shape::value, .group = Group::consul, .own = true, .variable = "CONSUL_TLS_SERVER_NAME",
     .argument = "<name>", .help = "name expected in the certificate",
     .reference = "Server name sent in the TLS handshake and expected in Consul's certificate.",
     .initial = "`CONSUL_TLS_SERVER_NAME`", .sample = "server.dc1.consul",
     .field = Field::consul_tls_server_name, .set = set_checked<&Options::consul_tls_server_name, parse_domain>, .get = get_text<&Options::consul_tls_server_name>},
    {.name = "consul-datacenter", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<name>", .help = "local datacenter",
     .reference = "Datacenter that names without one belong to. The agent is asked when it is not given.",
     .initial = "from the agent", .sample = "dc1",
     .field = Field::consul_datacenter, .set = set_checked<&Options::consul_datacenter, parse_domain>, .get = get_text<&Options::consul_datacenter>},
    {.name = "consul-domain", .shape = Shape::value, .times = Times::repeatable, .group = Group::consul, .own = true,
     .argument = "<domain>", .help = "domain answered from Consul",
     .reference = "Domain answered from Consul's catalog; several lines for several domains.",
     .initial = "from the agent, else `consul`", .sample = "consul",
     .field = Field::consul_domain, .set = add_consul_domain, .get = get_texts<&Options::consul_domain>},
    {.name = "consul-dns", .shape = Shape::emptiable, .group = Group::consul, .own = true,
     .argument = "<ip>[#<port>]", .help = "agent's DNS port for what HTTP cannot tell; empty = none",
     .reference = "Prepared queries and other kinds that HTTP cannot tell are asked from here. Not given: the address and port of a"
                  " `server=/consul/IP#PORT` line, else 127.0.0.1#8600. Empty: never asked.",
     .initial = "see above", .sample = "127.0.0.1#8600",
     .field = Field::consul_dns, .set = set_consul_dns, .get = get_consul_dns},
    {.name = "consul-consistency", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "stale|default|consistent", .help = "consistency of reads of services and nodes",
     .reference = "How services and nodes are read. Keys of leaders are always read through Consul's leader.",
     .initial = "stale", .sample = "stale",
     .field = Field::consul_consistency, .set = set_consul_consistency, .get = get_consul_consistency},
    {.name = "consul-only-passing", .shape = Shape::optional, .group = Group::consul, .own = true,
     .argument = "[=on|off]", .help = "leave out instances with warnings",
     .reference = "Answers name only instances whose checks all pass. Not given: as the agent's `dns_config` says.",
     .initial = "from the agent", .sample = "off",
     .field = Field::consul_only_passing, .set = set_consul_only_passing, .get = get_consul_only_passing},
    {.name = "consul-service-ttl", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<seconds>", .help = "TTL of services",
     .reference = "TTL of answers about services. Not given: as the agent's `dns_config` says. Leaders always have TTL 0.",
     .initial = "from the agent", .sample = "0",
     .field = Field::consul_service_ttl, .set = set_number<&Options::consul_service_ttl, 0, ttl_max>, .get = get_number<&Options::consul_service_ttl>},
    {.name = "consul-node-ttl", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<seconds>", .help = "TTL of nodes",
     .reference = "TTL of answers about nodes. Not given: as the agent's `dns_config` says.",
     .initial = "from the agent", .sample = "0",
     .field = Field::consul_node_ttl, .set = set_number<&Options::consul_node_ttl, 0, ttl_max>, .get = get_number<&Options::consul_node_ttl>},
    {.name = "consul-watch", .shape = Shape::value, .times = Times::repeatable, .group = Group::consul, .own = true,
     .argument = "<service>", .help = "service watched from the start",
     .reference = "Service that is known before the first question; one name on a line. Others are fetched by the first question "
                  "for them.",
     .initial = "none", .sample = "web",
     .field = Field::consul_watch, .set = add_parsed<&Options::consul_watch, parse_domain, true>, .get = get_texts<&Options::consul_watch>},
    {.name = "consul-watch-max", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<n>", .help = "services watched at once",
     .reference = "Past this number services are asked from the agent's DNS. Each watch holds one of the 200 connections that an "
                  "agent takes from one address.",
     .initial = "128", .sample = "128",
     .field = Field::consul_watch_max, .set = set_consul_watch_max, .get = get_number<&Options::consul_watch_max>},
    {.name = "consul-watch-idle", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<seconds>", .help = "seconds until an unasked watch ends",
     .reference = "A service that nobody has asked for during this time is no longer watched.",
     .initial = "600", .sample = "600",
     .field = Field::consul_watch_idle, .set = set_number<&Options::consul_watch_idle, 1, seconds_max>, .get = get_number<&Options::consul_watch_idle>},
    {.name = "consul-max-stale", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "<seconds>", .help = "seconds that answers outlive contact, 0 = for ever",
     .reference = "How long the last known answers go on when Consul cannot be reached.",
     .initial = "0", .sample = "0",
     .field = Field::consul_max_stale, .set = set_number<&Options::consul_max_stale, 0, seconds_max>, .get = get_number<&Options::consul_max_stale>},
    {.name = "consul-dns-compat", .shape = Shape::value, .group = Group::consul, .own = true,
     .argument = "fixed|strict", .help = "answers as they should be, or as the agent's",
     .reference = "`strict` repeats what the agent's own DNS does even where it is a known fault, `udp_answer_limit` included; "
                  "`fixed` has the named improvements.",
     .initial = "fixed", .sample = "fixed",
     .field = Field::consul_dns_compat, .set = set_consul_dns_compat, .get = get_consul_dns_compat},
    {.name = "snapshot-file", .shape = Shape::value, .group = Group::consul, .own = true, .reload = Reload::restart,
     .argument = "<path>", .help = "file that keeps what is known of Consul",
     .reference = "What is known of Consul is kept in this file (absolute path, in a folder of lictor's user) every ten seconds and at the end. After a "
                  "restart while Consul cannot be reached services are answered from it, with TTL 0 and extended error 3, until Consul "
                  "is read again; a leader only as long as Patroni's ttl since the last word from Consul. A damaged file is refused and written anew.",
     .initial = "none", .sample = "/var/lib/lictor/snapshot",
     .field = Field::snapshot_file, .set = set_checked<&Options::snapshot_file, parse_absolute_path>, .get = get_text<&Options::snapshot_file>},
    // ---- leaders
    {.name = "leader", .shape = Shape::value, .times = Times::repeatable, .group = Group::leaders, .own = true,
     .argument = "<scope>[,…]", .help = "Patroni scope to follow",
     .reference = "`SCOPE[,namespace=N][,service=S][,port=P][,address=kv|service|node]` follows a Patroni scope: the lock, the "
                  "members' own records and the Consul service S (else the scope as Patroni spells it for Consul). `master.` and `primary.` of the service answer exactly one address, that of the leader."
                  " `address=` says whether it is taken from the member's record in KV, from the service or from the node."
                  " `NAME,key=PATH[,port=P][,address=node|kv]` follows any other lock of Consul's (`consul lock P` keeps its own at "
                  "`P/.lock`): `NAME.leader` of the domain is the address of the node whose session holds the key, or with "
                  "`address=kv` the one that the key's value names (`host`, `host:port`, a URL or JSON). Patroni scopes that are "
                  "registered in the catalog are found without this option when a name of theirs is asked for, but not under "
                  "`consul-dns-compat=strict`.",
     .initial = "found by registration", .sample = "batman",
     .field = Field::leader, .set = add_parsed<&Options::leader, parse_leader, false>, .get = get_rules<&Options::leader>},
    {.name = "leader-hold", .shape = Shape::value, .group = Group::leaders, .own = true,
     .argument = "<milliseconds>", .help = "milliseconds a question waits for a leader",
     .reference = "A question for a leader is held this long while nobody leads, and answered the moment somebody does. 0: never "
                  "held.",
     .initial = "4000", .sample = "4000",
     .field = Field::leader_hold, .set = set_number<&Options::leader_hold, 0, 30000>, .get = get_number<&Options::leader_hold>},
    {.name = "leader-hold-max", .shape = Shape::value, .group = Group::leaders, .own = true,
     .argument = "<n>", .help = "questions held at once",
     .reference = "How many questions may be held at once. Past it the answer is SERVFAIL.",
     .initial = "10000", .sample = "10000",
     .field = Field::leader_hold_max, .set = set_number<&Options::leader_hold_max, 0, 1000000>, .get = get_number<&Options::leader_hold_max>},
    {.name = "leader-probe", .shape = Shape::optional, .group = Group::leaders, .own = true,
     .argument = "[=on|off]", .help = "ask a new lock holder's REST API for its role",
     .reference = "While a question is held and a member has the lock without having said that it is primary, its Patroni REST API (`api_url`) is "
                  "asked for its role every 50 ms: the answer comes about a second before Patroni writes the role into Consul. The REST port must "
                  "be reachable from here; https is checked against the system's authorities, and no token or certificate is sent.",
     .initial = "on", .sample = "on",
     .field = Field::leader_probe, .set = set_leader_probe, .get = get_leader_probe},
    {.name = "leader-max-stale", .shape = Shape::value, .group = Group::leaders, .own = true,
     .argument = "<seconds>", .help = "seconds that a leader outlives contact, 0 = for ever",
     .reference = "How long the last known leader is answered when Consul cannot be reached.",
     .initial = "0", .sample = "0",
     .field = Field::leader_max_stale, .set = set_number<&Options::leader_max_stale, 0, seconds_max>, .get = get_number<&Options::leader_max_stale>},
    {.name = "leader-max-lag", .shape = Shape::value, .group = Group::leaders, .own = true,
     .argument = "<bytes>", .help = "bytes of WAL past which a replica is not answered",
     .reference = "A replica that is further behind its leader than this is left out of `replica.` and `sync.`, and comes back below three "
                  "quarters of it; if all are, all are answered. Patroni writes positions once per `loop_wait`: a limit below the WAL "
                  "of two such rounds leaves out replicas that keep up.",
     .initial = "off", .sample = "67108864",
     .field = Field::leader_max_lag, .set = set_number<&Options::leader_max_lag, 0, 0x7fffffffffffffff>, .get = get_number<&Options::leader_max_lag>},
    {.name = "leader-last-resort", .times = Times::repeatable, .group = Group::leaders, .own = true,
     .help = "`replica.` is the leader when no replica lives",
     .reference = "Without it `replica.` has no address while no replica lives.",
     .initial = "off",
     .field = Field::leader_last_resort, .set = set_flag<&Options::leader_last_resort>, .get = get_flag<&Options::leader_last_resort>},
    {.name = "leader-flush", .shape = Shape::value, .times = Times::repeatable, .group = Group::leaders, .own = true,
     .argument = "<name>", .help = "name forgotten when a leader changes",
     .reference = "A name outside Consul's domain whose cached answers are dropped at each change of a leader.",
     .initial = "none", .sample = "db.example.com",
     .field = Field::leader_flush, .set = add_parsed<&Options::leader_flush, parse_domain, true>, .get = get_texts<&Options::leader_flush>},
    {.name = "leader-exec", .shape = Shape::value, .times = Times::repeatable, .group = Group::leaders, .own = true, .reload = Reload::restart,
     .argument = "<path>", .help = "program run when a leader changes",
     .reference = "A program (absolute path, no arguments) that is run when another leader has become answerable, and once when the first one "
                  "is known; several are run one after the other. It finds the facts in its environment: `LICTOR_SCOPE`, `LICTOR_SERVICE`, "
                  "`LICTOR_OLD_NAME`, `LICTOR_OLD_ADDRESS`, `LICTOR_OLD_PORT`, `LICTOR_NEW_NAME`, `LICTOR_NEW_ADDRESS`, `LICTOR_NEW_PORT`, "
                  "`LICTOR_REASON`, `LICTOR_TIMELINE`, `LICTOR_SERIAL`, `LICTOR_SKIPPED_ADDRESSES`. The old ones are empty for the first leader. "
                  "It runs as lictor's user, started by a process of its own, one run at a time; changes that come meanwhile are told as one. Its output goes to the log.",
     .initial = "none", .sample = "/usr/local/lib/lictor/pgbouncer-reconnect",
     .field = Field::leader_exec, .set = add_parsed<&Options::leader_exec, parse_absolute_path, true>, .get = get_texts<&Options::leader_exec>},
    {.name = "leader-exec-timeout", .shape = Shape::value, .group = Group::leaders, .own = true, .reload = Reload::restart,
     .argument = "<seconds>", .help = "seconds that such a program may take",
     .reference = "A program of `leader-exec` that takes longer is sent TERM, and KILL two seconds later, with all processes of its group.",
     .initial = "10", .sample = "10",
     .field = Field::leader_exec_timeout, .set = set_number<&Options::leader_exec_timeout, 1, 3600>, .get = get_number<&Options::leader_exec_timeout>},
    {.name = "leader-exec-net-admin", .times = Times::repeatable, .group = Group::leaders, .own = true, .reload = Reload::restart,
     .help = "such programs keep CAP_NET_ADMIN",
     .reference = "Programs of `leader-exec` get the capability CAP_NET_ADMIN, which closing connections (`ss -K`) takes; lictor itself gives it up "
                  "like all others. Without it they have no capability.",
     .initial = "off",
     .field = Field::leader_exec_net_admin, .set = set_flag<&Options::leader_exec_net_admin>, .get = get_flag<&Options::leader_exec_net_admin>},
    // ---- looking inside
    {.name = "stats-address", .shape = Shape::emptiable, .group = Group::stats, .own = true, .reload = Reload::restart,
     .argument = "<ip>:<port>", .help = "stats endpoint; empty = off",
     .reference = "`HOST:PORT` with an IP address (IPv6 in brackets) or `unix:///path`. Serves JSON, Prometheus metrics and health."
                  " Empty: off.",
     .initial = "127.0.0.1:9153", .sample = "127.0.0.1:9153",
     .field = Field::stats_address, .set = set_stats_address, .get = get_emptiable<&Options::stats_address>},
    {.name = "stats-host", .shape = Shape::value, .times = Times::repeatable, .group = Group::stats, .own = true,
     .argument = "<name>", .help = "further Host name accepted there",
     .reference = "A name that requests to the stats endpoint may carry in `Host` besides the address itself; others are refused, "
                  "so that a web page cannot reach the endpoint through a browser.",
     .initial = "none", .sample = "metrics.example.com",
     .field = Field::stats_host, .set = add_stats_host, .get = get_texts<&Options::stats_host>},
    {.name = "shadow", .shape = Shape::emptiable, .group = Group::stats, .own = true,
     .argument = "log:<path>|<ip>[#<port>]", .help = "compare answers with another server's",
     .reference = "Asks lictor and another server the same and counts the differences by kind, at /shadow and with `lictor shadow`. "
                  "`log:FILE[,IP[#PORT]]`: the questions come from the query log of a dnsmasq that still serves at that address (127.0.0.1 "
                  "unless told), for the days before a switch; lictor then runs on another port. `IP[#PORT]`: samples of lictor's own "
                  "questions, for the days after. At most 20 questions a second are asked. Empty: off.",
     .initial = "off", .sample = "log:/var/log/dnsmasq.log,127.0.0.1#53",
     .field = Field::shadow, .set = set_checked<&Options::shadow, parse_shadow>, .get = get_text<&Options::shadow>},
    // ---- configuration
    {.name = "conf-file", .letter = 'C', .shape = Shape::bare_or, .times = Times::repeatable, .group = Group::configuration,
     .argument = "<path>", .help = "file to read; - = standard input",
     .reference = "Reads this file; files nest, and one that was read is not read again. On the command line it replaces "
                  "/etc/lictor.conf, which is read when it is there; empty there: no file.",
     .initial = "/etc/lictor.conf", .sample = "/etc/lictor.more.conf",
     .steer = Steer::conf_file, .set = nothing, .get = nothing_of},
    {.name = "conf-dir", .letter = '7', .shape = Shape::value, .times = Times::repeatable, .group = Group::configuration,
     .argument = "<path>[,<ending>…]", .help = "folder of files to read",
     .reference = "Reads the files of a folder in the order of their names. Names with one of the endings are passed over; with "
                  "endings written `*ENDING` only those are read. Names that begin with `.`, end with `~` or stand between `#` are "
                  "never read.",
     .initial = "none", .sample = "/etc/lictor.d,*.conf",
     .steer = Steer::conf_dir, .set = nothing, .get = nothing_of},
    {.name = "test", .times = Times::repeatable, .group = Group::configuration,
     .help = "check the configuration and end",
     .reference = "Reads everything, says all that is wrong, and ends: 0 when it is good, 1 when not, 3 when a file is missing.",
     .initial = "off",
     .steer = Steer::test, .set = nothing, .get = nothing_of},
    {.name = "version", .letter = 'v', .times = Times::repeatable, .group = Group::configuration,
     .help = "say the version and end",
     .reference = "Says the version and ends.",
     .initial = "off",
     .steer = Steer::version, .set = nothing, .get = nothing_of},
    {.name = "help", .letter = 'w', .times = Times::repeatable, .group = Group::configuration,
     .help = "say this and end",
     .reference = "Lists the options and ends.",
     .initial = "off",
     .steer = Steer::help, .set = nothing, .get = nothing_of},
};

/// All rows, group by group; within a group the main ones first.
constexpr auto in_groups() {
    std::array<Row, std::size(main_rows) + std::size(rows::forwarding) + std::size(rows::records)> all;
    std::size_t count = 0;
    for (int group = 0; group <= static_cast<int>(Group::configuration); ++group) {
        const auto take = [&](std::span<const Row> some) {
            for (const auto& row : some)
                if (static_cast<int>(row.group) == group) all[count++] = row;
        };
        take(main_rows);
        take(rows::forwarding);
        take(rows::records);
    }
    return all;
}
constexpr auto all_rows = in_groups();

/// A field that is added to Options and not to LICTOR_OPTION_FIELDS makes this line an error.
[[maybe_unused]] void option_fields(const Options& options) {
    [[maybe_unused]] const auto& [LICTOR_OPTION_FIELDS] = options;
}

constexpr bool every_field_has_a_row() {
    for (int field = static_cast<int>(Field::none) + 1; field < static_cast<int>(Field::count); ++field) {
        bool found = false;
        for (const auto& row : all_rows) found = found || row.field == static_cast<Field>(field);
        if (!found) return false;
    }
    return true;
}
static_assert(every_field_has_a_row(), "a field of Options has no row in the option table");

}  // namespace

std::span<const Row> option_rows() { return all_rows; }

const Row* find_option(std::string_view name) {
    for (const auto& row : all_rows)
        if (row.name == name && row.shape != Shape::environment) return &row;
    return nullptr;
}

const Row* find_option_letter(char letter) {
    for (const auto& row : all_rows)
        if (row.letter == letter && letter != 0) return &row;
    return nullptr;
}

const Row* find_option_variable(std::string_view variable) {
    for (const auto& row : all_rows)
        if (row.variable == variable && !variable.empty()) return &row;
    return nullptr;
}

std::string_view title(Group group) {
    switch (group) {
        case Group::listening: return "Listening";
        case Group::upstreams: return "Upstreams";
        case Group::local_data: return "Local data";
        case Group::filters: return "Filters";
        case Group::cache: return "Cache";
        case Group::process: return "Process";
        case Group::consul: return "Consul";
        case Group::leaders: return "Leaders";
        case Group::stats: return "Looking inside";
        case Group::configuration: break;
    }
    return "Configuration";
}

std::vector<std::string_view> changed_until_restart(const Options& before, const Options& after) {
    std::vector<std::string_view> names;
    for (const auto& row : all_rows)
        if (row.reload == Reload::restart && row.get(before) != row.get(after)) names.push_back(row.name);
    return names;
}

}  // namespace lictor
