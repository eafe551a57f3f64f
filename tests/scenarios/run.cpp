// Does every scenario in tests/scenarios/files pass, and does the player fail wrong ones?
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/scenarios/scenario.hpp"

namespace {

TEST_CASE("each scenario passes") {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(LICTOR_SOURCE_DIR "/tests/scenarios/files"))
        if (entry.path().extension() == ".scn") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() >= 20);
    for (const auto& file : files) {
        DYNAMIC_SECTION(file.stem().string()) {
            std::ifstream in(file);
            std::stringstream text;
            text << in.rdbuf();
            CHECK(lictor::test::play_scenario(text.str()) == "");
        }
    }
}

TEST_CASE("a scenario fails if it lacks a check or a check is wrong") {
    using lictor::test::play_scenario;
    const std::string head = "option server=192.0.2.1\nstart\n";
    CHECK(play_scenario(head + "query 1 www.example A\npasses 1ms\n").find("not checked: asks") != std::string::npos);
    CHECK(play_scenario(head + "query 1 www.example A\nasks 192.0.2.1#53 www.example A\n").find("no answer at the end") !=
          std::string::npos);
    CHECK(play_scenario(head + "query 1 www.example A\nasks 192.0.2.2#53 www.example A\n").find("asked instead") != std::string::npos);
    CHECK(play_scenario(head + "query 1 localhost A\nanswers 1 NXDOMAIN\n").find("other rcode") != std::string::npos);
    CHECK(play_scenario(head + "query 1 localhost A\nanswers 1 NOERROR localhost 0 A 127.0.0.2\n").find("other records") !=
          std::string::npos);
    CHECK(play_scenario("option cache-sise=1\nstart\n").find("cache-size") != std::string::npos);
}

}  // namespace
