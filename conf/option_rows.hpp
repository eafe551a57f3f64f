// The one list of options. A row says how an option is named, what it takes, how it is stored and read back, and what people are told
// about it; parser, --help, sample file, reference page and effective dump follow from the rows. A field of Options without a row, or
// a row list that forgets one, does not compile.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/consul_address.hpp"
#include "conf/options.hpp"

// Every field of Options, in its order; `option_fields` below does not compile when one is missing.
#define LICTOR_OPTION_FIELDS                                                                                                          \
    port, listen_address, interface, bind_interfaces, except_interface, bind_dynamic, local_service, max_tcp_connections, server,     \
        no_resolv, resolv_file, strict_order, all_servers, dns_forward_max, edns_packet_max, servers_file, no_poll,                   \
        clear_on_reload, dns_loop_detect, query_port, min_port, max_port, port_limit, fast_dns_retry, do_0x20_encode, proxy_dnssec,   \
        add_subnet, strip_subnet, add_mac, strip_mac, add_cpe_id, address, host_record, cname, no_hosts, addn_hosts, domain_needed,   \
        bogus_priv, local_ttl, hostsdir, expand_hosts, domain, txt_record, ptr_record, srv_host, mx_host, mx_target, localmx,         \
        selfmx, naptr_record, caa_record, dns_rr, interface_name, dynamic_host, synth_domain, localise_queries, no_ident,             \
        bogus_nxdomain, ignore_address, stop_dns_rebind, rebind_localhost_ok, rebind_domain_ok, filter_a, filter_aaaa, filter_rr,     \
        filterwin2k, alias, no_round_robin, cache_size, no_negcache, neg_ttl, max_ttl, max_cache_ttl, min_cache_ttl,                  \
        use_stale_cache, cache_rr, log_queries, log_async, log_debug, dumpfile, dumpmask, log_facility, user, group, pid_file,        \
        keep_in_foreground, no_daemon, threads, strict, consul_http_addr, consul_token, consul_token_file, consul_http_auth,          \
        consul_ca_file, consul_ca_path, consul_cert_file, consul_key_file, consul_tls_server_name, consul_tls_verify,                 \
        consul_datacenter, consul_domain, consul_dns, consul_consistency, consul_only_passing, consul_service_ttl, consul_node_ttl,   \
        consul_watch, consul_watch_max, consul_watch_idle, consul_max_stale, consul_dns_compat, leader, leader_hold, leader_hold_max, \
        leader_probe, leader_max_stale, leader_flush, leader_max_lag, leader_last_resort, leader_exec, leader_exec_timeout,           \
        leader_exec_net_admin, stats_address, stats_host, shadow

namespace lictor {

/// `none` is for rows that steer the parser (`conf-file`, `test`, …) or only change how others are read.
enum class Field { none, LICTOR_OPTION_FIELDS, count };

enum class Shape {
    flag,         ///< takes no value
    value,        ///< takes a value, not empty
    emptiable,    ///< takes a value; `name=` has a meaning of its own
    bare_or,      ///< like `emptiable`, and the bare name means the empty value (dnsmasq's user, group, pid-file, resolv-file)
    optional,     ///< a value may follow, on the command line only behind '='
    environment,  ///< no option: only the environment variable
};

enum class Times { once, repeatable };
enum class Reload { live, restart };
enum class Group { listening, upstreams, local_data, filters, cache, process, consul, leaders, stats, configuration };
enum class Steer { nothing, conf_file, conf_dir, test, version, help };

/// One option being set.
struct Setting {
    Options& options;
    ConsulGiven& consul;
    std::string_view value;            ///< as line_syntax gives it
    std::vector<std::string>& notes;   ///< warnings
};

struct Row {
    std::string_view name;
    char letter = 0;
    Shape shape = Shape::flag;
    Times times = Times::once;
    Group group = Group::configuration;
    bool own = false;                  ///< lictor's own, not dnsmasq's
    std::string_view variable = {};    ///< environment variable that is used when the option is not given
    Reload reload = Reload::live;
    std::string_view argument = {};    ///< for people: `<port>`
    std::string_view help = {};        ///< one line
    std::string_view reference = {};   ///< a paragraph
    std::string_view initial = {};     ///< the default, for people
    std::string_view sample = {};      ///< a value for the sample file: the default where it can be written, else an example
    Field field = Field::none;
    Steer steer = Steer::nothing;
    /// What is wrong with the value, if anything.
    std::optional<std::string> (*set)(const Setting&) = nullptr;
    /// The right-hand sides that give the present value again; none when the option is as if never given.
    std::vector<std::string> (*get)(const Options&) = nullptr;
};

std::span<const Row> option_rows();
const Row* find_option(std::string_view name);
const Row* find_option_letter(char letter);
const Row* find_option_variable(std::string_view variable);

std::string_view title(Group group);

/// Names of options that differ between two configurations and take effect only at a restart.
std::vector<std::string_view> changed_until_restart(const Options& before, const Options& after);

}  // namespace lictor
