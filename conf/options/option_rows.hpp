// The option table. A row has the name of an option, its syntax, how it is stored and printed, and its texts for operators. The parser,
// --help, the sample file, the reference page and the effective configuration use the rows. The rows are in the .cpp file of each group,
// the fields in its header; a field without a row does not compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/options/options_fwd.hpp"

namespace lictor::conf {

/// Whether an option takes a value, and in which form.
enum class Shape {
    flag,         ///< takes no value
    value,        ///< takes a value, not empty
    emptiable,    ///< takes a value; the empty value (`name=`) is valid
    bare_or,      ///< like `emptiable`; without `=` the value is empty (dnsmasq's user, group, pid-file, resolv-file)
    optional,     ///< the value is optional; on the command line it must follow '='
    environment,  ///< no option: only the environment variable
};

/// `once`: a second use on the command line, or in all files together, is an error.
enum class Times { once, repeatable };
/// When a changed value takes effect: on HUP, or at the next start.
enum class Reload { live, restart };
/// What an option does to the parser itself.
enum class Steer { nothing, conf_file, conf_dir, test, version, help };

struct ConsulGiven;

/// One option being set.
struct Setting {
    Options& options;
    ConsulGiven& consul;
    std::string_view value;           ///< as line_syntax gives it
    std::vector<std::string>& notes;  ///< warnings are appended, without the option's name
};

/// How the value of a row is stored and printed.
struct Field {
    /// Stores the value. Returns an error text, or nothing.
    std::optional<std::string> (*set)(const Setting&) = nullptr;
    /// The values that, parsed again, give the present value; none if the option has its default.
    std::vector<std::string> (*get)(const Options&) = nullptr;
    std::uint64_t id = 0;  ///< differs for each member of the group's struct; 0 if the row stores nothing in Options
};

/// One option, or one environment variable that no option sets.
struct Row {
    std::string_view name;
    char letter = 0;
    Shape shape = Shape::flag;
    Times times = Times::once;
    bool own = false;                ///< an option that only lictor has
    std::string_view variable = {};  ///< environment variable that is used when the option is not given
    Reload reload = Reload::live;
    std::string_view argument = {};      ///< for operators: `<port>`
    std::string_view help = {};          ///< one line
    std::string_view reference = {};     ///< a paragraph
    std::string_view default_text = {};  ///< the default, for operators
    std::string_view sample = {};        ///< a value for the sample file: the default if it can be written, else an example
    bool refuses_empty = false;          ///< for options of dnsmasq: `name=` is an error, not a warning
    bool any_byte = false;               ///< the value may contain control bytes, as record data does
    Steer steer = Steer::nothing;        ///< for rows that control the parser (`conf-file`, `test`, …): these have no field
    Field field = {};
};

/// The rows of one .cpp file in conf/options, under one title.
struct RowGroup {
    std::string_view title;
    std::span<const Row> rows;
};

/// In the order of --help and the reference page. Valid for the process's life, as all rows are.
std::span<const RowGroup> row_groups();
/// The rows of all groups, for a range-based `for`. (clang 14 cannot compile libstdc++'s views::join.)
class AllRows {
public:
    struct Iterator {
        const RowGroup* group;
        const Row* row;  ///< null behind the last group
        const RowGroup* end;
        const Row& operator*() const { return *row; }
        bool operator==(const Iterator& other) const { return row == other.row; }
        Iterator& operator++() {
            if (++row == group->rows.data() + group->rows.size()) row = ++group == end ? nullptr : group->rows.data();
            return *this;
        }
    };
    /// `groups` must outlive this object; it and each group must not be empty.
    explicit AllRows(std::span<const RowGroup> groups) : groups_(groups) {}
    Iterator begin() const { return {groups_.data(), groups_.front().rows.data(), groups_.data() + groups_.size()}; }
    Iterator end() const { return {nullptr, nullptr, nullptr}; }

private:
    std::span<const RowGroup> groups_;  // none of them is empty
};
/// All options, in the order of row_groups.
inline AllRows option_rows() { return AllRows(row_groups()); }

/// find_option*: the row with that name (without dashes), letter or environment variable; null if there is none. Rows of environment
/// variables are found only by find_option_variable.
const Row* find_option(std::string_view name);
const Row* find_option_letter(char letter);
const Row* find_option_variable(std::string_view variable);

/// Names of options that differ between two configurations and take effect only at a restart.
std::vector<std::string_view> changed_until_restart(const Options& before, const Options& after);

}  // namespace lictor::conf
