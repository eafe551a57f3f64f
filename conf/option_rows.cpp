// All rows in the order in which people read them: group by group, in each group those of rows_main.hpp first. Here they are put
// together, counted against the fields, and found by name, letter and variable; what a value means is in option_special.cpp,
// option_dnsmasq.cpp and the grammars (*_values.cpp).
#include "conf/option_rows.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "conf/option_access.hpp"
#include "conf/rows_consul.hpp"
#include "conf/rows_forwarding.hpp"
#include "conf/rows_leaders.hpp"
#include "conf/rows_main.hpp"
#include "conf/rows_records.hpp"

namespace lictor {
namespace {

using namespace access;

constexpr Row configuration_rows[] = {
    // ---- configuration
    {.name = "conf-file", .letter = 'C', .shape = Shape::bare_or, .times = Times::repeatable, .group = Group::configuration,
     .argument = "<path>", .help = "file to read; - = standard input",
     .reference = "Reads this file; files nest, and one that was read is not read again. On the command line it replaces "
                  "/etc/lictor.conf, which is read when it is there; empty there: no file.",
     .initial = "/etc/lictor.conf", .sample = "/etc/lictor.more.conf",
     .steer = Steer::conf_file, .set = nothing, .get = nothing_of},
    {.name = "conf-dir", .letter = '7', .shape = Shape::value, .times = Times::repeatable, .group = Group::configuration,
     .argument = "<path>[,<ending>…]", .help = "folder of files to read",
     .reference = "Reads the files of a folder in the order of their names. Names with one of the endings are passed over; with "
                  "endings written `*ENDING` only those are read. Names that begin with `.`, end with `~` or stand between `#` are "
                  "never read.",
     .initial = "none", .sample = "/etc/lictor.d,*.conf",
     .steer = Steer::conf_dir, .set = nothing, .get = nothing_of},
    {.name = "test", .times = Times::repeatable, .group = Group::configuration,
     .help = "check the configuration and end",
     .reference = "Reads everything, says all that is wrong, and ends: 0 when it is good, 1 when not, 3 when a file is missing.",
     .initial = "off",
     .steer = Steer::test, .set = nothing, .get = nothing_of},
    {.name = "version", .letter = 'v', .times = Times::repeatable, .group = Group::configuration,
     .help = "say the version and end",
     .reference = "Says the version and ends.",
     .initial = "off",
     .steer = Steer::version, .set = nothing, .get = nothing_of},
    {.name = "help", .letter = 'w', .times = Times::repeatable, .group = Group::configuration,
     .help = "say this and end",
     .reference = "Lists the options and ends.",
     .initial = "off",
     .steer = Steer::help, .set = nothing, .get = nothing_of},
};

/// All rows, group by group; within a group the main ones first.
constexpr auto in_groups() {
    std::array<Row, std::size(rows::main) + std::size(rows::forwarding) + std::size(rows::records) + std::size(rows::consul) + std::size(rows::leaders) + std::size(configuration_rows)> all;
    std::size_t count = 0;
    for (int group = 0; group <= static_cast<int>(Group::configuration); ++group) {
        const auto take = [&](std::span<const Row> some) {
            for (const auto& row : some)
                if (static_cast<int>(row.group) == group) all[count++] = row;
        };
        take(rows::main);
        take(rows::forwarding);
        take(rows::records);
        take(rows::consul);
        take(rows::leaders);
        take(configuration_rows);
    }
    return all;
}
constexpr auto all_rows = in_groups();

/// A field that is added to Options and not to LICTOR_OPTION_FIELDS makes this line an error.
[[maybe_unused]] void option_fields(const Options& options) {
    [[maybe_unused]] const auto& [LICTOR_OPTION_FIELDS] = options;
}

constexpr bool every_field_has_a_row() {
    for (int field = static_cast<int>(Field::none) + 1; field < static_cast<int>(Field::count); ++field) {
        bool found = false;
        for (const auto& row : all_rows) found = found || row.field == static_cast<Field>(field);
        if (!found) return false;
    }
    return true;
}
static_assert(every_field_has_a_row(), "a field of Options has no row in the option table");

}  // namespace

std::span<const Row> option_rows() { return all_rows; }

const Row* find_option(std::string_view name) {
    for (const auto& row : all_rows)
        if (row.name == name && row.shape != Shape::environment) return &row;
    return nullptr;
}

const Row* find_option_letter(char letter) {
    for (const auto& row : all_rows)
        if (row.letter == letter && letter != 0) return &row;
    return nullptr;
}

const Row* find_option_variable(std::string_view variable) {
    for (const auto& row : all_rows)
        if (row.variable == variable && !variable.empty()) return &row;
    return nullptr;
}

std::string_view title(Group group) {
    switch (group) {
        case Group::listening: return "Listening";
        case Group::upstreams: return "Upstreams";
        case Group::local_data: return "Local data";
        case Group::filters: return "Filters";
        case Group::cache: return "Cache";
        case Group::process: return "Process";
        case Group::consul: return "Consul";
        case Group::leaders: return "Leaders";
        case Group::stats: return "Looking inside";
        case Group::configuration: break;
    }
    return "Configuration";
}

std::vector<std::string_view> changed_until_restart(const Options& before, const Options& after) {
    std::vector<std::string_view> names;
    for (const auto& row : all_rows)
        if (row.reload == Reload::restart && row.get(before) != row.get(after)) names.push_back(row.name);
    return names;
}

}  // namespace lictor
