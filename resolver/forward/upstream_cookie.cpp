// Sends and judges the cookies for one upstream.
#include "resolver/forward/upstream_cookie.hpp"

#include <algorithm>

#include "conf/base/bytes.hpp"

namespace lictor::forward {
namespace {

constexpr std::size_t server_min = 8, server_max = 32;  // RFC 7873 §4.2
constexpr Now client_life = std::chrono::hours(24), off_for = std::chrono::hours(1);
constexpr unsigned missing_max = 3;

}  // namespace

const UpstreamCookie::Client& UpstreamCookie::client(Random& random, Now now) {
    if (made_one_ && now - made_ < client_life) return client_;
    store_u32(client_.data(), random.next_u32());
    store_u32(client_.data() + 4, random.next_u32());
    made_one_ = true;
    made_ = now;
    server_.clear();
    return client_;
}

std::vector<std::uint8_t> UpstreamCookie::option() const {
    std::vector<std::uint8_t> data(client_.begin(), client_.end());
    data.insert(data.end(), server_.begin(), server_.end());
    return data;
}

UpstreamCookie::Verdict UpstreamCookie::judge(const Client& sent, wire::Bytes got, bool over_tcp, Now now) {
    if (!got.empty()) {
        if (got.size() < sent.size() || !std::equal(sent.begin(), sent.end(), got.begin())) return Verdict::forged;
        const wire::Bytes server = got.subspan(sent.size());
        if (server.size() >= server_min && server.size() <= server_max) {
            if (sent == client_) server_.assign(server.begin(), server.end());
            sends_ = true;
            missing_ = 0;
        }
        return Verdict::genuine;
    }
    if (sends_ && !over_tcp && ++missing_ < missing_max) return Verdict::doubtful;
    refused(now);
    return Verdict::genuine;
}

void UpstreamCookie::refused(Now now) {
    off_until_ = now + off_for;
    sends_ = made_one_ = false;
    missing_ = 0;
    server_.clear();
}

}  // namespace lictor::forward
