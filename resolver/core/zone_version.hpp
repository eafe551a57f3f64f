// Which habits does the agent's version have? Consul's DNS changed in a few places between 1.8 and 1.22; strict answers follow the
// version that the agent reports.
#pragma once

#include <string_view>

namespace lictor {

class AgentVersion {
public:
    /// `1.8.7`, `1.17.0+ent`, `1.22.0-rc1`; whatever cannot be read counts as the newest.
    explicit constexpr AgentVersion(std::string_view text) {
        unsigned part[3] = {1, newest, 0};
        std::size_t index = 0;
        bool digits = false;
        for (const char c : text) {
            if (c >= '0' && c <= '9') {
                part[index] = (digits ? part[index] * 10 : 0) + static_cast<unsigned>(c - '0');
                digits = true;
            } else if (c == '.' && digits && index < 2) {
                part[++index] = 0;
                digits = false;
            } else {
                break;
            }
        }
        if (part[0] != 1) part[1] = newest;
        minor_ = part[1];
        patch_ = part[2];
    }
    /// 1.`minor`.`patch` or later.
    constexpr bool at_least(unsigned minor, unsigned patch = 0) const { return minor_ > minor || (minor_ == minor && patch_ >= patch); }
    /// Cutting for size takes every reply of the zone and loses OPT on the way: 1.8.15, 1.9.9, 1.10.2 and all after.
    constexpr bool cuts_everything() const {
        return at_least(11) || (minor_ == 10 && patch_ >= 2) || (minor_ == 9 && patch_ >= 9) || (minor_ == 8 && patch_ >= 15);
    }

private:
    static constexpr unsigned newest = 999;
    unsigned minor_ = newest, patch_ = 0;
};

static_assert(AgentVersion("1.8.7").at_least(8, 7) && !AgentVersion("1.8.7").at_least(11));
static_assert(AgentVersion("").at_least(22) && AgentVersion("1.14.2+ent").at_least(14, 2) && AgentVersion("2.0").at_least(22));

}  // namespace lictor
