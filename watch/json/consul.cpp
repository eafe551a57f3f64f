// A field of the wrong type counts as absent; but an address, a session or the value of a key that is not a text makes the body an Error,
// because without it another address or no leader would be answered. A port that is not a whole number in 32 bits (-1, "80", null, 80.9) is
// 0; 70000 stays 70000, because Consul stores it and its SRV records take it modulo 65536. An entry with a NUL byte is skipped and the rest
// of the body is used: one malformed registration does not stop the updates of a service.
#include "watch/json/consul.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>
#include <utility>

#include "conf/base/ascii.hpp"
#include "watch/json/tree.hpp"

namespace lictor::json {
namespace {

constexpr std::size_t kept_from = 64u << 10;  ///< bytes of a body: a shorter one is parsed anew in little time
constexpr std::uint64_t number32_max = std::numeric_limits<std::uint32_t>::max();

catalog::HostText host_of(JsonValue value, std::string& fault) {
    if (value.is_other_than_text()) fault = "an address that is not a text";
    return catalog::HostText(std::string(value.text_or_empty()));
}

std::uint32_t port_of(JsonValue value) { return static_cast<std::uint32_t>(value.number(number32_max).value_or(0)); }

/// Node.TaggedAddresses holds plain texts, Service.TaggedAddresses objects with Address and Port.
catalog::TaggedAddresses tagged_of(JsonValue tagged, std::string& fault) {
    const auto address = [&](std::string_view name) {
        const JsonValue value = tagged.get(name);
        return host_of(value.is_object() ? value.get("Address") : value, fault);
    };
    catalog::TaggedAddresses out;
    out.lan = address("lan");
    out.lan_ipv4 = address("lan_ipv4");
    out.lan_ipv6 = address("lan_ipv6");
    out.wan = address("wan");
    out.wan_ipv4 = address("wan_ipv4");
    out.wan_ipv6 = address("wan_ipv6");
    out.wan_port = port_of(tagged.get("wan").get("Port"));
    return out;
}

bool has_nul_address(const catalog::TaggedAddresses& tagged) {
    const std::array<const catalog::HostText*, 6> all{&tagged.lan, &tagged.lan_ipv4, &tagged.lan_ipv6,
                                                      &tagged.wan, &tagged.wan_ipv4, &tagged.wan_ipv6};
    return std::any_of(all.begin(), all.end(), [](const catalog::HostText* host) { return has_nul(host->text); });
}

/// `fault` is set by what Consul cannot have written.
std::shared_ptr<const catalog::NodeRecord> node_of(JsonValue node, std::string& fault) {
    auto record = std::make_shared<catalog::NodeRecord>();
    record->name = node.get("Node").text_or_empty();
    record->name_lower = lower_case(record->name);
    record->id = node.get("ID").text_or_empty();
    record->datacenter = node.get("Datacenter").text_or_empty();
    record->address = host_of(node.get("Address"), fault);
    record->tagged = tagged_of(node.get("TaggedAddresses"), fault);
    if (record->name.empty() || has_nul(record->name) || has_nul(record->id) || has_nul(record->datacenter) ||
        has_nul(record->address.text) || has_nul_address(record->tagged))
        return nullptr;
    const JsonValue meta = node.get("Meta");
    for (JsonValue value = meta.first(); meta.is_object() && value; value = value.next())
        if (const auto text = value.text()) record->meta.emplace_back(value.key(), *text);
    return record;
}

/// Shares one record between all instances of a body on the same node.
class NodePool {
public:
    void add(const std::shared_ptr<const catalog::NodeRecord>& record) { by_name_.try_emplace(record->name, record); }
    std::shared_ptr<const catalog::NodeRecord> shared(std::shared_ptr<const catalog::NodeRecord> record) {
        auto& known = by_name_[record->name];
        if (known && (known == record || *known == *record)) return known;
        if (!known) known = record;
        return record;
    }

private:
    std::unordered_map<std::string_view, std::shared_ptr<const catalog::NodeRecord>> by_name_;  ///< the names are the records'
};

/// An unknown status is not passing, but does not hide the instance either.
catalog::Health health_of(std::string_view status) {
    if (status == "passing") return catalog::Health::passing;
    if (status == "critical" || status == "maintenance") return catalog::Health::critical;
    return catalog::Health::warning;
}

/// Consul's SRV weight: chosen by the worst check of the node and of this service, cut to 16 bits; 1 if a status is unknown.
std::uint16_t weight_of(JsonValue service, catalog::Health worst, bool unknown_status) {
    if (worst == catalog::Health::critical) return 0;
    const JsonValue weights = service.get("Weights");
    if (!weights.is_object() || unknown_status) return 1;
    const auto weight = weights.get(worst == catalog::Health::passing ? "Passing" : "Warning").number();
    return weight ? static_cast<std::uint16_t>(*weight) : std::uint16_t{1};
}

void read_checks(JsonValue entry, catalog::Instance& instance) {
    catalog::Health own_worst = catalog::Health::passing;
    bool own_unknown = false;
    std::optional<catalog::Health> gossip;
    catalog::Health node_level = catalog::Health::passing;
    const JsonValue checks = entry.get("Checks");
    for (JsonValue check = checks.first(); checks.is_list() && check; check = check.next()) {
        if (!check.is_object()) continue;
        const std::string_view status = check.get("Status").text_or_empty();
        const catalog::Health health = health_of(status);
        instance.health = std::max(instance.health, health);
        const std::string_view id = check.get("CheckID").text_or_empty();
        if (id == "_node_maintenance" || id.starts_with("_service_maintenance"))
            instance.maintenance = instance.maintenance || health == catalog::Health::critical;
        if (check.get("ServiceID").text_or_empty().empty()) {
            if (id == "serfHealth") gossip = health;
            else node_level = std::max(node_level, health);
        }
        const std::string_view service_name = check.get("ServiceName").text_or_empty();
        if (!service_name.empty() && service_name != instance.name) continue;
        own_worst = std::max(own_worst, health);
        own_unknown = own_unknown || (health == catalog::Health::warning && status != "warning");
    }
    instance.weight = weight_of(entry.get("Service"), own_worst, own_unknown);
    // serfHealth (gossip) alone decides whether the node has failed: another node-level check, for instance of a full disk, must not
    // withdraw a leader. Nodes without serfHealth have only their other checks.
    instance.node_critical = gossip.value_or(node_level) == catalog::Health::critical;
}

/// Since Consul 1.22 a service may have several ports; DNS answers the default one.
std::uint32_t service_port_of(JsonValue service) {
    const std::uint32_t port = port_of(service.get("Port"));
    const JsonValue ports = service.get("Ports");
    if (port != 0 || !ports.is_list()) return port;
    for (JsonValue each = ports.first(); each; each = each.next())
        if (each.get("Default").boolean().value_or(false)) return port_of(each.get("Port"));
    return 0;
}

std::shared_ptr<const catalog::Instance> instance_of(JsonValue entry, NodePool& nodes, std::string& fault) {
    const JsonValue service = entry.get("Service");
    catalog::Instance instance;
    instance.id = service.get("ID").text_or_empty();
    instance.name = service.get("Service").text_or_empty();
    instance.address = host_of(service.get("Address"), fault);
    instance.tagged = tagged_of(service.get("TaggedAddresses"), fault);
    instance.port = service_port_of(service);
    if (instance.name.empty() || has_nul(instance.name) || has_nul(instance.id) || has_nul(instance.address.text) ||
        has_nul_address(instance.tagged))
        return nullptr;
    auto node = node_of(entry.get("Node"), fault);
    if (!node) return nullptr;
    instance.node = nodes.shared(std::move(node));
    const JsonValue tags = service.get("Tags");
    for (JsonValue tag = tags.first(); tags.is_list() && tag; tag = tag.next())
        if (const auto text = tag.text(); text && !text->empty() && !has_nul(*text)) instance.tags.push_back(lower_case(*text));
    read_checks(entry, instance);
    return std::make_shared<catalog::Instance>(std::move(instance));
}

/// A list of entries, one of which is null where it has no usable name.
template <class T>
struct Entries {
    std::vector<std::shared_ptr<const T>> values;
    std::size_t read = 0;
    Kept<T> kept;
};

/// Reads every entry. `hashes`: of the entries' texts; empty if nothing is kept.
template <class T, class Read>
Result<Entries<T>> read_all(std::string_view body, std::string_view what, std::vector<TextHash> hashes, const Read& read) {
    Entries<T> out;
    const auto done = read_json_list(body, what, [&](JsonValue entry) { out.values.push_back(read(entry)); });
    if (!done) return done.error();
    out.read = out.values.size();
    if (!hashes.empty() && hashes.size() == out.values.size())
        out.kept = std::make_shared<KeptEntries<T>>(KeptEntries<T>{std::move(hashes), out.values});
    return out;
}

/// Reads the entries whose text is not in the last reply. `reuse` is called for each of the others before.
template <class T, class Read, class Reuse>
Result<Entries<T>> read_entries(std::string_view body, std::string_view what, const LastReply<T>& last, const Read& read,
                                const Reuse& reuse) {
    if (body.size() < kept_from || body.size() > JsonLimits{}.body_bytes) return read_all<T>(body, what, {}, read);
    const auto texts = divide_list(body);
    if (!texts || texts->empty() || texts->size() > JsonLimits{}.values) return read_all<T>(body, what, {}, read);
    std::vector<TextHash> hashes;
    hashes.reserve(texts->size());
    for (const auto text : *texts) hashes.push_back(hash_text(text, last.seed));
    if (!last.kept) return read_all<T>(body, what, std::move(hashes), read);
    const auto positions = unchanged_positions(hashes, last.kept->hashes);
    const auto number = static_cast<std::size_t>(std::ranges::count(positions, no_position));
    if (number > texts->size() / 2) return read_all<T>(body, what, std::move(hashes), read);

    Entries<T> out;
    out.read = number;
    for (const std::size_t position : positions)
        if (position != no_position && last.kept->values[position]) reuse(last.kept->values[position]);
    JsonLimits limits;
    --limits.depth;  // the list itself is one level
    for (std::size_t i = 0; i < positions.size(); ++i) {
        if (positions[i] != no_position) {
            out.values.push_back(last.kept->values[positions[i]]);
            continue;
        }
        const auto tree = read_json((*texts)[i], what, limits);
        if (!tree) return read_all<T>(body, what, {}, read);  // for the position in the error's text
        out.values.push_back(read(tree->root()));
    }
    out.kept = std::make_shared<KeptEntries<T>>(KeptEntries<T>{std::move(hashes), out.values});
    return out;
}

constexpr std::int8_t base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<std::int8_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<std::int8_t>(c - 'a' + 26);
    if (c >= '0' && c <= '9') return static_cast<std::int8_t>(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

Result<ServiceBody> parse_health_service(std::string_view body, const LastReply<catalog::Instance>& last) {
    NodePool nodes;
    std::string fault;
    auto list = read_entries<catalog::Instance>(
        body, "health/service", last, [&](JsonValue entry) { return instance_of(entry, nodes, fault); },
        [&](const std::shared_ptr<const catalog::Instance>& same) { nodes.add(same->node); });
    if (!list) return list.error();
    if (!fault.empty()) return Error{"health/service: " + fault};
    ServiceBody out;
    for (auto& instance : list->values) {
        if (instance) out.instances.push_back(std::move(instance));
        else ++out.skipped;
    }
    out.instances.trim();
    out.read = list->read;
    out.kept = std::move(list->kept);
    return out;
}

Result<NodesBody> parse_catalog_nodes(std::string_view body, const LastReply<catalog::NodeRecord>& last) {
    std::string fault;
    auto list = read_entries<catalog::NodeRecord>(
        body, "catalog/nodes", last, [&](JsonValue entry) { return node_of(entry, fault); }, [](const auto&) {});
    if (!list) return list.error();
    if (!fault.empty()) return Error{"catalog/nodes: " + fault};
    NodesBody out;
    out.nodes = std::move(list->values);
    std::erase(out.nodes, nullptr);
    out.read = list->read;
    out.kept = std::move(list->kept);
    return out;
}

Result<LockBody> parse_lock(std::string_view body, std::string_view key) {
    LockBody out;
    std::string fault;
    const auto read = read_json_list(body, "kv", [&](JsonValue entry) {
        if (entry.get("Key").text_or_empty() != key) return;
        if (std::exchange(out.exists, true)) fault = "kv: the key is in the reply twice";
        out.session = entry.get("Session").text_or_empty();
        out.lock_index = entry.get("LockIndex").number().value_or(0);
        out.modify_index = entry.get("ModifyIndex").number().value_or(0);
        if (entry.get("Session").is_other_than_text()) fault = "kv: a session that is not a text";
        if (entry.get("Value").is_other_than_text()) fault = "kv: a value that is not a text";
        auto value = decode_base64(entry.get("Value").text_or_empty());
        if (value) out.value = std::move(*value);
        else fault = "kv: " + value.error().text;
    });
    if (!read) return read.error();
    if (!fault.empty()) return Error{fault};
    return out;
}

Result<std::string> parse_session_node(std::string_view body) {
    std::string node;
    const auto read = read_json_list(body, "session", [&](JsonValue entry) {
        const auto name = entry.get("Node").text_or_empty();
        if (!has_nul(name)) node = name;
    });
    if (!read) return read.error();
    return node;
}

Result<std::string> parse_node_address(std::string_view body) {
    const auto tree = read_json(body, "node");
    if (!tree) return tree.error();
    const auto address = tree->root().get("Node").get("Address").text_or_empty();
    return has_nul(address) ? std::string() : std::string(address);
}

Result<std::vector<std::string>> parse_key_names(std::string_view body) {
    std::vector<std::string> names;
    if (body.empty()) return names;
    const auto tree = read_json(body, "keys");
    if (!tree) return tree.error();
    if (!tree->root().is_list() && tree->root().kind() != JsonKind::null) return Error{"keys: not a list"};
    for (JsonValue name = tree->root().first(); name; name = name.next())
        if (const auto text = name.text(); text && !has_nul(*text)) names.emplace_back(*text);
    return names;
}

Result<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return Error{"base64 whose length is not a multiple of 4"};
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text.substr(0, text.size() - padding)) {
        const auto value = base64_value(c);
        if (value < 0) return Error{"base64 with a character outside its alphabet"};
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out += static_cast<char>((bits >> held) & 0xff);
        bits &= (1u << held) - 1;
    }
    if (bits != 0) return Error{"base64 with bits after its end"};
    return out;
}

}  // namespace lictor::json
