// Answers from local data: hosts files, host-record, address, cname, and the questions that never leave (domain-needed, bogus-priv,
// `local=`, localhost). Pure.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "conf/base/clock.hpp"
#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

struct LocalAnswer {
    std::size_t size = 0;
    unsigned rcode = 0;
};
/// `alias`: the name is a cname= whose target is not local: the question goes on with the target, and the reply gets the CNAME in front.
struct LocalAliasTo {
    Name target;
    std::uint32_t ttl = 0;
};

/// True if something is stated for exactly this name, of whatever type: a record, an alias (`*.` ones too), a name made from an address.
/// `within`: what is said of domains above this one does not count.
bool is_stated(const LocalData& data, const Name& lower, const Name& within);

/// Nothing: local data says nothing about the name. `asked_at`: the address of ours that the question came to. `within`, if not null: a
/// domain that the name is in; what is said of domains above it, and of all names, does not count.
std::optional<std::variant<LocalAnswer, LocalAliasTo>> answer_local(const Question& question, const Rules& rules, std::span<std::uint8_t> buffer,
                                                                    const Address& asked_at = {}, const Name* within = nullptr);

}  // namespace lictor
