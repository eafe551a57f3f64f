// Answers from local data: hosts files, host-record, address, cname, and to queries that are never forwarded (domain-needed, bogus-priv,
// `local=`, localhost). Pure.
#pragma once

#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/answer/witness.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::local {

/// The result of local data for a query: an answer, not concluded; or an alias (`cname=`) whose target is not local, which the caller
/// resolves, with the CNAME in front of the reply; or neither. `alias` is owned by the Rules.
struct Found {
    std::optional<answer::Answer> answer = {};
    const rules::LocalAlias* alias = nullptr;
};

/// True if local data has this lower-case name with any type (a record, an alias, also by `*.`, a synthesized name) or names below it.
/// `within`: aliases `*.domain` with a domain above this one are ignored.
bool has_local_data(const rules::LocalData& data, const wire::Name& lower, const wire::Name& within);

/// Answers from local data into `buffer`. `asked_at`: the local address that received the query. `within`, if not null: a domain that the
/// name is in; rules for domains above it and for all names are ignored. `witness`: null, except for a decision that is explained.
Found answer_local(const wire::Question& question, const rules::Rules& rules, std::span<std::uint8_t> buffer, const Address& asked_at = {},
                   const wire::Name* within = nullptr, answer::Witness* witness = nullptr);

}  // namespace lictor::local
