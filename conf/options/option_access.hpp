// How are common kinds of fields set and printed? Each kind (flag, number, text, list) has one name, such as
// `flag<&CacheOptions::no_negcache>`. The .cpp files of the groups include this file; they contain the rows, and the functions for all
// other kinds.
#pragma once

#include <chrono>
#include <concepts>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"
#include "conf/values/record_values.hpp"

namespace lictor::conf {

/// The rows of each group's .cpp file.
extern const RowGroup listen_group, upstream_group, forward_group, local_group, filter_group, reply_group, cache_group, log_group,
    process_group, consul_http_group, consul_group, leader_group, hold_group, hook_group, stats_group, configuration_group;

}  // namespace lictor::conf

namespace lictor::conf::access {

/// What is wrong with the value, without the option's name; none: it is stored.
using Fault = std::optional<std::string>;
/// Values that, parsed again, give the field; an empty list if no line is needed.
using Texts = std::vector<std::string>;

inline constexpr std::uint64_t ttl_max = 0x7fffffff;  // RFC 2181 §8
inline constexpr std::uint64_t seconds_max = 10ull * 365 * 86400;
inline constexpr std::size_t path_bytes_max = 4095;  // PATH_MAX less the ending zero

/// `store` and `load`: the number in a field of any numeric type, of a duration in the field's own unit. `n` must fit; an empty optional
/// loads as no text.
template <std::unsigned_integral T>
void store(T& field, std::uint64_t n) {
    field = static_cast<T>(n);
}
template <std::unsigned_integral T>
void store(std::optional<T>& field, std::uint64_t n) {
    field = static_cast<T>(n);
}
template <class Rep, class Period>
void store(std::chrono::duration<Rep, Period>& field, std::uint64_t n) {
    field = std::chrono::duration<Rep, Period>(static_cast<Rep>(n));
}

template <class Rep, class Period>
void store(std::optional<std::chrono::duration<Rep, Period>>& field, std::uint64_t n) {
    field = std::chrono::duration<Rep, Period>(static_cast<Rep>(n));
}

template <std::unsigned_integral T>
Texts load(const T& field) {
    return {std::to_string(field)};
}
template <class Rep, class Period>
Texts load(const std::chrono::duration<Rep, Period>& field) {
    return {std::to_string(field.count())};
}
template <class T>
Texts load(const std::optional<T>& field) {
    return field ? load(*field) : Texts{};
}

/// The struct of one group inside Options. Defined in options.cpp, so that the rows of one group do not depend on the others.
template <class Group>
Group& part(Options& all);
template <class Group>
const Group& part(const Options& all);

/// Only declared, for GroupOf.
template <class Group, class T>
Group group_of(T Group::*);
/// The struct that a member belongs to.
template <auto Member>
using GroupOf = decltype(group_of(Member));

/// A plain decimal number from Min to Max, in the unit of the field.
template <auto Member, std::uint64_t Min, std::uint64_t Max>
Fault set_number(GroupOf<Member>& options, const Setting& setting) {
    const auto text = without_markers(setting.value);
    const auto number = parse_number(text, Max);
    if (!number || *number < Min)
        return '\'' + printable(text, 60) + "' is not a plain decimal number from " + std::to_string(Min) + " to " + std::to_string(Max);
    store(options.*Member, *number);
    return std::nullopt;
}
/// Seconds; 0 resets the option, as in dnsmasq.
template <auto Member>
Fault set_ttl_unless_zero(GroupOf<Member>& options, const Setting& setting) {
    auto fault = set_number<Member, 0, ttl_max>(options, setting);
    if (options.*Member == 0u) (options.*Member).reset();
    return fault;
}
template <auto Member>
Texts get_number(const GroupOf<Member>& options) {
    return load(options.*Member);
}

/// The value is ignored: Shape::flag has none. `get_flag` gives the empty value if the flag is set.
template <auto Member>
Fault set_flag(GroupOf<Member>& options, const Setting&) {
    options.*Member = true;
    return std::nullopt;
}
template <auto Member>
Texts get_flag(const GroupOf<Member>& options) {
    return options.*Member ? Texts{""} : Texts{};
}

/// Accepts the boolean words of Consul's tools (Go's strconv.ParseBool) and on, off, yes, no, in any case. Empty: true.
Fault set_bool(const Setting& setting, bool& out);
template <auto Member>
Fault set_bool(GroupOf<Member>& options, const Setting& setting) {
    bool value = true;
    auto fault = set_bool(setting, value);
    if (!fault) options.*Member = value;
    return fault;
}

/// Stores the value unchanged, at most 4095 bytes; `get_text` prints it unless it is empty.
template <auto Member>
Fault set_text(GroupOf<Member>& options, const Setting& setting) {
    if (setting.value.size() > path_bytes_max) return "longer than 4095 bytes";
    options.*Member = without_markers(setting.value);
    return std::nullopt;
}
template <auto Member>
Texts get_text(const GroupOf<Member>& options) {
    return (options.*Member).empty() ? Texts{} : Texts{quoted(options.*Member)};
}
/// For a text whose empty value differs from the default.
template <auto Member>
Texts get_emptiable(const GroupOf<Member>& options) {
    return {quoted(options.*Member)};
}
/// For a secret: prints only that it is set.
template <auto Member>
Texts get_secret(const GroupOf<Member>& options) {
    return (options.*Member).empty() ? Texts{} : Texts{"(hidden)"};
}

/// Stores a text that `Parse` has checked; `Parse` gives Result<std::string>.
template <auto Member, auto Parse>
Fault set_checked(GroupOf<Member>& options, const Setting& setting) {
    auto text = Parse(without_markers(setting.value));
    if (!text) return text.error().text;
    options.*Member = *std::move(text);
    return std::nullopt;
}

/// Whether a parser receives the value with its marker bytes (line_syntax.hpp).
enum class Markers : std::uint8_t { kept, removed };
/// Appends a value to a list.
template <auto Member, auto Parse, Markers Given>
Fault add_parsed(GroupOf<Member>& options, const Setting& setting) {
    auto value = Given == Markers::removed ? Parse(without_markers(setting.value)) : Parse(std::string(setting.value));
    if (!value) return value.error().text;
    (options.*Member).push_back(*std::move(value));
    return std::nullopt;
}
/// Appends the value unchanged, at most 4095 bytes; `get_texts` prints one value per item.
template <auto Member>
Fault add_text(GroupOf<Member>& options, const Setting& setting) {
    if (setting.value.size() > path_bytes_max) return "longer than 4095 bytes";
    (options.*Member).push_back(without_markers(setting.value));
    return std::nullopt;
}
template <auto Member>
Texts get_texts(const GroupOf<Member>& options) {
    Texts out;
    for (const auto& text : options.*Member) out.push_back(quoted(text));
    return out;
}

/// Appends values separated by commas; `Parse` parses each. After a fault the items before it stay.
template <auto Member, auto Parse>
Fault add_list(GroupOf<Member>& options, const Setting& setting) {
    for (const auto& item : split_list(setting.value)) {
        auto value = Parse(item);
        if (!value) return value.error().text;
        (options.*Member).push_back(*std::move(value));
    }
    return std::nullopt;
}
/// Prints a list of values that have a `text_of`, one text for each.
template <auto Member>
Texts get_rules(const GroupOf<Member>& options) {
    Texts out;
    for (const auto& rule : options.*Member) out.push_back(text_of(rule));
    return out;
}
/// Like `get_rules`, for values whose text may contain blanks.
template <auto Member>
Texts get_quoted_rules(const GroupOf<Member>& options) {
    Texts out;
    for (const auto& rule : options.*Member) out.push_back(quoted(text_of(rule)));
    return out;
}

/// Appends record types, separated by commas, by mnemonic or number (`record_type`); a type that is in the list already is skipped.
/// `types_text` and `get_types` print the list as one value.
Fault add_types(const Setting& setting, std::vector<std::uint16_t>& types);
Texts types_text(const std::vector<std::uint16_t>& types);
template <auto Member>
Fault add_types(GroupOf<Member>& options, const Setting& setting) {
    return add_types(setting, options.*Member);
}
template <auto Member>
Texts get_types(const GroupOf<Member>& options) {
    return types_text(options.*Member);
}

/// For rows whose value another row prints.
template <class Group>
Texts nothing_of(const Group&) {
    return {};
}

// ---- values of a row's `field`

/// A number that differs for each member: the FNV-1a hash of its name. Not its address: with -fsanitize=undefined g++ 12 cannot compare
/// addresses in a constant expression.
template <auto Member>
consteval std::uint64_t field_id() {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : std::string_view(__PRETTY_FUNCTION__)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

/// Stored by `Set(options, setting)` and printed by `Get(options)`, where `options` is the struct that the member belongs to.
template <auto Member, auto Set, auto Get>
inline constexpr Field field_with = {[](const Setting& setting) { return Set(part<GroupOf<Member>>(setting.options), setting); },
                                     [](const Options& options) { return Get(part<GroupOf<Member>>(options)); }, field_id<Member>()};
template <auto Member>
inline constexpr Field flag = field_with<Member, set_flag<Member>, get_flag<Member>>;
template <auto Member, std::uint64_t Min, std::uint64_t Max>
inline constexpr Field number = field_with<Member, set_number<Member, Min, Max>, get_number<Member>>;
template <auto Member>
inline constexpr Field ttl_unless_zero = field_with<Member, set_ttl_unless_zero<Member>, get_number<Member>>;
template <auto Member>
inline constexpr Field text = field_with<Member, set_text<Member>, get_text<Member>>;
template <auto Member>
inline constexpr Field secret = field_with<Member, set_text<Member>, get_secret<Member>>;
template <auto Member, auto Parse>
inline constexpr Field checked = field_with<Member, set_checked<Member, Parse>, get_text<Member>>;
template <auto Member>
inline constexpr Field texts = field_with<Member, add_text<Member>, get_texts<Member>>;
template <auto Member, auto Parse>
inline constexpr Field items = field_with<Member, add_list<Member, Parse>, get_texts<Member>>;
template <auto Member, auto Parse>
inline constexpr Field names = field_with<Member, add_parsed<Member, Parse, Markers::removed>, get_texts<Member>>;
template <auto Member, auto Parse>
inline constexpr Field rules = field_with<Member, add_parsed<Member, Parse, Markers::kept>, get_rules<Member>>;
template <auto Member>
inline constexpr Field types = field_with<Member, add_types<Member>, get_types<Member>>;

// ---- every field has a row

/// Converts to a member of any type.
struct AnyMember {
    template <class T>
    operator T() const;
};
/// True if the aggregate can be made from sizeof...(Index) values.
template <class Group, std::size_t... Index>
consteval bool has_members(std::index_sequence<Index...>) {
    return requires { Group{(static_cast<void>(Index), AnyMember{})...}; };
}
/// The number of members of an aggregate.
template <class Group, std::size_t Count = 0>
consteval std::size_t members_of() {
    if constexpr (has_members<Group>(std::make_index_sequence<Count + 1>{})) return members_of<Group, Count + 1>();
    else return Count;
}
/// True if the rows store into every member of the struct.
template <class Group>
consteval bool every_field_has_a_row(std::span<const Row> rows) {
    std::size_t stored = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        bool first = rows[i].field.id != 0;
        for (std::size_t before = 0; before < i; ++before) first = first && rows[before].field.id != rows[i].field.id;
        stored += first;
    }
    return stored == members_of<Group>();
}

}  // namespace lictor::conf::access
