// How do dnsmasq's options for local data answer: configured records, synthesized names, interface names, appended domains?
#include <catch2/catch.hpp>

#include "conf/options/options.hpp"
#include "resolver/local/local.hpp"
#include "resolver/rules/local_data.hpp"
#include "tests/unit/forward_world.hpp"

namespace lictor::test {

using namespace lictor::conf;
using namespace lictor::local;
using namespace lictor::rules;
using namespace lictor::wire;
namespace {

struct Made {
    Options options;
    FollowedFiles files;
    std::vector<std::string> notes;
    std::shared_ptr<const Rules> rules;

    void make() { rules = make_rules(options, files, {}, notes); }
    std::optional<Seen> ask(std::string_view name, std::uint16_t type, const Address& asked_at = {}) {
        if (!rules) make();
        Question question;
        question.header.bits = 0x0100;
        question.name = name_of(name);
        question.lower = question.name.lower();
        question.type = type;
        question.klass = rrclass::in;
        question.end = header_size + question.name.size() + 4;
        MessageBuffer buffer;
        const auto found = answer_local(question, *rules, buffer, asked_at);
        if (!found.answer) return std::nullopt;
        return Seen(Bytes(buffer).first(found.answer->size));
    }
};

InterfaceAddress on(const char* interface, const char* address, unsigned bits) {
    return {interface, *Address::parse(address), bits, true, false};
}

}  // namespace

TEST_CASE("local: configured records are answered with the addresses of their targets") {
    Made made;
    made.options.txt_record = {{"t.test", {"one", "two"}}};
    made.options.srv_host = {{"_pg._tcp.test", "db.test", 5432, 1, 2}};
    made.options.host_record = {{{"db.test"}, {Address::v4(192, 0, 2, 1)}, {}}};
    const auto text = made.ask("t.test", rrtype::txt);
    REQUIRE(text);
    CHECK(text->whole);
    CHECK(text->header.aa());
    CHECK(text->answer.size() == 1);
    const auto service = made.ask("_pg._tcp.test", rrtype::srv);
    REQUIRE(service);
    CHECK(service->answer.size() == 1);
    REQUIRE(service->additional.size() == 1);
    CHECK(service->additional[0].owner == "db.test");
    CHECK_FALSE(made.ask("t.test", rrtype::a));  // upstreams may have other types
}

TEST_CASE("local: synthesized names and their PTR records are answered") {
    Made made;
    made.options.synth_domain = {{"syn.test", Address::v4(192, 0, 2, 0), Address::v4(192, 0, 2, 255), "ip-", false},
                                 {"count.test", Address::v4(10, 0, 0, 10), Address::v4(10, 0, 0, 20), "h", true}};
    CHECK(made.ask("ip-192-0-2-7.syn.test", rrtype::a)->answer.at(0).value == "192.0.2.7");
    CHECK_FALSE(made.ask("ip-192-0-3-7.syn.test", rrtype::a));
    CHECK_FALSE(made.ask("ip-192-0-2-7.other.test", rrtype::a));
    CHECK(made.ask("h3.count.test", rrtype::a)->answer.at(0).value == "10.0.0.13");
    CHECK_FALSE(made.ask("h11.count.test", rrtype::a));
    const auto pointer = made.ask("13.0.0.10.in-addr.arpa", rrtype::ptr);
    REQUIRE(pointer);
    CHECK(pointer->answer.at(0).value == "h3.count.test");
}

TEST_CASE("local: expand-hosts appends the domain of the address") {
    Made made;
    made.options.expand_hosts = true;
    made.options.domain = {{"lab.test", DomainRule::Scope::range, Address::v4(10, 0, 0, 0), Address::v4(10, 0, 0, 255), ""},
                           {"corp.test", DomainRule::Scope::all, {}, {}, ""}};
    made.files.hosts = {{"/h", "10.0.0.1 near\n10.0.9.1 far\n10.0.9.2 dotted.name\n"}};
    CHECK(made.ask("near.lab.test", rrtype::a)->answer.at(0).value == "10.0.0.1");
    CHECK_FALSE(made.ask("near.corp.test", rrtype::a));
    CHECK(made.ask("far.corp.test", rrtype::a)->answer.at(0).value == "10.0.9.1");
    CHECK(made.ask("far", rrtype::a)->answer.size() == 1);
    CHECK_FALSE(made.ask("dotted.name.corp.test", rrtype::a));
    CHECK(made.ask("1.9.0.10.in-addr.arpa", rrtype::ptr)->answer.at(0).value == "far.corp.test");
}

TEST_CASE("local: interface-name and dynamic-host have the interface's addresses") {
    Made made;
    made.options.interface_name = {{"if.test", "eth0", true, false}};
    made.options.dynamic_host = {{"dyn.test", *Address::parse("0.0.0.77"), std::nullopt, "eth0"}};
    made.files.interfaces = {on("eth0", "10.7.7.1", 24), on("eth1", "10.8.8.1", 24)};
    CHECK(made.ask("if.test", rrtype::a)->answer.at(0).value == "10.7.7.1");
    CHECK(made.ask("dyn.test", rrtype::a)->answer.at(0).value == "10.7.7.77");
}

TEST_CASE("local: localise-queries gives the addresses on the client's network, or all if there is none") {
    Made made;
    made.options.localise_queries = true;
    made.files.hosts = {{"/h", "10.7.7.9 both\n192.0.2.9 both\n192.0.2.8 far\n"}};
    made.files.interfaces = {on("eth0", "10.7.7.1", 24)};
    CHECK(made.ask("both", rrtype::a, Address::v4(10, 7, 7, 1))->answer.size() == 1);
    CHECK(made.ask("both", rrtype::a, Address::v4(127, 0, 0, 1))->answer.size() == 2);
    CHECK(made.ask("far", rrtype::a, Address::v4(10, 7, 7, 1))->answer.size() == 1);
}

TEST_CASE("local: for one domain address= precedes upstreams, and these precede local=") {
    Made made;
    const auto server = [](const char* domain, const char* upstream) {
        ServerRule rule;
        rule.domains = {domain};
        if (upstream) rule.upstream = Endpoint::parse(upstream, 53);
        return rule;
    };
    made.options.no_resolv = true;
    made.options.server = {server("x.test", "192.0.2.53"), server("y.test", "192.0.2.53"), server("z.test", nullptr)};
    AddressRule address{{"x.test", "z.test"}, AddressRule::Kind::address, Address::v4(192, 0, 2, 1)};
    made.options.address = {address, {{"y.test"}, AddressRule::Kind::nxdomain, {}}};
    CHECK(made.ask("a.x.test", rrtype::a)->answer.size() == 1);
    CHECK_FALSE(made.ask("a.x.test", rrtype::aaaa));  // asked upstream
    CHECK_FALSE(made.ask("a.y.test", rrtype::a));
    CHECK(made.ask("a.z.test", rrtype::a)->answer.size() == 1);
    CHECK(made.ask("a.z.test", rrtype::aaaa)->header.rcode() == rcode::noerror);  // NODATA: the name exists
}

}  // namespace lictor::test
