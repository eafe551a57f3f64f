// One line for each thing dnsmasq would have said.
#include "resolver/core/query_log.hpp"

#include <array>

#include "resolver/wire/type_text.hpp"

namespace lictor {
namespace {

/// A huge reply must not fill the log.
constexpr unsigned lines_max = 32;

/// dnsmasq's way to write a type: the mnemonic, or `type=65280`.
std::string type_word(std::uint16_t type) {
    auto text = type_text(type);
    return text.starts_with("TYPE") ? "type=" + text.substr(4) : text;
}

std::string prefix(const Client& client) {
    if (client.serial == 0) return {};
    return std::to_string(client.serial) + ' ' + client.peer.address.text() + '/' + std::to_string(client.peer.port) + ' ';
}

std::string value_of(const Record& record, Bytes message) {
    if ((record.type == rrtype::a && record.rdata.size() == 4) || (record.type == rrtype::aaaa && record.rdata.size() == 16))
        return Address::from_bytes(record.rdata).text();
    if (record.type == rrtype::ptr) {
        Reader reader(message.first(record.rdata_at + record.rdata.size()));
        reader.skip(record.rdata_at);
        return reader.name().text();
    }
    return '<' + type_word(record.type) + '>';
}

/// dnsmasq names an address rather than its reverse name in what it says about PTR.
std::string owner_of(const Name& name, std::uint16_t type) {
    if (type == rrtype::ptr)
        if (const auto address = address_of_reverse(name.lower())) return address->text();
    return name.text();
}

std::string absence(unsigned code, std::uint16_t type) {
    if (code == rcode::nxdomain) return "NXDOMAIN";
    if (type == rrtype::a) return "NODATA-IPv4";
    if (type == rrtype::aaaa) return "NODATA-IPv6";
    return "NODATA";
}

/// dnsmasq names three failures and gives the number of the others.
std::string failure_word(unsigned code) {
    if (code == rcode::servfail) return "SERVFAIL";
    if (code == rcode::refused) return "REFUSED";
    // In two pieces: it is a log line, not a note about this code.
    if (code == rcode::notimp) return std::string("not ") + "implemented";
    return std::to_string(code);
}

/// The extended errors of RFC 8914 in dnsmasq's words.
std::string_view reason_word(std::uint16_t code) {
    static constexpr std::array<std::string_view, 30> words = {
        "other", "unsupported DNSKEY algorithm", "unsupported DS digest", "stale answer", "forged", "DNSSEC indeterminate", "DNSSEC bogus",
        "DNSSEC signature expired", "DNSSEC sig not yet valid", "DNSKEY missing", "RRSIG missing", "no zone key bit set", "NSEC(3) missing",
        "cached error", "not ready", "blocked", "censored", "filtered", "prohibited", "stale NXDOMAIN", "not authoritative", "not supported",
        "no reachable authority", "network error", "invalid data", "signature expired before valid", "too early",
        "unsupported NSEC3 iterations value", "unable to conform to policy", "synthesized"};
    return code < words.size() ? words[code] : "unknown";
}

/// A line for each answer record, or one that says that there is none. `verb_of` is given the record, or nothing.
template <class VerbOf>
void log_records(const Header& header, Bytes message, const Client& client, Actions& actions, VerbOf verb_of) {
    Reader reader(message);
    reader.skip(header_size);
    Name last = reader.name();
    const std::uint16_t type = reader.u16();
    reader.skip(2);
    const std::string start = prefix(client);
    const auto add = [&](const Record* record, const std::string& owner, const std::string& what) {
        actions.emplace_back(QueryLog{start + std::string(verb_of(record)) + ' ' + owner + " is " + what});
    };
    bool found = false;
    for (unsigned i = 0; i < header.ancount && i < lines_max; ++i) {
        const auto record = read_record(reader);
        if (!record) break;
        if (record->type == rrtype::rrsig && type != rrtype::rrsig) continue;
        add(&*record, owner_of(record->owner, record->type), value_of(*record, message));
        if (record->type != rrtype::cname || type == rrtype::cname || type == rrtype::any) {
            found = true;
            continue;
        }
        Reader target(message.first(record->rdata_at + record->rdata.size()));
        target.skip(record->rdata_at);
        last = target.name();
    }
    if (!found) add(nullptr, owner_of(last, type), absence(header.rcode(), type));
}

}  // namespace

void log_query(const Question& question, const Client& client, Actions& actions) {
    actions.emplace_back(QueryLog{prefix(client) + "query[" + type_word(question.type) + "] " + question.name.text() + " from " + client.peer.address.text()});
}

void log_forwarded(const Name& name, const Endpoint& upstream, const Client& client, Actions& actions) {
    actions.emplace_back(QueryLog{prefix(client) + "forwarded " + name.text() + " to " + (upstream.port == 53 ? upstream.address.text() : upstream.text())});
}

void log_failure(std::string_view verb, unsigned code, const Client& client, Actions& actions, std::optional<std::uint16_t> extended_error) {
    actions.emplace_back(QueryLog{prefix(client) + std::string(verb) + " error is " + failure_word(code) +
                                  (extended_error ? " (EDE: " + std::string(reason_word(*extended_error)) + ')' : std::string())});
}

void log_message(std::string_view verb, Bytes message, const Client& client, Actions& actions, std::optional<std::uint16_t> extended_error) {
    const auto header = read_header(message);
    if (!header) return;
    if (header->rcode() != rcode::noerror && header->rcode() != rcode::nxdomain)
        return log_failure(verb, header->rcode(), client, actions, extended_error);
    log_records(*header, message, client, actions, [&](const Record*) { return verb; });
}

void log_local(const LocalData& local, Bytes message, const Client& client, Actions& actions) {
    const auto header = read_header(message);
    if (!header) return;
    log_records(*header, message, client, actions, [&](const Record* record) -> std::string_view {
        if (!record || record->type == rrtype::cname) return local.sources.front();
        const Name owner = record->owner.lower();
        if (record->type == rrtype::ptr) {
            const auto found = local.pointers.find(owner);
            return local.sources[found == local.pointers.end() ? 0 : found->second.source];
        }
        const auto found = local.names.find(owner);
        return local.sources[found == local.names.end() || (record->type != rrtype::a && record->type != rrtype::aaaa) ? 0 : found->second.source];
    });
}

}  // namespace lictor
