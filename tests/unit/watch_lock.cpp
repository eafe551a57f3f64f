// Which node holds a plain lock, and at which address? The tests use values that operators write into keys, and changes of the holder.
#include <catch2/catch.hpp>
#include <string>

#include "watch/leader/lock_state.hpp"
#include "watch/leader/words.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::json;
using namespace lictor::leader;

namespace {

std::string parsed(std::string_view value) {
    const auto found = parse_lock_address(value);
    return found ? found->host.text + '#' + std::to_string(found->port) : "-";
}

struct Play {
    explicit Play(LeaderRule::Source source = LeaderRule::Source::node, std::uint16_t port = 0) : state(rule(source, port)) {}

    static LeaderRule rule(LeaderRule::Source source, std::uint16_t port) {
        LeaderRule rule;
        rule.scope = "Jobs";
        rule.key = "jobs/.lock";
        rule.source = source;
        rule.port = port;
        return rule;
    }
    Moment at() const { return {now, 1'700'000'000}; }
    std::string key(const std::string& session, const std::string& value = "") {
        LockBody body;
        body.exists = true;
        body.session = session;
        body.value = value;
        body.modify_index = ++index;
        state.on_key(body, at());
        return shown();
    }
    std::string session(const std::string& id, const std::string& node) {
        state.on_session(id, node, at());
        return shown();
    }
    std::string node(const std::string& name, const std::string& address) {
        state.on_node(name, address, at());
        return shown();
    }
    std::string shown() const {
        const auto& entry = state.verdict();
        std::string out =
            entry.state == LeaderState::led ? entry.member + '@' + entry.host.text + '#' + std::to_string(entry.port) : word(entry.state);
        return out + ": " + word(entry.reason);
    }

    LockState state;
    Now now = seconds(10);
    std::uint64_t index = 0;
};

}  // namespace

TEST_CASE("lock: addresses are read from a key's value") {
    CHECK(parsed("10.0.0.1") == "10.0.0.1#0");
    CHECK(parsed(" 10.0.0.1:8080\n") == "10.0.0.1#8080");
    CHECK(parsed("app-1.example.com:80") == "app-1.example.com#80");
    CHECK(parsed("2001:db8::1") == "2001:db8::1#0");
    CHECK(parsed("[2001:db8::1]:53") == "2001:db8::1#53");
    CHECK(parsed("http://u:p@10.0.0.1:8080/x?y") == "10.0.0.1#8080");
    CHECK(parsed("https://host") == "host#0");
    CHECK(parsed(R"({"Address":"10.0.0.1","Port":8080})") == "10.0.0.1#8080");
    CHECK(parsed(R"({"host":"h:1","port":2})") == "h#2");
    CHECK(parsed(R"({"addr":"http://h:81"})") == "h#81");
    for (const char* bad : {"", "  ", "a b", "h:99999", "h:x", "[::1", "[::1]x", "a:b:c", "{}", "{", R"({"address":5})", "://", "\"h\""}) {
        INFO(bad);
        CHECK(parsed(bad) == "-");
    }
    CHECK(parsed(std::string("h\0x", 3)) == "-");
    CHECK(parsed(std::string(300, 'a')) == "-");
}

TEST_CASE("lock: the lock is held, moves and becomes free, and a former holder is never answered") {
    Play play;
    CHECK(play.state.verdict().service == "jobs.leader");
    CHECK(play.shown() == "loading: not read yet");
    CHECK(play.key("s1") == "vacant: address is not known");
    CHECK(play.state.session_to_look_up() == "s1");
    CHECK(play.session("s0", "n0") == "vacant: address is not known");  // a reply about an earlier session
    CHECK(play.session("s1", "n1") == "vacant: address is not known");
    CHECK(play.state.session_to_look_up().empty());
    CHECK(play.node("n0", "10.0.0.9") == "vacant: address is not known");
    CHECK(play.node("n1", "10.0.0.1") == "n1@10.0.0.1#0: confirmed");
    const auto version = play.state.verdict().version;
    CHECK(play.key("s1", "another value") == "n1@10.0.0.1#0: confirmed");
    CHECK(play.state.verdict().version == version);
    CHECK(play.key("s2") == "vacant: lock moved");
    CHECK(play.state.verdict().host.empty());
    CHECK(play.session("s2", "n2") == "vacant: address is not known");
    CHECK(play.node("n1", "10.0.0.1") == "vacant: address is not known");
    CHECK(play.node("n2", "10.0.0.2") == "n2@10.0.0.2#0: confirmed");
    CHECK(leader_why(play.state.verdict()) == "10.0.0.2 is answered: n2 holds the key (index 3)");
    CHECK(play.key("") == "vacant: lock is free");
    CHECK(leader_why(play.state.verdict()) == "queries are held: no session holds the key");
    CHECK(play.key("s2") == "n2@10.0.0.2#0: confirmed");
    play.state.on_key(LockBody{}, play.at());
    CHECK(play.shown() == "vacant: lock is free");
    play.state.on_denied(play.at());
    CHECK(play.shown() == "vacant: access denied");
    play.state.on_same(play.at());
    CHECK(play.shown() == "vacant: lock is free");
    // The node gets another address.
    play.key("s2");
    CHECK(play.node("n2", "10.0.0.22") == "n2@10.0.0.22#0: confirmed");
}

TEST_CASE("lock: the address comes from the key's value and the port from the option") {
    Play play(LeaderRule::Source::kv);
    play.key("s1", "10.1.0.1:81");
    CHECK(play.session("s1", "n1") == "n1@10.1.0.1#81: confirmed");
    CHECK(play.node("n1", "10.0.0.1") == "n1@10.1.0.1#81: confirmed");
    CHECK(play.state.verdict().node_address.text == "10.0.0.1");
    CHECK(play.key("s1", "no address") == "vacant: address is not known");
    Play fixed(LeaderRule::Source::node, 9000);
    fixed.key("s1");
    fixed.session("s1", "n1");
    CHECK(fixed.node("n1", "10.0.0.1") == "n1@10.0.0.1#9000: confirmed");
}

TEST_CASE("lock: without contact the holder is kept, up to leader-max-stale") {
    Play play;
    play.key("s1");
    play.session("s1", "n1");
    play.node("n1", "10.0.0.1");
    play.state.on_contact(ConsulContact::lost, play.at(), seconds(0));
    CHECK(play.shown() == "n1@10.0.0.1#0: kept without contact");
    CHECK_FALSE(play.state.deadline());
    play.state.on_contact(ConsulContact::lost, play.at(), seconds(5));
    REQUIRE(play.state.deadline());
    CHECK(*play.state.deadline() == play.now + seconds(5));
    play.now += seconds(5);
    play.state.on_time(play.at());
    CHECK(play.shown() == "vacant: stale for too long");
    play.state.on_contact(ConsulContact::back, play.at(), seconds(5));
    CHECK(play.shown() == "n1@10.0.0.1#0: confirmed");
}

TEST_CASE("lock: a key that was never there") {
    Play play;
    play.state.on_key(LockBody{}, play.at());
    CHECK(play.shown() == "vacant: no keys");
    CHECK(leader_why(play.state.verdict()) == "queries are held: there is no key jobs/.lock");
    CHECK(play.key("") == "vacant: lock is free");
    play.state.on_key(LockBody{}, play.at());
    CHECK(play.shown() == "vacant: lock is free");
}
