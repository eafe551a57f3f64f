// Lines and words of small text files: the common part of reading hosts files and resolv.conf.
#pragma once

#include <string_view>

namespace lictor::rules {

/// Takes the next line off the front of `text`, without its end (LF or CR LF); false at the end.
inline bool take_line(std::string_view& text, std::string_view& line) {
    if (text.empty()) return false;
    const auto end = text.find('\n');
    line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
}

/// Takes the next word off the front of `line`; empty at the end.
inline std::string_view take_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\v\f\r";
    const auto start = line.find_first_not_of(blanks);
    if (start == std::string_view::npos) return line = {};
    line.remove_prefix(start);
    const auto word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

}  // namespace lictor::rules
