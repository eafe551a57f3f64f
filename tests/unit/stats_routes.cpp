// What does the stats endpoint reply to a request: paths, methods, Host headers, flush, page? No socket is used.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/documents/page.hpp"
#include "resolver/documents/routes.hpp"
#include "tests/unit/stats_sample.hpp"

using namespace lictor;
using namespace lictor::documents;
using namespace lictor::failover;
using namespace lictor::wire;
using Json = nlohmann::json;

namespace {

struct RoutesFixture {
    test::StatsSample sample;
    Status status = sample.make();
    std::vector<std::string> accepted_hosts{"monitor.example"};
    std::vector<std::string> flushed;
    EventRing events{1'700'000'000};
    std::function<Status()> current_status = [this] { return status; };
    std::function<void(std::optional<Name>, Flushed)> flush = [this](std::optional<Name> name, const Flushed& done) {
        flushed.push_back(name ? name->text() : "*");
        done(removed);
    };
    std::optional<std::size_t> removed = 7;
    std::function<void(Name, std::uint16_t, Explained)> explain = [this](const Name& name, std::uint16_t type, const Explained& done) {
        explained.push_back(name.text() + ' ' + std::to_string(type));
        done(explanation);
    };
    std::vector<std::string> explained;
    std::optional<std::string> explanation = "{}\n";
    std::function<Reloaded()> reload = [this] { return reloaded; };
    Reloaded reloaded;

    StatsReply ask(StatsRequest request) {
        StatsReply reply = answer_stats_request(request, {.accepted_hosts = accepted_hosts,
                                                          .status = current_status,
                                                          .flush = flush,
                                                          .explain = explain,
                                                          .reload = reload,
                                                          .events = events});
        if (reply.later) std::exchange(reply.later, {})([&](StatsReply done) { reply = std::move(done); });
        return reply;
    }
    StatsReply get(std::string_view path) { return ask(request("GET", path)); }

    static StatsRequest request(std::string_view method, std::string_view path) {
        StatsRequest made;
        made.method = method;
        made.path = path;
        made.host_headers = {"127.0.0.1:9153"};
        made.nonce = "0123abcd";
        return made;
    }
};

}  // namespace

TEST_CASE("stats routes: each path gets its document") {
    RoutesFixture routes;
    for (const char* path : {"/stats", "/leaders", "/failovers", "/services", "/health"}) {
        INFO(path);
        const auto reply = routes.get(path);
        CHECK(reply.code == 200);
        CHECK(reply.type == "application/json");
        CHECK(Json::accept(reply.body));
    }
    CHECK(routes.get("/metrics").type == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(routes.get("/ready").code == 503);
    routes.status.ready = true;
    CHECK(routes.get("/ready").code == 200);
    routes.status.healthy = false;
    CHECK(routes.get("/health").code == 503);
}

TEST_CASE("stats routes: /events begins with the leaders, or continues after Last-Event-ID") {
    RoutesFixture routes;
    const auto first = routes.get("/events");
    CHECK(first.code == 200);
    CHECK(first.type == "text/event-stream");
    CHECK(first.endless);
    CHECK(first.body.starts_with("id: 1700000000-0\nevent: leaders\ndata: {\"leaders\":["));
    CHECK(first.body.ends_with("}\n\n"));
    routes.events.add("leader", "{\"a\":1}\n");
    routes.events.add("leader", "{\"a\":2}");
    auto request = RoutesFixture::request("GET", "/events");
    request.last_event_id = "1700000000-1";
    CHECK(routes.ask(request).body == "id: 1700000000-2\nevent: leader\ndata: {\"a\":2}\n\n");
    request.method = "HEAD";
    CHECK_FALSE(routes.ask(request).endless);
    request.method = "POST";
    CHECK(routes.ask(request).code == 405);
    request.method = "GET";
    request.host_headers = {"evil.example"};
    CHECK(routes.ask(request).code == 403);
    CHECK_FALSE(routes.ask(request).endless);
    CHECK(too_many_streams().code == 503);
    CHECK_FALSE(too_many_streams().endless);
}

TEST_CASE("stats routes: an unknown path gets 404") {
    RoutesFixture routes;
    for (const char* path : {"/nothing", "/stats/", "//stats", "/../../etc/passwd", "", "/Stats", "stats", "http://127.0.0.1/stats", "*"}) {
        INFO(path);
        const auto reply = routes.get(path);
        CHECK(reply.code == 404);
        CHECK(reply.body.find("no such path; paths: /, /stats, /metrics, /health, /ready, /leaders, /services, /explain, POST /flush, "
                              "POST /reload, /failovers, /events, /history, /shadow") != std::string::npos);
    }
}

TEST_CASE("stats routes: a method that the path does not have gets 405, a body gets 413") {
    RoutesFixture routes;
    CHECK(routes.ask(RoutesFixture::request("HEAD", "/stats")).code == 200);
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
        INFO(method);
        const auto reply = routes.ask(RoutesFixture::request(method, "/stats"));
        CHECK(reply.code == 405);
        CHECK(reply.allow == "GET, HEAD");
    }
    const auto reply = routes.get("/flush");
    CHECK(reply.code == 405);
    CHECK(reply.allow == "POST");
    auto with_body = RoutesFixture::request("GET", "/stats");
    with_body.has_body = true;
    CHECK(routes.ask(with_body).code == 413);
}

TEST_CASE("stats routes: the Host header must be an IP address, localhost or a configured name; over a unix socket it is not checked") {
    const std::vector<std::string> names{"monitor.example"};
    for (const char* host : {"127.0.0.1", "127.0.0.1:9153", "10.1.2.3:80", "[::1]", "[::1]:9153", "localhost", "LocalHost:9153",
                             "localhost.", "monitor.example", "Monitor.Example:9153", "monitor.example."}) {
        INFO(host);
        CHECK(host_is_accepted(host, names));
    }
    for (const char* host : {"evil.example", "evil.example:9153", "127.0.0.1.evil.example", "localhost.evil.example", "", ":9153", "[::1",
                             "::1", "[127.0.0.1]", "[::1]x", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:80:80", "user@127.0.0.1", "0x7f.1",
                             "127.1", "monitor.example:x", "localhost..", "[evil.example]"}) {
        INFO(host);
        CHECK_FALSE(host_is_accepted(host, names));
    }
    CHECK_FALSE(host_is_accepted(std::string(100'000, '1'), names));
    for (const char* host : {"a.example.org", "B.a.Example.org:9153", "a.example.org."}) CHECK(host_is_accepted(host, {"*.example.org"}));
    for (const char* host : {"example.org", ".example.org", "aexample.org", "a.example.org.evil"})
        CHECK_FALSE(host_is_accepted(host, {"*.example.org"}));

    RoutesFixture routes;
    auto request = RoutesFixture::request("GET", "/stats");
    request.host_headers = {"evil.example"};
    CHECK(routes.ask(request).code == 403);
    request.over_unix = true;
    CHECK(routes.ask(request).code == 200);
    request.over_unix = false;
    request.host_headers = {};
    CHECK(routes.ask(request).code == 400);
    request.http_1_0 = true;
    CHECK(routes.ask(request).code == 200);
    request.host_headers = {"127.0.0.1", "evil.example"};
    CHECK(routes.ask(request).code == 400);
}

TEST_CASE("stats routes: the names of this machine, without a look-up") {
    using List = std::vector<std::string>;
    CHECK(own_host_names("", "127.0.0.1 localhost\n", "search example\n").empty());
    CHECK(own_host_names("Node1", "127.0.1.1 node1.corp.example node1 node10.x # node1.comment\n10.0.0.1 NODE1.lan.\n",
                         "nameserver 127.0.0.1\nsearch corp.example Lab.example. .\n") ==
          List{"node1", "node1.corp.example", "node1.lan", "node1.lab.example"});
    CHECK(own_host_names("node1.corp.example", "", "") == List{"node1.corp.example", "node1"});
}

TEST_CASE("stats routes: a Host header that is not accepted gets 403 for every path") {
    RoutesFixture routes;
    auto request = RoutesFixture::request("POST", "/flush");
    request.host_headers = {"evil.example"};
    request.lictor_header = "1";
    CHECK(routes.ask(request).code == 403);
    request.path = "/nothing";
    CHECK(routes.ask(request).code == 403);
    CHECK(routes.flushed.empty());
}

TEST_CASE("stats routes: /explain takes a name and a type, and waits for its document") {
    RoutesFixture routes;
    auto request = RoutesFixture::request("GET", "/explain");
    const auto code = [&](std::vector<std::pair<std::string_view, std::string_view>> arguments) {
        request.arguments = std::move(arguments);
        return routes.ask(request).code;
    };
    CHECK(code({{"name", "WWW.example"}}) == 200);
    CHECK(code({{"name", "www.example"}, {"type", "aaaa"}}) == 200);
    CHECK(routes.explained == std::vector<std::string>{"WWW.example 1", "www.example 28"});
    CHECK(code({}) == 400);
    CHECK(code({{"name", ""}}) == 400);
    CHECK(code({{"name", "a..b"}}) == 400);
    CHECK(code({{"name", "a"}, {"name", "b"}}) == 400);
    CHECK(code({{"name", "a"}, {"type", "nothing"}}) == 400);
    CHECK(code({{"name", "a"}, {"what", "b"}}) == 400);
    CHECK(routes.explained.size() == 2);
    routes.explanation.reset();
    CHECK(code({{"name", "a"}}) == 503);
}

TEST_CASE("stats routes: POST /reload needs the header, and reports what was wrong") {
    RoutesFixture routes;
    auto request = RoutesFixture::request("POST", "/reload");
    CHECK(routes.ask(request).code == 403);
    request.lictor_header = "1";
    routes.reloaded.warnings = {"a doubt"};
    CHECK(Json::parse(routes.ask(request).body) == Json::parse(R"({"reloaded":true,"errors":[],"warnings":["a doubt"]})"));
    routes.reloaded = {{"/etc/lictor.conf:3: wrong"}, {}};
    CHECK(routes.ask(request).code == 409);
    CHECK(Json::parse(routes.ask(request).body)["errors"][0] == "/etc/lictor.conf:3: wrong");
    request.arguments = {{"name", "a"}};
    CHECK(routes.ask(request).code == 400);
}

TEST_CASE("stats routes: POST /flush needs `X-Lictor: 1`; it flushes one name, or everything without an argument") {
    RoutesFixture routes;
    auto request = RoutesFixture::request("POST", "/flush");
    CHECK(routes.ask(request).code == 403);
    request.lictor_header = "0";
    CHECK(routes.ask(request).code == 403);
    CHECK(routes.flushed.empty());

    request.lictor_header = "1";
    CHECK(Json::parse(routes.ask(request).body) == Json{{"flushed", "everything"}, {"removed", 7}});
    request.arguments = {{"name", "WWW.Example"}};
    routes.removed.reset();
    CHECK(Json::parse(routes.ask(request).body) == Json{{"flushed", "www.example"}, {"removed", nullptr}});
    CHECK(routes.flushed == std::vector<std::string>{"*", "www.example"});

    // Invalid arguments must not flush everything.
    const std::string long_label(64, 'a');
    for (const auto& bad : std::vector<decltype(request.arguments)>{{{"name", ""}},
                                                                    {{"name", "a..b"}},
                                                                    {{"name", long_label}},
                                                                    {{"nmae", "a"}},
                                                                    {{"name", "a"}, {"name", "b"}},
                                                                    {{"name", "a"}, {"x", ""}}}) {
        request.arguments = bad;
        CHECK(routes.ask(request).code == 400);
    }
    CHECK(routes.flushed.size() == 2);
}

TEST_CASE("stats routes: /history takes how many points") {
    RoutesFixture routes;
    CHECK(routes.get("/history").code == 200);
    auto request = RoutesFixture::request("GET", "/history");
    request.arguments = {{"last", "2"}};
    CHECK(routes.ask(request).body.find("\"points\":2,") != std::string::npos);
    for (const std::vector<std::pair<std::string_view, std::string_view>>& bad :
         {std::vector<std::pair<std::string_view, std::string_view>>{{"last", "0"}},
          {{"last", "601"}},
          {{"last", ""}},
          {{"last", "-1"}},
          {{"lsat", "2"}},
          {{"last", "2"}, {"last", "3"}}}) {
        request.arguments = bad;
        CHECK(routes.ask(request).code == 400);
    }
}

TEST_CASE("stats page: it has links to the documents, and the phases of a fail-over") {
    RoutesFixture routes;
    const auto page = routes.get("/").body;
    for (const char* path : {"stats", "metrics", "health", "ready", "leaders", "services", "failovers", "events", "history", "shadow"})
        CHECK(page.find("<a href=\"" + std::string(path) + "\">/" + path + "</a>") != std::string::npos);
    CHECK(page.find("href=\"flush\"") == std::string::npos);
    CHECK(page.find(R"(["lock_gone","lock gone"])") != std::string::npos);
    CHECK(page.find("@PHASES@") == std::string::npos);
    CHECK(page.find("@media (max-width") != std::string::npos);
}

TEST_CASE("stats page: style and script have the nonce, and nothing is loaded from elsewhere") {
    RoutesFixture routes;
    const auto reply = routes.get("/");
    CHECK(reply.code == 200);
    CHECK(reply.type == "text/html; charset=utf-8");
    CHECK(reply.policy.find("default-src 'none'") == 0);
    CHECK(reply.policy.find("script-src 'nonce-0123abcd'") != std::string::npos);
    CHECK(reply.policy.find("unsafe") == std::string::npos);
    const std::string& page = reply.body;
    CHECK(page.find("<script nonce=\"0123abcd\">") != std::string::npos);
    CHECK(page.find("<style nonce=\"0123abcd\">") != std::string::npos);
    CHECK(page.find("@NONCE@") == std::string::npos);
    for (const char* never :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "src=", "@import", "https://", "onclick", " style="}) {
        INFO(never);
        CHECK(page.find(never) == std::string::npos);
    }
    // The only URL is the XML namespace of SVG, which is not fetched.
    CHECK(page.find("http://") == page.find("http://www.w3.org/2000/svg"));
    CHECK(page.rfind("http://") == page.find("http://www.w3.org/2000/svg"));
    CHECK(page.ends_with("</html>\n"));
}
