// Fuzzes one worker's decisions with a sequence of events: queries over UDP and TCP, replies and failures of upstreams, new Views, closed
// connections, flushes and time. Each byte chooses an event, the bytes after it its details. An oracle requires:
// - each query of a client gets exactly one reply, within `reply_within`, unless its connection has closed; nobody else gets one;
// - a reply is well-formed, has the id and the question of its query, and fits the client;
// - a leader's name has no address but that of the leader of the View in force, and none while nobody leads;
// - no name of Consul has an address that an upstream sent;
// - after the end no query waits, no attempt is open, and no memory is entered for either.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/forward_world.hpp"
#include "tests/unit/resolver_world.hpp"
#include "tests/unit/zone_fixture.hpp"

namespace {

using namespace lictor;
using namespace lictor::test;

constexpr microseconds reply_within = seconds(10);
const char* const names[] = {
    "web.service.consul",  "master.pg.service.consul",
    "pg.service.consul",   "replica.pg.service.consul",
    "late.service.consul", "alpha.node.consul",
    "nowhere.consul",      "one.example",
    "two.example",         "alias.example",
    "leader.example",      "flushed.example",
    "local.example",       "1.0.0.10.in-addr.arpa",
    "wide.service.consul",
};
constexpr std::uint16_t types[] = {rrtype::a, rrtype::aaaa, rrtype::srv, rrtype::txt, rrtype::any, rrtype::soa, rrtype::cname, rrtype::ptr};

void require(bool condition) {
    if (!condition) std::abort();
}

/// The bytes of the input; zeros after its end.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
    bool more() const { return left_ > 0; }
    unsigned byte() { return left_ > 0 ? (--left_, *data_++) : 0u; }
    std::vector<std::uint8_t> bytes(std::size_t most) {
        const std::size_t size = std::min(left_, most);
        std::vector<std::uint8_t> taken(data_, data_ + size);
        data_ += size;
        left_ -= size;
        return taken;
    }

private:
    const std::uint8_t* data_;
    std::size_t left_;
};

std::shared_ptr<rules::Rules> lines(bool later) {
    conf::Options options;
    options.no_resolv = true;
    options.use_stale_cache = seconds(3600);
    options.log_queries = conf::QueryLogging::plain;
    options.cname = {{{"alias.example"}, "inner.example", {}},
                     {{"inner.example"}, "target.example", {}},
                     {{"leader.example"}, "master.pg.service.consul", {}}};
    options.leader_flush = {"flushed.example"};
    options.server.push_back(server_rule({}, "10.9.0.1"));
    options.server.push_back(server_rule({}, "10.9.0.2"));
    if (later) options.server.push_back(server_rule({"two.example"}, "10.9.0.3"));
    std::vector<std::string> notes;
    return std::make_shared<rules::Rules>(*rules::make_rules(options, {}, {}, notes));
}

/// What a View of Consul's data is made of.
struct Facts {
    unsigned leader = 1;  ///< its address is 10.0.0.`leader`; 0: nobody leads
    unsigned web = 1;     ///< instances
    bool late_known = false, domain = false, lost = false, other_rules = false;
    std::uint64_t version = 1;
};

catalog::Catalog catalog_of(const Facts& facts) {
    ZoneWorld world;
    const auto alpha = world.node("alpha", "10.0.0.1");
    world.service("web");
    for (unsigned i = 0; i < facts.web; ++i)
        world.instance("web", alpha, 80 + i, {.id = "web" + std::to_string(i), .address = "10.1.0." + std::to_string(i + 1)});
    for (unsigned i = 0; i < 40; ++i)
        world.instance("wide", alpha, 80, {.id = "wide" + std::to_string(i), .address = "10.2.0." + std::to_string(i + 1)});
    for (unsigned i = 1; i <= 3; ++i)
        world.instance(
            "pg", alpha, 5432,
            {.id = "pg" + std::to_string(i), .address = "10.0.0." + std::to_string(i), .tags = {i == facts.leader ? "master" : "replica"}});
    if (facts.late_known) world.instance("late", alpha, 81, {.address = "10.3.0.1"});
    world
        .leader("pg", facts.leader ? catalog::LeaderState::led : catalog::LeaderState::vacant,
                facts.leader ? "10.0.0." + std::to_string(facts.leader) : "")
        .version = facts.version;
    if (facts.domain) world.settings->domains.push_back("lan.test");
    world.settle();
    world.catalog.contact_lost = facts.lost;
    return world.catalog;
}

class Play {
public:
    explicit Play(Input input) : input_(input) { publish(); }

    void run() {
        while (input_.more() && events_++ < 400) event();
        pass(seconds(25));
        for (const auto& [key, query] : waiting_) require(query.connection_gone);
        const auto& counters = world_.counters;
        require(open_.empty() && counters.forward_pending.get() == 0 && counters.waiting.get() == 0);
        require(counters.memory.used(budget::Kind::forward) == 0 && counters.memory.used(budget::Kind::held) == 0);
        query(0, false);
        query(7, false);
        world_.resolver.on_stop(world_.at, world_.actions);
        perform();
        for (const auto& [key, query] : waiting_) require(query.connection_gone);
    }

private:
    struct Query {
        std::vector<std::uint8_t> message;
        Now asked{};
        bool connection_gone = false;
    };
    using Key = std::pair<std::uint64_t, std::uint32_t>;  ///< connection, or 0; port over UDP, id over TCP

    void event() {
        const unsigned what = input_.byte();
        switch (what & 15) {
            case 0:
            case 1:
            case 2:
            case 3: return query(what >> 4, (what & 1) != 0);
            case 4: return raw_query();
            case 5:
            case 6:
            case 7: return reply(what >> 4);
            case 8: return fail(what >> 4);
            case 9: return pass(milliseconds(1u << (what >> 4)));  // up to 33 s
            case 10: return pass(milliseconds(input_.byte() * 10));
            case 11:
            case 12: return change(what >> 4);
            case 13: return gone(1 + (what >> 4) % 3);
            case 14: return flush(what >> 4);
            case 15: return world_.resolver.tidy(world_.at.now);
        }
    }

    void query(unsigned name, bool over_tcp) {
        const unsigned more = input_.byte();
        Wording wording{.name = names[name % std::size(names)], .type = types[more & 7]};
        if ((more & 8) != 0) wording.edns_version = 0;
        auto message = wording.bytes();
        answer::Client client;
        client.peer = {Address::v4(127, 0, 0, 1), next_port()};
        if (over_tcp) {
            const unsigned slot = (more >> 4) % 3;
            if (connections_[slot] == 0) connections_[slot] = ++last_connection_;
            client.connection = connections_[slot];
        }
        const std::uint16_t id = ++id_;
        message[0] = static_cast<std::uint8_t>(id >> 8);
        message[1] = static_cast<std::uint8_t>(id);
        ask(std::move(message), client, true);
    }

    void raw_query() {
        answer::Client client;
        client.peer = {Address::v4(127, 0, 0, 1), next_port()};
        ask(input_.bytes(input_.byte()), client, false);
    }

    void ask(std::vector<std::uint8_t> message, const answer::Client& client, bool good) {
        std::vector<std::uint8_t> buffer(client.connection ? wire::message_max : wire::udp_message_max);
        const answer::Answer answer = world_.resolver.on_query(message, client, world_.at, buffer, world_.actions);
        if (good) require(answer.kind == answer::Answer::Kind::answered || answer.kind == answer::Answer::Kind::later);
        if (answer.answered()) check(message, wire::Bytes(buffer).first(answer.size), client.connection != 0);
        if (answer.kind == answer::Answer::Kind::later) {
            const auto key = key_of(client, message);
            require(waiting_.emplace(key, Query{std::move(message), world_.at.now}).second);
        }
        world_.resolver.end_batch(world_.at.now);
        perform();
    }

    static Key key_of(const answer::Client& client, wire::Bytes message) {
        return {client.connection,
                client.connection ? static_cast<std::uint32_t>(message[0] << 8 | message[1]) : std::uint32_t{client.peer.port}};
    }

    /// Some open attempt gets a message.
    void reply(unsigned which) {
        if (open_.empty()) return;
        const auto at = std::next(open_.begin(), static_cast<std::ptrdiff_t>(which % open_.size()));
        const answer::Ask asked = at->second;
        const unsigned kind = input_.byte();
        UpstreamReply written(asked);
        const std::string name = written.question.text();
        std::vector<std::uint8_t> bytes;
        switch (kind & 15) {
            case 0: bytes = written.a(name, kind >> 4, "192.0.2.1").bytes(); break;
            case 1: bytes = written.code(3).soa("example", 30, 30).bytes(); break;
            case 2: bytes = written.code(2).bytes(); break;
            case 3: bytes = written.code(5).bytes(); break;
            case 4: bytes = written.flags(0x0200).a(name, 30, "192.0.2.2").bytes(); break;  // TC
            case 5:
                bytes = written.cname(name, 30, "master.pg.service.consul").a("master.pg.service.consul", 30, "192.0.2.66").bytes();
                break;
            case 6: bytes = written.cname(name, 30, "one.example").a("one.example", 30, "192.0.2.3").bytes(); break;
            case 7:
                written.id ^= 1;
                bytes = written.a(name, 30, "192.0.2.4").bytes();
                break;
            case 8: bytes = written.soa("example", 30, 30).bytes(); break;
            case 9: bytes = written.a(name, 30, "192.0.2.5").record(2, "web.service.consul", rrtype::a, 30, {192, 0, 2, 66}).bytes(); break;
            case 10: bytes = written.code(1).bytes(); break;
            case 11: bytes = written.cname(name, 30, name).bytes(); break;
            case 12:
                written.type = rrtype::txt;
                bytes = written.bytes();
                break;
            default: {
                bytes = written.a(name, 30, "192.0.2.6").bytes();
                for (unsigned i = 0; i < 4; ++i) {
                    const unsigned place = input_.byte() << 8 | input_.byte(), value = input_.byte();
                    if (value != 0 && place % bytes.size() >= 2) bytes[place % bytes.size()] = static_cast<std::uint8_t>(value);
                }
                if ((kind & 16) != 0) bytes.resize(input_.byte());
            }
        }
        world_.resolver.on_reply(asked.attempt, bytes, world_.at, world_.actions);
        perform();
    }

    void fail(unsigned which) {
        if (open_.empty()) return;
        const auto at = std::next(open_.begin(), static_cast<std::ptrdiff_t>(which % open_.size()));
        const auto attempt = at->first;
        open_.erase(at);
        world_.resolver.on_failure(attempt, world_.at, world_.actions);
        perform();
    }

    /// The time passes, with a tick at each deadline.
    void pass(microseconds span) {
        const Now end = world_.at.now + span;
        for (unsigned ticks = 0; world_.at.now < end; ++ticks) {
            require(ticks < 20'000);
            const Now due = world_.resolver.deadline().value_or(end);
            world_.at.now = std::min(end, std::max(world_.at.now + milliseconds(1), due));
            world_.at.unix_seconds = 1'700'000'000 + (world_.at.now - seconds(1000)) / seconds(1);
            world_.resolver.on_tick(world_.at, world_.actions);
            perform();
        }
        for (const auto& [key, query] : waiting_) require(query.connection_gone || world_.at.now - query.asked <= reply_within);
    }

    void change(unsigned how) {
        ++facts_.version;
        if (how < 8) facts_.leader = how & 3;
        else if (how == 8) facts_.late_known = !facts_.late_known;
        else if (how == 9) facts_.domain = !facts_.domain;
        else if (how == 10) facts_.lost = !facts_.lost;
        else if (how == 11) facts_.other_rules = !facts_.other_rules;
        else facts_.web = how & 3;
        publish();
    }

    void publish() {
        world_.rules = lines(facts_.other_rules);
        world_.show(catalog_of(facts_));
        perform();
    }

    void gone(unsigned slot) {
        const auto connection = std::exchange(connections_[slot - 1], 0);
        if (connection == 0) return;
        world_.resolver.on_gone(connection);
        for (auto& [key, query] : waiting_)
            if (key.first == connection) query.connection_gone = true;
        perform();
    }

    void flush(unsigned which) {
        std::optional<wire::Name> suffix;
        if (which < std::size(names)) suffix = name_of(names[which]);
        world_.resolver.flush(suffix, world_.at, world_.actions);
        perform();
    }

    void perform() {
        for (auto& action : std::exchange(world_.actions, {})) {
            if (auto* ask = std::get_if<answer::Ask>(&action)) {
                require(open_.size() < 4096 && last_attempt_ < ask->attempt);
                last_attempt_ = ask->attempt;
                open_.emplace(ask->attempt, std::move(*ask));
            } else if (const auto* close = std::get_if<answer::CloseAttempt>(&action)) {
                open_.erase(close->attempt);
            } else if (const auto* sent = std::get_if<answer::Reply>(&action)) {
                require(sent->bytes.size() >= wire::header_size);
                const auto found = waiting_.find(key_of(sent->client, sent->bytes));
                require(found != waiting_.end());
                require(!found->second.connection_gone && world_.at.now - found->second.asked <= reply_within);
                check(found->second.message, sent->bytes, sent->client.connection != 0);
                waiting_.erase(found);
            } else if (const auto* line = std::get_if<answer::QueryLog>(&action)) {
                require(line->line.find('\n') == std::string::npos);
            }
        }
    }

    void check(wire::Bytes query, wire::Bytes reply, bool over_tcp) {
        const auto header = wire::read_header(reply);
        require(header && header->qr() && reply[0] == query[0] && reply[1] == query[1]);
        require(reply.size() <= (over_tcp ? wire::message_max : wire::udp_message_max));
        const MessageText text(reply);
        require(!text.broken);
        const auto parsed = wire::read_header(query);
        if (!parsed || parsed->qdcount != 1 || header->qdcount != 1) return;
        wire::Reader asked(query), answered(reply);
        asked.skip(wire::header_size);
        answered.skip(wire::header_size);
        const wire::Name name = asked.name();
        require(name == answered.name() && asked.u16() == answered.u16() && asked.u16() == answered.u16());
        const std::string lower = name.lower().text();
        const bool of_leader = lower == "master.pg.service.consul" || lower == "leader.example";
        const bool of_consul = lower == "consul" || lower.ends_with(".consul") || lower == "leader.example";
        for (const auto& section : {text.answer, text.additional})
            for (const auto& line : section) {
                const auto at = line.find(" A ");
                if (at == std::string::npos) continue;
                const std::string address = line.substr(at + 3);
                if (of_consul) require(!address.starts_with("192.0.2."));
                if (of_leader) require(facts_.leader != 0 && address == "10.0.0." + std::to_string(facts_.leader));
            }
    }

    std::uint16_t next_port() { return port_ = port_ == 65535 ? std::uint16_t{1024} : static_cast<std::uint16_t>(port_ + 1); }

    Input input_;
    ResolverWorld world_;
    Facts facts_;
    std::map<answer::AttemptId, answer::Ask> open_;
    std::map<Key, Query> waiting_;
    std::uint64_t connections_[3] = {}, last_connection_ = 0;
    answer::AttemptId last_attempt_ = 0;
    std::uint16_t id_ = 0, port_ = 1024;
    unsigned events_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Play(Input(data, std::min<std::size_t>(size, 2048))).run();
    return 0;
}
