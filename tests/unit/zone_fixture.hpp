// A small Catalog that tests build, and a function that queries it: `ask("web.service.consul A")` returns the reply as text lines.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "conf/values/record_values.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/zone/zone.hpp"
#include "tests/support/render_message.hpp"
#include "watch/catalog/record_table.hpp"

namespace lictor::test {

using Meta = std::vector<std::pair<std::string, std::string>>;

/// Optional fields of an instance.
struct InstanceMore {
    std::string id = {};       ///< empty: the name of the service
    std::string address = {};  ///< empty: the address of the node
    std::vector<std::string> tags = {};
    catalog::Health health = catalog::Health::passing;
    std::uint16_t weight = 1;
    catalog::TaggedAddresses tagged = {};
};

/// Tables may be changed until a query is asked, and between two queries.
class ZoneWorld {
public:
    std::shared_ptr<catalog::ConsulSettings> settings = std::make_shared<catalog::ConsulSettings>();
    std::shared_ptr<catalog::TableOf<catalog::ServiceEntry>> services = std::make_shared<catalog::TableOf<catalog::ServiceEntry>>();
    std::shared_ptr<catalog::TableOf<catalog::NodeTable>> nodes = std::make_shared<catalog::TableOf<catalog::NodeTable>>();
    std::shared_ptr<catalog::TableOf<catalog::LeaderEntry>> leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>();
    std::shared_ptr<catalog::TableOf<catalog::HostEntry>> hosts = std::make_shared<catalog::TableOf<catalog::HostEntry>>();
    catalog::Catalog catalog;
    Moment at{seconds(77), 1700000000};
    std::uint32_t udp_max = 1232;
    std::size_t table_from = catalog::RecordTable::few_max;  ///< services with more instances have a table of records, as from the watch
    std::optional<answer::Answer> last;                      ///< of the last query; nothing: the zone delegates

    /// These add an entry, or find it (`service`, `node_table`), and return it for further changes. The references of tables and instances
    /// stay valid. An empty datacenter is the local one.
    std::shared_ptr<catalog::NodeRecord> node(const std::string& name, const std::string& address, Meta meta = {},
                                              catalog::TaggedAddresses tagged = {}, const std::string& datacenter = "") {
        auto record = std::make_shared<catalog::NodeRecord>();
        record->name = name;
        record->name_lower = lower_case(name);
        record->address = catalog::HostText(address);
        record->meta = std::move(meta);
        record->tagged = std::move(tagged);
        record->datacenter = datacenter.empty() ? "dc1" : datacenter;
        auto& table = node_table(datacenter);
        table.by_name[record->name_lower] = record;
        table.in_order.push_back(record);
        return record;
    }
    catalog::NodeTable& node_table(const std::string& datacenter = "") {
        auto& slot = (*nodes)[datacenter];
        if (!slot) {
            auto table = std::make_shared<catalog::NodeTable>();
            table->state = catalog::FactState::known;
            table->datacenter = datacenter;
            slot = table;
        }
        return const_cast<catalog::NodeTable&>(*slot);
    }
    catalog::ServiceEntry& service(const std::string& name, const std::string& datacenter = "",
                                   catalog::FactState state = catalog::FactState::known) {
        auto& slot = (*services)[catalog::service_key(name, datacenter)];
        if (!slot) {
            auto entry = std::make_shared<catalog::ServiceEntry>();
            entry->name = name;
            entry->datacenter = datacenter;
            entry->state = state;
            slot = entry;
        }
        return const_cast<catalog::ServiceEntry&>(*slot);
    }
    catalog::Instance& instance(const std::string& name, const std::shared_ptr<catalog::NodeRecord>& on, std::uint32_t port,
                                InstanceMore more = {}, const std::string& datacenter = "") {
        catalog::Instance made;
        made.node = on;
        made.name = name;
        made.id = more.id.empty() ? name : more.id;
        made.address = catalog::HostText(more.address);
        made.tags = std::move(more.tags);
        made.health = more.health;
        made.weight = more.weight;
        made.tagged = std::move(more.tagged);
        made.port = port;
        auto& entry = service(name, datacenter);
        entry.instances.push_back(std::move(made));
        return change(name, entry.instances.size() - 1, datacenter);
    }
    catalog::Instance& change(const std::string& name, std::size_t number, const std::string& datacenter = "") {
        return const_cast<catalog::Instance&>(service(name, datacenter).instances[number]);
    }
    catalog::HostEntry& host(const std::string& name, catalog::FactState state, const std::vector<std::string>& addresses = {}) {
        auto entry = std::make_shared<catalog::HostEntry>();
        entry->state = state;
        for (const auto& text : addresses) {
            const auto address = *Address::parse(text);
            (address.v6 ? entry->v6 : entry->v4).push_back(address);
        }
        (*hosts)[name] = entry;
        return *entry;
    }
    catalog::LeaderEntry& leader(const std::string& name, catalog::LeaderState state, const std::string& where = "",
                                 std::uint16_t port = 5432, const std::string& node_address = "") {
        auto entry = std::make_shared<catalog::LeaderEntry>();
        entry->scope = entry->service = name;
        entry->state = state;
        entry->host = catalog::HostText(where);
        entry->node_address = catalog::HostText(node_address);
        entry->port = port;
        (*leaders)[name] = entry;
        return *entry;
    }

    /// Type number; throws std::runtime_error for an unknown name.
    static std::uint16_t type_of(const std::string& text) {
        if (const auto type = conf::record_type(text)) return *type;
        throw std::runtime_error("unknown type " + text);
    }

    /// `NAME TYPE [tcp] [edns=SIZE] [do] [rd] [cd]`
    static wire::Question question(const std::string& line) {
        std::istringstream words(line);
        std::string name, type, word;
        words >> name >> type;
        wire::Question question;
        question.name = *wire::Name::parse(name);
        question.lower = question.name.lower();
        question.type = type_of(type);
        question.klass = 1;
        question.header.id = 4711;
        question.end = wire::header_size + question.name.size() + 4;
        while (words >> word) {
            if (word == "tcp") question.over_tcp = true;
            else if (word == "do") question.edns.dnssec_ok = true;
            else if (word == "rd") question.header.bits |= header_bit::rd;
            else if (word == "cd") question.header.bits |= header_bit::cd;
            else if (word.starts_with("edns=")) {
                question.edns.present = true;
                question.edns.udp_size = static_cast<std::uint16_t>(std::stoul(word.substr(5)));
            }
        }
        return question;
    }

    /// Whether to answer exactly as the agent does, and the version of the agent.
    void set_strict(bool on) { settings->agent = {on, settings->agent.version}; }
    void set_version(const std::string& version) { settings->agent = {settings->agent.strict, version}; }

    /// Puts the tables into `catalog`; `message` and `ask` do so themselves.
    void settle() {
        for (const auto& [key, entry] : *services)
            const_cast<catalog::ServiceEntry&>(*entry).records =
                catalog::RecordTable::make(entry->instances, !entry->datacenter.empty(), table_from);
        catalog.settings = settings;
        catalog.services = services;
        catalog.nodes = nodes;
        catalog.leaders = leaders;
        catalog.hosts = hosts;
        catalog.consul_on = catalog.reachable = true;
    }

    /// The domain of the settings that the name is in; the primary one for names elsewhere (arpa).
    wire::Name domain_of(const wire::Name& lower) const {
        std::optional<wire::Name> found;
        for (const auto& text : settings->domains) {
            const wire::Name domain = *wire::Name::parse(text);
            if (lower.is_below_or_equal(domain) && (!found || domain.size() > found->size())) found = domain;
        }
        return found ? *found : *wire::Name::parse(settings->domains.front());
    }

    /// The concluded reply to `line` (see `question`); of no bytes, hence broken, if there is none.
    MessageText message(const std::string& line) {
        settle();
        const wire::Question asked = question(line);
        const wire::Name domain = domain_of(asked.lower);
        buffer.assign(65535, 0xee);
        last = zone::answer_zone(asked, domain, zone::ZoneContext{catalog, random, at, udp_max}, buffer);
        const bool answered = last && last->answered();
        if (answered) {
            metrics::WorkerCounters counters;
            rules::Rules rules;
            answer::Actions actions;
            rules.edns_packet_max = udp_max;
            answer::conclude(*last, {{}, asked.edns, asked.over_tcp}, buffer, {counters, rules, actions});
        }
        return MessageText(std::span<const std::uint8_t>(buffer).first(answered ? last->size : 0));
    }

    /// The reply as text; or `WAIT service|nodes|leader|host NAME [@DC] [gap]`; or `DELEGATE`.
    std::string ask(const std::string& line) {
        const MessageText reply = message(line);
        if (!last) return "DELEGATE\n";
        if (const auto* wait = last->answered() ? nullptr : &*last) {
            static constexpr const char* kinds[] = {"service", "nodes", "leader", "host"};
            std::string out = std::string("WAIT ") + kinds[static_cast<int>(wait->need.kind)];
            if (!wait->need.name.empty()) out += " " + wait->need.name;
            if (!wait->need.datacenter.empty()) out += " @" + wait->need.datacenter;
            return out + (wait->leader_gap ? " gap\n" : "\n");
        }
        return reply.text();
    }

    std::vector<std::uint8_t> buffer;
    Random random{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
};

/// Replies without an answer, as `ask` returns them.
inline const std::string soa = "authority consul 0 SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 0\n";
inline const std::string no_data = "NOERROR aa ra\n" + soa;
inline const std::string no_name = "NXDOMAIN aa ra\n" + soa;

}  // namespace lictor::test
