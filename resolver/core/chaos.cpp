// dnsmasq's meaning of each figure: misses are questions forwarded, hits are questions answered here from whatever source, evictions
// are entries that had to go before their time. Nothing is served as an authority, so auth.bind is 0.
#include "resolver/core/chaos.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

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

}  // namespace

std::optional<std::size_t> answer_chaos(const Question& question, const Rules& rules, const std::function<Tally()>& tally, std::span<std::uint8_t> buffer) {
    if (question.klass != rrclass::chaos) return std::nullopt;
    const bool text_wanted = question.type == rrtype::txt || question.type == rrtype::any;
    std::optional<Texts> texts;
    if (!rules.no_ident && text_wanted) texts = texts_of(question.lower.text(), rules, tally());
    Writer writer(buffer);
    writer.begin_reply(question, texts ? rcode::noerror : rcode::notimp, texts.has_value(), true);
    writer.limit(question.over_tcp ? message_max : std::clamp<std::size_t>(question.edns.present ? question.edns.udp_size : 512, 512, std::max<std::size_t>(512, rules.edns_packet_max)));
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
