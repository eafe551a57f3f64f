// Options and followed files → Rules: who is asked for what.
#include "resolver/core/rules.hpp"

#include <algorithm>

#include "conf/servers_file.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/local_data.hpp"
#include "resolver/core/resolv_conf.hpp"


namespace lictor {
namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t bytes_per_entry = 512;      ///< what an ordinary reply costs, with room for some large ones
constexpr std::size_t cache_bytes_min = 64 * 1024;
constexpr std::uint32_t port_min_least = 1024;    ///< below are the ports of services
constexpr std::uint32_t min_cache_ttl_max = 3600;  ///< dnsmasq's ceiling

/// Nobody else asks for this name: sixteen digits of a hash that only this process can make, in a domain kept free (RFC 6761 §6.2).
Name loop_probe_name(std::uint64_t token, const Endpoint& upstream) {
    const std::string text = upstream.text();
    std::uint64_t hash = NameHash(token)(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    std::string label;
    for (int i = 0; i < 16; ++i, hash >>= 4) label += "0123456789abcdef"[hash & 15];
    return *Name::parse(label + ".test");
}

/// What the `server=` lines say about one domain, before they are weighed.
struct DomainServers {
    std::vector<std::uint32_t> members;
    bool standard = false, local = false;
};

class Maker {
public:
    Maker(const Options& options, const std::vector<Endpoint>& own, std::vector<std::string>& notes) : options_(options), own_(own), notes_(notes) {}

    std::shared_ptr<const Rules> make(const FollowedFiles& files) {
        looping_ = files.looping;
        rules_->local = make_local_data(options_, files, notes_);
        servers_by_name_ = &files.servers_by_name;
        if (!options_.consul_http_addr.empty() && options_.consul_dns)
            if (const auto places = places_of(*options_.consul_dns, std::nullopt); !places.empty()) rules_->agent_dns = add_upstream({places.front(), {}, {}, true}, "");
        rules_->filters = make_filters(options_, notes_);
        for (const ServerRule& rule : options_.server) add_server(rule);
        if (files.servers)
            for (const ServerRule& rule : parse_servers_file(files.servers->text, files.servers->path, notes_)) add_server(rule);
        if (!options_.no_resolv) add_resolv(files);
        settle_routes();
        if (options_.dns_loop_detect)
            for (const Upstream& upstream : rules_->upstreams)
                if (!upstream.agent_dns) rules_->loop_probes.emplace_back(loop_probe_name(files.loop_token, upstream.endpoint), upstream.endpoint);
        copy_settings(files);
        work_out_what_is_plain();
        return rules_;
    }

private:
    bool is_own(const Endpoint& endpoint) const {
        return std::any_of(own_.begin(), own_.end(), [&](const Endpoint& own) {
            if (own.port != endpoint.port) return false;
            return own.address == endpoint.address || (own.address.is_unspecified() && (endpoint.address.is_loopback() || endpoint.address.is_unspecified()));
        });
    }

    /// Index of the upstream, or nothing if it is lictor itself. `whom` ends the note.
    std::optional<std::uint32_t> add_upstream(const Upstream& upstream, const std::string& whom) {
        if (is_own(upstream.endpoint)) {
            notes_.push_back("ignoring nameserver " + upstream.endpoint.text() + " - local interface");
            return std::nullopt;
        }
        if (std::find(looping_.begin(), looping_.end(), upstream.endpoint) != looping_.end()) {
            notes_.push_back("NOT using nameserver " + upstream.endpoint.text() + " - query loop detected");
            return std::nullopt;
        }
        auto& all = rules_->upstreams;
        const auto known = std::find(all.begin(), all.end(), upstream);
        if (!upstream.agent_dns)
            notes_.push_back("using nameserver " + upstream.endpoint.text() + whom + (upstream.interface.empty() ? "" : " (via " + upstream.interface + ')'));
        if (known != all.end()) return static_cast<std::uint32_t>(known - all.begin());
        all.push_back(upstream);
        return static_cast<std::uint32_t>(all.size() - 1);
    }

    bool is_agent(const ServerRule& rule) const {
        return rules_->agent_dns && rule.upstream && rule.interface.empty() && !rule.source &&
               rule.upstream == options_.consul_dns;
    }

    /// Where a server is at the moment; a name that is not known yet is nowhere.
    std::vector<Endpoint> places_of(const ServerPlace& place, const std::optional<Endpoint>& source) {
        if (place.host.empty()) return {place.endpoint};
        std::vector<Endpoint> found;
        if (const auto known = servers_by_name_->find(place.host); known != servers_by_name_->end())
            for (const Address& address : known->second)
                if (!source || source->address.v6 == address.v6) found.push_back({address, place.endpoint.port});
        if (found.empty()) {
            awaited_ = true;
            notes_.push_back("the address of nameserver " + place.text() + " is not known yet");
        }
        return found;
    }

    static void add_member(DomainServers& rule, std::optional<std::uint32_t> index) {
        if (index && std::find(rule.members.begin(), rule.members.end(), *index) == rule.members.end()) rule.members.push_back(*index);
    }

    void add_server(const ServerRule& rule) {
        const std::vector<std::string> everything = {"#"};
        for (const std::string& text : rule.domains.empty() ? everything : rule.domains) {
            DomainServers* found = nullptr;
            std::string whom, what = text;
            const auto key = domain_key(text);
            if (!key) {
                notes_.push_back("server: '" + text + "' is not a domain name; skipped");
                continue;
            }
            if (key->dotless) {
                found = &(dotless_ ? *dotless_ : dotless_.emplace());
                what = "unqualified names";
                whom = " for unqualified names";
            } else if (key->name.is_root()) {
                found = &domains_[Name{}];
                what = "all names";
            } else {
                if (!key->starred && is_agent(rule) && key->name.is_below_or_equal(arpa_)) {
                    rules_->consul_reverse[key->name] = true;
                    notes_.push_back("using Consul for domain " + text);
                    continue;
                }
                found = &(key->starred ? starred_ : domains_)[key->name];
                whom = " for domain " + text;
            }
            if (rule.standard) {
                found->standard = true;
                notes_.push_back("using standard nameservers for " + what);
            } else if (!rule.upstream) {
                found->local = true;
                notes_.push_back("using only locally-known addresses for " + what);
            } else if (is_agent(rule)) {
                add_member(*found, rules_->agent_dns);
                notes_.push_back("using nameserver " + rule.upstream->text() + whom);
            } else {
                for (const Endpoint& place : places_of(*rule.upstream, rule.source)) add_member(*found, add_upstream({place, rule.interface, rule.source, false}, whom));
            }
        }
    }

    void add_resolv(const FollowedFiles& files) {
        for (const auto& file : files.resolv) {
            notes_.push_back("reading " + file.path);
            const auto servers = parse_resolv_conf(file.text, file.path, notes_);
            if (servers.empty()) notes_.push_back("no servers found in " + file.path + ", will retry");
            for (const ResolvServer& server : servers)
                add_member(domains_[Name{}], add_upstream({{server.address, dns_port}, server.interface, {}, false}, ""));
        }
    }

    /// dnsmasq's weight inside one domain: `#` before upstreams before "local data only".
    void settle_routes() {
        const auto standard = domains_.find(Name{});
        const std::vector<std::uint32_t> fallback = standard == domains_.end() ? std::vector<std::uint32_t>{} : standard->second.members;
        const auto settle = [&](const DomainServers& rule) {
            UpstreamGroup group;
            group.members = rule.standard ? fallback : rule.members;
            group.local_only = !rule.standard && rule.members.empty() && rule.local;
            return group;
        };
        for (const auto& [domain, rule] : domains_) rules_->routes.emplace(domain, settle(rule));
        for (const auto& [domain, rule] : starred_) rules_->starred_routes.emplace(domain, settle(rule));
        if (dotless_) rules_->dotless = settle(*dotless_);
        if (fallback.empty() && !awaited_ && !(standard != domains_.end() && standard->second.local)) notes_.push_back("warning: no upstream servers configured");
    }

    void copy_settings(const FollowedFiles& files) {
        Rules& rules = *rules_;
        for (const auto& text : options_.leader_flush) {
            if (const auto name = Name::parse(text)) rules.flush_on_leader_change.push_back(name->lower());
            else notes_.push_back("leader-flush: '" + text + "' is not a domain name; skipped");
        }
        rules.strict_order = options_.strict_order;
        rules.all_servers = options_.all_servers;
        rules.domain_needed = options_.domain_needed;
        rules.bogus_priv = options_.bogus_priv;
        rules.proxy_dnssec = options_.proxy_dnssec;
        rules.no_round_robin = options_.no_round_robin;
        rules.random_letters = options_.do_0x20_encode;
        if (options_.use_stale_cache) rules.stale_for = seconds(*options_.use_stale_cache);
        if (options_.query_port) rules.query_port = static_cast<std::uint16_t>(*options_.query_port);
        if (options_.min_port) rules.port_min = static_cast<std::uint16_t>(std::max<std::uint32_t>(options_.min_port, port_min_least));
        if (options_.max_port) rules.port_max = static_cast<std::uint16_t>(options_.max_port);
        if (rules.port_max < rules.port_min) {
            notes_.push_back("max-port lies below min-port; max-port is not used");
            rules.port_max = 65535;
        }
        if (options_.fast_dns_retry) {
            rules.retry_first = milliseconds(options_.fast_dns_retry->first);
            rules.retry_total = milliseconds(options_.fast_dns_retry->total);
        }
        rules.add_subnet = options_.add_subnet;
        rules.cpe_id = options_.add_cpe_id;
        rules.sample = !options_.shadow.empty() && !options_.shadow.starts_with("log:");
        // An explicit wildcard is open to the networks that this machine is in, to nobody beyond them.
        const auto any_wildcard = std::any_of(own_.begin(), own_.end(), [](const Endpoint& own) { return own.address.is_unspecified(); });
        rules.local_service = any_wildcard;
        if (rules.local_service) notes_.push_back("DNS service limited to local subnets");
        rules.localise = options_.localise_queries;
        if (rules.local_service || rules.localise) rules.interfaces = files.interfaces;
        rules.filter_windows = options_.filterwin2k;
        rules.forward_max = options_.dns_forward_max;
        rules.edns_packet_max = std::clamp<std::uint32_t>(options_.edns_packet_max, 512, 65535);
        rules.cache_entries = options_.cache_size;
        rules.cache_bytes = options_.cache_size == 0 ? 0 : std::max(options_.cache_size * bytes_per_entry, cache_bytes_min);
        rules.no_negcache = options_.no_negcache;
        // As in dnsmasq, 0 switches each of these off.
        const auto unless_zero = [](std::optional<std::uint32_t> value) { return value && *value > 0 ? value : std::nullopt; };
        rules.neg_ttl = unless_zero(options_.neg_ttl);
        rules.max_ttl = unless_zero(options_.max_ttl);
        rules.max_cache_ttl = unless_zero(options_.max_cache_ttl);
        rules.min_cache_ttl = unless_zero(options_.min_cache_ttl);
        if (rules.min_cache_ttl) rules.min_cache_ttl = std::min(*rules.min_cache_ttl, min_cache_ttl_max);
        rules.local_ttl = options_.local_ttl;
        rules.log_queries = options_.log_queries != QueryLogging::off;
        rules.log_extra = options_.log_queries == QueryLogging::extra;
        rules.no_ident = options_.no_ident;
        rules.leader_hold = options_.leader_hold;
        rules.leader_hold_max = options_.leader_hold_max;
    }

    void work_out_what_is_plain() {
        Rules& rules = *rules_;
        const LocalData& local = *rules.local;
        const UpstreamGroup* standard = default_route(rules);
        rules.has_hosts = !local.names.empty();
        rules.plain = rules.routes.size() == (standard ? 1 : 0) && !(standard && standard->local_only) &&
                      rules.starred_routes.empty() && !rules.dotless && local.aliases.empty() && local.wildcards.empty() && local.starred.empty() &&
                      !local.dotless && local.records.empty() && local.made.empty() && !rules.filter_windows;
    }

    const Options& options_;
    const std::vector<Endpoint>& own_;
    std::vector<std::string>& notes_;
    const Name arpa_ = *Name::parse("arpa");
    std::shared_ptr<Rules> rules_ = std::make_shared<Rules>();
    std::vector<Endpoint> looping_;
    const std::map<std::string, std::vector<Address>>* servers_by_name_ = nullptr;
    bool awaited_ = false;                ///< an upstream's name leads nowhere yet
    NameMap<DomainServers> domains_, starred_;
    std::optional<DomainServers> dotless_;
};

}  // namespace

std::shared_ptr<const Rules> make_rules(const Options& options, const FollowedFiles& files, const std::vector<Endpoint>& own,
                                        std::vector<std::string>& notes) {
    return Maker(options, own, notes).make(files);
}

std::vector<std::string> named_servers(const Options& options, const FollowedFiles& files) {
    std::vector<std::string> names;
    const auto add = [&](const std::optional<ServerPlace>& place) {
        if (place && !place->host.empty() && std::find(names.begin(), names.end(), place->host) == names.end()) names.push_back(place->host);
    };
    for (const ServerRule& rule : options.server) add(rule.upstream);
    if (!options.consul_http_addr.empty()) add(options.consul_dns);
    std::vector<std::string> unheard;
    if (files.servers)
        for (const ServerRule& rule : parse_servers_file(files.servers->text, files.servers->path, unheard)) add(rule.upstream);
    return names;
}

const UpstreamGroup* default_route(const Rules& rules) {
    const auto found = rules.routes.find(Name{});
    return found == rules.routes.end() ? nullptr : &found->second;
}

const UpstreamGroup* find_route(const Rules& rules, const Name& lower) {
    if (rules.plain) return rules.routes.empty() ? nullptr : &rules.routes.begin()->second;
    const UpstreamGroup* found = nullptr;
    for_each_domain(rules, lower, [&](const Name&, const DomainPlace& place) { return (found = place.route) != nullptr; });
    if (found) return found;
    if (has_one_label(lower) && rules.dotless) return &*rules.dotless;
    return default_route(rules);
}

}  // namespace lictor
