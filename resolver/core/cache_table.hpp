// What stands in the cache and in local data, a row for each record, as dnsmasq tells it on USR1: host, address, ten flags (4, 6, C or T
// for the type; Forward, Reverse, Immortal, Negative, NX domain, Hosts file, Config), the end of its life, the file it is from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/core/rules.hpp"

namespace lictor {

struct TableRow {
    std::string host, address, flags, source;
    std::optional<std::int64_t> expires_unix;   ///< none: it stays
};

/// The two lines above the rows.
std::vector<std::string> table_head();
/// One row; `expires` as ctime() writes it, for the caller knows the time zone.
std::string table_line(const TableRow& row, std::string_view expires);

/// Rows of one kept reply to a question for `lower` and `type`.
void add_reply_rows(const Name& lower, std::uint16_t type, Bytes message, std::int64_t expires_unix, std::size_t rows_max, std::vector<TableRow>& rows);
/// Rows of hosts files, host-record and cname.
std::vector<TableRow> local_rows(const LocalData& local, std::size_t rows_max);

}  // namespace lictor
