// The options about leaders. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/leader.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Texts get_leader_probe(const LeaderOptions& options) { return {options.leader_probe ? "on" : "off"}; }

constexpr Row rows[] = {
    {.name = "leader",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<scope>[,…]",
     .help = "Patroni scope to follow",
     .reference =
         "`SCOPE[,namespace=N][,service=S][,port=P][,address=kv|service|node]` follows a Patroni scope: the leader lock, the members' keys "
         "and the Consul service S (default: the service name that Patroni derives from the scope). `master.` and `primary.` of the "
         "service answer exactly one address, that of the leader. `address=` selects the source of the address: the member's key in KV, "
         "the service or the node. `NAME,key=PATH[,port=P][,address=node|kv]` follows any other lock in Consul (`consul lock P` keeps its "
         "lock at `P/.lock`): `NAME.leader` of the domain is the address of the node whose session holds the key. With `address=kv` it is "
         "the address in the key's value (`host`, `host:port`, a URL or JSON). Patroni scopes that are registered in the catalog are found "
         "without this option when one of their names is asked for, but not under `consul-dns-compat=strict`. A configured name is never "
         "NXDOMAIN: if there is no key, queries are held for at most a second, and a warning names what is there instead.",
     .default_text = "discovered from the catalog",
     .sample = "batman",
     .field = rules<&LeaderOptions::leader, parse_leader>},
    {.name = "leader-probe",
     .shape = Shape::optional,
     .own = true,
     .argument = "[=on|off]",
     .help = "ask a new lock holder's REST API for its role",
     .reference = "If a query is held and the member with the lock has not yet reported the role primary, lictor asks its Patroni REST "
                  "API (`api_url`) for the role every 50 ms. This answers about a second before Patroni writes the role into Consul. The "
                  "REST port must be reachable from this machine. With https the certificate is verified with the system's authorities; no "
                  "token or client certificate is sent.",
     .default_text = "on",
     .sample = "on",
     .field = field_with<&LeaderOptions::leader_probe, set_bool<&LeaderOptions::leader_probe>, get_leader_probe>},
    {.name = "leader-max-stale",
     .shape = Shape::value,
     .own = true,
     .argument = "<seconds>",
     .help = "seconds that a leader is answered without contact with Consul, 0 = for ever",
     .reference = "Seconds for which the last known leader is answered while Consul cannot be reached. 0: without limit.",
     .default_text = "0",
     .sample = "0",
     .field = number<&LeaderOptions::leader_max_stale, 0, seconds_max>},
    {.name = "leader-max-lag",
     .shape = Shape::value,
     .own = true,
     .argument = "<bytes>",
     .help = "bytes of WAL lag above which a replica is left out",
     .reference = "A replica whose lag behind the leader is larger is left out of `replica.` and `sync.`. It returns when its lag is below "
                  "three quarters of this value. If all replicas are above it, all are answered. Patroni writes positions once per "
                  "`loop_wait`: a limit below the WAL of two such rounds leaves out replicas that keep up.",
     .default_text = "off",
     .sample = "67108864",
     .field = number<&LeaderOptions::leader_max_lag, 0, 0x7fffffffffffffff>},
    {.name = "leader-last-resort",
     .times = Times::repeatable,
     .own = true,
     .help = "answer `replica.` with the leader when no replica runs",
     .reference = "Answers `replica.` with the leader when no replica is running. Without this option `replica.` then has no address.",
     .default_text = "off",
     .field = flag<&LeaderOptions::leader_last_resort>},
    {.name = "leader-flush",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<name>",
     .help = "name that is removed from the cache when a leader changes",
     .reference = "Name outside Consul's domain. Its cached answers are dropped at each change of a leader.",
     .default_text = "none",
     .sample = "db.example.com",
     .field = names<&LeaderOptions::leader_flush, parse_domain>},
    {.name = "leader-cut",
     .times = Times::repeatable,
     .own = true,
     .reload = Reload::restart,
     .help = "end TCP connections to a deposed leader",
     .reference =
         "When a leader loses its lock, is demoted, stops or fails, lictor ends the TCP connections to its address and port, of all "
         "processes in lictor's network namespace (the kernel's SOCK_DESTROY, as `ss -K`). The clients see an error, connect again, and "
         "their query is held until there is a new leader. Connections that are made later are ended, too, until five seconds after the "
         "new leader is answered, for a minute at most, and not once the old leader is answered as a replica. The port is the one that SRV "
         "answers: the member's, or `port=` of the `leader` line. Nothing is ended if lictor lost contact with Consul or ends itself, if "
         "the same member gets another address, for a switchover that is only requested, or if another leader has this address and port. "
         "A separate process does it; it alone keeps CAP_NET_ADMIN, which lictor must be given (in a container `cap_add: [NET_ADMIN]`). "
         "The kernel needs CONFIG_INET_DIAG_DESTROY.",
     .default_text = "off",
     .field = flag<&LeaderOptions::leader_cut>},
    {.name = "leader-soa",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<domain>",
     .help = "domain whose SOA serial rises with each new leader behind its aliases",
     .reference =
         "Domain of `cname` aliases that lead to leaders' names. Queries for the SOA of this domain, and of the names between it and such "
         "an alias, are answered here and not forwarded: TTL 0, and a serial that rises when one of these leaders or aliases changes. "
         "Other types are forwarded as before. PgBouncer with `dns_zone_check_period` asks for the SOA of the part after the first dot "
         "of each host name: for `cname=db.corp.example,master.pg.service.consul` that is `corp.example`. The real SOA of the domain is "
         "then not visible through lictor. Names in Consul's domain do not need this option.",
     .default_text = "none",
     .sample = "corp.example",
     .field = names<&LeaderOptions::leader_soa, parse_domain>},
};
static_assert(every_field_has_a_row<LeaderOptions>(rows));

}  // namespace

const RowGroup leader_group{"Leaders", rows};

}  // namespace lictor::conf
