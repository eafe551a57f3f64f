// Each part fills its members of Facts; a part that fails leaves them empty, with the reason.
#include "resolver/cli/doctor.hpp"

#include <dirent.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <span>

#include "conf/budget/limit.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/options/consul_address.hpp"
#include "conf/options/options.hpp"
#include "resolver/cli/http_get.hpp"
#include "resolver/endpoint/client.hpp"
#include "resolver/net/socket_address.hpp"
#include "resolver/rules/resolv_conf.hpp"
#include "resolver/rules/text_lines.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::cli {
namespace {

using doctor::Facts;
using doctor::Holder;
using Json = nlohmann::json;

constexpr milliseconds upstream_wait = milliseconds(2000), http_wait = milliseconds(3000), rest_wait = milliseconds(2000);
constexpr milliseconds loop_look_every = milliseconds(100), loop_wait = milliseconds(1200);
constexpr std::size_t scopes_max = 32, upstreams_max = 32;
constexpr unsigned bind_capability = 10;  // CAP_NET_BIND_SERVICE

/// A file of /proc or /etc; empty if it cannot be read.
std::string text_of(const std::string& path) {
    disk::DiskFiles files;
    const auto file = files.read(path);
    return file ? file->text : std::string();
}

std::string link_of(const std::string& path) {
    char target[4096];
    const auto size = ::readlink(path.c_str(), target, sizeof target);
    return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    if (DIR* const folder = ::opendir(path.c_str())) {
        while (const dirent* entry = ::readdir(folder)) names.emplace_back(entry->d_name);
        ::closedir(folder);
    }
    return names;
}

// ------------------------------------------------------------------------------------------------------------- this machine

std::optional<Address> address_of_hex(std::string_view hex) {
    if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
    std::array<std::uint8_t, 16> raw{};
    // /proc writes each group of four bytes as one number of the machine, which is little-endian here.
    for (std::size_t word = 0; word < hex.size() / 8; ++word) {
        std::uint32_t value = 0;
        const auto part = hex.substr(word * 8, 8);
        if (std::from_chars(part.data(), part.data() + 8, value, 16).ec != std::errc()) return std::nullopt;
        std::memcpy(raw.data() + word * 4, &value, 4);
    }
    return Address::from_bytes(std::span(raw).first(hex.size() / 2));
}

/// The UDP sockets at `port`, by inode.
std::map<std::string, Endpoint> sockets_at(std::uint16_t port) {
    std::map<std::string, Endpoint> found;
    for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) {
        const std::string text = text_of(path);
        std::string_view rest = text, line;
        while (rules::take_line(rest, line)) {
            std::vector<std::string_view> words;
            for (auto word = rules::take_word(line); !word.empty(); word = rules::take_word(line)) words.push_back(word);
            if (words.size() < 10) continue;
            const auto colon = words[1].find(':');
            unsigned number = 0;
            if (colon == std::string_view::npos) continue;
            std::from_chars(words[1].data() + colon + 1, words[1].data() + words[1].size(), number, 16);
            const auto address = address_of_hex(words[1].substr(0, colon));
            if (number == port && address) found.emplace(words[9], Endpoint{*address, port});
        }
    }
    return found;
}

bool is_number(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos; }

std::string program_of(const std::string& process) {
    std::string name = text_of("/proc/" + process + "/comm");
    while (!name.empty() && name.back() == '\n') name.pop_back();
    return name;
}

/// A socket of a unit (systemd.socket(5)) has two holders, systemd and the service that it hands it to: the second one counts.
void find_processes(Facts& facts) {
    const auto sockets = sockets_at(facts.port);
    std::map<std::string, Holder> holders;  // by inode
    for (const auto& process : names_in("/proc")) {
        if (!is_number(process)) continue;
        const std::string program = program_of(process);
        if ((program == "java" || program == "pgbouncer") && std::ranges::find(facts.clients, program) == facts.clients.end())
            facts.clients.push_back(program);
        if (sockets.empty()) continue;
        for (const auto& fd : names_in("/proc/" + process + "/fd")) {
            const std::string target = link_of("/proc/" + process + "/fd/" + fd);
            if (!target.starts_with("socket:[")) continue;
            const auto found = sockets.find(target.substr(8, target.size() - 9));
            if (found == sockets.end()) continue;
            const auto [holder, first] = holders.try_emplace(found->first, Holder{found->second, std::stoll(process), program});
            if (!first && holder->second.process == 1) holder->second = {found->second, std::stoll(process), program};
        }
    }
    for (const auto& [inode, endpoint] : sockets) {
        const auto holder = holders.find(inode);
        facts.holders.push_back(holder == holders.end() ? Holder{endpoint, 0, ""} : holder->second);
    }
}

void read_machine(Facts& facts) {
    facts.resolv_link = link_of("/etc/resolv.conf");
    disk::DiskFiles files;
    if (auto file = files.read("/etc/resolv.conf")) facts.resolv_conf = file->text;
    if (auto file = files.read("/etc/nsswitch.conf")) facts.nsswitch = file->text;
    find_processes(facts);

    std::string first_free = text_of("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    while (!first_free.empty() && first_free.back() == '\n') first_free.pop_back();
    std::uint64_t capabilities = 0;
    const std::string status = text_of("/proc/self/status");
    if (const auto at = status.find("CapEff:"); at != std::string::npos) {
        const auto digits = status.find_first_not_of(" \t", at + 7);
        std::from_chars(status.data() + digits, status.data() + status.size(), capabilities, 16);
    }
    facts.may_bind = facts.port >= parse_number(first_free, 65536).value_or(1024) || (capabilities >> bind_capability & 1) != 0;

    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.descriptors = limit.rlim_max;  // lictor raises its own to this
    for (const auto& holder : facts.holders) {
        if (!holder.program.starts_with("lictor")) continue;
        const std::string limits = text_of("/proc/" + std::to_string(holder.process) + "/limits");
        if (const auto at = limits.find("Max open files"); at != std::string::npos) {
            const auto digits = limits.find_first_of("0123456789", at);
            if (digits != std::string::npos) facts.descriptors = std::strtoull(limits.c_str() + digits, nullptr, 10);
        }
    }
    facts.memory_bytes = budget::cgroup_limit([](const std::string& path) { return std::optional(text_of(path.c_str())); });
}

// -------------------------------------------------------------------------------------------------------------- upstreams

std::uint64_t random_number() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) number = static_cast<std::uint64_t>(::getpid());
    return number;
}

/// A query over UDP on a connected socket of its own.
class Query {
public:
    Query(const Endpoint& to, const wire::Name& name, std::uint16_t type) : id_(static_cast<std::uint16_t>(random_number())) {
        net::SocketAddress at(to);
        fd_ = ::socket(at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd_ < 0 || ::connect(fd_, &at.any, at.length) != 0) {
            fail();
            return;
        }
        std::vector<std::uint8_t> bytes;
        for (const unsigned value : {unsigned{id_}, unsigned{header_bit::rd}, 1u, 0u, 0u, 0u}) append_u16(bytes, value);
        bytes.insert(bytes.end(), name.wire().begin(), name.wire().end());
        append_u16(bytes, type);
        append_u16(bytes, rrclass::in);
        if (::send(fd_, bytes.data(), bytes.size(), 0) < 0) fail();
    }
    ~Query() {
        if (fd_ >= 0) ::close(fd_);
    }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    /// True if a reply came within the time.
    bool wait(milliseconds span) {
        const auto until = std::chrono::steady_clock::now() + span;
        while (error_.empty()) {
            const auto left = std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
            pollfd one{fd_, POLLIN, 0};
            if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) break;
            std::array<std::uint8_t, 4096> reply;  // NOLINT: filled by recv(2)
            const auto size = ::recv(fd_, reply.data(), reply.size(), 0);
            if (size < 0) {
                fail();
                break;
            }
            const auto header = wire::read_header(wire::Bytes(reply).first(static_cast<std::size_t>(size)));
            if (header && header->id == id_ && header->qr()) {
                code_ = header->rcode();
                return true;
            }
        }
        if (error_.empty()) error_ = "no reply within " + std::to_string(span.count()) + " ms";
        return false;
    }
    unsigned code() const { return code_; }
    const std::string& error() const { return error_; }

private:
    void fail() { error_ = std::strerror(errno); }

    int fd_ = -1;
    std::uint16_t id_;
    unsigned code_ = 0;
    std::string error_;
};

/// True if a query for a name that nobody else knows comes from the upstream to the running lictor.
bool comes_back(const Endpoint& upstream, const std::string& stats_address) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random_number()));
    const std::string text = std::string("lictor-doctor-") + digits + ".test";
    const auto name = wire::Name::parse(text);
    Query query(upstream, *name, rrtype::a);
    const auto until = std::chrono::steady_clock::now() + loop_wait;
    while (std::chrono::steady_clock::now() < until) {
        const bool over = query.wait(loop_look_every);
        const auto answer = endpoint::request_stats(stats_address, "/explain?name=" + text, endpoint::Method::get);
        const Json found = answer ? Json::parse(answer->body, nullptr, false) : Json();
        if (!found.is_object()) return false;
        if (found.contains("forward") && found["forward"].is_object() && found["forward"].value("in_flight", false)) return true;
        for (const auto& cache : found.value("caches", Json::array()))
            if (const auto state = cache.value("state", ""); state == "hit" || state == "failure" || state == "stale") return true;
        if (over) return false;
    }
    return false;
}

/// The servers in a resolv.conf, without lictor.
std::vector<rules::ResolvServer> servers_in(const std::string& path) {
    std::vector<std::string> notes;
    auto servers = rules::parse_resolv_conf(text_of(path), path, notes);
    std::erase_if(servers, [](const rules::ResolvServer& server) {
        return server.address.is_loopback() && !rules::is_resolved_stub(server.address) && server.address != Address::v4(127, 0, 0, 11);
    });
    return servers;
}

/// The files with the upstreams: without resolv-file, in place of systemd-resolved's stub the file with the servers that it asks itself.
std::vector<std::string> resolv_paths(const conf::Options& options) {
    if (!options.resolv_file.empty()) return options.resolv_file;
    const std::string usual = "/etc/resolv.conf", resolved(rules::resolved_servers_path);
    const bool stub_only =
        std::ranges::all_of(servers_in(usual), [](const auto& server) { return rules::is_resolved_stub(server.address); });
    return {stub_only && !servers_in(resolved).empty() ? resolved : usual};
}

void ask_upstreams(const conf::Options& options, Facts& facts) {
    const auto add = [&](const Endpoint& endpoint, const std::string& from) {
        const bool known = std::ranges::any_of(facts.upstreams, [&](const auto& row) { return row.endpoint == endpoint; });
        if (!known && facts.upstreams.size() < upstreams_max) facts.upstreams.push_back({.endpoint = endpoint, .from = from, .error = {}});
    };
    if (facts.running) {
        for (const auto& row : facts.stats.value("upstreams", Json::array()))
            if (const auto endpoint = Endpoint::parse(row.value("endpoint", ""), 53))
                add(*endpoint, row.value("agent_dns", false) ? "the agent's DNS" : "");
    } else {
        for (const auto& rule : options.server)
            if (rule.upstream && rule.upstream->host.empty()) add(rule.upstream->endpoint, "server=");
        if (!options.no_resolv)
            for (const auto& path : resolv_paths(options))
                for (const auto& server : servers_in(path)) add({server.address, 53}, path);
    }
    for (auto& one : facts.upstreams) {
        const auto began = std::chrono::steady_clock::now();
        Query query(one.endpoint, wire::Name{}, rrtype::ns);
        one.answered = query.wait(upstream_wait);
        one.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
        one.error = query.error();
        if (facts.running) one.loop = comes_back(one.endpoint, facts.stats_address);
    }
}

// ---------------------------------------------------------------------------------------------------------------- Consul

struct Scope {
    std::string name, name_space, service;
};

std::string encoded_path(const std::string& path) {
    std::string out;
    for (const char c : path) out += c == '/' ? std::string(1, c) : endpoint::percent_encoded(std::string(1, c));
    return out;
}

Json json_of(const HttpGot& got) { return got.code == 200 ? Json::parse(got.body, nullptr, false) : Json(); }

std::string text_of_refusal(const HttpGot& got) {
    return got.code == 0 ? got.error : "HTTP " + std::to_string(got.code) + " " + got.body.substr(0, 100);
}

void test_rights(const conf::Options& options, const std::vector<Scope>& scopes, Facts& facts) {
    const auto self = consul_get(options, "/v1/agent/self", http_wait);
    facts.rights.push_back({"agent_prefix \"\"", "the agent's DNS settings", self.code == 200, text_of_refusal(self)});
    if (const Json document = json_of(self); document.is_object() && document.contains("Config"))
        facts.consul_version = document["Config"].value("Version", "");
    const auto nodes = consul_get(options, "/v1/catalog/nodes", http_wait);
    const Json list = json_of(nodes);
    facts.rights.push_back({"node_prefix \"\"", "nodes and their addresses", list.is_array() && !list.empty(),
                            list.is_array() ? "no node is visible" : text_of_refusal(nodes)});
    const auto services = consul_get(options, "/v1/catalog/services", http_wait);
    const Json table = json_of(services);
    facts.rights.push_back({"service_prefix \"\"", "services", table.is_object() && !table.empty(),
                            table.is_object() ? "no service is visible" : text_of_refusal(services)});
    std::set<std::string> seen;
    for (const Scope& scope : scopes) {
        if (!seen.insert(scope.name_space).second) continue;
        // A prefix that may not be read looks empty; a single key is refused.
        const auto key = consul_get(options, "/v1/kv/" + encoded_path(scope.name_space + '/' + scope.name + "/leader"), http_wait);
        facts.rights.push_back({"key_prefix \"" + scope.name_space + "/\"", "the leader of " + scope.name,
                                key.code == 200 || key.code == 404, text_of_refusal(key)});
    }
}

std::vector<std::string> keys_below(const conf::Options& options, const std::string& prefix, bool folders) {
    std::vector<std::string> keys;
    const Json list = json_of(consul_get(options, "/v1/kv/" + encoded_path(prefix) + "?keys" + (folders ? "&separator=/" : ""), http_wait));
    if (list.is_array())
        for (const auto& key : list)
            if (key.is_string()) keys.push_back(key.get<std::string>());
    return keys;
}

void find_scopes(const conf::Options& options, const std::vector<Scope>& configured, const std::set<std::string>& followed, Facts& facts) {
    std::set<std::string> spaces = {"service"};
    for (const Scope& scope : configured) spaces.insert(scope.name_space);
    for (const auto& space : spaces)
        for (const auto& folder : keys_below(options, space + '/', true)) {
            if (!folder.ends_with('/') || facts.scopes.size() >= scopes_max) continue;
            const std::string name = folder.substr(space.size() + 1, folder.size() - space.size() - 2);
            const auto keys = keys_below(options, folder, true);
            const bool patroni = std::ranges::any_of(keys, [&](const std::string& key) {
                return key == folder + "config" || key == folder + "initialize" || key == folder + "leader" || key == folder + "members/";
            });
            if (patroni) facts.scopes.push_back({name, followed.contains(name)});
        }
    for (const Scope& scope : configured) {
        facts.configured_scopes.push_back(scope.name);
        if (keys_below(options, scope.name_space + '/' + scope.name + '/', true).empty()) facts.scopes_without_keys.push_back(scope.name);
    }
}

void look_at_leader(const conf::Options& options, const Scope& scope, Facts& facts) {
    const std::string prefix = "/v1/kv/" + encoded_path(scope.name_space + '/' + scope.name + '/');
    const auto lock = consul_get(options, prefix + "leader?raw", http_wait);
    if (lock.code != 200 && lock.code != 404) return;
    doctor::LeaderFact fact{
        .scope = scope.name, .lock_member = lock.code == 200 ? lock.body : "", .tag_members = {}, .rest_url = {}, .rest_error = {}};
    const Json instances = json_of(consul_get(options, "/v1/health/service/" + encoded_path(scope.service) + "?passing", http_wait));
    if (instances.is_array() && !instances.empty()) {
        std::string tagged;
        for (const auto& row : instances) {
            const auto& service = row.contains("Service") ? row["Service"] : row;
            const auto tags = service.value("Tags", Json::array());
            const bool leads = std::ranges::any_of(tags, [](const Json& tag) { return tag == "master" || tag == "primary"; });
            const std::string id = service.value("ID", "");
            if (leads) tagged += (tagged.empty() ? "" : ", ") + (id.find('/') == std::string::npos ? id : id.substr(id.rfind('/') + 1));
        }
        fact.tag_members = tagged;
    }
    if (!fact.lock_member.empty()) {
        const Json member =
            Json::parse(consul_get(options, prefix + "members/" + encoded_path(fact.lock_member) + "?raw", http_wait).body, nullptr, false);
        if (member.is_object()) fact.rest_url = member.value("api_url", "");
        if (!fact.rest_url.empty()) {
            const auto got = url_get(fact.rest_url, rest_wait);
            fact.rest_reachable = got.code != 0;
            fact.rest_error = got.error;
        }
    }
    facts.leaders.push_back(std::move(fact));
}

void ask_consul(const conf::Options& options, Facts& facts) {
    facts.consul_on = !options.consul_http_addr.empty();
    if (!facts.consul_on) return;
    facts.consul_address = conf::text_of(options.consul_http_addr.front());
    const auto status = consul_get(options, "/v1/status/leader", http_wait);
    facts.consul_reachable = status.code != 0;
    facts.consul_error = text_of_refusal(status);
    facts.clock_offset_seconds = status.clock_offset_seconds;
    if (!facts.consul_reachable) return;
    facts.consul_has_leader = status.code == 200 && status.body.size() > 4;

    std::vector<Scope> scopes;
    std::set<std::string> followed;
    for (const auto& rule : options.leader)
        if (rule.key.empty()) scopes.push_back({rule.scope, rule.name_space, rule.service.empty() ? rule.scope : rule.service});
    const std::vector<Scope> configured = scopes;
    for (const auto& row : facts.stats.is_object() ? facts.stats.value("leaders", Json::array()) : Json::array()) {
        const std::string scope = row.value("scope", "");
        followed.insert(scope);
        if (row.value("kind", "") != "scope" || scopes.size() >= scopes_max) continue;
        const auto known = std::ranges::find_if(scopes, [&](const Scope& one) { return one.name == scope; });
        if (known != scopes.end()) known->service = row.value("service", known->service);
        else scopes.push_back({scope, row.value("namespace", "service"), row.value("service", scope)});
    }
    test_rights(options, scopes, facts);
    find_scopes(options, configured, followed, facts);
    for (const Scope& scope : scopes) look_at_leader(options, scope, facts);
}

void ask_lictor(Facts& facts) {
    if (facts.stats_address.empty()) {
        facts.stats_error = "the stats endpoint is off (stats-address= is empty)";
        return;
    }
    const auto answer = endpoint::request_stats(facts.stats_address, "/stats", endpoint::Method::get);
    if (!answer) {
        facts.stats_error = answer.error().text;
        return;
    }
    facts.stats = Json::parse(answer->body, nullptr, false);
    facts.running = answer->code == 200 && facts.stats.is_object();
    if (!facts.running) facts.stats_error = "the reply is not lictor's";
    if (const auto services = endpoint::request_stats(facts.stats_address, "/services", endpoint::Method::get)) {
        const Json document = Json::parse(services->body, nullptr, false);
        for (const auto& watch : document.is_object() ? document.value("watches", Json::array()) : Json::array())
            if (watch.value("why", "").find("hides instances") != std::string::npos)
                facts.hidden_services.push_back(watch.value("name", ""));
    }
}

}  // namespace

doctor::Facts collect_facts(const conf::Options& options, const std::string& stats_address) {
    Facts facts;
    facts.stats_address = stats_address;
    facts.port = options.port;
    ask_lictor(facts);
    if (facts.running)
        for (const auto& text : facts.stats.value("listening", Json::array()))
            if (const auto endpoint = text.is_string() ? Endpoint::parse(text.get<std::string>(), 53) : std::nullopt)
                facts.port = endpoint->port;
    read_machine(facts);
    ask_consul(options, facts);
    ask_upstreams(options, facts);
    return facts;
}

}  // namespace lictor::cli
