// The table of differences. A row has one behaviour, with its value in `fixed` and in `strict` (by the agent's version).
#include "watch/catalog/agent_behaviour.hpp"

#include <string_view>
#include <utility>

namespace lictor::catalog {
namespace {

class Version {
public:
    explicit constexpr Version(std::string_view text) {
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
    /// True from 1.8.15, 1.9.9 and 1.10.2 on, and in all later minor versions.
    constexpr bool cuts_all_replies() const {
        return at_least(11) || (minor_ == 10 && patch_ >= 2) || (minor_ == 9 && patch_ >= 9) || (minor_ == 8 && patch_ >= 15);
    }

private:
    static constexpr unsigned newest = 999;
    unsigned minor_ = newest, patch_ = 0;
};

static_assert(Version("1.8.7").at_least(8, 7) && !Version("1.8.7").at_least(11));
static_assert(Version("").at_least(22) && Version("1.14.2+ent").at_least(14, 2) && Version("2.0").at_least(22));

}  // namespace

AgentBehaviour::AgentBehaviour(bool as_agent, std::string reported) : version(std::move(reported)), strict(as_agent) {
    const Version agent(version);
    udp_bytes_max = agent.at_least(14) ? 65'467 : 65'535;
    udp_bytes_spare = agent.at_least(14) ? 8 : 7;
    knows_dc_label = agent.at_least(14, 2);
    knows_namespaces = version.find("+ent") != std::string::npos;
    denies_malformed_addr = agent.at_least(18);

    const auto row = [this](auto fixed, auto in_strict) { return strict ? in_strict : fixed; };
    constexpr bool yes = true, no = false;
    // clang-format off
    //                           fixed                strict
    sets_ra_always         = row(yes,                 no);
    limits_edns_size       = row(yes,                 no);
    cuts_as_agent          = row(no,                  yes);
    cuts_opt               = row(no,                  agent.cuts_all_replies());

    keeps_empty_names      = row(yes,                 no);
    sends_ds_to_recursors  = row(no,                  yes);
    has_leader_zones       = row(yes,                 no);
    names_end_in           = row(Domain::of_query, agent.at_least(11) ? Domain::as_typed : Domain::primary);
    lower_cases_servers    = row(no,                  yes);

    finds_nodes_by_id      = row(no,                  yes);
    looks_up_all_types     = row(yes,                 no);
    sends_soa_without_data = row(yes,                 no);
    addr_owner_as_made     = row(no,                  yes);
    misfit_addr            = row(Misfit::no_data,     agent.at_least(11) ? Misfit::additional : Misfit::answer);

    resolves_host_names    = row(yes,                 no);
    follows_as_any         = row(no,                  yes);
    prefers_live_alias     = row(yes,                 no);
    limits_alias_records   = row(no,                  yes);
    limits_inner_answers   = row(no,                  !agent.cuts_all_replies());
    catalog_before_members = row(no,                  yes);
    // clang-format on
}

}  // namespace lictor::catalog
