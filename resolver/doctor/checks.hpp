// Which facts are faults, and what is the remedy? One table has all checks of `lictor doctor`. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/doctor/facts.hpp"

namespace lictor::doctor {

/// Ordered from good to bad.
enum class Severity : std::uint8_t { fine, hint, warning, error };
const char* word(Severity severity);

/// The result of a check; a check may have several.
struct Finding {
    std::string_view check;  ///< of the table
    Severity severity = Severity::fine;
    std::string text;
    std::string remedy;  ///< empty for `fine`
};

/// All findings, in the order of the table. Each check has at least one.
std::vector<Finding> findings(const Facts& facts);
/// `fine` for an empty list.
Severity worst(const std::vector<Finding>& findings);
/// The words of all checks, in order.
std::vector<std::string_view> check_words();

}  // namespace lictor::doctor
