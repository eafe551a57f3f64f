// Writes a line wherever dnsmasq writes one.
#include "resolver/answer/query_log.hpp"

#include <array>
#include <cstdio>

#include "conf/metrics/cause_rows.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/wire/type_text.hpp"

namespace lictor::answer {
namespace {

/// A huge reply must not fill the log.
constexpr unsigned lines_max = 32;

/// A type as dnsmasq writes it: the mnemonic, or `type=65280`.
std::string type_word(std::uint16_t type) {
    auto text = wire::type_text(type);
    return text.starts_with("TYPE") ? "type=" + text.substr(4) : text;
}

std::string prefix(const Client& client) {
    if (client.serial == 0) return {};
    return std::to_string(client.serial) + ' ' + client.peer.address.text() + '/' + std::to_string(client.peer.port) + ' ';
}

std::string value_of(const wire::Record& record, wire::Bytes message) {
    if ((record.type == rrtype::a && record.rdata.size() == 4) || (record.type == rrtype::aaaa && record.rdata.size() == 16))
        return Address::from_bytes(record.rdata).text();
    if (record.type == rrtype::ptr) {
        wire::Reader reader(message.first(record.rdata_at + record.rdata.size()));
        reader.skip(record.rdata_at);
        return reader.name().text();
    }
    return '<' + type_word(record.type) + '>';
}

/// For PTR dnsmasq logs the address in place of the reverse name.
std::string owner_of(const wire::Name& name, std::uint16_t type) {
    if (type == rrtype::ptr)
        if (const auto address = wire::address_of_reverse(name.lower())) return address->text();
    return name.text();
}

std::string absence(unsigned code, std::uint16_t type) {
    if (code == rcode::nxdomain) return "NXDOMAIN";
    if (type == rrtype::a) return "NODATA-IPv4";
    if (type == rrtype::aaaa) return "NODATA-IPv6";
    return "NODATA";
}

/// dnsmasq logs three failures by name and the others by number.
std::string failure_word(unsigned code) {
    if (code == rcode::servfail) return "SERVFAIL";
    if (code == rcode::refused) return "REFUSED";
    if (code == rcode::notimp) return "not implemented";
    return std::to_string(code);
}

/// The extended errors of RFC 8914 in dnsmasq's words.
std::string_view reason_word(std::uint16_t code) {
    static constexpr std::array<std::string_view, 30> words = {"other",
                                                               "unsupported DNSKEY algorithm",
                                                               "unsupported DS digest",
                                                               "stale answer",
                                                               "forged",
                                                               "DNSSEC indeterminate",
                                                               "DNSSEC bogus",
                                                               "DNSSEC signature expired",
                                                               "DNSSEC sig not yet valid",
                                                               "DNSKEY missing",
                                                               "RRSIG missing",
                                                               "no zone key bit set",
                                                               "NSEC(3) missing",
                                                               "cached error",
                                                               "not ready",
                                                               "blocked",
                                                               "censored",
                                                               "filtered",
                                                               "prohibited",
                                                               "stale NXDOMAIN",
                                                               "not authoritative",
                                                               "not supported",
                                                               "no reachable authority",
                                                               "network error",
                                                               "invalid data",
                                                               "signature expired before valid",
                                                               "too early",
                                                               "unsupported NSEC3 iterations value",
                                                               "unable to conform to policy",
                                                               "synthesized"};
    return code < words.size() ? words[code] : "unknown";
}

/// ` (EDE: …): text`; empty without a cause. The part in brackets is in dnsmasq's format.
std::string cause_of(const Reason& reason, unsigned code) {
    if (reason.cause == Cause::none) return {};
    const auto error = extended_error_of(reason, code);
    return (error ? " (EDE: " + std::string(reason_word(*error)) + ")" : std::string()) + ": " + text_of(reason);
}

/// `config`, or the path of the hosts file that the record is from.
std::string_view place_of(const wire::Record* record, const rules::LocalData& local) {
    if (!record || record->type == rrtype::cname) return local.sources.front();
    const wire::Name owner = record->owner.lower();
    if (record->type == rrtype::ptr) {
        const auto found = local.pointers.find(owner);
        return local.sources[found == local.pointers.end() ? 0 : found->second.source];
    }
    const auto found = local.names.find(owner);
    const bool address = record->type == rrtype::a || record->type == rrtype::aaaa;
    return local.sources[found == local.names.end() || !address ? 0 : found->second.source];
}

std::string_view verb_of(Source source) {
    switch (source) {
        case Source::consul: return "consul";
        case Source::leader: return "leader";
        case Source::cache: return "cached";
        case Source::upstream:
        case Source::agent_dns: return "reply";
        case Source::local:
        case Source::error: break;
    }
    return "config";
}

std::string_view word_of(Source source) {
    switch (source) {
        case Source::consul: return "consul";
        case Source::leader: return "leader";
        case Source::local: return "local data";
        case Source::cache: return "cache";
        case Source::upstream: return "upstream";
        case Source::agent_dns: return "the agent's DNS";
        case Source::error: break;
    }
    return "lictor";
}

/// True for one message of `one_in`, without a pattern: clients ask for A and AAAA in turn.
bool is_sample(std::uint32_t one_in, std::uint64_t id, const Client& client, const metrics::WorkerCounters& counters) {
    std::uint64_t mix = (id << 16 | client.peer.port) + 0x9e3779b97f4a7c15u * (counters.queries_udp.get() + counters.queries_tcp.get());
    mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9u;
    mix = (mix ^ mix >> 27) * 0x94d049bb133111ebu;
    return (mix ^ mix >> 31) % one_in == 0;
}

std::string in_milliseconds(microseconds span) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms", static_cast<double>(span.count()) / 1000);
    return text.data();
}

}  // namespace

void log_selected(const Answer& answer, wire::Bytes message, const Client& client, microseconds took, const Context& context) {
    const auto header = wire::read_header(message);
    if (!header) return;
    const conf::QuerySelection& only = context.rules.log_only;
    const unsigned code = rcode_of(answer.reason, message);
    const bool failed = code != rcode::noerror && code != rcode::nxdomain;
    const bool slow = only.slow_ms != 0 && took >= milliseconds(only.slow_ms);
    if (!(only.errors && failed) && !slow && !(only.one_in != 0 && is_sample(only.one_in, header->id, client, context.counters))) return;
    constexpr unsigned values_max = 4;
    wire::Reader reader(message);
    reader.skip(wire::header_size);
    std::string asked = "query without a question";
    if (header->qdcount == 1) {
        const wire::Name name = reader.name();
        const std::uint16_t type = reader.u16();
        reader.skip(2);
        asked = "query[" + type_word(type) + "] " + name.text();
    }
    std::string values;
    for (unsigned i = 0; i < header->ancount; ++i) {
        const auto record = wire::read_record(reader);
        if (!record) break;
        if (i == values_max) values += ", and " + std::to_string(header->ancount - values_max) + " more";
        if (i >= values_max) break;
        values += (i ? ", " : ": ") + value_of(*record, message);
    }
    const std::string result = code == rcode::noerror ? "NOERROR" : code == rcode::nxdomain ? "NXDOMAIN" : failure_word(code);
    context.actions.emplace_back(QueryLog{
        prefix(client) + asked + " from " + client.peer.address.text() + " is " + result + " by " + std::string(word_of(answer.source)) +
        (took.count() > 0 ? " in " + in_milliseconds(took) : std::string(" at once")) + values + cause_of(answer.reason, code)});
}

void log_query(const wire::Question& question, const Client& client, Actions& actions) {
    actions.emplace_back(QueryLog{prefix(client) + "query[" + type_word(question.type) + "] " + question.name.text() + " from " +
                                  client.peer.address.text()});
}

void log_forwarded(const wire::Name& name, const Endpoint& upstream, const Client& client, Actions& actions) {
    actions.emplace_back(
        QueryLog{prefix(client) + "forwarded " + name.text() + " to " + (upstream.port == 53 ? upstream.address.text() : upstream.text())});
}

void log_answer(const Answer& answer, wire::Bytes message, const Client& client, const rules::Rules& rules, Actions& actions) {
    const auto header = wire::read_header(message);
    if (!header) return;
    const metrics::CauseRow* row = metrics::row_of(answer.reason.cause);
    std::string_view verb = verb_of(answer.source);
    if (row && !row->verb.empty() && answer.source != Source::leader) verb = row->verb;
    const unsigned code = rcode_of(answer.reason, message);
    const std::string start = prefix(client), cause = cause_of(answer.reason, code);
    const auto add = [&](std::string_view what, const std::string& of, const std::string& value) {
        actions.emplace_back(QueryLog{start + std::string(what) + ' ' + of + " is " + value});
    };
    if (code != rcode::noerror && code != rcode::nxdomain) return add(verb, "error", failure_word(code) + cause);

    wire::Reader reader(message);
    reader.skip(wire::header_size);
    wire::Name last = reader.name();
    const std::uint16_t type = reader.u16();
    reader.skip(2);
    const auto verb_for = [&](const wire::Record* record) {
        return answer.source == Source::local ? place_of(record, *rules.local) : verb;
    };
    bool found = false;
    for (unsigned i = 0; i < header->ancount && i < lines_max; ++i) {
        const auto record = wire::read_record(reader);
        if (!record) break;
        if (record->type == rrtype::rrsig && type != rrtype::rrsig) continue;
        add(verb_for(&*record), owner_of(record->owner, record->type), value_of(*record, message));
        if (record->type != rrtype::cname || type == rrtype::cname || type == rrtype::any) {
            found = true;
            continue;
        }
        wire::Reader target(message.first(record->rdata_at + record->rdata.size()));
        target.skip(record->rdata_at);
        last = target.name();
    }
    if (!found) add(verb_for(nullptr), owner_of(last, type), absence(code, type));
    // If the verb does not show the cause, the last line ends with it.
    if (row && row->verb.empty()) std::get<QueryLog>(actions.back()).line += cause;
}

}  // namespace lictor::answer
