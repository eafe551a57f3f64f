// The fields of the options for logging and the dump of packets, with their defaults. Their rows of the option table are in log.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/values/record_rules.hpp"

namespace lictor::conf {

struct LogOptions {
    QueryLogging log_queries = QueryLogging::off;
    QuerySelection log_queries_only;
    LogFormat log_format = LogFormat::text;
    std::string log_facility;                ///< empty = stdout; `-` = stderr; `/path` = file; else a syslog facility
    std::optional<std::uint32_t> log_async;  ///< lines queued
    bool log_debug = false;
    std::string dumpfile;
    std::uint32_t dumpmask = 0xffff;
    std::string dnstap;  ///< path of the reader's socket; empty: off
    bool operator==(const LogOptions&) const = default;
};

}  // namespace lictor::conf
