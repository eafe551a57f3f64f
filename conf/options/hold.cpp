// The options about queries that are held while there is no leader. Each row has the texts of an option, and the functions that parse and
// print its value.
#include "conf/options/hold.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr Row rows[] = {
    {.name = "leader-hold",
     .shape = Shape::value,
     .own = true,
     .argument = "<milliseconds>",
     .help = "milliseconds that a query for a leader is held",
     .reference = "Maximum time that a query for a leader is held while there is no leader. It is answered as soon as there is one. 0: "
                  "queries are not held.",
     .default_text = "4000",
     .sample = "4000",
     .field = number<&HoldOptions::leader_hold, 0, 30000>},
    {.name = "leader-hold-max",
     .shape = Shape::value,
     .own = true,
     .argument = "<n>",
     .help = "maximum number of queries that each worker holds",
     .reference =
         "Maximum number of queries that each worker holds at once while there is no leader. Further queries are answered SERVFAIL.",
     .default_text = "10000",
     .sample = "10000",
     .field = number<&HoldOptions::leader_hold_max, 0, 1000000>},
};
static_assert(every_field_has_a_row<HoldOptions>(rows));

}  // namespace

const RowGroup hold_group{"Held queries", rows};

}  // namespace lictor::conf
