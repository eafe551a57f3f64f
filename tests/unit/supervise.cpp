// What does `lictor init` do: with its words, with resolv.conf, and when lictor ends?
#include <catch2/catch.hpp>

#include "conf/options/options.hpp"
#include "resolver/supervise/keeper.hpp"
#include "resolver/supervise/resolv_text.hpp"
#include "resolver/supervise/words.hpp"

using namespace lictor;
using namespace lictor::supervise;

namespace {

using List = std::vector<std::string>;

constexpr std::string_view engine = "search example.org\nnameserver 192.0.2.1\n# a note\n\n  options ndots:0\n";

}  // namespace

TEST_CASE("init: words before -- are options, words behind it are the command") {
    const auto read = [](const List& words, std::string_view environment = "") {
        auto out = read_words(words, environment);
        INFO((out ? "" : out.error().text));
        REQUIRE(out);
        return *std::move(out);
    };
    CHECK(read({"--", "sh", "-c", "x"}).command == List{"sh", "-c", "x"});
    CHECK(read({"sh", "--", "-x"}).command == List{"sh", "--", "-x"});
    CHECK(read({"--", "--", "x"}).command == List{"--", "x"});
    const auto both = read({"--leader=a", "--server", "192.0.2.1", "--", "env", "--", "x"}, "  --port=53\n\t--strict ");
    CHECK(both.options == List{"--leader=a", "--server", "192.0.2.1", "--port=53", "--strict"});
    CHECK(both.command == List{"env", "--", "x"});
    CHECK_FALSE(both.supervised);
    const auto supervised = read({"--supervised", "start", "one"}, "--leader=a");
    CHECK(supervised.supervised);
    CHECK(supervised.command == List{"start", "one"});
    CHECK(supervised.options.empty());
    CHECK(read({"--help"}).help);
    CHECK(read({"--leader=a", "--help", "--", "x"}).help);
    CHECK(read({"sh", "--help"}).command == List{"sh", "--help"});
}

TEST_CASE("init: wrong words name the remedy") {
    const auto error = [](const List& words) {
        const auto out = read_words(words, "--leader=a");
        REQUIRE_FALSE(out);
        return out.error().text;
    };
    using Catch::Contains;
    for (const List& words : {List{}, List{"--"}, List{"--leader=a", "--"}, List{"--", ""}, List{"--supervised"}})
        CHECK_THAT(error(words), Contains("no command was given") && Contains("lictor init [OPTION…] -- COMMAND"));
    CHECK_THAT(error({"--leader=a", "sh", "-c", "x"}), Contains("must end with --") && Contains("--leader=a"));
    CHECK_THAT(error({"--supervised", "--leader=a", "--", "sh"}), Contains("options belong there"));
}

TEST_CASE("init: the nameserver is an address on which lictor listens, at port 53") {
    conf::Options options;
    const auto nameserver = [&] { return *nameserver_of(options); };
    CHECK(nameserver() == "127.0.0.1");
    options.listen_address = {*Address::parse("0.0.0.0")};
    CHECK(nameserver() == "127.0.0.1");
    options.listen_address = {*Address::parse("127.0.0.53"), *Address::parse("::1")};
    CHECK(nameserver() == "127.0.0.53");
    options.listen_address.push_back(*Address::parse("127.0.0.1"));
    CHECK(nameserver() == "127.0.0.1");
    options.port = 5353;
    REQUIRE_FALSE(nameserver_of(options));
    CHECK_THAT(nameserver_of(options).error().text, Catch::Contains("port=5353"));
}

TEST_CASE("init: resolv.conf names lictor alone, and keeps the engine's text in comments") {
    const std::string taken = taken_text(engine, "127.0.0.1");
    CHECK(taken ==
          "# lictor answers here; the lines behind #= are the container engine's\nnameserver 127.0.0.1\nsearch example.org\n"
          "  options ndots:0\n#= search example.org\n#= nameserver 192.0.2.1\n#= # a note\n#= \n#=   options ndots:0\n");
    CHECK(is_taken(taken));
    CHECK(names_only(taken, "127.0.0.1"));
    CHECK_FALSE(is_taken(engine));
    CHECK_FALSE(names_only(engine, "127.0.0.1"));
    CHECK_FALSE(names_only("", "127.0.0.1"));
    CHECK(names_only("nameserver\t127.0.0.1\r\nnameserver 127.0.0.1", "127.0.0.1"));
    CHECK_FALSE(names_only("nameserver 127.0.0.1\nnameserver 192.0.2.1\n", "127.0.0.1"));
    CHECK(taken_text("search\noptions \nnameserver 192.0.2.1", "127.0.0.1").find("\nsearch\n") == std::string::npos);
}

TEST_CASE("init: the engine's text is found again after any end of an earlier run") {
    const std::string text(engine), taken = taken_text(engine, "127.0.0.1");
    CHECK(engine_text(text, std::nullopt) == text);
    CHECK(engine_text(text, "nameserver 198.51.100.1\n") == text);   // the engine has written a new one
    CHECK(engine_text(taken, std::nullopt) == text);                 // killed, without the copy
    CHECK(engine_text(taken, "nameserver 198.51.100.1\n") == text);  // the copy is older
    CHECK(engine_text("", text) == text);                            // truncated during a write
    CHECK(engine_text("search x\n", "") == "search x\n");            // there never was a nameserver
    CHECK(engine_text("", std::nullopt).empty());
    CHECK(engine_text(taken_text("", "127.0.0.1"), std::nullopt).empty());
    CHECK(engine_text(taken_text("nameserver 192.0.2.1", "127.0.0.1"), std::nullopt) == "nameserver 192.0.2.1\n");
}

TEST_CASE("init: resolv.conf is taken when lictor serves, not before") {
    Keeper keeper;
    const Now begin = seconds(100);
    CHECK(keeper.next(begin) == Act::start);
    keeper.started(begin);
    CHECK(keeper.next(begin) == Act::nothing);
    CHECK_FALSE(keeper.has_served());
    CHECK(keeper.wakes() == begin + Keeper::serves_within);
    keeper.serving(begin + seconds(1));
    CHECK(keeper.has_served());
    CHECK(keeper.next(begin + seconds(1)) == Act::take);
    CHECK(keeper.next(begin + seconds(1)) == Act::nothing);
    CHECK_FALSE(keeper.wakes());
}

TEST_CASE("init: a lictor that does not serve in time is ended") {
    Keeper keeper;
    keeper.started(seconds(1));
    CHECK(keeper.next(seconds(1) + Keeper::serves_within - Now(1)) == Act::nothing);
    CHECK(keeper.next(seconds(1) + Keeper::serves_within) == Act::kill);
    CHECK(keeper.next(seconds(1) + Keeper::serves_within) == Act::nothing);
    keeper.serving(seconds(40));  // too late
    CHECK_FALSE(keeper.has_served());
    keeper.ended(seconds(41));
    CHECK(keeper.next(seconds(41)) == Act::nothing);
    CHECK(keeper.next(seconds(41) + Keeper::pause_min) == Act::start);
}

TEST_CASE("init: a quick restart of a steady lictor leaves resolv.conf as it is") {
    Keeper keeper;
    keeper.started(Now(0));
    keeper.serving(Now(0));
    CHECK(keeper.next(Now(0)) == Act::take);
    const Now end = Keeper::steady_after;
    keeper.ended(end);
    CHECK(keeper.pause(end) == Now(0));
    CHECK(keeper.next(end) == Act::start);
    keeper.started(end);
    CHECK(keeper.next(end + milliseconds(100)) == Act::nothing);
    SECTION("it serves soon") {
        keeper.serving(end + milliseconds(100));
        CHECK(keeper.next(end + Keeper::quick_restart) == Act::nothing);
    }
    SECTION("it does not") {
        CHECK(keeper.wakes() == end + Keeper::quick_restart);
        CHECK(keeper.next(end + Keeper::quick_restart) == Act::give_back);
        CHECK(keeper.next(end + Keeper::quick_restart) == Act::nothing);
        keeper.serving(end + seconds(5));
        CHECK(keeper.next(end + seconds(5)) == Act::take);
    }
    SECTION("it ends again before it serves: the time does not begin anew") {
        keeper.ended(end + milliseconds(1900));
        CHECK(keeper.next(end + Keeper::quick_restart) == Act::give_back);
    }
}

TEST_CASE("init: pauses between starts double up to their maximum, and begin anew after a steady run") {
    Keeper keeper;
    Now now = seconds(1);
    keeper.started(now);
    keeper.serving(now);
    CHECK(keeper.next(now) == Act::take);
    keeper.ended(now);
    CHECK(keeper.next(now) == Act::give_back);  // at once: the next start is not soon
    for (const int pause : {1, 2, 4, 8, 16, 30, 30}) {
        CHECK(keeper.pause(now) == seconds(pause));
        CHECK(keeper.wakes() == now + seconds(pause));
        CHECK(keeper.next(now + seconds(pause) - Now(1)) == Act::nothing);
        now += seconds(pause);
        CHECK(keeper.next(now) == Act::start);
        keeper.started(now);
        keeper.ended(now);
    }
    now += Keeper::pause_max;
    keeper.started(now);
    keeper.serving(now);
    now += Keeper::steady_after;
    keeper.ended(now);
    CHECK(keeper.pause(now) == Now(0));
    keeper.started(now);
    keeper.ended(now);
    CHECK(keeper.pause(now) == Keeper::pause_min);
}
