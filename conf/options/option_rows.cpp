// Defines the order of the groups, and finds rows by name, letter and variable.
#include "conf/options/option_access.hpp"

namespace lictor::conf {

std::span<const RowGroup> row_groups() {
    static const RowGroup groups[] = {listen_group, upstream_group, forward_group, local_group,        filter_group, reply_group,
                                      cache_group,  log_group,      process_group, consul_http_group,  consul_group, leader_group,
                                      hold_group,   hook_group,     stats_group,   configuration_group};
    return groups;
}

const Row* find_option(std::string_view name) {
    for (const Row& row : option_rows())
        if (row.name == name && row.shape != Shape::environment) return &row;
    return nullptr;
}

const Row* find_option_letter(char letter) {
    for (const Row& row : option_rows())
        if (row.letter == letter && letter != 0) return &row;
    return nullptr;
}

const Row* find_option_variable(std::string_view variable) {
    for (const Row& row : option_rows())
        if (row.variable == variable && !variable.empty()) return &row;
    return nullptr;
}

std::vector<std::string_view> changed_until_restart(const Options& before, const Options& after) {
    std::vector<std::string_view> names;
    for (const Row& row : option_rows())
        if (row.reload == Reload::restart && row.field.get(before) != row.field.get(after)) names.push_back(row.name);
    return names;
}

}  // namespace lictor::conf
