// Counts the answer, makes its log line and writes the OPT record.
#include "resolver/answer/conclude.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "conf/metrics/cause_rows.hpp"
#include "resolver/answer/query_log.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::answer {
namespace {

using Counters = metrics::WorkerCounters;

/// EXTRA-TEXT in a fixed buffer, in printable ASCII, cut at its end.
class Text {
public:
    explicit Text(const Reason& reason) {
        const metrics::CauseRow* row = metrics::row_of(reason.cause);
        std::string_view rest = row ? row->text : std::string_view{};
        while (!rest.empty()) {
            const std::size_t open = std::min(rest.find('{'), rest.size());
            put(rest.substr(0, open));
            rest.remove_prefix(open);
            if (rest.empty()) break;
            if (rest.starts_with("{name}")) put(reason.name);
            if (rest.starts_with("{state}")) put(reason.state);
            if (rest.starts_with("{seconds}")) put_number(reason.seconds);
            rest.remove_prefix(rest.find('}') + 1);
        }
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    void put(std::string_view part) {
        part = part.substr(0, bytes_.size() - size_);
        for (const char c : part) bytes_[size_++] = c >= 0x20 && c < 0x7f ? c : '?';  // names from Consul may hold any byte
    }
    void put_number(std::uint32_t number) {
        std::array<char, 10> digits;
        put({digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr});
    }

    std::array<char, 200> bytes_;
    std::size_t size_ = 0;
};

metrics::Count& count_of(Counters& counters, Source source) {
    switch (source) {
        case Source::consul: return counters.answers_consul;
        case Source::leader: return counters.answers_leader;
        case Source::local: return counters.answers_local;
        case Source::cache: return counters.answers_cache;
        case Source::upstream: return counters.answers_upstream;
        case Source::agent_dns: return counters.answers_agent_dns;
        case Source::error: break;
    }
    return counters.answers_error;
}

metrics::Count& count_of(Counters& counters, unsigned code) {
    switch (code) {
        case rcode::noerror: return counters.rcode_noerror;
        case rcode::nxdomain: return counters.rcode_nxdomain;
        case rcode::servfail: return counters.rcode_servfail;
        case rcode::refused: return counters.rcode_refused;
        case rcode::formerr: return counters.rcode_formerr;
        default: return counters.rcode_other;
    }
}

void put_opt(Answer& answer, const To& to, std::span<std::uint8_t> buffer, const rules::Rules& rules) {
    const bool agents = answer.opt == Opt::agents;
    // The agent sends at least one answer, even if that exceeds the client's size.
    const std::size_t limit = agents ? buffer.size() : wire::size_limit(to.edns, to.over_tcp, rules.edns_packet_max);
    wire::Opt opt;
    opt.udp_size = agents ? to.edns.udp_size : static_cast<std::uint16_t>(rules.edns_packet_max);
    opt.dnssec_ok = answer.opt == Opt::own && to.edns.dnssec_ok;
    opt.rcode = rcode_of(answer.reason, buffer);
    if (!agents) opt.cookie = to.edns.cookie_option();
    if (answer.opt != Opt::own) opt.subnet = to.edns.subnet_option();
    if (agents || answer.reason.cause == Cause::none) {
        answer.size = wire::write_opt(buffer, answer.size, limit, opt);
        return;
    }
    const Text text(answer.reason);
    opt.extended_error = extended_error_of(answer.reason, opt.rcode);
    opt.text = text.view();  // not sent without an extended error
    answer.size = wire::write_opt(buffer, answer.size, limit, opt);
}

}  // namespace

Answer Answer::failed(const wire::Question& question, Reason reason, std::span<std::uint8_t> buffer) {
    const unsigned code = metrics::row_of(reason.cause)->rcode.value_or(rcode::servfail);
    return from(Source::error, wire::write_error(question, code, buffer).size(), reason);
}

bool Answer::is_of_query() const {
    return kind == Kind::later || (answered() && reason.cause != Cause::malformed && reason.cause != Cause::opcode);
}

metrics::Histogram& response_of(Counters& counters, Source source) {
    switch (source) {
        case Source::consul: return counters.response_consul;
        case Source::leader: return counters.response_leader;
        case Source::local: return counters.response_local;
        case Source::cache: return counters.response_cache;
        case Source::upstream: return counters.response_upstream;
        case Source::agent_dns: return counters.response_agent_dns;
        case Source::error: break;
    }
    return counters.response_error;
}

unsigned rcode_of(const Reason& reason, wire::Bytes message) {
    const metrics::CauseRow* row = metrics::row_of(reason.cause);
    return row && row->rcode && *row->rcode > 15 ? *row->rcode : wire::rcode_of(message);
}

std::optional<std::uint16_t> extended_error_of(const Reason& reason, unsigned code) {
    const metrics::CauseRow* row = metrics::row_of(reason.cause);
    if (!row) return std::nullopt;
    if (reason.extended_error) return reason.extended_error;
    // RFC 8914 §4.20
    return row->extended_error == ede::stale_answer && code == rcode::nxdomain ? ede::stale_nxdomain : row->extended_error;
}

std::size_t opt_room(const wire::Edns& edns, const Reason& reason) {
    if (!edns.present) return 0;
    const std::size_t cookie = edns.cookie_size == 0 ? 0u : wire::option_head + edns.cookie_size;
    return (reason.cause == Cause::none ? wire::opt_size : wire::opt_ede_size) + cookie;
}

std::string text_of(const Reason& reason) { return std::string(Text(reason).view()); }

void conclude(Answer& answer, const To& to, std::span<std::uint8_t> buffer, const Context& context) {
    if (!answer.counted) {
        count_of(context.counters, answer.source).add();
        if (const metrics::CauseRow* row = metrics::row_of(answer.reason.cause)) {
            (context.counters.*row->total).add();
            if (row->further_total) (context.counters.*row->further_total).add();
        }
        if (to.logged && context.rules.log_queries)
            log_answer(answer, wire::Bytes(buffer).first(answer.size), to.client, context.rules, context.actions);
    }
    if (to.client.listen_socket == alias_socket) return;
    if (answer.truncated) context.counters.answers_truncated.add();
    count_of(context.counters, rcode_of(answer.reason, buffer)).add();
    const microseconds took = to.client.arrived != Now{} ? context.now - to.client.arrived : microseconds{0};
    if (context.rules.log_only.any()) log_selected(answer, wire::Bytes(buffer).first(answer.size), to.client, took, context);
    if (to.client.arrived != Now{}) response_of(context.counters, answer.source).add(took);
    if (to.edns.present && answer.opt != Opt::none) put_opt(answer, to, buffer, context.rules);
}

}  // namespace lictor::answer
