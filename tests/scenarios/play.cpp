// Plays a scenario: each step calls the Resolver or checks its actions.
#include <algorithm>
#include <deque>
#include <map>
#include <sstream>
#include <stdexcept>

#include "conf/metrics/metrics.hpp"
#include "conf/parse/parse.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/view/soa_zones.hpp"
#include "resolver/view/two_phase_publish.hpp"
#include "resolver/zone/leader.hpp"
#include "tests/scenarios/scenario.hpp"
#include "tests/support/patroni_stage.hpp"
#include "tests/support/render_message.hpp"
#include "watch/leader/replicas.hpp"

namespace lictor::test {

using namespace lictor::answer;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::core;
using namespace lictor::metrics;
using namespace lictor::rules;
using namespace lictor::view;
using namespace lictor::wire;
namespace {

using Words = std::vector<std::string>;

struct Failed : std::runtime_error {
    using std::runtime_error::runtime_error;
};
[[noreturn]] void fail(const std::string& text) { throw Failed(text); }

Words split(const std::string& line, char by = ' ') {
    Words words;
    std::istringstream in(line);
    for (std::string word; std::getline(in, word, by);)
        if (!word.empty()) words.push_back(word);
    return words;
}

std::string trim(std::string text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

std::uint16_t type_number(const std::string& word) {
    static const std::map<std::string, std::uint16_t> types = {{"A", 1},    {"NS", 2},    {"CNAME", 5}, {"SOA", 6},
                                                               {"PTR", 12}, {"MX", 15},   {"TXT", 16},  {"AAAA", 28},
                                                               {"SRV", 33}, {"ANY", 255}, {"DS", 43}};
    const auto found = types.find(word);
    if (found == types.end()) fail("unknown type " + word);
    return found->second;
}

unsigned rcode_number(const std::string& word) {
    static const std::map<std::string, unsigned> codes = {{"NOERROR", 0},  {"FORMERR", 1}, {"SERVFAIL", 2},
                                                          {"NXDOMAIN", 3}, {"NOTIMP", 4},  {"REFUSED", 5}};
    const auto found = codes.find(word);
    if (found == codes.end()) fail("unknown rcode " + word);
    return found->second;
}

Name name_of(const std::string& text) {
    const auto name = Name::parse(text);
    if (!name) fail("not a name: " + text);
    return *name;
}

class OneFile final : public FileSource {
public:
    explicit OneFile(std::string text) : text_(std::move(text)) {}
    Result<File> read(const std::string& path) override {
        if (path == "scenario") return File{text_, "1"};
        return Error{"no such file"};
    }
    Result<std::vector<std::string>> list(const std::string&) override { return Error{"no such directory"}; }

private:
    std::string text_;
};

struct Asked {
    AttemptId attempt = 0;
    Ask ask;
    std::string text;  ///< what `asks` compares
    Name name;
    std::uint16_t type = 0, id = 0;
};

class Player {
public:
    Player() : resolver_(counters_, random_) {}

    void step(const std::string& line) {
        const auto words = split(line);
        const std::string& verb = words.front();
        const std::string rest = trim(line.substr(verb.size()));
        static const std::map<std::string, void (Player::*)(const Words&, const std::string&)> verbs = {
            {"option", &Player::option}, {"hosts", &Player::hosts},       {"start", &Player::start},   {"service", &Player::service},
            {"node", &Player::node},     {"host", &Player::host},         {"leader", &Player::leader}, {"members", &Player::members},
            {"consul", &Player::consul}, {"patroni", &Player::patroni},   {"event", &Player::event},   {"judged", &Player::judged},
            {"query", &Player::query},   {"answers", &Player::answers},   {"held", &Player::held},     {"asks", &Player::asks},
            {"closes", &Player::closes}, {"requests", &Player::requests}, {"reply", &Player::reply},   {"refuses", &Player::refuses},
            {"passes", &Player::passes}, {"flush", &Player::flush},       {"gone", &Player::gone}};
        const auto found = verbs.find(verb);
        if (found == verbs.end()) fail("unknown word " + verb);
        // All actions of the last step must have been checked before the next cause.
        static const std::vector<std::string> checks = {"answers", "held", "asks", "closes", "requests"};
        if (std::find(checks.begin(), checks.end(), verb) == checks.end()) nothing_unchecked();
        (this->*found->second)(words, rest);
    }

    void end() {
        nothing_unchecked();
        for (const auto& [number, state] : queries_)
            if (state.open) fail("query " + number + " has no answer at the end");
        if (counters_.waiting.get() != 0) fail("queries are held at the end");
    }

private:
    struct Query {
        bool open = true;
        bool tcp = false;
        Client client;
        std::uint16_t id = 0;
        std::deque<std::vector<std::uint8_t>> replies;
    };

    // ---- configuration
    void option(const Words&, const std::string& rest) { config_ += rest + "\n"; }
    void hosts(const Words&, const std::string& rest) { hosts_ += rest + "\n"; }
    void start(const Words&, const std::string&) {
        OneFile files("no-resolv\nno-hosts\n" + config_);
        auto parsed = parse_configuration({"--conf-file=scenario"}, {}, files);
        if (!parsed.errors.empty()) fail(parsed.errors.front().line());
        FollowedFiles followed;
        if (!hosts_.empty()) followed.hosts.push_back({"hosts", hosts_});
        std::vector<std::string> notes;
        rules_ = make_rules(parsed.options, followed, {}, notes);
        catalog_.consul_on = !parsed.options.consul_http_addr.empty();
        catalog_.reachable = true;
        auto settings = std::make_shared<ConsulSettings>();
        if (!parsed.options.consul_domain.empty()) settings->domains = parsed.options.consul_domain;
        settings->agent = {parsed.options.consul_dns_compat == ConsulCompat::strict, settings->agent.version};
        catalog_.settings = settings;
        publish();
    }
    void publish() {
        auto view = std::make_shared<View>();
        view->generation = ++generation_;
        view->catalog = std::make_shared<Catalog>(catalog_);
        view->rules = rules_;
        view->runtime = runtime_ = next_runtime(runtime_, catalog_, at_.unix_seconds);
        const auto behind = [&](const Name& target) { return zone::leader_behind(target, catalog_, *runtime_); };
        view->soa_zones = soa_zones_ = next_soa_zones(soa_zones_, *rules_, behind, at_.unix_seconds);
        resolver_.on_view(std::move(view), at_, actions_);
        take();
    }

    // ---- facts
    template <class T>
    void set(std::shared_ptr<const TableOf<T>>& table, const std::string& key, T row) {
        auto fresh = std::make_shared<TableOf<T>>(*table);
        (*fresh)[key] = std::make_shared<const T>(std::move(row));
        table = std::move(fresh);
        publish();
    }
    static std::pair<std::string, std::uint16_t> address_port(const std::string& text) {
        const auto colon = text.rfind(':');
        if (colon == std::string::npos || text.find(':') != colon) return {text, 5432};
        return {text.substr(0, colon), static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)))};
    }
    void service(const Words& words, const std::string&) {
        ServiceEntry entry;
        entry.name = words.at(1);
        entry.version = ++version_;
        entry.state = words.at(2) == "loading" ? FactState::loading : words.at(2) == "delegated" ? FactState::delegated : FactState::known;
        entry.stale = catalog_.contact_lost;
        if (entry.state == FactState::known && words.at(2) != "none") {
            for (std::size_t i = 2; i < words.size(); ++i) {
                auto parts = split(words[i], ',');
                const auto [address, port] = address_port(parts.front());
                auto record = std::make_shared<NodeRecord>();
                record->name = record->name_lower = "n" + std::to_string(i - 1);
                record->datacenter = "dc1";
                record->address = HostText(address);
                Instance instance;
                instance.node = record;
                instance.name = entry.name;
                instance.id = entry.name + "/" + record->name;
                instance.port = port;
                instance.tags.assign(parts.begin() + 1, parts.end());
                entry.instances.push_back(std::move(instance));
            }
        }
        const std::string key = entry.name;
        set(catalog_.services, key, std::move(entry));
    }
    void node(const Words& words, const std::string&) {
        NodeTable table;
        if (const auto old = catalog_.nodes->find(""); old != catalog_.nodes->end()) {
            table.by_name = old->second->by_name;
            table.in_order = old->second->in_order;
        }
        auto record = std::make_shared<NodeRecord>();
        record->name = record->name_lower = words.at(1);
        record->datacenter = "dc1";
        record->address = HostText(words.at(2));
        table.state = FactState::known;
        table.version = ++version_;
        table.by_name[record->name_lower] = record;
        table.in_order.push_back(record);
        set(catalog_.nodes, "", std::move(table));
    }
    void host(const Words& words, const std::string&) {
        HostEntry entry;
        entry.version = ++version_;
        entry.state = words.at(2) == "failed" ? FactState::failed : FactState::known;
        for (std::size_t i = 2; i < words.size() && entry.state == FactState::known; ++i) {
            const auto address = Address::parse(words[i]);
            if (!address) fail("not an address: " + words[i]);
            (address->v6 ? entry.v6 : entry.v4).push_back(*address);
        }
        set(catalog_.hosts, words.at(1), std::move(entry));
    }
    void leader(const Words& words, const std::string&) {
        LeaderEntry entry;
        entry.scope = entry.service = words.at(1);
        entry.version = ++version_;
        const std::string& what = words.at(2);
        static const std::map<std::string, LeaderState> states = {{"loading", LeaderState::loading},
                                                                  {"vacant", LeaderState::vacant},
                                                                  {"standby", LeaderState::standby},
                                                                  {"unreadable", LeaderState::unreadable}};
        if (const auto found = states.find(what); found != states.end()) {
            entry.state = found->second;
        } else {
            const auto [address, port] = address_port(what);
            entry.state = LeaderState::led;
            entry.reason = LeaderReason::confirmed;
            entry.host = HostText(address);
            entry.port = port;
            entry.member = words.size() > 3 ? words[3] : "m";
        }
        if (const auto before = catalog_.leaders->find(words[1]); before != catalog_.leaders->end())
            entry.replica_set = before->second->replica_set;
        set(catalog_.leaders, words.at(1), std::move(entry));
    }
    // ---- a Patroni cluster, by the real leader fusion (tests/support/patroni_stage.hpp)
    void patroni(const Words& words, const std::string&) {
        const bool found = words.size() > 2;
        if (found && words[2] != "discovered") fail("`patroni VERSION [discovered]`");
        cluster_.emplace(words.at(1), Stage::scope_rule(), found ? leader::Origin::discovered : leader::Origin::configured);
        put_cluster();
    }
    Stage& cluster() {
        if (!cluster_) fail("no `patroni` step before");
        return *cluster_;
    }
    void event(const Words&, const std::string& rest) {
        cluster().at = at_;
        cluster().play(rest);
        put_cluster();
    }
    void judged(const Words&, const std::string& rest) {
        if (test::shown(cluster().fusion.verdict()) != rest) fail("the result is " + test::shown(cluster().fusion.verdict()));
    }
    /// As the watcher and the publisher do: each change has a new version, and the old leader is withdrawn before the next is published.
    void put_cluster() {
        const LeaderEntry& verdict = cluster().fusion.verdict();
        const auto held = catalog_.leaders->find(verdict.service);
        LeaderEntry entry = verdict;
        if (held == catalog_.leaders->end() || verdict.version != cluster_version_) entry.version = ++version_;
        else entry.version = held->second->version;
        cluster_version_ = verdict.version;
        const Catalog before = catalog_;
        auto fresh = std::make_shared<TableOf<LeaderEntry>>(*catalog_.leaders);
        (*fresh)[verdict.service] = std::make_shared<const LeaderEntry>(std::move(entry));
        catalog_.leaders = std::move(fresh);
        const auto offered = std::make_shared<const Catalog>(catalog_), shown = std::make_shared<const Catalog>(before);
        const PublishStep turn = next_step(offered, shown, {shown});
        if (!turn.done) {
            catalog_ = *turn.show;
            publish();
            catalog_ = *offered;
        }
        publish();
    }

    void members(const Words& words, const std::string&) {
        const auto before = catalog_.leaders->find(words.at(1));
        if (before == catalog_.leaders->end()) fail("no such leader: " + words[1]);
        auto set_of = std::make_shared<ReplicaSet>();
        set_of->version = ++version_;
        for (std::size_t i = 2; i < words.size(); ++i) {
            const auto parts = split(words[i], ',');
            const auto [address, port] = address_port(parts.at(0));
            Replica replica;
            replica.member = words[i];
            replica.host = HostText(address);
            replica.port = port;
            for (std::size_t part = 1; part < parts.size(); ++part) (parts[part] == "sync" ? replica.as_sync : replica.as_replica) = true;
            set_of->replicas.push_back(std::move(replica));
        }
        LeaderEntry entry = *before->second;
        entry.replica_set = std::move(set_of);
        set(catalog_.leaders, words[1], std::move(entry));
    }
    void consul(const Words& words, const std::string&) {
        catalog_.contact_lost = words.at(1) == "lost";
        catalog_.contact_lost_at = at_.now;
        catalog_.reachable = words.at(1) == "back";
        catalog_.consul_on = words.at(1) != "off" && words.at(1) != "assumed";
        if (words.at(1) == "off") catalog_.reachable = true;
        publish();
    }

    // ---- clients
    void query(const Words& words, const std::string&) {
        const std::string number = words.at(1);
        Query query;
        const bool again = queries_.contains(number);
        bool edns = false, dnssec = false, cd = false;
        std::uint16_t port = static_cast<std::uint16_t>(1000 + queries_.size());
        query.id = static_cast<std::uint16_t>(7 + queries_.size());
        for (std::size_t i = 4; i < words.size(); ++i) {
            if (words[i] == "tcp") query.tcp = true;
            else if (words[i] == "edns") edns = true;
            else if (words[i] == "do") edns = dnssec = true;
            else if (words[i] == "cd") cd = true;
            else if (words[i].starts_with("port=")) port = static_cast<std::uint16_t>(std::stoi(words[i].substr(5)));
            else if (words[i].starts_with("id=")) query.id = static_cast<std::uint16_t>(std::stoi(words[i].substr(3)));
            else if (words[i] != "udp") fail("unknown word " + words[i]);
        }
        query.client.peer = {*Address::parse("127.0.0.1"), port};
        query.client.local = *Address::parse("127.0.0.1");
        query.client.connection = query.tcp ? port : 0u;
        std::vector<std::uint8_t> bytes(512);
        Writer writer(bytes);
        Question question;
        question.header.id = query.id;
        question.name = name_of(words.at(2));
        question.type = type_number(words.at(3));
        question.klass = 1;
        question.end = 1;
        writer.begin_reply(question, 0, 0);
        writer.finish();
        writer.set_bits(header_bit::rd | (cd ? header_bit::cd : 0u), header_bit::qr);
        bytes.resize(edns ? write_opt(bytes, writer.size(), bytes.size(), {.dnssec_ok = dnssec}) : writer.size());
        std::vector<std::uint8_t> buffer(message_max);
        const answer::Answer verdict = resolver_.on_query(bytes, query.client, at_, buffer, actions_);
        if (again) fail("query " + number + " was sent before");
        if (verdict.answered()) {
            buffer.resize(verdict.size);
            query.replies.push_back(std::move(buffer));
        }
        queries_.emplace(number, std::move(query));
        take();
    }
    Query& query_of(const std::string& number) {
        const auto found = queries_.find(number);
        if (found == queries_.end()) fail("no query " + number);
        return found->second;
    }
    void held(const Words& words, const std::string&) {
        if (!query_of(words.at(1)).replies.empty())
            fail("query " + words.at(1) + " was answered: " + render_message(query_of(words.at(1)).replies.front()));
    }
    void answers(const Words& words, const std::string& rest) {
        Query& query = query_of(words.at(1));
        if (query.replies.empty()) fail("query " + words.at(1) + " was not answered");
        const auto bytes = std::move(query.replies.front());
        query.replies.pop_front();
        query.open = false;
        const auto header = *read_header(bytes);
        if (header.id != query.id) fail("the reply has a wrong id");
        const MessageText message(bytes);
        const std::string shown = message.text();
        if (message.broken) fail("the reply is malformed: " + shown);
        if (header.rcode() != rcode_number(words.at(2))) fail("other rcode: " + shown);
        auto text = trim(rest.substr(rest.find(words.at(2)) + words.at(2).size()));
        bool tc = false, aa = false;
        while (!text.empty()) {
            const auto word = split(text).front();
            if (word == "tc") tc = true;
            else if (word == "aa") aa = true;
            else if (word.starts_with("ede=")) {
                if (message.extended_error != std::stoi(word.substr(4))) fail("no extended error " + word.substr(4) + ": " + shown);
            } else if (word.starts_with("authority=")) {
                const std::string type = " " + word.substr(10) + " ";
                if (std::none_of(message.authority.begin(), message.authority.end(),
                                 [&](const auto& row) { return row.find(type) != std::string::npos; }))
                    fail("no " + word.substr(10) + " in authority: " + shown);
            } else break;
            text = trim(text.substr(word.size()));
        }
        if (header.tc() != tc) fail("TC differs: " + shown);
        if (aa && !header.aa()) fail("AA is missing: " + shown);
        std::vector<std::string> expected, got = message.answer;
        for (auto& record : split(text, ';')) expected.push_back(trim(record));
        std::erase(expected, "");
        std::sort(expected.begin(), expected.end());
        std::sort(got.begin(), got.end());
        if (expected != got) fail("other records: " + shown);
    }
    void gone(const Words& words, const std::string&) {
        Query& query = query_of(words.at(1));
        query.open = false;
        resolver_.on_gone(query.client.connection);
        take();
    }

    // ---- upstreams
    void asks(const Words&, const std::string& rest) {
        if (unchecked_asks_.empty()) fail("nothing was asked upstream");
        const auto number = unchecked_asks_.front();
        unchecked_asks_.pop_front();
        if (asked_.at(number).text != rest) fail("asked instead: " + asked_.at(number).text);
    }
    void closes(const Words&, const std::string&) {
        if (closed_ == 0) fail("no attempt was closed");
        --closed_;
    }
    void requests(const Words&, const std::string& rest) {
        if (requested_.empty()) fail("no fact was requested");
        const std::string text = requested_.front();
        requested_.pop_front();
        if (text != rest) fail("another fact was requested: " + text);
    }
    Asked& open_attempt(const Words& words) {
        const auto name = name_of(words.at(1)).lower();
        const auto type = type_number(words.at(2));
        for (auto& [attempt, asked] : asked_)
            if (asked.name == name && asked.type == type) return asked;
        fail("no attempt for " + words.at(1) + " " + words.at(2) + " is open");
    }
    void reply(const Words& words, const std::string& rest) {
        Asked& asked = open_attempt(words);
        Question question;
        question.header.id = asked.id;
        question.header.bits = 0x0100;
        question.name = question.lower = asked.name;
        question.type = asked.type;
        question.klass = 1;
        question.end = 1;
        std::vector<std::uint8_t> bytes(message_max);
        Writer writer(bytes);
        writer.begin_reply(question, rcode_number(words.at(3)), header_bit::ra);
        auto text = trim(rest.substr(rest.find(words.at(3), words.at(1).size()) + words.at(3).size()));
        std::optional<std::uint32_t> soa;
        for (auto& record : split(text, ';')) {
            const auto parts = split(trim(record));
            if (parts.empty()) continue;
            if (parts[0] == "tc") {
                writer.set_tc();
                continue;
            }
            if (parts[0].starts_with("soa=")) {
                soa = static_cast<std::uint32_t>(std::stoul(parts[0].substr(4)));
                continue;
            }
            const auto ttl = static_cast<std::uint32_t>(std::stoul(parts.at(1)));
            if (parts.at(2) == "CNAME")
                writer.name_record(Writer::Section::answer, name_of(parts[0]), rrtype::cname, ttl, name_of(parts.at(3)));
            else writer.address_record(Writer::Section::answer, name_of(parts[0]), ttl, *Address::parse(parts.at(3)));
        }
        if (soa) {
            writer.begin_record(Writer::Section::authority, asked.name.parent(), rrtype::soa, rrclass::in, *soa);
            writer.put_name(name_of("ns.example"), wire::Writer::Form::compressed);
            writer.put_name(name_of("host.example"), wire::Writer::Form::compressed);
            for (const std::uint32_t value : {1u, 3600u, 600u, 86400u, *soa}) writer.put_u32(value);
            writer.end_record();
        }
        const auto message = writer.finish();
        const auto attempt = asked.attempt;
        asked_.erase(attempt);
        answering_ = attempt;
        resolver_.on_reply(attempt, message, at_, actions_);
        take();
        answering_ = 0;
    }
    void refuses(const Words& words, const std::string&) {
        const auto attempt = open_attempt(words).attempt;
        asked_.erase(attempt);
        answering_ = attempt;
        resolver_.on_failure(attempt, at_, actions_);
        take();
        answering_ = 0;
    }

    // ---- time and operator
    void passes(const Words& words, const std::string&) {
        const std::string& text = words.at(1);
        const auto value = std::stoll(text);
        const Now until = at_.now + (text.ends_with("ms") ? microseconds(milliseconds(value)) : microseconds(seconds(value)));
        for (unsigned turn = 0; turn < 10'000; ++turn) {
            const auto deadline = resolver_.deadline();
            const auto judging = cluster_ ? cluster_->fusion.deadline() : std::nullopt;
            if (judging && *judging <= until && (!deadline || *judging <= *deadline)) {
                move_to(std::max(at_.now, *judging));
                cluster_->at = at_;
                cluster_->fusion.on_time(at_);
                put_cluster();
                continue;
            }
            if (!deadline || *deadline > until) break;
            move_to(std::max(at_.now, *deadline));
            resolver_.on_tick(at_, actions_);
            take();
        }
        move_to(until);
    }
    void move_to(Now now) {
        at_.unix_seconds = 1'700'000'000 + std::chrono::duration_cast<seconds>(now).count();
        at_.now = now;
    }
    void flush(const Words& words, const std::string&) {
        resolver_.flush(words.size() > 1 ? std::optional(name_of(words[1]).lower()) : std::nullopt, at_, actions_);
        take();
    }

    // ---- what the Resolver did
    void take() {
        Actions todo;
        todo.swap(actions_);
        for (auto& action : todo) {
            if (auto* reply = std::get_if<Reply>(&action)) {
                const auto id = read_header(reply->bytes)->id;
                const auto found = std::find_if(queries_.begin(), queries_.end(),
                                                [&](const auto& row) { return row.second.client == reply->client && row.second.id == id; });
                if (found == queries_.end()) fail("a reply without a query");
                found->second.replies.push_back(std::move(reply->bytes));
            } else if (auto* ask = std::get_if<Ask>(&action)) {
                Question question;
                if (read_question(ask->bytes, question) != QuestionFault::none) fail("a malformed query goes upstream");
                Asked asked{ask->attempt, *ask, {}, question.lower, question.type, question.header.id};
                static const std::map<std::uint16_t, std::string> types = {{1, "A"},    {28, "AAAA"}, {33, "SRV"},  {16, "TXT"},
                                                                           {12, "PTR"}, {15, "MX"},   {5, "CNAME"}, {6, "SOA"},
                                                                           {2, "NS"},   {255, "ANY"}};
                asked.text = ask->upstream.text() + " " + question.lower.text() + " " + types.at(question.type) +
                             (ask->transport == Transport::tcp ? " tcp" : "");
                unchecked_asks_.push_back(ask->attempt);
                asked_.emplace(ask->attempt, std::move(asked));
            } else if (const auto* close = std::get_if<CloseAttempt>(&action)) {
                // The end of the attempt that was just answered is not a step.
                if (asked_.erase(close->attempt) && close->attempt != answering_) ++closed_;
            } else if (const auto* request = std::get_if<FactRequest>(&action)) {
                static constexpr const char* kinds[] = {"service", "nodes", "leader", "host"};
                requested_.push_back(trim(std::string(kinds[static_cast<std::size_t>(request->need.kind)]) + " " + request->need.name));
            }
        }
    }
    void nothing_unchecked() {
        if (!unchecked_asks_.empty()) fail("not checked: asks " + asked_.at(unchecked_asks_.front()).text);
        if (!requested_.empty()) fail("not checked: requests " + requested_.front());
        if (closed_) fail("not checked: closes");
        for (const auto& [number, query] : queries_)
            if (!query.replies.empty()) fail("not checked: answers " + number + " " + render_message(query.replies.front()));
    }

    std::string config_, hosts_;
    Catalog catalog_;
    std::shared_ptr<const LeaderRuntime> runtime_ = std::make_shared<LeaderRuntime>();
    std::shared_ptr<const SoaZones> soa_zones_;
    std::shared_ptr<const Rules> rules_;
    std::uint64_t generation_ = 0, version_ = 0;
    std::optional<Stage> cluster_;
    std::uint64_t cluster_version_ = 0;
    Moment at_{.now = seconds(1000), .unix_seconds = 1'700'001'000};
    WorkerCounters counters_;
    Random random_{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
    Actions actions_;
    Resolver resolver_;
    std::map<std::string, Query> queries_;
    std::map<AttemptId, Asked> asked_;
    std::deque<AttemptId> unchecked_asks_;
    std::deque<std::string> requested_;
    unsigned closed_ = 0;
    AttemptId answering_ = 0;
};

}  // namespace

std::string play_scenario(const std::string& text) {
    std::istringstream in(text);
    std::size_t number = 0;
    std::string line;
    try {
        Player player;
        while (std::getline(in, line)) {
            ++number;
            const auto comment = line.find(" # ");
            if (comment != std::string::npos) line.resize(comment);
            line = trim(line);
            if (line.empty() || line.front() == '#') continue;
            player.step(line);
        }
        line = "the end";
        player.end();
    } catch (const std::exception& failed) {
        return "line " + std::to_string(number) + " (" + line + "): " + failed.what();
    }
    return {};
}

}  // namespace lictor::test
