// The SOA is in ANSWER, because PgBouncer reads no other section. AUTHORITY of negative answers for names below is the upstream's,
// unchanged.
#include "resolver/zone/alias_zone.hpp"

#include "resolver/answer/conclude.hpp"
#include "resolver/view/soa_zones.hpp"
#include "resolver/wire/stored_reply.hpp"
#include "resolver/zone/reply.hpp"

namespace lictor::zone {

std::optional<answer::Answer> answer_alias_zone(const wire::Question& question, const view::View& view, Moment at,
                                                std::span<std::uint8_t> buffer, std::uint32_t udp_max, answer::Witness* witness) {
    if (!view.soa_zones || question.type != rrtype::soa || question.klass != rrclass::in) return std::nullopt;
    const auto found = view.soa_zones->by_name.find(question.lower);
    if (found == view.soa_zones->by_name.end()) return std::nullopt;
    answer::note(witness, answer::Rule::leader_soa, found->first);
    if (!witness)
        for (const auto& usage : found->second.usages) usage->touch(at.now.count() / 1'000'000);

    const catalog::ConsulSettings& settings = *view.catalog->settings;
    const SoaData soa(wire::Name::parse(settings.domains.front()).value_or(wire::Name{}), found->second.serial, settings);
    wire::Writer writer(buffer);
    writer.begin_reply(question, rcode::noerror, header_bit::aa | header_bit::ra);
    writer.limit(wire::size_limit(question.edns, question.over_tcp, udp_max));
    writer.reserve(answer::opt_room(question.edns, {}));
    if (writer.begin_record(wire::Writer::Section::answer, question.name, rrtype::soa, rrclass::in, 0)) {
        soa.put(writer);
        writer.end_record();
    }
    if (writer.full()) writer.set_tc();
    answer::Answer answer = answer::Answer::from(answer::Source::leader, writer.finish().size());
    answer.truncated = writer.full();
    return answer;
}

}  // namespace lictor::zone
