// Does every query end exactly once, in time, with the right answer or SERVFAIL, and are all tables empty at the end? Packets are lost,
// late, duplicated, reordered, forged or malformed; upstreams refuse, truncate or hang; clients disconnect; caches are flushed and rules
// replaced. A failure names the seed of its run.
#include <catch2/catch.hpp>

#include <functional>
#include <map>

#include "forward_world.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::test;

namespace {

constexpr microseconds bound = milliseconds(4600);

class Storm {
public:
    explicit Storm(std::uint32_t seed) : dice_(Random::Seed{seed, 7, 7, 7, 7, 7, 7, 7}), w_({"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
        w_.add_server({"corp.example"}, "10.0.0.4");
        w_.options.cache_size = seed % 3 == 0 ? 0 : 40;
        w_.options.all_servers = seed % 4 == 1;
        w_.options.strict_order = seed % 4 == 2;
        w_.options.dns_forward_max = seed % 5 == 3 ? 20 : 10'000;
        w_.adopt();
    }

    void run(unsigned queries) {
        for (unsigned i = 0; i < queries; ++i) {
            pass(microseconds(dice_.below(20'000)));
            if (one_in(50)) w_.flush(one_in(2) ? "corp.example" : ".");
            if (one_in(100)) w_.adopt();
            if (one_in(20)) leave();
            ask();
        }
        pass(seconds(6));
        collect();
        CHECK(waiting_.empty());
        pass(seconds(6));  // the sockets for late replies
        CHECK(w_.open.empty());
        CHECK_FALSE(w_.double_close);
        CHECK_FALSE(w_.forward.deadline());
        CHECK(w_.counters.forward_pending.get() == 0);
        CHECK(wrong_ == 0);
        CHECK(late_ == 0);
        CHECK(twice_ == 0);
        CHECK(right_ > queries / 4);
    }

private:
    struct Waiting {
        std::string name;
        Now since;
        std::uint64_t connection;
    };
    bool one_in(std::uint32_t n) { return dice_.below(n) == 0; }

    static std::string value_of(std::string_view name) {
        return "10." + std::to_string(name.size()) + '.' + std::to_string(static_cast<unsigned char>(name[0])) + '.' +
               std::to_string(static_cast<unsigned char>(name[1]) % 250);
    }

    void ask() {
        std::string name = std::string(1, static_cast<char>('a' + dice_.below(26))) + std::to_string(dice_.below(10)) +
                           (one_in(3) ? ".corp.example" : ".example");
        QueryForm form;
        form.port = next_++;
        form.id = static_cast<std::uint16_t>(1 + dice_.below(60000));
        form.edns = one_in(2) ? 1232 : 0;
        form.connection = one_in(4) ? next_ : 0;
        if (one_in(10)) form.way = QueryForm::Way::agent;
        const auto at_once = w_.ask(name, rrtype::a, form);
        if (at_once) judge(*at_once, name);
        else waiting_.emplace(form.port, Waiting{name, w_.now, form.connection});
        performed();
    }

    void judge(const Seen& seen, const std::string& name) {
        if (!seen.whole || seen.question != name) ++wrong_;
        else if (seen.rcode() == rcode::noerror && seen.values() == value_of(name)) ++right_;
        else if (seen.rcode() != rcode::servfail) ++wrong_;
    }

    void collect() {
        for (; replies_read_ < w_.replied.size(); ++replies_read_) {
            const Reply& reply = w_.replied[replies_read_];
            const auto query = waiting_.find(reply.client.peer.port);
            if (query == waiting_.end()) {
                ++twice_;
                continue;
            }
            if (w_.now - query->second.since > bound) ++late_;
            judge(Seen(reply.bytes), query->second.name);
            waiting_.erase(query);
        }
    }

    /// A TCP client disconnects: it must get no reply.
    void leave() {
        for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
            if (it->second.connection == 0) continue;
            w_.forward.drop_connection(it->second.connection);
            waiting_.erase(it);
            return;
        }
    }

    /// Chooses what happens to each new Ask.
    void performed() {
        collect();
        for (; asks_read_ < w_.asked.size(); ++asks_read_) plan(w_.asked[asks_read_]);
    }

    void plan(const Ask& ask) {
        const Now arrival = w_.now + microseconds(one_in(4) ? dice_.below(2'500'000) : dice_.below(60'000));
        const UpstreamReply good =
            UpstreamReply(ask).a(UpstreamReply(ask).question.text(), dice_.below(4), value_of(UpstreamReply(ask).question.text()));
        const auto deliver = [this, ask](std::vector<std::uint8_t> bytes) {
            return [this, ask, bytes = std::move(bytes)] {
                if (w_.open.contains(ask.attempt)) w_.arrives(ask, bytes);
            };
        };
        switch (dice_.below(14)) {
            case 0: return;  // lost
            case 1:
                events_.emplace(arrival, [this, ask] {
                    if (w_.open.contains(ask.attempt)) w_.breaks(ask);
                });
                return;
            case 2:
                events_.emplace(arrival, deliver(UpstreamReply(ask).code(one_in(2) ? rcode::servfail : rcode::refused).bytes()));
                return;
            case 3: events_.emplace(arrival, deliver(UpstreamReply(ask).flags(0x0200).bytes())); return;
            case 4: {  // a reply with a wrong id, then the genuine one
                auto guess = UpstreamReply(ask).a(UpstreamReply(ask).question.text(), 60, "203.0.113.66");
                guess.id = static_cast<std::uint16_t>(guess.id + 1 + dice_.below(60000));
                if (guess.id != UpstreamReply(ask).id) events_.emplace(arrival - microseconds(1), deliver(guess.bytes()));
                break;
            }
            case 5: {  // a cut packet, then the genuine reply
                auto bytes = UpstreamReply(ask).a(UpstreamReply(ask).question.text(), 60, "203.0.113.66").bytes();
                bytes.resize(2 + dice_.below(static_cast<std::uint32_t>(bytes.size() - 2)));
                events_.emplace(arrival - microseconds(1), deliver(bytes));
                break;
            }
            case 6: events_.emplace(arrival, deliver(UpstreamReply(ask).code(rcode::formerr).bytes())); return;
            case 7: {
                auto other = UpstreamReply(ask).a("evil.example", 60, "203.0.113.66");
                other.question = name_of("evil.example");
                events_.emplace(arrival - microseconds(1), deliver(other.bytes()));
                break;
            }
            case 8: events_.emplace(arrival + microseconds(dice_.below(1'000'000)), deliver(good.bytes())); break;  // twice
            default: break;
        }
        events_.emplace(arrival, deliver(good.bytes()));
    }

    void pass(microseconds span) {
        const Now end = w_.now + span;
        for (;;) {
            const auto tick = w_.forward.deadline();
            const bool event_first = !events_.empty() && (!tick || events_.begin()->first <= *tick);
            const Now at = event_first ? events_.begin()->first : tick ? *tick : end + microseconds(1);
            if (at > end) break;
            w_.now = std::max(w_.now, at);
            if (event_first) {
                const auto event = std::move(events_.begin()->second);
                events_.erase(events_.begin());
                event();
            } else {
                w_.tick();
            }
            performed();
        }
        w_.now = end;
    }

    Random dice_;
    World w_;
    std::multimap<Now, std::function<void()>> events_;
    std::map<std::uint16_t, Waiting> waiting_;
    std::size_t asks_read_ = 0, replies_read_ = 0;
    unsigned right_ = 0, wrong_ = 0, late_ = 0, twice_ = 0;
    std::uint16_t next_ = 1;
};

}  // namespace

TEST_CASE("forward: under random faults every query ends once, in time, with the right answer or SERVFAIL") {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        Storm(seed).run(600);
    }
}
