// A small catalog to build by hand, and a way to ask it: `ask("web.service.consul A")` gives the reply as text lines.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "resolver/core/zone.hpp"
#include "tests/support/render_message.hpp"

namespace lictor::test {

using Meta = std::vector<std::pair<std::string, std::string>>;

struct InstanceMore {
    std::string id = {};
    std::string address = {};
    std::vector<std::string> tags = {};
    Health health = Health::passing;
    std::uint16_t weight = 1;
    TaggedAddresses tagged = {};
};

class ZoneWorld {
public:
    std::shared_ptr<ConsulSettings> settings = std::make_shared<ConsulSettings>();
    std::shared_ptr<TableOf<ServiceEntry>> services = std::make_shared<TableOf<ServiceEntry>>();
    std::shared_ptr<TableOf<NodeTable>> nodes = std::make_shared<TableOf<NodeTable>>();
    std::shared_ptr<TableOf<LeaderEntry>> leaders = std::make_shared<TableOf<LeaderEntry>>();
    std::shared_ptr<TableOf<HostEntry>> hosts = std::make_shared<TableOf<HostEntry>>();
    Catalog catalog;
    Moment at{seconds(77), 1700000000};
    std::size_t udp_max = 1232;
    ZoneVerdict last;

    std::shared_ptr<NodeRecord> node(const std::string& name, const std::string& address, Meta meta = {}, TaggedAddresses tagged = {},
                                     const std::string& datacenter = "") {
        auto record = std::make_shared<NodeRecord>();
        record->name = name;
        for (const char c : name) record->name_lower += static_cast<char>(lower_ascii(static_cast<std::uint8_t>(c)));
        record->address = HostText(address);
        record->meta = std::move(meta);
        record->tagged = std::move(tagged);
        record->datacenter = datacenter.empty() ? "dc1" : datacenter;
        auto& table = node_table(datacenter);
        table.by_name[record->name_lower] = record;
        table.in_order.push_back(record);
        return record;
    }
    NodeTable& node_table(const std::string& datacenter = "") {
        auto& slot = (*nodes)[datacenter];
        if (!slot) {
            auto table = std::make_shared<NodeTable>();
            table->state = FactState::known;
            table->datacenter = datacenter;
            slot = table;
        }
        return const_cast<NodeTable&>(*slot);
    }
    ServiceEntry& service(const std::string& name, const std::string& datacenter = "", FactState state = FactState::known) {
        auto& slot = (*services)[service_key(name, datacenter)];
        if (!slot) {
            auto entry = std::make_shared<ServiceEntry>();
            entry->name = name;
            entry->datacenter = datacenter;
            entry->state = state;
            slot = entry;
        }
        return const_cast<ServiceEntry&>(*slot);
    }
    Instance& instance(const std::string& name, const std::shared_ptr<NodeRecord>& on, std::uint32_t port, InstanceMore more = {},
                       const std::string& datacenter = "") {
        Instance made;
        made.node = on;
        made.name = name;
        made.id = more.id.empty() ? name : more.id;
        made.address = HostText(more.address);
        made.tags = std::move(more.tags);
        made.health = more.health;
        made.weight = more.weight;
        made.tagged = std::move(more.tagged);
        made.port = port;
        auto& entry = service(name, datacenter);
        entry.instances.push_back(std::move(made));
        return entry.instances.back();
    }
    HostEntry& host(const std::string& name, FactState state, const std::vector<std::string>& addresses = {}) {
        auto entry = std::make_shared<HostEntry>();
        entry->state = state;
        for (const auto& text : addresses) {
            const auto address = *Address::parse(text);
            (address.v6 ? entry->v6 : entry->v4).push_back(address);
        }
        (*hosts)[name] = entry;
        return *entry;
    }
    LeaderEntry& leader(const std::string& name, LeaderState state, const std::string& where = "", std::uint16_t port = 5432,
                        const std::string& node_address = "") {
        auto entry = std::make_shared<LeaderEntry>();
        entry->scope = entry->service = name;
        entry->state = state;
        entry->host = HostText(where);
        entry->node_address = HostText(node_address);
        entry->port = port;
        (*leaders)[name] = entry;
        return *entry;
    }

    static std::uint16_t type_of(const std::string& text) {
        static const std::vector<std::pair<std::string, std::uint16_t>> types = {
            {"A", 1},     {"NS", 2},   {"CNAME", 5}, {"SOA", 6},    {"PTR", 12},   {"MX", 15},    {"TXT", 16},
            {"AAAA", 28}, {"SRV", 33}, {"DS", 43},   {"HTTPS", 65}, {"IXFR", 251}, {"AXFR", 252}, {"ANY", 255}};
        for (const auto& [name, type] : types)
            if (name == text) return type;
        throw std::runtime_error("unknown type " + text);
    }

    /// `NAME TYPE [tcp] [edns=SIZE] [do] [rd] [cd]`
    static Question question(const std::string& line) {
        std::istringstream words(line);
        std::string name, type, word;
        words >> name >> type;
        Question question;
        question.name = *Name::parse(name);
        question.lower = question.name.lower();
        question.type = type_of(type);
        question.klass = 1;
        question.header.id = 4711;
        question.end = header_size + question.name.size() + 4;
        while (words >> word) {
            if (word == "tcp")
                question.over_tcp = true;
            else if (word == "do")
                question.edns.dnssec_ok = true;
            else if (word == "rd")
                question.header.bits |= 0x0100;
            else if (word == "cd")
                question.header.bits |= 0x0010;
            else if (word.starts_with("edns=")) {
                question.edns.present = true;
                question.edns.udp_size = static_cast<std::uint16_t>(std::stoul(word.substr(5)));
            }
        }
        return question;
    }

    void settle() {
        catalog.settings = settings;
        catalog.services = services;
        catalog.nodes = nodes;
        catalog.leaders = leaders;
        catalog.hosts = hosts;
        catalog.consul_on = catalog.reachable = true;
    }

    /// The domain of the settings that the name is in; the primary one for names elsewhere (arpa).
    Name domain_of(const Name& lower) const {
        std::optional<Name> found;
        for (const auto& text : settings->domains) {
            const Name domain = *Name::parse(text);
            if (lower.is_below_or_equal(domain) && (!found || domain.size() > found->size())) found = domain;
        }
        return found ? *found : *Name::parse(settings->domains.front());
    }

    MessageText message(const std::string& line) {
        settle();
        const Question asked = question(line);
        const Name domain = domain_of(asked.lower);
        buffer.assign(65535, 0xee);
        last = answer_zone(asked, domain, ZoneContext{catalog, random, at, udp_max}, buffer);
        const auto* answer = std::get_if<ZoneAnswer>(&last);
        return MessageText(std::span<const std::uint8_t>(buffer).first(answer ? answer->size : 0));
    }

    /// The reply as text; or `WAIT service|nodes|leader|host NAME [@DC] [gap]`; or `DELEGATE`.
    std::string ask(const std::string& line) {
        const MessageText reply = message(line);
        if (std::holds_alternative<ZoneDelegate>(last)) return "DELEGATE\n";
        if (const auto* wait = std::get_if<ZoneWait>(&last)) {
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

inline const std::string soa = "authority consul 0 SOA ns.consul hostmaster.consul 1700000000 3600 600 86400 0\n";
inline const std::string no_data = "NOERROR aa ra\n" + soa;
inline const std::string no_name = "NXDOMAIN aa ra\n" + soa;

}  // namespace lictor::test
