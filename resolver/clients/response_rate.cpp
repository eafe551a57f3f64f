// Counts the queries of each client by the time that they pay for (the generic cell rate algorithm, ITU-T I.371).
#include "resolver/clients/response_rate.hpp"

#include <algorithm>

namespace lictor::clients {

bool ResponseRate::take(ClientKey client, Now now, std::uint32_t per_second) {
    if (table_.empty()) table_.resize(rows);
    Row* const first = table_.data() + hash_(client) % (rows / together) * together;
    Row* row = std::find_if(first, first + together, [client](const Row& each) { return each.client == client; });
    if (row == first + together) {
        row = std::min_element(first, first + together, [](const Row& a, const Row& b) { return a.paid < b.paid; });
        *row = {client, now};
    }
    constexpr microseconds burst = seconds(1);
    const Now paid = std::max(row->paid, now) + std::max<microseconds>(burst / per_second, microseconds(1));
    if (paid - now > burst) return false;
    row->paid = paid;
    return true;
}

}  // namespace lictor::clients
