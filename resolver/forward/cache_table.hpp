// The contents of the cache and of local data as dnsmasq logs them on USR1, a row for each record: host, address, ten flags (4, 6, C or T
// for the type; Forward, Reverse, Immortal, Negative, NX domain, Hosts file, Config), expiry, and the file that it is from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::forward {

/// One row. `expires_unix`: in seconds.
struct TableRow {
    std::string host, address, flags, source;
    std::optional<std::int64_t> expires_unix;  ///< none: it does not expire
};

/// The two lines above the rows.
std::vector<std::string> table_head();
/// One row as text. `expires`: as ctime() formats it; the caller makes it, because it depends on the time zone.
std::string table_line(const TableRow& row, std::string_view expires);

/// Appends the rows of one cached reply to a query for `lower` and `type`, until `rows` has `rows_max`.
void add_reply_rows(const wire::Name& lower, std::uint16_t type, wire::Bytes message, std::int64_t expires_unix, std::size_t rows_max,
                    std::vector<TableRow>& rows);
/// Rows of the names with addresses and of the aliases in local data, at most `rows_max`.
std::vector<TableRow> local_rows(const rules::LocalData& local, std::size_t rows_max);

}  // namespace lictor::forward
