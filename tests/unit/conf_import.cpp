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
          "/c:2: taken: server=/consul/10.0.0.1#8600  ->  Consul is here: HTTP API at http://10.0.0.1:8500, DNS at 10.0.0.1#8600; consul and names below it: "
          "answered from Consul's catalog in memory\n"
          "/c:3: taken: server=192.0.2.1 # one  ->  every name: asked from 192.0.2.1#53\n"
          "/c:5: ignored: dhcp-range=192.0.2.9,12h  ->  DHCP, TFTP and router advertisement are not lictor's\n"
          "/c:6: ignored: dnssec  ->  SECURITY: not supported: answers are not validated\n"
          "/c:7: refused: no-such=1  ->  unknown option 'no-such'; --help lists all options\n"
          "/c:8: taken: conf-file=/d  ->  file to read; - = standard input\n"
          "/d:1: taken: address=/ads.example/  ->  ads.example and names below it: NXDOMAIN\n"
          "/d:2: taken: local=/lan/  ->  lan and names below it: answered from local data only\n"
          "/d:3: refused: cache-size=x  ->  'x' is not a plain decimal number from 0 to 10000000\n"
          "/d:4: taken: expand-hosts  ->  add the domain to names without one\n"
          "/d:5: ignored: trust-anchor=.,1  ->  nothing is lost by it here\n"
          "6 lines taken, 3 lines ignored, 2 lines refused\n"
          "1 line with a meaning for security is ignored: strict refuses such lines\n"
          "DHCP, TFTP and router advertisement need a server of their own: 1 line above\n"
          "lictor does not start with what is refused above\n");
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

TEST_CASE("import says what a line does with its own value") {
    Files files{{"/c", "cname=pg.example,master.pg.service.consul\ncname=a,b.example\nhost-record=db.example,192.0.2.7\nrev-server=10.0.0.0/8,192.0.2.1\nuser=\nresolv-file=\n"
                       "server=/*web.example/192.0.2.1\naddress=/*.x.example//192.0.2.2\nserver=dns.example\nbind-interfaces\n"}};
    const auto text = import_files({"/c"}, files).text;
    for (const char* line : {"/c:1: taken: cname=pg.example,master.pg.service.consul  ->  pg.example: is another name of master.pg.service.consul, followed into Consul (dnsmasq cannot)\n",
                             "/c:2: taken: cname=a,b.example  ->  a: is another name of b.example; looked up where it is not known here (dnsmasq does not)\n",
                             "/c:3: taken: host-record=db.example,192.0.2.7  ->  db.example: answered with 192.0.2.7, and back\n",
                             "/c:4: taken: rev-server=10.0.0.0/8,192.0.2.1  ->  names of the addresses in 10.0.0.0/8: asked from 192.0.2.1#53\n",
                             "/c:5: taken: user=  ->  stays who starts it\n", "/c:6: taken: resolv-file=  ->  no file is read for upstreams\n",
                             "/c:7: taken: server=/*web.example/192.0.2.1  ->  names that end in web.example: asked from 192.0.2.1#53\n",
                             "/c:8: taken: address=/*.x.example//192.0.2.2  ->  names below x.example, names without dots: answered with 192.0.2.2\n",
                             "/c:9: taken: server=dns.example  ->  every name: asked from dns.example#53, which is looked up while running\n"}) {
        INFO(text);
        CHECK(text.find(line) != std::string::npos);
    }
}

TEST_CASE("import ends with what the whole comes to") {
    const auto end = [](const char* file) {
        Files files{{"/c", file}};
        const auto text = import_files({"/c"}, files).text;
        return text.substr(text.find("With these files lictor"));
    };
    CHECK(end("# nothing but comments\n") ==
          "With these files lictor\nlistens at port 53 of 127.0.0.1 and ::1 only, where dnsmasq would at every address: write listen-address= for others\n"
          "asks for all other names: the nameservers of /etc/resolv.conf\n"
          "asks Consul at http://127.0.0.1:8500, once a name below consul is asked for (consul-http-addr= switches it off)\n");
    CHECK(end("no-resolv\nserver=/a/192.0.2.1\nlisten-address=127.0.0.2\nport=5353\nserver=/consul/10.0.0.1#8600\n") ==
          "With these files lictor\nlistens at port 5353 of 127.0.0.2\nasks nobody for names outside the domains above: add server=IP\nasks Consul at http://10.0.0.1:8500\n");
    CHECK(end("interface=eth0\nserver=192.0.2.1\nno-resolv\nconsul-http-addr=\n") ==
          "With these files lictor\nlistens at port 53 of eth0 and loopback\nasks for all other names: 192.0.2.1#53\nleaves Consul alone\n");
}
