// What stands inside a record's data: which types hold names, so that data from an upstream's message can be judged and written into
// another one. Names of RFC 1035's types may be compressed on the wire, those of RFC 3597 §4's list must be understood when they are;
// in every later type they never are, and a pointer there is a lie. Knows no record by meaning.
#pragma once

#include "resolver/wire/message.hpp"

namespace lictor {

/// Writes the data of one record (`size` bytes at `at` of `message`) into the record that `writer` has begun: names read out and written
/// anew, everything else byte for byte. False if the data does not have the form of its type; the caller then gives the record up.
/// Data of unknown types goes through as it is (RFC 3597 §3).
bool copy_record_data(Bytes message, std::size_t at, std::size_t size, std::uint16_t type, Writer& writer);

}  // namespace lictor
