// A small honest world around Forward for tests: a clock that is moved by hand, clients, upstreams that say what the test writes, and the
// sockets that are open. Every action is performed as the shell would perform it.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "resolver/core/forward.hpp"

namespace lictor::test {

inline Name name_of(std::string_view text) { return *Name::parse(text); }
inline std::vector<std::uint8_t> bytes_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<std::uint8_t> address_bytes(std::string_view text) { return bytes_of(Address::parse(text)->raw()); }

/// A reply as an upstream would write it to an Ask, names uncompressed.
class Said {
public:
    explicit Said(const Ask& to) {
        const Header header = *read_header(to.bytes);
        Reader reader(to.bytes);
        reader.skip(header_size);
        id = header.id;
        question = reader.name();
        type = reader.u16();
        klass = reader.u16();
    }
    Said& a(std::string_view owner, std::uint32_t ttl, std::string_view address) {
        const auto raw = address_bytes(address);
        return record(0, owner, raw.size() == 4 ? rrtype::a : rrtype::aaaa, ttl, raw);
    }
    Said& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
        return record(0, owner, rrtype::cname, ttl, bytes_of(name_of(target).wire()));
    }
    Said& soa(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum) {
        std::vector<std::uint8_t> data = {0, 0};
        for (const std::uint32_t value : {1u, 2u, 3u, 4u, minimum})
            for (int shift = 24; shift >= 0; shift -= 8) data.push_back(static_cast<std::uint8_t>(value >> shift));
        return record(1, zone, rrtype::soa, ttl, data);
    }
    Said& record(unsigned section, std::string_view owner, std::uint16_t rr, std::uint32_t ttl, const std::vector<std::uint8_t>& data,
                 std::uint16_t in = rrclass::in) {
        auto& out = sections[section];
        const Name name = name_of(owner);
        out.insert(out.end(), name.wire().begin(), name.wire().end());
        put16(out, rr);
        put16(out, in);
        put16(out, ttl >> 16);
        put16(out, ttl);
        put16(out, static_cast<std::uint32_t>(data.size()));
        out.insert(out.end(), data.begin(), data.end());
        ++counts[section];
        return *this;
    }
    Said& code(unsigned rcode) { return bits = static_cast<std::uint16_t>((bits & ~15u) | rcode), *this; }
    Said& flags(std::uint16_t set, std::uint16_t clear = 0) { return bits = static_cast<std::uint16_t>((bits | set) & ~clear), *this; }
    std::vector<std::uint8_t> bytes() const {
        std::vector<std::uint8_t> out;
        put16(out, id);
        put16(out, bits);
        put16(out, questions);
        for (const auto count : counts) put16(out, count);
        if (questions) {
            out.insert(out.end(), question.wire().begin(), question.wire().end());
            put16(out, type);
            put16(out, klass);
        }
        for (const auto& section : sections) out.insert(out.end(), section.begin(), section.end());
        return out;
    }

    std::uint16_t id = 0, bits = 0x8180, questions = 1, type = 0, klass = 1;
    Name question;
    std::vector<std::uint8_t> sections[3];
    std::uint16_t counts[3] = {0, 0, 0};

private:
    static void put16(std::vector<std::uint8_t>& out, std::uint32_t value) {
        out.push_back(static_cast<std::uint8_t>(value >> 8));
        out.push_back(static_cast<std::uint8_t>(value));
    }
};

/// A reply as a client reads it.
struct Seen {
    struct Line {
        std::string owner;
        std::uint16_t type = 0;
        std::uint32_t ttl = 0;
        std::string value;
    };
    Header header;
    std::string question;
    std::vector<Line> answer, authority, additional;
    Edns edns;
    std::optional<unsigned> extended_error;
    std::size_t size = 0;
    bool whole = false;   ///< read to the last byte without a fault

    explicit Seen(Bytes message) : size(message.size()) {
        header = *read_header(message);
        Reader reader(message);
        reader.skip(header_size);
        for (unsigned i = 0; i < header.qdcount; ++i) {
            question = reader.name().text();
            reader.skip(4);
        }
        std::vector<Line>* const sections[] = {&answer, &authority, &additional};
        const unsigned counts[] = {header.ancount, header.nscount, header.arcount};
        for (unsigned section = 0; section < 3; ++section) {
            for (unsigned i = 0; i < counts[section]; ++i) {
                const auto record = read_record(reader);
                if (!record) return;
                if (record->type == rrtype::opt) {
                    edns = {true, record->klass, 0, static_cast<std::uint8_t>(record->ttl >> 24), (record->ttl & 0x8000) != 0};
                    if (record->rdata.size() == 6) extended_error = record->rdata[4] << 8 | record->rdata[5];
                    continue;
                }
                Line line{record->owner.text(), record->type, record->ttl, {}};
                Reader data(message.first(record->rdata_at + record->rdata.size()));
                data.skip(record->rdata_at);
                if (record->type == rrtype::a || record->type == rrtype::aaaa) line.value = Address::from_bytes(record->rdata).text();
                else if (record->type == rrtype::cname || record->type == rrtype::ns || record->type == rrtype::ptr) line.value = data.name().text();
                sections[section]->push_back(std::move(line));
            }
        }
        whole = reader.ok() && reader.left() == 0;
    }
    unsigned rcode() const { return header.rcode(); }
    std::string values() const {
        std::string all;
        for (const auto& line : answer) all += (all.empty() ? "" : " ") + line.value;
        return all;
    }
};

/// How a client asks.
struct Wish {
    std::uint16_t id = 0;              ///< 0: a new one
    std::uint16_t port = 0;            ///< 0: a new one
    std::uint16_t edns = 0;            ///< UDP size; 0: none
    bool dnssec_ok = false, cd = false;
    std::uint64_t connection = 0;      ///< over TCP
    enum class Way { plain, agent, own } way = Way::plain;
    std::vector<std::uint8_t> subnet = {};   ///< data of a client subnet option
    std::uint8_t version = 0;
};

class World {
public:
    explicit World(const std::vector<std::string>& servers = {"10.0.0.1"}) {
        options.no_resolv = true;
        options.consul_http_addr = {{"http://127.0.0.1:8500", {}}};
        options.consul_dns = Endpoint{Address::v4(127, 0, 0, 1), 8600};
        options.strict_order = servers.size() > 1;  // no race among them unless a test wants one
        for (const auto& text : servers) add_server({}, text);
        adopt();
    }

    void add_server(std::vector<std::string> domains, const std::string& endpoint) {
        ServerRule rule;
        rule.domains = std::move(domains);
        if (!endpoint.empty()) rule.upstream = Endpoint::parse(endpoint, 53);
        options.server.push_back(rule);
    }
    void adopt() {
        notes.clear();
        rules = make_rules(options, files, own, notes);
        forward.adopt(rules, now);
    }

    /// Asks; gives the reply if there is one at once.
    std::optional<Seen> ask(std::string_view name, std::uint16_t type = rrtype::a, Wish wish = {}) {
        Question question;
        question.name = name_of(name);
        question.lower = question.name.lower();
        question.type = type;
        question.klass = rrclass::in;
        question.end = header_size + question.name.size() + 4;
        question.header.id = last_id = wish.id ? wish.id : next_id++;
        question.header.bits = static_cast<std::uint16_t>(0x0100 | (wish.cd ? 0x10 : 0));
        question.header.qdcount = 1;
        question.edns = {wish.edns != 0, static_cast<std::uint16_t>(wish.edns ? wish.edns : 512), 0, 0, wish.dnssec_ok};
        question.edns.version = wish.version;
        question.edns.subnet_size = static_cast<std::uint8_t>(wish.subnet.size());
        std::copy(wish.subnet.begin(), wish.subnet.end(), question.edns.subnet.begin());
        question.over_tcp = wish.connection != 0;
        Client client;
        client.connection = wish.connection;
        client.peer = {Address::v4(127, 0, 0, 1), wish.port ? wish.port : next_port++};
        std::vector<std::uint8_t> buffer(message_max);
        Actions actions;
        const Moment at{now, 0};
        const auto outcome = wish.way == Wish::Way::agent ? forward.ask_agent(question, client, at, buffer, actions, exact)
                             : wish.way == Wish::Way::own ? forward.ask_own(question, client, at, buffer, actions)
                                                          : forward.ask(question, client, at, buffer, actions);
        perform(actions);
        if (outcome.kind == Forward::Outcome::Kind::pending) return std::nullopt;
        return Seen(Bytes(buffer).first(outcome.size));
    }

    void says(const Said& said, const Ask& to) { arrives(to, said.bytes()); }
    void arrives(const Ask& to, const std::vector<std::uint8_t>& bytes) {
        Actions actions;
        forward.on_reply(to.attempt, bytes, {now, 0}, actions);
        perform(actions);
    }
    void breaks(const Ask& ask) {
        open.erase(ask.attempt);
        Actions actions;
        forward.on_failure(ask.attempt, {now, 0}, actions);
        perform(actions);
    }
    void flush(std::string_view name) {
        Actions actions;
        flushed = forward.flush(name_of(name), {now, 0}, actions);
        perform(actions);
    }
    void fail_all() {
        Actions actions;
        forward.fail_all(actions);
        perform(actions);
    }
    /// Lets time pass, ticking where the core asks for it.
    void wait(microseconds span) {
        const Now end = now + span;
        for (auto due = forward.deadline(); due && *due <= end; due = forward.deadline()) {
            now = std::max(now, *due);
            tick();
        }
        now = end;
    }
    void tick() {
        Actions actions;
        forward.on_tick({now, 0}, actions);
        perform(actions);
    }

    const Ask& last() const { return asked.back(); }
    /// The reply that came last.
    Seen reply() const { return Seen(replied.back().bytes); }

    WorkerCounters counters;
    Random random{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
    Forward forward{counters, random};
    Options options;
    FollowedFiles files;
    std::vector<Endpoint> own;
    std::vector<std::string> notes;
    std::shared_ptr<const Rules> rules;
    Now now = seconds(1000);

    std::vector<Ask> asked;
    std::vector<Reply> replied;
    std::set<AttemptId> open;              ///< sockets
    std::vector<std::string> log, notices;
    std::size_t flushed = 0;
    std::uint16_t last_id = 0;
    bool double_close = false;
    bool exact = false;                    ///< towards the agent

private:
    void perform(Actions& actions) {
        for (auto& action : actions) {
            if (auto* ask = std::get_if<Ask>(&action)) {
                open.insert(ask->attempt);
                asked.push_back(std::move(*ask));
            } else if (auto* reply = std::get_if<Reply>(&action)) {
                replied.push_back(std::move(*reply));
            } else if (auto* close = std::get_if<CloseAttempt>(&action)) {
                if (open.erase(close->attempt) == 0) double_close = true;
            } else if (auto* line = std::get_if<QueryLog>(&action)) {
                log.push_back(line->line);
            } else if (auto* notice = std::get_if<Notice>(&action)) {
                notices.push_back(notice->text);
            }
        }
    }

    std::uint16_t next_id = 7000, next_port = 20000;
};

}  // namespace lictor::test
