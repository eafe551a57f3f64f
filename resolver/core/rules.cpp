// Options and followed files → Rules: who is asked for what.
#include "resolver/core/rules.hpp"

#include <algorithm>

#include "resolver/core/local_data.hpp"
#include "resolver/core/resolv_conf.hpp"

namespace lictor {
namespace {

constexpr std::uint16_t dns_port = 53;
constexpr std::size_t bytes_per_entry = 512;      ///< what an ordinary reply costs, with room for some large ones
constexpr std::size_t cache_bytes_min = 64 * 1024;
constexpr std::uint32_t min_cache_ttl_max = 3600;  ///< dnsmasq's ceiling

/// What the `server=` lines say about one domain, before they are weighed.
struct DomainRule {
    std::vector<std::uint32_t> members;
    bool standard = false, local = false;
};

class Maker {
public:
    Maker(const Options& options, const std::vector<Endpoint>& own, std::vector<std::string>& notes) : options_(options), own_(own), notes_(notes) {}

    std::shared_ptr<const Rules> make(const FollowedFiles& files) {
        rules_->local = make_local_data(options_, files, notes_);
        if (!options_.consul_http_addr.empty() && options_.consul_dns) rules_->agent_dns = add_upstream({*options_.consul_dns, {}, {}, true}, "");
        for (const ServerRule& rule : options_.server) add_server(rule);
        if (!options_.no_resolv) add_resolv(files);
        settle_routes();
        copy_settings();
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
               *rule.upstream == rules_->upstreams[*rules_->agent_dns].endpoint;
    }

    static void add_member(DomainRule& rule, std::optional<std::uint32_t> index) {
        if (index && std::find(rule.members.begin(), rule.members.end(), *index) == rule.members.end()) rule.members.push_back(*index);
    }

    void add_server(const ServerRule& rule) {
        const std::vector<std::string> everything = {"#"};
        for (const std::string& text : rule.domains.empty() ? everything : rule.domains) {
            DomainRule* found = nullptr;
            std::string whom, what = text;
            if (text.empty()) {
                found = &dotless_.emplace(dotless_.value_or(DomainRule{}));
                what = "unqualified names";
                whom = " for unqualified names";
            } else if (text == "#") {
                found = &domains_[Name{}];
                what = "all names";
            } else {
                const auto name = Name::parse(text.starts_with('.') ? text.substr(1) : text);
                if (!name) {
                    notes_.push_back("server: '" + text + "' is not a domain name; skipped");
                    continue;
                }
                const Name domain = name->lower();
                if (is_agent(rule) && domain.is_below_or_equal(arpa_)) {
                    rules_->consul_reverse[domain] = true;
                    notes_.push_back("using Consul for domain " + text);
                    continue;
                }
                found = &domains_[domain];
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
                add_member(*found, add_upstream({*rule.upstream, rule.interface, rule.source, false}, whom));
            }
        }
    }

    void add_resolv(const FollowedFiles& files) {
        for (const auto& file : files.resolv) {
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
        const auto settle = [&](const DomainRule& rule) {
            UpstreamGroup group;
            group.members = rule.standard ? fallback : rule.members;
            group.local_only = !rule.standard && rule.members.empty() && rule.local;
            return group;
        };
        for (const auto& [domain, rule] : domains_) rules_->routes.emplace(domain, settle(rule));
        if (dotless_) rules_->dotless = settle(*dotless_);
        if (fallback.empty() && !(standard != domains_.end() && standard->second.local)) notes_.push_back("warning: no upstream servers configured");
    }

    void copy_settings() {
        Rules& rules = *rules_;
        for (const auto& text : options_.leader_flush) {
            if (const auto name = Name::parse(text)) rules.flush_on_leader_change.push_back(name->lower());
            else notes_.push_back("leader-flush: '" + text + "' is not a domain name; skipped");
        }
        rules.strict_order = options_.strict_order;
        rules.all_servers = options_.all_servers;
        rules.domain_needed = options_.domain_needed;
        rules.bogus_priv = options_.bogus_priv;
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
        rules.leader_hold = options_.leader_hold;
        rules.leader_hold_max = options_.leader_hold_max;
    }

    const Options& options_;
    const std::vector<Endpoint>& own_;
    std::vector<std::string>& notes_;
    const Name arpa_ = *Name::parse("arpa");
    std::shared_ptr<Rules> rules_ = std::make_shared<Rules>();
    NameMap<DomainRule> domains_;
    std::optional<DomainRule> dotless_;
};

}  // namespace

std::shared_ptr<const Rules> make_rules(const Options& options, const FollowedFiles& files, const std::vector<Endpoint>& own,
                                        std::vector<std::string>& notes) {
    return Maker(options, own, notes).make(files);
}

const UpstreamGroup* find_route(const Rules& rules, const Name& lower) {
    const bool one_label = !lower.is_root() && lower.wire()[0] + 2u == lower.size();
    const bool only_default = rules.routes.size() == 1 && rules.routes.begin()->first.is_root();
    if (!only_default) {
        for (Name at = lower; !at.is_root(); at = at.parent())
            if (const auto found = rules.routes.find(at); found != rules.routes.end()) return &found->second;
    }
    if (one_label && rules.dotless) return &*rules.dotless;
    const auto standard = rules.routes.find(Name{});
    return standard == rules.routes.end() ? nullptr : &standard->second;
}

}  // namespace lictor
