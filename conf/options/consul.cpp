// The options about Consul's data: what is read and how it is answered. Each row has the texts of an option, and the functions that parse
// and print its value.
#include "conf/options/consul.hpp"

#include "conf/options/consul_address.hpp"
#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

// Below the default of the agent's limits.http_max_conns_per_client (200 connections from one client address).
constexpr std::uint32_t watches_by_default = 180;

Fault set_consul_dns(ConsulOptions& options, const Setting& setting) {
    setting.consul.dns = true;
    options.consul_dns.reset();
    if (setting.value.empty()) return std::nullopt;
    auto place = parse_server_place(without_markers(setting.value), 8600);
    if (!place) return place.error().text;
    options.consul_dns = *std::move(place);
    return std::nullopt;
}

Texts get_consul_dns(const ConsulOptions& options) { return {options.consul_dns ? options.consul_dns->text() : std::string()}; }

Fault add_consul_domain(ConsulOptions& options, const Setting& setting) {
    auto text = without_markers(setting.value);
    if (text.starts_with('.')) text.erase(0, 1);
    auto name = parse_domain(text);
    if (!name) return name.error().text;
    options.consul_domain.push_back(*std::move(name));
    return std::nullopt;
}

Fault set_consul_consistency(ConsulOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    if (word == "stale") options.consul_consistency = ConsulConsistency::stale;
    else if (word == "default") options.consul_consistency = ConsulConsistency::fresh;
    else if (word == "consistent") options.consul_consistency = ConsulConsistency::consistent;
    else return shown(word) + " is not one of stale, default, consistent";
    return std::nullopt;
}

Texts get_consul_consistency(const ConsulOptions& options) {
    switch (options.consul_consistency) {
        case ConsulConsistency::stale: return {"stale"};
        case ConsulConsistency::fresh: return {"default"};
        case ConsulConsistency::consistent: break;
    }
    return {"consistent"};
}

Texts get_consul_only_passing(const ConsulOptions& options) {
    if (!options.consul_only_passing) return {};
    return {*options.consul_only_passing ? "on" : "off"};
}

Fault set_consul_dns_compat(ConsulOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    if (word == "fixed") options.consul_dns_compat = ConsulCompat::fixed;
    else if (word == "strict") options.consul_dns_compat = ConsulCompat::strict;
    else return shown(word) + " is not one of fixed, strict";
    return std::nullopt;
}

Texts get_consul_dns_compat(const ConsulOptions& options) {
    return {options.consul_dns_compat == ConsulCompat::fixed ? "fixed" : "strict"};
}

Fault set_consul_watch_max(ConsulOptions& options, const Setting& setting) {
    if (auto fault = set_number<&ConsulOptions::consul_watch_max, 1, 10000>(options, setting)) return fault;
    if (options.consul_watch_max > watches_by_default)
        setting.notes.push_back(
            "a Consul agent accepts 200 connections from one address: raise its limits.http_max_conns_per_client for more");
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "consul-datacenter",
     .shape = Shape::value,
     .own = true,
     .argument = "<name>",
     .help = "datacenter of names without a datacenter",
     .reference = "Datacenter of names without a datacenter. Without this option lictor asks the agent.",
     .default_text = "from the agent",
     .sample = "dc1",
     .field = checked<&ConsulOptions::consul_datacenter, parse_domain>},
    {.name = "consul-domain",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<domain>",
     .help = "domain answered from Consul",
     .reference =
         "Domain that is answered from Consul's catalog. Several domains need several lines. Not given: the agent's `domain` and "
         "`alt_domain`; if the only `server` lines to an agent are for another domain of one label (`server=/lon/IP#8600`), this one.",
     .default_text = "from the agent, else `consul`",
     .sample = "consul",
     .field = field_with<&ConsulOptions::consul_domain, add_consul_domain, get_texts<&ConsulOptions::consul_domain>>},
    {.name = "consul-dns",
     .shape = Shape::emptiable,
     .own = true,
     .argument = "<ip>[#<port>]",
     .help = "agent's DNS for queries that the HTTP API cannot answer; empty = none",
     .reference =
         "Address of the agent's DNS. lictor asks it for prepared queries and other kinds of names that the HTTP API does not provide. "
         "`server` lines to this address do not apply to names in the agent's domains. Not given: the address and port of a "
         "`server=/consul/IP#PORT` line (without such a line, of any `server` line with port 8600), else 127.0.0.1#8600. Empty: it is "
         "never "
         "asked.",
     .default_text = "see above",
     .sample = "127.0.0.1#8600",
     .field = field_with<&ConsulOptions::consul_dns, set_consul_dns, get_consul_dns>},
    {.name = "consul-consistency",
     .shape = Shape::value,
     .own = true,
     .argument = "stale|default|consistent",
     .help = "consistency mode of service and node reads",
     .reference = "Consistency mode of service and node reads. Leader keys are always read through Consul's leader server, never stale.",
     .default_text = "stale",
     .sample = "stale",
     .field = field_with<&ConsulOptions::consul_consistency, set_consul_consistency, get_consul_consistency>},
    {.name = "consul-only-passing",
     .shape = Shape::optional,
     .own = true,
     .argument = "[=on|off]",
     .help = "answer only instances whose checks are all passing",
     .reference = "Answers contain only instances whose checks are all passing. Not given: the value in the agent's `dns_config`.",
     .default_text = "from the agent",
     .sample = "off",
     .field = field_with<&ConsulOptions::consul_only_passing, set_bool<&ConsulOptions::consul_only_passing>, get_consul_only_passing>},
    {.name = "consul-service-ttl",
     .shape = Shape::value,
     .own = true,
     .argument = "<seconds>",
     .help = "TTL of service answers",
     .reference = "TTL of service answers. Not given: the value in the agent's `dns_config`. Leaders always have TTL 0.",
     .default_text = "from the agent",
     .sample = "0",
     .field = number<&ConsulOptions::consul_service_ttl, 0, ttl_max>},
    {.name = "consul-node-ttl",
     .shape = Shape::value,
     .own = true,
     .argument = "<seconds>",
     .help = "TTL of node answers",
     .reference = "TTL of node answers. Not given: the value in the agent's `dns_config`.",
     .default_text = "from the agent",
     .sample = "0",
     .field = number<&ConsulOptions::consul_node_ttl, 0, ttl_max>},
    {.name = "consul-watch",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "<service>",
     .help = "service that is watched before the first query for it",
     .reference = "Service that is watched before the first query for it; one name per line. Other services are watched from their "
                  "first query on.",
     .default_text = "none",
     .sample = "web",
     .field = names<&ConsulOptions::consul_watch, parse_domain>},
    {.name = "consul-watch-max",
     .shape = Shape::value,
     .own = true,
     .argument = "<n>",
     .help = "maximum number of services watched at once",
     .reference = "Maximum number of watched services. For further services the agent's DNS is asked. Each watch uses one of the 200 "
                  "connections that an agent accepts from one address.",
     .default_text = "128",
     .sample = "128",
     .field = field_with<&ConsulOptions::consul_watch_max, set_consul_watch_max, get_number<&ConsulOptions::consul_watch_max>>},
    {.name = "consul-watch-idle",
     .shape = Shape::value,
     .own = true,
     .argument = "<seconds>",
     .help = "seconds without a query after which a watch ends",
     .reference = "Seconds without a query after which a service is no longer watched.",
     .default_text = "600",
     .sample = "600",
     .field = number<&ConsulOptions::consul_watch_idle, 1, seconds_max>},
    {.name = "consul-max-stale",
     .shape = Shape::value,
     .own = true,
     .argument = "<seconds>",
     .help = "seconds of last known answers without contact with Consul, 0 = for ever",
     .reference = "Seconds for which the last known answers are given while Consul cannot be reached. 0: without limit.",
     .default_text = "0",
     .sample = "0",
     .field = number<&ConsulOptions::consul_max_stale, 0, seconds_max>},
    {.name = "consul-dns-compat",
     .shape = Shape::value,
     .own = true,
     .argument = "fixed|strict",
     .help = "improved answers, or exactly those of the agent's DNS",
     .reference = "`strict` repeats the behaviour of the agent's own DNS even where it is a known fault; this includes `udp_answer_limit`. "
                  "`fixed` contains the documented improvements.",
     .default_text = "fixed",
     .sample = "fixed",
     .field = field_with<&ConsulOptions::consul_dns_compat, set_consul_dns_compat, get_consul_dns_compat>},
    {.name = "snapshot-file",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "<path>",
     .help = "file with the last known data from Consul",
     .reference = "Writes the last known data from Consul to this file (absolute path, in a directory of lictor's user) every ten seconds "
                  "and at the end. If Consul cannot be reached after a restart, services are answered from this file, with TTL 0 and "
                  "extended error 3, until Consul has been read again. A leader is answered from it only as long as Patroni's ttl since "
                  "the last contact with Consul. A damaged file is rejected and written again.",
     .default_text = "none",
     .sample = "/var/lib/lictor/snapshot",
     .field = checked<&ConsulOptions::snapshot_file, parse_absolute_path>},
};
static_assert(every_field_has_a_row<ConsulOptions>(rows));

}  // namespace

const RowGroup consul_group{"Consul", rows};

}  // namespace lictor::conf
