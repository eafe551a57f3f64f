// A reply for an alias (`cname=`) made from the reply for its target: the alias' CNAME in front, the target's records behind. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "resolver/wire/message.hpp"

namespace lictor {

/// Copies one record of `message` with its names written anew; false if it does not fit or is malformed.
bool copy_record(Writer& writer, Writer::Section section, Bytes message, const Record& record);

/// `question` asked for the alias; `target_reply` is a whole reply to the same question for `target`. Written within `limit` bytes;
/// gives the size.
std::size_t write_alias_reply(const Question& question, const Name& target, std::uint32_t ttl, Bytes target_reply, std::span<std::uint8_t> buffer,
                              std::size_t limit, std::uint16_t udp_size);

}  // namespace lictor
