// Options and followed files → Rules: which upstreams are asked for which names.
#include "resolver/rules/rules.hpp"

#include <algorithm>

#include "conf/options/leader_zones.hpp"
#include "conf/options/options.hpp"
#include "conf/values/servers_file.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/rules/local_data.hpp"
#include "resolver/rules/resolv_conf.hpp"

namespace lictor::rules {
namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t bytes_per_entry = 512;  ///< average; most replies are smaller, some are larger
constexpr std::size_t cache_bytes_min = 64 * 1024;
constexpr std::uint32_t port_min_floor = 1024;  ///< lower ports are reserved for services

/// The name of a loop probe, below the reserved domain `test` (RFC 6761 §6.2). Its label is a hash in sixteen hexadecimal digits; the key
/// of the hash is secret.
wire::Name loop_probe_name(std::uint64_t token, const Endpoint& upstream) {
    const std::string text = upstream.text();
    std::uint64_t hash = wire::NameHash(token)(wire::Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    std::string label;
    for (int i = 0; i < 16; ++i, hash >>= 4) label += "0123456789abcdef"[hash & 15];
    return *wire::Name::parse(label + ".test");
}

/// The `server=` lines of one domain, before their precedence is applied.
struct DomainServers {
    std::vector<std::uint32_t> members;
    bool standard = false, local = false;
};

class Maker {
public:
    Maker(const conf::Options& options, const std::vector<Endpoint>& own, std::vector<std::string>& notes, const Rules* before)
        : options_(options), own_(own), notes_(notes), before_(before) {}

    std::shared_ptr<const Rules> make(const FollowedFiles& files) {
        looping_ = files.looping;
        rules_->local = make_local_data(options_, files, notes_);
        servers_by_name_ = &files.servers_by_name;
        if (!options_.consul_http_addr.empty() && options_.consul_dns)
            if (const auto places = places_of(*options_.consul_dns, std::nullopt); !places.empty())
                rules_->agent_dns = add_upstream({places.front(), {}, {}, true}, "");
        rules_->filters = make_filters(options_, notes_);
        for (const conf::ServerRule& rule : options_.server) add_server(rule);
        if (files.servers)
            for (const conf::ServerRule& rule : conf::parse_servers_file(files.servers->text, files.servers->path, notes_))
                add_server(rule);
        if (!options_.no_resolv) add_resolv(files);
        settle_routes();
        for (std::uint32_t index = 0; index < rules_->upstreams.size(); ++index)
            if (const Endpoint& endpoint = rules_->upstreams[index].endpoint; may_loop(index))
                rules_->loop_probes.emplace_back(loop_probe_name(files.loop_token, endpoint), endpoint);
        take_settings(files);
        find_plain_names();
        return rules_;
    }

private:
    bool is_own(const Endpoint& endpoint) const {
        return std::any_of(own_.begin(), own_.end(), [&](const Endpoint& own) {
            if (own.port != endpoint.port) return false;
            return own.address == endpoint.address ||
                   (own.address.is_unspecified() && (endpoint.address.is_loopback() || endpoint.address.is_unspecified()));
        });
    }

    /// Which upstreams are tested: with dns-loop-detect all, else resolvers of this machine that are asked for all names. Such a resolver
    /// (systemd-resolved, a container engine's) often has lictor as its own upstream.
    bool may_loop(std::uint32_t index) const {
        const Upstream& upstream = rules_->upstreams[index];
        if (upstream.agent_dns) return false;
        if (options_.dns_loop_detect) return true;
        const UpstreamGroup* standard = default_route(*rules_);
        return upstream.endpoint.address.is_loopback() && upstream.endpoint.port == dns_port && standard &&
               std::find(standard->members.begin(), standard->members.end(), index) != standard->members.end();
    }

    /// Index of the upstream; none if it is lictor itself or forwards back to lictor. `suffix` is appended to the log line.
    std::optional<std::uint32_t> add_upstream(const Upstream& upstream, const std::string& suffix) {
        if (is_own(upstream.endpoint)) {
            notes_.push_back("ignoring nameserver " + upstream.endpoint.text() + " - local interface");
            return std::nullopt;
        }
        if (std::find(looping_.begin(), looping_.end(), upstream.endpoint) != looping_.end()) {
            notes_.push_back("NOT using nameserver " + upstream.endpoint.text() + " - query loop detected");
            if (std::find(rules_->looping.begin(), rules_->looping.end(), upstream.endpoint) == rules_->looping.end())
                rules_->looping.push_back(upstream.endpoint);
            return std::nullopt;
        }
        auto& all = rules_->upstreams;
        const auto known = std::find(all.begin(), all.end(), upstream);
        if (!upstream.agent_dns)
            notes_.push_back("using nameserver " + upstream.endpoint.text() + suffix +
                             (upstream.interface.empty() ? "" : " (via " + upstream.interface + ')'));
        if (known != all.end()) return static_cast<std::uint32_t>(known - all.begin());
        all.push_back(upstream);
        return static_cast<std::uint32_t>(all.size() - 1);
    }

    bool is_agent(const conf::ServerRule& rule) const {
        return rules_->agent_dns && rule.upstream && rule.interface.empty() && !rule.source && rule.upstream == options_.consul_dns;
    }

    /// The endpoints of a server. Empty until its host name is resolved.
    std::vector<Endpoint> places_of(const conf::ServerPlace& place, const std::optional<Endpoint>& source) {
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

    void add_server(const conf::ServerRule& rule) {
        const std::vector<std::string> everything = {"#"};
        for (const std::string& text : rule.domains.empty() ? everything : rule.domains) {
            DomainServers* found = nullptr;
            std::string suffix, what = text;
            const auto key = domain_key(text);
            if (!key) {
                notes_.push_back("server: '" + text + "' is not a domain name; skipped");
                continue;
            }
            if (key->dotless) {
                found = &(dotless_ ? *dotless_ : dotless_.emplace());
                what = "unqualified names";
                suffix = " for unqualified names";
            } else if (key->name.is_root()) {
                found = &domains_[wire::Name{}];
                what = "all names";
            } else {
                if (!key->starred && is_agent(rule) && key->name.is_below_or_equal(arpa_)) {
                    rules_->consul_reverse[key->name] = true;
                    notes_.push_back("using Consul for domain " + text);
                    continue;
                }
                found = &(key->starred ? starred_ : domains_)[key->name];
                suffix = " for domain " + text;
            }
            if (rule.standard) {
                found->standard = true;
                notes_.push_back("using standard nameservers for " + what);
            } else if (!rule.upstream) {
                found->local = true;
                notes_.push_back("using only locally-known addresses for " + what);
            } else if (is_agent(rule)) {
                add_member(*found, rules_->agent_dns);
                notes_.push_back("using nameserver " + rule.upstream->text() + suffix);
            } else {
                for (const Endpoint& place : places_of(*rule.upstream, rule.source))
                    add_member(*found, add_upstream({place, rule.interface, rule.source, false}, suffix));
            }
        }
    }

    /// True if `named` leads only to lictor and to systemd-resolved's stub, while it is known which servers systemd-resolved asks. The stub
    /// would be one hop more, and a loop as soon as systemd-resolved asks lictor.
    bool replaced_by_resolved(const FollowedFiles::Text& named, const FollowedFiles& files) const {
        if (!files.resolved) return false;
        std::vector<std::string> ignored;
        const auto servers = [&](const FollowedFiles::Text& file) { return parse_resolv_conf(file.text, file.path, ignored); };
        const auto is_lictor = [&](const ResolvServer& server) { return is_own({server.address, dns_port}); };
        return std::ranges::all_of(servers(named),
                                   [&](const auto& server) { return is_resolved_stub(server.address) || is_lictor(server); }) &&
               !std::ranges::all_of(servers(*files.resolved), is_lictor);
    }

    void add_resolv(const FollowedFiles& files) {
        for (const auto& named : files.resolv) {
            const auto& file = replaced_by_resolved(named, files) ? *files.resolved : named;
            notes_.push_back("reading " + file.path);
            const auto servers = parse_resolv_conf(file.text, file.path, notes_);
            if (servers.empty()) notes_.push_back("no servers found in " + file.path + ", will retry");
            for (const ResolvServer& server : servers) {
                const Upstream upstream{{server.address, dns_port}, server.interface, {}, false};
                const auto index = add_upstream(upstream, "");
                add_member(domains_[wire::Name{}], index);
                if (index) rules_->from_resolv.push_back(upstream);
            }
        }
        if (rules_->from_resolv.empty()) keep_resolv(files);
    }

    /// If resolv.conf has become useless (often because somebody wrote lictor's own address into it), its last upstreams are kept.
    void keep_resolv(const FollowedFiles& files) {
        const auto standard = domains_.find(wire::Name{});
        if (standard != domains_.end() && (!standard->second.members.empty() || standard->second.local)) return;
        const std::string path = files.resolv.empty() ? "resolv.conf" : files.resolv.front().path;
        const auto loops = [&](const Upstream& upstream) { return std::ranges::find(looping_, upstream.endpoint) != looping_.end(); };
        const bool kept = before_ && !std::ranges::all_of(before_->from_resolv, loops);
        notes_.push_back("warning: " + path + " names no nameserver that can be used" + (kept ? "; the last ones are kept" : "") +
                         ". Set resolv-file= to a file that names the upstreams, or server= to each");
        if (!kept) return;
        for (const Upstream& upstream : before_->from_resolv) add_member(domains_[wire::Name{}], add_upstream(upstream, " (kept)"));
        rules_->from_resolv = before_->from_resolv;
    }

    /// Precedence within one domain, as in dnsmasq: `#`, then upstreams, then "local data only".
    void settle_routes() {
        const auto standard = domains_.find(wire::Name{});
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
        if (fallback.empty() && !awaited_ && !(standard != domains_.end() && standard->second.local))
            notes_.push_back("warning: no upstream servers configured");
    }

    void take_settings(const FollowedFiles& files) {
        Rules& rules = *rules_;
        for (const auto& text : options_.leader_flush) {
            if (const auto name = wire::Name::parse(text)) rules.flush_on_leader_change.push_back(name->lower());
            else notes_.push_back("leader-flush: '" + text + "' is not a domain name; skipped");
        }
        for (const conf::LeaderZone& zone : conf::leader_zones(options_)) {
            const auto name = wire::Name::parse(zone.name);
            if (!name) continue;
            AliasZone& added = rules.alias_zones.emplace_back(AliasZone{name->lower(), {}});
            for (const auto& text : zone.targets)
                if (const auto target = wire::Name::parse(text)) added.targets.push_back(target->lower());
        }
        static_cast<conf::ForwardOptions&>(rules) = options_;
        static_cast<conf::CacheOptions&>(rules) = options_;
        static_cast<conf::ReplyOptions&>(rules) = options_;
        static_cast<conf::HoldOptions&>(rules) = options_;
        if (options_.min_port) rules.port_min = static_cast<std::uint16_t>(std::max<std::uint32_t>(options_.min_port, port_min_floor));
        if (options_.max_port) rules.port_max = static_cast<std::uint16_t>(options_.max_port);
        if (rules.port_max < rules.port_min) {
            notes_.push_back("max-port is below min-port; max-port is not used");
            rules.port_max = 65535;
        }
        rules.sample = !options_.shadow.empty() && !options_.shadow.starts_with("log:");
        // With a wildcard listen address only clients in subnets of this machine's interfaces are answered.
        const auto any_wildcard = std::any_of(own_.begin(), own_.end(), [](const Endpoint& own) { return own.address.is_unspecified(); });
        rules.local_service = any_wildcard;
        if (rules.local_service) notes_.push_back("DNS service limited to local subnets");
        rules.interfaces = files.interfaces;
        rules.cache_bytes = cache_bytes_of(options_);
        rules.log_only = options_.log_queries_only;
        rules.log_queries = options_.log_queries != conf::QueryLogging::off && !rules.log_only.any();
        rules.log_extra = options_.log_queries == conf::QueryLogging::extra;
    }

    void find_plain_names() {
        Rules& rules = *rules_;
        const LocalData& local = *rules.local;
        const UpstreamGroup* standard = default_route(rules);
        rules.has_hosts = !local.names.empty();
        rules.plain = rules.routes.size() == (standard ? 1 : 0) && !(standard && standard->local_only) && rules.starred_routes.empty() &&
                      !rules.dotless && local.aliases.empty() && local.wildcards.empty() && local.starred.empty() && !local.dotless &&
                      local.records.empty() && local.synth_names.empty() && !rules.filterwin2k;
    }

    const conf::Options& options_;
    const std::vector<Endpoint>& own_;
    std::vector<std::string>& notes_;
    const Rules* const before_;
    const wire::Name arpa_ = *wire::Name::parse("arpa");
    std::shared_ptr<Rules> rules_ = std::make_shared<Rules>();
    std::vector<Endpoint> looping_;
    const std::map<std::string, std::vector<Address>>* servers_by_name_ = nullptr;
    bool awaited_ = false;  ///< the host name of some upstream is not resolved yet
    NameMap<DomainServers> domains_, starred_;
    std::optional<DomainServers> dotless_;
};

}  // namespace

std::shared_ptr<const Rules> make_rules(const conf::Options& options, const FollowedFiles& files, const std::vector<Endpoint>& own,
                                        std::vector<std::string>& notes, const Rules* before) {
    return Maker(options, own, notes, before).make(files);
}

std::vector<std::string> named_servers(const conf::Options& options, const FollowedFiles& files) {
    std::vector<std::string> names;
    const auto add = [&](const std::optional<conf::ServerPlace>& place) {
        if (place && !place->host.empty() && std::find(names.begin(), names.end(), place->host) == names.end())
            names.push_back(place->host);
    };
    for (const conf::ServerRule& rule : options.server) add(rule.upstream);
    if (!options.consul_http_addr.empty()) add(options.consul_dns);
    std::vector<std::string> warnings;
    if (files.servers)
        for (const conf::ServerRule& rule : conf::parse_servers_file(files.servers->text, files.servers->path, warnings))
            add(rule.upstream);
    return names;
}

std::shared_ptr<const Rules> no_rules() { return std::make_shared<Rules>(); }

const UpstreamGroup* default_route(const Rules& rules) {
    const auto found = rules.routes.find(wire::Name{});
    return found == rules.routes.end() ? nullptr : &found->second;
}

const UpstreamGroup* find_route(const Rules& rules, const wire::Name& lower) {
    if (rules.plain) return rules.routes.empty() ? nullptr : &rules.routes.begin()->second;
    const UpstreamGroup* found = nullptr;
    for_each_domain(rules, lower, [&](const wire::Name&, const DomainLines& place) { return (found = place.route) != nullptr; });
    if (found) return found;
    if (has_one_label(lower) && rules.dotless) return &*rules.dotless;
    return default_route(rules);
}

std::size_t cache_bytes_of(const conf::CacheOptions& options) {
    return options.cache_size == 0 ? 0 : std::max(options.cache_size * bytes_per_entry, cache_bytes_min);
}

}  // namespace lictor::rules
