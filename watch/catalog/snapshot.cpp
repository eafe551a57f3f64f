// Writes and reads the format: a first line `lictor-snapshot VERSION BYTES CHECKSUM`, then JSON.
#include "watch/catalog/snapshot.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "watch/catalog/record_table.hpp"

namespace lictor::catalog {
namespace {

using Json = nlohmann::json;

constexpr std::string_view magic = "lictor-snapshot 2 ";
constexpr std::size_t texts_max = 4096;  ///< bytes of one text

/// FNV-1a: detects damage, not manipulation.
std::string checksum(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    char digits[17] = "0000000000000000";
    for (int i = 15; i >= 0; --i, hash >>= 4) digits[i] = "0123456789abcdef"[hash & 15];
    return {digits, 16};
}

// ---- writing

Json tagged_json(const TaggedAddresses& of) {
    return {of.lan_ipv4.text, of.lan_ipv6.text, of.wan.text, of.wan_ipv4.text, of.wan_ipv6.text, of.wan_port, of.lan.text};
}

Json instance_json(const Instance& of) {
    const auto& node = *of.node;
    return {{"node",
             {{"name", node.name},
              {"lower", node.name_lower},
              {"id", node.id},
              {"dc", node.datacenter},
              {"address", node.address.text},
              {"tagged", tagged_json(node.tagged)},
              {"meta", node.meta}}},
            {"id", of.id},
            {"name", of.name},
            {"address", of.address.text},
            {"tagged", tagged_json(of.tagged)},
            {"port", of.port},
            {"tags", of.tags},
            {"health", static_cast<int>(of.health)},
            {"critical", of.node_critical},
            {"weight", of.weight}};
}

Json settings_json(const ConsulSettings& of) {
    return {{"domains", of.domains},
            {"datacenter", of.datacenter},
            {"node", of.node_name},
            {"version", of.agent.version},
            {"only_passing", of.only_passing},
            {"node_meta_txt", of.node_meta_txt},
            {"enable_truncate", of.enable_truncate},
            {"disable_compression", of.disable_compression},
            {"recursors", of.recursors},
            {"translate_wan", of.translate_wan},
            {"node_ttl", of.node_ttl},
            {"service_ttl", of.service_ttl},
            {"udp_answer_limit", of.udp_answer_limit},
            {"a_record_limit", of.a_record_limit},
            {"soa", {of.soa_refresh, of.soa_retry, of.soa_expire, of.soa_min_ttl}}};
}

Json member_json(const MemberRow& of) {
    Json row = {
        {"name", of.name}, {"role", of.role},       {"state", of.state},     {"replication", of.replication_state}, {"host", of.host.text},
        {"port", of.port}, {"api_url", of.api_url}, {"version", of.version}, {"noloadbalance", of.noloadbalance}};
    if (of.timeline) row["timeline"] = *of.timeline;
    if (of.lsn) row["lsn"] = *of.lsn;
    return row;
}

// ---- reading: nlohmann's checked access throws, and read_snapshot catches

std::string text_of(const Json& value) {
    auto text = value.get<std::string>();
    if (text.size() > texts_max) throw std::length_error("a text is too long");
    return text;
}

TaggedAddresses tagged_of(const Json& row) {
    TaggedAddresses to;
    HostText* const hosts[] = {&to.lan_ipv4, &to.lan_ipv6, &to.wan, &to.wan_ipv4, &to.wan_ipv6};
    for (std::size_t i = 0; i < 5; ++i) *hosts[i] = HostText(text_of(row.at(i)));
    to.wan_port = row.at(5).get<std::uint32_t>();
    to.lan = HostText(text_of(row.at(6)));
    return to;
}

Instance instance_of(const Json& row) {
    const auto& of = row.at("node");
    auto node = std::make_shared<NodeRecord>();
    node->name = text_of(of.at("name"));
    node->name_lower = text_of(of.at("lower"));
    node->id = text_of(of.at("id"));
    node->datacenter = text_of(of.at("dc"));
    node->address = HostText(text_of(of.at("address")));
    node->tagged = tagged_of(of.at("tagged"));
    node->meta = of.at("meta").get<std::vector<std::pair<std::string, std::string>>>();
    Instance to;
    to.node = std::move(node);
    to.id = text_of(row.at("id"));
    to.name = text_of(row.at("name"));
    to.address = HostText(text_of(row.at("address")));
    to.tagged = tagged_of(row.at("tagged"));
    to.port = row.at("port").get<std::uint32_t>();
    to.tags = row.at("tags").get<std::vector<std::string>>();
    const int health = row.at("health").get<int>();
    if (health < 0 || health > static_cast<int>(Health::critical)) throw std::out_of_range("health is not passing, warning or critical");
    to.health = static_cast<Health>(health);
    to.node_critical = row.at("critical").get<bool>();
    to.weight = row.at("weight").get<std::uint16_t>();
    return to;
}

ConsulSettings settings_of(const Json& row) {
    ConsulSettings to;
    to.domains = row.at("domains").get<std::vector<std::string>>();
    if (to.domains.empty()) throw std::out_of_range("no domain");
    to.datacenter = text_of(row.at("datacenter"));
    to.node_name = text_of(row.at("node"));
    to.agent = {false, text_of(row.at("version"))};
    to.only_passing = row.at("only_passing").get<bool>();
    to.node_meta_txt = row.at("node_meta_txt").get<bool>();
    to.disable_compression = row.value("disable_compression", false);  // missing in snapshots of earlier versions
    to.enable_truncate = row.at("enable_truncate").get<bool>();
    to.recursors = row.at("recursors").get<bool>();
    to.translate_wan = row.at("translate_wan").get<bool>();
    to.node_ttl = row.at("node_ttl").get<std::uint32_t>();
    to.service_ttl = row.at("service_ttl").get<std::vector<std::pair<std::string, std::uint32_t>>>();
    to.udp_answer_limit = row.at("udp_answer_limit").get<std::uint32_t>();
    to.a_record_limit = row.at("a_record_limit").get<std::uint32_t>();
    std::uint32_t* const soa[] = {&to.soa_refresh, &to.soa_retry, &to.soa_expire, &to.soa_min_ttl};
    for (std::size_t i = 0; i < 4; ++i) *soa[i] = row.at("soa").at(i).get<std::uint32_t>();
    return to;
}

MemberRow member_of(const Json& row) {
    MemberRow to;
    to.name = text_of(row.at("name"));
    to.role = text_of(row.at("role"));
    to.state = text_of(row.at("state"));
    to.replication_state = text_of(row.at("replication"));
    to.host = HostText(text_of(row.at("host")));
    to.port = row.at("port").get<std::uint16_t>();
    to.api_url = text_of(row.at("api_url"));
    to.version = text_of(row.at("version"));
    to.noloadbalance = row.at("noloadbalance").get<bool>();
    if (row.contains("timeline")) to.timeline = row.at("timeline").get<std::uint64_t>();
    if (row.contains("lsn")) to.lsn = row.at("lsn").get<std::uint64_t>();
    return to;
}

Snapshot snapshot_of(const Json& whole) {
    Snapshot to;
    to.contact_unix = whole.at("contact").get<std::int64_t>();
    to.settings = settings_of(whole.at("settings"));
    for (const auto& row : whole.at("services")) {
        if (to.services.size() == snapshot_services_max) break;
        auto entry = std::make_shared<ServiceEntry>();
        entry->name = text_of(row.at("name"));
        entry->datacenter = text_of(row.at("dc"));
        entry->state = FactState::known;
        entry->stale = true;
        for (const auto& instance : row.at("instances")) entry->instances.push_back(instance_of(instance));
        entry->instances.trim();
        entry->records = RecordTable::make(entry->instances, !entry->datacenter.empty());
        to.services.push_back(std::move(entry));
    }
    for (const auto& row : whole.at("leaders")) {
        SavedLeader leader;
        leader.scope = text_of(row.at("scope"));
        leader.name_space = text_of(row.at("namespace"));
        leader.service = text_of(row.at("service"));
        leader.ttl = row.at("ttl").get<std::uint32_t>();
        leader.facts.exists = true;
        leader.facts.leader = text_of(row.at("leader"));
        for (const auto& member : row.at("members")) {
            auto read = member_of(member);
            leader.facts.members.emplace(read.name, read);
        }
        to.leaders.push_back(std::move(leader));
    }
    for (const auto& [service, row] : whole.at("marks").items())
        to.marks[service] = {row.at("serial").get<std::uint32_t>(), text_of(row.at("answered"))};
    if (whole.contains("soa_serials"))  // a file of an earlier release does not have it
        for (const auto& [name, serial] : whole.at("soa_serials").items()) to.soa_serials[name] = serial.get<std::uint32_t>();
    return to;
}

}  // namespace

Result<std::string> write_snapshot(const Snapshot& snapshot) {
    Json services = Json::array(), leaders = Json::array(), marks = Json::object();
    for (const auto& entry : snapshot.services) {
        if (services.size() == snapshot_services_max) break;
        Json instances = Json::array();
        for (const auto& instance : entry->instances) instances.push_back(instance_json(instance));
        services.push_back({{"name", entry->name}, {"dc", entry->datacenter}, {"instances", std::move(instances)}});
    }
    for (const auto& leader : snapshot.leaders) {
        Json members = Json::array();
        for (const auto& [name, row] : leader.facts.members) members.push_back(member_json(row));
        leaders.push_back({{"scope", leader.scope},
                           {"namespace", leader.name_space},
                           {"service", leader.service},
                           {"ttl", leader.ttl},
                           {"leader", leader.facts.leader},
                           {"members", std::move(members)}});
    }
    for (const auto& [service, mark] : snapshot.marks) marks[service] = {{"serial", mark.serial}, {"answered", mark.answered}};
    const Json whole = {{"contact", snapshot.contact_unix}, {"settings", settings_json(snapshot.settings)},
                        {"services", std::move(services)},  {"leaders", std::move(leaders)},
                        {"marks", std::move(marks)},        {"soa_serials", snapshot.soa_serials}};
    const auto body = whole.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (body.size() > snapshot_bytes_max)
        return Error{"the facts of Consul take " + std::to_string(body.size()) + " bytes, more than 16 MiB"};
    return std::string(magic) + std::to_string(body.size()) + ' ' + checksum(body) + '\n' + body;
}

Result<Snapshot> read_snapshot(std::string_view text) {
    const auto end = text.find('\n');
    if (!text.starts_with("lictor-snapshot ") || end == std::string_view::npos) return Error{"it is not a snapshot of lictor"};
    const auto head = text.substr(0, end), body = text.substr(end + 1);
    if (!head.starts_with(magic)) return Error{"its format is of another version of lictor"};
    const auto words = head.substr(magic.size());
    const auto space = words.find(' ');
    std::size_t bytes = 0;
    const auto read = std::from_chars(words.data(), words.data() + std::min(space, words.size()), bytes);
    if (space == std::string_view::npos || read.ec != std::errc{}) return Error{"its first line is damaged"};
    if (bytes != body.size())
        return Error{"it has " + std::to_string(body.size()) + " bytes, not " + std::to_string(bytes) + " as in its first line"};
    if (checksum(body) != words.substr(space + 1)) return Error{"its checksum is wrong"};
    try {
        return snapshot_of(Json::parse(body));
    } catch (const std::exception& error) {
        return Error{std::string("its content cannot be read: ") + error.what()};
    }
}

}  // namespace lictor::catalog
