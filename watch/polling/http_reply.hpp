// One HTTP reply as a value: status, body, Consul's metadata headers, and why Consul refused. Pure, without libcurl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"

namespace lictor::polling {

/// Why a reply is no answer.
enum class Refusal : std::uint8_t {
    none,               ///< a status below 400, a 404, or no reply at all
    permission_denied,  ///< 403 of Consul's ACLs: the token is known and may not read this; concerns one request
    unknown_token,      ///< 403 "ACL not found": the token does not exist in Consul; concerns all requests
    forbidden,          ///< 403 with another text: not of Consul's ACLs, for instance of a proxy
    no_leader,          ///< 500: Consul's servers have no Raft leader
    no_datacenter,      ///< 500: no server of the datacenter is known
    too_many,           ///< 429 or 503: the agent limits requests or is overloaded
    other,              ///< any other status from 400 on
};

/// Judges the status and the first 512 bytes of the body. The texts are those of Consul 1.8 to 1.22; an agent that forwarded the request
/// writes "rpc error making call: " before them.
Refusal refusal_of(int status, std::string_view body);

/// One reply, or why there is none.
struct HttpReply {
    int status = 0;                   ///< 0: no reply, `error` has the cause
    std::string body{};               ///< at most 32 MiB from Consul, 64 KiB from a member's REST API; a larger one is a transport error
    std::string error{};              ///< of libcurl or of lictor; may hold bytes of the peer
    bool unreachable = false;         ///< the error came before the request was sent: no address, no connection, no TLS
    bool ended_here = false;          ///< lictor ended the transfer: too large, or no memory for it
    Refusal refusal = Refusal::none;  ///< of Consul; not judged for a member's REST API
    std::uint64_t index = 0;          ///< X-Consul-Index
    bool has_index = false;
    bool known_leader = true;      ///< X-Consul-Knownleader; true if absent
    bool filtered_by_acl = false;  ///< X-Consul-Results-Filtered-By-ACLs, since Consul 1.11
    bool streaming = false;        ///< X-Consul-Query-Backend is `streaming`: known_leader then has no meaning
    milliseconds retry_after{0};   ///< Retry-After in seconds; 0 if absent, a date, or above a day
    std::size_t address = 0;       ///< number of the Consul address that the request went to
};

/// What an operator can do about a reply of Consul that is no answer, by its status, refusal and error text.
std::string_view remedy_of(const HttpReply& reply);

/// Puts one header line, with or without its line end, into the reply. Names match without regard to case (Go writes
/// X-Consul-Knownleader); a value that cannot be read counts as absent. A status line resets all but `address`: an interim reply came
/// before.
void note_header(HttpReply& reply, std::string_view line);

}  // namespace lictor::polling
