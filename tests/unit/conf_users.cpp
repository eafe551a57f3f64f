// Which lines of passwd and group are found, and which are skipped?
#include <catch2/catch.hpp>

#include "conf/values/user_lines.hpp"

using namespace lictor::conf;

namespace {

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# comment:x:5:5::/:\n"
    "+nis:x:6:6::/:\n"
    "short:x:7\n"
    "letters:x:seven:7::/:\n"
    "huge:x:4294967295:7::/:\n"
    ":x:8:8::/:\n"
    "\n"
    "_lictor:x:990:991:DNS resolver:/nonexistent:/usr/sbin/nologin\n"
    "_lictor:x:1:1:the second line:/:\n"
    "last:x:4294967294:12";

}  // namespace

TEST_CASE("a user is found by the first line with its name or its id") {
    const auto user = user_of_name(passwd, "_lictor");
    REQUIRE(user);
    CHECK(user->user == 990);
    CHECK(user->group == 991);
    CHECK(user_of_id(passwd, 990)->name == "_lictor");
    CHECK(user_of_id(passwd, 0)->name == "root");
    CHECK(user_of_name(passwd, "last")->user == 4'294'967'294u);
    CHECK(user_of_name(passwd, "last")->group == 12);
}

TEST_CASE("lines that do not have the form of passwd name no user") {
    for (const char* name : {"# comment", "comment", "+nis", "nis", "short", "letters", "huge", "", "roo", "root:x", "ROOT"}) {
        INFO(name);
        CHECK_FALSE(user_of_name(passwd, name));
    }
    for (const unsigned id : {5u, 6u, 7u, 8u, 4'294'967'295u}) CHECK_FALSE(user_of_id(passwd, id));
    CHECK_FALSE(user_of_name("", "root"));
    CHECK_FALSE(user_of_name(":::\n::::\n\n", ""));
}

TEST_CASE("a group is found by its name, with and without members") {
    constexpr const char* group = "root:x:0:\ndns:x:53:_lictor,www\nbroken:x\nnumber:x:-4:\nlast:x:12:";
    CHECK(group_of_name(group, "root") == 0u);
    CHECK(group_of_name(group, "dns") == 53u);
    CHECK(group_of_name(group, "last") == 12u);
    for (const char* name : {"broken", "number", "", "_lictor", "dn"}) CHECK_FALSE(group_of_name(group, name));
}
