// Does the table that USR1 logs have the widths, flags and rows of dnsmasq 2.90?
#include <catch2/catch.hpp>

#include "conf/options/options.hpp"
#include "forward_world.hpp"
#include "resolver/forward/cache_table.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::forward;
using namespace lictor::rules;
using namespace lictor::test;

namespace {

std::vector<std::string> lines_of(const std::vector<TableRow>& rows) {
    std::vector<std::string> lines;
    for (const auto& row : rows) lines.push_back(table_line(row, row.expires_unix ? "t" + std::to_string(*row.expires_unix) : ""));
    std::sort(lines.begin(), lines.end());
    return lines;
}

std::string line(std::string host, std::string address, std::string flags, std::string expires, std::string source = {}) {
    host.resize(30, ' ');
    address.resize(40, ' ');
    flags.resize(10, ' ');
    expires.resize(24, ' ');
    if (!source.empty()) source.resize(40, ' ');
    return host + ' ' + address + ' ' + flags + ' ' + expires + (source.empty() ? "" : ' ' + source);
}

}  // namespace

TEST_CASE("the cache's table has a row for each record") {
    World w;
    w.ask("www.x");
    w.respond(UpstreamReply(w.last()).cname("www.x", 60, "web.x").a("web.x", 60, "198.51.100.1"), w.last());
    w.ask("nx.x");
    w.respond(UpstreamReply(w.last()).code(rcode::nxdomain).soa("x", 60, 60), w.last());
    w.ask("none.x", rrtype::aaaa);
    w.respond(UpstreamReply(w.last()).soa("x", 60, 60), w.last());
    w.ask("none.x", rrtype::mx);
    w.respond(UpstreamReply(w.last()).soa("x", 60, 60), w.last());
    w.ask("text.x", rrtype::txt);
    w.respond(UpstreamReply(w.last()).record(0, "text.x", rrtype::txt, 60, {1, 'x'}), w.last());
    w.ask("failed.x");
    w.wait(seconds(30));
    const Moment at{w.now, 1000};
    CHECK(lines_of(w.forward.table(at, 100)) ==
          std::vector<std::string>{line("none.x", "", "6F   N", "t1030"), line("none.x", "<MX>", "TF   N", "t1030"),
                                   line("nx.x", "", " F   NX", "t1030"), line("text.x", "<TXT>", "TF", "t1030"),
                                   line("web.x", "198.51.100.1", "4F", "t1030"), line("www.x", "web.x", "CF", "t1030")});
    CHECK(w.forward.table(at, 2).size() == 2);
}

TEST_CASE("local data is in the table with the file that it was read from") {
    Options options;
    FollowedFiles files;
    std::vector<std::string> notes;
    options.host_record.push_back({{"h.test"}, {Address::v4(192, 0, 2, 1)}, {}});
    options.cname.push_back({{"c.test"}, "h.test", {}});
    files.hosts = {{"/etc/hosts", "192.0.9.1 one.test short\n"}, {"/etc/more", "2001:db8::1 six.test\n"}};
    const auto rules = make_rules(options, files, {}, notes);
    CHECK(lines_of(local_rows(*rules->local, 100)) ==
          std::vector<std::string>{line("c.test", "h.test", "CF I    C", ""), line("h.test", "192.0.2.1", "4FRI   HC", "", "config"),
                                   line("one.test", "192.0.9.1", "4FRI   H", "", "/etc/hosts"),
                                   line("short", "192.0.9.1", "4F I   H", "", "/etc/hosts"),
                                   line("six.test", "2001:db8::1", "6FRI   H", "", "/etc/more")});
    CHECK(local_rows(*rules->local, 3).size() == 3);
}

TEST_CASE("the header of the table is dnsmasq's") {
    CHECK(table_head() ==
          std::vector<std::string>{
              "Host                           Address                                  Flags      Expires                  Source",
              "------------------------------ ---------------------------------------- ---------- ------------------------ ------------"});
    CHECK(table_line({std::string(40, 'a'), std::string(50, 'b'), "4F        ", {}, 5}, "e").substr(0, 75) ==
          std::string(30, 'a') + ' ' + std::string(40, 'b') + " 4F ");
}
