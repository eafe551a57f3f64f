// The list of causes (causes.hpp) as an array of rows.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "conf/metrics/metrics.hpp"
#include "conf/values/dns_codes.hpp"

namespace lictor::metrics {

/// One row of LICTOR_CAUSES.
struct CauseRow {
    Cause cause = Cause::none;
    std::string_view word;                           ///< name of the enumerator, and label in /metrics
    std::optional<unsigned> rcode;                   ///< response code; empty: the code that the data gives
    std::optional<std::uint16_t> extended_error;     ///< INFO-CODE (RFC 8914); empty: the reply has neither it nor the text
    std::string_view verb;                           ///< verb in the query-log line; empty: the verb of the answer's source
    std::string_view text;                           ///< EXTRA-TEXT with `{name}`, `{state}`, `{seconds}`
    std::string_view meaning;                        ///< a sentence for operators
    Count WorkerCounters::*total = nullptr;          ///< lictor_causes_total of this cause
    Count WorkerCounters::*further_total = nullptr;  ///< a further counter that rises with `total`; null: none
};

namespace response_codes {
inline constexpr std::optional<unsigned> as_data;  ///< the response code that the data gives
using namespace rcode;
}  // namespace response_codes

namespace extended_errors {
inline constexpr std::optional<std::uint16_t> none;
using namespace ede;
}  // namespace extended_errors

#define LICTOR_CAUSE_ROW(word, code, error, verb, further, text, meaning) \
    CauseRow{Cause::word, #word, response_codes::code, extended_errors::error, verb, text, meaning, &WorkerCounters::cause_##word, further},
inline constexpr std::array cause_rows{LICTOR_CAUSES(LICTOR_CAUSE_ROW)};
#undef LICTOR_CAUSE_ROW
static_assert(cause_rows.size() + 1 == static_cast<std::size_t>(Cause::count), "each cause but `none` has a row");

/// Null for `Cause::none`.
constexpr const CauseRow* row_of(Cause cause) { return cause == Cause::none ? nullptr : &cause_rows[static_cast<std::size_t>(cause) - 1]; }

}  // namespace lictor::metrics
