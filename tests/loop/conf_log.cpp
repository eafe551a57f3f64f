// How does the log write hostile text, limit repeated lines, count dropped lines and write files?
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "conf/base/printable.hpp"
#include "conf/base/rate_limit.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"

using namespace lictor;
using namespace lictor::disk;
using Catch::Matchers::Contains;

namespace {

/// A temporary folder, removed at the end.
class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "lictor-conf-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return (path_ / name).string(); }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

/// The text with every digit replaced by 0.
std::string shape_of(std::string text) {
    for (char& c : text)
        if (c >= '0' && c <= '9') c = '0';
    return text;
}

std::string text_of_file(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("hostile text is made printable") {
    CHECK(printable("web.service.consul") == "web.service.consul");
    CHECK(printable(std::string("a\n\"'\\\x7f\xff\0b", 9)) == "a\\010\\034\\039\\092\\127\\255\\000b");
    CHECK(printable("abcdef", 3) == "abc…");
    CHECK(printable("abc", 3) == "abc");
    CHECK(quotable("the \"cluster's\" key\\\n") == "the \\034cluster's\\034 key\\092\\010");
    CHECK(one_line("'a' is no \"b\" …\n\x7f") == "'a' is no \"b\" …\\010\\127");
}

TEST_CASE("a repeated line is limited in rate") {
    RateLimit sometimes{5};
    CHECK(sometimes.pass(100));
    CHECK_FALSE(sometimes.pass(100));
    CHECK_FALSE(sometimes.pass(104));
    CHECK(sometimes.pass(105));
    CHECK(sometimes.pass(110));
}

TEST_CASE("dropped lines are counted and logged as dnsmasq does") {
    const Folder folder;
    const auto path = folder.file("pipe");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    REQUIRE(log::open(path, false, 5) == "");
    constexpr int lines = 4000;  // more than the pipe and the queue hold
    for (int i = 0; i < lines; ++i) log::info(std::string(100, 'x'));
    CHECK(log::dropped() > 0);
    // After the pipe is read again the other lines arrive, and the number of lost ones is logged.
    std::string text;
    std::array<char, 65536> buffer{};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    // Each line counts the entries lost since the one before.
    const auto lost = [&text] {
        std::uint64_t sum = 0;
        for (std::size_t at = 0;
             (at = text.find("overflow: ", at)) != std::string::npos && text.find(" log entries lost", at) != std::string::npos;) {
            at += 10;
            sum += std::stoull(text.substr(at));
        }
        return sum;
    };
    while (std::chrono::steady_clock::now() < until && lost() != log::dropped()) {
        const auto count = ::read(reader, buffer.data(), buffer.size());
        if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
        else std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(lost() == log::dropped());
    log::close();
    ::close(reader);
}

TEST_CASE("under the name dnsmasq lines have dnsmasq's form") {
    const Folder folder;
    const auto path = folder.file("log");
    log::called("/usr/sbin/dnsmasq");
    CHECK(log::open(path, false) == "");
    log::warning("query[A] www.example from 127.0.0.1");
    log::close();
    log::called("/usr/sbin/lictor");
    const auto text = text_of_file(path);
    CHECK_THAT(text, Contains(" dnsmasq[" + std::to_string(::getpid()) + "]: query[A] www.example from 127.0.0.1\n"));
    CHECK(text.find(" dnsmasq[") == 15);  // `Nov  2 10:00:00`
    CHECK(log::open(path, false) == "");
    log::info("own");
    log::close();
    CHECK_THAT(text_of_file(path), Contains("Z info  own"));
}

TEST_CASE("lines arrive in the file in order and in one form") {
    const Folder folder;
    const auto path = folder.file("log");
    CHECK(log::open(path, false) == "");
    log::info("first");
    log::debug("below the level");
    log::warning("two\nlines");
    log::error("last");
    log::close();
    const auto text = text_of_file(path);
    INFO(text);
    std::istringstream stream(text);
    std::vector<std::string> texts;
    for (std::string line; std::getline(stream, line);) {
        REQUIRE(line.size() > 25);
        CHECK(shape_of(line.substr(0, 25)) == "0000-00-00T00:00:00.000Z ");
        texts.push_back(line.substr(25));
    }
    CHECK(texts == std::vector<std::string>{"info  first", "warn  two lines", "error last"});
}

TEST_CASE("a rotated file is opened again") {
    const Folder folder;
    const auto path = folder.file("log");
    CHECK(log::open(path, true) == "");
    log::debug("before");
    log::close();
    CHECK(log::open(path, true) == "");
    std::filesystem::rename(path, folder.file("log.1"));
    log::reopen();
    log::info("after");
    log::close();
    CHECK_THAT(text_of_file(folder.file("log.1")), Contains("debug before") && !Contains("after"));
    CHECK_THAT(text_of_file(path), Contains("info  after"));
}

TEST_CASE("a log that is not read blocks nothing, and dropped lines are counted") {
    const Folder folder;
    const auto path = folder.file("fifo");
    REQUIRE(::system(("mkfifo " + path).c_str()) == 0);
    // The reader never reads: after 64 kB the pipe is full and the background thread blocks.
    std::fstream reader(path, std::ios::in | std::ios::out);
    CHECK(log::open(path, false) == "");
    const std::string line(1000, 'x');
    for (int i = 0; i < 2000; ++i) log::info(line);
    CHECK(log::dropped() > 1000);
    const auto begin = std::chrono::steady_clock::now();
    log::close();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(900));
}

TEST_CASE("the latest warnings are kept, newest first, cut and of bounded number") {
    Folder folder;
    REQUIRE(log::open(folder.file("log"), false).empty());
    log::info("no warning");
    for (std::size_t i = 0; i < log::warnings_kept + 5; ++i) log::warning("warning " + std::to_string(i) + "\nline");
    log::error(std::string(1000, 'x'));
    const auto kept = log::latest_warnings();
    log::close();
    REQUIRE(kept.size() == log::warnings_kept);
    CHECK(kept[0].level == log::Level::error);
    CHECK(kept[0].line == std::string(log::warning_bytes_max, 'x'));
    CHECK(kept[1].level == log::Level::warning);
    CHECK(kept[1].line == "warning " + std::to_string(log::warnings_kept + 4) + " line");
    CHECK(kept[1].unix_seconds > 1'700'000'000);
}

TEST_CASE("a log that cannot be opened is an error") {
    CHECK_THAT(log::open("/nonexistent/folder/log", false), Contains("cannot write the log file /nonexistent/folder/log: No such file"));
    log::close();
    CHECK_THAT(log::open("lokal7", false), Contains("unknown syslog facility"));
    log::close();
}

TEST_CASE("a file is identified by its inode, and a directory lists its files without its directories") {
    const Folder folder;
    std::ofstream(folder.file("a")) << "port=5\n";
    std::filesystem::create_symlink(folder.file("a"), folder.file("b"));
    std::filesystem::create_directory(folder.file("sub"));
    DiskFiles files;
    const auto a = files.read(folder.file("a"));
    const auto b = files.read(folder.file("b"));
    REQUIRE(a);
    REQUIRE(b);
    CHECK(a->text == "port=5\n");
    CHECK(a->identity == b->identity);
    CHECK(files.exists(folder.file("a")));
    CHECK_FALSE(files.exists(folder.file("none")));
    CHECK(files.read(folder.file("none")).error().text == "No such file or directory");
    CHECK(files.read(folder.path()).error().text == "is a directory");
    auto names = files.list(folder.path());
    REQUIRE(names);
    std::sort(names->begin(), names->end());
    CHECK(*names == std::vector<std::string>{"a", "b"});
    CHECK_FALSE(files.list(folder.file("none")));
}
