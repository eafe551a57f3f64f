// What does `lictor import` print for each line of dnsmasq's configuration files?
#include <catch2/catch.hpp>

#include "conf/parse/import_text.hpp"
#include "tests/unit/conf_same.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace conf_test;

TEST_CASE("import prints for each line whether it is taken, ignored or refused") {
    Files files{{"/c",
                 "# a comment\nserver=/consul/10.0.0.1#8600\nserver=192.0.2.1 # "
                 "one\n\ndhcp-range=192.0.2.9,12h\ndnssec\nno-such=1\nconf-file=/d\n"},
                {"/d", "address=/ads.example/\nlocal=/lan/\ncache-size=x\nexpand-hosts\ntrust-anchor=.,1\n"}};
    const auto import = import_files({"/c"}, files);
    CHECK(
        import.text ==
        "/c:2: taken: server=/consul/10.0.0.1#8600  ->  address of Consul: HTTP API at http://10.0.0.1:8500, DNS at 10.0.0.1#8600; consul "
        "and names below it: "
        "answered from Consul's catalog in memory\n"
        "/c:3: taken: server=192.0.2.1 # one  ->  every name: forwarded to 192.0.2.1#53\n"
        "/c:5: ignored: dhcp-range=192.0.2.9,12h  ->  DHCP, TFTP and router advertisement are not supported\n"
        "/c:6: ignored: dnssec  ->  SECURITY: not supported: answers are not validated\n"
        "/c:7: refused: no-such=1  ->  unknown option 'no-such'; --help lists all options\n"
        "/c:8: taken: conf-file=/d  ->  file to read; - = standard input\n"
        "/d:1: taken: address=/ads.example/  ->  ads.example and names below it: NXDOMAIN\n"
        "/d:2: taken: local=/lan/  ->  lan and names below it: answered from local data only\n"
        "/d:3: refused: cache-size=x  ->  'x' is not a plain decimal number from 0 to 10000000\n"
        "/d:4: taken: expand-hosts  ->  add `domain` to names without a dot in hosts files\n"
        "/d:5: ignored: trust-anchor=.,1  ->  not needed\n"
        "6 lines taken, 3 lines ignored, 2 lines refused\n"
        "1 line relevant to security is ignored: strict refuses such lines\n"
        "DHCP, TFTP and router advertisement need another server: 1 line above\n"
        "lictor does not start with the refused lines\n");
    CHECK(import.refused == 2);
    CHECK_FALSE(import.file_missing);
}

TEST_CASE("import reads the line after a byte order mark") {
    Files files{{"/c", "\xef\xbb\xbfserver=192.0.2.1\n"}};
    const auto import = import_files({"/c"}, files);
    CHECK(import.text.starts_with("/c:1: taken: server=192.0.2.1  ->"));
    CHECK(import.text.find("1 line taken, 0 lines ignored, 0 lines refused") != std::string::npos);
}

TEST_CASE("import reports a missing file") {
    Files files;
    const auto import = import_files({"/missing"}, files);
    CHECK(import.file_missing);
    CHECK(import.refused == 1);
    CHECK(import.text.find("cannot read '/missing'") != std::string::npos);
}

TEST_CASE("import describes the effect of a line's value") {
    Files files{{"/c",
                 "cname=pg.example,master.pg.service.consul\ncname=a,b.example\nhost-record=db.example,192.0.2.7\nrev-server=10.0.0.0/"
                 "8,192.0.2.1\nuser=\nresolv-file=\n"
                 "server=/*web.example/192.0.2.1\naddress=/*.x.example//192.0.2.2\nserver=dns.example\nbind-interfaces\n"}};
    const auto text = import_files({"/c"}, files).text;
    for (const char* line :
         {"/c:1: taken: cname=pg.example,master.pg.service.consul  ->  pg.example: is an alias of master.pg.service.consul, resolved from "
          "Consul (dnsmasq cannot)\n",
          "/c:2: taken: cname=a,b.example  ->  a: is an alias of b.example; resolved upstream if local data does not have it (dnsmasq does "
          "not)\n",
          "/c:3: taken: host-record=db.example,192.0.2.7  ->  db.example: answered with 192.0.2.7, and its PTR record\n",
          "/c:4: taken: rev-server=10.0.0.0/8,192.0.2.1  ->  names of the addresses in 10.0.0.0/8: forwarded to 192.0.2.1#53\n",
          "/c:5: taken: user=  ->  the user is not changed\n", "/c:6: taken: resolv-file=  ->  no file is read\n",
          "/c:7: taken: server=/*web.example/192.0.2.1  ->  names that end in web.example: forwarded to 192.0.2.1#53\n",
          "/c:8: taken: address=/*.x.example//192.0.2.2  ->  names below x.example, names without dots: answered with 192.0.2.2\n",
          "/c:9: taken: server=dns.example  ->  every name: forwarded to dns.example#53, which is resolved at run time\n"}) {
        INFO(text);
        CHECK(text.find(line) != std::string::npos);
    }
}

TEST_CASE("import ends with a summary") {
    const auto end = [](const char* file) {
        Files files{{"/c", file}};
        const auto text = import_files({"/c"}, files).text;
        return text.substr(text.find("With these files lictor"));
    };
    CHECK(end("# nothing but comments\n") ==
          "With these files lictor\nlistens at port 53 of 127.0.0.1 and ::1 only (dnsmasq: of every address): write listen-address= for "
          "others\n"
          "forwards all other names to the nameservers of /etc/resolv.conf\n"
          "uses Consul at http://127.0.0.1:8500 from the first query below consul on; until an agent answers there, such names are "
          "forwarded (consul-http-addr= switches it off)\n");
    CHECK(end("no-resolv\nserver=192.0.2.1\nserver=/consul/10.0.0.1#8600\nserver=/consul/10.0.0.2#8600\n")
              .ends_with("uses Consul at http://10.0.0.1:8500, http://10.0.0.2:8500 (the next one if one fails)\n"));
    CHECK(end("no-resolv\nserver=/a/192.0.2.1\nlisten-address=127.0.0.2\nport=5353\nserver=/consul/10.0.0.1#8600\n") ==
          "With these files lictor\nlistens at port 5353 of 127.0.0.2\nhas no upstream for names outside the domains above: add "
          "server=IP\nuses Consul at http://10.0.0.1:8500\n");
    CHECK(end("interface=eth0\nserver=192.0.2.1\nno-resolv\nconsul-http-addr=\n") ==
          "With these files lictor\nlistens at port 53 of eth0 and loopback\nforwards all other names to 192.0.2.1#53\ndoes not use "
          "Consul\n");
}
