// lictor's own options about leaders, whom they are told to, and looking inside. Included by option_rows.cpp only.
#pragma once

#include "conf/option_access.hpp"
#include "conf/option_special.hpp"
#include "conf/shadow_value.hpp"

namespace lictor {
namespace rows {

using namespace access;

inline constexpr Row leaders[] = {
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
    {.name = "stats-host", .shape = Shape::value, .times = Times::repeatable, .group = Group::stats, .own = true, .reload = Reload::restart,
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
};

}  // namespace rows
}  // namespace lictor
