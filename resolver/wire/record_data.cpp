// The form of each type's data is a short string, one letter for each field (RFC 1035 §3.3, RFC 3597 §4, and the RFC of each later type).
// One loop reads the fields of a form and writes them; together they must be exactly as long as the data.
#include "resolver/wire/record_data.hpp"

#include <string_view>

namespace lictor::wire {
namespace {

// n  a name, compressed on output (RFC 1035's types)      p  a name that may come compressed, written whole
// w  a name that must come whole, copied byte for byte    1 2 4 x  this number of bytes (x: sixteen)
// s  one character-string                                 S  character-strings to the end, at least one
// +  the rest, at least one byte                          *  the rest, may be empty
std::string_view form_of(std::uint16_t type) {
    switch (type) {
        case rrtype::a: return "4";
        case rrtype::ns:
        case 3:
        case 4:
        case rrtype::cname:
        case 7:
        case 8:
        case 9:
        case rrtype::ptr: return "n";  // MD MF MB MG MR too
        case rrtype::soa: return "nn44444";
        case 11: return "4+";  // WKS
        case 13: return "ss";  // HINFO
        case 14: return "nn";  // MINFO
        case rrtype::mx: return "2n";
        case rrtype::txt:
        case 99: return "S";   // SPF too
        case 17: return "pp";  // RP
        case 18:
        case 21:
        case 36: return "2p";         // AFSDB RT KX
        case 24: return "2114442p+";  // SIG
        case 26: return "2pp";        // PX
        case rrtype::aaaa: return "x";
        case 30: return "p*";  // NXT
        case rrtype::srv: return "222p";
        case rrtype::naptr: return "22sssp";
        case rrtype::dname: return "p";
        case rrtype::ds:
        case 59: return "211+";  // CDS too
        case rrtype::rrsig: return "2114442w+";
        case rrtype::nsec: return "w*";
        case rrtype::dnskey:
        case 60: return "211+";  // CDNSKEY too
        case rrtype::nsec3: return "112ss*";
        case 51: return "112s";  // NSEC3PARAM
        case 44: return "11+";   // SSHFP
        case 52: return "111+";  // TLSA
        case rrtype::svcb:
        case rrtype::https: return "2w*";
        case 256: return "22+";  // URI
        case 257: return "1s*";  // CAA
        default: return "*";
    }
}

/// The bytes of an uncompressed name; a name with a pointer fails the reader.
Bytes whole_name(Reader& reader) {
    const std::size_t start = reader.position();
    const Name name = reader.name();
    if (!reader.ok() || reader.position() - start != name.size()) {
        reader.skip(message_max + 1);  // fails the reader
        return {};
    }
    return reader.message().subspan(start, name.size());
}

void put(Writer& writer, Bytes bytes) {
    if (!bytes.empty()) writer.put_bytes(bytes);
}

void copy_string(Reader& reader, Writer& writer) {
    const std::uint8_t length = reader.u8();
    const Bytes text = reader.take(length);
    writer.put_u8(length);
    put(writer, text);
}

void copy_field(char field, Reader& reader, Writer& writer) {
    switch (field) {
        case '1': return put(writer, reader.take(1));
        case '2': return put(writer, reader.take(2));
        case '4': return put(writer, reader.take(4));
        case 'x': return put(writer, reader.take(16));
        case 'n': return writer.put_name(reader.name(), Writer::Form::compressed);
        case 'p': return writer.put_name(reader.name(), Writer::Form::whole);
        case 'w': return put(writer, whole_name(reader));
        case 's': return copy_string(reader, writer);
        case 'S':
            do copy_string(reader, writer);
            while (reader.left() > 0);
            return;
        case '+':
            if (reader.left() == 0) reader.skip(1);  // fails the reader
            return put(writer, reader.take(reader.left()));
        default: return put(writer, reader.take(reader.left()));
    }
}

}  // namespace

bool copy_record_data(Bytes message, std::size_t at, std::size_t size, std::uint16_t type, Writer& writer) {
    Reader reader(message.first(at + size));  // cut at the record's end
    reader.skip(at);
    for (const char field : form_of(type)) {
        copy_field(field, reader, writer);
        if (!reader.ok()) return false;
    }
    return reader.left() == 0;
}

}  // namespace lictor::wire
