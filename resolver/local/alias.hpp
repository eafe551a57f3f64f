// Makes the reply for an alias (`cname=`) from the reply for its target: the alias' CNAME, then the target's records. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "resolver/answer/answer.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::local {

/// Copies one record of `message` into `writer`, with its names written anew. False, and nothing is written, if it does not fit or is
/// malformed.
bool copy_record(wire::Writer& writer, wire::Writer::Section section, wire::Bytes message, const wire::Record& record);

/// `question`: the query for the alias. `target_reply`: the complete reply to the same query for the target, and `reason` its reason.
/// Writes at most `limit` bytes, of which room for OPT stays free; sets TC if not all fits. The answer is not concluded, but its parts are
/// (Answer::counted).
answer::Answer write_alias_reply(const wire::Question& question, const rules::LocalAlias& alias, wire::Bytes target_reply,
                                 const answer::Reason& reason, std::span<std::uint8_t> buffer, std::size_t limit);

}  // namespace lictor::local
