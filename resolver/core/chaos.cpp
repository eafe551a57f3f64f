// dnsmasq's meaning of each figure: misses are questions forwarded, hits are questions answered here from whatever source, evictions
// are entries that had to go before their time. Nothing is served as an authority, so auth.bind is 0.
#include "resolver/core/chaos.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "resolver/core/stored_reply.hpp"

namespace lictor {
namespace {

constexpr std::size_t text_bytes_max = 255;

using Texts = std::vector<std::string>;

std::uint64_t sum(const Tally& tally, Count WorkerCounters::*field) {
    std::uint64_t total = 0;
    for (const auto* counters : tally.counters) total += (counters->*field).get();
    return total;
}

Texts servers(const Tally& tally) {
    std::vector<UpstreamReport> rows;
    for (const auto& report : tally.upstreams) {
        const auto same = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.endpoint == report.endpoint; });
        if (same == rows.end()) {
            rows.push_back(report);
            continue;
        }
        same->sent += report.sent;
        same->failed += report.failed;
        same->refused += report.refused;
    }
    Texts texts;
    for (const auto& row : rows) texts.push_back(row.endpoint.text() + ' ' + std::to_string(row.sent) + ' ' + std::to_string(row.failed + row.refused));
    return texts;
}

std::optional<Texts> texts_of(std::string_view name, const Rules& rules, const Tally& tally) {
    using W = WorkerCounters;
    const auto number = [](std::uint64_t value) { return Texts{std::to_string(value)}; };
    if (name == "version.bind") return Texts{std::string("lictor-") + LICTOR_VERSION};
    if (name == "authors.bind") return Texts{"lictor's authors"};
    if (name == "copyright.bind") return Texts{"see the LICENSE file of lictor"};
    if (name == "cachesize.bind") return number(rules.cache_entries);
    if (name == "insertions.bind") return number(sum(tally, &W::cache_insertions));
    if (name == "evictions.bind") return number(sum(tally, &W::cache_evictions));
    if (name == "misses.bind") {
        const auto sent = sum(tally, &W::forwarded), again = sum(tally, &W::forward_retries);
        return number(sent > again ? sent - again : 0);
    }
    if (name == "hits.bind")
        return number(sum(tally, &W::answers_cache) + sum(tally, &W::answers_local) + sum(tally, &W::answers_consul) + sum(tally, &W::answers_leader));
    if (name == "auth.bind") return number(0);
    if (name == "servers.bind") return servers(tally);
    return std::nullopt;
}

void put_text(std::vector<std::uint8_t>& out, const std::string& text) {
    const auto size = std::min(text.size(), text_bytes_max);
    out.push_back(static_cast<std::uint8_t>(size));
    out.insert(out.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
}

void put_u16(std::vector<std::uint8_t>& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

std::optional<std::size_t> answer_chaos_together(Bytes message, bool over_tcp, const Rules& rules, const std::function<Tally()>& tally, std::span<std::uint8_t> buffer) {
    constexpr std::uint16_t questions_max = 16;
    constexpr std::uint8_t reply_aa = 0x84, rd = 0x01, ra = 0x80;
    const auto header = read_header(message);
    if (!header || rules.no_ident || header->opcode() != 0 || header->qdcount < 2 || header->qdcount > questions_max) return std::nullopt;
    struct Row {
        std::size_t name_at;
        Texts texts;
    };
    std::vector<Row> rows;
    std::optional<Tally> counted;
    Reader reader(message);
    reader.skip(header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        const auto at = reader.position();
        const Name name = reader.name();
        const auto type = reader.u16(), klass = reader.u16();
        if (!reader.ok() || klass != rrclass::chaos || type != rrtype::txt) return std::nullopt;
        if (!counted) counted = tally();
        auto texts = texts_of(name.lower().text(), rules, *counted);
        if (!texts) return std::nullopt;
        rows.push_back({at, *std::move(texts)});
    }
    std::vector<std::uint8_t> out(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(reader.position()));
    out[2] = static_cast<std::uint8_t>(reply_aa | (out[2] & rd));
    out[3] = ra;
    std::fill(out.begin() + 6, out.begin() + static_cast<std::ptrdiff_t>(header_size), std::uint8_t{0});
    const std::size_t limit = std::min<std::size_t>(buffer.size(), over_tcp ? message_max : 512);
    for (const Row& row : rows) {
        const std::size_t before = out.size();
        put_u16(out, 0xc000u | row.name_at);
        put_u16(out, rrtype::txt);
        put_u16(out, rrclass::chaos);
        out.insert(out.end(), 6, 0);  // TTL and length
        for (const auto& text : row.texts) put_text(out, text);
        const std::size_t length = out.size() - before - 12;
        out[before + 10] = static_cast<std::uint8_t>(length >> 8);
        out[before + 11] = static_cast<std::uint8_t>(length);
        if (row.texts.empty() || out.size() > limit) out.resize(before);
        else ++out[7];
        if (!row.texts.empty() && out.size() == before) out[2] |= 0x02;  // TC: this one found no room
    }
    if (out.size() > limit) return std::nullopt;
    std::copy(out.begin(), out.end(), buffer.begin());
    return out.size();
}

std::optional<std::size_t> answer_chaos(const Question& question, const Rules& rules, const std::function<Tally()>& tally, std::span<std::uint8_t> buffer) {
    if (question.klass != rrclass::chaos) return std::nullopt;
    const bool text_wanted = question.type == rrtype::txt || question.type == rrtype::any;
    std::optional<Texts> texts;
    if (!rules.no_ident && text_wanted) texts = texts_of(question.lower.text(), rules, tally());
    Writer writer(buffer);
    writer.begin_reply(question, texts ? rcode::noerror : rcode::notimp, texts.has_value(), true);
    writer.limit(size_limit(question.edns, question.over_tcp, rules.edns_packet_max));
    if (question.edns.present) writer.reserve(Writer::opt_size);
    if (texts && !texts->empty() && writer.begin_record(Writer::Section::answer, question.name, rrtype::txt, rrclass::chaos, 0)) {
        for (const auto& text : *texts) {
            const auto size = std::min(text.size(), text_bytes_max);
            writer.put_u8(static_cast<std::uint8_t>(size));
            writer.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), size});
        }
        writer.end_record();
    }
    if (writer.full()) writer.set_tc();
    if (question.edns.present) writer.write_opt(static_cast<std::uint16_t>(rules.edns_packet_max), question.edns.dnssec_ok, 0);
    return writer.finish().size();
}

}  // namespace lictor
