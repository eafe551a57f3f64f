// Copies a record's data from one message into another. Names in types of RFC 1035 are accepted and written compressed. Names in the types
// that RFC 3597 §4 lists are accepted compressed and written whole. In every later type a compression pointer is an error.
#pragma once

#include "resolver/wire/message.hpp"

namespace lictor::wire {

/// Writes the data of one record (`size` bytes at `at` of `message`) into the record that `writer` has begun: names are read and written
/// again, all other bytes are copied. False if the data does not have the form of its type; the record is then incomplete, and the caller
/// rewinds the writer or drops the message. Data of unknown types is copied (RFC 3597 §3).
bool copy_record_data(Bytes message, std::size_t at, std::size_t size, std::uint16_t type, Writer& writer);

}  // namespace lictor::wire
