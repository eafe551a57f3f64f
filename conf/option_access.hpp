// Setters and getters of the option table for the plain kinds of fields: flags, numbers, texts, lists. Included by option_rows.cpp only.
#pragma once

#include <chrono>
#include <concepts>
#include <utility>

#include "conf/line_syntax.hpp"
#include "conf/log.hpp"
#include "conf/option_rows.hpp"
#include "conf/option_values.hpp"

namespace lictor::access {

using Fault = std::optional<std::string>;
using Texts = std::vector<std::string>;

inline constexpr std::uint64_t ttl_max = 0x7fffffff;         // RFC 2181 §8
inline constexpr std::uint64_t seconds_max = 10ull * 365 * 86400;
inline constexpr std::size_t path_bytes_max = 4095;          // PATH_MAX less the ending zero

template <std::unsigned_integral T>
void store(T& field, std::uint64_t n) { field = static_cast<T>(n); }
template <std::unsigned_integral T>
void store(std::optional<T>& field, std::uint64_t n) { field = static_cast<T>(n); }
template <class Rep, class Period>
void store(std::chrono::duration<Rep, Period>& field, std::uint64_t n) { field = std::chrono::duration<Rep, Period>(static_cast<Rep>(n)); }

template <std::unsigned_integral T>
Texts load(const T& field) { return {std::to_string(field)}; }
template <std::unsigned_integral T>
Texts load(const std::optional<T>& field) { return field ? Texts{std::to_string(*field)} : Texts{}; }
template <class Rep, class Period>
Texts load(const std::chrono::duration<Rep, Period>& field) { return {std::to_string(field.count())}; }

template <auto Member, std::uint64_t Min, std::uint64_t Max>
Fault set_number(const Setting& setting) {
    const auto text = plain(setting.value);
    const auto number = parse_number(text, Max);
    if (!number || *number < Min)
        return '\'' + log::printable(text, 60) + "' is not a plain decimal number from " + std::to_string(Min) + " to " + std::to_string(Max);
    store(setting.options.*Member, *number);
    return std::nullopt;
}
template <auto Member>
Texts get_number(const Options& options) { return load(options.*Member); }

template <auto Member>
Fault set_flag(const Setting& setting) {
    setting.options.*Member = true;
    return std::nullopt;
}
template <auto Member>
Texts get_flag(const Options& options) { return options.*Member ? Texts{""} : Texts{}; }

/// A value verbatim.
template <auto Member>
Fault set_text(const Setting& setting) {
    if (setting.value.size() > path_bytes_max) return "longer than 4095 bytes";
    setting.options.*Member = plain(setting.value);
    return std::nullopt;
}
template <auto Member>
Texts get_text(const Options& options) { return (options.*Member).empty() ? Texts{} : Texts{quoted(options.*Member)}; }
/// For a text whose emptiness is a value too.
template <auto Member>
Texts get_emptiable(const Options& options) { return {quoted(options.*Member)}; }
/// For a secret: that it is there, never what it is.
template <auto Member>
Texts get_secret(const Options& options) { return (options.*Member).empty() ? Texts{} : Texts{"(hidden)"}; }

/// A text that is checked on the way: `Parse` gives Result<std::string>.
template <auto Member, auto Parse>
Fault set_checked(const Setting& setting) {
    auto text = Parse(plain(setting.value));
    if (!text) return text.error().text;
    setting.options.*Member = *std::move(text);
    return std::nullopt;
}

/// One more value in a list; `Parse` gets the value with quoted commas still marked, or plain if `Plain`.
template <auto Member, auto Parse, bool Plain>
Fault add_parsed(const Setting& setting) {
    auto value = Plain ? Parse(plain(setting.value)) : Parse(std::string(setting.value));
    if (!value) return value.error().text;
    (setting.options.*Member).push_back(*std::move(value));
    return std::nullopt;
}
template <auto Member>
Fault add_text(const Setting& setting) {
    if (setting.value.size() > path_bytes_max) return "longer than 4095 bytes";
    (setting.options.*Member).push_back(plain(setting.value));
    return std::nullopt;
}
template <auto Member>
Texts get_texts(const Options& options) {
    Texts out;
    for (const auto& text : options.*Member) out.push_back(quoted(text));
    return out;
}

/// Values divided by commas, each parsed.
template <auto Member, auto Parse>
Fault add_list(const Setting& setting) {
    for (const auto& item : split_list(setting.value)) {
        auto value = Parse(item);
        if (!value) return value.error().text;
        (setting.options.*Member).push_back(*std::move(value));
    }
    return std::nullopt;
}
/// A list of values that have a `text_of`.
template <auto Member>
Texts get_rules(const Options& options) {
    Texts out;
    for (const auto& rule : options.*Member) out.push_back(text_of(rule));
    return out;
}

}  // namespace lictor::access
