// The CNAME first, then the records of the target's reply, copied as far as they fit.
#include "resolver/local/alias.hpp"

#include "resolver/answer/conclude.hpp"
#include "resolver/rules/local_data.hpp"
#include "resolver/wire/record_data.hpp"

namespace lictor::local {

bool copy_record(wire::Writer& writer, wire::Writer::Section section, wire::Bytes message, const wire::Record& record) {
    const auto before = writer.mark();
    if (!writer.begin_record(section, record.owner, record.type, record.klass, record.ttl)) return false;
    if (!wire::copy_record_data(message, record.rdata_at, record.rdata.size(), record.type, writer)) {
        writer.rewind(before);
        return false;
    }
    return writer.end_record();
}

answer::Answer write_alias_reply(const wire::Question& question, const rules::LocalAlias& alias, wire::Bytes target_reply,
                                 const answer::Reason& reason, std::span<std::uint8_t> buffer, std::size_t limit) {
    const auto header = wire::read_header(target_reply);
    wire::Writer writer(buffer);
    writer.begin_reply(question, header ? header->rcode() : rcode::servfail,
                       header_bit::ra | (header && header->aa() ? header_bit::aa : 0u));
    writer.limit(limit);
    writer.reserve(answer::opt_room(question.edns, reason));
    bool cut = !writer.name_record(wire::Writer::Section::answer, question.name, rrtype::cname, alias.ttl, alias.target);
    if (header && question.type != rrtype::cname) {
        wire::Reader reader(target_reply);
        reader.skip(wire::header_size);
        for (unsigned i = 0; i < header->qdcount; ++i) {
            reader.skip_name();
            reader.skip(4);
        }
        const unsigned counts[] = {header->ancount, header->nscount, header->arcount};
        for (unsigned section = 0; section < 3 && !cut; ++section) {
            for (unsigned i = 0; i < counts[section] && !cut; ++i) {
                const auto record = wire::read_record(reader);
                if (!record) break;
                if (record->type == rrtype::opt) continue;
                cut = !copy_record(writer, static_cast<wire::Writer::Section>(section), target_reply, *record);
            }
        }
        if (header->tc()) cut = true;
    } else if (header) {
        writer.set_rcode(rcode::noerror);
    }
    if (cut) writer.set_tc();
    answer::Answer answer = answer::Answer::from(answer::Source::local, writer.finish().size(), reason);
    answer.truncated = cut;
    answer.counted = true;
    return answer;
}

}  // namespace lictor::local
