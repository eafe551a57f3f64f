// Each figure has dnsmasq's meaning: misses are queries forwarded, hits are queries answered from the cache, local data or Consul,
// evictions are cache entries removed before they expired. lictor has no authoritative zones, so auth.bind is 0.
#include "resolver/core/chaos.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "conf/metrics/metrics.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::core {
namespace {

constexpr std::size_t text_bytes_max = 255;

using Texts = std::vector<std::string>;

std::uint64_t sum(const Totals& totals, metrics::Count metrics::WorkerCounters::*field) {
    std::uint64_t total = 0;
    for (const auto* counters : totals.counters) total += (counters->*field).get();
    return total;
}

Texts servers(const Totals& totals) {
    std::vector<forward::UpstreamReport> rows;
    for (const auto& report : totals.upstreams) {
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
    for (const auto& row : rows)
        texts.push_back(row.endpoint.text() + ' ' + std::to_string(row.sent) + ' ' + std::to_string(row.failed + row.refused));
    return texts;
}

std::optional<Texts> texts_of(std::string_view name, const rules::Rules& rules, const Totals& totals) {
    using W = metrics::WorkerCounters;
    const auto number = [](std::uint64_t value) { return Texts{std::to_string(value)}; };
    if (name == "version.bind") return Texts{std::string("lictor-") + LICTOR_VERSION};
    if (name == "authors.bind") return Texts{"lictor's authors"};
    if (name == "copyright.bind") return Texts{"see the LICENSE file of lictor"};
    if (name == "cachesize.bind") return number(rules.cache_size);
    if (name == "insertions.bind") return number(sum(totals, &W::cache_insertions));
    if (name == "evictions.bind") return number(sum(totals, &W::cache_evictions));
    if (name == "misses.bind") {
        const auto sent = sum(totals, &W::forwarded), again = sum(totals, &W::forward_retries);
        return number(sent > again ? sent - again : 0);
    }
    if (name == "hits.bind")
        return number(sum(totals, &W::answers_cache) + sum(totals, &W::answers_local) + sum(totals, &W::answers_consul) +
                      sum(totals, &W::answers_leader));
    if (name == "auth.bind") return number(0);
    if (name == "servers.bind") return servers(totals);
    return std::nullopt;
}

void put_text(std::vector<std::uint8_t>& out, const std::string& text) {
    const auto size = std::min(text.size(), text_bytes_max);
    out.push_back(static_cast<std::uint8_t>(size));
    out.insert(out.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace

std::optional<std::size_t> answer_chaos_together(wire::Bytes message, bool over_tcp, const rules::Rules& rules,
                                                 const std::function<Totals()>& totals, std::span<std::uint8_t> buffer) {
    constexpr std::uint16_t questions_max = 16;
    const auto header = wire::read_header(message);
    if (!header || rules.no_ident || header->opcode() != 0 || header->qdcount < 2 || header->qdcount > questions_max) return std::nullopt;
    struct Row {
        std::size_t name_at;
        Texts texts;
    };
    std::vector<Row> rows;
    std::optional<Totals> counted;
    wire::Reader reader(message);
    reader.skip(wire::header_size);
    for (unsigned i = 0; i < header->qdcount; ++i) {
        const auto at = reader.position();
        const wire::Name name = reader.name();
        const auto type = reader.u16(), klass = reader.u16();
        if (!reader.ok() || klass != rrclass::chaos || type != rrtype::txt) return std::nullopt;
        if (!counted) counted = totals();
        auto texts = texts_of(name.lower().text(), rules, *counted);
        if (!texts) return std::nullopt;
        rows.push_back({at, *std::move(texts)});
    }
    std::vector<std::uint8_t> out(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(reader.position()));
    const unsigned copied = load_u16(out.data() + wire::header_at::bits) & header_bit::rd;
    wire::change_bits(out.data(), header_bit::qr | header_bit::aa | header_bit::ra | copied, 0xffff);
    std::fill(out.begin() + wire::header_at::ancount, out.begin() + static_cast<std::ptrdiff_t>(wire::header_size), std::uint8_t{0});
    const std::size_t limit = std::min<std::size_t>(buffer.size(), over_tcp ? wire::message_max : 512);
    for (const Row& row : rows) {
        const std::size_t before = out.size();
        append_u16(out, wire::pointer_bits | row.name_at);
        append_u16(out, rrtype::txt);
        append_u16(out, rrclass::chaos);
        out.insert(out.end(), 6, 0);  // TTL and length
        for (const auto& text : row.texts) put_text(out, text);
        const std::size_t length = out.size() - before - 12;
        store_u16(out.data() + before + 10, static_cast<std::uint16_t>(length));
        if (row.texts.empty() || out.size() > limit) out.resize(before);
        else ++out[wire::header_at::ancount + 1];
        if (!row.texts.empty() && out.size() == before) wire::change_bits(out.data(), header_bit::tc, 0);
    }
    if (out.size() > limit) return std::nullopt;
    std::copy(out.begin(), out.end(), buffer.begin());
    return out.size();
}

answer::Answer answer_chaos(const wire::Question& question, const rules::Rules& rules, const std::function<Totals()>& totals,
                            std::span<std::uint8_t> buffer) {
    const bool asks_text = question.type == rrtype::txt || question.type == rrtype::any;
    std::optional<Texts> texts;
    if (!rules.no_ident && asks_text) texts = texts_of(question.lower.text(), rules, totals());
    if (!texts) return answer::Answer::failed(question, {answer::Cause::chaos_name}, buffer);
    wire::Writer writer(buffer);
    writer.begin_reply(question, rcode::noerror, header_bit::aa | header_bit::ra);
    writer.limit(wire::size_limit(question.edns, question.over_tcp, rules.edns_packet_max));
    writer.reserve(answer::opt_room(question.edns, {}));
    if (!texts->empty() && writer.begin_record(wire::Writer::Section::answer, question.name, rrtype::txt, rrclass::chaos, 0)) {
        for (const auto& text : *texts) {
            const auto size = std::min(text.size(), text_bytes_max);
            writer.put_u8(static_cast<std::uint8_t>(size));
            writer.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), size});
        }
        writer.end_record();
    }
    if (writer.full()) writer.set_tc();
    return answer::Answer::from(answer::Source::local, writer.finish().size());
}

}  // namespace lictor::core
