// Makes the lines that USR1 logs: dnsmasq's lines for the figures that dnsmasq has, so that programs can parse them, then lines for Consul
// and the leaders. Each entry is one line, whatever bytes the names contain.
#include <algorithm>
#include <cstdio>

#include "conf/base/printable.hpp"
#include "conf/metrics/metrics_rows.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"
#include "resolver/rules/rules.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::documents {
namespace {

constexpr std::size_t lines_of_kind_max = 100;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string safe(std::string_view text) { return printable(text, text_shown_max); }

std::string whole_seconds(double value) { return std::to_string(static_cast<std::int64_t>(std::max(0.0, value))); }

/// One line per item, 100 at most, then the number of further ones.
template <class Range, class Line>
void add_lines(std::vector<std::string>& lines, const Range& range, const char* what, Line line) {
    std::size_t count = 0;
    for (const auto& item : range)
        if (count++ < lines_of_kind_max) lines.push_back(line(item));
    if (count > lines_of_kind_max) lines.push_back(number(count - lines_of_kind_max) + " further " + what);
}

std::string server_line(const forward::UpstreamReport& report) {
    return "server " + report.endpoint.text() + ": queries sent " + number(report.sent) + ", retried " + number(report.timeouts) +
           ", failed " + number(report.failed + report.refused) + ", nxdomain replies " + number(report.nxdomain) + ", avg. latency " +
           number(static_cast<std::uint64_t>(report.rtt.count() / 1000)) + "ms" + (report.down ? ", not in use" : "");
}

std::string consul_line(const Status& status) {
    if (!status.consul_on) return "consul: off";
    if (status.consul_address.empty()) return "consul: no request sent yet";
    const auto& catalog = catalog_of(status);
    const double now_unix = static_cast<double>(status.started_unix) + status.uptime_seconds;
    std::string line = "consul " + safe(status.consul_address) + ": " +
                       (catalog.contact_lost && status.consul_last_contact_unix > 0 ? "contact lost"
                        : catalog.contact_lost                                      ? "no contact since the start"
                        : catalog.reachable                                         ? "in contact"
                                                                                    : "not reached");
    if (status.consul_last_contact_unix > 0)
        line += ", last contact " + whole_seconds(now_unix - static_cast<double>(status.consul_last_contact_unix)) + "s ago";
    line += ", watches " + number(status.watches.size());
    if (status.control)
        line += ", requests " + number(status.control->consul_requests.get()) + ", errors " + number(status.control->consul_errors.get()) +
                ", changes " + number(status.control->consul_changes.get());
    return line;
}

std::string leader_line(const Status& status, const catalog::LeaderEntry& entry) {
    std::string line = "leader " + safe(entry.scope) + ": " + leader::word(entry.state);
    if (entry.state == catalog::LeaderState::led) {
        line += " by " + safe(entry.member) + " at " + safe(entry.host.text) + ':' + number(entry.port);
        if (entry.timeline) line += ", timeline " + number(*entry.timeline);
    }
    return line + ", " + leader::word(entry.reason) + ", for " + whole_seconds(leader_age_seconds(status, entry)) + "s";
}

}  // namespace

std::vector<std::string> statistics_lines(const Status& status) {
    const auto sum = [&](metrics::Count metrics::WorkerCounters::*field) { return total(status, field); };
    using W = metrics::WorkerCounters;
    std::vector<std::string> lines;
    lines.push_back("time " + number(static_cast<std::uint64_t>(static_cast<double>(status.started_unix) + status.uptime_seconds)));
    lines.push_back("cache size " + number(rules_of(status).cache_size) + ", " + number(sum(&W::cache_evictions)) + "/" +
                    number(sum(&W::cache_insertions)) + " cache insertions re-used unexpired cache entries.");
    const auto sent = sum(&W::forwarded), again = sum(&W::forward_retries);
    lines.push_back("queries forwarded " + number(sent > again ? sent - again : 0) + ", queries answered locally " +
                    number(sum(&W::answers_cache) + sum(&W::answers_local) + sum(&W::answers_consul) + sum(&W::answers_leader)));
    if (rules_of(status).use_stale_cache) lines.push_back("queries answered from stale cache " + number(sum(&W::cache_stale)));
    // lictor has no authoritative zones and forks for no TCP query; the lines stay for programs that parse dnsmasq's log.
    lines.push_back("queries for authoritative zones 0");
    // lictor does not validate DNSSEC; the same holds.
    for (const auto* what : {"subqueries", "crypto work"}) lines.push_back(std::string("DNSSEC per-query ") + what + " HWM 0");
    lines.push_back("DNSSEC per-RRSet signature fails HWM 0");
    lines.push_back("pool memory in use " + number(sum(&W::cache_bytes)) + ", max " +
                    number(rules_of(status).cache_bytes * std::max<std::size_t>(1, status.workers.size())) + ", allocated " +
                    number(sum(&W::cache_bytes)));
    lines.push_back("child processes for TCP requests: in use 0, highest since last SIGUSR1 0, max allowed 0.");
    if (const auto stale = sum(&W::answers_stale)) lines.push_back("queries answered from stale facts " + number(stale));
    lines.push_back("queries received udp " + number(sum(&W::queries_udp)) + ", tcp " + number(sum(&W::queries_tcp)) +
                    "; answered from consul " + number(sum(&W::answers_consul)) + ", leader " + number(sum(&W::answers_leader)) +
                    ", local data " + number(sum(&W::answers_local)) + ", cache " + number(sum(&W::answers_cache)) + ", upstream " +
                    number(sum(&W::answers_upstream)) + ", agent's DNS " + number(sum(&W::answers_agent_dns)) + ", error " +
                    number(sum(&W::answers_error)));
    lines.push_back("queries in flight " + number(sum(&W::forward_pending)) + ", waiting " + number(sum(&W::waiting)) +
                    ", TCP connections " + number(sum(&W::tcp_open)) + ", resident memory " + number(status.process.resident_bytes / 1024) +
                    "kB");
    add_lines(lines, status.upstreams, "servers", server_line);
    lines.push_back(consul_line(status));
    add_lines(lines, leaders_in_order(catalog_of(status)), "leaders",
              [&](const catalog::LeaderEntry* entry) { return leader_line(status, *entry); });
    return lines;
}

}  // namespace lictor::documents
