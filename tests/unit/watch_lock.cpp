// Who holds a plain lock: addresses that people write into keys, and a key's life from one holder to the next.
#include <catch2/catch.hpp>
#include <string>

#include "watch/leader.hpp"
#include "watch/lock_state.hpp"

using namespace lictor;

namespace {

std::string told(std::string_view value) {
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
        return say();
    }
    std::string session(const std::string& id, const std::string& node) {
        state.on_session(id, node, at());
        return say();
    }
    std::string node(const std::string& name, const std::string& address) {
        state.on_node(name, address, at());
        return say();
    }
    std::string say() const {
        const auto& entry = state.verdict();
        std::string out = entry.state == LeaderState::led ? entry.member + '@' + entry.host.text + '#' + std::to_string(entry.port) : word(entry.state);
        return out + ": " + word(entry.reason);
    }

    LockState state;
    Now now = seconds(10);
    std::uint64_t index = 0;
};

}  // namespace

TEST_CASE("lock: addresses in a key's value") {
    CHECK(told("10.0.0.1") == "10.0.0.1#0");
    CHECK(told(" 10.0.0.1:8080\n") == "10.0.0.1#8080");
    CHECK(told("app-1.example.com:80") == "app-1.example.com#80");
    CHECK(told("2001:db8::1") == "2001:db8::1#0");
    CHECK(told("[2001:db8::1]:53") == "2001:db8::1#53");
    CHECK(told("http://u:p@10.0.0.1:8080/x?y") == "10.0.0.1#8080");
    CHECK(told("https://host") == "host#0");
    CHECK(told(R"({"Address":"10.0.0.1","Port":8080})") == "10.0.0.1#8080");
    CHECK(told(R"({"host":"h:1","port":2})") == "h#2");
    CHECK(told(R"({"addr":"http://h:81"})") == "h#81");
    for (const char* bad : {"", "  ", "a b", "h:99999", "h:x", "[::1", "[::1]x", "a:b:c", "{}", "{", R"({"address":5})", "://", "\"h\""}) {
        INFO(bad);
        CHECK(told(bad) == "-");
    }
    CHECK(told(std::string("h\0x", 3)) == "-");
    CHECK(told(std::string(300, 'a')) == "-");
}

TEST_CASE("lock: held, moved, free; never two and never the one before") {
    Play play;
    CHECK(play.state.verdict().service == "jobs.leader");
    CHECK(play.say() == "loading: not read yet");
    CHECK(play.key("s1") == "vacant: holder is not primary yet");
    CHECK(play.state.session_wanted() == "s1");
    CHECK(play.session("s0", "n0") == "vacant: holder is not primary yet");  // an answer to an older question
    CHECK(play.session("s1", "n1") == "vacant: holder is not primary yet");
    CHECK(play.state.session_wanted().empty());
    CHECK(play.node("n0", "10.0.0.9") == "vacant: holder is not primary yet");
    CHECK(play.node("n1", "10.0.0.1") == "n1@10.0.0.1#0: confirmed");
    const auto version = play.state.verdict().version;
    CHECK(play.key("s1", "another value") == "n1@10.0.0.1#0: confirmed");
    CHECK(play.state.verdict().version == version);
    CHECK(play.key("s2") == "vacant: lock moved");
    CHECK(play.state.verdict().host.empty());
    CHECK(play.session("s2", "n2") == "vacant: holder is not primary yet");
    CHECK(play.node("n1", "10.0.0.1") == "vacant: holder is not primary yet");
    CHECK(play.node("n2", "10.0.0.2") == "n2@10.0.0.2#0: confirmed");
    CHECK(play.key("") == "vacant: lock is free");
    CHECK(play.key("s2") == "n2@10.0.0.2#0: confirmed");
    play.state.on_key(LockBody{}, play.at());
    CHECK(play.say() == "vacant: lock is free");
    play.state.on_denied(play.at());
    CHECK(play.say() == "vacant: access denied");
    play.state.on_same(play.at());
    CHECK(play.say() == "vacant: lock is free");
    // The node has another address now.
    play.key("s2");
    CHECK(play.node("n2", "10.0.0.22") == "n2@10.0.0.22#0: confirmed");
}

TEST_CASE("lock: the address from the key's value, the port by option") {
    Play play(LeaderRule::Source::kv);
    play.key("s1", "10.1.0.1:81");
    CHECK(play.session("s1", "n1") == "n1@10.1.0.1#81: confirmed");
    CHECK(play.node("n1", "10.0.0.1") == "n1@10.1.0.1#81: confirmed");
    CHECK(play.state.verdict().node_address.text == "10.0.0.1");
    CHECK(play.key("s1", "no address") == "vacant: holder is not primary yet");
    Play fixed(LeaderRule::Source::node, 9000);
    fixed.key("s1");
    fixed.session("s1", "n1");
    CHECK(fixed.node("n1", "10.0.0.1") == "n1@10.0.0.1#9000: confirmed");
}

TEST_CASE("lock: Consul away keeps the holder, for as long as it may") {
    Play play;
    play.key("s1");
    play.session("s1", "n1");
    play.node("n1", "10.0.0.1");
    play.state.on_contact(true, play.at(), seconds(0));
    CHECK(play.say() == "n1@10.0.0.1#0: kept without contact");
    CHECK_FALSE(play.state.deadline());
    play.state.on_contact(true, play.at(), seconds(5));
    REQUIRE(play.state.deadline());
    CHECK(*play.state.deadline() == play.now + seconds(5));
    play.now += seconds(5);
    play.state.on_time(play.at());
    CHECK(play.say() == "vacant: stale for too long");
    play.state.on_contact(false, play.at(), seconds(5));
    CHECK(play.say() == "n1@10.0.0.1#0: confirmed");
}
