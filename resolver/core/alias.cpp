// The CNAME first, then the records of the target's reply, copied as far as they fit.
#include "resolver/core/alias.hpp"

#include "resolver/core/record_data.hpp"

namespace lictor {

bool copy_record(Writer& writer, Writer::Section section, Bytes message, const Record& record) {
    const auto before = writer.mark();
    if (!writer.begin_record(section, record.owner, record.type, record.klass, record.ttl)) return false;
    if (!copy_record_data(message, record.rdata_at, record.rdata.size(), record.type, writer)) {
        writer.rewind(before);
        return false;
    }
    return writer.end_record();
}

std::size_t write_alias_reply(const Question& question, const Name& target, std::uint32_t ttl, Bytes target_reply, std::span<std::uint8_t> buffer,
                              std::size_t limit, std::uint16_t udp_size) {
    const auto header = read_header(target_reply);
    Writer writer(buffer);
    writer.begin_reply(question, header ? header->rcode() : rcode::servfail, header && header->aa(), true);
    writer.limit(limit);
    if (question.edns.present) writer.reserve(Writer::opt_size);
    bool cut = !writer.name_record(Writer::Section::answer, question.name, rrtype::cname, ttl, target);
    if (header && question.type != rrtype::cname) {
        Reader reader(target_reply);
        reader.skip(header_size);
        for (unsigned i = 0; i < header->qdcount; ++i) {
            reader.skip_name();
            reader.skip(4);
        }
        const unsigned counts[] = {header->ancount, header->nscount, header->arcount};
        for (unsigned section = 0; section < 3 && !cut; ++section) {
            for (unsigned i = 0; i < counts[section] && !cut; ++i) {
                const auto record = read_record(reader);
                if (!record) break;
                if (record->type == rrtype::opt) continue;
                cut = !copy_record(writer, static_cast<Writer::Section>(section), target_reply, *record);
            }
        }
        if (header->tc()) cut = true;
    } else if (header) {
        writer.set_rcode(rcode::noerror);
    }
    if (cut) writer.set_tc();
    if (question.edns.present) writer.write_opt(udp_size, question.edns.dnssec_ok, header ? header->rcode() : rcode::servfail);
    return writer.finish().size();
}

}  // namespace lictor
