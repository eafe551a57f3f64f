// Interprets the status, body and header lines of a reply.
#include "watch/polling/http_reply.hpp"

#include "conf/base/address.hpp"
#include "conf/base/ascii.hpp"

namespace lictor::polling {
namespace {

// At a million writes a second, Consul's Raft index needs 285 years for more. A blocking query at such an index would miss every change.
constexpr std::uint64_t index_max = std::uint64_t{1} << 53;

}  // namespace

Refusal refusal_of(int status, std::string_view body) {
    const auto start = body.substr(0, 512);
    const auto has = [start](std::string_view words) { return start.find(words) != std::string_view::npos; };
    if (status < 400 || status == 404) return Refusal::none;
    if (status == 403)
        return has("ermission denied") ? Refusal::permission_denied : has("ACL not found") ? Refusal::unknown_token : Refusal::forbidden;
    if (status == 429 || status == 503) return Refusal::too_many;
    if (status == 500 && has("No path to datacenter")) return Refusal::no_datacenter;
    if (status == 500 && has("leader")) return Refusal::no_leader;
    return Refusal::other;
}

std::string_view remedy_of(const HttpReply& reply) {
    const auto has = [&](std::string_view words) { return reply.error.find(words) != std::string::npos; };
    switch (reply.refusal) {
        case Refusal::unknown_token: return "correct the token in consul-token-file or CONSUL_HTTP_TOKEN";
        case Refusal::permission_denied: return "give the token the missing permission, or name another one in consul-token-file";
        case Refusal::forbidden: return "ask the owner of the proxy at this address, or name Consul's own address in consul-http-addr";
        case Refusal::no_leader:
        case Refusal::no_datacenter: return "check Consul's servers (consul operator raft list-peers)";
        case Refusal::too_many: return "raise the agent's limits (http_max_conns_per_client, rate limits), or lower consul-watch-max";
        case Refusal::none:
        case Refusal::other: break;
    }
    if (reply.status == 400) return "write https:// in consul-http-addr if this port expects TLS";
    if (reply.status != 0) return "name Consul's HTTP API in consul-http-addr (usually port 8500)";
    if (has("SSL") || has("TLS") || has("ertificate"))
        return "correct consul-ca-file, consul-cert-file or consul-key-file; write http:// in consul-http-addr if this port does not use "
               "TLS";
    return "start the Consul agent there, or correct consul-http-addr; without Consul set consul-http-addr= (empty)";
}

void note_header(HttpReply& reply, std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
        const auto address = reply.address;
        reply = {};
        reply.address = address;
        return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "x-consul-index")) {
        if (const auto index = parse_number(value, index_max)) {
            reply.index = *index;
            reply.has_index = true;
        }
    } else if (equal_ignoring_case(name, "x-consul-knownleader")) {
        reply.known_leader = !equal_ignoring_case(value, "false");
    } else if (equal_ignoring_case(name, "x-consul-results-filtered-by-acls")) {
        reply.filtered_by_acl = equal_ignoring_case(value, "true");
    } else if (equal_ignoring_case(name, "x-consul-query-backend")) {
        reply.streaming = equal_ignoring_case(value, "streaming");
    } else if (equal_ignoring_case(name, "retry-after")) {
        reply.retry_after = seconds(static_cast<std::int64_t>(parse_number(value, 86'400).value_or(0)));
    }
}

}  // namespace lictor::polling
