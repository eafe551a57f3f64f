// What does `lictor init [OPTION…] -- COMMAND…` mean? Pure: the words of the command line become the options of lictor and the command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/options/options_fwd.hpp"

namespace lictor::supervise {

/// The parts of one call of `lictor init`.
struct Words {
    bool supervised = false;           ///< the command starts lictor itself
    bool help = false;                 ///< only the help was asked for; the other fields are empty
    std::vector<std::string> options;  ///< of lictor: those of the command line, then those of the environment
    std::vector<std::string> command;  ///< the program and its arguments; not empty
};

/// `words`: those behind `init`. `environment`: options separated by blanks (LICTOR_OPTIONS). Options end with `--`; without an option the
/// first word may be the command. An error for a missing command, a missing `--`, and options beside `--supervised`.
Result<Words> read_words(const std::vector<std::string>& words, std::string_view environment);

/// The address for the `nameserver` line: 127.0.0.1, or the first `listen-address` if lictor does not listen on 127.0.0.1. An error if
/// lictor listens on another port than 53, because resolv.conf cannot name a port.
Result<std::string> nameserver_of(const conf::Options& options);

}  // namespace lictor::supervise
