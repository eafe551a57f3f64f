// What `lictor import` says about the lines of a dnsmasq's files.
#include <catch2/catch.hpp>

#include "conf/import_text.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace conf_test;

TEST_CASE("import says of each line what it does, what is ignored and what is refused") {
    Files files{{"/c", "# a comment\nserver=/consul/10.0.0.1#8600\nserver=192.0.2.1 # one\n\ndhcp-range=192.0.2.9,12h\ndnssec\nno-such=1\nconf-file=/d\n"},
                {"/d", "address=/ads.example/\nlocal=/lan/\ncache-size=x\nexpand-hosts\ntrust-anchor=.,1\n"}};
    const auto import = import_files({"/c"}, files);
    CHECK(import.text ==
          "/c:2: taken: server=/consul/10.0.0.1#8600: Consul is here: HTTP API at http://10.0.0.1:8500, DNS at 10.0.0.1#8600; names at or below consul: "
          "answered from Consul's catalog in memory\n"
          "/c:3: taken: server=192.0.2.1 # one: every name: asked from 192.0.2.1#53\n"
          "/c:5: ignored: dhcp-range=192.0.2.9,12h: DHCP, TFTP and router advertisement are not lictor's\n"
          "/c:6: ignored: dnssec: SECURITY: dnssec: known to dnsmasq, not supported: ignored (answers are not validated)\n"
          "/c:7: refused: no-such=1: unknown option 'no-such'; --help lists all options\n"
          "/c:8: taken: conf-file=/d: file to read; - = standard input\n"
          "/d:1: taken: address=/ads.example/: names at or below ads.example: NXDOMAIN\n"
          "/d:2: taken: local=/lan/: names at or below lan: answered from local data only\n"
          "/d:3: refused: cache-size=x: 'x' is not a plain decimal number from 0 to 10000000\n"
          "/d:4: taken: expand-hosts: add the domain to names without one\n"
          "/d:5: ignored: trust-anchor=.,1: nothing is lost by it here\n"
          "6 lines taken, 3 lines ignored, 2 lines refused\n");
    CHECK(import.refused == 2);
    CHECK_FALSE(import.file_missing);
}

TEST_CASE("import of a file that is not there") {
    Files files;
    const auto import = import_files({"/missing"}, files);
    CHECK(import.file_missing);
    CHECK(import.refused == 1);
    CHECK(import.text.find("cannot read '/missing'") != std::string::npos);
}
