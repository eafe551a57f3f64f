// TTLs are left out: two caches never agree on them. Order is left out: it turns by design.
#include "resolver/core/shadow.hpp"

#include <algorithm>
#include <vector>

#include "conf/record_values.hpp"
#include "resolver/core/text_lines.hpp"

namespace lictor {
namespace {

struct Digest {
    unsigned code = 0;
    bool cut = false;
    std::vector<std::vector<std::uint8_t>> data;   ///< of the asked type, sorted
    std::string text;                              ///< addresses of it, for people
};

/// Data of the asked type anywhere in the answer: a chain of aliases may be told in different words.
std::optional<Digest> digest(Bytes message, std::uint16_t type) {
    const auto header = read_header(message);
    if (!header) return std::nullopt;
    Digest made;
    made.code = header->rcode();
    made.cut = header->tc();
    Reader reader(message);
    reader.skip(header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        reader.skip_name();
        reader.skip(4);
    }
    for (unsigned i = 0; i < header->ancount; ++i) {
        const auto record = read_record(reader);
        if (!record) return std::nullopt;
        if (record->type != type && type != rrtype::any) continue;
        std::vector<std::uint8_t> data(record->rdata.begin(), record->rdata.end());
        if (type == rrtype::ptr || type == rrtype::cname || type == rrtype::ns) {  // a name, perhaps compressed
            Reader target(message.first(record->rdata_at + record->rdata.size()));
            target.skip(record->rdata_at);
            const Name name = target.name().lower();
            data.assign(name.wire().begin(), name.wire().end());
        } else if (type == rrtype::mx || type == rrtype::srv || type == rrtype::soa || type == rrtype::naptr) {
            // Names in these may be compressed by one and not by the other: the fixed part is compared.
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

std::optional<ShadowQuestion> shadow_question(std::string_view line) {
    constexpr std::string_view opening = "query[";
    const auto at = line.find(opening);
    if (at == std::string_view::npos) return std::nullopt;
    line.remove_prefix(at + opening.size());
    const auto close = line.find(']');
    if (close == std::string_view::npos || close > 16) return std::nullopt;
    std::string_view type_word = line.substr(0, close);
    if (type_word.starts_with("type=")) type_word.remove_prefix(5);
    const auto type = record_type(type_word);
    line.remove_prefix(close + 1);
    const auto name_word = take_word(line);
    const auto from = take_word(line);
    if (!type || name_word.empty() || from != "from" || *type == rrtype::axfr || *type == rrtype::ixfr) return std::nullopt;
    const auto name = Name::parse(name_word);
    if (!name) return std::nullopt;
    return ShadowQuestion{name->lower(), *type};
}

const char* word(ShadowKind kind) {
    switch (kind) {
        case ShadowKind::same: return "same";
        case ShadowKind::other_silent: return "other_silent";
        case ShadowKind::we_silent: return "we_silent";
        case ShadowKind::both_silent: return "both_silent";
        case ShadowKind::code: return "code";
        case ShadowKind::type_missing: return "type_missing";
        case ShadowKind::addresses: return "values";
        case ShadowKind::cut: return "cut";
        case ShadowKind::count_: break;
    }
    return "?";
}

ShadowKind compare_replies(std::uint16_t type, std::optional<Bytes> ours, std::optional<Bytes> theirs, std::string& why) {
    const auto mine = ours ? digest(*ours, type) : std::nullopt, other = theirs ? digest(*theirs, type) : std::nullopt;
    if (!mine && !other) return ShadowKind::both_silent;
    if (!other) return why = "it says nothing", ShadowKind::other_silent;
    if (!mine) return why = "we say nothing", ShadowKind::we_silent;
    if (mine->code != other->code) {
        why = "we " + std::to_string(mine->code) + ", it " + std::to_string(other->code) + " (response codes)";
        return ShadowKind::code;
    }
    if (mine->cut || other->cut) return mine->data == other->data ? ShadowKind::same : ShadowKind::cut;
    if (mine->data.empty() != other->data.empty()) {
        why = mine->data.empty() ? "we have no data" + (other->text.empty() ? "" : ", it " + other->text) : "it has no data" + (mine->text.empty() ? "" : ", we " + mine->text);
        return ShadowKind::type_missing;
    }
    if (mine->data == other->data) return ShadowKind::same;
    why = mine->text.empty() ? "other values" : "we " + mine->text + ", it " + other->text;
    return ShadowKind::addresses;
}

void ShadowReport::add(const ShadowQuestion& question, ShadowKind kind, std::string why, std::int64_t unix_seconds) {
    ++kinds[static_cast<std::size_t>(kind)];
    if (kind == ShadowKind::same || kind == ShadowKind::both_silent) return;
    examples.push_back({unix_seconds, question, kind, std::move(why)});
    if (examples.size() > examples_max) examples.pop_front();
}

std::uint64_t ShadowReport::compared() const {
    std::uint64_t sum = 0;
    for (const auto count : kinds) sum += count;
    return sum;
}

}  // namespace lictor
