// Everything that an operator can set, as one plain struct of values with their defaults. Names and meaning of each option stand in
// conf/option_rows.cpp; nothing here is read from anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "conf/record_rules.hpp"

namespace lictor {

/// `server=` and `local=`: where questions for some domains go.
/// Where a server is: at an address, or wherever a name leads while running.
struct ServerPlace {
    Endpoint endpoint;                   ///< of a name, only the port counts
    std::string host;                    ///< lower case; empty: the address stands
    ServerPlace() = default;
    ServerPlace(const Endpoint& at) : endpoint(at) {}  // NOLINT: an address is a place
    std::string text() const { return host.empty() ? endpoint.text() : host + '#' + std::to_string(endpoint.port); }
    bool operator==(const ServerPlace&) const = default;
};

struct ServerRule {
    std::vector<std::string> domains;    ///< lower case, no trailing dot; empty list = all names; "" in it = names without dots (`//`)
    std::optional<ServerPlace> upstream; ///< none: answer from local data only
    bool standard = false;               ///< `#`: use the standard upstreams for these domains
    std::string interface;               ///< `@interface`, empty if none
    std::optional<Endpoint> source;      ///< `@source-ip[#port]`
};

/// `address=/domain/[ip]`: every name under a domain.
struct AddressRule {
    std::vector<std::string> domains;    ///< lower case, no trailing dot; "#" in dnsmasq's syntax (all names) is kept as "#"
    enum class Kind { address, null_address, nxdomain } kind = Kind::nxdomain;
    Address address;                     ///< for Kind::address
};

/// `host-record=name,…[,v4][,v6][,ttl]`.
struct HostRecord {
    std::vector<std::string> names;
    std::vector<Address> addresses;
    std::optional<std::uint32_t> ttl;
};

/// `cname=alias,…,target[,ttl]`.
struct CnameRule {
    std::vector<std::string> aliases;
    std::string target;
    std::optional<std::uint32_t> ttl;
};

/// `leader=SCOPE[,namespace=N][,service=S][,port=P][,address=kv|service|node]`, or `NAME,key=PATH[,port=P][,address=node|kv]` for any lock
/// of Consul's.
struct LeaderRule {
    std::string scope;                   ///< Patroni's scope, verbatim; or the NAME of any Consul lock
    std::string name_space = "service";  ///< without slashes at either end
    std::string service;                 ///< Consul service; empty = Patroni's sanitised scope
    std::string key;                     ///< for a plain Consul lock
    std::uint16_t port = 0;              ///< 0 = the member's own
    enum class Source { kv, service, node } source = Source::kv;
};

/// `consul-http-addr`.
struct ConsulAddress {
    std::string url;                     ///< `http://host:port[/prefix]` or `https://…`, no trailing slash; for a unix socket `http://localhost`
    std::string unix_path;               ///< socket path, empty for TCP
    bool assumed = false;                ///< nobody named it: the default address
};

enum class ConsulConsistency { stale, fresh, consistent };  ///< words: stale, default, consistent
enum class ConsulCompat { fixed, strict };

struct Options {
    // ---- listening
    std::uint16_t port = 53;
    std::vector<Address> listen_address;
    std::vector<std::string> interface;
    bool bind_interfaces = false;
    std::vector<std::string> except_interface;
    bool bind_dynamic = false;
    LocalService local_service = LocalService::off;
    std::optional<std::uint32_t> max_tcp_connections;  ///< none = as many as the limits of the process allow

    // ---- upstreams
    std::vector<ServerRule> server;      ///< both `server` and `local`, in order
    bool no_resolv = false;
    std::vector<std::string> resolv_file;     ///< empty = /etc/resolv.conf
    bool strict_order = false;
    bool all_servers = false;
    std::uint32_t dns_forward_max = 10000;
    std::uint32_t edns_packet_max = 1232;
    std::string servers_file;            ///< `server=` and `rev-server=` lines, read again when it changes and on HUP; empty = none
    bool no_poll = false;                ///< resolv.conf is read at the start and on HUP only
    bool clear_on_reload = false;
    bool dns_loop_detect = false;
    std::optional<std::uint32_t> query_port;  ///< 0 = one port that the system chooses
    std::uint32_t min_port = 0, max_port = 0; ///< of random source ports; 0 = 1024 and 65535
    std::uint32_t port_limit = 1;
    std::optional<FastRetry> fast_dns_retry;
    bool do_0x20_encode = false;
    bool proxy_dnssec = false;
    std::optional<ClientSubnet> add_subnet;   ///< with neither family given: the subnet /0
    bool strip_subnet = false;
    AddMac add_mac = AddMac::off;
    bool strip_mac = false;
    std::string add_cpe_id;

    // ---- local data
    std::vector<AddressRule> address;
    std::vector<HostRecord> host_record;
    std::vector<CnameRule> cname;
    bool no_hosts = false;
    std::vector<std::string> addn_hosts;
    bool domain_needed = false;
    bool bogus_priv = false;
    std::uint32_t local_ttl = 0;
    std::vector<std::string> hostsdir;
    bool expand_hosts = false;
    std::vector<DomainRule> domain;      ///< of several with Scope::all the last counts
    std::vector<TxtRecord> txt_record;
    std::vector<PtrRecord> ptr_record;
    std::vector<SrvRecord> srv_host;
    std::vector<MxRecord> mx_host;
    std::string mx_target;
    bool localmx = false, selfmx = false;
    std::vector<NaptrRecord> naptr_record;
    std::vector<CaaRecord> caa_record;
    std::vector<RawRecord> dns_rr;
    std::vector<InterfaceName> interface_name;
    std::vector<DynamicHost> dynamic_host;
    std::vector<SynthDomain> synth_domain;
    bool localise_queries = false;
    bool no_ident = false;

    // ---- filters
    std::vector<Network> bogus_nxdomain, ignore_address;
    bool stop_dns_rebind = false, rebind_localhost_ok = false;
    std::vector<std::string> rebind_domain_ok;
    bool filter_a = false, filter_aaaa = false;
    std::vector<std::uint16_t> filter_rr;
    bool filterwin2k = false;
    std::vector<AddressTranslation> alias;
    bool no_round_robin = false;

    // ---- cache
    std::uint32_t cache_size = 10000;
    bool no_negcache = false;
    std::optional<std::uint32_t> neg_ttl;
    std::optional<std::uint32_t> max_ttl;
    std::optional<std::uint32_t> max_cache_ttl;
    std::optional<std::uint32_t> min_cache_ttl;
    std::optional<std::uint32_t> use_stale_cache;  ///< seconds past the TTL, 0 = for ever; none = off
    std::vector<std::uint16_t> cache_rr; ///< further types; 255 = every type

    // ---- process
    QueryLogging log_queries = QueryLogging::off;
    std::optional<std::uint32_t> log_async;   ///< lines queued
    bool log_debug = false;
    std::string dumpfile;
    std::uint32_t dumpmask = 0xffff;
    std::string log_facility;            ///< empty = stdout; `-` = stderr; `/path` = file; else a syslog facility
    std::string user = "nobody";         ///< who to become when started as root; empty = stay
    std::string group;
    std::string pid_file;                ///< empty = none
    bool keep_in_foreground = false;
    bool no_daemon = false;
    std::uint32_t threads = 1;
    bool strict = false;

    // ---- Consul
    std::vector<ConsulAddress> consul_http_addr;  ///< resolved defaults included; empty = Consul is off
    std::string consul_token;            ///< from CONSUL_HTTP_TOKEN only
    std::string consul_token_file;
    std::string consul_http_auth;        ///< `user:password`, from CONSUL_HTTP_AUTH only
    std::string consul_ca_file;
    std::string consul_ca_path;          ///< from CONSUL_CAPATH only
    std::string consul_cert_file;
    std::string consul_key_file;
    std::string consul_tls_server_name;
    bool consul_tls_verify = true;       ///< from CONSUL_HTTP_SSL_VERIFY only
    std::string consul_datacenter;       ///< empty = the agent's
    std::vector<std::string> consul_domain;       ///< lower case, no dots at the ends; empty = the agent's, else `consul`
    std::optional<ServerPlace> consul_dns;   ///< none = agent's DNS is not asked
    ConsulConsistency consul_consistency = ConsulConsistency::stale;
    std::optional<bool> consul_only_passing;
    std::optional<std::uint32_t> consul_service_ttl;
    std::optional<std::uint32_t> consul_node_ttl;
    std::vector<std::string> consul_watch;
    std::uint32_t consul_watch_max = 128;
    seconds consul_watch_idle{600};
    seconds consul_max_stale{0};
    ConsulCompat consul_dns_compat = ConsulCompat::fixed;
    std::string snapshot_file;           ///< absolute path; empty = none

    // ---- leaders
    std::vector<LeaderRule> leader;
    milliseconds leader_hold{4000};
    std::uint32_t leader_hold_max = 10000;
    bool leader_probe = true;
    seconds leader_max_stale{0};
    std::vector<std::string> leader_flush;
    std::optional<std::uint64_t> leader_max_lag;  ///< bytes of WAL
    bool leader_last_resort = false;
    std::vector<std::string> leader_exec;  ///< absolute paths
    seconds leader_exec_timeout{10};
    bool leader_exec_net_admin = false;

    // ---- looking inside
    std::string stats_address = "127.0.0.1:9153";  ///< `host:port`, `unix:///path`, empty = off
    std::vector<std::string> stats_host;
    std::string shadow;                  ///< `log:FILE[,IP[#PORT]]` or `IP[#PORT]`; empty = off
};

}  // namespace lictor
