// TTLs are not compared: they differ between caches. Order is not compared: servers rotate records.
#include "resolver/shadow/compare.hpp"

#include <algorithm>
#include <vector>

#include "conf/values/record_values.hpp"
#include "resolver/rules/text_lines.hpp"

namespace lictor::shadow {
namespace {

struct Digest {
    unsigned code = 0;
    bool cut = false;
    std::vector<std::vector<std::uint8_t>> data;  ///< of the asked type, sorted
    std::string text;                             ///< its addresses as text
};

/// The parts of a reply that are compared. Data of the asked type counts anywhere in ANSWER: servers may write a CNAME chain differently.
std::optional<Digest> digest(wire::Bytes message, std::uint16_t type) {
    const auto header = wire::read_header(message);
    if (!header) return std::nullopt;
    Digest made;
    made.code = header->rcode();
    made.cut = header->tc();
    wire::Reader reader(message);
    reader.skip(wire::header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    for (unsigned i = 0; i < header->ancount; ++i) {
        const auto record = wire::read_record(reader);
        if (!record) return std::nullopt;
        if (record->type != type && type != rrtype::any) continue;
        std::vector<std::uint8_t> data(record->rdata.begin(), record->rdata.end());
        if (type == rrtype::ptr || type == rrtype::cname || type == rrtype::ns) {  // a name, possibly compressed
            wire::Reader target(message.first(record->rdata_at + record->rdata.size()));
            target.skip(record->rdata_at);
            const wire::Name name = target.name().lower();
            data.assign(name.wire().begin(), name.wire().end());
        } else if (type == rrtype::mx || type == rrtype::srv || type == rrtype::soa || type == rrtype::naptr) {
            // One server may compress the names in these types and the other not, so only the fixed part is compared.
            data.resize(std::min<std::size_t>(data.size(), type == rrtype::srv ? 6 : type == rrtype::mx ? 2 : 0));
        }
        if ((record->type == rrtype::a && data.size() == 4) || (record->type == rrtype::aaaa && data.size() == 16)) {
            constexpr std::size_t text_max = 200;
            if (made.text.size() < text_max) made.text += (made.text.empty() ? "" : " ") + Address::from_bytes(data).text();
        }
        made.data.push_back(std::move(data));
    }
    std::sort(made.data.begin(), made.data.end());
    return made;
}

}  // namespace

std::optional<ShadowQuery> shadow_query(std::string_view line) {
    constexpr std::string_view opening = "query[";
    const auto at = line.find(opening);
    if (at == std::string_view::npos) return std::nullopt;
    line.remove_prefix(at + opening.size());
    const auto close = line.find(']');
    if (close > 16) return std::nullopt;
    std::string_view type_word = line.substr(0, close);
    if (type_word.starts_with("type=")) type_word.remove_prefix(5);
    const auto type = conf::record_type(type_word);
    line.remove_prefix(close + 1);
    const auto name_word = rules::take_word(line);
    const auto from = rules::take_word(line);
    if (!type || name_word.empty() || from != "from" || *type == rrtype::axfr || *type == rrtype::ixfr) return std::nullopt;
    const auto name = wire::Name::parse(name_word);
    if (!name) return std::nullopt;
    return ShadowQuery{name->lower(), *type};
}

const char* word(ShadowKind kind) {
    switch (kind) {
        case ShadowKind::same: return "same";
        case ShadowKind::only_we_replied: return "other_silent";
        case ShadowKind::only_other_replied: return "we_silent";
        case ShadowKind::none_replied: return "both_silent";
        case ShadowKind::code: return "code";
        case ShadowKind::type_missing: return "type_missing";
        case ShadowKind::addresses: return "values";
        case ShadowKind::cut: return "cut";
        case ShadowKind::count_: break;
    }
    return "?";
}

ShadowKind compare_replies(std::uint16_t type, std::optional<wire::Bytes> ours, std::optional<wire::Bytes> theirs, std::string& why) {
    const auto mine = ours ? digest(*ours, type) : std::nullopt, other = theirs ? digest(*theirs, type) : std::nullopt;
    if (!mine && !other) return ShadowKind::none_replied;
    if (!mine || !other) {
        why = mine ? "no reply from the other server" : "no reply from lictor";
        return mine ? ShadowKind::only_we_replied : ShadowKind::only_other_replied;
    }
    if (mine->code != other->code) {
        why = "response code: lictor " + std::to_string(mine->code) + ", other " + std::to_string(other->code);
        return ShadowKind::code;
    }
    if (mine->cut || other->cut) return mine->data == other->data ? ShadowKind::same : ShadowKind::cut;
    if (mine->data == other->data) return ShadowKind::same;
    const auto text_of = [](const Digest& digest) { return digest.data.empty() ? "no data" : digest.text.empty() ? "data" : digest.text; };
    why = "lictor " + text_of(*mine) + ", other " + text_of(*other);
    return mine->data.empty() != other->data.empty() ? ShadowKind::type_missing : ShadowKind::addresses;
}

void ShadowReport::add(const ShadowQuery& query, ShadowKind kind, std::string why, std::int64_t unix_seconds) {
    ++kinds[static_cast<std::size_t>(kind)];
    if (kind == ShadowKind::same || kind == ShadowKind::none_replied) return;
    examples.push_back({unix_seconds, query, kind, std::move(why)});
    if (examples.size() > examples_max) examples.pop_front();
}

std::uint64_t ShadowReport::compared() const {
    std::uint64_t sum = 0;
    for (const auto count : kinds) sum += count;
    return sum;
}

}  // namespace lictor::shadow
