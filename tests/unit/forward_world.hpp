// The environment of Forward in tests: a clock that only the test moves, clients, upstreams whose replies the test writes, and the open
// sockets. Actions are performed as the shell performs them.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "conf/options/options.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::test {

/// From text; the text must be valid.
inline wire::Name name_of(std::string_view text) { return *wire::Name::parse(text); }
inline std::vector<std::uint8_t> bytes_of(wire::Bytes bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<std::uint8_t> address_bytes(std::string_view text) { return bytes_of(Address::parse(text)->raw()); }

/// A value of `server`; without an endpoint its domains are answered from local data only.
inline conf::ServerRule server_rule(std::vector<std::string> domains, const std::string& endpoint) {
    conf::ServerRule rule;
    rule.domains = std::move(domains);
    if (!endpoint.empty()) rule.upstream = Endpoint::parse(endpoint, 53);
    return rule;
}

/// Builds an upstream's reply to an Ask, with names uncompressed. Begins as NOERROR with QR, RD and RA and the question of the Ask; the
/// public fields may be changed before `bytes`.
class UpstreamReply {
public:
    explicit UpstreamReply(const answer::Ask& to) {
        const wire::Header header = *wire::read_header(to.bytes);
        wire::Reader reader(to.bytes);
        reader.skip(wire::header_size);
        id = header.id;
        question = reader.name();
        type = reader.u16();
        klass = reader.u16();
    }
    /// Appends a record; TTLs in seconds. `a`: of type AAAA for an IPv6 address. `soa`: in the authority section, the others in the answer.
    UpstreamReply& a(std::string_view owner, std::uint32_t ttl, std::string_view address) {
        const auto raw = address_bytes(address);
        return record(0, owner, raw.size() == 4 ? rrtype::a : rrtype::aaaa, ttl, raw);
    }
    UpstreamReply& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
        return record(0, owner, rrtype::cname, ttl, bytes_of(name_of(target).wire()));
    }
    UpstreamReply& soa(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum) {
        std::vector<std::uint8_t> data = {0, 0};
        for (const std::uint32_t value : {1u, 2u, 3u, 4u, minimum})
            for (int shift = 24; shift >= 0; shift -= 8) data.push_back(static_cast<std::uint8_t>(value >> shift));
        return record(1, zone, rrtype::soa, ttl, data);
    }
    /// `section`: 0 answer, 1 authority, 2 additional. `data` as on the wire.
    UpstreamReply& record(unsigned section, std::string_view owner, std::uint16_t rr, std::uint32_t ttl,
                          const std::vector<std::uint8_t>& data, std::uint16_t in = rrclass::in) {
        auto& out = sections[section];
        const wire::Name name = name_of(owner);
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
    /// Replaces the rcode, the lower four bits.
    UpstreamReply& code(unsigned rcode) { return bits = static_cast<std::uint16_t>((bits & ~15u) | rcode), *this; }
    /// Sets and clears bits of the second word of the header, in host order.
    UpstreamReply& flags(std::uint16_t set, std::uint16_t clear = 0) {
        return bits = static_cast<std::uint16_t>((bits | set) & ~clear), *this;
    }
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
    wire::Name question;
    std::vector<std::uint8_t> sections[3];
    std::uint16_t counts[3] = {0, 0, 0};

private:
    static void put16(std::vector<std::uint8_t>& out, std::uint32_t value) {
        out.push_back(static_cast<std::uint8_t>(value >> 8));
        out.push_back(static_cast<std::uint8_t>(value));
    }
};

/// A reply, parsed as a client does.
struct Seen {
    /// One record. `value`: address or target name; empty for other types.
    struct Line {
        std::string owner;
        std::uint16_t type = 0;
        std::uint32_t ttl = 0;
        std::string value;
    };
    wire::Header header;
    std::string question;
    std::vector<Line> answer, authority, additional;
    wire::Edns edns;
    std::optional<unsigned> extended_error;
    std::string text;  ///< of the extended error
    std::size_t size = 0;
    bool whole = false;  ///< well-formed to the last byte

    /// The header must be complete. After a malformed record the rest is not read, and `whole` is false.
    explicit Seen(wire::Bytes message) : size(message.size()) {
        header = *wire::read_header(message);
        wire::Reader reader(message);
        reader.skip(wire::header_size);
        for (unsigned i = 0; i < header.qdcount; ++i) {
            question = reader.name().text();
            reader.skip(4);
        }
        std::vector<Line>* const sections[] = {&answer, &authority, &additional};
        const unsigned counts[] = {header.ancount, header.nscount, header.arcount};
        for (unsigned section = 0; section < 3; ++section) {
            for (unsigned i = 0; i < counts[section]; ++i) {
                const auto record = wire::read_record(reader);
                if (!record) return;
                if (record->type == rrtype::opt) {
                    edns = {true, record->klass, 0, static_cast<std::uint8_t>(record->ttl >> 24), (record->ttl & 0x8000) != 0};
                    if (record->rdata.size() >= 6 && record->rdata[1] == 15) {
                        extended_error = record->rdata[4] << 8 | record->rdata[5];
                        text.assign(record->rdata.begin() + 6, record->rdata.begin() + 4 + record->rdata[3]);
                    }
                    continue;
                }
                Line line{record->owner.text(), record->type, record->ttl, {}};
                wire::Reader data(message.first(record->rdata_at + record->rdata.size()));
                data.skip(record->rdata_at);
                if (record->type == rrtype::a || record->type == rrtype::aaaa) line.value = Address::from_bytes(record->rdata).text();
                else if (record->type == rrtype::cname || record->type == rrtype::ns || record->type == rrtype::ptr)
                    line.value = data.name().text();
                sections[section]->push_back(std::move(line));
            }
        }
        whole = reader.ok() && reader.left() == 0;
    }
    unsigned rcode() const { return header.rcode(); }
    /// The values of the answer section, separated by blanks.
    std::string values() const {
        std::string all;
        for (const auto& line : answer) all += (all.empty() ? "" : " ") + line.value;
        return all;
    }
};

/// How a client sends its query.
struct QueryForm {
    std::uint16_t id = 0;    ///< 0: a new one
    std::uint16_t port = 0;  ///< 0: a new one
    std::uint16_t edns = 0;  ///< UDP size; 0: none
    bool dnssec_ok = false, cd = false, ad = false;
    std::uint64_t connection = 0;  ///< over TCP
    enum class Way { plain, agent, own } way = Way::plain;
    std::vector<std::uint8_t> subnet = {};  ///< data of the EDNS client subnet option
    std::uint8_t version = 0;
};

/// Begins at 1000 s of the monotonic clock; the Unix time is 0.
class World {
public:
    /// Upstreams for all names, by IP address, with strict-order if there are several. Their Rules are in force.
    explicit World(const std::vector<std::string>& servers = {"10.0.0.1"}) {
        options.no_resolv = true;
        options.consul_http_addr = {{"http://127.0.0.1:8500", {}}};
        options.consul_dns = Endpoint{Address::v4(127, 0, 0, 1), 8600};
        options.strict_order = servers.size() > 1;  // a query goes to one upstream unless a test changes this
        for (const auto& text : servers) add_server({}, text);
        adopt();
    }

    /// A `server` of the options; without an endpoint its domains are answered from local data only. In force after `adopt`.
    void add_server(std::vector<std::string> domains, const std::string& endpoint) {
        options.server.push_back(server_rule(std::move(domains), endpoint));
    }
    /// Makes Rules from `options` and `files` and puts them in force; fills `notes`.
    void adopt() {
        notes.clear();
        rules = rules::make_rules(options, files, own, notes);
        forward.adopt(rules, now);
    }

    /// Sends a query; returns the reply if there is one at once.
    std::optional<Seen> ask(std::string_view name, std::uint16_t type = rrtype::a, QueryForm form = {}) {
        wire::Question question;
        question.name = name_of(name);
        question.lower = question.name.lower();
        question.type = type;
        question.klass = rrclass::in;
        question.end = wire::header_size + question.name.size() + 4;
        question.header.id = last_id = form.id ? form.id : next_id++;
        question.header.bits = static_cast<std::uint16_t>(0x0100 | (form.ad ? 0x20 : 0) | (form.cd ? 0x10 : 0));
        question.header.qdcount = 1;
        question.edns = {form.edns != 0, static_cast<std::uint16_t>(form.edns ? form.edns : 512), 0, 0, form.dnssec_ok};
        question.edns.version = form.version;
        question.edns.subnet_size = static_cast<std::uint8_t>(form.subnet.size());
        std::copy(form.subnet.begin(), form.subnet.end(), question.edns.subnet.begin());
        question.over_tcp = form.connection != 0;
        answer::Client client;
        client.connection = form.connection;
        client.peer = {Address::v4(127, 0, 0, 1), form.port ? form.port : next_port++};
        std::vector<std::uint8_t> buffer(wire::message_max);
        answer::Actions actions;
        const Moment at{now, 0};
        auto answer = form.way == QueryForm::Way::agent ? forward.ask_agent(question, client, at, buffer, actions, exact)
                      : form.way == QueryForm::Way::own ? forward.ask_own(question, client, at, buffer, actions)
                                                        : forward.ask(question, client, at, buffer, actions);
        if (answer.answered()) answer::conclude(answer, {client, question.edns, question.over_tcp}, buffer, {counters, *rules, actions});
        perform(actions);
        if (!answer.answered()) return std::nullopt;
        return Seen(wire::Bytes(buffer).first(answer.size));
    }

    /// The upstream's reply, or any bytes, arrives at the socket of the attempt, whether it is open or not.
    void respond(const UpstreamReply& response, const answer::Ask& to) { arrives(to, response.bytes()); }
    void arrives(const answer::Ask& to, const std::vector<std::uint8_t>& bytes) {
        answer::Actions actions;
        forward.on_reply(to.attempt, bytes, {now, 0}, actions);
        perform(actions);
    }
    /// The attempt's socket fails.
    void breaks(const answer::Ask& ask) {
        open.erase(ask.attempt);
        answer::Actions actions;
        forward.on_failure(ask.attempt, {now, 0}, actions);
        perform(actions);
    }
    /// Removes cache entries at or below `name`; their number is in `flushed`.
    void flush(std::string_view name) {
        answer::Actions actions;
        flushed = forward.flush(name_of(name), {now, 0}, actions);
        perform(actions);
    }
    void fail_all() {
        answer::Actions actions;
        forward.fail_all(actions);
        perform(actions);
    }
    /// Advances the clock by `span`, with a tick at each deadline.
    void wait(microseconds span) {
        const Now end = now + span;
        for (auto due = forward.deadline(); due && *due <= end; due = forward.deadline()) {
            now = std::max(now, *due);
            tick();
        }
        now = end;
    }
    void tick() {
        answer::Actions actions;
        forward.on_tick({now, 0}, actions);
        perform(actions);
    }

    /// The last query to an upstream; there must be one.
    const answer::Ask& last() const { return asked.back(); }
    /// The last reply that came later (not one that `ask` returned); there must be one.
    Seen reply() const { return Seen(replied.back().bytes); }

    metrics::WorkerCounters counters;
    Random random{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
    forward::Forward forward{counters, random};
    conf::Options options;
    rules::FollowedFiles files;
    std::vector<Endpoint> own;
    std::vector<std::string> notes;
    std::shared_ptr<const rules::Rules> rules;
    Now now = seconds(1000);

    std::vector<answer::Ask> asked;      ///< all queries to upstreams, in order
    std::vector<answer::Reply> replied;  ///< all later replies, in order
    std::set<answer::AttemptId> open;    ///< sockets
    std::vector<std::string> log, notices;
    std::size_t flushed = 0;
    std::uint16_t last_id = 0;
    bool double_close = false;  ///< an attempt was closed that was not open
    bool exact = false;         ///< queries to the agent are sent in exact mode

private:
    void perform(answer::Actions& actions) {
        for (auto& action : actions) {
            if (auto* ask = std::get_if<answer::Ask>(&action)) {
                open.insert(ask->attempt);
                asked.push_back(std::move(*ask));
            } else if (auto* reply = std::get_if<answer::Reply>(&action)) {
                replied.push_back(std::move(*reply));
            } else if (auto* close = std::get_if<answer::CloseAttempt>(&action)) {
                if (open.erase(close->attempt) == 0) double_close = true;
            } else if (auto* line = std::get_if<answer::QueryLog>(&action)) {
                log.push_back(line->line);
            } else if (auto* notice = std::get_if<answer::Notice>(&action)) {
                notices.push_back(notice->text);
            }
        }
    }

    std::uint16_t next_id = 7000, next_port = 20000;
};

}  // namespace lictor::test
