// Sends and judges the cookies for one upstream.
#include "resolver/forward/upstream_cookie.hpp"

#include <algorithm>

#include "conf/base/bytes.hpp"

namespace lictor::forward {
namespace {

constexpr std::size_t server_min = 8, server_max = 32;  // RFC 7873 §4.2
constexpr Now client_life = std::chrono::hours(24), off_for = std::chrono::hours(1);
constexpr Now off_for_silence = std::chrono::minutes(10);  ///< of an upstream that has sent cookies: it may have been away only
constexpr unsigned missing_max = 3;

/// True if the COOKIE option of a reply begins with the client cookie of the query.
bool repeats(const UpstreamCookie::Client& sent, wire::Bytes got) {
    return got.size() >= sent.size() && std::equal(sent.begin(), sent.end(), got.begin());
}

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
        if (!repeats(sent, got)) return Verdict::forged;
        if (!over_tcp) silent_ = 0;
        const wire::Bytes server = got.subspan(sent.size());
        if (server.size() >= server_min && server.size() <= server_max) {
            if (sent == client_) server_.assign(server.begin(), server.end());
            sends_ = true;
            missing_ = 0;
        }
        return Verdict::genuine;
    }
    if (!over_tcp) silent_ = 0;
    if (sends_ && !over_tcp && ++missing_ < missing_max) return Verdict::doubtful;
    refused(now);
    return Verdict::genuine;
}

bool UpstreamCookie::trusts(const Client& sent, wire::Bytes got) const { return got.empty() ? !sends_ : repeats(sent, got); }

void UpstreamCookie::refused(Now now) { off_until(now + off_for); }

void UpstreamCookie::timed_out(bool with_cookie, Now now) {
    if (now < off_until_) return;  // its queries with a cookie were sent before
    silent_ = with_cookie ? silent_ + 1 : 0;
}

void UpstreamCookie::answered_without(bool silent_beside, Now now) {
    if (silent_beside || silent_ >= silent_max) off_until(now + (sends_ ? off_for_silence : off_for));
}

void UpstreamCookie::off_until(Now end) {
    off_until_ = end;
    sends_ = made_one_ = false;
    missing_ = silent_ = 0;
    server_.clear();
}

}  // namespace lictor::forward
