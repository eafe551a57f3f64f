// Names in the data may be compressed, so it is read within its message.
#include "resolver/documents/record_text.hpp"

#include <array>

#include "resolver/wire/type_text.hpp"

namespace lictor::documents {
namespace {

constexpr std::size_t hex_bytes_max = 64;

std::string quoted(wire::Bytes bytes) {
    std::string out = "\"";
    for (const std::uint8_t byte : bytes) {
        if (byte == '"' || byte == '\\') out += '\\';
        if (byte >= 0x20 && byte < 0x7f) out += static_cast<char>(byte);
        else
            out += '\\' + std::string(1, static_cast<char>('0' + byte / 100)) + static_cast<char>('0' + byte / 10 % 10) +
                   static_cast<char>('0' + byte % 10);
    }
    return out + '"';
}

std::string unknown(wire::Bytes data) {
    std::string out = "\\# " + std::to_string(data.size()) + ' ';
    for (std::size_t i = 0; i < data.size() && i < hex_bytes_max; ++i) {
        out += "0123456789abcdef"[data[i] >> 4];
        out += "0123456789abcdef"[data[i] & 15];
    }
    return out + (data.size() > hex_bytes_max ? "…" : "");
}

std::string data_of(const wire::Record& record, wire::Bytes message) {
    wire::Reader data(message.first(record.rdata_at + record.rdata.size()));
    data.skip(record.rdata_at);
    std::string out;
    const auto number = [&](std::uint32_t value) { out += std::to_string(value) + ' '; };
    switch (record.type) {
        case rrtype::a:
        case rrtype::aaaa:
            if (record.rdata.size() != (record.type == rrtype::a ? 4u : 16u)) return unknown(record.rdata);
            return Address::from_bytes(record.rdata).text();
        case rrtype::cname:
        case rrtype::ns:
        case rrtype::ptr:
        case rrtype::dname: out = data.name().text(); break;
        case rrtype::mx:
            number(data.u16());
            out += data.name().text();
            break;
        case rrtype::srv:
            for (int i = 0; i < 3; ++i) number(data.u16());
            out += data.name().text();
            break;
        case rrtype::soa:
            out = data.name().text() + ' ';
            out += data.name().text() + ' ';
            for (int i = 0; i < 5; ++i) number(data.u32());
            out.pop_back();
            break;
        case rrtype::txt:
            while (data.ok() && data.left() > 0) out += (out.empty() ? "" : " ") + quoted(data.take(data.u8()));
            break;
        default: return unknown(record.rdata);
    }
    return data.ok() ? out : unknown(record.rdata);
}

}  // namespace

std::vector<RecordText> record_texts(wire::Bytes message, std::size_t most, std::size_t& total) {
    std::vector<RecordText> out;
    const auto header = wire::read_header(message);
    total = 0;
    if (!header) return out;
    wire::Reader reader(message);
    reader.skip(wire::header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    const std::array<std::pair<const char*, unsigned>, 3> sections = {
        {{"answer", header->ancount}, {"authority", header->nscount}, {"additional", header->arcount}}};
    for (const auto& [section, count] : sections) {
        for (unsigned i = 0; i < count; ++i) {
            const auto record = wire::read_record(reader);
            if (!record) return out;
            if (record->type == rrtype::opt) continue;
            ++total;
            if (out.size() < most)
                out.push_back({section, record->owner.text(), wire::type_text(record->type), data_of(*record, message), record->ttl});
        }
    }
    return out;
}

std::string rcode_text(unsigned code) {
    static constexpr std::array names = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    if (code < names.size()) return names[code];
    if (code == rcode::badvers) return "BADVERS";
    return code == rcode::badcookie ? "BADCOOKIE" : "RCODE" + std::to_string(code);
}

}  // namespace lictor::documents
