// Are the committed manual pages and completions equal to the generated ones, and do they name every option and command?
// With LICTOR_WRITE_GENERATED=1 in the environment, the test writes the generated text into the committed files.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "conf/options/option_rows.hpp"
#include "resolver/manual/commands.hpp"
#include "resolver/manual/pages.hpp"

using namespace lictor;

namespace {

void check_folder(const std::string& folder, const std::vector<manual::File>& files) {
    const auto path = std::filesystem::path(LICTOR_SOURCE_DIR) / folder;
    const char* write = std::getenv("LICTOR_WRITE_GENERATED");
    const bool writes = write && std::string(write) == "1";
    if (writes) std::filesystem::create_directories(path);
    std::set<std::string> names;
    for (const auto& file : files) {
        names.insert(file.name);
        if (writes) std::ofstream(path / file.name) << file.text;
        std::stringstream committed;
        committed << std::ifstream(path / file.name).rdbuf();
        INFO(folder << '/' << file.name << " differs from the tables: run this test with LICTOR_WRITE_GENERATED=1");
        CHECK((committed.str() == file.text));
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        const auto name = entry.path().filename().string();
        INFO(folder << '/' << name << " is not generated any more: remove it");
        CHECK(names.count(name) == 1);
    }
}

}  // namespace

TEST_CASE("the committed manual pages and completions are the generated ones") {
    check_folder("resolver/manual/pages", manual::render_pages());
    check_folder("resolver/manual/completions", manual::render_completions());
}

TEST_CASE("each completion and lictor(8) name every option and command") {
    auto files = manual::render_completions();
    for (auto& page : manual::render_pages())
        if (page.name == "lictor.8") files.push_back(page);
    REQUIRE(files.size() == 4);
    for (const auto& file : files) {
        std::string text;
        for (const char c : file.text)
            if (c != '\\') text += c;
        for (const auto& row : conf::option_rows()) {
            if (row.shape == conf::Shape::environment && file.name != "lictor.8") continue;
            INFO(file.name << ": " << row.name);
            CHECK(text.find((file.name == "lictor.fish" ? "-l " : "") + std::string(row.name)) != std::string::npos);
        }
        for (const auto& command : manual::commands()) {
            INFO(file.name << ": " << command.word);
            CHECK(text.find(command.word) != std::string::npos);
        }
    }
}

TEST_CASE("no text of a table becomes a request of roff") {
    CHECK(manual::roff_text(".so /etc/passwd") == "\\&.so /etc/passwd\n");
    CHECK(manual::roff_text("a \\b `--c d` e") == "a \\eb \\fB\\-\\-c d\\fR e\n");
    CHECK(manual::roff_text("'quote") == "\\(aqquote\n");
    const std::string word(60, 'x');
    CHECK(manual::roff_text(word + " .y" + word + " z") == word + "\n\\&.y" + word + " z\n");
}
