// One line for each thing dnsmasq would have said.
#include "resolver/core/query_log.hpp"

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

}  // namespace

void log_query(const Question& question, const Client& client, Actions& actions) {
    actions.emplace_back(QueryLog{prefix(client) + "query[" + type_word(question.type) + "] " + question.name.text() + " from " + client.peer.address.text()});
}

void log_forwarded(const Name& name, const Endpoint& upstream, const Client& client, Actions& actions) {
    actions.emplace_back(QueryLog{prefix(client) + "forwarded " + name.text() + " to " + (upstream.port == 53 ? upstream.address.text() : upstream.text())});
}

void log_message(std::string_view verb, Bytes message, const Client& client, Actions& actions) {
    const auto header = read_header(message);
    if (!header) return;
    Reader reader(message);
    reader.skip(header_size);
    const Name name = reader.name();
    const std::uint16_t type = reader.u16();
    reader.skip(2);
    const std::string start = prefix(client) + std::string(verb) + ' ';
    if (header->rcode() == rcode::notimp) {
        actions.emplace_back(QueryLog{start + name.text() + " is not " "implemented"});
        return;
    }
    if (header->rcode() != rcode::noerror && header->rcode() != rcode::nxdomain) {
        actions.emplace_back(QueryLog{start + "error is " + rcode_text(header->rcode())});
        return;
    }
    bool found = false;
    Name last = name;
    for (unsigned i = 0; i < header->ancount && i < lines_max; ++i) {
        const auto record = read_record(reader);
        if (!record) break;
        if (record->type == rrtype::rrsig && type != rrtype::rrsig) continue;
        actions.emplace_back(QueryLog{start + owner_of(record->owner, record->type) + " is " + value_of(*record, message)});
        if (record->type != rrtype::cname || type == rrtype::cname || type == rrtype::any) {
            found = true;
            continue;
        }
        Reader target(message.first(record->rdata_at + record->rdata.size()));
        target.skip(record->rdata_at);
        last = target.name();
    }
    if (!found) actions.emplace_back(QueryLog{start + owner_of(last, type) + " is " + absence(header->rcode(), type)});
}

}  // namespace lictor
